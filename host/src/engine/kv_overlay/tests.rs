use super::*;
use crate::engine::lookups::NoLookups;

fn written(value: &[u8]) -> Written {
    let value = Some(value.to_vec());
    Written { value, version: 1 }
}

fn place(key: &str) -> (KvOwner, String) {
    (KvOwner(None), key.to_owned())
}

#[test]
fn bytes_are_kept_up_to_the_bound_and_a_rewrite_gives_back_what_it_replaces() {
    let limits = Limits {
        overlay_bytes: 8,
        ..Limits::default()
    };
    let mut overlay = KvOverlay::default();
    overlay
        .keep(&limits, place("a"), written(b"1234567"))
        .unwrap();
    let error = overlay.keep(&limits, place("b"), written(b"")).unwrap_err();
    let KvError::TooLarge(text) = error else {
        panic!("{error:?}");
    };
    assert!(
        text.contains("8 bytes") && text.ends_with("(overlay_bytes)"),
        "{text}"
    );
    overlay.keep(&limits, place("a"), written(b"12")).unwrap();
    overlay.keep(&limits, place("b"), written(b"1234")).unwrap();
    assert!(
        overlay
            .keep(&limits, place("b"), written(b"12345"))
            .is_err()
    );
    assert_eq!(overlay.take_writes().len(), 2);
}

#[test]
fn keys_are_kept_up_to_the_bound_whether_they_are_written_or_removed() {
    let limits = Limits {
        overlay_entries: 2,
        ..Limits::default()
    };
    let mut overlay = KvOverlay::default();
    overlay.keep(&limits, place("a"), written(b"1")).unwrap();
    let removed = Written {
        value: None,
        version: 1,
    };
    overlay.keep(&limits, place("b"), removed).unwrap();
    overlay.keep(&limits, place("a"), written(b"2")).unwrap();
    let error = overlay
        .keep(&limits, place("c"), written(b"1"))
        .unwrap_err();
    assert!(matches!(error, KvError::TooLarge(text) if text.ends_with("(overlay_entries)")));
}

/// Has nothing stored.
struct Empty;

#[async_trait::async_trait]
impl Lookups for Empty {
    async fn kv_get(
        &self,
        _: &KvOwner,
        _: KvScope,
        _: &str,
    ) -> Result<Option<KvEntry>, LookupError> {
        Ok(None)
    }
    async fn kv_set(
        &self,
        owner: &KvOwner,
        key: &str,
        value: Vec<u8>,
        if_version: Option<u64>,
        call: &str,
    ) -> Result<Result<u64, KvError>, LookupError> {
        NoLookups.kv_set(owner, key, value, if_version, call).await
    }
    async fn kv_delete(
        &self,
        owner: &KvOwner,
        key: &str,
        call: &str,
    ) -> Result<Result<(), KvError>, LookupError> {
        NoLookups.kv_delete(owner, key, call).await
    }
    async fn kv_list(
        &self,
        owner: &KvOwner,
        scope: KvScope,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<KvPage, LookupError> {
        NoLookups.kv_list(owner, scope, prefix, after, limit).await
    }
    async fn memory_search(
        &self,
        query: &str,
        limit: u32,
    ) -> Result<Vec<crate::domain::MemoryHit>, LookupError> {
        NoLookups.memory_search(query, limit).await
    }
    async fn memory_read(
        &self,
        path: &crate::domain::DocumentPath,
        start: u32,
        lines: u32,
    ) -> Result<Option<String>, LookupError> {
        NoLookups.memory_read(path, start, lines).await
    }
}

#[tokio::test]
async fn removing_what_nobody_knows_leaves_nothing() {
    let limits = Limits::default();
    let mut overlay = KvOverlay::default();
    for number in 0..10 {
        let removed = overlay.delete(&Empty, &limits, &KvOwner(None), format!("key-{number}"));
        removed.await.unwrap().unwrap();
    }
    assert_eq!(overlay.take_writes(), []);
}
