//! Folder names: what agentskills.io allows as `name`, made from any title.

/// The longest slug, in bytes; the limit of agentskills.io for `name`.
pub const MAX_SLUG: usize = 64;

/// Makes a valid slug of any text: lowercase ASCII letters and digits, single hyphens in
/// between, at most [`MAX_SLUG`] long. Accented Latin letters lose their accent, apostrophes go,
/// other scripts are dropped. Never empty: `untitled` when nothing is left.
pub fn slugify(text: &str) -> String {
    let mut slug = String::new();
    let mut gap = false;
    for c in text.chars() {
        // Full-width forms are plain ASCII, typed with an East Asian keyboard.
        let c = match c {
            '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
            c => c,
        };
        if c.is_ascii_alphanumeric() {
            push(&mut slug, &mut gap, c.to_ascii_lowercase());
        } else if let Some(plain) = plain(c) {
            for c in plain.chars() {
                push(&mut slug, &mut gap, c);
            }
        } else if !matches!(c, '\'' | '’' | '‘' | '`' | '\u{0300}'..='\u{036F}') {
            gap = true;
        }
        if slug.len() > MAX_SLUG {
            break;
        }
    }
    cut(&mut slug, MAX_SLUG);
    if slug.is_empty() { "untitled".into() } else { slug }
}

/// Whether a text is a valid slug: 1 to [`MAX_SLUG`] characters of `a-z`, `0-9` and `-`, no
/// hyphen at either end and none doubled.
pub fn is_valid_slug(slug: &str) -> bool {
    !slug.is_empty()
        && slug.len() <= MAX_SLUG
        && slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !slug.starts_with('-')
        && !slug.ends_with('-')
        && !slug.contains("--")
}

/// Finds a free slug: `slug` itself, else `slug-2`, `slug-3` and so on, shortened so that it
/// stays within [`MAX_SLUG`]. `exists` says whether one is taken; it is asked until it says no.
pub fn dedupe(slug: &str, exists: impl Fn(&str) -> bool) -> String {
    if !exists(slug) {
        return slug.to_owned();
    }
    let mut n = 2_u64;
    loop {
        let suffix = format!("-{n}");
        let mut candidate = slug.to_owned();
        truncate(&mut candidate, MAX_SLUG - suffix.len());
        let candidate = format!("{}{suffix}", candidate.trim_end_matches('-'));
        if !exists(&candidate) {
            return candidate;
        }
        n += 1;
    }
}

fn push(slug: &mut String, gap: &mut bool, c: char) {
    if std::mem::take(gap) && !slug.is_empty() {
        slug.push('-');
    }
    slug.push(c);
}

/// Cuts at a word's end when that costs little, else in the word.
fn cut(slug: &mut String, max: usize) {
    if slug.len() <= max {
        return;
    }
    let whole_word = slug.as_bytes().get(max) == Some(&b'-');
    truncate(slug, max);
    if !whole_word && let Some(at) = slug.rfind('-').filter(|at| *at > max / 2) {
        slug.truncate(at);
    }
    truncate(slug, slug.trim_end_matches('-').len());
}

fn truncate(text: &mut String, mut max: usize) {
    if max < text.len() {
        while !text.is_char_boundary(max) {
            max -= 1;
        }
        text.truncate(max);
    }
}

/// The ASCII spelling of an accented Latin letter, lowercase.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'À'..='Å' | 'à'..='å' | 'Ā'..='ą' | 'Ǎ' | 'ǎ' | 'Ạ'..='ặ' | 'Ȁ'..='ȃ' => "a",
        'Æ' | 'æ' => "ae",
        'Ç' | 'ç' | 'Ć'..='č' => "c",
        'Ð' | 'ð' | 'Ď'..='đ' => "d",
        'È'..='Ë' | 'è'..='ë' | 'Ē'..='ě' | 'Ẹ'..='ệ' | 'Ə' | 'ə' => "e",
        'Ĝ'..='ģ' | 'Ǧ' | 'ǧ' => "g",
        'Ĥ'..='ħ' => "h",
        'Ì'..='Ï' | 'ì'..='ï' | 'Ĩ'..='ı' | 'Ǐ' | 'ǐ' | 'Ỉ'..='ị' => "i",
        'Ĳ' | 'ĳ' => "ij",
        'Ĵ' | 'ĵ' => "j",
        'Ķ'..='ĸ' => "k",
        'Ĺ'..='ł' => "l",
        'Ñ' | 'ñ' | 'Ń'..='ŋ' => "n",
        'Ò'..='Ö' | 'Ø' | 'ò'..='ö' | 'ø' | 'Ō'..='ő' | 'Ơ' | 'ơ' | 'Ǒ' | 'ǒ' | 'Ọ'..='ợ' => "o",
        'Œ' | 'œ' => "oe",
        'Ŕ'..='ř' => "r",
        'Ś'..='š' | 'Ș' | 'ș' => "s",
        'ß' | 'ẞ' => "ss",
        'Ţ'..='ŧ' | 'Ț' | 'ț' => "t",
        'Þ' | 'þ' => "th",
        'Ù'..='Ü' | 'ù'..='ü' | 'Ũ'..='ų' | 'Ư' | 'ư' | 'Ǔ'..='ǜ' | 'Ụ'..='ự' => "u",
        'Ŵ' | 'ŵ' | 'Ẁ'..='ẅ' => "w",
        'Ý' | 'ý' | 'ÿ' | 'Ŷ'..='Ÿ' | 'Ỳ'..='ỹ' => "y",
        'Ź'..='ž' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn makes_slugs() {
        for (text, slug) in [
            ("Hello, World!", "hello-world"),
            ("  --Überraschung & Co.--", "uberraschung-co"),
            ("Crème brûlée", "creme-brulee"),
            ("Cafe\u{301} Ørsted Straße Łódź", "cafe-orsted-strasse-lodz"),
            ("Don't panic", "dont-panic"),
            ("Việt Nam ầ", "viet-nam-a"),
            ("日本語", "untitled"),
            ("ＡＢＣ１", "abc1"),
            ("", "untitled"),
        ] {
            assert_eq!(slugify(text), slug);
        }
        assert_eq!(slugify(&"x".repeat(99)).len(), 64);
        assert_eq!(slugify(&"word ".repeat(20)), ["word"; 13].join("-"));
        assert_eq!(slugify(&"words ".repeat(20)), ["words"; 10].join("-"));
        assert_eq!(slugify(&format!("{} tail", "a".repeat(64))), "a".repeat(64));
    }

    #[test]
    fn finds_free_names() {
        assert_eq!(dedupe("a", |_| false), "a");
        assert_eq!(dedupe("a", |s| ["a", "a-2"].contains(&s)), "a-3");
        let long = "x".repeat(64);
        let free = dedupe(&long, |s| s == long);
        assert!(free.len() == 64 && free.ends_with("x-2") && is_valid_slug(&free));
    }

    proptest! {
        #[test]
        fn slugs_are_valid(text in any::<String>(), latin in "[A-Za-zÀ-ž '\\-]{0,100}", taken in 0_usize..12) {
            for text in [text, latin] {
                let slug = slugify(&text);
                prop_assert!(is_valid_slug(&slug), "{}", slug);
                prop_assert_eq!(slugify(&slug), slug.clone());
                let seen = std::cell::Cell::new(0);
                let free = dedupe(&slug, |_| { seen.set(seen.get() + 1); seen.get() <= taken });
                prop_assert!(is_valid_slug(&free), "{}", free);
            }
        }
    }
}
