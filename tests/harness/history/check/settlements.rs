//! How often a message is settled, and what its attempts count.

use super::Seen;
use super::held::{Held, may_settle};
use crate::history::events::{Answer, What};
use crate::history::violation::Violation;

/// A message is settled once, whoever asks how often, and nobody is given it afterwards. A completion is answered the
/// same however often it is repeated.
pub(super) fn once(seen: &Seen<'_>) -> Result<(), Violation> {
    for message in seen.messages.keys() {
        let mut settled: Option<Answer> = None;
        for held in seen.leases_of(message) {
            if settled.is_some_and(Answer::ends) {
                return Err(Violation::AfterSettlement(held.lease.clone()));
            }
            let mut by_this: Option<Answer> = None;
            for (_, answer, _) in held.accepted().filter(|(_, answer, _)| answer.settles()) {
                match by_this {
                    // Its repeat, which is answered the same.
                    Some(Answer::Completed) if answer == Answer::Completed => {}
                    Some(first) => {
                        return Err(Violation::SettledTwice {
                            message: (*message).to_owned(),
                            first,
                            second: answer,
                        });
                    }
                    None => by_this = Some(answer),
                }
            }
            if by_this == Some(Answer::Completed) && held.refused_completion() {
                return Err(Violation::Forgotten(held.lease.clone()));
            }
            settled = by_this.or(settled);
        }
    }
    Ok(())
}

/// A turn is told how many attempts came before it: those that failed, and those that had started when their worker was
/// lost. One that was given back or had not started is none.
pub(super) fn attempts(seen: &Seen<'_>) -> Result<(), Violation> {
    for message in seen.messages.keys() {
        let (mut least, mut most) = (0, 0);
        for held in seen.leases_of(message) {
            for (_, answer, _) in held.accepted() {
                let Answer::Started(attempt) = answer else {
                    continue;
                };
                if !(least + 1..=most + 1).contains(&attempt) {
                    return Err(Violation::Attempts {
                        lease: held.lease.clone(),
                        attempt,
                        least,
                        most,
                    });
                }
            }
            let (certainly, possibly) = spent(held);
            least += u32::from(certainly);
            most += u32::from(possibly);
        }
    }
    Ok(())
}

/// Whether an attempt was spent on this lease, certainly and possibly.
fn spent(held: &Held<'_>) -> (bool, bool) {
    let mut settled = held.accepted().filter(|(_, answer, _)| answer.settles());
    if let Some((_, answer, _)) = settled.next() {
        let counts = matches!(answer, Answer::Requeued | Answer::DeadLettered);
        return (counts, counts);
    }
    let asked = |what| held.uses.iter().any(|used| used.what == what);
    let failed = held
        .uses
        .iter()
        .any(|used| used.what == What::Fail && may_settle(used));
    let started = held
        .accepted()
        .any(|(_, answer, _)| matches!(answer, Answer::Started(_)));
    let unsettled = !held.uses.iter().any(|used| may_settle(used));
    (started && unsettled, asked(What::Start) || failed)
}
