//! Rules between values, most of them between two quantities: the first must not be higher than
//! the second.

use super::bounds::quantity;
use super::error::{Origin, Problem};
use serde_json::Value;
use std::collections::BTreeMap;

/// `lower` must not be higher than `higher`, or, where `strictly`, must be below it.
struct Rule {
    lower: &'static str,
    higher: &'static str,
    strictly: bool,
    reason: &'static str,
}

const fn at_most(lower: &'static str, higher: &'static str, reason: &'static str) -> Rule {
    Rule {
        lower,
        higher,
        strictly: false,
        reason,
    }
}

const fn below(lower: &'static str, higher: &'static str, reason: &'static str) -> Rule {
    Rule {
        lower,
        higher,
        strictly: true,
        reason,
    }
}

/// That a heartbeat is shorter than a lease needs no rule: it is a third of it.
const RULES: &[Rule] = &[
    at_most(
        "retry.base_delay_ms",
        "retry.max_delay_ms",
        "the first delay must not exceed the longest",
    ),
    at_most(
        "lease.lease_ms",
        "lease.stale_after_ms",
        "a worker with a live lease must not count as gone",
    ),
    at_most(
        "lease.lease_ms",
        "lease.max_total_ms",
        "a lease must not outlive its own cap",
    ),
    at_most(
        "lease.stale_after_ms",
        "maintenance.workers_ms",
        "a worker must count as gone before it is forgotten",
    ),
    at_most(
        "lease.max_total_ms",
        "maintenance.snapshots_ms",
        "a turn may ask for its snapshot while its lease lasts",
    ),
    at_most(
        "limits.turn_ms",
        "lease.max_total_ms",
        "the longest turn must fit into a lease",
    ),
    at_most(
        "scaling.min_workers",
        "scaling.max_workers",
        "the fewest workers must not exceed the most",
    ),
    at_most(
        "hydration.document_chars_max",
        "hydration.documents_chars_max_total",
        "one document must fit into the total",
    ),
    at_most(
        "limits.tool_ms",
        "limits.turn_ms",
        "a tool call must fit into its turn",
    ),
    at_most(
        "limits.tool_cpu_ms",
        "limits.tool_ms",
        "processor time must fit into wall clock",
    ),
    at_most(
        "limits.turn_cpu_ms",
        "limits.turn_ms",
        "processor time must fit into wall clock",
    ),
    at_most(
        "limits.tool_argument_bytes",
        "limits.host_call_bytes",
        "one call to the host must be able to carry a tool's arguments",
    ),
    at_most(
        "limits.kv_value_bytes",
        "limits.host_call_bytes",
        "one call to the host must be able to carry a value",
    ),
    at_most(
        "limits.reply_bytes",
        "limits.host_call_bytes",
        "one call to the host must be able to carry a reply",
    ),
    at_most(
        "limits.model_request_bytes",
        "limits.host_call_bytes",
        "one call to the host must be able to carry a request to a model",
    ),
    at_most(
        "limits.model_event_bytes",
        "limits.model_answer_bytes",
        "an answer must be able to hold an event",
    ),
    at_most(
        "queue.max_payload_bytes",
        "server.body_bytes_max",
        "a request must be able to carry a message",
    ),
    at_most(
        "limits.component_bytes",
        "uploads.folder_bytes",
        "a folder must be able to carry its component",
    ),
    at_most(
        "uploads.document_bytes",
        "uploads.folder_bytes",
        "a folder must be able to carry its SKILL.md",
    ),
    at_most(
        "uploads.file_bytes",
        "uploads.folder_bytes",
        "one file must fit into its folder",
    ),
    at_most(
        "uploads.at_once_per_tenant",
        "uploads.at_once",
        "one tenant's uploads are among all",
    ),
    below(
        "queue.poll_ms",
        "server.request_timeout_ms",
        "a waiting claim must look again before its request ends",
    ),
    below(
        "telegram.send_timeout_ms",
        "outbox.lease_ms",
        "a delivery must end before another worker takes it over",
    ),
];

/// Every broken rule. A value that is out of its bounds is refused for that alone.
pub(super) fn check(
    values: &BTreeMap<String, Value>,
    origin: &dyn Fn(&str) -> Origin,
) -> Vec<Problem> {
    let number = |key: &str| {
        let value = values.get(key)?;
        quantity(key)?.accepts(value).then(|| value.as_u64())?
    };
    RULES
        .iter()
        .filter_map(|rule| {
            let (low, high) = (number(rule.lower)?, number(rule.higher)?);
            let holds = if rule.strictly {
                low < high
            } else {
                low <= high
            };
            (!holds).then(|| Problem::Rule {
                lower: (rule.lower, low.to_string(), origin(rule.lower)),
                higher: (rule.higher, high.to_string(), origin(rule.higher)),
                reason: rule.reason,
            })
        })
        .chain(fly_without_app(values, origin))
        .collect()
}

fn fly_without_app(
    values: &BTreeMap<String, Value>,
    origin: &dyn Fn(&str) -> Origin,
) -> Option<Problem> {
    let is_fly = values
        .get("provider.kind")
        .is_some_and(|kind| kind == "fly");
    let has_app = values.get("provider.app").is_some_and(|app| !app.is_null());
    (is_fly && !has_app).then(|| Problem::Text {
        key: "provider.app".to_owned(),
        reason: "the provider fly needs the app that its machines belong to".to_owned(),
        origin: origin("provider.app"),
    })
}

/// Tests read each rule as `(lower, higher, strictly)`.
#[cfg(test)]
pub(super) fn rules() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    RULES
        .iter()
        .map(|rule| (rule.lower, rule.higher, rule.strictly))
}
