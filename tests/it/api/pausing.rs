//! Conversations and tenants that wait for a person, limits of tenants, workers that are to end.

use super::fixture::{MESSAGES, acme, asking, claim, rows, send, status};
use agent_factory_tests::api::{Client, Served};
use agent_factory_tests::contract::Contract;
use agent_factory_tests::factory_cases;
use serde_json::{Value, json};

const CONVERSATION: &str = "/v1/tenants/acme/conversations/c";

async fn tenant(operator: &Client) -> Value {
    let list = operator.get("/v1/tenants").await.expect(200);
    list["tenants"][0].clone()
}

factory_cases! {
    async fn a_paused_conversation_waits_and_others_do_not(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        let (here, there) = (send(&operator, "c").await, send(&operator, "d").await);
        for reason in ["a person answers", "another reason"] {
            let body = json!({ "reason": reason });
            operator.post(&format!("{CONVERSATION}/pause"), &body).await.expect(204);
        }
        let shown = operator.get(CONVERSATION).await;
        Contract::of(&operator).await.check("getConversation", &shown);
        assert_eq!(shown.expect(200)["pausedReason"], "a person answers");
        let answer = operator.get(&format!("{MESSAGES}/{here}?waitMs=30000")).await.expect(200);
        assert_eq!(answer["heldReason"], "a person answers");
        let leases = claim(&worker, 9).await;
        assert_eq!(leases.len(), 1);
        assert_eq!(leases[0]["messageId"], there);
        for _ in 0..2 {
            operator.post(&format!("{CONVERSATION}/resume"), &Value::Null).await.expect(204);
        }
        assert!(operator.get(CONVERSATION).await.expect(200).get("pausedReason").is_none());
        assert_eq!(claim(&worker, 9).await[0]["messageId"], here);
    }

    async fn a_paused_tenant_waits_until_it_is_resumed(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        let contract = Contract::of(&operator).await;
        let id = send(&operator, "c").await;
        let body = json!({ "reason": "unpaid" });
        operator.post("/v1/tenants/acme/pause", &body).await.expect(204);
        let list = operator.get("/v1/tenants").await;
        contract.check("listTenants", &list);
        assert_eq!(tenant(&operator).await["pausedReason"], "unpaid");
        assert!(claim(&worker, 9).await.is_empty());
        assert_eq!(status(&operator, &id).await["heldReason"], "unpaid");
        operator.post("/v1/tenants/acme/resume", &Value::Null).await.expect(204);
        assert!(tenant(&operator).await.get("pausedReason").is_none());
        assert_eq!(claim(&worker, 9).await[0]["messageId"], id);
    }

    async fn a_tenants_limit_bounds_what_workers_have_of_it(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        for conversation in ["c", "d", "e"] {
            send(&operator, conversation).await;
        }
        let limit = async |most: Value| {
            let body = json!({ "maxInFlight": most });
            operator.put("/v1/tenants/acme/limits", &body).await
        };
        limit(json!(1)).await.expect(204);
        assert_eq!(tenant(&operator).await["maxInFlight"], 1);
        assert_eq!(claim(&worker, 9).await.len(), 1);
        assert!(claim(&worker, 9).await.is_empty());
        let before = rows(&factory).await;
        for (most, said) in [
            (json!(0), "maxInFlight must be 1 to 100000"),
            (json!(100_001), "maxInFlight must be 1 to 100000"),
            (json!(-1), "expected u32"),
        ] {
            let refused = limit(most).await;
            assert_eq!((refused.status, refused.code()), (400, "invalid_request"));
            assert!(refused.text.contains(said), "{}", refused.text);
        }
        let left_out = operator.put("/v1/tenants/acme/limits", &json!({})).await;
        assert_eq!(left_out.status, 400);
        assert_eq!(rows(&factory).await, before);
        limit(Value::Null).await.expect(204);
        assert!(tenant(&operator).await.get("maxInFlight").is_none());
        assert_eq!(claim(&worker, 9).await.len(), 2);
    }

    async fn a_worker_that_is_drained_is_given_nothing_more(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        claim(&worker, 1).await;
        send(&operator, "c").await;
        for _ in 0..2 {
            operator.post("/v1/workers/wrk_1/drain", &Value::Null).await.expect(204);
        }
        let workers = operator.get("/v1/workers").await.expect(200);
        assert_eq!(workers["workers"][0]["status"], "draining");
        let claimed = worker.post("/v1/worker/claim", &asking(9)).await.expect(200);
        assert_eq!((&claimed["turns"], &claimed["drain"]), (&json!([]), &json!(true)));
        let unknown = operator.post("/v1/workers/wrk_2/drain", &Value::Null).await;
        assert_eq!((unknown.status, unknown.code()), (404, "not_found"));
    }

    async fn what_is_not_there_cannot_be_paused_and_a_reason_has_its_bound(factory) {
        let served = Served::start(&factory).await;
        let (operator, _) = acme(&factory, &served).await;
        send(&operator, "c").await;
        let before = rows(&factory).await;
        let good = json!({ "reason": "x" });
        for path in ["/v1/tenants/acme/conversations/absent", "/v1/tenants/nobody/conversations/c", "/v1/tenants/nobody"] {
            for verb in ["pause", "resume"] {
                let refused = operator.post(&format!("{path}/{verb}"), &good).await;
                assert_eq!((refused.status, refused.code()), (404, "not_found"), "{path}/{verb}");
            }
        }
        let absent = operator.put("/v1/tenants/nobody/limits", &json!({ "maxInFlight": 1 })).await;
        assert_eq!(absent.status, 404);
        for path in [CONVERSATION, "/v1/tenants/acme", "/v1/tenants/acme/agents/default"] {
            let verb = if path.contains("agents") { "hold" } else { "pause" };
            for reason in [String::new(), "x".repeat(1025)] {
                let refused = operator.post(&format!("{path}/{verb}"), &json!({ "reason": reason })).await;
                assert_eq!(refused.status, 400, "{path}");
                assert!(refused.text.contains("reason must be 1 to 1024 bytes"), "{}", refused.text);
            }
        }
        assert_eq!(rows(&factory).await, before);
        let longest = json!({ "reason": "x".repeat(1024) });
        operator.post(&format!("{CONVERSATION}/pause"), &longest).await.expect(204);
        let shown = operator.get(CONVERSATION).await.expect(200);
        assert_eq!(shown["pausedReason"], longest["reason"]);
    }
}
