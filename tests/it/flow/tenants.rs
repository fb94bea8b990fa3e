//! Two tenants whose every name is the same.

use agent_factory_tests::built;
use agent_factory_tests::plane_cases;

plane_cases! {
    async fn tenants_with_the_same_names_see_nothing_of_each_other(factory) {
        for tenant in ["ada", "bob"] {
            factory
                .agent(tenant, "offline", &built::demo_workspace())
                .await;
        }
        let _worker = factory.work();

        // Key-value state: the same agent, skill and key.
        factory.ask("ada", "chat", "notes add ada's secret").await;
        let listed = factory.ask("bob", "chat", "notes list").await;
        assert!(!listed.contains("secret"), "{listed}");
        factory.ask("bob", "chat", "notes add bob's plan").await;
        let listed = factory.ask("ada", "chat", "notes list").await;
        assert!(
            listed.contains("ada's secret") && !listed.contains("plan"),
            "{listed}"
        );

        // History: the same conversation. The offline engine counts what its person wrote before.
        let fresh = factory.ask("bob", "other", "hello").await;
        let known = factory.ask("ada", "chat", "hello").await;
        assert!(known.contains("2 messages before"), "{known}");
        assert!(!fresh.contains("2 messages before"), "{fresh}");
    }

    async fn a_conversation_sees_the_agents_state_and_not_another_conversations_history(factory) {
        factory
            .agent("ada", "offline", &built::demo_workspace())
            .await;
        let _worker = factory.work();
        factory.ask("ada", "first", "notes add buy rye flour").await;
        let listed = factory.ask("ada", "second", "notes list").await;
        assert!(
            listed.contains("buy rye flour"),
            "notes are the agent's: {listed}"
        );
        let hello = factory.ask("ada", "third", "hello").await;
        assert!(!hello.contains("messages before"), "{hello}");
    }
}
