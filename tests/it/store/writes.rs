//! A write happens as a whole or not at all.

use agent_factory::store::{Db, StoreError, Tx};
use agent_factory_tests::database::TestDatabase;
use agent_factory_tests::{on_either, store_cases};
use std::sync::Arc;
use tokio::sync::Notify;

async fn add(tx: &mut Tx, tenant: &'static str) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO tenants (tenant_id, created_at) VALUES ($1, 0)";
    Ok(on_either!(tx, |conn| sqlx::query(SQL)
        .bind(tenant)
        .execute(conn)
        .await
        .map(drop))?)
}

async fn tenants(test: &TestDatabase) -> i64 {
    test.number("SELECT count(*) FROM tenants").await
}

store_cases! {
    async fn an_error_undoes_what_was_done_before_it(test) {
        let failed: Result<(), StoreError> = test.db.write(|tx| Box::pin(async move {
            add(tx, "one").await?;
            Err(StoreError::Closed)
        })).await;
        failed.unwrap_err();
        assert_eq!(tenants(&test).await, 0);
    }

    async fn a_caller_that_goes_away_does_not_stop_its_write(test) {
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (db, has_begun, may_go_on) = (test.db.clone(), Arc::clone(&begun), Arc::clone(&go_on));
        let caller = tokio::spawn(async move {
            let written: Result<(), StoreError> = db.write(move |tx| Box::pin(async move {
                add(tx, "one").await?;
                has_begun.notify_one();
                may_go_on.notified().await;
                add(tx, "two").await
            })).await;
            written
        });
        begun.notified().await;
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        go_on.notify_one();
        // Waits for the write.
        test.db.close().await;
        assert_eq!(count_again(&test).await, 2);
    }

    async fn what_is_closed_takes_no_more_writes(test) {
        test.db.close().await;
        let refused: Result<(), StoreError> = test.db.write(|tx| Box::pin(add(tx, "one"))).await;
        assert!(matches!(refused, Err(StoreError::Closed)), "{refused:?}");
    }

    async fn a_connection_that_reads_cannot_write(test) {
        let refused: Result<(), StoreError> = test.db.read(|tx| Box::pin(add(tx, "one"))).await;
        refused.unwrap_err();
        assert_eq!(tenants(&test).await, 0);
    }
}

async fn count_again(test: &TestDatabase) -> i64 {
    let again: Db = test.another().await;
    let count: Result<i64, StoreError> = again
        .read(|tx| {
            Box::pin(async move {
                const SQL: &str = "SELECT count(*) FROM tenants";
                Ok(on_either!(tx, |conn| sqlx::query_scalar(SQL)
                    .fetch_one(conn)
                    .await)?)
            })
        })
        .await;
    count.expect("a count")
}
