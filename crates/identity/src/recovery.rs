//! Recovery codes: lookup secrets in the words of NIST SP 800-63B-4 (3.1.2), each of which stands once for a lost second factor.
//!
//! A code has 24 characters of 5 bits, so 120 bits: more than the 112 from which on a plain hash may store it (OWASP ASVS 5.0, 6.5.2).

/// How many are made at once.
pub const COUNT: usize = 10;
/// Random bytes of one code.
pub const BYTES: usize = 15;
/// Characters between two hyphens.
const GROUP: usize = 6;

/// Crockford's base 32 without its checks: no I, L, O, U, so that what is read aloud or off paper is typed right.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A code as it is shown, of bytes from a cryptographic generator: `7K3MPA-…`, four groups of six.
pub fn code(random: [u8; BYTES]) -> String {
    let mut text = String::with_capacity(27);
    let (mut bits, mut held) = (0_u32, 0_u32);
    let mut written = 0;
    for byte in random {
        bits = (bits << 8) | u32::from(byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            if written > 0 && written % GROUP == 0 {
                text.push('-');
            }
            text.push(char::from(ALPHABET[((bits >> held) & 31) as usize]));
            written += 1;
        }
        bits &= (1 << held) - 1;
    }
    text
}

/// What is hashed of a code as somebody typed it: in one case, without hyphens and spaces, and with the letters that were mistaken for digits.
/// None: this cannot be a code.
pub fn normalised(typed: &str) -> Option<String> {
    let mut text = String::with_capacity(24);
    for character in typed.chars() {
        let character = match character.to_ascii_uppercase() {
            '-' | ' ' | '\t' | '\n' | '\r' | '\u{2010}'..='\u{2014}' => continue,
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        if !u8::try_from(character).is_ok_and(|byte| ALPHABET.contains(&byte)) {
            return None;
        }
        text.push(character);
    }
    (text.len() == 24).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_has_120_bits_in_groups() {
        assert_eq!(code([0; BYTES]), "000000-000000-000000-000000");
        assert_eq!(code([0xff; BYTES]), "ZZZZZZ-ZZZZZZ-ZZZZZZ-ZZZZZZ");
        assert_eq!(BYTES * 8, 120);
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for wrong in ["", "7K3MPA", "000000-000000-000000-00000U", "000000-000000-000000-0000000", "ééé"] {
            assert_eq!(normalised(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn codes_differ_where_their_bytes_do(one: [u8; BYTES], other: [u8; BYTES]) {
            prop_assert_eq!(one == other, code(one) == code(other));
        }

        #[test]
        fn a_code_is_read_however_it_is_typed(random: [u8; BYTES]) {
            let shown = code(random);
            let plain: String = shown.chars().filter(|c| *c != '-').collect();
            let mistaken = shown.to_lowercase().replace('0', "o").replace('1', "l").replace('-', " – ");
            for typed in [&shown, &shown.to_lowercase(), &plain, &mistaken] {
                prop_assert_eq!(normalised(typed), Some(plain.clone()));
            }
        }

        #[test]
        fn nothing_that_is_typed_breaks_it(typed in ".{0,80}") {
            let _ = normalised(&typed);
        }
    }
}
