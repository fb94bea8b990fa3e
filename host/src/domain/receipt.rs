use super::{Digest, SkillName, ToolName};
use serde::{Deserialize, Serialize};

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

/// What one invocation of a component cost, and what it had to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What was invoked.
    pub invocation: Invocation,
    /// The component that ran.
    pub component: Digest,
    /// How it ended.
    pub outcome: ReceiptOutcome,
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
}
