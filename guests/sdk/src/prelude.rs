//! Everything most skills need: `use agent_factory_sdk::prelude::*;`.

pub use crate::types::{Blob, File, Output, ToolError};
pub use crate::{Context, Json, config, http, key_value, log, memory, tool};
pub use schemars::{self, JsonSchema};
pub use serde::{Deserialize, Serialize};
