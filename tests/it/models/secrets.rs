//! A key that a server sends back reaches nobody.

use super::fixture::{BODY, KEY, with};
use agent_factory::config::Limits;
use agent_factory_tests::model::{Fault, ModelDouble, Reply};

/// All that a turn leaves behind, as text.
async fn left_behind(fault: Fault, command: &str) -> String {
    let double = ModelDouble::start().await;
    let fixture = with(Limits::default(), &double).await;
    double.script(Reply::fault(fault));
    format!("{:?}", fixture.turn(command).await)
}

#[tokio::test]
async fn a_key_in_an_answer_is_redacted_before_the_engine_sees_it() {
    let left = left_behind(Fault::EchoAuthorization, &format!("ask {BODY}")).await;
    assert!(
        left.contains("Your header is Bearer [redacted]; as hex"),
        "{left}"
    );
    for form in [KEY.to_owned(), hex(KEY)] {
        assert!(!left.contains(&form), "{left}");
    }
}

#[tokio::test]
async fn a_key_in_a_refusal_is_redacted() {
    let left = left_behind(Fault::EchoRefused, &format!("ask {BODY}")).await;
    assert!(
        left.contains("code: 401") && left.contains("[redacted]"),
        "{left}"
    );
    assert!(!left.contains(KEY), "{left}");
}

#[tokio::test]
async fn a_key_that_an_engine_put_together_does_not_leave_the_turn() {
    // The engine knows the key from its person, or from pieces that no event held whole.
    for command in ["echo", "hold", "permanent", "retry", "log", "remember"] {
        let left = left_behind(Fault::Hang, &format!("{command} the key is {KEY}.")).await;
        assert!(left.contains("the key is [redacted]"), "{command}: {left}");
        assert!(!left.contains(KEY), "{command}: {left}");
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
