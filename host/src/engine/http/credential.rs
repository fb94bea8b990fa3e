//! What the host adds to a request, after it has looked through what the guest made.

use super::request::Refusal;
use crate::domain::{
    CredentialName, CredentialWay, HttpCredential, HttpRules, SecretRef, SecretValue,
};
use crate::egress::Redactor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::collections::BTreeMap;

/// A credential with its value.
pub(in crate::engine) struct Added<'a> {
    credential: &'a HttpCredential,
    value: &'a SecretValue,
}

impl<'a> Added<'a> {
    /// The credential that a rule names, with the value of its secret. Says whom to ask where there is none.
    pub(in crate::engine) fn find(
        name: &CredentialName,
        credential: &'a HttpCredential,
        secrets: &'a BTreeMap<SecretRef, SecretValue>,
    ) -> Result<Self, Refusal> {
        let secret = &credential.secret;
        let Some(value) = secrets.get(secret) else {
            return Err(Refusal::NotConfigured(format!(
                "there is no secret {secret}, which the credential {name} needs; import it: agent-factory secret import \
                 {secret}"
            )));
        };
        // Of `user:password`, the password is a secret of its own.
        let hidden = match (&credential.way, value.reveal().split_once(':')) {
            (CredentialWay::Basic { user: None }, None) => {
                return Err(Refusal::NotConfigured(format!(
                    "the secret {secret} is no user:password, which the credential {name} needs; import it again, or name \
                     the user in config/capabilities.toml"
                )));
            }
            (CredentialWay::Basic { user: None }, Some((_, password))) => password,
            _ => value.reveal(),
        };
        if hidden.len() < Redactor::BYTES_MIN {
            return Err(Refusal::NotConfigured(format!(
                "the secret {secret} has fewer than {} bytes: too few to be kept out of answers; import a longer one: \
                 agent-factory secret import {secret}",
                Redactor::BYTES_MIN
            )));
        }
        Ok(Self { credential, value })
    }

    /// Put it into a request.
    pub(in crate::engine) fn add(
        &self,
        url: &mut Url,
        headers: &mut HeaderMap,
    ) -> Result<(), Refusal> {
        let value = self.value.reveal();
        match &self.credential.way {
            CredentialWay::Header { name, prefix } => {
                self.add_header(headers, name, &format!("{prefix}{value}"))
            }
            CredentialWay::Basic { user } => {
                let pair = user
                    .as_ref()
                    .map_or_else(|| value.to_owned(), |user| format!("{user}:{value}"));
                let basic = format!("Basic {}", STANDARD.encode(pair));
                self.add_header(headers, "authorization", &basic)
            }
            CredentialWay::Query { name } => {
                url.query_pairs_mut().append_pair(name, value);
                Ok(())
            }
        }
    }

    fn add_header(&self, headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Refusal> {
        let unfit = || {
            let secret = &self.credential.secret;
            Refusal::NotConfigured(format!(
                "the secret {secret} has a character that no header can carry; import it again: agent-factory secret \
                 import {secret}"
            ))
        };
        let name: HeaderName = name.parse().map_err(|_| unfit())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| unfit())?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    }
}

/// What must not come back from anywhere: the values, and the password in one that is `user:password`.
pub(in crate::engine) fn secret_values<'a>(
    rules: &'a HttpRules,
    secrets: &'a BTreeMap<SecretRef, SecretValue>,
) -> impl Iterator<Item = &'a str> {
    let values = secrets.values().map(SecretValue::reveal);
    let passwords = rules.credentials().values().filter_map(|credential| {
        let value = secrets.get(&credential.secret)?.reveal();
        match credential.way {
            CredentialWay::Basic { user: None } => {
                value.split_once(':').map(|(_, password)| password)
            }
            _ => None,
        }
    });
    values.chain(passwords)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(way: CredentialWay) -> HttpCredential {
        HttpCredential {
            secret: "example.token".parse().unwrap(),
            host: "api.example.com".parse().unwrap(),
            path: "/".parse().unwrap(),
            way,
        }
    }

    fn added(way: CredentialWay, value: &str) -> Result<(String, HeaderMap), Refusal> {
        let name = "example".parse().unwrap();
        let credential = credential(way);
        let secrets = BTreeMap::from([("example.token".parse().unwrap(), value.to_owned().into())]);
        let mut url: Url = "https://api.example.com/?q=1".parse().unwrap();
        let mut headers = HeaderMap::new();
        Added::find(&name, &credential, &secrets)?.add(&mut url, &mut headers)?;
        Ok((url.to_string(), headers))
    }

    #[test]
    fn each_way_puts_the_value_where_it_says() {
        let (url, headers) = added(
            CredentialWay::header("X-Api-Key", "Key ").unwrap(),
            "s3cret-value",
        )
        .unwrap();
        assert_eq!(url, "https://api.example.com/?q=1");
        assert_eq!(headers["x-api-key"], "Key s3cret-value");
        assert!(headers["x-api-key"].is_sensitive());
        let (url, headers) = added(CredentialWay::query("key").unwrap(), "s3cret&value").unwrap();
        assert_eq!(url, "https://api.example.com/?q=1&key=s3cret%26value");
        assert!(headers.is_empty());
        let (_, headers) =
            added(CredentialWay::basic(Some("me")).unwrap(), "s3cret-value").unwrap();
        assert_eq!(headers["authorization"], "Basic bWU6czNjcmV0LXZhbHVl");
        let (_, headers) = added(CredentialWay::basic(None).unwrap(), "me:s3cret-value").unwrap();
        assert_eq!(headers["authorization"], "Basic bWU6czNjcmV0LXZhbHVl");
    }

    #[test]
    fn a_value_that_cannot_be_used_names_the_secret_and_not_the_value() {
        let header = || CredentialWay::header("X-Api-Key", "").unwrap();
        for value in ["1234567", "s3cret\r\nvalue"] {
            let Err(Refusal::NotConfigured(text)) = added(header(), value) else {
                panic!("{value}");
            };
            assert!(text.contains("secret import example.token"), "{text}");
            assert!(
                !text.contains("s3cret") && !text.contains("1234567"),
                "{text}"
            );
        }
        assert!(added(header(), "12345678").is_ok());
        let credential = credential(header());
        let (name, none) = ("example".parse().unwrap(), BTreeMap::new());
        let missing = Added::find(&name, &credential, &none);
        assert!(matches!(missing, Err(Refusal::NotConfigured(_))));
    }
}
