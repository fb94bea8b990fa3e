//! The attributes of `agent-factory-sdk`.
