//! Components compiled by the program's own child process, once for all tests.
//!
//! A component of JavaScript or Python takes the compiler ten seconds and more, and each test may be a process of its
//! own. So what the child answered is kept in `<target>/guests/compiled` under the component's digest, for as
//! long as the program is the same.

use crate::built;
use agent_factory::config::Limits;
use agent_factory::domain::{Digest, Tool};
use agent_factory::engine::{
    ArtifactSigner, CompiledCode, CompiledComponent, Compiler, ComponentKind, Described,
    Description, compile_component,
};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// A component as admission leaves it.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What it offers; nothing for an engine.
    pub tools: Vec<Tool>,
    /// Signed by [`signer`].
    pub artifact: Arc<CompiledComponent>,
}

/// The first line of a kept answer; the code follows.
#[derive(Serialize, Deserialize)]
struct Header {
    tools: Vec<Tool>,
    component: Digest,
    compatibility: String,
    target: String,
    kind: ComponentKind,
}

/// Signs what tests compile.
pub fn signer() -> ArtifactSigner {
    ArtifactSigner::from_seed([7; 32])
}

/// Compile `bytes` under the default limits, or find what came of it before.
///
/// # Panics
/// Where the component is not admitted.
pub async fn compiled(kind: ComponentKind, bytes: &[u8]) -> Compiled {
    let program = built::program();
    let path = place(&program, kind, Digest::of(bytes));
    let lock = path.with_extension("lock");
    let waiting = tokio::task::spawn_blocking(move || {
        let file = File::create(lock).expect("a lock file");
        file.lock().expect("a lock");
        file
    });
    // Whoever comes second waits for the first, and finds its answer.
    let lock = waiting.await.expect("a lock");
    let described = match fs::read(&path) {
        Ok(kept) => parse(&kept),
        Err(_) => {
            let limits = Limits::default();
            let compiler = Compiler { program, limits };
            let described = compiler.compile(kind, bytes).await;
            let described = described.expect("an admitted component");
            keep(&path, &described);
            described
        }
    };
    drop(lock);
    Compiled {
        tools: described.tools,
        artifact: Arc::new(signer().sign(described.code)),
    }
}

/// Compile `bytes` in this process, and keep nothing of it. Blocks; must not be called from an async task.
///
/// # Panics
/// Where the component is not admitted.
pub fn compile_here(kind: ComponentKind, bytes: &[u8]) -> Compiled {
    let described = compile_component(kind, bytes, &Limits::default());
    let described = described.expect("an admitted component");
    Compiled {
        tools: described.tools,
        artifact: Arc::new(signer().sign(described.code)),
    }
}

/// Answers of an older program are removed.
fn place(program: &Path, kind: ComponentKind, digest: Digest) -> PathBuf {
    let metadata = fs::metadata(program).expect("the program");
    let written = metadata.modified().expect("a time");
    let written = written.duration_since(UNIX_EPOCH).expect("after 1970");
    let stamp = format!("{:x}-{:x}", written.as_nanos(), metadata.len());
    let folder = built::guests().join("compiled");
    fs::create_dir_all(&folder).expect("a folder");
    for entry in fs::read_dir(&folder).expect("a folder") {
        let old = entry.expect("an entry").path();
        if !old.to_string_lossy().contains(&stamp) {
            fs::remove_file(old).ok();
        }
    }
    folder.join(format!("{stamp}-{kind}-{digest}.bin"))
}

fn keep(path: &Path, described: &Described) {
    let CompiledCode {
        component,
        compatibility,
        target,
        description,
        bytes,
    } = &described.code;
    let header = Header {
        tools: described.tools.clone(),
        component: *component,
        compatibility: compatibility.clone(),
        target: target.clone(),
        kind: description.kind,
    };
    let mut kept = serde_json::to_vec(&header).expect("JSON");
    kept.push(b'\n');
    kept.extend_from_slice(bytes);
    let partial = path.with_extension("partial");
    fs::write(&partial, kept).expect("room for compiled code");
    fs::rename(partial, path).expect("room for compiled code");
}

fn parse(kept: &[u8]) -> Described {
    let end = kept.iter().position(|byte| *byte == b'\n');
    let (header, code) = kept.split_at(end.expect("a header"));
    let Header {
        tools,
        component,
        compatibility,
        target,
        kind,
    } = serde_json::from_slice(header).expect("a header");
    let bytes = code[1..].to_vec();
    let code = CompiledCode {
        component,
        compatibility,
        target,
        description: Description::of(kind, &tools),
        bytes,
    };
    Described { tools, code }
}
