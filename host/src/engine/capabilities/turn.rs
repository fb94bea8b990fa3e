//! `turns`: the turn at hand, as an engine sees it.

use crate::domain::{HistoryMessage, LimitName, Part, Reply, ToolRequest, ToolResult};
use crate::engine::bindings::v0_1::turns::{
    self, HistoryPage, Host, HostTurn, Message, Mode, Section,
};
use crate::engine::bindings::v0_1::types;
use crate::engine::bindings::{
    message_from_guest, message_to_guest, reply_from_guest, tool_result_to_guest,
};
use crate::engine::dispatcher::{HostCall, Scope};
use crate::engine::state::CallState;
use crate::engine::stop::Stop;
use crate::engine::tools;
use crate::engine::{history, size, text};
use serde::Serialize;
use wasmtime::component::Resource;

/// Files of one reply.
const REPLY_FILES: usize = 16;
/// The name of a file in a reply, bytes.
const FILE_NAME_BYTES: usize = 200;

/// The guest's handle of the turn. Holds nothing: there is one turn in a call.
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub struct TurnHandle;

/// A question about the turn that is answered from the bundle: a field of the session, cloned.
#[derive(Serialize)]
struct Ask<F> {
    what: &'static str,
    /// Of the history: the cursor, and how many messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<(Option<String>, u32)>,
    #[serde(skip)]
    read: F,
}

impl<F> Ask<F> {
    const fn new(what: &'static str, read: F) -> Self {
        Self {
            what,
            page: None,
            read,
        }
    }
}

impl<T: Send + Serialize, F: Send + FnOnce(&Scope) -> Result<T, Stop>> HostCall for Ask<F> {
    type Answer = T;
    const NAME: &'static str = "turn.get";

    async fn answer(self, scope: &mut Scope) -> Result<T, Stop> {
        (self.read)(scope)
    }
}

/// Whether something was done, or else the limit it is over, for the guest.
type Accepted = Result<(), String>;

#[derive(Serialize)]
struct Append(HistoryMessage);

impl HostCall for Append {
    type Answer = Accepted;
    const NAME: &'static str = "turn.append";

    async fn answer(self, scope: &mut Scope) -> Result<Accepted, Stop> {
        for part in &self.0.parts {
            if let Part::Opaque(json) = part
                && serde_json::from_str::<serde::de::IgnoredAny>(json).is_err()
            {
                return Ok(Err("an opaque part is not JSON".to_owned()));
            }
        }
        let files = size::files_of_message(&self.0);
        if files > size::FILES {
            return Ok(Err(format!(
                "the message has {files} files, more than {}",
                size::FILES
            )));
        }
        let limits = scope.limits();
        let mut changes = scope.session.changes();
        let messages = usize::try_from(limits.append_messages).unwrap_or(usize::MAX);
        if changes.history.len() >= messages {
            scope.refuse(LimitName::AppendMessages);
            return Ok(Err(format!(
                "one turn appends at most {messages} messages to the history (append_messages)"
            )));
        }
        let bytes = changes
            .history_bytes
            .saturating_add(size::of_message(&self.0));
        if bytes > limits.append_bytes {
            scope.refuse(LimitName::AppendBytes);
            return Ok(Err(format!(
                "one turn appends at most {} bytes to the history, and this would make {bytes} \
                 (append_bytes)",
                limits.append_bytes
            )));
        }
        changes.history_bytes = bytes;
        changes.history.push(text::message_without_nul(self.0));
        Ok(Ok(()))
    }
}

#[derive(Serialize)]
struct SetReply(Reply);

impl HostCall for SetReply {
    type Answer = Accepted;
    const NAME: &'static str = "turn.reply";

    async fn answer(self, scope: &mut Scope) -> Result<Accepted, Stop> {
        let limit = scope.limits().reply_bytes;
        let size = size::of_reply(&self.0);
        if size > limit {
            scope.refuse(LimitName::ReplyBytes);
            return Ok(Err(format!(
                "the reply has {size} bytes, more than {limit} (reply_bytes)"
            )));
        }
        let limit = scope.limits().reply_file_bytes;
        let size = size::of_reply_files(&self.0);
        if size > limit {
            scope.refuse(LimitName::ReplyFileBytes);
            return Ok(Err(format!(
                "the files of the reply have {size} bytes, more than {limit} (reply_file_bytes)"
            )));
        }
        let files = self.0.files.len();
        if files > REPLY_FILES {
            return Ok(Err(format!(
                "the reply has {files} files, more than {REPLY_FILES}"
            )));
        }
        let names = self.0.files.iter().filter_map(|file| file.name.as_deref());
        if let Some(longest) = names.map(str::len).max()
            && longest > FILE_NAME_BYTES
        {
            return Ok(Err(format!(
                "a file's name in the reply has {longest} bytes, more than {FILE_NAME_BYTES}"
            )));
        }
        scope.session.changes().reply = Some(text::reply_without_nul(self.0));
        Ok(Ok(()))
    }
}

#[derive(Serialize)]
struct CallTools(Vec<ToolRequest>);

impl HostCall for CallTools {
    type Answer = Vec<ToolResult>;
    const NAME: &'static str = "turn.call-tools";

    async fn answer(self, scope: &mut Scope) -> Result<Vec<ToolResult>, Stop> {
        tools::run_batch(scope, self.0).await
    }
}

#[derive(Serialize)]
struct Progress;

