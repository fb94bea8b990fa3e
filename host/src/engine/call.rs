//! One call of one component: a fresh store, every limit, and a receipt at the end.

use super::bindings::v0_1::{EnginePre, SkillPre, adapter, types};
use super::bindings::{tool_error_from_guest, tool_output_from_guest};
use super::capabilities::{ToolCall, TurnHandle};
use super::dispatcher::Scope;
use super::log::Logged;
use super::meter::CpuMeter;
use super::state::CallState;
use super::stop::Stop;
use super::trap;
use crate::config::Limits;
use crate::domain::{
    Digest, HttpUsage, Invocation, LimitExceeded, LimitName, Receipt, ReceiptLine, ReceiptOutcome,
    ToolError, ToolOutput,
};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use wasmtime::{Engine, Store};

/// The span of a call, with places for what [`record`] writes.
macro_rules! span {
    ($name:literal, $($field:tt)+) => {
        tracing::info_span!(
            $name,
            $($field)+,
            outcome = tracing::field::Empty,
            limit = tracing::field::Empty,
            cpu_us = tracing::field::Empty,
            memory_peak_bytes = tracing::field::Empty,
            host_calls = tracing::field::Empty,
        )
    };
}
pub(super) use span;

/// Write into a call's span how it ended and what it cost.
pub(super) fn record(span: &tracing::Span, receipt: &Receipt) {
    span.record("outcome", receipt.outcome.word());
    if let Some(exceeded) = receipt.ended_by {
        span.record("limit", exceeded.limit.as_str());
    }
    span.record("cpu_us", receipt.cpu_us);
    span.record("memory_peak_bytes", receipt.memory_peak_bytes);
    span.record("host_calls", receipt.host_calls);
}

/// The time a call may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Wall clock, milliseconds.
    wall: LimitExceeded,
    /// On a processor, milliseconds.
    cpu: LimitExceeded,
}

impl Budget {
    /// Of an engine's turn.
    pub(super) fn turn(limits: &Limits) -> Self {
        Self::of(limits, LimitName::TurnMs, LimitName::TurnCpuMs)
    }

    /// Of a tool call.
    pub(super) fn tool(limits: &Limits) -> Self {
        Self::of(limits, LimitName::ToolMs, LimitName::ToolCpuMs)
    }

    fn of(limits: &Limits, wall: LimitName, cpu: LimitName) -> Self {
        let named = |limit: LimitName| LimitExceeded {
            limit,
            value: limits.get(limit),
        };
        Self {
            wall: named(wall),
            cpu: named(cpu),
        }
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
    /// For the receipt.
    pub(super) const fn ended(&self) -> Ended {
        match self {
            Self::Stopped(Stop::Exhausted(limit)) => Ended::at(*limit),
            Self::Stopped(Stop::Cancelled | Stop::LeaseLost) => Ended::CANCELLED,
            Self::Stopped(Stop::Misuse(_)) | Self::Trapped(_) => Ended::with(ReceiptOutcome::Trap),
        }
    }
}

/// How a call ended, for its receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) outcome: ReceiptOutcome,
    /// The limit that ended it.
    pub(super) by: Option<LimitExceeded>,
}

impl Ended {
    /// With an answer.
    pub(super) const OK: Self = Self::with(ReceiptOutcome::Ok);
    /// With an error the guest chose.
    pub(super) const GUEST_ERROR: Self = Self::with(ReceiptOutcome::GuestError);
    /// The turn ended first.
    pub(super) const CANCELLED: Self = Self::with(ReceiptOutcome::Cancelled);

    /// By no limit.
    pub(super) const fn with(outcome: ReceiptOutcome) -> Self {
        Self { outcome, by: None }
    }

    /// By a limit.
    pub(super) const fn at(limit: LimitExceeded) -> Self {
        Self {
            outcome: ReceiptOutcome::Exhausted,
            by: Some(limit),
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
    limits_met: Vec<LimitExceeded>,
    http: HttpUsage,
}

impl Cost {
    pub(super) fn receipt(self, invocation: Invocation, component: Digest, end: Ended) -> Receipt {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Receipt {
            invocation,
            component,
            outcome: end.outcome,
            ended_by: end.by,
            limits_met: self.limits_met,
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
    mut scope: Scope,
    cancel: &CancellationToken,
    work: W,
) -> CallEnd<W::Answer> {
    let limits = std::sync::Arc::clone(&scope.limits);
    let (log, http) = (scope.log.clone(), scope.http.clone());
    let cpu = CpuMeter::new(budget.cpu);
    scope.cpu = Some(cpu.clone());
    let started = Instant::now();
    let mut store = CallState::store(engine, &limits, cpu.clone(), scope);
    let working = tokio::time::timeout(
        Duration::from_millis(budget.wall.value),
        cpu.measure(work.run(&mut store)),
    );
    let ended = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(CallFailure::Stopped(Stop::Cancelled)),
        stop = http.spent() => Err(CallFailure::Stopped(stop)),
        ended = working => match ended {
            Err(_) => Err(CallFailure::Stopped(Stop::Exhausted(budget.wall))),
            Ok(Err(stop)) => Err(CallFailure::Stopped(stop)),
            Ok(Ok(answer)) => Ok(answer),
        },
    };
    // A call that came to its end in the very step in which it spent a limit has spent it all the same.
    let ended = ended.and_then(|answer| match http.stopped() {
        Some(stop) => Err(CallFailure::Stopped(stop)),
        None => Ok(answer),
    });
    let state = store.data();
    state.finish_streams();
    let answer = ended.and_then(|answer| {
        answer.map_err(|error| trap::classify(&error, &state.memory, &limits, &log.last_words()))
    });
    let (memory_peak, host_calls) = (state.memory.peak(), state.scope.host_calls());
    let Logged {
        lines,
        dropped,
        met,
    } = log.take();
    let cost = Cost {
        duration: started.elapsed(),
        cpu: cpu.spent(),
        memory_peak,
        host_calls,
        log: lines,
        log_dropped: dropped,
        limits_met: met,
        http: http.usage(),
    };
    CallEnd { answer, cost }
}
