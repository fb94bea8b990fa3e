//! What a tenant used, by day: what a bill can be made from.

use super::{Api, ApiError, Json, Query, TenantAdmin};
use crate::state::usage::{self, Day, Usage};
use crate::store::StoreError;
use axum::extract::State;
use jiff::civil::Date;
use jiff::{Span, ToSpan as _};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most days of one answer.
const DAYS_MAX: i64 = 366;
/// The days of an answer, today included, where no first one is named.
const DAYS: i64 = 30;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_usage))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Days {
    /// The first day, as 2026-11-28; 30 days up to the last where it is left out.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<String>,
    /// The last day; today where it is left out. At most 366 days in all.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<String>,
}

/// Sums over invocations. Each counts for itself: a turn's wall clock has that of its tools in it, and theirs is counted again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UsageView {
    /// Calls of engines.
    turns: i64,
    /// Calls of tools.
    tool_calls: i64,
    /// Requests to models.
    model_calls: i64,
    /// Wall clock of engines, tools and requests, microseconds.
    wall_us: i64,
    /// Time on a processor, microseconds.
    cpu_us: i64,
    /// The most memory each held, times how long it ran.
    memory_byte_seconds: i64,
    /// Calls of guests to the host.
    host_calls: i64,
    /// Tokens of requests to models, as the vendors counted them.
    input_tokens: i64,
    /// Of those, from a vendor's cache.
    cached_input_tokens: i64,
    /// Tokens of answers.
    output_tokens: i64,
    /// Of those, spent on reasoning.
    reasoning_tokens: i64,
    /// Bodies of requests to models.
    model_request_bytes: i64,
    /// Bodies of their answers.
    model_answer_bytes: i64,
    /// HTTP requests of skills.
    http_calls: i64,
    /// What those requests sent.
    http_sent_bytes: i64,
    /// What they received.
    http_received_bytes: i64,
}

impl From<Usage> for UsageView {
    fn from(usage: Usage) -> Self {
        Self {
            turns: usage.turns,
            tool_calls: usage.tool_calls,
            model_calls: usage.model_calls,
            wall_us: usage.wall_us,
            cpu_us: usage.cpu_us,
            memory_byte_seconds: usage.memory_byte_seconds,
            host_calls: usage.host_calls,
            input_tokens: usage.input_tokens,
            cached_input_tokens: usage.cached_input_tokens,
            output_tokens: usage.output_tokens,
            reasoning_tokens: usage.reasoning_tokens,
            model_request_bytes: usage.model_request_bytes,
            model_answer_bytes: usage.model_answer_bytes,
            http_calls: usage.http_calls,
            http_sent_bytes: usage.http_sent_bytes,
            http_received_bytes: usage.http_received_bytes,
        }
    }
}

/// One day of UTC.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DayView {
    /// As 2026-11-28.
    day: String,
    /// What was used on it.
    #[serde(flatten)]
    usage: UsageView,
}

/// What a tenant used.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UsageAnswer {
    /// The first day.
    from: String,
    /// The last day.
    to: String,
    /// All of them together.
    total: UsageView,
    /// Days on which anything was used, in their order.
    days: Vec<DayView>,
}

/// Read what a tenant used, by days of UTC. The sums are stored with the turns they are of, and kept for good.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/usage", operation_id = "getUsage", tag = "tenants",
    params(Days), security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "The sums.", body = UsageAnswer))
)]
async fn get_usage(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Query(query): Query<Days>,
) -> Result<Json<UsageAnswer>, ApiError> {
    let named = |name: &str, text: Option<&String>| {
        let date = text.map(|text| text.parse::<Date>().map_err(|_| not_a_day(name, text)));
        date.transpose()
    };
    let (first, last) = (
        named("from", query.from.as_ref())?,
        named("to", query.to.as_ref())?,
    );
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| {
            Box::pin(async move {
                let today = Day::of(tx.now().await?);
                let last = last.map_or(today, day);
                let first = first.map_or(Day(last.0.saturating_sub(DAYS - 1)), day);
                if first > last || last.0.saturating_sub(first.0) >= DAYS_MAX {
                    return Ok(None);
                }
                let days = usage::days(tx, &tenant_id, first, last).await?;
                Ok(Some((first, last, days)))
            })
        })
        .await;
    let (first, last, days) = found?.ok_or_else(|| {
        ApiError::Invalid(format!(
            "from must be a day before to or the same, and at most {DAYS_MAX} days lie between"
        ))
    })?;
    let total = days
        .iter()
        .fold(Usage::default(), |sum, (_, usage)| sum.plus(*usage));
    Ok(Json(UsageAnswer {
        from: text(first),
        to: text(last),
        total: total.into(),
        days: days
            .into_iter()
            .map(|(day, usage)| DayView {
                day: text(day),
                usage: usage.into(),
            })
            .collect(),
    }))
}

fn not_a_day(name: &str, text: &str) -> ApiError {
    ApiError::Invalid(format!("{name} must be a day as 2026-11-28, not {text:?}"))
}

fn day(date: Date) -> Day {
    let days = date
        .since(EPOCH)
        .ok()
        .map_or(0, |span: Span| span.get_days());
    Day(i64::from(days))
}

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

fn text(day: Day) -> String {
    let date = EPOCH.checked_add(i32::try_from(day.0).unwrap_or(0).days());
    date.unwrap_or(EPOCH).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_written_as_it_is_read() {
        for (number, written) in [
            (0, "1970-01-01"),
            (20_785, "2026-11-28"),
            (-1, "1969-12-31"),
        ] {
            assert_eq!(text(Day(number)), written);
            assert_eq!(day(written.parse().unwrap()), Day(number));
        }
    }
}
