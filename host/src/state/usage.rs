//! What a tenant's invocations came to, by day: what a bill can be made from. Kept when the receipts are forgotten.

use crate::domain::{Digest, Invocation, Lease, Receipt, TenantId, Timestamp};
use crate::store::{StoreError, Tx, on_tx};
use std::collections::BTreeMap;

/// Rows that one tenant's day is spread over.
const SHARDS: u8 = 8;

const DAY_MS: i64 = 86_400_000;

/// A day of UTC, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

impl Day {
    /// The day of a moment.
    #[must_use]
    pub const fn of(at: Timestamp) -> Self {
        Self(at.as_millis().div_euclid(DAY_MS))
    }
}

/// Sums over invocations. Each invocation counts for itself: a turn's wall clock has that of its tools in it, and theirs is
/// counted again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Usage {
    /// Calls of engines.
    pub turns: i64,
    /// Calls of tools.
    pub tool_calls: i64,
    /// Requests to models.
    pub model_calls: i64,
    /// Wall clock of engines, tools and requests, microseconds.
    pub wall_us: i64,
    /// Time on a processor, microseconds.
    pub cpu_us: i64,
    /// The most memory each held, times how long it ran.
    pub memory_byte_seconds: i64,
    /// Calls of guests to the host.
    pub host_calls: i64,
    /// Tokens of requests to models, as the vendors counted them.
    pub input_tokens: i64,
    /// Of those, from a vendor's cache.
    pub cached_input_tokens: i64,
    /// Tokens of answers.
    pub output_tokens: i64,
    /// Of those, spent on reasoning.
    pub reasoning_tokens: i64,
    /// Bodies of requests to models.
    pub model_request_bytes: i64,
    /// Bodies of their answers.
    pub model_answer_bytes: i64,
    /// HTTP requests of skills.
    pub http_calls: i64,
    /// What those requests sent.
    pub http_sent_bytes: i64,
    /// What they received.
    pub http_received_bytes: i64,
}

impl Usage {
    /// What receipts come to.
    #[must_use]
    pub fn of(receipts: &[Receipt]) -> Self {
        let mut usage = Self::default();
        for receipt in receipts {
            usage.add_receipt(receipt);
        }
        usage
    }

    fn add_receipt(&mut self, receipt: &Receipt) {
        let calls = match &receipt.invocation {
            Invocation::Engine => &mut self.turns,
            Invocation::Tool { .. } => &mut self.tool_calls,
            Invocation::Model { .. } => &mut self.model_calls,
        };
        add(calls, 1);
        add(&mut self.wall_us, receipt.duration_us);
        add(&mut self.cpu_us, receipt.cpu_us);
        let byte_us = u128::from(receipt.memory_peak_bytes) * u128::from(receipt.duration_us);
        let byte_seconds = u64::try_from(byte_us / 1_000_000).unwrap_or(u64::MAX);
        add(&mut self.memory_byte_seconds, byte_seconds);
        add(&mut self.host_calls, u64::from(receipt.host_calls));
        add(&mut self.http_calls, u64::from(receipt.http.calls));
        add(&mut self.http_sent_bytes, receipt.http.request_bytes);
        add(&mut self.http_received_bytes, receipt.http.response_bytes);
        if let Some(model) = &receipt.usage {
            let tokens = model.tokens.unwrap_or_default();
            add(&mut self.input_tokens, tokens.input);
            add(&mut self.cached_input_tokens, tokens.cached_input);
            add(&mut self.output_tokens, tokens.output);
            add(&mut self.reasoning_tokens, tokens.reasoning);
            add(&mut self.model_request_bytes, model.request_bytes);
            add(&mut self.model_answer_bytes, model.answer_bytes);
        }
    }

    /// These and those.
    #[must_use]
    pub fn plus(mut self, other: Self) -> Self {
        for (sum, more) in self.columns_mut().into_iter().zip(other.columns()) {
            *sum = sum.saturating_add(more);
        }
        self
    }

    /// In the order of the table.
    const fn columns(self) -> [i64; 16] {
        [
            self.turns,
            self.tool_calls,
            self.model_calls,
            self.wall_us,
            self.cpu_us,
            self.memory_byte_seconds,
            self.host_calls,
            self.input_tokens,
            self.cached_input_tokens,
            self.output_tokens,
            self.reasoning_tokens,
            self.model_request_bytes,
            self.model_answer_bytes,
            self.http_calls,
            self.http_sent_bytes,
            self.http_received_bytes,
        ]
    }

    const fn columns_mut(&mut self) -> [&mut i64; 16] {
        [
            &mut self.turns,
            &mut self.tool_calls,
            &mut self.model_calls,
            &mut self.wall_us,
            &mut self.cpu_us,
            &mut self.memory_byte_seconds,
            &mut self.host_calls,
            &mut self.input_tokens,
            &mut self.cached_input_tokens,
            &mut self.output_tokens,
            &mut self.reasoning_tokens,
            &mut self.model_request_bytes,
            &mut self.model_answer_bytes,
            &mut self.http_calls,
            &mut self.http_sent_bytes,
            &mut self.http_received_bytes,
        ]
    }
}

/// What a worker reports is not trusted to be small.
fn add(sum: &mut i64, more: u64) {
    *sum = sum.saturating_add(i64::try_from(more).unwrap_or(i64::MAX));
}

/// The sums of a transaction, added at its end.
#[derive(Debug, Default)]
pub struct UsageOfTenants(BTreeMap<TenantId, (u8, Usage)>);