impl HostCall for Progress {
    type Answer = ();
    const NAME: &'static str = "turn.progress";

    /// Nobody watches yet; losing it harms nothing.
    async fn answer(self, _: &mut Scope) -> Result<(), Stop> {
        Ok(())
    }
}

type Turn = Resource<TurnHandle>;

impl Host for CallState {}

impl HostTurn for CallState {
    async fn id(&mut self, _: Turn) -> wasmtime::Result<String> {
        let ask = |scope: &Scope| Ok(scope.session.turn_id.to_string());
        self.scope.call(Ask::new("id", ask)).await
    }

    async fn attempt(&mut self, _: Turn) -> wasmtime::Result<u32> {
        self.scope
            .call(Ask::new("attempt", |scope: &Scope| {
                Ok(scope.session.attempt)
            }))
            .await
    }

    async fn mode(&mut self, _: Turn) -> wasmtime::Result<Mode> {
        let mode = self
            .scope
            .call(Ask::new("mode", |scope: &Scope| Ok(scope.session.mode)))
            .await?;
        Ok(mode.into())
    }

    async fn prompt(&mut self, _: Turn) -> wasmtime::Result<Vec<Section>> {
        let ask = |scope: &Scope| Ok(scope.session.prompt.clone());
        let prompt = self.scope.call(Ask::new("prompt", ask)).await?;
        Ok(prompt.into_iter().map(Into::into).collect())
    }

    async fn history(
        &mut self,
        _: Turn,
        cursor: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<HistoryPage> {
        let page = Some((cursor.clone(), limit));
        let ask = move |scope: &Scope| {
            let messages = &scope.session.history;
            // Half of what a call may carry: a page is not all that a guest holds at once.
            let bytes = scope.limits().host_call_bytes / 2;
            let (range, cursor) = history::page(messages, cursor.as_deref(), limit, bytes)
                .ok_or_else(|| {
                    let text = "the engine asked for history by a cursor it was not given";
                    Stop::Misuse(text.to_owned())
                })?;
            Ok((messages.get(range).unwrap_or_default().to_vec(), cursor))
        };
        let ask = Ask {
            page,
            ..Ask::new("history", ask)
        };
        let (messages, cursor) = self.scope.call(ask).await?;
        let messages = messages
            .into_iter()
            .map(|message| message_to_guest(&mut self.table, message))
            .collect::<Result<_, _>>()?;
        Ok(HistoryPage { messages, cursor })
    }

    async fn input(&mut self, _: Turn) -> wasmtime::Result<Message> {
        let ask = |scope: &Scope| Ok(scope.session.input.clone());
        let input = self.scope.call(Ask::new("input", ask)).await?;
        Ok(message_to_guest(&mut self.table, input)?)
    }

    async fn tools(&mut self, _: Turn) -> wasmtime::Result<Vec<types::Tool>> {
        let ask = |scope: &Scope| {
            let offers = scope.session.offers.iter();
            Ok(offers
                .map(|offer| (offer.name.clone(), offer.tool.clone()))
                .collect::<Vec<_>>())
        };
        let tools = self.scope.call(Ask::new("tools", ask)).await?;
        let tools = tools.into_iter();
        Ok(tools
            .map(|(name, tool)| types::Tool::for_engine(name, &tool))
            .collect())
    }

    async fn tool_rounds_left(&mut self, _: Turn) -> wasmtime::Result<u32> {
        let ask = |scope: &Scope| {
            let rounds = scope.session.changes().tool_rounds;
            Ok(scope.limits().tool_rounds.saturating_sub(rounds))
        };
        self.scope.call(Ask::new("tool-rounds-left", ask)).await
    }

    async fn output_tokens_max(&mut self, _: Turn) -> wasmtime::Result<u32> {
        let ask = |scope: &Scope| Ok(scope.limits().output_tokens);
        self.scope.call(Ask::new("output-tokens-max", ask)).await
    }

    async fn milliseconds_left(&mut self, _: Turn) -> wasmtime::Result<u32> {
        let ask = |scope: &Scope| Ok(scope.session.time_left());
        let left = self.scope.call(Ask::new("milliseconds-left", ask)).await?;
        Ok(u32::try_from(left.as_millis()).unwrap_or(u32::MAX))
    }

    async fn append(&mut self, _: Turn, message: Message) -> wasmtime::Result<Accepted> {
        let message = message_from_guest(&mut self.table, message)?;
        self.scope.call(Append(message)).await
    }

    async fn reply(&mut self, _: Turn, reply: turns::Reply) -> wasmtime::Result<Accepted> {
        let reply = reply_from_guest(&mut self.table, reply)?;
        self.scope.call(SetReply(reply)).await
    }

    async fn call_tools(
        &mut self,
        _: Turn,
        requests: Vec<turns::ToolRequest>,
    ) -> wasmtime::Result<Vec<turns::ToolResult>> {
        let requests = requests.into_iter().map(Into::into).collect();
        let results = self.scope.call(CallTools(requests)).await?;
        Ok(results
            .into_iter()
            .map(|result| tool_result_to_guest(&mut self.table, result))
            .collect::<Result<_, _>>()?)
    }

    async fn progress(&mut self, _: Turn, _: String) -> wasmtime::Result<()> {
        self.scope.call(Progress).await
    }

    async fn drop(&mut self, turn: Turn) -> wasmtime::Result<()> {
        self.table.delete(turn)?;
        Ok(())
    }
}
