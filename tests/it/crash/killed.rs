//! SIGKILL: nothing is flushed, nothing is given back.

use agent_factory_tests::dev::Site;
use agent_factory_tests::telegram::TelegramDouble;
use agent_factory_tests::{built, telegram};

const BOT: &str = "1000001:demo-token-of-no-real-bot-000000000";
const MIA: i64 = 42;

async fn double() -> TelegramDouble {
    let double = TelegramDouble::start().await;
    double.add_bot(BOT);
    double
}

fn texts(sent: &[telegram::Sent]) -> Vec<&str> {
    sent.iter().map(|sent| sent.text.as_str()).collect()
}

#[tokio::test]
async fn a_message_whose_worker_is_killed_in_the_middle_of_its_turn_is_answered_once_and_in_order()
{
    let double = double().await;
    let site = Site::new(&double.url()).engine(built::guest("hostile-engine"));
    let mut running = site.start().await;
    // Sleeps for a day in its first attempt, and answers in its second.
    assert_eq!(running.update(1, MIA, "stall-once first").await.0, 200);
    assert_eq!(running.update(2, MIA, "echo second").await.0, 200);
    running.await_log("turn started").await;
    running.kill().await;
    site.end_leases().await;

    let running = site.start().await;
    let sent = double.await_sent(2).await;
    assert_eq!(texts(&sent), ["first", "second"]);
    // A third message is answered after them, so nothing of theirs comes late.
    assert_eq!(running.update(3, MIA, "echo third").await.0, 200);
    assert_eq!(
        texts(&double.await_sent(3).await),
        ["first", "second", "third"]
    );
}

#[tokio::test]
async fn a_reply_whose_worker_is_killed_before_it_is_sent_is_sent_after_the_restart() {
    let double = double().await;
    let site = Site::new(&double.url()).engine(built::guest("hostile-engine"));
    let running = site.start().await;
    double.pause();
    assert_eq!(running.update(1, MIA, "echo settled").await.0, 200);
    // The turn has completed, and its reply is on the wire; Telegram has not taken it yet.
    double.await_held(1).await;
    running.kill().await;
    double.await_held(0).await;
    double.resume();
    assert_eq!(double.sent(), []);
    site.end_leases().await;

    let running = site.start().await;
    assert_eq!(texts(&double.await_sent(1).await), ["settled"]);
    assert_eq!(running.update(2, MIA, "echo next").await.0, 200);
    assert_eq!(texts(&double.await_sent(2).await), ["settled", "next"]);
}
