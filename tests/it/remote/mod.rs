//! A worker and its control plane with a network between them.

mod artifacts;
mod bodies;
mod claims;
mod messages;
mod planes;
mod pools;

use agent_factory::control::{ClaimRequest, ControlPlane};
use agent_factory::domain::{Lease, Pool};
use agent_factory_tests::built;
use agent_factory_tests::factory::Factory;
use std::time::Duration;

/// One claim, without waiting.
fn asking(worker: &str) -> ClaimRequest {
    ClaimRequest {
        worker_id: worker.parse().expect("a worker id"),
        pool: Pool::default(),
        max: 1,
        in_flight: 0,
        wait: Duration::ZERO,
        claim: None,
    }
}

/// Claim the one message there is.
async fn claim(control: &dyn ControlPlane, worker: &str) -> Lease {
    let claimed = control.claim(asking(worker)).await.expect("a claim");
    let [turn] = claimed.turns.try_into().expect("one turn");
    turn.lease
}

/// A factory that is served, with an agent `default` of the tenant `ada`.
async fn factory() -> Factory {
    let factory = Factory::http().await;
    factory
        .agent("ada", "hostile-engine", &built::demo_workspace())
        .await;
    factory
}
