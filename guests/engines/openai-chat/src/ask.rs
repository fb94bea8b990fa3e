//! Asking the agent's models, preferred first.

use crate::answer::{Answer, Broken, Pieces};
use crate::conversation::Conversation;
use crate::failure::{self, Next};
use crate::request::{self, Ask};
use agent_factory_sdk::log;
use agent_factory_sdk::model::{self, Endpoint, Error};
use agent_factory_sdk::turn::{Turn, TurnError};
use agent_factory_sdk::types::Tool;

/// The wire format of this engine.
const API: &str = "openai-chat";
/// How much more text there is before the person is shown it, bytes: each showing is a call of the host.
const PROGRESS_BYTES: usize = 64;
/// History, where the model's context window is not known, bytes.
const HISTORY_BYTES: usize = 200_000;
/// Bytes that a token stands for, at least on average.
const BYTES_A_TOKEN: usize = 3;
/// The first wait after every model has failed; it doubles with each attempt.
const RETRY_MS: u32 = 2_000;
/// The longest such wait.
const RETRY_MAX_MS: u32 = 120_000;

/// The models that this engine can talk to.
pub(crate) struct Models {
    endpoints: Vec<Endpoint>,
    tools: Vec<Tool>,
    /// The one that answered last: it is asked first for the rest of the turn.
    preferred: usize,
    /// Servers that know the older name of a field only, by their place.
    older: Vec<usize>,
}

impl Models {
    pub(crate) fn of(turn: &Turn) -> Result<Self, TurnError> {
        let mut endpoints = model::endpoints();
        endpoints.retain(|endpoint| endpoint.api() == API);
        if endpoints.is_empty() {
            let reason = format!(
                "the agent has no model of the api {API}; configure one, then resume the agent"
            );
            return Err(TurnError::Hold(reason));
        }
        Ok(Self {
            endpoints,
            tools: turn.tools(),
            preferred: 0,
            older: Vec::new(),
        })
    }

    /// How much history fits into the smallest known context window, beside the prompt and the answer.
    pub(crate) fn history_bytes(&self, turn: &Turn) -> usize {
        let windows = self.endpoints.iter().filter_map(Endpoint::context_tokens);
        let Some(tokens) = windows.min() else {
            return HISTORY_BYTES;
        };
        let tokens = tokens.saturating_sub(turn.output_tokens_max());
        let prompt: usize = turn.prompt().iter().map(|section| section.body.len()).sum();
        let all = usize::try_from(tokens)
            .unwrap_or(usize::MAX)
            .saturating_mul(BYTES_A_TOKEN);
        all.saturating_sub(prompt)
    }

    /// One answer, of the first model that gives one.
    pub(crate) fn ask(
        &mut self,
        turn: &Turn,
        conversation: &Conversation,
        may_use_tools: bool,
    ) -> Result<Answer, TurnError> {
        let count = self.endpoints.len();
        let (mut reasons, mut after, mut instead) = (Vec::new(), None, None);
        let places = (0..count).map(|step| (self.preferred + step) % count);
        for place in places.collect::<Vec<_>>() {
            match self.ask_one(turn, place, conversation, may_use_tools) {
                Ok(answer) => {
                    self.preferred = place;
                    return Ok(answer);
                }
                Err(Next::End(error)) => return Err(error),
                Err(Next::Instead(error)) => {
                    log::warn(format!(
                        "another model is asked, if there is one: {error:?}"
                    ));
                    // The first is the preferred model's.
                    instead.get_or_insert(error);
                }
                Err(Next::OlderField) => {
                    reasons.push("a server knows neither name of the bound of tokens".to_owned());
                }
                Err(Next::TryAnother {
                    reason,
                    after: advice,
                }) => {
                    log::warn(&reason);
                    after = after.max(advice);
                    reasons.push(reason);
                }
            }
        }
        if let (Some(error), true) = (instead, reasons.is_empty()) {
            return Err(error);
        }
        let doubled = turn.attempt().saturating_sub(1).min(16);
        let backoff = RETRY_MS.saturating_mul(1 << doubled).min(RETRY_MAX_MS);
        Err(TurnError::retry_after(
            after.unwrap_or(backoff),
            reasons.join("; "),
        ))
    }

    fn ask_one(
        &mut self,
        turn: &Turn,
        place: usize,
        conversation: &Conversation,
        may_use_tools: bool,
    ) -> Result<Answer, Next> {
        let Some(endpoint) = self.endpoints.get(place) else {
            return Err(Next::End(TurnError::Permanent(
                "the model is gone".to_owned(),
            )));
        };
        let ask = Ask {
            messages: conversation.messages(),
            tools: &self.tools,
            may_use_tools,
            output_tokens: turn.output_tokens_max(),
        };
        let older = self.older.contains(&place);
        match exchange(turn, endpoint, &ask, older) {
            Err(Next::OlderField) if !older => {
                self.older.push(place);
                exchange(turn, endpoint, &ask, true)
            }
            outcome => outcome,
        }
    }
}

/// One request and its answer.
fn exchange(turn: &Turn, endpoint: &Endpoint, ask: &Ask<'_>, older: bool) -> Result<Answer, Next> {
    let name = endpoint.model();
    let failed = |error: Error| failure::judge(&name, error);
    let answer = endpoint
        .open(&request::body(endpoint, ask, older))
        .map_err(failed)?;
    let mut pieces = Pieces::default();
    let mut shown = 0;
    for event in answer {
        let event = event.map_err(failed)?;
        pieces.add(&event.data).map_err(|broken| match broken {
            Broken::Reported(error) => failure::reported(&name, &error),
            Broken::Unreadable(why) => failed(Error::Interrupted(why)),
        })?;
        if pieces.text().len() >= shown + PROGRESS_BYTES {
            shown = pieces.text().len();
            turn.progress(pieces.text());
        }
    }
    let early = "the answer ended before it was complete";
    pieces
        .finish()
        .ok_or_else(|| failed(Error::Interrupted(early.to_owned())))
}
