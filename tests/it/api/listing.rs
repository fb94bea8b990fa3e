//! Lists of messages.

use super::fixture::{MESSAGES, acme, claim, send};
use agent_factory::control::Completion;
use agent_factory_tests::api::{Client, Served};
use agent_factory_tests::contract::Contract;
use agent_factory_tests::factory_cases;
use serde_json::{Value, json};

/// All pages of two messages each.
async fn listed(client: &Client, query: &str) -> Vec<Value> {
    let contract = Contract::of(client).await;
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = client
            .get(&format!("{MESSAGES}?limit=2&{query}{cursor}"))
            .await;
        contract.check("listMessages", &answer);
        let page = answer.expect(200);
        let messages = page["messages"].as_array().expect("messages");
        assert!(messages.len() <= 2);
        all.extend(messages.iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

fn ids(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message["messageId"].as_str().expect("an id"))
        .collect()
}

factory_cases! {
    async fn messages_are_listed_by_where_they_are_on_their_way(factory) {
        let served = Served::start(&factory).await;
        let (operator, worker) = acme(&factory, &served).await;
        let mut sent = Vec::new();
        for conversation in ["a", "a", "a", "b", "b"] {
            sent.push(send(&operator, conversation).await);
        }
        let queued = listed(&operator, "").await;
        assert_eq!(ids(&queued), sent);
        assert!(queued.iter().all(|message| message["status"] == "queued"));
        assert_eq!(ids(&listed(&operator, "status=queued&conversationId=a").await), sent[..3]);
        let leases = claim(&worker, 9).await;
        assert_eq!(leases.len(), 2);
        let processing = listed(&operator, "status=processing").await;
        assert_eq!(ids(&processing), [&sent[0], &sent[3]]);
        for message in &processing {
            assert_eq!((&message["status"], &message["workerId"]), (&json!("processing"), &json!("wrk_1")));
        }
        assert_eq!(ids(&listed(&operator, "").await), [&sent[1], &sent[2], &sent[4]]);
        let first = leases.iter().find(|lease| lease["messageId"] == sent[0].as_str()).expect("its lease");
        let body = json!({ "lease": first, "completion": Completion::default() });
        worker.post("/v1/worker/complete", &body).await.expect(204);
        let cancel = format!("{MESSAGES}/{}/cancel", sent[4]);
        operator.post(&cancel, &Value::Null).await.expect(200);
        let finished = listed(&operator, "status=finished").await;
        let mut found: Vec<_> = finished
            .iter()
            .map(|message| (message["messageId"].as_str().unwrap(), message["status"].as_str().unwrap()))
            .collect();
        found.sort_unstable_by_key(|(_, status)| *status);
        assert_eq!(found, [(sent[4].as_str(), "cancelled"), (sent[0].as_str(), "done")]);
    }

    async fn a_list_that_makes_no_sense_is_refused(factory) {
        let served = Served::start(&factory).await;
        let (operator, _) = acme(&factory, &served).await;
        send(&operator, "c").await;
        for (query, status, said) in [
            ("status=processing&conversationId=c", 400, "goes with status=queued only"),
            ("status=finished&conversationId=c", 400, "goes with status=queued only"),
            ("status=lost", 400, "expected one of `queued`, `processing`, `finished`"),
            ("limit=0", 400, "limit must be 1 to 100"),
            ("limit=101", 400, "limit must be 1 to 100"),
            ("limit=-1", 400, "the query is refused"),
            ("cursor=1:2", 400, "nextCursor"),
            ("cursor=1:2:a%00", 400, "nextCursor"),
            ("conversationId=absent", 404, "no such conversation"),
        ] {
            let refused = operator.get(&format!("{MESSAGES}?{query}")).await;
            assert_eq!(refused.status, status, "{query}: {}", refused.text);
            assert!(refused.text.contains(said), "{query}: {}", refused.text);
        }
    }
}
