//! Turns driven by scripted models.

#![expect(
    clippy::needless_pass_by_value,
    reason = "reads best with `json!` in place"
)]

use super::*;
use agent_factory_sdk::model::{Error, Status};
use agent_factory_sdk::testing::{FakeModel, FakeTurn, Host};
use agent_factory_sdk::turn::{Message, Part, Role, ToolRequest, ToolResult};
use agent_factory_sdk::types::Output;
use serde_json::{Value, json};

fn model() -> FakeModel {
    FakeModel::new("openai-chat", "gpt-x")
}

fn chunk(delta: Value) -> String {
    json!({ "choices": [{ "index": 0, "delta": delta }] }).to_string()
}

fn end(reason: &str) -> String {
    json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] }).to_string()
}

fn words(text: &str) -> Vec<String> {
    let mut datas: Vec<String> = text
        .split_inclusive(' ')
        .map(|word| chunk(json!({ "content": word })))
        .collect();
    datas.push(end("stop"));
    datas.push(
        json!({ "choices": [], "usage": { "prompt_tokens": 1, "completion_tokens": 2 } })
            .to_string(),
    );
    datas.push("[DONE]".to_owned());
    datas
}

fn calls(calls: Value) -> Vec<String> {
    vec![
        chunk(json!({ "tool_calls": calls })),
        end("tool_calls"),
        "[DONE]".to_owned(),
    ]
}

fn call(index: u64, id: &str, name: &str, arguments: &str) -> Value {
    json!({ "index": index, "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
}

fn status(code: u16, body: &str) -> Error {
    Error::Status(Status {
        code,
        retry_after_milliseconds: None,
        body: body.to_owned(),
    })
}

/// How a turn with this model ends.
fn outcome(model: FakeModel) -> Result<String, TurnError> {
    let host = Host::new();
    host.add_model(model);
    let fake = FakeTurn::new("hello");
    run(&fake.turn())?;
    Ok(fake.reply_text().unwrap_or_default())
}

fn failure(error: Error) -> TurnError {
    outcome(model().with_failure(error)).unwrap_err()
}

fn hold(error: TurnError) -> String {
    match error {
        TurnError::Hold(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_is_streamed_shown_meanwhile_kept_and_sent() {
    let host = Host::new();
    let long = "word ".repeat(40);
    host.add_model(model().with_answer(words(long.trim_end())));
    let fake = FakeTurn::new("hello")
        .with_section("SOUL.md", "Be kind.")
        .with_section("USER.md", "Sam.");
    run(&fake.turn()).unwrap();
    assert_eq!(fake.reply_text().as_deref(), Some(long.trim_end()));
    assert!(fake.progress_shown().len() > 1 && fake.progress_shown().len() < 5);
    assert_eq!(fake.appended().len(), 1);
    let request = &host.model_requests()[0];
    assert_eq!(request["model"], "gpt-x");
    assert_eq!(request["stream"], true);
    assert_eq!(request["stream_options"]["include_usage"], true);
    assert_eq!(request["max_completion_tokens"], 4096);
    assert_eq!(
        request["tools"],
        Value::Null,
        "no list of tools where there are none"
    );
    let expected = json!([
        { "role": "system", "content": "## SOUL.md\n\nBe kind.\n\n## USER.md\n\nSam." },
        { "role": "user", "content": "hello" },
    ]);
    assert_eq!(request["messages"], expected);
}

#[test]
fn a_plain_body_is_read_like_a_stream() {
    let body = json!({ "choices": [{ "index": 0, "finish_reason": "stop",
        "message": { "role": "assistant", "content": "Hello, Sam." } }] });
    assert_eq!(
        outcome(model().with_answer([body.to_string()])),
        Ok("Hello, Sam.".to_owned())
    );
    let parts = json!({ "choices": [{ "finish_reason": "stop", "message": { "content":
        [{ "type": "text", "text": "Hel" }, { "type": "text", "text": "lo" }] } }] });
    assert_eq!(
        outcome(model().with_answer([parts.to_string()])),
        Ok("Hello".to_owned())
    );
}

#[test]
fn tools_run_in_one_batch_and_their_results_go_back() {
    let host = Host::new();
    let pieces = [
        chunk(
            json!({ "tool_calls": [{ "index": 0, "id": "a", "function": { "name": "calculator__calculate" } }] }),
        ),
        chunk(
            json!({ "tool_calls": [{ "index": 1, "id": "b", "function": { "name": "nothing__here", "arguments": "{" } }] }),
        ),
        chunk(
            json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "{\"expression\":" } }] }),
        ),
        chunk(json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "\"6*7\"}" } }] })),
        end("tool_calls"),
    ];
    host.add_model(model().with_answer(pieces).with_answer(words("It is 42.")));
    let fake = FakeTurn::new("6*7?").with_skill("calculator", calculator::SKILL);
    run(&fake.turn()).unwrap();
    assert_eq!(fake.reply_text().as_deref(), Some("It is 42."));
    let called = fake.called();
    assert_eq!(called[0].arguments, r#"{"expression":"6*7"}"#);
    assert_eq!(
        called[1].arguments, "{",
        "what is no JSON is the host's to refuse"
    );
    let requests = host.model_requests();
    assert_eq!(
        requests[0]["tools"][0]["function"]["name"],
        "calculator__calculate"
    );
    assert_eq!(requests[0]["tool_choice"], "auto");
    let messages = requests[1]["messages"].as_array().unwrap();
    assert_eq!(messages[1]["tool_calls"][0]["id"], "a");
    assert_eq!(messages[1]["content"], Value::Null);
    assert_eq!(messages[2]["tool_call_id"], "a");
    assert!(messages[2]["content"].as_str().unwrap().contains("42"));
    assert!(
        messages[3]["content"]
            .as_str()
            .unwrap()
            .starts_with("error: ")
    );
    let roles: Vec<Role> = fake.appended().iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::Assistant, Role::User, Role::Assistant]);
}

