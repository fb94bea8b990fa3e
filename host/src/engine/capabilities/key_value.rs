//! `key-value`: small durable state of a skill or engine.

use crate::domain::json::base64_bytes;
use crate::domain::{KvEntry, KvError, KvPage, KvScope, LimitName};
use crate::engine::LookupError;
use crate::engine::bindings::v0_1::key_value::{Entry, Error, Host, Page, Scope as GuestScope};
use crate::engine::dispatcher::{HostCall, Scope};
use crate::engine::kv_overlay::PAGE;
use crate::engine::state::CallState;
use crate::engine::stop::Stop;
use serde::Serialize;

/// Why an operation did not happen; the guest is told.
#[derive(Serialize)]
enum Refusal {
    Denied,
    Kv(KvError),
    Refused(&'static str),
    Unavailable(String),
}

type Answer<T> = Result<T, Refusal>;

/// The answer of the control plane, as the guest gets it.
fn looked_up<T>(scope: &Scope, answer: Result<T, LookupError>) -> Result<Answer<T>, Stop> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(error) => Ok(Err(Refusal::Unavailable(scope.lookup_failed(error)?))),
    }
}

/// Like [`looked_up`], for operations the other side may refuse.
fn decided<T>(
    scope: &Scope,
    answer: Result<Result<T, KvError>, LookupError>,
) -> Result<Answer<T>, Stop> {
    Ok(looked_up(scope, answer)?.and_then(|decision| decision.map_err(Refusal::Kv)))
}

fn allowed(scope: &Scope, kv_scope: KvScope) -> Answer<()> {
    if scope.grants.allows(kv_scope) {
        return Ok(());
    }
    let what = match kv_scope {
        KvScope::Agent => "key-value in the agent's scope",
        KvScope::Conversation => "key-value in the conversation's scope",
    };
    scope.denied(what, &scope.grants.line_to_allow(kv_scope));
    Err(Refusal::Denied)
}

fn key_fits(scope: &Scope, key: &str) -> Answer<()> {
    let limits = scope.limits();
    let most = usize::try_from(limits.kv_key_bytes).unwrap_or(usize::MAX);
    if key.is_empty() || key.len() > most {
        scope.refuse(LimitName::KvKeyBytes);
        return Err(Refusal::Kv(KvError::TooLarge(format!(
            "a key has 1 to {} bytes (kv_key_bytes), not {}",
            limits.kv_key_bytes,
            key.len()
        ))));
    }
    if key.contains('\0') {
        return Err(Refusal::Refused("a key must not have a NUL character"));
    }
    Ok(())
}

fn value_fits(scope: &Scope, value: &[u8]) -> Answer<()> {
    let limits = scope.limits();
    let size = u64::try_from(value.len()).unwrap_or(u64::MAX);
    if size > limits.kv_value_bytes {
        scope.refuse(LimitName::KvValueBytes);
        return Err(Refusal::Kv(KvError::TooLarge(format!(
            "a value has at most {} bytes (kv_value_bytes), not {size}",
            limits.kv_value_bytes
        ))));
    }
    Ok(())
}

/// Go on with an answer's value, or answer with its refusal.
macro_rules! or_refuse {
    ($answer:expr) => {
        match $answer {
            Ok(value) => value,
            Err(refusal) => return Ok(Err(refusal)),
        }
    };
}

#[derive(Serialize)]
struct Get {
    scope: KvScope,
    key: String,
}

impl HostCall for Get {
    type Answer = Answer<Option<KvEntry>>;
    const NAME: &'static str = "key-value.get";

    async fn answer(self, scope: &mut Scope) -> Result<Self::Answer, Stop> {
        or_refuse!(allowed(scope, self.scope));
        or_refuse!(key_fits(scope, &self.key));
        let lookups = scope.session.lookups.as_ref();
        let found = match self.scope {
            KvScope::Agent => {
                lookups
                    .kv_get(&scope.owner, KvScope::Agent, &self.key)
                    .await
            }
            KvScope::Conversation => {
                let overlay = scope.session.kv.lock().await;
                overlay.get(lookups, &scope.owner, &self.key).await
            }
        };
        looked_up(scope, found)
    }
}

#[derive(Serialize)]
struct Set {
    scope: KvScope,
    key: String,
    #[serde(with = "base64_bytes")]
    value: Vec<u8>,
    if_version: Option<u64>,
}

impl HostCall for Set {
    type Answer = Answer<u64>;
    const NAME: &'static str = "key-value.set";

