use super::client::{Client, ClientArguments};
use super::{pages, print};
use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Map, Value, json};

/// Make, list and revoke API tokens.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token. It is printed alone on stdout, this once.
    Create(Create),
    /// List the tokens, newest first; never the tokens themselves.
    List {
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Revoke a token, for good.
    Revoke {
        /// As `token list` shows it: tok_...
        #[arg(value_name = "ID")]
        token_id: String,
        #[command(flatten)]
        client: ClientArguments,
    },
}

/// What a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scope {
    /// Everything but the work of a worker.
    Operator,
    /// One tenant's agents, skills and secrets, and all an app may.
    TenantAdmin,
    /// Enqueue and read, for one tenant.
    App,
    /// The work of one pool.
    Worker,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agent-factory token create --scope tenant-admin --tenant acme --name laptop
  agent-factory token create --scope app --tenant acme --name shop --expires-in 90
  AGENT_FACTORY_WORKER_TOKEN=$(agent-factory token create --scope worker --name machines) agent-factory worker

Each process gets the narrowest scope that does: an app `app`, whoever uploads skills `tenant-admin`, a worker
`worker`, and the operator's own token stays with the operator.")]
pub(super) struct Create {
    /// What it opens.
    #[arg(long, value_enum)]
    scope: Scope,
    /// Whose; for tenant-admin and app.
    #[arg(long, value_name = "TENANT", required_if_eq_any([("scope", "tenant-admin"), ("scope", "app")]))]
    tenant: Option<String>,
    /// Whose conversations; for worker [default: default].
    #[arg(long, value_name = "POOL")]
    pool: Option<String>,
    /// For people: where it is used.
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
    /// Good for so many days; until it is revoked where left out.
    #[arg(long, value_name = "DAYS")]
    expires_in: Option<u32>,
    #[command(flatten)]
    client: ClientArguments,
}

/// Do it.
pub(super) async fn run(command: TokenCommand) -> anyhow::Result<()> {
    match command {
        TokenCommand::Create(create) => make(create).await,
        TokenCommand::List { client } => list(&Client::new(&client)?).await,
        TokenCommand::Revoke { token_id, client } => {
            let client = Client::new(&client)?;
            let path = ["tokens", &token_id];
            client
                .ask(Method::DELETE, &path, &[], None::<&Value>)
                .await?;
            print::note(&format!("revoked {token_id}"))
        }
    }
}

async fn make(create: Create) -> anyhow::Result<()> {
    let client = Client::new(&create.client)?;
    let scope = create.scope.to_possible_value();
    let scope = scope.as_ref().map_or("", |value| value.get_name());
    let mut body = Map::new();
    body.insert("scope".to_owned(), json!(scope));
    body.insert("name".to_owned(), json!(create.name));
    let given = [
        ("tenantId", create.tenant.map(Value::from)),
        ("pool", create.pool.map(Value::from)),
        ("expiresInDays", create.expires_in.map(Value::from)),
    ];
    for (key, value) in given {
        if let Some(value) = value {
            body.insert(key.to_owned(), value);
        }
    }
    let made = client
        .ask(Method::POST, &["tokens"], &[], Some(&body))
        .await?;
    let text = |key: &str| made.get(key).and_then(Value::as_str);
    let token = text("token").context("the control plane answered without a token")?;
    print::note(&format!(
        "made {} of the scope {scope}; it is shown this once",
        text("tokenId").unwrap_or("a token")
    ))?;
    print::line(token)
}

async fn list(client: &Client) -> anyhow::Result<()> {
    let all = pages::each(client, &["tokens"], &[], "tokens", u64::MAX, |token| {
        let text = |key: &str| token.get(key).and_then(Value::as_str).unwrap_or("-");
        let of = token.get("tenantId").or_else(|| token.get("pool"));
        let state = if token.get("revokedAt").is_some() {
            "revoked"
        } else if token.get("expiresAt").is_some() {
            "expires"
        } else {
            "valid"
        };
        print::row(&format!(
            "{}  {:12}  {:16}  {state:7}  {}",
            text("tokenId"),
            text("scope"),
            of.and_then(Value::as_str).unwrap_or("-"),
            text("name")
        ))
    });
    all.await.map(drop)
}
