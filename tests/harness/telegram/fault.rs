//! What can go wrong with a `sendMessage`.

use std::time::Duration;

/// One failure, for one `sendMessage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The API refuses with this HTTP status and description; nothing is sent.
    Status(u16, String),
    /// The API refuses with 429 and `retry_after` of so many seconds; nothing is sent.
    RetryAfter(u64),
    /// No answer ever comes; nothing is sent.
    Hang,
    /// The connection breaks before the API has done anything.
    DropBeforeAnswer,
    /// The connection breaks after the message was sent: the caller cannot know.
    DropAfterCommit,
    /// A proxy on the way answers with 502 and a page; nothing is sent.
    NotJson,
    /// The message is sent at once, but the answer takes so long.
    Slow(Duration),
}
