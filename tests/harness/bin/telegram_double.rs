//! The double of the Telegram Bot API as a program: point an Agent Factory at it, post an update
//! to the webhook, and watch the reply arrive.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use agent_factory_tests::telegram::{Admission, BotToken, Sent, TelegramDouble};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Runs a double of the Telegram Bot API and prints every message that is sent to it.
///
/// Messages go to stdout, one a line; all else goes to stderr. Ctrl-C ends it.
#[derive(Parser)]
#[command(name = "telegram-double", version)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,

    /// Token of a bot to accept; may be repeated. Without any, every well-formed token is accepted:
    /// digits, a colon, then 20 or more letters, digits, `_` and `-`.
    #[arg(long = "bot", value_name = "TOKEN", hide_env_values = true)]
    bots: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    for token in &arguments.bots {
        token.parse::<BotToken>()?;
    }
    let admission = if arguments.bots.is_empty() {
        Admission::AnyWellFormed
    } else {
        Admission::Listed
    };
    let double = TelegramDouble::bind(arguments.listen, admission)
        .await
        .map_err(|error| anyhow::anyhow!("listen on {}: {error}", arguments.listen))?;
    for token in &arguments.bots {
        double.add_bot(token);
    }
    eprintln!(
        "telegram-double: the Bot API is at {}; Ctrl-C ends it",
        double.url()
    );

    let mut seen = 0;
    loop {
        tokio::select! {
            messages = double.sent_after(seen) => {
                seen += messages.len();
                print(&messages)?;
            }
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    eprintln!("telegram-double: {seen} messages were sent");
    double.stop().await?;
    Ok(())
}

fn print(messages: &[Sent]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for message in messages {
        let Sent {
            bot_id, chat_id, ..
        } = message;
        let topic = message
            .topic
            .map(|topic| format!(" topic {topic}"))
            .unwrap_or_default();
        writeln!(
            stdout,
            "chat {chat_id}{topic} <- bot {bot_id}: {}",
            one_line(&message.text)
        )?;
    }
    stdout.flush()
}

/// The text with line ends and other control characters spelled out, so that a message stays one
/// line and cannot drive the terminal.
fn one_line(text: &str) -> String {
    let spelled = |character: char| {
        if character.is_control() {
            character.escape_default().to_string()
        } else {
            character.to_string()
        }
    };
    text.chars().map(spelled).collect()
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn a_message_stays_on_its_line_and_cannot_drive_the_terminal() {
        assert_eq!(
            one_line("two\nlines \u{1b}[31m, für Élodie"),
            "two\\nlines \\u{1b}[31m, für Élodie"
        );
    }
}
