//! The bounded log of one call, which ends up in its receipt.

use super::text::plain;
use crate::config::Limits;
use crate::domain::{LimitExceeded, LimitName, ReceiptLine};
use crate::egress::Redactor;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a line counts for beside its text, bytes: about its frame in a receipt.
const LINE_FRAME: u64 = 40;

/// Bytes of standard error kept beside the log for the text of a trap: a guest that logs a lot before
/// it panics still gets its panic message through.
const LAST_WORDS: usize = 1_024;

/// Bytes that the logs of a turn's calls may still take, all calls together. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct LogBudget(Arc<AtomicU64>);

impl LogBudget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self(Arc::new(AtomicU64::new(limits.log_bytes)))
    }

    /// Take what a line of this text counts for; false where it is no longer there.
    fn take(&self, text: &str) -> bool {
        let bytes = u64::try_from(text.len())
            .unwrap_or(u64::MAX)
            .saturating_add(LINE_FRAME);
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            });
        taken.is_ok()
    }
}

/// What a log comes to at the end of its call.
#[derive(Debug)]
pub(super) struct Logged {
    /// Oldest first.
    pub(super) lines: Vec<ReceiptLine>,
    /// Lines beyond the bounds.
    pub(super) dropped: u32,
    /// The limits that the call was over and that did not end it, this log's and others.
    pub(super) met: Vec<LimitExceeded>,
}

/// Lines of one call; shared between the logging capability and the captured standard streams.
#[derive(Clone, Debug)]
pub(super) struct CallLog(Arc<Mutex<Lines>>);

#[derive(Debug)]
struct Lines {
    lines_limit: usize,
    line_bytes: usize,
    budget: LogBudget,
    redactor: Redactor,
    lines: Vec<ReceiptLine>,
    dropped: u32,
    met: BTreeMap<LimitName, u64>,
    /// The values of the log's own limits: lines, bytes of a line, bytes of all logs.
    own: [LimitExceeded; 3],
    last_words: String,
}

impl CallLog {
    pub(super) fn new(limits: &Limits, budget: LogBudget, redactor: Redactor) -> Self {
        Self(Arc::new(Mutex::new(Lines {
            budget,
            redactor,
            lines_limit: usize::try_from(limits.log_lines).unwrap_or(usize::MAX),
            line_bytes: usize::try_from(limits.log_line_bytes).unwrap_or(usize::MAX),
            lines: Vec::new(),
            dropped: 0,
            met: BTreeMap::new(),
            own: [
                LimitName::LogLines,
                LimitName::LogLineBytes,
                LimitName::LogBytes,
            ]
            .map(|limit| LimitExceeded {
                limit,
                value: limits.get(limit),
            }),
            last_words: String::new(),
        })))
    }

    /// Add a line; cut at the bound, dropped and counted once this log, or those of the turn together,
    /// are full.
    pub(super) fn line(&self, level: &str, text: &str) {
        let mut log = self.lock();
        let [lines, line_bytes, bytes] = log.own;
        if log.lines.len() >= log.lines_limit {
            log.drop_line(lines);
            return;
        }
        let redacted = log.redactor.redact(text);
        if redacted.len() > log.line_bytes {
            log.met.insert(line_bytes.limit, line_bytes.value);
        }
        let text = plain(&redacted, log.line_bytes);
        if !log.budget.take(&text) {
            log.drop_line(bytes);
            return;
        }
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

    /// Note a limit that the call was over and that did not end it.
    pub(super) fn met(&self, limit: LimitExceeded) {
        self.lock().met.insert(limit.limit, limit.value);
    }

    /// All of it, leaving an empty log.
    pub(super) fn take(&self) -> Logged {
        let mut log = self.lock();
        let met = std::mem::take(&mut log.met).into_iter();
        Logged {
            met: met
                .map(|(limit, value)| LimitExceeded { limit, value })
                .collect(),
            lines: std::mem::take(&mut log.lines),
            dropped: log.dropped,
        }
    }

    /// The longest line, bytes.
    pub(super) fn line_bytes(&self) -> usize {
        self.lock().line_bytes
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn drop_line(&mut self, over: LimitExceeded) {
        self.dropped = self.dropped.saturating_add(1);
        self.met.insert(over.limit, over.value);
    }
}

/// The beginning of `text`, at most `bytes` bytes, cut between characters.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(limits: &Limits) -> CallLog {
        CallLog::new(limits, LogBudget::new(limits), Redactor::default())
    }

    #[test]
    fn the_logs_of_a_turn_share_their_bytes() {
        let limits = Limits {
            log_bytes: 2 * (4 + LINE_FRAME),
            ..Limits::default()
        };
        let budget = LogBudget::new(&limits);
        let (one, other) = (
            CallLog::new(&limits, budget.clone(), Redactor::default()),
            CallLog::new(&limits, budget, Redactor::default()),
        );
        one.line("info", "four");
        other.line("info", "five!");
        other.line("info", "four");
        one.line("info", "");
        let count = |log: &CallLog| {
            let logged = log.take();
            assert_eq!(logged.met[0].limit, LimitName::LogBytes);
            (logged.lines.len(), logged.dropped)
        };
        assert_eq!((count(&one), count(&other)), ((1, 1), (1, 1)));
    }

    #[test]
    fn control_characters_do_not_grow_in_a_receipt() {
        let log = log(&Limits::default());
        log.line("info", &"\u{1}".repeat(4_096));
        let lines = log.take().lines;
        assert!(serde_json::to_string(&lines).unwrap().len() < 4_200);
    }

    #[test]
    fn lines_are_kept_up_to_the_bound_and_counted_beyond() {
        let log = log(&Limits {
            log_lines: 2,
            log_line_bytes: 4,
            ..Limits::default()
        });
        log.line("info", "abcd");
        log.line("info", "abc\u{e9}");
        log.line("info", "third");
        let Logged {
            lines,
            dropped,
            met,
        } = log.take();
        let met: Vec<_> = met.iter().map(|met| (met.limit, met.value)).collect();
        assert_eq!(
            met,
            [(LimitName::LogLines, 2), (LimitName::LogLineBytes, 4)]
        );
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["abcd", "abc"], "cut between characters");
        assert_eq!(dropped, 1);
    }

    #[test]
    fn the_last_words_survive_a_full_log() {
        let log = log(&Limits {
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
