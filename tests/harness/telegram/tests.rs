//! The double against the documentation of the Bot API, over HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::{Admission, Fault, Sent, TelegramDouble};

const TOKEN: &str = "1000001:abcdefghijklmnopqrst";
const OTHER: &str = "1000002:ABCDEFGHIJ_KLMNOPQ-9";

async fn started() -> TelegramDouble {
    let telegram = TelegramDouble::start().await;
    assert_eq!(telegram.add_bot(TOKEN), 1_000_001);
    telegram
}

fn post(telegram: &TelegramDouble, token: &str, method: &str, body: &Value) -> RequestBuilder {
    Client::new()
        .post(format!("{}/bot{token}/{method}", telegram.url()))
        .json(body)
}

/// The HTTP status and the envelope.
async fn answered(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    (
        response.status().as_u16(),
        response.json().await.expect("JSON"),
    )
}

async fn call(telegram: &TelegramDouble, method: &str, body: Value) -> (u16, Value) {
    answered(post(telegram, TOKEN, method, &body)).await
}

async fn send(telegram: &TelegramDouble, text: &str) -> (u16, Value) {
    call(
        telegram,
        "sendMessage",
        json!({"chat_id": 42, "text": text}),
    )
    .await
}

fn send_later(
    telegram: &TelegramDouble,
    text: &str,
) -> tokio::task::JoinHandle<reqwest::Result<reqwest::Response>> {
    let body = json!({"chat_id": 42, "text": text});
    tokio::spawn(post(telegram, TOKEN, "sendMessage", &body).send())
}

fn refusal(code: u16, description: &str) -> (u16, Value) {
    (
        code,
        json!({"ok": false, "error_code": code, "description": description}),
    )
}

fn texts(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(|sent| sent.text.as_str()).collect()
}

#[tokio::test]
async fn a_message_is_kept_and_answered_with_the_message_it_became() {
    let telegram = started().await;
    let body = json!({
        "chat_id": -1007, "message_thread_id": 3, "text": "hello", "parse_mode": "HTML",
        "reply_parameters": {"message_id": 9, "allow_sending_without_reply": true},
    });

    let (status, answer) = call(&telegram, "sendMessage", body).await;

    let sent = telegram.await_sent(1).await.remove(0);
    let expected = Sent {
        bot_id: 1_000_001,
        chat_id: -1007,
        topic: Some(3),
        text: "hello".to_owned(),
        message_id: sent.message_id,
        reply_to: Some(9),
        parse_mode: Some("HTML".to_owned()),
    };
    assert_eq!(sent, expected);
    assert_eq!((status, &answer["ok"]), (200, &json!(true)));
    let result = &answer["result"];
    assert_eq!(result["message_id"], sent.message_id);
    assert_eq!(result["chat"]["id"], -1007);
    assert_eq!(result["chat"]["type"], "supergroup");
    assert_eq!(result["from"]["is_bot"], true);
    assert_eq!(result["message_thread_id"], 3);
    assert_eq!(result["reply_to_message"]["message_id"], 9);
    assert_eq!(result["text"], "hello");
    assert!(result["date"].is_i64());
}

#[tokio::test]
async fn parameters_may_come_as_json_as_a_form_or_in_the_query() {
    let telegram = started().await;
    let url = format!("{}/bot{TOKEN}/sendMessage", telegram.url());
    let reply = "%7B%22message_id%22%3A5%7D";
    let form = format!("chat_id=42&text=a+form+%26+more&reply_parameters={reply}");
    let client = Client::new();

    send(&telegram, "JSON").await;
    let form = client
        .post(&url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form);
    assert_eq!(answered(form).await.0, 200);
    let query = client.get(format!(
        "{url}?chat_id=42&text=a%20query&reply_to_message_id=5"
    ));
    assert_eq!(answered(query).await.0, 200);
    let spelled = format!(
        "{}/bot1000001%3Aabcdefghijklmnopqrst/SENDMESSAGE",
        telegram.url()
    );
    let loose = client
        .post(spelled)
        .json(&json!({"chat_id": "42", "text": 7}));
    assert_eq!(answered(loose).await.0, 200);

    let sent = telegram.sent();
    assert_eq!(texts(&sent), ["JSON", "a form & more", "a query", "7"]);
    assert!(sent.iter().all(|sent| sent.chat_id == 42));
    assert_eq!(sent[1].reply_to, Some(5));
    assert_eq!(sent[2].reply_to, Some(5));
}

