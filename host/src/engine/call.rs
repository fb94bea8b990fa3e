//! One call of one component: a fresh store, every limit, and a receipt at the end.

use super::bindings::v0_1::{EnginePre, SkillPre, adapter, types};
use super::bindings::{tool_error_from_guest, tool_output_from_guest};
use super::capabilities::{ToolCall, TurnHandle};
use super::dispatcher::Scope;
use super::meter::CpuMeter;
use super::state::CallState;
use super::stop::Stop;
use super::trap;
use crate::config::Limits;
use crate::domain::{
    Digest, HttpUsage, Invocation, Receipt, ReceiptLine, ReceiptOutcome, ToolError, ToolOutput,
};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use wasmtime::{Engine, Store};

/// The time a call may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    wall_ms: u64,
    wall_name: &'static str,
    cpu_ms: u64,
    cpu_name: &'static str,
}

impl Budget {
    /// Of an engine's turn.
    pub(super) const fn turn(limits: &Limits) -> Self {
        Self {
            wall_ms: limits.turn_ms,
            wall_name: "turn_ms",
            cpu_ms: limits.turn_cpu_ms,
            cpu_name: "turn_cpu_ms",
        }
    }

    /// Of a tool call.
    pub(super) const fn tool(limits: &Limits) -> Self {
        Self {
            wall_ms: limits.tool_ms,
            wall_name: "tool_ms",
            cpu_ms: limits.tool_cpu_ms,
            cpu_name: "tool_cpu_ms",
        }
    }

    fn wall_over(self) -> Stop {
        Stop::Exhausted(format!(
            "the component took longer than {} ms ({})",
            self.wall_ms, self.wall_name
        ))
    }
}

/// What is done with an instance.
pub(super) trait Work: Send {
    type Answer: Send;

    fn run(
        self,
        store: &mut Store<CallState>,
    ) -> impl Future<Output = wasmtime::Result<Self::Answer>> + Send;
}

/// Run a turn.
pub(super) struct RunTurn<'a>(pub(super) &'a EnginePre<CallState>);

impl Work for RunTurn<'_> {
    type Answer = Result<(), adapter::TurnError>;

    async fn run(self, store: &mut Store<CallState>) -> wasmtime::Result<Self::Answer> {
        let turn = store.data_mut().table.push(TurnHandle)?;
        let world = self.0.instantiate_async(&mut *store).await?;
        let adapter = world.agent_factory_guest_adapter();
        adapter.call_run(store, turn).await
    }
}

/// Run a tool.
pub(super) struct CallTool<'a> {
    pub(super) skill: &'a SkillPre<CallState>,
    pub(super) call: ToolCall,
}

impl Work for CallTool<'_> {
    type Answer = Result<ToolOutput, ToolError>;

    async fn run(self, store: &mut Store<CallState>) -> wasmtime::Result<Self::Answer> {
        let call = store.data_mut().table.push(self.call)?;
        let world = self.skill.instantiate_async(&mut *store).await?;
        let toolbox = world.agent_factory_guest_toolbox();
        Ok(match toolbox.call_call(&mut *store, call).await? {
            Ok(output) => Ok(tool_output_from_guest(&mut store.data_mut().table, output)?),
            Err(error) => Err(tool_error_from_guest(error)),
        })
    }
}

/// List a skill's tools.
pub(super) struct ListTools<'a>(pub(super) &'a SkillPre<CallState>);

impl Work for ListTools<'_> {
    type Answer = Vec<types::Tool>;

    async fn run(self, store: &mut Store<CallState>) -> wasmtime::Result<Self::Answer> {
        let world = self.0.instantiate_async(&mut *store).await?;
        world.agent_factory_guest_toolbox().call_tools(store).await
    }
}

/// Instantiate an engine adapter, and no more: shows that it fits.
pub(super) struct Instantiate<'a>(pub(super) &'a EnginePre<CallState>);

impl Work for Instantiate<'_> {
    type Answer = ();

    async fn run(self, store: &mut Store<CallState>) -> wasmtime::Result<()> {
        self.0.instantiate_async(store).await?;
        Ok(())
    }
}

/// Why a call gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallFailure {
    /// The host ended it.
    Stopped(Stop),
    /// The guest broke.
    Trapped(String),
}

impl CallFailure {
    /// The word for the receipt.
    pub(super) const fn outcome(&self) -> ReceiptOutcome {
        match self {
            Self::Stopped(Stop::Exhausted(_)) => ReceiptOutcome::Exhausted,
            Self::Stopped(Stop::Cancelled | Stop::LeaseLost) => ReceiptOutcome::Cancelled,
            Self::Stopped(Stop::Misuse(_)) | Self::Trapped(_) => ReceiptOutcome::Trap,
        }
    }
}

/// How a call ended, and what it cost.
pub(super) struct CallEnd<T> {
    pub(super) answer: Result<T, CallFailure>,
    pub(super) cost: Cost,
}

/// What a call cost.
pub(super) struct Cost {
    duration: Duration,
    cpu: Duration,
    memory_peak: u64,
    host_calls: u32,
    log: Vec<ReceiptLine>,
    log_dropped: u32,
    http: HttpUsage,
}

impl Cost {
    pub(super) fn receipt(
        self,
        invocation: Invocation,
        component: Digest,
        outcome: ReceiptOutcome,
    ) -> Receipt {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Receipt {
            invocation,
            component,
            outcome,
            duration_us: micros(self.duration),
            cpu_us: micros(self.cpu),
            memory_peak_bytes: self.memory_peak,
            host_calls: self.host_calls,
            log: self.log,
            log_dropped: self.log_dropped,
            usage: None,
            http: self.http,
        }
    }
}

/// Do `work` in a store of its own, until it is done, a limit is spent, or `cancel` is cancelled.
pub(super) async fn run<W: Work>(
    engine: &Engine,
    budget: Budget,
    scope: Scope,
    cancel: &CancellationToken,
    work: W,
) -> CallEnd<W::Answer> {
    let limits = std::sync::Arc::clone(&scope.session.limits);
    let (log, http) = (scope.log.clone(), scope.http.clone());
    let cpu = CpuMeter::new(budget.cpu_ms, budget.cpu_name);
    let started = Instant::now();
    let mut store = CallState::store(engine, &limits, cpu.clone(), scope);
    let working = tokio::time::timeout(
        Duration::from_millis(budget.wall_ms),
        cpu.measure(work.run(&mut store)),
    );
    let ended = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(CallFailure::Stopped(Stop::Cancelled)),
        stop = http.spent() => Err(CallFailure::Stopped(stop)),
        ended = working => match ended {
            Err(_) => Err(CallFailure::Stopped(budget.wall_over())),
            Ok(Err(stop)) => Err(CallFailure::Stopped(stop)),
            Ok(Ok(answer)) => Ok(answer),
        },
    };
    let state = store.data();
    state.finish_streams();
    let answer = ended.and_then(|answer| {
        answer.map_err(|error| trap::classify(&error, &state.memory, &limits, &log.last_words()))
    });
    let (memory_peak, host_calls) = (state.memory.peak(), state.scope.host_calls());
    let (lines, log_dropped) = log.take();
    let cost = Cost {
        duration: started.elapsed(),
        cpu: cpu.spent(),
        memory_peak,
        host_calls,
        log: lines,
        log_dropped,
        http: http.usage(),
    };
    CallEnd { answer, cost }
}
