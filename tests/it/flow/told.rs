//! What a running worker is told with its heartbeats: that nobody wants an answer any more, and that it is to end.

use agent_factory::domain::{MessageId, WorkerId};
use agent_factory::queue::{self, Cancelled, MessageState};
use agent_factory::store::StoreError;
use agent_factory_tests::built;
use agent_factory_tests::factory::Factory;
use agent_factory_tests::on_either;
use std::time::Duration;

/// A worker beats a third of a lease apart. The database's clock stands still here: no lease ends.
const SETTINGS: [(&str, &str); 1] = [("lease.lease_ms", "600")];

/// The worker that has begun `message`, once one has. Nothing tells of that, so it is looked for.
async fn worker_of(factory: &Factory, message: &MessageId) -> WorkerId {
    loop {
        let of = message.clone();
        let found: Result<Option<WorkerId>, StoreError> = factory
            .db()
            .read(move |tx| {
                Box::pin(async move {
                    let sql = "SELECT worker_id FROM leases WHERE message_id = $1 AND started_at IS NOT NULL";
                    Ok(on_either!(tx, |conn| sqlx::query_scalar(sql)
                        .bind(&of)
                        .fetch_optional(conn)
                        .await)?)
                })
            })
            .await;
        if let Some(worker) = found.expect("an answer") {
            return worker;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn a_cancelled_turn_stops(factory: Factory) {
    factory
        .agent("ada", "hostile-engine", &built::demo_workspace())
        .await;
    let _worker = factory.work();
    let message = factory.enqueue("ada", "chat", "spin").await;
    worker_of(&factory, &message).await;
    let unwanted = message.clone();
    let asked: Result<Cancelled, StoreError> = factory
        .db()
        .write(move |tx| {
            Box::pin(async move {
                queue::cancel(tx, &"ada".parse().expect("a tenant id"), &unwanted).await
            })
        })
        .await;
    assert_eq!(asked.expect("an answer"), Cancelled::Asked);
    let cancelled =
        |status: &queue::MessageStatus| matches!(status.state, MessageState::Cancelled { .. });
    let status = factory.await_status("ada", &message, cancelled).await;
    assert_eq!((status.attempts, status.crashes), (0, 0));
    // The conversation goes on.
    assert_eq!(factory.ask("ada", "chat", "echo next").await, "next");
}

async fn a_drained_worker_ends(factory: Factory) {
    factory
        .agent("ada", "hostile-engine", &built::demo_workspace())
        .await;
    let mut worker = factory.work();
    let message = factory.enqueue("ada", "chat", "spin").await;
    let id = worker_of(&factory, &message).await;
    let told: Result<bool, StoreError> = factory
        .db()
        .write(move |tx| Box::pin(async move { queue::drain(tx, &id).await }))
        .await;
    assert!(told.expect("an answer"));
    // It lets the turn run for as long as a stopping worker does, gives it back, and is gone; nothing was spent.
    worker.ended().await;
    let status = factory.status("ada", &message).await;
    assert!(
        matches!(status.state, MessageState::Queued { .. }),
        "{status:?}"
    );
    assert_eq!((status.attempts, status.crashes), (0, 0));
}

#[tokio::test]
async fn a_turn_whose_message_is_cancelled_stops_and_its_conversation_goes_on() {
    a_cancelled_turn_stops(Factory::with(&SETTINGS).await).await;
}

#[tokio::test]
async fn a_turn_whose_message_is_cancelled_stops_on_a_worker_far_away() {
    a_cancelled_turn_stops(Factory::http_with(&SETTINGS).await).await;
}

#[tokio::test]
async fn a_worker_that_is_told_to_drain_gives_back_what_it_has_and_ends() {
    a_drained_worker_ends(Factory::with(&SETTINGS).await).await;
}

#[tokio::test]
async fn a_worker_far_away_that_is_told_to_drain_gives_back_what_it_has_and_ends() {
    a_drained_worker_ends(Factory::http_with(&SETTINGS).await).await;
}
