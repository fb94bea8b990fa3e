//! From a connection to an answer: who calls, what for, and what goes wrong on purpose.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::http::{Method as HttpMethod, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::answer::Refusal;
use super::call::{self, Parameters};
use super::connection::{BreakableListener, Breaker};
use super::fault::Fault;
use super::ledger::{Ledger, Request};
use super::methods::Method;
use super::token::Admission;

/// What the handlers and the test share.
pub(super) struct Shared {
    ledger: Mutex<Ledger>,
    /// Told after every change of the ledger that a test may wait for.
    changed: watch::Sender<()>,
    /// False while messages are held.
    pub(super) open: watch::Sender<bool>,
    pub(super) stopping: CancellationToken,
}

impl Shared {
    pub(super) fn new(admission: Admission) -> Self {
        Self {
            ledger: Mutex::new(Ledger::new(admission)),
            changed: watch::Sender::new(()),
            open: watch::Sender::new(true),
            stopping: CancellationToken::new(),
        }
    }

    /// The ledger; a test that failed while it held the lock has left it whole.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `check` finds what it looks for.
    pub(super) async fn until<T>(&self, check: impl Fn(&Ledger) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        loop {
            if let Some(found) = check(&self.ledger()) {
                return found;
            }
            // Fails only when the sender is gone, and `self` holds it.
            let _ = changes.changed().await;
        }
    }

    /// Does the method's work and tells who waits for it.
    fn run(&self, method: Method, bot_id: i64, parameters: &Parameters) -> Response {
        let outcome = method.run(bot_id, parameters, &mut self.ledger());
        self.changed.send_replace(());
        outcome.into_response()
    }

    /// Waits at the gate. Leaving early, as when the client goes away, counts as leaving.
    async fn pass_gate(&self) {
        let mut open = self.open.subscribe();
        if *open.borrow_and_update() {
            return;
        }
        let _held = Held::new(self);
        // Fails only when the sender is gone, and `self` holds it.
        let _ = open.wait_for(|open| *open).await;
    }
}

/// Counts one held message for as long as it lives.
struct Held<'a>(&'a Shared);

impl<'a> Held<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.ledger().held += 1;
        shared.changed.send_replace(());
        Self(shared)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.ledger().held -= 1;
        self.0.changed.send_replace(());
    }
}

/// Serves until told to stop.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    let stopping = shared.stopping.clone();
    let service = Router::new()
        .fallback(answer)
        .with_state(shared)
        .into_make_service_with_connect_info::<Breaker>();
    axum::serve(BreakableListener(listener), service)
        .with_graceful_shutdown(stopping.cancelled_owned())
        .await
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(breaker): ConnectInfo<Breaker>,
    request: HttpRequest,
) -> Response {
    let work = call(&shared, &breaker, request);
    match shared.stopping.run_until_cancelled(work).await {
        Some(Ok(response)) => response,
        Some(Err(refusal)) => refusal.into_response(),
        None => broken(&breaker),
    }
}

async fn call(
    shared: &Shared,
    breaker: &Breaker,
    request: HttpRequest,
) -> Result<Response, Refusal> {
    if ![HttpMethod::GET, HttpMethod::POST].contains(request.method()) {
        return Err(Refusal::new(405, "Method Not Allowed"));
    }
    let (token, name) = call::route(request.uri()).ok_or_else(|| Refusal::new(404, "Not Found"))?;
    let bot_id = shared.ledger().authorize(&token)?;
    let method = Method::named(&name).ok_or_else(|| Refusal::new(404, "Not Found"))?;
    let parameters = Parameters::read(request).await?;
    shared
        .ledger()
        .note(journaled(bot_id, method, &parameters))?;
    shared.changed.send_replace(());
    if method != Method::SendMessage {
        return Ok(shared.run(method, bot_id, &parameters));
    }
    shared.pass_gate().await;
    let fault = shared.ledger().faults.pop_front();
    shared.changed.send_replace(());
    let run = || shared.run(method, bot_id, &parameters);
    match fault {
        None => Ok(run()),
        Some(Fault::Status(code, description)) => Err(Refusal::new(code, description)),
        Some(Fault::RetryAfter(seconds)) => Err(Refusal::retry_after(seconds)),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::DropBeforeAnswer) => Ok(broken(breaker)),
        Some(Fault::DropAfterCommit) => {
            drop(run());
            Ok(broken(breaker))
        }
        Some(Fault::NotJson) => {
            let page = Html("<html><body><h1>502 Bad Gateway</h1></body></html>");
            Ok((StatusCode::BAD_GATEWAY, page).into_response())
        }
        Some(Fault::Slow(delay)) => {
            let response = run();
            tokio::time::sleep(delay).await;
            Ok(response)
        }
    }
}

/// A response that cannot be written any more: the client sees the connection end.
fn broken(breaker: &Breaker) -> Response {
    breaker.trip();
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

fn journaled(bot_id: i64, method: Method, parameters: &Parameters) -> Request {
    let mut parameters = parameters.0.clone();
    if let Some(secret) = parameters.get_mut("secret_token") {
        *secret = Value::from("(secret)");
    }
    Request {
        bot_id,
        method: method.name(),
        parameters,
    }
}
