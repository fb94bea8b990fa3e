//! The words everything else is written in: ids, messages, leases, tools. Pure values.
//!
//! No I/O here, no clock, no randomness and no database: the rules of this folder are testable by
//! themselves, and every other folder may use them.

mod digest;
mod grants;
mod http;
mod ids;
pub mod json;
mod lease;
mod limit;
mod message;
mod model;
mod payload;
mod prompt;
mod receipt;
mod secret_value;
mod state;
mod time;
mod tool;
mod trace;

pub use digest::{Digest, DigestError};
pub use grants::Grants;
pub use http::{
    CredentialError, CredentialName, CredentialWay, HostPattern, HostPatternError, HttpAllow,
    HttpCredential, HttpDenial, HttpDeny, HttpMethod, HttpMethodError, HttpRules, HttpRulesError,
    OutsideError, PathPrefix, PathPrefixError, Target, TargetError,
};
pub use ids::{
    AgentKey, BotId, ConversationId, DocumentPath, IdError, LeaderId, MessageId, OutboxId, Pool,
    SecretRef, SkillName, TenantId, TokenId, WorkerId,
};
pub use lease::{ClaimId, ClaimIdError, ClaimTry, Fence, Lease, LeaseSeal, LeaseToken};
pub use limit::{LimitExceeded, LimitName, LimitSet, LimitSetError, Reach, UnknownLimit};
pub use message::{HistoryMessage, Part, Reply, Role, ToolRequest, ToolResult};
pub use model::{AgentModel, AgentModels, BaseUrl, ModelApi, ModelError, ModelName};
pub use payload::{Channel, Payload, Provider};
pub use prompt::{Section, TurnMode};
pub use receipt::{
    HttpUsage, Invocation, ModelTokens, ModelUsage, Receipt, ReceiptLine, ReceiptOutcome,
};
pub use secret_value::SecretValue;
pub use state::{KvEntry, KvError, KvOwner, KvPage, KvScope, KvWrite, MemoryHit};
pub use time::Timestamp;
pub(crate) use tool::full_tool_name;
pub use tool::{Content, File, Hints, SkillTool, Tool, ToolError, ToolName, ToolOutput};
pub use trace::{TraceId, TraceIdError};
