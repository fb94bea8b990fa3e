//! Server-sent events out of bytes, however they are cut.
//!
//! Written here since the events come from anybody's server: memory is bounded by one event and each byte is
//! looked at a fixed number of times, however slowly they drip in.

use super::Event;
use bytes::Bytes;

/// One event is larger than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Takes bytes and gives events, as the HTML standard defines their stream.
#[derive(Debug)]
pub(super) struct EventParser {
    /// Bytes that are not read yet, and how many of them are.
    pending: Bytes,
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed right behind it belongs to it.
    after_return: bool,
    first_line: bool,
    name: String,
    data: String,
    has_data: bool,
    bytes_max: usize,
}

impl EventParser {
    /// For events of at most `bytes_max` bytes, name and data together.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            pending: Bytes::new(),
            line: Vec::new(),
            after_return: false,
            first_line: true,
            name: String::new(),
            data: String::new(),
            has_data: false,
            bytes_max,
        }
    }

    /// More of the stream; only after [`EventParser::next`] had nothing more to give.
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.pending = bytes;
    }

    /// The next whole event.
    pub(super) fn next(&mut self) -> Result<Option<Event>, TooLarge> {
        loop {
            if self.after_return {
                if self.pending.is_empty() {
                    return Ok(None);
                }
                if self.pending.first() == Some(&b'\n') {
                    drop(self.pending.split_to(1));
                }
                self.after_return = false;
            }
            let end = self
                .pending
                .iter()
                .position(|byte| matches!(byte, b'\n' | b'\r'));
            let rest = self.pending.split_to(end.unwrap_or(self.pending.len()));
            if self.size().saturating_add(rest.len()) > self.bytes_max.saturating_add(FIELD_BYTES) {
                return Err(TooLarge);
            }
            self.line.extend_from_slice(&rest);
            if end.is_none() {
                return Ok(None);
            }
            self.after_return = self.pending.split_to(1).first() == Some(&b'\r');
            let line = std::mem::take(&mut self.line);
            if let Some(event) = self.line_ended(&line)? {
                return Ok(Some(event));
            }
        }
    }

    fn size(&self) -> usize {
        self.line.len() + self.name.len() + self.data.len()
    }

    /// Read a field; an empty line ends the event.
    fn line_ended(&mut self, line: &[u8]) -> Result<Option<Event>, TooLarge> {
        let line = if std::mem::take(&mut self.first_line) {
            line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line)
        } else {
            line
        };
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let text = String::from_utf8_lossy(line);
        let (field, value) = text.split_once(':').unwrap_or((&text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = value.to_owned(),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            // A comment, or a field for reconnecting, which a request to a model never does.
            _ => {}
        }
        if self.size() > self.bytes_max {
            return Err(TooLarge);
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Option<Event> {
        let (name, data) = (
            std::mem::take(&mut self.name),
            std::mem::take(&mut self.data),
        );
        std::mem::take(&mut self.has_data).then_some(Event {
            name: (!name.is_empty()).then_some(name),
            data,
        })
    }
}

/// What a line has beside its value, at most: `event: `.
const FIELD_BYTES: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn events(
        pieces: &[&[u8]],
        bytes_max: usize,
    ) -> Result<Vec<(Option<String>, String)>, TooLarge> {
        let mut parser = EventParser::new(bytes_max);
        let mut events = Vec::new();
        for piece in pieces {
            parser.push(Bytes::copy_from_slice(piece));
            while let Some(event) = parser.next()? {
                events.push((event.name, event.data));
            }
        }
        Ok(events)
    }

    fn datas(text: &str) -> Vec<String> {
        let events = events(&[text.as_bytes()], 1_000).unwrap();
        events.into_iter().map(|(_, data)| data).collect()
    }

    #[test]
    fn names_data_comments_and_other_fields() {
        let text =
            ": hello\nevent: delta\nid: 7\nretry: 5\ndata: one\ndata:two\ndata\n\ndata: last\n\n";
        let found = events(&[text.as_bytes()], 1_000).unwrap();
        assert_eq!(
            found,
            [
                (Some("delta".to_owned()), "one\ntwo\n".to_owned()),
                (None, "last".to_owned())
            ]
        );
    }

    #[test]
    fn every_line_end_and_a_byte_order_mark() {
        assert_eq!(
            datas("data: a\r\n\r\ndata: b\r\rdata: c\n\n"),
            ["a", "b", "c"]
        );
        assert_eq!(datas("\u{feff}data: a\n\n"), ["a"]);
        assert_eq!(datas("data:  two spaces\n\n"), [" two spaces"]);
    }

    #[test]
    fn an_event_without_data_or_without_its_end_is_none() {
        assert_eq!(datas("event: ping\n\ndata: never ended\n"), [""; 0]);
        assert_eq!(datas("event: ping\n\ndata: x\n\n"), ["x"]);
        assert_eq!(datas("data\n\n"), [""], "empty data is data");
    }

    #[test]
    fn events_are_the_same_however_the_bytes_are_cut() {
        let text = "event: d\u{e9}lta\r\ndata: \u{1f989}\r\ndata: b\r\n\r\ndata: c\r\rdata: d\n\n"
            .as_bytes();
        let whole = events(&[text], 1_000).unwrap();
        assert_eq!(whole.len(), 3);
        for size in 1..text.len() {
            let pieces: Vec<&[u8]> = text.chunks(size).collect();
            assert_eq!(events(&pieces, 1_000).unwrap(), whole, "pieces of {size}");
        }
    }

    #[test]
    fn an_event_is_given_at_the_bound_and_refused_one_byte_beyond() {
        let one = |bytes: usize| format!("data: {}\n\n", "x".repeat(bytes));
        assert_eq!(events(&[one(100).as_bytes()], 100).unwrap().len(), 1);
        assert_eq!(events(&[one(101).as_bytes()], 100), Err(TooLarge));
        let lines = "data: x\n".repeat(51);
        assert_eq!(events(&[lines.as_bytes()], 100), Err(TooLarge));
        let endless = [b'x'; 64];
        assert_eq!(
            events(&[&endless, &endless], 100),
            Err(TooLarge),
            "no line ever ends"
        );
        let many = one(100).repeat(1_000);
        assert_eq!(events(&[many.as_bytes()], 100).unwrap().len(), 1_000);
    }

    #[test]
    fn what_is_not_utf8_is_replaced() {
        assert_eq!(
            events(&[b"data: a\xffb\n\n"], 100).unwrap()[0].1,
            "a\u{fffd}b"
        );
    }
}
