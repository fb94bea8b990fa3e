//! The compiled prompt of the demo agent, whole: a change of it is a change of how every agent behaves.

use agent_factory::control::ClaimRequest;
use agent_factory::domain::Pool;
use agent_factory_tests::built;
use agent_factory_tests::factory::Factory;
use std::fmt::Write as _;
use std::time::Duration;

#[tokio::test]
async fn the_demo_agents_prompt() {
    let factory = Factory::new().await;
    factory
        .agent("ada", "offline", &built::demo_workspace())
        .await;
    factory.enqueue("ada", "chat", "hello").await;
    let control = factory.control();
    let claims = control.claim(ClaimRequest {
        worker_id: "worker".parse().expect("a worker id"),
        pool: Pool::default(),
        max: 1,
        in_flight: 0,
        wait: Duration::ZERO,
        claim: None,
    });
    let lease = claims.await.expect("a claim").turns.remove(0).lease;
    let bundle = control.hydrate(&lease).await.expect("a bundle");
    let snapshot = control
        .snapshot(&lease, bundle.snapshot)
        .await
        .expect("a snapshot");
    let mut prompt = String::new();
    for section in snapshot.sections {
        let private = if section.private { " (private)" } else { "" };
        write!(prompt, "=== {}{private}\n{}\n", section.title, section.body).expect("a text");
    }
    for section in bundle.volatile {
        write!(
            prompt,
            "=== {} (volatile)\n{}\n",
            section.title, section.body
        )
        .expect("a text");
    }
    for skill in snapshot.skills {
        let tools: Vec<_> = skill.tools.iter().map(|tool| tool.name.as_str()).collect();
        writeln!(
            prompt,
            "=== skill {}: {tools:?} {:?}",
            skill.name,
            skill.grants.lines()
        )
        .expect("a text");
    }
    insta::assert_snapshot!(prompt);
}
