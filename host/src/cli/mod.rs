//! The commands.

mod agents;
mod arguments;
mod chat;
mod client;
mod components;
mod config;
mod conversations;
mod dead_letters;
mod dev;
mod dev_model;
mod hidden;
mod logging;
mod messages;
mod pages;
mod print;
mod queue;
mod receipts;
mod serve;
mod stop;
mod tenants;
mod tokens;
mod uploads;
mod worker;

use crate::engine::compile_child_main;
use anyhow::Context as _;
use arguments::{Arguments, Command, ConfigCommand};
use clap::Parser as _;
use logging::{LogFormat, Reader};
use std::io::Write as _;
use std::process::ExitCode;

/// The first descriptor after standard input, output and error.
const FIRST_INHERITED: i32 = 3;

/// Read the arguments, run the command, answer with its exit code: 0 for success, 1 for an error, 2 for arguments
/// that make no sense.
#[must_use]
pub fn main() -> ExitCode {
    // A file that whoever started this process left open is no business of the processes it starts: not of a tenant's
    // component in its compiler. What this process opens itself is closed for them anyway.
    close_fds::set_fds_cloexec(FIRST_INHERITED, &[]);
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
            logging::start(dev.log_reader(), arguments.log);
            let runtime = runtime()?;
            let ended = runtime.block_on(dev::run(dev));
            // A read from the terminal cannot be called off: it must not keep the process.
            runtime.shutdown_background();
            ended?;
        }
        Command::Serve(serve) => {
            logging::start(Reader::Deployment, arguments.log);
            runtime()?.block_on(serve::run(serve))?;
        }
        Command::Token(command) => ask(arguments.log, tokens::run(command))?,
        Command::Tenant(command) => ask(arguments.log, tenants::tenant(command))?,
        Command::Component(command) => ask(arguments.log, components::component(command))?,
        Command::Queue(command) => ask(arguments.log, queue::queue(command))?,
        Command::Message(command) => ask(arguments.log, messages::message(command))?,
        Command::Receipt(command) => ask(arguments.log, receipts::receipt(command))?,
        Command::Usage(wanted) => ask(arguments.log, receipts::usage(*wanted))?,
        Command::DeadLetter(command) => ask(arguments.log, dead_letters::dead_letter(command))?,
        Command::Conversation(command) => {
            ask(arguments.log, conversations::conversation(command))?;
        }
        Command::Worker(config) => {
            logging::start(Reader::Deployment, arguments.log);
            runtime()?.block_on(worker::run(&config))?;
        }
        Command::Agent(command) => ask(arguments.log, agents::agent(command))?,
        Command::Bot(command) => ask(arguments.log, agents::bot(command))?,
        Command::Secret(command) => ask(arguments.log, agents::secret(command))?,
        Command::Skill(command) => ask(arguments.log, uploads::skill(command))?,
        Command::Engine(command) => ask(arguments.log, uploads::engine(command))?,
        Command::Workspace(command) => ask(arguments.log, uploads::workspace(command))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Run a command that asks a control plane.
fn ask(log: LogFormat, command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    logging::start(Reader::Chatting, log);
    runtime()?.block_on(command)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime's threads")
}
