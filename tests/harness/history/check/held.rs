//! One lease, and how long it lived.

use crate::history::events::{Answer, Claim, Lease, Moment, Use, What};
use std::time::Duration;

/// What may be amiss in a comparison of two clocks that agree: the control plane's counts whole milliseconds.
const GRAIN: Duration = Duration::from_millis(5);

/// A lease as its worker saw it.
pub(super) struct Held<'h> {
    pub(super) lease: &'h Lease,
    /// How long it lasts without a heartbeat.
    lasts: Duration,
    /// Every answer it was in.
    pub(super) claims: Vec<&'h Claim>,
    /// In the order in which they were asked.
    pub(super) uses: Vec<&'h Use>,
}

impl<'h> Held<'h> {
    pub(super) const fn new(lasts: Duration, claim: &'h Claim) -> Self {
        Self {
            lease: &claim.lease,
            lasts,
            claims: Vec::new(),
            uses: Vec::new(),
        }
    }

    /// By when it had been given.
    pub(super) fn given(&self) -> Moment {
        let answered = self.claims.iter().map(|claim| claim.answered);
        answered.min().expect("a lease that was claimed")
    }

    /// What was accepted under it, with the earliest moment at which that can have taken effect: of a completion that
    /// was repeated, that of its first try.
    pub(super) fn accepted(&self) -> impl Iterator<Item = (&'h Use, Answer, Moment)> {
        self.uses.iter().filter_map(|used| {
            let (_, answer) = used.answer?;
            if answer == Answer::Lost {
                return None;
            }
            let since = match used.what {
                What::Complete => self.asked_first(What::Complete).unwrap_or(used.asked),
                _ => used.asked,
            };
            Some((*used, answer, since))
        })
    }

    /// Before this it certainly lived, from its claim's answer on.
    pub(super) fn alive_until(&self) -> Moment {
        let claimed = self
            .claims
            .iter()
            .map(|claim| claim.asked + claim.lease_for);
        let beaten = self.uses.iter().filter_map(|used| match used.answer {
            Some((_, Answer::Extended(by))) => Some(used.asked + by),
            _ => None,
        });
        let end = claimed.chain(beaten).max().unwrap_or_default();
        let end = end.saturating_sub(GRAIN);
        let settling = self.uses.iter().filter(|used| may_settle(used));
        let settled = settling.map(|used| used.asked).min();
        settled.map_or(end, |settled| settled.min(end))
    }

    /// From this on it was certainly dead.
    pub(super) fn dead_from(&self) -> Moment {
        let claimed = self
            .claims
            .iter()
            .map(|claim| claim.answered + claim.lease_for);
        let mut end = claimed.max().unwrap_or_default();
        for used in self.uses.iter().filter(|used| used.what == What::Beat) {
            match used.answer {
                Some((answered, Answer::Extended(by))) => end = end.max(answered + by),
                // It can have been extended while it lived, and by no more than it lasts.
                None => end += self.lasts,
                // By an earlier try of the same request.
                Some((answered, _)) => end = end.max(answered),
            }
        }
        end + GRAIN
    }

    /// Whether a completion was refused: then no other try of it was stored.
    pub(super) fn refused_completion(&self) -> bool {
        let mut uses = self.uses.iter();
        uses.any(|used| used.what == What::Complete && !may_settle(used))
    }

    /// Whether the message may have been completed under it.
    pub(super) fn may_have_completed(&self) -> bool {
        self.asked_first(What::Complete).is_some() && !self.refused_completion()
    }

    fn asked_first(&self, what: What) -> Option<Moment> {
        let asked = self.uses.iter().filter(|used| used.what == what);
        asked.map(|used| used.asked).min()
    }
}

/// Whether the message may have left the worker's hands by this. A completion that was refused was not stored: a repeat
/// of one that was is not refused.
pub(super) fn may_settle(used: &Use) -> bool {
    match (used.what, used.answer) {
        (What::Start | What::Beat, _) | (What::Complete, Some((_, Answer::Lost))) => false,
        (What::Complete | What::Fail | What::GiveBack, _) => true,
    }
}
