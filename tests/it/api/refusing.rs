//! Bad input: a clear error with its status and code, and nothing is changed by it.

use super::fixture::{MESSAGES, acme, asking, claim, failed, for_good, message, rows, send};
use agent_factory::control::Completion;
use agent_factory::identity::TokenScope;
use agent_factory_tests::api::{Answer, Served, tenant};
use agent_factory_tests::factory::Factory;
use agent_factory_tests::factory_cases;
use reqwest::Method;
use serde_json::{Value, json};

#[track_caller]
fn is_refused(answer: &Answer, status: u16, code: &str, said: &str) {
    assert_eq!(
        (answer.status, answer.code()),
        (status, code),
        "{}",
        answer.text
    );
    assert!(answer.text.contains(said), "{said}: {}", answer.text);
}

factory_cases! {
    async fn numbers_that_make_no_sense_change_nothing(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        send(&operator, "c").await;
        let before = rows(&factory).await;
        for (field, value, said) in [
            ("priority", json!(-1), "priority must be 0 to 100"),
            ("priority", json!(101), "priority must be 0 to 100"),
            ("priority", json!(1e300), "expected i64"),
            ("priority", json!(50.5), "expected i64"),
            ("maxAttempts", json!(0), "maxAttempts must be 1 to 100"),
            ("maxAttempts", json!(101), "maxAttempts must be 1 to 100"),
            ("maxAttempts", json!(-1), "expected u32"),
            ("scheduledFor", json!(-1), "scheduledFor must be 0 to 253402300799999"),
            ("scheduledFor", json!(253_402_300_800_000_i64), "scheduledFor must be 0 to 253402300799999"),
            ("scheduledFor", json!(u64::MAX), "expected i64"),
        ] {
            let body = message(|m| m[field] = value);
            is_refused(&operator.post(MESSAGES, &body).await, 400, "invalid_request", said);
        }
        for (query, said) in [
            ("waitMs=-1", "the query is refused"),
            ("waitMs=30001", "waitMs must be 0 to 30000 milliseconds"),
        ] {
            let path = format!("{MESSAGES}/msg_absent?{query}");
            is_refused(&operator.get(&path).await, 400, "invalid_request", said);
        }
        for (field, value, said) in [
            ("max", json!(0), "max must be 1 to 512"),
            ("max", json!(513), "max must be 1 to 512"),
            ("max", json!(u32::MAX), "max must be 1 to 512"),
            ("max", json!(-1), "expected u32"),
            ("waitMs", json!(30_001), "waitMs must be 0 to 30000"),
            ("waitMs", json!(u64::MAX), "waitMs must be 0 to 30000"),
            ("waitMs", json!(-1), "expected u64"),
        ] {
            let mut body = asking(1);
            body[field] = value.clone();
            is_refused(&worker.post("/v1/worker/claim", &body).await, 400, "invalid_request", said);
            let said = said.replace("512", "1000");
            if value != 513 {
                let answer = worker.post("/v1/worker/deliveries/claim", &body).await;
                is_refused(&answer, 400, "invalid_request", &said);
            }
        }
        let mut body = asking(1);
        body["inFlight"] = json!(-1);
        is_refused(&worker.post("/v1/worker/claim", &body).await, 400, "invalid_request", "expected u32");
        for (started, said) in [
            (json!([0]), "started must name places in leases"),
            (json!([-1]), "expected u32"),
            (json!([u64::MAX]), "expected u32"),
        ] {
            let body = json!({ "workerId": "wrk_1", "leases": [], "started": started });
            is_refused(&worker.post("/v1/worker/heartbeat", &body).await, 400, "invalid_request", said);
        }
        assert_eq!(rows(&factory).await, before);
    }

    async fn a_message_for_nobody_or_for_another_agents_conversation_changes_nothing(factory) {
        let served = Served::start(&factory).await;
        let (operator, _) = acme(&factory, &served).await;
        let before = rows(&factory).await;
        let body = message(|m| m["agentKey"] = "nobody".into());
        is_refused(&operator.post(MESSAGES, &body).await, 404, "not_found", "agent");
        for path in ["conversations/absent", "messages/msg_absent", "messages?conversationId=absent"] {
            let answer = operator.get(&format!("/v1/tenants/acme/{path}")).await;
            is_refused(&answer, 404, "not_found", "there is no such");
        }
        for conversation in ["", "a b", &"x".repeat(257)] {
            let body = message(|m| m["conversationId"] = conversation.into());
            is_refused(&operator.post(MESSAGES, &body).await, 400, "invalid_request", "visible ASCII");
        }
        assert_eq!(rows(&factory).await, before);
    }

    async fn things_of_another_tenant_are_not_there(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        tenant(factory.app(), "other").await;
        let scope = TokenScope::TenantAdmin { tenant_id: "other".parse().unwrap() };
        let other = served.client(&factory, scope).await;
        let waits = send(&operator, "c").await;
        let given_up = send(&operator, "d").await;
        let leases = claim(&worker, 9).await;
        let lease = leases.iter().find(|lease| lease["messageId"] == given_up.as_str()).expect("its lease");
        worker.post("/v1/worker/fail", &failed(lease, for_good())).await.expect(200);
        let before = rows(&factory).await;
        let reason = json!({ "reason": "mine now" });
        // By the tenant's own name, and by another's token under its own name.
        for owner in ["acme", "other"] {
            let at = |path: &str| format!("/v1/tenants/{owner}/{path}");
            for answer in [
                other.get(&at(&format!("messages/{waits}"))).await,
                other.post(&at(&format!("messages/{waits}/cancel")), &Value::Null).await,
                other.post(&at(&format!("dead-letters/{given_up}/replay")), &Value::Null).await,
                other.delete(&at(&format!("dead-letters/{given_up}"))).await,
                other.get(&at("messages?conversationId=c")).await,
                other.get(&at("conversations/c")).await,
                other.post(&at("conversations/c/pause"), &reason).await,
                other.post(&at("conversations/c/resume"), &Value::Null).await,
            ] {
                is_refused(&answer, 404, "not_found", "there is no such");
            }
        }
        let own = other.get("/v1/tenants/other/messages").await.expect(200);
        assert_eq!(own["messages"], json!([]));
        for verb in ["replay", "purge"] {
            let all = other.post(&format!("/v1/tenants/other/dead-letters/{verb}"), &json!({})).await;
            let done = all.expect(200);
            assert_eq!(done.as_object().unwrap().values().next(), Some(&json!(0)));
        }
        assert_eq!(rows(&factory).await, before);
    }

    async fn a_lease_token_of_another_message_opens_nothing(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        for conversation in ["c", "d"] {
            send(&operator, conversation).await;
        }
        let leases = claim(&worker, 9).await;
        let [one, two] = leases.as_slice() else {
            panic!("{leases:?}");
        };
        let mut of_another_message = one.clone();
        of_another_message["messageId"] = two["messageId"].clone();
        let mut with_another_token = two.clone();
        with_another_token["token"] = one["token"].clone();
        let mut of_another_claim = one.clone();
        of_another_claim["fence"] = two["fence"].clone();
        let mut of_another_tenant = one.clone();
        of_another_tenant["tenantId"] = json!("other");
        let before = rows(&factory).await;
        for lease in [of_another_message, with_another_token, of_another_claim, of_another_tenant] {
            let completed = json!({ "lease": lease, "completion": Completion::default() });
            for (path, body) in [
                ("hydrate", json!({ "lease": lease })),
                ("complete", completed.clone()),
                ("fail", failed(&lease, for_good())),
                ("give-back", json!({ "lease": lease })),
                ("key-value/get", json!({ "lease": lease, "owner": null, "scope": "agent", "key": "k" })),
                ("key-value/set", json!({ "lease": lease, "owner": null, "key": "k", "value": "", "call": "1" })),
                ("key-value/delete", json!({ "lease": lease, "owner": null, "key": "k", "call": "2" })),
                ("key-value/list", json!({ "lease": lease, "owner": null, "scope": "agent", "limit": 1 })),
                ("memory/search", json!({ "lease": lease, "query": "tea", "limit": 1 })),
                ("memory/read", json!({ "lease": lease, "path": "MEMORY.md", "start": 1, "lines": 1 })),
            ] {
                let answer = worker.post(&format!("/v1/worker/{path}"), &body).await;
                is_refused(&answer, 409, "lease_lost", "the lease is lost");
            }
            // These answer each lease for itself.
            let beat = json!({ "workerId": "wrk_1", "leases": [lease], "started": [0] });
            let beats = worker.post("/v1/worker/heartbeat", &beat).await.expect(200);
            assert_eq!(beats["beats"], json!(["lost"]));
            let all = json!({ "completions": [completed] });
            let all = worker.post("/v1/worker/complete-all", &all).await.expect(200);
            assert_eq!(all["results"], json!(["leaseLost"]));
        }
        assert_eq!(rows(&factory).await, before);
    }
}

