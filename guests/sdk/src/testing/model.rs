//! Models that answer as a test wrote down.

use super::state;
use crate::model::{Error, Event};
use serde_json::{Map, Value};
use std::collections::VecDeque;

/// What a request is answered with: events, then perhaps how they break off.
#[derive(Clone, Debug)]
struct Answer {
    events: VecDeque<Event>,
    broken: Option<Error>,
}

/// A model with its answers, one a request, in this order.
#[derive(Clone, Debug)]
pub struct FakeModel {
    api: String,
    model: String,
    parameters: Map<String, Value>,
    context_tokens: Option<u32>,
    answers: VecDeque<Result<Answer, Error>>,
}

impl FakeModel {
    /// A model that speaks this wire format, without any answer yet.
    #[must_use]
    pub fn new(api: &str, model: &str) -> Self {
        Self {
            api: api.to_owned(),
            model: model.to_owned(),
            parameters: Map::new(),
            context_tokens: None,
            answers: VecDeque::new(),
        }
    }

    /// A parameter of the agent's profile.
    #[must_use]
    pub fn with_parameter(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// A known context window.
    #[must_use]
    pub fn with_context_tokens(mut self, tokens: u32) -> Self {
        self.context_tokens = Some(tokens);
        self
    }

    /// The next answer: events without names, with these data.
    #[must_use]
    pub fn with_answer<T: Into<String>>(self, datas: impl IntoIterator<Item = T>) -> Self {
        self.answer(datas, None)
    }

    /// The next answer, which breaks off behind these data.
    #[must_use]
    pub fn with_broken_answer<T: Into<String>>(
        self,
        datas: impl IntoIterator<Item = T>,
        error: Error,
    ) -> Self {
        self.answer(datas, Some(error))
    }

    /// No answer to the next request.
    #[must_use]
    pub fn with_failure(mut self, error: Error) -> Self {
        self.answers.push_back(Err(error));
        self
    }

    fn answer<T: Into<String>>(
        mut self,
        datas: impl IntoIterator<Item = T>,
        broken: Option<Error>,
    ) -> Self {
        let events = datas.into_iter().map(|data| Event {
            name: None,
            data: data.into(),
        });
        let events = events.collect();
        self.answers.push_back(Ok(Answer { events, broken }));
        self
    }
}

/// The `model` interface in memory, with the names and signatures of the generated bindings.
pub(crate) mod interface {
    use super::{Answer, Error, Event, FakeModel, Value, state};

    /// A place among the test's models.
    #[derive(Debug)]
    pub(crate) struct Endpoint(usize);

    #[derive(Debug)]
    pub(crate) struct Exchange(std::cell::RefCell<Answer>);

    pub(crate) fn endpoints() -> Vec<Endpoint> {
        state::with(|state| (0..state.models.len()).map(Endpoint).collect())
    }

    impl Endpoint {
        fn with<R>(&self, work: impl FnOnce(&mut FakeModel) -> R) -> Option<R> {
            state::with(|state| state.models.get_mut(self.0).map(work))
        }

        pub(crate) fn api(&self) -> String {
            self.with(|model| model.api.clone()).unwrap_or_default()
        }

        pub(crate) fn model(&self) -> String {
            self.with(|model| model.model.clone()).unwrap_or_default()
        }

        pub(crate) fn parameters(&self) -> String {
            let parameters = self.with(|model| model.parameters.clone());
            Value::Object(parameters.unwrap_or_default()).to_string()
        }

        pub(crate) fn context_tokens(&self) -> Option<u32> {
            self.with(|model| model.context_tokens).flatten()
        }

        pub(crate) fn open(&self, body: &str) -> Result<Exchange, Error> {
            let written = serde_json::from_str(body).unwrap_or_else(|_| Value::from(body));
            state::with(|state| state.model_requests.push(written));
            let none = || Error::Other("the test gave no further answer".to_owned());
            let next = self.with(|model| model.answers.pop_front()).flatten();
            let answer = next.ok_or_else(none)??;
            Ok(Exchange(answer.into()))
        }
    }

    impl Exchange {
        pub(crate) fn next(&self) -> Result<Option<Event>, Error> {
            let mut answer = self.0.borrow_mut();
            match answer.events.pop_front() {
                Some(event) => Ok(Some(event)),
                None => answer.broken.take().map_or(Ok(None), Err),
            }
        }
    }
}
