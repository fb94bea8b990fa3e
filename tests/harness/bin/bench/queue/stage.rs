//! A control plane on a database of its own, and the ways to it.

use super::claimer::Claimer;
use super::ledger::Ledger;
use super::message::{Message, tenant};
use super::producer::Producer;
use agent_factory::app::App;
use agent_factory::domain::Pool;
use agent_factory::identity::TokenScope;
use agent_factory::store::StoreError;
use agent_factory_tests::api::Served;
use agent_factory_tests::database::seed_agent;
use agent_factory_tests::factory::{Factory, agent_key};
use agent_factory_tests::{api, postgres, remote};
use clap::ValueEnum;
use futures_util::future::try_join_all;
use std::sync::Arc;

/// Over the defaults: a client of a bench asks as fast as it can, for as much as it wants, and the one tenant there is has
/// all that is in flight.
const SETTINGS: [(&str, &str); 4] = [
    ("queue.tenant_in_flight", "100000"),
    ("server.rate_per_second", "100000"),
    ("server.rate_burst", "100000"),
    ("queue.claim_batch_size", "512"),
];

/// Messages of one request while data are loaded.
const LOAD_BATCH: usize = 500;

/// Requests at once while data are loaded.
const LOADERS: usize = 4;

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Database {
    /// A file.
    Sqlite,
    /// A server's.
    Postgres,
}

/// Which way to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Plane {
    /// The operations of the store, a transaction each.
    Store,
    /// Requests through real sockets.
    Http,
}

/// What a figure is of.
pub(super) type At = (Database, Plane);

impl Database {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

impl Plane {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Http => "http",
        }
    }
}

/// A control plane. Fields are dropped in their order: the database goes last.
pub(super) struct Stage {
    plane: Plane,
    served: Option<Served>,
    factory: Factory,
    place: Place,
}

/// Where the database is; it goes with the last of these.
#[derive(Clone)]
struct Place {
    url: String,
    _folder: Option<Arc<tempfile::TempDir>>,
    database: Option<Arc<postgres::Database>>,
}

impl Stage {
    /// On a new database with one agent; none where there is no server for it.
    pub(super) async fn new((database, plane): At) -> anyhow::Result<Option<Self>> {
        let place = match database {
            Database::Sqlite => {
                let folder = tempfile::tempdir()?;
                Place {
                    url: format!("sqlite://{}", folder.path().join("bench.db").display()),
                    _folder: Some(Arc::new(folder)),
                    database: None,
                }
            }
            Database::Postgres => {
                let Some(database) = postgres::Database::create().await else {
                    eprintln!("bench: there is no PostgreSQL; its cases are left out");
                    return Ok(None);
                };
                Place {
                    url: database.url().to_owned(),
                    _folder: None,
                    database: Some(Arc::new(database)),
                }
            }
        };
        let stage = Self::at(place, plane).await;
        let seeded: Result<(), StoreError> = stage
            .app()
            .db
            .write(|tx| {
                Box::pin(
                    async move { seed_agent(tx, &tenant(), &agent_key(), &Pool::default()).await },
                )
            })
            .await;
        seeded?;
        Ok(Some(stage))
    }

    /// Another control plane on the same database.
    pub(super) async fn another(&self) -> Self {
        Self::at(self.place.clone(), self.plane).await
    }

    async fn at(place: Place, plane: Plane) -> Self {
        let factory = Factory::of_processes(&place.url, &SETTINGS).await;
        let served = match plane {
            Plane::Store => None,
            Plane::Http => Some(Served::start(&factory).await),
        };
        Self {
            plane,
            served,
            factory,
            place,
        }
    }

    pub(super) fn app(&self) -> &App {
        self.factory.app()
    }

    /// Somebody who enqueues.
    pub(super) async fn producer(&self) -> Producer {
        match &self.served {
            None => Producer::of_store(self.app()),
            Some(served) => {
                let scope = TokenScope::App {
                    tenant_id: tenant(),
                };
                Producer::of_api(served.client(&self.factory, scope).await)
            }
        }
    }

    /// Claimers, each a worker of its own.
    pub(super) async fn claimers(&self, count: u32) -> anyhow::Result<Vec<Arc<Claimer>>> {
        let mut claimers = Vec::new();
        let token = match &self.served {
            None => None,
            Some(served) => {
                let scope = TokenScope::Worker {
                    pool: Pool::default(),
                };
                Some((served.url(), api::token(self.app(), scope).await))
            }
        };
        for _ in 0..count {
            let claimer = match &token {
                None => Claimer::of_store(self.app())?,
                Some((url, token)) => {
                    let cache = tempfile::tempdir()?;
                    let joined = remote::join(url, token, cache.path(), Default::default()).await;
                    Claimer::of_http(joined, cache)
                }
            };
            claimers.push(Arc::new(claimer));
        }
        Ok(claimers)
    }

    /// Enqueue all of these by the store, in large batches and in the order of each conversation.
    pub(super) async fn load(
        &self,
        messages: &[Message],
        ledger: Option<&Ledger>,
    ) -> anyhow::Result<()> {
        let mut lanes: Vec<Vec<Message>> = vec![Vec::new(); LOADERS];
        for message in messages {
            let name = message.conversation_id.as_str();
            let sum: usize = name.bytes().map(usize::from).sum();
            lanes[sum % LOADERS].push(message.clone());
        }
        try_join_all(lanes.iter().map(|lane| async {
            let producer = Producer::of_store(self.app());
            for batch in lane.chunks(LOAD_BATCH) {
                let ids = producer.enqueue(batch).await?;
                if let Some(ledger) = ledger {
                    ledger.accepted(batch, ids);
                }
            }
            anyhow::Ok(())
        }))
        .await?;
        if let Some(database) = &self.place.database {
            // The server does so by itself a moment after data came in: now, and not in the middle of a case.
            database.vacuum().await;
        }
        Ok(())
    }
}
