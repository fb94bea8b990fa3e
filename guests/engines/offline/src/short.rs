//! What tools say, cut to a size that fits a reply and a history many times over.

use agent_factory_sdk::turn::ToolResult;
use agent_factory_sdk::types::{Content, File, Output, ToolError};

/// The most text of one reply, or of one result in the history, in bytes: a quarter of what the host
/// takes for a reply unless it is told otherwise.
pub(crate) const TEXT_BYTES_MAX: usize = 16 << 10;

/// The most that the files of one result in the history may have together, in bytes.
pub(crate) const FILE_BYTES_MAX: usize = 256 << 10;

/// The most pieces of one result in the history.
pub(crate) const PIECES_MAX: usize = 64;

/// The text, or its beginning and a note that something is missing: at most `max` bytes and the note.
pub(crate) fn text(text: String, max: usize) -> String {
    if text.len() <= max {
        return text;
    }
    let kept = &text[..text.floor_char_boundary(max)];
    let missing = text.len() - kept.len();
    format!("{kept}\n[{missing} more bytes are not shown]")
}

/// A result as it is kept in the history.
pub(crate) fn result(result: ToolResult) -> ToolResult {
    ToolResult {
        id: result.id,
        outcome: result.outcome.map(output).map_err(error),
    }
}

fn output(output: Output) -> Output {
    let mut room = TEXT_BYTES_MAX;
    let mut room_for_files = FILE_BYTES_MAX;
    let pieces = output.content.len();
    let mut content: Vec<Content> = Vec::new();
    for piece in output.content.into_iter().take(PIECES_MAX) {
        content.push(match piece {
            Content::Text(words) => {
                let before = room;
                room = room.saturating_sub(words.len());
                Content::Text(text(words, before))
            }
            Content::File(file) => match kept(&file, &mut room_for_files) {
                true => Content::File(file),
                false => Content::Text(format!(
                    "[a file of {} bytes is not kept]",
                    file.content.size()
                )),
            },
        });
    }
    if pieces > PIECES_MAX {
        let missing = pieces - PIECES_MAX;
        content.push(Content::Text(format!(
            "[{missing} more pieces are not shown]"
        )));
    }
    // JSON that is cut is none.
    let structured = output
        .structured
        .filter(|json| json.len() <= TEXT_BYTES_MAX);
    Output {
        content,
        structured,
    }
}

/// Whether there is room for a file, which is then taken.
fn kept(file: &File, room: &mut usize) -> bool {
    let names = file.name.as_ref().map_or(0, String::len) + file.media_type.len();
    let size = usize::try_from(file.content.size()).unwrap_or(usize::MAX);
    match room.checked_sub(size.saturating_add(names)) {
        Some(left) => {
            *room = left;
            true
        }
        None => false,
    }
}

fn error(error: ToolError) -> ToolError {
    let short = |why| text(why, TEXT_BYTES_MAX);
    match error {
        ToolError::InvalidArguments(why) => ToolError::InvalidArguments(short(why)),
        ToolError::NotConfigured(why) => ToolError::NotConfigured(short(why)),
        ToolError::Refused(why) => ToolError::Refused(short(why)),
        ToolError::RetryAfter(mut retry) => {
            retry.reason = short(retry.reason);
            ToolError::RetryAfter(retry)
        }
        ToolError::Exhausted(why) => ToolError::Exhausted(short(why)),
        ToolError::Failed(why) => ToolError::Failed(short(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_whole_at_the_bound_and_cut_between_characters_beyond() {
        assert_eq!(text("12345".to_owned(), 5), "12345");
        assert_eq!(
            text("1234\u{e9}6".to_owned(), 5),
            "1234\n[3 more bytes are not shown]"
        );
    }

    #[test]
    fn the_texts_of_a_result_share_their_room() {
        let piece = |bytes: usize| Content::Text("x".repeat(bytes));
        let whole = Output {
            content: vec![piece(TEXT_BYTES_MAX - 1), piece(1)],
            structured: Some("1".repeat(TEXT_BYTES_MAX)),
        };
        assert_eq!(output(whole.clone()), whole);
        let beyond = output(Output {
            content: vec![piece(TEXT_BYTES_MAX - 1), piece(2)],
            structured: Some("1".repeat(TEXT_BYTES_MAX + 1)),
        });
        let note = "x\n[1 more bytes are not shown]".to_owned();
        assert_eq!(beyond.content[1], Content::Text(note));
        assert_eq!(beyond.structured, None);
    }

    #[test]
    fn files_are_kept_while_there_is_room_and_pieces_are_counted() {
        let file = |bytes: usize| Content::File(File::new("a/b", vec![0; bytes - 3]));
        let two = output(Output {
            content: vec![file(FILE_BYTES_MAX), file(4)],
            structured: None,
        });
        assert_eq!(two.content[0], file(FILE_BYTES_MAX));
        let note = "[a file of 1 bytes is not kept]".to_owned();
        assert_eq!(two.content[1], Content::Text(note));
        let pieces = |count| Output {
            content: vec![Content::Text(String::new()); count],
            structured: None,
        };
        assert_eq!(output(pieces(PIECES_MAX)), pieces(PIECES_MAX));
        let beyond = output(pieces(PIECES_MAX + 1)).content;
        let note = "[1 more pieces are not shown]".to_owned();
        assert_eq!(beyond.last(), Some(&Content::Text(note)));
    }
}