const SMALL_PAYLOADS: [(&str, &str); 1] = [("queue.max_payload_bytes", "4096")];

#[tokio::test]
async fn on_sqlite_a_payload_is_taken_at_its_limit_and_refused_one_byte_beyond() {
    a_payload_has_its_limit(Factory::with(&SMALL_PAYLOADS).await).await;
}

#[tokio::test]
async fn on_postgresql_a_payload_is_taken_at_its_limit_and_refused_one_byte_beyond() {
    if let Some(factory) = Factory::postgres_with(&SMALL_PAYLOADS).await {
        a_payload_has_its_limit(factory).await;
    }
}

async fn a_payload_has_its_limit(factory: Factory) {
    let served = Served::start(&factory).await;
    let (operator, _) = acme(&factory, &served).await;
    let before = rows(&factory).await;
    let of = |length: usize| {
        let text = "x".repeat(length);
        message(|m| m["payload"]["messageText"] = text.into())
    };
    let refused = operator.post(MESSAGES, &of(10_000)).await;
    is_refused(&refused, 413, "too_large", "at most 4096 are accepted");
    let words = refused.body["error"]["message"].as_str().expect("words");
    let bytes = words.split_whitespace().find_map(|word| word.parse().ok());
    let others = bytes.unwrap_or(0_usize) - 10_000;
    let refused = operator.post(MESSAGES, &of(4097 - others)).await;
    is_refused(
        &refused,
        413,
        "too_large",
        "4097 bytes; at most 4096 are accepted",
    );
    assert_eq!(rows(&factory).await, before);
    operator
        .post(MESSAGES, &of(4096 - others))
        .await
        .expect(202);
}

#[tokio::test]
async fn a_body_over_its_limit_changes_nothing() {
    let factory = Factory::new().await;
    let served = Served::start(&factory).await;
    let (operator, _) = acme(&factory, &served).await;
    let before = rows(&factory).await;
    for path in ["replay", "purge"] {
        let request = operator
            .request(
                Method::POST,
                &format!("/v1/tenants/acme/dead-letters/{path}"),
            )
            .header("Content-Type", "application/json")
            .body("{}".to_owned() + &" ".repeat((1 << 20) - 1));
        let answer = operator.send(request).await;
        is_refused(&answer, 413, "too_large", "more bytes than are taken");
    }
    assert_eq!(rows(&factory).await, before);
}
