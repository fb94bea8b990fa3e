//! The models of an agent.

use super::SecretRef;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// The most models of one agent.
const MODELS_MAX: usize = 16;
/// The longest base URL, bytes.
const URL_BYTES: usize = 2_048;
/// The parameters of one model, bytes of JSON.
const PARAMETERS_BYTES: usize = 16 << 10;

/// A list of models that cannot be an agent's; says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Too many.
    #[error("an agent has at most {MODELS_MAX} models, not {0}")]
    TooMany(usize),
    /// Parameters beyond their bound.
    #[error("the parameters of {model} have {bytes} bytes of JSON, more than {PARAMETERS_BYTES}")]
    Parameters {
        /// Whose.
        model: ModelName,
        /// How many.
        bytes: usize,
    },
    /// No base URL. It is not repeated: there may be a password in it.
    #[error(
        "a baseUrl is https:// (http:// only for an address the operator listed) and a host, of at most \
         {URL_BYTES} bytes, with no user, query or fragment"
    )]
    BaseUrl,
}

pub use super::ids::{ModelApi, ModelName};

/// Where a model server's paths begin, for example `https://api.openai.com/v1`: `http` or `https`, a host and
/// perhaps a path, no user, query or fragment, and no `/` at the end. Whether a request may really go there is
/// decided when one is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// The URL of a path below it; the path begins without a `/`.
    #[must_use]
    pub fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let below = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&below);
        url
    }

    /// The URL itself.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for BaseUrl {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        let url = Url::parse(text).map_err(|_| ModelError::BaseUrl)?;
        let accepted = text.len() <= URL_BYTES
            && matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        accepted.then_some(Self(url)).ok_or(ModelError::BaseUrl)
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = ModelError;

    fn try_from(text: String) -> Result<Self, ModelError> {
        text.parse()
    }
}

impl From<BaseUrl> for String {
    fn from(base: BaseUrl) -> Self {
        base.to_string()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// One model an agent may use. Names its credential, and never holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentModel {
    /// The wire format that the engine speaks with it.
    pub api: ModelApi,
    /// The vendor's name of it.
    pub model: ModelName,
    /// Where its server is.
    pub base_url: BaseUrl,
    /// The secret that is sent along; none where the server asks for none.
    #[serde(default)]
    pub secret_ref: Option<SecretRef>,
    /// The vendor's parameters, for the engine to put into its requests.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// The context window, tokens, where it is known.
    #[serde(default)]
    pub context_tokens: Option<u32>,
}

/// The models of one agent, preferred first, at most 16.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<AgentModel>", into = "Vec<AgentModel>")]
pub struct AgentModels(Vec<AgentModel>);

impl AgentModels {
    /// In the order of preference.
    pub fn iter(&self) -> std::slice::Iter<'_, AgentModel> {
        self.0.iter()
    }
}

impl TryFrom<Vec<AgentModel>> for AgentModels {
    type Error = ModelError;

    fn try_from(models: Vec<AgentModel>) -> Result<Self, ModelError> {
        if models.len() > MODELS_MAX {
            return Err(ModelError::TooMany(models.len()));
        }
        for model in &models {
            let bytes =
                serde_json::to_string(&model.parameters).map_or(usize::MAX, |json| json.len());
            if bytes > PARAMETERS_BYTES {
                let model = model.model.clone();
                return Err(ModelError::Parameters { model, bytes });
            }
        }
        Ok(Self(models))
    }
}

impl From<AgentModels> for Vec<AgentModel> {
    fn from(models: AgentModels) -> Self {
        models.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn model(parameters: &str) -> Value {
        json!({
            "api": "openai-chat", "model": "gpt-x", "baseUrl": "https://api.example.com/v1/",
            "secretRef": "openai.apiKey", "parameters": { "p": parameters }, "contextTokens": null,
        })
    }

    #[test]
    fn a_path_is_put_behind_the_base_with_one_slash() {
        for (base, joined) in [
            ("https://h/v1", "https://h/v1/chat/completions"),
            ("https://h/v1/", "https://h/v1/chat/completions"),
            ("https://h", "https://h/chat/completions"),
            (
                "http://127.0.0.1:8080/a%20b",
                "http://127.0.0.1:8080/a%20b/chat/completions",
            ),
        ] {
            let base: BaseUrl = base.parse().unwrap();
            assert_eq!(base.join("chat/completions").as_str(), joined);
        }
    }

    #[test]
    fn a_base_url_with_a_user_a_query_or_another_scheme_is_refused_and_not_repeated() {
        for text in [
            "https://me:5ec12e7@h/v1",
            "https://5ec12e7@h",
            "https://h?key=5ec12e7",
            "https://h#5ec12e7",
            "ftp://h/5ec12e7",
            "file:///5ec12e7",
            "5ec12e7",
            "data:5ec12e7",
        ] {
            let error = text.parse::<BaseUrl>().unwrap_err().to_string();
            assert!(!error.contains("5ec12e7"), "{error}");
        }
        let longest = |bytes: usize| format!("https://h/{}", "x".repeat(bytes - 10));
        assert!(longest(URL_BYTES).parse::<BaseUrl>().is_ok());
        assert!(longest(URL_BYTES + 1).parse::<BaseUrl>().is_err());
    }

    #[test]
    fn a_list_is_accepted_at_its_bounds_and_refused_one_beyond() {
        let list = |count: usize, bytes: usize| {
            let models = vec![model(&"x".repeat(bytes)); count];
            serde_json::from_value::<AgentModels>(models.into())
        };
        assert!(list(MODELS_MAX, 1).is_ok());
        assert!(list(MODELS_MAX + 1, 1).is_err());
        let frame = r#"{"p":""}"#.len();
        assert!(list(1, PARAMETERS_BYTES - frame).is_ok());
        assert!(list(1, PARAMETERS_BYTES - frame + 1).is_err());
    }

    #[test]
    fn a_list_is_written_as_it_is_read() {
        let models: AgentModels = serde_json::from_value(json!([model("a")])).unwrap();
        let written = serde_json::to_value(&models).unwrap();
        let mut expected = model("a");
        expected["baseUrl"] = "https://api.example.com/v1".into();
        assert_eq!(written, json!([expected]));
        assert!(
            serde_json::from_value::<AgentModels>(json!([{ "api": "x", "key": "sk" }])).is_err()
        );
    }
}
