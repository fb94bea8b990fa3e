//! Tool calls as a turn makes them: through the host, every check and limit in place.

use super::jobs::{Job, Resident, signer};
use super::{Case, Measured, THREADS};
use agent_factory::config::{self, Limits};
use agent_factory::domain::{
    Content, Digest, HistoryMessage, LimitSet, MessageId, Role, ToolRequest, TurnMode,
};
use agent_factory::egress::{Egress, Lookup, SystemLookup};
use agent_factory::engine::{
    ComponentHost, Grants, Lookups, NoLookups, SkillComponent, ToolSession, TurnInput, TurnSkill,
};
use anyhow::{Context as _, bail};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Skills of one turn.
const SKILLS: usize = 16;
/// Before those that are measured, as a share of them.
const WARM_UP: u32 = 10;

/// What stands ready.
struct Ready {
    host: ComponentHost,
    skills: Vec<(SkillComponent, Resident)>,
    job: Job,
    limits: Limits,
    lookups: Arc<dyn Lookups>,
}

/// Blocks.
pub(super) fn measure(job: &Job, components: &[Resident], case: Case) -> anyhow::Result<Measured> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()?;
    let ready = Arc::new(runtime.block_on(ready(job, components))?);
    // On a thread of the runtime, as a worker's turns are.
    let one = runtime.spawn(one_after_another(Arc::clone(&ready), case.calls, 0));
    let latency = runtime.block_on(one)??;
    let begun = Instant::now();
    let callers: Vec<_> = (0..case.callers)
        .map(|caller| {
            // Each begins elsewhere among the components.
            let offset = caller as usize * ready.skills.len() / case.callers as usize;
            let share = case.calls / case.callers;
            runtime.spawn(one_after_another(Arc::clone(&ready), share, offset))
        })
        .collect();
    let mut samples = Vec::new();
    let mut calls = 0.0;
    for caller in callers {
        samples.extend(runtime.block_on(caller)??);
        calls += f64::from(case.calls / case.callers + case.calls / case.callers / WARM_UP);
    }
    let rate = calls / begun.elapsed().as_secs_f64();
    Ok(Measured::new(
        job,
        "agent-factory",
        case,
        latency,
        (rate, samples),
    ))
}

async fn ready(job: &Job, components: &[Resident]) -> anyhow::Result<Ready> {
    let limits = Limits {
        component_cache_bytes: 1 << 40,
        ..Limits::default()
    };
    let host = host(limits.clone())?;
    let mut skills = Vec::new();
    for component in components {
        let loaded = host.load_skill(&component.artifact).await?;
        skills.push((loaded, component.clone()));
    }
    Ok(Ready {
        host,
        skills,
        job: job.clone(),
        limits,
        lookups: Arc::new(NoLookups),
    })
}

/// A host that trusts what is measured.
pub(super) fn host(limits: Limits) -> anyhow::Result<ComponentHost> {
    let lookup: Arc<dyn Lookup> = Arc::new(SystemLookup);
    let egress = Egress::new(config::Egress::default(), &lookup)?;
    Ok(ComponentHost::new(limits, signer().verifier(), egress)?)
}

/// The time of each call, microseconds. What a turn is begun with is not in it.
async fn one_after_another(
    ready: Arc<Ready>,
    calls: u32,
    offset: usize,
) -> anyhow::Result<Vec<f64>> {
    let mut samples = Vec::with_capacity(calls as usize);
    let rounds = ready.limits.tool_rounds as usize;
    let warm_up = calls / WARM_UP;
    let mut turn: Option<ToolSession> = None;
    for call in 0..(warm_up + calls) as usize {
        let round = call % rounds;
        if round == 0 {
            turn = Some(ready.turn(offset + call)?);
        }
        let turn = turn.as_ref().context("a turn")?;
        let skill = round % ready.skills.len().min(SKILLS);
        let request = ToolRequest {
            id: "call-1".to_owned(),
            name: format!("s{skill}__{}", ready.job.tool),
            arguments: ready.job.arguments.clone(),
        };
        let begun = Instant::now();
        let results = turn.call(vec![request]).await?;
        let took = begun.elapsed();
        let outcome = results.into_iter().next().context("a result")?.outcome?;
        let right = outcome.content.iter().any(
            |content| matches!(content, Content::Text(text) if text.contains(ready.job.answer)),
        );
        if !right {
            bail!("{}: another answer: {:?}", ready.job.name, outcome.content);
        }
        if call >= warm_up as usize {
            samples.push(took.as_secs_f64() * 1e6);
        }
    }
    Ok(samples)
}

impl Ready {
    /// A turn whose skills begin with this one.
    fn turn(&self, from: usize) -> anyhow::Result<ToolSession> {
        let number = self.skills.len().min(SKILLS);
        let skills = (0..number)
            .map(|place| {
                let (component, resident) = &self.skills[(from + place) % self.skills.len()];
                Ok(TurnSkill {
                    name: format!("s{place}").parse().map_err(anyhow::Error::msg)?,
                    component: component.clone(),
                    tools: resident.tools.clone(),
                    grants: Grants::none(),
                    withheld: false,
                    secrets: BTreeMap::new(),
                    config: BTreeMap::new(),
                    limits: LimitSet::default(),
                })
            })
            .collect::<anyhow::Result<_>>()?;
        let turn_id: MessageId = "msg_1".parse()?;
        Ok(self.host.tool_session(TurnInput {
            turn_id,
            share: Digest::of(b"bench"),
            sources: None,
            limits: LimitSet::default(),
            attempt: 1,
            mode: TurnMode::Main,
            prompt: Vec::new(),
            history: Vec::new(),
            input: HistoryMessage {
                role: Role::User,
                parts: Vec::new(),
                at: None,
            },
            skills,
            models: Vec::new(),
            config: BTreeMap::new(),
            memory_note: "memory/2026-11-22.md".parse()?,
            lookups: Arc::clone(&self.lookups),
            cancel: CancellationToken::new(),
        }))
    }
}
