//! What of a text goes into no embedding and to nobody else: addresses, numbers and secrets of people are replaced by what they are.

use std::{borrow::Cow, sync::LazyLock};

use regex::Regex;

/// Pattern and what stands in its place, in order: what contains another one comes first.
const RULES: [(&str, &str); 10] = [
    // PEM, also cut off.
    (r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)", "[private key]"),
    // A JSON Web Token.
    (r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*", "[token]"),
    // Keys with a known beginning: OpenAI and others, GitHub, GitLab, Slack, Stripe, Google, npm, ours.
    (r"\b(?:sk|pk|rk)[-_](?:[A-Za-z]+[-_])*[A-Za-z0-9_-]{16,}", "[key]"),
    (
        r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|npm_[A-Za-z0-9]{20,}|llmos_[A-Za-z0-9_-]{16,})",
        "[token]",
    ),
    (r"\bAIza[A-Za-z0-9_-]{30,}", "[key]"),
    // AWS.
    (r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b", "[key]"),
    // What is said to be one.
    (
        r#"(?i)\b((?:api[_-]?key|access[_-]?key|secret(?:[_-]?key)?|auth[_-]?token|access[_-]?token|token|password|passwd|pwd)["']?\s*[:=]\s*["']?)[A-Za-z0-9+/_.~!@\#$%^&*-]{8,}"#,
        "${1}[secret]",
    ),
    // The password of an address.
    (r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/:@]+:)[^\s/@]+@", "${1}[secret]@"),
    (r"(?i)\b[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b", "[e-mail]"),
    // With a country code, or in groups; versions, dates and plain numbers are none.
    (
        r"(?:\+|\b00)[1-9]\d{0,2}[ .\-/]?(?:\(\d{1,4}\)[ .\-/]?)?\d(?:[ .\-/]?\d){5,12}\b|\(\d{3}\) ?\d{3}[ .-]\d{4}\b|\b\d{3}[ .-]\d{3}[ .-]\d{4}\b",
        "[phone]",
    ),
];

static COMPILED: LazyLock<Vec<(Regex, &str)>> =
    LazyLock::new(|| RULES.iter().filter_map(|(pattern, instead)| Some((Regex::new(pattern).ok()?, *instead))).collect());

/// The text without what is somebody's own.
pub fn mask(text: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed(text);
    for (pattern, instead) in COMPILED.iter() {
        if let Cow::Owned(changed) = pattern.replace_all(&masked, *instead) {
            masked = Cow::Owned(changed);
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_a_pattern() {
        assert_eq!(COMPILED.len(), RULES.len());
    }

    #[test]
    fn what_is_somebodys_own_is_masked() {
        for (text, masked) in [
            ("Write to maya.okafor+ops@harbor.example.org today", "Write to [e-mail] today"),
            ("Call +49 170 1234567 or (415) 555-0132", "Call [phone] or [phone]"),
            ("tel 415-555-0132.", "tel [phone]."),
            ("0049 30 901820", "[phone]"),
            ("export OPENAI_API_KEY=sk-proj-abcdefghijklmnop1234", "export OPENAI_API_KEY=[key]"),
            ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[token]"),
            ("github_pat_11ABCDEFG0abcdefghijkl_mnop", "[token]"),
            ("AKIAIOSFODNN7EXAMPLE is the id", "[key] is the id"),
            ("api_key: \"a8f5f167f44f4964e6c998dee827110c\"", "api_key: \"[secret]\""),
            ("password = hunter2hunter2", "password = [secret]"),
            ("postgres://llmos:s3cr3tpw@db:5432/llmos", "postgres://llmos:[secret]@db:5432/llmos"),
            ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "Bearer [token]"),
            ("xoxb-123456789012-abcdef", "[token]"),
            ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "[key]"),
            ("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb", "a\n[private key]\nb"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz", "[private key]"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }

    #[test]
    fn what_is_nobodys_stays() {
        for text in [
            "Version 1.2.3 of 2026-11-27, 10,000 rows in 415 ms",
            "Use `@code-review-excellence` and user@localhost",
            "sha256 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "token: see the vault",
            "https://example.org/a:b",
            "192.168.100.200 and 2001:db8::1",
        ] {
            assert_eq!(mask(text), text);
        }
    }
}
