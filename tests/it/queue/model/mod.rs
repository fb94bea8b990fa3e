//! Random sequences of operations against a small model of the queue: what is claimed, refused and left must be what
//! the model says, whatever came before. A sequence that fails is made as short as it can be and still fail.
//!
//! The sequences are the same in every run. `PROPTEST_CASES=1000 cargo test --workspace --test it queue::model` makes more of them.

mod claiming;
mod people;
mod playing;
mod state;
mod step;

use agent_factory_tests::database::{EPOCH, TestDatabase};
use playing::Model;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::cell::RefCell;
use std::ops::AddAssign;

const SEQUENCES: u32 = 24;

/// What came of sequences: a model that never meets a case says nothing of it.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    leases: usize,
    crashed: usize,
    dead: usize,
    cancelled: usize,
    /// Cancelled while a worker had them.
    asked: usize,
    replayed: usize,
    drained: usize,
    /// Claims that a tenant's bound cut short.
    bounded: usize,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, more: Self) {
        self.leases += more.leases;
        self.crashed += more.crashed;
        self.dead += more.dead;
        self.cancelled += more.cancelled;
        self.asked += more.asked;
        self.replayed += more.replayed;
        self.drained += more.drained;
        self.bounded += more.bounded;
    }
}

impl Seen {
    fn all_cases(&self) -> bool {
        let many = [self.leases, self.crashed, self.cancelled];
        let few = [self.dead, self.asked, self.drained, self.bounded];
        many.iter().all(|count| *count > 20)
            && few.iter().all(|count| *count > 5)
            && self.replayed > 2
    }
}

fn config() -> Config {
    let config = Config {
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return config;
    }
    Config {
        cases: SEQUENCES,
        ..config
    }
}

/// Each sequence has a database of its own, so that it fails alone as it fails among others.
fn the_queue_does_what_the_model_says(database: impl AsyncFn() -> Option<TestDatabase>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let seen = RefCell::new(Seen::default());
    let mut runner =
        TestRunner::new_with_rng(config(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let ran = runner.run(&step::steps(), |steps| {
        runtime.block_on(async {
            let Some(database) = database().await else {
                return;
            };
            let mut model = Model::new(database, EPOCH).await;
            for step in &steps {
                model.run(step).await;
            }
            model.drain().await;
            *seen.borrow_mut() += model.seen();
        });
        Ok(())
    });
    ran.unwrap_or_else(|failed| panic!("{failed}"));
    let seen = seen.into_inner();
    assert!(seen.leases == 0 || seen.all_cases(), "{seen:?}");
}

#[test]
fn whatever_happens_on_sqlite_the_queue_does_what_the_model_says() {
    the_queue_does_what_the_model_says(async || Some(TestDatabase::sqlite().await));
}

#[test]
fn whatever_happens_on_postgresql_the_queue_does_what_the_model_says() {
    the_queue_does_what_the_model_says(TestDatabase::postgres);
}
