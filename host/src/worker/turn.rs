//! One turn, from its lease to its settlement.

use super::flight::Boarded;
use super::lookups::LeasedLookups;
use super::{Worker, pause_after};
use crate::control::{ClaimedTurn, Completion, ControlError, Failure};
use crate::domain::{Digest, DocumentPath, Invocation, Lease, Receipt, SecretRef, Section};
use crate::engine::{Credential, Overlay, TurnEnd, TurnFailure, TurnInput, TurnModel};
use crate::hydration::{Bundle, Snapshot};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::Instrument as _;

/// What a turn comes to, before it is settled.
pub(super) enum End {
    Complete(Box<Completion>),
    Failed(Failure),
    /// The worker stops: the message goes back as if it had not been claimed, with what was spent on it.
    GiveBack(Vec<Receipt>),
    /// Somebody else has it.
    Lost,
}

impl End {
    /// For the figures.
    const fn word(&self) -> &'static str {
        match self {
            Self::Complete(_) => "complete",
            Self::Failed(Failure::Retry { .. }) => "retry",
            Self::Failed(Failure::Permanent { .. }) => "permanent",
            Self::Failed(Failure::Hold { .. }) => "hold",
            Self::GiveBack(_) => "given_back",
            Self::Lost => "lost",
        }
    }
}

impl Worker {
    /// Run one claimed turn and settle it.
    pub(super) async fn turn(&self, turn: ClaimedTurn, boarded: Boarded) {
        let lease = turn.lease;
        let span = tracing::info_span!(
            "turn",
            tenant.id = %lease.tenant_id,
            conversation.id = %lease.conversation_id,
            message.id = %lease.message_id,
            fence = lease.fence.0,
            trace.id = %lease.trace_id,
        );
        let began = Instant::now();
        async {
            let end = self.run_turn(&lease, &boarded).await;
            let outcome = self.settle(&lease, turn.lease_for, &boarded, end).await;
            self.0.metrics.turn(outcome, began.elapsed());
        }
        .instrument(span)
        .await;
    }

    async fn run_turn(&self, lease: &Lease, boarded: &Boarded) -> End {
        // A stop does not wait for a download.
        let prepared = boarded
            .cancel
            .run_until_cancelled(self.prepare(lease, boarded));
        match prepared.await.unwrap_or(Err(End::GiveBack(Vec::new()))) {
            Ok((engine, input)) => {
                boarded.started();
                tracing::info!(attempt = input.attempt, "turn started");
                self.0.metrics.host(&self.0.host.taken());
                let note = input.memory_note.clone();
                let TurnEnd { outcome, receipts } = self.0.host.run_turn(&engine, input).await;
                self.count(&receipts);
                self.0.metrics.host(&self.0.host.taken());
                match outcome {
                    Ok(overlay) => End::Complete(Box::new(completion(overlay, note, receipts))),
                    Err(failure) => judge(failure, receipts),
                }
            }
            Err(end) => end,
        }
    }

    fn count(&self, receipts: &[Receipt]) {
        for receipt in receipts {
            self.0.metrics.invocation(receipt);
            if matches!(receipt.invocation, Invocation::Tool { .. }) {
                let took = Duration::from_micros(receipt.duration_us);
                self.0.metrics.tool_call(receipt.outcome.word(), took);
            }
        }
    }

    /// Hydrate, and load the components.
    async fn prepare(
        &self,
        lease: &Lease,
        boarded: &Boarded,
    ) -> Result<(crate::engine::EngineComponent, TurnInput), End> {
        let bundle = match self.0.plane.hydrate(lease).await {
            Ok(bundle) => bundle,
            Err(error) => return Err(refused(error).await),
        };
        let snapshot = match self.snapshot(lease, &bundle).await {
            Ok(snapshot) => snapshot,
            Err(error) => return Err(refused(error).await),
        };
        let engine = self.engine(lease, snapshot.engine).await?;
        let mut skills = Vec::new();
        for skill in &snapshot.skills {
            let limits = bundle.limits.of_skill(&skill.name);
            skills.extend(self.skill(lease, skill, limits, &bundle.secrets).await?);
        }
        let input = TurnInput {
            turn_id: lease.message_id.clone(),
            attempt: bundle.attempt,
            share: Digest::of(lease.tenant_id.as_str().as_bytes()),
            mode: bundle.mode,
            prompt: prompt(&snapshot, &bundle),
            models: models(&snapshot, &bundle),
            history: bundle.history,
            input: bundle.input,
            skills,
            config: snapshot.config.clone(),
            limits: bundle.limits.engine.clone(),
            memory_note: bundle.memory_note,
            lookups: Arc::new(LeasedLookups::new(Arc::clone(&self.0.plane), lease.clone())),
            sources: None,
            cancel: boarded.cancel.clone(),
        };
        Ok((engine, input))
    }

    async fn snapshot(
        &self,
        lease: &Lease,
        bundle: &Bundle,
    ) -> Result<Arc<Snapshot>, ControlError> {
        if let Some(snapshot) = self.0.snapshots.get(&bundle.snapshot) {
            return Ok(snapshot);
        }
        let snapshot = Arc::new(self.0.plane.snapshot(lease, bundle.snapshot).await?);
        self.0
            .snapshots
            .insert(bundle.snapshot, Arc::clone(&snapshot));
        Ok(snapshot)
    }

