//! The one unsafe call of the host.

use super::artifact::Verified;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Map compiled code.
pub(super) fn component(engine: &Engine, artifact: &Verified<'_>) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` runs whatever machine code it is given, so the bytes must be the
    // unmodified output of wasmtime's compiler. A `Verified` is only made by
    // `ArtifactVerifier::verify`, after the Ed25519 signature over these very bytes held; the key to
    // make one is the control plane's alone, which signs only what its own compiler process gave it.
    // Tenants upload components, never compiled code. The bytes are borrowed for the call and
    // copied by it, so nothing can change them later. Output of another version or configuration of
    // wasmtime is a plain error here.
    #[expect(unsafe_code, reason = "compiled code is trusted by its signature")]
    unsafe {
        Component::deserialize(engine, artifact.bytes())
    }
}
