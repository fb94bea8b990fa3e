//! Clients that go away while their claims wait.

use super::{claim, send_to_each};
use agent_factory::clock::Ids;
use agent_factory_tests::api::Client;
use agent_factory_tests::site_cases;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;

const CLIENTS: usize = 12;
const CLAIM: &str = "POST /v1/worker/claim ";
/// Between two looks for what one of them was given after all.
const WAIT: Duration = Duration::from_secs(3);

site_cases! {
    async fn a_client_that_leaves_while_its_claim_waits_takes_nothing_along(site) {
        let front = &site.fronts[0];
        let mut waiting = JoinSet::new();
        for _ in 0..CLIENTS {
            let client = Client::of(front.url()).under(&site.worker_token);
            let request = json!({
                "workerId": Ids::system().worker().expect("an id"),
                "max": 1,
                "inFlight": 0,
                "waitMs": 30_000,
            });
            waiting.spawn(async move { client.post("/v1/worker/claim", &request).await });
        }
        front.wire().await_heads(CLAIM, CLIENTS).await;
        waiting.shutdown().await;
        send_to_each(&site, CLIENTS).await;

        let worker = site.join().await;
        let mut given: BTreeMap<String, u32> = BTreeMap::new();
        while given.len() < CLIENTS {
            let turns = claim(&worker, 4, WAIT).await;
            if turns.is_empty() {
                site.end_leases().await;
            }
            for turn in turns {
                let bundle = worker.control.hydrate(&turn.lease).await.expect("a bundle");
                let again = given.insert(turn.lease.message_id.to_string(), bundle.attempt);
                assert_eq!(again, None, "nothing comes twice");
                let completion = Default::default();
                let completed = worker.control.complete(&turn.lease, completion).await;
                completed.expect("a settled message");
            }
        }
        // Whoever left had started nothing.
        assert!(given.values().all(|attempt| *attempt == 1), "{given:?}");
    }
}
