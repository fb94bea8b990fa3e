//! A turn whose skill reaches the network with a credential, from the tenant's folder to the server's log.

use agent_factory::control::ClaimRequest;
use agent_factory::domain::Pool;
use agent_factory::store::StoreError;
use agent_factory_tests::built;
use agent_factory_tests::factory::Factory;
use agent_factory_tests::on_either;
use agent_factory_tests::web::WebDouble;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::Duration;

const KEY: &str = "key-5ec12e75ec12e7";

/// A workspace whose only skill sends whatever requests it is told to, to this server with a credential.
fn workspace(server: &WebDouble) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let skill = folder.path().join("skills/hostile-http");
    let write = |path: &str, bytes: &[u8]| {
        let path = skill.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, bytes).expect("a file");
    };
    write(
        "SKILL.md",
        b"---\nname: hostile-http\ndescription: Sends requests.\n---\n",
    );
    write(
        "scripts/hostile-http.wasm",
        &built::guest_bytes("hostile-http"),
    );
    let port = server.address().port();
    let capabilities = format!(
        r#"
[[http.allow]]
host = "127.0.0.1"
methods = ["GET"]
path = "/v1/"
port = {port}
credential = "example"

[credentials.example]
secret = "example.token"
host = "127.0.0.1"
as = "header"
name = "X-Api-Key"
"#
    );
    write("config/capabilities.toml", capabilities.as_bytes());
    folder
}

fn ask(server: &WebDouble) -> String {
    let request = json!({ "authority": server.address().to_string(), "path": "/v1/items" });
    format!(
        "tool hostile_http__send {}",
        json!({ "requests": [request] })
    )
}

async fn story(factory: Factory, server: WebDouble, folder: &Path) {
    factory.agent("ada", "hostile-engine", folder).await;
    // The same name in another tenant is another secret.
    factory.agent("mia", "hostile-engine", folder).await;
    factory
        .import_secret("mia", "example.token", "key-of-mia-4711")
        .await;
    let at_work = factory.work();

    let reply = factory.ask("ada", "chat", &ask(&server)).await;
    assert!(
        reply.contains("agent-factory secret import example.token"),
        "{reply}"
    );
    assert!(server.requests().is_empty());

    // A key that is imported is used by the next turn.
    factory.import_secret("ada", "example.token", KEY).await;
    let reply = factory.ask("ada", "chat", &ask(&server)).await;
    assert!(reply.contains("GET /v1/items HTTP/1.1"), "{reply}");
    let [request] = &server.requests()[..] else {
        panic!("one request");
    };
    assert_eq!(request.header("x-api-key"), Some(KEY));
    let receipts = factory.receipts().await;
    assert!(
        receipts
            .iter()
            .any(|receipt| receipt.contains("\"requestBytes\"")),
        "{receipts:?}"
    );
    assert!(receipts.iter().all(|receipt| !receipt.contains(KEY)));

    // Another component under the same grant has nothing.
    let changed: Result<_, StoreError> = factory
        .db()
        .write(|tx| {
            Box::pin(async move {
                const GRANT: &str =
                    "UPDATE agent_skills SET grant_digest = $1 WHERE tenant_id = 'ada'";
                const AGAIN: &str = "UPDATE agent_profiles SET snapshot_digest = NULL";
                let other = "0".repeat(64);
                on_either!(tx, |conn| sqlx::query(GRANT)
                    .bind(other)
                    .execute(conn)
                    .await
                    .map(drop))?;
                on_either!(tx, |conn| sqlx::query(AGAIN).execute(conn).await.map(drop))?;
                Ok(())
            })
        })
        .await;
    changed.expect("a change");
    let reply = factory.ask("ada", "chat", &ask(&server)).await;
    assert!(reply.contains("ErrorCode::HttpRequestDenied"), "{reply}");
    let receipts = factory.receipts().await.join("\n");
    assert!(
        receipts.contains("must be granted again: agent-factory skill grant hostile-http"),
        "{receipts}"
    );
    let reply = factory.ask("mia", "chat", &ask(&server)).await;
    assert!(
        reply.contains("GET /v1/items HTTP/1.1"),
        "a neighbour goes on: {reply}"
    );
    assert_eq!(
        server.requests()[1].header("x-api-key"),
        Some("key-of-mia-4711")
    );
    at_work.stop().await;
}

#[tokio::test]
async fn a_skill_reaches_a_server_with_the_tenants_key() {
    let server = WebDouble::friendly().await;
    let folder = workspace(&server);
    let list = server.address().to_string();
    let factory = Factory::with(&[("egress.allow_private", &list)]).await;
    story(factory, server, folder.path()).await;
}

#[tokio::test]
async fn the_same_on_postgresql() {
    let server = WebDouble::friendly().await;
    let folder = workspace(&server);
    let list = server.address().to_string();
    if let Some(factory) = Factory::postgres_with(&[("egress.allow_private", &list)]).await {
        story(factory, server, folder.path()).await;
    }
}

#[tokio::test]
async fn the_same_by_a_worker_over_http() {
    let server = WebDouble::friendly().await;
    let folder = workspace(&server);
    let list = server.address().to_string();
    let factory = Factory::http_with(&[("egress.allow_private", &list)]).await;
    story(factory, server, folder.path()).await;
}

#[tokio::test]
async fn a_bundle_has_the_secrets_that_granted_credentials_name_and_shows_none() {
    let server = WebDouble::friendly().await;
    let folder = workspace(&server);
    let factory = Factory::new().await;
    factory.agent("ada", "hostile-engine", folder.path()).await;
    for name in ["example.token", "other.token", "telegram.botToken.default"] {
        factory.import_secret("ada", name, KEY).await;
    }
    factory.enqueue("ada", "chat", "hello").await;
    let control = factory.control();
    let claims = control.claim(ClaimRequest {
        worker_id: "worker".parse().expect("a worker id"),
        pool: Pool::default(),
        max: 1,
        in_flight: 0,
        wait: Duration::ZERO,
        claim: None,
    });
    let lease = claims.await.expect("a claim").turns.remove(0).lease;
    let bundle = control.hydrate(&lease).await.expect("a bundle");
    let names: Vec<&str> = bundle.secrets.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["example.token"]);
    assert!(!format!("{bundle:?}").contains(KEY));
    let snapshot = control
        .snapshot(&lease, bundle.snapshot)
        .await
        .expect("a snapshot");
    assert!(
        !serde_json::to_string(&snapshot)
            .expect("JSON")
            .contains(KEY)
    );
}
