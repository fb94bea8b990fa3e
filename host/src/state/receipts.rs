//! Receipts: what each invocation of a component cost and said. Kept for a while; what they came to is kept by day
//! ([`super::usage`]).

pub mod sql;

use crate::domain::{
    AgentKey, Lease, MessageId, Receipt, ReceiptOutcome, SkillName, TenantId, Timestamp,
};
use crate::store::{StoreError, Tx, on_tx};
use crate::telemetry::{Pruned, Tally};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Receipts that are looked at for one page: a filter that fits few of many is answered with a short page.
pub const LOOKED_AT: u32 = 2_000;

/// One receipt on its way into its row.
#[derive(Serialize)]
struct Row<'a> {
    skill: &'a str,
    outcome: &'a str,
    receipt: String,
}

/// Store the receipts of one attempt, in the order of the invocations. A repeat changes nothing; answers how many are new.
///
/// # Errors
/// Where the database does not answer.
pub async fn store(
    tx: &mut Tx,
    lease: &Lease,
    at: Timestamp,
    receipts: &[Receipt],
) -> Result<u64, StoreError> {
    if receipts.is_empty() {
        return Ok(0);
    }
    let mut rows = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        rows.push(Row {
            skill: receipt.skill().map_or("", SkillName::as_str),
            outcome: receipt.outcome.word(),
            receipt: json(receipt)?,
        });
    }
    let (rows, statement) = (json(&rows)?, tx.sql(sql::STORE));
    Ok(on_tx!(tx, |conn| {
        sqlx::query(statement)
            .bind(&lease.tenant_id)
            .bind(&lease.message_id)
            .bind(lease.fence)
            .bind(at)
            .bind(rows)
            .bind(&lease.agent_key)
            .execute(conn)
            .await
            .map(|done| done.rows_affected())
    })?)
}

fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::corrupt("receipt"))
}

/// Which receipts are listed; what is none fits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiptFilter {
    /// Of this message.
    pub message_id: Option<MessageId>,
    /// Of this agent.
    pub agent_key: Option<AgentKey>,
    /// Of calls of this skill's tools.
    pub skill: Option<SkillName>,
    /// That ended so.
    pub outcome: Option<ReceiptOutcome>,
}

/// A receipt with what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReceipt {
    /// Whose turn it was.
    pub agent_key: AgentKey,
    /// When it was stored.
    pub created_at: Timestamp,
    /// What it says.
    pub receipt: Receipt,
    /// Where it stands in the list.
    pub place: ReceiptPlace,
}

/// A place in a list of receipts.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ReceiptPlace {
    created_at: i64,
    fence: i64,
    ordinal: i64,
    message_id: String,
}

impl ReceiptPlace {
    /// The message.
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// The fence of the attempt's lease: grows with each attempt.
    #[must_use]
    pub const fn fence(&self) -> i64 {
        self.fence
    }

    /// Before everything: the list is latest first.
    const fn first() -> Self {
        Self {
            created_at: i64::MAX,
            fence: i64::MAX,
            ordinal: i64::MAX,
            message_id: String::new(),
        }
    }
}

/// A text that is no place in a list of receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a place in a list of receipts is three numbers and a message's id, with colons between")]
pub struct ReceiptPlaceError;

impl fmt::Display for ReceiptPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            created_at,
            fence,
            ordinal,
            message_id,
        } = self;
        write!(out, "{created_at}:{fence}:{ordinal}:{message_id}")
    }
}

impl FromStr for ReceiptPlace {
    type Err = ReceiptPlaceError;

    fn from_str(text: &str) -> Result<Self, ReceiptPlaceError> {
        let mut parts = text.splitn(4, ':');
        let mut number = || parts.next()?.parse().ok();
        let (created_at, fence, ordinal) = (number(), number(), number());
        let message_id = parts.next().and_then(|id| id.parse::<MessageId>().ok());
        match (created_at, fence, ordinal, message_id) {
            (Some(created_at), Some(fence), Some(ordinal), Some(message_id)) => Ok(Self {
                created_at,
                fence,
                ordinal,
                message_id: message_id.to_string(),
            }),
            _ => Err(ReceiptPlaceError),
        }
    }
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    agent_key: AgentKey,
    receipt: String,
    #[sqlx(flatten)]
    place: ReceiptPlace,
}

