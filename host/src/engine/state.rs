//! What the store of one call holds.

use super::capabilities::HttpHandles;
use super::dispatcher::Scope;
use super::limiter::MemoryLimiter;
use super::meter::CpuMeter;
use super::stdio::Captured;
use crate::config::Limits;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// The state of one call of one component: made for it, and gone with it.
pub(super) struct CallState {
    /// What the call may reach.
    pub(super) scope: Scope,
    /// Memory and tables.
    pub(super) memory: MemoryLimiter,
    /// Processor time.
    pub(super) cpu: CpuMeter,
    /// Host objects the guest holds handles of.
    pub(super) table: ResourceTable,
    /// Handles of outgoing requests.
    pub(super) http: HttpHandles,
    wasi: WasiCtx,
    streams: [Captured; 2],
}

impl CallState {
    /// A store for one call, every limit set.
    pub(super) fn store(
        engine: &Engine,
        limits: &Limits,
        cpu: CpuMeter,
        scope: Scope,
    ) -> Store<Self> {
        let output = Captured::output(scope.log.clone());
        let error = Captured::error(scope.log.clone());
        let handles = usize::try_from(limits.handles).unwrap_or(usize::MAX);
        let mut table = ResourceTable::new();
        table.set_max_capacity(handles);
        // Without preopens, addresses, arguments and variables; standard input is closed.
        let mut wasi = WasiCtx::builder();
        wasi.stdout(output.clone())
            .stderr(error.clone())
            .max_random_size(limits.random_bytes)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        scope.tape.connect(&mut wasi);
        let wasi = wasi.build();
        let mut store = Store::new(
            engine,
            Self {
                http: HttpHandles::new(),
                scope,
                memory: MemoryLimiter::new(limits),
                cpu,
                table,
                wasi,
                streams: [output, error],
            },
        );
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(usize::try_from(limits.host_call_bytes).unwrap_or(usize::MAX));
        store.set_max_component_handles(handles);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| {
            context.data().cpu.check()?;
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }

    /// Write what is left in the captured streams to the log.
    pub(super) fn finish_streams(&self) {
        for stream in &self.streams {
            stream.finish();
        }
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}
