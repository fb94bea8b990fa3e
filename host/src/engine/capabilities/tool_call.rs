//! `tool-calls`: the call at hand, as a skill sees it.

use crate::domain::ToolName;
use crate::engine::bindings::v0_1::tool_calls::{Host, HostToolCall};
use crate::engine::dispatcher::{HostCall, Scope};
use crate::engine::state::CallState;
use crate::engine::stop::Stop;
use serde::Serialize;
use std::time::Duration;
use wasmtime::component::Resource;

/// One call of a tool.
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub struct ToolCall {
    /// The bare name.
    pub(in crate::engine) tool: ToolName,
    /// JSON text, valid under the tool's schema.
    pub(in crate::engine) arguments: String,
    /// The same for every attempt of the same call.
    pub(in crate::engine) idempotency_key: String,
    /// When the host ends it: so long after the turn began.
    pub(in crate::engine) deadline: Duration,
}

/// A question about the call that is answered from what the host made of it.
#[derive(Serialize)]
struct Ask<T> {
    what: &'static str,
    #[serde(skip)]
    answer: T,
}

impl<T: Send + Serialize> HostCall for Ask<T> {
    type Answer = T;
    const NAME: &'static str = "tool-call.get";

    async fn answer(self, _: &mut Scope) -> Result<T, Stop> {
        Ok(self.answer)
    }
}

type Call = Resource<ToolCall>;

impl Host for CallState {}

impl HostToolCall for CallState {
    async fn tool(&mut self, call: Call) -> wasmtime::Result<String> {
        let answer = self.table.get(&call)?.tool.to_string();
        self.scope
            .call(Ask {
                what: "tool",
                answer,
            })
            .await
    }

    async fn arguments(&mut self, call: Call) -> wasmtime::Result<String> {
        let answer = self.table.get(&call)?.arguments.clone();
        let what = "arguments";
        self.scope.call(Ask { what, answer }).await
    }

    async fn idempotency_key(&mut self, call: Call) -> wasmtime::Result<String> {
        let answer = self.table.get(&call)?.idempotency_key.clone();
        let what = "idempotency-key";
        self.scope.call(Ask { what, answer }).await
    }

    async fn milliseconds_left(&mut self, call: Call) -> wasmtime::Result<u32> {
        let deadline = self.table.get(&call)?.deadline;
        let left = deadline.saturating_sub(self.scope.session.elapsed());
        let answer = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
        let what = "milliseconds-left";
        self.scope.call(Ask { what, answer }).await
    }

    async fn drop(&mut self, call: Call) -> wasmtime::Result<()> {
        self.table.delete(call)?;
        Ok(())
    }
}
