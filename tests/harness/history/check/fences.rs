//! One lease of a conversation at a time, each with a higher fence than all before it.

use super::Seen;
use crate::history::violation::Violation;

/// Fences grow from claim to claim, and no two leases have the same.
pub(super) fn grow(seen: &Seen<'_>) -> Result<(), Violation> {
    for leases in seen.conversations.values() {
        let claims: Vec<_> = leases.iter().flat_map(|held| &held.claims).collect();
        for first in &claims {
            for second in &claims {
                let (lease, other) = (&first.lease, &second.lease);
                if lease.fence == other.fence && lease != other {
                    let (first, second) = (lease.clone(), other.clone());
                    return Err(Violation::FenceTwice { first, second });
                }
                if lease == other && first.worker != second.worker {
                    return Err(Violation::GivenTwice {
                        lease: lease.clone(),
                        first: first.worker.clone(),
                        second: second.worker.clone(),
                    });
                }
                if lease.fence > other.fence && first.answered < second.first_asked {
                    let (earlier, later) = (lease.clone(), other.clone());
                    return Err(Violation::FenceFell { earlier, later });
                }
            }
        }
    }
    Ok(())
}

/// No lease is given while another of its conversation lives.
pub(super) fn one_lives(seen: &Seen<'_>) -> Result<(), Violation> {
    for leases in seen.conversations.values() {
        for (at, held) in leases.iter().enumerate() {
            let until = held.alive_until();
            let Some(other) = leases.iter().skip(at + 1).find(|next| next.given() < until) else {
                continue;
            };
            let (first, second) = (held.lease.clone(), other.lease.clone());
            return Err(if first.message == second.message {
                Violation::Again { first, second }
            } else {
                Violation::TwoLive { first, second }
            });
        }
    }
    Ok(())
}

/// Nothing is accepted under a lease that has ended or that another has taken the place of.
pub(super) fn the_dead_do_nothing(seen: &Seen<'_>) -> Result<(), Violation> {
    for leases in seen.conversations.values() {
        for (at, held) in leases.iter().enumerate() {
            let dead = held.dead_from();
            for (used, _, since) in held.accepted() {
                let newer = leases.iter().skip(at + 1).find(|next| next.given() < since);
                if let Some(newer) = newer {
                    return Err(Violation::Superseded {
                        what: used.what,
                        lease: held.lease.clone(),
                        by: newer.lease.clone(),
                    });
                }
                if since > dead {
                    return Err(Violation::Dead {
                        what: used.what,
                        lease: held.lease.clone(),
                        asked: since,
                        dead,
                    });
                }
            }
        }
    }
    Ok(())
}
