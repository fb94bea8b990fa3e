//! The model server that the environment of `dev` names, by the variables every client of such servers reads.

use crate::config::{self, HostPort};
use crate::domain::{AgentModel, AgentModels, BaseUrl, SecretRef};
use anyhow::Context as _;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::fmt;

const KEY: &str = "OPENAI_API_KEY";
const BASE_URL: &str = "OPENAI_BASE_URL";
const MODEL: &str = "OPENAI_MODEL";
const DEFAULT_BASE_URL: &str = "https://api.openai.com/v1";
const DEFAULT_MODEL: &str = "gpt-4.1-mini";

/// What the demo agent talks to.
pub(super) struct DevModel {
    base_url: BaseUrl,
    /// The server is one that somebody named.
    named: bool,
    model: AgentModel,
    /// The key, under the name that the model knows it by.
    pub(super) key: Option<(SecretRef, SecretString)>,
}

impl DevModel {
    /// None where neither a key nor a server is set.
    pub(super) fn from_environment(
        environment: impl Iterator<Item = (String, String)>,
    ) -> anyhow::Result<Option<Self>> {
        let mut set: BTreeMap<String, String> = environment
            .filter(|(_, value)| !value.trim().is_empty())
            .collect();
        let (key, named) = (set.remove(KEY), set.remove(BASE_URL));
        if key.is_none() && named.is_none() {
            return Ok(None);
        }
        let base_url: BaseUrl = named
            .as_deref()
            .unwrap_or(DEFAULT_BASE_URL)
            .parse()
            .with_context(|| format!("read {BASE_URL}"))?;
        let name = set
            .remove(MODEL)
            .unwrap_or_else(|| DEFAULT_MODEL.to_owned());
        let name = name.parse().with_context(|| format!("read {MODEL}"))?;
        let secret_ref: SecretRef = "openai.apiKey".parse()?;
        let key = key.map(|key| (secret_ref.clone(), SecretString::from(key.trim())));
        let model = AgentModel {
            api: "openai-chat".parse()?,
            model: name,
            base_url: base_url.clone(),
            secret_ref: key.is_some().then_some(secret_ref),
            parameters: serde_json::Map::new(),
            context_tokens: None,
        };
        Ok(Some(Self {
            base_url,
            named: named.is_some(),
            model,
            key,
        }))
    }

    /// Let this process reach the server, wherever it is: whoever starts `dev` is this machine's operator, and named
    /// it.
    pub(super) fn allow(&self, egress: &mut config::Egress) {
        if self.named
            && let Some(address) = HostPort::of(self.base_url.url())
        {
            egress.allow_private.push(address);
        }
    }

    /// As the agent's profile has it.
    pub(super) fn models(&self) -> anyhow::Result<AgentModels> {
        Ok(vec![self.model.clone()].try_into()?)
    }
}

/// Which model, where, and whether with a key.
impl fmt::Display for DevModel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = match self.key {
            Some(_) => "with a key",
            None => "without a key",
        };
        write!(out, "{} at {}, {key}", self.model.model, self.base_url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> anyhow::Result<Option<DevModel>> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        DevModel::from_environment(variables.iter().map(owned))
    }

    #[test]
    fn a_key_or_a_server_is_enough_and_nothing_is_none() {
        assert!(
            of(&[("OPENAI_MODEL", "x"), ("OPENAI_API_KEY", " ")])
                .unwrap()
                .is_none()
        );
        let key = of(&[("OPENAI_API_KEY", "5ec12e7")]).unwrap().unwrap();
        assert_eq!(
            key.to_string(),
            "gpt-4.1-mini at https://api.openai.com/v1, with a key"
        );
        let server = of(&[
            ("OPENAI_BASE_URL", "http://127.0.0.1:8082/v1/"),
            ("OPENAI_MODEL", "tiny"),
        ]);
        let server = server.unwrap().unwrap();
        assert_eq!(
            server.to_string(),
            "tiny at http://127.0.0.1:8082/v1, without a key"
        );
        assert!(of(&[("OPENAI_BASE_URL", "not a url")]).is_err());
    }

    #[test]
    fn only_a_server_that_was_named_is_let_through() {
        let allowed = |variables: &[(&str, &str)]| {
            let mut egress = config::Egress::default();
            of(variables).unwrap().unwrap().allow(&mut egress);
            serde_json::to_value(&egress.allow_private).unwrap()
        };
        assert_eq!(allowed(&[("OPENAI_API_KEY", "k")]), serde_json::json!([]));
        let named = [("OPENAI_BASE_URL", "http://localhost:11434/v1")];
        assert_eq!(allowed(&named), serde_json::json!(["localhost:11434"]));
    }
}
