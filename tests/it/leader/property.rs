//! Whatever candidates do in whatever order: one leads, and fences only grow.

use super::{LEASE, can_write, candidate};
use agent_factory::leader::{LeaderLease, Leadership, Standing};
use agent_factory_tests::database::TestDatabase;
use agent_factory_tests::store_cases;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

#[derive(Clone, Copy, Debug)]
enum Step {
    Tick(usize),
    Release(usize),
    /// The process ends without a word, and another begins.
    Restart(usize),
    /// Thirds of a lease.
    Pass(u32),
}

const CANDIDATES: usize = 3;
const RUNS: u32 = 12;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || 0..CANDIDATES;
    let step = prop_oneof![
        4 => who().prop_map(Step::Tick),
        1 => who().prop_map(Step::Release),
        1 => who().prop_map(Step::Restart),
        2 => (1_u32..=4).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..40)
}

async fn hold(test: &TestDatabase, steps: &[Step]) {
    let mut candidates: Vec<Leadership> = (0..CANDIDATES)
        .map(|_| candidate(test.db.clone(), &test.ids))
        .collect();
    let mut granted: Vec<LeaderLease> = Vec::new();
    for step in steps {
        match *step {
            Step::Tick(who) => {
                if let Standing::Leading(lease) = candidates[who].tick().await.unwrap()
                    && !granted.contains(&lease)
                {
                    let higher = granted.iter().all(|earlier| earlier.fence < lease.fence);
                    assert!(higher, "{steps:?}: {lease:?} after {granted:?}");
                    granted.push(lease);
                }
            }
            Step::Release(who) => candidates[who].release().await.unwrap(),
            Step::Restart(who) => candidates[who] = candidate(test.db.clone(), &test.ids),
            Step::Pass(thirds) => test.advance(LEASE / 3 * thirds).await,
        }
        let mut able = 0;
        for lease in &granted {
            able += u32::from(can_write(&test.db, lease).await);
        }
        assert!(able <= 1, "{steps:?}: {able} of {granted:?} can write");
        if let Some((last, former)) = granted.split_last() {
            for lease in former {
                assert!(
                    !can_write(&test.db, lease).await,
                    "{steps:?}: {lease:?} before {last:?}"
                );
            }
        }
    }
    // Whatever happened: once all leases have ended, whoever asks first leads.
    test.advance(LEASE).await;
    let standing = candidates[0].tick().await.unwrap();
    assert!(matches!(standing, Standing::Leading(_)), "{steps:?}");
    candidates[0].release().await.unwrap();
}

store_cases! {
    async fn at_any_moment_at_most_the_last_lease_can_write(test) {
        let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(Config::default(), seed);
        for _ in 0..RUNS {
            let steps = steps().new_tree(&mut runner).unwrap().current();
            hold(&test, &steps).await;
        }
    }
}
