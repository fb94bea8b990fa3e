//! Compiled components, and how a worker knows whose they are.
//!
//! Compiled code runs as it is, outside of any sandbox's protection. So the control plane signs
//! what its compiler made, and a worker, which holds no key to sign with, runs nothing else.

use super::description::Description;
use crate::domain::Digest;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

/// Separates these signatures from any other use of the key.
const DOMAIN: &[u8] = b"agent-factory compiled component 2\0";

/// What compiled code runs on: one configuration of wasmtime, one kind of machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// A digest of every setting that shapes compiled code; hex.
    pub compatibility: String,
    /// The target triple.
    pub target: String,
}

/// What the compiler made of a component, not signed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledCode {
    /// The digest of the component's bytes, as they were uploaded.
    pub component: Digest,
    /// A digest of every engine setting that shapes compiled code; hex.
    pub compatibility: String,
    /// The target it is compiled for.
    pub target: String,
    /// Its kind and its tools.
    pub description: Description,
    /// The code.
    pub bytes: Vec<u8>,
}

/// A compiled component with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledComponent {
    /// The digest of the component's bytes, as they were uploaded.
    pub component: Digest,
    /// A digest of every engine setting that shapes compiled code; hex.
    pub compatibility: String,
    /// The target it is compiled for.
    pub target: String,
    /// Its kind and its tools.
    pub description: Description,
    /// Ed25519, over all the other fields.
    pub signature: [u8; 64],
    /// The code.
    pub bytes: Vec<u8>,
}

/// What travels with the code: what it is said to be, and the signature over that and all else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Its kind and its tools.
    pub description: Description,
    /// Ed25519.
    pub signature: [u8; 64],
}

impl CompiledComponent {
    /// What travels with its code.
    #[must_use]
    pub const fn seal(&self) -> Seal {
        Seal {
            description: self.description,
            signature: self.signature,
        }
    }
}

/// An artifact whose signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the signature of compiled component {component} does not hold: it was changed, or made by \
     another control plane"
)]
pub struct Untrusted {
    /// The component it claims to be.
    pub component: Digest,
}

/// Bytes that are not a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 public key")]
pub struct NotAKey;

/// Signs artifacts; the control plane's. The key is wiped from memory when this is dropped, and
/// never shown.
#[derive(Clone)]
pub struct ArtifactSigner(SigningKey);

impl ArtifactSigner {
    /// The signer that follows from 32 secret bytes.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// Vouch for what the compiler made.
    #[must_use]
    pub fn sign(&self, code: CompiledCode) -> CompiledComponent {
        let CompiledCode {
            component,
            compatibility,
            target,
            description,
            bytes,
        } = code;
        let message = message(component, &compatibility, &target, description, &bytes);
        CompiledComponent {
            component,
            signature: self.0.sign(&message).to_bytes(),
            compatibility,
            target,
            description,
            bytes,
        }
    }

    /// The other half, for workers.
    #[must_use]
    pub fn verifier(&self) -> ArtifactVerifier {
        ArtifactVerifier(self.0.verifying_key())
    }
}

impl std::fmt::Debug for ArtifactSigner {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("ArtifactSigner(..)")
    }
}

/// Knows what one signer signed.
#[derive(Clone, Debug)]
pub struct ArtifactVerifier(VerifyingKey);

impl ArtifactVerifier {
    /// From a public key.
    ///
    /// # Errors
    /// Where the bytes are none.
    pub fn from_public_key(key: &[u8; 32]) -> Result<Self, NotAKey> {
        VerifyingKey::from_bytes(key).map(Self).map_err(|_| NotAKey)
    }

    /// The public key.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Check the signature over all of the artifact.
    ///
    /// # Errors
    /// Where it does not hold.
    pub fn verify<'a>(&self, artifact: &'a CompiledComponent) -> Result<Verified<'a>, Untrusted> {
        let message = message(
            artifact.component,
            &artifact.compatibility,
            &artifact.target,
            artifact.description,
            &artifact.bytes,
        );
        self.0
            .verify_strict(&message, &Signature::from_bytes(&artifact.signature))
            .map_err(|_| Untrusted {
                component: artifact.component,
            })?;
        Ok(Verified(artifact))
    }
}

/// An artifact whose signature held.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a>(&'a CompiledComponent);

impl<'a> Verified<'a> {
    pub(super) fn bytes(&self) -> &'a [u8] {
        &self.0.bytes
    }
}

fn message(
    component: Digest,
    compatibility: &str,
    target: &str,
    description: Description,
    code: &[u8],
) -> Vec<u8> {
    let (component, description) = (component.to_string(), description.to_string());
    let code = Digest::of(code).to_string();
    let fields = [&component, compatibility, target, &description, &code];
    let fields = Digest::of_texts(fields);
    [DOMAIN, fields.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ComponentKind;

    fn signed() -> (ArtifactSigner, CompiledComponent) {
        let signer = ArtifactSigner::from_seed([7; 32]);
        let artifact = signer.sign(CompiledCode {
            component: Digest::of(b"component"),
            compatibility: "compatibility".to_owned(),
            target: "target".to_owned(),
            description: Description::of(ComponentKind::Skill, &[]),
            bytes: b"compiled code".to_vec(),
        });
        (signer, artifact)
    }

    #[test]
    fn an_artifact_is_trusted_as_it_was_signed_and_in_no_other_form() {
        let (signer, artifact) = signed();
        let trust = signer.verifier();
        assert!(trust.verify(&artifact).is_ok());
        for index in 0..artifact.bytes.len() {
            let mut changed = artifact.clone();
            changed.bytes[index] ^= 1;
            assert!(trust.verify(&changed).is_err(), "byte {index}");
        }
        for index in 0..artifact.signature.len() {
            let mut changed = artifact.clone();
            changed.signature[index] ^= 1;
            assert!(trust.verify(&changed).is_err(), "signature byte {index}");
        }
        let mut other = artifact.clone();
        other.component = Digest::of(b"another component");
        let error = trust.verify(&other).unwrap_err();
        assert!(error.to_string().contains(&other.component.to_string()));
        let mut described = artifact.clone();
        described.description = Description::of(ComponentKind::Engine, &[]);
        assert!(trust.verify(&described).is_err(), "another kind");
        let mut moved = artifact.clone();
        moved.compatibility = "compatibilityt".to_owned();
        moved.target = "arget".to_owned();
        assert!(trust.verify(&moved).is_err());
    }

    #[test]
    fn another_signer_is_not_trusted() {
        let (_, artifact) = signed();
        let trust = ArtifactSigner::from_seed([8; 32]).verifier();
        assert!(trust.verify(&artifact).is_err());
    }

    #[test]
    fn a_verifier_goes_through_its_public_key_and_a_signer_shows_nothing() {
        let (signer, artifact) = signed();
        let trust = ArtifactVerifier::from_public_key(&signer.verifier().public_key()).unwrap();
        assert!(trust.verify(&artifact).is_ok());
        assert_eq!(format!("{signer:?}"), "ArtifactSigner(..)");
    }
}
