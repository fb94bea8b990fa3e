//! What reaches the server, what comes back, and what the receipt says of it.

use super::fixture::{BODY, KEY, model_at, with};
use agent_factory::config::Limits;
use agent_factory::domain::{Invocation, ModelTokens, ModelUsage, ReceiptOutcome};
use agent_factory::engine::{Credential, TurnEnd};
use agent_factory_tests::model::{Fault, ModelDouble, Reply};
use serde_json::json;
use std::time::Duration;

fn usage(end: &TurnEnd) -> (ReceiptOutcome, ModelUsage) {
    let receipts = end.receipts.iter();
    let mut found = receipts.filter(|it| matches!(it.invocation, Invocation::Model { .. }));
    let receipt = found.next().expect("a receipt of the exchange");
    assert!(found.next().is_none(), "one receipt an exchange");
    (receipt.outcome, receipt.usage.clone().expect("a usage"))
}

#[tokio::test]
async fn the_host_adds_address_and_credential_and_passes_the_body_on() {
    let double = ModelDouble::start().await;
    let fixture = with(Limits::default(), &double).await;
    double.script(Reply::words("Hello there."));
    let reply = fixture.reply(&format!("ask {BODY}")).await;
    assert!(
        reply.contains(r#""content":"Hello""#) && reply.ends_with("[DONE] end"),
        "{reply}"
    );
    let request = &double.requests()[0];
    assert_eq!(request.path, "/v1/chat/completions");
    assert_eq!(request.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.body["model"], "gpt-x");
    assert!(!request.headers.contains_key("cookie") && !request.headers.contains_key("referer"));
}

#[tokio::test]
async fn tokens_are_counted_as_the_vendor_says_of_a_stream_and_of_a_body() {
    let double = ModelDouble::start().await;
    let fixture = with(Limits::default(), &double).await;
    for reply in [Reply::words("Hello."), Reply::words("Hello.").plain()] {
        double.script(reply);
        let (outcome, usage) = usage(&fixture.turn(&format!("ask {BODY}")).await);
        assert_eq!((outcome, usage.status), (ReceiptOutcome::Ok, Some(200)));
        let tokens = ModelTokens {
            input: 100,
            cached_input: 64,
            output: 7,
            reasoning: 2,
        };
        assert_eq!(usage.tokens, Some(tokens));
        assert_eq!(usage.request_bytes, BODY.len() as u64);
        assert!(usage.answer_bytes > 100);
    }
}

#[tokio::test]
async fn tokens_that_the_vendor_does_not_count_are_not_guessed() {
    let double = ModelDouble::start().await;
    let fixture = with(Limits::default(), &double).await;
    double.script(Reply::words("Hello.").without_usage());
    let (_, usage) = usage(&fixture.turn(&format!("ask {BODY}")).await);
    assert_eq!(usage.tokens, None);
}

#[tokio::test]
async fn each_way_a_server_fails_has_an_error_of_its_own() {
    let double = ModelDouble::start().await;
    let fixture = with(Limits::default(), &double).await;
    let refused = json!({ "error": { "message": "no" } });
    for (fault, told) in [
        (
            Fault::Status(400, refused.clone()),
            "Error::Status(Status { code: 400, retry-after-milliseconds: None",
        ),
        (Fault::Status(500, refused), "code: 500"),
        (
            Fault::RetryAfter(7),
            "code: 429, retry-after-milliseconds: Some(7000)",
        ),
        (
            Fault::Redirect("http://169.254.169.254/".to_owned()),
            "code: 307",
        ),
        (
            Fault::BreakOff,
            "Error::Interrupted(\"the answer broke off\")",
        ),
        (Fault::Hang, "(egress.first_byte_ms)"),
    ] {
        double.script(Reply::fault(fault.clone()));
        let reply = fixture
            .reply(&format!("ask {BODY}"))
            .await
            .replace('_', "-");
        assert!(
            reply.contains(&told.replace('_', "-")),
            "{fault:?}: {reply}"
        );
    }
    double.script(Reply::fault(Fault::EndEarly));
    let reply = fixture.reply(&format!("ask {BODY}")).await;
    assert!(
        reply.ends_with(" end") && !reply.contains("[DONE]"),
        "the engine judges: {reply}"
    );
    double.script(Reply::fault(Fault::Garbage));
    let reply = fixture.reply(&format!("ask {BODY}")).await;
    assert!(reply.contains("\u{fffd}\u{fffd}{ end"), "{reply}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_by_its_name_and_without_a_path() {
    let double = ModelDouble::start().await;
    let fixture = with(Limits::default(), &double).await;
    let base = double.base_url();
    drop(double);
    let reply = fixture.reply(&format!("ask {BODY}")).await;
    assert!(
        reply.contains("Error::Unreachable") && reply.contains(&base),
        "{reply}"
    );
}

#[tokio::test]
async fn an_exchange_that_is_given_up_closes_its_connection_and_leaves_a_receipt() {
    let double = ModelDouble::start().await;
    let fixture = with(Limits::default(), &double).await;
    double.script(Reply::fault(Fault::Endless));
    let end = fixture.turn(&format!("ask-and-drop {BODY}")).await;
    assert_eq!(usage(&end).0, ReceiptOutcome::Cancelled);
    double.await_closed(1).await;
}

#[tokio::test]
async fn a_cancelled_turn_closes_its_connections() {
    let double = ModelDouble::start().await;
    let fixture = with(Limits::default(), &double).await;
    double.script(Reply::fault(Fault::Drip(Duration::from_millis(100))));
    let ask = format!("ask {BODY}");
    let (end, ()) = tokio::join!(fixture.turn(&ask), async {
        double.await_requests(1).await;
        fixture.cancel.cancel();
    });
    assert!(end.outcome.is_err());
    assert_eq!(usage(&end).0, ReceiptOutcome::Cancelled);
    double.await_closed(1).await;
}

#[tokio::test]
async fn a_missing_secret_is_named_and_nothing_is_sent() {
    let double = ModelDouble::start().await;
    let mut fixture = with(Limits::default(), &double).await;
    let name = "openai.apiKey".parse().unwrap();
    fixture.models[0].credential = Credential::Missing(name);
    let reply = fixture.reply(&format!("ask {BODY}")).await;
    assert!(
        reply.contains("Error::NotConfigured") && reply.contains("openai.apiKey"),
        "{reply}"
    );
    assert!(double.requests().is_empty());
}

#[tokio::test]
async fn a_body_for_another_model_is_not_sent() {
    let double = ModelDouble::start().await;
    let fixture = with(Limits::default(), &double).await;
    for body in [r#"{"model":"gpt-huge"}"#, r#"["gpt-x"]"#, "{}", "words"] {
        let reply = fixture.reply(&format!("ask {body}")).await;
        assert!(reply.contains("Error::Other"), "{body}: {reply}");
    }
    assert!(double.requests().is_empty());
}

#[tokio::test]
async fn a_tenants_private_base_url_is_refused() {
    let double = ModelDouble::start().await;
    let mut fixture = with(Limits::default(), &double).await;
    for base in [
        "http://127.0.0.1:1/v1",
        "https://127.0.0.1/v1",
        "https://[::1]/v1",
        "https://169.254.169.254/latest",
        "https://localhost/v1",
        "http://example.com/v1",
    ] {
        fixture.models[0].model = model_at(base);
        let reply = fixture.reply(&format!("ask {BODY}")).await;
        assert!(
            reply.contains("Error::NotConfigured") && reply.contains("egress.allow_private"),
            "{base}: {reply}"
        );
    }
    assert!(double.requests().is_empty());
}
