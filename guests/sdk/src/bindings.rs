//! What `wit-bindgen` makes of the contract in `wit/`: the only place that knows it.
//!
//! Both worlds share one set of the interfaces they have in common, so that a key-value entry is
//! the same Rust type in a skill and in an engine. The shapes of the `types` interface are
//! written by hand in [`crate::types`], where they can have constructors and good error texts.
//!
//! Public because the export macros expand in the author's crate, hidden because nobody else
//! should use it.

#![allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    rust_2018_idioms,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::semicolon_if_nothing_returned,
    reason = "generated code"
)]

pub mod skill {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "skill-pure",
        pub_export_macro: true,
        default_bindings_module: "agent_factory_sdk::bindings::skill",
        runtime_path: "::agent_factory_sdk::expansion::rt",
        additional_derives: [PartialEq],
        with: {
            "agent-factory:guest/types@0.1.0-rc.1": crate::types,
        },
    });
}

pub mod engine {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "engine",
        pub_export_macro: true,
        default_bindings_module: "agent_factory_sdk::bindings::engine",
        runtime_path: "::agent_factory_sdk::expansion::rt",
        additional_derives: [PartialEq],
        with: {
            "agent-factory:guest/types@0.1.0-rc.1": crate::types,
            "agent-factory:guest/logging@0.1.0-rc.1": crate::bindings::skill::agent_factory::guest::logging,
            "agent-factory:guest/config@0.1.0-rc.1": crate::bindings::skill::agent_factory::guest::config,
            "agent-factory:guest/key-value@0.1.0-rc.1": crate::bindings::skill::agent_factory::guest::key_value,
            "agent-factory:guest/memory@0.1.0-rc.1": crate::bindings::skill::agent_factory::guest::memory,
        },
    });
}
