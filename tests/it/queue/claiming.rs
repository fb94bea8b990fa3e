//! Who is given what, and in which order.

use super::driver::{Driver, acme, conversations, request, tenants};
use agent_factory::domain::Pool;
use agent_factory::queue::{ClaimRequest, Enqueue, MAX_CLAIM, Priority, Retry, Scope};
use agent_factory::store::Topic;
use agent_factory_tests::database::EPOCH;
use agent_factory_tests::store_cases;
use std::collections::BTreeSet;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

store_cases! {
    async fn a_batch_holds_one_message_of_a_conversation(test) {
        let queue = Driver::new(test).await;
        let first = queue.enqueue("a", "1").await;
        queue.enqueue("a", "2").await;
        queue.enqueue("b", "1").await;
        let claimed = queue.claim(9).await;
        assert_eq!(conversations(&claimed), ["a", "b"]);
        assert_eq!(claimed[0].lease.message_id, first);
        assert!(queue.claim(9).await.is_empty());
    }

    async fn messages_of_a_conversation_come_in_the_order_they_were_accepted(test) {
        let queue = Driver::new(test).await;
        let mut sent = Vec::new();
        for text in ["1", "2", "3", "4"] {
            sent.push(queue.enqueue("c", text).await);
        }
        let mut taken = Vec::new();
        for _ in 0..4 {
            let claimed = queue.claim_only().await;
            queue.complete(&claimed.lease).await.unwrap();
            taken.push(claimed.lease.message_id);
        }
        assert_eq!(taken, sent);
    }

    async fn a_claim_gives_as_many_as_asked_for_and_no_more(test) {
        let queue = Driver::new(test).await;
        for conversation in ["a", "b", "c"] {
            queue.enqueue(conversation, "hi").await;
        }
        assert!(queue.claim(0).await.is_empty());
        assert_eq!(queue.claim(2).await.len(), 2);
        assert_eq!(queue.claim(2).await.len(), 1);
    }

    async fn a_claim_gives_no_more_than_its_bound(test) {
        let queue = Driver::new(test).await;
        for number in 0..=MAX_CLAIM {
            queue.enqueue(&format!("c{number}"), "hi").await;
        }
        assert_eq!(queue.claim(MAX_CLAIM + 1).await.len(), 512);
        assert_eq!(queue.claim(MAX_CLAIM + 1).await.len(), 1);
    }

    async fn a_tenant_s_urgent_conversations_come_first_then_those_due_longest(test) {
        let queue = Driver::new(test).await;
        for (conversation, priority) in [("low", 10), ("old", 50), ("high", 90), ("new", 50)] {
            let message = queue.message(conversation, "hi");
            let priority = Some(Priority::clamped(priority));
            queue.enqueue_as(Enqueue { priority, ..message }).await;
            queue.test.advance(SECOND).await;
        }
        assert_eq!(conversations(&queue.claim(9).await), ["high", "old", "new", "low"]);
    }

    async fn tenants_take_turns_whatever_each_has_waiting(test) {
        let queue = Driver::new(test).await;
        for tenant in ["acme", "big", "tiny"] {
            queue.test.agent(tenant, "support").await;
        }
        for number in 0..30 {
            queue.enqueue_of("big", &format!("c{number:02}")).await;
        }
        queue.enqueue_of("tiny", "c").await;
        queue.enqueue_of("acme", "c").await;
        // Turns go round by name, within a batch and from batch to batch.
        let mut turns = Vec::new();
        for size in [1, 1, 2] {
            turns.extend(tenants(&queue.claim(size).await).into_iter().map(str::to_owned));
        }
        assert_eq!(turns, ["acme", "big", "tiny", "big"]);
    }

    async fn tenants_share_one_batch_and_leave_no_part_of_it_unused(test) {
        let queue = Driver::new(test).await;
        for tenant in ["big", "mid", "tiny"] {
            queue.test.agent(tenant, "support").await;
        }
        for number in 0..30 {
            queue.enqueue_of("big", &format!("c{number:02}")).await;
        }
        for number in 0..3 {
            queue.enqueue_of("mid", &format!("c{number}")).await;
        }
        queue.enqueue_of("tiny", "c").await;
        let claimed = queue.claim(12).await;
        let of = |tenant: &str| tenants(&claimed).iter().filter(|name| **name == tenant).count();
        assert_eq!((of("big"), of("mid"), of("tiny")), (8, 3, 1));
    }

    async fn a_small_tenant_waits_for_no_more_than_one_round_of_the_others(test) {
        let queue = Driver::new(test).await;
        for number in 0..20 {
            let tenant = format!("t{number:02}");
            queue.test.agent(&tenant, "support").await;
            for conversation in ["a", "b", "c"] {
                queue.enqueue_of(&tenant, conversation).await;
            }
        }
        let mut served = BTreeSet::new();
        for _ in 0..4 {
            served.extend(tenants(&queue.claim(5).await).into_iter().map(str::to_owned));
        }
        assert_eq!(served.len(), 20);
    }

    async fn a_hot_conversation_and_a_crowd_of_the_future_hold_up_nobody(test) {
        let queue = Driver::new(test).await;
        for number in 0..200 {
            queue.enqueue("hot", "hi").await;
            queue.schedule(&format!("later{number}"), EPOCH.plus(SECOND)).await;
        }
        queue.test.advance(Duration::from_millis(1)).await;
        queue.enqueue("cold", "hi").await;
        assert_eq!(conversations(&queue.claim(9).await), ["hot", "cold"]);
    }

    async fn a_message_for_later_takes_its_place_when_it_falls_due(test) {
        let queue = Driver::new(test).await;
        let later = queue.schedule("c", EPOCH.plus(2 * SECOND)).await;
        let now = queue.enqueue("c", "now").await;
        let claimed = queue.claim_only().await;
        assert_eq!(claimed.lease.message_id, now);
        queue.complete(&claimed.lease).await.unwrap();
        assert!(queue.claim(9).await.is_empty());
        assert_eq!(queue.next_change(Topic::Queue).await, Some(2 * SECOND));
        queue.test.advance(2 * SECOND).await;
        let after = queue.enqueue("c", "after").await;
        for expected in [later, after] {
            let claimed = queue.claim_only().await;
            assert_eq!(claimed.lease.message_id, expected);
            queue.complete(&claimed.lease).await.unwrap();
        }
    }

    async fn messages_for_later_come_in_the_order_in_which_they_fall_due(test) {
        let queue = Driver::new(test).await;
        let third = queue.schedule("c", EPOCH.plus(3 * SECOND)).await;
        let first = queue.schedule("c", EPOCH.plus(SECOND)).await;
        let second = queue.schedule("c", EPOCH.plus(SECOND)).await;
        queue.test.advance(3 * SECOND).await;
        for expected in [first, second, third] {
            let claimed = queue.claim_only().await;
            assert_eq!(claimed.lease.message_id, expected);
            queue.complete(&claimed.lease).await.unwrap();
        }
    }

    async fn a_message_is_for_later_until_the_millisecond_it_falls_due(test) {
        let queue = Driver::new(test).await;
        queue.schedule("c", EPOCH.plus(SECOND)).await;
        queue.test.advance(SECOND - Duration::from_millis(1)).await;
        assert!(queue.claim(9).await.is_empty());
        queue.test.advance(Duration::from_millis(1)).await;
        queue.claim_only().await;
    }

    async fn a_message_for_a_moment_that_has_passed_is_due_at_once(test) {
        let queue = Driver::new(test).await;
        let first = queue.enqueue("c", "first").await;
        queue.schedule("c", agent_factory::domain::Timestamp::from_millis(0)).await;
        assert_eq!(queue.claim_only().await.lease.message_id, first);
    }

    async fn a_clock_that_steps_back_changes_no_order_and_stops_nothing(test) {
        let queue = Driver::new(test).await;
        let first = queue.enqueue("c", "1").await;
        queue.test.set_clock(agent_factory::domain::Timestamp::from_millis(5)).await;
        let second = queue.enqueue("c", "2").await;
        let later = queue.schedule("c", agent_factory::domain::Timestamp::from_millis(9)).await;
        let third = queue.enqueue("c", "3").await;
        for expected in [first, second, third] {
            let claimed = queue.claim_only().await;
            assert_eq!(claimed.lease.message_id, expected);
            queue.complete(&claimed.lease).await.unwrap();
        }
        assert!(queue.claim(9).await.is_empty());
        queue.test.set_clock(agent_factory::domain::Timestamp::from_millis(9)).await;
        assert_eq!(queue.claim_only().await.lease.message_id, later);
    }

    async fn a_message_that_fell_due_waits_again_where_the_clock_steps_back_before_its_moment(test) {
        let queue = Driver::new(test).await;
        let due = EPOCH.plus(SECOND);
        queue.schedule("c", due).await;
        queue.test.set_clock(due).await;
        assert_eq!(queue.sweep().await.promoted, 1);
        queue.test.set_clock(EPOCH).await;
        assert!(queue.claim(9).await.is_empty());
        queue.test.set_clock(due).await;
        queue.claim_only().await;
    }

    async fn a_ready_conversation_follows_its_agent_to_another_pool_with_its_next_message(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("c", "one").await;
        queue.test.execute("UPDATE agent_profiles SET pool = 'large'").await;
        let of_the_large = || ClaimRequest { pool: "large".parse().unwrap(), ..request("large-worker", 9, 0) };
        assert!(queue.claim_as(of_the_large()).await.claimed.is_empty());
        queue.enqueue("c", "two").await;
        assert!(queue.claim(9).await.is_empty());
        assert_eq!(conversations(&queue.claim_as(of_the_large()).await.claimed), ["c"]);
    }

    async fn nothing_overtakes_a_retry_even_where_the_clock_steps_back(test) {
        let queue = Driver::new(test).await;
        let due = EPOCH.plus(SECOND);
        let scheduled = queue.schedule("c", due).await;
        queue.test.set_clock(due).await;
        queue.fail(&queue.claim_only().await.lease, Retry::Backoff).await.unwrap();
        queue.test.set_clock(EPOCH).await;
        queue.enqueue("c", "behind").await;
        assert!(queue.claim(9).await.is_empty());
        queue.test.set_clock(due.plus(SECOND)).await;
        assert_eq!(queue.claim_only().await.lease.message_id, scheduled);
    }

    async fn a_suspect_is_given_to_an_idle_worker_alone(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("poison", "boom").await;
        queue.crash().await;
        queue.test.advance(SECOND).await;
        queue.enqueue("good", "hi").await;
        let busy = queue.claim_as(request("busy", 9, 1)).await;
        assert_eq!(conversations(&busy.claimed), ["good"]);
        assert!(busy.suspects_waiting);
        let idle = queue.claim_as(request("idle", 9, 0)).await;
        assert_eq!(conversations(&idle.claimed), ["poison"]);
        assert!(idle.claimed[0].suspect);
        assert_eq!((idle.claimed[0].attempt, idle.claimed[0].crashes), (2, 1));
        assert!(!idle.suspects_waiting);
    }

    async fn a_worker_that_runs_a_suspect_is_given_nothing_beside_it(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("poison", "boom").await;
        queue.crash().await;
        queue.test.advance(SECOND).await;
        let suspect = queue.claim_only().await;
        queue.enqueue("good", "hi").await;
        assert!(queue.claim_as(request("worker", 9, 1)).await.claimed.is_empty());
        queue.complete(&suspect.lease).await.unwrap();
        assert_eq!(queue.claim_as(request("worker", 9, 1)).await.claimed.len(), 1);
    }

    async fn a_worker_that_never_heard_of_its_suspect_goes_on(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("poison", "boom").await;
        queue.crash().await;
        queue.test.advance(SECOND).await;
        queue.claim_only().await;
        queue.enqueue("good", "hi").await;
        assert_eq!(conversations(&queue.claim(9).await), ["good"]);
    }

    async fn those_who_sleep_until_something_falls_due_hear_of_a_nearer_moment(test) {
        let queue = Driver::new(test).await;
        let mut listener = queue.db().signals().listen(Topic::Queue);
        queue.schedule("c", EPOCH.plus(SECOND)).await;
        listener.changed(Duration::MAX).await;
        assert_eq!(queue.next_change(Topic::Queue).await, Some(SECOND));
    }

    async fn suspects_and_other_work_take_turns_with_idle_workers(test) {
        let queue = Driver::new(test).await;
        for conversation in ["s1", "s2", "s3"] {
            queue.enqueue(conversation, "boom").await;
        }
        for claimed in queue.claim(9).await {
            queue.start(&claimed.lease).await.unwrap();
        }
        queue.test.advance(queue.policy.lease).await;
        queue.sweep().await;
        queue.test.advance(SECOND).await;
        for conversation in ["g1", "g2"] {
            queue.enqueue(conversation, "hi").await;
        }
        let mut kinds = Vec::new();
        for _ in 0..5 {
            let claimed = queue.claim(1).await;
            assert_eq!(claimed.len(), 1);
            kinds.push(claimed[0].suspect);
        }
        assert_eq!(kinds, [true, false, true, false, true]);
    }

    async fn a_conversation_is_a_suspect_no_longer_than_its_head_is(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("c", "boom").await;
        queue.enqueue("c", "fine").await;
        queue.crash().await;
        queue.test.advance(SECOND).await;
        queue.complete(&queue.claim_only().await.lease).await.unwrap();
        let next = queue.claim_as(request("busy", 9, 5)).await;
        assert_eq!(conversations(&next.claimed), ["c"]);
        assert!(!next.claimed[0].suspect);
    }

    async fn a_claim_lets_only_a_bounded_number_fall_due_and_says_there_is_more(test) {
        let mut queue = Driver::new(test).await;
        queue.policy.promote_batch = 2;
        for conversation in ["a", "b", "c"] {
            queue.schedule(conversation, EPOCH.plus(SECOND)).await;
        }
        queue.test.advance(SECOND).await;
        let mut listener = queue.db().signals().listen(Topic::Queue);
        let first = queue.sweep().await;
        assert_eq!((first.promoted, first.more), (2, true));
        listener.changed(Duration::MAX).await;
        let second = queue.sweep().await;
        assert_eq!((second.promoted, second.more), (1, false));
    }

    async fn a_claim_keeps_the_worker_s_row_even_where_there_is_no_work(test) {
        let queue = Driver::new(test).await;
        queue.claim(9).await;
        queue.test.advance(SECOND).await;
        queue.enqueue("c", "hi").await;
        queue.claim_as(request("worker", 9, 3)).await;
        assert_eq!(queue.test.number("SELECT load FROM workers").await, 4);
        let heartbeat = queue.test.number("SELECT heartbeat_at FROM workers").await;
        assert_eq!(heartbeat, EPOCH.plus(SECOND).as_millis());
    }

    async fn figures_count_conversations_by_what_they_wait_for(test) {
        let queue = Driver::new(test).await;
        queue.test.agent("other", "support").await;
        for conversation in ["a", "b", "c"] {
            queue.enqueue(conversation, "hi").await;
        }
        queue.enqueue_of("other", "a").await;
        let later = queue.schedule("later", EPOCH.plus(3 * SECOND)).await;
        let claimed = queue.claim(1).await;
        queue.fail(&claimed[0].lease, Retry::Never).await.unwrap();
        queue.enqueue("d", "hi").await;
        queue.claim(1).await;
        queue.test.advance(2 * SECOND).await;
        let ours = queue.stats(Scope::Tenant(acme())).await;
        let all = queue.pool_stats().await;
        assert_eq!((ours.ready, ours.leased, all.ready, all.leased), (3, 0, 3, 1));
        assert_eq!((ours.waiting, ours.dead_letters, all.dead_letters), (1, 1, 1));
        assert_eq!((all.oldest_ready_age, all.backlog()), (2 * SECOND, 4));
        // Due, though nobody has claimed or swept since.
        queue.test.advance(SECOND).await;
        assert_eq!(queue.pool_stats().await.ready, 4);
        assert_eq!(queue.stats(Scope::Pool("own".parse::<Pool>().unwrap())).await.backlog(), 0);
        assert!(!queue.is_dead(&later).await);
    }
}
