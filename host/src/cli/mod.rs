//! The commands.

mod arguments;
mod chat;
mod config;
mod dev;
mod logging;
mod stop;
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
        Command::Worker(config) => {
            logging::start(false);
            runtime()?.block_on(worker::run(&config))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime's threads")
}
