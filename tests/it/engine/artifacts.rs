//! Which compiled code is loaded, and which is not.

use super::fixture::{egress, hostile_engine, hostile_skill, signer};
use agent_factory::config::Limits;
use agent_factory::domain::Digest;
use agent_factory::engine::{
    ArtifactSigner, CompiledCode, CompiledComponent, ComponentHost, ComponentKind, Description,
    LoadError,
};
use std::sync::Arc;

fn host() -> ComponentHost {
    ComponentHost::new(Limits::default(), signer().verifier(), egress()).unwrap()
}

fn changed(change: impl FnOnce(&mut CompiledComponent)) -> Arc<CompiledComponent> {
    let mut artifact = CompiledComponent::clone(&hostile_skill().artifact);
    change(&mut artifact);
    Arc::new(artifact)
}

fn resigned(
    signer: &ArtifactSigner,
    change: impl FnOnce(&mut CompiledCode),
) -> Arc<CompiledComponent> {
    let artifact = CompiledComponent::clone(&hostile_skill().artifact);
    let mut code = CompiledCode {
        component: artifact.component,
        compatibility: artifact.compatibility,
        target: artifact.target,
        description: artifact.description,
        bytes: artifact.bytes,
    };
    change(&mut code);
    Arc::new(signer.sign(code))
}

#[tokio::test]
async fn a_changed_artifact_is_not_loaded() {
    let host = host();
    let middle = hostile_skill().artifact.bytes.len() / 2;
    for (what, artifact) in [
        (
            "a byte of the code",
            changed(|artifact| artifact.bytes[middle] ^= 1),
        ),
        (
            "a byte of the signature",
            changed(|artifact| artifact.signature[3] ^= 1),
        ),
        (
            "another component's digest",
            changed(|artifact| artifact.component = hostile_engine().artifact.component),
        ),
        (
            "another kind",
            changed(|artifact| artifact.description.kind = ComponentKind::Engine),
        ),
        (
            "other tools",
            changed(|artifact| artifact.description.tools = Digest::of(b"tools")),
        ),
        (
            "no signature",
            changed(|artifact| artifact.signature = [0; 64]),
        ),
        (
            "another signer",
            resigned(&ArtifactSigner::from_seed([1; 32]), |_| {}),
        ),
    ] {
        let error = host.load_skill(&artifact).await.unwrap_err();
        assert!(matches!(error, LoadError::Untrusted(_)), "{what}: {error}");
        assert!(host.cached_skill(artifact.component).is_none(), "{what}");
    }
}

#[tokio::test]
async fn an_artifact_of_another_engine_is_refused_in_plain_words() {
    let artifact = resigned(&signer(), |code| {
        code.compatibility = "wasmtime 47".to_owned()
    });
    let error = host().load_skill(&artifact).await.unwrap_err();
    assert!(matches!(error, LoadError::Incompatible { .. }), "{error}");
    assert!(error.to_string().ends_with("compile it again"), "{error}");
}

#[tokio::test]
async fn code_that_is_trusted_and_is_none_is_an_error() {
    let artifact = resigned(&signer(), |code| code.bytes = b"not code".to_vec());
    let error = host().load_skill(&artifact).await.unwrap_err();
    assert!(matches!(error, LoadError::Unusable { .. }), "{error}");
}

#[tokio::test]
async fn a_component_of_the_other_world_is_not_loaded() {
    let host = host();
    let error = host
        .load_engine(&hostile_skill().artifact)
        .await
        .unwrap_err();
    assert!(matches!(error, LoadError::Unusable { .. }), "{error}");
    let error = host
        .load_skill(&hostile_engine().artifact)
        .await
        .unwrap_err();
    assert!(matches!(error, LoadError::Unusable { .. }), "{error}");
}

#[tokio::test]
async fn a_component_is_not_loaded_as_another_kind_than_it_was_admitted_as() {
    // Signed by whom this host trusts, and with a skill's world: its kind alone is another.
    let artifact = resigned(&signer(), |code| {
        code.description = Description::of(ComponentKind::Engine, &[])
    });
    let error = host().load_skill(&artifact).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("it was admitted as engine, not as skill"),
        "{error}"
    );
}

#[tokio::test]
async fn a_skill_knows_the_tools_it_was_admitted_with() {
    let guest = hostile_skill();
    let skill = host().load_skill(&guest.artifact).await.unwrap();
    assert!(skill.offers(&guest.tools));
    let mut tools = guest.tools.clone();
    tools[0].hints.destructive = !tools[0].hints.destructive;
    assert!(!skill.offers(&tools));
    assert!(!skill.offers(&guest.tools[1..]));
}

#[tokio::test]
async fn a_loaded_component_is_cached_by_its_digest() {
    let host = host();
    let digest = hostile_skill().artifact.component;
    assert!(host.cached_skill(digest).is_none());
    host.load_skill(&hostile_skill().artifact).await.unwrap();
    assert_eq!(host.cached_skill(digest).unwrap().digest(), digest);
    assert!(host.cached_engine(digest).is_none());
}

/// A host whose cache is for this many bytes, with the engine and then the skill loaded.
async fn cached(component_cache_bytes: u64) -> (bool, bool) {
    let limits = Limits {
        component_cache_bytes,
        ..Limits::default()
    };
    let host = ComponentHost::new(limits, signer().verifier(), egress()).unwrap();
    let (engine, skill) = (&hostile_engine().artifact, &hostile_skill().artifact);
    host.load_engine(engine).await.unwrap();
    host.load_skill(skill).await.unwrap();
    (
        host.cached_engine(engine.component).is_some(),
        host.cached_skill(skill.component).is_some(),
    )
}

#[tokio::test]
async fn loaded_components_are_cached_up_to_the_bytes_of_their_code() {
    // The cache counts in units of 1 KiB.
    let units = |artifact: &CompiledComponent| artifact.bytes.len().div_ceil(1024) as u64;
    let (engine, skill) = (
        units(&hostile_engine().artifact),
        units(&hostile_skill().artifact),
    );
    assert_eq!(cached((engine + skill) << 10).await, (true, true));
    let least_used = cached((engine + skill - 1) << 10).await;
    assert_eq!(least_used, (false, true), "the engine was used longest ago");
    assert_eq!(cached(0).await, (false, false));
}
