//! Messages of a conversation in the order in which they were acknowledged.

use super::Seen;
use crate::history::violation::Violation;

/// Of two messages of a conversation, of which one was acknowledged before the other was first sent, every lease of the
/// first comes before every lease of the second: not the first attempts alone, but retries too.
///
/// Two that were sent at the same time have no order that their senders could know.
pub(super) fn in_order_of_acknowledgement(seen: &Seen<'_>) -> Result<(), Violation> {
    for leases in seen.conversations.values() {
        for (at, held) in leases.iter().enumerate() {
            let sent = seen.messages[held.lease.message.as_str()].first_asked;
            let behind = leases.iter().skip(at + 1).find(|later| {
                later.lease.message != held.lease.message
                    && seen.messages[later.lease.message.as_str()].acknowledged < sent
            });
            if let Some(behind) = behind {
                return Err(Violation::Overtaken {
                    first: held.lease.clone(),
                    overtaken: behind.lease.clone(),
                });
            }
        }
    }
    Ok(())
}
