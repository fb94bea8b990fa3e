//! A claim that waits hears of a message that comes at any moment of its waiting, from its own control plane or another.

use agent_factory::clock::Ids;
use agent_factory::control::{ClaimRequest, Completion};
use agent_factory::domain::Pool;
use agent_factory::store::StoreError;
use agent_factory_tests::database::seed_agent;
use agent_factory_tests::factory::{Factory, agent_key};
use std::time::Duration;

const ROUNDS: usize = 150;
/// Nobody looks again by itself before a claim has given up: a call that is not heard shows as a claim of nothing.
const SLEEPY: [(&str, &str); 2] = [
    ("queue.poll_ms", "60000"),
    ("server.request_timeout_ms", "120000"),
];
const WAIT: Duration = Duration::from_secs(30);

async fn no_call_is_missed(claiming: &Factory, sending: &Factory) {
    let seeded: Result<(), StoreError> = claiming
        .db()
        .write(|tx| {
            Box::pin(async move {
                let tenant = "ada".parse().expect("a tenant id");
                seed_agent(tx, &tenant, &agent_key(), &Pool::default()).await
            })
        })
        .await;
    seeded.expect("an agent");
    let worker_id = Ids::seeded(9).worker().expect("an id");
    for round in 0..ROUNDS {
        let (control, request) = (
            claiming.control(),
            ClaimRequest {
                worker_id: worker_id.clone(),
                pool: Pool::default(),
                max: 1,
                in_flight: 0,
                wait: WAIT,
                claim: None,
            },
        );
        // At once: the message comes before, while and after the claim first looks.
        let waiting = tokio::spawn(async move { control.claim(request).await });
        let message = sending.enqueue("ada", &format!("c{round}"), "hi").await;
        let claims = waiting.await.expect("no panic").expect("a claim");
        let [turn] = claims.turns.as_slice() else {
            panic!("in round {round} the call was missed");
        };
        assert_eq!(turn.lease.message_id, message);
        let control = claiming.control();
        let completed = control.complete(&turn.lease, Completion::default());
        completed.await.expect("a settled message");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_a_waiting_claim_misses_no_message() {
    let factory = Factory::with(&SLEEPY).await;
    no_call_is_missed(&factory, &factory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_a_waiting_claim_misses_no_message_of_another_control_plane() {
    let Some(one) = Factory::postgres_with(&SLEEPY).await else {
        return;
    };
    let two = one.another(&SLEEPY, 2).await;
    no_call_is_missed(&one, &two).await;
}
