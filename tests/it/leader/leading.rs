//! One leads, and only one.

use super::{LEASE, can_write, candidate, follows, leads};
use agent_factory::domain::Fence;
use agent_factory::leader::Fenced;
use agent_factory_tests::store_cases;
use std::time::Duration;

const MOMENT: Duration = Duration::from_millis(1);

store_cases! {
    async fn of_two_candidates_one_leads_and_the_other_is_told_until_when(test) {
        let mut one = candidate(test.db.clone(), &test.ids);
        let mut two = candidate(test.another().await, &test.ids);
        let lease = leads(&mut one).await;
        assert_eq!(lease.fence, Fence(1));
        assert_eq!(follows(&mut two).await, LEASE);
        test.advance(LEASE / 3).await;
        assert_eq!(follows(&mut two).await, LEASE - LEASE / 3);
        assert_eq!(leads(&mut one).await, lease, "a renewal is no new holding");
        assert_eq!(follows(&mut two).await, LEASE);
    }

    async fn a_lead_that_is_not_renewed_is_taken_when_its_lease_ends_and_not_before(test) {
        let mut one = candidate(test.db.clone(), &test.ids);
        let mut two = candidate(test.another().await, &test.ids);
        leads(&mut one).await;
        test.advance(LEASE - MOMENT).await;
        assert_eq!(follows(&mut two).await, MOMENT);
        test.advance(MOMENT).await;
        assert_eq!(leads(&mut two).await.fence, Fence(2));
        follows(&mut one).await;
    }

    async fn a_paused_leader_changes_nothing_once_its_lease_has_ended(test) {
        let mut paused = candidate(test.db.clone(), &test.ids);
        let old = leads(&mut paused).await;
        assert!(can_write(&test.db, &old).await);
        // Nobody has taken over yet, and still.
        test.advance(LEASE).await;
        assert!(!can_write(&test.db, &old).await);
        let mut next = candidate(test.another().await, &test.ids);
        let new = leads(&mut next).await;
        assert!(can_write(&test.db, &new).await);
        // Its successor ends; it does not come back to life.
        next.release().await.unwrap();
        assert!(!can_write(&test.db, &old).await);
        assert_eq!(leads(&mut paused).await.fence, Fence(3));
    }

    async fn nothing_of_a_write_takes_effect_where_the_lead_is_lost(test) {
        test.execute("INSERT INTO workers (worker_id, pool, status, load, started_at, heartbeat_at)
            VALUES ('wrk_1', 'default', 'active', 0, 0, 0)").await;
        let mut paused = candidate(test.db.clone(), &test.ids);
        let fenced = Fenced::new(test.db.clone(), leads(&mut paused).await);
        test.advance(LEASE).await;
        let prune = || fenced.write(|tx| Box::pin(async move {
            agent_factory::queue::prune_workers(tx, std::time::Duration::ZERO, 10).await
        }));
        prune().await.unwrap_err();
        assert_eq!(test.number("SELECT count(*) FROM workers").await, 1);
    }

    async fn a_lead_that_is_given_up_is_free_at_once(test) {
        let mut one = candidate(test.db.clone(), &test.ids);
        let mut two = candidate(test.another().await, &test.ids);
        let old = leads(&mut one).await;
        one.release().await.unwrap();
        assert!(!can_write(&test.db, &old).await);
        assert_eq!(leads(&mut two).await.fence, Fence(2));
        // Given up twice, or by who does not have it: nothing happens.
        one.release().await.unwrap();
        assert_eq!(leads(&mut two).await.fence, Fence(2));
    }

    async fn a_process_that_starts_again_is_a_new_holder_and_waits_for_its_own_old_lease(test) {
        let before = leads(&mut candidate(test.db.clone(), &test.ids)).await;
        let mut again = candidate(test.db.clone(), &test.ids);
        assert_eq!(follows(&mut again).await, LEASE);
        test.advance(LEASE).await;
        let after = leads(&mut again).await;
        assert!(after.fence > before.fence && after.holder != before.holder);
        assert!(!can_write(&test.db, &before).await);
    }

    async fn a_leader_that_lets_its_lease_end_leads_again_under_a_new_fence(test) {
        let mut only = candidate(test.db.clone(), &test.ids);
        let old = leads(&mut only).await;
        test.advance(LEASE).await;
        assert_eq!(leads(&mut only).await.fence, Fence(2));
        assert!(!can_write(&test.db, &old).await);
    }

    async fn of_many_candidates_at_once_one_leads(test) {
        let mut candidates = Vec::new();
        for _ in 0..8 {
            candidates.push(candidate(test.another().await, &test.ids));
        }
        for round in 1..=5 {
            let standings = futures_util::future::join_all(
                candidates.iter_mut().map(agent_factory::leader::Leadership::tick),
            );
            let leading: Vec<_> = standings
                .await
                .into_iter()
                .filter_map(|standing| match standing.unwrap() {
                    agent_factory::leader::Standing::Leading(lease) => Some(lease.fence),
                    agent_factory::leader::Standing::Following { .. } => None,
                })
                .collect();
            assert_eq!(leading, [Fence(round)]);
            test.advance(LEASE).await;
        }
    }
}

#[tokio::test]
async fn nobody_takes_the_lead_while_a_write_of_the_leader_is_on_its_way() {
    let Some(test) = agent_factory_tests::database::TestDatabase::postgres().await else {
        return;
    };
    let mut leader = candidate(test.db.clone(), &test.ids);
    let fenced = Fenced::new(test.db.clone(), leads(&mut leader).await);
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (go_on, may_go_on) = tokio::sync::oneshot::channel();
    let writing = tokio::spawn(async move {
        fenced
            .write(|_| {
                Box::pin(async move {
                    begun.send(()).ok();
                    may_go_on.await.ok();
                    Ok(())
                })
            })
            .await
    });
    has_begun.await.unwrap();
    // Its lease ends while it is at it: what it has begun is finished before another one leads.
    test.advance(LEASE).await;
    let mut next = candidate(test.another().await, &test.ids);
    follows(&mut next).await;
    go_on.send(()).unwrap();
    writing.await.unwrap().unwrap();
    assert_eq!(leads(&mut next).await.fence, Fence(2));
}
