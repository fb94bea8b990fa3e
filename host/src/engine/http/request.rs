//! What a guest wants to send, looked through before anything is added to it.

use super::credential::Added;
use crate::domain::{
    CredentialWay, HttpCredential, HttpDenial, HttpRules, SecretRef, SecretValue, Target,
    TargetError,
};
use crate::egress::Redactor;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use reqwest::{Method, Url};
use std::collections::BTreeMap;

/// Headers that a guest may not set: those of the connection and of the message's frame, and those by which some servers
/// do another method, to another path or host, than the request's first line says; and those that ask for a part of an answer,
/// since a secret that lies across two parts is seen in neither. Compared with `_` as `-`, as some
/// servers do.
const FORBIDDEN: [&str; 26] = [
    "connection",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "if-range",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-host",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-url",
    "x-override-url",
    "x-rewrite-url",
];

/// A request as a guest wants it, before anybody looked at it.
pub(in crate::engine) struct Asked {
    pub(in crate::engine) method: String,
    pub(in crate::engine) scheme: String,
    pub(in crate::engine) authority: String,
    pub(in crate::engine) path_with_query: String,
    pub(in crate::engine) headers: HeaderMap,
}

impl Asked {
    /// What its head counts for, bytes.
    pub(in crate::engine) fn bytes(&self) -> usize {
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len().saturating_add(value.len()));
        headers
            .chain([self.authority.len(), self.path_with_query.len()])
            .fold(self.method.len(), usize::saturating_add)
    }
}

/// A request that may be sent as soon as its body is there. Not shown: a query may hold a credential.
pub(in crate::engine) struct Wanted {
    pub(super) method: Method,
    pub(super) url: Url,
    /// Credential included.
    pub(super) headers: HeaderMap,
    /// What the guest said of the body's length.
    pub(super) length: Option<u64>,
}

impl std::fmt::Debug for Wanted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Wanted")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// Why a request is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Refusal {
    /// It may not be; says why, for the author.
    Denied(String),
    /// No rule allows it; the lines that would.
    NotGranted(String),
    /// A person must act; says what to do.
    NotConfigured(String),
}

impl From<TargetError> for Refusal {
    fn from(error: TargetError) -> Self {
        Self::Denied(error.to_string())
    }
}

/// Let the rules decide, look through what the guest made, and add the credential.
pub(in crate::engine) fn prepare(
    asked: Asked,
    rules: &HttpRules,
    secrets: &BTreeMap<SecretRef, SecretValue>,
    redactor: &Redactor,
) -> Result<Wanted, Refusal> {
    let target = Target::new(&asked.scheme, &asked.authority, &asked.path_with_query)?;
    let added = rules
        .decide(&asked.method, &target)
        .map_err(|denial| match denial {
            HttpDenial::NotAllowed(lines) => Refusal::NotGranted(lines),
            HttpDenial::Denied(rule) => Refusal::Denied(format!(
                "a rule of config/capabilities.toml forbids it:\n{rule}"
            )),
        })?;
    let method = Method::from_bytes(asked.method.as_bytes())
        .map_err(|_| Refusal::Denied("its method is none".to_owned()))?;
    check_headers(&asked.headers)?;
    let length = length(&asked.headers)?;
    if let Some((_, credential)) = added {
        check_room(credential, &asked.headers, target.url())?;
    }
    check_values(&asked.headers, &target, redactor)?;
    let mut headers = asked.headers;
    headers.remove(CONTENT_LENGTH);
    // Compressed, an answer cannot be looked through.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let mut url = target.into_url();
    if let Some((name, credential)) = added {
        Added::find(name, credential, secrets)?.add(&mut url, &mut headers)?;
    }
    Ok(Wanted {
        method,
        url,
        headers,
        length,
    })
}

fn check_headers(headers: &HeaderMap) -> Result<(), Refusal> {
    for name in headers.keys() {
        let plain = dashed(name);
        // The body's length is checked against the body, and the other is the host's to set.
        let framing = (plain == "content-length" && *name != CONTENT_LENGTH)
            || (plain == "accept-encoding" && *name != ACCEPT_ENCODING);
        if framing || *name == TRANSFER_ENCODING || FORBIDDEN.contains(&plain.as_str()) {
            return Err(Refusal::Denied(format!(
                "a skill cannot set the header {name}; leave it out"
            )));
        }
    }
    Ok(())
}

/// As servers read it that hand headers on as variables.
fn dashed(name: &HeaderName) -> String {
    name.as_str().replace('_', "-")
}

fn length(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let (first, second) = (values.next(), values.next());
    let Some(first) = first else {
        return Ok(None);
    };
    let digits = first
        .to_str()
        .ok()
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    match (digits.and_then(|digits| digits.parse().ok()), second) {
        (Some(length), None) => Ok(Some(length)),
        _ => Err(Refusal::Denied(
            "its content-length is not one number; leave it out".to_owned(),
        )),
    }
}

/// The place where the host puts the credential must be free.
fn check_room(credential: &HttpCredential, headers: &HeaderMap, url: &Url) -> Result<(), Refusal> {
    if let Some(fills) = credential.way.fills() {
        let fills = fills.replace('_', "-");
        if headers.keys().any(|name| dashed(name) == fills) {
            return Err(Refusal::Denied(format!(
                "the host sets the header {fills} of this request; leave it out"
            )));
        }
    }
    if let CredentialWay::Query { name } = &credential.way
        && url
            .query_pairs()
            .any(|(one, _)| one.eq_ignore_ascii_case(name))
    {
        return Err(Refusal::Denied(format!(
            "the host sets the parameter {name} of this request's query; leave it out"
        )));
    }
    Ok(())
}

/// A value that only the host should know, and that the guest has from somewhere, goes nowhere.
fn check_values(headers: &HeaderMap, target: &Target, redactor: &Redactor) -> Result<(), Refusal> {
    let in_headers = headers
        .iter()
        .any(|(name, value)| redactor.finds(value.as_bytes()) || redactor.finds(name.as_ref()));
    if in_headers || redactor.finds(target.url().as_str().as_bytes()) {
        return Err(secret_inside());
    }
    Ok(())
}

pub(super) fn secret_inside() -> Refusal {
    Refusal::Denied(
        "the value of a secret is in it; a skill declares a credential instead, and the host adds it"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests;
