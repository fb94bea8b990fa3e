//! What comes before the first call: compiling at upload, and loading in a worker.

use super::jobs::Job;
use super::{calls, jobs};
use crate::line::Figure;
use agent_factory::config::Limits;
use agent_factory::engine::Compiler;
use agent_factory_tests::built;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// From the component's bytes to the answer of the compiler's own process, its start included.
pub(super) async fn compile(job: &Job) -> anyhow::Result<Figure> {
    eprintln!("bench: wasm, {}, compile", job.name);
    let compiler = Compiler {
        program: built::program(),
        limits: Limits::default(),
    };
    let mut samples = Vec::new();
    for _ in 0..(20 / job.weight).max(2) {
        let begun = Instant::now();
        compiler.compile(job.kind, &job.bytes).await?;
        samples.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let params = json!({ "job": job.name, "bytes": job.bytes.len() });
    Ok(Figure::new("wasm", "compile", params, "ms", samples))
}

/// Verify the signature, map the code, and link: what a component's first call in a worker waits for once its bytes are
/// there.
pub(super) async fn load(job: &Job) -> anyhow::Result<Figure> {
    eprintln!("bench: wasm, {}, load", job.name);
    let host = calls::host(Limits {
        component_cache_bytes: 0,
        ..Limits::default()
    })?;
    let compiler = Compiler {
        program: built::program(),
        limits: Limits::default(),
    };
    let described = compiler.compile(job.kind, &job.bytes).await?;
    let artifact = Arc::new(jobs::signer().sign(described.code));
    let mut samples = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        let loaded = host.load_skill(&artifact).await?;
        samples.push(begun.elapsed().as_secs_f64() * 1e3);
        drop(loaded);
    }
    let params = json!({ "job": job.name, "code_bytes": artifact.bytes.len() });
    Ok(Figure::new("wasm", "load", params, "ms", samples))
}
