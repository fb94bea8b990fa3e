//! The webhook of the running program.

use agent_factory_tests::dev::{Site, private_text};
use agent_factory_tests::telegram::TelegramDouble;
use serde_json::json;

const BOT: &str = "1000001:demo-token-of-no-real-bot-000000000";
const MIA: i64 = 42;

async fn count(site: &Site, sql: &'static str) -> i64 {
    let url = format!("sqlite://{}", site.database().display());
    let pool = sqlx::SqlitePool::connect(&url)
        .await
        .expect("the site's database");
    sqlx::query_scalar(sql)
        .fetch_one(&pool)
        .await
        .expect("a count")
}

const MESSAGES: &str = "
    SELECT (SELECT count(*) FROM message_queue) + (SELECT count(*) FROM finished_messages)";

#[tokio::test]
async fn the_same_update_many_times_at_once_is_one_message_and_one_reply() {
    let double = TelegramDouble::start().await;
    double.add_bot(BOT);
    let site = Site::new(&double.url());
    let running = site.start().await;
    let posts = (0..20).map(|_| running.update(7, MIA, "calculate 6 * 7"));
    let mut first = 0;
    for post in futures_util::future::join_all(posts).await {
        assert_eq!(post.0, 200);
        first += u32::from(post.1["duplicate"] == json!(false));
    }
    assert_eq!(first, 1, "all but one are told they are repeats");
    assert_eq!(running.update(8, MIA, "calculate 1 + 1").await.0, 200);
    let sent = double.await_sent(2).await;
    assert!(
        sent[0].text.contains("42") && sent[1].text.contains('2'),
        "{sent:?}"
    );
    assert_eq!(count(&site, MESSAGES).await, 2);
}

#[tokio::test]
async fn a_wrong_or_missing_secret_token_is_refused_and_nothing_is_stored() {
    let double = TelegramDouble::start().await;
    let site = Site::new(&double.url());
    let running = site.start().await;
    let update = private_text(1, MIA, "hello");
    let almost = format!("{}0", "a".repeat(63));
    for secret in [None, Some(""), Some("short"), Some(almost.as_str())] {
        let (status, body) = running.post(secret, &update).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (401, &json!("unauthorized")),
            "{secret:?}"
        );
    }
    assert_eq!(count(&site, MESSAGES).await, 0);
    assert_eq!(count(&site, "SELECT count(*) FROM conversations").await, 0);
}

#[tokio::test]
async fn an_update_without_words_is_taken_and_forgotten_and_a_body_that_is_none_is_refused() {
    let double = TelegramDouble::start().await;
    let site = Site::new(&double.url());
    let running = site.start().await;
    let secret = running.secret().to_owned();
    let poll = json!({ "update_id": 1, "poll": { "id": "1" } });
    assert_eq!(
        running.post(Some(&secret), &poll).await,
        (200, json!({ "ok": true, "ignored": true }))
    );
    let (status, body) = running
        .post(Some(&secret), &json!({ "hello": "there" }))
        .await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (400, &json!("invalid_payload"))
    );
    assert_eq!(count(&site, MESSAGES).await, 0);
}
