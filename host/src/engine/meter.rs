//! Processor time of one call.
//!
//! A call runs while its future is polled and never else, so its processor time is the time spent
//! inside those polls. A tool's call counts for itself, also where it is polled inside its engine's
//! ([`CpuMeter::except`]).

use super::stop::Stop;
use crate::domain::LimitExceeded;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Time spent so far, shared between the future that measures and the epoch callback that looks.
#[derive(Clone, Debug)]
pub(super) struct CpuMeter(Arc<Mutex<Spent>>);

#[derive(Debug)]
struct Spent {
    budget: Duration,
    /// What an error says once it is over.
    limit: LimitExceeded,
    before: Duration,
    since: Option<Instant>,
}

impl CpuMeter {
    /// A meter for a budget in milliseconds.
    pub(super) fn new(limit: LimitExceeded) -> Self {
        Self(Arc::new(Mutex::new(Spent {
            budget: Duration::from_millis(limit.value),
            limit,
            before: Duration::ZERO,
            since: None,
        })))
    }

    /// Time spent, the poll at hand included.
    pub(super) fn spent(&self) -> Duration {
        self.lock().total()
    }

    /// An error once the budget is over.
    pub(super) fn check(&self) -> Result<(), Stop> {
        let spent = self.lock();
        if spent.total() <= spent.budget {
            return Ok(());
        }
        Err(Stop::Exhausted(spent.limit))
    }

    /// Measure `future`, and end it once the budget is over.
    pub(super) fn measure<F: Future>(&self, future: F) -> Measured<F> {
        Measured {
            meter: self.clone(),
            future: Box::pin(future),
        }
    }

    /// Leave the polls of `future` out, which is polled inside what is measured: it counts for itself.
    pub(super) fn except<F: Future + Unpin>(&self, future: F) -> Excepted<F> {
        Excepted {
            meter: self.clone(),
            future,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Spent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    fn total(&self) -> Duration {
        let now = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        self.before.saturating_add(now)
    }
}

/// A future whose polls are counted by a [`CpuMeter`].
pub(super) struct Measured<F> {
    meter: CpuMeter,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Measured<F> {
    type Output = Result<F::Output, Stop>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Err(stop) = self.meter.check() {
            return Poll::Ready(Err(stop));
        }
        self.meter.lock().since = Some(Instant::now());
        let polled = self.future.as_mut().poll(context);
        let mut spent = self.meter.lock();
        spent.before = spent.total();
        spent.since = None;
        polled.map(Ok)
    }
}

/// A future whose polls a [`CpuMeter`] does not count.
pub(super) struct Excepted<F> {
    meter: CpuMeter,
    future: F,
}

impl<F: Future + Unpin> Future for Excepted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let measured = {
            let mut spent = self.meter.lock();
            spent.before = spent.total();
            spent.since.take().is_some()
        };
        let polled = Pin::new(&mut self.future).poll(context);
        if measured {
            self.meter.lock().since = Some(Instant::now());
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::LimitName;
    use std::task::Waker;

    #[test]
    fn a_future_is_polled_within_its_budget_and_ended_beyond_it() {
        let limit = LimitExceeded {
            limit: LimitName::ToolCpuMs,
            value: 1_000,
        };
        let meter = CpuMeter::new(limit);
        let mut polls = 0;
        let mut future = Box::pin(meter.measure(std::future::poll_fn(|_| {
            polls += 1;
            Poll::<()>::Pending
        })));
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
        meter.lock().before = Duration::from_millis(1_001);
        assert_eq!(
            future.as_mut().poll(&mut context),
            Poll::Ready(Err(Stop::Exhausted(limit)))
        );
        drop(future);
        assert_eq!(polls, 1);
    }

    #[test]
    fn what_is_excepted_counts_for_itself() {
        let meter = CpuMeter::new(LimitExceeded {
            limit: LimitName::TurnCpuMs,
            value: 1_000,
        });
        let inner = std::future::poll_fn(|_| {
            // What the outer one would be charged by now.
            assert!(meter.lock().since.is_none());
            Poll::Ready(())
        });
        let outer = async {
            meter.except(inner).await;
            assert!(meter.lock().since.is_some());
        };
        let mut outer = Box::pin(meter.measure(outer));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(outer.as_mut().poll(&mut context), Poll::Ready(Ok(())));
        assert!(meter.lock().since.is_none());
    }
}