    async fn answer(self, scope: &mut Scope) -> Result<Self::Answer, Stop> {
        or_refuse!(allowed(scope, self.scope));
        or_refuse!(key_fits(scope, &self.key));
        or_refuse!(value_fits(scope, &self.value));
        let call = scope.next_write(
            &self
                .if_version
                .map_or("set".to_owned(), |version| format!("set over {version}")),
            &self.key,
            &self.value,
        );
        let lookups = scope.session.lookups.as_ref();
        let Self {
            key,
            value,
            if_version,
            ..
        } = self;
        let answer = match self.scope {
            KvScope::Agent => {
                let answer = lookups
                    .kv_set(&scope.owner, &key, value, if_version, &call)
                    .await;
                // The sizes were checked here: all that the other side bounds is the number of keys.
                if let Ok(Err(KvError::TooLarge(_))) = &answer {
                    scope.refuse(LimitName::KvKeys);
                }
                answer
            }
            KvScope::Conversation => {
                let mut overlay = scope.session.kv.lock().await;
                let answer = overlay
                    .set(
                        lookups,
                        scope.limits(),
                        &scope.owner,
                        key,
                        value,
                        if_version,
                    )
                    .await;
                if let Some(limit) = overlay.take_over() {
                    scope.refuse(limit);
                }
                answer
            }
        };
        decided(scope, answer)
    }
}

#[derive(Serialize)]
struct Delete {
    scope: KvScope,
    key: String,
}

impl HostCall for Delete {
    type Answer = Answer<()>;
    const NAME: &'static str = "key-value.delete";

    async fn answer(self, scope: &mut Scope) -> Result<Self::Answer, Stop> {
        or_refuse!(allowed(scope, self.scope));
        or_refuse!(key_fits(scope, &self.key));
        let call = scope.next_write("delete", &self.key, &[]);
        let lookups = scope.session.lookups.as_ref();
        let answer = match self.scope {
            KvScope::Agent => lookups.kv_delete(&scope.owner, &self.key, &call).await,
            KvScope::Conversation => {
                let mut overlay = scope.session.kv.lock().await;
                let answer = overlay
                    .delete(lookups, scope.limits(), &scope.owner, self.key)
                    .await;
                if let Some(limit) = overlay.take_over() {
                    scope.refuse(limit);
                }
                answer
            }
        };
        decided(scope, answer)
    }
}

#[derive(Serialize)]
struct ListKeys {
    scope: KvScope,
    prefix: String,
    after: Option<String>,
}

impl HostCall for ListKeys {
    type Answer = Answer<KvPage>;
    const NAME: &'static str = "key-value.list-keys";

    async fn answer(self, scope: &mut Scope) -> Result<Self::Answer, Stop> {
        or_refuse!(allowed(scope, self.scope));
        if !self.prefix.is_empty() {
            or_refuse!(key_fits(scope, &self.prefix));
        }
        if let Some(after) = &self.after {
            or_refuse!(key_fits(scope, after));
        }
        let lookups = scope.session.lookups.as_ref();
        let after = self.after.as_deref();
        let page = match self.scope {
            KvScope::Agent => {
                lookups
                    .kv_list(&scope.owner, KvScope::Agent, &self.prefix, after, PAGE)
                    .await
            }
            KvScope::Conversation => {
                let mut overlay = scope.session.kv.lock().await;
                overlay
                    .list(lookups, scope.limits(), &scope.owner, &self.prefix, after)
                    .await
            }
        };
        looked_up(scope, page)
    }
}

impl From<GuestScope> for KvScope {
    fn from(scope: GuestScope) -> Self {
        match scope {
            GuestScope::Agent => Self::Agent,
            GuestScope::Conversation => Self::Conversation,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied => Self::AccessDenied,
            Refusal::Kv(KvError::Conflict(version)) => Self::Conflict(version),
            Refusal::Kv(KvError::TooLarge(text)) => Self::TooLarge(text),
            Refusal::Refused(text) => Self::Other(text.to_owned()),
            Refusal::Unavailable(text) => Self::Other(text),
        }
    }
}

impl Host for CallState {
    async fn get(
        &mut self,
        scope: GuestScope,
        key: String,
    ) -> wasmtime::Result<Result<Option<Entry>, Error>> {
        let scope = scope.into();
        let found = self.scope.call(Get { scope, key }).await?;
        let entry = |entry: KvEntry| Entry {
            value: entry.value,
            version: entry.version,
        };
        Ok(found.map(|found| found.map(entry)).map_err(Into::into))
    }

    async fn set(
        &mut self,
        scope: GuestScope,
        key: String,
        value: Vec<u8>,
        if_version: Option<u64>,
    ) -> wasmtime::Result<Result<u64, Error>> {
        let scope = scope.into();
        let call = Set {
            scope,
            key,
            value,
            if_version,
        };
        Ok(self.scope.call(call).await?.map_err(Into::into))
    }

    async fn delete(
        &mut self,
        scope: GuestScope,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        let scope = scope.into();
        let answer = self.scope.call(Delete { scope, key }).await?;
        Ok(answer.map_err(Into::into))
    }

    async fn list_keys(
        &mut self,
        scope: GuestScope,
        prefix: String,
        cursor: Option<String>,
    ) -> wasmtime::Result<Result<Page, Error>> {
        let scope = scope.into();
        let call = ListKeys {
            scope,
            prefix,
            after: cursor,
        };
        let page = |page: KvPage| Page {
            keys: page.keys,
            cursor: page.cursor,
        };
        Ok(self.scope.call(call).await?.map(page).map_err(Into::into))
    }
}
