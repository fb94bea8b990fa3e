//! What commands say: what was asked for on stdout, all else on stderr.

use serde_json::Value;
use std::io::Write as _;

/// One line of what was asked for.
pub(super) fn line(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// One row of a list: one line, whatever others wrote into it.
pub(super) fn row(text: &str) -> anyhow::Result<()> {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    line(&text.chars().map(shown).collect::<String>())
}

/// What was asked for, as JSON that people can read too.
pub(super) fn json(value: &Value) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?)
}

/// A word to the person.
pub(super) fn note(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stderr(), "{text}")?)
}