    /// Settle, asking again while the control plane does not answer and the lease may still be held. Where it is
    /// not, the message is somebody else's and nothing of this turn is stored. Answers with what became of the turn, in a
    /// word for the figures.
    async fn settle(
        &self,
        lease: &Lease,
        lease_for: Duration,
        boarded: &Boarded,
        mut end: End,
    ) -> &'static str {
        let plane = &self.0.plane;
        let deadline = Instant::now() + lease_for;
        loop {
            let settled = match &end {
                End::Complete(completion) => plane.complete(lease, (**completion).clone()).await,
                End::Failed(failure) => {
                    let settled = plane.fail(lease, failure.clone()).await;
                    settled.map(|settled| tracing::warn!(?settled, %failure, "the turn failed"))
                }
                End::GiveBack(spent) => plane.give_back(lease, spent.clone()).await,
                End::Lost => Err(ControlError::LeaseLost),
            };
            match (settled, &end) {
                (Ok(()), _) => {
                    tracing::info!("turn settled");
                    return end.word();
                }
                (Err(ControlError::LeaseLost), _) => {
                    tracing::warn!("the lease was lost; nothing of this turn is stored");
                    return End::Lost.word();
                }
                (Err(ControlError::Refused(reason)), End::Complete(completion)) => {
                    // What this turn left cannot be stored, and no other attempt's would be better.
                    let receipts = completion.receipts.clone();
                    end = End::Failed(Failure::Permanent { reason, receipts });
                }
                (Err(ControlError::Refused(reason)), _) => {
                    tracing::error!(reason, "the turn's settlement was refused");
                    return "refused";
                }
                (Err(error @ ControlError::Unavailable(_)), _) => {
                    // Stopped, or not heard for a whole lease: either way the lease has run out, or will by itself.
                    if boarded.cancel.is_cancelled() || Instant::now() >= deadline {
                        tracing::warn!(%error, "the turn is not settled; its message is given out again");
                        return "unsettled";
                    }
                    pause_after(&error, "settle").await;
                }
            }
        }
    }
}

/// The prompt of this turn: the stable sections, then the volatile ones.
fn prompt(snapshot: &Snapshot, bundle: &Bundle) -> Vec<Section> {
    let shown = |private: bool| !(private && bundle.hide_private);
    let stable = snapshot
        .sections
        .iter()
        .filter(|section| shown(section.private))
        .map(|section| Section {
            title: section.title.clone(),
            body: section.body.clone(),
            stable: true,
        });
    stable.chain(bundle.volatile.iter().cloned()).collect()
}

/// The agent's models, each with its credential as it is now.
fn models(snapshot: &Snapshot, bundle: &Bundle) -> Vec<TurnModel> {
    let credential = |name: &SecretRef| match bundle.secrets.get(name) {
        Some(value) => Credential::Value(value.clone()),
        None => Credential::Missing(name.clone()),
    };
    let models = snapshot.models.iter().map(|model| TurnModel {
        credential: model
            .secret_ref
            .as_ref()
            .map_or(Credential::None, credential),
        model: model.clone(),
    });
    models.collect()
}

fn completion(overlay: Overlay, note: DocumentPath, receipts: Vec<Receipt>) -> Completion {
    let Overlay {
        history,
        reply,
        memory,
        kv,
    } = overlay;
    let memory_note = (!memory.is_empty()).then_some(note);
    Completion {
        history,
        reply,
        memory,
        memory_note,
        kv,
        receipts,
        // No engine asks for any: the contract has no way to.
        follow_ups: Vec::new(),
    }
}

/// What should happen next, by why the turn failed.
fn judge(failure: TurnFailure, receipts: Vec<Receipt>) -> End {
    let reason = failure.to_string();
    End::Failed(match failure {
        TurnFailure::RetryAfter { after, reason } => Failure::Retry {
            reason,
            after: Some(after),
            receipts,
        },
        // A trap or a spent limit may be the input's fault or a moment's: the attempts decide.
        TurnFailure::Trap(_) | TurnFailure::Exhausted(_) => Failure::Retry {
            reason,
            after: None,
            receipts,
        },
        TurnFailure::ContextOverflow | TurnFailure::Permanent(_) => {
            Failure::Permanent { reason, receipts }
        }
        TurnFailure::Hold(reason) => Failure::Hold { reason, receipts },
        TurnFailure::LeaseLost => return End::Lost,
        TurnFailure::Cancelled => return End::GiveBack(receipts),
    })
}

/// What should happen next where the control plane would not let the turn begin. A refusal is for a person to mend,
/// and the agent's messages wait for that.
pub(super) async fn refused(error: ControlError) -> End {
    match error {
        ControlError::LeaseLost => End::Lost,
        ControlError::Refused(reason) => held(reason),
        ControlError::Unavailable(_) => {
            // Given back at once, it would be claimed at once.
            pause_after(&error, "begin a turn").await;
            End::GiveBack(Vec::new())
        }
    }
}

/// Worth another attempt, by this worker or another.
pub(super) fn retried(reason: String) -> End {
    End::Failed(Failure::Retry {
        reason,
        after: None,
        receipts: Vec::new(),
    })
}

/// A person must act, and the messages wait.
pub(super) fn held(reason: String) -> End {
    End::Failed(Failure::Hold {
        reason,
        receipts: Vec::new(),
    })
}
