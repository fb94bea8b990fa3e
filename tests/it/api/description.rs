//! The description says what the server does.

use agent_factory_tests::api::{Client, Served, tenant};
use agent_factory_tests::built;
use agent_factory_tests::contract::Contract;
use agent_factory_tests::factory::Factory;
use agent_factory_tests::factory_cases;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Operations whose good answers are held against the description by tests of their own.
const SHOWN_ELSEWHERE: &[&str] = &[
    "cancelMessage",
    "configureAgent",
    "configureBot",
    "configureSkill",
    "deleteDocument",
    "deleteSkill",
    "enqueueAll",
    "getAgent",
    "getDocument",
    "getSkill",
    "grantSkill",
    "listAgents",
    "listDocuments",
    "listEngines",
    "listMessages",
    "listSkills",
    "purgeDeadLetter",
    "purgeDeadLetters",
    "putDocument",
    "putSkill",
    "replayDeadLetter",
    "replayDeadLetters",
    "shipEngine",
    "uploadEngine",
    "whoAmI",
];

#[tokio::test]
async fn every_operation_has_an_id_of_its_own() {
    let factory = Factory::new().await;
    let served = Served::start(&factory).await;
    let contract = Contract::of(&served.anonymous()).await;
    let mut ids: Vec<_> = contract
        .operations()
        .into_iter()
        .map(|known| known.id)
        .collect();
    ids.sort();
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    for id in &ids {
        let first = id.chars().next();
        assert!(
            first.is_some_and(|c| c.is_ascii_lowercase())
                && id.chars().all(|c| c.is_ascii_alphanumeric()),
            "{id} is not camelCase"
        );
    }
    insta::assert_snapshot!("operation_ids", ids.join("\n"));
}

#[tokio::test]
async fn every_operation_that_is_described_is_served_and_asks_who_is_there() {
    let factory = Factory::with(&[("server.auth_failures_per_minute", "1000")]).await;
    let served = Served::start(&factory).await;
    let nobody = served.anonymous();
    let contract = Contract::of(&nobody).await;
    for operation in contract.operations() {
        let path = operation.fill(|_| "x".to_owned());
        let answer = nobody
            .send(nobody.request(operation.method.clone(), &path))
            .await;
        if operation.path.starts_with("/v1/") {
            assert!(!operation.scopes.is_empty(), "{}: no scopes", operation.id);
            let known = ["operator", "tenant-admin", "app", "worker"];
            assert!(
                operation
                    .scopes
                    .iter()
                    .all(|scope| known.contains(&scope.as_str())),
                "{operation:?}"
            );
            assert_eq!(
                (answer.status, answer.code()),
                (401, "unauthorized"),
                "{operation:?}"
            );
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            contract.check(&operation.id, &answer);
        } else {
            assert!(
                answer.status != 404 && answer.status != 405,
                "{operation:?}"
            );
        }
        let another = nobody.send(nobody.request(Method::PATCH, &path)).await;
        assert_eq!(
            (another.status, another.code()),
            (405, "method_not_allowed"),
            "{path}"
        );
    }
    let unknown = nobody.get("/v1/nothing").await;
    assert_eq!((unknown.status, unknown.code()), (404, "not_found"));
}

/// `routes!` mounts what it describes; nothing else mounts a route.
#[test]
fn no_route_is_mounted_beside_the_description() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src/api");
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let code = std::fs::read_to_string(&path).expect("source");
            for way in [".route(", ".route_service(", ".nest_service("] {
                assert!(!code.contains(way), "{} has {way}", path.display());
            }
        }
    }
}

/// A walk through the operations that holds each answer against the description.
struct Walk {
    contract: Contract,
    shown: BTreeSet<(String, u16)>,
}

