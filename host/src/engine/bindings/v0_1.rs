//! Version 0.1 of `agent-factory:guest`, as generated from `wit/`.
//!
//! The engine's world is generated first; the skill's shares its interfaces, so that a capability is
//! implemented once for both. Imports are asynchronous on this side only: a guest sees plain
//! functions, and only the guest waits. All of them may trap, since any host call may have to end
//! the call (a limit, a lost lease).

mod engine {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "agent-factory:guest/engine",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "agent-factory:guest/blobs.blob": crate::engine::capabilities::Blob,
            "agent-factory:guest/turns.turn": crate::engine::capabilities::TurnHandle,
            "agent-factory:guest/model.endpoint": crate::engine::capabilities::EndpointHandle,
            "agent-factory:guest/model.exchange": crate::engine::capabilities::ExchangeHandle,
        },
    });
}

mod skill {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "agent-factory:guest/skill-pure",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "agent-factory:guest/tool-calls.tool-call": crate::engine::capabilities::ToolCall,
            "agent-factory:guest/blobs": super::engine::agent_factory::guest::blobs,
            "agent-factory:guest/types": super::engine::agent_factory::guest::types,
            "agent-factory:guest/logging": super::engine::agent_factory::guest::logging,
            "agent-factory:guest/config": super::engine::agent_factory::guest::config,
            "agent-factory:guest/key-value": super::engine::agent_factory::guest::key_value,
            "agent-factory:guest/memory": super::engine::agent_factory::guest::memory,
        },
    });
}

pub(in crate::engine) use engine::agent_factory::guest::{
    blobs, config, key_value, logging, memory, model, turns, types,
};
pub(in crate::engine) use engine::exports::agent_factory::guest::adapter;
pub(in crate::engine) use engine::{Engine as EngineWorld, EnginePre};
pub(in crate::engine) use skill::SkillPurePre as SkillPre;
pub(in crate::engine) use skill::agent_factory::guest::tool_calls;