impl UsageOfTenants {
    /// Count receipts that were stored now.
    pub fn count(&mut self, lease: &Lease, receipts: &[Receipt]) {
        let shard = || Digest::of(lease.message_id.as_str().as_bytes()).as_bytes()[0] % SHARDS;
        let entry = self.0.entry(lease.tenant_id.clone());
        let (_, usage) = entry.or_insert_with(|| (shard(), Usage::default()));
        *usage = usage.plus(Usage::of(receipts));
    }

    /// Add them to the day of `at`. The last of a transaction, by tenant: it locks a row that others of the tenant want.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn add(self, tx: &mut Tx, at: Timestamp) -> Result<(), StoreError> {
        for (tenant_id, (shard, usage)) in self.0 {
            add_to_day(tx, &tenant_id, Day::of(at), i64::from(shard), usage).await?;
        }
        Ok(())
    }
}

/// What receipts of one turn that were stored now come to: see [`UsageOfTenants::add`].
///
/// # Errors
/// Where the database does not answer.
pub async fn add_one(
    tx: &mut Tx,
    lease: &Lease,
    at: Timestamp,
    receipts: &[Receipt],
) -> Result<(), StoreError> {
    let mut usage = UsageOfTenants::default();
    usage.count(lease, receipts);
    usage.add(tx, at).await
}

async fn add_to_day(
    tx: &mut Tx,
    tenant_id: &TenantId,
    day: Day,
    shard: i64,
    usage: Usage,
) -> Result<(), StoreError> {
    const SQL: &str = "
        INSERT INTO usage_days (tenant_id, day, shard, turns, tool_calls, model_calls, wall_us, cpu_us,
            memory_byte_seconds, host_calls, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens,
            model_request_bytes, model_answer_bytes, http_calls, http_sent_bytes, http_received_bytes)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
        ON CONFLICT (tenant_id, day, shard) DO UPDATE SET
            turns = usage_days.turns + excluded.turns,
            tool_calls = usage_days.tool_calls + excluded.tool_calls,
            model_calls = usage_days.model_calls + excluded.model_calls,
            wall_us = usage_days.wall_us + excluded.wall_us,
            cpu_us = usage_days.cpu_us + excluded.cpu_us,
            memory_byte_seconds = usage_days.memory_byte_seconds + excluded.memory_byte_seconds,
            host_calls = usage_days.host_calls + excluded.host_calls,
            input_tokens = usage_days.input_tokens + excluded.input_tokens,
            cached_input_tokens = usage_days.cached_input_tokens + excluded.cached_input_tokens,
            output_tokens = usage_days.output_tokens + excluded.output_tokens,
            reasoning_tokens = usage_days.reasoning_tokens + excluded.reasoning_tokens,
            model_request_bytes = usage_days.model_request_bytes + excluded.model_request_bytes,
            model_answer_bytes = usage_days.model_answer_bytes + excluded.model_answer_bytes,
            http_calls = usage_days.http_calls + excluded.http_calls,
            http_sent_bytes = usage_days.http_sent_bytes + excluded.http_sent_bytes,
            http_received_bytes = usage_days.http_received_bytes + excluded.http_received_bytes";
    on_tx!(tx, |conn| {
        let mut query = sqlx::query(SQL).bind(tenant_id).bind(day.0).bind(shard);
        for column in usage.columns() {
            query = query.bind(column.min(COLUMN_MAX));
        }
        query.execute(conn).await.map(drop)
    })?;
    Ok(())
}

/// What one transaction adds to a column at most: so many of them that no sum overflows in a day.
const COLUMN_MAX: i64 = 1 << 48;

/// What a tenant used from `first` to `last`, both included, by day; days without anything are left out.
///
/// # Errors
/// Where the database does not answer.
pub async fn days(
    tx: &mut Tx,
    tenant_id: &TenantId,
    first: Day,
    last: Day,
) -> Result<Vec<(Day, Usage)>, StoreError> {
    const SQL: &str = "
        SELECT day, turns, tool_calls, model_calls, wall_us, cpu_us, memory_byte_seconds, host_calls, input_tokens,
            cached_input_tokens, output_tokens, reasoning_tokens, model_request_bytes, model_answer_bytes, http_calls,
            http_sent_bytes, http_received_bytes
        FROM usage_days WHERE tenant_id = $1 AND day BETWEEN $2 AND $3 ORDER BY day, shard";
    #[derive(sqlx::FromRow)]
    struct Row {
        day: i64,
        #[sqlx(flatten)]
        usage: Usage,
    }
    let rows: Vec<Row> = on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(tenant_id)
        .bind(first.0)
        .bind(last.0)
        .fetch_all(conn)
        .await)?;
    let mut days = BTreeMap::new();
    for Row { day, usage } in rows {
        let sum: &mut Usage = days.entry(Day(day)).or_default();
        *sum = sum.plus(usage);
    }
    Ok(days.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_utc_also_before_1970() {
        let day = |at| Day::of(Timestamp::from_millis(at)).0;
        assert_eq!(
            (day(0), day(DAY_MS - 1), day(DAY_MS), day(-1)),
            (0, 0, 1, -1)
        );
    }

    #[test]
    fn every_column_is_summed() {
        let mut one = Usage::default();
        for (number, column) in (1..).zip(one.columns_mut()) {
            *column = number;
        }
        let sum = one.plus(one).columns();
        assert!((1..).zip(sum).all(|(number, column)| column == 2 * number));
    }
}
