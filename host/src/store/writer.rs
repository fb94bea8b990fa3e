//! The one task that writes to SQLite.
//!
//! It takes what waits, runs it in one transaction and commits once: with `synchronous = FULL` a commit is a
//! disk flush, and sharing it is what makes many small writes fast. Each piece of work stands in a savepoint
//! of its own, so that one caller's error undoes that caller's statements only. Callers hear of success
//! after the commit, never before.

use super::{Signals, StoreError, Tx, Work};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::Executor as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Work that may wait before callers have to.
const WAITING: usize = 1024;
/// Work that shares one commit, at most: bounds what a failed commit fails together.
const GROUP: usize = 128;

/// Hands work to the writer task.
#[derive(Clone, Debug)]
pub(super) struct Writer(mpsc::Sender<Order>);

enum Order {
    Run(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// A caller's work, its answer's type erased.
trait Job: Send {
    /// Run it; the answer waits in the reply until the commit is decided.
    fn run(self: Box<Self>, tx: &mut Tx) -> BoxFuture<'_, Box<dyn Reply>>;
    /// It was never run.
    fn refuse(self: Box<Self>, error: StoreError);
}

/// A caller's answer, held back until the commit is decided.
trait Reply: Send {
    fn succeeded(&self) -> bool;
    fn send(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Caller<F, T, E> {
    work: F,
    answer: oneshot::Sender<Result<T, E>>,
}

struct Answered<T, E> {
    result: Result<T, E>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Caller<F, T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    F: for<'t> FnOnce(&'t mut Tx) -> Work<'t, T, E> + Send + 'static,
{
    fn run(self: Box<Self>, tx: &mut Tx) -> BoxFuture<'_, Box<dyn Reply>> {
        Box::pin(async move {
            let result = (self.work)(tx).await;
            Box::new(Answered {
                result,
                answer: self.answer,
            }) as Box<dyn Reply>
        })
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        // The caller may have gone away; then nobody wants the answer.
        self.answer.send(Err(error.into())).ok();
    }
}

impl<T, E> Reply for Answered<T, E>
where
    T: Send,
    E: From<StoreError> + Send,
{
    fn succeeded(&self) -> bool {
        self.result.is_ok()
    }

    fn send(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (self.result, committed) {
            (Ok(_), Err(error)) => Err(error.into()),
            (result, _) => result,
        };
        // The caller may have gone away; the write stands all the same.
        self.answer.send(result).ok();
    }
}

impl Writer {
    /// Start the task. It ends when the last `Writer` is gone or at [`Writer::close`].
    pub(super) fn start(tx: Tx, signals: Signals) -> Self {
        let (sender, orders) = mpsc::channel(WAITING);
        tokio::spawn(run(tx, orders, signals));
        Self(sender)
    }

    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> Work<'t, T, E> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Caller { work, answer });
        self.0
            .send(Order::Run(job))
            .await
            .map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.0.send(Order::Close(done)).await.is_ok() {
            closed.await.ok();
        }
    }
}

async fn run(mut tx: Tx, mut orders: mpsc::Receiver<Order>, signals: Signals) {
    let mut waiting = Vec::with_capacity(GROUP);
    while orders.recv_many(&mut waiting, GROUP).await > 0 {
        let mut group = Vec::with_capacity(waiting.len());
        let mut close = None;
        for order in waiting.drain(..) {
            match order {
                Order::Run(job) if close.is_none() => group.push(job),
                Order::Run(job) => job.refuse(StoreError::Closed),
                Order::Close(done) => close = Some(done),
            }
        }
        if !group.is_empty() {
            commit_group(&mut tx, group, &signals).await;
        }
        if let Some(done) = close {
            orders.close();
            done.send(()).ok();
            return;
        }
    }
}

async fn commit_group(tx: &mut Tx, group: Vec<Box<dyn Job>>, signals: &Signals) {
    if let Err(error) = execute(tx, "BEGIN IMMEDIATE").await {
        tx.metrics().database_error("begin");
        for job in group {
            job.refuse(transaction_failed(&error));
        }
        return;
    }
    let alone = group.len() == 1;
    let mut replies = Vec::with_capacity(group.len());
    let mut broken: Option<Arc<sqlx::Error>> = None;
    for job in group {
        if let Some(error) = &broken {
            job.refuse(transaction_failed(error));
            continue;
        }
        match run_one(tx, job, alone).await {
            Ok(reply) => replies.push(reply),
            Err((error, reply)) => {
                broken = Some(error);
                replies.extend(reply);
            }
        }
    }
    let nothing_done = alone && replies.iter().all(|reply| !reply.succeeded());
    let outcome = match broken {
        Some(error) => Err(error),
        None if nothing_done => execute(tx, "ROLLBACK").await,
        None => execute(tx, "COMMIT").await,
    };
    let raised = tx.next_transaction();
    let tallies = tx.take_tallies();
    if let Err(error) = &outcome {
        tx.metrics().database_error("commit");
        tracing::error!(%error, "a group of writes did not commit");
        // Where the connection is beyond a rollback too, the next BEGIN says so.
        execute(tx, "ROLLBACK").await.ok();
    } else {
        for topic in raised {
            signals.raise(topic);
        }
        for tally in tallies {
            tx.metrics().tally(tally);
        }
    }
    for reply in replies {
        reply.send(outcome.clone().map_err(|error| transaction_failed(&error)));
    }
}

/// Run one caller's work in a savepoint, or bare when it is alone in the transaction. An error of the savepoint
/// itself breaks the whole transaction.
async fn run_one(
    tx: &mut Tx,
    job: Box<dyn Job>,
    alone: bool,
) -> Result<Box<dyn Reply>, (Arc<sqlx::Error>, Option<Box<dyn Reply>>)> {
    let tallied = tx.tallied();
    if alone {
        let reply = run_caught(tx, job).await;
        if !reply.succeeded() {
            tx.untally(tallied);
        }
        return Ok(reply);
    }
    if let Err(error) = execute(tx, "SAVEPOINT caller").await {
        job.refuse(transaction_failed(&error));
        return Err((error, None));
    }
    let reply = run_caught(tx, job).await;
    let undone = if reply.succeeded() {
        Ok(())
    } else {
        tx.untally(tallied);
        execute(tx, "ROLLBACK TO caller").await
    };
    let released = match undone {
        Ok(()) => execute(tx, "RELEASE caller").await,
        Err(error) => Err(error),
    };
    match released {
        Ok(()) => Ok(reply),
        Err(error) => Err((error, Some(reply))),
    }
}

/// A panic in a caller's work is that caller's alone: its statements are undone, its answer is that the database is
/// closed, and the writer goes on.
async fn run_caught(tx: &mut Tx, job: Box<dyn Job>) -> Box<dyn Reply> {
    match AssertUnwindSafe(job.run(tx)).catch_unwind().await {
        Ok(reply) => reply,
        Err(_) => {
            tracing::error!("a write panicked; it is undone");
            Box::new(Panicked)
        }
    }
}

/// There is nobody to answer: the caller's end was dropped with its work.
struct Panicked;

impl Reply for Panicked {
    fn succeeded(&self) -> bool {
        false
    }

    fn send(self: Box<Self>, _: Result<(), StoreError>) {}
}

async fn execute(tx: &mut Tx, sql: &'static str) -> Result<(), Arc<sqlx::Error>> {
    super::on_tx!(tx, |conn| conn.execute(sql).await.map(drop)).map_err(Arc::new)
}

fn transaction_failed(error: &Arc<sqlx::Error>) -> StoreError {
    StoreError::Transaction(Arc::clone(error))
}
