//! `config`: the settings of a skill or engine.

use crate::domain::CredentialName;
use crate::engine::bindings::v0_1::config::Host;
use crate::engine::dispatcher::{HostCall, Scope};
use crate::engine::state::CallState;
use crate::engine::stop::Stop;
use serde::Serialize;

#[derive(Serialize)]
struct Get {
    key: String,
}

impl HostCall for Get {
    type Answer = Option<String>;
    const NAME: &'static str = "config.get";

    async fn answer(self, scope: &mut Scope) -> Result<Self::Answer, Stop> {
        Ok(scope.config.get(&self.key).cloned())
    }
}

#[derive(Serialize)]
struct HasCredential {
    name: String,
}

impl HostCall for HasCredential {
    type Answer = bool;
    const NAME: &'static str = "config.has-credential";

    async fn answer(self, scope: &mut Scope) -> Result<bool, Stop> {
        let declared: Option<CredentialName> = self.name.parse().ok();
        let credential = declared.and_then(|name| scope.grants.http.credentials().get(&name));
        Ok(credential.is_some_and(|credential| scope.secrets.contains_key(&credential.secret)))
    }
}

impl Host for CallState {
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        self.scope.call(Get { key }).await
    }

    async fn has_credential(&mut self, name: String) -> wasmtime::Result<bool> {
        self.scope.call(HasCredential { name }).await
    }
}
