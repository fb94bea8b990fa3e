//! Measures what users wait for, and prints one JSON object a line on stdout. Progress goes to stderr.
//!
//! Only figures, no verdicts: a line carries the machine's load, and what two ways differ by is a ratio of the same
//! run.

mod boot;
mod line;
mod queue;
mod spans;
mod turn;
mod wasm;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Measures the host. Run it by `cargo xtask bench`, which builds it with optimizations.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// The host's own share of a warm turn, with and without a tool call, in-process and over HTTP.
    Turn {
        /// Turns that are measured, a case.
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        turns: u32,
    },
    /// A worker process from its start to its first claim, and the memory it has then.
    Boot {
        /// Starts that are measured.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        starts: u32,
    },
    /// The durable queue, on a workload of many conversations: enqueue, claim, complete, wait, and beside a backlog.
    Queue(queue::Arguments),
    /// Tool calls in a fresh sandbox each: beside wasmtime alone, Node and Python; with compiling and loading.
    Wasm(wasm::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().bench {
        Bench::Turn { turns } => turn::run(turns).await,
        Bench::Boot { starts } => boot::run(starts).await,
        Bench::Queue(arguments) => queue::run(&arguments).await,
        Bench::Wasm(arguments) => wasm::run(&arguments).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
