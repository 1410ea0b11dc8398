//! Passwords that are among the first to be tried: common ones, and those made of what everybody knows about the account.

/// Common passwords of at least ten characters in lower case, one a line and sorted (data/README.md says where they come from).
const COMMON: &str = include_str!("../data/common-passwords.txt");
/// A word that everybody knows is looked for from this length on: shorter ones are in any sentence by chance.
const WORD_MIN: usize = 4;
/// So many characters have to be left when such words are taken out.
const LEFT_MIN: usize = 6;

/// Why a password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    #[error("It is one of the passwords that are tried first, because many people have it.")]
    Common,
    #[error("It is made of a name that everybody here knows.")]
    Known,
}

/// Whether nothing speaks against a password. `known` are the words that everybody knows: the person's name, the parts of the address, the
/// server's and the product's name.
///
/// # Errors
/// Why it is weak.
pub fn check<'a>(password: &str, known: impl IntoIterator<Item = &'a str>) -> Result<(), Weak> {
    let lower = password.to_lowercase();
    if is_common(&lower) || is_common(lower.trim()) {
        return Err(Weak::Common);
    }
    let mut left = letters_of(&lower);
    let mut words: Vec<String> = known
        .into_iter()
        .flat_map(|text| {
            let text = text.to_lowercase();
            let parts: Vec<String> = text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
            [vec![letters_of(&text)], parts].concat()
        })
        .filter(|word| word.chars().count() >= WORD_MIN)
        .collect();
    // The longest first: what is inside of another word does not tear it apart.
    words.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    words.dedup();
    let before = left.len();
    for word in words {
        left = left.replace(&word, "");
    }
    if left.len() < before && left.chars().count() < LEFT_MIN { Err(Weak::Known) } else { Ok(()) }
}

fn letters_of(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Whether a password in lower case is on the list, by bisection over its lines.
fn is_common(password: &str) -> bool {
    let (mut from, mut to) = (0, COMMON.len());
    while from < to {
        let middle = from + (to - from) / 2;
        // The list is ASCII, so any place is one between characters.
        let start = COMMON[..middle].rfind('\n').map_or(0, |at| at + 1);
        let end = COMMON[middle..].find('\n').map_or(COMMON.len(), |at| middle + at);
        match COMMON[start..end].cmp(password) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => from = end + 1,
            std::cmp::Ordering::Greater => to = start,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_list_is_as_the_search_needs_it() {
        let lines: Vec<&str> = COMMON.lines().collect();
        assert!(lines.len() > 3_000, "ASVS 5.0, 6.2.4 wants 3,000 that the rules would allow: {}", lines.len());
        assert!(lines.windows(2).all(|pair| pair[0] < pair[1]), "sorted, each once");
        assert!(lines.iter().all(|line| line.is_ascii() && line.len() >= 10 && **line == line.to_lowercase()));
        for line in lines {
            assert!(is_common(line), "{line}");
        }
        for other in ["", "a", "~", "zzzzzzzzzzzzzzzz~", "correct horse battery", "!"] {
            assert!(!is_common(other), "{other}");
        }
    }

    #[test]
    fn common_ones_and_known_words_are_refused() {
        let known = ["Maya Chen", "maya@harbor.example", "LLMos-Lite"];
        for (password, verdict) in [
            ("Qwertyuiop", Err(Weak::Common)),
            (" password123 ", Err(Weak::Common)),
            ("maya@harbor.example", Err(Weak::Known)),
            ("Maya-Chen-2026", Err(Weak::Known)),
            ("llmoslite1!", Err(Weak::Known)),
            ("harborharbor", Err(Weak::Known)),
            ("harbor bridge lantern", Ok(())),
            ("correct horse battery", Ok(())),
            ("§§§§§§§§§§ß", Ok(())),
        ] {
            assert_eq!(check(password, known), verdict, "{password}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_a_verdict(password in ".{0,60}", known in ".{0,30}") {
            let _ = check(&password, [known.as_str()]);
        }

        #[test]
        fn without_known_words_only_common_ones_are_refused(password in "[a-z]{10,20}") {
            prop_assert_eq!(check(&password, []).is_err(), COMMON.lines().any(|line| line == password));
        }
    }
}
