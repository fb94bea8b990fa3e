//! Messages that a turn leaves to its own conversation.

use super::zombies::claim;
use agent_factory::control::{Completion, ControlError, FOLLOW_UPS_MAX, FollowUp};
use agent_factory::domain::Timestamp;
use agent_factory_tests::{built, plane_cases};
use std::time::Duration;

fn follow_up(text: &str, after: Option<Duration>) -> FollowUp {
    FollowUp {
        text: text.to_owned(),
        after,
        priority: None,
    }
}

fn leaving(follow_ups: Vec<FollowUp>) -> Completion {
    Completion {
        follow_ups,
        ..Completion::default()
    }
}

plane_cases! {
    async fn follow_ups_come_with_their_completion_once_and_in_order(factory) {
        factory.agent("ada", "offline", &built::demo_workspace()).await;
        factory.enqueue("ada", "chat", "first").await;
        let control = factory.control();
        let lease = claim(&*control, "one").await;
        let minute = Duration::from_secs(60);
        let left = leaving(vec![
            follow_up("later", Some(minute)),
            follow_up("second", None),
            follow_up("third", None),
        ]);
        control.complete(&lease, left.clone()).await.expect("a settled turn");
        control.complete(&lease, left).await.expect("a repeat that changes nothing");
        for text in ["second", "third"] {
            let lease = claim(&*control, "one").await;
            assert_eq!(lease.conversation_id.as_str(), "chat");
            let bundle = control.hydrate(&lease).await.expect("a bundle");
            assert!(format!("{:?}", bundle.input).contains(text), "{:?}", bundle.input);
            control.complete(&lease, Completion::default()).await.expect("a settled turn");
        }
        let due = Timestamp::from_millis(1_700_000_000_000).plus(minute);
        factory.db().set_clock(due).await.expect("a test clock");
        let lease = claim(&*control, "one").await;
        let bundle = control.hydrate(&lease).await.expect("a bundle");
        assert!(format!("{:?}", bundle.input).contains("later"));
    }

    async fn a_lost_lease_leaves_no_follow_up_and_the_bounds_of_them_are_kept(factory) {
        factory.agent("ada", "offline", &built::demo_workspace()).await;
        factory.enqueue("ada", "chat", "first").await;
        let control = factory.control();
        let lease = claim(&*control, "one").await;
        let many = |count| leaving(vec![follow_up("again", None); count]);
        for wrong in [
            many(FOLLOW_UPS_MAX + 1),
            leaving(vec![follow_up("", None)]),
            leaving(vec![follow_up("late", Some(Duration::from_hours(366 * 24 + 1)))]),
            leaving(vec![FollowUp { priority: Some(101), ..follow_up("urgent", None) }]),
            leaving(vec![follow_up(&"x".repeat(128 * 1024 + 1), None)]),
        ] {
            let refused = control.complete(&lease, wrong).await;
            assert!(matches!(refused, Err(ControlError::Refused(_))), "{refused:?}");
        }
        control.give_back(&lease, Vec::new()).await.expect("given back");
        let lost = control.complete(&lease, many(1)).await;
        assert!(matches!(lost, Err(ControlError::LeaseLost)), "{lost:?}");
        let lease = claim(&*control, "one").await;
        control.complete(&lease, many(FOLLOW_UPS_MAX)).await.expect("a settled turn");
        for _ in 0..FOLLOW_UPS_MAX {
            let lease = claim(&*control, "one").await;
            control.complete(&lease, Completion::default()).await.expect("a settled turn");
        }
    }

    async fn completions_sent_together_are_settled_each_for_itself(factory) {
        factory.agent("ada", "offline", &built::demo_workspace()).await;
        let control = factory.control();
        let mut completions = Vec::new();
        for conversation in ["a", "b", "c"] {
            factory.enqueue("ada", conversation, "hello").await;
            completions.push((claim(&*control, "one").await, leaving(Vec::new())));
        }
        control.give_back(&completions[1].0, Vec::new()).await.expect("given back");
        completions[2].1 = leaving(vec![follow_up("", None)]);
        let results = control.complete_all(completions.clone()).await.expect("answers");
        assert!(results[0].is_ok());
        assert!(matches!(results[1], Err(ControlError::LeaseLost)), "{:?}", results[1]);
        assert!(matches!(results[2], Err(ControlError::Refused(_))), "{:?}", results[2]);
        completions.truncate(1);
        let again = control.complete_all(completions).await.expect("answers");
        assert!(again[0].is_ok(), "a repeat succeeds");
    }
}
