//! An event is one line, whatever others wrote into what is logged: a line of their own could say anything in our name.

use std::io::{Result, Write};

use tracing_subscriber::fmt::MakeWriter;

/// Writes each event as one line: ends of lines within it are written as `\n` and `\r`. The format layer gives an event to its writer in one piece.
#[derive(Clone, Copy, Debug)]
pub struct OneLine<W>(pub W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for OneLine<W> {
    type Writer = OneLine<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLine(self.0.make_writer())
    }
}

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> Result<usize> {
        let text = event.strip_suffix(b"\n").unwrap_or(event);
        if text.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            let mut line = Vec::with_capacity(event.len() + 16);
            for byte in text {
                match byte {
                    b'\n' => line.extend_from_slice(b"\\n"),
                    b'\r' => line.extend_from_slice(b"\\r"),
                    other => line.push(*other),
                }
            }
            line.extend_from_slice(&event[text.len()..]);
            self.0.write_all(&line)?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event: &str) -> String {
        let mut writer = OneLine(Vec::new());
        writer.write_all(event.as_bytes()).expect("written");
        String::from_utf8(writer.0).expect("text")
    }

    #[test]
    fn what_others_wrote_begins_no_line() {
        assert_eq!(written("INFO it is well\n"), "INFO it is well\n");
        assert_eq!(written("WARN no team \u{201c}x\r\nERROR forged\u{201d}\n"), "WARN no team \u{201c}x\\r\\nERROR forged\u{201d}\n");
        assert_eq!(written("no end\nof it"), "no end\\nof it");
    }
}
