//! What the leading process does now and then.

use super::{LEASE, fenced};
use crate::queue::driver::{Driver, policy, worker};
use agent_factory::leader::{Again, LeaderError, SingletonLoop as _};
use agent_factory::maintenance::{Maintenance, Policy, Round};
use agent_factory::outbox;
use agent_factory::queue::ClaimRequest;
use agent_factory_tests::database::TestDatabase;
use agent_factory_tests::store_cases;
use std::time::Duration;

const MOMENT: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

fn maintenance(test: &TestDatabase, batch: u32) -> Maintenance {
    let queue = policy();
    let outbox = outbox::Policy {
        lease: queue.lease,
        lease_total: queue.lease_total,
        max_attempts: queue.max_attempts,
        retry: queue.retry.clone(),
        promote_batch: queue.promote_batch,
        sweep_batch: queue.sweep_batch,
    };
    let policy = Policy {
        every: Duration::from_secs(5),
        batch,
        workers: HOUR,
        snapshots: HOUR,
        finished: HOUR,
        receipts: HOUR,
        queue,
        outbox,
    };
    Maintenance::new(policy, test.ids.clone())
}

/// One round of a new leader.
async fn round(test: &TestDatabase, batch: u32) -> Round {
    let fenced = fenced(test).await;
    let round = maintenance(test, batch).round(&fenced).await.unwrap();
    test.advance(LEASE).await;
    round
}

