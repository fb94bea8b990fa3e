//! An installation with control planes, tenants and tokens, made by the program's own commands.

use super::chance::Chance;
use super::front::Front;
use crate::api::Client;
use crate::installation::Installation;
use crate::process::Process;
use crate::{built, leases, remote};
use agent_factory::remote::Joined;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Everything waits briefly: a lease that is lost is waited out. No caller has a rate.
const SETTINGS: [(&str, &str); 6] = [
    ("retry.base_delay_ms", "20"),
    ("queue.poll_ms", "100"),
    ("server.shutdown_grace_ms", "0"),
    ("server.rate_per_second", "100000"),
    ("server.rate_burst", "100000"),
    ("database.readers", "4"),
];

/// A tenant with an agent `default`.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its id.
    pub name: String,
    /// A token of the scope `app`.
    pub token: String,
}

/// Control planes on one database, and who may ask them.
pub struct Site {
    /// How long a lease lasts without a heartbeat.
    pub lease: Duration,
    /// At least one.
    pub fronts: Vec<Front>,
    /// At least one.
    pub tenants: Vec<Tenant>,
    /// Of the default pool's workers.
    pub worker_token: String,
    /// Behind the fronts, which are dropped first: the database goes with it.
    pub installation: Installation,
}

impl Site {
    /// With so many control planes and these tenants on `installation`, under these settings over the site's own.
    pub async fn start(
        installation: Installation,
        planes: usize,
        tenants: &[&str],
        lease: Duration,
        settings: &[(&str, &str)],
    ) -> Self {
        let lease_ms = lease.as_millis().to_string();
        let installation = installation
            .with(&SETTINGS)
            .with(&[("lease.lease_ms", &lease_ms)])
            .with(settings);
        let first = installation.control_plane().await;
        let operator = first.token().expect("a first start").to_owned();
        let engine = built::guest("offline").display().to_string();
        let push = ["engine", "push", "--shared", &engine];
        said(&first, &operator, &push).await;
        let mut known = Vec::new();
        for name in tenants {
            said(&first, &operator, &["tenant", "create", name]).await;
            let agent = [
                "agent",
                "configure",
                "--tenant",
                name,
                "--engine",
                "offline",
            ];
            said(&first, &operator, &agent).await;
            let token = ["token", "create", "--scope", "app", "--tenant", name];
            known.push(Tenant {
                name: (*name).to_owned(),
                token: said(&first, &operator, &token).await,
            });
        }
        let token = ["token", "create", "--scope", "worker"];
        let worker_token = said(&first, &operator, &token).await;
        first.kill().await;
        let mut fronts = Vec::new();
        for _ in 0..planes {
            fronts.push(Front::start(&installation).await);
        }
        Self {
            lease,
            fronts,
            tenants: known,
            worker_token,
            installation,
        }
    }

    /// With the one tenant `ada`; no lease ends and nobody sweeps in the time of a test ([`Site::end_leases`]).
    pub async fn of_ada(installation: Installation, planes: usize) -> Self {
        let never = [("maintenance.every_ms", "3600000")];
        let lease = Duration::from_mins(1);
        Self::start(installation, planes, &["ada"], lease, &never).await
    }

    /// Let every lease that is held be over, as after a while in which nobody was heard of.
    pub async fn end_leases(&self) {
        leases::end_leases(self.installation.url()).await;
    }

    /// A client of the `number`th control plane, as the first tenant's app.
    pub fn app(&self, number: usize) -> Client {
        let front = &self.fronts[number % self.fronts.len()];
        Client::of(front.url()).under(&self.tenants[0].token)
    }

    /// Where the first tenant's messages are sent to.
    pub fn messages(&self) -> String {
        format!("/v1/tenants/{}/messages", self.tenants[0].name)
    }

    /// Make a new worker known to the first control plane.
    pub async fn join(&self) -> Joined {
        let cache = self.installation.folder().join("components");
        let (url, stop) = (self.fronts[0].url(), CancellationToken::new());
        remote::join(url, &self.worker_token, &cache, stop).await
    }

    /// One control plane's address.
    pub fn url(&self, chance: &mut Chance) -> &str {
        chance.of(&self.fronts).url()
    }

    /// Every control plane's address, in some order.
    pub fn urls(&self, chance: &mut Chance) -> String {
        let mut urls: Vec<&str> = self.fronts.iter().map(Front::url).collect();
        if chance.one_in(2) {
            urls.reverse();
        }
        urls.join(",")
    }

    /// Lose the answer to the next request that has `text` in it, all of it or from some byte on.
    pub fn lose_answer(&self, text: &str, chance: &mut Chance) {
        let bytes = usize::try_from(*chance.of(&[0, 0, 1, 40, 150])).expect("a number");
        chance.of(&self.fronts).wire().cut(text, bytes);
    }
}

async fn said(plane: &Process, token: &str, arguments: &[&str]) -> String {
    let output = plane.command(token, arguments).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Stamp each case once for every database we run on, one module a database. A case is given a site with a tenant `ada` and
/// leases that last longer than any test: on SQLite with one control plane, on PostgreSQL with two.
#[macro_export]
macro_rules! site_cases {
    ($(async fn $case:ident($site:ident) $body:block)+) => {
        $(
            async fn $case($site: $crate::history::Site) $body
        )+

        mod sqlite {
            $(
                #[tokio::test]
                async fn $case() {
                    let installation = $crate::installation::Installation::sqlite();
                    let site = $crate::history::Site::of_ada(installation, 1).await;
                    super::$case(site).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test]
                async fn $case() {
                    let installation = $crate::installation::Installation::postgres().await;
                    if let Some(installation) = installation {
                        let site = $crate::history::Site::of_ada(installation, 2).await;
                        super::$case(site).await;
                    }
                }
            )+
        }
    };
}
