//! What is left in the end: every acknowledged message settled, and each completed turn told once.

use super::Seen;
use super::held::Held;
use crate::history::events::{Answer, State, What};
use crate::history::violation::Violation;
use std::collections::BTreeMap;

/// Every acknowledged message has been settled, as its workers were told.
pub(super) fn settled(seen: &Seen<'_>) -> Result<(), Violation> {
    let states = states(seen);
    for (message, sent) in &seen.messages {
        let state = states.get(message).copied();
        let Some(state @ (State::Done | State::DeadLetter)) = state else {
            return Err(Violation::Unsettled {
                message: (*message).to_owned(),
                conversation: sent.conversation.to_owned(),
                state,
            });
        };
        let uses = || seen.leases_of(message).flat_map(|held| &held.uses);
        let told = |answer| uses().any(|used| used.answer.is_some_and(|(_, told)| told == answer));
        let asked = |what| uses().any(|used| used.what == what);
        let agrees = match state {
            State::Done => {
                let mut leases = seen.leases_of(message);
                let completed = leases.any(Held::may_have_completed);
                completed && !told(Answer::DeadLettered)
            }
            // It failed, or was lost while it ran, once too often.
            _ => !told(Answer::Completed) && (asked(What::Fail) || asked(What::Start)),
        };
        if !agrees {
            let answers = uses().map(|used| (used.what, used.answer.map(|(_, answer)| answer)));
            return Err(Violation::Contradicted {
                message: (*message).to_owned(),
                state,
                answers: answers.collect(),
            });
        }
    }
    Ok(())
}

/// Each conversation's history holds what every completed turn wrote, once and in the order of their leases, and nothing
/// of any other.
pub(super) fn told(seen: &Seen<'_>) -> Result<(), Violation> {
    let states = states(seen);
    for (conversation, leases) in &seen.conversations {
        let mut done: Vec<&str> = Vec::new();
        // From behind: a message's last lease is the one that settled it.
        for held in leases.iter().rev() {
            let message = held.lease.message.as_str();
            if states.get(message) == Some(&State::Done) && !done.contains(&message) {
                done.push(message);
            }
        }
        done.reverse();
        let told = seen.history.told.get(*conversation);
        let told: Vec<&str> = told.into_iter().flatten().map(String::as_str).collect();
        if told != done {
            return Err(Violation::Told {
                conversation: (*conversation).to_owned(),
                told: told.into_iter().map(ToOwned::to_owned).collect(),
                done: done.into_iter().map(ToOwned::to_owned).collect(),
            });
        }
    }
    Ok(())
}

fn states<'h>(seen: &Seen<'h>) -> BTreeMap<&'h str, State> {
    let ends = seen.history.ends.iter();
    ends.map(|end| (end.message.as_str(), end.state)).collect()
}
