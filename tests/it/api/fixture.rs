//! What the tests of the queue's operations begin with.

use agent_factory::control::Failure;
use agent_factory::identity::TokenScope;
use agent_factory::store::StoreError;
use agent_factory_tests::api::{Client, Served};
use agent_factory_tests::factory::Factory;
use agent_factory_tests::{built, on_either};
use serde_json::{Value, json};

pub(super) const MESSAGES: &str = "/v1/tenants/acme/messages";

/// A message of `c` to the agent `default`, changed as the test needs it.
pub(super) fn message(change: impl FnOnce(&mut Value)) -> Value {
    let mut message = json!({
        "conversationId": "c", "agentKey": "default",
        "payload": { "provider": "api", "providerUserId": "mia", "messageText": "hello" },
    });
    change(&mut message);
    message
}

/// The tenant `acme` with the agent `default`, the operator, and a worker of the agent's pool.
pub(super) async fn acme(factory: &Factory, served: &Served) -> (Client, Client) {
    factory
        .agent("acme", "offline", &built::demo_workspace())
        .await;
    let worker = TokenScope::Worker {
        pool: "default".parse().expect("a pool"),
    };
    (
        served.operator(factory).await,
        served.client(factory, worker).await,
    )
}

/// Send a message of this conversation; answers its id.
pub(super) async fn send(client: &Client, conversation: &str) -> String {
    let body = message(|m| m["conversationId"] = conversation.into());
    let sent = client.post(MESSAGES, &body).await.expect(202);
    sent["messageId"].as_str().expect("an id").to_owned()
}

pub(super) async fn status(client: &Client, id: &str) -> Value {
    client.get(&format!("{MESSAGES}/{id}")).await.expect(200)
}

pub(super) fn asking(max: u32) -> Value {
    json!({ "workerId": "wrk_1", "max": max, "inFlight": 0, "waitMs": 0 })
}

/// Claim what is due; answers the leases.
pub(super) async fn claim(worker: &Client, max: u32) -> Vec<Value> {
    let answer = worker.post("/v1/worker/claim", &asking(max)).await;
    let claimed = answer.expect(200);
    let turns = claimed["turns"].as_array().expect("turns");
    turns.iter().map(|turn| turn["lease"].clone()).collect()
}

/// Say that the turn under `lease` did not succeed.
pub(super) fn failed(lease: &Value, failure: Failure) -> Value {
    json!({ "lease": lease, "failure": failure })
}

pub(super) fn for_good() -> Failure {
    Failure::Permanent {
        reason: "no use".to_owned(),
        receipts: Vec::new(),
    }
}

/// Claim all that is due until nothing is, and give it up.
pub(super) async fn give_up(worker: &Client) {
    loop {
        let leases = claim(worker, 10).await;
        if leases.is_empty() {
            return;
        }
        for lease in leases {
            let body = failed(&lease, for_good());
            worker.post("/v1/worker/fail", &body).await.expect(200);
        }
    }
}

/// Every row the queue has, as far as a request may change it.
pub(super) async fn rows(factory: &Factory) -> Vec<String> {
    const SQL: [&str; 10] = [
        "SELECT 'message ' || tenant_id || ' ' || message_id || ' ' || conversation_id || ' ' || CAST(seq AS TEXT)
            || ' ' || status || ' ' || CAST(attempts AS TEXT) || ' ' || COALESCE(last_error, '-') FROM message_queue ORDER BY 1",
        "SELECT 'finished ' || tenant_id || ' ' || message_id || ' ' || outcome FROM finished_messages ORDER BY 1",
        "SELECT 'conversation ' || tenant_id || ' ' || conversation_id || ' ' || agent_key || ' ' || CAST(next_seq AS TEXT)
            || ' ' || CAST(last_available_at AS TEXT) || ' ' || COALESCE(paused_reason, '-') FROM conversations ORDER BY 1",
        "SELECT 'head ' || tenant_id || ' ' || conversation_id || ' ' || state || ' ' || CAST(due_at AS TEXT) || ' ' || message_id
            FROM heads ORDER BY 1",
        "SELECT 'lease ' || tenant_id || ' ' || conversation_id || ' ' || message_id || ' ' || CAST(fence AS TEXT) || ' '
            || lease_token || ' ' || CAST(lease_until AS TEXT) || ' ' || COALESCE(CAST(started_at AS TEXT), '-') || ' '
            || CAST(cancelling AS TEXT) FROM leases ORDER BY 1",
        "SELECT 'source ' || tenant_id || ' ' || source || ' ' || source_id || ' ' || message_id
            FROM message_sources ORDER BY 1",
        "SELECT 'attempt ' || tenant_id || ' ' || message_id || ' ' || error FROM message_attempts ORDER BY 1",
        "SELECT 'tenant ' || tenant_id || ' ' || COALESCE(paused_reason, '-') || ' '
            || COALESCE(CAST(max_in_flight AS TEXT), '-') FROM tenants ORDER BY 1",
        "SELECT 'agent ' || tenant_id || ' ' || agent_key || ' ' || COALESCE(held_reason, '-') || ' '
            || CAST(paused AS TEXT) FROM agent_profiles ORDER BY 1",
        "SELECT 'said ' || tenant_id || ' ' || message_id || ' ' || role FROM conversation_messages ORDER BY 1",
    ];
    let rows: Result<Vec<String>, StoreError> = factory
        .db()
        .read(|tx| {
            Box::pin(async move {
                let mut rows = Vec::new();
                for sql in SQL {
                    let more: Vec<String> =
                        on_either!(tx, |conn| sqlx::query_scalar(sql).fetch_all(conn).await)?;
                    rows.extend(more);
                }
                Ok(rows)
            })
        })
        .await;
    rows.expect("rows")
}
