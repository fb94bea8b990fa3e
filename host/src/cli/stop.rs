use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancel `stop` at SIGTERM or SIGINT: finish what runs, give back the rest. A second signal ends the process at once;
/// what it had is taken up by others when its leases run out.
///
/// # Errors
/// Where the system has no room for signal handlers.
pub(super) fn on_signals(stop: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => (),
                _ = interrupt.recv() => (),
            }
        };
        next().await;
        stop.cancel();
        next().await;
        std::process::exit(130);
    });
    Ok(())
}