/// Receipts of a tenant, latest first, at most `limit`, those behind `after` where a place is named; and where to go on, where
/// there may be more. Looks at no more than [`LOOKED_AT`] of them, so that a page can be short of its limit and not be the last.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    tx: &mut Tx,
    tenant_id: &TenantId,
    filter: &ReceiptFilter,
    after: Option<&ReceiptPlace>,
    limit: u32,
) -> Result<(Vec<StoredReceipt>, Option<ReceiptPlace>), StoreError> {
    let first = ReceiptPlace::first();
    let after = after.unwrap_or(&first);
    let agent = filter.agent_key.as_ref().map_or("", AgentKey::as_str);
    let skill = filter.skill.as_ref().map_or("", SkillName::as_str);
    let outcome = filter.outcome.map_or("", ReceiptOutcome::word);
    let most = i64::from(limit).saturating_add(1);
    let rows: Vec<ListedRow> = match &filter.message_id {
        Some(message_id) => on_tx!(tx, |conn| sqlx::query_as(sql::OF_MESSAGE)
            .bind(tenant_id)
            .bind(message_id)
            .bind(after.fence)
            .bind(after.ordinal)
            .bind(agent)
            .bind(skill)
            .bind(outcome)
            .bind(most)
            .fetch_all(conn)
            .await)?,
        None => on_tx!(tx, |conn| sqlx::query_as(sql::OF_TENANT)
            .bind(tenant_id)
            .bind(after.created_at)
            .bind(&after.message_id)
            .bind(after.fence)
            .bind(after.ordinal)
            .bind(i64::from(LOOKED_AT))
            .bind(agent)
            .bind(skill)
            .bind(outcome)
            .bind(most)
            .fetch_all(conn)
            .await)?,
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    let rows = rows.into_iter().take(limit).map(ListedRow::stored);
    let listed = rows.collect::<Result<Vec<_>, _>>()?;
    let next = if more {
        listed.last().map(|last| last.place.clone())
    } else if filter.message_id.is_none() {
        on_tx!(tx, |conn| sqlx::query_as(sql::LAST_LOOKED_AT)
            .bind(tenant_id)
            .bind(after.created_at)
            .bind(&after.message_id)
            .bind(after.fence)
            .bind(after.ordinal)
            .bind(i64::from(LOOKED_AT).saturating_sub(1))
            .fetch_optional(conn)
            .await)?
    } else {
        None
    };
    Ok((listed, next))
}

impl ListedRow {
    fn stored(self) -> Result<StoredReceipt, StoreError> {
        Ok(StoredReceipt {
            agent_key: self.agent_key,
            created_at: Timestamp::from_millis(self.place.created_at),
            receipt: serde_json::from_str(&self.receipt).map_err(StoreError::corrupt("receipt"))?,
            place: self.place,
        })
    }
}

/// Forget receipts that were stored `kept` ago or longer, oldest first, of the first tenant after `after` that has any (`""`: of
/// the first of all): at most `most`. Answers the tenant and how many, or none where no tenant behind `after` has any.
///
/// # Errors
/// Where the database fails.
pub async fn forget(
    tx: &mut Tx,
    kept: Duration,
    after: &str,
    most: u32,
) -> Result<Option<(TenantId, u64)>, StoreError> {
    let before = tx.now().await?.minus(kept);
    let tenant: Option<TenantId> = on_tx!(tx, |conn| sqlx::query_scalar(sql::NEXT_TO_FORGET)
        .bind(after)
        .bind(before)
        .fetch_optional(conn)
        .await)?;
    let Some(tenant_id) = tenant else {
        return Ok(None);
    };
    let forgotten = on_tx!(tx, |conn| sqlx::query(sql::FORGET)
        .bind(&tenant_id)
        .bind(before)
        .bind(i64::from(most))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    tx.tally(Tally::Pruned(Pruned::Receipts, forgotten));
    Ok(Some((tenant_id, forgotten)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_is_read() {
        let place: ReceiptPlace = "1700000000000:3:0:msg_1".parse().unwrap();
        assert_eq!((place.fence(), place.message_id()), (3, "msg_1"));
        assert_eq!(place.to_string(), "1700000000000:3:0:msg_1");
        for text in [
            "",
            "1:2:3",
            "x:2:3:msg_1",
            "1:2:x:msg_1",
            "1:2:3:",
            "1:2:3:msg\0",
        ] {
            assert_eq!(text.parse::<ReceiptPlace>(), Err(ReceiptPlaceError));
        }
    }
}
