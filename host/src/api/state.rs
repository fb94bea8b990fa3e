use crate::artifacts::Admission;
use crate::clock::Ids;
use crate::config::Config;
use crate::control::ControlPlane;
use crate::queue;
use crate::secrets::MasterKey;
use crate::store::Db;
use std::ops::Deref;
use std::sync::Arc;

/// What every handler may reach. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Parts>);

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
}

impl Api {
    /// Of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
