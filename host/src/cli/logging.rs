use clap::ValueEnum;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people on a terminal, and as JSON elsewhere; `dev` is for people anywhere.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One JSON object a line, with its spans; `trace.id` follows a message through all of them.
    Json,
}

/// Who reads the log, where nobody has said how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// Somebody who chats on this terminal: warnings only.
    Chatting,
    /// A developer.
    Developer,
    /// Whatever gathers the logs of a deployment.
    Deployment,
}

impl LogFormat {
    fn is_json(self, reader: Reader, terminal: bool) -> bool {
        match self {
            Self::Auto => reader == Reader::Deployment && !terminal,
            Self::Text => false,
            Self::Json => true,
        }
    }
}

/// Log to stderr: stdout belongs to what was asked for. `RUST_LOG` says how much; without it, warnings where somebody
/// is chatting, and what an operator wants to see elsewhere.
pub(super) fn start(reader: Reader, format: LogFormat) {
    let usual = if reader == Reader::Chatting {
        "warn"
    } else {
        "info"
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if format.is_json(reader, std::io::stderr().is_terminal()) {
        lines.json().flatten_event(true).init();
    } else {
        lines.init();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_logs_json_unless_somebody_looks_or_says_otherwise() {
        use LogFormat::{Auto, Json, Text};
        use Reader::{Deployment, Developer};
        for (format, reader, terminal, json) in [
            (Auto, Deployment, false, true),
            (Auto, Deployment, true, false),
            (Auto, Developer, false, false),
            (Text, Deployment, false, false),
            (Json, Developer, true, true),
        ] {
            assert_eq!(
                format.is_json(reader, terminal),
                json,
                "{format:?} {reader:?}"
            );
        }
    }
}
