//! A guest's standard output and error, line by line into its log.

use super::log::CallLog;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// One captured stream. Everything is accepted at once; what is over the log's bounds is dropped.
#[derive(Clone, Debug)]
pub(super) struct Captured {
    log: CallLog,
    error: bool,
    unfinished: Arc<Mutex<Vec<u8>>>,
}

impl Captured {
    /// Standard output: lines of level `info`.
    pub(super) fn output(log: CallLog) -> Self {
        Self::new(log, false)
    }

    /// Standard error: lines of level `warn`, and the last words of a guest that traps.
    pub(super) fn error(log: CallLog) -> Self {
        Self::new(log, true)
    }

    fn new(log: CallLog, error: bool) -> Self {
        Self {
            log,
            error,
            unfinished: Arc::default(),
        }
    }

    /// Write the last line, where it did not end in a line break.
    pub(super) fn finish(&self) {
        let rest = std::mem::take(&mut *self.lock());
        if !rest.is_empty() {
            self.line(&rest);
        }
    }

    fn accept(&self, bytes: &[u8]) {
        let longest = self.log.line_bytes();
        let mut unfinished = self.lock();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            let room = longest.saturating_sub(unfinished.len()).min(text.len());
            unfinished.extend_from_slice(text.get(..room).unwrap_or(text));
            if ended {
                let line = std::mem::take(&mut *unfinished);
                self.line(&line);
            }
        }
    }

    fn line(&self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end();
        if text.is_empty() {
            return;
        }
        if self.error {
            self.log.standard_error(text);
        } else {
            self.log.line("info", text);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl IsTerminal for Captured {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Captured {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn wasmtime_wasi::p2::OutputStream> {
        Box::new(self.clone())
    }
}

/// The synchronous form: no task is spawned for a stream that never waits.
#[async_trait::async_trait]
impl wasmtime_wasi::p2::Pollable for Captured {
    async fn ready(&mut self) {}
}

impl wasmtime_wasi::p2::OutputStream for Captured {
    fn write(&mut self, bytes: bytes::Bytes) -> wasmtime_wasi::p2::StreamResult<()> {
        self.accept(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> wasmtime_wasi::p2::StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> wasmtime_wasi::p2::StreamResult<usize> {
        Ok(64 << 10)
    }
}

impl AsyncWrite for Captured {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.accept(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::egress::Redactor;
    use crate::engine::log::LogBudget;

    #[test]
    fn writes_become_lines_however_they_are_split_and_long_ones_are_cut() {
        let limits = Limits {
            log_line_bytes: 8,
            ..Limits::default()
        };
        let log = CallLog::new(&limits, LogBudget::new(&limits), Redactor::default());
        let stream = Captured::error(log.clone());
        stream.accept(b"one\ntw");
        stream.accept(b"o\n\n0123456789abcdef\nthe rest");
        stream.finish();
        let lines = log.take().lines;
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["one", "two", "01234567", "the rest"]);
    }
}
