//! Components that misbehave: each fault has an error of its own, and everybody else goes on.

use agent_factory::queue::MessageState;
use agent_factory_tests::built;
use agent_factory_tests::factory::Factory;

/// Bounds that a hostile engine meets quickly, and one attempt a message.
const TIGHT: [(&str, &str); 6] = [
    ("limits.turn_cpu_ms", "300"),
    ("limits.tool_cpu_ms", "300"),
    ("limits.turn_ms", "5000"),
    ("limits.tool_ms", "2000"),
    ("limits.memory_bytes", "16777216"),
    ("queue.max_attempts", "1"),
];

/// How the message fared, while another tenant's conversation was answered.
async fn fate_beside_others(text: &str) -> String {
    let factory = Factory::with(&TIGHT).await;
    factory
        .agent("mallory", "hostile-engine", &built::demo_workspace())
        .await;
    factory
        .agent("ada", "offline", &built::demo_workspace())
        .await;
    let _worker = factory.work();
    let hostile = factory.enqueue("mallory", "chat", text).await;
    let others = factory.ask("ada", "chat", "calculate 6 * 7").await;
    assert!(others.contains("42"), "{others}");
    let status = factory
        .await_status("mallory", &hostile, |status| {
            matches!(status.state, MessageState::DeadLetter { .. })
        })
        .await;
    // The same conversation goes on too.
    assert_eq!(
        factory.ask("mallory", "chat", "echo still here").await,
        "still here"
    );
    status.last_error.expect("a reason")
}

#[tokio::test]
async fn an_engine_that_traps_is_told_by_its_own_last_words() {
    let error = fate_beside_others("trap").await;
    assert!(
        error.contains("trapped") && error.contains("told to trap"),
        "{error}"
    );
}

#[tokio::test]
async fn an_engine_that_loops_for_ever_is_stopped_by_its_processor_time() {
    let error = fate_beside_others("spin").await;
    assert!(error.contains("turn_cpu_ms"), "{error}");
}

#[tokio::test]
async fn an_engine_that_waits_for_ever_is_stopped_by_the_turns_time() {
    let error = fate_beside_others("sleep").await;
    assert!(error.contains("turn_ms"), "{error}");
}

#[tokio::test]
async fn an_engine_that_hoards_memory_is_stopped_by_its_memory() {
    let error = fate_beside_others("hoard").await;
    assert!(error.contains("memory_bytes"), "{error}");
}
