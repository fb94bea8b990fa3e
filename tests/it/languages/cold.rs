//! A cold worker takes a conversation whose skill is 12 MB of JavaScript: it compiles nothing.

use super::stage::guest;
use crate::engine::fixture::egress;
use agent_factory::config::Limits;
use agent_factory::domain::Digest;
use agent_factory::engine::{ComponentHost, ComponentKind, LoadError};
use agent_factory_tests::built;
use agent_factory_tests::compiled::signer;
use agent_factory_tests::factory::Factory;
use std::path::Path;
use std::sync::Arc;

const SKILL: &str = "js-skill";

/// A workspace with this one skill, as its author would upload it.
fn workspace(component: &[u8]) -> tempfile::TempDir {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(SKILL);
    let workspace = tempfile::tempdir().expect("a temporary folder");
    let skill = workspace.path().join("skills").join(SKILL);
    for file in ["SKILL.md", "config/capabilities.toml"] {
        let to = skill.join(file);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        std::fs::copy(source.join(file), to).expect("a copy");
    }
    std::fs::create_dir(skill.join("scripts")).expect("a folder");
    let scripts = skill.join("scripts").join(format!("{SKILL}.wasm"));
    std::fs::write(scripts, component).expect("a file");
    workspace
}

#[tokio::test]
async fn a_cold_worker_without_a_compiler_runs_a_skill_of_12_megabytes() {
    let Some(component) = built::language_guest(SKILL) else {
        return;
    };
    assert!(component.len() > 12_000_000, "{}", component.len());
    let factory = Factory::new().await;
    factory
        .agent("ada", "hostile-engine", workspace(&component).path())
        .await;
    let cold = factory.cold().await;
    let _worker = cold.work();
    let reply = cold
        .ask(
            "ada",
            "chat",
            r#"tool js_skill__convert {"value":1,"from":"mile"}"#,
        )
        .await;
    assert_eq!(reply, "call-1: ok 1 mile = 1609.34 metre");
    // It was no accident: this process has nothing to compile with.
    let other = built::guest_bytes("dice");
    let admitted = cold.app().admission.admit(ComponentKind::Skill, other);
    let error = admitted.await.expect_err("no compiler").to_string();
    assert!(error.contains("the compiler could not be run"), "{error}");
}

#[tokio::test]
async fn a_host_refuses_a_component_that_was_not_compiled_even_when_it_is_signed() {
    let Some(compiled) = guest(ComponentKind::Skill, SKILL).await else {
        return;
    };
    let bytes = built::language_guest(SKILL).expect("it was there");
    let host =
        ComponentHost::new(Limits::default(), signer().verifier(), egress()).expect("a host");
    assert!(host.cached_skill(Digest::of(&bytes)).is_none());
    let mut raw = agent_factory::engine::CompiledCode {
        component: compiled.artifact.component,
        compatibility: compiled.artifact.compatibility.clone(),
        target: compiled.artifact.target.clone(),
        description: compiled.artifact.description,
        bytes,
    };
    let signed = Arc::new(signer().sign(raw.clone()));
    let error = host.load_skill(&signed).await.expect_err("nothing to map");
    assert!(matches!(error, LoadError::Unusable { .. }), "{error}");
    // What the child made of the same component is loaded into the same cold host.
    raw.bytes.clone_from(&compiled.artifact.bytes);
    let signed = Arc::new(signer().sign(raw));
    host.load_skill(&signed).await.expect("a skill");
}
