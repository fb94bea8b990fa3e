//! Histories as tests tell them: one conversation, one worker unless another is named.

use super::check;
use crate::history::events::{
    Answer, Claim, End, Enqueue, History, Lease, Moment, State, Use, What,
};
use crate::history::violation::Violation;
use std::time::Duration;

/// How long a lease lasts, milliseconds.
pub(super) const LEASE: u64 = 1000;

/// So many milliseconds after the beginning.
pub(super) const fn at(millis: u64) -> Moment {
    Duration::from_millis(millis)
}

fn lease(fence: u64, message: &str) -> Lease {
    Lease {
        conversation: "ada/room".to_owned(),
        fence,
        message: message.to_owned(),
    }
}

/// A history in the making. Every answer comes a millisecond after its request.
#[derive(Default)]
pub(super) struct Story(pub(super) History);

impl Story {
    pub(super) fn new() -> Self {
        let mut story = Self::default();
        story.0.lease = at(LEASE);
        story
    }

    pub(super) fn sent(mut self, when: u64, message: &str) -> Self {
        self.0.enqueues.push(Enqueue {
            conversation: "ada/room".to_owned(),
            external_id: format!("ada/{message}"),
            asked: at(when),
            answer: Some((at(when + 1), message.to_owned())),
        });
        self
    }

    pub(super) fn claimed(self, when: u64, fence: u64, message: &str) -> Self {
        self.claimed_by("worker", when, fence, message)
    }

    pub(super) fn claimed_by(mut self, worker: &str, when: u64, fence: u64, message: &str) -> Self {
        self.0.claims.push(Claim {
            lease: lease(fence, message),
            worker: worker.to_owned(),
            first_asked: at(when),
            asked: at(when),
            answered: at(when + 1),
            lease_for: at(LEASE),
        });
        self
    }

    pub(super) fn used(self, when: u64, fence: u64, message: &str, answer: Answer) -> Self {
        let what = match answer {
            Answer::Started(_) => What::Start,
            Answer::Extended(_) => What::Beat,
            Answer::Completed | Answer::Lost => What::Complete,
            Answer::Requeued | Answer::DeadLettered => What::Fail,
            Answer::GivenBack => What::GiveBack,
        };
        self.asked(when, fence, message, what, Some(answer))
    }

    pub(super) fn unanswered(self, when: u64, fence: u64, message: &str, what: What) -> Self {
        self.asked(when, fence, message, what, None)
    }

    pub(super) fn asked(
        mut self,
        when: u64,
        fence: u64,
        message: &str,
        what: What,
        answer: Option<Answer>,
    ) -> Self {
        self.0.uses.push(Use {
            lease: lease(fence, message),
            what,
            asked: at(when),
            answer: answer.map(|answer| (at(when + 1), answer)),
        });
        self
    }

    pub(super) fn ended(mut self, message: &str, state: State) -> Self {
        self.0.ends.push(End {
            message: message.to_owned(),
            state,
        });
        if state == State::Done {
            let told = self.0.told.entry("ada/room".to_owned()).or_default();
            told.push(message.to_owned());
        }
        self
    }

    /// Sent, claimed, started, completed.
    pub(super) fn turn(self, when: u64, fence: u64, message: &str) -> Self {
        self.claimed(when, fence, message)
            .used(when + 2, fence, message, Answer::Started(1))
            .used(when + 4, fence, message, Answer::Completed)
            .ended(message, State::Done)
    }

    pub(super) fn told(mut self, messages: &[&str]) -> Self {
        let told = messages.iter().map(|message| (*message).to_owned());
        self.0.told.insert("ada/room".to_owned(), told.collect());
        self
    }

    pub(super) fn is_sound(&self) {
        let checked = check(&self.0);
        assert_eq!(checked, Ok(()));
    }

    pub(super) fn breaks(&self) -> Violation {
        check(&self.0).expect_err("a violation")
    }
}
