use std::sync::atomic::{AtomicU32, Ordering};
use tokio_util::sync::CancellationToken;

/// Refusals of the token in a row until nobody believes that it is a moment's.
const MOST: u32 = 5;

/// Whether the token is refused for good. A worker whose token was revoked should end and say so, not ask for ever; one
/// that meets a control plane which is just starting should not.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    in_a_row: AtomicU32,
    for_good: CancellationToken,
}

impl Refusals {
    pub(super) fn refused(&self) {
        if self
            .in_a_row
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1)
            >= MOST
        {
            self.for_good.cancel();
        }
    }

    pub(super) fn accepted(&self) {
        self.in_a_row.store(0, Ordering::Relaxed);
    }

    pub(super) fn for_good(&self) -> &CancellationToken {
        &self.for_good
    }
}
