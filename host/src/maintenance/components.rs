//! Compiling what agents have for the platform of the leading process, ahead of use.
//!
//! A new version of wasmtime, or of what is signed, makes code of its own necessary for every component. A turn never compiles:
//! it would wait until somebody brings its components again. So the leading process compiles them, one at a time and those that
//! were used last first, while workers of before go on with what they have.

use crate::artifacts::{self, Admission, Missing, RebuildError};
use crate::domain::Digest;
use crate::engine::CompileError;
use crate::leader::{Again, Fenced, LeaderError, SingletonLoop};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Components that are looked up at once, in the order they are compiled in.
const PLANNED: u32 = 1_000;

/// When what is compiled, and cleared away.
#[derive(Clone, Copy, Debug)]
pub struct ComponentPolicy {
    /// Between two looks, where nothing is missing.
    pub every: Duration,
    /// A component that did not compile is tried again after so long.
    pub again_after: Duration,
    /// What was compiled for a platform that no control plane has led with for so long is cleared away.
    pub unused: Duration,
    /// An artifact that nobody has referred to for so long is cleared away.
    pub unreferenced: Duration,
    /// Artifacts that one step looks at, to find those.
    pub batch: u32,
}

/// What one step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A component is compiled.
    Compiled(Digest),
    /// A component was compiled meanwhile: it was uploaded again.
    Known(Digest),
    /// A component does not compile; why.
    Failed(Digest, String),
    /// The compiler itself could not be run; why. Nothing is noted of the component.
    NoCompiler(String),
    /// All is compiled, and some was cleared away.
    Idle {
        /// Of what was compiled for platforms of before.
        superseded: u64,
        /// Of the artifacts that nobody refers to.
        unreferenced: u64,
    },
}

/// The loop.
#[derive(Debug)]
pub struct Components {
    admission: Arc<Admission>,
    policy: ComponentPolicy,
    plan: Mutex<VecDeque<Missing>>,
    /// Behind which artifact the next look for unreferenced ones begins.
    looked_at: Mutex<Option<Digest>>,
}

impl Components {
    /// By this policy.
    #[must_use]
    pub const fn new(admission: Arc<Admission>, policy: ComponentPolicy) -> Self {
        Self {
            admission,
            policy,
            plan: Mutex::new(VecDeque::new()),
            looked_at: Mutex::new(None),
        }
    }

    /// Compile the next component; where all are, clear away code of before.
    ///
    /// # Errors
    /// [`LeaderError::Lost`] where this process does not lead any more.
    pub async fn step(&self, fenced: &Fenced) -> Result<Step, LeaderError> {
        let Some(next) = self.next(fenced).await? else {
            return self.clear(fenced).await;
        };
        let (digest, platform) = (next.digest, self.admission.platform().clone());
        let begun = Instant::now();
        let built = self.admission.rebuild(&next).await;
        let took = begun.elapsed();
        let reason = match built {
            Ok(None) => return Ok(Step::Known(digest)),
            Ok(Some(row)) => {
                fenced
                    .write(move |tx| {
                        Box::pin(async move {
                            artifacts::compiled_now(tx, digest, &platform, &row).await
                        })
                    })
                    .await?;
                fenced.metrics().component("compiled", took);
                tracing::info!(component = %digest, kind = %next.kind, ms = took.as_millis(), "a component is compiled again");
                return Ok(Step::Compiled(digest));
            }
            Err(RebuildError::Store(error)) => return Err(error.into()),
            Err(RebuildError::Compile(CompileError::Unavailable(why))) => {
                tracing::warn!(
                    why,
                    "the compiler cannot be run; components wait to be compiled"
                );
                return Ok(Step::NoCompiler(why));
            }
            // Nobody wants it any more.
            Err(RebuildError::Gone) => {
                return Ok(Step::Failed(digest, RebuildError::Gone.to_string()));
            }
            Err(error) => error.to_string(),
        };
        let noted = reason.clone();
        fenced
            .write(move |tx| {
                Box::pin(async move { artifacts::failed(tx, digest, &platform, &noted).await })
            })
            .await?;
        fenced.metrics().component("failed", took);
        tracing::warn!(component = %digest, kind = %next.kind, reason, "a component does not compile any more; its agents wait");
        Ok(Step::Failed(digest, reason))
    }

    /// The next of the plan, which is made anew where it is empty.
    async fn next(&self, fenced: &Fenced) -> Result<Option<Missing>, LeaderError> {
        let planned = locked(&self.plan).pop_front();
        if let Some(next) = planned {
            return Ok(Some(next));
        }
        let platform = self.admission.platform().clone();
        let again_after = self.policy.again_after;
        let mut missing: VecDeque<Missing> = fenced
            .write(move |tx| {
                Box::pin(async move {
                    artifacts::use_platform(tx, &platform).await?;
                    artifacts::missing(tx, &platform, again_after, PLANNED).await
                })
            })
            .await?
            .into();
        if !missing.is_empty() {
            tracing::info!(
                components = missing.len(),
                "components wait to be compiled for this version"
            );
        }
        let next = missing.pop_front();
        *locked(&self.plan) = missing;
        Ok(next)
    }

    async fn clear(&self, fenced: &Fenced) -> Result<Step, LeaderError> {
        let (platform, unused) = (self.admission.platform().clone(), self.policy.unused);
        let superseded = fenced
            .write(move |tx| {
                Box::pin(async move { artifacts::prune_superseded(tx, &platform, unused).await })
            })
            .await?;
        let (after, batch) = (*locked(&self.looked_at), self.policy.batch);
        let unreferenced = self.policy.unreferenced;
        let swept = fenced
            .write(move |tx| {
                Box::pin(async move { artifacts::prune(tx, after, unreferenced, batch).await })
            })
            .await?;
        *locked(&self.looked_at) = swept.next;
        Ok(Step::Idle {
            superseded,
            unreferenced: swept.removed,
        })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every critical section leaves its value whole, so a poisoned lock is still good.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl SingletonLoop for Components {
    fn name(&self) -> &'static str {
        "components"
    }

    fn every(&self) -> Duration {
        self.policy.every
    }

    async fn tick(&self, fenced: &Fenced) -> Result<Again, LeaderError> {
        Ok(match self.step(fenced).await? {
            Step::Compiled(_) | Step::Known(_) | Step::Failed(..) => Again::AtOnce,
            Step::Idle {
                superseded: 0,
                unreferenced: 0,
            }
            | Step::NoCompiler(_) => Again::Later,
            Step::Idle { .. } => Again::AtOnce,
        })
    }
}
