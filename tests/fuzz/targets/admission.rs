//! A component as it is uploaded, and compiled code as it is stored: anybody's bytes, before anything is compiled or mapped.

use agent_factory::domain::Digest;
use agent_factory::engine::{
    ArtifactSigner, CompileError, CompiledCode, ComponentKind, Description, inspect_component,
    parse_compiler_answer,
};

/// Bytes are a component or are refused in words; the compiler's answer is one or none; and no code is trusted but what was signed.
pub fn run(data: &[u8]) {
    for kind in [ComponentKind::Skill, ComponentKind::Engine] {
        if let Err(error) = inspect_component(kind, data) {
            let text = error.to_string();
            assert!(!text.is_empty() && text.len() < 4_096, "{text}");
            let mine = matches!(
                error,
                CompileError::Unavailable(_) | CompileError::Crashed { .. }
            );
            assert!(!mine, "the component's fault, not the host's: {text}");
        }
        if let Ok(Ok(described)) = parse_compiler_answer(kind, data) {
            assert_eq!(
                described.code.description,
                Description::of(kind, &described.tools)
            );
        }
    }
    forged(data);
}

/// The beginning is a signature, the next byte says what is changed, the rest is code.
fn forged(data: &[u8]) {
    let Some((signature, rest)) = data.split_first_chunk::<64>() else {
        return;
    };
    let Some((change, code)) = rest.split_first() else {
        return;
    };
    let signer = ArtifactSigner::from_seed([7; 32]);
    let honest = signer.sign(CompiledCode {
        component: Digest::of(b"component"),
        compatibility: "compatibility".to_owned(),
        target: "target".to_owned(),
        description: Description::of(ComponentKind::Skill, &[]),
        bytes: code.to_vec(),
    });
    let trust = signer.verifier();
    assert!(trust.verify(&honest).is_ok());
    let mut forged = honest.clone();
    match change % 5 {
        0 => forged.signature = *signature,
        1 => forged.component = Digest::of(signature),
        2 => forged.compatibility.push(char::from(signature[0])),
        3 => forged.description = Description::of(ComponentKind::Engine, &[]),
        _ => forged.bytes.push(signature[0]),
    }
    if forged != honest {
        assert!(trust.verify(&forged).is_err(), "{forged:?}");
    }
}
