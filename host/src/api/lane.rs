//! How many requests of one kind are worked on at once, and for how long. One more than that is answered `overloaded` at
//! once: a client that repeats later is better off than one that waits in a line nobody sees the end of.
//!
//! Each kind has a lane of its own. Requests that wait for something to happen (long polls) are counted apart from
//! those that do not wait, and workers apart from apps, so that none can keep the others out.

use super::ApiError;
use crate::config::Server;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The longest a request may ask to wait for something to happen.
pub const WAIT_MAX: Duration = Duration::from_secs(30);

/// Settlements at once, at most: each may be as large as all its limits together, and a worker asks again.
const SETTLEMENTS_MAX: u32 = 32;

/// Batches of messages at once, at most: a batch may have megabytes.
const BATCHES_MAX: u32 = 16;

/// Room for requests of one kind.
#[derive(Clone, Debug)]
pub struct Lane {
    room: Arc<Semaphore>,
    longest: Duration,
}

/// The lanes of one process.
#[derive(Clone, Debug)]
pub struct Lanes {
    /// Of operators, tenants and apps, without waiting.
    pub requests: Lane,
    /// Of apps that send many messages at once.
    pub batches: Lane,
    /// Of those that wait for an answer.
    pub waits: Lane,
    /// Of workers, without waiting.
    pub worker_requests: Lane,
    /// Of workers that settle a turn.
    pub settlements: Lane,
    /// Of workers that wait for work.
    pub worker_waits: Lane,
}

impl Lane {
    /// Room for `most` requests, each of at most `longest`.
    #[must_use]
    pub fn new(most: u32, longest: Duration) -> Self {
        let most = usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            room: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            longest,
        }
    }
}

impl Lanes {
    /// As configured.
    #[must_use]
    pub fn new(server: &Server) -> Self {
        let longest = Duration::from_millis(server.request_timeout_ms);
        Self {
            requests: Lane::new(server.concurrency_max, longest),
            batches: Lane::new(server.concurrency_max.min(BATCHES_MAX), longest),
            waits: Lane::new(server.waits_max, longest.saturating_add(WAIT_MAX)),
            worker_requests: Lane::new(server.concurrency_max, longest),
            settlements: Lane::new(server.concurrency_max.min(SETTLEMENTS_MAX), longest),
            worker_waits: Lane::new(server.waits_max, longest.saturating_add(WAIT_MAX)),
        }
    }
}

/// A request on its way through `lane`.
pub(super) async fn pass(
    State(lane): State<Lane>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Ok(_room) = lane.room.try_acquire() else {
        return Err(ApiError::Overloaded);
    };
    tokio::time::timeout(lane.longest, next.run(request))
        .await
        .map_err(|_| ApiError::TimedOut(lane.longest))
}
