//! All that a turn is told passes one recorder, clocks and random bytes included.

use super::fixture::Fixture;
use super::requests::{one, reaching};
use super::sources::{FixedClock, Memory, SeededRandom};
use agent_factory::config::Limits;
use agent_factory::engine::{Grants, Sources, Told};
use agent_factory_tests::web::WebDouble;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Fixed sources, and who is told.
fn sources() -> (Sources, Arc<Memory>) {
    let memory = Arc::new(Memory::default());
    let sources = Sources {
        clock: Arc::new(FixedClock::at(Duration::from_secs(1_795_000_000))),
        random: Arc::new(SeededRandom::default()),
        recorder: memory.clone(),
    };
    (sources, memory)
}

/// All that a turn was told, and its reply.
async fn recorded(text: &str) -> (Vec<Told>, String) {
    let mut fixture = Fixture::new(Limits::default()).await;
    fixture.grants = Grants::all();
    let (sources, memory) = sources();
    fixture.sources = Some(sources);
    let reply = fixture.reply(text).await;
    (memory.all(), reply)
}

fn names(told: &[Told], call: &str) -> Vec<&'static str> {
    let of_call = told.iter().filter(|told| told.call == call);
    of_call.map(|told| told.name).collect()
}

#[tokio::test]
async fn the_calls_of_an_engine_and_of_its_tool_are_told_in_their_order_with_what_was_answered() {
    let (told, reply) = recorded("tool hostile__read_sources {}").await;
    let engine = names(&told, "msg_1");
    let capabilities: Vec<_> = engine
        .iter()
        .filter(|name| name.starts_with("turn."))
        .collect();
    assert_eq!(
        capabilities,
        [
            &"turn.get",
            &"turn.call-tools",
            &"turn.append",
            &"turn.reply"
        ]
    );
    let key = &told
        .iter()
        .find(|told| told.name == "tool-call.get")
        .unwrap()
        .call;
    let tool = names(&told, key);
    for name in [
        "tool-call.get",
        "wall-clock.now",
        "monotonic-clock.now",
        "random.bytes",
        "random.insecure-bytes",
        "random.insecure-seed",
        "key-value.set",
        "key-value.get",
    ] {
        assert!(tool.contains(&name), "{name}: {tool:?}");
    }
    let of_tool: Vec<&Told> = told.iter().filter(|told| &told.call == key).collect();
    let numbers: Vec<u64> = of_tool.iter().map(|told| told.number).collect();
    assert_eq!(
        numbers,
        (0..of_tool.len() as u64).collect::<Vec<_>>(),
        "none is left out"
    );
    let told_once = |name: &str| of_tool.iter().find(|told| told.name == name).unwrap();
    let wall = told_once("wall-clock.now").answer.clone().unwrap();
    assert_eq!(wall["secs"], 1_795_000_000);
    assert!(
        reply.contains("1795000000"),
        "the guest sees what is told: {reply}"
    );
    // WASI takes each byte of a list from four.
    let random = of_tool
        .iter()
        .filter(|told| told.name == "random.bytes" && told.request == json!(4));
    let random: String = random
        .map(|told| told.answer.clone().unwrap().as_str().unwrap()[..2].to_owned())
        .collect();
    assert_eq!(random.len(), 32);
    assert!(reply.contains(&random), "{random}: {reply}");
    let set = told_once("key-value.set");
    assert_eq!(
        (&set.request["key"], &set.answer),
        (&json!("told"), &Ok(json!({ "Ok": 1 })))
    );
    let tools = told
        .iter()
        .find(|told| told.name == "turn.call-tools")
        .unwrap();
    assert_eq!(tools.request[0]["name"], "hostile__read_sources");
    assert!(matches!(&tools.answer, Ok(Value::Array(results)) if results.len() == 1));
}

#[tokio::test]
async fn two_turns_with_the_same_sources_are_told_the_same() {
    for text in [
        "tool hostile__read_sources {}",
        "rounds 3 hostile__read_sources",
        "describe",
    ] {
        assert_eq!(recorded(text).await, recorded(text).await, "{text}");
    }
}

#[tokio::test]
async fn what_ends_a_call_is_told_with_its_reason() {
    let (told, _) = recorded(r#"tool hostile__blobs {"n":1000}"#).await;
    let last = told.iter().rfind(|told| told.name == "blob.new").unwrap();
    assert!(
        last.answer.as_ref().unwrap_err().ends_with("(blob_bytes)"),
        "{last:?}"
    );
}

#[tokio::test]
async fn a_call_beyond_the_most_is_told_like_any_other() {
    let mut fixture = Fixture::new(Limits {
        host_calls: 3,
        ..Limits::default()
    })
    .await;
    fixture.grants = Grants::all();
    let (sources, memory) = sources();
    fixture.sources = Some(sources);
    // The turn may fail: the engine has as few.
    drop(fixture.turn("tool hostile__read_sources {}").await);
    let told = memory.all();
    let refused: Vec<_> = told
        .iter()
        .filter_map(|told| told.answer.as_ref().err())
        .collect();
    let all = refused.iter().all(|text| text.ends_with("(host_calls)"));
    assert!(all && !refused.is_empty(), "{refused:?}");
}

#[tokio::test]
async fn the_answer_to_a_request_is_told_as_the_guest_gets_it() {
    let server = WebDouble::friendly().await;
    let mut reaching = reaching(Limits::default(), &server).await;
    let (sources, memory) = sources();
    reaching.fixture.sources = Some(sources);
    let address = server.address().to_string();
    let (seen, _) = one(&reaching, json!({ "authority": address, "path": "/v1/x" })).await;
    assert_eq!(seen["body"], "GET /v1/x HTTP/1.1");
    let told = memory.all();
    let http: Vec<_> = told
        .iter()
        .filter(|told| told.name.starts_with("wasi:http."))
        .map(|told| (told.name, &told.request, told.answer.as_ref().unwrap()))
        .collect();
    let (first, number) = (http[0], json!(1));
    assert_eq!((first.0, first.2), ("wasi:http.handle", &json!("sent")));
    let (name, request, head) = http[1];
    assert_eq!((name, request), ("wasi:http.response", &number));
    assert_eq!(head["status"], 200);
    let pieces: String = http[2..]
        .iter()
        .map(|(name, request, piece)| {
            assert_eq!((*name, *request), ("wasi:http.body", &number));
            let bytes = STANDARD.decode(piece.as_str().unwrap_or_default());
            String::from_utf8(bytes.unwrap()).unwrap()
        })
        .collect();
    assert_eq!(pieces, "GET /v1/x HTTP/1.1");
    assert_eq!(http.last().unwrap().2, &Value::Null, "the end is told, too");
}
