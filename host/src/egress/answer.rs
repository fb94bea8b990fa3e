//! An answer, piece by piece.

use super::EgressError;
use bytes::Bytes;
use reqwest::Response;
use reqwest::header::HeaderMap;
use std::time::Duration;

/// An answer whose head has arrived. Dropping it closes the connection.
#[derive(Debug)]
pub struct Answer {
    response: Response,
    idle_ms: u64,
}

impl Answer {
    pub(super) fn new(response: Response, idle_ms: u64) -> Self {
        Self { response, idle_ms }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// Its headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The next piece of the body; none at its end.
    ///
    /// # Errors
    /// Where the body breaks off, or nothing comes for too long.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, EgressError> {
        let idle = Duration::from_millis(self.idle_ms);
        match tokio::time::timeout(idle, self.response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(_)) => Err(EgressError::Interrupted("the answer broke off".to_owned())),
            Err(_) => Err(EgressError::Interrupted(format!(
                "nothing came for {} ms (egress.idle_ms)",
                self.idle_ms
            ))),
        }
    }
}
