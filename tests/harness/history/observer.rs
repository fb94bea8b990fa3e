//! Looks at what a run has left behind, as an app can.

use super::chance::Chance;
use super::events::{End, State};
use super::recorder::Recorder;
use super::site::{Site, Tenant};
use futures_util::future::join_all;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

/// How many messages are asked about at once.
const ASKED_AT_ONCE: usize = 16;
/// How long an answer may take that waits for a message to be settled.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Asks what became of everything.
pub(super) struct Observer<'r> {
    site: &'r Site,
    recorder: &'r Recorder,
    client: reqwest::Client,
    chance: Mutex<Chance>,
}

impl<'r> Observer<'r> {
    pub(super) fn new(site: &'r Site, recorder: &'r Recorder, chance: Chance) -> Self {
        let client = reqwest::Client::builder().timeout(TIMEOUT).build();
        Self {
            site,
            recorder,
            client: client.expect("an HTTP client"),
            chance: Mutex::new(chance),
        }
    }

    /// Wait until every acknowledged message is settled, and note how.
    pub(super) async fn settled(&self) {
        let history = self.recorder.history();
        let answered = history.enqueues.iter().filter_map(|enqueue| {
            let (_, message) = enqueue.answer.as_ref()?;
            Some((message.as_str(), enqueue.conversation.as_str()))
        });
        let messages: BTreeMap<&str, &str> = answered.collect();
        let messages: Vec<_> = messages.into_iter().collect();
        for some in messages.chunks(ASKED_AT_ONCE) {
            let ends = some.iter().map(|(message, conversation)| async {
                if let Some(state) = self.state(message, conversation).await {
                    let message = (*message).to_owned();
                    self.recorder.ended(End { message, state });
                }
            });
            join_all(ends).await;
        }
    }

    /// How it was settled; none where there is no such message.
    async fn state(&self, message: &str, conversation: &str) -> Option<State> {
        let (tenant, _) = self.named(conversation);
        let path = format!("messages/{message}?waitMs=5000");
        loop {
            let said = self.get(tenant, &path).await?;
            match said["status"].as_str() {
                Some("done") => return Some(State::Done),
                Some("dead_letter") => return Some(State::DeadLetter),
                _ => {}
            }
        }
    }

    /// Note what every conversation's history holds.
    pub(super) async fn told(&self) {
        let history = self.recorder.history();
        let sent = history.enqueues.iter();
        let conversations: BTreeSet<&str> = sent.map(|sent| sent.conversation.as_str()).collect();
        for conversation in conversations {
            let (tenant, name) = self.named(conversation);
            let first = format!("conversations/{name}?limit=100");
            let mut page = first.clone();
            let mut messages = Vec::new();
            loop {
                let said = self.get(tenant, &page).await.unwrap_or_default();
                for entry in said["messages"].as_array().into_iter().flatten() {
                    messages.push(entry["messageId"].as_str().expect("an id").to_owned());
                }
                let Some(cursor) = said["nextCursor"].as_str() else {
                    break;
                };
                page = format!("{first}&cursor={cursor}");
            }
            // The latest came first.
            messages.reverse();
            self.recorder.told(conversation, messages);
        }
    }

    /// The tenant of a conversation, and what it calls it.
    fn named<'c>(&self, conversation: &'c str) -> (&'r Tenant, &'c str) {
        let (tenant, name) = conversation.split_once('/').expect("a tenant's");
        let mut tenants = self.site.tenants.iter();
        let tenant = tenants.find(|known| known.name == tenant);
        (tenant.expect("a tenant"), name)
    }

    /// Ask a control plane, or another, until one answers; none where it says that there is no such thing.
    async fn get(&self, tenant: &Tenant, path: &str) -> Option<Value> {
        loop {
            let url = self.site.url(&mut self.chance.lock().expect("no panic"));
            let url = format!("{url}/v1/tenants/{}/{path}", tenant.name);
            let request = self.client.get(url).bearer_auth(&tenant.token);
            if let Ok(answer) = request.send().await {
                let status = answer.status();
                if status == reqwest::StatusCode::NOT_FOUND {
                    return None;
                }
                if status.is_success()
                    && let Ok(said) = answer.json().await
                {
                    return Some(said);
                }
            }
            tokio::task::yield_now().await;
        }
    }
}
