//! The README says what happens.

use agent_factory_tests::built;
use agent_factory_tests::dev::Site;
use agent_factory_tests::telegram::TelegramDouble;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the repository")
        .to_owned()
}

fn readme() -> String {
    std::fs::read_to_string(repository().join("README.md")).expect("the README")
}

/// The contents of the fenced blocks of one language.
fn blocks(readme: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    readme
        .split(&opening)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn each_reply_it_shows_is_the_reply_that_comes() {
    let readme = readme();
    let site = Site::new("http://127.0.0.1:9");
    let mut shown = 0;
    for block in blocks(&readme, "console") {
        let mut lines = block.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(text) = line.strip_prefix("$ cargo xtask dev --once \"") else {
                continue;
            };
            let text = text.trim_end_matches('"');
            let mut reply = String::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                reply.push_str(line);
                reply.push('\n');
            }
            let mut command = site.command();
            let output = command.args(["--once", text]).output().await;
            let output = output.expect("the program runs");
            let answered = String::from_utf8(output.stdout).expect("text");
            assert_eq!(answered, reply, "to {text:?}");
            shown += 1;
        }
    }
    assert!(shown >= 4, "the README shows {shown} replies");
}

#[tokio::test]
async fn the_update_it_shows_makes_the_line_it_shows() {
    let readme = readme();
    let update = readme
        .split("-d '")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .expect("the update");
    let update: serde_json::Value = serde_json::from_str(update).expect("JSON");
    let double = TelegramDouble::start().await;
    double.add_bot("1000001:demo-token-of-no-real-bot-000000000");
    let site = Site::new(&double.url());
    let running = site.start().await;
    let (status, answer) = running.post(Some(running.secret()), &update).await;
    assert_eq!(status, 200);
    assert!(readme.contains(&answer.to_string()), "{answer}");
    let sent = double.await_sent(1).await;
    let line = format!(
        "chat {} <- bot {}: {}",
        sent[0].chat_id, sent[0].bot_id, sent[0].text
    );
    assert!(readme.contains(&line), "{line}");
}

#[tokio::test]
async fn the_skill_it_shows_is_the_one_in_the_examples_and_runs_in_a_workspace() {
    let source = std::fs::read_to_string(repository().join("examples/dice/src/lib.rs"));
    let source = source.expect("the example");
    let shown = blocks(&readme(), "rust");
    let code = source.split("\n#[cfg(test)]").next().expect("its code");
    assert_eq!(shown, [code.to_owned()]);

    let workspace = tempfile::tempdir().expect("a temporary folder");
    let skill = workspace.path().join("skills/dice");
    std::fs::create_dir_all(skill.join("scripts")).expect("a folder");
    let manifest = repository().join("examples/dice/SKILL.md");
    std::fs::copy(manifest, skill.join("SKILL.md")).expect("a copy");
    std::fs::copy(built::guest("dice"), skill.join("scripts/dice.wasm")).expect("a copy");
    let site = Site::new("http://127.0.0.1:9").workspace(workspace.path().to_owned());
    let mut command = site.command();
    command.args(["--once", r#"dice {"first": 5, "second": 2}"#]);
    let output = command.output().await.expect("the program runs");
    let reply = String::from_utf8(output.stdout).expect("text");
    assert!(reply.contains("the first"), "{reply}");
}

#[tokio::test]
async fn each_command_it_names_to_operators_is_one_the_program_has() {
    let mut named = 0;
    for block in blocks(&readme(), "operations") {
        for line in block.lines() {
            let command = line.strip_prefix("$ agent-factory ").expect("a command");
            // What is in quotes is one word; which, makes no difference here.
            let words: Vec<&str> = command.split('"').step_by(2).collect();
            let words = words.join("x");
            let output = tokio::process::Command::new(built::program())
                .args(words.split_whitespace())
                .arg("--help")
                .output()
                .await
                .expect("the program runs");
            let (out, error) = (
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
            );
            assert!(output.status.success(), "{command}: {error}");
            let last = words
                .split_whitespace()
                .nth(1)
                .expect("a command of two words");
            assert!(out.contains(last), "{command}: {out}");
            named += 1;
        }
    }
    assert!(named >= 10, "the README names {named} commands");
}
