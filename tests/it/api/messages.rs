//! Messages over HTTP: accepted once, within their bounds.

use super::fixture::message;
use agent_factory::identity::TokenScope;
use agent_factory_tests::api::Served;
use agent_factory_tests::{built, factory_cases};
use serde_json::{Value, json};

factory_cases! {
    async fn a_repeat_is_the_same_message_and_another_under_its_id_is_a_conflict(factory) {
        let served = Served::start(&factory).await;
        factory.agent("acme", "offline", &built::demo_workspace()).await;
        let scope = TokenScope::App { tenant_id: "acme".parse().unwrap() };
        let app = served.client(&factory, scope).await;
        let path = "/v1/tenants/acme/messages";
        let first = message(|m| m["payload"]["externalMessageId"] = "1".into());
        let accepted = app.post(path, &first).await.expect(202);
        assert_eq!(accepted["duplicate"], false);
        let mut later = first.clone();
        later["priority"] = 90.into();
        for repeat in [&first, &later] {
            let again = app.post(path, repeat).await.expect(200);
            assert_eq!(again, json!({ "messageId": accepted["messageId"], "duplicate": true }));
        }
        for (pointer, value) in [
            ("/payload/messageText", json!("hello!")),
            ("/payload/providerUserId", json!("max")),
            ("/conversationId", json!("d")),
        ] {
            let mut another = first.clone();
            *another.pointer_mut(pointer).unwrap() = value;
            let refused = app.post(path, &another).await;
            assert_eq!((refused.status, refused.code()), (409, "conflict"), "{pointer}");
        }
        let stats = app.get("/v1/tenants/acme/queue/stats").await.expect(200);
        assert_eq!(stats["ready"], 1);
    }

    async fn what_a_message_may_be_is_said_with_its_bound(factory) {
        let served = Served::start(&factory).await;
        let operator = served.operator(&factory).await;
        factory.agent("acme", "offline", &built::demo_workspace()).await;
        let long = |length: usize| Value::from("x".repeat(length));
        for (pointer, good, bad, said) in [
            ("/priority", json!(100), json!(101), "priority must be 0 to 100"),
            ("/priority", json!(0), json!(-1), "priority must be 0 to 100"),
            ("/maxAttempts", json!(100), json!(101), "maxAttempts must be 1 to 100"),
            ("/maxAttempts", json!(1), json!(0), "maxAttempts must be 1 to 100"),
            ("/scheduledFor", json!(0), json!(-1), "scheduledFor must be 0 to"),
            ("/payload/providerUserId", long(256), long(257), "1 to 256 bytes"),
            ("/payload/externalMessageId", long(256), long(257), "1 to 256 bytes"),
            ("/payload/externalMessageId", json!("é"), json!("a\u{0}b"), "control characters"),
            ("/payload/messageText", json!("x"), json!(""), "must not be empty"),
            ("/conversationId", long(256), long(257), "visible ASCII"),
            ("/payload/replyTo", json!({ "kind": "api" }), json!({ "kind": "telegram", "botId": "7", "chatId": 1 }), "no bot 7"),
        ] {
            for (value, status) in [(good, 202), (bad, 400)] {
                let body = message(|m| {
                    let (parent, name) = pointer.rsplit_once('/').unwrap();
                    m.pointer_mut(parent).unwrap()[name] = value.clone();
                });
                let answer = operator.post("/v1/tenants/acme/messages", &body).await;
                assert_eq!(answer.status, status, "{pointer} = {value}: {}", answer.text);
                if status == 400 {
                    assert!(answer.text.contains(said), "{pointer}: {}", answer.text);
                }
            }
        }
        let path = "/v1/tenants/acme/messages/msg_1?waitMs=";
        assert_eq!(operator.get(&format!("{path}30000")).await.status, 404);
        let refused = operator.get(&format!("{path}30001")).await;
        assert!(refused.text.contains("0 to 30000 milliseconds"), "{}", refused.text);
    }
}
