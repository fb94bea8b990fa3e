//! Two processes on one PostgreSQL database.

use agent_factory::store::{Db, StoreError, Topic};
use agent_factory_tests::database::TestDatabase;
use agent_factory_tests::on_either;
use std::time::Duration;

/// How long any one event may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

async fn raise(db: &Db, topic: Topic) {
    let raised: Result<(), StoreError> = db
        .write(move |tx| {
            tx.raise(topic);
            Box::pin(async { Ok(()) })
        })
        .await;
    raised.expect("a write");
}

/// Raise `topic` on one until the other has heard: a listener tells of what is said once it listens.
async fn heard(by: &Db, on: &Db, topic: Topic) {
    let mut listener = by.signals().listen(topic);
    let hearing = async {
        tokio::select! {
            () = listener.changed(PATIENCE) => (),
            () = async {
                loop {
                    raise(on, topic).await;
                    tokio::task::yield_now().await;
                }
            } => (),
        }
    };
    tokio::time::timeout(PATIENCE, hearing)
        .await
        .expect("it is heard");
}

#[tokio::test]
async fn what_one_process_changes_another_hears_of() {
    let Some(test) = TestDatabase::postgres().await else {
        return;
    };
    let other = test.another().await;
    for topic in [Topic::Queue, Topic::Outbox, Topic::Settled] {
        heard(&other, &test.db, topic).await;
        heard(&test.db, &other, topic).await;
    }
}

#[tokio::test]
async fn a_process_whose_connections_are_cut_goes_on_and_hears_again() {
    let Some(test) = TestDatabase::postgres().await else {
        return;
    };
    let other = test.another().await;
    heard(&other, &test.db, Topic::Queue).await;
    let cut = test
        .number(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    assert!(cut >= 3, "{cut} connections were cut");
    heard(&other, &test.db, Topic::Settled).await;
    heard(&test.db, &other, Topic::Outbox).await;
}

#[tokio::test]
async fn a_transaction_with_a_failed_statement_is_not_taken_for_a_commit() {
    let Some(test) = TestDatabase::postgres().await else {
        return;
    };
    let queue = crate::queue::driver::Driver::new(test).await;
    let policy = queue.policy.clone();
    let answer: Result<(), StoreError> = queue
        .db()
        .write(move |tx| {
            Box::pin(async move {
                let (tenant, agent) = ("acme".parse().unwrap(), "support".parse().unwrap());
                agent_factory::queue::resume(tx, &policy, &tenant, &agent).await?;
                // As where a statement failed and the caller went on all the same.
                tx.failed();
                Ok(())
            })
        })
        .await;
    assert!(
        matches!(answer, Err(StoreError::Transaction(_))),
        "{answer:?}"
    );
    let resuming = "SELECT count(*) FROM agent_profiles WHERE updated_at > 0";
    assert_eq!(queue.test.number(resuming).await, 0);
}

#[tokio::test]
async fn what_the_server_cut_short_may_succeed_the_next_time_and_what_it_refused_not() {
    let Some(test) = TestDatabase::postgres().await else {
        return;
    };
    for (statement, passing) in [
        ("SELECT pg_terminate_backend(pg_backend_pid())", true),
        (
            "INSERT INTO tenants (tenant_id, created_at) VALUES ('one', 0), ('one', 0)",
            false,
        ),
        ("SELECT 1 / 0", false),
    ] {
        let failed: Result<(), StoreError> = test
            .db
            .write(move |tx| {
                Box::pin(async move {
                    Ok(on_either!(tx, |conn| sqlx::query(statement)
                        .execute(conn)
                        .await
                        .map(drop))?)
                })
            })
            .await;
        let error = failed.unwrap_err();
        assert_eq!(error.is_passing(), passing, "{statement}: {error:?}");
    }
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_told_without_its_password() {
    let url = "postgres://me:5ec12e7@127.0.0.1:1/factory".parse().unwrap();
    let connections = agent_factory_tests::database::CONNECTIONS;
    let opened = Db::open(
        &url,
        connections,
        agent_factory::store::ClockSource::Database,
    )
    .await;
    let error = opened.map(drop).unwrap_err();
    let told = format!("{error} {error:?}");
    assert!(told.contains("me@127.0.0.1:1/factory"), "{told}");
    assert!(!told.contains("5ec12e7"), "{told}");
}
