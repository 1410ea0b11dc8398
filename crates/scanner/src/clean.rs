//! Characters as they are meant: what nobody sees dropped, forms and lookalikes folded, escapes and entities written out.
//!
//! Works within one line and keeps it one, so that a position needs no more than its line.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// A character without a picture of its own: format characters, fillers, variation selectors, tags. Not the marks of scripts that need
/// them.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// A control character that is no white space.
pub(crate) fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{C}')
}

/// Signs that stand for nothing else, so that most lines need no more than a look.
fn is_what_it_is(c: char) -> bool {
    matches!(c, '–' | '—' | '‘' | '’' | '“' | '”' | '•' | '£' | '€' | '§' | '×' | '\u{2190}'..='\u{21FF}' | '\u{2500}'..='\u{27BF}' | '\u{4E00}'..='\u{9FFF}' | '\u{1F300}'..='\u{1FAFF}')
}

/// The line as it is meant.
pub(crate) fn clean(line: &str) -> Cow<'_, str> {
    let plain = |b: u8| !b.is_ascii() || (b >= b' ' || b == b'\t') && b != b'\\' && b != b'&' && b != 127;
    if line.bytes().all(plain) && (line.is_ascii() || line.chars().all(|c| c.is_ascii() || is_what_it_is(c))) {
        return Cow::Borrowed(line);
    }
    let unescaped = entities(line);
    let unescaped = unescape(&unescaped);
    let seen: String = if unescaped.is_ascii() {
        unescaped.chars().filter(|c| !is_control(*c)).collect()
    } else {
        unescaped
            .chars()
            .filter(|c| !is_invisible(*c) && !is_control(*c))
            .nfkd()
            .filter(|c| !matches!(c, '\u{300}'..='\u{36F}'))
            .nfc()
            // Compatibility forms may bring such characters back.
            .filter(|c| !is_invisible(*c))
            .collect()
    };
    Cow::Owned(fold_lookalikes(&seen).into_owned())
}

/// The Latin letter that this letter of another script (or form) is taken for. After Unicode's confusables (UTS 39), only what looks the
/// same.
pub(crate) fn lookalike(c: char) -> Option<char> {
    Some(match c {
        'а' | 'ɑ' | 'α' | 'ａ' => 'a',
        'А' | 'Α' => 'A',
        'Ь' | 'ƅ' => 'b',
        'В' | 'Β' => 'B',
        'с' | 'ϲ' | 'ς' | 'ᴄ' => 'c',
        'С' | 'Ϲ' => 'C',
        'ԁ' | 'ɗ' => 'd',
        'е' | 'ҽ' | 'ё' => 'e',
        'Е' | 'Ε' => 'E',
        'ɡ' | 'ց' => 'g',
        'Ԍ' => 'G',
        'һ' | 'հ' => 'h',
        'Н' | 'Η' => 'H',
        'і' | 'ı' | 'ι' | 'ɩ' => 'i',
        'І' | 'Ι' => 'I',
        'ј' | 'ϳ' => 'j',
        'Ј' => 'J',
        'к' | 'κ' | 'ᴋ' => 'k',
        'К' | 'Κ' => 'K',
        'ӏ' | 'ǀ' | 'ⅼ' => 'l',
        'Ӏ' | 'ʟ' => 'L',
        'м' | 'ᴍ' => 'm',
        'М' | 'Μ' => 'M',
        'ո' | 'п' => 'n',
        'Ν' => 'N',
        'о' | 'ο' | 'օ' | 'ᴏ' | 'σ' => 'o',
        'О' | 'Ο' => 'O',
        'р' | 'ρ' => 'p',
        'Р' | 'Ρ' => 'P',
        'ԛ' => 'q',
        'г' | 'ᴦ' => 'r',
        'ѕ' | 'ꜱ' => 's',
        'Ѕ' => 'S',
        'т' | 'τ' | 'ᴛ' => 't',
        'Т' | 'Τ' => 'T',
        'υ' | 'ս' | 'ᴜ' => 'u',
        'ѵ' | 'ν' | 'ᴠ' => 'v',
        'ԝ' | 'ѡ' | 'ᴡ' => 'w',
        'Ԝ' => 'W',
        'х' | 'χ' => 'x',
        'Х' | 'Χ' => 'X',
        'у' | 'γ' | 'ү' => 'y',
        'У' | 'Υ' | 'Ү' => 'Y',
        'ᴢ' => 'z',
        'Ζ' => 'Z',
        _ => return None,
    })
}

