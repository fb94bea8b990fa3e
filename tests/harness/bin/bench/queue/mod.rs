//! The durable queue on a keyed workload: many conversations, strict order in each, no work between claim and
//! completion. By the store's own operations and over HTTP, on SQLite and on PostgreSQL.
//!
//! A message's turn is left out on purpose, and so is what a worker does beside it: what is measured is what the queue
//! costs. PostgreSQL writes through to the disk for it, whatever the tests' server does otherwise, and SQLite as always.

mod backlog;
mod claimer;
mod drain;
mod enqueue;
mod hot_key;
mod ledger;
mod message;
mod peers;
mod producer;
mod stage;
mod throughput;
mod wake_up;

use agent_factory_tests::postgres;
use clap::{Args, ValueEnum};
use peers::Peers;
use stage::{Database, Plane};

/// What is measured, and how much of it.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Messages of a case.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    messages: u32,
    /// Conversations the messages are of: a figure each.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000])]
    keys: Vec<u32>,
    /// Messages of one claim: a figure each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 20, 100, 512])]
    batch: Vec<u32>,
    /// Messages of the hot conversation.
    #[arg(long, default_value_t = 100_000)]
    hot: u32,
    /// What is stored beside what is claimed, in the cases of `backlog`.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    crowd: u32,
    /// Claimers at once; 16 where a batch is below 10, and else 4, where left out.
    #[arg(long)]
    claimers: Option<u32>,
    /// The cases; all where left out.
    #[arg(long, value_enum, value_delimiter = ',')]
    case: Vec<Case>,
    /// The databases; both where left out.
    #[arg(long, value_enum, value_delimiter = ',')]
    database: Vec<Database>,
    /// The ways to the queue; both where left out.
    #[arg(long, value_enum, value_delimiter = ',')]
    plane: Vec<Plane>,
    /// A backlog of a million messages, too.
    #[arg(long)]
    full: bool,
    /// Run the same workload on graphile-worker and pg-boss, on the same server and in between.
    #[arg(long)]
    peers: bool,
}

/// One question about the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Case {
    /// How many messages are accepted a second.
    Enqueue,
    /// How many are claimed and completed a second.
    ClaimComplete,
    /// How long others wait with one busy conversation before them.
    HotKey,
    /// What a claim costs, by what else is stored.
    Backlog,
    /// How soon a waiting claim has a new message.
    WakeUp,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let chosen = |case| arguments.case.is_empty() || arguments.case.contains(&case);
    let databases = chosen_of(&arguments.database, &[Database::Sqlite, Database::Postgres]);
    let planes = chosen_of(&arguments.plane, &[Plane::Store, Plane::Http]);
    postgres::write_through().await;
    let peers = if arguments.peers {
        Peers::install().await?
    } else {
        None
    };
    for &database in &databases {
        for &plane in &planes {
            let at = (database, plane);
            if chosen(Case::Enqueue) {
                enqueue::run(at, arguments).await?;
            }
            if chosen(Case::ClaimComplete) {
                throughput::run(at, arguments, peers.as_ref()).await?;
            }
            if chosen(Case::HotKey) {
                hot_key::run(at, arguments, peers.as_ref()).await?;
            }
            if chosen(Case::Backlog) && plane == Plane::Store {
                backlog::run(database, arguments).await?;
            }
            if chosen(Case::WakeUp) {
                wake_up::run(at).await?;
            }
        }
    }
    Ok(())
}

fn chosen_of<T: Copy>(chosen: &[T], all: &[T]) -> Vec<T> {
    if chosen.is_empty() { all } else { chosen }.to_vec()
}
