//! Talking to the demo agent from the terminal: messages go the way all messages go.

use super::dev::Demo;
use crate::app::App;
use crate::domain::{Channel, MessageId, Payload, Provider};
use crate::outbox;
use crate::queue::{self, Enqueue, EnqueueError, MessageState};
use crate::store::Listener;
use crate::store::{StoreError, Topic};
use anyhow::{Context as _, bail};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio_util::sync::CancellationToken;

/// Another process may settle the message; then no signal comes here.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Read lines, print replies, until the input ends or `stop`.
pub(super) async fn chat(app: &App, demo: &Demo, stop: &CancellationToken) -> anyhow::Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    say("Chat with the agent. Ctrl-D ends.\n")?;
    loop {
        say("\nyou   > ")?;
        let Some(line) = stop.run_until_cancelled(lines.next_line()).await else {
            return Ok(());
        };
        let Some(line) = line.context("read from the terminal")? else {
            return say("\n");
        };
        if line.trim().is_empty() {
            continue;
        }
        match ask(app, demo, &line, stop).await {
            Ok(reply) => say(&format!("agent > {}\n", reply.replace('\n', "\n        ")))?,
            Err(error) => say(&format!("error: {error:#}\n"))?,
        }
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// One message, and the reply to it.
pub(super) async fn ask(
    app: &App,
    demo: &Demo,
    text: &str,
    stop: &CancellationToken,
) -> anyhow::Result<String> {
    // Before the message exists, so that no change is missed.
    let mut listener: Listener = app.db.signals().listen(Topic::Settled);
    let message_id = enqueue(app, demo, text).await?;
    loop {
        if let Some(answer) = answer(app, demo, &message_id).await? {
            return Ok(answer);
        }
        let waited = stop.run_until_cancelled(listener.changed(LOOK_AGAIN)).await;
        if waited.is_none() {
            bail!(
                "stopped before the reply came; the message is stored, and answered at the next start"
            );
        }
    }
}

async fn enqueue(app: &App, demo: &Demo, text: &str) -> anyhow::Result<MessageId> {
    let message_id = app.ids.message()?;
    let enqueue = Enqueue {
        tenant_id: demo.tenant_id.clone(),
        conversation_id: "dev:terminal".parse()?,
        agent_key: demo.agent_key.clone(),
        payload: Payload {
            provider: Provider::Api,
            provider_user_id: "terminal".to_owned(),
            message_text: text.to_owned(),
            external_message_id: None,
            reply_to: Channel::Api,
            metadata: BTreeMap::new(),
        },
        priority: None,
        scheduled_for: None,
        max_attempts: None,
        source: "dev".to_owned(),
        source_id: None,
        trace_id: app.ids.trace()?,
    };
    let (policy, id) = (app.queue_policy(), message_id.clone());
    let enqueued: Result<_, EnqueueError> = app
        .db
        .write(move |tx| Box::pin(async move { queue::enqueue(tx, &policy, &enqueue, id).await }))
        .await;
    enqueued?;
    Ok(message_id)
}

/// The reply, once there is one; an error where there will be none.
async fn answer(app: &App, demo: &Demo, message: &MessageId) -> anyhow::Result<Option<String>> {
    let (tenant, id) = (demo.tenant_id.clone(), message.clone());
    let found: Result<_, StoreError> = app
        .db
        .read(move |tx| {
            Box::pin(async move {
                let status = queue::message_status(tx, &tenant, &id).await?;
                let replies = outbox::replies_of(tx, &tenant, &id).await?;
                Ok((status, replies))
            })
        })
        .await;
    let (status, replies) = found?;
    let Some(status) = status else {
        bail!("the message {message} is not stored any more")
    };
    match status.state {
        MessageState::Done { .. } => {
            let bodies: Vec<_> = replies.into_iter().map(|reply| reply.body).collect();
            Ok(Some(bodies.join("\n")))
        }
        MessageState::Cancelled { .. } => bail!("the message was cancelled"),
        MessageState::DeadLetter { .. } => {
            bail!(
                "the agent gave up: {}",
                status.last_error.unwrap_or_default()
            )
        }
        MessageState::Queued {
            held: Some(reason), ..
        } => {
            bail!("the agent is held until somebody acts: {reason}; mend it and start again")
        }
        MessageState::Queued { .. } | MessageState::Processing => Ok(None),
    }
}
