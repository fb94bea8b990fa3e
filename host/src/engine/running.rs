//! Tool calls that are under way.

use super::meter::CpuMeter;
use super::tools::Outcome;
use crate::domain::ToolError;
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// A call of a batch.
pub(super) enum Running {
    /// The only one: it runs where its batch is waited for, since to hand it to another thread and back can take as long as
    /// the call.
    Here(Here),
    /// One of several, beside the others.
    Task(JoinHandle<Outcome>),
}

impl Running {
    /// Wait for its end. `cpu` measures whoever waits: what runs here is not charged to it.
    pub(super) async fn end(self, cpu: Option<&CpuMeter>) -> Outcome {
        let ended = match (self, cpu) {
            (Self::Here(call), Some(cpu)) => cpu.except(call).await,
            (Self::Here(call), None) => call.await,
            (Self::Task(task), _) => task.await.ok(),
        };
        ended.unwrap_or_else(|| {
            let text = "the tool call broke off inside the host";
            Err(ToolError::Failed(text.to_owned()))
        })
    }
}

type Call = Pin<Box<dyn Future<Output = Option<Outcome>> + Send>>;

/// A call that runs where it is polled. Where nobody waits for it any more, it goes on as a task: it is told that its turn has
/// ended, ends, and leaves its receipt.
pub(super) struct Here {
    /// None once it has ended.
    call: Option<Call>,
    tools: TaskTracker,
}

impl Here {
    /// `tools` takes it over where it is given up.
    pub(super) fn new(
        call: impl Future<Output = Outcome> + Send + 'static,
        tools: TaskTracker,
    ) -> Self {
        // As a task would, it keeps a panic to itself.
        let call = AssertUnwindSafe(call).catch_unwind().map(Result::ok);
        Self {
            call: Some(Box::pin(call)),
            tools,
        }
    }
}

impl Future for Here {
    /// None where the host itself broke.
    type Output = Option<Outcome>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(call) = &mut self.call else {
            return Poll::Ready(None);
        };
        let polled = call.as_mut().poll(context);
        if polled.is_ready() {
            self.call = None;
        }
        polled
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        // Without a runtime there is nobody to run it, and nobody to hear of it.
        if let (Some(call), Ok(runtime)) = (self.call.take(), Handle::try_current()) {
            drop(self.tools.spawn_on(call, &runtime));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ToolOutput;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_call_that_is_given_up_goes_on_and_is_waited_for() {
        let (tools, (go, going)) = (TaskTracker::new(), oneshot::channel::<()>());
        let (ended, end) = oneshot::channel();
        let call = async move {
            going.await.unwrap();
            ended.send("its receipt").unwrap();
            Err(ToolError::Failed("nobody hears this".to_owned()))
        };
        let mut here = Box::pin(Here::new(call, tools.clone()));
        assert!(here.as_mut().now_or_never().is_none());
        drop(here);
        go.send(()).unwrap();
        tools.close();
        tools.wait().await;
        assert_eq!(end.await, Ok("its receipt"));
    }

    #[tokio::test]
    async fn a_panic_is_the_calls_own() {
        let tools = TaskTracker::new();
        let broken = async { panic!("the host broke") };
        let here = Running::Here(Here::new(broken, tools.clone()));
        let outcome = here.end(None).await;
        assert!(
            matches!(&outcome, Err(ToolError::Failed(text)) if text.contains("broke off")),
            "{outcome:?}"
        );
        let output = ToolOutput {
            content: Vec::new(),
            structured: None,
        };
        let well = Running::Here(Here::new(std::future::ready(Ok(output.clone())), tools));
        assert_eq!(well.end(None).await, Ok(output));
    }
}
