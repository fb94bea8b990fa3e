//! Messages that are not wanted any more.

use super::fixture::{MESSAGES, acme, claim, failed, give_up, rows, send, status};
use agent_factory::control::{Completion, Failure};
use agent_factory_tests::api::Served;
use agent_factory_tests::contract::Contract;
use agent_factory_tests::factory_cases;
use serde_json::{Value, json};

fn cancel(id: &str) -> String {
    format!("{MESSAGES}/{id}/cancel")
}

factory_cases! {
    async fn a_message_that_waits_is_cancelled_at_once_and_what_is_behind_it_goes_on(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        let contract = Contract::of(&operator).await;
        let (first, second) = (send(&operator, "c").await, send(&operator, "c").await);
        for _ in 0..2 {
            let answer = operator.post(&cancel(&first), &Value::Null).await;
            contract.check("cancelMessage", &answer);
            assert_eq!(answer.expect(200), json!({ "status": "cancelled", "asked": false }));
        }
        let answer = operator.get(&format!("{MESSAGES}/{first}?waitMs=30000")).await;
        contract.check("getMessage", &answer);
        let cancelled = answer.expect(200);
        assert_eq!(cancelled["status"], "cancelled");
        assert!(cancelled["finishedAt"].is_i64());
        assert_eq!(claim(&worker, 9).await[0]["messageId"], second);
    }

    async fn the_worker_that_has_a_message_is_asked_to_stop(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        let id = send(&operator, "c").await;
        let leases = claim(&worker, 1).await;
        let asked = operator.post(&cancel(&id), &Value::Null).await.expect(200);
        assert_eq!(asked, json!({ "status": "processing", "asked": true }));
        let beat = json!({ "workerId": "wrk_1", "leases": leases, "started": [] });
        let answer = worker.post("/v1/worker/heartbeat", &beat).await.expect(200);
        assert_eq!(answer["cancelled"], json!([0]));
        let retry = Failure::Retry { reason: "stopped".to_owned(), after: None, receipts: Vec::new() };
        worker.post("/v1/worker/fail", &failed(&leases[0], retry)).await.expect(200);
        assert_eq!(status(&operator, &id).await["status"], "cancelled");
        let again = operator.post(&cancel(&id), &Value::Null).await.expect(200);
        assert_eq!(again, json!({ "status": "cancelled", "asked": false }));
        assert!(claim(&worker, 1).await.is_empty());
    }

    async fn what_is_over_or_not_there_cannot_be_cancelled(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        let contract = Contract::of(&operator).await;
        let done = send(&operator, "c").await;
        let leases = claim(&worker, 1).await;
        let body = json!({ "lease": leases[0], "completion": Completion::default() });
        worker.post("/v1/worker/complete", &body).await.expect(204);
        let given_up = send(&operator, "d").await;
        give_up(&worker).await;
        let before = rows(&factory).await;
        for (id, status, code, said) in [
            (done.as_str(), 409, "too_late", "was answered before"),
            (&given_up, 409, "too_late", "replay it, or purge it"),
            ("msg_absent", 404, "not_found", "message"),
        ] {
            let refused = operator.post(&cancel(id), &Value::Null).await;
            contract.check("cancelMessage", &refused);
            assert_eq!((refused.status, refused.code()), (status, code), "{}", refused.text);
            assert!(refused.text.contains(said), "{}", refused.text);
        }
        assert_eq!(rows(&factory).await, before);
    }
}
