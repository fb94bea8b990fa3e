//! The example that reaches the network, against a server that speaks its API.

use agent_factory::domain::SkillName;
use agent_factory::workspace::{self, AgentId, WorkspaceError};
use agent_factory_tests::built;
use agent_factory_tests::factory::{Factory, agent_key};
use agent_factory_tests::web::{WebDouble, answer};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const TOKEN: &str = "weather-token-5ec12e7";

/// The example as it is, but for where its API is.
fn workspace(server: &WebDouble) -> tempfile::TempDir {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/weather");
    let folder = tempfile::tempdir().expect("a folder");
    let skill: PathBuf = folder.path().join("skills/weather");
    for inner in ["config", "scripts"] {
        fs::create_dir_all(skill.join(inner)).expect("a folder");
    }
    fs::copy(example.join("SKILL.md"), skill.join("SKILL.md")).expect("a copy");
    fs::copy(built::guest("weather"), skill.join("scripts/weather.wasm")).expect("a copy");
    let path = "config/capabilities.toml";
    let asks = fs::read_to_string(example.join(path)).expect("what it asks for");
    let port = format!("port = {}\npath = \"/v1/\"", server.address().port());
    let asks = asks.replace("api.weather.example", "127.0.0.1");
    let asks = asks.replace("path = \"/v1/\"", &port);
    fs::write(skill.join(path), asks).expect("a file");
    folder
}

#[tokio::test]
async fn the_weather_is_told_with_a_token_that_the_skill_never_sees() {
    let server = WebDouble::start(|request| match request.header("authorization") {
        Some("Bearer weather-token-5ec12e7")
            if request.line().contains("place=S%C3%A3o%20Paulo") =>
        {
            let body = br#"{"celsius":21.5,"sky":"clear"}"#;
            answer("200 OK", &[("content-type", "application/json")], body)
        }
        Some("Bearer weather-token-5ec12e7") => answer("404 Not Found", &[], b"{}"),
        _ => answer("401 Unauthorized", &[], b"who are you?"),
    })
    .await;
    let folder = workspace(&server);
    let list = server.address().to_string();
    let factory = Factory::with(&[("egress.allow_private", &list)]).await;
    factory.agent("ada", "offline", folder.path()).await;
    let base = BTreeMap::from([("base-url".to_owned(), format!("http://{list}/v1"))]);
    let agent = AgentId {
        tenant_id: "ada".parse().expect("a tenant id"),
        agent_key: agent_key(),
    };
    let configured: Result<_, WorkspaceError> = factory
        .db()
        .write(move |tx| {
            Box::pin(async move {
                let name: SkillName = "weather".parse().expect("a name");
                workspace::skill_configure(tx, &agent, &name, None, Some(&base)).await
            })
        })
        .await;
    configured.expect("a setting");
    let at_work = factory.work();

    let missing = factory
        .ask("ada", "chat", r#"weather {"place": "Lisbon"}"#)
        .await;
    assert!(
        missing.contains("agent-factory secret import weather.token"),
        "{missing}"
    );
    assert!(server.requests().is_empty());

    factory.import_secret("ada", "weather.token", TOKEN).await;
    let told = factory
        .ask("ada", "chat", r#"weather {"place": "São Paulo"}"#)
        .await;
    assert!(told.contains("São Paulo: 21.5 °C, clear"), "{told}");
    let unknown = factory
        .ask("ada", "chat", r#"weather {"place": "Atlantis"}"#)
        .await;
    assert!(
        unknown.contains("there is no place \"Atlantis\""),
        "{unknown}"
    );

    factory
        .import_secret("ada", "weather.token", "a-token-of-yesterday")
        .await;
    let refused = factory
        .ask("ada", "chat", r#"weather {"place": "Lisbon"}"#)
        .await;
    assert!(refused.contains("the server answered 401"), "{refused}");
    at_work.stop().await;
}
