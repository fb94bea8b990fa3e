//! Histories that are broken in one way each, and what is said of them; and sound ones that look broken.

use super::story::{LEASE, Story, at};
use crate::history::events::{Answer, State, What};
use crate::history::violation::Violation;

macro_rules! assert_breaks {
    ($story:expr, $violation:pat) => {
        let violation = $story.breaks();
        assert!(matches!(violation, $violation), "{violation}");
    };
}

#[test]
fn a_history_in_which_all_goes_well_is_sound() {
    Story::new()
        .sent(0, "a")
        .sent(10, "b")
        .turn(20, 1, "a")
        .turn(30, 2, "b")
        .is_sound();
}

#[test]
fn a_history_with_a_retry_after_each_of_its_reasons_is_sound() {
    // Given back, failed, lost before it had begun, lost after; the fence grew once more without anybody hearing of it.
    Story::new()
        .sent(0, "a")
        .claimed(10, 1, "a")
        .used(12, 1, "a", Answer::GivenBack)
        .claimed(20, 2, "a")
        .used(22, 2, "a", Answer::Started(1))
        .used(24, 2, "a", Answer::Requeued)
        .claimed(30, 3, "a")
        .claimed(1100, 5, "a")
        .used(1102, 5, "a", Answer::Started(2))
        .claimed(2200, 6, "a")
        .used(2202, 6, "a", Answer::Started(3))
        .used(2204, 6, "a", Answer::Completed)
        .ended("a", State::Done)
        .is_sound();
}

#[test]
fn a_completion_that_is_repeated_long_after_is_sound() {
    Story::new()
        .sent(0, "a")
        .sent(5, "b")
        .turn(10, 1, "a")
        .turn(20, 2, "b")
        .used(5000, 1, "a", Answer::Completed)
        .is_sound();
}

#[test]
fn a_settlement_whose_answer_was_lost_may_have_ended_the_lease() {
    Story::new()
        .sent(0, "a")
        .sent(5, "b")
        .claimed(10, 1, "a")
        .unanswered(12, 1, "a", What::Complete)
        .turn(20, 2, "b")
        .used(900, 1, "a", Answer::Completed)
        .ended("a", State::Done)
        .told(&["a", "b"])
        .is_sound();
}

#[test]
fn messages_that_were_sent_at_once_may_be_claimed_in_any_order() {
    let mut story = Story::new().sent(0, "a").sent(1, "b");
    story.0.enqueues[1].asked = at(0);
    story.turn(10, 1, "b").turn(20, 2, "a").is_sound();
}

#[test]
fn a_history_with_two_ids_for_one_message_is_refused() {
    let mut story = Story::new().sent(0, "a").sent(10, "b");
    story.0.enqueues[1].external_id = "ada/a".to_owned();
    assert_breaks!(story, Violation::AcknowledgedTwice { .. });
}

#[test]
fn a_history_with_a_message_nobody_sent_is_refused() {
    let story = Story::new().sent(0, "a").turn(10, 1, "z");
    assert_breaks!(story, Violation::Unsent(_));
}

#[test]
fn a_history_with_a_message_in_another_conversation_is_refused() {
    let mut story = Story::new().sent(0, "a");
    story.0.enqueues[0].conversation = "bob/room".to_owned();
    assert_breaks!(story.turn(10, 1, "a"), Violation::Unsent(_));
}

#[test]
fn a_history_with_one_fence_for_two_messages_is_refused() {
    let story = Story::new().sent(0, "a").sent(5, "b");
    let story = story.turn(10, 1, "a").turn(20, 1, "b");
    assert_breaks!(story, Violation::FenceTwice { .. });
}

#[test]
fn a_history_with_one_lease_for_two_workers_is_refused() {
    let story = Story::new().sent(0, "a").turn(10, 1, "a");
    let story = story.claimed_by("another", 12, 1, "a");
    assert_breaks!(story, Violation::GivenTwice { .. });
}

