//! OpenClaw workspaces: read from a folder or an upload, kept in the database.
//!
//! A workspace is an agent's documents (`AGENTS.md`, `SOUL.md`, ... and its memory) and its skills. [`read`] takes
//! a folder as it lies on disk and checks it, [`unpack`] one that was uploaded; both end as the same [`Files`], so that
//! what a laptop accepts is what the control plane accepts. [`import`] stores a whole workspace, changing only what the
//! folder changed since the last import, so that what the agent wrote meanwhile is kept. One skill, one document and an
//! agent's profile can also be put by themselves.
//!
//! Whatever changes an agent locks its row first, changes nothing where nothing differs, and lets the compiled prompt be
//! built anew where something does.

mod agents;
mod archive;
mod capabilities;
mod documents;
mod engines;
mod error;
mod files;
mod folder;
mod import;
mod manifest;
mod read;
mod skill_rows;
mod skills;
mod sql;

pub use agents::{AgentId, AgentProfile, Configure, agent, agent_configure, agents};
pub use archive::{pack, unpack};
pub use capabilities::CapabilitiesError;
pub use documents::{
    DocumentInfo, DocumentPut, Overwrite, document, document_delete, document_put, documents,
};
pub use engines::{
    Engine, EngineBounds, EngineChoice, EngineOwner, NewEngine, engine_put, engines,
};
pub use error::WorkspaceError;
pub use files::{AssetKind, FilePath, FilePathError, Files};
pub use folder::{Bounds, FolderError, SkillFolder};
pub use import::{Agent, Import, Imported, import};
pub use manifest::{Manifest, ManifestError};
pub use read::{ReadError, Workspace, read, read_skill};
pub use skills::{
    AdmittedSkill, Skill, SkillAsset, SkillPut, skill, skill_configure, skill_delete, skill_put,
    skills,
};
