//! The commands that bring an agent to a control plane, as a person types them.

use agent_factory_tests::built;
use agent_factory_tests::installation::Installation;
use agent_factory_tests::process::Process;
use std::path::PathBuf;
use std::process::Output;

fn example(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples");
    folder.join(name).display().to_string()
}

/// What a command that succeeds says on stdout, the compiler's time aside.
fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    match said.split_once(", compiled in ") {
        Some((before, after)) => {
            let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}, compiled in N{after}")
        }
        None => said,
    }
}

async fn run(plane: &Process, token: &str, arguments: &[&str]) -> String {
    said(&plane.command(token, arguments).await)
}

#[tokio::test]
async fn an_agent_is_made_from_an_example_by_commands() {
    let installation = Installation::sqlite();
    let plane = installation.control_plane().await;
    let operator = plane.token().expect("a first token").to_owned();
    run(&plane, &operator, &["tenant", "create", "acme"]).await;
    let engine = built::guest("offline").display().to_string();
    run(&plane, &operator, &["engine", "push", "--shared", &engine]).await;
    let made = [
        "agent",
        "configure",
        "--tenant",
        "acme",
        "--engine",
        "offline",
    ];
    let configured = run(&plane, &operator, &made).await;
    assert_eq!(
        configured,
        "agent default of tenant acme: stored, engine offline, UTC\n"
    );

    let token = [
        "token",
        "create",
        "--scope",
        "tenant-admin",
        "--tenant",
        "acme",
    ];
    let token = run(&plane, &operator, &token).await;
    let token = token.trim();
    let dice = example("dice");
    let pushed = run(&plane, token, &["skill", "push", &dice]).await;
    insta::assert_snapshot!("skill_push", pushed);
    let again = run(&plane, token, &["skill", "push", &dice]).await;
    assert!(
        again.starts_with("skill dice, version 1: unchanged\n"),
        "{again}"
    );
    let workspace = example("demo-workspace");
    let pushed = run(&plane, token, &["workspace", "push", &workspace]).await;
    assert!(
        pushed.contains("skill notes, version 1: stored"),
        "{pushed}"
    );
    let again = run(&plane, token, &["workspace", "push", &workspace]).await;
    assert!(
        again.contains("0 of them changed and 0 kept; 2 skills"),
        "{again}"
    );

    // A command that cannot go on says what to do.
    let refused = plane.command(token, &["skill", "push", "nowhere"]).await;
    let refused = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.contains("name the folder that holds SKILL.md"),
        "{refused}"
    );
    let refused = plane.command(&operator, &["skill", "push", &dice]).await;
    let refused = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.contains("say whose by --tenant"), "{refused}");
}
