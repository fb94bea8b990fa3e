//! `agent-factory dev` with a model server in its environment, as a process.

use agent_factory_tests::built;
use agent_factory_tests::dev::Site;
use agent_factory_tests::model::{Fault, ModelDouble, Reply};
use agent_factory_tests::telegram::TelegramDouble;

const KEY: &str = "sk-dev-5ec12e75ec12e7";

/// A Bot API that knows the demo's bot.
async fn telegram() -> TelegramDouble {
    let double = TelegramDouble::start().await;
    double.add_bot("1000001:demo-token-of-no-real-bot-000000000");
    double
}

fn site(telegram: &TelegramDouble, double: &ModelDouble) -> Site {
    Site::new(&telegram.url())
        .engine(built::guest("openai-chat"))
        .variable("OPENAI_BASE_URL", &double.base_url())
}

#[tokio::test]
async fn dev_talks_to_the_model_server_and_says_which_and_with_what() {
    let (telegram, double) = (telegram().await, ModelDouble::start().await);
    double.accept_only(KEY);
    let site = site(&telegram, &double)
        .variable("OPENAI_API_KEY", KEY)
        .variable("OPENAI_MODEL", "tiny-1");
    let running = site.start().await;
    let announced = running.announcement();
    let line = format!("tiny-1 at {}, with a key", double.base_url());
    assert!(announced.contains(&line), "{announced}");
    assert!(!announced.contains(KEY), "{announced}");
    assert_eq!(running.update(1, 42, "Are you there?").await.0, 200);
    let sent = telegram
        .await_text(|sent| sent.text.contains("You said"))
        .await;
    assert_eq!(sent.text, "You said: Are you there?");
    assert_eq!(double.requests()[0].body["model"], "tiny-1");
}

#[tokio::test]
async fn dev_without_a_key_asks_without_one() {
    let (telegram, double) = (telegram().await, ModelDouble::start().await);
    let site = site(&telegram, &double);
    let running = site.start().await;
    let announced = running.announcement();
    assert!(announced.contains("without a key"), "{announced}");
    assert_eq!(running.update(1, 42, "Hello").await.0, 200);
    telegram
        .await_text(|sent| sent.text == "You said: Hello")
        .await;
    assert!(!double.requests()[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_refused_key_is_told_with_what_to_do_and_a_new_one_is_used_at_the_next_start() {
    let (telegram, double) = (telegram().await, ModelDouble::start().await);
    double.script(Reply::fault(Fault::EchoRefused));
    let site = site(&telegram, &double).variable("OPENAI_API_KEY", KEY);
    let output = site
        .command()
        .args(["--once", "hello"])
        .output()
        .await
        .expect("a process");
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("refused the key") && told.contains("start again"),
        "{told}"
    );
    assert!(!told.contains(KEY), "{told}");

    double.accept_only("sk-dev-another-key");
    let site = site.variable("OPENAI_API_KEY", "sk-dev-another-key");
    let output = site
        .command()
        .args(["--once", "and now?"])
        .output()
        .await
        .expect("a process");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "You said: and now?\n"
    );
}
