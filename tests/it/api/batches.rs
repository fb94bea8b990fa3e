//! Many messages in one request.

use super::fixture::{MESSAGES, acme, message};
use agent_factory_tests::api::{Client, Served};
use agent_factory_tests::contract::Contract;
use agent_factory_tests::factory::Factory;
use agent_factory_tests::factory_cases;
use reqwest::Method;
use serde_json::{Value, json};

const BATCH: &str = "/v1/tenants/acme/messages/batch";

/// The ids of the messages of `c` that wait, in its order.
async fn waiting(client: &Client) -> Vec<Value> {
    let mut ids = Vec::new();
    let mut query = "?conversationId=c&limit=100".to_owned();
    loop {
        let page = client.get(&format!("{MESSAGES}{query}")).await.expect(200);
        let listed = page["messages"].as_array().expect("messages");
        ids.extend(listed.iter().map(|listed| listed["messageId"].clone()));
        match page["nextCursor"].as_str() {
            Some(cursor) => query = format!("?conversationId=c&limit=100&cursor={cursor}"),
            None => return ids,
        }
    }
}

factory_cases! {
    async fn each_message_of_a_batch_is_answered_as_if_it_came_alone(factory) {
        let served = Served::start(&factory).await;
        let (operator, _) = acme(&factory, &served).await;
        let contract = Contract::of(&operator).await;
        let named = |id: &str, text: &str| {
            message(|m| {
                m["payload"]["externalMessageId"] = id.into();
                m["payload"]["messageText"] = text.into();
            })
        };
        let long = "x".repeat(300 << 10);
        let batch = [
            named("1", "first"),
            message(|m| m["priority"] = 101.into()),
            message(|m| m["maxAttempts"] = json!(-1)),
            message(|m| m["agentKey"] = "nobody".into()),
            message(|m| m["oddity"] = 1.into()),
            message(|m| m["conversationId"] = "a b".into()),
            named("1", "first"),
            named("1", "another"),
            message(|m| m["payload"]["messageText"] = long.as_str().into()),
            json!("a text"),
            message(|m| m["payload"]["replyTo"] = json!({ "kind": "telegram", "botId": "7", "chatId": 1 })),
            named("2", "second"),
        ];
        let answer = operator.post(BATCH, &json!({ "messages": batch })).await;
        contract.check("enqueueAll", &answer);
        let results = answer.expect(200)["results"].as_array().expect("results").clone();
        let codes: Vec<&str> = results
            .iter()
            .map(|result| result["error"]["code"].as_str().unwrap_or("-"))
            .collect();
        assert_eq!(codes, [
            "-", "invalid_request", "invalid_request", "not_found", "invalid_request", "invalid_request", "-",
            "conflict", "too_large", "invalid_request", "invalid_request", "-",
        ]);
        assert_eq!(results[0]["duplicate"], false);
        assert_eq!(results[6], json!({ "messageId": results[0]["messageId"], "duplicate": true }));
        assert_eq!(results[11]["duplicate"], false);
        assert_eq!(waiting(&operator).await, [results[0]["messageId"].clone(), results[11]["messageId"].clone()]);
        // Each that is refused here is refused alone with the same code.
        for (item, code) in batch.iter().zip(&codes).filter(|(_, code)| **code != "-") {
            assert_eq!(operator.post(MESSAGES, item).await.code(), *code, "{item}");
        }
        let again = operator.post(BATCH, &json!({ "messages": [batch[0], batch[11]] })).await.expect(200);
        for (result, first) in [(0, 0), (1, 11)] {
            let expected = json!({ "messageId": results[first]["messageId"], "duplicate": true });
            assert_eq!(again["results"][result], expected);
        }
    }

    async fn a_batch_has_one_to_a_hundred_messages_in_their_order(factory) {
        let served = Served::start(&factory).await;
        let (operator, _) = acme(&factory, &served).await;
        let batch = |size: usize| {
            json!({ "messages": vec![message(|_| ()); size] })
        };
        for size in [0, 101, 5000] {
            let refused = operator.post(BATCH, &batch(size)).await;
            assert_eq!((refused.status, refused.code()), (400, "invalid_request"));
            assert!(refused.text.contains("1 to 100 messages"), "{}", refused.text);
        }
        let stored = operator.post(BATCH, &batch(100)).await.expect(200);
        let ids: Vec<Value> = stored["results"]
            .as_array()
            .expect("results")
            .iter()
            .map(|result| result["messageId"].clone())
            .collect();
        assert_eq!(waiting(&operator).await, ids);
    }
}

#[tokio::test]
async fn a_batch_is_taken_at_its_bound_and_refused_one_byte_beyond() {
    let settings = [
        ("server.body_bytes_max", "1024"),
        ("queue.max_payload_bytes", "1024"),
    ];
    let factory = Factory::with(&settings).await;
    let served = Served::start(&factory).await;
    let (operator, _) = acme(&factory, &served).await;
    let body = json!({ "messages": [message(|_| ())] }).to_string();
    for (length, status) in [(102_400, 200), (102_401, 413)] {
        let request = operator
            .request(Method::POST, BATCH)
            .header("Content-Type", "application/json")
            .body(body.clone() + &" ".repeat(length - body.len()));
        let answer = operator.send(request).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    assert_eq!(waiting(&operator).await.len(), 1);
}
