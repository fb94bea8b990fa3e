//! `dev` as its user meets it.

use agent_factory_tests::built;
use agent_factory_tests::dev::Site;
use std::process::Output;
use tokio::process::Command;

/// Replies go nowhere in these tests.
const NOWHERE: &str = "http://127.0.0.1:9";

async fn once(site: &Site, text: &str) -> Output {
    let mut command = site.command();
    command.args(["--once", text]).env("RUST_LOG", "off");
    command.output().await.expect("the program runs")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("text")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("text")
}

#[tokio::test]
async fn once_prints_the_reply_and_nothing_else_and_keeps_its_state() {
    let site = Site::new(NOWHERE);
    let added = once(&site, "notes add buy rye flour").await;
    assert!(added.status.success(), "{}", stderr(&added));
    assert_eq!(stdout(&added).lines().count(), 1, "{}", stdout(&added));
    let listed = once(&site, "notes list").await;
    assert!(
        stdout(&listed).contains("buy rye flour"),
        "{}",
        stdout(&listed)
    );
    assert_eq!(stderr(&listed), "");
}

/// `command`, as a shell runs it that has done `before`.
fn after(before: &str, command: &Command) -> Command {
    let command = command.as_std();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{before} && exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    for (name, value) in command.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
}

#[tokio::test]
async fn where_address_space_is_short_fewer_calls_run_at_once_and_that_is_said() {
    let site = Site::new(NOWHERE);
    let mut command = site.command();
    command
        .args(["--once", "calculate 6 * 7"])
        .env("RUST_LOG", "warn");
    // 48 GiB, of the hundreds that are asked for, KiB.
    let output = after("ulimit -S -v 50331648", &command).output().await;
    let output = output.expect("the program runs");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("42"), "{}", stdout(&output));
    assert!(
        stderr(&output).contains("fewer calls run at once"),
        "{}",
        stderr(&output)
    );
    // Enough for the program, and not for one call.
    let output = after("ulimit -S -v 4194304", &command).output().await;
    let output = output.expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    let error = stderr(&output);
    assert!(error.contains("address space"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_component_is_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("engine.wasm");
    std::fs::write(&path, "not WebAssembly at all").expect("a file");
    let output = once(&Site::new(NOWHERE).engine(path.clone()), "hello").await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    let error = stderr(&output);
    assert!(
        error.starts_with("error: admit ") && error.contains("engine.wasm"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[tokio::test]
async fn a_skill_given_as_the_engine_is_told_what_it_lacks() {
    let output = once(
        &Site::new(NOWHERE).engine(built::guest("calculator")),
        "hello",
    )
    .await;
    assert_eq!(output.status.code(), Some(1));
    let error = stderr(&output);
    assert!(error.contains("agent-factory:guest/adapter"), "{error}");
}

#[tokio::test]
async fn a_message_the_engine_gives_up_on_is_an_error_that_says_why() {
    let site = Site::new(NOWHERE).engine(built::guest("hostile-engine"));
    let output = once(&site, "permanent the well is dry").await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("the agent gave up: the well is dry"),
        "{}",
        stderr(&output)
    );
}

#[tokio::test]
async fn config_show_prints_a_configuration_that_can_be_used_as_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("shown.toml");
    let show = |args: Vec<String>| {
        let mut command = tokio::process::Command::new(built::program());
        command.args(["config", "show"]).args(args).env_clear();
        command.env("AGENT_FACTORY_MASTER_KEY", "5e".repeat(32));
        async move { command.output().await.expect("the program runs") }
    };
    let shown = show(Vec::new()).await;
    assert!(shown.status.success(), "{}", stderr(&shown));
    assert!(!stdout(&shown).contains("5e5e"), "the master key is shown");
    std::fs::write(&path, &shown.stdout).expect("a file");
    let again = show(vec!["--config".to_owned(), path.display().to_string()]).await;
    assert_eq!(stdout(&again), stdout(&shown), "{}", stderr(&again));
}
