//! Guests that were compiled against a released contract, and run for ever.
//!
//! `tests/released/README.md` says how they were made. They are never built again: what is under
//! test is that a component of long ago still means the same to this host.

use super::fixture::{Fixture, Guest, admitted, message};
use super::lookups::FakeLookups;
use agent_factory::config::Limits;
use agent_factory::domain::{File, HistoryMessage, Part};
use agent_factory::engine::{ComponentKind, Grants};
use std::path::Path;
use std::sync::Arc;

/// A kept component, admitted as at upload.
fn kept(version: &str, name: &str, kind: ComponentKind) -> Guest {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("released");
    let path = folder.join(version).join(format!("{name}.wasm"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    admitted(bytes, kind)
}

/// What an engine and a skill of Rust, on the bindings alone, do with every function of 0.1.0.
#[tokio::test]
async fn rust_0_1_0() {
    let engine = kept("0.1.0", "rust-engine", ComponentKind::Engine);
    let skill = kept("0.1.0", "rust-skill", ComponentKind::Skill);
    let mut fixture = Fixture::of(Limits::default(), &engine, &skill).await;
    fixture.grants = Grants::all();
    fixture.lookups = Arc::new(FakeLookups {
        documents: [("memory/2026-11-22.md".to_owned(), "first line".to_owned())].into(),
        ..FakeLookups::default()
    });
    fixture.history = ["one", "two"].map(message).to_vec();
    for (command, expected) in [
        ("echo hello", "hello"),
        ("history 1", "two|one"),
        ("read-blob 8 4", "89"),
        (
            "append-files 65 1",
            "refused: the message has 65 files, more than 64",
        ),
        ("append-bad-json", "refused: an opaque part is not JSON"),
        ("remember tea", "Ok(())"),
        (
            "twice",
            "same: ok {} | same: ToolError::InvalidArguments(\"the id \\\"same\\\" is used twice in one batch\")",
        ),
        (
            r#"tool hostile__echo {"text":"hi"}"#,
            r#"call-1: ok {"text":"hi"}"#,
        ),
        (r#"tool hostile__big_file {"n":10}"#, "call-1: ok 10 bytes"),
        (
            "tool hostile__count_conversation {}",
            "call-1: ok 1 at version 1",
        ),
        (
            "tool hostile__retry {}",
            "call-1: ToolError::RetryAfter(Retry { milliseconds: 1500, reason: \"later\" })",
        ),
        (
            "tool hostile__note {}",
            "call-1: ok first line\nthe blue door is open\n--\nmemory/2026-11-22.md:2 the blue door is open",
        ),
        (
            r#"tool hostile__http {"text":"localhost"}"#,
            "call-1: ok ErrorCode::HttpRequestDenied",
        ),
        (
            "tool hostile__look_around {}",
            "call-1: ok variables 0, arguments 0, root false, file false, socket false, bound false, input 0",
        ),
    ] {
        assert_eq!(fixture.reply(command).await, expected, "{command}");
    }
    let described = fixture.reply("describe").await;
    assert!(
        described.starts_with("msg_1 attempt 1 mode Mode::Main prompt [\"SOUL.md\"]"),
        "{described}"
    );
    let key_value = fixture.reply("key-value").await;
    assert!(
        key_value.ends_with("Ok([\"stored\"]); Ok(1)"),
        "{key_value}"
    );
    fixture.history = vec![HistoryMessage {
        parts: vec![Part::File(File {
            name: None,
            media_type: "image/png".to_owned(),
            bytes: vec![7; 100].into(),
        })],
        ..message("")
    }];
    assert_eq!(fixture.reply("history-files").await, "[100] read Some(100)");
}
