use tracing_subscriber::EnvFilter;

/// Log to stderr: stdout belongs to what was asked for. `RUST_LOG` says how much; without it, warnings where somebody
/// is chatting, and what an operator wants to see elsewhere.
pub(super) fn start(quiet: bool) {
    let usual = if quiet { "warn" } else { "info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
