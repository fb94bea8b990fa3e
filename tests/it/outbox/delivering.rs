//! From a completion to the chat.

use super::driver::{Office, bodies, chat, item};
use agent_factory::domain::{Channel, Fence, LeaseToken};
use agent_factory::outbox::{Delivered, Failed, LaneLease, MAX_LANES, ReplyState};
use agent_factory::queue::{Beat, LeaseError, Retry};
use agent_factory::store::Topic;
use agent_factory_tests::store_cases;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(1);

/// Every way to change something by a lane's lease is refused.
async fn refused_everywhere(
    office: &Office,
    lease: &LaneLease,
    row: &agent_factory::domain::OutboxId,
) {
    assert!(matches!(
        office.delivered(lease, row).await,
        Err(LeaseError::Lost)
    ));
    assert!(matches!(
        office.failed(lease, row, Retry::Never).await,
        Err(LeaseError::Lost)
    ));
    assert!(matches!(office.release(lease).await, Err(LeaseError::Lost)));
    assert_eq!(
        office.extend(std::slice::from_ref(lease)).await,
        [Beat::Lost]
    );
}

store_cases! {
    async fn replies_leave_in_the_order_in_which_the_turn_made_them(test) {
        let office = Office::new(test).await;
        let id = office.answered("c", &["one", "two", "three"]).await;
        let lane = office.claim_only().await;
        assert_eq!(bodies(&lane), ["one", "two", "three"]);
        assert_eq!((&lane.rows[0].message_id, &lane.rows[0].channel), (&id, &chat()));
        for row in &lane.rows {
            assert_eq!(office.delivered(&lane.lease, &row.outbox_id).await.unwrap(), Delivered::Now);
        }
        assert!(office.claim(9, 9).await.is_empty());
        let at = office.queue.test.now();
        let provider_message_id = Some("99".to_owned());
        let delivered = ReplyState::Delivered { at, provider_message_id };
        let replies = office.replies(&id).await;
        assert!(replies.iter().all(|reply| reply.state == delivered));
        assert_eq!(replies.len(), 3);
    }

    async fn replies_of_later_turns_leave_after_those_of_earlier_ones(test) {
        let office = Office::new(test).await;
        office.answered("c", &["one", "two"]).await;
        office.answered("c", &["three"]).await;
        assert_eq!(bodies(&office.claim_only().await), ["one", "two", "three"]);
    }

    async fn a_lane_is_leased_as_a_whole(test) {
        let office = Office::new(test).await;
        office.answered("c", &["one", "two"]).await;
        let lane = office.claim(9, 1).await.remove(0);
        assert_eq!(bodies(&lane), ["one"]);
        office.answered("c", &["three"]).await;
        assert!(office.claim(9, 9).await.is_empty());
        office.delivered(&lane.lease, &lane.rows[0].outbox_id).await.unwrap();
        office.release(&lane.lease).await.unwrap();
        assert_eq!(bodies(&office.claim_only().await), ["two", "three"]);
    }

    async fn a_reply_made_while_the_lane_ends_is_not_forgotten(test) {
        let office = Office::new(test).await;
        office.answered("c", &["one"]).await;
        let lane = office.claim_only().await;
        office.answered("c", &["two"]).await;
        office.delivered(&lane.lease, &lane.rows[0].outbox_id).await.unwrap();
        office.release(&lane.lease).await.unwrap();
        assert_eq!(bodies(&office.claim_only().await), ["two"]);
    }

    async fn a_reply_an_app_reads_itself_is_delivered_from_the_start(test) {
        let office = Office::new(test).await;
        let items = vec![item(Channel::Api, "first"), item(Channel::Api, "second")];
        let id = office.answered_with("acme", "c", items).await;
        assert!(office.claim(9, 9).await.is_empty());
        let replies = office.replies(&id).await;
        let bodies: Vec<_> = replies.iter().map(|reply| reply.body.as_str()).collect();
        assert_eq!(bodies, ["first", "second"]);
        let at = office.queue.test.now();
        let delivered = ReplyState::Delivered { at, provider_message_id: None };
        assert!(replies.iter().all(|reply| reply.state == delivered));
        assert_eq!(office.queue.pool_stats().await.backlog(), 0);
    }

    async fn a_turn_without_a_reply_leaves_nothing_to_deliver(test) {
        let office = Office::new(test).await;
        let id = office.answered("c", &[]).await;
        assert!(office.replies(&id).await.is_empty());
        assert!(office.claim(9, 9).await.is_empty());
    }

    async fn a_completion_that_is_refused_leaves_no_reply(test) {
        let office = Office::new(test).await;
        let id = office.queue.enqueue("c", "hi").await;
        let late = office.queue.claim_only().await.lease;
        office.queue.test.advance(office.queue.policy.lease).await;
        office.settle(&late, vec![item(chat(), "too late")]).await.unwrap_err();
        assert!(office.replies(&id).await.is_empty());
        assert!(office.claim(9, 9).await.is_empty());
    }

    async fn a_reply_is_delivered_though_every_worker_died_in_between(test) {
        let office = Office::new(test).await;
        office.answered("c", &["one", "two"]).await;
        let dead = office.claim_only().await;
        office.delivered(&dead.lease, &dead.rows[0].outbox_id).await.unwrap();
        let stats = office.queue.pool_stats().await;
        assert_eq!((stats.outbox_lanes, stats.backlog()), (1, 1));
        assert_eq!(office.queue.next_change(Topic::Outbox).await, Some(dead.lease_for));
        office.queue.test.advance(dead.lease_for).await;
        assert_eq!(bodies(&office.claim_only().await), ["two"]);
    }

    async fn a_dead_lane_lease_changes_nothing(test) {
        let office = Office::new(test).await;
        office.answered("c", &["one"]).await;
        let late = office.claim_only().await;
        let row = &late.rows[0].outbox_id;
        office.queue.test.advance(late.lease_for - TICK).await;
        let token = LeaseToken::from_random([7; 16]);
        let fence = Fence(late.lease.fence.0 + 1);
        for wrong in [
            LaneLease { token, ..late.lease.clone() },
            LaneLease { fence, ..late.lease.clone() },
        ] {
            refused_everywhere(&office, &wrong, row).await;
        }
        office.queue.test.advance(TICK).await;
        refused_everywhere(&office, &late.lease, row).await;
        let now = office.claim_only().await;
        refused_everywhere(&office, &late.lease, row).await;
        assert_eq!(now.lease.fence, fence);
        office.delivered(&now.lease, row).await.unwrap();
    }

    async fn a_lane_s_lease_reaches_no_row_of_another_conversation(test) {
        let office = Office::new(test).await;
        office.answered("a", &["ours"]).await;
        office.answered("b", &["theirs"]).await;
        let lanes = office.claim(9, 9).await;
        let answer = office.delivered(&lanes[0].lease, &lanes[1].rows[0].outbox_id).await;
        assert!(matches!(answer, Err(LeaseError::Lost)));
    }

    async fn a_lane_can_be_extended_up_to_its_deadline(test) {
        let office = Office::new(test).await;
        office.answered("c", &["one"]).await;
        let lane = office.claim_only().await;
        let lease = [lane.lease.clone()];
        office.queue.test.advance(20 * SECOND).await;
        assert_eq!(office.extend(&lease).await, [Beat::Extended { lease_for: 30 * SECOND }]);
        office.queue.test.advance(20 * SECOND).await;
        assert_eq!(office.extend(&lease).await, [Beat::Extended { lease_for: 20 * SECOND }]);
        office.queue.test.advance(20 * SECOND).await;
        assert_eq!(office.extend(&lease).await, [Beat::Lost]);
        office.claim_only().await;
    }

    async fn to_report_a_delivery_again_changes_nothing(test) {
        let office = Arc::new(Office::new(test).await);
        let id = office.answered("c", &["one", "two"]).await;
        let lane = office.claim_only().await;
        let mut reports = JoinSet::new();
        for _ in 0..50 {
            let (office, lane) = (Arc::clone(&office), lane.clone());
            reports.spawn(async move {
                office.delivered(&lane.lease, &lane.rows[0].outbox_id).await.unwrap()
            });
        }
        let answers = reports.join_all().await;
        assert_eq!(answers.iter().filter(|answer| **answer == Delivered::Now).count(), 1);
        let failed = office.failed(&lane.lease, &lane.rows[0].outbox_id, Retry::Never).await;
        assert_eq!(failed.unwrap(), Failed::AlreadySettled);
        // The last one ends the lease, and is known all the same.
        for expected in [Delivered::Now, Delivered::AlreadySettled] {
            let answer = office.delivered(&lane.lease, &lane.rows[1].outbox_id).await.unwrap();
            assert_eq!(answer, expected);
        }
        assert_eq!(office.replies(&id).await.len(), 2);
    }

    async fn a_retry_holds_its_lane_in_order_until_it_is_due(test) {
        let office = Office::new(test).await;
        let id = office.answered("c", &["one", "two"]).await;
        let lane = office.claim_only().await;
        let outcome = office.failed(&lane.lease, &lane.rows[0].outbox_id, Retry::Backoff).await;
        assert_eq!(outcome.unwrap(), Failed::Retrying { after: SECOND });
        refused_everywhere(&office, &lane.lease, &lane.rows[1].outbox_id).await;
        office.answered("c", &["three"]).await;
        office.queue.test.advance(SECOND - TICK).await;
        assert!(office.claim(9, 9).await.is_empty());
        office.queue.test.advance(TICK).await;
        let again = office.claim_only().await;
        assert_eq!(bodies(&again), ["one", "two", "three"]);
        assert_eq!((again.rows[0].attempt, again.rows[1].attempt), (2, 1));
        let reply = office.replies(&id).await.remove(0);
        assert_eq!((reply.state, reply.last_error.as_deref()), (ReplyState::Pending, Some("no answer")));
    }

    async fn a_row_has_its_attempts_and_the_lane_goes_on_without_it(test) {
        let office = Office::new(test).await;
        let id = office.answered("c", &["one", "two"]).await;
        for after in [SECOND, 2 * SECOND] {
            let lane = office.claim_only().await;
            let outcome = office.failed(&lane.lease, &lane.rows[0].outbox_id, Retry::Backoff).await;
            assert_eq!(outcome.unwrap(), Failed::Retrying { after });
            office.queue.test.advance(after).await;
        }
        let lane = office.claim_only().await;
        let outcome = office.failed(&lane.lease, &lane.rows[0].outbox_id, Retry::Backoff).await;
        assert_eq!(outcome.unwrap(), Failed::GaveUp);
        office.delivered(&lane.lease, &lane.rows[1].outbox_id).await.unwrap();
        let replies = office.replies(&id).await;
        let at = office.queue.test.now();
        assert_eq!((&replies[0].state, replies[0].attempts), (&ReplyState::Failed { at }, 3));
        assert!(office.claim(9, 9).await.is_empty());
    }

    async fn a_row_given_up_as_the_last_one_ends_the_lane(test) {
        let office = Office::new(test).await;
        office.answered("c", &["one"]).await;
        let lane = office.claim_only().await;
        let outcome = office.failed(&lane.lease, &lane.rows[0].outbox_id, Retry::Never).await;
        assert_eq!(outcome.unwrap(), Failed::GaveUp);
        assert_eq!(office.queue.pool_stats().await.outbox_lanes, 0);
    }

    async fn lanes_that_are_due_longest_are_given_first_and_no_more_than_asked_for(test) {
        let office = Office::new(test).await;
        for conversation in ["a", "b", "c"] {
            office.answered(conversation, &["hi"]).await;
            office.queue.test.advance(TICK).await;
        }
        assert!(office.claim(0, 9).await.is_empty());
        let lanes = office.claim(2, 9).await;
        let names: Vec<_> = lanes.iter().map(|lane| lane.lease.conversation_id.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(office.claim(MAX_LANES + 1, 0).await.len(), 1);
    }

    async fn a_claim_of_a_lane_reads_its_first_rows_up_to_the_bound(test) {
        let office = Office::new(test).await;
        office.answered("c", &["hi"; 65]).await;
        let lane = office.claim(1, u32::MAX).await.remove(0);
        assert_eq!(lane.rows.len(), 64);
    }

    async fn two_tenants_with_the_same_names_see_nothing_of_each_other(test) {
        let office = Office::new(test).await;
        let own = "own".parse::<agent_factory::domain::Pool>().unwrap();
        office.queue.test.agent("other", "support").await;
        let ours = office.answered_with("acme", "c", vec![item(chat(), "ours")]).await;
        let theirs = office.answered_with("other", "c", vec![item(chat(), "theirs")]).await;
        assert!(office.replies(&theirs).await.is_empty());
        assert!(office.replies_in("other".parse().unwrap(), &ours).await.is_empty());
        assert!(office.claim_in(own, 9, 9).await.is_empty());
        let lanes = office.claim(9, 9).await;
        assert_eq!(lanes.len(), 2);
        assert!(lanes.iter().all(|lane| lane.rows.len() == 1));
        let forged = LaneLease { tenant_id: "other".parse().unwrap(), ..lanes[0].lease.clone() };
        refused_everywhere(&office, &forged, &lanes[1].rows[0].outbox_id).await;
    }

    async fn a_repeated_claim_is_given_the_lanes_its_first_try_leased(test) {
        let office = Office::new(test).await;
        office.answered("a", &["one", "two"]).await;
        let asked = |repeated| {
            let id = agent_factory::domain::ClaimId::from_random([1; 16]);
            Some(agent_factory::domain::ClaimTry { id, repeated })
        };
        let first = office.claim_for(asked(false)).await;
        office.answered("b", &["three"]).await;
        assert_eq!(office.claim_for(asked(true)).await, first);
        let own = "own".parse::<agent_factory::domain::Pool>().unwrap();
        let stolen = LaneLease { pool: own, ..first[0].lease.clone() };
        refused_everywhere(&office, &stolen, &first[0].rows[0].outbox_id).await;
    }

    async fn one_sweep_takes_back_a_bounded_number_of_lanes(test) {
        let mut office = Office::new(test).await;
        office.policy.sweep_batch = 2;
        for conversation in ["a", "b", "c"] {
            office.answered(conversation, &["hi"]).await;
        }
        assert_eq!(office.claim(9, 9).await.len(), 3);
        office.queue.test.advance(office.policy.lease).await;
        assert!(office.sweep().await, "there is more");
        assert!(!office.sweep().await);
        assert_eq!(office.claim(9, 9).await.len(), 3);
    }

    async fn those_who_wait_hear_of_a_reply_and_of_its_delivery(test) {
        let office = Office::new(test).await;
        let mut replies = office.queue.db().signals().listen(Topic::Outbox);
        office.answered("c", &["hi"]).await;
        replies.changed(Duration::MAX).await;
        let mut settled = office.queue.db().signals().listen(Topic::Settled);
        let lane = office.claim_only().await;
        office.delivered(&lane.lease, &lane.rows[0].outbox_id).await.unwrap();
        settled.changed(Duration::MAX).await;
    }
}
