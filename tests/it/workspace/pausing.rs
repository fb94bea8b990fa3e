//! Agents that are made while their tenant is paused.

use super::fixture::{BOUNDS, agent};
use super::profiles::{ship, with_offline};
use agent_factory::domain::{AgentModels, Pool, TenantId};
use agent_factory::queue;
use agent_factory::store::{Db, StoreError};
use agent_factory::workspace::{self, Agent, AgentId, Import, WorkspaceError};
use agent_factory_tests::database::TestDatabase;
use agent_factory_tests::store_cases;
use std::collections::BTreeMap;

const PAUSED: &str = "SELECT CAST(SUM(paused) AS BIGINT) FROM agent_profiles";
const WAITING: &str = "
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

async fn pause(db: Db, tenant: TenantId) {
    let paused: Result<bool, StoreError> = db
        .write(move |tx| Box::pin(async move { queue::pause_tenant(tx, &tenant, "unpaid").await }))
        .await;
    assert!(paused.expect("an answer"));
}

async fn resume(db: Db, tenant: TenantId) {
    let resumed: Result<bool, StoreError> = db
        .write(move |tx| Box::pin(async move { queue::resume_tenant(tx, &tenant).await }))
        .await;
    assert!(resumed.expect("an answer"));
}

fn second(first: &AgentId) -> AgentId {
    AgentId {
        agent_key: "second".parse().expect("an agentKey"),
        ..first.clone()
    }
}

async fn import(test: &TestDatabase, tenant: TenantId) {
    let import = Import {
        agent: Agent {
            tenant_id: tenant,
            agent_key: "third".parse().expect("an agentKey"),
            pool: Pool::default(),
            engine_name: "offline".to_owned(),
            engine: b"engine".to_vec(),
            time_zone: "UTC".to_owned(),
            runtime_config: BTreeMap::new(),
            secrets_ref: Vec::new(),
            models: AgentModels::default(),
        },
        documents: Vec::new(),
        skills: Vec::new(),
    };
    let imported: Result<_, WorkspaceError> = test
        .db
        .write(move |tx| Box::pin(async move { workspace::import(tx, &BOUNDS, &import).await }))
        .await;
    imported.expect("an import");
}

store_cases! {
    async fn a_new_agent_of_a_paused_tenant_waits_with_it(test) {
        ship(&test).await;
        let first = agent(&test, "mia").await;
        pause(test.db.clone(), first.tenant_id.clone()).await;
        assert_eq!(test.number(PAUSED).await, 1);
        let (new, wanted) = (second(&first), with_offline());
        let made: Result<_, WorkspaceError> = test
            .db
            .write(move |tx| Box::pin(async move { workspace::agent_configure(tx, &new, &wanted).await }))
            .await;
        assert!(made.unwrap().0);
        import(&test, first.tenant_id.clone()).await;
        assert_eq!(test.number(PAUSED).await, 3);
        // An agent of nobody who is paused is not.
        import(&test, "max".parse().unwrap()).await;
        assert_eq!(test.number(PAUSED).await, 3);
        resume(test.db.clone(), first.tenant_id).await;
        assert_eq!(test.number(PAUSED).await, 0);
    }
}

#[tokio::test]
async fn a_pause_finds_the_agent_that_is_made_at_the_same_moment() {
    let Some(test) = TestDatabase::postgres().await else {
        return;
    };
    ship(&test).await;
    let first = agent(&test, "mia").await;
    let (made, on_made) = tokio::sync::oneshot::channel();
    let (go_on, on_go_on) = tokio::sync::oneshot::channel();
    let (db, new) = (test.db.clone(), second(&first));
    let making = tokio::spawn(async move {
        let done: Result<(), WorkspaceError> = db
            .write(move |tx| {
                Box::pin(async move {
                    workspace::agent_configure(tx, &new, &with_offline()).await?;
                    made.send(()).expect("somebody who waits");
                    on_go_on.await.expect("a word to go on");
                    Ok(())
                })
            })
            .await;
        done.expect("an agent");
    });
    on_made.await.expect("an agent that is not committed");
    let pausing = tokio::spawn(pause(test.another().await, first.tenant_id));
    while !pausing.is_finished() && test.number(WAITING).await == 0 {
        tokio::task::yield_now().await;
    }
    go_on.send(()).expect("somebody who waits");
    making.await.expect("no panic");
    pausing.await.expect("no panic");
    assert_eq!(test.number(PAUSED).await, 2);
}
