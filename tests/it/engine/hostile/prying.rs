//! Guests that look for what is not theirs.

use super::{assert_unhurt, beside_a_neighbour};
use crate::engine::fixture::Fixture;
use agent_factory::config::Limits;
use agent_factory::domain::ReceiptOutcome;
use agent_factory::engine::{Grants, TurnSkill};
use std::collections::BTreeMap;

#[tokio::test]
async fn a_tool_that_looks_for_files_sockets_and_the_environment() {
    let fixture = Fixture::new(Limits::default()).await;
    let end = beside_a_neighbour(&fixture, "tool hostile__look_around {}").await;
    assert_eq!(
        end.outcome.unwrap().reply.unwrap().text,
        "call-1: ok variables 0, arguments 0, root false, file false, socket false, bound false, input 0"
    );
    assert_eq!(end.receipts[1].outcome, ReceiptOutcome::Ok);
}

#[tokio::test]
async fn a_tool_that_reads_keys_and_memory_without_a_grant() {
    let fixture = Fixture::new(Limits::default()).await;
    let end = beside_a_neighbour(&fixture, "tool hostile__peek_key_value {}").await;
    let reply = end.outcome.unwrap().reply.unwrap().text;
    assert_eq!(reply.matches("denied: true").count(), 4, "{reply}");
    assert_eq!(
        end.receipts[1].log.len(),
        4,
        "each denial names the line to add"
    );
}

/// The same component under another name, and with the same grants, sees none of the first one's keys.
#[tokio::test]
async fn a_skill_that_looks_for_the_keys_of_another() {
    let mut fixture = Fixture::new(Limits::default()).await;
    fixture.grants = Grants::all();
    for scope in ["agent", "conversation"] {
        let mut input = fixture.input(&format!(
            "tools other__count_{scope} hostile__count_{scope}"
        ));
        input.skills.push(TurnSkill {
            name: "other".parse().unwrap(),
            component: fixture.skill.clone(),
            tools: fixture.tools.clone(),
            grants: Grants::all(),
            withheld: false,
            secrets: BTreeMap::new(),
            config: BTreeMap::new(),
            limits: fixture.skill_limits.clone(),
        });
        let end = fixture.host.run_turn(&fixture.engine, input).await;
        let reply = end.outcome.unwrap().reply.unwrap().text;
        assert_eq!(reply.matches("ok 1 at version").count(), 2, "{reply}");
    }
    assert_unhurt(&fixture).await;
}
