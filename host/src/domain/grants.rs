use serde::{Deserialize, Serialize};

/// What a skill may use, beside pure computation. A grant is fixed together with the component it was given to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Key-value state shared by all conversations of the agent.
    pub kv_agent: bool,
    /// Key-value state of one conversation.
    pub kv_conversation: bool,
    /// Search and read the agent's memory.
    pub memory_read: bool,
    /// Append to the agent's memory.
    pub memory_append: bool,
}

impl Grants {
    /// Everything: for engine adapters, which the operator chose.
    pub const ALL: Self = Self {
        kv_agent: true,
        kv_conversation: true,
        memory_read: true,
        memory_append: true,
    };
}