#[tokio::test]
async fn only_known_tokens_methods_and_paths_are_answered() {
    let telegram = started().await;
    let body = json!({"chat_id": 42, "text": "hello"});

    let unknown = answered(post(&telegram, OTHER, "sendMessage", &body)).await;
    assert_eq!(unknown, refusal(401, "Unauthorized"));
    assert_eq!(
        call(&telegram, "sendTelegram", body).await,
        refusal(404, "Not Found")
    );
    let elsewhere = Client::new().get(format!("{}/", telegram.url()));
    assert_eq!(answered(elsewhere).await, refusal(404, "Not Found"));
    let deletion = Client::new().delete(format!("{}/bot{TOKEN}/getMe", telegram.url()));
    assert_eq!(answered(deletion).await, refusal(405, "Method Not Allowed"));
    telegram.revoke(TOKEN);
    assert_eq!(send(&telegram, "hello").await, refusal(401, "Unauthorized"));

    assert_eq!(telegram.sent(), []);
    assert_eq!(telegram.requests(), []);
}

#[tokio::test]
async fn an_open_double_takes_tokens_of_twenty_characters_and_none_of_nineteen() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let telegram = TelegramDouble::bind(address, Admission::AnyWellFormed)
        .await
        .unwrap();

    for (token, status) in [
        ("7:abcdefghijklmnopqrst", 200),
        ("7:abcdefghijklmnopqrs", 401),
        ("7:abcdefghijklmnopqrs!", 401),
        ("seven:abcdefghijklmnopqrst", 401),
        (":abcdefghijklmnopqrst", 401),
        ("7", 401),
    ] {
        let answer = answered(post(&telegram, token, "getMe", &json!({}))).await;
        assert_eq!(answer.0, status, "{token}");
    }
    telegram.revoke(TOKEN);
    assert_eq!(send(&telegram, "hello").await.0, 401);
}

#[tokio::test]
async fn a_text_has_one_to_4096_utf16_units() {
    let telegram = started().await;
    let empty = refusal(400, "Bad Request: message text is empty");
    let long = refusal(400, "Bad Request: message is too long");

    assert_eq!(
        call(&telegram, "sendMessage", json!({"chat_id": 42})).await,
        empty
    );
    assert_eq!(send(&telegram, "").await, empty);
    assert_eq!(send(&telegram, " \n ").await, empty);
    assert_eq!(send(&telegram, "x").await.0, 200);
    assert_eq!(send(&telegram, &"é".repeat(4096)).await.0, 200);
    assert_eq!(send(&telegram, &"é".repeat(4097)).await, long);
    // Outside the basic plane a character is two units.
    assert_eq!(send(&telegram, &"🦀".repeat(2048)).await.0, 200);
    assert_eq!(send(&telegram, &"🦀".repeat(2049)).await, long);

    assert_eq!(telegram.sent().len(), 3);
}

#[tokio::test]
async fn malformed_parameters_are_refused_by_name() {
    let telegram = started().await;
    for (body, reason) in [
        (json!({"text": "x"}), "chat_id is empty"),
        (json!({"chat_id": "@nobody", "text": "x"}), "chat not found"),
        (
            json!({"chat_id": 42, "text": "x", "parse_mode": "BBCode"}),
            "unsupported parse_mode",
        ),
        (
            json!({"chat_id": 42, "text": "x", "message_thread_id": "three"}),
            "message_thread_id must be an integer",
        ),
        (
            json!({"chat_id": 42, "text": "x", "reply_parameters": "{"}),
            "can't parse reply_parameters JSON object",
        ),
    ] {
        let answer = call(&telegram, "sendMessage", body).await;
        assert_eq!(answer, refusal(400, &format!("Bad Request: {reason}")));
    }
    let url = format!("{}/bot{TOKEN}/sendMessage", telegram.url());
    let broken = Client::new()
        .post(url)
        .header(CONTENT_TYPE, "application/json")
        .body("{");
    let expected = refusal(400, "Bad Request: can't parse JSON object");
    assert_eq!(answered(broken).await, expected);
}

