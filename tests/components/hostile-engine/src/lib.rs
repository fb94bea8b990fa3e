//! An engine adapter that misbehaves on request: the text of the message says how.
//!
//! Built on the bindings of `wit/` alone, without the SDK.

#![allow(clippy::disallowed_methods, reason = "it does what nobody should")]

wit_bindgen::generate!({
    path: "../../../wit",
    world: "agent-factory:guest/engine",
    generate_all,
});

use agent_factory::guest::blobs::Blob;
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
                let refused = (0..number()).find_map(|_| turn.append(message("words")).err());
                report(&turn, refused);
            }
            "append-bytes" => {
                report(&turn, turn.append(message(&"x".repeat(number()))).err());
            }
            "append-bad-json" => {
                let opaque = said(vec![Part::Opaque("{".to_owned())]);
                report(&turn, turn.append(opaque).err());
            }
            "reply-bytes" => {
                if let Err(refused) = turn.reply(reply(&"x".repeat(number()))) {
                    report(&turn, Some(refused));
                }
            }
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
            // `tools NAME NAME ...`: one batch, a call each.
            "tools" => {
                let requests = rest.split_whitespace().enumerate();
                let requests: Vec<_> = requests
                    .map(|(number, name)| request(&format!("call-{number}"), name, "{}"))
                    .collect();
                answer(&turn, &results(&turn.call_tools(&requests)));
            }
            "tools-for-ever" => loop {
                black_box(turn.call_tools(&[request("call-1", "hostile__echo", "{}")]));
            },
            "twice" => {
                let one = request("same", "hostile__echo", "{}");
                answer(&turn, &results(&turn.call_tools(&[one.clone(), one])));
            }
            "key-value" => answer(&turn, &key_value_tour()),
            "remember" => {
                let outcome = memory::append(rest);
                answer(&turn, &format!("{outcome:?}"));
            }
            // `ask BODY`: what the first model answers, event by event.
            "ask" => answer(&turn, &ask(rest).join(" ")),
            "ask-quietly" => answer(&turn, &ask(rest).pop().unwrap_or_default()),
            "ask-and-drop" => {
                let endpoint = model::endpoints().remove(0);
                let first = endpoint.open(rest).map(|exchange| exchange.next().is_ok());
                answer(&turn, &format!("{first:?}"));
            }
            // `ask-times COUNT BODY`: the last event of each answer.
            "ask-times" => {
                let (count, body) = rest.split_once(' ').unwrap_or((rest, "{}"));
                let count = count.parse::<u32>().unwrap_or(0);
                let lasts: Vec<_> = (0..count).filter_map(|_| ask(body).pop()).collect();
                answer(&turn, &lasts.join(" "));
            }
            "log" => logging::log(logging::Level::Info, rest),
            "models" => answer(&turn, &model::endpoints().len().to_string()),
            // `reply-files COUNT BYTES`: files whose names have so many bytes.
            "reply-files" => {
                let (count, bytes) = rest.split_once(' ').unwrap_or((rest, "1"));
                let name = "n".repeat(bytes.parse().unwrap_or(0));
                let files = (0..count.parse().unwrap_or(0)).map(|_| File {
                    name: Some(name.clone()),
                    ..file(Blob::new(&[1]))
                });
                let sent = turn.reply(Reply {
                    text: String::new(),
                    files: files.collect(),
                });
                if let Err(refused) = sent {
                    report(&turn, Some(refused));
                }
            }
            "append-empty" => {
                let parts = (0..number()).map(|_| Part::Text(String::new()));
                report(&turn, turn.append(said(parts.collect())).err());
            }
            // `append-files COUNT BYTES`: handles of one blob.
            "append-files" => {
                let (count, bytes) = rest.split_once(' ').unwrap_or((rest, "1"));
                let blob = Blob::new(&vec![1; bytes.parse().unwrap_or(0)]);
                let parts = (0..count.parse().unwrap_or(0)).map(|_| Part::File(file(blob.clone())));
                report(&turn, turn.append(said(parts.collect())).err());
            }
            // `reply-file-bytes COUNT BYTES`: files that share so many bytes.
            "reply-file-bytes" => {
                let (count, bytes) = rest.split_once(' ').unwrap_or((rest, "1"));
                let blob = Blob::new(&vec![1; bytes.parse().unwrap_or(0)]);
                let files = (0..count.parse().unwrap_or(0)).map(|_| file(blob.clone()));
                let sent = turn.reply(Reply {
                    text: String::new(),
                    files: files.collect(),
                });
                if let Err(refused) = sent {
                    report(&turn, Some(refused));
                }
            }
            // Makes blobs of a million bytes each, and holds them all.
            "blobs" => {
                let million = vec![1; 1_000_000];
                let held: Vec<Blob> = (0..number()).map(|_| Blob::new(&million)).collect();
                let again: Vec<Blob> = held.iter().map(Blob::clone).collect();
                answer(&turn, &format!("{} blobs", black_box(again).len()));
            }
            // Makes blobs of a million bytes, one after the other.
            "blobs-dropped" => {
                let million = vec![1; 1_000_000];
                let total: u64 = (0..number()).map(|_| Blob::new(&million).size()).sum();
                answer(&turn, &format!("{total} bytes"));
            }
            // `read-blob OFFSET LENGTH` of the ten digits.
            "read-blob" => {
                let (offset, length) = rest.split_once(' ').unwrap_or((rest, "0"));
                let blob = Blob::new(b"0123456789");
                let offset = offset.parse().unwrap_or(0);
                let bytes = blob.read(offset, length.parse().unwrap_or(0));
                answer(&turn, &String::from_utf8_lossy(&bytes));
            }
            // The files of the newest page of the history, and what is in the first.
            "history-files" => {
                let page = turn.history(None, 100);
                let files: Vec<&File> = page
                    .messages
                    .iter()
                    .flat_map(|message| &message.parts)
                    .filter_map(|part| match part {
                        Part::File(file) => Some(file),
                        _ => None,
                    })
                    .collect();
                let sizes: Vec<u64> = files.iter().map(|file| file.content.size()).collect();
                let read = files
                    .first()
                    .map(|file| file.content.read(0, u32::MAX).len());
                answer(&turn, &format!("{sizes:?} read {read:?}"));
            }
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

