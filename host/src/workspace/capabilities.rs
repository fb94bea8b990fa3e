//! `config/capabilities.toml`: what a skill asks for.

use crate::domain::{
    CredentialError, CredentialName, CredentialWay, Grants, HostPattern, HttpAllow, HttpCredential,
    HttpDeny, HttpMethod, HttpRules, HttpRulesError, LimitSet, LimitSetError, PathPrefix, Reach,
    SecretRef,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A file that asks for nothing that could be granted; says what to write instead.
#[derive(Debug, thiserror::Error)]
pub enum CapabilitiesError {
    /// Not TOML, or a word in it is unknown.
    #[error("{0}")]
    Toml(Box<toml::de::Error>),
    /// Rules of `[[http.allow]]`, `[[http.deny]]` and `[credentials]` that make no sense together.
    #[error(transparent)]
    Http(#[from] HttpRulesError),
    /// A limit that cannot be asked for.
    #[error("[limits]: {0}")]
    Limits(#[from] LimitSetError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    capabilities: Capabilities,
    #[serde(default)]
    limits: BTreeMap<String, u64>,
    #[serde(default)]
    http: Http,
    #[serde(default)]
    credentials: BTreeMap<CredentialName, Credential>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Capabilities {
    key_value: Vec<Scope>,
    memory: Vec<Access>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Scope {
    Agent,
    Conversation,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Access {
    Read,
    Append,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Http {
    allow: Vec<Allow>,
    deny: Vec<Deny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allow {
    host: HostPattern,
    methods: Vec<HttpMethod>,
    #[serde(default)]
    path: PathPrefix,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    credential: Option<CredentialName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deny {
    host: HostPattern,
    #[serde(default)]
    methods: Vec<HttpMethod>,
    #[serde(default)]
    path: PathPrefix,
    #[serde(default)]
    port: Option<u16>,
}

#[derive(Deserialize)]
#[serde(try_from = "WrittenCredential")]
struct Credential(HttpCredential);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCredential {
    secret: SecretRef,
    host: HostPattern,
    #[serde(default)]
    path: PathPrefix,
    #[serde(rename = "as")]
    way: Way,
    name: Option<String>,
    prefix: Option<String>,
    user: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Way {
    Header,
    Query,
    Basic,
}

impl TryFrom<WrittenCredential> for Credential {
    type Error = String;

    fn try_from(written: WrittenCredential) -> Result<Self, String> {
        let WrittenCredential {
            secret,
            host,
            path,
            way,
            name,
            prefix,
            user,
        } = written;
        let told = |error: CredentialError| error.to_string();
        let way = match (way, name, prefix, user) {
            (Way::Header, Some(name), prefix, None) => {
                CredentialWay::header(&name, prefix.as_deref().unwrap_or_default()).map_err(told)?
            }
            (Way::Query, Some(name), None, None) => CredentialWay::query(&name).map_err(told)?,
            (Way::Basic, None, None, user) => {
                CredentialWay::basic(user.as_deref()).map_err(told)?
            }
            (Way::Header, ..) => {
                return Err(
                    "a credential as = \"header\" has a `name`, such as \"Authorization\", perhaps a `prefix`, such as \
                     \"Bearer \", and no `user`"
                        .to_owned(),
                );
            }
            (Way::Query, ..) => {
                return Err(
                    "a credential as = \"query\" has a `name`, the parameter's, and neither `prefix` nor `user`"
                        .to_owned(),
                );
            }
            (Way::Basic, ..) => {
                return Err(
                    "a credential as = \"basic\" has perhaps a `user` (without one, the secret holds user:password), and \
                     neither `name` nor `prefix`"
                        .to_owned(),
                );
            }
        };
        Ok(Self(HttpCredential {
            secret,
            host,
            path,
            way,
        }))
    }
}

/// Parse the file: what the skill may use, and what a call of it may take. What it does not name is not asked for.
pub(super) fn parse(text: &str) -> Result<(Grants, LimitSet), CapabilitiesError> {
    let file: File =
        toml::from_str(text).map_err(|error| CapabilitiesError::Toml(Box::new(error)))?;
    let File {
        capabilities,
        limits,
        http,
        credentials,
    } = file;
    let limits = LimitSet::parse(&limits, Reach::Call)?;
    let allow = http.allow.into_iter().map(|rule| HttpAllow {
        host: rule.host,
        methods: rule.methods,
        path: rule.path,
        port: rule.port.unwrap_or(443),
        credential: rule.credential,
    });
    let deny = http.deny.into_iter().map(|rule| HttpDeny {
        host: rule.host,
        methods: rule.methods,
        path: rule.path,
        port: rule.port,
    });
    let credentials = credentials
        .into_iter()
        .map(|(name, Credential(credential))| (name, credential));
    let grants = Grants {
        kv_agent: capabilities.key_value.contains(&Scope::Agent),
        kv_conversation: capabilities.key_value.contains(&Scope::Conversation),
        memory_read: capabilities.memory.contains(&Access::Read),
        memory_append: capabilities.memory.contains(&Access::Append),
        http: HttpRules::new(allow.collect(), deny.collect(), credentials.collect())?,
    };
    Ok((grants, limits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::LimitName;

    const HTTP: &str = r#"
[[http.allow]]
host = "api.example.com"
methods = ["GET", "POST"]
path = "/v1/"
credential = "example"

[[http.allow]]
host = "*.example.org"
methods = ["GET"]
port = 8443

[[http.deny]]
host = "api.example.com"
path = "/v1/admin"

[credentials.example]
secret = "example.token"
host = "api.example.com"
as = "header"
name = "Authorization"
prefix = "Bearer "
"#;

    fn error(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_named_is_not_asked_for() {
        let (grants, limits) = parse("[capabilities]\nkey-value = [\"agent\"]\n").unwrap();
        assert!(limits.is_empty());
        assert_eq!(
            grants,
            Grants {
                kv_agent: true,
                ..Grants::default()
            }
        );
        assert_eq!(parse("").unwrap().0, Grants::default());
    }

    #[test]
    fn an_unknown_capability_or_scope_is_an_error_that_names_it() {
        let told = error("[capabilities]\nsockets = true\n");
        assert!(told.contains("sockets"), "{told}");
        let told = error("[capabilities]\nmemory = [\"forget\"]\n");
        assert!(told.contains("forget"), "{told}");
    }

    #[test]
    fn rules_and_credentials_are_read_in_their_order() {
        let http = parse(HTTP).unwrap().0.http;
        let [first, second] = http.allowed() else {
            panic!("two rules");
        };
        assert_eq!((first.port, second.port), (443, 8_443));
        assert_eq!(first.path.to_string(), "/v1");
        assert_eq!(second.host.to_string(), "*.example.org");
        assert_eq!(http.denied().len(), 1);
        let (name, credential) = http.credentials().iter().next().unwrap();
        assert_eq!(name.as_str(), "example");
        assert_eq!(credential.secret.as_str(), "example.token");
        assert_eq!(
            credential.way,
            CredentialWay::header("Authorization", "Bearer ").unwrap()
        );
    }

    #[test]
    fn a_mistake_in_a_rule_or_a_credential_says_what_to_write() {
        for (from, to, told) in [
            (
                "host = \"api.example.com\"\nmethods",
                "hosts = \"x\"\nmethods",
                "unknown field `hosts`",
            ),
            ("\"*.example.org\"", "\"*.org\"", "one label"),
            ("\"POST\"", "\"post\"", "capital letters"),
            ("\"POST\"", "\"CONNECT\"", "never allowed"),
            (
                "methods = [\"GET\"]\nport",
                "methods = []\nport",
                "names no method",
            ),
            ("path = \"/v1/\"", "path = \"/v1/..\"", "write it plainly"),
            ("port = 8443", "port = 0", "1 to 65535"),
            (
                "credential = \"example\"",
                "credential = \"other\"",
                "declare it as [credentials.other]",
            ),
            (
                "credential = \"example\"",
                "",
                "no rule of [[http.allow]] uses",
            ),
            (
                "[credentials.example]",
                "[credentials.Example]",
                "a-z, 0-9, - and _",
            ),
            ("as = \"header\"", "as = \"cookie\"", "cookie"),
            (
                "as = \"header\"",
                "as = \"query\"",
                "neither `prefix` nor `user`",
            ),
            (
                "as = \"header\"",
                "as = \"basic\"",
                "neither `name` nor `prefix`",
            ),
            ("name = \"Authorization\"", "", "has a `name`"),
            (
                "name = \"Authorization\"",
                "name = \"Host\"",
                "no header for a credential",
            ),
            (
                "secret = \"example.token\"",
                "value = \"hunter2\"",
                "unknown field `value`",
            ),
            (
                "host = \"api.example.com\"\nas",
                "host = \"other.example.com\"\nas",
                "for other.example.com/ only",
            ),
        ] {
            let text = HTTP.replacen(from, to, 1);
            assert_ne!(text, HTTP, "{from}");
            let error = error(&text);
            assert!(error.contains(told), "{to}: {error}");
        }
    }

    #[test]
    fn each_way_of_a_credential_is_read() {
        let with = |way: &str| {
            let header = "as = \"header\"\nname = \"Authorization\"\nprefix = \"Bearer \"";
            let http = parse(&HTTP.replacen(header, way, 1)).unwrap().0.http;
            http.credentials().values().next().unwrap().way.clone()
        };
        assert_eq!(
            with("as = \"query\"\nname = \"key\""),
            CredentialWay::query("key").unwrap()
        );
        assert_eq!(
            with("as = \"basic\"\nuser = \"me\""),
            CredentialWay::basic(Some("me")).unwrap()
        );
        assert_eq!(with("as = \"basic\""), CredentialWay::basic(None).unwrap());
    }

    #[test]
    fn limits_are_asked_for_by_name_and_what_is_wrong_with_them_is_said() {
        let (_, limits) = parse("[limits]\ntool_ms = 5_000\nmemory_bytes = 1_048_576\n").unwrap();
        assert_eq!(limits.get(LimitName::ToolMs), Some(5_000));
        assert_eq!(limits.get(LimitName::MemoryBytes), Some(1 << 20));
        for (wrong, said) in [
            (
                "turn_ms = 5",
                "\"turn_ms\" is no limit that can be set here",
            ),
            (
                "tool_ms = 0",
                "tool_ms must be 1 to 3600000 milliseconds, not 0",
            ),
            ("tool_ms = -1", "invalid value: integer `-1`"),
            ("tool_ms = \"5s\"", "invalid type: string"),
        ] {
            let error = parse(&format!("[limits]\n{wrong}\n")).unwrap_err();
            assert!(error.to_string().contains(said), "{wrong}: {error}");
        }
    }
}
