//! A message is not wanted any more.

use super::progress::{Named, StatusName};
use super::{Api, ApiError, App, Json, Path};
use crate::queue::{self, Cancelled, MessageState};
use crate::store::StoreError;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(cancel_message))
}

/// What became of the wish.
#[derive(Debug, Serialize, ToSchema)]
struct CancelledView {
    /// Where the message is now: `cancelled`, or `processing` while a worker has it.
    status: StatusName,
    /// A worker has it and is told with its next heartbeat. Unless its turn ends well before that, the message is cancelled then,
    /// and not tried again; `getMessage` says which.
    asked: bool,
}

/// Cancel a message. One that waits is cancelled at once, and what is behind it in its conversation goes on. A second time
/// changes nothing.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/messages/{messageId}/cancel", operation_id = "cancelMessage",
    tag = "messages", params(Named), security(("bearer" = ["app", "tenant-admin", "operator"])),
    responses(
        (status = 200, description = "It is cancelled, or its worker is asked to stop.", body = CancelledView),
        (status = 409, description = "`too_late`: it was answered, or is among the dead letters.", body = super::ErrorBody),
    )
)]
async fn cancel_message(
    State(api): State<Api>,
    App { tenant_id, .. }: App,
    Path(named): Path<Named>,
) -> Result<Json<CancelledView>, ApiError> {
    let Named { message_id } = named;
    let cancelled: Result<_, StoreError> = api
        .db
        .write(move |tx| {
            Box::pin(async move {
                let cancelled = queue::cancel(tx, &tenant_id, &message_id).await?;
                let status = queue::message_status(tx, &tenant_id, &message_id).await?;
                Ok((cancelled, status))
            })
        })
        .await;
    let (cancelled, status) = cancelled?;
    let status = status.ok_or(ApiError::NotFound("message"))?;
    let too_late = |text: &str| Err(ApiError::TooLate(text.to_owned()));
    let asked = match (cancelled, &status.state) {
        (Cancelled::Asked, _) => true,
        (Cancelled::Now, _) | (Cancelled::Not, MessageState::Cancelled { .. }) => false,
        (Cancelled::Not, MessageState::Done { .. }) => {
            return too_late("the message was answered before; there is nothing to cancel");
        }
        (Cancelled::Not, MessageState::DeadLetter { .. }) => {
            return too_late(
                "the message was given up and is a dead letter: replay it, or purge it so that it is gone",
            );
        }
        (Cancelled::Not, MessageState::Queued { .. } | MessageState::Processing) => {
            return Err(ApiError::Unavailable(
                "the message moved meanwhile; try again".to_owned(),
            ));
        }
    };
    Ok(Json(CancelledView {
        status: StatusName::of(&status.state),
        asked,
    }))
}
