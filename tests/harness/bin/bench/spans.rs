//! How long spans last: the host's own account of what it does, read without changing it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::span::{Attributes, Id};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// The lifetimes of spans by their name, of those that have ended.
#[derive(Clone, Default)]
pub(crate) struct Spans(Arc<Mutex<HashMap<&'static str, Vec<Duration>>>>);

struct Begun(Instant);

impl Spans {
    /// Record the spans of this process from now on.
    pub(crate) fn record() -> anyhow::Result<Self> {
        let spans = Self::default();
        let subscriber = tracing_subscriber::registry().with(spans.clone());
        tracing::subscriber::set_global_default(subscriber)?;
        Ok(spans)
    }

    /// Hand over what was recorded, in milliseconds, and begin anew.
    pub(crate) fn take(&self) -> HashMap<&'static str, Vec<f64>> {
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = std::mem::take(&mut *ended);
        ended
            .into_iter()
            .map(|(name, spans)| {
                let millis = spans.iter().map(|span| span.as_secs_f64() * 1e3);
                (name, millis.collect())
            })
            .collect()
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Spans {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with("agent_factory") && *metadata.level() <= Level::INFO
    }

    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Begun(Instant::now()));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let begun = span.extensions().get::<Begun>().map(|begun| begun.0);
        if let Some(begun) = begun {
            let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            ended.entry(span.name()).or_default().push(begun.elapsed());
        }
    }
}
