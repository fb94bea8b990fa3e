//! The double of a chat-completions server as a program: point an Agent Factory at it, and talk to an agent
//! without a key.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use agent_factory_tests::model::{ModelDouble, Request};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Runs a double of a chat-completions server. It echoes what the person says.
///
/// Requests are printed on stdout, one a line; all else goes to stderr. Ctrl-C ends it.
#[derive(Parser)]
#[command(name = "model-double", version)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8082")]
    listen: SocketAddr,

    /// The only key that is accepted; without it, any is, and none.
    #[arg(long, value_name = "KEY", hide_env_values = true)]
    key: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let double = ModelDouble::bind(arguments.listen)
        .await
        .map_err(|error| anyhow::anyhow!("listen on {}: {error}", arguments.listen))?;
    if let Some(key) = &arguments.key {
        double.accept_only(key);
    }
    let url = double.base_url();
    eprintln!("model-double: a model server is at {url}; Ctrl-C ends it");
    eprintln!("model-double: try `OPENAI_BASE_URL={url} cargo xtask dev` in another terminal");

    let mut seen = 0;
    loop {
        tokio::select! {
            requests = double.requests_after(seen) => {
                seen += requests.len();
                requests.iter().try_for_each(print)?;
            }
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    eprintln!("model-double: {seen} requests came");
    Ok(())
}

/// One line of what was asked, without the key.
fn print(request: &Request) -> io::Result<()> {
    let messages = request.body["messages"].as_array().map_or(0, Vec::len);
    let tools = request.body["tools"].as_array().map_or(0, Vec::len);
    let key = if request.headers.contains_key("authorization") {
        "with a key"
    } else {
        "without a key"
    };
    let mut stdout = io::stdout().lock();
    writeln!(
        stdout,
        "{} model {} {key}: {messages} messages, {tools} tools",
        request.path, request.body["model"]
    )?;
    stdout.flush()
}