#[test]
fn a_history_with_a_fence_that_falls_is_refused() {
    let story = Story::new().sent(0, "a").sent(5, "b");
    let story = story.turn(10, 2, "a").turn(20, 1, "b");
    assert_breaks!(story, Violation::FenceFell { .. });
}

#[test]
fn a_history_with_two_live_leases_of_a_conversation_is_refused() {
    let story = Story::new().sent(0, "a").sent(5, "b");
    let story = story.claimed(10, 1, "a").turn(20, 2, "b");
    assert_breaks!(story, Violation::TwoLive { .. });
}

#[test]
fn a_history_with_a_lease_beside_one_that_was_extended_is_refused() {
    let extended = Answer::Extended(at(LEASE));
    let story = Story::new().sent(0, "a").sent(5, "b").claimed(10, 1, "a");
    let story = story.used(900, 1, "a", extended).turn(1500, 2, "b");
    assert_breaks!(story, Violation::TwoLive { .. });
}

#[test]
fn a_history_with_a_second_attempt_for_no_reason_is_refused() {
    let story = Story::new().sent(0, "a");
    let story = story.claimed(10, 1, "a").turn(500, 2, "a");
    assert_breaks!(story, Violation::Again { .. });
}

#[test]
fn a_history_with_a_second_attempt_after_a_refused_completion_is_refused() {
    let story = Story::new().sent(0, "a").claimed(10, 1, "a");
    let story = story.used(12, 1, "a", Answer::Lost).turn(20, 2, "a");
    assert_breaks!(story, Violation::Again { .. });
}

#[test]
fn a_history_with_a_completion_under_a_lease_that_another_took_over_is_refused() {
    let story = Story::new().sent(0, "a").claimed(10, 1, "a");
    let story = story
        .claimed(1100, 2, "a")
        .used(1110, 1, "a", Answer::Completed);
    assert_breaks!(story, Violation::Superseded { .. });
}

#[test]
fn a_history_with_anything_else_under_such_a_lease_is_refused() {
    for answer in [
        Answer::Started(1),
        Answer::Extended(at(LEASE)),
        Answer::Requeued,
        Answer::GivenBack,
    ] {
        let story = Story::new().sent(0, "a").sent(5, "b").claimed(10, 1, "a");
        let story = story.unanswered(12, 1, "a", What::Fail);
        let story = story.turn(20, 2, "b").used(40, 1, "a", answer);
        assert_breaks!(story, Violation::Superseded { .. });
    }
}

#[test]
fn a_history_with_a_settlement_under_a_dead_lease_is_refused() {
    let story = Story::new().sent(0, "a").claimed(10, 1, "a");
    let story = story.used(1100, 1, "a", Answer::Completed);
    assert_breaks!(story, Violation::Dead { .. });
}

#[test]
fn a_heartbeat_without_an_answer_may_have_kept_the_lease_alive() {
    let story = Story::new().sent(0, "a").claimed(10, 1, "a");
    let story = story.unanswered(900, 1, "a", What::Beat);
    let story = story.used(1500, 1, "a", Answer::Completed);
    story.ended("a", State::Done).is_sound();
}

#[test]
fn a_history_with_a_message_before_an_earlier_one_is_refused() {
    let story = Story::new().sent(0, "a").sent(5, "b");
    let story = story.turn(10, 1, "b").turn(20, 2, "a");
    assert_breaks!(story, Violation::Overtaken { .. });
}

#[test]
fn a_history_with_a_retry_behind_a_later_message_is_refused() {
    let story = Story::new().sent(0, "a").sent(5, "b").claimed(10, 1, "a");
    let story = story.used(12, 1, "a", Answer::Requeued);
    let story = story.turn(20, 2, "b").turn(30, 3, "a");
    assert_breaks!(story, Violation::Overtaken { .. });
}

#[test]
fn a_history_with_a_message_that_is_settled_twice_under_one_lease_is_refused() {
    let story = Story::new().sent(0, "a").turn(10, 1, "a");
    let story = story.used(20, 1, "a", Answer::Requeued);
    assert_breaks!(story, Violation::SettledTwice { .. });
}

