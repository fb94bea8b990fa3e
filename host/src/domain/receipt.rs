use super::{Digest, LimitExceeded, ModelApi, ModelName, SkillName, ToolName};
use serde::{Deserialize, Deserializer, Serialize};

/// What was invoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Invocation {
    /// The engine adapter, for a turn.
    Engine,
    /// One call of one tool.
    Tool {
        /// The skill.
        skill: SkillName,
        /// Its tool.
        tool: ToolName,
    },
    /// One request to a model, made for the engine.
    Model {
        /// The wire format.
        api: ModelApi,
        /// The vendor's name of the model.
        model: ModelName,
    },
}

/// Tokens of one exchange with a model, as the vendor counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelTokens {
    /// Of the request, those from a cache included.
    pub input: u64,
    /// Of the request, read from the vendor's cache.
    pub cached_input: u64,
    /// Of the answer, those of reasoning included.
    pub output: u64,
    /// Of the answer, spent on reasoning.
    pub reasoning: u64,
}

/// What one exchange with a model took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelUsage {
    /// The HTTP status; none where no answer began.
    pub status: Option<u16>,
    /// The request's body, bytes.
    pub request_bytes: u64,
    /// What came of the answer's body, bytes.
    pub answer_bytes: u64,
    /// Tokens; none where the vendor did not say, or the answer did not come to its end.
    pub tokens: Option<ModelTokens>,
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptOutcome {
    /// With an answer.
    Ok,
    /// With an error the guest chose.
    GuestError,
    /// In a trap.
    Trap,
    /// At a limit.
    Exhausted,
    /// The turn ended first.
    Cancelled,
}

impl ReceiptOutcome {
    /// As it is stored and counted.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::GuestError => "guest_error",
            Self::Trap => "trap",
            Self::Exhausted => "exhausted",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One line a guest logged. No secret value reaches a guest, so none can be in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptLine {
    /// `trace` to `error`.
    pub level: String,
    /// At most `limits.log_line_bytes` bytes.
    pub text: String,
}

/// What one invocation of a component, or one request to a model, cost, and what it had to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// What was invoked.
    pub invocation: Invocation,
    /// The component that ran, or that asked the model.
    pub component: Digest,
    /// How it ended.
    pub outcome: ReceiptOutcome,
    /// The limit that ended it, where one did.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "known"
    )]
    pub ended_by: Option<LimitExceeded>,
    /// Limits that it was over and that did not end it: what it asked for was refused, cut or dropped.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "all_known"
    )]
    pub limits_met: Vec<LimitExceeded>,
    /// Wall clock, microseconds.
    pub duration_us: u64,
    /// Time on a processor, microseconds: how long the host spent polling the guest.
    pub cpu_us: u64,
    /// The most linear memory held at once, bytes.
    pub memory_peak_bytes: u64,
    /// How often the guest called the host (not counting WASI).
    pub host_calls: u32,
    /// What the guest logged, oldest first.
    pub log: Vec<ReceiptLine>,
    /// Lines beyond the bound, dropped.
    pub log_dropped: u32,
    /// Of a request to a model; none of a component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<ModelUsage>,
}

impl Receipt {
    /// The skill whose tool was called.
    #[must_use]
    pub const fn skill(&self) -> Option<&SkillName> {
        match &self.invocation {
            Invocation::Tool { skill, .. } => Some(skill),
            Invocation::Engine | Invocation::Model { .. } => None,
        }
    }
}

impl Invocation {
    /// The word for what was invoked.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Tool { .. } => "tool",
            Self::Model { .. } => "model",
        }
    }
}

/// A limit as a newer version may name it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Known(LimitExceeded),
    Unknown(serde::de::IgnoredAny),
}

impl Named {
    fn known(self) -> Option<LimitExceeded> {
        match self {
            Self::Known(limit) => Some(limit),
            Self::Unknown(_) => None,
        }
    }
}

/// A receipt of a newer version is read all the same: a limit that this one does not know is left out.
fn known<'de, D: Deserializer<'de>>(from: D) -> Result<Option<LimitExceeded>, D::Error> {
    let named = Option::<Named>::deserialize(from)?;
    Ok(named.and_then(Named::known))
}

fn all_known<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<LimitExceeded>, D::Error> {
    let named = Vec::<Named>::deserialize(from)?;
    Ok(named.into_iter().filter_map(Named::known).collect())
}
