//! Key-value state of skills and engines.
//!
//! A version never comes back: in the agent's scope it is a counter of the agent's writes, in a conversation's the
//! moment of the turn or more. So a key that was removed and written again has another version than before, and
//! a compare-and-set against the old one fails.
//!
//! A write of the agent's scope takes effect at once, and a turn that is run again asks for it again. So each is
//! recorded with its answer under the call's own key, in the same transaction: its repeat is told the same, and
//! changes nothing, whatever others have written since. Records go with the message's settlement.

use crate::domain::{KvEntry, KvError, KvOwner, KvPage, KvScope, KvWrite, Lease, Timestamp};
use crate::store::{Sql, StoreError, Tx, on_tx};
use crate::telemetry::{Pruned, Tally};

/// Why a write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// For the guest to deal with.
    #[error(transparent)]
    Refused(#[from] KvError),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A write of the agent's scope.
#[derive(Clone, Debug)]
pub struct Set {
    /// Where.
    pub key: String,
    /// What.
    pub value: Vec<u8>,
    /// Only over this version (0: only if absent).
    pub if_version: Option<u64>,
    /// The same for every attempt of this write: its repeat changes nothing.
    pub call: String,
    /// The most keys the owner may have in this scope.
    pub keys_max: u32,
}

/// The conversation as it is stored: empty for the agent's scope.
fn scoped(lease: &Lease, scope: KvScope) -> &str {
    match scope {
        KvScope::Agent => "",
        KvScope::Conversation => lease.conversation_id.as_str(),
    }
}

/// Read one value.
///
/// # Errors
/// Where the database does not answer.
pub async fn get(
    tx: &mut Tx,
    lease: &Lease,
    owner: &KvOwner,
    scope: KvScope,
    key: &str,
) -> Result<Option<KvEntry>, StoreError> {
    Ok(stored(tx, lease, owner, scope, key).await?.map(Row::entry))
}

#[derive(sqlx::FromRow)]
struct Row {
    value: Vec<u8>,
    version: i64,
}

impl Row {
    fn entry(self) -> KvEntry {
        let version = self.version.unsigned_abs();
        KvEntry {
            value: self.value,
            version,
        }
    }
}

async fn stored(
    tx: &mut Tx,
    lease: &Lease,
    owner: &KvOwner,
    scope: KvScope,
    key: &str,
) -> Result<Option<Row>, StoreError> {
    const SQL: &str = "
        SELECT value, version FROM key_values
        WHERE tenant_id = $1 AND agent_key = $2 AND owner = $3 AND conversation_id = $4 AND key = $5";
    Ok(on_tx!(tx, |conn| {
        sqlx::query_as(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .bind(owner.as_str())
            .bind(scoped(lease, scope))
            .bind(key)
            .fetch_optional(conn)
            .await
    })?)
}

/// Write one value of the agent's scope; answers the new version.
///
/// # Errors
/// A version conflict, too many keys, or the database.
pub async fn set(tx: &mut Tx, lease: &Lease, owner: &KvOwner, set: Set) -> Result<u64, SetError> {
    of_the_agent_alone(tx, lease, owner).await?;
    if let Some(version) = answered(tx, lease, &set.call).await? {
        return Ok(version.unsigned_abs());
    }
    let before = stored(tx, lease, owner, KvScope::Agent, &set.key).await?;
    let version = before.as_ref().map_or(0, |row| row.version);
    if let Some(expected) = set.if_version
        && expected != version.unsigned_abs()
    {
        return Err(KvError::Conflict(version.unsigned_abs()).into());
    }
    if before.is_none() && count(tx, lease, owner, KvScope::Agent).await? >= i64::from(set.keys_max)
    {
        return Err(KvError::TooLarge(format!("over limits.kv_keys ({})", set.keys_max)).into());
    }
    let now = tx.now().await?;
    let next = next_version(tx, lease).await?;
    let row = Written {
        key: &set.key,
        value: &set.value,
        version: next,
    };
    put(tx, lease, owner, KvScope::Agent, now, &row).await?;
    record(tx, lease, &set.call, next).await?;
    Ok(next.unsigned_abs())
}

/// Remove one value of the agent's scope. The repeat of a `call` changes nothing.
///
/// # Errors
/// Where the database does not answer.
pub async fn delete(
    tx: &mut Tx,
    lease: &Lease,
    owner: &KvOwner,
    key: &str,
    call: &str,
) -> Result<(), StoreError> {
    of_the_agent_alone(tx, lease, owner).await?;
    if answered(tx, lease, call).await?.is_some() {
        return Ok(());
    }
    remove(tx, lease, owner, KvScope::Agent, key).await?;
    record(tx, lease, call, 0).await
}

/// A version that no key of this agent has had.
async fn next_version(tx: &mut Tx, lease: &Lease) -> Result<i64, StoreError> {
    const SQL: &str = "
        UPDATE agent_profiles SET kv_version = kv_version + 1
        WHERE tenant_id = $1 AND agent_key = $2 RETURNING kv_version";
    Ok(on_tx!(tx, |conn| {
        sqlx::query_scalar(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .fetch_one(conn)
            .await
    })?)
}

/// What a call was answered when it took effect; none where it has not.
async fn answered(tx: &mut Tx, lease: &Lease, call: &str) -> Result<Option<i64>, StoreError> {
    const SQL: &str = "
        SELECT version FROM key_value_calls WHERE tenant_id = $1 AND message_id = $2 AND call = $3";
    Ok(on_tx!(tx, |conn| {
        sqlx::query_scalar(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.message_id)
            .bind(call)
            .fetch_optional(conn)
            .await
    })?)
}

async fn record(tx: &mut Tx, lease: &Lease, call: &str, version: i64) -> Result<(), StoreError> {
    const SQL: &str = "
        INSERT INTO key_value_calls (tenant_id, message_id, call, version) VALUES ($1, $2, $3, $4)";
    on_tx!(tx, |conn| {
        sqlx::query(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.message_id)
            .bind(call)
            .bind(version)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// The messages are settled: no call of their turns comes again.
///
/// # Errors
/// Where the database does not answer.
pub async fn forget_calls(tx: &mut Tx, leases: &[&Lease]) -> Result<(), StoreError> {
    const SQL: Sql = Sql {
        sqlite: "
        DELETE FROM key_value_calls WHERE (tenant_id, message_id) IN (
            SELECT j.value ->> 0, j.value ->> 1 FROM jsonb_each($1) j)",
        postgres: "
        DELETE FROM key_value_calls k
        USING (SELECT value FROM json_array_elements($1::json) WHERE json_typeof(value) = 'array') j
        WHERE k.tenant_id = j.value ->> 0 AND k.message_id = j.value ->> 1",
    };
    if leases.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = leases
        .iter()
        .map(|lease| (&lease.tenant_id, &lease.message_id))
        .collect();
    let rows = serde_json::to_string(&rows).map_err(StoreError::corrupt("calls"))?;
    let statement = tx.sql(SQL);
    on_tx!(tx, |conn| {
        sqlx::query(statement)
            .bind(rows)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// Forget the calls of messages that have finished and did not do so by their own turns: those that were cancelled.
/// At most of `most` messages; answers how many writes were forgotten. Walks the calls of messages in flight.
///
/// # Errors
/// Where the database does not answer.
pub async fn prune_calls(tx: &mut Tx, most: u32) -> Result<u64, StoreError> {
    const SQL: &str = "
        DELETE FROM key_value_calls WHERE (tenant_id, message_id) IN (
            SELECT DISTINCT c.tenant_id, c.message_id FROM key_value_calls c
            LEFT JOIN message_queue m ON m.tenant_id = c.tenant_id AND m.message_id = c.message_id
            WHERE m.message_id IS NULL LIMIT $1)";
    let pruned = on_tx!(tx, |conn| sqlx::query(SQL)
        .bind(i64::from(most))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    tx.tally(Tally::Pruned(Pruned::KeyValueCalls, pruned));
    Ok(pruned)
}

/// Turns of other conversations write the agent's scope too: what is read here is what is written over, and the keys
/// that are counted are all there are.
async fn of_the_agent_alone(tx: &mut Tx, lease: &Lease, owner: &KvOwner) -> Result<(), StoreError> {
    let (tenant, agent) = (lease.tenant_id.as_str(), lease.agent_key.as_str());
    tx.one_at_a_time(&["key-value", tenant, agent, owner.as_str()])
        .await
}

/// Keys that start with `prefix` and come after `after`, in byte order.
///
/// # Errors
/// Where the database does not answer.
pub async fn list(
    tx: &mut Tx,
    lease: &Lease,
    owner: &KvOwner,
    scope: KvScope,
    prefix: &str,
    after: &str,
    limit: u32,
) -> Result<KvPage, StoreError> {
    // Not LIKE: it would give meaning to `%` and `_` of a guest's prefix.
    const SQL: &str = "
        SELECT key FROM key_values
        WHERE tenant_id = $1 AND agent_key = $2 AND owner = $3 AND conversation_id = $4
          AND key >= $5 AND key > $6 AND substr(key, 1, length($5)) = $5
        ORDER BY key LIMIT $7";
    let mut keys: Vec<String> = on_tx!(tx, |conn| {
        sqlx::query_scalar(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .bind(owner.as_str())
            .bind(scoped(lease, scope))
            .bind(prefix)
            .bind(after)
            .bind(i64::from(limit) + 1)
            .fetch_all(conn)
            .await
    })?;
    let more = keys.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        keys.pop();
    }
    let cursor = if more { keys.last().cloned() } else { None };
    Ok(KvPage { keys, cursor })
}

/// Store what a turn wrote to its conversation's scope. The conversation is leased: nobody else writes it.
///
/// # Errors
/// Where the database does not answer.
pub async fn store_conversation(
    tx: &mut Tx,
    lease: &Lease,
    now: Timestamp,
    writes: &[KvWrite],
) -> Result<(), StoreError> {
    for write in writes {
        match &write.entry {
            None => remove(tx, lease, &write.owner, KvScope::Conversation, &write.key).await?,
            Some(entry) => {
                let version = i64::try_from(entry.version)
                    .unwrap_or(i64::MAX)
                    .max(now.as_millis());
                let row = Written {
                    key: &write.key,
                    value: &entry.value,
                    version,
                };
                put(tx, lease, &write.owner, KvScope::Conversation, now, &row).await?;
            }
        }
    }
    Ok(())
}

struct Written<'w> {
    key: &'w str,
    value: &'w [u8],
    version: i64,
}

async fn put(
    tx: &mut Tx,
    lease: &Lease,
    owner: &KvOwner,
    scope: KvScope,
    now: Timestamp,
    row: &Written<'_>,
) -> Result<(), StoreError> {
    const SQL: &str = "
        INSERT INTO key_values
            (tenant_id, agent_key, owner, conversation_id, key, value, version, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (tenant_id, agent_key, owner, conversation_id, key) DO UPDATE SET
            value = excluded.value, version = excluded.version, updated_at = excluded.updated_at";
    on_tx!(tx, |conn| {
        sqlx::query(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .bind(owner.as_str())
            .bind(scoped(lease, scope))
            .bind(row.key)
            .bind(row.value)
            .bind(row.version)
            .bind(now)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

async fn remove(
    tx: &mut Tx,
    lease: &Lease,
    owner: &KvOwner,
    scope: KvScope,
    key: &str,
) -> Result<(), StoreError> {
    const SQL: &str = "
        DELETE FROM key_values
        WHERE tenant_id = $1 AND agent_key = $2 AND owner = $3 AND conversation_id = $4 AND key = $5";
    on_tx!(tx, |conn| {
        sqlx::query(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .bind(owner.as_str())
            .bind(scoped(lease, scope))
            .bind(key)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

async fn count(
    tx: &mut Tx,
    lease: &Lease,
    owner: &KvOwner,
    scope: KvScope,
) -> Result<i64, StoreError> {
    const SQL: &str = "
        SELECT count(*) FROM key_values
        WHERE tenant_id = $1 AND agent_key = $2 AND owner = $3 AND conversation_id = $4";
    Ok(on_tx!(tx, |conn| {
        sqlx::query_scalar(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .bind(owner.as_str())
            .bind(scoped(lease, scope))
            .fetch_one(conn)
            .await
    })?)
}
