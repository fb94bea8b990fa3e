//! The commands of the README: `cargo xtask setup | guests | dev | test | telegram-double | model-double | bench | fuzz | lint`.
//!
//! They only drive cargo and rustup, so that everything they do can be done by hand, and they
//! print on stderr, so that stdout belongs to the program that is started.

mod bench;
mod cargo;
#[path = "../../tests/harness/postgres/cluster.rs"]
mod cluster;
mod dev;
mod double;
mod fuzz;
mod guests;
mod languages;
mod lint;
mod postgres;
mod setup;
mod suite;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Sets up, runs and tests Agent Factory. A fresh clone needs nothing but
/// `cargo xtask dev`.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "\
Examples:
  cargo xtask dev                          chat with the demo agent in this terminal
  cargo xtask dev --once \"what is 6 * 7?\"  one message in, one reply on stdout
  cargo xtask test                         every test
  cargo xtask test webhook                 the tests with `webhook` in their name
  cargo xtask lint                         what a change must pass besides the tests

CARGO_TARGET_DIR moves everything that is built."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Gets a fresh clone ready: the WebAssembly target, the guests, the program, the demo's skills.
    ///
    /// Whatever is there already is left alone, so a second run takes seconds. The other commands
    /// do this by themselves.
    Setup,

    /// Builds every engine and skill of the workspace as a WebAssembly component.
    ///
    /// Those in JavaScript and Python are built by the public tools, installed below the target folder. They need Node.js with
    /// npm, and Python 3 with venv; without them they are left out, with a warning.
    ///
    /// The components land in `<target folder>/guests/<package>.wasm`, those of skills in their skill folders, too.
    Guests,

    /// Sets up and starts the whole system in one process, with a demo agent to chat with.
    ///
    /// ARGS go to `agent-factory dev` as they are. Its exit code and signals are the command's own.
    #[command(after_help = "\
Examples:
  cargo xtask dev                  chat in the terminal
  cargo xtask dev --once \"hello\"   print the reply on stdout, and nothing else
  cargo xtask dev -- --help        what `agent-factory dev` understands

Relative paths in ARGS count from the root of the workspace.")]
    Dev {
        /// Arguments of `agent-factory dev`.
        #[arg(
            value_name = "ARGS",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        arguments: Vec<String>,
    },

    /// Sets up and runs every test: with cargo-nextest where it is installed, else with `cargo test`.
    ///
    /// Every case of the store runs on SQLite and on PostgreSQL: on a server of the run's own, made of the installed
    /// programs, or on that of `DATABASE_URL`. Where there is neither, those on PostgreSQL are skipped and counted.
    ///
    /// Documentation examples run in both cases, unless ARGS hold options: those belong to the one
    /// runner that understands them.
    #[command(after_help = "\
Examples:
  cargo xtask test                       everything
  cargo xtask test lease fence           tests with `lease` or `fence` in their name
  cargo xtask test -p agent-factory      options of the runner")]
    Test {
        /// Parts of test names, or options of the runner.
        #[arg(
            value_name = "ARGS",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        arguments: Vec<String>,
    },

    /// Runs a double of the Telegram Bot API in the foreground; it prints what is sent to it.
    #[command(after_help = "\
Examples:
  cargo xtask telegram-double                            any well-formed token is accepted
  cargo xtask telegram-double --listen 127.0.0.1:9000
  cargo xtask telegram-double --bot 1000001:demo-token-of-the-first-bot")]
    TelegramDouble {
        /// Arguments of `telegram-double`: `--listen ADDRESS` (127.0.0.1:8081), `--bot TOKEN`.
        #[arg(
            value_name = "ARGS",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        arguments: Vec<String>,
    },

    /// Runs a double of a chat-completions server in the foreground; it echoes what the person says.
    #[command(after_help = "\
Examples:
  cargo xtask model-double                              any key is accepted, and none
  cargo xtask model-double --listen 127.0.0.1:9001
  OPENAI_BASE_URL=http://127.0.0.1:8082/v1 cargo xtask dev   talk to it, in another terminal")]
    ModelDouble {
        /// Arguments of `model-double`: `--listen ADDRESS` (127.0.0.1:8082), `--key KEY`.
        #[arg(
            value_name = "ARGS",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        arguments: Vec<String>,
    },

    /// Measures the host and prints one JSON object a line on stdout; progress goes to stderr.
    ///
    /// Everything is built with optimizations first, in the target folder's `release`.
    #[command(after_help = "\
Examples:
  cargo xtask bench turn                 the host's own share of a warm turn
  cargo xtask bench boot --starts 50     a worker's start until its first claim, and its memory
  cargo xtask bench queue --peers        the queue, beside graphile-worker and pg-boss
  cargo xtask bench queue --case backlog --full
  cargo xtask bench wasm                 a tool call, beside wasmtime alone, Node and Python
  cargo xtask bench turn > turn.jsonl    figures to keep")]
    Bench {
        /// `turn`, `boot`, `queue` or `wasm`, and its options.
        #[arg(
            value_name = "ARGS",
            required = true,
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        arguments: Vec<String>,
    },

    /// Runs libFuzzer on what strangers' bytes reach first: a bounded time for each target.
    ///
    /// The targets are manifest, rules, egress, redaction and admission (`tests/fuzz`). Needs a C++ compiler, and no nightly toolchain.
    /// What is found is kept in `<target folder>/fuzz`, and gone on with the next time.
    #[command(after_help = "\
Examples:
  cargo xtask fuzz                          every target, a minute each
  cargo xtask fuzz --seconds 600 redaction  one, for ten minutes")]
    Fuzz {
        /// How long each target runs, seconds.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
        seconds: u32,
        /// Which; all where none is named.
        #[arg(value_name = "TARGET")]
        targets: Vec<String>,
    },

    /// Checks formatting, clippy, documentation and dependencies; changes nothing.
    ///
    /// Every check runs even when an earlier one failed. Known vulnerabilities are looked up where
    /// there is a network; without one the command says so and does not fail for it.
    Lint,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::discover()?;
    match command {
        Command::Setup => setup::run(&workspace, cargo::Noise::Progress)?,
        Command::Guests => {
            setup::require_target()?;
            guests::build(&workspace, cargo::Noise::Progress)?;
            guests::place_in_skill_folders(&workspace)?;
            languages::build(&workspace)?;
        }
        Command::Dev { arguments } => dev::exec(&workspace, &arguments)?,
        Command::Test { arguments } => return suite::run(&workspace, &arguments),
        Command::Bench { arguments } => bench::run(&workspace, &arguments)?,
        Command::TelegramDouble { arguments } => {
            double::exec(&workspace, "telegram-double", &arguments)?
        }
        Command::ModelDouble { arguments } => {
            double::exec(&workspace, "model-double", &arguments)?;
        }
        Command::Fuzz { seconds, targets } => return fuzz::run(&workspace, seconds, &targets),
        Command::Lint => return lint::run(&workspace),
    }
    Ok(ExitCode::SUCCESS)
}