#[test]
fn a_history_with_a_repeat_of_a_completion_that_is_refused_is_refused() {
    let story = Story::new().sent(0, "a").turn(10, 1, "a");
    let story = story.used(20, 1, "a", Answer::Lost);
    assert_breaks!(story, Violation::Forgotten(_));
}

#[test]
fn a_history_with_a_completion_that_was_stored_and_refused_is_refused() {
    let story = Story::new().sent(0, "a").claimed(10, 1, "a");
    let story = story.unanswered(12, 1, "a", What::Complete);
    let story = story.used(20, 1, "a", Answer::Lost);
    assert_breaks!(
        story.ended("a", State::Done),
        Violation::Contradicted { .. }
    );
}

#[test]
fn a_history_with_a_message_that_is_settled_by_two_leases_is_refused() {
    let story = Story::new().sent(0, "a").turn(10, 1, "a").turn(20, 2, "a");
    assert_breaks!(story, Violation::AfterSettlement(_));
}

#[test]
fn a_history_with_a_dead_letter_that_runs_again_is_refused() {
    let story = Story::new().sent(0, "a").claimed(10, 1, "a");
    let story = story
        .used(12, 1, "a", Answer::DeadLettered)
        .turn(20, 2, "a");
    assert_breaks!(story, Violation::AfterSettlement(_));
}

#[test]
fn a_history_with_a_message_that_still_waits_is_refused() {
    let story = Story::new().sent(0, "a").ended("a", State::Open);
    assert_breaks!(story, Violation::Unsettled { state: Some(_), .. });
}

#[test]
fn a_history_with_a_message_that_is_gone_is_refused() {
    let story = Story::new().sent(0, "a").sent(5, "b").turn(10, 1, "a");
    assert_breaks!(story, Violation::Unsettled { state: None, .. });
}

#[test]
fn a_history_with_a_message_that_nobody_completed_is_refused() {
    let story = Story::new().sent(0, "a").ended("a", State::Done);
    assert_breaks!(story, Violation::Contradicted { .. });
    let story = Story::new().sent(0, "a").claimed(10, 1, "a");
    let story = story.used(12, 1, "a", Answer::Lost);
    assert_breaks!(
        story.ended("a", State::Done),
        Violation::Contradicted { .. }
    );
}

#[test]
fn a_history_with_a_completed_message_among_the_dead_letters_is_refused() {
    let mut story = Story::new().sent(0, "a").turn(10, 1, "a");
    story.0.ends[0].state = State::DeadLetter;
    assert_breaks!(story, Violation::Contradicted { .. });
}

#[test]
fn a_history_with_a_dead_letter_that_nothing_happened_to_is_refused() {
    let story = Story::new().sent(0, "a").ended("a", State::DeadLetter);
    assert_breaks!(story, Violation::Contradicted { .. });
}

#[test]
fn a_history_with_a_turn_told_twice_or_not_at_all_or_in_another_order_is_refused() {
    for told in [&["a", "a", "b"][..], &["b"], &["b", "a"]] {
        let story = Story::new().sent(0, "a").sent(5, "b");
        let story = story.turn(10, 1, "a").turn(20, 2, "b").told(told);
        assert_breaks!(story, Violation::Told { .. });
    }
}

#[test]
fn a_history_with_an_attempt_for_a_message_that_had_not_started_is_refused() {
    let story = Story::new().sent(0, "a").claimed(10, 1, "a");
    let story = story.claimed(1100, 2, "a");
    let story = story.used(1102, 2, "a", Answer::Started(2));
    assert_breaks!(story, Violation::Attempts { attempt: 2, .. });
}

#[test]
fn a_history_with_a_crash_that_costs_no_attempt_is_refused() {
    let story = Story::new().sent(0, "a").claimed(10, 1, "a");
    let story = story.used(12, 1, "a", Answer::Started(1));
    let story = story.claimed(1100, 2, "a");
    let story = story.used(1102, 2, "a", Answer::Started(1));
    assert_breaks!(story, Violation::Attempts { attempt: 1, .. });
}
