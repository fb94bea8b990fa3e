use super::lane::Lanes;
use super::rate::Rates;
use super::uploads::Uploads;
use crate::artifacts::Admission;
use crate::clock::Ids;
use crate::config::Config;
use crate::control::ControlPlane;
use crate::queue;
use crate::scrape::Scrape;
use crate::secrets::MasterKey;
use crate::store::Db;
use std::ops::Deref;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What every handler may reach. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    parts: Parts,
    lanes: Lanes,
    rates: Rates,
    uploads: Uploads,
}

/// What an [`Api`] is made of.
pub struct Parts {
    /// Where everything is.
    pub db: Db,
    /// Ids for what requests make.
    pub ids: Ids,
    /// Every limit of a request.
    pub config: Config,
    /// What a message may be.
    pub queue_policy: queue::Policy,
    /// What secrets are sealed with.
    pub master_key: Arc<MasterKey>,
    /// Checks and compiles components.
    pub admission: Arc<Admission>,
    /// What workers ask for.
    pub control: Arc<dyn ControlPlane>,
    /// The page of `/metrics`.
    pub scrape: Arc<Scrape>,
    /// Cancelled once the process stops: what waits is answered, and no more requests should come.
    pub closing: CancellationToken,
}

impl Api {
    /// Of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let lanes = Lanes::new(&parts.config.server);
        let rates = Rates::new(&parts.config.server);
        let uploads = Uploads::new(&parts.config);
        Self(Arc::new(Inner {
            parts,
            lanes,
            rates,
            uploads,
        }))
    }

    /// How uploads come in.
    pub(super) fn uploads(&self) -> &Uploads {
        &self.0.uploads
    }

    /// How often callers may ask.
    pub(super) fn rates(&self) -> &Rates {
        &self.0.rates
    }

    /// How many requests are worked on at once.
    pub(super) fn lanes(&self) -> &Lanes {
        &self.0.lanes
    }
}

impl Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}
