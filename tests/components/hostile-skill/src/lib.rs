//! A skill that misbehaves on request: a tool for every limit of the host.
//!
//! Built on the bindings of `wit/` alone, without the SDK.

#![allow(clippy::disallowed_methods, reason = "it does what nobody should")]

mod more;

mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "agent-factory:guest/skill-pure",
        generate_all,
    });
}

use bindings::agent_factory::guest::blobs::Blob;
use bindings::agent_factory::guest::key_value::{self, Error, Scope};
use bindings::agent_factory::guest::types::{
    Content, File, Hints, Retry, Tool, ToolError, ToolOutput,
};
use bindings::agent_factory::guest::{config, logging, memory};
use bindings::exports::agent_factory::guest::toolbox::{Guest, ToolCall};
use std::hint::black_box;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};

struct HostileSkill;

/// Every tool, and what it does.
const TOOLS: [(&str, &str); 28] = [
    ("echo", "Answers with its arguments."),
    ("key", "Answers with its idempotency key."),
    ("fail", "Fails as a tool may."),
    ("retry", "Asks to be tried again."),
    ("trap", "Panics."),
    ("exit", "Exits the process it is not."),
    ("spin", "Loops for ever."),
    ("hoard", "Allocates for ever."),
    (
        "hold_memory",
        "Allocates the number of bytes in `n`, and gives them back.",
    ),
    ("recurse", "Recurses for ever."),
    ("chatter", "Logs for ever."),
    ("babble", "Prints `n` lines and then panics."),
    ("call_host", "Calls the host `n` times."),
    ("sleep", "Waits for a day."),
    ("big_output", "Answers with `n` bytes."),
    ("big_call", "Logs a line of `n` bytes."),
    (
        "bad_json",
        "Answers with structured output that is not JSON.",
    ),
    (
        "peek_key_value",
        "Reads and writes key-value without asking for it.",
    ),
    ("count_agent", "Adds one to a counter of the agent."),
    (
        "count_conversation",
        "Adds one to a counter of the conversation.",
    ),
    ("fill_keys", "Writes `n` keys, then lists them."),
    ("note", "Appends to the memory, then searches and reads it."),
    ("look_around", "Lists what it sees of the machine."),
    ("many_handles", "Keeps `n` handles."),
    ("time_left", "Answers with the milliseconds it has left."),
    ("big_file", "Answers with a file of `n` bytes."),
    ("many_files", "Answers with `n` files."),
    ("http", "Sends a request to the address in `text`."),
];

impl Guest for HostileSkill {
    fn tools() -> Vec<Tool> {
        // A grant that a component has while it is described would show here.
        let peeked = key_value::get(Scope::Agent, "anything").is_ok();
        let schema =
            r#"{"type":"object","properties":{"n":{"type":"integer"},"text":{"type":"string"}}}"#;
        TOOLS
            .iter()
            .chain(&more::TOOLS)
            .map(|(name, description)| Tool {
                name: (*name).to_owned(),
                title: peeked.then(|| "peeked while described".to_owned()),
                description: (*description).to_owned(),
                input_schema: schema.to_owned(),
                output_schema: None,
                hints: Hints {
                    read_only: false,
                    destructive: false,
                    idempotent: false,
                    open_world: false,
                },
            })
            .collect()
    }

    fn call(call: ToolCall) -> Result<ToolOutput, ToolError> {
        let arguments = call.arguments();
        let n = number(&arguments);
        match call.tool().as_str() {
            "echo" => Ok(text(&arguments)),
            "key" => Ok(text(&call.idempotency_key())),
            "time_left" => Ok(text(&call.milliseconds_left().to_string())),
            "fail" => Err(ToolError::Failed("as I was told".to_owned())),
            "retry" => Err(ToolError::RetryAfter(Retry {
                milliseconds: 1_500,
                reason: "later".to_owned(),
            })),
            "trap" => trap_on_purpose(),
            "exit" => std::process::exit(3),
            "spin" => loop {
                black_box(());
            },
            "hoard" => hoard(),
            "hold_memory" => {
                let held = black_box(vec![1_u8; n]);
                Ok(text(&held.len().to_string()))
            }
            "recurse" => Ok(text(&recurse(1).to_string())),
            "chatter" => loop {
                logging::log(logging::Level::Info, "and another thing");
            },
            "babble" => {
                for line in 0..n {
                    println!("line {line}");
                }
                panic!("done babbling")
            }
            "call_host" => {
                for _ in 0..n {
                    config::get("anything");
                }
                Ok(text("called"))
            }
            "sleep" => {
                std::thread::sleep(std::time::Duration::from_secs(24 * 60 * 60));
                Ok(text("awake"))
            }
            "big_output" => Ok(text(&"x".repeat(n))),
            "big_call" => {
                logging::log(logging::Level::Info, &"x".repeat(n));
                Ok(text("logged"))
            }
            "bad_json" => Ok(ToolOutput {
                content: Vec::new(),
                structured: Some("{".to_owned()),
            }),
            "peek_key_value" => peek(),
            "count_agent" => count(Scope::Agent),
            "count_conversation" => count(Scope::Conversation),
            "fill_keys" => fill_keys(n),
            "note" => note(),
            "look_around" => Ok(text(&look_around())),
            "many_handles" => many_handles(n),
            "big_file" => Ok(files([vec![1; n]])),
            "many_files" => Ok(files((0..n).map(|_| vec![1]))),
            "http" => request(&text_of(&arguments)),
            other => more::call(other, n),
        }
    }
}

