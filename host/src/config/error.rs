//! What can be wrong with a configuration, told so that the operator can repair it.

use super::bounds::Quantity;
use super::keys::variable_of;
use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// A variable of the environment.
    Environment,
}

/// One thing that is refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    /// A key that does not exist. Its value is not repeated: it may be a secret in the wrong place.
    UnknownKey {
        /// As it was written, in the file or as a variable.
        written: String,
        /// Where it was written.
        origin: Origin,
        /// What to write instead.
        hint: String,
    },
    /// A number out of its range, or no number.
    Range {
        /// Key, range and unit.
        quantity: &'static Quantity,
        /// As it was written.
        value: String,
        /// Where it was written.
        origin: Origin,
    },
    /// A text that its key does not accept.
    Text {
        /// Section and name.
        key: String,
        /// What is accepted.
        reason: String,
        /// Where it was written.
        origin: Origin,
    },
    /// Two numbers that contradict each other.
    Rule {
        /// The key that must be the lower one, its value and where that came from.
        lower: (&'static str, String, Origin),
        /// The key that must be the higher one, its value and where that came from.
        higher: (&'static str, String, Origin),
        /// Why they depend on each other.
        reason: &'static str,
    },
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration file {}: {source}; name another by --config or AGENT_FACTORY_CONFIG", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {} is not valid TOML: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and what was expected there.
        reason: String,
    },
    /// Keys or values are refused; all of them are listed.
    #[error("the configuration is refused:{}", listed(.0))]
    Refused(Vec<Problem>),
    /// Values that are accepted one by one make no configuration together; a defect of this program.
    #[error("the configuration's values do not fit together: {0}")]
    Contradiction(serde_json::Error),
}

impl ConfigError {
    /// An error where there is any problem.
    pub(super) fn refuse(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self::Refused(problems))
        }
    }
}

fn listed(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("\n  - {problem}"))
        .collect()
}

impl Origin {
    /// Where this value is written.
    fn place(&self, key: &str) -> String {
        match self {
            Self::Default => "the default".to_owned(),
            Self::File(path) => format!("in {}", path.display()),
            Self::Environment => format!("in {}", variable_of(key)),
        }
    }

    /// What to do about it.
    fn repair(&self, key: &str) -> String {
        let (section, name) = key.split_once('.').unwrap_or(("", key));
        match self {
            Self::Default => format!("set {name} under [{section}], or {}", variable_of(key)),
            Self::File(path) => format!(
                "change {name} under [{section}] in {}, or set {}",
                path.display(),
                variable_of(key)
            ),
            Self::Environment => format!("change or unset {}", variable_of(key)),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey {
                written,
                origin,
                hint,
            } => {
                match origin {
                    Origin::File(path) => {
                        write!(out, "unknown key {written} in {}", path.display())
                    }
                    _ => write!(out, "unknown variable {written}"),
                }?;
                write!(out, "; {hint}")
            }
            Self::Range {
                quantity,
                value,
                origin,
            } => write!(
                out,
                "{} is {value} ({}), but must be {quantity}; {}",
                quantity.key,
                origin.place(quantity.key),
                origin.repair(quantity.key)
            ),
            Self::Text {
                key,
                reason,
                origin,
            } => write!(
                out,
                "{key} ({}) is refused: {reason}; {}",
                origin.place(key),
                origin.repair(key)
            ),
            Self::Rule {
                lower: (lower, low, low_origin),
                higher: (higher, high, high_origin),
                reason,
            } => write!(
                out,
                "{lower} is {low} ({}) and {higher} is {high} ({}), but {reason}; {}",
                low_origin.place(lower),
                high_origin.place(higher),
                if matches!(low_origin, Origin::Default) {
                    high_origin.repair(higher)
                } else {
                    low_origin.repair(lower)
                }
            ),
        }
    }
}
