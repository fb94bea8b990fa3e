//! The tools of a turn, called without an engine: what whoever tries or measures a skill needs.

use super::dispatcher::Scope;
use super::host::ComponentHost;
use super::session::Session;
use super::turn::{TurnFailure, TurnInput};
use super::{Grants, call::CallFailure, tools};
use crate::domain::{Digest, KvOwner, Receipt, ToolRequest, ToolResult};
use std::sync::Arc;
use tokio_util::sync::DropGuard;

/// A turn without an engine. Its tools are called as an engine's would be: their arguments are checked, they wait for
/// slots, every limit holds, and each call leaves a receipt. Dropped, it ends what still runs.
pub struct ToolSession {
    scope: Scope,
    _end: DropGuard,
}

impl ComponentHost {
    /// Begin a turn that has no engine; the models and settings of `input` have no use in it.
    #[must_use]
    pub fn tool_session(&self, input: TurnInput) -> ToolSession {
        let (session, config) = Session::begin(self.clone(), self.limits(), Digest::of(&[]), input);
        let session = Arc::new(session);
        ToolSession {
            _end: session.cancel.clone().drop_guard(),
            scope: Scope::new(
                Arc::clone(&session),
                Arc::clone(&session.limits),
                session.turn_id.to_string(),
                KvOwner(None),
                Grants::all(),
                config,
            ),
        }
    }
}

impl ToolSession {
    /// Run a batch in parallel; outcomes in the order of the requests. Counts as one of the turn's batches
    /// (`limits.tool_rounds`).
    ///
    /// # Errors
    /// Where the turn is over. What is wrong with one request is its own outcome.
    pub async fn call(&self, requests: Vec<ToolRequest>) -> Result<Vec<ToolResult>, TurnFailure> {
        let results = tools::run_batch(&self.scope, requests).await;
        results.map_err(|stop| CallFailure::Stopped(stop).into())
    }

    /// The receipts of the calls that have ended since this was asked last.
    #[must_use]
    pub fn take_receipts(&self) -> Vec<Receipt> {
        std::mem::take(&mut self.scope.session.changes().receipts)
    }
}

impl std::fmt::Debug for ToolSession {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ToolSession").finish_non_exhaustive()
    }
}
