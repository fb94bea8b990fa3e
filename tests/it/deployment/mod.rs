//! Processes that die, freeze and come back, on one PostgreSQL database.

mod cold;
mod frozen;
mod killed;
mod load;

use agent_factory_tests::deployment::BOT;
use agent_factory_tests::telegram::{Sent, TelegramDouble};

async fn double() -> TelegramDouble {
    let double = TelegramDouble::start().await;
    double.add_bot(BOT);
    double
}

fn texts(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(|sent| sent.text.as_str()).collect()
}
