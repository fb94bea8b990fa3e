//! The rules of one skill, and whether a request meets them.

use super::{
    CredentialError, CredentialName, HostPattern, HttpCredential, HttpMethod, PathPrefix, Target,
};
use crate::domain::SecretRef;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The most rules of each kind of one skill.
const RULES_MAX: usize = 64;
/// The most methods of one rule.
const METHODS_MAX: usize = 16;
/// The most credentials of one skill.
const CREDENTIALS_MAX: usize = 16;
/// The port of a rule that names none.
const HTTPS: u16 = 443;

/// Requests that may be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpAllow {
    /// To whom.
    pub host: HostPattern,
    /// Doing what.
    pub methods: Vec<HttpMethod>,
    /// Below which path.
    #[serde(default)]
    pub path: PathPrefix,
    /// At which port.
    #[serde(default = "https")]
    pub port: u16,
    /// What the host adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialName>,
}

/// Requests that may not be made, whatever is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpDeny {
    /// To whom.
    pub host: HostPattern,
    /// Doing what; none: anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<HttpMethod>,
    /// Below which path.
    #[serde(default)]
    pub path: PathPrefix,
    /// At which port; none: at any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

const fn https() -> u16 {
    HTTPS
}

/// Which requests a skill may make. None, unless a rule allows it and no rule denies it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct HttpRules {
    allow: Vec<HttpAllow>,
    deny: Vec<HttpDeny>,
    credentials: BTreeMap<CredentialName, HttpCredential>,
}

/// As rules are stored.
#[derive(Clone, Serialize, Deserialize)]
struct Written {
    #[serde(default)]
    allow: Vec<HttpAllow>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deny: Vec<HttpDeny>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    credentials: BTreeMap<CredentialName, HttpCredential>,
}

/// A rule would carry a credential where it does not belong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a rule for {host}{path} names the credential {name}, which is for {bound_host}{bound_path} only; make the rule \
     narrower or [credentials.{name}] wider"
)]
pub struct OutsideError {
    /// The rule's host.
    pub host: HostPattern,
    /// The rule's path.
    pub path: PathPrefix,
    /// The credential.
    pub name: CredentialName,
    /// Its host.
    pub bound_host: HostPattern,
    /// Its path.
    pub bound_path: PathPrefix,
}

/// Rules that make no sense together; says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpRulesError {
    /// Too many of something.
    #[error("there are {count} {what}; at most {max} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// The bound.
        max: usize,
    },
    /// A rule that allows nothing.
    #[error(
        "a rule of [[http.allow]] for {0} names no method; write methods = [\"GET\"], or what it needs"
    )]
    NoMethod(HostPattern),
    /// No port.
    #[error("the port of a rule for {0} is 0; write 1 to 65535, or leave it out for 443")]
    Port(HostPattern),
    /// A rule names what is not there.
    #[error("a rule for {host} names the credential {name}; declare it as [credentials.{name}]")]
    NoCredential {
        /// Whose rule.
        host: HostPattern,
        /// What it names.
        name: CredentialName,
    },
    /// A rule would carry a credential where it does not belong.
    #[error(transparent)]
    Outside(Box<OutsideError>),
    /// Nothing would carry it.
    #[error(
        "no rule of [[http.allow]] uses the credential {0}; add credential = \"{0}\" to one, or remove it"
    )]
    Unused(CredentialName),
    /// A credential that cannot be.
    #[error("[credentials.{name}]: {source}")]
    Credential {
        /// Which.
        name: CredentialName,
        /// Why not.
        source: CredentialError,
    },
}

/// Why a request may not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpDenial {
    /// No rule allows it; these lines of `config/capabilities.toml` would.
    NotAllowed(String),
    /// This rule of `config/capabilities.toml` denies it.
    Denied(String),
}

impl HttpRules {
    /// These rules.
    ///
    /// # Errors
    /// What makes no sense, or is beyond its bound, and what to change.
    pub fn new(
        allow: Vec<HttpAllow>,
        deny: Vec<HttpDeny>,
        credentials: BTreeMap<CredentialName, HttpCredential>,
    ) -> Result<Self, HttpRulesError> {
        within("rules of [[http.allow]]", allow.len(), RULES_MAX)?;
        within("rules of [[http.deny]]", deny.len(), RULES_MAX)?;
        within("credentials", credentials.len(), CREDENTIALS_MAX)?;
        for rule in &allow {
            check(rule, &credentials)?;
        }
        for rule in &deny {
            within("methods in a rule", rule.methods.len(), METHODS_MAX)?;
            if rule.port == Some(0) {
                return Err(HttpRulesError::Port(rule.host.clone()));
            }
        }
        for (name, credential) in &credentials {
            if !allow
                .iter()
                .any(|rule| rule.credential.as_ref() == Some(name))
            {
                return Err(HttpRulesError::Unused(name.clone()));
            }
            credential
                .way
                .checked()
                .map_err(|source| HttpRulesError::Credential {
                    name: name.clone(),
                    source,
                })?;
        }
        Ok(Self {
            allow,
            deny,
            credentials,
        })
    }

