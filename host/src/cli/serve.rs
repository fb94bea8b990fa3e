//! `serve`: the control plane. API, webhook and, where it leads, the singleton loops.

use super::arguments::Serve;
use super::stop;
use crate::app::App;
use crate::clock::Ids;
use crate::config::OPERATOR_TOKEN_VARIABLE;
use crate::identity::{self, ApiToken, NewToken, TokenError, TokenScope};
use crate::store::{ClockSource, StoreError};
use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};
use std::io::Write as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Open the database, see to the operator's token, serve; stop in order.
pub(super) async fn run(serve: Serve) -> anyhow::Result<()> {
    let mut config = serve.config.load()?;
    if let Some(listen) = serve.listen {
        config.server.listen = listen;
    }
    let given = config.secrets.operator_token.clone();
    let program =
        std::env::current_exe().context("find this program, which compiles components")?;
    let app = App::open(config, ClockSource::Database, Ids::system(), program).await?;
    let served = serve_until_stopped(&app, given).await;
    app.close().await;
    served
}

async fn serve_until_stopped(app: &App, given: Option<SecretString>) -> anyhow::Result<()> {
    see_to_operator(app, given).await?;
    let stopping = CancellationToken::new();
    stop::on_signals(stopping.clone())?;
    let listen = app.config().server.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("listen on {listen}; name another address by --listen"))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "Serving on http://{}", listener.local_addr()?)?;
    out.flush()?;
    drop(out);
    // Whatever ends first ends the other: a control plane that does half of its work looks well and is not.
    let leading = app.lead(stopping.clone())?;
    let (served, ()) = tokio::join!(
        async {
            let served = app.serve(listener, stopping.clone()).await;
            stopping.cancel();
            served
        },
        async {
            leading.await;
            stopping.cancel();
        }
    );
    served.context("serve HTTP")?;
    Ok(())
}

/// See that somebody can call the API: register the token the operator gave, or, where there is none that is valid, make
/// one and print it.
async fn see_to_operator(app: &App, given: Option<SecretString>) -> anyhow::Result<()> {
    let (token, is_given) = match given {
        Some(given) => {
            let token: ApiToken = given.expose_secret().parse().with_context(|| {
                format!("read {OPERATOR_TOKEN_VARIABLE}; `echo aft_o_$(openssl rand -hex 32)` prints a good one")
            })?;
            if !given.expose_secret().starts_with("aft_o_") {
                bail!("{OPERATOR_TOKEN_VARIABLE} must be a token of the operator's: aft_o_...");
            }
            (token, true)
        }
        None => (
            ApiToken::from_random(&TokenScope::Operator, app.ids.bytes()?),
            false,
        ),
    };
    let name = if is_given {
        OPERATOR_TOKEN_VARIABLE
    } else {
        "made at first start"
    };
    let new = NewToken {
        scope: TokenScope::Operator,
        name: name.to_owned(),
        expires_at: None,
    };
    let (token_id, secret) = (app.ids.token()?, token.clone());
    let made: Result<bool, TokenError> = app
        .db
        .write(move |tx| {
            Box::pin(async move {
                // Of processes that start at once, one makes the token.
                tx.one_at_a_time(&["operator token"]).await?;
                let needed = if is_given {
                    !identity::token_is_stored(tx, &secret).await?
                } else {
                    !identity::has_operator(tx).await?
                };
                if needed {
                    identity::token_put(tx, &token_id, &secret, &new).await?;
                }
                Ok(needed)
            })
        })
        .await;
    if is_given {
        let found: Result<_, StoreError> = app
            .db
            .read(move |tx| Box::pin(async move { identity::token_by_secret(tx, &token).await }))
            .await;
        if found?.is_none() {
            bail!("the token in {OPERATOR_TOKEN_VARIABLE} was revoked; give a new one");
        }
        made?;
        return Ok(());
    }
    if made? {
        announce(&token)?;
    }
    Ok(())
}

/// On stdout, which is for what was asked for; the log on stderr never has it.
fn announce(token: &ApiToken) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "The operator's token, shown this once:")?;
    writeln!(out, "  {}", token.reveal())?;
    writeln!(
        out,
        "Keep it where secrets are kept, and put it into AGENT_FACTORY_TOKEN to use the other commands."
    )?;
    Ok(out.flush()?)
}
