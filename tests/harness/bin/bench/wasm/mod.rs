//! One tool call in a fresh sandbox: the host's own way with every limit and check, beside wasmtime alone, and beside
//! a process of Node or Python that does the same job.
//!
//! Several distinct components are resident at once and called in turn, since the memory of a slot that the same
//! component had before is the cheapest to use again.

mod calls;
mod floor;
mod fresh;
mod jobs;
mod stages;

use crate::line::Figure;
use clap::ValueEnum;
use jobs::Job;
use serde_json::json;

/// Measures tool calls of WebAssembly components.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which of the jobs; all where none is named.
    #[arg(long, value_enum, value_delimiter = ',')]
    job: Vec<Name>,
    /// Calls of the small skill that are measured, a case; of the slower ones a share of it.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(100..=100_000_000))]
    calls: u32,
    /// Distinct components that are resident.
    #[arg(long, value_delimiter = ',', default_value = "1,100,1000", value_parser = clap::value_parser!(u32).range(1..=5_000))]
    resident: Vec<u32>,
    /// Tool calls at once where calls a second are counted.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=32))]
    callers: u32,
    /// Leave out compiling, loading, Node and Python.
    #[arg(long)]
    calls_only: bool,
}

/// A job, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// A small skill in Rust.
    Small,
    /// A skill in Rust that reads and writes JSON.
    Json,
    /// A skill in JavaScript.
    Js,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    for name in Name::value_variants() {
        if !arguments.job.is_empty() && !arguments.job.contains(name) {
            continue;
        }
        let Some(job) = Job::new(*name)? else {
            continue;
        };
        measure(&job, arguments).await?;
    }
    Ok(())
}

async fn measure(job: &Job, arguments: &Arguments) -> anyhow::Result<()> {
    if !arguments.calls_only {
        stages::compile(job).await?.print();
        stages::load(job).await?.print();
    }
    let mut typical = None;
    for resident in &arguments.resident {
        if *resident > job.resident_max {
            continue;
        }
        eprintln!("bench: wasm, {}, {resident} resident", job.name);
        let case = Case {
            resident: *resident,
            calls: (arguments.calls / job.weight).max(50),
            callers: arguments.callers,
        };
        let measuring = {
            let job = job.clone();
            tokio::task::spawn_blocking(move || {
                let components = job.distinct(case.resident)?;
                let floor = floor::measure(&job, &components, case)?;
                let own = calls::measure(&job, &components, case)?;
                anyhow::Ok((floor, own))
            })
        };
        let (floor, own) = measuring.await??;
        floor.print(None);
        own.print(Some(&floor));
        typical.get_or_insert(own.latency);
    }
    if let (Some(call), false) = (typical, arguments.calls_only) {
        fresh::measure(job, &call).await?;
    }
    Ok(())
}

/// How something is measured.
#[derive(Clone, Copy)]
struct Case {
    /// Distinct components.
    resident: u32,
    /// Calls in all.
    calls: u32,
    /// Calls at once where a rate is measured.
    callers: u32,
}

/// One call at a time, and several.
struct Measured {
    host: &'static str,
    latency: Figure,
    rate: Figure,
}

impl Measured {
    /// Samples in microseconds; of the rate, calls a second and the samples of all callers.
    fn new(
        job: &Job,
        host: &'static str,
        case: Case,
        latency: Vec<f64>,
        (rate, samples): (f64, Vec<f64>),
    ) -> Self {
        let params = json!({
            "job": job.name, "host": host, "resident": case.resident, "calls": case.calls,
        });
        let mut many = params.clone();
        many["threads"] = json!(THREADS);
        many["callers"] = json!(case.callers);
        Self {
            host,
            latency: Figure::new("wasm", "call", params, "us", latency),
            rate: Figure::new("wasm", "calls", many, "calls/s", samples).valued(rate),
        }
    }

    /// Print both, each with how many times that of `floor` it is.
    fn print(&self, floor: Option<&Self>) {
        match floor {
            None => {
                self.latency.print();
                self.rate.print();
            }
            Some(floor) => {
                let ratio = self.latency.median() / floor.latency.median();
                self.latency.print_ratio(floor.host, ratio);
                self.rate
                    .print_ratio(floor.host, self.rate.value() / floor.rate.value());
            }
        }
    }
}

/// Threads that make calls where a rate is measured.
const THREADS: usize = 2;
