//! What is counted of a database's work: what was committed, and what failed.

use super::value;
use crate::queue::driver::Driver;
use agent_factory::queue::{self, EnqueueError};
use agent_factory_tests::store_cases;

store_cases! {
    async fn what_is_undone_is_not_counted_and_what_shares_its_commit_is(test) {
        let queue = Driver::new(test).await;
        let undone = |conversation: &'static str| {
            let (policy, id) = (queue.policy.clone(), queue.test.ids.message().unwrap());
            let message = queue.message(conversation, "hello");
            let db = queue.db();
            async move {
                let answer: Result<(), EnqueueError> = db.write(move |tx| Box::pin(async move {
                    queue::enqueue(tx, &policy, &message, id).await?;
                    Err(EnqueueError::AgentDisabled(message.agent_key))
                })).await;
                answer.unwrap_err();
            }
        };
        tokio::join!(undone("one"), queue.enqueue("two", "hello"), undone("three"), queue.enqueue("four", "hello"));
        let page = queue.db().metrics().render();
        assert_eq!(value(&page, "agent_factory_messages_enqueued_total{outcome=\"new\"}"), Some(2.0), "{page}");
    }

    async fn a_statement_that_the_database_refuses_is_counted(test) {
        let refused: Result<(), agent_factory::store::StoreError> = test.db.write(|tx| Box::pin(async move {
            let missing = agent_factory::domain::Pool::default();
            let scope = queue::Scope::Pool(missing);
            let dropped = agent_factory_tests::on_either!(tx, |conn| sqlx::query("DROP TABLE outbox").execute(conn).await.map(drop));
            dropped.expect("a table");
            queue::stats(tx, &scope).await?;
            let gone = agent_factory_tests::on_either!(tx, |conn| sqlx::query("SELECT 1 FROM outbox").execute(conn).await.map(drop));
            if gone.is_err() {
                tx.failed();
            }
            Ok(gone?)
        })).await;
        refused.unwrap_err();
        let page = test.db.metrics().render();
        assert_eq!(value(&page, "agent_factory_database_errors_total{step=\"statement\"}"), Some(1.0), "{page}");
    }
}
