//! Those who enqueue.

use super::message::{Message, tenant};
use agent_factory::app::App;
use agent_factory::clock::Ids;
use agent_factory::domain::MessageId;
use agent_factory::queue::{self, Policy};
use agent_factory::store::{Db, StoreError};
use agent_factory_tests::api::Client;
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

/// Enqueues, by one of the ways.
#[derive(Clone)]
pub(super) enum Producer {
    Store {
        db: Db,
        policy: Box<Policy>,
        ids: Ids,
    },
    Api(Client),
}

impl Producer {
    pub(super) fn of_store(app: &App) -> Self {
        Self::Store {
            db: app.db.clone(),
            policy: Box::new(app.queue_policy()),
            ids: app.ids.clone(),
        }
    }

    pub(super) fn of_api(client: Client) -> Self {
        Self::Api(client)
    }

    /// Enqueue these in one transaction or request. Answers with their ids, in order.
    pub(super) async fn enqueue(&self, messages: &[Message]) -> anyhow::Result<Vec<MessageId>> {
        match self {
            Self::Store { db, policy, ids } => {
                let mut batch = Vec::with_capacity(messages.len());
                for message in messages {
                    batch.push((message.enqueue(ids)?, ids.message()?));
                }
                let policy = policy.clone();
                let accepted: Result<_, StoreError> = db
                    .write(move |tx| {
                        Box::pin(async move { queue::enqueue_all(tx, &policy, &batch).await })
                    })
                    .await;
                let mut message_ids = Vec::with_capacity(messages.len());
                for result in accepted? {
                    message_ids.push(result?.message_id);
                }
                Ok(message_ids)
            }
            Self::Api(client) => enqueue_by_api(client, messages).await,
        }
    }
}

async fn enqueue_by_api(client: &Client, messages: &[Message]) -> anyhow::Result<Vec<MessageId>> {
    let path = format!("/v1/tenants/{}/messages", tenant());
    if let [message] = messages {
        let answer = client.post(&path, &message.json()).await;
        return Ok(vec![message_id(&answer.body).context(answer.text)?]);
    }
    let batch: Vec<Value> = messages.iter().map(Message::json).collect();
    let answer = client
        .post(&format!("{path}/batch"), &json!({ "messages": batch }))
        .await;
    let results = answer.body["results"].as_array();
    let results = results.with_context(|| answer.text.clone())?;
    ensure!(results.len() == messages.len(), "{}", answer.text);
    let ids = results
        .iter()
        .map(|result| message_id(result).with_context(|| result.to_string()));
    ids.collect()
}

fn message_id(answer: &Value) -> anyhow::Result<MessageId> {
    let id = answer["messageId"].as_str().context("a messageId")?;
    Ok(id.parse()?)
}
