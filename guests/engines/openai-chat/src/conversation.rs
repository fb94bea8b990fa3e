//! Prompt, history and input as the messages of a request.

use crate::answer::Answer;
use agent_factory_sdk::turn::{Message, Part, Role, Section, ToolResult, Turn};
use agent_factory_sdk::types::{Content, File, Output};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// How many messages of history are asked for at once.
const PAGE_MESSAGES: u32 = 50;

/// The messages of a request. Every tool call in it has exactly one result, as vendors demand, whatever
/// the history looks like.
pub(crate) struct Conversation {
    messages: Vec<Value>,
    /// Tool calls that have no result yet.
    open: Vec<String>,
}

impl Conversation {
    /// Everything the model is to see: the latest history within `history_bytes`, at least its last page.
    pub(crate) fn of(turn: &Turn, history_bytes: usize) -> Self {
        let mut conversation = Self {
            messages: Vec::new(),
            open: Vec::new(),
        };
        let system = system(&turn.prompt());
        if !system.is_empty() {
            conversation
                .messages
                .push(json!({ "role": "system", "content": system }));
        }
        for message in history(turn, history_bytes) {
            conversation.add(&message);
        }
        conversation.add(&turn.input());
        conversation.close();
        conversation
    }

    pub(crate) fn messages(&self) -> &[Value] {
        &self.messages
    }

    /// One more thing that the person asks.
    pub(crate) fn ask_for(&mut self, what: &str) {
        self.push(json!({ "role": "user", "content": what }));
    }

    /// What the model said just now, as it said it.
    pub(crate) fn add_answer(&mut self, answer: &Answer) {
        let mut message = assistant(&answer.text, &answer.requests);
        if let Value::Object(message) = &mut message {
            message.extend(answer.reasoning.clone());
        }
        self.push(message);
        self.open = answer
            .requests
            .iter()
            .map(|request| request.id.clone())
            .collect();
    }

    /// What its tools said.
    pub(crate) fn add_results(&mut self, results: &[ToolResult]) {
        results.iter().for_each(|result| self.result(result));
        self.close();
    }

    fn add(&mut self, message: &Message) {
        match message.role {
            Role::Assistant => self.add_from_history(message),
            Role::User => {
                for part in &message.parts {
                    if let Part::ToolResult(result) = part {
                        self.result(result);
                    }
                }
                if let Some(content) = user_content(&message.parts) {
                    self.push(json!({ "role": "user", "content": content }));
                }
            }
        }
    }

    fn add_from_history(&mut self, message: &Message) {
        let requests = message.parts.iter().filter_map(|part| match part {
            Part::ToolRequest(request) => Some(request.clone()),
            _ => None,
        });
        let requests: Vec<_> = requests.collect();
        let text = message.to_text();
        if text.is_empty() && requests.is_empty() {
            return;
        }
        let mut said = assistant(&text, &requests);
        let opaque = message.parts.iter().filter_map(|part| match part {
            Part::Opaque(json) => crate::answer::kept_reasoning(json),
            _ => None,
        });
        if let Value::Object(said) = &mut said {
            opaque.for_each(|reasoning| said.extend(reasoning));
        }
        self.push(said);
        self.open = requests.into_iter().map(|request| request.id).collect();
    }

    fn result(&mut self, result: &ToolResult) {
        // A result that nobody asked for makes the whole request invalid.
        let Some(place) = self.open.iter().position(|id| *id == result.id) else {
            return;
        };
        let id = self.open.remove(place);
        let text = match &result.outcome {
            Ok(output) => output_text(output),
            Err(error) => format!("error: {error}"),
        };
        self.messages
            .push(json!({ "role": "tool", "tool_call_id": id, "content": text }));
    }

    fn push(&mut self, message: Value) {
        self.close();
        self.messages.push(message);
    }

    /// Give a result to each call that has none.
    fn close(&mut self) {
        for id in std::mem::take(&mut self.open) {
            let text = "error: there is no result";
            self.messages
                .push(json!({ "role": "tool", "tool_call_id": id, "content": text }));
        }
    }
}

/// The prompt, stable sections first, as the host gives them: a vendor's cache holds what stays the same.
fn system(sections: &[Section]) -> String {
    let texts = sections
        .iter()
        .map(|section| format!("## {}\n\n{}", section.title, section.body.trim()));
    texts.collect::<Vec<_>>().join("\n\n")
}

fn history(turn: &Turn, bytes_max: usize) -> Vec<Message> {
    let mut pages = Vec::new();
    let (mut bytes, mut cursor) = (0, None);
    loop {
        let page = turn.history(cursor.as_deref(), PAGE_MESSAGES);
        bytes += page.messages.iter().map(size).sum::<usize>();
        if bytes > bytes_max && !pages.is_empty() {
            break;
        }
        pages.push(page.messages);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    pages.into_iter().rev().flatten().collect()
}

fn size(message: &Message) -> usize {
    let parts = message.parts.iter().map(|part| match part {
        Part::Text(text) | Part::Opaque(text) => text.len(),
        Part::File(file) => usize::try_from(file.content.size()).unwrap_or(usize::MAX),
        Part::ToolRequest(request) => request.arguments.len(),
        Part::ToolResult(result) => match &result.outcome {
            Ok(output) => output_text(output).len(),
            Err(error) => error.to_string().len(),
        },
    });
    parts.fold(0, usize::saturating_add)
}

fn assistant(text: &str, requests: &[agent_factory_sdk::turn::ToolRequest]) -> Value {
    if requests.is_empty() {
        return json!({ "role": "assistant", "content": text });
    }
    let calls = requests.iter().map(|request| {
        let function = json!({ "name": request.name, "arguments": request.arguments });
        json!({ "id": request.id, "type": "function", "function": function })
    });
    let calls: Value = calls.collect();
    let content = (!text.is_empty()).then_some(text);
    json!({ "role": "assistant", "content": content, "tool_calls": calls })
}

/// What the person says: plain text where it is all there is, since not every server takes a list.
fn user_content(parts: &[Part]) -> Option<Value> {
    let mut pieces = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => pieces.push(json!({ "type": "text", "text": text })),
            Part::File(file) => pieces.push(file_content(file)),
            Part::ToolRequest(_) | Part::ToolResult(_) | Part::Opaque(_) => {}
        }
    }
    match pieces.as_slice() {
        [] => None,
        [only] if only["type"] == "text" => Some(only["text"].clone()),
        _ => Some(pieces.into()),
    }
}

fn file_content(file: &File) -> Value {
    if file.media_type.starts_with("image/") {
        let url = format!(
            "data:{};base64,{}",
            file.media_type,
            STANDARD.encode(file.content.to_vec())
        );
        return json!({ "type": "image_url", "image_url": { "url": url } });
    }
    json!({ "type": "text", "text": described(file) })
}

fn described(file: &File) -> String {
    let name = file.name.as_deref().unwrap_or("a file");
    format!(
        "[{name}, {}, {} bytes: not shown]",
        file.media_type,
        file.content.size()
    )
}

pub(crate) fn output_text(output: &Output) -> String {
    let pieces = output.content.iter().map(|content| match content {
        Content::Text(text) => text.clone(),
        Content::File(file) => described(file),
    });
    let text = pieces.collect::<Vec<_>>().join("\n");
    if text.is_empty() {
        return output.structured.clone().unwrap_or_default();
    }
    text
}
