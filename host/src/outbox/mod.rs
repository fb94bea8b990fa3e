//! Replies on their way out.
use crate::clock::Ids;
use crate::control::LaneLease;
use crate::domain::*;
use crate::queue::{LeaseError, Retry, RetryPolicy};
use crate::store::{StoreError, Tx};
use std::time::Duration;
#[derive(Clone, Debug)]
pub struct Policy { pub lease: Duration, pub max_attempts: u32, pub retry: RetryPolicy, pub promote_batch: u32, pub sweep_batch: u32 }
#[derive(Clone, Debug)]
pub struct OutboxItem { pub channel: Channel, pub body: String }
#[derive(Clone, Debug)]
pub struct OutboxClaim { pub worker_id: WorkerId, pub pool: Pool, pub max_lanes: u32, pub rows_per_lane: u32 }
#[derive(Clone, Debug)]
pub struct OutboxRow { pub outbox_id: OutboxId, pub channel: Channel, pub body: String, pub attempt: u32 }
#[derive(Clone, Debug)]
pub struct LaneClaim { pub lease: LaneLease, pub lease_for: Duration, pub rows: Vec<OutboxRow> }
pub async fn insert(_: &mut Tx, _: &Ids, _: &Lease, _: Vec<OutboxItem>) -> Result<(), StoreError> { Err(StoreError::Closed) }
pub async fn claim(_: &mut Tx, _: &Policy, _: &Ids, _: &OutboxClaim) -> Result<Vec<LaneClaim>, StoreError> { Ok(vec![]) }
pub async fn delivered(_: &mut Tx, _: &LaneLease, _: &OutboxId, _: Option<&str>) -> Result<(), LeaseError> { Ok(()) }
pub async fn extend(_: &mut Tx, _: &Policy, _: &LaneLease) -> Result<(), LeaseError> { Ok(()) }
pub async fn failed(_: &mut Tx, _: &Policy, _: &Ids, _: &LaneLease, _: &OutboxId, _: &str, _: Retry) -> Result<bool, LeaseError> { Ok(true) }
pub async fn release(_: &mut Tx, _: &LaneLease) -> Result<(), LeaseError> { Ok(()) }
pub async fn replies_of(_: &mut Tx, _: &TenantId, _: &MessageId) -> Result<Vec<OutboxRow>, StoreError> { Ok(vec![]) }
