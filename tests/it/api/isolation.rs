//! One tenant's tokens against every operation of another tenant.

use agent_factory::identity::TokenScope;
use agent_factory_tests::api::{Client, Served, tenant};
use agent_factory_tests::built;
use agent_factory_tests::contract::{Contract, Operation};
use agent_factory_tests::factory::Factory;
use serde_json::json;
use std::collections::BTreeMap;

/// Who an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    /// Anybody, without a token.
    Anybody,
    /// The operator.
    Operator,
    /// One tenant, named by the path.
    Tenant,
    /// A worker; the leases it was given say whose work it does.
    Worker,
    /// Whoever has a token: it tells of that token and nothing else.
    Holder,
}

/// Every operation there is. One that is missing here fails the test.
const TABLE: &[(&str, For)] = &[
    ("cancelMessage", For::Tenant),
    ("capTenant", For::Operator),
    ("configureAgent", For::Tenant),
    ("configureBot", For::Tenant),
    ("configureSkill", For::Tenant),
    ("createAppToken", For::Tenant),
    ("createTenant", For::Operator),
    ("createToken", For::Operator),
    ("deleteDocument", For::Tenant),
    ("deleteSecret", For::Tenant),
    ("deleteSkill", For::Tenant),
    ("drainWorker", For::Operator),
    ("enqueue", For::Tenant),
    ("enqueueAll", For::Tenant),
    ("getAgent", For::Tenant),
    ("getConversation", For::Tenant),
    ("getDocument", For::Tenant),
    ("getMessage", For::Tenant),
    ("getSkill", For::Tenant),
    ("componentStatus", For::Operator),
    ("getUsage", For::Tenant),
    ("grantSkill", For::Tenant),
    ("healthz", For::Anybody),
    ("holdAgent", For::Tenant),
    ("importSecret", For::Tenant),
    ("limitTenant", For::Operator),
    ("listAgents", For::Tenant),
    ("listAppTokens", For::Tenant),
    ("listDeadLetters", For::Tenant),
    ("listDocuments", For::Tenant),
    ("listEngines", For::Tenant),
    ("listMessages", For::Tenant),
    ("listReceipts", For::Tenant),
    ("listSkills", For::Tenant),
    ("listTenants", For::Operator),
    ("listTokens", For::Operator),
    ("metrics", For::Operator),
    ("openapi", For::Anybody),
    ("pauseConversation", For::Tenant),
    ("pauseTenant", For::Operator),
    ("poolStats", For::Operator),
    ("purgeDeadLetter", For::Tenant),
    ("purgeDeadLetters", For::Tenant),
    ("putDocument", For::Tenant),
    ("putSkill", For::Tenant),
    ("queueStats", For::Tenant),
    ("readyz", For::Anybody),
    ("replayDeadLetter", For::Tenant),
    ("replayDeadLetters", For::Tenant),
    ("resumeAgent", For::Tenant),
    ("resumeConversation", For::Tenant),
    ("resumeTenant", For::Operator),
    ("revokeAppToken", For::Tenant),
    ("revokeToken", For::Operator),
    ("secretStatus", For::Tenant),
    ("shipEngine", For::Operator),
    ("uploadEngine", For::Tenant),
    ("whoAmI", For::Holder),
    ("workerArtifact", For::Worker),
    ("workerClaim", For::Worker),
    ("workerClaimDeliveries", For::Worker),
    ("workerComplete", For::Worker),
    ("workerCompleteAll", For::Worker),
    ("workerFail", For::Worker),
    ("workerGiveBack", For::Worker),
    ("workerHeartbeat", For::Worker),
    ("workerHydrationBundle", For::Worker),
    ("workerKeyValueDelete", For::Worker),
    ("workerKeyValueGet", For::Worker),
    ("workerKeyValueList", For::Worker),
    ("workerKeyValueSet", For::Worker),
    ("workerMemoryRead", For::Worker),
    ("workerMemorySearch", For::Worker),
    ("workerRegister", For::Worker),
    ("workerReleaseLane", For::Worker),
    ("workerSettleDelivery", For::Worker),
    ("workerSnapshot", For::Worker),
    ("workerStats", For::Operator),
];

fn of(operation: &Operation) -> For {
    let takes = |scope: &str| operation.scopes.iter().any(|known| known == scope);
    if operation.scopes.is_empty() {
        For::Anybody
    } else if takes("worker") && takes("operator") {
        For::Holder
    } else if takes("worker") {
        For::Worker
    } else if takes("tenant-admin") || takes("app") {
        For::Tenant
    } else {
        For::Operator
    }
}

