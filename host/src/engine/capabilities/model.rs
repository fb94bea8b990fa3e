//! `model`: no agent has a model yet, so the list of endpoints is empty and nothing of the rest can
//! be reached.

use crate::engine::bindings::v0_1::model::{Error, Host, HostEndpoint, HostExchange};
use crate::engine::dispatcher::{HostCall, Scope};
use crate::engine::state::CallState;
use crate::engine::stop::Stop;
use wasmtime::component::Resource;

/// A model endpoint or exchange: there is none.
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub enum NoModel {}

struct Endpoints;

impl HostCall for Endpoints {
    type Answer = Vec<Resource<NoModel>>;
    const NAME: &'static str = "model.endpoints";

    async fn answer(self, _: &mut Scope) -> Result<Self::Answer, Stop> {
        Ok(Vec::new())
    }
}

fn none<T>() -> wasmtime::Result<T> {
    Err(Stop::Misuse("the agent has no model endpoint".to_owned()).into())
}

impl Host for CallState {
    async fn endpoints(&mut self) -> wasmtime::Result<Vec<Resource<NoModel>>> {
        self.scope.call(Endpoints).await
    }
}

impl HostEndpoint for CallState {
    async fn api(&mut self, _: Resource<NoModel>) -> wasmtime::Result<String> {
        none()
    }

    async fn model(&mut self, _: Resource<NoModel>) -> wasmtime::Result<String> {
        none()
    }

    async fn parameters(&mut self, _: Resource<NoModel>) -> wasmtime::Result<String> {
        none()
    }

    async fn context_tokens(&mut self, _: Resource<NoModel>) -> wasmtime::Result<Option<u32>> {
        none()
    }

    async fn open(
        &mut self,
        _: Resource<NoModel>,
        _: String,
    ) -> wasmtime::Result<Result<Resource<NoModel>, Error>> {
        none()
    }

    async fn drop(&mut self, _: Resource<NoModel>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl HostExchange for CallState {
    async fn next(
        &mut self,
        _: Resource<NoModel>,
    ) -> wasmtime::Result<Result<Option<String>, Error>> {
        none()
    }

    async fn drop(&mut self, _: Resource<NoModel>) -> wasmtime::Result<()> {
        Ok(())
    }
}
