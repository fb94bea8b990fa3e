//! Pages of the history, the newest first.

use super::size;
use crate::domain::{HistoryMessage, Part};
use std::collections::HashMap;
use std::ops::Range;

/// The page that ends before `cursor` (none: the newest), as a range of `messages`, and the cursor
/// of the page before it. At most `limit` messages of together at most `bytes` bytes, but never less
/// than one, and more where a tool request would be parted from its result.
///
/// None for a cursor that no page gave.
pub(super) fn page(
    messages: &[HistoryMessage],
    cursor: Option<&str>,
    limit: u32,
    bytes: u64,
) -> Option<(Range<usize>, Option<String>)> {
    let parted = parted(messages);
    let whole = |cut: usize| parted.get(cut).is_none_or(|parted| !parted);
    let end = match cursor {
        None => messages.len(),
        Some(cursor) => cursor
            .strip_prefix("before-")
            .and_then(|number| number.parse::<usize>().ok())
            .filter(|end| *end < messages.len() && whole(*end))?,
    };
    let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
    let wanted = end.saturating_sub(limit.min(fitting(messages.get(..end)?, bytes)));
    let start = (wanted..end)
        .find(|cut| whole(*cut))
        .or_else(|| (0..wanted).rev().find(|cut| whole(*cut)))
        .unwrap_or(0);
    let next = (start > 0).then(|| format!("before-{start}"));
    Some((start..end, next))
}

/// How many of the last messages have together at most `bytes` bytes; at least one.
fn fitting(messages: &[HistoryMessage], bytes: u64) -> usize {
    let fitting = messages.iter().rev().scan(0_u64, |total, message| {
        *total = total.saturating_add(size::in_page(message));
        (*total <= bytes).then_some(())
    });
    fitting.count().max(1)
}

/// For each place between two messages (before the one at that index), whether a cut there would
/// part a tool request from its result. An id that was used before belongs to the latest request.
fn parted(messages: &[HistoryMessage]) -> Vec<bool> {
    let mut parted = vec![false; messages.len()];
    let mut requests: HashMap<&str, usize> = HashMap::new();
    for (index, message) in messages.iter().enumerate() {
        for part in &message.parts {
            match part {
                Part::ToolRequest(request) => {
                    requests.insert(&request.id, index);
                }
                Part::ToolResult(result) => {
                    let Some(request) = requests.remove(result.id.as_str()) else {
                        continue;
                    };
                    let between = request.saturating_add(1)..=index;
                    for cut in parted.get_mut(between).into_iter().flatten() {
                        *cut = true;
                    }
                }
                Part::Text(_) | Part::File(_) | Part::Opaque(_) => {}
            }
        }
    }
    parted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Role, ToolOutput, ToolRequest, ToolResult};

    fn message(part: Part) -> HistoryMessage {
        HistoryMessage {
            role: Role::User,
            parts: vec![part],
            at: None,
        }
    }

    fn text() -> HistoryMessage {
        message(Part::Text("words".to_owned()))
    }

    fn request(id: &str) -> HistoryMessage {
        message(Part::ToolRequest(ToolRequest {
            id: id.to_owned(),
            name: "a__b".to_owned(),
            arguments: "{}".to_owned(),
        }))
    }

    fn result(id: &str) -> HistoryMessage {
        message(Part::ToolResult(ToolResult {
            id: id.to_owned(),
            outcome: Ok(ToolOutput::default()),
        }))
    }

    fn pages(messages: &[HistoryMessage], limit: u32) -> Vec<(usize, usize)> {
        let mut pages = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let (range, next) = page(messages, cursor.as_deref(), limit, u64::MAX).unwrap();
            pages.push((range.start, range.end));
            match next {
                Some(next) => cursor = Some(next),
                None => return pages,
            }
        }
    }

    #[test]
    fn the_newest_page_comes_first_and_every_message_once() {
        let messages = vec![text(), text(), text(), text(), text()];
        assert_eq!(pages(&messages, 2), [(3, 5), (1, 3), (0, 1)]);
        assert_eq!(pages(&messages, 5), [(0, 5)]);
        assert_eq!(
            pages(&messages, 0),
            [(4, 5), (3, 4), (2, 3), (1, 2), (0, 1)]
        );
        assert_eq!(pages(&[], 10), [(0, 0)]);
    }

    #[test]
    fn a_request_and_its_result_are_never_in_different_pages() {
        let messages = vec![text(), request("1"), result("1"), text()];
        assert_eq!(pages(&messages, 2), [(3, 4), (1, 3), (0, 1)]);
        assert_eq!(
            pages(&messages, 1),
            [(3, 4), (1, 3), (0, 1)],
            "a pair is whole"
        );
        let reused = vec![request("1"), result("1"), request("1"), result("1")];
        assert_eq!(pages(&reused, 2), [(2, 4), (0, 2)]);
    }

    #[test]
    fn a_page_is_bounded_by_bytes_too() {
        let messages = vec![text(), text(), text()];
        let two = 2 * size::of_message(&text());
        let range = |bytes| page(&messages, None, 10, bytes).unwrap().0;
        assert_eq!(range(two), 1..3);
        assert_eq!(range(two - 1), 2..3);
        assert_eq!(range(0), 2..3, "never less than one");
        let pair = vec![text(), request("1"), result("1")];
        assert_eq!(page(&pair, None, 10, 0).unwrap().0, 1..3, "a pair is whole");
    }

    #[test]
    fn a_cursor_that_no_page_gave_is_refused() {
        let messages = vec![text(), request("1"), result("1")];
        for cursor in ["", "before-", "before-2", "before-3", "before-x", "1"] {
            assert!(
                page(&messages, Some(cursor), 1, u64::MAX).is_none(),
                "{cursor:?}"
            );
        }
    }
}
