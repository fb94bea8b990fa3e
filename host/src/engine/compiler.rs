//! The compiler as a process of its own, seen from the host.

use super::compile::{CompileError, ComponentKind, Described};
use super::compile_child::{self, FrameError};
use crate::config::Limits;
use crate::domain::Digest;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// Bytes of the process's standard error that are kept.
const LAST_WORDS: u64 = 4 << 10;

/// Compiles components, each in a child process with no environment, no files and bounded memory,
/// processor time and wall clock. Whatever a component does to its compiler, this process goes on.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// The program, which has a `compile-component` subcommand that calls
    /// [`compile_child_main`](super::compile_child_main).
    pub program: PathBuf,
    /// What a component may be, and what compiling it may take.
    pub limits: Limits,
}

impl Compiler {
    /// Check, describe and compile a component.
    ///
    /// # Errors
    /// For what is wrong with the component, and where the process could not be run; see
    /// [`CompileError`].
    pub async fn compile(
        &self,
        kind: ComponentKind,
        bytes: &[u8],
    ) -> Result<Described, CompileError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size > self.limits.component_bytes {
            let limit = self.limits.component_bytes;
            return Err(CompileError::TooLarge { size, limit });
        }
        let child = self.spawn(kind)?;
        let wall = Duration::from_millis(self.limits.compile_ms);
        // A child that is dropped is killed.
        let described = tokio::time::timeout(wall, self.converse(child, kind, bytes))
            .await
            .map_err(|_| CompileError::TimedOut(self.limits.compile_ms))??;
        if described.code.component != Digest::of(bytes) {
            return Err(self.crashed("its answer was about other bytes".to_owned()));
        }
        Ok(described)
    }

    fn spawn(&self, kind: ComponentKind) -> Result<Child, CompileError> {
        let unavailable = |error: &dyn std::fmt::Display| {
            CompileError::Unavailable(format!("{}: {error}", self.program.display()))
        };
        let limits = serde_json::to_string(&self.limits).map_err(|error| unavailable(&error))?;
        Command::new(&self.program)
            .arg("compile-component")
            .args(["--kind", &kind.to_string(), "--limits", &limits])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| unavailable(&error))
    }

    async fn converse(
        &self,
        mut child: Child,
        kind: ComponentKind,
        bytes: &[u8],
    ) -> Result<Described, CompileError> {
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(CompileError::Unavailable("no pipes".to_owned()));
        };
        let most = compile_child::answer_bytes(&self.limits);
        let writing = async move {
            // A child that ended early has said why, or has crashed: either is seen below.
            let written = stdin.write_all(bytes).await;
            drop(stdin);
            written.ok()
        };
        let (_, answer, last_words) =
            tokio::join!(writing, read(stdout, most), read(stderr, LAST_WORDS));
        let status = child
            .wait()
            .await
            .map_err(|error| CompileError::Unavailable(error.to_string()))?;
        match compile_child::parse_answer(kind, &answer) {
            Ok(answer) => answer,
            Err(FrameError) => Err(self.crashed(ending(status, &last_words))),
        }
    }

    fn crashed(&self, why: String) -> CompileError {
        let limit = self.limits.compile_memory_bytes;
        CompileError::Crashed { why, limit }
    }
}

/// At most `most` bytes; the rest is read and dropped, so that the writer does not wait for ever.
async fn read(mut from: impl AsyncRead + Unpin, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let kept = (&mut from).take(most).read_to_end(&mut bytes).await;
    if kept.is_ok() {
        let dropped = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
        drop(dropped);
    }
    bytes
}

fn ending(status: ExitStatus, last_words: &[u8]) -> String {
    let words = String::from_utf8_lossy(last_words);
    let words = words.trim().replace('\n', " ");
    if words.is_empty() {
        status.to_string()
    } else {
        format!("{status}: {}", super::log::cut(&words, 300))
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[tokio::test]
    async fn an_answer_is_read_up_to_its_bound_and_the_rest_of_it_is_taken_from_the_writer() {
        let (mut from, rest) = (&b"12345"[..], &b"6789"[..]);
        assert_eq!(read(&mut from, 5).await, b"12345");
        let mut longer = tokio::io::AsyncReadExt::chain(&b"12345"[..], rest);
        assert_eq!(read(&mut longer, 5).await, b"12345");
        assert!(longer.get_ref().1.is_empty(), "nobody waits to write more");
    }
}
