use super::*;
use crate::engine::{ArtifactSigner, CompiledCode, ComponentKind, Description};

fn key(component: &str) -> ArtifactKey {
    ArtifactKey {
        component: Digest::of(component.as_bytes()),
        platform: Platform {
            compatibility: "settings".to_owned(),
            target: "../target".to_owned(),
        },
    }
}

fn signer() -> ArtifactSigner {
    ArtifactSigner::from_seed([7; 32])
}

fn signed(key: &ArtifactKey, bytes: &[u8]) -> CompiledComponent {
    signer().sign(CompiledCode {
        component: key.component,
        compatibility: key.platform.compatibility.clone(),
        target: key.platform.target.clone(),
        description: Description::of(ComponentKind::Skill, &[]),
        bytes: bytes.to_vec(),
    })
}

async fn keep(cache: &ArtifactCache, key: &ArtifactKey, bytes: &[u8]) {
    let artifact = signed(key, bytes);
    let mut partial = cache.partial(key).await.unwrap();
    partial.begin(artifact.seal()).unwrap();
    partial.append(&artifact.bytes).unwrap();
    let kept = cache.finish(key, partial, &signer().verifier()).await;
    assert_eq!(kept.unwrap(), artifact);
}

async fn has(cache: &ArtifactCache, key: &ArtifactKey) -> bool {
    cache.load(key, &signer().verifier()).await.is_some()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_is_kept_is_found_again_after_a_restart_and_closed_to_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let cache = ArtifactCache::open(folder.path(), 1 << 20).unwrap();
    keep(&cache, &key("a"), b"code").await;
    let again = ArtifactCache::open(folder.path(), 1 << 20).unwrap();
    assert_eq!(again.bytes(), 4 + 137);
    let artifact = again.load(&key("a"), &signer().verifier()).await.unwrap();
    assert_eq!(artifact, signed(&key("a"), b"code"));
    let [name] = files(folder.path()).try_into().unwrap();
    let mode = std::fs::metadata(folder.path().join(name))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_file_that_was_changed_is_removed_wherever_it_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = ArtifactCache::open(folder.path(), 1 << 20).unwrap();
    for at in [0, 8, 9, 72, 73, 136, 137, 140] {
        keep(&cache, &key("a"), b"code").await;
        let [name] = files(folder.path()).try_into().unwrap();
        let path = folder.path().join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(!has(&cache, &key("a")).await, "byte {at}");
        assert_eq!(files(folder.path()), [""; 0], "byte {at}");
        assert_eq!(cache.bytes(), 0);
    }
}

#[tokio::test]
async fn one_artifact_under_the_name_of_another_is_not_taken_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = ArtifactCache::open(folder.path(), 1 << 20).unwrap();
    keep(&cache, &key("a"), b"code").await;
    let (from, to) = (key("a").name(), key("b").name());
    std::fs::rename(cache.path(&from, FINISHED), cache.path(&to, FINISHED)).unwrap();
    assert!(!has(&cache, &key("b")).await);
}

#[tokio::test]
async fn at_the_bound_all_are_kept_and_one_beyond_what_was_used_longest_ago_goes() {
    let folder = tempfile::tempdir().unwrap();
    let cache = ArtifactCache::open(folder.path(), 2 * (4 + 137)).unwrap();
    keep(&cache, &key("a"), b"code").await;
    keep(&cache, &key("b"), b"code").await;
    assert!(has(&cache, &key("a")).await && has(&cache, &key("b")).await);
    assert!(has(&cache, &key("a")).await);
    keep(&cache, &key("c"), b"c").await;
    assert!(has(&cache, &key("a")).await && has(&cache, &key("c")).await);
    assert!(!has(&cache, &key("b")).await);
}

#[tokio::test]
async fn what_is_larger_than_the_bound_is_given_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = ArtifactCache::open(folder.path(), 4 + 136).unwrap();
    keep(&cache, &key("a"), b"code").await;
    assert!(!has(&cache, &key("a")).await);
    assert_eq!(files(folder.path()), [""; 0]);
}

#[tokio::test]
async fn a_begun_download_goes_on_after_a_restart_and_a_spoiled_one_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let artifact = signed(&key("a"), b"code");
    let cache = ArtifactCache::open(folder.path(), 1 << 20).unwrap();
    let mut partial = cache.partial(&key("a")).await.unwrap();
    assert!(partial.begun().is_none());
    partial.begin(artifact.seal()).unwrap();
    partial.append(b"co").unwrap();
    drop(partial);
    let cache = ArtifactCache::open(folder.path(), 1 << 20).unwrap();
    let mut partial = cache.partial(&key("a")).await.unwrap();
    assert_eq!(partial.begun(), Some((artifact.seal(), 2)));
    partial.append(b"DE").unwrap();
    let spoiled = cache.finish(&key("a"), partial, &signer().verifier()).await;
    assert_eq!(spoiled.unwrap_err(), Spoiled);
    assert!(cache.partial(&key("a")).await.unwrap().begun().is_none());
}

#[tokio::test]
async fn two_processes_do_not_write_into_one_download() {
    let folder = tempfile::tempdir().unwrap();
    let cache = ArtifactCache::open(folder.path(), 1 << 20).unwrap();
    let first = cache.partial(&key("a")).await.unwrap();
    let other = ArtifactCache::open(folder.path(), 1 << 20).unwrap();
    let second = other.partial(&key("a")).await.unwrap();
    drop((first, second));
    assert_eq!(files(folder.path()).len(), 2);
    // What has a process's own name is nobody's any more.
    ArtifactCache::open(folder.path(), 1 << 20).unwrap();
    assert_eq!(files(folder.path()).len(), 1);
}
