/// The longest text Telegram takes in one message, UTF-16 code units.
pub const TELEGRAM_UTF16_MAX: usize = 4_096;

/// Cut `text` into pieces of at most `max` UTF-16 code units: at a blank line where one is near the end, else at
/// a line's end, else at a space, else anywhere between characters. No piece is blank.
#[must_use]
pub fn chunks(text: &str, max: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text.trim_end();
    while !rest.trim().is_empty() {
        let fits = fitting(rest, max);
        let end = if fits == rest.len() {
            fits
        } else {
            break_before(rest, fits)
        };
        let (piece, after) = rest.split_at(end);
        if !piece.trim().is_empty() {
            pieces.push(piece.trim_end().to_owned());
        }
        rest = after.trim_start_matches(['\n', ' ']);
    }
    pieces
}

/// How many bytes of `text` fit into `max` UTF-16 units; at least one character.
fn fitting(text: &str, max: usize) -> usize {
    let mut units = 0;
    for (at, c) in text.char_indices() {
        units += c.len_utf16();
        if units > max && at > 0 {
            return at;
        }
    }
    text.len()
}

/// The best place to break at or before `end`, not in the first half.
fn break_before(text: &str, end: usize) -> usize {
    let Some(head) = text.get(..end) else {
        return end;
    };
    let late = |at: &usize| *at > end / 2;
    head.rfind("\n\n")
        .filter(late)
        .or_else(|| head.rfind('\n').filter(late))
        .or_else(|| head.rfind(' ').filter(late))
        .unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_at_the_limit_is_one_piece_and_one_beyond_is_two() {
        assert_eq!(chunks(&"x".repeat(10), 10), ["x".repeat(10)]);
        assert_eq!(
            chunks(&"x".repeat(11), 10),
            ["x".repeat(10), "x".to_owned()]
        );
    }

    #[test]
    fn the_limit_counts_utf16_units_and_never_splits_a_character() {
        // An emoji beyond the basic plane is two units.
        assert_eq!(
            chunks("\u{1F980}\u{1F980}\u{1F980}", 4),
            ["\u{1F980}\u{1F980}", "\u{1F980}"]
        );
        assert_eq!(chunks("\u{1F980}", 1), ["\u{1F980}"]);
    }

    #[test]
    fn a_break_prefers_a_paragraph_then_a_line_then_a_word() {
        assert_eq!(
            chunks("one two\n\nthree four", 14),
            ["one two", "three four"]
        );
        assert_eq!(chunks("one two three", 9), ["one two", "three"]);
    }

    #[test]
    fn blank_text_makes_no_piece() {
        assert!(chunks(" \n\n ", 10).is_empty());
    }
}
