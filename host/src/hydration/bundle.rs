use super::prompt::Today;
use super::snapshot::{self, Built, Current};
use super::{Policy, TurnLimits};
use crate::domain::{
    AgentModels, Channel, Digest, DocumentPath, HistoryMessage, Lease, Part, Role, SecretRef,
    SecretValue, Section, TraceId, TurnMode,
};
use crate::queue::{LeaseError, Started};
use crate::secrets::{self, MasterKey, SecretError};
use crate::state::history;
use crate::store::{StoreError, Tx};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one turn needs beside its agent's snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    /// 1 for the first try.
    pub attempt: u32,
    /// What the turn is for.
    pub mode: TurnMode,
    /// The message to answer.
    pub input: HistoryMessage,
    /// Where the reply goes.
    pub reply_to: Channel,
    /// The agent's snapshot.
    pub snapshot: Digest,
    /// What the snapshot leaves out in this conversation.
    pub hide_private: bool,
    /// The sections that change from turn to turn.
    pub volatile: Vec<Section>,
    /// The recent history, oldest first.
    pub history: Vec<HistoryMessage>,
    /// Where the agent's memory is appended to today.
    pub memory_note: DocumentPath,
    /// The active values of the secrets that the agent's models name; what is not active is not here.
    pub secrets: BTreeMap<SecretRef, SecretValue>,
    /// What the turn and the calls of its skills may take.
    #[serde(default)]
    pub limits: TurnLimits,
    /// Ties the turn's spans to those of the message's arrival.
    pub trace_id: TraceId,
}

/// Why a message was not hydrated.
#[derive(Debug, thiserror::Error)]
pub enum HydrateError {
    /// The lease is gone.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The agent was disabled after the message was accepted.
    #[error("the agent is disabled")]
    AgentDisabled,
    /// A secret of the agent's is stored and cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gather what the turn of a started message needs. Only reads: a long history or a large workspace keeps nobody from
/// writing. Where the agent's snapshot had to be built, it is to be stored with [`snapshot::Built::store`] before a
/// worker asks for it.
///
/// # Errors
/// A disabled agent, a secret that does not open, or the database.
pub async fn hydrate(
    tx: &mut Tx,
    policy: &Policy,
    key: &MasterKey,
    lease: &Lease,
    started: Started,
) -> Result<(Bundle, Option<Built>), HydrateError> {
    let now = tx.now().await?;
    let current = snapshot::current(tx, policy, lease).await?;
    let Current {
        digest,
        snapshot,
        built,
        tenant_limits,
    } = current.ok_or(HydrateError::AgentDisabled)?;
    let history = history::window(tx, lease, policy.history_messages, policy.history_bytes).await?;
    let mode = mode(&started.payload.reply_to);
    let private = mode == TurnMode::Main;
    let today = Today::new(now, &snapshot.time_zone);
    let memory_note = today
        .note_path()
        .parse()
        .map_err(|error: crate::domain::IdError| StoreError::Corrupt {
            what: "note path",
            reason: error.to_string(),
        })?;
    let bundle = Bundle {
        attempt: started.attempt,
        mode,
        input: HistoryMessage {
            role: Role::User,
            parts: vec![Part::Text(started.payload.message_text)],
            at: Some(now),
        },
        reply_to: started.payload.reply_to,
        snapshot: digest,
        hide_private: !private,
        volatile: today.sections(policy, &snapshot.notes, private),
        history,
        memory_note,
        secrets: values(tx, key, lease, &snapshot.models).await?,
        limits: TurnLimits::of(&policy.default_limits, &tenant_limits, &snapshot),
        trace_id: started.trace_id,
    };
    Ok((bundle, built))
}

async fn values(
    tx: &mut Tx,
    key: &MasterKey,
    lease: &Lease,
    models: &AgentModels,
) -> Result<BTreeMap<SecretRef, SecretValue>, SecretError> {
    let mut values = BTreeMap::new();
    for name in models.iter().filter_map(|model| model.secret_ref.as_ref()) {
        if !values.contains_key(name)
            && let Some(value) = secrets::active(tx, key, &lease.tenant_id, name).await?
        {
            values.insert(name.clone(), value.into());
        }
    }
    Ok(values)
}

/// A Telegram group has a negative chat id; everything else is one person's conversation.
fn mode(channel: &Channel) -> TurnMode {
    match channel {
        Channel::Telegram { chat_id, .. } if *chat_id < 0 => TurnMode::Group,
        Channel::Telegram { .. } | Channel::Api => TurnMode::Main,
    }
}
