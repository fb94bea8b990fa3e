//! Artifacts by digest: from the disk, or from a control plane, and from where the last try broke off.

use super::cache::{ArtifactKey, Partial, artifact};
use super::control::Remote;
use super::link::Try;
use crate::control::ControlError;
use crate::control::requests::{DESCRIPTION_HEADER, LEASE_HEADER, SIGNATURE_HEADER};
use crate::domain::{Digest, Lease};
use crate::engine::{CompiledComponent, Seal};
use reqwest::header::{CONTENT_RANGE, HeaderMap, IF_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode};
use std::time::Duration;
use tokio::sync::Mutex;

/// How often one turn goes on with a download that broke off.
const TRIES: u32 = 4;

/// The longest one part of a download takes.
const PART: Duration = Duration::from_secs(600);

/// The longest wait for the next bytes.
const STALL: Duration = Duration::from_secs(30);

/// Bytes that are written to the disk at once.
const WRITE: usize = 1 << 20;

/// A download under way: what is here of it.
enum Sink {
    /// None while it is being written to.
    Disk(Option<Box<Partial>>),
    /// Where the disk takes nothing.
    Memory(Option<Seal>, Vec<u8>),
}

impl Remote {
    /// The artifact, verified. Of several turns that want the same, one downloads.
    pub(super) async fn artifact(
        &self,
        lease: &Lease,
        key: &ArtifactKey,
    ) -> Result<CompiledComponent, ControlError> {
        let _alone = self.cache.alone(key).await;
        if let Some(artifact) = self.cache.load(key, &self.trust).await {
            return Ok(artifact);
        }
        let mut missed = String::new();
        for _ in 0..TRIES {
            let sink = match self.cache.partial(key).await {
                Some(partial) => Sink::Disk(Some(Box::new(partial))),
                None => Sink::Memory(None, Vec::new()),
            };
            match self.rest(lease, key, sink).await? {
                Ok(artifact) => {
                    tracing::info!(
                        component = %key.component,
                        bytes = artifact.bytes.len(),
                        "downloaded a component"
                    );
                    return Ok(artifact);
                }
                Err(reason) => missed = reason,
            }
        }
        Err(ControlError::Unavailable(missed))
    }

    /// Download what is missing and put the whole together; inside, why that is to be tried again.
    async fn rest(
        &self,
        lease: &Lease,
        key: &ArtifactKey,
        sink: Sink,
    ) -> Result<Result<CompiledComponent, String>, ControlError> {
        let begun = sink.begun();
        let path = path(key);
        let shown = serde_json::to_string(lease)
            .map_err(|error| ControlError::Refused(error.to_string()))?;
        let request = |client: &Client, address: String, _: Try| {
            let mut request = client
                .get(address)
                .timeout(PART)
                .header(LEASE_HEADER, &shown);
            if let Some((seal, have)) = begun {
                request = request
                    .header(RANGE, format!("bytes={have}-"))
                    .header(IF_RANGE, format!("\"{}\"", Digest::of(&seal.signature)));
            }
            Ok(request)
        };
        // Behind a lock only since one answer is read where the request is made.
        let sink = Mutex::new(sink);
        let (into, most) = (&sink, self.artifact_max());
        let read =
            move |answer: Response| async move { into.lock().await.take(answer, most).await };
        let read = self.link().anywhere(&path, request, read).await;
        let sink = sink.into_inner();
        match read {
            Ok(()) => Ok(self.whole(key, sink).await),
            // What has arrived stays, and the next try goes on from there.
            Err(ControlError::Unavailable(reason)) => Ok(Err(reason)),
            // There may be nothing from there on: what is here is the whole already, or it is of no use.
            Err(ControlError::Refused(_)) if begun.is_some() => Ok(self.whole(key, sink).await),
            Err(error) => Err(error),
        }
    }

    async fn whole(&self, key: &ArtifactKey, sink: Sink) -> Result<CompiledComponent, String> {
        let spoiled = || {
            format!(
                "the component {} did not arrive as it was signed",
                key.component
            )
        };
        match sink {
            Sink::Disk(partial) => {
                let partial = partial.ok_or_else(spoiled)?;
                let finished = self.cache.finish(key, *partial, &self.trust).await;
                finished.map_err(|_| spoiled())
            }
            Sink::Memory(seal, bytes) => {
                let artifact = artifact(key, seal.ok_or_else(spoiled)?, bytes);
                match self.trust.verify(&artifact) {
                    Ok(_) => Ok(artifact),
                    Err(_) => Err(spoiled()),
                }
            }
        }
    }
}

