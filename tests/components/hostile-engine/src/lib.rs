//! An engine adapter that misbehaves on request: the text of the message says how.
//!
//! Built on the bindings of `wit/` alone, without the SDK.

#![allow(clippy::disallowed_methods, reason = "it does what nobody should")]

wit_bindgen::generate!({
    path: "../../../wit",
    world: "agent-factory:guest/engine",
    generate_all,
});

use agent_factory::guest::turns::{Message, Part, Reply, Role, ToolRequest, ToolResult, Turn};
use agent_factory::guest::types::{Content, File, Retry, ToolOutput};
use agent_factory::guest::{key_value, logging, memory, model};
use exports::agent_factory::guest::adapter::{Guest, TurnError};
use std::hint::black_box;

struct HostileEngine;

impl Guest for HostileEngine {
    fn run(turn: Turn) -> Result<(), TurnError> {
        let input = words(&turn.input());
        let (command, rest) = input.split_once(' ').unwrap_or((&input, ""));
        let number = || rest.parse::<usize>().unwrap_or(0);
        match command {
            "echo" => answer(&turn, rest),
            "silent" => {}
            "describe" => answer(&turn, &describe(&turn)),
            "history" => answer(&turn, &history(&turn, rest.parse().unwrap_or(1))),
            "bad-cursor" => {
                turn.history(Some("before-7"), 1);
            }
            "trap" => trap_on_purpose(),
            "spin" => loop {
                black_box(());
            },
            "hoard" => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(black_box(vec![1_u8; 1 << 20]));
                }
            }
            "sleep" => std::thread::sleep(std::time::Duration::from_secs(24 * 60 * 60)),
            // Sleeps in its first attempt, and answers in any later one.
            "stall-once" => {
                if turn.attempt() == 1 {
                    std::thread::sleep(std::time::Duration::from_secs(24 * 60 * 60));
                }
                answer(&turn, rest);
            }
            "append" => {
                for _ in 0..number() {
                    turn.append(&message("words"));
                }
            }
            "append-bytes" => turn.append(&message(&"x".repeat(number()))),
            "append-bad-json" => turn.append(&Message {
                role: Role::Assistant,
                parts: vec![Part::Opaque("{".to_owned())],
                at_milliseconds: 0,
            }),
            "reply-bytes" => answer(&turn, &"x".repeat(number())),
            "call-host" => {
                for _ in 1..number() {
                    logging::log(logging::Level::Info, "again");
                }
            }
            // `tool NAME JSON`: one call.
            "tool" => {
                let (name, arguments) = rest.split_once(' ').unwrap_or((rest, "{}"));
                let requests = [request("call-1", name, arguments)];
                answer(&turn, &results(&turn.call_tools(&requests)));
            }
            // `batch COUNT NAME JSON`: one batch.
            "batch" => {
                let (count, rest) = rest.split_once(' ').unwrap_or((rest, "hostile__echo"));
                let (name, arguments) = rest.split_once(' ').unwrap_or((rest, "{}"));
                let requests: Vec<_> = (0..count.parse::<u32>().unwrap_or(0))
                    .map(|number| request(&format!("call-{number}"), name, arguments))
                    .collect();
                answer(&turn, &results(&turn.call_tools(&requests)));
            }
            // `rounds COUNT NAME`: one call after the other.
            "rounds" => {
                let (count, name) = rest.split_once(' ').unwrap_or((rest, "hostile__echo"));
                let mut all = Vec::new();
                for _ in 0..count.parse::<u32>().unwrap_or(0) {
                    all.push(results(&turn.call_tools(&[request("call-1", name, "{}")])));
                }
                answer(
                    &turn,
                    &format!("{} left {}", all.join("; "), turn.tool_rounds_left()),
                );
            }
            "twice" => {
                let one = request("same", "hostile__echo", "{}");
                answer(&turn, &results(&turn.call_tools(&[one.clone(), one])));
            }
            "key-value" => answer(&turn, &key_value_tour()),
            "remember" => {
                let outcome = memory::append(rest);
                answer(&turn, &format!("{outcome:?}"));
            }
            "models" => answer(&turn, &model::endpoints().len().to_string()),
            // `reply-files COUNT BYTES`: files whose names have so many bytes.
            "reply-files" => {
                let (count, bytes) = rest.split_once(' ').unwrap_or((rest, "1"));
                let file = File {
                    name: Some("n".repeat(bytes.parse().unwrap_or(0))),
                    media_type: "a/b".to_owned(),
                    bytes: vec![1],
                };
                turn.reply(&Reply {
                    text: String::new(),
                    files: vec![file; count.parse().unwrap_or(0)],
                });
            }
            "append-empty" => turn.append(&Message {
                role: Role::Assistant,
                parts: vec![Part::Text(String::new()); number()],
                at_milliseconds: 0,
            }),
            "tool-id" => {
                let id = "i".repeat(number());
                let outcomes = turn.call_tools(&[request(&id, "hostile__echo", "{}")]);
                let outcome = outcomes.first().map(|result| &result.outcome);
                answer(&turn, &format!("{outcome:?}"));
            }
            "nul" => {
                let set = key_value::set(key_value::Scope::Conversation, "a\0", b"1", None);
                let remembered = memory::append("tea\0").is_ok();
                answer(&turn, &format!("{set:?} {remembered} nul: \0"));
            }
            // Sets and removes one key so often.
            "churn" => {
                let conversation = key_value::Scope::Conversation;
                for _ in 0..number() {
                    let _ = key_value::set(conversation, "one", b"1", None);
                    let _ = key_value::delete(conversation, "one");
                }
            }
            "hold-long" => {
                return Err(TurnError::Hold(format!("\u{1b}{}", "x".repeat(number()))));
            }
            "hold" => return Err(TurnError::Hold(rest.to_owned())),
            "permanent" => return Err(TurnError::Permanent(rest.to_owned())),
            "overflow" => return Err(TurnError::ContextOverflow),
            "retry" => {
                return Err(TurnError::RetryAfter(Retry {
                    milliseconds: 2_000,
                    reason: rest.to_owned(),
                }));
            }
            other => return Err(TurnError::Permanent(format!("no command {other:?}"))),
        }
        Ok(())
    }
}

