//! How uploads come in: so many at once, each within its time, and so few of them compiled at once that the rest of the
//! process goes on.

use super::lane::Lane;
use super::{Api, ApiError};
use crate::artifacts::Admitted;
use crate::config::Config;
use crate::domain::{SkillName, TenantId};
use crate::engine::ComponentKind;
use crate::workspace::{Bounds, EngineBounds, SkillFolder, unpack};
use axum::body::Bytes;
use axum::extract::{FromRequest as _, Request};
use axum::http::header::CONTENT_TYPE;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// What an upload is sent as.
pub(super) const TAR: &str = "application/x-tar";
/// When a tenant with as many uploads as it may have should come back.
const COME_BACK: Duration = Duration::from_secs(5);
/// What storing and answering may take beside what is bounded by itself.
const SLACK: Duration = Duration::from_secs(30);

/// The uploads of one process.
#[derive(Debug)]
pub(super) struct Uploads {
    /// All of them.
    pub(super) lane: Lane,
    compiling: Semaphore,
    tenants: Arc<Mutex<HashMap<TenantId, u32>>>,
    per_tenant: u32,
    read: Duration,
    wait: Duration,
    bounds: Bounds,
    engines: EngineBounds,
}

/// One upload of a tenant; its place is free again once this is dropped.
struct Place {
    tenants: Arc<Mutex<HashMap<TenantId, u32>>>,
    tenant_id: TenantId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = tenants.get_mut(&self.tenant_id) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                tenants.remove(&self.tenant_id);
            }
        }
    }
}

/// A folder that arrived, its component compiled.
pub(super) struct Uploaded {
    pub(super) folder: SkillFolder,
    /// None for a skill of instructions only.
    pub(super) admitted: Option<Admitted>,
    /// How long compiling took; none where nothing was compiled.
    pub(super) compile_ms: Option<u64>,
    _place: Option<Place>,
}

impl Uploads {
    /// As configured.
    pub(super) fn new(config: &Config) -> Self {
        let uploads = &config.uploads;
        let read = Duration::from_millis(uploads.read_ms);
        let wait = Duration::from_millis(uploads.wait_ms);
        // An engine is tried as a skill first.
        let compile = Duration::from_millis(config.limits.compile_ms.saturating_mul(2));
        let longest = read
            .saturating_add(wait)
            .saturating_add(compile)
            .saturating_add(SLACK);
        let compiles = usize::try_from(uploads.compiles_at_once).unwrap_or(1);
        Self {
            lane: Lane::new(uploads.at_once, longest),
            compiling: Semaphore::new(compiles),
            tenants: Arc::default(),
            per_tenant: uploads.at_once_per_tenant,
            read,
            wait,
            bounds: Bounds::of(config),
            engines: EngineBounds {
                engines: uploads.engines,
                versions: uploads.engine_versions,
            },
        }
    }

    pub(super) const fn bounds(&self) -> Bounds {
        self.bounds
    }

    pub(super) const fn engines(&self) -> EngineBounds {
        self.engines
    }

    fn place(&self, tenant_id: &TenantId) -> Result<Place, ApiError> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let count = tenants.entry(tenant_id.clone()).or_default();
        if *count >= self.per_tenant {
            return Err(ApiError::RateLimited(COME_BACK));
        }
        *count = count.saturating_add(1);
        Ok(Place {
            tenants: Arc::clone(&self.tenants),
            tenant_id: tenant_id.clone(),
        })
    }
}

/// Take a folder called `name` in, and have its component compiled; nothing of it belongs to anybody yet. Of a tenant, so
/// many at once and no more.
pub(super) async fn take(
    api: &Api,
    tenant_id: Option<&TenantId>,
    name: &SkillName,
    request: Request,
) -> Result<Uploaded, ApiError> {
    let content_type = request.headers().get(CONTENT_TYPE);
    if content_type.is_none_or(|kind| kind.as_bytes() != TAR.as_bytes()) {
        return Err(ApiError::UnsupportedMediaType(TAR));
    }
    let uploads = api.uploads();
    let place = tenant_id.map(|tenant| uploads.place(tenant)).transpose()?;
    let read = tokio::time::timeout(uploads.read, Bytes::from_request(request, api)).await;
    let archive = read.map_err(|_| ApiError::TimedOut(uploads.read))??;
    let (bounds, name) = (uploads.bounds, name.clone());
    let read = tokio::task::spawn_blocking(move || {
        let files = unpack(&archive, &bounds)?;
        SkillFolder::of(&name, files, &bounds)
    });
    let folder = read.await.map_err(|_| ApiError::Internal)??;
    let Some(component) = folder.component_bytes() else {
        return Ok(Uploaded {
            folder,
            admitted: None,
            compile_ms: None,
            _place: place,
        });
    };
    let turn = tokio::time::timeout(uploads.wait, uploads.compiling.acquire()).await;
    let _turn = turn
        .map_err(|_| ApiError::Overloaded)?
        .map_err(|_| ApiError::Internal)?;
    let begun = Instant::now();
    let admitted = api.admission.admit_any(component.to_vec()).await?;
    let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Uploaded {
        folder,
        compile_ms: admitted.compiled_now.then_some(took),
        admitted: Some(admitted),
        _place: place,
    })
}

impl Uploaded {
    /// The component, where it is an engine's.
    pub(super) fn engine(&self) -> Option<(&Admitted, Bytes)> {
        let admitted = self.admitted.as_ref()?;
        (admitted.kind == ComponentKind::Engine)
            .then(|| self.folder.component_bytes())
            .flatten()
            .map(|bytes| (admitted, bytes))
    }
}
