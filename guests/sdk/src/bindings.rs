//! What `wit-bindgen` makes of the contract in `wit/`: the only place that knows it.
//!
//! Both worlds share one set of the interfaces they have in common, so that a key-value entry is
//! the same Rust type in a skill and in an engine. The resource `blob` is wrapped by [`crate::blob`],
//! so that it can be cloned, compared, and faked in a test. The shapes of the `types` interface are
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

/// The resource `blob` alone, for [`crate::blob`] to wrap.
pub mod blobs {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package agent-factory:sdk; world blobs { import agent-factory:guest/blobs@0.1.0; }",
        world: "agent-factory:sdk/blobs",
        generate_all,
        runtime_path: "::agent_factory_sdk::expansion::rt",
    });
}

pub mod skill {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "skill-pure",
        pub_export_macro: true,
        default_bindings_module: "agent_factory_sdk::bindings::skill",
        runtime_path: "::agent_factory_sdk::expansion::rt",
        additional_derives: [PartialEq],
        with: {
            "agent-factory:guest/blobs@0.1.0": crate::blob,
            "agent-factory:guest/types@0.1.0": crate::types,
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
        // What holds a blob can be cloned all the same.
        additional_derives: [PartialEq, Clone],
        additional_derives_ignore: ["turn", "endpoint", "exchange"],
        with: {
            "agent-factory:guest/blobs@0.1.0": crate::blob,
            "agent-factory:guest/types@0.1.0": crate::types,
            "agent-factory:guest/logging@0.1.0": crate::bindings::skill::agent_factory::guest::logging,
            "agent-factory:guest/config@0.1.0": crate::bindings::skill::agent_factory::guest::config,
            "agent-factory:guest/key-value@0.1.0": crate::bindings::skill::agent_factory::guest::key_value,
            "agent-factory:guest/memory@0.1.0": crate::bindings::skill::agent_factory::guest::memory,
        },
    });
}
