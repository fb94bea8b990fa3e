use crate::domain::{AgentKey, DocumentPath, SkillName, TenantId};
use crate::store::StoreError;

/// Why something of an agent was not stored; nothing is changed then.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// There is no such tenant.
    #[error("there is no tenant {0}; create it first")]
    TenantMissing(TenantId),
    /// There is no such agent.
    #[error("there is no agent {0}; configure it first")]
    AgentMissing(AgentKey),
    /// A new agent without an engine.
    #[error(
        "the agent {0} is new: name its engine, one that the operator ships or one that was uploaded"
    )]
    EngineNeeded(AgentKey),
    /// No such engine, or another tenant's: who asks cannot tell.
    #[error("there is no engine {0}; upload it first, or list the engines there are")]
    EngineMissing(String),
    /// Not a name of the time zone database.
    #[error("there is no time zone {0:?}; name one as Europe/Rome")]
    TimeZone(String),
    /// An agent with conversations stays with its machines.
    #[error("the agent {0} has conversations already, so it stays in its pool")]
    PoolFixed(AgentKey),
    /// Too much of something.
    #[error("{what}: at most {max} ({bound})")]
    TooMany {
        /// Of what.
        what: String,
        /// The bound.
        max: u64,
        /// The bound's name.
        bound: &'static str,
    },
    /// A path that no document has.
    #[error(
        "{0} is no document's path: name it within the workspace, with no `/` at its beginning, no `.` and no `..`"
    )]
    DocumentPath(DocumentPath),
    /// A text that the database could not give back.
    #[error("the document {0} holds the character 0, which no text has")]
    NotText(DocumentPath),
    /// Two tools that the model could not tell apart.
    #[error(
        "the tool {name} is offered by the skill {other} already; rename the skill or its tool"
    )]
    ToolTwice {
        /// The tool's full name.
        name: String,
        /// Who offers it.
        other: SkillName,
    },
    /// A grant of something else than is stored.
    #[error("the skill {0} is another one than was shown; look at it again before you grant it")]
    OtherGrant(SkillName),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
