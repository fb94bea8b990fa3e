//! Processor time of one call.
//!
//! A call runs while its future is polled and never else, so its processor time is the time spent
//! inside those polls. Nested calls are tasks of their own and count for themselves.

use super::stop::Stop;
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
    /// The limit, as an error names it.
    name: &'static str,
    before: Duration,
    since: Option<Instant>,
}

impl CpuMeter {
    /// A meter for a budget of `milliseconds`, which `name` names.
    pub(super) fn new(milliseconds: u64, name: &'static str) -> Self {
        Self(Arc::new(Mutex::new(Spent {
            budget: Duration::from_millis(milliseconds),
            name,
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
        Err(Stop::Exhausted(format!(
            "the component ran for more than {} ms of processor time ({})",
            spent.budget.as_millis(),
            spent.name
        )))
    }

    /// Measure `future`, and end it once the budget is over.
    pub(super) fn measure<F: Future>(&self, future: F) -> Measured<F> {
        Measured {
            meter: self.clone(),
            future: Box::pin(future),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_future_is_polled_within_its_budget_and_ended_beyond_it() {
        let meter = CpuMeter::new(1_000, "tool_cpu_ms");
        let mut polls = 0;
        let mut future = Box::pin(meter.measure(std::future::poll_fn(|_| {
            polls += 1;
            Poll::<()>::Pending
        })));
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
        meter.lock().before = Duration::from_millis(1_001);
        let Poll::Ready(Err(Stop::Exhausted(text))) = future.as_mut().poll(&mut context) else {
            panic!("the budget was over");
        };
        assert_eq!(
            text,
            "the component ran for more than 1000 ms of processor time (tool_cpu_ms)"
        );
        drop(future);
        assert_eq!(polls, 1);
    }
}
