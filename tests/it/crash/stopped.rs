//! SIGTERM: the process stops in order.

use agent_factory_tests::built;
use agent_factory_tests::dev::Site;
use agent_factory_tests::telegram::TelegramDouble;

const BOT: &str = "1000001:demo-token-of-no-real-bot-000000000";
const MIA: i64 = 42;

#[tokio::test]
async fn a_turn_that_does_not_end_in_time_is_given_back_without_an_attempt_and_runs_after_the_restart()
 {
    let double = TelegramDouble::start().await;
    double.add_bot(BOT);
    let site = Site::new(&double.url()).engine(built::guest("hostile-engine"));
    let mut running = site.start().await;
    assert_eq!(running.update(1, MIA, "sleep").await.0, 200);
    running.await_log("turn started").await;
    let status = running.terminate().await;
    assert!(status.success(), "{status}");

    let [message] = messages(&site).await.try_into().expect("one message");
    assert_eq!(
        message,
        ("queued".to_owned(), 0, 0),
        "state, attempts and crashes"
    );

    // At once: there is no lease to wait for.
    let mut running = site.start().await;
    running.await_log("turn started").await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_slot_and_claims_nothing_more() {
    let double = TelegramDouble::start().await;
    double.add_bot(BOT);
    let site = Site::new(&double.url())
        .engine(built::guest("hostile-engine"))
        .setting("limits.engine_slots", "1");
    let mut running = site.start().await;
    assert_eq!(running.update(1, MIA, "sleep").await.0, 200);
    running.await_log("turn started").await;
    assert_eq!(running.update(2, MIA + 1, "echo waiting").await.0, 200);
    assert!(running.terminate().await.success());
    let queued = ("queued".to_owned(), 0, 0);
    assert_eq!(messages(&site).await, [queued.clone(), queued]);
    assert_eq!(double.sent(), []);
}

/// State, attempts and crashes of every message.
async fn messages(site: &Site) -> Vec<(String, i64, i64)> {
    let url = format!("sqlite://{}", site.database().display());
    let pool = sqlx::SqlitePool::connect(&url)
        .await
        .expect("the site's database");
    let sql = "
        SELECT status, attempts, crashes FROM (
            SELECT m.seq, CASE WHEN l.message_id IS NULL THEN m.status ELSE 'processing' END AS status, m.attempts, m.crashes
            FROM message_queue m
            LEFT JOIN leases l ON l.tenant_id = m.tenant_id AND l.message_id = m.message_id
            UNION ALL SELECT seq, outcome, attempts, crashes FROM finished_messages
        ) ORDER BY seq";
    sqlx::query_as(sql)
        .fetch_all(&pool)
        .await
        .expect("the messages")
}
