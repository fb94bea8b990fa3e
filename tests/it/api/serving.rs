//! `agent-factory serve` and the commands that ask it.

use agent_factory_tests::installation::Installation;
use std::process::Output;

fn out(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn error(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn a_first_start_prints_a_token_and_the_next_does_not(installation: Installation) {
    let mut first = installation.control_plane().await;
    let token = first.token().expect("a token").to_owned();
    assert_eq!(
        out(&first.command(&token, &["tenant", "create", "acme"]).await),
        ""
    );
    let arguments = [
        "token", "create", "--scope", "app", "--tenant", "acme", "--name", "shop",
    ];
    let app = out(&first.command(&token, &arguments).await);
    assert!(app.starts_with("aft_a_"), "{app}");
    let list = out(&first.command(&token, &["token", "list"]).await);
    let line = list
        .lines()
        .find(|line| line.contains("shop"))
        .expect("the token");
    let id = line.split_whitespace().next().expect("its id");
    assert!(!list.contains(&app));
    let stats = out(&first
        .command(&app, &["queue", "stats", "--tenant", "acme"])
        .await);
    assert!(stats.contains("\"ready\": 0"), "{stats}");
    let refused = error(&first.command(&app, &["token", "list"]).await);
    assert!(
        refused.contains("a token of the scope operator"),
        "{refused}"
    );
    out(&first.command(&token, &["token", "revoke", id]).await);
    let refused = error(
        &first
            .command(&app, &["queue", "stats", "--tenant", "acme"])
            .await,
    );
    assert!(refused.contains("unknown, revoked or expired"), "{refused}");
    let status = first.terminate().await;
    let log = first.log_text();
    assert!(status.success(), "{log}");
    assert!(!log.contains("aft_"), "{log}");

    let mut second = installation.control_plane().await;
    assert_eq!(second.token(), None);
    out(&second.command(&token, &["token", "list"]).await);
    second.terminate().await;
}

#[tokio::test]
async fn a_first_start_on_sqlite_prints_a_token_and_the_next_does_not() {
    a_first_start_prints_a_token_and_the_next_does_not(Installation::sqlite()).await;
}

#[tokio::test]
async fn a_first_start_on_postgresql_prints_a_token_and_the_next_does_not() {
    if let Some(installation) = Installation::postgres().await {
        a_first_start_prints_a_token_and_the_next_does_not(installation).await;
    }
}

#[tokio::test]
async fn a_token_the_operator_gives_is_known_and_printed_nowhere() {
    let token = format!("aft_o_{}", "5ec12e70".repeat(8));
    let installation = Installation::sqlite().variable("AGENT_FACTORY_OPERATOR_TOKEN", &token);
    for _ in 0..2 {
        let mut serving = installation.control_plane().await;
        assert_eq!(serving.token(), None);
        out(&serving.command(&token, &["tenant", "create", "acme"]).await);
        serving.terminate().await;
        let log = serving.log_text();
        assert!(!log.contains("5ec12e70"), "{log}");
    }
}

#[tokio::test]
async fn a_command_says_what_to_do_where_nobody_answers() {
    let installation = Installation::sqlite();
    let serving = installation.control_plane().await;
    let token = serving.token().expect("a token").to_owned();
    let arguments = ["queue", "stats", "--url", "http://127.0.0.1:9"];
    let said = error(&serving.command(&token, &arguments).await);
    assert!(
        said.contains("is `agent-factory serve` running there?"),
        "{said}"
    );
    let arguments = ["queue", "stats", "--url", "http://factory.example.com"];
    let said = error(&serving.command(&token, &arguments).await);
    assert!(said.contains("--insecure-http"), "{said}");
    let said = error(&serving.command("", &["queue", "stats"]).await);
    assert!(said.contains("AGENT_FACTORY_TOKEN is not set"), "{said}");
    assert!(!said.contains(&token));
}