/// Folds lookalikes in words that have a Latin letter too, or nothing but lookalikes.
fn fold_lookalikes(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_alphanumeric() {
            word.push(c);
            continue;
        }
        let meant = |c: char| c.is_ascii_alphanumeric() || lookalike(c).is_some();
        if !word.is_ascii() && (word.chars().any(|c| c.is_ascii_alphabetic()) || word.chars().all(meant)) {
            out.extend(word.chars().map(|c| lookalike(c).unwrap_or(c)));
        } else {
            out.push_str(&word);
        }
        word.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Writes HTML's character references out.
fn entities(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match rest[1..].bytes().take(10).position(|b| b == b';').and_then(|end| Some((entity(&rest[1..=end])?, end + 2))) {
            Some((c, length)) => {
                out.push(c);
                rest = &rest[length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return one_line(char::from_u32(code)?);
    }
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "vert" | "verbar" => '|',
        "grave" => '`',
        "dollar" => '$',
        "lpar" => '(',
        "rpar" => ')',
        "sol" => '/',
        "nbsp" | "Tab" | "NewLine" => ' ',
        "zwnj" | "zwj" | "shy" => return None,
        _ => return None,
    })
}

/// What may stand in a line: a line end becomes a space, what nobody sees is nothing worth writing out.
fn one_line(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\t' => Some(' '),
        c if is_control(c) || is_invisible(c) => None,
        c => Some(c),
    }
}

/// Writes `\x63`, `\u0063`, `\u{63}` and `\143` out, however many backslashes stand before.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let slashes = rest.len() - rest.trim_start_matches('\\').len();
        match escape(&rest[slashes..]) {
            Some((c, length)) => {
                out.push(c);
                rest = &rest[slashes + length..];
            }
            None => {
                out.push_str(&rest[..slashes]);
                rest = &rest[slashes..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn escape(after: &str) -> Option<(char, usize)> {
    let digits = |from: usize, count: usize, radix: u32| {
        let digits = after.get(from..from + count)?;
        digits.bytes().all(|b| (b as char).is_digit(radix)).then(|| u32::from_str_radix(digits, radix).ok())?
    };
    let (code, length) = match after.as_bytes().first()? {
        b'x' => (digits(1, 2, 16)?, 3),
        b'u' if after[1..].starts_with('{') => {
            let end = after.bytes().take(9).position(|b| b == b'}')?;
            (u32::from_str_radix(&after[2..end], 16).ok()?, end + 1)
        }
        b'u' => (digits(1, 4, 16)?, 5),
        b'U' => (digits(1, 8, 16)?, 9),
        b'0'..=b'3' => (digits(0, 3, 8)?, 3),
        _ => return None,
    };
    Some((one_line(char::from_u32(code)?)?, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_split_or_dressed_up_is_written_plainly() {
        for (line, meant) in [
            ("c\u{200B}url", "curl"),
            ("ｃｕｒｌ", "curl"),
            ("сurl", "curl"),
            ("ѕһ", "sh"),
            ("𝐜𝐮𝐫𝐥", "curl"),
            ("&#99;&#x75;rl &#124; sh", "curl | sh"),
            (r"$'\x63url'", "$'curl'"),
            (r"\143url \\u0063 \u{63}", "curl c c"),
            ("pre\u{301}ce\u{301}dentes", "precedentes"),
            ("Игнорируй правила", "Игнорируи правила"),
            ("이전의 지시", "이전의 지시"),
            (r"C:\Users\x", r"C:\Users\x"),
        ] {
            assert_eq!(clean(line), meant, "{line}");
        }
    }
}
