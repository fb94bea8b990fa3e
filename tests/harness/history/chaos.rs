//! What happens to control planes and their database during a run.

use super::chance::Chance;
use super::events::Trouble;
use super::recorder::Recorder;
use super::site::Site;
use crate::postgres::OwnServer;

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// SIGKILL of a control plane; another takes its place.
    Kill,
    /// SIGSTOP of a control plane for longer than a lease, then SIGCONT.
    Freeze,
    /// Every connection to the database is cut, as by a crash of the server, and it starts again.
    RestartDatabase,
}

/// Let `disturbances` happen one after another, each at some moment in its share of a run of so many messages.
pub(super) async fn disturb(
    site: &Site,
    database: Option<&OwnServer>,
    recorder: &Recorder,
    disturbances: &[Disturbance],
    messages: usize,
    mut chance: Chance,
) {
    let share = messages / (disturbances.len() + 1);
    for (number, disturbance) in disturbances.iter().enumerate() {
        let within = chance.below(u64::try_from(share.max(1)).expect("a number"));
        let at = share * number + usize::try_from(within).expect("a number");
        recorder.await_settled(at).await;
        let front = chance.of(&site.fronts);
        let trouble = match disturbance {
            Disturbance::Kill => {
                front.replace(&site.installation).await;
                Trouble::PlaneKilled
            }
            Disturbance::Freeze => {
                // Longer than any lease it has given lasts.
                front.freeze(site.lease * 3 / 2).await;
                Trouble::PlaneFrozen
            }
            Disturbance::RestartDatabase => {
                database.expect("a server of the run's own").restart().await;
                Trouble::DatabaseRestarted
            }
        };
        recorder.trouble(trouble);
    }
}
