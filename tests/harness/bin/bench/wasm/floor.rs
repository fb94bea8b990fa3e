//! wasmtime alone: the same component, the same pool, no limit, no check, no receipt, no asynchronous host.
//!
//! Nothing that runs strangers' code can be this quick. It shows how much of a call's time is the host's.

use super::jobs::{Job, Resident};
use super::{Case, Measured, THREADS};
use anyhow::bail;
use std::time::Instant;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasSelf, Linker, Resource, ResourceTable, ResourceType};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "agent-factory:guest/skill-pure",
        imports: { default: trappable },
        with: { "agent-factory:guest/tool-calls.tool-call": super::Call },
    });
}

use bindings::SkillPurePre;
use bindings::agent_factory::guest::blobs::Blob;
use bindings::agent_factory::guest::tool_calls;
use bindings::agent_factory::guest::types::Content;

/// The call at hand.
pub struct Call {
    tool: String,
    arguments: String,
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl tool_calls::Host for State {}

impl tool_calls::HostToolCall for State {
    fn tool(&mut self, call: Resource<Call>) -> wasmtime::Result<String> {
        Ok(self.table.get(&call)?.tool.clone())
    }

    fn arguments(&mut self, call: Resource<Call>) -> wasmtime::Result<String> {
        Ok(self.table.get(&call)?.arguments.clone())
    }

    fn idempotency_key(&mut self, _: Resource<Call>) -> wasmtime::Result<String> {
        Ok(String::new())
    }

    fn milliseconds_left(&mut self, _: Resource<Call>) -> wasmtime::Result<u32> {
        Ok(0)
    }

    fn drop(&mut self, call: Resource<Call>) -> wasmtime::Result<()> {
        self.table.delete(call)?;
        Ok(())
    }
}

/// Blocks.
pub(super) fn measure(job: &Job, components: &[Resident], case: Case) -> anyhow::Result<Measured> {
    let engine = engine()?;
    let mut ready = Vec::new();
    for component in components {
        let component = Component::from_binary(&engine, &component.bytes)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        tool_calls::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
        unused(&mut linker, &engine, &component)?;
        ready.push(SkillPurePre::new(linker.instantiate_pre(&component)?)?);
    }
    let latency = one_after_another(&engine, &ready, job, case.calls, 0)?;
    let begun = Instant::now();
    let samples: Vec<f64> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let offset = thread * ready.len() / THREADS;
                let calls = case.calls / THREADS as u32;
                let (engine, ready) = (&engine, &ready);
                scope.spawn(move || one_after_another(engine, ready, job, calls, offset))
            })
            .collect();
        let mut samples = Vec::new();
        for caller in callers {
            samples.extend(caller.join().expect("a caller that does not panic")?);
        }
        anyhow::Ok(samples)
    })?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a number of calls is far below 2^52"
    )]
    let rate = samples.len() as f64 / begun.elapsed().as_secs_f64();
    Ok(Measured::new(
        job,
        "wasmtime alone",
        case,
        latency,
        (rate, samples),
    ))
}

/// The host's other interfaces, which a component imports and no job uses.
fn unused(
    linker: &mut Linker<State>,
    engine: &Engine,
    component: &Component,
) -> anyhow::Result<()> {
    for (name, import) in component.component_type().imports(engine) {
        let ours = name.starts_with("agent-factory:guest/") && !name.contains("/tool-calls@");
        let (true, ComponentItem::ComponentInstance(interface)) = (ours, import.ty) else {
            continue;
        };
        let mut instance = linker.instance(name)?;
        for (item, export) in interface.exports(engine) {
            match export.ty {
                ComponentItem::ComponentFunc(_) => {
                    instance.func_new(item, |_, _, _, _| wasmtime::bail!("no job uses this"))?;
                }
                // There is one: what a tool answers with may hold it.
                ComponentItem::Resource(_) => {
                    instance.resource(item, ResourceType::host::<Blob>(), |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// As the host sets its own up.
fn engine() -> anyhow::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(48)
        .total_core_instances(48 * 64)
        .total_memories(48 * 2 + 256)
        .max_unused_warm_slots(256)
        .total_tables(48 * 8)
        .total_stacks(48)
        .max_memory_size(64 << 20)
        .table_elements(20_000);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(1 << 20)
            .table_keep_resident(64 << 10);
    }
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Ok(Engine::new(&config)?)
}

/// The time of each call, microseconds.
fn one_after_another(
    engine: &Engine,
    ready: &[SkillPurePre<State>],
    job: &Job,
    calls: u32,
    offset: usize,
) -> anyhow::Result<Vec<f64>> {
    let mut samples = Vec::with_capacity(calls as usize);
    for call in 0..calls as usize {
        let skill = &ready[(offset + call) % ready.len()];
        let begun = Instant::now();
        let answer = once(engine, skill, job)?;
        samples.push(begun.elapsed().as_secs_f64() * 1e6);
        if !answer.contains(job.answer) {
            bail!("{}: another answer: {answer}", job.name);
        }
    }
    Ok(samples)
}

fn once(engine: &Engine, skill: &SkillPurePre<State>, job: &Job) -> anyhow::Result<String> {
    let mut table = ResourceTable::new();
    let call = table.push(Call {
        tool: job.tool.to_owned(),
        arguments: job.arguments.clone(),
    })?;
    let state = State {
        wasi: WasiCtx::builder().build(),
        table,
    };
    let mut store = Store::new(engine, state);
    store.set_epoch_deadline(1 << 40);
    let world = skill.instantiate(&mut store)?;
    let outcome = world
        .agent_factory_guest_toolbox()
        .call_call(&mut store, call)?;
    let output = outcome.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    match output.content.into_iter().next() {
        Some(Content::Text(text)) => Ok(text),
        _ => bail!("no text"),
    }
}
