//! `agent configure`, `bot configure` and `secret import`.

use super::client::{Client, ClientArguments};
use super::uploads::{AgentArguments, push_engine};
use super::{hidden, print};
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Make and change agents.
#[derive(Debug, Subcommand)]
pub(super) enum AgentCommand {
    /// Make an agent, or change what is named here and nothing else.
    Configure(Box<ConfigureAgent>),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agent-factory agent configure --engine offline
  agent-factory agent configure --engine openai-chat \\
    --model openai-chat:gpt-4.1@https://api.openai.com/v1 --model-secret openai.key
  agent-factory agent configure --time-zone Europe/Rome")]
pub(super) struct ConfigureAgent {
    /// An engine's name, or the path of an engine's folder or component to upload first.
    #[arg(long, value_name = "NAME|PATH")]
    engine: Option<String>,
    /// A model its engine may ask, API:MODEL@URL; repeated, in the order of preference.
    #[arg(long = "model", value_name = "API:MODEL@URL")]
    models: Vec<String>,
    /// The secret that is sent to the models' server; import it by `agent-factory secret import`.
    #[arg(long, value_name = "NAME", requires = "models")]
    model_secret: Option<String>,
    /// For the agent's dates, for example Europe/Rome.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// A setting the engine may read; repeated. These and no others.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// A secret the agent may name; repeated. These and no others.
    #[arg(long = "secret", value_name = "NAME")]
    secrets: Vec<String>,
    /// Whose workers run it; takes the operator's token.
    #[arg(long, value_name = "POOL")]
    pool: Option<String>,
    /// Take messages, or do not.
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
    /// What its turns and the calls of its skills may take, for example tool_ms=5000; repeated. These and no others.
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    limits: Vec<String>,
    /// Take the limits away that were set for it.
    #[arg(long, conflicts_with = "limits")]
    no_limits: bool,
    #[command(flatten)]
    agent: AgentArguments,
}

/// Store secrets.
#[derive(Debug, Subcommand)]
pub(super) enum SecretCommand {
    /// Store a secret: asked for on the terminal without showing it, or read from stdin. Never an argument.
    #[command(after_help = "\
Examples:
  agent-factory secret import openai.key
  pass openai | agent-factory secret import openai.key")]
    Import {
        /// Its name, for example telegram.botToken.default.
        #[arg(value_name = "NAME")]
        name: String,
        /// Whose [default: the tenant of the token].
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        #[command(flatten)]
        client: ClientArguments,
    },
}

/// Connect Telegram bots.
#[derive(Debug, Subcommand)]
pub(super) enum BotCommand {
    /// Make a bot's messages an agent's, and print what Telegram's setWebhook needs.
    #[command(after_help = "\
Import the bot's token first:
  agent-factory secret import telegram.botToken.default
  agent-factory bot configure 123456789 --token-ref telegram.botToken.default")]
    Configure {
        /// The number before the colon of its token.
        #[arg(value_name = "BOT_ID")]
        bot: String,
        /// The secret with its token.
        #[arg(long, value_name = "NAME", default_value = "telegram.botToken.default")]
        token_ref: String,
        /// Make a new webhook secret; call setWebhook again then.
        #[arg(long)]
        rotate_secret: bool,
        #[command(flatten)]
        agent: AgentArguments,
    },
}

/// Make or change an agent.
pub(super) async fn agent(command: AgentCommand) -> anyhow::Result<()> {
    let AgentCommand::Configure(wanted) = command;
    let client = Client::new(&wanted.agent.client)?;
    let tenant = client.tenant(wanted.agent.tenant.as_deref()).await?;
    let mut body = Map::new();
    if let Some(engine) = &wanted.engine {
        let path = Path::new(engine);
        let choice = if path.exists() {
            let digest = push_engine(&client, &tenant, path).await?;
            json!({ "digest": digest.context("the control plane answered without a digest")? })
        } else {
            json!({ "name": engine })
        };
        body.insert("engine".to_owned(), choice);
    }
    if !wanted.models.is_empty() {
        let models: anyhow::Result<Vec<Value>> = wanted
            .models
            .iter()
            .map(|model| parse_model(model, wanted.model_secret.as_deref()))
            .collect();
        body.insert("models".to_owned(), models?.into());
    }
    if !wanted.settings.is_empty() {
        let settings: anyhow::Result<Map<String, Value>> = wanted
            .settings
            .iter()
            .map(|setting| parse_setting(setting))
            .collect();
        body.insert("runtimeConfig".to_owned(), settings?.into());
    }
    let mut secrets = wanted.secrets.clone();
    if let Some(secret) = &wanted.model_secret
        && !secrets.is_empty()
        && !secrets.contains(secret)
    {
        secrets.push(secret.clone());
    }
    if !secrets.is_empty() {
        body.insert("secretsRef".to_owned(), json!(secrets));
    }
    for (field, value) in [("timeZone", &wanted.time_zone), ("pool", &wanted.pool)] {
        if let Some(value) = value {
            body.insert(field.to_owned(), json!(value));
        }
    }
    if wanted.no_limits || !wanted.limits.is_empty() {
        body.insert("limits".to_owned(), limits(&wanted.limits)?);
    }
    if let Some(enabled) = wanted.enabled {
        body.insert("enabled".to_owned(), enabled.into());
    }
    let path = ["tenants", &tenant, "agents", &wanted.agent.agent];
    let answer = client
        .ask(Method::PUT, &path, &[], Some(&Value::Object(body)))
        .await?;
    let changed = answer.get("changed").and_then(Value::as_bool) == Some(true);
    let text = |field: &str| {
        let value = answer.pointer(&format!("/agent/{field}"));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    print::line(&format!(
        "agent {} of tenant {tenant}: {}, engine {}, {}",
        wanted.agent.agent,
        if changed { "stored" } else { "unchanged" },
        text("engine"),
        text("timeZone"),
    ))
}

/// `openai-chat:gpt-4.1@https://api.openai.com/v1`. A model's own name may hold `:` and `@`; a URL's scheme tells where it begins.
fn parse_model(text: &str, secret: Option<&str>) -> anyhow::Result<Value> {
    let wrong = || {
        format!("{text:?} is no API:MODEL@URL, as openai-chat:gpt-4.1@https://api.openai.com/v1 is")
    };
    let (api, rest) = text.split_once(':').with_context(wrong)?;
    let at = rest.find("@https://").or_else(|| rest.find("@http://"));
    let (model, url) = rest
        .split_at_checked(at.with_context(wrong)?)
        .with_context(wrong)?;
    if api.is_empty() || model.is_empty() {
        bail!(wrong());
    }
    Ok(json!({
        "api": api, "model": model, "baseUrl": url.trim_start_matches('@'), "secretRef": secret,
    }))
}

/// `tool_ms=5000`, as an object.
pub(super) fn limits(texts: &[String]) -> anyhow::Result<Value> {
    let mut limits = Map::new();
    for text in texts {
        let (name, value) = text
            .split_once('=')
            .with_context(|| format!("{text:?} is no NAME=VALUE, as tool_ms=5000 is"))?;
        let value: u64 = value
            .parse()
            .with_context(|| format!("{value:?} of {name} is no whole number"))?;
        if limits.insert(name.to_owned(), value.into()).is_some() {
            bail!("{name} is named twice");
        }
    }
    Ok(limits.into())
}

fn parse_setting(text: &str) -> anyhow::Result<(String, Value)> {
    let (key, value) = text
        .split_once('=')
        .with_context(|| format!("{text:?} is no KEY=VALUE"))?;
    Ok((key.to_owned(), value.into()))
}

/// Store a secret.
pub(super) async fn secret(command: SecretCommand) -> anyhow::Result<()> {
    let SecretCommand::Import {
        name,
        tenant,
        client,
    } = command;
    let client = Client::new(&client)?;
    let tenant = client.tenant(tenant.as_deref()).await?;
    let value = hidden::read(&format!("{name}: "))?;
    let path = ["tenants", &tenant, "secrets", &name];
    let body = json!({ "value": value.expose_secret() });
    client.ask(Method::PUT, &path, &[], Some(&body)).await?;
    print::note(&format!("the secret {name} of tenant {tenant} is stored"))
}

/// Connect a bot.
pub(super) async fn bot(command: BotCommand) -> anyhow::Result<()> {
    let BotCommand::Configure {
        bot,
        token_ref,
        rotate_secret,
        agent,
    } = command;
    let client = Client::new(&agent.client)?;
    let tenant = client.tenant(agent.tenant.as_deref()).await?;
    let path = ["tenants", &tenant, "bots", &bot];
    let body = json!({
        "agentKey": agent.agent, "tokenRef": token_ref, "rotateSecret": rotate_secret,
    });
    let answer = client.ask(Method::PUT, &path, &[], Some(&body)).await?;
    let text = |field: &str| answer.get(field).and_then(Value::as_str);
    print::line(&format!(
        "bot {bot}: its messages are for the agent {}",
        agent.agent
    ))?;
    print::line(&format!(
        "  url           {}",
        client.address_of(text("webhookPath").unwrap_or_default())
    ))?;
    match text("webhookSecret") {
        Some(secret) => print::line(&format!("  secret_token  {secret}"))?,
        None => print::note("its webhook secret stays; --rotate-secret makes a new one")?,
    }
    print::note("give both to Telegram's setWebhook; the secret is not shown again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_its_api_its_name_and_its_address() {
        let model = parse_model(
            "openai-chat:llama3:8b@x@http://10.0.0.7:8000/v1",
            Some("key"),
        );
        let model = model.unwrap();
        assert_eq!(model["api"], "openai-chat");
        assert_eq!(model["model"], "llama3:8b@x");
        assert_eq!(model["baseUrl"], "http://10.0.0.7:8000/v1");
        for wrong in ["gpt", "openai-chat:gpt", ":gpt@https://x", "a:@https://x"] {
            assert!(parse_model(wrong, None).is_err(), "{wrong}");
        }
    }
}
