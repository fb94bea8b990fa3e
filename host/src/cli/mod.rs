//! The commands.

mod agents;
mod arguments;
mod chat;
mod client;
mod config;
mod dev;
mod hidden;
mod logging;
mod print;
mod requests;
mod serve;
mod stop;
mod tokens;
mod uploads;
mod worker;

use crate::engine::compile_child_main;
use anyhow::Context as _;
use arguments::{Arguments, Command, ConfigCommand};
use clap::Parser as _;
use std::io::Write as _;
use std::process::ExitCode;

/// Read the arguments, run the command, answer with its exit code: 0 for success, 1 for an error, 2 for arguments
/// that make no sense.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            // The whole chain on one line: what was attempted, and why it did not work.
            writeln!(std::io::stderr(), "error: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::CompileComponent { kind, limits } => {
            return Ok(compile_child_main(kind, &limits));
        }
        Command::Config(ConfigCommand::Show { config }) => {
            let config = config.load()?;
            std::io::stdout().write_all(config::show(&config).as_bytes())?;
        }
        Command::Dev(dev) => {
            logging::start(dev.quiet_by_default());
            let runtime = runtime()?;
            let ended = runtime.block_on(dev::run(dev));
            // A read from the terminal cannot be called off: it must not keep the process.
            runtime.shutdown_background();
            ended?;
        }
        Command::Serve(serve) => {
            logging::start(false);
            runtime()?.block_on(serve::run(serve))?;
        }
        Command::Token(command) => ask(tokens::run(command))?,
        Command::Tenant(command) => ask(requests::tenant(command))?,
        Command::Queue(command) => ask(requests::queue(command))?,
        Command::Message(command) => ask(requests::message(command))?,
        Command::Agent(command) => ask(agents::agent(command))?,
        Command::Bot(command) => ask(agents::bot(command))?,
        Command::Secret(command) => ask(agents::secret(command))?,
        Command::Skill(command) => ask(uploads::skill(command))?,
        Command::Engine(command) => ask(uploads::engine(command))?,
        Command::Workspace(command) => ask(uploads::workspace(command))?,
        Command::Worker(config) => {
            logging::start(false);
            runtime()?.block_on(worker::run(&config))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Run a command that asks a control plane.
fn ask(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    logging::start(true);
    runtime()?.block_on(command)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime's threads")
}