fn text(text: &str) -> ToolOutput {
    ToolOutput {
        content: vec![Content::Text(text.to_owned())],
        structured: None,
    }
}

fn files(contents: impl IntoIterator<Item = Vec<u8>>) -> ToolOutput {
    let files = contents.into_iter().map(|bytes| {
        Content::File(File {
            name: None,
            media_type: "a/b".to_owned(),
            content: Blob::new(&bytes),
        })
    });
    ToolOutput {
        content: files.collect(),
        structured: None,
    }
}

/// The value of `text` in the arguments, as far as this needs it.
fn text_of(arguments: &str) -> String {
    let value = arguments.split_once("\"text\":\"");
    let value = value.and_then(|(_, rest)| rest.split_once('"'));
    value.map_or_else(String::new, |(text, _)| text.to_owned())
}

/// A request as a language's HTTP client makes it, and what becomes of it.
fn request(authority: &str) -> Result<ToolOutput, ToolError> {
    let failed = |what: &str| ToolError::Failed(what.to_owned());
    let request = OutgoingRequest::new(Fields::new());
    request
        .set_scheme(Some(&Scheme::Http))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some("/secret?key=hunter2")))
        .map_err(|()| failed("the request could not be made"))?;
    let response = match outgoing_handler::handle(request, None) {
        Ok(response) => response,
        Err(code) => return Ok(text(&format!("refused at once: {code:?}"))),
    };
    response.subscribe().block();
    let answer = response
        .get()
        .ok_or_else(|| failed("no answer"))?
        .map_err(|()| failed("taken before"))?;
    Ok(text(&match answer {
        Ok(response) => format!("status {}", response.status()),
        Err(code) => format!("{code:?}"),
    }))
}

/// The first number in the arguments, 0 without one.
fn number(arguments: &str) -> usize {
    let digits: String = arguments
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap_or(0)
}

#[inline(never)]
fn trap_on_purpose() -> ! {
    panic!("told to trap")
}

fn hoard() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
    }
}

#[inline(never)]
#[expect(unconditional_recursion, reason = "it is what the tool is for")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    recurse(black_box(depth + 1)) + frame[0]
}

fn peek() -> Result<ToolOutput, ToolError> {
    let denied = |scope| matches!(key_value::get(scope, "key"), Err(Error::AccessDenied));
    let memory = matches!(
        memory::read("MEMORY.md", 1, 1),
        Err(memory::Error::AccessDenied)
    );
    let append = matches!(memory::append("line"), Err(memory::Error::AccessDenied));
    Ok(text(&format!(
        "agent denied: {}, conversation denied: {}, memory denied: {memory}, append denied: {append}",
        denied(Scope::Agent),
        denied(Scope::Conversation),
    )))
}

fn count(scope: Scope) -> Result<ToolOutput, ToolError> {
    let failed = |error: Error| ToolError::Failed(format!("{error:?}"));
    let entry = key_value::get(scope, "count").map_err(failed)?;
    let version = entry.as_ref().map_or(0, |entry| entry.version);
    let count = entry.map_or(0, |entry| entry.value.first().copied().unwrap_or(0)) + 1;
    let version = key_value::set(scope, "count", &[count], Some(version)).map_err(failed)?;
    Ok(text(&format!("{count} at version {version}")))
}

fn fill_keys(n: usize) -> Result<ToolOutput, ToolError> {
    let failed = |error: Error| ToolError::Failed(format!("{error:?}"));
    for number in 0..n {
        key_value::set(Scope::Conversation, &format!("key-{number:05}"), &[1], None)
            .map_err(failed)?;
    }
    let mut keys = 0;
    let mut cursor = None;
    loop {
        let page =
            key_value::list_keys(Scope::Conversation, "key-", cursor.as_deref()).map_err(failed)?;
        keys += page.keys.len();
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(text(&format!("{keys} keys")));
        }
    }
}

fn note() -> Result<ToolOutput, ToolError> {
    let failed = |error: memory::Error| ToolError::Failed(format!("{error:?}"));
    memory::append("the blue door is open").map_err(failed)?;
    let hits = memory::search("blue door", 5).map_err(failed)?;
    // Which note that was depends on the day.
    let note = hits.first().map_or("", |hit| hit.path.as_str());
    let read = memory::read(note, 1, 10).map_err(failed)?;
    let hits: Vec<String> = hits
        .iter()
        .map(|hit| format!("{}:{} {}", hit.path, hit.line, hit.text))
        .collect();
    Ok(text(&format!("{read}\n--\n{}", hits.join("\n"))))
}

fn look_around() -> String {
    let variables = std::env::vars().count();
    let arguments = std::env::args().count();
    let root = std::fs::read_dir("/").is_ok();
    let file = std::fs::read("/etc/passwd").is_ok();
    let socket = std::net::TcpStream::connect("127.0.0.1:80").is_ok();
    let bound = std::net::TcpListener::bind("127.0.0.1:0").is_ok();
    let mut line = String::new();
    let input = std::io::stdin().read_line(&mut line).unwrap_or(0);
    format!(
        "variables {variables}, arguments {arguments}, root {root}, file {file}, socket {socket}, \
         bound {bound}, input {input}"
    )
}

fn many_handles(n: usize) -> Result<ToolOutput, ToolError> {
    let kept: Vec<_> = (0..n).map(|_| wasip2::cli::stderr::get_stderr()).collect();
    Ok(text(&format!("{} handles", black_box(kept).len())))
}

bindings::export!(HostileSkill with_types_in bindings);
