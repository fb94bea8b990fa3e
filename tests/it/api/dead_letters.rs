//! Messages that were given up: read, put back, thrown away.

use super::fixture::{MESSAGES, acme, claim, failed, give_up, message, rows, send, status};
use agent_factory::control::Failure;
use agent_factory_tests::api::{Client, Served};
use agent_factory_tests::contract::Contract;
use agent_factory_tests::factory_cases;
use serde_json::{Value, json};
use std::time::Duration;

const LETTERS: &str = "/v1/tenants/acme/dead-letters";

async fn given_up(client: &Client) -> usize {
    let list = client.get(LETTERS).await.expect(200);
    list["deadLetters"].as_array().expect("a list").len()
}

factory_cases! {
    async fn a_dead_letter_is_listed_and_replayed_once(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        let contract = Contract::of(&operator).await;
        let id = send(&operator, "c").await;
        give_up(&worker).await;
        let list = operator.get(&format!("{LETTERS}?limit=1")).await;
        contract.check("listDeadLetters", &list);
        assert_eq!(list.body["deadLetters"][0]["messageId"], id);
        assert!(list.body.get("nextCursor").is_none());
        let path = format!("{LETTERS}/{id}/replay");
        let replayed = operator.post(&path, &Value::Null).await;
        contract.check("replayDeadLetter", &replayed);
        assert_eq!(replayed.status, 204);
        assert_eq!(operator.post(&path, &Value::Null).await.status, 404);
        assert_eq!(status(&operator, &id).await["status"], "queued");
    }

    async fn every_attempt_that_failed_is_told(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        let contract = Contract::of(&operator).await;
        let body = message(|m| m["maxAttempts"] = 2.into());
        let sent = operator.post(MESSAGES, &body).await.expect(202);
        let id = sent["messageId"].as_str().unwrap();
        assert_eq!(status(&operator, id).await["failedAttempts"], json!([]));
        for reason in ["the model is down", "the model is down still"] {
            let leases = claim(&worker, 1).await;
            let retry = Failure::Retry {
                reason: reason.to_owned(),
                after: Some(Duration::ZERO),
                receipts: Vec::new(),
            };
            worker.post("/v1/worker/fail", &failed(&leases[0], retry)).await.expect(200);
            let now = agent_factory_tests::database::EPOCH.plus(Duration::from_hours(1));
            factory.db().set_clock(now).await.expect("a test clock");
        }
        let answer = operator.get(&format!("{MESSAGES}/{id}")).await;
        contract.check("getMessage", &answer);
        let told = answer.expect(200);
        assert_eq!(told["status"], "dead_letter");
        let attempts: Vec<_> = told["failedAttempts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|told| {
                assert!(told["endedAt"].is_i64());
                (told["attempt"].clone(), told["outcome"].clone(), told["error"].clone(), told["workerId"].clone())
            })
            .collect();
        let attempt = |number: u32, error: &str| (json!(number), json!("failed"), json!(error), json!("wrk_1"));
        assert_eq!(attempts, [attempt(1, "the model is down"), attempt(2, "the model is down still")]);
    }

    async fn many_are_replayed_in_order_and_no_more_than_asked_for(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        let contract = Contract::of(&operator).await;
        let mut sent = Vec::new();
        for _ in 0..3 {
            sent.push(send(&operator, "c").await);
        }
        give_up(&worker).await;
        for (limit, replayed) in [(2, 2), (1000, 1), (1000, 0)] {
            let answer = operator.post(&format!("{LETTERS}/replay"), &json!({ "limit": limit })).await;
            contract.check("replayDeadLetters", &answer);
            assert_eq!(answer.expect(200), json!({ "replayed": replayed }));
        }
        let queued = operator.get(MESSAGES).await.expect(200);
        let order: Vec<_> = queued["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|listed| listed["messageId"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(order.len(), 3);
        assert_eq!(order, sent);
    }

    async fn what_is_purged_is_gone_and_may_come_anew(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        let contract = Contract::of(&operator).await;
        let body = message(|m| m["payload"]["externalMessageId"] = "1".into());
        let sent = operator.post(MESSAGES, &body).await.expect(202);
        send(&operator, "d").await;
        send(&operator, "e").await;
        give_up(&worker).await;
        let path = format!("{LETTERS}/{}", sent["messageId"].as_str().unwrap());
        let purged = operator.delete(&path).await;
        contract.check("purgeDeadLetter", &purged);
        assert_eq!(purged.status, 204);
        assert_eq!(operator.delete(&path).await.status, 404);
        let anew = operator.post(MESSAGES, &body).await.expect(202);
        assert_ne!(anew["messageId"], sent["messageId"]);
        let answer = operator.post(&format!("{LETTERS}/purge"), &json!({})).await;
        contract.check("purgeDeadLetters", &answer);
        assert_eq!(answer.expect(200), json!({ "purged": 2 }));
        assert_eq!(given_up(&operator).await, 0);
    }

    async fn numbers_out_of_bounds_repair_nothing(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        send(&operator, "c").await;
        give_up(&worker).await;
        let before = rows(&factory).await;
        for what in ["replay", "purge"] {
            for (limit, said) in [
                (json!(0), "limit must be 1 to 1000"),
                (json!(1001), "limit must be 1 to 1000"),
                (json!(-1), "expected u32"),
                (json!("all"), "expected u32"),
            ] {
                let refused = operator.post(&format!("{LETTERS}/{what}"), &json!({ "limit": limit })).await;
                assert_eq!((refused.status, refused.code()), (400, "invalid_request"), "{what} {limit}");
                assert!(refused.text.contains(said), "{what} {limit}: {}", refused.text);
            }
        }
        assert_eq!(rows(&factory).await, before);
    }
}
