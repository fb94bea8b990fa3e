//! What this process changes, told to the others on the same PostgreSQL database.
//!
//! Not by the transactions that change it: a transaction that notifies holds a lock of the whole server while it commits, so that
//! commits would wait for each other's disk flush. Here one connection tells, after the commit, what was raised since it
//! told last; however many commits there are, it tells a topic once in a moment. What a process that dies in between did not tell is
//! found by polling.

use super::Topic;
use super::listening::{NOTIFY, Voice};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection as _, Executor as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Between two tellings, at least.
const PACE: Duration = Duration::from_millis(3);

/// A notification is on no disk, so its commit need not wait for one.
const SESSION: &str = "SET synchronous_commit = off";

/// Tells other processes.
#[derive(Clone, Debug)]
pub(super) struct Announcer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// A bit a topic.
    pending: AtomicU8,
    wake: Notify,
}

impl Announcer {
    /// Begin to tell, in `voice`, until `closing` is cancelled.
    pub(super) fn start(
        options: PgConnectOptions,
        voice: Voice,
        closing: CancellationToken,
    ) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .after_connect(|conn, _| Box::pin(async move { conn.execute(SESSION).await.map(drop) }))
            .connect_lazy_with(options);
        let announcer = Self(Arc::new(Inner {
            pending: AtomicU8::new(0),
            wake: Notify::new(),
        }));
        let telling = announcer.clone();
        tokio::spawn(async move {
            closing
                .run_until_cancelled(telling.tell_on(&pool, &voice))
                .await;
            pool.close().await;
        });
        announcer
    }

    /// `topics` were raised: others are to hear of it.
    pub(super) fn announce(&self, topics: &[Topic]) {
        let bits = topics.iter().fold(0, |bits, topic| bits | bit(*topic));
        if bits != 0 {
            self.0.pending.fetch_or(bits, Ordering::Relaxed);
            self.0.wake.notify_one();
        }
    }

    async fn tell_on(&self, pool: &PgPool, voice: &Voice) {
        loop {
            self.0.wake.notified().await;
            let bits = self.0.pending.swap(0, Ordering::Relaxed);
            let said: Vec<String> = Topic::ALL
                .into_iter()
                .filter(|topic| bits & bit(*topic) != 0)
                .map(|topic| voice.say(topic))
                .collect();
            if let Err(error) = tell(pool, &said).await {
                tracing::warn!(%error, "other processes were not told what changed; they find it by polling");
            }
            tokio::time::sleep(PACE).await;
        }
    }
}

async fn tell(pool: &PgPool, said: &[String]) -> Result<(), sqlx::Error> {
    let mut conn = pool.acquire().await?;
    let told = sqlx::query(NOTIFY).bind(said).execute(&mut *conn).await;
    if told.is_err() {
        // Whatever it was, the next telling begins on a new connection.
        conn.detach().close().await.ok();
    }
    told.map(drop)
}

const fn bit(topic: Topic) -> u8 {
    match topic {
        Topic::Queue => 1,
        Topic::Outbox => 2,
        Topic::Settled => 4,
        Topic::Leadership => 8,
    }
}
