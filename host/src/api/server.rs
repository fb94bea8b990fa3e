use super::{Api, router};
use crate::ingress::{self, Ingress};
use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

/// Serve the API and the webhook until [`super::Parts::closing`] is cancelled; then refuse new connections and finish
/// the requests at hand, for `server.shutdown_grace_ms` at most.
///
/// # Errors
/// Where the listener breaks.
pub async fn serve(listener: TcpListener, api: Api) -> std::io::Result<()> {
    let stop = api.closing.clone();
    let grace = Duration::from_millis(api.config.server.shutdown_grace_ms);
    let ingress = Ingress {
        db: api.db.clone(),
        ids: api.ids.clone(),
        policy: api.queue_policy.clone(),
    };
    let webhooks = ingress::router(&api.config.server, ingress);
    let (routes, _) = router(api);
    let service = routes
        .merge(webhooks)
        .into_make_service_with_connect_info::<SocketAddr>();
    let serving =
        axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let too_long = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        ended = serving.into_future() => ended,
        // A client that sends half a request and no more keeps nobody.
        () = too_long => Ok(()),
    }
}
