//! How secrets are compared: those of ours are looked up by their SHA-256, and the rest in a time that says nothing of where they differ. Reviewed by hand; this finds
//! what is added.

use std::{fs, path::Path};

/// Every source file of the server and the browser, by its path below `src`.
pub fn sources() -> Vec<(String, String)> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(root, &path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("below src").display().to_string();
                found.push((name, fs::read_to_string(&path).expect("UTF-8")));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found.sort();
    assert!(found.len() > 100, "the sources were found");
    found
}

/// Every place where a secret meets what somebody sent, and how it is compared there.
const COMPARED: [(&str, &str, &str); 9] = [
    ("features/accounts/service/passwords.rs", "verify_password(", "passwords: Argon2id, also where there is no such account"),
    ("features/accounts/service/sign_in.rs", "secrets::hash(", "the login cookie: looked up by its SHA-256"),
    ("features/accounts/service/access.rs", "secrets::hash(", "API tokens: looked up by their SHA-256"),
    ("features/accounts/service/github.rs", "ct_eq(", "the state of a GitHub login"),
    ("features/webhooks/service/signature.rs", "verify_slice(", "signatures of deliveries: HMAC-SHA-256"),
    ("features/notifications/service/unsubscribe.rs", "verify_slice(", "links that end mail: HMAC-SHA-256"),
    ("features/operations/service.rs", "secrets::is_same(", "the token of /metrics"),
    ("features/collaboration/service/tokens.rs", "decode", "tokens of a minute: a JWT with HS256, compared by jsonwebtoken"),
    ("server/forms.rs", "secrets::is_same(", "the mark of an error in an address"),
];

#[test]
fn every_secret_is_compared_as_it_should_be() {
    let sources = sources();
    for (path, how, what) in COMPARED {
        let text =
            sources.iter().find(|(known, _)| known == path).map(|(_, text)| text).unwrap_or_else(|| panic!("{path} is gone: {what}"));
        assert!(text.contains(how), "{path} no longer compares with {how}: {what}");
    }
}

#[test]
fn no_secret_is_compared_letter_by_letter() {
    const NAMES: [&str; 8] = ["secret", "token", "signature", "password", "mac", "token_hash", "password_hash", "passphrase"];
    for (path, text) in sources() {
        // What the browser has is its own; fields of forms are compared with what is empty; tokens of a text are none.
        if path.contains("/ui/") || path.starts_with("browser/") || path.contains("/state") || path == "features/artifacts/model/diff.rs" {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for line in code.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            for sign in [" == ", " != "] {
                let Some((left, right)) = line.split_once(sign) else { continue };
                let word = |text: &str, last: bool| {
                    let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
                    (if last { words.next_back() } else { words.next() }).unwrap_or_default().to_owned()
                };
                let (left, right) = (word(left, true), word(right, false));
                let secret = |name: &str| NAMES.contains(&name);
                assert!(!secret(&left) && !secret(&right), "{path} compares a secret with{sign}: {line}");
            }
        }
    }
}
