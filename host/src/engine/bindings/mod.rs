//! The guest contract as Rust types, one module a version, and their translation to domain types.
//!
//! Generated types stay here and in `capabilities`: everything else speaks domain types, so that a
//! second version of the contract needs a second translation and nothing more.

mod convert;
pub(super) mod v0_1;

pub(super) use convert::{
    InvalidTool, message_from_guest, message_to_guest, reply_from_guest, tool_error_from_guest,
    tool_from_guest, tool_output_from_guest, tool_result_to_guest,
};
