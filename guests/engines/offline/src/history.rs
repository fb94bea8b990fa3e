//! What was said before.

use agent_factory_sdk::turn::{Message, Part, Role, Turn};

/// How many messages are asked for at once.
const PAGE_MESSAGES: u32 = 100;

/// How many pages are looked at: a very long conversation is counted up to here.
const PAGES_MAX: u32 = 100;

/// How many messages the person has written before this one. Tool results also come in the
/// person's place, and are not counted.
pub(crate) fn count(turn: &Turn) -> usize {
    let mut count = 0;
    let mut cursor = None;
    for _ in 0..PAGES_MAX {
        let page = turn.history(cursor.as_deref(), PAGE_MESSAGES);
        count += page
            .messages
            .iter()
            .filter(|message| is_from_person(message))
            .count();
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    count
}

fn is_from_person(message: &Message) -> bool {
    let is_result = |part: &Part| matches!(part, Part::ToolResult(_));
    message.role == Role::User && !message.parts.iter().any(is_result)
}
