//! `agent-factory`.

use agent_factory::config::Limits;
use agent_factory::engine::{ComponentKind, compile_child_main};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compile one component from standard input; started by the control plane.
    #[command(hide = true)]
    CompileComponent {
        /// `skill` or `engine`.
        #[arg(long)]
        kind: ComponentKind,
        /// The limits, as JSON.
        #[arg(long, value_parser = parse_limits)]
        limits: Limits,
    },
}

fn parse_limits(text: &str) -> Result<Limits, serde_json::Error> {
    serde_json::from_str(text)
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::CompileComponent { kind, limits } => compile_child_main(kind, &limits),
    }
}
