//! What goes into a turn, and what comes out of it.

use super::{Grants, Lookups, SkillComponent, Sources, TurnModel};
use crate::domain::{
    Digest, DocumentPath, HistoryMessage, KvWrite, LimitExceeded, LimitSet, MessageId, Receipt,
    Reply, SecretRef, SecretValue, Section, SkillName, Tool, TurnMode,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// One turn to run: a hydrated bundle, and the way back for lookups.
pub struct TurnInput {
    /// The message's id: the same for every attempt.
    pub turn_id: MessageId,
    /// 1 for the first try.
    pub attempt: u32,
    /// Whose turn it is, without saying who: turns of one share take slots from each other before they take them from others.
    pub share: Digest,
    /// What the turn is for.
    pub mode: TurnMode,
    /// The compiled prompt, stable sections first.
    pub prompt: Vec<Section>,
    /// The window of the history, oldest first.
    pub history: Vec<HistoryMessage>,
    /// The message to answer.
    pub input: HistoryMessage,
    /// The skills with a component, in the order their tools are offered.
    pub skills: Vec<TurnSkill>,
    /// The models the engine may ask, preferred first.
    pub models: Vec<TurnModel>,
    /// The engine's own settings.
    pub config: BTreeMap<String, String>,
    /// What the turn may take, where that is less than this host allows.
    pub limits: LimitSet,
    /// Today's note, where memory is appended.
    pub memory_note: DocumentPath,
    /// Answers what the bundle does not have.
    pub lookups: Arc<dyn Lookups>,
    /// Where its components get the time and random bytes, and who is told of all they get; none: from the machine, and
    /// nobody.
    pub sources: Option<Sources>,
    /// Ends the turn, and all its tools, at once.
    pub cancel: CancellationToken,
}

/// A skill of a turn.
pub struct TurnSkill {
    /// Its name.
    pub name: SkillName,
    /// Its component, loaded.
    pub component: SkillComponent,
    /// Its tools, as it described them at upload.
    pub tools: Vec<Tool>,
    /// What it may touch for this agent.
    pub grants: Grants,
    /// It asks for more, which must be granted again.
    pub withheld: bool,
    /// The values of the secrets that its granted credentials name; what is not active is not here.
    pub secrets: BTreeMap<SecretRef, SecretValue>,
    /// Its settings for this agent.
    pub config: BTreeMap<String, String>,
    /// What a call of it may take, where that is less than this host allows.
    pub limits: LimitSet,
}

/// How a turn ended.
#[derive(Debug)]
pub struct TurnEnd {
    /// What to store, or why there is nothing to store.
    pub outcome: Result<Overlay, TurnFailure>,
    /// One of the engine, then one of each tool call in the order they ended.
    pub receipts: Vec<Receipt>,
}

/// What a turn changed, to be stored with its completion, all or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    /// Appended to the history, after the input; without the input itself.
    pub history: Vec<HistoryMessage>,
    /// What to send; none: the turn was silent.
    pub reply: Option<Reply>,
    /// Lines for today's note.
    pub memory: Vec<String>,
    /// The last state of each key of the conversation's scope that was written.
    pub kv: Vec<KvWrite>,
}

/// Why a turn gave nothing to store, by what should happen next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TurnFailure {
    /// Worth another try.
    #[error("to be tried again in {after:?}: {reason}")]
    RetryAfter {
        /// At least this long from now.
        after: Duration,
        /// For the operator.
        reason: String,
    },
    /// The prompt is too long for the model.
    #[error("the prompt is longer than the model's context")]
    ContextOverflow,
    /// A person must act; the agent is held and no attempt is spent.
    #[error("held until a person acts: {0}")]
    Hold(String),
    /// No retry helps.
    #[error("{0}")]
    Permanent(String),
    /// The engine broke: its own last words, the trap, and the functions it was in.
    #[error("the engine trapped: {0}")]
    Trap(String),
    /// A limit is spent.
    #[error("{0}")]
    Exhausted(LimitExceeded),
    /// Somebody else owns the conversation now; nothing may be stored.
    #[error("the lease was lost")]
    LeaseLost,
    /// [`TurnInput::cancel`] was cancelled.
    #[error("the turn was cancelled")]
    Cancelled,
}
