//! What the host itself adds to a turn: an engine without a model, warm caches, one turn at a time.
//!
//! Two figures a case. `turn` is the worker's share, from a claimed lease to its settlement: hydrate, run the
//! engine (and one tool), store. `answered` is what an app waits for, from the call that enqueues until the reply
//! can be read: the commit of the message, the wake-up and the claim are in it.

use crate::line::Figure;
use crate::spans::Spans;
use agent_factory_tests::built;
use agent_factory_tests::factory::{AtWork, Factory};
use serde_json::{Value, json};
use std::time::Instant;

/// Turns before those that are measured.
const WARM_UP: u32 = 50;
/// Turns of one conversation, so that its history stays that of a conversation and not of a benchmark.
const CONVERSATION: u32 = 10;
const TENANT: &str = "bench";

struct Case {
    name: &'static str,
    database: &'static str,
    factory: Factory,
    worker: AtWork,
}

pub(crate) async fn run(turns: u32) -> anyhow::Result<()> {
    let spans = Spans::record()?;
    for tool in [false, true] {
        let mut first: Option<[Figure; 2]> = None;
        for case in cases().await {
            eprintln!(
                "bench: turn, {} on {}, tool {tool}",
                case.name, case.database
            );
            let figures = measure(&case, turns, tool, &spans).await;
            match &first {
                None => {
                    figures.iter().for_each(Figure::print);
                    first = Some(figures);
                }
                Some(base) => {
                    for (figure, base) in figures.iter().zip(base) {
                        figure.print_against(base);
                    }
                }
            }
            case.worker.stop().await;
        }
    }
    Ok(())
}

/// The same agent on each kind of control plane; the first is what the others are compared with.
async fn cases() -> Vec<Case> {
    let mut factories = vec![
        ("in-process", "sqlite", Factory::new().await),
        ("http", "sqlite", Factory::http().await),
    ];
    match Factory::postgres().await {
        Some(factory) => factories.push(("in-process", "postgres", factory)),
        None => eprintln!("bench: there is no PostgreSQL; its cases are left out"),
    }
    let mut cases = Vec::new();
    for (name, database, factory) in factories {
        let workspace = built::demo_workspace();
        factory.agent(TENANT, "offline", &workspace).await;
        cases.push(Case {
            name,
            database,
            worker: factory.work(),
            factory,
        });
    }
    cases
}

async fn measure(case: &Case, turns: u32, tool: bool, spans: &Spans) -> [Figure; 2] {
    let text = if tool { "calculate 6 * 7" } else { "hello" };
    let mut answered = Vec::new();
    for turn in 0..WARM_UP + turns {
        if turn == WARM_UP {
            spans.take();
            answered.clear();
        }
        let conversation = format!("bench-{tool}-{}", turn / CONVERSATION);
        let begun = Instant::now();
        let reply = case.factory.ask(TENANT, &conversation, text).await;
        answered.push(begun.elapsed().as_secs_f64() * 1e3);
        assert!(!tool || reply.contains("42"), "{reply}");
    }
    let mut ended = spans.take();
    let params: Value =
        json!({ "plane": case.name, "database": case.database, "tool": tool, "turns": turns });
    let own = ended.remove("turn").unwrap_or_default();
    [
        Figure::new("turn", "turn", params.clone(), "ms", own),
        Figure::new("turn", "answered", params, "ms", answered),
    ]
}
