//! Two processes on one database.

use agent_factory_tests::built;
use agent_factory_tests::dev::Site;
use agent_factory_tests::telegram::TelegramDouble;
use std::collections::BTreeMap;

const BOT: &str = "1000001:demo-token-of-no-real-bot-000000000";
const CHATS: i64 = 5;
const EACH: i64 = 8;

#[tokio::test]
async fn two_processes_answer_each_message_once_and_in_order_and_one_goes_on_when_the_other_is_killed()
 {
    let double = TelegramDouble::start().await;
    double.add_bot(BOT);
    // Short leases: those of the killed one are waited out. Where a busy machine outlives another's, its turn runs again
    // and one of the two is refused; a reply may come twice, one after the other.
    let site = Site::new(&double.url())
        .engine(built::guest("hostile-engine"))
        .setting("lease.lease_ms", "2000")
        .setting("outbox.lease_ms", "2000");
    let (first, second) = (site.start().await, site.start().await);
    let mut update = 0;
    for number in 0..EACH {
        for chat in 1..=CHATS {
            update += 1;
            // By turns; what the killed one would have taken goes to the other, as Telegram would see to.
            let to = if update % 2 == 0 { &first } else { &second };
            let (status, _) = to.update(update, chat, &format!("echo {number}")).await;
            assert_eq!(status, 200);
        }
    }
    // Somewhere in the middle of all that.
    double.await_sent(5).await;
    second.kill().await;
    let last = (EACH - 1).to_string();
    for chat in 1..=CHATS {
        double
            .await_text(|sent| sent.chat_id == chat && sent.text == last)
            .await;
    }

    let mut replies: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for message in double.sent() {
        replies
            .entry(message.chat_id)
            .or_default()
            .push(message.text);
    }
    for chat in 1..=CHATS {
        let mut got = replies.remove(&chat).unwrap_or_default();
        // A reply that was on the wire when its sender died or lost its lease may come twice, one after the other;
        // nothing else may.
        got.dedup();
        let expected: Vec<String> = (0..EACH).map(|number| number.to_string()).collect();
        assert_eq!(got, expected, "chat {chat}");
    }
    drop(first);
}