store_cases! {
    async fn a_pool_in_which_nobody_claims_is_swept(test) {
        let queue = Driver::new(test).await;
        let later = queue.test.now().plus(Duration::from_secs(30));
        queue.schedule("one", later).await;
        queue.enqueue("two", "hello").await;
        queue.claim_only().await;
        let lease = queue.policy.lease;
        queue.test.advance(lease).await;
        let round = round(&queue.test, 10).await;
        assert_eq!((round.swept.promoted, round.swept.expired), (1, 1));
        let waiting = "SELECT count(*) FROM heads WHERE state = 'ready'";
        assert_eq!(queue.test.number(waiting).await, 2);
        let nothing = self::round(&queue.test, 10).await;
        assert_eq!(nothing, Round::default());
    }

    async fn a_worker_is_forgotten_when_it_was_unheard_of_for_the_bound_and_not_before(test) {
        let queue = Driver::new(test).await;
        queue.claim_as(ClaimRequest {
            worker_id: worker("old"),
            pool: agent_factory::domain::Pool::default(),
            max: 1,
            in_flight: 0,
            claim: None,
        }).await;
        queue.test.advance(HOUR - MOMENT).await;
        let count = "SELECT count(*) FROM workers";
        let kept = fenced(&queue.test).await;
        let maintenance = maintenance(&queue.test, 10);
        assert_eq!(maintenance.round(&kept).await.unwrap().workers, 0);
        assert_eq!(queue.test.number(count).await, 1);
        queue.test.advance(MOMENT).await;
        assert_eq!(maintenance.round(&kept).await.unwrap().workers, 1);
        assert_eq!(queue.test.number(count).await, 0);
    }

    async fn a_step_stops_at_its_batch_and_asks_to_go_on_at_once(test) {
        test.execute("INSERT INTO workers (worker_id, pool, status, load, started_at, heartbeat_at)
            VALUES ('a', 'default', 'active', 0, 0, 1), ('b', 'default', 'active', 0, 0, 2),
                ('c', 'default', 'active', 0, 0, 3)").await;
        let lead = fenced(&test).await;
        let maintenance = maintenance(&test, 2);
        assert_eq!(maintenance.tick(&lead).await.unwrap(), Again::AtOnce);
        // Those unheard of for longest went first.
        assert_eq!(test.number("SELECT min(heartbeat_at) FROM workers").await, 3);
        assert_eq!(maintenance.tick(&lead).await.unwrap(), Again::Later);
        assert_eq!(test.number("SELECT count(*) FROM workers").await, 0);
    }

    async fn a_superseded_snapshot_is_kept_for_the_bound_and_a_current_one_for_good(test) {
        test.agent("acme", "support").await;
        let now = test.now().as_millis();
        assert_eq!(now, 1_700_000_000_000);
        test.execute("INSERT INTO hydration_snapshots (tenant_id, digest, agent_key, body, built_at, superseded_at)
            VALUES ('acme', 'current', 'support', '{}', 0, NULL), ('acme', 'older', 'support', '{}', 0, 1700000000000)").await;
        let count = "SELECT count(*) FROM hydration_snapshots";
        test.advance(HOUR - MOMENT).await;
        let lead = fenced(&test).await;
        let maintenance = maintenance(&test, 10);
        assert_eq!(maintenance.round(&lead).await.unwrap().snapshots, 0);
        test.advance(MOMENT).await;
        assert_eq!(maintenance.round(&lead).await.unwrap().snapshots, 1);
        assert_eq!(test.number(count).await, 1);
        test.advance(HOUR * 24).await;
        assert_eq!(round(&test, 10).await.snapshots, 0);
        assert_eq!(test.number(count).await, 1);
    }

    async fn the_calls_of_a_message_that_is_done_are_forgotten_and_those_that_may_come_again_are_kept(test) {
        let queue = Driver::new(test).await;
        let lost = queue.enqueue("one", "lost").await;
        let kept = queue.enqueue("two", "kept").await;
        let given_up = queue.enqueue("three", "given up").await;
        for message in [&lost, &kept, &given_up] {
            let message = message.clone();
            let stored: Result<(), agent_factory::store::StoreError> = queue.db().write(move |tx| Box::pin(async move {
                agent_factory_tests::on_either!(tx, |conn| sqlx::query(
                    "INSERT INTO key_value_calls (tenant_id, message_id, call, version) VALUES ('acme', $1, 'c', 1)",
                ).bind(&message).execute(conn).await.map(drop))?;
                Ok(())
            })).await;
            stored.unwrap();
        }
        queue.cancel(&lost).await;
        // A redrive runs the same turn again.
        queue.test.execute("UPDATE message_queue SET status = 'dead_letter', finished_at = 1
            WHERE conversation_id = 'three'").await;
        assert_eq!(round(&queue.test, 10).await.calls, 1);
        assert_eq!(queue.test.number("SELECT count(*) FROM key_value_calls").await, 2);
        assert_eq!(queue.status(&kept).await.attempts, 0);
    }

    async fn finished_messages_of_all_tenants_are_forgotten_after_the_bound_a_step_at_a_time(test) {
        let queue = Driver::new(test).await;
        queue.test.agent("other", "support").await;
        for number in 0..3 {
            queue.enqueue(&format!("c{number}"), "hi").await;
            queue.enqueue_of("other", &format!("c{number}")).await;
        }
        let leases: Vec<_> = queue.claim(9).await.into_iter().map(|it| it.lease).collect();
        queue.complete_all(&leases).await;
        queue.test.advance(HOUR - MOMENT).await;
        assert_eq!(round(&queue.test, 2).await.messages, 0);
        queue.test.advance(HOUR).await;
        let first = round(&queue.test, 2).await;
        assert_eq!((first.messages, first.more), (4, true));
        let second = round(&queue.test, 2).await;
        assert_eq!((second.messages, second.more), (2, false));
        assert_eq!(queue.test.number("SELECT count(*) FROM finished_messages").await, 0);
    }

    async fn receipts_of_all_tenants_are_forgotten_after_the_bound_and_what_they_came_to_stays(test) {
        test.agent("acme", "support").await;
        test.agent("other", "support").await;
        test.execute("INSERT INTO receipts
            (tenant_id, message_id, fence, ordinal, receipt, created_at, agent_key, skill, outcome)
            VALUES ('acme', 'msg_1', 1, 0, '{}', 1700000000000, 'support', '', 'ok'),
                ('acme', 'msg_1', 1, 1, '{}', 1700000000000, 'support', '', 'ok'),
                ('acme', 'msg_1', 1, 2, '{}', 1700000000000, 'support', '', 'ok'),
                ('other', 'msg_1', 1, 0, '{}', 1700000000000, 'support', '', 'ok')").await;
        test.execute("INSERT INTO usage_days VALUES ('acme', 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)").await;
        let count = "SELECT count(*) FROM receipts";
        test.advance(HOUR - MOMENT).await;
        let lead = fenced(&test).await;
        let maintenance = maintenance(&test, 2);
        assert_eq!(maintenance.round(&lead).await.unwrap().receipts, 0);
        test.advance(MOMENT).await;
        let first = maintenance.round(&lead).await.unwrap();
        assert_eq!((first.receipts, first.more), (3, true));
        let second = maintenance.round(&lead).await.unwrap();
        assert_eq!((second.receipts, second.more), (1, false));
        assert_eq!(test.number(count).await, 0);
        assert_eq!(test.number("SELECT turns FROM usage_days").await, 3);
    }

    async fn a_former_leader_maintains_nothing(test) {
        test.execute("INSERT INTO workers (worker_id, pool, status, load, started_at, heartbeat_at)
            VALUES ('a', 'default', 'active', 0, 0, 1)").await;
        let former = fenced(&test).await;
        test.advance(LEASE).await;
        let lost = maintenance(&test, 10).tick(&former).await;
        assert!(matches!(lost, Err(LeaderError::Lost)), "{lost:?}");
        assert_eq!(test.number("SELECT count(*) FROM workers").await, 1);
    }
}
