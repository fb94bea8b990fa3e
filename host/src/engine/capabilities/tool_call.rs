//! `tool-calls`: the call at hand, as a skill sees it.

use crate::domain::ToolName;
use crate::engine::bindings::v0_1::tool_calls::{Host, HostToolCall};
use crate::engine::dispatcher::{HostCall, Scope};
use crate::engine::state::CallState;
use crate::engine::stop::Stop;
use tokio::time::Instant;
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
    /// When the host ends it.
    pub(in crate::engine) deadline: Instant,
}

/// A question about the call that is answered from what the host made of it.
struct Ask<T>(T);

impl<T: Send> HostCall for Ask<T> {
    type Answer = T;
    const NAME: &'static str = "tool-call.get";

    async fn answer(self, _: &mut Scope) -> Result<T, Stop> {
        Ok(self.0)
    }
}

type Call = Resource<ToolCall>;

impl Host for CallState {}

impl HostToolCall for CallState {
    async fn tool(&mut self, call: Call) -> wasmtime::Result<String> {
        let tool = self.table.get(&call)?.tool.to_string();
        self.scope.call(Ask(tool)).await
    }

    async fn arguments(&mut self, call: Call) -> wasmtime::Result<String> {
        let arguments = self.table.get(&call)?.arguments.clone();
        self.scope.call(Ask(arguments)).await
    }

    async fn idempotency_key(&mut self, call: Call) -> wasmtime::Result<String> {
        let key = self.table.get(&call)?.idempotency_key.clone();
        self.scope.call(Ask(key)).await
    }

    async fn milliseconds_left(&mut self, call: Call) -> wasmtime::Result<u32> {
        let deadline = self.table.get(&call)?.deadline;
        let left = deadline.saturating_duration_since(Instant::now());
        let left = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
        self.scope.call(Ask(left)).await
    }

    async fn drop(&mut self, call: Call) -> wasmtime::Result<()> {
        self.table.delete(call)?;
        Ok(())
    }
}
