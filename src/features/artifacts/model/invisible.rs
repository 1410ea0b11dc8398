//! Characters that a reader cannot see but a model reads: the carrier of hidden instructions.
//!
//! Used both to warn about them and to write them as visible escapes in YAML.

/// What kind of invisible character it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invisible {
    /// Takes no room on screen: U+200B, U+2060, U+FEFF, the soft hyphen, fillers.
    ZeroWidth,
    /// Reorders the text around it: U+202A to U+202E, U+2066 to U+2069, the marks.
    Bidi,
    /// The tag block U+E0000 to U+E007F, an invisible copy of ASCII, and the variation
    /// selectors, which can carry bytes.
    Tag,
}

impl Invisible {
    /// A name for messages, in the singular.
    pub fn label(self) -> &'static str {
        match self {
            Invisible::ZeroWidth => "zero-width character",
            Invisible::Bidi => "text direction control",
            Invisible::Tag => "hidden tag character",
        }
    }
}

/// A suspicious invisible character in a text. Comes from [`find`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The byte where it begins.
    pub at: usize,
    /// The line, from 1.
    pub line: usize,
    /// The character.
    pub ch: char,
    /// Its kind.
    pub kind: Invisible,
}

/// Classifies a character on its own, without looking at its neighbours.
pub fn classify(c: char) -> Option<Invisible> {
    Some(match c {
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{206F}' => Invisible::Bidi,
        '\u{00AD}'
        | '\u{034F}'
        | '\u{115F}'
        | '\u{1160}'
        | '\u{17B4}'
        | '\u{17B5}'
        | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200D}'
        | '\u{2060}'..='\u{2065}'
        | '\u{3164}'
        | '\u{FEFF}'
        | '\u{FFA0}'
        | '\u{FFF9}'..='\u{FFFB}' => Invisible::ZeroWidth,
        '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E0FFF}' => Invisible::Tag,
        _ => return None,
    })
}

/// Lists the invisible characters of a text that have no honest use where they stand.
///
/// Joiners after a non-ASCII character (emoji families, Persian, Indic scripts), one variation
/// selector after a visible character and the tags of the three flag emoji are left out.
pub fn find(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut prev = ' ';
    // Tags still allowed after a black flag: five letters or digits and the terminator.
    let mut flag = 0_u8;
    for (at, c) in text.char_indices() {
        match classify(c) {
            None => flag = if c == '\u{1F3F4}' { 6 } else { 0 },
            Some(kind) => {
                let honest = match c {
                    '\u{200C}' | '\u{200D}' => !prev.is_ascii() && honest_before(prev),
                    '\u{FE00}'..='\u{FE0F}' => !prev.is_whitespace() && classify(prev).is_none(),
                    '\u{E0100}'..='\u{E01EF}' => ('\u{3400}'..='\u{3FFFF}').contains(&prev),
                    '\u{E0020}'..='\u{E007F}' if flag > 0 => {
                        flag -= 1;
                        true
                    }
                    _ => false,
                };
                if !honest {
                    found.push(Found { at, line, ch: c, kind });
                }
            }
        }
        if c == '\n' {
            line += 1;
        }
        prev = c;
    }
    found
}

/// The text without what [`find`] lists in it.
pub fn without(text: &str) -> String {
    let mut hidden = find(text).into_iter().map(|found| found.at).peekable();
    text.char_indices().filter(|(at, _)| hidden.next_if_eq(at).is_none()).map(|(_, c)| c).collect()
}

/// Whether a joiner may follow: a visible character or an emoji's variation selector.
fn honest_before(prev: char) -> bool {
    prev == '\u{FE0F}' || classify(prev).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_hidden_text() {
        let hidden: String = "hi".chars().filter_map(|c| char::from_u32(0xE0000 + c as u32)).collect();
        let text = format!("ok\na{hidden}b\u{200B}\n\u{202E}x");
        let kinds: Vec<_> = find(&text).iter().map(|f| (f.line, f.kind)).collect();
        assert_eq!(kinds, [(2, Invisible::Tag), (2, Invisible::Tag), (2, Invisible::ZeroWidth), (3, Invisible::Bidi)]);
        assert_eq!(without(&text), "ok\nab\nx");
    }

    #[test]
    fn leaves_emoji_and_scripts_alone() {
        for text in ["👩‍👩‍👧 ❤️‍🔥 ⚠️ 1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "می‌خواهم", "क्‍ष"]
        {
            assert_eq!(find(text), [], "{text}");
            assert_eq!(without(text), text);
        }
        assert_eq!(find("a\u{200D}b").len(), 1);
        assert_eq!(find("😀\u{FE0F}\u{FE01}\u{FE02}").len(), 2);
    }
}
