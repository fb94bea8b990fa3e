//! Tenants: who everything else belongs to.

use crate::domain::{LimitSet, TenantId, Timestamp};
use crate::store::{StoreError, Tx, on_tx};

/// One customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub tenant_id: TenantId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Why it waits for a person, where it is paused.
    pub paused_reason: Option<String>,
    /// How many of its messages workers have at once, at most; none: as configured.
    pub max_in_flight: Option<i64>,
    /// What its components are capped at.
    pub limits: LimitSet,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: TenantId,
    created_at: Timestamp,
    paused_reason: Option<String>,
    max_in_flight: Option<i64>,
    limits: String,
}

impl Row {
    fn tenant(self) -> Result<Tenant, StoreError> {
        Ok(Tenant {
            tenant_id: self.tenant_id,
            created_at: self.created_at,
            paused_reason: self.paused_reason,
            max_in_flight: self.max_in_flight,
            limits: serde_json::from_str(&self.limits).map_err(StoreError::corrupt("limits"))?,
        })
    }
}

/// Make a tenant; answers it, and whether it was made now. One that is there is left as it is.
///
/// # Errors
/// Where the database does not answer.
pub async fn tenant_put(tx: &mut Tx, tenant_id: &TenantId) -> Result<(Tenant, bool), StoreError> {
    const PUT: &str = "
        INSERT INTO tenants (tenant_id, created_at) VALUES ($1, $2) ON CONFLICT (tenant_id) DO NOTHING";
    const GET: &str = "
        SELECT tenant_id, created_at, paused_reason, max_in_flight, limits FROM tenants WHERE tenant_id = $1";
    let now = tx.now().await?;
    let made = on_tx!(tx, |conn| sqlx::query(PUT)
        .bind(tenant_id)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() > 0))?;
    let tenant: Row = on_tx!(tx, |conn| sqlx::query_as(GET)
        .bind(tenant_id)
        .fetch_one(conn)
        .await)?;
    Ok((tenant.tenant()?, made))
}

/// Whether there is such a tenant.
///
/// # Errors
/// Where the database does not answer.
pub async fn tenant_exists(tx: &mut Tx, tenant_id: &TenantId) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM tenants WHERE tenant_id = $1)";
    Ok(on_tx!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(tenant_id)
        .fetch_one(conn)
        .await)?)
}

/// Tenants by their ids, at most `limit`, those after `after` where one is named.
///
/// # Errors
/// Where the database does not answer.
pub async fn tenants(
    tx: &mut Tx,
    after: Option<&TenantId>,
    limit: u32,
) -> Result<Vec<Tenant>, StoreError> {
    // No tenant's id is empty, and all come after that.
    const SQL: &str = "
        SELECT tenant_id, created_at, paused_reason, max_in_flight, limits FROM tenants
        WHERE tenant_id > $1 ORDER BY tenant_id LIMIT $2";
    let rows: Vec<Row> = on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(after.map_or("", TenantId::as_str))
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(Row::tenant).collect()
}

/// Cap what a tenant's components may take, all caps at once; answers whether there is such a tenant. A running turn goes on
/// as it began.
///
/// # Errors
/// Where the database does not answer.
pub async fn tenant_cap(
    tx: &mut Tx,
    tenant_id: &TenantId,
    limits: &LimitSet,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE tenants SET limits = $2 WHERE tenant_id = $1";
    let limits = serde_json::to_string(limits).map_err(StoreError::corrupt("limits"))?;
    Ok(on_tx!(tx, |conn| sqlx::query(SQL)
        .bind(tenant_id)
        .bind(limits)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() > 0))?)
}
