//! `model`: the agent's model endpoints, for its engine.

use crate::domain::Digest;
use crate::engine::bindings::v0_1::model::{self, Error, Host, HostEndpoint, HostExchange};
use crate::engine::dispatcher::{HostCall, Scope};
use crate::engine::models::{self, Event, Exchange, ModelFailure, TurnModel};
use crate::engine::state::CallState;
use crate::engine::stop::Stop;
use serde::Serialize;
use std::sync::Arc;
use wasmtime::component::Resource;

/// The guest's handle of an endpoint: its place among the turn's models.
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub struct EndpointHandle(usize);

/// The guest's handle of an answer.
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub struct ExchangeHandle(Exchange);

#[derive(Serialize)]
struct Endpoints;

impl HostCall for Endpoints {
    type Answer = usize;
    const NAME: &'static str = "model.endpoints";

    async fn answer(self, scope: &mut Scope) -> Result<usize, Stop> {
        Ok(scope.session.models.len())
    }
}

/// A question about an endpoint that is answered from the bundle.
#[derive(Serialize)]
struct Ask<F> {
    place: usize,
    what: &'static str,
    #[serde(skip)]
    field: F,
}

impl<T: Send + Serialize, F: Send + FnOnce(&TurnModel) -> T> HostCall for Ask<F> {
    type Answer = T;
    const NAME: &'static str = "model.endpoint.get";

    async fn answer(self, scope: &mut Scope) -> Result<T, Stop> {
        Ok((self.field)(at(scope, self.place)?))
    }
}

fn at(scope: &Scope, place: usize) -> Result<&TurnModel, Stop> {
    let found = scope.session.models.get(place);
    found.ok_or_else(|| Stop::Misuse("the endpoint is not of this turn".to_owned()))
}

/// A spent budget is in the engine's receipt, too.
fn noted<T>(scope: &Scope, answer: Result<T, ModelFailure>) -> Result<T, ModelFailure> {
    if let Err(ModelFailure::OverBudget(limit, _)) = &answer {
        scope.log.met(*limit);
    }
    answer
}

#[derive(Serialize)]
struct Open {
    place: usize,
    body: String,
}

impl HostCall for Open {
    type Answer = Result<Exchange, ModelFailure>;
    const NAME: &'static str = "model.endpoint.open";

    async fn answer(self, scope: &mut Scope) -> Result<Self::Answer, Stop> {
        let session = Arc::clone(&scope.session);
        let model = at(scope, self.place)?;
        let digest = Digest::of(self.body.as_bytes());
        tracing::debug!(model = %model.model.model, body = %digest, bytes = self.body.len(), "asking a model");
        let opened = models::open(&session, model, self.body).await;
        Ok(noted(scope, opened))
    }
}

#[derive(Serialize)]
struct Next<'a>(&'a mut Exchange);

impl HostCall for Next<'_> {
    type Answer = Result<Option<Event>, ModelFailure>;
    const NAME: &'static str = "model.exchange.next";
    /// A long answer has many events; `limits.model_answer_bytes` bounds them.
    const COUNTED: bool = false;

    async fn answer(self, scope: &mut Scope) -> Result<Self::Answer, Stop> {
        Ok(noted(scope, self.0.next().await))
    }
}

type Endpoint = Resource<EndpointHandle>;
type Answer = Resource<ExchangeHandle>;

impl CallState {
    async fn ask_endpoint<T: Send + Serialize>(
        &mut self,
        endpoint: &Endpoint,
        what: &'static str,
        field: impl FnOnce(&TurnModel) -> T + Send,
    ) -> wasmtime::Result<T> {
        let place = self.table.get(endpoint)?.0;
        self.scope.call(Ask { place, what, field }).await
    }
}

impl Host for CallState {
    async fn endpoints(&mut self) -> wasmtime::Result<Vec<Endpoint>> {
        let count = self.scope.call(Endpoints).await?;
        let handles = (0..count).map(|place| Ok(self.table.push(EndpointHandle(place))?));
        handles.collect()
    }
}

impl HostEndpoint for CallState {
    async fn api(&mut self, endpoint: Endpoint) -> wasmtime::Result<String> {
        self.ask_endpoint(&endpoint, "api", |it| it.model.api.to_string())
            .await
    }

    async fn model(&mut self, endpoint: Endpoint) -> wasmtime::Result<String> {
        self.ask_endpoint(&endpoint, "model", |it| it.model.model.to_string())
            .await
    }

    async fn parameters(&mut self, endpoint: Endpoint) -> wasmtime::Result<String> {
        let parameters =
            self.ask_endpoint(&endpoint, "parameters", |it| it.model.parameters.clone());
        Ok(serde_json::Value::Object(parameters.await?).to_string())
    }

    async fn context_tokens(&mut self, endpoint: Endpoint) -> wasmtime::Result<Option<u32>> {
        self.ask_endpoint(&endpoint, "context-tokens", |it| it.model.context_tokens)
            .await
    }

    async fn open(
        &mut self,
        endpoint: Endpoint,
        body: String,
    ) -> wasmtime::Result<Result<Answer, Error>> {
        let place = self.table.get(&endpoint)?.0;
        match self.scope.call(Open { place, body }).await? {
            Ok(exchange) => Ok(Ok(self.table.push(ExchangeHandle(exchange))?)),
            Err(failure) => Ok(Err(failure.into())),
        }
    }

    async fn drop(&mut self, endpoint: Endpoint) -> wasmtime::Result<()> {
        self.table.delete(endpoint)?;
        Ok(())
    }
}

impl HostExchange for CallState {
    async fn next(
        &mut self,
        answer: Answer,
    ) -> wasmtime::Result<Result<Option<model::Event>, Error>> {
        let exchange = &mut self.table.get_mut(&answer)?.0;
        let next = self.scope.call(Next(exchange)).await?;
        Ok(match next {
            Ok(event) => Ok(event.map(Into::into)),
            Err(failure) => Err(failure.into()),
        })
    }

    async fn drop(&mut self, answer: Answer) -> wasmtime::Result<()> {
        self.table.delete(answer)?;
        Ok(())
    }
}

impl From<Event> for model::Event {
    fn from(event: Event) -> Self {
        let Event { name, data } = event;
        Self { name, data }
    }
}

impl From<ModelFailure> for Error {
    fn from(failure: ModelFailure) -> Self {
        match failure {
            ModelFailure::NotConfigured(text) => Self::NotConfigured(text),
            ModelFailure::OverBudget(_, text) => Self::OverBudget(text),
            ModelFailure::Status(status) => Self::Status(model::Status {
                code: status.code,
                retry_after_milliseconds: status.retry_after_ms,
                body: status.body,
            }),
            ModelFailure::Unreachable(text) => Self::Unreachable(text),
            ModelFailure::Interrupted(text) => Self::Interrupted(text),
            ModelFailure::Other(text) => Self::Other(text),
        }
    }
}
