//! What other processes on the same PostgreSQL database say they changed.
//!
//! One channel; a notification names a topic and who says so, so that a process passes over its own. Only a hint:
//! what is said while this process is cut off is lost, and polling finds it.

use super::{Signals, StoreError, Topic};
use crate::clock::Ids;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const CHANNEL: &str = "agent_factory";

/// $1 texts.
pub(super) const NOTIFY: &str =
    "SELECT pg_notify('agent_factory', said) FROM unnest($1::text[]) AS said";

/// How long a listener that was cut off for good waits before it connects anew.
const RECONNECT: Duration = Duration::from_secs(1);

/// By which a process tells its own notifications from others'.
#[derive(Clone, Debug)]
pub(super) struct Voice(Arc<str>);

impl Voice {
    pub(super) fn new(ids: &Ids) -> Result<Self, StoreError> {
        Ok(Self(hex::encode(ids.bytes::<8>()?).into()))
    }

    /// A notification's text.
    pub(super) fn say(&self, topic: Topic) -> String {
        format!("{} {}", topic.name(), self.0)
    }

    /// The topic of a notification of another process.
    fn hear(&self, said: &str) -> Option<Topic> {
        let (name, by) = said.split_once(' ')?;
        let topic = Topic::ALL.into_iter().find(|topic| topic.name() == name)?;
        (by != &*self.0).then_some(topic)
    }
}

/// Raise `signals` for what others say, until `closing` is cancelled.
pub(super) async fn listen(
    options: PgConnectOptions,
    voice: Voice,
    signals: Signals,
    closing: CancellationToken,
) {
    let listening = async {
        loop {
            let error = hear(&options, &voice, &signals).await;
            tracing::warn!(%error, "what other processes change is found by polling only: the listener was cut off");
            tokio::time::sleep(RECONNECT).await;
        }
    };
    closing.run_until_cancelled(listening).await;
}

/// Listen until the connection is lost and cannot be made anew.
async fn hear(options: &PgConnectOptions, voice: &Voice, signals: &Signals) -> sqlx::Error {
    let listening = async {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(options.clone())
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(listener)
    };
    let mut listener = match listening.await {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    // Nobody knows what was said before.
    raise_all(signals);
    loop {
        match listener.try_recv().await {
            Ok(Some(said)) => {
                if let Some(topic) = voice.hear(said.payload()) {
                    signals.raise(topic);
                }
            }
            Ok(None) => raise_all(signals),
            Err(error) => return error,
        }
    }
}

fn raise_all(signals: &Signals) {
    for topic in Topic::ALL {
        signals.raise(topic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_hears_others_and_not_itself() {
        let ids = Ids::seeded(1);
        let (ours, theirs) = (Voice::new(&ids).unwrap(), Voice::new(&ids).unwrap());
        for topic in Topic::ALL {
            assert_eq!(ours.hear(&theirs.say(topic)), Some(topic));
            assert_eq!(ours.hear(&ours.say(topic)), None);
        }
        assert_eq!(ours.hear("weather 00"), None);
        assert_eq!(ours.hear("queue"), None);
    }
}
