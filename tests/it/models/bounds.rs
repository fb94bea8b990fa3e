//! Each bound of a request to a model: at it, and one beyond.

use super::fixture::{BODY, with};
use agent_factory::config::Limits;
use agent_factory_tests::model::{Fault, ModelDouble, Reply};
use std::time::Duration;

/// What the hostile engine is told when it asks under these limits.
async fn told(limits: Limits, reply: Reply, command: &str) -> String {
    let double = ModelDouble::start().await;
    let fixture = with(limits, &double).await;
    double.script(reply);
    fixture.reply(command).await
}

#[tokio::test]
async fn requests_of_a_turn() {
    let limits = Limits {
        model_calls: 2,
        ..Limits::default()
    };
    let double = ModelDouble::start().await;
    let fixture = with(limits, &double).await;
    let reply = fixture.reply(&format!("ask-times 2 {BODY}")).await;
    assert!(!reply.contains("Error"), "{reply}");
    let reply = fixture.reply(&format!("ask-times 3 {BODY}")).await;
    assert!(
        reply.contains("Error::OverBudget") && reply.contains("limits.model_calls"),
        "{reply}"
    );
    assert_eq!(double.requests().len(), 4);
}

#[tokio::test]
async fn tokens_of_a_turn_as_the_vendor_counts_them() {
    for (limit, over) in [(8, false), (7, true)] {
        let limits = Limits {
            model_output_tokens: limit,
            ..Limits::default()
        };
        // Each answer has 7 tokens.
        let reply = told(limits, Reply::words("Hi."), &format!("ask-times 2 {BODY}")).await;
        assert_eq!(
            reply.contains("limits.model_output_tokens"),
            over,
            "{reply}"
        );
    }
}

#[tokio::test]
async fn tokens_that_one_request_may_ask_for() {
    for (asked, over) in [(100, false), (101, true)] {
        let limits = Limits {
            output_tokens: 100,
            ..Limits::default()
        };
        let body = format!(r#"{{"model":"gpt-x","max_tokens":{asked}}}"#);
        let reply = told(limits, Reply::words("Hi."), &format!("ask {body}")).await;
        assert_eq!(reply.contains("limits.output_tokens"), over, "{reply}");
    }
}

#[tokio::test]
async fn bytes_of_a_request() {
    let size = BODY.len() as u64;
    for (limit, over) in [(size, false), (size - 1, true)] {
        let limits = Limits {
            model_request_bytes: limit,
            ..Limits::default()
        };
        let reply = told(limits, Reply::words("Hi."), &format!("ask {BODY}")).await;
        assert_eq!(
            reply.contains("limits.model_request_bytes"),
            over,
            "{reply}"
        );
    }
}

#[tokio::test]
async fn bytes_of_an_event() {
    for (bytes, over) in [(1_000, false), (1_001, true)] {
        let limits = Limits {
            model_event_bytes: 1_000,
            ..Limits::default()
        };
        let reply = told(
            limits,
            Reply::fault(Fault::Oversized(bytes)),
            &format!("ask {BODY}"),
        )
        .await;
        assert_eq!(reply.contains("limits.model_event_bytes"), over, "{reply}");
    }
}

#[tokio::test]
async fn bytes_of_an_answer() {
    // One event of 992 bytes is 1000 bytes with its frame.
    for (limit, over) in [(1_000, false), (999, true)] {
        let limits = Limits {
            model_event_bytes: 999,
            model_answer_bytes: limit,
            ..Limits::default()
        };
        let reply = told(
            limits,
            Reply::fault(Fault::Oversized(992)),
            &format!("ask {BODY}"),
        )
        .await;
        assert_eq!(reply.contains("limits.model_answer_bytes"), over, "{reply}");
    }
    let limits = Limits {
        model_answer_bytes: 100_000,
        ..Limits::default()
    };
    let reply = told(
        limits,
        Reply::fault(Fault::Endless),
        &format!("ask-quietly {BODY}"),
    )
    .await;
    assert!(reply.contains("limits.model_answer_bytes"), "{reply}");
}

#[tokio::test]
async fn a_server_that_drips_is_ended_by_the_turns_time() {
    let limits = Limits {
        turn_ms: 1_500,
        ..Limits::default()
    };
    let double = ModelDouble::start().await;
    let fixture = with(limits, &double).await;
    double.script(Reply::fault(Fault::Drip(Duration::from_millis(50))));
    let failure = fixture.failure(&format!("ask {BODY}")).await;
    assert!(failure.contains("TurnMs"), "{failure}");
    double.await_closed(1).await;
}

#[tokio::test]
async fn a_server_that_pauses_too_long_is_given_up() {
    let reply = told(
        Limits::default(),
        Reply::fault(Fault::Drip(Duration::from_secs(3_600))),
        &format!("ask {BODY}"),
    )
    .await;
    assert!(
        reply.contains("Error::Interrupted") && reply.contains("egress.idle_ms"),
        "{reply}"
    );
}

#[tokio::test]
async fn a_long_answer_is_no_crowd_of_host_calls() {
    let limits = Limits {
        host_calls: 50,
        ..Limits::default()
    };
    let reply = told(
        limits,
        Reply::words(&"word ".repeat(500)),
        &format!("ask-quietly {BODY}"),
    )
    .await;
    assert!(reply.contains("end"), "{reply}");
}