#[tokio::test]
async fn message_ids_rise_within_a_chat_of_a_bot() {
    let telegram = started().await;
    telegram.add_bot(OTHER);
    let mut ids = Vec::new();
    for (token, chat) in [(TOKEN, 1), (TOKEN, 1), (TOKEN, 2), (OTHER, 1)] {
        let body = json!({"chat_id": chat, "text": "x"});
        let (_, answer) = answered(post(&telegram, token, "sendMessage", &body)).await;
        ids.push(answer["result"]["message_id"].as_i64().unwrap());
    }
    assert_eq!(ids[1], ids[0] + 1);
    assert_eq!((ids[2], ids[3]), (ids[0], ids[0]));
}

#[tokio::test]
async fn a_bot_learns_who_it_is() {
    let telegram = started().await;
    let (status, answer) = call(&telegram, "getMe", json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(answer["result"]["id"], 1_000_001);
    assert_eq!(answer["result"]["is_bot"], true);
    assert_eq!(answer["result"]["can_read_all_group_messages"], false);
}

#[tokio::test]
async fn a_chat_action_needs_a_chat_and_a_known_action() {
    let telegram = started().await;
    let typing = call(
        &telegram,
        "sendChatAction",
        json!({"chat_id": 42, "action": "typing"}),
    )
    .await;
    assert_eq!(typing, (200, json!({"ok": true, "result": true})));
    for body in [
        json!({"action": "typing"}),
        json!({"chat_id": 42}),
        json!({"chat_id": 42, "action": "dancing"}),
    ] {
        assert_eq!(call(&telegram, "sendChatAction", body).await.0, 400);
    }
    assert_eq!(telegram.sent(), []);
}

#[tokio::test]
async fn a_webhook_is_set_shown_and_deleted() {
    let telegram = started().await;
    let set = |body| call(&telegram, "setWebhook", body);
    let was = |description| json!({"ok": true, "result": true, "description": description});
    let url = "https://factory.example:8443/hook";

    let first = set(json!({"url": url, "secret_token": "s-1", "allowed_updates": ["message"]}));
    assert_eq!(first.await.1, was("Webhook was set"));
    set(json!({"url": url, "max_connections": 7})).await;
    let (_, shown) = call(&telegram, "getWebhookInfo", json!({})).await;
    let expected = json!({
        "url": url, "has_custom_certificate": false, "pending_update_count": 0,
        "max_connections": 7, "allowed_updates": ["message"],
    });
    assert_eq!(shown["result"], expected);
    assert_eq!(
        call(&telegram, "deleteWebhook", json!({})).await.1,
        was("Webhook was deleted")
    );
    let again = call(&telegram, "deleteWebhook", json!({})).await.1;
    assert_eq!(again, was("Webhook is already deleted"));
    let (_, shown) = call(&telegram, "getWebhookInfo", json!({})).await;
    assert_eq!(shown["result"]["url"], "");
}

#[tokio::test]
async fn a_webhook_needs_https_a_port_of_the_four_and_a_plain_secret() {
    let telegram = started().await;
    for (url, secret, status) in [
        ("http://factory.example/hook", "s", 400),
        ("https://factory.example:9443/hook", "s", 400),
        ("factory", "s", 400),
        ("https://factory.example/hook", "not plain", 400),
        ("https://factory.example/hook", &"s".repeat(257), 400),
        ("https://factory.example/hook", &"s".repeat(256), 200),
    ] {
        let body = json!({"url": url, "secret_token": secret});
        assert_eq!(
            call(&telegram, "setWebhook", body).await.0,
            status,
            "{url} {secret}"
        );
    }
}

#[tokio::test]
async fn faults_meet_one_message_each_in_order() {
    let telegram = started().await;
    telegram.fail_next(Fault::Status(
        403,
        "Forbidden: bot was blocked by the user".to_owned(),
    ));
    telegram.fail_next(Fault::RetryAfter(7));
    telegram.fail_next(Fault::NotJson);

    assert_eq!(call(&telegram, "getMe", json!({})).await.0, 200);
    let blocked = send(&telegram, "one").await;
    assert_eq!(
        blocked,
        refusal(403, "Forbidden: bot was blocked by the user")
    );
    let expected = json!({
        "ok": false, "error_code": 429, "description": "Too Many Requests: retry after 7",
        "parameters": {"retry_after": 7},
    });
    assert_eq!(send(&telegram, "two").await, (429, expected));
    let page = send_later(&telegram, "three").await.unwrap().unwrap();
    assert_eq!(page.status(), 502);
    assert!(page.text().await.unwrap().starts_with("<html>"));
    telegram.await_faults_met().await;
    assert_eq!(send(&telegram, "four").await.0, 200);

    assert_eq!(texts(&telegram.sent()), ["four"]);
    assert_eq!(telegram.requests().len(), 5);
}

#[tokio::test]
async fn a_connection_may_break_before_or_after_the_message_is_sent() {
    let telegram = started().await;
    telegram.fail_next(Fault::DropBeforeAnswer);
    telegram.fail_next(Fault::DropAfterCommit);

    assert!(send_later(&telegram, "before").await.unwrap().is_err());
    assert_eq!(telegram.sent(), []);
    assert!(send_later(&telegram, "after").await.unwrap().is_err());
    assert_eq!(texts(&telegram.sent()), ["after"]);
    assert_eq!(send(&telegram, "next").await.0, 200);
}

#[tokio::test]
async fn a_hanging_call_is_not_answered_but_ends_with_the_double() {
    let telegram = started().await;
    telegram.fail_next(Fault::Hang);
    let hanging = send_later(&telegram, "lost");
    telegram.await_faults_met().await;

    assert_eq!(send(&telegram, "next").await.0, 200);
    assert!(!hanging.is_finished());
    assert_eq!(texts(&telegram.sent()), ["next"]);

    telegram.stop().await.unwrap();
    assert!(hanging.await.unwrap().is_err());
}

#[tokio::test]
async fn a_slow_answer_comes_long_after_the_message() {
    let telegram = started().await;
    telegram.fail_next(Fault::Slow(Duration::from_secs(3600)));
    let slow = send_later(&telegram, "early");

    assert_eq!(texts(&telegram.await_sent(1).await), ["early"]);
    assert!(!slow.is_finished());
    slow.abort();
}

#[tokio::test]
async fn held_messages_are_sent_on_resume() {
    let telegram = started().await;
    telegram.pause();
    let held = send_later(&telegram, "held");
    telegram.await_held(1).await;
    assert_eq!(call(&telegram, "getMe", json!({})).await.0, 200);
    assert_eq!(telegram.sent(), []);
    assert!(!held.is_finished());

    telegram.resume();

    assert_eq!(held.await.unwrap().unwrap().status(), 200);
    assert_eq!(texts(&telegram.sent()), ["held"]);
}

#[tokio::test]
async fn a_held_message_whose_client_goes_away_has_never_happened() {
    let telegram = started().await;
    telegram.pause();
    let held = send_later(&telegram, "held");
    telegram.await_held(1).await;

    held.abort();
    telegram.await_held(0).await;
    telegram.resume();

    assert_eq!(send(&telegram, "next").await.0, 200);
    assert_eq!(texts(&telegram.sent()), ["next"]);
}

#[tokio::test]
async fn a_message_can_be_awaited_by_what_it_says() {
    let telegram = started().await;
    let first = send_later(&telegram, "first");
    let second = send_later(&telegram, "second");
    let found = telegram.await_text(|sent| sent.text == "second").await;
    assert_eq!(found.chat_id, 42);
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(telegram.sent_after(1).await.len(), 1);
}

#[tokio::test]
#[should_panic(expected = "0 held and 1 sent: [\n    Sent {")]
async fn waiting_in_vain_fails_with_what_was_sent() {
    let telegram = started().await.with_patience(Duration::ZERO);
    send(&telegram, "only").await;
    telegram.await_sent(2).await;
}

#[tokio::test]
async fn the_journal_holds_parameters_but_no_secrets() {
    let telegram = started().await;
    let body = json!({"url": "https://factory.example/hook", "secret_token": "a-webhook-secret"});
    call(&telegram, "setWebhook", body).await;
    call(
        &telegram,
        "sendchataction",
        json!({"chat_id": 42, "action": "typing"}),
    )
    .await;

    let requests = telegram.requests();
    assert_eq!(
        requests[0].parameters["url"],
        "https://factory.example/hook"
    );
    assert_eq!(
        (requests[1].bot_id, requests[1].method),
        (1_000_001, "sendChatAction")
    );
    let shown = format!("{requests:?}");
    assert!(!shown.contains("abcdefghijklmnopqrst"), "{shown}");
    assert!(!shown.contains("a-webhook-secret"), "{shown}");
    let token: super::BotToken = TOKEN.parse().unwrap();
    assert_eq!(format!("{token:?}"), "BotToken(1000001:..)");
}