impl Walk {
    async fn ask(
        &mut self,
        client: &Client,
        id: &str,
        path: &str,
        body: Option<Value>,
        status: u16,
    ) -> Value {
        let operation = self.contract.operation(id);
        let mut request = client.request(operation.method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = client.send(request).await;
        self.contract.check(id, &answer);
        self.shown.insert((id.to_owned(), answer.status));
        assert_eq!(answer.status, status, "{id}: {}", answer.text);
        answer.body
    }
}

fn message(conversation: &str, id: &str, text: &str) -> Option<Value> {
    Some(json!({
        "conversationId": conversation, "agentKey": "default",
        "payload": {
            "provider": "api", "providerUserId": "mia", "messageText": text, "externalMessageId": id,
            "metadata": { "order": "17" },
        },
    }))
}

factory_cases! {
    async fn every_operation_answers_as_it_is_described(factory) {
        let served = Served::start(&factory).await;
        let operator = served.operator(&factory).await;
        let contract = Contract::of(&operator).await;
        let mut walk = Walk { contract, shown: BTreeSet::new() };
        let w = &mut walk;
        let o = &operator;
        for (id, path) in [("healthz", "/healthz"), ("readyz", "/readyz"), ("openapi", "/openapi.json"), ("metrics", "/metrics")] {
            w.ask(o, id, path, None, 200).await;
        }

        w.ask(o, "createTenant", "/v1/tenants/acme", None, 201).await;
        w.ask(o, "createTenant", "/v1/tenants/acme", None, 200).await;
        w.ask(o, "listTenants", "/v1/tenants", None, 200).await;
        let new = json!({ "scope": "worker", "pool": "default", "name": "machines", "expiresInDays": 9 });
        let made = w.ask(o, "createToken", "/v1/tokens", Some(new), 201).await;
        let absent = json!({ "scope": "app", "tenantId": "nobody" });
        w.ask(o, "createToken", "/v1/tokens", Some(absent), 404).await;
        w.ask(o, "listTokens", "/v1/tokens", None, 200).await;
        let path = format!("/v1/tokens/{}", made["tokenId"].as_str().unwrap());
        w.ask(o, "revokeToken", &path, None, 204).await;
        let made = w.ask(o, "createAppToken", "/v1/tenants/acme/tokens", Some(json!({})), 201).await;
        w.ask(o, "listAppTokens", "/v1/tenants/acme/tokens", None, 200).await;
        let path = format!("/v1/tenants/acme/tokens/{}", made["tokenId"].as_str().unwrap());
        w.ask(o, "revokeAppToken", &path, None, 204).await;

        factory.agent("acme", "offline", &built::demo_workspace()).await;
        let status = w.ask(o, "componentStatus", "/v1/components/status", None, 200).await;
        assert_eq!((status["total"].as_u64(), status["compiled"].as_u64()), (Some(3), Some(3)), "{status}");
        assert_eq!((status["failed"].as_u64(), status["remaining"].as_u64()), (Some(0), Some(0)), "{status}");
        let messages = "/v1/tenants/acme/messages";
        let sent = w.ask(o, "enqueue", messages, message("c", "1", "calculate 6 * 7"), 202).await;
        w.ask(o, "enqueue", messages, message("c", "1", "calculate 6 * 7"), 200).await;
        w.ask(o, "enqueue", messages, message("c", "1", "calculate 6 * 8"), 409).await;
        let path = format!("{messages}/{}", sent["messageId"].as_str().unwrap());
        w.ask(o, "getMessage", &path, None, 200).await;
        let worker = factory.work();
        let done = w.ask(o, "getMessage", &format!("{path}?waitMs=30000"), None, 200).await;
        assert_eq!(done["status"], "done", "{done}");
        worker.stop().await;
        let path = "/v1/tenants/acme/conversations/c";
        let history = w.ask(o, "getConversation", &format!("{path}?limit=1"), None, 200).await;
        let older = format!("{path}?cursor={}", history["nextCursor"].as_str().unwrap());
        w.ask(o, "getConversation", &older, None, 200).await;
        w.ask(o, "queueStats", "/v1/tenants/acme/queue/stats", None, 200).await;
        w.ask(o, "poolStats", "/v1/queue/stats?pool=default", None, 200).await;
        let workers = w.ask(o, "workerStats", "/v1/workers?pool=default", None, 200).await;
        assert_eq!(workers["workers"].as_array().unwrap().len(), 1);

        let agent = "/v1/tenants/acme/agents/default";
        let reason = json!({ "reason": "the key is refused" });
        w.ask(o, "holdAgent", &format!("{agent}/hold"), Some(reason), 204).await;
        let sent = w.ask(o, "enqueue", messages, message("d", "2", "hello"), 202).await;
        let path = format!("{messages}/{}?waitMs=30000", sent["messageId"].as_str().unwrap());
        let held = w.ask(o, "getMessage", &path, None, 200).await;
        assert_eq!(held["heldReason"], "the key is refused");
        w.ask(o, "resumeAgent", &format!("{agent}/resume"), None, 204).await;
        w.ask(o, "listDeadLetters", "/v1/tenants/acme/dead-letters", None, 200).await;

        let reason = || Some(json!({ "reason": "a person answers" }));
        for (what, path) in [("Conversation", "/v1/tenants/acme/conversations/d"), ("Tenant", "/v1/tenants/acme")] {
            w.ask(o, &format!("pause{what}"), &format!("{path}/pause"), reason(), 204).await;
            if what == "Conversation" {
                w.ask(o, "getConversation", path, None, 200).await;
            } else {
                w.ask(o, "listTenants", "/v1/tenants", None, 200).await;
            }
            w.ask(o, &format!("resume{what}"), &format!("{path}/resume"), None, 204).await;
        }
        let limits = "/v1/tenants/acme/limits";
        w.ask(o, "limitTenant", limits, Some(json!({ "maxInFlight": 7 })), 204).await;
        w.ask(o, "listTenants", "/v1/tenants", None, 200).await;
        w.ask(o, "limitTenant", limits, Some(json!({ "maxInFlight": null })), 204).await;
        let caps = "/v1/tenants/acme/component-limits";
        w.ask(o, "capTenant", caps, Some(json!({ "limits": { "tool_ms": 10 } })), 204).await;
        w.ask(o, "capTenant", caps, Some(json!({ "limits": {} })), 204).await;
        w.ask(o, "getUsage", "/v1/tenants/acme/usage", None, 200).await;
        w.ask(o, "listReceipts", "/v1/tenants/acme/receipts", None, 200).await;
        let worker = workers["workers"][0]["workerId"].as_str().unwrap();
        w.ask(o, "drainWorker", &format!("/v1/workers/{worker}/drain"), None, 204).await;

        let secret = "/v1/tenants/acme/secrets/model.key";
        w.ask(o, "secretStatus", secret, None, 404).await;
        w.ask(o, "importSecret", secret, Some(json!({ "value": "5ec12e7" })), 200).await;
        let status = w.ask(o, "secretStatus", secret, None, 200).await;
        assert_eq!(status["active"], true);
        w.ask(o, "deleteSecret", secret, None, 204).await;
        assert_eq!(w.ask(o, "secretStatus", secret, None, 200).await["active"], false);

        for operation in walk.contract.operations() {
            let id = operation.id.as_str();
            // Workers' answers are held against the worker that reads them, by one suite over both control planes.
            let of_workers = operation.path.starts_with("/v1/worker/");
            if of_workers || SHOWN_ELSEWHERE.contains(&id) {
                continue;
            }
            for status in operation.statuses.iter().filter(|status| **status < 300) {
                assert!(
                    walk.shown.contains(&(operation.id.clone(), *status)),
                    "{id} with {status} is not shown: add it above, or hold it against the contract in a test of its \
                     own and name it in SHOWN_ELSEWHERE"
                );
            }
        }
    }

    async fn every_operation_refuses_as_it_is_described(factory) {
        let served = Served::start(&factory).await;
        let operator = served.operator(&factory).await;
        tenant(factory.app(), "acme").await;
        let contract = Contract::of(&operator).await;
        for operation in contract.operations() {
            let id = operation.id.as_str();
            if !operation.scopes.iter().any(|scope| scope == "operator") {
                continue;
            }
            let path = operation.fill(|name| match name {
                "tenantId" => "acme".to_owned(),
                "botId" => "1".to_owned(),
                _ => "absent".to_owned(),
            });
            let request = || operator.request(operation.method.clone(), &path);
            if operation.has_json {
                for (kind, body, status) in [
                    ("application/json", "{", 400),
                    ("application/json", r#"{"unknownField": 1}"#, 400),
                    ("text/plain", "{}", 415),
                ] {
                    let request = request().header("Content-Type", kind).body(body);
                    let answer = operator.send(request).await;
                    assert_eq!(answer.status, status, "{id}: {}", answer.text);
                    contract.check(id, &answer);
                }
            } else if !operation.has_body && operation.path.contains('{') {
                contract.check(id, &operator.send(request()).await);
            }
            if operation.method == Method::GET && operation.path.starts_with("/v1/") {
                let odd = operator.get(&format!("{path}?limit=0&oddity=1")).await;
                contract.check(id, &odd);
            }
        }
    }
}
