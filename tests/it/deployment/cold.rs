//! A worker that has just come, with nothing on its disk.

use super::{double, texts};
use agent_factory::store::StoreError;
use agent_factory_tests::built;
use agent_factory_tests::deployment::Deployment;
use agent_factory_tests::on_either;

/// How many components were compiled, and when the last one was.
async fn compiled(deployment: &Deployment) -> (i64, i64) {
    let row: Result<(i64, i64), StoreError> = deployment
        .factory
        .db()
        .read(|tx| {
            Box::pin(async move {
                let sql = "SELECT count(*), max(created_at) FROM compiled_components";
                Ok(on_either!(tx, |conn| sqlx::query_as(sql)
                    .fetch_one(conn)
                    .await)?)
            })
        })
        .await;
    row.expect("a row")
}

#[tokio::test]
async fn a_cold_worker_downloads_what_it_needs_and_compiles_nothing() {
    let double = double().await;
    let Some(deployment) = Deployment::start(&double.url(), &[]).await else {
        return;
    };
    deployment.agent("offline", &built::demo_workspace()).await;
    let before = compiled(&deployment).await;
    let plane = deployment.control_plane().await;
    let mut cold = deployment.worker(&[plane.url()], "cold", &[]).await;
    deployment
        .update(&[plane.url()], 1, 42, "calculate 6 * 7")
        .await;
    let sent = double.await_sent(1).await;
    assert!(texts(&sent)[0].contains("42"), "{sent:?}");
    // The engine and two skills.
    cold.await_logs("downloaded a component", 3).await;
    assert_eq!(compiled(&deployment).await, before);
    let files = std::fs::read_dir(deployment.cache("cold")).expect("a folder");
    assert_eq!(files.count(), 3);
    cold.kill().await;

    // What it has downloaded serves the next worker on this disk.
    let warm = deployment.worker(&[plane.url()], "cold", &[]).await;
    deployment
        .update(&[plane.url()], 2, 42, "calculate 6 * 8")
        .await;
    double.await_sent(2).await;
    assert!(!warm.log_text().contains("downloaded a component"));
}

#[tokio::test]
async fn a_worker_whose_token_is_refused_says_so_and_ends() {
    let double = double().await;
    let Some(deployment) = Deployment::start(&double.url(), &[]).await else {
        return;
    };
    let plane = deployment.control_plane().await;
    let mut worker = deployment.worker(&[plane.url()], "worker", &[]).await;
    let revoked: Result<(), StoreError> = deployment
        .factory
        .db()
        .write(|tx| {
            Box::pin(async move {
                for token in agent_factory::identity::tokens(tx, None, None, 9).await? {
                    agent_factory::identity::token_revoke(tx, &token.token_id).await?;
                }
                Ok(())
            })
        })
        .await;
    revoked.expect("revoked tokens");
    let status = worker.ended().await;
    assert_eq!(status.code(), Some(1), "{}", worker.log_text());
    assert!(
        worker.log_text().contains("refuses this worker's token"),
        "{}",
        worker.log_text()
    );
}
