//! Lines of a stream, none of them too long.

use crate::fault::Fault;

/// Bytes of one line; a longer one is left out.
pub const LINE: usize = 2_000_000;

/// Takes bytes as they come, gives lines as they are finished. Holds one unfinished line at most.
#[derive(Debug, Default)]
pub struct Lines {
    unfinished: Vec<u8>,
    /// The unfinished line is too long; the rest of it is passed over.
    too_long: bool,
    finished: usize,
}

impl Lines {
    /// Gives each line that these bytes finish, with its number from 1 and without its end. Blank lines are counted, but not given.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(usize, Result<&str, Fault>)) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|&b| b == b'\n') {
            if self.unfinished.is_empty() && !self.too_long {
                self.finished += 1;
                give(self.finished, &rest[..end], &mut each);
            } else {
                self.take(&rest[..end]);
                self.finish_line(&mut each);
            }
            rest = &rest[end + 1..];
        }
        self.take(rest);
    }

    /// The last line, if nothing ended it.
    pub fn finish(&mut self, mut each: impl FnMut(usize, Result<&str, Fault>)) {
        if self.too_long || !self.unfinished.is_empty() {
            self.finish_line(&mut each);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.too_long || self.unfinished.len() + bytes.len() > LINE {
            self.too_long = self.too_long || !bytes.is_empty();
            self.unfinished = Vec::new();
        } else {
            self.unfinished.extend_from_slice(bytes);
        }
    }

    fn finish_line(&mut self, each: &mut impl FnMut(usize, Result<&str, Fault>)) {
        self.finished += 1;
        if self.too_long {
            each(self.finished, Err(too_long(self.finished)));
        } else {
            give(self.finished, &self.unfinished, each);
        }
        self.too_long = false;
        self.unfinished.clear();
    }
}

fn too_long(number: usize) -> Fault {
    Fault::line(number, format!("This line is longer than {} MB: shorten the inputs and outputs of the run.", LINE / 1_000_000))
}

fn give(number: usize, bytes: &[u8], each: &mut impl FnMut(usize, Result<&str, Fault>)) {
    let bytes = if number == 1 { bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes) } else { bytes };
    let bytes = bytes.trim_ascii();
    if bytes.is_empty() {
        return;
    }
    if bytes.len() > LINE {
        return each(number, Err(too_long(number)));
    }
    each(number, std::str::from_utf8(bytes).map_err(|_| Fault::line(number, "This line is not text in UTF-8: save the file as UTF-8.")));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(chunks: &[&[u8]]) -> Vec<(usize, Result<String, Fault>)> {
        let mut lines = Lines::default();
        let mut all = Vec::new();
        for chunk in chunks {
            lines.push(chunk, |n, line| all.push((n, line.map(str::to_owned))));
        }
        lines.finish(|n, line| all.push((n, line.map(str::to_owned))));
        all
    }

    #[test]
    fn a_line_that_is_too_long_is_the_only_one_lost() {
        let long = vec![b'x'; LINE / 2 + 1];
        let all = read(&[b"\xEF\xBB\xBFa\r\n\n", &long, &long, &long, b"\nb\n\xFF\nc"]);
        let numbers: Vec<usize> = all.iter().map(|(n, _)| *n).collect();
        assert_eq!(numbers, [1, 3, 4, 5, 6]);
        assert_eq!(all[0].1.as_deref(), Ok("a"));
        assert!(all[1].1.as_ref().expect_err("a fault").to_string().starts_with("Line 3: This line is longer than 2 MB"));
        assert_eq!(all[2].1.as_deref(), Ok("b"));
        assert!(all[3].1.as_ref().expect_err("a fault").message.contains("UTF-8"));
        assert_eq!(all[4].1.as_deref(), Ok("c"));
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..80), size in 1..9_usize) {
            let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
            prop_assert_eq!(read(&chunks), read(&[&bytes]));
        }
    }
}
