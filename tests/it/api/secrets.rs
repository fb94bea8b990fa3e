//! Values come in and do not come out: not in answers, not in errors, not in the log.

use agent_factory_tests::api::{Served, tenant};
use agent_factory_tests::factory::Factory;
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("the log")).into_owned()
    }
}

/// One thread runs the test, the server and the database's writer, so that the log of all of them is this one's.
#[tokio::test]
async fn no_value_and_no_token_is_ever_repeated() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    let factory = Factory::new().await;
    let served = Served::start(&factory).await;
    let operator = served.operator(&factory).await;
    tenant(factory.app(), "acme").await;
    let path = "/v1/tenants/acme/secrets/model.key";
    let value = "sk-5ec12e7-5ec12e7";
    let mut said = String::new();
    for body in [
        json!({ "value": value }),
        json!(value),
        json!({ "value": [value] }),
        json!({ "value": value, "more": value }),
        json!({ "value": value.repeat(10_000) }),
    ] {
        said.push_str(&operator.put(path, &body).await.text);
    }
    let broken = operator.request(reqwest::Method::PUT, path);
    let broken = broken
        .header("Content-Type", "application/json")
        .body(value);
    said.push_str(&operator.send(broken).await.text);
    said.push_str(&operator.get(path).await.text);
    let token = format!(
        "aft_o_{}",
        "5ec12e7".repeat(10).get(..64).expect("64 digits")
    );
    said.push_str(&served.under(&token).get("/v1/tokens").await.text);
    let made = operator
        .post("/v1/tokens", &json!({ "scope": "operator" }))
        .await
        .expect(201);
    let made = made["token"].as_str().expect("a token").to_owned();
    said.push_str(&operator.get("/v1/tokens").await.text);

    let log = log.text();
    assert!(log.contains("made an API token"), "the log is captured");
    for text in [&said, &log] {
        assert!(!text.contains("5ec12e7"), "{text}");
        assert!(!text.contains(&made), "{text}");
    }
}
