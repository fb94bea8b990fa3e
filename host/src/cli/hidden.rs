//! A secret from the person at the terminal, who does not see it, or from what stdin leads to.

use anyhow::{Context as _, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;
use std::io::{IsTerminal as _, Read as _, Write as _};
use zeroize::Zeroizing;

/// The longest secret, bytes.
const BYTES_MAX: u64 = 64 << 10;

/// Puts the terminal back as it was, whatever happens.
struct Silent(Termios);

impl Silent {
    fn begin() -> anyhow::Result<Self> {
        let before = tcgetattr(std::io::stdin()).context("look at the terminal")?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &silent)
            .context("hide what is typed")?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0).ok();
    }
}

/// Read one secret: a line of the terminal, or all of stdin but the end of its last line.
pub(super) fn read(prompt: &str) -> anyhow::Result<SecretString> {
    let mut text = Zeroizing::new(String::new());
    if std::io::stdin().is_terminal() {
        write!(std::io::stderr(), "{prompt}")?;
        let silent = Silent::begin()?;
        std::io::stdin().read_line(&mut text)?;
        drop(silent);
        writeln!(std::io::stderr())?;
    } else {
        let mut all = std::io::stdin().take(BYTES_MAX.saturating_add(1));
        all.read_to_string(&mut text)
            .context("read the secret from stdin")?;
    }
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > BYTES_MAX {
        bail!("a secret has at most {BYTES_MAX} bytes");
    }
    let value = text.strip_suffix('\n').unwrap_or(&text);
    let value = value.strip_suffix('\r').unwrap_or(value);
    if value.is_empty() {
        bail!("there is no secret; type it, or pipe it in");
    }
    Ok(SecretString::from(value.to_owned()))
}
