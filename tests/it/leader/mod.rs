//! Who leads the singleton loops, and what maintenance does.

mod compiling;
mod leading;
mod maintaining;
mod property;

use agent_factory::clock::Ids;
use agent_factory::leader::{Fenced, LeaderError, LeaderLease, Leadership, Standing};
use agent_factory::store::Db;
use agent_factory_tests::database::TestDatabase;
use std::time::Duration;

pub(crate) const LEASE: Duration = Duration::from_secs(15);

/// A candidate of a process of its own.
pub(crate) fn candidate(db: Db, ids: &Ids) -> Leadership {
    Leadership::new(db, "singletons", ids.leader().expect("an id"), LEASE)
}

/// Tick, and lead.
pub(crate) async fn leads(candidate: &mut Leadership) -> LeaderLease {
    match candidate.tick().await.expect("a database") {
        Standing::Leading(lease) => lease,
        following @ Standing::Following { .. } => panic!("it leads, and not {following:?}"),
    }
}

/// Tick, and follow.
pub(crate) async fn follows(candidate: &mut Leadership) -> Duration {
    match candidate.tick().await.expect("a database") {
        Standing::Following { ends_in } => ends_in,
        leading @ Standing::Leading(_) => panic!("it follows, and not {leading:?}"),
    }
}

/// One lead of a database of one process.
pub(crate) async fn fenced(test: &TestDatabase) -> Fenced {
    let mut only = candidate(test.db.clone(), &test.ids);
    Fenced::new(test.db.clone(), leads(&mut only).await)
}

/// Whether a write under `lease` takes effect.
pub(crate) async fn can_write(db: &Db, lease: &LeaderLease) -> bool {
    let fenced = Fenced::new(db.clone(), lease.clone());
    match fenced.write(|_| Box::pin(async { Ok(()) })).await {
        Ok(()) => true,
        Err(LeaderError::Lost) => false,
        Err(LeaderError::Store(error)) => panic!("{error}"),
    }
}
