//! SIGKILL of workers.

use super::{double, texts};
use agent_factory_tests::built;
use agent_factory_tests::deployment::Deployment;

const MIA: i64 = 42;

#[tokio::test]
async fn a_turn_whose_worker_is_killed_is_finished_once_by_another() {
    let double = double().await;
    let Some(deployment) = Deployment::start(&double.url(), &[]).await else {
        return;
    };
    deployment
        .agent("hostile-engine", &built::demo_workspace())
        .await;
    let plane = deployment.control_plane().await;
    let mut first = deployment.worker(&[plane.url()], "first", &[]).await;
    // Sleeps for a day in its first attempt, and answers in its second.
    deployment
        .update(&[plane.url()], 1, MIA, "stall-once first")
        .await;
    deployment
        .update(&[plane.url()], 2, MIA, "echo second")
        .await;
    first.await_log("turn started").await;
    let _second = deployment.worker(&[plane.url()], "second", &[]).await;
    first.kill().await;
    deployment.end_leases().await;
    assert_eq!(texts(&double.await_sent(2).await), ["first", "second"]);
    // A third message is answered after them, so nothing of theirs comes late.
    deployment
        .update(&[plane.url()], 3, MIA, "echo third")
        .await;
    assert_eq!(
        texts(&double.await_sent(3).await),
        ["first", "second", "third"]
    );
}

#[tokio::test]
async fn a_reply_that_was_settled_counts_as_backlog_and_is_delivered_by_the_next_worker() {
    let double = double().await;
    let Some(deployment) = Deployment::start(&double.url(), &[]).await else {
        return;
    };
    deployment
        .agent("hostile-engine", &built::demo_workspace())
        .await;
    let plane = deployment.control_plane().await;
    let worker = deployment.worker(&[plane.url()], "first", &[]).await;
    double.pause();
    deployment
        .update(&[plane.url()], 1, MIA, "echo settled")
        .await;
    // The turn has completed, and its reply is on the wire; Telegram has not taken it yet.
    double.await_held(1).await;
    worker.kill().await;
    double.await_held(0).await;
    double.resume();
    let stats = deployment.stats().await;
    assert_eq!((stats.ready, stats.leased, stats.outbox_lanes), (0, 0, 1));
    assert_eq!((stats.backlog(), texts(&double.sent()).len()), (1, 0));
    let _next = deployment.worker(&[plane.url()], "next", &[]).await;
    deployment.end_leases().await;
    assert_eq!(texts(&double.await_sent(1).await), ["settled"]);
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_gives_its_turn_back_without_an_attempt() {
    let double = double().await;
    let Some(deployment) = Deployment::start(&double.url(), &[]).await else {
        return;
    };
    deployment
        .agent("hostile-engine", &built::demo_workspace())
        .await;
    let plane = deployment.control_plane().await;
    let mut worker = deployment.worker(&[plane.url()], "first", &[]).await;
    let message = deployment.factory.enqueue("ada", "chat", "sleep").await;
    worker.await_log("turn started").await;
    let status = worker.terminate().await;
    assert!(status.success(), "{status}");
    let status = deployment.factory.status("ada", &message).await;
    assert_eq!((status.attempts, status.crashes), (0, 0));
    assert_eq!(deployment.stats().await.ready, 1);
}
