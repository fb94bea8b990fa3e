//! Guests that say too much.

use super::{beside_a_neighbour, tool_ends_at, tool_is_refused, tool_traps};
use crate::engine::fixture::Fixture;
use agent_factory::config::Limits;
use agent_factory::domain::{LimitExceeded, LimitName, ReceiptOutcome};
use agent_factory::engine::Grants;

#[tokio::test]
async fn a_tool_that_floods_its_log() {
    let limits = Limits {
        log_lines: 5,
        ..Limits::default()
    };
    let fixture = Fixture::new(limits).await;
    let end = beside_a_neighbour(&fixture, r#"tool hostile__babble {"n":5000}"#).await;
    let receipt = &end.receipts[1];
    assert_eq!(
        receipt.outcome,
        ReceiptOutcome::Trap,
        "it panics at its end"
    );
    assert_eq!(receipt.log.len(), 5);
    assert!(receipt.log_dropped >= 4_995, "{}", receipt.log_dropped);
    let lines = LimitExceeded {
        limit: LimitName::LogLines,
        value: 5,
    };
    assert_eq!(receipt.limits_met, [lines]);
}

#[tokio::test]
async fn a_tool_with_one_endless_line() {
    let limits = Limits {
        log_line_bytes: 100,
        ..Limits::default()
    };
    let call = r#"big_call {"n":1000000}"#;
    let receipt = tool_is_refused(limits, call, LimitName::LogLineBytes, 100).await;
    assert_eq!(receipt.log[0].text.len(), 100);
}

#[tokio::test]
async fn a_tool_with_a_string_too_large_to_pass() {
    let limits = Limits {
        host_call_bytes: 1 << 20,
        ..Limits::default()
    };
    let call = r#"big_call {"n":5000000}"#;
    tool_ends_at(limits, call, LimitName::HostCallBytes, 1 << 20).await;
}

#[tokio::test]
async fn a_tool_whose_output_is_too_large() {
    let limits = Limits {
        tool_output_bytes: 1_000,
        ..Limits::default()
    };
    let fixture = Fixture::new(limits).await;
    let end = beside_a_neighbour(&fixture, r#"tool hostile__big_output {"n":5000}"#).await;
    let over = LimitExceeded {
        limit: LimitName::ToolOutputBytes,
        value: 1_000,
    };
    assert_eq!(end.receipts[1].ended_by, Some(over));
    let reply = end.outcome.unwrap().reply.unwrap().text;
    assert!(
        reply.contains("more than 1000 (tool_output_bytes)"),
        "{reply}"
    );
}

#[tokio::test]
async fn a_tool_whose_output_is_too_large_to_look_at() {
    let limits = Limits {
        host_call_bytes: 1 << 20,
        ..Limits::default()
    };
    let call = r#"big_output {"n":20000000}"#;
    tool_ends_at(limits, call, LimitName::HostCallBytes, 1 << 20).await;
}

#[tokio::test]
async fn a_tool_that_asks_for_too_many_random_bytes() {
    let limits = Limits {
        random_bytes: 1_000,
        ..Limits::default()
    };
    let fixture = Fixture::new(limits.clone()).await;
    let within = fixture.reply(r#"tool hostile__random {"n":1000}"#).await;
    assert_eq!(within, "call-1: ok 1000 random bytes");
    let call = r#"random {"n":1001}"#;
    tool_ends_at(limits, call, LimitName::RandomBytes, 1_000).await;
}

#[tokio::test]
async fn a_tool_that_floods_its_keys() {
    for (limits, limit, value) in [
        (
            Limits {
                kv_keys: 3,
                ..Limits::default()
            },
            LimitName::KvKeys,
            3,
        ),
        (
            Limits {
                kv_key_bytes: 8,
                ..Limits::default()
            },
            LimitName::KvKeyBytes,
            8,
        ),
        (
            Limits {
                overlay_entries: 3,
                ..Limits::default()
            },
            LimitName::OverlayEntries,
            3,
        ),
        (
            Limits {
                overlay_bytes: 30,
                ..Limits::default()
            },
            LimitName::OverlayBytes,
            30,
        ),
    ] {
        let mut fixture = Fixture::new(limits).await;
        fixture.grants = Grants::all();
        let end = beside_a_neighbour(&fixture, r#"tool hostile__fill_keys {"n":1000}"#).await;
        assert_eq!(end.receipts[1].limits_met, [LimitExceeded { limit, value }]);
    }
}

#[tokio::test]
async fn a_string_that_is_no_utf_8() {
    tool_traps(Limits::default(), "no_utf8 {}", "invalid utf-8").await;
}
