//! One trace through all that happens to a message.

use agent_factory::identity::{self, NewBot, WebhookSecret};
use agent_factory::secrets::{self, SecretError};
use agent_factory_tests::built;
use agent_factory_tests::dev::private_text;
use agent_factory_tests::factory::{Factory, agent_key};
use agent_factory_tests::telegram::TelegramDouble;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

const BOT: &str = "1000001:demo-token-of-no-real-bot-000000000";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The spans there were: what each is called, and the trace it is in by itself or by those around it.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Named>>>);

type Named = (String, Option<String>);

struct Trace(Option<String>);

#[derive(Default)]
struct Fields {
    trace: Option<String>,
    operation: Option<String>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "operation" {
            self.operation = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "trace.id" {
            self.trace = Some(format!("{value:?}"));
        }
    }
}

impl<S> Layer<S> for Spans
where
    S: tracing::Subscriber + for<'l> LookupSpan<'l>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !attributes.metadata().target().starts_with("agent_factory") {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let span = context.span(id).expect("a new span");
        let around = span.parent().and_then(|parent| {
            let extensions = parent.extensions();
            extensions.get::<Trace>().and_then(|trace| trace.0.clone())
        });
        let trace = fields.trace.or(around);
        span.extensions_mut().insert(Trace(trace.clone()));
        let name = match (attributes.metadata().name(), fields.operation) {
            ("control", Some(operation)) => format!("control {operation}"),
            (name, _) => name.to_owned(),
        };
        self.0
            .lock()
            .expect("no panic holds it")
            .push((name, trace));
    }
}

/// The demo bot of `ada`; answers with its webhook's secret.
async fn bot(factory: &Factory) -> String {
    let app = factory.app();
    let secret = WebhookSecret::from_random(*app.master_key.derive("a test's webhook"));
    let bot = NewBot {
        tenant_id: "ada".parse().unwrap(),
        bot_id: "1000001".parse().unwrap(),
        agent_key: agent_key(),
        token_ref: "telegram.botToken.default".parse().unwrap(),
        webhook_secret: secret.clone(),
    };
    let (key, nonce) = (app.master_key.clone(), app.ids.bytes().unwrap());
    let stored: Result<(), SecretError> = factory
        .db()
        .write(move |tx| {
            Box::pin(async move {
                identity::bot_put(tx, &bot).await?;
                let (tenant, name) = (&bot.tenant_id, &bot.token_ref);
                secrets::import(tx, &key, tenant, name, &BOT.to_owned().into(), nonce).await?;
                Ok(())
            })
        })
        .await;
    stored.expect("a bot");
    secret.reveal().to_owned()
}

#[tokio::test]
async fn from_the_webhook_to_the_delivery_all_spans_are_of_the_trace_that_the_request_brought() {
    let spans = Spans::default();
    let _recording = tracing::subscriber::set_default(Registry::default().with(spans.clone()));
    let double = TelegramDouble::start().await;
    double.add_bot(BOT);
    let url = double.url();
    let factory = Factory::with(&[("telegram.api_base", &url)]).await;
    factory
        .agent("ada", "offline", &built::demo_workspace())
        .await;
    let secret = bot(&factory).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhook = format!(
        "http://{}/agent-factory/telegram/webhook",
        listener.local_addr().unwrap()
    );
    let stop = CancellationToken::new();
    let worker = factory.work();
    let said = async {
        let answer = reqwest::Client::new()
            .post(webhook)
            .header("X-Telegram-Bot-Api-Secret-Token", secret)
            .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
            .json(&private_text(1, 42, "calculate 6 * 7"))
            .send();
        assert_eq!(answer.await.unwrap().status(), 200);
        let sent = double.await_sent(1).await;
        assert!(sent[0].text.contains("42"), "{sent:?}");
        worker.stop().await;
        stop.cancel();
    };
    let (served, ()) = tokio::join!(factory.app().serve(listener, stop.clone()), said);
    served.unwrap();

    let seen = spans.0.lock().unwrap().clone();
    for (name, trace) in &seen {
        assert_eq!(trace.as_deref(), Some(TRACE), "{name}: {seen:?}");
    }
    let names: BTreeSet<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "request",
        "enqueue",
        "claim",
        "turn",
        "control hydrate",
        "engine",
        "tool",
        "control complete",
        "delivery",
        "control settle_delivery",
    ] {
        assert!(names.contains(name), "no span {name}: {names:?}");
    }
    let page = factory.app().scrape().text().await;
    for line in [
        "agent_factory_tool_calls_total{outcome=\"ok\"} 1",
        "agent_factory_deliveries_total{outcome=\"delivered\"} 1",
        "agent_factory_http_requests_total{method=\"POST\",operation=\"/agent-factory/telegram/webhook\",status=\"2xx\"} 1",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    assert!(!page.contains(TRACE), "a trace id is no label");
}
