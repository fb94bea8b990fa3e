//! What agents have is compiled for a new version ahead of use, and what nobody needs is cleared away.
//!
//! Another version is pretended by what is stored: artifacts that were admitted by this one are given another's name.

use super::{LEASE, candidate, fenced, leads};
use agent_factory::artifacts::{self, Admission, Progress};
use agent_factory::config::Limits;
use agent_factory::domain::Digest;
use agent_factory::engine::{ArtifactSigner, Compiler, ComponentHost, ComponentKind, Platform};
use agent_factory::leader::{Again, Fenced, LeaderError, SingletonLoop as _};
use agent_factory::maintenance::{ComponentPolicy, Components, Step};
use agent_factory::store::StoreError;
use agent_factory_tests::built;
use agent_factory_tests::database::TestDatabase;
use agent_factory_tests::store_cases;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

const MOMENT: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

const POLICY: ComponentPolicy = ComponentPolicy {
    every: Duration::from_secs(10),
    again_after: HOUR,
    unused: DAY,
    unreferenced: DAY,
    batch: 100,
};

fn signer() -> ArtifactSigner {
    ArtifactSigner::from_seed([9; 32])
}

/// What this version compiles for.
fn platform() -> Platform {
    static PLATFORM: OnceLock<Platform> = OnceLock::new();
    let platform = PLATFORM.get_or_init(|| {
        let egress = crate::engine::fixture::egress();
        let host = ComponentHost::new(Limits::default(), signer().verifier(), egress);
        host.expect("a host").platform()
    });
    platform.clone()
}

fn admission_with(test: &TestDatabase, program: PathBuf) -> Arc<Admission> {
    let limits = Limits::default();
    let compiler = Compiler { program, limits };
    Arc::new(Admission::new(
        test.db.clone(),
        compiler,
        signer(),
        platform(),
    ))
}

fn admission(test: &TestDatabase) -> Arc<Admission> {
    admission_with(test, built::program())
}

fn components(admission: &Arc<Admission>) -> Components {
    Components::new(Arc::clone(admission), POLICY)
}

/// Two agents, each with a skill, their engines of no use; what was admitted is another version's.
async fn upgraded(test: &TestDatabase) -> (Arc<Admission>, Digest, Digest) {
    let admission = admission(test);
    let mut digests = Vec::new();
    for (agent, guest) in [("older", "dice"), ("newer", "calculator")] {
        test.agent("acme", agent).await;
        let admitted = admission.admit(ComponentKind::Skill, built::guest_bytes(guest));
        digests.push(admitted.await.expect("a skill").digest);
    }
    for (digest, agent) in digests.iter().zip(["older", "newer"]) {
        give_skill(test, *digest, agent).await;
    }
    test.execute(
        "INSERT INTO conversations (tenant_id, conversation_id, agent_key, pool, next_seq, last_available_at, created_at)
        VALUES ('acme', 'one', 'older', 'default', 1, 100, 0), ('acme', 'two', 'newer', 'default', 1, 200, 0)",
    )
    .await;
    test.execute("UPDATE compiled_components SET compatibility = 'the version before'")
        .await;
    test.execute("UPDATE component_platforms SET compatibility = 'the version before'")
        .await;
    (admission, digests[0], digests[1])
}

async fn give_skill(test: &TestDatabase, digest: Digest, agent: &'static str) {
    const SQL: &str = "
        INSERT INTO agent_skills (tenant_id, agent_key, skill_key, description, manifest_md, component_digest, tools,
            grants, config, enabled, updated_at)
        SELECT 'acme', $2, 'skill', 'd', 'm', digest, tools, '{}', '{}', 1, 0
        FROM compiled_components WHERE digest = $1";
    let given: Result<(), StoreError> = test
        .db
        .write(move |tx| {
            Box::pin(async move {
                agent_factory_tests::on_either!(tx, |conn| sqlx::query(SQL)
                    .bind(digest.to_string())
                    .bind(agent)
                    .execute(conn)
                    .await
                    .map(drop))?;
                Ok(())
            })
        })
        .await;
    given.expect("a skill");
}

async fn progress(test: &TestDatabase) -> Progress {
    let read: Result<_, StoreError> = test
        .db
        .read(|tx| Box::pin(async move { artifacts::progress(tx, &platform()).await }))
        .await;
    read.expect("the progress")
}

/// Steps until there is nothing to do.
async fn steps(components: &Components, lead: &Fenced) -> Vec<Step> {
    let mut steps = Vec::new();
    loop {
        match components.step(lead).await.expect("a step") {
            Step::Idle { .. } => return steps,
            step => steps.push(step),
        }
    }
}

