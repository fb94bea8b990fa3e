//! The agent's models, for engine adapters. The engine writes requests and reads answers in the
//! vendor's wire format; where a request goes, with which credential, and what it may cost is the
//! host's business.
//!
//! ```
//! use agent_factory_sdk::model;
//! use agent_factory_sdk::testing::{FakeModel, Host};
//! use serde_json::json;
//!
//! let host = Host::new();
//! host.add_model(FakeModel::new("my-api", "small").with_answer(["one", "two"]));
//!
//! let endpoint = model::endpoints().remove(0);
//! let answer = endpoint.open(&json!({ "model": endpoint.model(), "ask": "why?" }))?;
//! let datas: Result<Vec<String>, _> = answer.map(|event| event.map(|event| event.data)).collect();
//! assert_eq!(datas?, ["one", "two"]);
//! assert_eq!(host.model_requests()[0]["ask"], "why?");
//! # Ok::<(), model::Error>(())
//! ```

use crate::host;
use serde_json::{Map, Value};

pub use crate::bindings::engine::agent_factory::guest::model::{Error, Event, Status};

/// One model the agent may use.
#[derive(Debug)]
pub struct Endpoint {
    held: host::model::Endpoint,
}

/// The models, preferred first, then fallbacks. Empty: the agent has none.
#[must_use]
pub fn endpoints() -> Vec<Endpoint> {
    let held = host::model::endpoints().into_iter();
    held.map(|held| Endpoint { held }).collect()
}

impl Endpoint {
    /// The wire format, for example `openai-chat`.
    #[must_use]
    pub fn api(&self) -> String {
        self.held.api()
    }

    /// The vendor's name of the model. A request has to name the same.
    #[must_use]
    pub fn model(&self) -> String {
        self.held.model()
    }

    /// The vendor's parameters from the agent's profile.
    #[must_use]
    pub fn parameters(&self) -> Map<String, Value> {
        match serde_json::from_str(&self.held.parameters()) {
            Ok(Value::Object(parameters)) => parameters,
            // The host gives an object.
            _ => Map::new(),
        }
    }

    /// The context window in tokens, where it is known.
    #[must_use]
    pub fn context_tokens(&self) -> Option<u32> {
        self.held.context_tokens()
    }

    /// Posts a request body.
    ///
    /// # Errors
    /// By why there is no answer: see [`Error`].
    pub fn open(&self, body: &Value) -> Result<Exchange, Error> {
        let held = self.held.open(&body.to_string())?;
        Ok(Exchange { held, ended: false })
    }
}

/// An answer as it arrives: an iterator over its events. A body that is no event stream comes as one
/// event without a name. The last item may be an error; dropping the exchange gives the rest up.
#[derive(Debug)]
pub struct Exchange {
    held: host::model::Exchange,
    ended: bool,
}

impl Iterator for Exchange {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.held.next().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}
