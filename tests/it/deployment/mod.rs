//! Processes that die, freeze and come back, on one PostgreSQL database.

mod cold;
mod frozen;
mod killed;
mod load;

use agent_factory_tests::deployment::BOT;
use agent_factory_tests::telegram::{Sent, TelegramDouble};
use std::time::Duration;

/// As patient as everything else that waits for processes.
async fn double() -> TelegramDouble {
    let double = TelegramDouble::start().await;
    let double = double.with_patience(Duration::from_secs(180));
    double.add_bot(BOT);
    double
}

fn texts(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(|sent| sent.text.as_str()).collect()
}