    /// Whether nothing is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty()
    }

    /// What is allowed, in the order of the file.
    #[must_use]
    pub fn allowed(&self) -> &[HttpAllow] {
        &self.allow
    }

    /// What is denied, in the order of the file.
    #[must_use]
    pub fn denied(&self) -> &[HttpDeny] {
        &self.deny
    }

    /// What the host adds.
    #[must_use]
    pub const fn credentials(&self) -> &BTreeMap<CredentialName, HttpCredential> {
        &self.credentials
    }

    /// The secrets that are to be added to requests.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        self.credentials
            .values()
            .map(|credential| &credential.secret)
    }

    /// Whether `method` may be done to `target`, and what the host adds: what the first rule that allows it names.
    ///
    /// # Errors
    /// Why it may not.
    pub fn decide(
        &self,
        method: &str,
        target: &Target,
    ) -> Result<Option<(&CredentialName, &HttpCredential)>, HttpDenial> {
        let readings = target.readings();
        let denied = self.deny.iter().find(|rule| {
            let method_too = rule.methods.is_empty() || names(&rule.methods, method);
            method_too
                && rule.host.matches(target.host())
                && rule.port.is_none_or(|port| port == target.port())
                && rule.path.touches(readings)
        });
        if let Some(rule) = denied {
            return Err(HttpDenial::Denied(rule.lines()));
        }
        let allowed = self.allow.iter().find(|rule| {
            names(&rule.methods, method)
                && rule.host.matches(target.host())
                && rule.port == target.port()
                && rule.path.allows(readings)
        });
        let Some(rule) = allowed else {
            return Err(HttpDenial::NotAllowed(lines_to_allow(method, target)));
        };
        let Some(name) = &rule.credential else {
            return Ok(None);
        };
        let credential = self.credentials.get(name);
        // The rules were checked when they were made; a credential never goes where it does not belong all the same.
        match credential.filter(|credential| credential.is_for(target)) {
            Some(credential) => Ok(Some((name, credential))),
            None => Err(HttpDenial::NotAllowed(lines_to_allow(method, target))),
        }
    }
}

fn within(what: &'static str, count: usize, max: usize) -> Result<(), HttpRulesError> {
    if count > max {
        return Err(HttpRulesError::TooMany { what, count, max });
    }
    Ok(())
}

fn check(
    rule: &HttpAllow,
    credentials: &BTreeMap<CredentialName, HttpCredential>,
) -> Result<(), HttpRulesError> {
    let host = || rule.host.clone();
    within("methods in a rule", rule.methods.len(), METHODS_MAX)?;
    if rule.methods.is_empty() {
        return Err(HttpRulesError::NoMethod(host()));
    }
    if rule.port == 0 {
        return Err(HttpRulesError::Port(host()));
    }
    let Some(name) = &rule.credential else {
        return Ok(());
    };
    let Some(credential) = credentials.get(name) else {
        return Err(HttpRulesError::NoCredential {
            host: host(),
            name: name.clone(),
        });
    };
    if credential.host.covers(&rule.host) && credential.path.covers(&rule.path) {
        return Ok(());
    }
    Err(HttpRulesError::Outside(Box::new(OutsideError {
        host: host(),
        path: rule.path.clone(),
        name: name.clone(),
        bound_host: credential.host.clone(),
        bound_path: credential.path.clone(),
    })))
}

fn names(methods: &[HttpMethod], method: &str) -> bool {
    methods.iter().any(|one| one.as_str() == method)
}

/// The rule that would allow a request and no more than it, as far as a rule can say it.
fn lines_to_allow(method: &str, target: &Target) -> String {
    let mut lines = format!(
        "[[http.allow]]\nhost = {:?}\nmethods = [{method:?}]",
        target.host()
    );
    // The longest beginning of the path that a rule can say.
    let mut path = target.path();
    while path.parse::<PathPrefix>().is_err() {
        path = path
            .rfind('/')
            .and_then(|end| path.get(..end))
            .unwrap_or("/");
        if path.is_empty() {
            path = "/";
        }
    }
    if path != "/" {
        lines.push_str(&format!("\npath = {path:?}"));
    }
    if target.port() != HTTPS {
        lines.push_str(&format!("\nport = {}", target.port()));
    }
    lines
}

impl HttpDeny {
    /// As the file has it.
    fn lines(&self) -> String {
        let mut lines = format!("[[http.deny]]\nhost = \"{}\"", self.host);
        // Writing to a String cannot fail.
        if !self.methods.is_empty() {
            let methods: Vec<String> = self.methods.iter().map(|m| format!("\"{m}\"")).collect();
            write!(lines, "\nmethods = [{}]", methods.join(", ")).ok();
        }
        write!(lines, "\npath = \"{}\"", self.path).ok();
        if let Some(port) = self.port {
            write!(lines, "\nport = {port}").ok();
        }
        lines
    }
}

impl TryFrom<Written> for HttpRules {
    type Error = HttpRulesError;

    fn try_from(written: Written) -> Result<Self, HttpRulesError> {
        Self::new(written.allow, written.deny, written.credentials)
    }
}

impl From<HttpRules> for Written {
    fn from(rules: HttpRules) -> Self {
        let HttpRules {
            allow,
            deny,
            credentials,
        } = rules;
        Self {
            allow,
            deny,
            credentials,
        }
    }
}

#[cfg(test)]
mod tests;
