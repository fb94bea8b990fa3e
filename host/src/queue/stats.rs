use super::rows::StatsRow;
use super::sql;
use crate::domain::{Pool, TenantId, Timestamp};
use crate::store::{StoreError, Topic, Tx, on_tx};
use std::time::Duration;

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What one pool's workers are to do.
    Pool(Pool),
    /// What one tenant waits for.
    Tenant(TenantId),
}

/// How much there is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Conversations whose head is due.
    pub ready: u64,
    /// Conversations whose head falls due later: scheduled, or in backoff.
    pub waiting: u64,
    /// Conversations a worker has.
    pub leased: u64,
    /// Conversations that wait for a person, or whose agent or tenant does.
    pub held: u64,
    /// Messages given up.
    pub dead_letters: u64,
    /// Conversations with replies on their way out.
    pub outbox_lanes: u64,
    /// How long the oldest ready head has been due; zero where there is none.
    pub oldest_ready_age: Duration,
}

impl QueueStats {
    /// What workers are needed for now or in a moment: conversations ready or in a worker's hands, and replies on
    /// their way out.
    #[must_use]
    pub const fn backlog(&self) -> u64 {
        self.ready
            .saturating_add(self.leased)
            .saturating_add(self.outbox_lanes)
    }
}

/// Count. Walks what is busy (of a pool: what is busy in all), and nothing that is idle or done; on a reader it stops no writer.
///
/// # Errors
/// Where the database fails.
pub async fn stats(tx: &mut Tx, scope: &Scope) -> Result<QueueStats, StoreError> {
    let (statement, of) = match scope {
        Scope::Pool(pool) => (sql::STATS_OF_POOL, pool.as_str()),
        Scope::Tenant(tenant) => (sql::STATS_OF_TENANT, tenant.as_str()),
    };
    let now = tx.now().await?;
    let row: StatsRow = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(of)
        .bind(now)
        .fetch_one(conn)
        .await)?;
    let count = |stored: i64| u64::try_from(stored).unwrap_or(0);
    Ok(QueueStats {
        ready: count(row.ready),
        waiting: count(row.waiting),
        leased: count(row.leased),
        held: count(row.held),
        dead_letters: count(row.dead_letters),
        outbox_lanes: count(row.lanes),
        oldest_ready_age: row
            .oldest_due_at
            .map_or(Duration::ZERO, |due| due.until(now)),
    })
}

/// How long until time itself makes something claimable: a head (or, for [`Topic::Outbox`], a lane) falls due, a lease
/// ends. Whoever waits for work looks again then. `None` while nothing waits for time.
///
/// # Errors
/// Where the database fails.
pub async fn next_change(tx: &mut Tx, topic: Topic) -> Result<Option<Duration>, StoreError> {
    let now = tx.now().await?;
    let sql = match topic {
        Topic::Queue | Topic::Settled | Topic::Leadership => sql::NEXT_TURN,
        Topic::Outbox => sql::NEXT_DELIVERY,
    };
    let moment: Option<Timestamp> = on_tx!(tx, |conn| sqlx::query_scalar(sql)
        .fetch_optional(conn)
        .await)?;
    Ok(moment.map(|moment| now.until(moment)))
}
