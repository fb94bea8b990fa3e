use super::{Policy, prompt, sql};
use crate::domain::{
    AgentKey, AgentModels, Digest, DocumentPath, Grants, Lease, LimitSet, SkillName, Tool,
};
use crate::store::{StoreError, Tx};
use crate::telemetry::{Pruned, Tally};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The form of what is below, and of the prompt. Another form makes new snapshots of unchanged agents.
const FORMAT: &str = "snapshot 2";

/// What of an agent stays the same from turn to turn, by the digest of its JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// The policy and the form it was made by.
    pub made_by: Digest,
    /// Whose.
    pub agent_key: AgentKey,
    /// The engine adapter's component.
    pub engine: Digest,
    /// Settings the engine may read.
    pub config: BTreeMap<String, String>,
    /// The models the engine may ask; their credentials are named, and come with each bundle.
    pub models: AgentModels,
    /// The time zone of the agent's dates.
    pub time_zone: String,
    /// The stable part of the prompt, in order.
    pub sections: Vec<SnapshotSection>,
    /// The latest dated notes, newest first; a turn shows those of its last days.
    pub notes: Vec<(DocumentPath, String)>,
    /// The enabled skills.
    pub skills: Vec<SnapshotSkill>,
    /// What the agent may take, as its tenant gave it.
    #[serde(default, skip_serializing_if = "LimitSet::is_empty")]
    pub limits: LimitSet,
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
    /// What a call of it asks for.
    #[serde(default, skip_serializing_if = "LimitSet::is_empty")]
    pub limits: LimitSet,
}

/// A snapshot that was built and is not stored yet.
#[derive(Clone, Debug)]
pub struct Built {
    digest: Digest,
    body: String,
    /// The agent's content as it was when the snapshot was built.
    content_version: i64,
}

impl Built {
    /// Store it, and make it the agent's current one unless the agent has changed since.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn store(&self, tx: &mut Tx, lease: &Lease) -> Result<(), StoreError> {
        let now = tx.now().await?;
        sql::snapshot_put(tx, lease, now, self.digest, &self.body).await?;
        sql::snapshot_point(tx, lease, self.digest, self.content_version).await?;
        sql::snapshots_supersede(tx, lease, now).await
    }
}

/// Forget snapshots that have not been any agent's current one for `superseded` or longer, at most `most`; answers how
/// many. A turn asks for the snapshot its bundle named while its lease lasts: `superseded` is no shorter than the longest
/// lease.
///
/// # Errors
/// Where the database does not answer.
pub async fn prune_snapshots(
    tx: &mut Tx,
    superseded: Duration,
    most: u32,
) -> Result<u64, StoreError> {
    let before = tx.now().await?.minus(superseded);
    let pruned = sql::snapshots_prune(tx, before, most).await?;
    tx.tally(Tally::Pruned(Pruned::Snapshots, pruned));
    Ok(pruned)
}

/// An agent as it is.
pub(super) struct Current {
    pub(super) digest: Digest,
    pub(super) snapshot: Snapshot,
    /// Where the snapshot was not stored before.
    pub(super) built: Option<Built>,
    /// What its tenant is capped at.
    pub(super) tenant_limits: LimitSet,
}

/// The agent's current snapshot, built now where something has changed since the last one: its documents, its skills,
/// the policy, or the form of snapshots.
pub(super) async fn current(
    tx: &mut Tx,
    policy: &Policy,
    lease: &Lease,
) -> Result<Option<Current>, StoreError> {
    let Some(profile) = sql::profile(tx, lease).await? else {
        return Ok(None);
    };
    let made_by = made_by(policy);
    let tenant_limits = profile.tenant_limits()?;
    if let Some(digest) = profile.snapshot()?
        && let Some(snapshot) = stored(tx, lease, digest).await?
        && snapshot.made_by == made_by
    {
        return Ok(Some(Current {
            digest,
            snapshot,
            built: None,
            tenant_limits,
        }));
    }
    let documents = sql::documents(tx, lease).await?;
    let skills = sql::skills(tx, lease).await?;
    let snapshot = Snapshot {
        made_by,
        agent_key: lease.agent_key.clone(),
        engine: profile.engine()?,
        config: profile.config()?,
        models: profile.models()?,
        limits: profile.limits()?,
        time_zone: profile.time_zone.clone(),
        sections: prompt::sections(policy, &documents, &skills),
        notes: prompt::notes(policy, documents),
        skills: skills.into_iter().map(|skill| skill.skill).collect(),
    };
    let body = serde_json::to_string(&snapshot).map_err(StoreError::corrupt("snapshot"))?;
    let digest = Digest::of(body.as_bytes());
    let built = Built {
        digest,
        body,
        content_version: profile.content_version,
    };
    Ok(Some(Current {
        digest,
        snapshot,
        built: Some(built),
        tenant_limits,
    }))
}

/// Changes with whatever shapes a snapshot beside the agent itself.
fn made_by(policy: &Policy) -> Digest {
    // Limits are worked out with each bundle.
    let shaping = Policy {
        default_limits: LimitSet::default(),
        ..policy.clone()
    };
    Digest::of_texts([FORMAT, &format!("{shaping:?}")])
}

/// The snapshot of `digest`, if it is of the lease's agent. One that another version of this program made, and that
/// cannot be read any more, is none.
///
/// # Errors
/// Where the database does not answer.
pub async fn stored(
    tx: &mut Tx,
    lease: &Lease,
    digest: Digest,
) -> Result<Option<Snapshot>, StoreError> {
    let body = sql::snapshot_body(tx, lease, digest).await?;
    Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
}
