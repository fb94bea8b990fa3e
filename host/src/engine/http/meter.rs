//! What the requests of one call took, and their limits.

use crate::config::Limits;
use crate::domain::HttpUsage;
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

    /// Waits until a limit is spent; says which.
    pub(in crate::engine) async fn spent(&self) -> Stop {
        self.0.spent.cancelled().await;
        let stop = self.counted().stop.clone();
        stop.unwrap_or_else(|| Stop::Exhausted("a limit is spent".to_owned()))
    }

    /// Count one request.
    pub(in crate::engine) fn call(&self) -> Result<(), Stop> {
        let limit = self.0.calls;
        self.count(|usage| {
            let more = usage.calls < limit;
            usage.calls = usage.calls.saturating_add(u32::from(more));
            more.then_some(()).ok_or_else(|| {
                format!("the component made more than {limit} HTTP requests (http_calls)")
            })
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
        self.count(|usage| {
            add(&mut usage.request_bytes, bytes, limit).ok_or_else(|| {
                format!(
                    "the component's HTTP requests have more than {limit} bytes together (http_request_bytes)"
                )
            })
        })
    }

    /// Count bytes of a response.
    pub(in crate::engine) fn response(&self, bytes: usize) -> Result<(), Stop> {
        let limit = self.0.response_bytes;
        self.count(|usage| {
            add(&mut usage.response_bytes, bytes, limit).ok_or_else(|| {
                format!(
                    "the responses to the component's HTTP requests have more than {limit} bytes together \
                     (http_response_bytes)"
                )
            })
        })
    }

    fn count(&self, count: impl FnOnce(&mut HttpUsage) -> Result<(), String>) -> Result<(), Stop> {
        let mut counted = self.counted();
        count(&mut counted.usage).map_err(|text| {
            let stop = Stop::Exhausted(text);
            counted.stop.get_or_insert_with(|| stop.clone());
            self.0.spent.cancel();
            stop
        })
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0
            .counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Add up to the limit; none where it is more.
fn add(sum: &mut u64, bytes: usize, limit: u64) -> Option<()> {
    let after = sum.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    *sum = after.min(limit);
    (after <= limit).then_some(())
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
