//! `turns`: the turn at hand, as an engine sees it.

use crate::domain::Reply;
use crate::domain::{HistoryMessage, Part, ToolRequest, ToolResult};
use crate::engine::bindings::v0_1::turns::{
    self, HistoryPage, Host, HostTurn, Message, Mode, Section,
};
use crate::engine::bindings::v0_1::types;
use crate::engine::dispatcher::{HostCall, Scope};
use crate::engine::state::CallState;
use crate::engine::stop::Stop;
use crate::engine::tools;
use crate::engine::{history, size, text};
use wasmtime::component::Resource;

/// Files of one reply.
const REPLY_FILES: usize = 16;
/// The name of a file in a reply, bytes.
const FILE_NAME_BYTES: usize = 200;

/// The guest's handle of the turn. Holds nothing: there is one turn in a call.
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub struct TurnHandle;

/// A question about the turn that is answered from the bundle: a field of the session, cloned.
struct Ask<F>(F);

impl<T: Send, F: Send + FnOnce(&Scope) -> Result<T, Stop>> HostCall for Ask<F> {
    type Answer = T;
    const NAME: &'static str = "turn.get";

    async fn answer(self, scope: &mut Scope) -> Result<T, Stop> {
        (self.0)(scope)
    }
}

struct Append(HistoryMessage);

impl HostCall for Append {
    type Answer = ();
    const NAME: &'static str = "turn.append";

    async fn answer(self, scope: &mut Scope) -> Result<(), Stop> {
        for part in &self.0.parts {
            if let Part::Opaque(json) = part
                && serde_json::from_str::<serde::de::IgnoredAny>(json).is_err()
            {
                let text = "the engine appended an opaque part that is not JSON";
                return Err(Stop::Misuse(text.to_owned()));
            }
        }
        let limits = scope.limits();
        let mut changes = scope.session.changes();
        let messages = usize::try_from(limits.append_messages).unwrap_or(usize::MAX);
        if changes.history.len() >= messages {
            return Err(Stop::Exhausted(format!(
                "the turn appended more than {messages} messages to the history (append_messages)"
            )));
        }
        let bytes = changes
            .history_bytes
            .saturating_add(size::of_message(&self.0));
        if bytes > limits.append_bytes {
            return Err(Stop::Exhausted(format!(
                "the turn appended more than {} bytes to the history (append_bytes)",
                limits.append_bytes
            )));
        }
        changes.history_bytes = bytes;
        changes.history.push(text::message_without_nul(self.0));
        Ok(())
    }
}

struct SetReply(Reply);

impl HostCall for SetReply {
    type Answer = ();
    const NAME: &'static str = "turn.reply";

    async fn answer(self, scope: &mut Scope) -> Result<(), Stop> {
        let limit = scope.limits().reply_bytes;
        let size = size::of_reply(&self.0);
        if size > limit {
            return Err(Stop::Exhausted(format!(
                "the reply has {size} bytes, more than {limit} (reply_bytes)"
            )));
        }
        let files = self.0.files.len();
        if files > REPLY_FILES {
            return Err(Stop::Exhausted(format!(
                "the reply has {files} files, more than {REPLY_FILES}"
            )));
        }
        let names = self.0.files.iter().filter_map(|file| file.name.as_deref());
        if let Some(longest) = names.map(str::len).max()
            && longest > FILE_NAME_BYTES
        {
            return Err(Stop::Exhausted(format!(
                "a file's name in the reply has {longest} bytes, more than {FILE_NAME_BYTES}"
            )));
        }
        scope.session.changes().reply = Some(text::reply_without_nul(self.0));
        Ok(())
    }
}

struct CallTools(Vec<ToolRequest>);

impl HostCall for CallTools {
    type Answer = Vec<ToolResult>;
    const NAME: &'static str = "turn.call-tools";

    async fn answer(self, scope: &mut Scope) -> Result<Vec<ToolResult>, Stop> {
        tools::run_batch(&scope.session, self.0).await
    }
}

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
        self.scope.call(Ask(ask)).await
    }

    async fn attempt(&mut self, _: Turn) -> wasmtime::Result<u32> {
        self.scope
            .call(Ask(|scope: &Scope| Ok(scope.session.attempt)))
            .await
    }

    async fn mode(&mut self, _: Turn) -> wasmtime::Result<Mode> {
        let mode = self
            .scope
            .call(Ask(|scope: &Scope| Ok(scope.session.mode)))
            .await?;
        Ok(mode.into())
    }

    async fn prompt(&mut self, _: Turn) -> wasmtime::Result<Vec<Section>> {
        let ask = |scope: &Scope| Ok(scope.session.prompt.clone());
        let prompt = self.scope.call(Ask(ask)).await?;
        Ok(prompt.into_iter().map(Into::into).collect())
    }

    async fn history(
        &mut self,
        _: Turn,
        cursor: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<HistoryPage> {
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
        let (messages, cursor) = self.scope.call(Ask(ask)).await?;
        let messages = messages.into_iter().map(Into::into).collect();
        Ok(HistoryPage { messages, cursor })
    }

    async fn input(&mut self, _: Turn) -> wasmtime::Result<Message> {
        let ask = |scope: &Scope| Ok(scope.session.input.clone());
        Ok(self.scope.call(Ask(ask)).await?.into())
    }

    async fn tools(&mut self, _: Turn) -> wasmtime::Result<Vec<types::Tool>> {
        let ask = |scope: &Scope| {
            let offered = tools::offered(&scope.session.skills);
            let tools = offered.into_iter();
            Ok(tools
                .map(|(name, offer)| types::Tool::for_engine(name, offer.tool))
                .collect())
        };
        self.scope.call(Ask(ask)).await
    }

    async fn tool_rounds_left(&mut self, _: Turn) -> wasmtime::Result<u32> {
        let ask = |scope: &Scope| {
            let rounds = scope.session.changes().tool_rounds;
            Ok(scope.limits().tool_rounds.saturating_sub(rounds))
        };
        self.scope.call(Ask(ask)).await
    }

    async fn output_tokens_max(&mut self, _: Turn) -> wasmtime::Result<u32> {
        let ask = |scope: &Scope| Ok(scope.limits().output_tokens);
        self.scope.call(Ask(ask)).await
    }

    async fn milliseconds_left(&mut self, _: Turn) -> wasmtime::Result<u32> {
        let ask = |scope: &Scope| Ok(scope.session.time_left());
        let left = self.scope.call(Ask(ask)).await?;
        Ok(u32::try_from(left.as_millis()).unwrap_or(u32::MAX))
    }

    async fn append(&mut self, _: Turn, message: Message) -> wasmtime::Result<()> {
        self.scope.call(Append(message.into())).await
    }

    async fn reply(&mut self, _: Turn, reply: turns::Reply) -> wasmtime::Result<()> {
        self.scope.call(SetReply(reply.into())).await
    }

    async fn call_tools(
        &mut self,
        _: Turn,
        requests: Vec<turns::ToolRequest>,
    ) -> wasmtime::Result<Vec<turns::ToolResult>> {
        let requests = requests.into_iter().map(Into::into).collect();
        let results = self.scope.call(CallTools(requests)).await?;
        Ok(results.into_iter().map(Into::into).collect())
    }

    async fn progress(&mut self, _: Turn, _: String) -> wasmtime::Result<()> {
        self.scope.call(Progress).await
    }

    async fn drop(&mut self, turn: Turn) -> wasmtime::Result<()> {
        self.table.delete(turn)?;
        Ok(())
    }
}
