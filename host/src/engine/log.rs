//! The bounded log of one call, which ends up in its receipt.

use crate::config::Limits;
use crate::domain::ReceiptLine;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of standard error kept beside the log for the text of a trap: a guest that logs a lot before
/// it panics still gets its panic message through.
const LAST_WORDS: usize = 1_024;

/// Lines of one call; shared between the logging capability and the captured standard streams.
#[derive(Clone, Debug)]
pub(super) struct CallLog(Arc<Mutex<Lines>>);

#[derive(Debug)]
struct Lines {
    lines_limit: usize,
    line_bytes: usize,
    lines: Vec<ReceiptLine>,
    dropped: u32,
    last_words: String,
}

impl CallLog {
    pub(super) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Mutex::new(Lines {
            lines_limit: usize::try_from(limits.log_lines).unwrap_or(usize::MAX),
            line_bytes: usize::try_from(limits.log_line_bytes).unwrap_or(usize::MAX),
            lines: Vec::new(),
            dropped: 0,
            last_words: String::new(),
        })))
    }

    /// Add a line; cut at the bound, dropped and counted once the log is full.
    pub(super) fn line(&self, level: &str, text: &str) {
        let mut log = self.lock();
        if log.lines.len() >= log.lines_limit {
            log.dropped = log.dropped.saturating_add(1);
            return;
        }
        let text = cut(text, log.line_bytes).to_owned();
        log.lines.push(ReceiptLine {
            level: level.to_owned(),
            text,
        });
    }

    /// Add a line of standard error, and remember it.
    pub(super) fn standard_error(&self, text: &str) {
        self.line("warn", text);
        let mut log = self.lock();
        if !log.last_words.is_empty() {
            log.last_words.push('\n');
        }
        log.last_words.push_str(cut(text, LAST_WORDS));
        let over = log.last_words.len().saturating_sub(LAST_WORDS);
        let from = log.last_words.ceil_char_boundary(over);
        log.last_words.drain(..from);
    }

    /// The end of what was written to standard error; a Rust guest writes its panic message there.
    pub(super) fn last_words(&self) -> String {
        self.lock().last_words.trim().to_owned()
    }

    /// The lines and how many were dropped, leaving an empty log.
    pub(super) fn take(&self) -> (Vec<ReceiptLine>, u32) {
        let mut log = self.lock();
        (std::mem::take(&mut log.lines), log.dropped)
    }

    /// The longest line, bytes.
    pub(super) fn line_bytes(&self) -> usize {
        self.lock().line_bytes
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The beginning of `text`, at most `bytes` bytes, cut between characters.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_up_to_the_bound_and_counted_beyond() {
        let log = CallLog::new(&Limits {
            log_lines: 2,
            log_line_bytes: 4,
            ..Limits::default()
        });
        log.line("info", "abcd");
        log.line("info", "abc\u{e9}");
        log.line("info", "third");
        let (lines, dropped) = log.take();
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["abcd", "abc"], "cut between characters");
        assert_eq!(dropped, 1);
    }

    #[test]
    fn the_last_words_survive_a_full_log() {
        let log = CallLog::new(&Limits {
            log_lines: 0,
            ..Limits::default()
        });
        for number in 0..1_000 {
            log.standard_error(&format!("line {number}"));
        }
        log.standard_error("panicked at the end");
        assert!(log.last_words().ends_with("line 999\npanicked at the end"));
        assert!(log.last_words().len() <= LAST_WORDS);
    }
}
