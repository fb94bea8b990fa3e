//! One running turn, shared by the engine's call and the calls of its tools.

use super::host::ComponentHost;
use super::http::secret_values;
use super::kv_overlay::KvOverlay;
use super::log::LogBudget;
use super::lookups::{Lookups, NoLookups};
use super::models::{Credential, Spent, TurnModel};
use super::offers::Offers;
use super::recorder::Sources;
use super::stop::Stop;
use super::turn::{Overlay, TurnInput, TurnSkill};
use crate::config::Limits;
use crate::domain::Reply;
use crate::domain::{Digest, DocumentPath, HistoryMessage, MessageId, Receipt, Section, TurnMode};
use crate::egress::{Egress, Redactor};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The bundle of a turn, what the turn has changed so far, and how to end it.
pub(super) struct Session {
    pub(super) limits: Arc<Limits>,
    pub(super) turn_id: MessageId,
    pub(super) attempt: u32,
    /// Whose slots the turn's tools take.
    pub(super) share: Digest,
    pub(super) mode: TurnMode,
    pub(super) prompt: Vec<Section>,
    pub(super) history: Vec<HistoryMessage>,
    pub(super) input: HistoryMessage,
    pub(super) skills: Vec<TurnSkill>,
    /// What they offer, taken from them.
    pub(super) offers: Offers,
    pub(super) models: Vec<TurnModel>,
    /// Takes the secrets of this turn out of texts.
    pub(super) redactor: Redactor,
    /// The engine adapter's component.
    pub(super) engine: Digest,
    pub(super) memory_note: DocumentPath,
    pub(super) lookups: Arc<dyn Lookups>,
    /// Where time and random bytes come from, and who is told; none: the machine, and nobody.
    pub(super) sources: Option<Sources>,
    /// Cancelled when the turn ends, however it ends; tools end with it.
    pub(super) cancel: CancellationToken,
    /// Runs tools; none while a component is only described.
    pub(super) host: Option<ComponentHost>,
    /// The tools that run.
    pub(super) tools: TaskTracker,
    /// Writes of the conversation's scope. Held across a lookup, so that two tools that write the
    /// same key do so one after the other.
    pub(super) kv: tokio::sync::Mutex<KvOverlay>,
    /// What the logs of all calls may take together.
    pub(super) log_budget: LogBudget,
    started: Instant,
    /// By the clock of `sources`.
    started_by_source: Option<Duration>,
    lease_lost: AtomicBool,
    changes: Mutex<Changes>,
}

/// What the turn has changed so far, but for key-value.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) history: Vec<HistoryMessage>,
    pub(super) history_bytes: u64,
    pub(super) reply: Option<Reply>,
    pub(super) memory: Vec<String>,
    pub(super) memory_bytes: u64,
    pub(super) tool_rounds: u32,
    pub(super) receipts: Vec<Receipt>,
    pub(super) models: Spent,
}

impl Session {
    /// A turn that begins now. Also gives the engine's settings, which are no tool's business.
    pub(super) fn begin(
        host: ComponentHost,
        limits: Arc<Limits>,
        engine: Digest,
        mut input: TurnInput,
    ) -> (Self, BTreeMap<String, String>) {
        let secrets = input
            .models
            .iter()
            .filter_map(|model| match &model.credential {
                Credential::Value(value) => Some(value.reveal()),
                Credential::None | Credential::Missing(_) => None,
            });
        let of_skills = input
            .skills
            .iter()
            .flat_map(|skill| secret_values(&skill.grants.http, &skill.secrets));
        let session = Self {
            redactor: Redactor::new(secrets.chain(of_skills)),
            engine,
            log_budget: LogBudget::new(&limits),
            limits,
            turn_id: input.turn_id,
            attempt: input.attempt,
            share: input.share,
            mode: input.mode,
            prompt: input.prompt,
            history: input.history,
            input: input.input,
            offers: Offers::of(&mut input.skills),
            skills: input.skills,
            models: input.models,
            memory_note: input.memory_note,
            lookups: input.lookups,
            started_by_source: input
                .sources
                .as_ref()
                .map(|sources| sources.clock.monotonic()),
            sources: input.sources,
            cancel: input.cancel.child_token(),
            host: Some(host),
            tools: TaskTracker::new(),
            kv: tokio::sync::Mutex::default(),
            started: Instant::now(),
            lease_lost: AtomicBool::new(false),
            changes: Mutex::default(),
        };
        (session, input.config)
    }

    /// A turn of nobody, for describing a component: empty, and every lookup fails.
    pub(super) fn nobody(
        limits: Arc<Limits>,
        turn_id: MessageId,
        memory_note: DocumentPath,
    ) -> Self {
        Self {
            log_budget: LogBudget::new(&limits),
            limits,
            turn_id,
            attempt: 1,
            share: Digest::of(&[]),
            mode: TurnMode::Main,
            prompt: Vec::new(),
            history: Vec::new(),
            input: HistoryMessage {
                role: crate::domain::Role::User,
                parts: Vec::new(),
                at: None,
            },
            skills: Vec::new(),
            offers: Offers::default(),
            models: Vec::new(),
            redactor: Redactor::default(),
            engine: Digest::of(&[]),
            memory_note,
            lookups: Arc::new(NoLookups),
            started_by_source: None,
            sources: None,
            cancel: CancellationToken::new(),
            host: None,
            tools: TaskTracker::new(),
            kv: tokio::sync::Mutex::default(),
            started: Instant::now(),
            lease_lost: AtomicBool::new(false),
            changes: Mutex::default(),
        }
    }

    /// What the turn has changed so far.
    pub(super) fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way out; none while a component is only described.
    pub(super) fn egress(&self) -> Option<&Egress> {
        self.host.as_ref().map(ComponentHost::egress)
    }

    /// Wall clock since the turn began, as its components may know: by the turn's own clock, where it has one. The host itself
    /// holds them to the machine's.
    pub(super) fn elapsed(&self) -> Duration {
        match (&self.sources, self.started_by_source) {
            (Some(sources), Some(started)) => sources.clock.monotonic().saturating_sub(started),
            _ => self.started.elapsed(),
        }
    }

    /// Wall clock left.
    pub(super) fn time_left(&self) -> Duration {
        Duration::from_millis(self.limits.turn_ms).saturating_sub(self.elapsed())
    }

    /// When a tool call of these limits that begins now is ended, at the latest: so long after the turn began.
    pub(super) fn deadline_of_tool(&self, limits: &Limits) -> Duration {
        let tool = Duration::from_millis(limits.tool_ms);
        let left = self.time_left().min(tool);
        self.elapsed().saturating_add(left)
    }

    /// Note that the lease is gone, and end everything that runs for this turn.
    pub(super) fn lose_lease(&self) -> Stop {
        self.lease_lost.store(true, Ordering::SeqCst);
        self.cancel.cancel();
        Stop::LeaseLost
    }

    /// Whether a lookup found the lease gone.
    pub(super) fn lost_lease(&self) -> bool {
        self.lease_lost.load(Ordering::SeqCst)
    }

    /// What is to be stored.
    pub(super) async fn take_overlay(&self) -> Overlay {
        let kv = self.kv.lock().await.take_writes();
        let mut changes = self.changes();
        Overlay {
            history: std::mem::take(&mut changes.history),
            reply: changes.reply.take(),
            memory: std::mem::take(&mut changes.memory),
            kv,
        }
    }
}
