use super::{Policy, prompt, sql};
use crate::domain::{AgentKey, Digest, DocumentPath, Grants, Lease, SkillName, Timestamp, Tool};
use crate::store::{StoreError, Tx};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What of an agent stays the same from turn to turn, by the digest of its JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Whose.
    pub agent_key: AgentKey,
    /// The engine adapter's component.
    pub engine: Digest,
    /// Settings the engine may read.
    pub config: BTreeMap<String, String>,
    /// The time zone of the agent's dates.
    pub time_zone: String,
    /// The stable part of the prompt, in order.
    pub sections: Vec<SnapshotSection>,
    /// The latest dated notes, newest first; a turn shows those of its last days.
    pub notes: Vec<(DocumentPath, String)>,
    /// The enabled skills.
    pub skills: Vec<SnapshotSkill>,
}

/// One section of the prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotSection {
    /// A document's path, or a word.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Shown only in a private conversation (`MEMORY.md`).
    pub private: bool,
}

/// One skill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotSkill {
    /// Its name.
    pub name: SkillName,
    /// Its component; none for a skill of instructions only.
    pub component: Option<Digest>,
    /// What the component offers.
    pub tools: Vec<Tool>,
    /// What it may use.
    pub grants: Grants,
    /// Settings it may read.
    pub config: BTreeMap<String, String>,
}

/// The digest of the agent's current snapshot, built now where something has changed since the last one.
pub(super) async fn current(
    tx: &mut Tx,
    policy: &Policy,
    lease: &Lease,
    now: Timestamp,
) -> Result<Option<(Digest, Snapshot)>, StoreError> {
    let Some(profile) = sql::profile(tx, lease).await? else {
        return Ok(None);
    };
    if let Some(found) = pointed_at(tx, lease, &profile).await? {
        return Ok(Some(found));
    }
    sql::lock_agent(tx, lease).await?;
    let Some(profile) = sql::profile(tx, lease).await? else {
        return Ok(None);
    };
    // Another turn may have built it during the wait.
    if let Some(found) = pointed_at(tx, lease, &profile).await? {
        return Ok(Some(found));
    }
    let documents = sql::documents(tx, lease).await?;
    let skills = sql::skills(tx, lease).await?;
    let snapshot = Snapshot {
        agent_key: lease.agent_key.clone(),
        engine: profile.engine()?,
        config: profile.config()?,
        time_zone: profile.time_zone.clone(),
        sections: prompt::sections(policy, &documents, &skills),
        notes: prompt::notes(policy, documents),
        skills: skills.into_iter().map(|skill| skill.skill).collect(),
    };
    let body = serde_json::to_string(&snapshot).map_err(StoreError::corrupt("snapshot"))?;
    let digest = Digest::of(body.as_bytes());
    sql::snapshot_put(tx, lease, now, digest, &body).await?;
    Ok(Some((digest, snapshot)))
}

async fn pointed_at(
    tx: &mut Tx,
    lease: &Lease,
    profile: &sql::ProfileRow,
) -> Result<Option<(Digest, Snapshot)>, StoreError> {
    let Some(digest) = profile.snapshot()? else {
        return Ok(None);
    };
    let snapshot = stored(tx, lease, digest).await?;
    Ok(snapshot.map(|snapshot| (digest, snapshot)))
}

/// The snapshot of `digest`, if it is of the lease's agent.
///
/// # Errors
/// Where the database does not answer.
pub async fn stored(
    tx: &mut Tx,
    lease: &Lease,
    digest: Digest,
) -> Result<Option<Snapshot>, StoreError> {
    let Some(body) = sql::snapshot_body(tx, lease, digest).await? else {
        return Ok(None);
    };
    Ok(Some(
        serde_json::from_str(&body).map_err(StoreError::corrupt("snapshot"))?,
    ))
}
