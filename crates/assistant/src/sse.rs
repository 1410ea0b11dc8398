//! Events sent by a server, as the WHATWG specification reads them (<https://html.spec.whatwg.org/multipage/server-sent-events.html>), of which a
//! chat API uses the `data` fields. Bytes may come cut anywhere.

/// Bytes of one line, and of the data of one event.
pub const LINE_MAX: usize = 1024 * 1024;

#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The last byte was a CR: a LF behind it belongs to it.
    after_cr: bool,
    /// Nothing of the first line was read: a byte order mark may stand there.
    begun: bool,
    stray: Option<Vec<u8>>,
}

/// A line or an event is longer than [`LINE_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Decoder {
    /// Adds the data of the events that these bytes complete; also of those before a line that is too long.
    ///
    /// # Errors
    /// A line or an event is too long.
    pub fn feed(&mut self, bytes: &[u8], events: &mut Vec<Vec<u8>>) -> Result<(), TooLong> {
        for byte in bytes {
            let after_cr = std::mem::take(&mut self.after_cr);
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    self.end_line(events)?;
                }
                other => {
                    if self.line.len() == LINE_MAX {
                        return Err(TooLong);
                    }
                    self.line.push(*other);
                }
            }
        }
        Ok(())
    }

    /// What stands at the end of a stream without the empty line behind it. The specification drops it; some services end so.
    pub fn finish(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let mut events = Vec::new();
        if !self.line.is_empty() {
            self.end_line(&mut events)?;
        }
        Ok(std::mem::take(&mut self.has_data).then(|| std::mem::take(&mut self.data)))
    }

    /// The first line that is no field of an event: what came in place of events.
    pub fn stray(&self) -> Option<&[u8]> {
        self.stray.as_deref()
    }

    fn end_line(&mut self, events: &mut Vec<Vec<u8>>) -> Result<(), TooLong> {
        let whole = std::mem::take(&mut self.line);
        let is_first = !std::mem::replace(&mut self.begun, true);
        let line = whole.strip_prefix(b"\xef\xbb\xbf").filter(|_| is_first).unwrap_or(&whole);
        if line.is_empty() {
            if std::mem::take(&mut self.has_data) {
                events.push(std::mem::take(&mut self.data));
            }
            return Ok(());
        }
        // Comments begin with a colon; other fields say nothing here.
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &[][..]),
        };
        // llama.cpp reported errors in a field of that name.
        if field == b"data" || field == b"error" {
            let value = value.strip_prefix(b" ").unwrap_or(value);
            if self.data.len() + value.len() >= LINE_MAX {
                return Err(TooLong);
            }
            if std::mem::replace(&mut self.has_data, true) {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
        } else if self.stray.is_none() && !matches!(field, b"" | b"event" | b"id" | b"retry") {
            self.stray = Some(line.to_vec());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Vec<String> {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        decoder.feed(bytes, &mut events).expect("short lines");
        events.extend(decoder.finish().expect("short lines"));
        events.into_iter().map(|event| String::from_utf8_lossy(&event).into_owned()).collect()
    }

    #[test]
    fn events_are_read_as_specified() {
        assert_eq!(
            read(b"data: a\n\ndata:b\r\n\r\ndata: c\r\rid: 1\nevent: x\ndata: d\ndata: e\n\n: hm\n\nretry: 4\n\n"),
            ["a", "b", "c", "d\ne"]
        );
        assert_eq!(read(b"\xef\xbb\xbfdata:  two spaces\n\n"), [" two spaces"]);
        assert_eq!(read(b"data\n\n"), [""], "a field without a value");
        assert_eq!(read(b"data: never ended"), ["never ended"]);
        assert_eq!(read(b"database: no\n\n"), Vec::<String>::new());
    }

    #[test]
    fn lines_without_an_end_are_refused() {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        assert_eq!(decoder.feed(&vec![b'x'; LINE_MAX], &mut events), Ok(()));
        assert_eq!(decoder.feed(b"x", &mut events), Err(TooLong));
        let mut decoder = Decoder::default();
        let line = [b"data:".as_slice(), &vec![b'x'; LINE_MAX / 2], b"\n"].concat();
        assert_eq!(decoder.feed(&line, &mut events), Ok(()));
        assert_eq!(decoder.feed(&line, &mut events), Err(TooLong));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_bytes_are_cut(text in "(data: ?[a-zé]{0,4}|:c|id:1)(\r\n|\n|\r)([a-z:\r\n ]|data:){0,40}", at in 0_usize..60) {
            let bytes = text.as_bytes();
            let at = at.min(bytes.len());
            let mut decoder = Decoder::default();
            let mut events = Vec::new();
            decoder.feed(&bytes[..at], &mut events).expect("short");
            decoder.feed(&bytes[at..], &mut events).expect("short");
            events.extend(decoder.finish().expect("short"));
            let events: Vec<String> = events.iter().map(|event| String::from_utf8_lossy(event).into_owned()).collect();
            prop_assert_eq!(events, read(bytes));
        }
    }
}