/// The data of each event, then `end` or the error.
fn ask(body: &str) -> Vec<String> {
    let Some(endpoint) = model::endpoints().into_iter().next() else {
        return vec!["no model".to_owned()];
    };
    let exchange = match endpoint.open(body) {
        Ok(exchange) => exchange,
        Err(error) => return vec![format!("{error:?}")],
    };
    let mut events = Vec::new();
    loop {
        match exchange.next() {
            Ok(Some(event)) => events.push(event.data),
            Ok(None) => events.push("end".to_owned()),
            Err(error) => events.push(format!("{error:?}")),
        }
        if events
            .last()
            .is_some_and(|last| last == "end" || last.starts_with("Error::"))
        {
            return events;
        }
    }
}

fn words(message: &Message) -> String {
    let texts = message.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join(" ")
}

fn said(parts: Vec<Part>) -> Message {
    Message {
        role: Role::Assistant,
        parts,
        at_milliseconds: None,
    }
}

fn message(text: &str) -> Message {
    said(vec![Part::Text(text.to_owned())])
}

fn reply(text: &str) -> Reply {
    Reply {
        text: text.to_owned(),
        files: Vec::new(),
    }
}

fn file(content: Blob) -> File {
    File {
        name: None,
        media_type: "a/b".to_owned(),
        content,
    }
}

fn answer(turn: &Turn, text: &str) {
    turn.append(message(text)).expect("a short message");
    turn.reply(reply(text)).expect("a short reply");
}

/// Replies with what was refused, and so shows that the turn goes on.
fn report(turn: &Turn, refused: Option<String>) {
    if let Some(refused) = refused {
        let text = format!("refused: {refused}");
        turn.reply(reply(&text)).expect("a short reply");
    }
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
        Content::File(file) => format!("{} bytes", file.content.size()),
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
