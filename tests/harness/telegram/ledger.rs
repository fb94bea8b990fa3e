//! What the double knows and remembers.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::{Map, Value};

use super::MAX_KEPT;
use super::answer::Refusal;
use super::fault::Fault;
use super::token::{Admission, BotToken};

/// The id of the first message a bot sends to a chat: above those that a test gives to the
/// messages of people, which count in the same row.
const FIRST_MESSAGE_ID: i64 = 500_001;

/// A message that a bot sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The bot that sent it.
    pub bot_id: i64,
    /// The chat it went to.
    pub chat_id: i64,
    /// The forum topic in that chat (`message_thread_id`).
    pub topic: Option<i64>,
    /// The text as it was sent, markup included.
    pub text: String,
    /// Its id, unique within bot and chat.
    pub message_id: i64,
    /// The message it answers.
    pub reply_to: Option<i64>,
    /// `HTML`, `Markdown` or `MarkdownV2`; none for plain text.
    pub parse_mode: Option<String>,
}

/// A call that arrived. It never holds a token, nor the secret of a webhook.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The bot whose token was used.
    pub bot_id: i64,
    /// The method, spelled as in the documentation.
    pub method: &'static str,
    /// The parameters: typed as they came in a JSON body, strings from a form or a query.
    pub parameters: Map<String, Value>,
}

/// What `setWebhook` set.
#[derive(Clone)]
pub(super) struct Webhook {
    pub(super) url: String,
    pub(super) max_connections: i64,
    /// None: the default kinds.
    pub(super) allowed_updates: Option<Value>,
}

/// Everything, behind one lock.
pub(super) struct Ledger {
    admission: Admission,
    tokens: HashMap<String, i64>,
    revoked: HashSet<String>,
    next_ids: HashMap<(i64, i64), i64>,
    pub(super) webhooks: HashMap<i64, Webhook>,
    pub(super) sent: Vec<Sent>,
    pub(super) requests: Vec<Request>,
    pub(super) faults: VecDeque<Fault>,
    /// Messages that wait for [`resume`](super::TelegramDouble::resume).
    pub(super) held: usize,
}

impl Ledger {
    pub(super) fn new(admission: Admission) -> Self {
        Self {
            admission,
            tokens: HashMap::new(),
            revoked: HashSet::new(),
            next_ids: HashMap::new(),
            webhooks: HashMap::new(),
            sent: Vec::new(),
            requests: Vec::new(),
            faults: VecDeque::new(),
            held: 0,
        }
    }

    pub(super) fn admit(&mut self, token: BotToken) {
        self.revoked.remove(token.as_str());
        self.tokens
            .insert(token.as_str().to_owned(), token.bot_id());
    }

    pub(super) fn revoke(&mut self, token: &str) {
        self.tokens.remove(token);
        self.revoked.insert(token.to_owned());
    }

    /// The bot a token opens.
    pub(super) fn authorize(&self, token: &str) -> Result<i64, Refusal> {
        let known = self.tokens.get(token).copied();
        let welcome = || {
            let open = self.admission == Admission::AnyWellFormed && !self.revoked.contains(token);
            open.then(|| token.parse::<BotToken>().ok())
                .flatten()
                .map(|token| token.bot_id())
        };
        known
            .or_else(welcome)
            .ok_or_else(|| Refusal::new(401, "Unauthorized"))
    }

    pub(super) fn note(&mut self, request: Request) -> Result<(), Refusal> {
        room(self.requests.len())?;
        self.requests.push(request);
        Ok(())
    }

    /// Accepts a message, giving it its id.
    pub(super) fn send(&mut self, mut message: Sent) -> Result<Sent, Refusal> {
        room(self.sent.len())?;
        let next = self
            .next_ids
            .entry((message.bot_id, message.chat_id))
            .or_insert(FIRST_MESSAGE_ID);
        message.message_id = *next;
        *next += 1;
        self.sent.push(message.clone());
        Ok(message)
    }
}

fn room(kept: usize) -> Result<(), Refusal> {
    if kept < MAX_KEPT {
        return Ok(());
    }
    Err(Refusal::new(
        500,
        format!("this double keeps {MAX_KEPT} calls and is full: restart it"),
    ))
}