const NOTHING: Step = Step::Idle {
    superseded: 0,
    unreferenced: 0,
};

store_cases! {
    async fn what_agents_have_is_compiled_for_a_new_version_and_what_was_used_last_comes_first(test) {
        let (admission, older, newer) = upgraded(&test).await;
        let before = progress(&test).await;
        assert_eq!((before.total, before.compiled, before.failed, before.remaining()), (3, 0, 0, 3));
        let lead = fenced(&test).await;
        let steps = steps(&components(&admission), &lead).await;
        // The engine that nobody can run is both agents', so it is as urgent as the newer one's skill.
        let compiled: Vec<_> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Compiled(digest) => Some(*digest),
                _ => None,
            })
            .collect();
        assert_eq!(compiled, [newer, older]);
        assert!(matches!(&steps[..], [.., Step::Compiled(last)] if *last == older), "{steps:?}");
        // What was made is what this version loads.
        let row: Result<_, StoreError> = test
            .db
            .read(move |tx| Box::pin(async move { artifacts::compiled(tx, newer, &platform()).await }))
            .await;
        let artifact = row.expect("a row").expect("code").artifact(newer, &platform());
        let host = ComponentHost::new(Limits::default(), signer().verifier(), crate::engine::fixture::egress());
        let artifact = Arc::new(artifact.expect("an artifact"));
        host.expect("a host").load_skill(&artifact).await.expect("a skill that runs");
    }

    async fn what_does_not_compile_is_named_and_stops_nobody(test) {
        let (admission, ..) = upgraded(&test).await;
        let lead = fenced(&test).await;
        let components = components(&admission);
        let steps = steps(&components, &lead).await;
        assert_eq!(steps.len(), 3, "{steps:?}");
        let after = progress(&test).await;
        assert_eq!((after.total, after.compiled, after.failed, after.remaining()), (3, 2, 1, 0));
        let [failure] = &after.failures[..] else {
            panic!("{:?}", after.failures)
        };
        assert!(failure.reason.starts_with("this is a text (\"an engine nobody runs\")"), "{}", failure.reason);
        assert_eq!(failure.attempts, 1);
        let agents: Vec<_> = failure.used_by.iter().map(|used| used.agent_key.as_str()).collect();
        assert_eq!(agents, ["newer", "older"]);
        // It is left alone until its time has come, and tried again then.
        test.advance(HOUR - MOMENT).await;
        let lead = fenced(&test).await;
        assert_eq!(components.step(&lead).await.expect("a step"), NOTHING);
        test.advance(MOMENT).await;
        let again = components.step(&lead).await.expect("a step");
        assert!(matches!(again, Step::Failed(..)), "{again:?}");
        assert_eq!(progress(&test).await.failures[0].attempts, 2);
    }

    async fn a_component_whose_stored_bytes_were_changed_is_not_compiled_and_one_that_lists_other_tools_neither(test) {
        let (admission, older, newer) = upgraded(&test).await;
        test.execute("UPDATE artifacts SET bytes = (SELECT bytes FROM artifacts WHERE size_bytes =
                (SELECT min(size_bytes) FROM artifacts WHERE size_bytes > 1000))
            WHERE size_bytes = (SELECT max(size_bytes) FROM artifacts)").await;
        test.execute("UPDATE compiled_components SET tools = '[]'").await;
        let lead = fenced(&test).await;
        let steps = steps(&components(&admission), &lead).await;
        let reason = |digest: Digest| steps.iter().find_map(|step| match step {
            Step::Failed(failed, reason) if *failed == digest => Some(reason.clone()),
            _ => None,
        });
        let mut reasons = [reason(older), reason(newer)].map(Option::unwrap_or_default);
        reasons.sort();
        assert!(reasons[0].contains("lists other tools"), "{reasons:?}");
        assert!(reasons[1].contains("not those that were uploaded"), "{reasons:?}");
    }

    async fn code_of_the_version_before_is_kept_for_its_workers_and_cleared_away_in_the_end(test) {
        let (admission, ..) = upgraded(&test).await;
        let components = components(&admission);
        let lead = fenced(&test).await;
        steps(&components, &lead).await;
        let old = "SELECT count(*) FROM compiled_components WHERE compatibility = 'the version before'";
        let new = "SELECT count(*) FROM compiled_components WHERE compatibility <> 'the version before'";
        test.advance(DAY - MOMENT).await;
        // The engine that does not compile is tried again, and in vain.
        let lead = fenced(&test).await;
        steps(&components, &lead).await;
        assert_eq!((test.number(old).await, test.number(new).await), (2, 2));
        test.advance(MOMENT).await;
        let step = components.step(&lead).await.expect("a step");
        assert_eq!(step, Step::Idle { superseded: 2, unreferenced: 0 });
        assert_eq!((test.number(old).await, test.number(new).await), (0, 2));
        assert_eq!(test.number("SELECT count(*) FROM component_platforms").await, 1);
        test.advance(DAY * 10).await;
        steps(&components, &fenced(&test).await).await;
        assert_eq!(test.number(new).await, 2, "this version's stays");
    }

    async fn a_version_that_still_leads_keeps_its_code(test) {
        let (admission, ..) = upgraded(&test).await;
        let components = components(&admission);
        steps(&components, &fenced(&test).await).await;
        test.advance(DAY).await;
        // A control plane of before led once more.
        let older = Platform {
            compatibility: "the version before".to_owned(),
            ..platform()
        };
        let used: Result<(), StoreError> = test.db.write(move |tx| {
            Box::pin(async move { artifacts::use_platform(tx, &older).await })
        }).await;
        used.expect("a platform");
        steps(&components, &fenced(&test).await).await;
        let old = "SELECT count(*) FROM compiled_components WHERE compatibility = 'the version before'";
        assert_eq!(test.number(old).await, 2);
    }

    async fn an_artifact_that_nobody_refers_to_is_cleared_away_after_its_time_and_no_other(test) {
        let admission = admission(&test);
        test.agent("acme", "support").await;
        let bytes = || built::guest_bytes("dice");
        admission.admit(ComponentKind::Skill, bytes()).await.expect("a skill");
        let count = "SELECT count(*) FROM artifacts";
        assert_eq!(test.number(count).await, 2);
        let components = components(&admission);
        test.advance(DAY - MOMENT).await;
        // It is brought again in time, and about to be referred to.
        let again = admission.admit(ComponentKind::Skill, bytes()).await.expect("a skill");
        assert!(!again.compiled_now);
        test.advance(MOMENT).await;
        steps(&components, &fenced(&test).await).await;
        assert_eq!(test.number(count).await, 2);
        test.advance(DAY - MOMENT).await;
        let lead = fenced(&test).await;
        // The agent's engine is tried again, and then there is time to clear away.
        while components.step(&lead).await.expect("a step") != (Step::Idle { superseded: 0, unreferenced: 1 }) {}
        assert_eq!(test.number(count).await, 1);
        assert_eq!(test.number("SELECT count(*) FROM compiled_components").await, 0);
        assert_eq!(test.number("SELECT count(*) FROM agent_profiles p JOIN artifacts a ON a.digest = p.engine_digest").await, 1);
    }

    async fn code_that_nobody_wrote_down_for_whom_it_is_counts_as_used_when_it_is_first_seen(test) {
        let (admission, ..) = upgraded(&test).await;
        test.execute("DELETE FROM component_platforms").await;
        let components = components(&admission);
        steps(&components, &fenced(&test).await).await;
        assert_eq!(test.number("SELECT count(*) FROM component_platforms").await, 2);
        let old = "SELECT count(*) FROM compiled_components WHERE compatibility = 'the version before'";
        test.advance(DAY - MOMENT).await;
        steps(&components, &fenced(&test).await).await;
        assert_eq!(test.number(old).await, 2);
    }

    async fn a_leader_that_lost_the_lead_stores_no_code(test) {
        let (admission, ..) = upgraded(&test).await;
        let mut paused = candidate(test.db.clone(), &test.ids);
        let lead = Fenced::new(test.db.clone(), leads(&mut paused).await);
        test.advance(LEASE).await;
        let lost = components(&admission).step(&lead).await;
        assert!(matches!(lost, Err(LeaderError::Lost)), "{lost:?}");
        assert_eq!(progress(&test).await.compiled, 0);
    }

    async fn a_compiler_that_cannot_be_run_is_no_fault_of_the_components(test) {
        let (..) = upgraded(&test).await;
        let none = admission_with(&test, "/nonexistent/agent-factory".into());
        let lead = fenced(&test).await;
        let components = components(&none);
        assert_eq!(components.tick(&lead).await.expect("a tick"), Again::Later);
        assert!(matches!(components.step(&lead).await, Ok(Step::NoCompiler(_))));
        assert_eq!(progress(&test).await.failed, 0);
    }
}
