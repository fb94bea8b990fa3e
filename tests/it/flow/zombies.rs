//! A worker that lost its lease, and does not know.

use agent_factory::control::{
    ClaimRequest, Completion, ControlError, ControlPlane, Failure, HeldLease,
};
use agent_factory::domain::{KvOwner, KvScope, Lease, Pool, Reply, Timestamp};
use agent_factory::queue::MessageState;
use agent_factory_tests::built;
use agent_factory_tests::plane_cases;
use std::time::Duration;

/// Claim the one message there is.
pub(super) async fn claim(control: &dyn ControlPlane, worker: &str) -> Lease {
    let request = ClaimRequest {
        worker_id: worker.parse().expect("a worker id"),
        pool: Pool::default(),
        max: 1,
        in_flight: 0,
        wait: Duration::ZERO,
        claim: None,
    };
    let mut turns = control.claim(request).await.expect("a claim").turns;
    turns.pop().expect("a claimed turn").lease
}

fn completion(text: &str) -> Completion {
    Completion {
        reply: Some(Reply {
            text: text.to_owned(),
            files: Vec::new(),
        }),
        memory: vec!["a zombie was here".to_owned()],
        memory_note: Some("memory/2023-11-14.md".parse().expect("a path")),
        ..Completion::default()
    }
}

fn lost<T: std::fmt::Debug>(outcome: Result<T, ControlError>) {
    assert!(
        matches!(outcome, Err(ControlError::LeaseLost)),
        "{outcome:?}"
    );
}

/// Every operation of a running turn under this lease is refused.
async fn can_do_nothing(control: &dyn ControlPlane, lease: &Lease) {
    let owner = KvOwner(Some("notes".parse().expect("a skill's name")));
    let note = "MEMORY.md".parse().expect("a path");
    lost(control.hydrate(lease).await);
    lost(control.kv_get(lease, &owner, KvScope::Agent, "key").await);
    lost(
        control
            .kv_set(lease, &owner, "key", b"zombie".to_vec(), None, "call")
            .await,
    );
    lost(control.kv_delete(lease, &owner, "key", "call").await);
    lost(
        control
            .kv_list(lease, &owner, KvScope::Agent, "", "", 10)
            .await,
    );
    lost(control.memory_search(lease, "bread", 5).await);
    lost(control.memory_read(lease, &note, 1, 5).await);
    lost(control.complete(lease, completion("from the zombie")).await);
    let reason = "the zombie gave up".to_owned();
    let receipts = Vec::new();
    lost(
        control
            .fail(
                lease,
                Failure::Permanent {
                    reason: reason.clone(),
                    receipts: receipts.clone(),
                },
            )
            .await,
    );
    lost(
        control
            .fail(lease, Failure::Hold { reason, receipts })
            .await,
    );
    lost(control.give_back(lease, Vec::new()).await);
    let worker = "zombie".parse().expect("a worker id");
    let lease = HeldLease {
        lease: lease.clone(),
        started: true,
    };
    let pool = lease.lease.pool.clone();
    let beats = control.heartbeat(&worker, &pool, std::slice::from_ref(&lease));
    let beats = beats.await.expect("an answer").beats;
    assert_eq!(beats, [agent_factory::control::Beat::Lost]);
}

