//! The one place that all calls of the host's own capabilities in a turn go through. WASI is apart:
//! what it gives a guest is set when its store is made (`state`).
//!
//! A capability is a [`HostCall`]: a value with what the guest asked, and an answer in domain types.
//! The files of `capabilities` translate between the guest's types and these, and call
//! [`Scope::call`]; so counting is done once, and a recording of a turn has one place to be made.

use super::capabilities::BlobBudget;
use super::http::HttpMeter;
use super::log::CallLog;
use super::meter::CpuMeter;
use super::recorder::Tape;
use super::session::Session;
use super::stop::Stop;
use super::{Grants, LookupError};
use crate::config::Limits;
use crate::domain::{Digest, KvOwner, LimitExceeded, LimitName, SecretRef, SecretValue};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something a guest asks of the host.
///
/// It serializes to what the guest asked, for whoever is told ([`Recorder`](super::Recorder)).
pub(super) trait HostCall: Send + Serialize {
    /// What the guest gets, in domain types.
    type Answer: Send + Serialize;

    /// As records and traces name it: `interface.function`.
    const NAME: &'static str;

    /// Whether it counts for `limits.host_calls`. What has a bound of its own does not.
    const COUNTED: bool = true;

    /// Do it.
    fn answer(self, scope: &mut Scope) -> impl Future<Output = Result<Self::Answer, Stop>> + Send;
}

/// What one call of one component may reach, and how much of it is spent.
pub(super) struct Scope {
    /// The turn it is part of.
    pub(super) session: Arc<Session>,
    /// What it may take.
    pub(super) limits: Arc<Limits>,
    /// Whose keys.
    pub(super) owner: KvOwner,
    /// What it may touch.
    pub(super) grants: Grants,
    /// What it asks for must be granted again.
    withheld: bool,
    /// Its settings.
    pub(super) config: BTreeMap<String, String>,
    /// The values of the secrets that its credentials name. No guest sees one.
    pub(super) secrets: BTreeMap<SecretRef, SecretValue>,
    /// What its requests take.
    pub(super) http: HttpMeter,
    /// Its log.
    pub(super) log: CallLog,
    /// Told of all the call is told.
    pub(super) tape: Tape,
    /// Its processor time; none where nobody measures it.
    pub(super) cpu: Option<CpuMeter>,
    /// What its blobs take.
    pub(super) blobs: BlobBudget,
    /// Names the call: the same for every attempt.
    id: String,
    host_calls: u32,
    writes: u64,
}

impl Scope {
    pub(super) fn new(
        session: Arc<Session>,
        limits: Arc<Limits>,
        id: String,
        owner: KvOwner,
        grants: Grants,
        config: BTreeMap<String, String>,
    ) -> Self {
        let http = HttpMeter::new(&limits);
        let log = CallLog::new(
            &limits,
            session.log_budget.clone(),
            session.redactor.clone(),
        );
        let tape = Tape::of(session.sources.as_ref(), &id);
        Self {
            session,
            limits,
            owner,
            grants,
            withheld: false,
            config,
            secrets: BTreeMap::new(),
            http,
            log,
            tape,
            cpu: None,
            blobs: BlobBudget::default(),
            id,
            host_calls: 0,
            writes: 0,
        }
    }

    /// Of a skill: with the values of the secrets that its credentials name, and whether what it asks for is withheld.
    pub(super) fn of_skill(
        mut self,
        secrets: BTreeMap<SecretRef, SecretValue>,
        withheld: bool,
    ) -> Self {
        self.secrets = secrets;
        self.withheld = withheld;
        self
    }

    /// Count a host call and answer it.
    pub(super) async fn call<C: HostCall>(&mut self, call: C) -> wasmtime::Result<C::Answer> {
        tracing::trace!(call = C::NAME, "host call");
        let request = self.tape.request(&call);
        self.host_calls = self.host_calls.saturating_add(u32::from(C::COUNTED));
        let answer = if self.host_calls > self.limits().host_calls {
            self.host_calls = self.limits().host_calls;
            Err(Stop::over(&self.limits, LimitName::HostCalls))
        } else {
            call.answer(self).await
        };
        self.tape.answer(C::NAME, request, &answer);
        Ok(answer?)
    }

    /// How often the guest called.
    pub(super) const fn host_calls(&self) -> u32 {
        self.host_calls
    }

    /// The limits of the call.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Something that was asked for is over a limit, and the call goes on: noted in the receipt.
    pub(super) fn refuse(&self, limit: LimitName) -> LimitExceeded {
        let exceeded = LimitExceeded {
            limit,
            value: self.limits.get(limit),
        };
        self.log.met(exceeded);
        exceeded
    }

    /// The name of the next write that takes effect at once. The same for the same write at the same
    /// place of a repeated call, so that the other side can drop the repeat; a repeated call that
    /// writes something else has another name for it.
    pub(super) fn next_write(&mut self, what: &str, key: &str, value: &[u8]) -> String {
        self.writes = self.writes.saturating_add(1);
        let number = self.writes.to_string();
        let value = Digest::of(value).to_string();
        Digest::of_texts([self.id.as_str(), &number, what, key, &value]).to_string()
    }

    /// What a failed lookup means for the guest: the end of the turn, or a text it is told.
    pub(super) fn lookup_failed(&self, error: LookupError) -> Result<String, Stop> {
        match error {
            LookupError::LeaseLost => Err(self.session.lose_lease()),
            LookupError::Unavailable(why) => {
                let text = LookupError::Unavailable(why).to_string();
                self.log.line("warn", &text);
                Ok(text)
            }
        }
    }

    /// Tell the author, in the receipt, which line is missing.
    pub(super) fn denied(&self, what: &str, line: &str) {
        let text = match &self.owner.0 {
            Some(skill) if self.withheld => format!(
                "{what} is not granted: the skill {skill} changed since it was granted, and must be granted again: \
                 agent-factory skill grant {skill}"
            ),
            Some(_) => format!(
                "{what} is not granted; to ask for it, add to config/capabilities.toml: {line}"
            ),
            // An engine has all of the agent's state.
            None => format!("{what} is not for an engine, which reaches models by the host"),
        };
        self.log.line("warn", &text);
    }
}
