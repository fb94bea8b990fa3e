//! OpenClaw workspaces: read from a folder, kept in the database.
//!
//! A workspace is an agent's documents (`AGENTS.md`, `SOUL.md`, ... and its memory) and its skills. [`read`] takes
//! a folder as it lies on disk and checks it; [`import`] stores it, changing only what the folder changed since
//! the last import, so that what the agent wrote meanwhile is kept.

mod capabilities;
mod import;
mod manifest;
mod read;
mod sql;

pub use import::{AdmittedSkill, Agent, Import, Imported, import};
pub use manifest::{Manifest, ManifestError};
pub use read::{ReadError, SkillFolder, Workspace, read};
