//! Limits of an agent, of its tenant and of its skills, from where they are stored to the call they bound.

use agent_factory::domain::{LimitExceeded, LimitName, LimitSet, Receipt, ReceiptOutcome};
use agent_factory::identity;
use agent_factory::queue::{MessageState, MessageStatus};
use agent_factory::state::receipts::{self, ReceiptFilter};
use agent_factory::store::StoreError;
use agent_factory::workspace::{self, AgentId, Configure, WorkspaceError};
use agent_factory_tests::factory::{Factory, agent_key};
use agent_factory_tests::{built, plane_cases};

fn set(json: &str) -> LimitSet {
    serde_json::from_str(json).expect("limits")
}

async fn of_agent(factory: &Factory, limits: &str) {
    let wanted = Configure {
        limits: Some(set(limits)),
        ..Configure::default()
    };
    let agent = AgentId {
        tenant_id: "ada".parse().expect("a tenant id"),
        agent_key: agent_key(),
    };
    let done: Result<_, WorkspaceError> = factory
        .db()
        .write(move |tx| {
            Box::pin(async move { workspace::agent_configure(tx, &agent, &wanted).await })
        })
        .await;
    assert!(done.expect("a changed agent").0);
}

async fn of_tenant(factory: &Factory, limits: &str) {
    let limits = set(limits);
    let done: Result<bool, StoreError> = factory
        .db()
        .write(move |tx| {
            Box::pin(async move {
                identity::tenant_cap(tx, &"ada".parse().expect("a tenant id"), &limits).await
            })
        })
        .await;
    assert!(done.expect("a changed tenant"));
}

/// The receipt of the engine of a turn that a limit ended.
async fn exhausted(factory: &Factory, conversation: &str, text: &str) -> Receipt {
    let message = factory.enqueue("ada", conversation, text).await;
    let failed = |status: &MessageStatus| {
        status.attempts > 0 && matches!(status.state, MessageState::Queued { .. })
    };
    let status = factory.await_status("ada", &message, failed).await;
    let filter = ReceiptFilter {
        message_id: Some(message),
        ..ReceiptFilter::default()
    };
    let listed: Result<_, StoreError> = factory
        .db()
        .read(move |tx| {
            Box::pin(async move {
                let ada = "ada".parse().expect("a tenant id");
                receipts::list(tx, &ada, &filter, None, 10).await
            })
        })
        .await;
    let (mut listed, _) = listed.expect("receipts");
    let last = listed.pop().expect("a receipt").receipt;
    let by = last.ended_by.expect("a limit");
    assert_eq!(last.outcome, ReceiptOutcome::Exhausted);
    assert_eq!(status.last_error, Some(by.to_string()));
    last
}

fn over(limit: LimitName, value: u64) -> Option<LimitExceeded> {
    Some(LimitExceeded { limit, value })
}

plane_cases! {
    async fn an_agent_is_held_to_its_own_limits_and_its_tenants_caps(factory) {
        factory.agent("ada", "hostile-engine", &built::demo_workspace()).await;
        let _worker = factory.work();
        assert_eq!(factory.ask("ada", "free", "echo hello").await, "hello");
        of_agent(&factory, r#"{"host_calls":4}"#).await;
        let receipt = exhausted(&factory, "own", "call-host 9").await;
        assert_eq!(receipt.ended_by, over(LimitName::HostCalls, 4));
        of_tenant(&factory, r#"{"host_calls":3}"#).await;
        let receipt = exhausted(&factory, "tenant", "call-host 9").await;
        assert_eq!(receipt.ended_by, over(LimitName::HostCalls, 3));
        of_agent(&factory, "{}").await;
        let receipt = exhausted(&factory, "still", "call-host 9").await;
        assert_eq!(receipt.ended_by, over(LimitName::HostCalls, 3));
        of_tenant(&factory, "{}").await;
        let called = factory.enqueue("ada", "again", "call-host 9").await;
        let done = |status: &MessageStatus| matches!(status.state, MessageState::Done { .. });
        factory.await_status("ada", &called, done).await;
    }
}

#[tokio::test]
async fn whoever_asks_for_more_than_the_operator_allows_gets_what_is_allowed() {
    let settings = [
        ("limits.host_calls", "6"),
        ("default_limits.host_calls", "3"),
    ];
    let factory = Factory::with(&settings).await;
    factory
        .agent("ada", "hostile-engine", &built::demo_workspace())
        .await;
    let _worker = factory.work();
    let default = exhausted(&factory, "default", "call-host 9").await;
    assert_eq!(default.ended_by, over(LimitName::HostCalls, 3));
    of_agent(&factory, r#"{"host_calls":5}"#).await;
    let more = exhausted(&factory, "more", "call-host 9").await;
    assert_eq!(more.ended_by, over(LimitName::HostCalls, 5));
    of_agent(&factory, r#"{"host_calls":10000000}"#).await;
    let most = exhausted(&factory, "most", "call-host 9").await;
    assert_eq!(most.ended_by, over(LimitName::HostCalls, 6));
}