impl Sink {
    fn begun(&self) -> Option<(Seal, u64)> {
        match self {
            Self::Disk(partial) => partial.as_ref().and_then(|partial| partial.begun()),
            Self::Memory(..) => None,
        }
    }

    /// Take an answer in, as it comes.
    async fn take(&mut self, mut answer: Response, most: u64) -> Result<(), String> {
        let Some(seal) = seal(answer.headers()) else {
            return Err(
                "an artifact without a signature, or without what it is signed as".to_owned(),
            );
        };
        let goes_on = answer.status() == StatusCode::PARTIAL_CONTENT
            && self.begun().is_some_and(|(begun, have)| {
                begun == seal && starts_at(answer.headers()) == Some(have)
            });
        if !goes_on {
            if answer.status() == StatusCode::PARTIAL_CONTENT {
                return Err("another part than the one that was asked for".to_owned());
            }
            self.begin(seal).await?;
        }
        let announced = answer.content_length().unwrap_or(0);
        if announced.saturating_add(self.have()) > most {
            return Err(format!("an artifact of more than {most} bytes"));
        }
        let mut waiting = Vec::new();
        let broke = loop {
            let chunk = tokio::time::timeout(STALL, answer.chunk()).await;
            match chunk {
                Ok(Ok(Some(chunk))) => waiting.extend_from_slice(&chunk),
                Ok(Ok(None)) => break None,
                Ok(Err(error)) => break Some(super::answer::cause(&error)),
                Err(_) => break Some(format!("no more bytes for {STALL:?}")),
            }
            let more = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
            if self.have().saturating_add(more) > most {
                return Err(format!("an artifact of more than {most} bytes"));
            }
            if waiting.len() >= WRITE {
                self.append(std::mem::take(&mut waiting)).await?;
            }
        };
        // What came before a break is what the next try goes on from.
        self.append(waiting).await?;
        broke.map_or(Ok(()), Err)
    }

    fn have(&self) -> u64 {
        match self {
            Self::Disk(partial) => partial.as_ref().map_or(0, |partial| partial.have()),
            Self::Memory(_, bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        }
    }

    async fn begin(&mut self, seal: Seal) -> Result<(), String> {
        match self {
            Self::Disk(partial) => on_disk(partial, move |file| file.begin(seal)).await,
            Self::Memory(kept, bytes) => {
                *kept = Some(seal);
                bytes.clear();
                Ok(())
            }
        }
    }

    async fn append(&mut self, more: Vec<u8>) -> Result<(), String> {
        match self {
            Self::Disk(partial) => on_disk(partial, move |file| file.append(&more)).await,
            Self::Memory(_, bytes) => {
                bytes.extend_from_slice(&more);
                Ok(())
            }
        }
    }
}

/// Write, on a thread for blocking work.
async fn on_disk(
    partial: &mut Option<Box<Partial>>,
    work: impl FnOnce(&mut Partial) -> std::io::Result<()> + Send + 'static,
) -> Result<(), String> {
    let lost = || "a write to the cache broke off".to_owned();
    let mut file = partial.take().ok_or_else(lost)?;
    let writing = tokio::task::spawn_blocking(move || {
        let written = work(&mut file);
        (file, written)
    });
    let (file, written) = writing.await.map_err(|_| lost())?;
    *partial = Some(file);
    written.map_err(|error| format!("write to the cache: {error}"))
}

fn path(key: &ArtifactKey) -> String {
    let encode = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let encoded = text.bytes().map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        });
        encoded.collect()
    };
    format!(
        "/v1/worker/artifacts/{}?compatibility={}&target={}",
        key.component,
        encode(&key.platform.compatibility),
        encode(&key.platform.target)
    )
}

fn seal(headers: &HeaderMap) -> Option<Seal> {
    let mut signature = [0; 64];
    hex::decode_to_slice(headers.get(SIGNATURE_HEADER)?.as_bytes(), &mut signature).ok()?;
    let description = headers.get(DESCRIPTION_HEADER)?.to_str().ok()?;
    Some(Seal {
        description: description.parse().ok()?,
        signature,
    })
}

/// `N` of `Content-Range: bytes N-M/SIZE`.
fn starts_at(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (start, _) = range.strip_prefix("bytes ")?.split_once('-')?;
    start.parse().ok()
}
