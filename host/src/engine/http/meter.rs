//! What the requests of one call took, and their limits.

use crate::config::Limits;
use crate::domain::{HttpUsage, LimitExceeded, LimitName};
use crate::engine::stop::Stop;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// Counts the requests of one call, and says when a limit is spent: the call ends then, wherever it waits. Shared
/// between the call and the requests it has under way. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::engine) struct HttpMeter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    calls: u32,
    request_bytes: u64,
    response_bytes: u64,
    counted: Mutex<Counted>,
    spent: CancellationToken,
}

#[derive(Debug, Default)]
struct Counted {
    usage: HttpUsage,
    stop: Option<Stop>,
}

impl HttpMeter {
    /// With nothing spent.
    pub(in crate::engine) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Inner {
            calls: limits.http_calls,
            request_bytes: limits.http_request_bytes,
            response_bytes: limits.http_response_bytes,
            counted: Mutex::default(),
            spent: CancellationToken::new(),
        }))
    }

    /// What was counted so far.
    pub(in crate::engine) fn usage(&self) -> HttpUsage {
        self.counted().usage
    }

    /// Which limit was spent first, if one was.
    pub(in crate::engine) fn stopped(&self) -> Option<Stop> {
        self.counted().stop.clone()
    }

    /// Waits until a limit is spent; says which.
    pub(in crate::engine) async fn spent(&self) -> Stop {
        self.0.spent.cancelled().await;
        // There is always one by then.
        self.stopped().unwrap_or(Stop::Cancelled)
    }

    /// Count one request.
    pub(in crate::engine) fn call(&self) -> Result<(), Stop> {
        let limit = self.0.calls;
        self.count(LimitName::HttpCalls, u64::from(limit), |usage| {
            let more = usage.calls < limit;
            usage.calls = usage.calls.saturating_add(u32::from(more));
            more
        })
    }

    /// Count a request that was not sent.
    pub(in crate::engine) fn denied(&self) {
        let mut counted = self.counted();
        counted.usage.denied = counted.usage.denied.saturating_add(1);
    }

    /// Count bytes of a request.
    pub(in crate::engine) fn request(&self, bytes: usize) -> Result<(), Stop> {
        let limit = self.0.request_bytes;
        self.count(LimitName::HttpRequestBytes, limit, |usage| {
            add(&mut usage.request_bytes, bytes, limit)
        })
    }

    /// Count bytes of a response.
    pub(in crate::engine) fn response(&self, bytes: usize) -> Result<(), Stop> {
        let limit = self.0.response_bytes;
        self.count(LimitName::HttpResponseBytes, limit, |usage| {
            add(&mut usage.response_bytes, bytes, limit)
        })
    }

    fn count(
        &self,
        limit: LimitName,
        value: u64,
        count: impl FnOnce(&mut HttpUsage) -> bool,
    ) -> Result<(), Stop> {
        let mut counted = self.counted();
        if count(&mut counted.usage) {
            return Ok(());
        }
        let stop = Stop::Exhausted(LimitExceeded { limit, value });
        counted.stop.get_or_insert_with(|| stop.clone());
        self.0.spent.cancel();
        Err(stop)
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0
            .counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Add up to the limit; false where it is more.
fn add(sum: &mut u64, bytes: usize, limit: u64) -> bool {
    let after = sum.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    *sum = after.min(limit);
    after <= limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn meter() -> HttpMeter {
        HttpMeter::new(&Limits {
            http_calls: 2,
            http_request_bytes: 10,
            http_response_bytes: 20,
            ..Limits::default()
        })
    }

    #[test]
    fn each_limit_is_met_and_one_beyond_it_ends_the_call_by_its_name() {
        let calls = meter();
        assert_eq!((calls.call(), calls.call()), (Ok(()), Ok(())));
        assert!(calls.spent().now_or_never().is_none());
        let stop = calls.call().unwrap_err();
        assert!(
            stop.to_string()
                .contains("more than 2 HTTP requests (http_calls)"),
            "{stop}"
        );
        assert_eq!(calls.spent().now_or_never(), Some(stop));
        assert_eq!(calls.usage().calls, 2);

        let bytes = meter();
        assert_eq!((bytes.request(4), bytes.request(6)), (Ok(()), Ok(())));
        assert_eq!(bytes.response(20), Ok(()));
        assert!(bytes.spent().now_or_never().is_none());
        let stop = bytes.request(1).unwrap_err();
        assert!(
            stop.to_string()
                .contains("10 bytes together (http_request_bytes)"),
            "{stop}"
        );
        let later = bytes.response(1).unwrap_err();
        assert!(
            later
                .to_string()
                .contains("20 bytes together (http_response_bytes)"),
            "{later}"
        );
        assert_eq!(
            bytes.spent().now_or_never(),
            Some(stop),
            "the first one ends the call"
        );
    }
}