plane_cases! {
    async fn a_worker_whose_lease_has_ended_can_do_nothing_before_and_after_another_has_the_message(factory) {
        factory
            .agent("ada", "offline", &built::demo_workspace())
            .await;
        let message = factory.enqueue("ada", "chat", "hello").await;
        let control = factory.control();
        let zombie = claim(&*control, "zombie").await;
        control.hydrate(&zombie).await.expect("a started turn");

        // A day later the lease is over, though nobody has swept it away.
        let later = Timestamp::from_millis(1_700_000_000_000).plus(Duration::from_secs(86_400));
        factory.db().set_clock(later).await.expect("a test clock");
        can_do_nothing(&*control, &zombie).await;

        // The lost worker counts as an attempt, which is tried again after its backoff.
        let none = control.claim(ClaimRequest {
            worker_id: "heir".parse().expect("a worker id"),
            pool: Pool::default(),
            max: 1,
            in_flight: 0,
            wait: Duration::ZERO,
        claim: None,
        });
        assert_eq!(none.await.expect("a claim").turns.len(), 0);
        factory
            .db()
            .set_clock(later.plus(Duration::from_secs(600)))
            .await
            .expect("a test clock");
        let heir = claim(&*control, "heir").await;
        assert!(heir.fence > zombie.fence && heir.token != zombie.token);
        can_do_nothing(&*control, &zombie).await;

        control.hydrate(&heir).await.expect("a started turn");
        control
            .complete(&heir, completion("from the heir"))
            .await
            .expect("a completion");
        can_do_nothing(&*control, &zombie).await;
        assert_eq!(factory.reply("ada", &message).await, "from the heir");
        let status = factory.status("ada", &message).await;
        assert!(
            matches!(status.state, MessageState::Done { .. }),
            "{status:?}"
        );
        assert_eq!((status.attempts, status.crashes), (1, 1));
    }

    async fn a_repeated_completion_is_told_it_succeeded_and_stores_nothing_twice(factory) {
        factory
            .agent("ada", "offline", &built::demo_workspace())
            .await;
        let message = factory.enqueue("ada", "chat", "hello").await;
        let control = factory.control();
        let lease = claim(&*control, "worker").await;
        control.hydrate(&lease).await.expect("a started turn");
        for _ in 0..3 {
            control
                .complete(&lease, completion("once"))
                .await
                .expect("a completion");
        }
        assert_eq!(factory.reply("ada", &message).await, "once");
    }

    async fn a_lease_altered_to_name_another_tenant_is_no_lease(factory) {
        for tenant in ["ada", "bob"] {
            factory
                .agent(tenant, "offline", &built::demo_workspace())
                .await;
            factory.enqueue(tenant, "chat", "hello").await;
        }
        let control = factory.control();
        let lease = claim(&*control, "worker").await;
        let other = if lease.tenant_id.as_str() == "ada" {
            "bob"
        } else {
            "ada"
        };
        let forged = Lease {
            tenant_id: other.parse().expect("a tenant id"),
            ..lease
        };
        lost(
            control
                .kv_get(&forged, &KvOwner(None), KvScope::Agent, "key")
                .await,
        );
        lost(control.hydrate(&forged).await);
        lost(control.complete(&forged, completion("forged")).await);
    }

    async fn a_write_asked_for_again_by_a_second_attempt_changes_nothing_that_others_have_written_since(factory) {
        factory
            .agent("ada", "offline", &built::demo_workspace())
            .await;
        factory.enqueue("ada", "first", "hello").await;
        factory.enqueue("ada", "second", "hello").await;
        let control = factory.control();
        let (one, two) = (claim(&*control, "one").await, claim(&*control, "two").await);
        let owner = KvOwner(Some("notes".parse().expect("a skill's name")));
        let set = async |lease: &Lease, value: &str, call: &str| {
            let value = value.as_bytes().to_vec();
            let set = control.kv_set(lease, &owner, "key", value, None, call);
            set.await.expect("an answer").expect("a version")
        };
        let get = async || {
            let entry = control.kv_get(&one, &owner, KvScope::Agent, "key").await;
            entry.expect("an answer").map(|entry| entry.value)
        };
        let first = set(&one, "mine", "call-1").await;
        set(&two, "theirs", "call-1").await;
        assert_eq!(
            set(&one, "mine", "call-1").await,
            first,
            "the repeat's answer"
        );
        assert_eq!(get().await, Some(b"theirs".to_vec()));

        control
            .kv_delete(&one, &owner, "key", "call-2")
            .await
            .expect("an answer");
        let again = set(&two, "theirs again", "call-2").await;
        control
            .kv_delete(&one, &owner, "key", "call-2")
            .await
            .expect("an answer");
        assert_eq!(get().await, Some(b"theirs again".to_vec()));
        assert!(again > first, "a version never comes back");
    }
}
