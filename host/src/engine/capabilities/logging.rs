//! `logging`: lines in the receipt.

use crate::engine::bindings::v0_1::logging::{Host, Level};
use crate::engine::dispatcher::{HostCall, Scope};
use crate::engine::state::CallState;
use crate::engine::stop::Stop;
use serde::Serialize;

#[derive(Serialize)]
struct Log {
    level: &'static str,
    message: String,
}

impl HostCall for Log {
    type Answer = ();
    const NAME: &'static str = "logging.log";

    async fn answer(self, scope: &mut Scope) -> Result<(), Stop> {
        scope.log.line(self.level, &self.message);
        Ok(())
    }
}

impl Host for CallState {
    async fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        self.scope.call(Log { level, message }).await
    }
}
