//! Admission: a component is checked, described and compiled once, before any worker sees it.

use super::rebuild::{Missing, compiled_now, use_platform};
use super::{CompiledRow, bytes, compiled, put, tools_of};
use crate::domain::{Digest, Tool};
use crate::engine::{
    ArtifactSigner, CompileError, Compiler, ComponentKind, Described, Description, Platform,
};
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

/// A component that is stored and was not compiled again.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// It does not compile for this platform.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// It was cleared away.
    #[error("the component is not stored any more")]
    Gone,
    /// Its bytes are others.
    #[error("the stored bytes are not those that were uploaded; upload the component again")]
    Changed,
    /// It says something else of itself than before.
    #[error("the component lists other tools than when it was uploaded; upload it again")]
    OtherTools,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AdmitError> for RebuildError {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Compile(error) => Self::Compile(error),
            AdmitError::Store(error) => Self::Store(error),
        }
    }
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
        if let Some(tools) = self.known(kind, digest).await?
            && self.brought_again(digest).await?
        {
            return Ok(Admitted {
                digest,
                kind,
                tools,
                compiled_now: false,
            });
        }
        let described = self.compiler.compile(kind, &bytes).await?;
        let tools = described.tools.clone();
        let row = self.signed(kind, described)?;
        let platform = self.platform.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let now = tx.now().await?;
                    put(tx, now, &bytes).await?;
                    use_platform(tx, &platform).await?;
                    compiled_now(tx, digest, &platform, &row).await
                })
            })
            .await
            .map_err(|error: StoreError| error)?;
        Ok(Admitted {
            digest,
            kind,
            tools,
            compiled_now: true,
        })
    }

    /// What code is compiled for here.
    #[must_use]
    pub const fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Compile what is stored under a digest for this platform, as it was when it was brought; none where that is done
    /// already. Stores nothing.
    ///
    /// # Errors
    /// Where it does not compile any more, or is not what it was; else the database.
    pub async fn rebuild(&self, missing: &Missing) -> Result<Option<CompiledRow>, RebuildError> {
        let (digest, kind) = (missing.digest, missing.kind);
        if self.known(kind, digest).await?.is_some() {
            return Ok(None);
        }
        let stored: Result<_, StoreError> = self
            .db
            .read(move |tx| {
                Box::pin(async move { Ok((bytes(tx, digest).await?, tools_of(tx, digest).await?)) })
            })
            .await;
        let (bytes, known) = stored?;
        let bytes = bytes.ok_or(RebuildError::Gone)?;
        if Digest::of(&bytes) != digest {
            return Err(RebuildError::Changed);
        }
        let described = self.compiler.compile(kind, &bytes).await?;
        if known.is_some_and(|known| known != described.tools) {
            return Err(RebuildError::OtherTools);
        }
        Ok(Some(self.signed(kind, described)?))
    }

    async fn brought_again(&self, digest: Digest) -> Result<bool, StoreError> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let now = tx.now().await?;
                    super::brought_again(tx, now, digest).await
                })
            })
            .await
    }

    /// What the compiler made, vouched for.
    fn signed(&self, kind: ComponentKind, described: Described) -> Result<CompiledRow, AdmitError> {
        let Platform {
            compatibility,
            target,
        } = &self.platform;
        // The program was replaced on disk while this process runs: what its new version makes is not for this one.
        if described.code.compatibility != *compatibility || described.code.target != *target {
            let why = "it is of another version than this process; restart this process";
            return Err(CompileError::Unavailable(why.to_owned()).into());
        }
        let artifact = self.signer.sign(described.code);
        let tools = serde_json::to_string(&described.tools);
        Ok(CompiledRow {
            kind: kind.to_string(),
            tools: tools.map_err(StoreError::corrupt("tools"))?,
            description: artifact.description.to_string(),
            signature: artifact.signature.to_vec(),
            bytes: artifact.bytes,
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
        let tools: Vec<Tool> =
            serde_json::from_str(&row.tools).map_err(StoreError::corrupt("tools"))?;
        let Some(artifact) = row.artifact(digest, &self.platform) else {
            return Ok(None);
        };
        // What stands beside the code is what is signed of it.
        if artifact.description != Description::of(kind, &tools) {
            return Ok(None);
        }
        Ok(self
            .signer
            .verifier()
            .verify(&artifact)
            .is_ok()
            .then_some(tools))
    }
}
