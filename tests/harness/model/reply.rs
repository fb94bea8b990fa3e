//! What a request is answered with.

use serde_json::{Value, json};
use std::time::Duration;

/// A tool call that the model asks for.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its id.
    pub id: String,
    /// `skill__tool`.
    pub name: String,
    /// JSON text, or what a model takes for it.
    pub arguments: String,
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A refusal with this status, and this JSON as its body.
    Status(u16, Value),
    /// 429 with `Retry-After` of so many seconds.
    RetryAfter(u64),
    /// 401 whose message repeats the `Authorization` header.
    EchoRefused,
    /// No answer ever begins.
    Hang,
    /// One byte, then after so long another, and so on for ever.
    Drip(Duration),
    /// Some events, then half of one, then the connection ends.
    BreakOff,
    /// The stream ends in order, but before the answer does.
    EndEarly,
    /// One event with so many bytes of data.
    Oversized(usize),
    /// So many events, as many bytes together, with no end.
    Endless,
    /// An answer whose words repeat the `Authorization` header, whole and in base64.
    EchoAuthorization,
    /// The body of an event stream that begins with a byte order mark and has invalid UTF-8.
    Garbage,
    /// A redirect to this address.
    Redirect(String),
}

/// What a request is answered with.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) text: String,
    pub(crate) calls: Vec<Call>,
    pub(crate) finish: String,
    pub(crate) usage: Option<Value>,
    pub(crate) plain: bool,
    pub(crate) fault: Option<Fault>,
}

impl Reply {
    /// The model says this, and a stream says it in pieces of a few characters.
    #[must_use]
    pub fn words(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            calls: Vec::new(),
            finish: "stop".to_owned(),
            usage: Some(json!({
                "prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107,
                "prompt_tokens_details": { "cached_tokens": 64 },
                "completion_tokens_details": { "reasoning_tokens": 2 },
            })),
            plain: false,
            fault: None,
        }
    }

    /// The model asks for tools.
    #[must_use]
    pub fn calls(calls: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        let calls = calls
            .into_iter()
            .enumerate()
            .map(|(place, (name, arguments))| Call {
                id: format!("call_{place}"),
                name: name.to_owned(),
                arguments: arguments.to_owned(),
            });
        Self {
            calls: calls.collect(),
            finish: "tool_calls".to_owned(),
            ..Self::words("")
        }
    }

    /// Something goes wrong.
    #[must_use]
    pub fn fault(fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            ..Self::words("Before it went wrong.")
        }
    }

    /// As one body, whatever the request asked for.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// Without a count of tokens.
    #[must_use]
    pub fn without_usage(mut self) -> Self {
        self.usage = None;
        self
    }

    /// With another `finish_reason`.
    #[must_use]
    pub fn finish(mut self, reason: &str) -> Self {
        self.finish = reason.to_owned();
        self
    }

    /// The data of each event of the stream.
    pub(crate) fn events(&self, model: &Value) -> Vec<String> {
        let chunk = |delta: Value, finish: Value| {
            let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
            json!({
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_795_000_000,
                "model": model, "choices": [choice], "usage": null,
            })
            .to_string()
        };
        let mut events = vec![chunk(
            json!({ "role": "assistant", "content": "" }),
            Value::Null,
        )];
        let characters: Vec<char> = self.text.chars().collect();
        for piece in characters.chunks(5) {
            let piece: String = piece.iter().collect();
            events.push(chunk(json!({ "content": piece }), Value::Null));
        }
        for (index, call) in self.calls.iter().enumerate() {
            let begin = json!({ "index": index, "id": call.id, "type": "function",
                "function": { "name": call.name, "arguments": "" } });
            events.push(chunk(json!({ "tool_calls": [begin] }), Value::Null));
            let characters: Vec<char> = call.arguments.chars().collect();
            for piece in characters.chunks(4) {
                let piece: String = piece.iter().collect();
                let more = json!({ "index": index, "function": { "arguments": piece } });
                events.push(chunk(json!({ "tool_calls": [more] }), Value::Null));
            }
        }
        events.push(chunk(json!({}), self.finish.clone().into()));
        if let Some(usage) = &self.usage {
            let last = json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "model": model,
                "choices": [], "usage": usage });
            events.push(last.to_string());
        }
        events.push("[DONE]".to_owned());
        events
    }

    /// The whole answer as one body.
    pub(crate) fn body(&self, model: &Value) -> Value {
        let mut message = json!({ "role": "assistant", "content": self.text });
        if !self.calls.is_empty() {
            let calls = self.calls.iter().map(|call| {
                json!({ "id": call.id, "type": "function",
                    "function": { "name": call.name, "arguments": call.arguments } })
            });
            message["tool_calls"] = calls.collect();
        }
        let choice = json!({ "index": 0, "message": message, "finish_reason": self.finish });
        let mut body = json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1_795_000_000, "model": model,
            "choices": [choice],
        });
        if let Some(usage) = &self.usage {
            body["usage"] = usage.clone();
        }
        body
    }
}
