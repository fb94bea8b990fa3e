//! What breaks under load: a control plane, the database.

use super::double;
use agent_factory_tests::built;
use agent_factory_tests::deployment::Deployment;
use agent_factory_tests::postgres::OwnServer;
use agent_factory_tests::telegram::{Sent, TelegramDouble};
use std::collections::BTreeMap;

const CHATS: i64 = 6;
const ROUNDS: i64 = 8;

/// The messages of one round, one a chat.
async fn round(deployment: &Deployment, urls: &[&str], round: i64) {
    for chat in 1..=CHATS {
        let text = format!("echo {round}");
        deployment
            .update(urls, round * CHATS + chat, chat, &text)
            .await;
    }
}

/// Every chat was told every round's number once, in order.
async fn all_once_and_in_order(double: &TelegramDouble) {
    let count = usize::try_from(CHATS * ROUNDS).expect("a count");
    let sent: Vec<Sent> = double.await_sent(count).await;
    let mut of_chat: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for sent in sent {
        of_chat.entry(sent.chat_id).or_default().push(sent.text);
    }
    let wanted: Vec<String> = (0..ROUNDS).map(|round| round.to_string()).collect();
    assert_eq!(of_chat.len(), usize::try_from(CHATS).expect("a count"));
    for (chat, texts) in of_chat {
        assert_eq!(texts, wanted, "chat {chat}");
    }
}

#[tokio::test]
async fn when_a_control_plane_is_killed_under_load_nothing_is_lost_and_nothing_done_twice() {
    let double = double().await;
    let Some(deployment) = Deployment::start(&double.url(), &[]).await else {
        return;
    };
    deployment
        .agent("hostile-engine", &built::demo_workspace())
        .await;
    let (doomed, other) = (
        deployment.control_plane().await,
        deployment.control_plane().await,
    );
    let (doomed_url, other_url) = (doomed.url().to_owned(), other.url().to_owned());
    let urls = [doomed_url.as_str(), other_url.as_str()];
    let _one = deployment.worker(&urls, "one", &[]).await;
    let _two = deployment.worker(&urls, "two", &[]).await;
    for number in 0..ROUNDS / 2 {
        round(&deployment, &urls, number).await;
    }
    double
        .await_sent(usize::try_from(CHATS).expect("a count"))
        .await;
    doomed.kill().await;
    for number in ROUNDS / 2..ROUNDS {
        round(&deployment, &urls, number).await;
    }
    all_once_and_in_order(&double).await;
}

#[tokio::test]
async fn when_the_database_restarts_under_load_nothing_is_lost_and_nothing_done_twice() {
    let double = double().await;
    let Some(server) = OwnServer::start().await else {
        return;
    };
    let deployment = Deployment::on(server.database().await, &double.url(), &[]).await;
    deployment
        .agent("hostile-engine", &built::demo_workspace())
        .await;
    let (one, two) = (
        deployment.control_plane().await,
        deployment.control_plane().await,
    );
    let urls = [one.url(), two.url()];
    let _one = deployment.worker(&urls, "one", &[]).await;
    let _two = deployment.worker(&urls, "two", &[]).await;
    for number in 0..ROUNDS / 2 {
        round(&deployment, &urls, number).await;
    }
    double
        .await_sent(usize::try_from(CHATS).expect("a count"))
        .await;
    server.restart().await;
    for number in ROUNDS / 2..ROUNDS {
        round(&deployment, &urls, number).await;
    }
    all_once_and_in_order(&double).await;
}
