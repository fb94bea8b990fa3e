//! The messages of the workload.

use agent_factory::domain::{ConversationId, Payload, TenantId, Timestamp};
use agent_factory::queue::{Enqueue, Priority};
use agent_factory_tests::database::{conversation, payload};
use agent_factory_tests::factory::agent_key;
use serde_json::{Value, json};

/// The size of a message's payload, bytes, as the peers' bodies have it.
const PAYLOAD_BYTES: usize = 300;

/// The first day of 2100: no bench lasts until then.
pub(super) const MUCH_LATER: Timestamp = Timestamp::from_millis(4_102_444_800_000);

/// A message to be enqueued: its conversation, and its place among all of the run.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) conversation_id: ConversationId,
    pub(super) place: u32,
    pub(super) priority: Option<i64>,
    pub(super) scheduled_for: Option<Timestamp>,
}

impl Message {
    pub(super) fn new(conversation_id: &str, place: u32) -> Self {
        Self {
            conversation_id: conversation(conversation_id),
            place,
            priority: None,
            scheduled_for: None,
        }
    }

    /// As the store takes it.
    pub(super) fn enqueue(&self, ids: &agent_factory::clock::Ids) -> anyhow::Result<Enqueue> {
        Ok(Enqueue {
            tenant_id: tenant(),
            conversation_id: self.conversation_id.clone(),
            agent_key: agent_key(),
            payload: self.payload(),
            priority: self.priority.map(Priority::clamped),
            scheduled_for: self.scheduled_for,
            max_attempts: None,
            source: "bench".to_owned(),
            source_id: None,
            trace_id: ids.trace()?,
        })
    }

    /// As the API takes it.
    pub(super) fn json(&self) -> Value {
        let payload = self.payload();
        let mut message = json!({
            "conversationId": self.conversation_id,
            "agentKey": agent_key(),
            "payload": {
                "provider": "api",
                "providerUserId": payload.provider_user_id,
                "messageText": payload.message_text,
            },
        });
        if let Some(priority) = self.priority {
            message["priority"] = json!(priority);
        }
        if let Some(moment) = self.scheduled_for {
            message["scheduledFor"] = json!(moment.as_millis());
        }
        message
    }

    fn payload(&self) -> Payload {
        let mut payload = payload(&format!("message {} ", self.place));
        let around = serde_json::to_string(&payload).map_or(0, |json| json.len());
        let filling = "x".repeat(PAYLOAD_BYTES.saturating_sub(around));
        payload.message_text.push_str(&filling);
        payload
    }
}

/// Whose all messages are.
pub(super) fn tenant() -> TenantId {
    "bench".parse().expect("a tenant id")
}

/// `count` messages over `keys` conversations, round robin.
pub(super) fn round_robin(count: u32, keys: u32) -> Vec<Message> {
    named_round_robin("key", count, keys)
}

/// The same, of conversations of this name.
pub(super) fn named_round_robin(name: &str, count: u32, keys: u32) -> Vec<Message> {
    let message = |place| Message::new(&format!("{name}-{}", place % keys), place);
    (0..count).map(message).collect()
}
