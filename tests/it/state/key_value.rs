//! Key-value state, and turns of two conversations that write it at once.

use crate::queue::driver::Driver;
use agent_factory::domain::{KvError, KvOwner, KvScope, Lease};
use agent_factory::state::key_value::{self, Set, SetError};
use agent_factory::store::StoreError;
use agent_factory_tests::store_cases;
use std::sync::Arc;
use tokio::task::JoinSet;

fn owner() -> KvOwner {
    KvOwner(None)
}

fn write(key: &str, if_version: Option<u64>, call: &str) -> Set {
    Set {
        key: key.to_owned(),
        value: vec![0, 255, 7],
        if_version,
        call: call.to_owned(),
        keys_max: 20,
    }
}

fn is_conflict(answer: &Result<u64, SetError>) -> bool {
    matches!(answer, Err(SetError::Refused(KvError::Conflict(_))))
}

async fn lease(queue: &Driver) -> Lease {
    queue.enqueue("c", "hi").await;
    queue.claim_only().await.lease
}

async fn set(queue: &Driver, lease: &Lease, set: Set) -> Result<u64, SetError> {
    let lease = lease.clone();
    queue
        .db()
        .write(move |tx| Box::pin(async move { key_value::set(tx, &lease, &owner(), set).await }))
        .await
}

async fn list(
    queue: &Driver,
    lease: &Lease,
    prefix: &'static str,
    after: &'static str,
) -> Vec<String> {
    let lease = lease.clone();
    let page: Result<_, StoreError> = queue
        .db()
        .read(move |tx| {
            Box::pin(async move {
                key_value::list(tx, &lease, &owner(), KvScope::Agent, prefix, after, 100).await
            })
        })
        .await;
    page.unwrap().keys
}

store_cases! {
    async fn keys_are_listed_in_the_order_of_their_bytes(test) {
        let queue = Driver::new(test).await;
        let lease = lease(&queue).await;
        let mut keys = ["b", "B", "a", "_", "a-b", "a_b", "ab", "é", "z", "Z", "a%", "日"];
        for key in keys {
            set(&queue, &lease, write(key, None, key)).await.unwrap();
        }
        keys.sort_unstable();
        assert_eq!(list(&queue, &lease, "", "").await, keys);
        assert_eq!(list(&queue, &lease, "a", "a%").await, ["a-b", "a_b", "ab"]);
        assert_eq!(list(&queue, &lease, "a%", "").await, ["a%"]);
    }

    async fn of_writes_that_expect_the_same_version_at_once_one_is_accepted(test) {
        let queue = Arc::new(Driver::new(test).await);
        let lease = lease(&queue).await;
        for (round, expected) in [None, Some(0)].into_iter().enumerate() {
            let key = format!("key{round}");
            let mut stored = 0;
            if expected.is_none() {
                stored = set(&queue, &lease, write(&key, None, "first")).await.unwrap();
            }
            let mut writes = JoinSet::new();
            for number in 0..20 {
                let (queue, lease, key) = (Arc::clone(&queue), lease.clone(), key.clone());
                writes.spawn(async move {
                    set(&queue, &lease, write(&key, Some(stored), &format!("{key} call{number}"))).await
                });
            }
            let answers = writes.join_all().await;
            let accepted = answers.iter().filter(|answer| answer.is_ok()).count();
            assert_eq!(accepted, 1, "{answers:?}");
            let refused = answers.iter().filter(|answer| is_conflict(answer)).count();
            assert_eq!(refused, 19, "{answers:?}");
        }
    }

    async fn there_are_never_more_keys_than_the_limit_however_many_come_at_once(test) {
        let queue = Arc::new(Driver::new(test).await);
        let lease = lease(&queue).await;
        let mut writes = JoinSet::new();
        for number in 0..30 {
            let (queue, lease) = (Arc::clone(&queue), lease.clone());
            writes.spawn(async move {
                let key = format!("key{number}");
                set(&queue, &lease, write(&key, None, &key)).await.is_ok()
            });
        }
        let accepted = writes.join_all().await.into_iter().filter(|accepted| *accepted).count();
        assert_eq!((accepted, list(&queue, &lease, "", "").await.len()), (20, 20));
    }
}
