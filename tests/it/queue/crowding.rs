//! Nobody waits behind a crowd: tenants take turns, and none may have more in flight than its bound.

use super::driver::{Driver, acme, request, tenants};
use agent_factory::queue::{self, Enqueue};
use agent_factory_tests::store_cases;
use std::collections::BTreeMap;

/// Messages of the crowd, small tenants, and messages of each. `AGENT_FACTORY_TEST_CROWD=100000` makes it as many, and a
/// thousand tenants with ten messages each beside them; that takes minutes.
fn sizes() -> (usize, usize, usize) {
    let crowd = std::env::var_os("AGENT_FACTORY_TEST_CROWD");
    crowd.map_or((20_000, 199, 5), |crowd| {
        let crowd = crowd.to_str().and_then(|crowd| crowd.parse().ok());
        (
            crowd.expect("AGENT_FACTORY_TEST_CROWD is a number"),
            999,
            10,
        )
    })
}

async fn limit(queue: &Driver, in_flight: Option<u32>) {
    let limited = queue.write(move |tx| {
        Box::pin(async move { queue::limit_tenant(tx, &acme(), in_flight).await })
    });
    assert!(limited.await);
}

store_cases! {
    async fn a_tenant_has_no_more_in_flight_than_its_bound_and_goes_on_as_it_settles(test) {
        let mut queue = Driver::new(test).await;
        queue.policy.tenant_in_flight = 3;
        for number in 0..5 {
            queue.enqueue(&format!("c{number}"), "hi").await;
        }
        let batch = queue.claim_as(request("one", 9, 0)).await;
        assert_eq!(batch.claimed.len(), 3);
        let more = queue.claim_as(request("two", 9, 0)).await;
        assert!(more.claimed.is_empty() && more.crowded, "{more:?}");
        queue.complete(&batch.claimed[0].lease).await.unwrap();
        let more = queue.claim_as(request("two", 9, 0)).await;
        assert_eq!(more.claimed.len(), 1);
    }

    async fn a_tenant_at_its_bound_leaves_its_part_of_a_claim_to_the_others(test) {
        let mut queue = Driver::new(test).await;
        queue.policy.tenant_in_flight = 2;
        queue.test.agent("other", "support").await;
        for number in 0..6 {
            queue.enqueue(&format!("c{number}"), "hi").await;
            queue.enqueue_of("other", &format!("c{number}")).await;
        }
        let first = queue.claim(9).await;
        assert_eq!(first.len(), 4, "{:?}", tenants(&first));
        let theirs: Vec<_> = first.into_iter().map(|it| it.lease).filter(|it| it.tenant_id.as_str() == "other").collect();
        queue.complete_all(&theirs).await;
        assert_eq!(tenants(&queue.claim(9).await), ["other", "other"]);
    }

    async fn a_tenant_s_own_bound_is_taken_instead_of_the_common_one(test) {
        let mut queue = Driver::new(test).await;
        queue.policy.tenant_in_flight = 1;
        limit(&queue, Some(4)).await;
        for number in 0..6 {
            queue.enqueue(&format!("c{number}"), "hi").await;
        }
        assert_eq!(queue.claim(9).await.len(), 4);
        limit(&queue, None).await;
        assert!(queue.claim(9).await.is_empty());
        limit(&queue, Some(5)).await;
        assert_eq!(queue.claim(9).await.len(), 1);
    }

    async fn a_suspect_of_a_tenant_at_its_bound_keeps_no_worker_from_waiting_or_from_other_work(test) {
        let mut queue = Driver::new(test).await;
        queue.policy.tenant_in_flight = 1;
        queue.enqueue("poison", "hi").await;
        queue.crash().await;
        queue.enqueue("long", "hi").await;
        assert_eq!(queue.claim(1).await.len(), 1);
        queue.test.advance(queue.policy.retry.delay(1, 0)).await;
        let idle = queue.claim_as(request("idle", 9, 0)).await;
        assert!(idle.claimed.is_empty() && idle.crowded && !idle.suspects_waiting, "{idle:?}");
        let busy = queue.claim_as(request("busy", 9, 1)).await;
        assert!(busy.claimed.is_empty() && !busy.suspects_waiting, "{busy:?}");
        limit(&queue, Some(2)).await;
        assert!(queue.claim_as(request("busy", 9, 1)).await.suspects_waiting);
        assert!(queue.claim_as(request("idle", 9, 0)).await.claimed[0].suspect);
    }

    async fn whoever_is_behind_many_tenants_at_their_bounds_is_reached(test) {
        let mut queue = Driver::new(test).await;
        queue.policy.tenant_in_flight = 1;
        for number in 0..100 {
            let tenant = format!("t{number:03}");
            queue.test.agent(&tenant, "support").await;
            queue.enqueue_of(&tenant, "a").await;
            queue.enqueue_of(&tenant, "b").await;
        }
        assert_eq!(queue.claim(100).await.len(), 100);
        queue.test.agent("zoo", "support").await;
        queue.enqueue_of("zoo", "a").await;
        let mut claims = 0;
        let reached = loop {
            claims += 1;
            let claimed = queue.claim(1).await;
            if !claimed.is_empty() {
                break claimed;
            }
            assert!(claims < 4, "its turn comes within a few claims");
        };
        assert_eq!(tenants(&reached), ["zoo"]);
    }

    async fn a_crowd_of_one_tenant_keeps_none_of_hundreds_of_small_ones_waiting(test) {
        const BATCH: u32 = 100;
        let (crowd, small, each) = sizes();
        let queue = Driver::new(test).await;
        for chunk in 0..crowd / 2_000 {
            let crowd = (0..2_000).map(|number| queue.message(&format!("c{}", (chunk * 2_000 + number) % 700), "hi"));
            queue.enqueue_all(crowd.collect()).await;
        }
        for number in 0..small {
            let tenant = format!("small{number}");
            queue.test.agent(&tenant, "support").await;
            let few: Vec<Enqueue> = (0..each).map(|_| queue.message_of(&tenant, "only", "hi")).collect();
            queue.enqueue_all(few).await;
        }
        let (mut given, mut left) = (0_usize, small * each);
        let mut of: BTreeMap<String, usize> = BTreeMap::new();
        while left > 0 {
            let claimed = queue.claim(BATCH).await;
            assert!(!claimed.is_empty());
            for message in &claimed {
                given += 1;
                let tenant = message.lease.tenant_id.as_str();
                let count = of.entry(tenant.to_owned()).or_default();
                *count += 1;
                if tenant != "acme" {
                    left -= 1;
                    // One lap of the tenants for each of its messages, and what is left of the batch.
                    let most = *count * (small + 1) + 100;
                    assert!(given <= most, "{tenant} waited for {given} messages before its {count}.");
                }
            }
            let leases: Vec<_> = claimed.into_iter().map(|it| it.lease).collect();
            queue.complete_all(&leases).await;
        }
        assert!(of["acme"] <= 2 * each + 100, "{}", of["acme"]);
    }
}