async fn ask(client: &Client, operation: &Operation, path: &str) -> u16 {
    let mut request = client.request(operation.method.clone(), path);
    if operation.has_json {
        request = request.json(&json!({}));
    }
    client.send(request).await.status
}

#[tokio::test]
async fn no_token_of_one_tenant_opens_any_operation_of_another() {
    let factory = Factory::new().await;
    let served = Served::start(&factory).await;
    let operator = served.operator(&factory).await;
    factory
        .agent("acme", "offline", &built::demo_workspace())
        .await;
    tenant(factory.app(), "other").await;
    let contract = Contract::of(&operator).await;

    let operations = contract.operations();
    let described: BTreeMap<&str, For> = operations
        .iter()
        .map(|known| (known.id.as_str(), of(known)))
        .collect();
    let table: BTreeMap<&str, For> = TABLE.iter().copied().collect();
    for (id, kind) in &described {
        assert_eq!(
            table.get(id),
            Some(kind),
            "{id}: add it to the table, as {kind:?}"
        );
    }
    for id in table.keys() {
        assert!(
            described.contains_key(id),
            "{id} is gone: take it off the table"
        );
    }

    // Things of acme's that are there, so that only their owner decides.
    let message = factory.enqueue("acme", "c", "hello").await;
    let secret = json!({ "value": "5ec12e7" });
    let path = "/v1/tenants/acme/secrets/model.key";
    operator.put(path, &secret).await.expect(200);
    let token = operator
        .post("/v1/tenants/acme/tokens", &json!({}))
        .await
        .expect(201);
    let fill = |name: &str| match name {
        "tenantId" => "acme".to_owned(),
        "messageId" => message.to_string(),
        "conversationId" => "c".to_owned(),
        "secretRef" => "model.key".to_owned(),
        "tokenId" => token["tokenId"].as_str().expect("an id").to_owned(),
        "agentKey" => "default".to_owned(),
        "skillKey" | "skillName" => "calculator".to_owned(),
        "digest" => "0".repeat(64),
        _ => "x".to_owned(),
    };
    let tenant_id = || "other".parse().expect("a tenant id");
    let scopes = [
        TokenScope::TenantAdmin {
            tenant_id: tenant_id(),
        },
        TokenScope::App {
            tenant_id: tenant_id(),
        },
        TokenScope::Worker {
            pool: "default".parse().expect("a pool"),
        },
    ];
    let before = operator
        .get("/v1/tenants/acme/queue/stats")
        .await
        .expect(200);
    for scope in scopes {
        let is_worker = matches!(scope, TokenScope::Worker { .. });
        let name = scope.name();
        let client = served.client(&factory, scope).await;
        for operation in &operations {
            let status = ask(&client, operation, &operation.fill(fill)).await;
            let id = &operation.id;
            match of(operation) {
                For::Anybody | For::Holder => assert_eq!(status, 200, "{id} under {name}"),
                For::Worker if is_worker => {}
                For::Operator | For::Worker => assert_eq!(status, 403, "{id} under {name}"),
                For::Tenant => {
                    assert!(
                        status == 403 || status == 404,
                        "{id} under {name}: {status}"
                    );
                }
            }
        }
    }
    let after = operator
        .get("/v1/tenants/acme/queue/stats")
        .await
        .expect(200);
    assert_eq!(before["ready"], after["ready"]);
    let status = operator
        .get("/v1/tenants/acme/secrets/model.key")
        .await
        .expect(200);
    assert_eq!(status["active"], true);

    // The same requests under the tenant's own administrator are let in.
    let scope = TokenScope::TenantAdmin {
        tenant_id: "acme".parse().expect("a tenant id"),
    };
    let own = served.client(&factory, scope).await;
    for operation in operations.iter().filter(|known| of(known) == For::Tenant) {
        let status = ask(&own, operation, &operation.fill(fill)).await;
        assert!(status != 401 && status != 403, "{}: {status}", operation.id);
    }
}

#[tokio::test]
async fn another_tenants_and_an_absent_ones_things_are_answered_alike() {
    let factory = Factory::new().await;
    let served = Served::start(&factory).await;
    for id in ["acme", "other"] {
        tenant(factory.app(), id).await;
    }
    let scope = TokenScope::App {
        tenant_id: "other".parse().expect("a tenant id"),
    };
    let app = served.client(&factory, scope).await;
    let theirs = app.get("/v1/tenants/acme/queue/stats").await;
    let absent = app.get("/v1/tenants/nobody/queue/stats").await;
    let odd = app.get("/v1/tenants/No%20Name/queue/stats").await;
    assert_eq!(theirs.status, 404);
    for answer in [absent, odd] {
        assert_eq!((answer.status, &answer.text), (theirs.status, &theirs.text));
    }
}
