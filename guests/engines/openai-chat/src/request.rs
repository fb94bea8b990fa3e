//! The body of a request.

use agent_factory_sdk::model::Endpoint;
use agent_factory_sdk::types::Tool;
use serde_json::{Map, Value, json};

/// What the agent's profile cannot set: the engine does.
const OWN: [&str; 9] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "n",
    "functions",
    "function_call",
];
/// The field that newer models demand.
const NEWER: &str = "max_completion_tokens";
/// The field that older servers know.
const OLDER: &str = "max_tokens";

/// What of a request is the same for every model.
pub(crate) struct Ask<'a> {
    pub(crate) messages: &'a [Value],
    pub(crate) tools: &'a [Tool],
    /// Whether the model may use the tools it sees.
    pub(crate) may_use_tools: bool,
    pub(crate) output_tokens: u32,
}

/// The request's body, for one model. `older` writes the bound of tokens into the field that servers had first.
pub(crate) fn body(endpoint: &Endpoint, ask: &Ask<'_>, older: bool) -> Value {
    let mut body: Map<String, Value> = endpoint.parameters();
    body.retain(|name, _| !OWN.contains(&name.as_str()));
    let wanted = [NEWER, OLDER]
        .into_iter()
        .find_map(|name| body.remove(name)?.as_u64());
    let most = u64::from(ask.output_tokens);
    let bound = if older { OLDER } else { NEWER };
    body.insert(
        bound.to_owned(),
        wanted.map_or(most, |wanted| wanted.min(most)).into(),
    );
    body.insert("model".to_owned(), endpoint.model().into());
    body.insert("messages".to_owned(), ask.messages.into());
    body.insert("stream".to_owned(), true.into());
    body.insert(
        "stream_options".to_owned(),
        json!({ "include_usage": true }),
    );
    if !ask.tools.is_empty() {
        body.insert("tools".to_owned(), ask.tools.iter().map(tool).collect());
        let choice = if ask.may_use_tools { "auto" } else { "none" };
        body.insert("tool_choice".to_owned(), choice.into());
    }
    body.into()
}

fn tool(tool: &Tool) -> Value {
    let any = || json!({ "type": "object" });
    let parameters: Value = serde_json::from_str(&tool.input_schema).unwrap_or_else(|_| any());
    json!({
        "type": "function",
        "function": { "name": tool.name, "description": tool.description, "parameters": parameters },
    })
}
