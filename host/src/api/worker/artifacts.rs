//! Compiled components, by digest.

use crate::api::{Api, ApiError, Path, PoolWorker, Query};
use crate::control::requests::{DESCRIPTION_HEADER, LEASE_HEADER, SIGNATURE_HEADER};
use crate::control::{ComponentPart, ControlError};
use crate::domain::{Digest, Lease};
use crate::engine::{Platform, Seal};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Deserialize;

/// What is read from the database at once, bytes.
const PART_BYTES: u64 = 4 << 20;

#[derive(Deserialize, utoipa::IntoParams)]
pub(super) struct For {
    /// The worker's compatibility hash.
    compatibility: String,
    /// The worker's target triple.
    target: String,
}

/// A component that the lease's agent may use, compiled for the worker's platform. Takes `Range: bytes=N-` with `If-Range`.
#[utoipa::path(
    get, path = "/v1/worker/artifacts/{digest}", operation_id = "workerArtifact", tag = "worker",
    security(("bearer" = ["worker"])),
    params(
        ("digest" = String, Path, description = "Of the component as it was uploaded."),
        For,
        ("agent-factory-lease" = String, Header, description = "The lease, as JSON."),
    ),
    responses(
        (status = 200, description = "All of it.", content_type = "application/octet-stream", body = String),
        (status = 206, description = "The rest of it.", content_type = "application/octet-stream", body = String),
        (status = 409, description = "The lease is lost.", body = Object),
        (status = 416, description = "There is nothing from there on."),
    )
)]
pub(super) async fn worker_artifact(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Path(digest): Path<Digest>,
    Query(platform): Query<For>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut lease = lease(&headers)?;
    lease.pool = pool;
    let For {
        compatibility,
        target,
    } = platform;
    let wanted = Wanted {
        api,
        lease,
        digest,
        platform: Platform {
            compatibility,
            target,
        },
    };
    let asked = from(&headers);
    let mut first = wanted.part(asked.unwrap_or(0)).await?;
    let tag = tag(&first.seal);
    let same = headers
        .get(header::IF_RANGE)
        .is_none_or(|value| value.as_bytes() == tag.as_bytes());
    let start = match asked {
        Some(start) if same => start,
        Some(start) => {
            // What the caller has the beginning of is another artifact by now: all of it, then.
            if start > 0 {
                first = wanted.part(0).await?;
            }
            0
        }
        None => 0,
    };
    answer(wanted, first, start, asked.is_some() && same, &tag)
}

fn answer(
    wanted: Wanted,
    first: ComponentPart,
    start: u64,
    partial: bool,
    tag: &str,
) -> Result<Response, ApiError> {
    let (size, seal) = (first.size, first.seal);
    let text = |text: String| HeaderValue::from_str(&text).map_err(|_| ApiError::Internal);
    if partial && start >= size {
        let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
        let range = text(format!("bytes */{size}"))?;
        response.headers_mut().insert(header::CONTENT_RANGE, range);
        return Ok(response);
    }
    let left = size.saturating_sub(start);
    let mut response = Body::from_stream(parts(wanted, first, start)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(header::CONTENT_LENGTH, left.into());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::ETAG, text(tag.to_owned())?);
    headers.insert(SIGNATURE_HEADER, text(hex::encode(seal.signature))?);
    headers.insert(DESCRIPTION_HEADER, text(seal.description.to_string())?);
    if partial {
        let last = size.saturating_sub(1);
        let range = text(format!("bytes {start}-{last}/{size}"))?;
        headers.insert(header::CONTENT_RANGE, range);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// What is asked for, and under which lease: each part is asked for anew.
struct Wanted {
    api: Api,
    lease: Lease,
    digest: Digest,
    platform: Platform,
}

impl Wanted {
    async fn part(&self, offset: u64) -> Result<ComponentPart, ControlError> {
        let control = &self.api.control;
        let part =
            control.component_part(&self.lease, self.digest, &self.platform, offset, PART_BYTES);
        part.await
    }
}

/// The rest of the artifact, part by part. Where one cannot be had, or is another artifact's, the answer breaks off and
/// the worker asks for the rest again.
fn parts(
    wanted: Wanted,
    first: ComponentPart,
    start: u64,
) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> {
    let seal = first.seal;
    stream::try_unfold(
        (wanted, Some(first), start),
        move |(wanted, ready, at)| async move {
            let part = match ready {
                Some(part) => part,
                None => wanted.part(at).await.map_err(std::io::Error::other)?,
            };
            if part.seal != seal {
                return Err(std::io::Error::other("the artifact was replaced meanwhile"));
            }
            if part.bytes.is_empty() {
                return Ok(None);
            }
            let next = at.saturating_add(u64::try_from(part.bytes.len()).unwrap_or(u64::MAX));
            Ok(Some((Bytes::from(part.bytes), (wanted, None, next))))
        },
    )
}

/// Two artifacts share a tag if they share a signature, which is over every byte of them.
fn tag(seal: &Seal) -> String {
    format!("\"{}\"", Digest::of(&seal.signature))
}

fn lease(headers: &HeaderMap) -> Result<Lease, ApiError> {
    let value = headers
        .get(LEASE_HEADER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| serde_json::from_str(value).ok());
    value.ok_or_else(|| ApiError::Invalid(format!("send the lease in {LEASE_HEADER}, as JSON")))
}

/// `N` of `Range: bytes=N-`. Another form of range is answered with all there is, as HTTP allows.
fn from(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(header::RANGE)?.to_str().ok()?;
    range
        .strip_prefix("bytes=")?
        .strip_suffix('-')?
        .parse()
        .ok()
}
