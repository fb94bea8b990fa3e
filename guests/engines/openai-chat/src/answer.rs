//! One answer, put together from the pieces of a stream, or read from a whole body.

use agent_factory_sdk::turn::{Message, Part, ToolRequest};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::collections::HashSet;

/// The most tool calls of one answer that are kept; the host runs far fewer.
const CALLS_MAX: usize = 128;
/// What ends a stream.
const DONE: &str = "[DONE]";

/// What the model said.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) requests: Vec<ToolRequest>,
    /// Fields of reasoning that go back with this answer while the turn lasts.
    pub(crate) reasoning: Map<String, Value>,
    pub(crate) finish: Finish,
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Finish {
    /// It was done.
    #[default]
    Stop,
    /// It ran out of tokens.
    Length,
    /// The provider did not let it go on.
    Filtered,
}

impl Answer {
    /// As the history keeps it.
    pub(crate) fn to_message(&self) -> Message {
        let mut parts = Vec::new();
        // Signed reasoning of another day goes back as it was; plain reasoning only while the turn lasts.
        if let Some(details) = self.reasoning.get(DETAILS) {
            parts.push(Part::Opaque(
                json!({ KEPT_BY: { DETAILS: details } }).to_string(),
            ));
        }
        if !self.text.is_empty() {
            parts.push(Part::text(self.text.as_str()));
        }
        parts.extend(self.requests.iter().cloned().map(Part::from));
        Message::assistant(parts)
    }
}

const KEPT_BY: &str = "openai-chat";
const DETAILS: &str = "reasoning_details";
const CONTENT: &str = "reasoning_content";

/// The fields that an opaque part of this engine puts into a message.
pub(crate) fn kept_reasoning(opaque: &str) -> Option<Map<String, Value>> {
    let mut opaque: Map<String, Value> = serde_json::from_str(opaque).ok()?;
    match opaque.remove(KEPT_BY) {
        Some(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

/// Something in the stream that ends it.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The server reports an error in place of a piece.
    Reported(Value),
    /// It is no answer; says why.
    Unreadable(String),
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    /// Of a piece.
    delta: Option<Delta>,
    /// Of a whole body.
    message: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<Value>,
    refusal: Option<String>,
    tool_calls: Option<Vec<CallDelta>>,
    reasoning_content: Option<String>,
    reasoning_details: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct CallDelta {
    index: Option<u64>,
    id: Option<String>,
    function: Option<FunctionDelta>,
}

#[derive(Deserialize)]
struct FunctionDelta {
    name: Option<String>,
    arguments: Option<Value>,
}

#[derive(Debug, Default)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

/// Collects the pieces of one answer.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    answer: Answer,
    calls: BTreeMap<u64, Call>,
    reasoning: String,
    details: Vec<Value>,
    ended: bool,
}

impl Pieces {
    /// Take the data of one event.
    pub(crate) fn add(&mut self, data: &str) -> Result<(), Broken> {
        if data.trim() == DONE {
            self.ended = true;
            return Ok(());
        }
        let chunk: Chunk = serde_json::from_str(data)
            .map_err(|error| Broken::Unreadable(format!("the answer cannot be read: {error}")))?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(Broken::Reported(error));
        }
        for choice in chunk.choices.into_iter().filter(|choice| choice.index == 0) {
            if let Some(reason) = choice.finish_reason {
                self.ended = true;
                self.answer.finish = match reason.as_str() {
                    "length" => Finish::Length,
                    "content_filter" => Finish::Filtered,
                    _ => Finish::Stop,
                };
            }
            if let Some(delta) = choice.delta.or(choice.message) {
                self.add_delta(delta);
            }
        }
        Ok(())
    }

    /// The text so far.
    pub(crate) fn text(&self) -> &str {
        &self.answer.text
    }

    /// The whole answer; none where the stream ended before the answer did.
    pub(crate) fn finish(self) -> Option<Answer> {
        if !self.ended {
            return None;
        }
        let mut answer = self.answer;
        if !self.reasoning.is_empty() {
            answer
                .reasoning
                .insert(CONTENT.to_owned(), self.reasoning.into());
        }
        if !self.details.is_empty() {
            answer
                .reasoning
                .insert(DETAILS.to_owned(), self.details.into());
        }
        let mut ids = HashSet::new();
        for (place, call) in self.calls.into_values().enumerate() {
            // Results find their call by its id, so each needs one of its own.
            let id = if call.id.is_empty() || ids.contains(&call.id) {
                format!("call_{place}_made")
            } else {
                call.id
            };
            ids.insert(id.clone());
            let arguments = if call.arguments.trim().is_empty() {
                "{}".to_owned()
            } else {
                call.arguments
            };
            answer.requests.push(ToolRequest {
                id,
                name: call.name,
                arguments,
            });
        }
        Some(answer)
    }

    fn add_delta(&mut self, delta: Delta) {
        if let Some(content) = &delta.content {
            self.answer.text.push_str(&words(content));
        }
        if let Some(refusal) = &delta.refusal {
            self.answer.text.push_str(refusal);
        }
        if let Some(reasoning) = &delta.reasoning_content {
            self.reasoning.push_str(reasoning);
        }
        self.details
            .extend(delta.reasoning_details.unwrap_or_default());
        for call in delta.tool_calls.unwrap_or_default() {
            self.add_call(call);
        }
    }

    fn add_call(&mut self, delta: CallDelta) {
        let last = self.calls.last_key_value().map(|(index, _)| *index);
        // Without an index, an id begins a call, and all else belongs to the last one.
        let index = delta.index.unwrap_or_else(|| match (last, &delta.id) {
            (Some(last), None) => last,
            (Some(last), Some(_)) => last.saturating_add(1),
            (None, _) => 0,
        });
        if !self.calls.contains_key(&index) && self.calls.len() >= CALLS_MAX {
            return;
        }
        let call = self.calls.entry(index).or_default();
        if let Some(id) = delta.id.filter(|_| call.id.is_empty()) {
            call.id = id;
        }
        let Some(function) = delta.function else {
            return;
        };
        if let Some(name) = function.name.filter(|_| call.name.is_empty()) {
            call.name = name;
        }
        match function.arguments {
            Some(Value::String(piece)) => call.arguments.push_str(&piece),
            // Some servers send the object itself.
            Some(Value::Null) | None => {}
            Some(object) => call.arguments.push_str(&object.to_string()),
        }
    }
}

/// A text, or the texts of a list of parts.
fn words(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}
