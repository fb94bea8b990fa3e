//! What the queue promises, held against what its clients see while everything breaks: black box, over HTTP, the same on
//! both databases.

mod dead;
mod idempotency;
mod leaving;
mod runs;
mod scale_to_zero;

use agent_factory::control::{ClaimRequest, ClaimedTurn};
use agent_factory::remote::Joined;
use agent_factory_tests::history::{Site, body};
use std::time::Duration;

/// Ask for up to `max` turns, with nothing in flight.
async fn claim(worker: &Joined, max: u32, wait: Duration) -> Vec<ClaimedTurn> {
    let request = ClaimRequest {
        worker_id: worker.worker_id.clone(),
        pool: worker.pool.clone(),
        max,
        in_flight: 0,
        wait,
        claim: None,
    };
    worker.control.claim(request).await.expect("a claim").turns
}

/// Send one message to each of so many conversations.
async fn send_to_each(site: &Site, conversations: usize) {
    let app = site.app(0);
    for number in 0..conversations {
        let name = format!("c{number}");
        let sent = app.post(&site.messages(), &body(&name, &name, 50)).await;
        sent.expect(202);
    }
}
