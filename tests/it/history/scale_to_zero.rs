//! Nobody claims for longer than a lease lasts, and nobody sweeps: the first claim finds everything.

use super::{claim, send_to_each};
use agent_factory::control::ClaimedTurn;
use agent_factory::remote::Joined;
use agent_factory_tests::history::Site;
use agent_factory_tests::site_cases;
use futures_util::future::join_all;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

const CONVERSATIONS: usize = 12;
/// More than there is.
const MANY: u32 = 100;

/// One message in each conversation, all claimed by a worker; answers what it claimed.
async fn claimed(site: &Site) -> (Joined, Vec<ClaimedTurn>) {
    send_to_each(site, CONVERSATIONS).await;
    let worker = site.join().await;
    let turns = claim(&worker, MANY, Duration::ZERO).await;
    assert_eq!(turns.len(), CONVERSATIONS);
    (worker, turns)
}

fn ids(turns: &[ClaimedTurn]) -> BTreeSet<String> {
    let ids = turns.iter().map(|turn| turn.lease.message_id.to_string());
    ids.collect()
}

site_cases! {
    async fn the_first_claim_after_a_while_without_workers_gives_everything_that_was_lost(site) {
        let (gone, lost) = claimed(&site).await;
        drop(gone);
        site.end_leases().await;
        let worker = site.join().await;
        let found = claim(&worker, MANY, Duration::ZERO).await;
        assert_eq!(ids(&found), ids(&lost));
        assert!(found.iter().all(|turn| !turn.alone), "none had started");
        for message in ids(&found) {
            let said = site.app(0).get(&format!("{}/{message}", site.messages())).await.expect(200);
            assert_eq!((&said["attempts"], &said["crashes"]), (&json!(0), &json!(0)));
        }
    }

    async fn what_had_started_comes_back_after_its_backoff_one_by_one(site) {
        let (gone, lost) = claimed(&site).await;
        for started in join_all(lost.iter().map(|turn| gone.control.hydrate(&turn.lease))).await {
            started.expect("a bundle");
        }
        drop(gone);
        site.end_leases().await;
        let worker = site.join().await;
        let mut found = BTreeSet::new();
        while found.len() < CONVERSATIONS {
            let turns = claim(&worker, MANY, Duration::from_secs(30)).await;
            assert!(turns.len() <= 1, "a suspect is claimed alone");
            for turn in turns {
                let bundle = worker.control.hydrate(&turn.lease).await.expect("a bundle");
                assert_eq!((bundle.attempt, turn.alone), (2, true));
                assert!(found.insert(turn.lease.message_id.to_string()), "nothing comes twice");
                let completion = Default::default();
                let completed = worker.control.complete(&turn.lease, completion).await;
                completed.expect("a settled message");
            }
        }
        assert_eq!(found, ids(&lost));
    }

    async fn it_does_so_after_every_control_plane_was_gone_too(site) {
        let (gone, lost) = claimed(&site).await;
        drop(gone);
        for front in &site.fronts {
            front.kill().await;
        }
        site.end_leases().await;
        site.fronts[0].restart(&site.installation).await;
        let worker = site.join().await;
        let found = claim(&worker, MANY, Duration::ZERO).await;
        assert_eq!(ids(&found), ids(&lost));
    }
}
