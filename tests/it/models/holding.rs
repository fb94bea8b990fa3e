//! An agent whose model's key is refused.

use super::fixture::model_at;
use agent_factory::domain::AgentModels;
use agent_factory::queue::{MessageState, MessageStatus};
use agent_factory_tests::factory::Factory;
use agent_factory_tests::model::{ModelDouble, Reply};
use agent_factory_tests::{built, factory_cases};

const OLD: &str = "sk-old-0123456789";
const NEW: &str = "sk-new-0123456789";

async fn agent(factory: &Factory, double: &ModelDouble) {
    let models = AgentModels::try_from(vec![model_at(&double.base_url())]).expect("models");
    factory
        .agent_with("ada", "openai-chat", &built::demo_workspace(), models)
        .await;
}

fn held(status: &MessageStatus) -> Option<&str> {
    match &status.state {
        MessageState::Queued { held, .. } => held.as_deref(),
        _ => None,
    }
}

factory_cases! {
    async fn a_refused_key_holds_the_agent_until_it_is_replaced_and_nothing_is_lost(factory) {
        let double = ModelDouble::start().await;
        double.accept_only(NEW);
        let factory = factory.allowing(&[double.address()]).await;
        agent(&factory, &double).await;
        factory.import_secret("ada", "openai.apiKey", OLD).await;
        let worker = factory.work();

        let first = factory.enqueue("ada", "chat", "first").await;
        let status = factory.await_status("ada", &first, |status| held(status).is_some()).await;
        let reason = held(&status).expect("a reason").to_owned();
        assert!(
            reason.contains("refused the key") && reason.contains("gpt-x") && reason.contains("401"),
            "{reason}"
        );
        assert!(!reason.contains(OLD), "{reason}");
        assert_eq!(status.attempts, 0, "a hold spends no attempt");

        // More messages come meanwhile, and wait.
        let second = factory.enqueue("ada", "chat", "second").await;
        let third = factory.enqueue("ada", "chat", "third").await;
        let other = factory.enqueue("ada", "other", "elsewhere").await;
        assert_eq!(double.requests().len(), 1, "nobody asks with a refused key again and again");

        factory.import_secret("ada", "openai.apiKey", NEW).await;
        factory.resume("ada").await;
        for (message, text) in [(&first, "first"), (&second, "second"), (&third, "third"), (&other, "elsewhere")] {
            let done = |status: &MessageStatus| matches!(status.state, MessageState::Done { .. });
            let status = factory.await_status("ada", message, done).await;
            assert_eq!(status.attempts, 0, "{text} spent none");
            assert_eq!(factory.reply("ada", message).await, format!("You said: {text}"));
        }
        let said: Vec<String> = double.requests().iter().skip(1).filter_map(|request| {
            let messages = request.body["messages"].as_array()?;
            let said = messages.last()?["content"].as_str()?.to_owned();
            (said != "elsewhere").then_some(said)
        }).collect();
        assert_eq!(said, ["first", "second", "third"], "in order");
        worker.stop().await;
    }

    async fn a_missing_key_holds_the_agent_and_is_named(factory) {
        let double = ModelDouble::start().await;
        let factory = factory.allowing(&[double.address()]).await;
        agent(&factory, &double).await;
        let _worker = factory.work();
        let message = factory.enqueue("ada", "chat", "hello").await;
        let status = factory.await_status("ada", &message, |status| held(status).is_some()).await;
        let reason = held(&status).expect("a reason");
        assert!(reason.contains("openai.apiKey"), "{reason}");
        assert!(double.requests().is_empty());
    }

    async fn a_tenants_model_at_a_private_address_is_held_and_no_profile_opens_it(factory) {
        let double = ModelDouble::start().await;
        agent(&factory, &double).await;
        factory.import_secret("ada", "openai.apiKey", NEW).await;
        let _worker = factory.work();
        let message = factory.enqueue("ada", "chat", "hello").await;
        let status = factory.await_status("ada", &message, |status| held(status).is_some()).await;
        let reason = held(&status).expect("a reason");
        assert!(reason.contains("egress.allow_private"), "{reason}");
        assert!(double.requests().is_empty(), "nothing left this machine");
        // What a tenant writes has no place for such a list.
        for place in ["allowPrivate", "allow_private", "egress"] {
            let model = serde_json::json!([{ "api": "openai-chat", "model": "m", "baseUrl": "http://h/", place: ["h:80"] }]);
            assert!(serde_json::from_value::<AgentModels>(model).is_err(), "{place}");
        }
    }

    async fn an_answer_with_tools_goes_all_the_way_and_its_tokens_are_in_the_receipts(factory) {
        let double = ModelDouble::start().await;
        let factory = factory.allowing(&[double.address()]).await;
        agent(&factory, &double).await;
        factory.import_secret("ada", "openai.apiKey", NEW).await;
        double.script(Reply::calls([("calculator__calculate", r#"{"expression":"6 * 7"}"#)]));
        double.script(Reply::words("It is 42."));
        let _worker = factory.work();
        assert_eq!(factory.ask("ada", "chat", "What is 6 * 7?").await, "It is 42.");
        let requests = double.requests();
        let messages = requests[1].body["messages"].as_array().expect("messages");
        let last = messages.last().expect("a result");
        assert_eq!(last["role"], "tool");
        assert!(last["content"].as_str().expect("a text").contains("42"), "{last}");
        let receipts = factory.receipts().await.join("\n");
        assert_eq!(receipts.matches(r#""kind":"model""#).count(), 2, "{receipts}");
        assert!(receipts.contains(r#""tokens":{"input":100"#), "{receipts}");
        assert!(!receipts.contains(NEW), "{receipts}");
    }
}
