//! The HTTP client of the commands that talk to a control plane.

use crate::config;
use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, StatusCode, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value;
use std::error::Error as _;
use std::net::IpAddr;
use std::time::Duration;

/// Holds the token. There is no argument for it: arguments are visible to everyone on the machine.
const TOKEN_VARIABLE: &str = "AGENT_FACTORY_TOKEN";

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long an answer may take; longer than any request waits.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);

/// How long an upload and its compilation may take.
const UPLOADED_WITHIN: Duration = Duration::from_secs(600);

/// Which control plane. The token comes from AGENT_FACTORY_TOKEN.
#[derive(Debug, Args)]
pub(super) struct ClientArguments {
    /// The control plane.
    #[arg(
        long,
        env = "AGENT_FACTORY_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    url: Url,
    /// Send the token over http:// to a public address, readable by everyone on the way.
    #[arg(long)]
    insecure_http: bool,
}

/// Asks one control plane under one token.
pub(super) struct Client {
    url: Url,
    token: SecretString,
    http: reqwest::Client,
}

impl Client {
    /// From the arguments and the environment.
    ///
    /// # Errors
    /// Where there is no token, or the address would show it to others.
    pub(super) fn new(arguments: &ClientArguments) -> anyhow::Result<Self> {
        let token = config::process_environment()
            .find(|(name, value)| name == TOKEN_VARIABLE && !value.is_empty())
            .map(|(_, token)| SecretString::from(token))
            .with_context(|| {
                format!(
                    "{TOKEN_VARIABLE} is not set; put a token into it: `agent-factory serve` prints the operator's at \
                     its first start"
                )
            })?;
        check_address(&arguments.url, arguments.insecure_http)?;
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            // An API does not move; a redirect would carry the token who knows where.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("agent-factory/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("start the HTTP client")?;
        Ok(Self {
            url: arguments.url.clone(),
            token,
            http,
        })
    }

    /// Ask for `path`, a segment an item, each encoded as it needs; answers the body, null where there is none.
    ///
    /// # Errors
    /// Says what to do: the control plane is not reached, refuses the token, or refuses the request.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<Value> {
        let request = self.request(method, path, query)?;
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.answer(request).await
    }

    /// Put bytes, which may take their time; otherwise as [`Client::ask`].
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub(super) async fn put_bytes(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        content_type: &str,
        bytes: Vec<u8>,
    ) -> anyhow::Result<Value> {
        let request = self
            .request(Method::PUT, path, query)?
            .header(CONTENT_TYPE, content_type)
            .timeout(UPLOADED_WITHIN)
            .body(bytes);
        self.answer(request).await
    }

    /// The tenant that is meant: the one that is named, or the token's own.
    ///
    /// # Errors
    /// Where none is named and the token is no tenant's.
    pub(super) async fn tenant(&self, named: Option<&str>) -> anyhow::Result<String> {
        if let Some(tenant) = named {
            return Ok(tenant.to_owned());
        }
        let token = self.get(&["token"], &[]).await?;
        let own = token.get("tenantId").and_then(Value::as_str);
        own.map(str::to_owned).with_context(|| {
            format!("the token in {TOKEN_VARIABLE} is no tenant's; say whose by --tenant")
        })
    }

    /// The whole address of a path the control plane named.
    pub(super) fn address_of(&self, path: &str) -> String {
        let base = self.url.as_str().trim_end_matches('/');
        format!("{base}{path}")
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> anyhow::Result<RequestBuilder> {
        let mut url = self.url.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow!("{} cannot have paths; give an http or https URL", self.url))?
            .pop_if_empty()
            .push("v1")
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url);
        Ok(request.bearer_auth(self.token.expose_secret()))
    }

    async fn answer(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let answer = request
            .send()
            .await
            .map_err(|error| self.unreached(&error))?;
        let status = answer.status();
        let bytes = answer
            .bytes()
            .await
            .map_err(|error| self.unreached(&error))?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(body);
        }
        Err(self.refused(status, &body))
    }

    /// `GET`.
    pub(super) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, query, None::<&Value>).await
    }

    fn unreached(&self, error: &reqwest::Error) -> anyhow::Error {
        let mut reason = String::new();
        let mut cause = error.source();
        while let Some(next) = cause {
            reason.push_str(": ");
            reason.push_str(&next.to_string());
            cause = next.source();
        }
        let what = if error.is_timeout() {
            "did not answer in time"
        } else {
            "cannot be reached"
        };
        anyhow!(
            "the control plane at {} {what}{reason}; is `agent-factory serve` running there? --url or AGENT_FACTORY_URL \
             names another",
            self.url
        )
    }

    fn refused(&self, status: StatusCode, body: &Value) -> anyhow::Error {
        let said = |field: &str| body.pointer(&format!("/error/{field}"))?.as_str();
        let message =
            said("message").unwrap_or("it gave no reason in the shape this command knows");
        match status {
            StatusCode::UNAUTHORIZED => anyhow!(
                "the control plane at {} does not take the token in {TOKEN_VARIABLE}: it is unknown, revoked or expired",
                self.url
            ),
            StatusCode::FORBIDDEN => {
                anyhow!("the token in {TOKEN_VARIABLE} does not open this: {message}")
            }
            _ if status.is_redirection() => anyhow!(
                "{} answers with a redirect, which is not followed; give the address it leads to",
                self.url
            ),
            _ => match said("code") {
                Some(code) => anyhow!("{message} ({code})"),
                None => anyhow!("{} answered {status}; is that a control plane?", self.url),
            },
        }
    }
}

/// Over http:// a token is readable by everyone on the way: to this machine or a private network only.
fn check_address(url: &Url, insecure: bool) -> anyhow::Result<()> {
    match url.scheme() {
        "https" => return Ok(()),
        "http" if insecure => return Ok(()),
        "http" => {}
        other => bail!("{other}:// is no way to reach a control plane; give an http or https URL"),
    }
    let host = url.host_str().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let near = match address {
        Some(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Some(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        None => {
            let name = |end: &str| host == end || host.ends_with(&format!(".{end}"));
            name("localhost") || name("internal") || !host.contains('.')
        }
    };
    if near {
        return Ok(());
    }
    bail!(
        "{url} is not on this machine or a private network, and over http:// everyone on the way could read the token; \
         use https://, or --insecure-http if you know that nobody can"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_over_http_to_near_addresses_only() {
        let check = |url: &str, insecure| check_address(&url.parse().unwrap(), insecure).is_ok();
        for near in [
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost",
            "http://10.0.0.7",
            "http://[fdaa::1]",
            "http://factory.internal:8080",
            "http://control:8080",
            "https://factory.example.com",
        ] {
            assert!(check(near, false), "{near}");
        }
        for far in [
            "http://factory.example.com",
            "http://8.8.8.8",
            "http://localhost.example.com",
            "http://[2001:db8::1]",
        ] {
            assert!(!check(far, false), "{far}");
            assert!(check(far, true), "{far}");
        }
        assert!(!check("ftp://127.0.0.1", true));
    }
}
