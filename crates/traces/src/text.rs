//! Texts within limits, times.

use std::borrow::Cow;

use jiff::Timestamp;

/// What may stand after a limit until a text is masked: a secret that begins before the limit is then still whole.
const SLACK: usize = 4_000;

/// The last millisecond that can be written wherever one is, a day before the year 10000.
pub(crate) const LATEST: i64 = 253_402_207_200_000;

/// Steps that a source is read up to; what comes after is counted as left out.
pub(crate) const MOST_STEPS_READ: usize = 20_000;

/// At most so many characters; the last one is an ellipsis where something was cut.
pub(crate) fn cut(text: &str, most: usize) -> Option<String> {
    // No character takes less than a byte.
    if text.len() <= most {
        return None;
    }
    let (end, _) = text.char_indices().nth(most.saturating_sub(1))?;
    // `end` begins the last character that fits: it may stay only if it is the last one of all.
    text[end..].chars().nth(1)?;
    Some(format!("{}…", &text[..end]))
}

/// Keeps memory small while reading: all that a limit can need, and a little more.
pub(crate) fn keep(mut text: String, most: usize) -> String {
    if text.len() > most + SLACK
        && let Some((end, _)) = text.char_indices().nth(most + SLACK)
    {
        text.truncate(end);
        text.shrink_to_fit();
    }
    text
}

/// Without NUL, which PostgreSQL's text cannot hold, and with one kind of line end.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b == 0 || b == b'\r') {
        Cow::Owned(text.replace('\0', "").replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// One line: control characters are spaces, none at the ends.
pub(crate) fn one_line(text: &str) -> String {
    let text = text.replace('\0', "");
    text.replace(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'), " ").trim().to_owned()
}

/// RFC 3339 with an offset, as UTC milliseconds.
pub(crate) fn time(text: &str) -> Option<i64> {
    text.trim().parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// UTC milliseconds as RFC 3339.
pub(crate) fn time_text(at: i64) -> String {
    Timestamp::from_millisecond(at.clamp(0, LATEST)).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_characters() {
        assert_eq!(cut("abc", 3), None);
        assert_eq!(cut("abcd", 3).as_deref(), Some("ab…"));
        assert_eq!(cut("äöü", 3), None);
        assert_eq!(cut("äöüß", 3).as_deref(), Some("äö…"));
        assert_eq!(cut("🦀🦀", 1).as_deref(), Some("…"));
    }

    #[test]
    fn times_are_utc_milliseconds() {
        assert_eq!(time("2026-09-21T09:04:52.250+02:00"), time("2026-09-21T07:04:52.25Z"));
        assert_eq!(time_text(1_790_000_000_250), "2026-09-21T14:13:20.25Z");
        assert_eq!(time("2026-09-21"), None);
        assert_eq!(time_text(i64::MAX), "9999-12-30T22:00:00Z");
    }
}
