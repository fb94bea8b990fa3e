//! An installation with control planes, tenants and tokens, made by the program's own commands.

use super::chance::Chance;
use super::front::Front;
use crate::built;
use crate::installation::Installation;
use crate::process::Process;
use std::time::Duration;

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
            let agent = ["agent", "configure", "--tenant", name, "--engine", "offline"];
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
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}
