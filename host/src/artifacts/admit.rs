//! Admission: a component is checked, described and compiled once, before any worker sees it.

use super::{CompiledRow, compiled, put, put_compiled};
use crate::domain::{Digest, Tool};
use crate::engine::{ArtifactSigner, CompileError, Compiler, ComponentKind, Platform};
use crate::store::{Db, StoreError};

/// A component that was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// It is not a component of its kind, or does not compile within the limits.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Admits components: compiles each for one platform, and signs what came of it.
#[derive(Debug)]
pub struct Admission {
    db: Db,
    compiler: Compiler,
    signer: ArtifactSigner,
    platform: Platform,
}

/// A component that workers may be given.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Its digest.
    pub digest: Digest,
    /// Which world it has.
    pub kind: ComponentKind,
    /// What it offers; empty for an engine.
    pub tools: Vec<Tool>,
    /// It was compiled now, and had not been before.
    pub compiled_now: bool,
}

impl Admission {
    /// Compile with `compiler` for `platform`, sign with `signer`, store in `db`.
    #[must_use]
    pub fn new(db: Db, compiler: Compiler, signer: ArtifactSigner, platform: Platform) -> Self {
        Self {
            db,
            compiler,
            signer,
            platform,
        }
    }

    /// What workers are told to trust: the public half of the key that compiled components are signed with.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.signer.verifier().public_key()
    }

    /// Admit `bytes`. What was admitted before for this platform, under this signing key, is not compiled again.
    ///
    /// # Errors
    /// One clear sentence where it is not a component of its kind; else the database.
    pub async fn admit(&self, kind: ComponentKind, bytes: Vec<u8>) -> Result<Admitted, AdmitError> {
        let digest = Digest::of(&bytes);
        if let Some(tools) = self.known(kind, digest).await? {
            return Ok(Admitted {
                digest,
                kind,
                tools,
                compiled_now: false,
            });
        }
        let described = self.compiler.compile(kind, &bytes).await?;
        let artifact = self.signer.sign(described.code);
        let row = CompiledRow {
            kind: kind.to_string(),
            tools: serde_json::to_string(&described.tools).map_err(StoreError::corrupt("tools"))?,
            signature: artifact.signature.to_vec(),
            bytes: artifact.bytes,
        };
        let platform = self.platform.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let now = tx.now().await?;
                    put(tx, now, &bytes).await?;
                    put_compiled(tx, now, digest, &platform, &row).await
                })
            })
            .await
            .map_err(|error: StoreError| error)?;
        Ok(Admitted {
            digest,
            kind,
            tools: described.tools,
            compiled_now: true,
        })
    }

    /// Admit `bytes` as whichever kind they are, a skill or an engine.
    ///
    /// # Errors
    /// One clear sentence where they are neither; else the database.
    pub async fn admit_any(&self, bytes: Vec<u8>) -> Result<Admitted, AdmitError> {
        // What is known as an engine is not compiled as a skill first.
        let engine = self.known(ComponentKind::Engine, Digest::of(&bytes));
        if engine.await?.is_some() {
            return self.admit(ComponentKind::Engine, bytes).await;
        }
        match self.admit(ComponentKind::Skill, bytes.clone()).await {
            Err(AdmitError::Compile(CompileError::LacksExport { exports, .. }))
                if ComponentKind::Engine.is_among(&exports) =>
            {
                self.admit(ComponentKind::Engine, bytes).await
            }
            admitted => admitted,
        }
    }

    /// The tools of a component that was admitted before, if what is stored of it is whole and ours.
    async fn known(
        &self,
        kind: ComponentKind,
        digest: Digest,
    ) -> Result<Option<Vec<Tool>>, StoreError> {
        let platform = self.platform.clone();
        let row: Option<CompiledRow> = self
            .db
            .read(move |tx| Box::pin(async move { compiled(tx, digest, &platform).await }))
            .await
            .map_err(|error: StoreError| error)?;
        let Some(row) = row.filter(|row| row.kind == kind.to_string()) else {
            return Ok(None);
        };
        let tools = serde_json::from_str(&row.tools).map_err(StoreError::corrupt("tools"))?;
        let Some(artifact) = row.artifact(digest, &self.platform) else {
            return Ok(None);
        };
        Ok(self
            .signer
            .verifier()
            .verify(&artifact)
            .is_ok()
            .then_some(tools))
    }
}