#[test]
fn without_a_round_left_the_model_is_asked_once_more_and_may_use_no_tool() {
    let host = Host::new();
    let one = || {
        calls(json!([call(
            0,
            "a",
            "calculator__calculate",
            r#"{"expression":"1"}"#
        )]))
    };
    let mut stubborn = one();
    stubborn.insert(0, chunk(json!({ "content": "I give up." })));
    host.add_model(model().with_answer(one()).with_answer(stubborn));
    let fake = FakeTurn::new("again and again")
        .with_skill("calculator", calculator::SKILL)
        .with_tool_rounds(1);
    run(&fake.turn()).unwrap();
    assert_eq!(fake.reply_text().as_deref(), Some("I give up."));
    assert_eq!(fake.called().len(), 1);
    assert_eq!(host.model_requests()[1]["tool_choice"], "none");
}

#[test]
fn hostile_tool_calls_are_kept_apart_and_bounded() {
    let host = Host::new();
    let mut many: Vec<Value> = (0..1_000)
        .map(|index| call(index, "", "a__b", ""))
        .collect();
    many.push(call(u64::MAX, "same", "a__b", "{}"));
    many.insert(0, call(u64::MAX - 1, "same", "a__b", "{}"));
    many.insert(0, call(u64::MAX, "same", "a__b", "{}"));
    host.add_model(
        model()
            .with_answer(calls(many.into()))
            .with_answer(words("Well.")),
    );
    let fake = FakeTurn::new("hello");
    run(&fake.turn()).unwrap();
    let called = fake.called();
    assert_eq!(called.len(), 128);
    let ids: std::collections::HashSet<&str> =
        called.iter().map(|request| request.id.as_str()).collect();
    assert_eq!(ids.len(), 128, "each has an id of its own");
    assert!(
        called
            .iter()
            .all(|request| request.arguments.starts_with("{}"))
    );
}