fn words(message: &Message) -> String {
    let texts = message.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join(" ")
}

fn message(text: &str) -> Message {
    Message {
        role: Role::Assistant,
        parts: vec![Part::Text(text.to_owned())],
        at_milliseconds: 0,
    }
}

fn answer(turn: &Turn, text: &str) {
    turn.append(&message(text));
    turn.reply(&Reply {
        text: text.to_owned(),
        files: Vec::new(),
    });
}

fn request(id: &str, name: &str, arguments: &str) -> ToolRequest {
    ToolRequest {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    }
}

fn output(output: &ToolOutput) -> String {
    let texts = output.content.iter().map(|content| match content {
        Content::Text(text) => text.clone(),
        Content::File(file) => format!("{} bytes", file.bytes.len()),
    });
    texts.collect::<Vec<_>>().join(" ")
}

fn results(results: &[ToolResult]) -> String {
    let texts = results.iter().map(|result| match &result.outcome {
        Ok(done) => format!("{}: ok {}", result.id, output(done)),
        Err(error) => format!("{}: {error:?}", result.id),
    });
    texts.collect::<Vec<_>>().join(" | ")
}

fn describe(turn: &Turn) -> String {
    let tools: Vec<String> = turn.tools().into_iter().map(|tool| tool.name).collect();
    let prompt: Vec<String> = turn
        .prompt()
        .into_iter()
        .map(|section| section.title)
        .collect();
    format!(
        "{} attempt {} mode {:?} prompt {prompt:?} tools {} rounds {} tokens {} in time {}",
        turn.id(),
        turn.attempt(),
        turn.mode(),
        tools.len(),
        turn.tool_rounds_left(),
        turn.output_tokens_max(),
        turn.milliseconds_left() > 0,
    )
}

fn history(turn: &Turn, limit: u32) -> String {
    let mut pages = Vec::new();
    let mut cursor = None;
    loop {
        let page = turn.history(cursor.as_deref(), limit);
        let texts: Vec<String> = page.messages.iter().map(words).collect();
        pages.push(texts.join(","));
        cursor = page.cursor;
        if cursor.is_none() {
            return pages.join("|");
        }
    }
}

/// What the conversation's scope and the agent's answer, step by step.
fn key_value_tour() -> String {
    use key_value::{Scope, delete, get, list_keys, set};
    let conversation = Scope::Conversation;
    let version = |entry: Option<key_value::Entry>| entry.map(|entry| entry.version);
    let steps = [
        format!("{:?}", get(conversation, "stored").map(version)),
        format!("{:?}", set(conversation, "stored", b"new", Some(4))),
        format!("{:?}", set(conversation, "stored", b"new", Some(7))),
        format!("{:?}", get(conversation, "stored").map(version)),
        format!("{:?}", set(conversation, "fresh", b"1", Some(0))),
        format!("{:?}", set(conversation, "fresh", b"2", Some(0))),
        format!("{:?}", delete(conversation, "stored")),
        format!("{:?}", get(conversation, "stored").map(version)),
        format!("{:?}", set(conversation, "stored", b"back", Some(0))),
        format!("{:?}", delete(conversation, "fresh")),
        format!(
            "{:?}",
            list_keys(conversation, "", None).map(|page| page.keys)
        ),
        format!("{:?}", set(Scope::Agent, "shared", b"now", None)),
    ];
    steps.join("; ")
}

#[inline(never)]
fn trap_on_purpose() -> ! {
    panic!("told to trap")
}

export!(HostileEngine);
