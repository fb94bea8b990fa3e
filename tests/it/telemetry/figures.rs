//! What happened shows in the figures; what did not happen does not.

use super::value;
use agent_factory_tests::factory::Factory;
use agent_factory_tests::{built, factory_cases};

factory_cases! {
    async fn a_turn_is_found_in_the_figures_of_its_factory_and_no_other(factory) {
        factory.agent("ada", "hostile-engine", &built::demo_workspace()).await;
        let worker = factory.work();
        factory.ask("ada", "chat", "echo hello").await;
        worker.stop().await;
        factory.enqueue("ada", "later", "echo again").await;
        let page = factory.app().scrape().text().await;
        for (figure, expected) in [
            ("agent_factory_messages_enqueued_total{outcome=\"new\"}", 2.0),
            ("agent_factory_messages_claimed_total", 1.0),
            ("agent_factory_messages_settled_total{outcome=\"done\"}", 1.0),
            ("agent_factory_turn_seconds_count{outcome=\"complete\"}", 1.0),
            ("agent_factory_control_seconds_count{operation=\"hydrate\",outcome=\"ok\"}", 1.0),
            ("agent_factory_control_seconds_count{operation=\"complete\",outcome=\"ok\"}", 1.0),
            ("agent_factory_conversations{pool=\"default\",state=\"ready\"}", 1.0),
            ("agent_factory_conversations{pool=\"default\",state=\"leased\"}", 0.0),
            ("agent_factory_dead_letters{pool=\"default\"}", 0.0),
        ] {
            assert_eq!(value(&page, figure), Some(expected), "{figure}: {page}");
        }
        let claims = "agent_factory_control_seconds_count{operation=\"claim\",outcome=\"ok\"}";
        assert!(value(&page, claims) >= Some(1.0), "{page}");
        assert!(!page.contains("ada") && !page.contains("chat"), "{page}");
        let other = Factory::new().await.app().scrape().text().await;
        assert_eq!(value(&other, "agent_factory_messages_claimed_total"), None, "{other}");
        assert!(other.contains("agent_factory_build_info{version="), "{other}");
    }

    async fn figures_of_the_queue_are_read_again_only_when_they_are_old(factory) {
        factory.agent("ada", "hostile-engine", &built::demo_workspace()).await;
        let ready = "agent_factory_conversations{pool=\"default\",state=\"ready\"}";
        assert_eq!(value(&factory.app().scrape().text().await, ready), Some(0.0));
        factory.enqueue("ada", "chat", "echo hello").await;
        assert_eq!(value(&factory.app().scrape().text().await, ready), Some(0.0));
    }
}

#[tokio::test]
async fn figures_of_the_queue_that_may_not_be_old_are_read_at_each_scrape() {
    let factory = Factory::with(&[("metrics.fresh_ms", "0")]).await;
    factory
        .agent("ada", "hostile-engine", &built::demo_workspace())
        .await;
    let ready = "agent_factory_conversations{pool=\"default\",state=\"ready\"}";
    assert_eq!(
        value(&factory.app().scrape().text().await, ready),
        Some(0.0)
    );
    factory.enqueue("ada", "chat", "echo hello").await;
    assert_eq!(
        value(&factory.app().scrape().text().await, ready),
        Some(1.0)
    );
}

#[tokio::test]
async fn what_components_did_and_what_they_hold_is_found_in_the_figures() {
    let factory = Factory::with(&[("limits.tool_rounds", "1")]).await;
    factory
        .agent("ada", "hostile-engine", &built::demo_workspace())
        .await;
    let worker = factory.work();
    let tool = "tool calculator__calculate {\"expression\":\"6*7\"}";
    let answer = factory.ask("ada", "chat", tool).await;
    assert!(answer.contains("42"), "{answer}");
    // One round, and one more.
    factory
        .ask("ada", "chat", "rounds 2 calculator__calculate")
        .await;
    worker.stop().await;
    let page = factory.app().scrape().text().await;
    for (figure, expected) in [
        (
            "agent_factory_invocations_total{kind=\"engine\",outcome=\"ok\"}",
            2.0,
        ),
        (
            "agent_factory_invocations_total{kind=\"tool\",outcome=\"ok\"}",
            1.0,
        ),
        (
            "agent_factory_invocation_seconds_count{kind=\"tool\",outcome=\"ok\"}",
            1.0,
        ),
        (
            "agent_factory_invocation_cpu_seconds_count{kind=\"tool\"}",
            1.0,
        ),
        (
            "agent_factory_invocation_memory_peak_bytes_count{kind=\"engine\"}",
            2.0,
        ),
        (
            "agent_factory_limits_exceeded_total{limit=\"tool_rounds\",effect=\"refused\"}",
            1.0,
        ),
        ("agent_factory_component_host{what=\"engine_slots\"}", 0.0),
        ("agent_factory_component_host{what=\"tool_slots\"}", 0.0),
        (
            "agent_factory_component_host{what=\"tool_slots_waiting\"}",
            0.0,
        ),
        (
            "agent_factory_component_host{what=\"pool_component_instances\"}",
            0.0,
        ),
        ("agent_factory_component_host{what=\"pool_memories\"}", 0.0),
    ] {
        assert_eq!(value(&page, figure), Some(expected), "{figure}: {page}");
    }
}