#[test]
fn calls_without_an_index_are_told_by_their_ids() {
    let host = Host::new();
    let delta = |call: Value| chunk(json!({ "tool_calls": [call] }));
    let pieces = [
        delta(json!({ "id": "a", "function": { "name": "x__y", "arguments": "{\"n\":" } })),
        delta(json!({ "function": { "arguments": "1}" } })),
        delta(json!({ "id": "b", "function": { "name": "x__z", "arguments": { "n": 2 } } })),
        end("tool_calls"),
    ];
    host.add_model(model().with_answer(pieces).with_answer(words("Done.")));
    let fake = FakeTurn::new("hello");
    run(&fake.turn()).unwrap();
    let called: Vec<_> = fake
        .called()
        .into_iter()
        .map(|it| (it.id, it.name, it.arguments))
        .collect();
    let owned = |id: &str, name: &str, arguments: &str| {
        (id.to_owned(), name.to_owned(), arguments.to_owned())
    };
    assert_eq!(
        called,
        [
            owned("a", "x__y", r#"{"n":1}"#),
            owned("b", "x__z", r#"{"n":2}"#)
        ]
    );
}

#[test]
fn every_call_of_the_history_has_exactly_one_result() {
    let host = Host::new();
    host.add_model(model().with_answer(words("Yes.")));
    let request = |id: &str| {
        Part::from(ToolRequest {
            id: id.to_owned(),
            name: "a__b".to_owned(),
            arguments: "{}".to_owned(),
        })
    };
    let result = |id: &str| Part::from(ToolResult::new(id, Ok(Output::text("done"))));
    let history = [
        Message::user(vec![result("nobody asked")]),
        Message::assistant(vec![request("answered"), request("lost")]),
        Message::user(vec![result("answered"), result("answered")]),
        Message::assistant(vec![Part::text("So.")]),
    ];
    let fake = FakeTurn::new("and?").with_history(history);
    run(&fake.turn()).unwrap();
    let messages = host.model_requests()[0]["messages"].clone();
    let told: Vec<String> = messages
        .as_array()
        .unwrap()
        .iter()
        .map(|message| {
            format!(
                "{}:{}",
                message["role"].as_str().unwrap(),
                message["tool_call_id"].as_str().unwrap_or("")
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "assistant:",
            "tool:answered",
            "tool:lost",
            "assistant:",
            "user:"
        ]
    );
}

#[test]
fn reasoning_goes_back_within_the_turn_and_only_signed_reasoning_later() {
    let host = Host::new();
    let mut first = calls(json!([call(0, "a", "x__y", "{}")]));
    first.insert(
        0,
        chunk(json!({ "reasoning_content": "Hm", "reasoning_details": [{ "signature": "s" }] })),
    );
    host.add_model(
        model()
            .with_answer(first)
            .with_answer(words("So."))
            .with_answer(words("Again.")),
    );
    let fake = FakeTurn::new("hello");
    run(&fake.turn()).unwrap();
    let said = &host.model_requests()[1]["messages"][1];
    assert_eq!(said["reasoning_content"], "Hm");
    assert_eq!(said["reasoning_details"][0]["signature"], "s");
    let later = FakeTurn::new("and?").with_history(fake.appended());
    run(&later.turn()).unwrap();
    let said = &host.model_requests()[2]["messages"][0];
    assert_eq!(said["reasoning_content"], Value::Null);
    assert_eq!(said["reasoning_details"][0]["signature"], "s");
}

#[test]
fn parameters_of_the_profile_are_sent_within_the_turns_bounds() {
    let host = Host::new();
    let model = model()
        .with_parameter("temperature", 0.5)
        .with_parameter("max_tokens", 1_000_000)
        .with_parameter("stream", false)
        .with_parameter("model", "gpt-huge")
        .with_answer(words("Yes."));
    host.add_model(model);
    run(&FakeTurn::new("hello").turn()).unwrap();
    let request = &host.model_requests()[0];
    assert_eq!(request["temperature"], 0.5);
    assert_eq!(request["max_completion_tokens"], 4096);
    assert_eq!(request["max_tokens"], Value::Null);
    assert_eq!(
        (&request["stream"], &request["model"]),
        (&json!(true), &json!("gpt-x"))
    );
}

#[test]
fn a_server_that_knows_only_the_older_name_of_the_bound_is_asked_with_it() {
    let host = Host::new();
    let unknown = status(
        400,
        r#"{"error":{"message":"Unrecognized request argument: max_completion_tokens"}}"#,
    );
    host.add_model(model().with_failure(unknown).with_answer(words("Yes.")));
    let fake = FakeTurn::new("hello");
    run(&fake.turn()).unwrap();
    assert_eq!(host.model_requests()[1]["max_tokens"], 4096);
}

#[test]
fn an_answer_that_was_cut_or_withheld_says_so() {
    let with_end = |text: &str, reason: &str| vec![chunk(json!({ "content": text })), end(reason)];
    let cut = outcome(model().with_answer(with_end("Once upon", "length"))).unwrap();
    assert!(
        cut.starts_with("Once upon") && cut.contains("limit of tokens"),
        "{cut}"
    );
    let nothing = outcome(model().with_answer(with_end("", "length"))).unwrap_err();
    assert!(matches!(nothing, TurnError::Permanent(_)));
    let withheld = outcome(model().with_answer(with_end("", "content_filter"))).unwrap();
    assert!(withheld.contains("content filter"), "{withheld}");
}

#[test]
fn a_model_may_be_silent() {
    for text in ["NO_REPLY", " no_reply\n", "HEARTBEAT_OK"] {
        assert_eq!(outcome(model().with_answer(words(text))), Ok(String::new()));
    }
    assert_eq!(
        outcome(model().with_answer(words("NO_REPLY is a word."))),
        Ok("NO_REPLY is a word.".to_owned())
    );
}

#[test]
fn the_next_model_is_asked_where_another_may_do_better_and_is_asked_first_from_then_on() {
    for error in [
        status(500, "oops"),
        status(429, "{}"),
        status(503, ""),
        status(408, ""),
        status(401, "{}"),
        status(402, ""),
        Error::NotConfigured("there is no secret openai.apiKey".to_owned()),
        Error::Unreachable("no connection".to_owned()),
    ] {
        let host = Host::new();
        host.add_model(model().with_failure(error));
        let called = calls(json!([call(0, "a", "x__y", "{}")]));
        host.add_model(
            FakeModel::new("openai-chat", "second")
                .with_answer(called)
                .with_answer(words("Hello.")),
        );
        let fake = FakeTurn::new("hello");
        run(&fake.turn()).unwrap();
        assert_eq!(fake.reply_text().as_deref(), Some("Hello."));
        let asked: Vec<_> = host
            .model_requests()
            .iter()
            .map(|request| request["model"].clone())
            .collect();
        assert_eq!(asked, ["gpt-x", "second", "second"]);
    }
}

#[test]
fn an_answer_that_breaks_off_is_asked_for_again_and_its_beginning_is_not_kept() {
    let half = || vec![chunk(json!({ "content": "Half an ans" }))];
    let broken = model().with_broken_answer(half(), Error::Interrupted("reset".to_owned()));
    for first in [
        broken,
        model().with_answer(half()),
        model().with_answer(["not JSON"]),
    ] {
        let host = Host::new();
        host.add_model(first);
        host.add_model(FakeModel::new("openai-chat", "second").with_answer(words("Whole.")));
        let fake = FakeTurn::new("hello");
        run(&fake.turn()).unwrap();
        assert_eq!(fake.reply_text().as_deref(), Some("Whole."));
    }
}

#[test]
fn where_no_model_is_left_the_turn_waits_as_long_as_the_vendor_says() {
    let limited = Error::Status(Status {
        code: 429,
        retry_after_milliseconds: Some(7_000),
        body: String::new(),
    });
    let TurnError::RetryAfter(retry) = failure(limited) else {
        panic!("it should wait");
    };
    assert_eq!(retry.milliseconds, 7_000);
    assert!(
        retry.reason.contains("gpt-x") && retry.reason.contains("429"),
        "{}",
        retry.reason
    );
    let TurnError::RetryAfter(retry) = failure(status(500, "")) else {
        panic!("it should wait");
    };
    assert_eq!(retry.milliseconds, 2_000);
}

#[test]
fn what_only_a_person_can_mend_holds_the_agent_and_names_the_model() {
    for (code, body) in [
        (
            401,
            r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#,
        ),
        (403, "{}"),
        (
            404,
            r#"{"error":{"message":"The model does not exist","code":"model_not_found"}}"#,
        ),
        (402, ""),
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#,
        ),
        (307, ""),
    ] {
        let reason = hold(failure(status(code, body)));
        assert!(
            reason.contains("gpt-x") && reason.contains(&code.to_string()),
            "{reason}"
        );
    }
    // One person's words hold nobody else.
    let moderated = r#"{"error":{"message":"Your input was flagged by moderation"}}"#;
    let error = failure(status(403, moderated));
    assert!(matches!(error, TurnError::Permanent(_)), "{error:?}");
    let reason = hold(failure(Error::NotConfigured(
        "there is no secret openai.apiKey".to_owned(),
    )));
    assert!(reason.contains("openai.apiKey"), "{reason}");
    let host = Host::new();
    host.add_model(FakeModel::new("anthropic-messages", "claude-x"));
    let reason = hold(run(&FakeTurn::new("hello").turn()).unwrap_err());
    assert!(
        reason.contains("no model of the api openai-chat"),
        "{reason}"
    );
}

#[test]
fn a_prompt_beyond_the_context_is_told_apart_from_other_refusals() {
    for body in [
        r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#,
        r#"{"error":{"message":"This model's maximum context length is 8192 tokens."}}"#,
        r#"{"error":"the request exceeds the available context size"}"#,
    ] {
        assert_eq!(failure(status(400, body)), TurnError::ContextOverflow);
    }
    let TurnError::Permanent(text) = failure(status(400, r#"{"error":{"message":"bad schema"}}"#))
    else {
        panic!("no retry helps");
    };
    assert!(text.contains("bad schema"), "{text}");
    assert!(matches!(
        failure(Error::OverBudget("spent".to_owned())),
        TurnError::Permanent(_)
    ));
}

#[test]
fn an_error_in_the_middle_of_a_stream_is_judged_like_a_refusal() {
    let reported = |error: Value| {
        let datas = [
            chunk(json!({ "content": "Well" })),
            json!({ "error": error }).to_string(),
        ];
        outcome(model().with_answer(datas)).unwrap_err()
    };
    assert!(matches!(
        reported(json!({ "message": "overloaded" })),
        TurnError::RetryAfter(_)
    ));
    assert!(matches!(
        reported(json!({ "message": "bad key", "code": 401 })),
        TurnError::Hold(_)
    ));
    assert_eq!(
        reported(json!({ "code": "context_length_exceeded" })),
        TurnError::ContextOverflow
    );
}

#[test]
fn a_long_history_is_cut_to_the_models_window_at_its_beginning() {
    let host = Host::new();
    host.add_model(
        model()
            .with_context_tokens(6_000)
            .with_answer(words("Yes.")),
    );
    let history = (0..300)
        .map(|number| Message::user(vec![Part::text(format!("{number} {}", "x".repeat(40)))]));
    let fake = FakeTurn::new("and?").with_history(history);
    run(&fake.turn()).unwrap();
    let messages = host.model_requests()[0]["messages"].clone();
    let messages = messages.as_array().unwrap();
    assert_eq!(messages.len(), 101, "two pages, and the input");
    assert!(messages[0]["content"].as_str().unwrap().starts_with("200 "));
}

#[test]
fn a_tools_long_answer_is_cut_once_for_the_model_and_the_history() {
    let host = Host::new();
    let asked = calls(json!([call(0, "a", "calculate", "{}")]));
    host.add_model(model().with_answer(asked).with_answer(words("Long.")));
    let tool = calculator::SKILL.tool("calculate").unwrap();
    let fake = FakeTurn::new("go").with_tool(tool, |_| Ok(Output::text("\u{e9}".repeat(1 << 20))));
    run(&fake.turn()).unwrap();
    let seen = host.model_requests()[1]["messages"][2]["content"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(seen.len() < (32 << 10) + 100 && seen.ends_with("more bytes are not shown]"));
    let kept = &fake.appended()[1].parts[0];
    assert_eq!(
        *kept,
        Part::from(ToolResult::new("a", Ok(Output::text(seen))))
    );
}

#[test]
fn compaction_is_one_summary_without_tools_and_without_a_reply() {
    let host = Host::new();
    host.add_model(model().with_answer(words("We baked bread.")));
    let fake = FakeTurn::new("")
        .with_mode(Mode::Compact)
        .with_skill("calculator", calculator::SKILL);
    run(&fake.turn()).unwrap();
    assert_eq!((fake.reply_text(), fake.appended().len()), (None, 1));
    assert_eq!(host.model_requests()[0]["tool_choice"], "none");
}
