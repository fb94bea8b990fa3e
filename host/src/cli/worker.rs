//! `worker`: turns and deliveries for control planes elsewhere.

use super::arguments::ConfigArguments;
use super::stop;
use crate::clock::Ids;
use crate::config::{
    self, Config, MASTER_KEY_VARIABLE, PlainHttp, URL_VARIABLE, WORKER_TOKEN_VARIABLE, variable_of,
};
use crate::control::{ControlError, RETRY_UNAVAILABLE};
use crate::domain::SecretValue;
use crate::egress::{Egress, Lookup, SystemLookup};
use crate::engine::ComponentHost;
use crate::remote::{Addresses, ArtifactCache, Joined, RemoteControl, RemoteSettings};
use crate::reply::Telegram;
use crate::worker::{Settings, Worker};
use anyhow::{Context as _, bail};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A compiled component is larger than what was uploaded, by about this.
const COMPILED_TIMES: u64 = 16;

/// What a worker's environment holds for it alone.
struct Given {
    config: Config,
    addresses: Addresses,
    token: SecretValue,
    /// Variables that a worker has no business with.
    ignored: Vec<String>,
}

impl Given {
    fn read(arguments: &ConfigArguments) -> anyhow::Result<Self> {
        let (mut urls, mut token, mut ignored) = (None, None, Vec::new());
        let (key, database) = (MASTER_KEY_VARIABLE, variable_of("database.url"));
        let mut rest = Vec::new();
        for (name, value) in config::process_environment() {
            if name == URL_VARIABLE {
                urls = Some(value);
            } else if name == WORKER_TOKEN_VARIABLE {
                token = Some(SecretValue::from(value));
            } else if name == key || name == database {
                ignored.push(name);
            } else {
                rest.push((name, value));
            }
        }
        let config = Config::load(arguments.config.as_deref(), rest.into_iter())?;
        let urls =
            urls.with_context(|| format!("set {URL_VARIABLE} to the control plane's address"))?;
        let anywhere = config.worker.plain_http == PlainHttp::Anywhere;
        let addresses =
            Addresses::parse(&urls, anywhere).with_context(|| format!("read {URL_VARIABLE}"))?;
        let token = token.with_context(|| {
            format!("set {WORKER_TOKEN_VARIABLE} to a token of the scope worker; `agent-factory token create` makes one")
        })?;
        Ok(Self {
            config,
            addresses,
            token,
            ignored,
        })
    }
}

/// Join, work until a signal, drain.
pub(super) async fn run(arguments: &ConfigArguments) -> anyhow::Result<()> {
    let Given {
        config,
        addresses,
        token,
        ignored,
    } = Given::read(arguments)?;
    for name in ignored {
        tracing::warn!(
            name,
            "a worker has no use for this and should not be given it; it is not read"
        );
    }
    let stop = CancellationToken::new();
    stop::on_signals(stop.clone())?;
    let ids = Ids::system();
    let millis = Duration::from_millis;
    let remote = Arc::new(RemoteControl::new(RemoteSettings {
        addresses: addresses.clone(),
        token,
        worker_id: ids.worker()?,
        connect_timeout: millis(config.worker.connect_timeout_ms),
        request_timeout: millis(config.worker.request_timeout_ms),
        artifact_max: config.limits.component_bytes.saturating_mul(COMPILED_TIMES),
    })?);
    let (folder, bytes_max) = (
        config.worker.cache_folder.clone(),
        config.worker.cache_bytes,
    );
    let shown = folder.display().to_string();
    let cache = tokio::task::spawn_blocking(move || ArtifactCache::open(&folder, bytes_max));
    let cache = cache
        .await?
        .with_context(|| format!("use the folder of components {shown}"))?;
    let Some(joined) = join(&remote, &ids, &cache, &stop).await? else {
        return Ok(());
    };
    let lookup: Arc<dyn Lookup> = Arc::new(SystemLookup);
    let egress = Egress::new(config.egress.clone(), &lookup)?;
    let host = ComponentHost::new(config.limits.clone(), joined.trust, egress)?;
    let telegram = Telegram::new(
        config.telegram.api_base.clone(),
        millis(config.telegram.send_timeout_ms),
    )?;
    let settings = Settings {
        worker_id: joined.worker_id,
        pool: joined.pool,
        slots: host.capacity().engine_slots,
        claim_max: config.queue.claim_batch_size,
        delivery_slots: config.outbox.batch,
        claim_wait: millis(config.worker.claim_wait_ms),
        heartbeat_every: joined.heartbeat_every,
        drain: millis(config.server.shutdown_grace_ms),
        snapshots_max: config.hydration.snapshot_cache_entries,
    };
    tracing::info!(
        worker.id = %settings.worker_id,
        pool = %settings.pool,
        control = %addresses,
        slots = settings.slots,
        tool_slots = host.capacity().tool_slots,
        pagemap_scan = host.capacity().pagemap_scan,
        cache.folder = shown,
        cache.bytes = cache.bytes(),
        "the worker claims"
    );
    let worker = Worker::new(settings, joined.control, host, telegram);
    let refused = joined.refused;
    let ended = stop.clone();
    let watch = async {
        tokio::select! {
            () = refused.cancelled() => stop.cancel(),
            () = ended.cancelled() => {}
        }
    };
    tokio::join!(worker.run(stop.clone()), watch);
    if refused.is_cancelled() {
        bail!(REFUSED);
    }
    tracing::info!("the worker has drained");
    Ok(())
}

const REFUSED: &str = "the control plane refuses this worker's token: it was revoked, has expired, or is of another scope";

/// Ask until a control plane answers; none where the process is told to stop first.
async fn join(
    remote: &Arc<RemoteControl>,
    ids: &Ids,
    cache: &ArtifactCache,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Joined>> {
    let refused = remote.refused();
    loop {
        let joining = remote.join(ids.clone(), cache.clone(), stop.clone());
        match stop.run_until_cancelled(joining).await {
            None => return Ok(None),
            Some(Ok(joined)) => return Ok(Some(joined)),
            Some(Err(ControlError::Unavailable(reason))) => {
                if refused.is_cancelled() {
                    bail!(REFUSED);
                }
                tracing::warn!(reason, "no control plane answers; trying again");
            }
            Some(Err(error)) => return Err(error).context("join the control plane"),
        }
        stop.run_until_cancelled(tokio::time::sleep(RETRY_UNAVAILABLE))
            .await;
    }
}
