//! Configuration: typed policies, read in one place and validated at start.
//!
//! A value comes from the defaults, then from one TOML file, then from the environment; the later
//! source wins. `[queue] claim_batch_size` in the file is `AGENT_FACTORY_QUEUE__CLAIM_BATCH_SIZE`
//! in the environment. Whatever does not fit is refused before anything starts, all of it at once:
//! a process that runs with half of what its operator wrote is worse than one that does not start.
//!
//! Each section has a file with its type, its defaults and its bounds. `bounds` checks one value,
//! `rules` compares values with each other, `sources` reads and merges.

mod bounds;
mod database;
mod default_limits;
mod egress;
mod environment;
mod error;
mod hydration;
mod keys;
mod leader;
mod lease;
mod limits;
mod maintenance;
mod metrics;
mod outbox;
mod provider;
mod queue;
mod retry;
mod rules;
mod scaling;
mod secrets;
mod server;
mod sources;
mod telegram;
mod uploads;
mod worker;

pub use bounds::{Bounds, Quantity, quantities, quantity};
pub use database::{Database, DatabaseUrl, DatabaseUrlError, PostgresUrl, Synchronous};
pub use default_limits::DefaultLimits;
pub use egress::{AllowPrivate, Egress, HostPort, HostPortError};
pub use environment::process_environment;
pub use error::{ConfigError, Origin, Problem};
pub use hydration::Hydration;
pub use keys::variable_of;
pub use leader::Leader;
pub use lease::Lease;
pub use limits::Limits;
pub use maintenance::Maintenance;
pub use metrics::Metrics;
pub use outbox::Outbox;
pub use provider::{Provider, ProviderKind};
pub use queue::Queue;
pub use retry::Retry;
pub use scaling::Scaling;
pub use secrets::Secrets;
pub use server::{PathPrefix, PathPrefixError, Server};
pub use telegram::{ApiBase, ApiBaseError, Telegram};
pub use uploads::Uploads;
pub use worker::{PlainHttp, Worker};

use serde::{Deserialize, Serialize};
use std::path::Path;

/// Names the configuration file where `--config` does not.
pub const FILE_VARIABLE: &str = "AGENT_FACTORY_CONFIG";

/// Says to a worker, or to a command that asks a control plane, where control planes are: addresses separated by commas.
pub const URL_VARIABLE: &str = "AGENT_FACTORY_URL";

/// Holds a worker's token. There is no key for it in the file.
pub const WORKER_TOKEN_VARIABLE: &str = "AGENT_FACTORY_WORKER_TOKEN";

/// Holds the master key. There is no key for it in the file: a file of settings gets copied around.
pub const MASTER_KEY_VARIABLE: &str = "AGENT_FACTORY_MASTER_KEY";

/// Holds a token of the operator's that a control plane makes known when it starts.
pub const OPERATOR_TOKEN_VARIABLE: &str = "AGENT_FACTORY_OPERATOR_TOKEN";

/// Everything an operator can set, one policy a field.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the control plane listens and what one request may take.
    pub server: Server,
    /// Where the state is stored.
    pub database: Database,
    /// Where the master key is found.
    pub secrets: Secrets,
    /// Priorities, claims and the size of a message.
    pub queue: Queue,
    /// How long a failed message waits.
    pub retry: Retry,
    /// How long a worker owns what it claimed.
    pub lease: Lease,
    /// How long one process leads the singleton loops.
    pub leader: Leader,
    /// What the leading process clears away.
    pub maintenance: Maintenance,
    /// How often the queue is read for its figures.
    pub metrics: Metrics,
    /// How many workers there should be.
    pub scaling: Scaling,
    /// What starts and stops workers.
    pub provider: Provider,
    /// What goes into an agent's prompt.
    pub hydration: Hydration,
    /// How replies are claimed for delivery.
    pub outbox: Outbox,
    /// How Telegram is reached.
    pub telegram: Telegram,
    /// How workers reach their control planes.
    pub worker: Worker,
    /// Where guests' requests may go.
    pub egress: Egress,
    /// What one call of a component may take at most, whoever asks.
    pub limits: Limits,
    /// What it may take where nobody asks for more or less.
    pub default_limits: DefaultLimits,
    /// What a tenant may store, and how many uploads are taken at once.
    pub uploads: Uploads,
}

impl Config {
    /// Merges the defaults, `file` (or the one that [`FILE_VARIABLE`] names) and the variables of
    /// `environment`, and validates the result. [`process_environment`] has the process's own.
    ///
    /// # Errors
    /// Where the file cannot be read or is no TOML, and where any key or value is refused; then
    /// the error lists all of them.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        sources::load(file, environment)
    }

    /// Checks every bound and rule. [`Config::load`] has done so already; this is for a
    /// configuration that was changed in code.
    ///
    /// # Errors
    /// Lists every value that is out of its bounds and every rule that is broken.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let origin = |_: &str| Origin::Default;
        let values = keys::leaves(self);
        let mut problems = bounds::check(&values, &origin);
        problems.extend(rules::check(&values, &origin));
        ConfigError::refuse(problems)
    }

    /// The keys of this section that may be left out and are, for example `app` of `provider`.
    pub(crate) fn unset(&self, section: &str) -> Vec<String> {
        keys::leaves(self)
            .into_iter()
            .filter(|(_, value)| value.is_null())
            .filter_map(|(key, _)| {
                let (of, name) = key.split_once('.')?;
                (of == section).then(|| name.to_owned())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
