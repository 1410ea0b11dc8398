//! Does a value look like it was drawn at random, or like a word in its place?

use crate::rules::Secret;

/// In documentation's examples.
const PLACEHOLDERS: &[&str] = &[
    "example",
    "placeholder",
    "your",
    "xxxx",
    "dummy",
    "sample",
    "fake",
    "changeme",
    "change-me",
    "change_me",
    "redacted",
    "replace",
    "insert",
    "secret-",
    "-secret",
    "_secret",
    "mysecret",
    "password",
    "todo",
    "...",
    "****",
    "----",
    "____",
    "12345678",
    "23456789",
    "abcdefgh",
    "abcdef123",
    "0000000",
    "1111111",
    "aaaaaaa",
    "deadbeef",
    "test-",
    "test_",
    "-test",
    "_test",
    "lorem",
    "foobar",
];

/// Shorter values are guessed, not leaked.
const LEAST: usize = 16;

/// Is it a secret rather than a placeholder? One that is known by its shape needs no more than different letters.
pub(crate) fn is_secret(value: &str, how: Secret) -> bool {
    let lower = value.to_ascii_lowercase();
    let chars: Vec<char> = value.chars().collect();
    let kinds =
        [char::is_ascii_digit, char::is_ascii_lowercase, char::is_ascii_uppercase].iter().filter(|kind| chars.iter().any(*kind)).count();
    let random = || chars.len() >= LEAST && kinds >= 2 && !is_words(value);
    !PLACEHOLDERS.iter().any(|word| lower.contains(word)) && entropy(&chars) >= 3.0 && (how == Secret::Known || random())
}

/// `Desktop/Title/H1`, `DefaultAzureCredential`: what is between marks are words that can be spoken, or short numbers.
fn is_words(value: &str) -> bool {
    value.split(|c: char| !c.is_ascii_alphanumeric()).all(|part| {
        let word = part.trim_end_matches(|c: char| c.is_ascii_digit());
        if part.len() <= 3 {
            return true;
        }
        part.len() - word.len() <= 4 && !word.contains(|c: char| c.is_ascii_digit()) && is_camel_case(word)
    })
}

/// Words that begin with a large letter: on average at least three letters long, each with vowels.
fn is_camel_case(word: &str) -> bool {
    let letters: Vec<char> = word.chars().collect();
    let mut words: Vec<String> = Vec::new();
    for (at, c) in letters.iter().enumerate() {
        let small = |at: Option<&char>| at.is_some_and(char::is_ascii_lowercase);
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let begins = c.is_ascii_uppercase() && (small(before) || small(letters.get(at + 1)));
        match words.last_mut() {
            Some(word) if !begins => word.push(c.to_ascii_lowercase()),
            _ => words.push(c.to_ascii_lowercase().to_string()),
        }
    }
    let spoken = |word: &String| word.len() < 4 || word.chars().filter(|c| "aeiouy".contains(*c)).count() * 6 >= word.len();
    letters.len() >= 3 * words.len() && words.iter().all(spoken)
}

/// Shannon's, in bits a character.
fn entropy(chars: &[char]) -> f32 {
    let mut counts: Vec<(char, f32)> = Vec::new();
    for c in chars {
        match counts.iter_mut().find(|(other, _)| other == c) {
            Some((_, count)) => *count += 1.0,
            None => counts.push((*c, 1.0)),
        }
    }
    let length = chars.len() as f32;
    counts.iter().map(|(_, count)| count / length).map(|part| -part * part.log2()).sum()
}

/// The first letters, which say what kind of secret it is, and nothing more.
pub(crate) fn cut(secret: &str) -> String {
    let first: String = secret.chars().take(4).collect();
    format!("{first}…[{} characters]", secret.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_a_secrets_place_are_none() {
        for (value, random) in [
            ("q7Rk2vXw9TzLmB4cYd8H", true),
            ("9f86d081884c7d659a2feaa0c55ad015", true),
            ("RkolzzTWnrlrwJhh", true),
            ("zcem8rHWJe8mxwwy", true),
            ("your-api-key-goes-here", false),
            ("xxxxxxxxxxxxxxxxxxxx", false),
            ("prod-us-east-1-database-credentials", false),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", false),
            ("my-very-long-passphrase-for-the-app", false),
            ("AbstractSingletonProxyFactoryBean", false),
            ("process.env.STRIPE_SECRET_KEY", false),
            ("Desktop/Title/H1", false),
            ("CancellationToken", false),
            ("DefaultAzureCredential", false),
        ] {
            assert_eq!(is_secret(value, Secret::Guessed), random, "{value}");
        }
    }
}
