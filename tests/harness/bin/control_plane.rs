//! A control plane as a process of its own: the API, the webhook and the singleton loops, on what the environment says.

use agent_factory::app::App;
use agent_factory::clock::Ids;
use agent_factory::config::{Config, process_environment};
use agent_factory::store::ClockSource;
use anyhow::Context as _;
use std::io::Write as _;
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::load(None, process_environment())?;
    let listener = TcpListener::bind(config.server.listen).await?;
    let address = listener.local_addr()?;
    // There is no compiler: whatever is served was compiled before.
    let compiler = PathBuf::from("/nonexistent/compiler");
    let app = App::open(config, ClockSource::Database, Ids::system(), compiler).await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening http://{address}")?;
    out.flush()?;
    drop(out);
    let stop = CancellationToken::new();
    let (served, led) = tokio::join!(app.serve(listener, stop.clone()), app.lead(stop.clone()));
    led.context("lead")?;
    served.context("serve HTTP")
}
