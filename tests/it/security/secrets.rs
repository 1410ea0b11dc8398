//! How secrets are compared: those of ours are looked up by their SHA-256, and the rest in a time that says nothing of where they differ. Reviewed by hand; this finds
//! what is added.

use std::{collections::HashSet, fs, path::Path};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{PASSWORD, TestApp, text};

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

#[test]
fn what_is_generated_has_256_bits_and_comes_once() {
    let made: HashSet<String> = (0..10_000).map(|_| llmos_lite::server::secrets::generate("llmos_")).collect();
    assert_eq!(made.len(), 10_000);
    for secret in made {
        let bits = BASE64_URL_SAFE_NO_PAD.decode(secret.trim_start_matches("llmos_")).expect("base64").len() * 8;
        assert_eq!(bits, 256);
    }
}

/// What would encrypt by RSA, or each block of a text by itself, in the libraries that are there; and the one that would be there for the latter.
#[test]
fn nothing_is_encrypted_by_rsa_or_block_by_block() {
    const NAMES: [&str; 3] = ["EncryptingKey", "Oaep", "Pkcs1v15Encrypt"];
    for (path, text) in sources() {
        let found = NAMES.iter().find(|name| text.contains(**name));
        assert_eq!(found, None, "{path}");
    }
    assert!(!include_str!("../../../Cargo.lock").contains("name = \"ecb\""));
}

app_test!(passwords_are_stored_by_argon2id, |app| {
    app.sign_up_first().await;
    let stored: String = sqlx::query_scalar("SELECT password_hash FROM users WHERE password_hash IS NOT NULL")
        .fetch_one(app.state.db.read())
        .await
        .expect("a row");
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "its parameters are others");
    assert!(!stored.contains(PASSWORD));
});

app_test!(signing_in_again_makes_a_new_cookie_and_ends_the_old_one, |app| {
    app.sign_up_first().await;
    let browser = app.visitor();
    let sign_in = async || {
        let credentials = json!({ "email": "maya@harbor.internal", "password": PASSWORD });
        let answer = browser.answer(browser.request(Method::POST, "/api/v1/sign-in").json(&credentials)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
    };
    let (first, second) = (sign_in().await, sign_in().await);
    assert_ne!(first, second);
    for (cookie, status) in [(&first, 401), (&second, 200)] {
        let other = app.program("");
        let request = other.http.get(format!("{}/api/v1/me", app.url)).header("cookie", cookie);
        assert_eq!(other.answer(request).await.status, status);
    }
});

/// A socket that a token does not open: refused, or closed as who is not signed in.
async fn opens_nothing(app: &TestApp, token: &str) {
    match app.open(&format!("/ws?token={token}"), &[]).await {
        Err(status) => assert_eq!(status, 401),
        Ok(mut socket) => assert_eq!(socket.closed().await, 4401),
    }
}

app_test!(a_token_of_a_minute_is_ours_for_sockets_and_ends, |app| {
    let maya = app.sign_up_first().await;
    let (status, made) = maya.post("/ws-token", Value::Null).await;
    assert_eq!(status, 200, "{made}");
    let token = text(&made["token"]);
    let mut parts = token.split('.');
    let mut part = || parts.next().expect("three parts").to_owned();
    let (head, claims, signature) = (part(), part(), part());
    let read = |part: &str| -> Value { serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON") };
    let written = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    assert_eq!((&read(&head)["alg"], &read(&claims)["aud"]), (&json!("HS256"), &json!("ws")));
    let mut later = read(&claims);
    later["exp"] = json!(later["exp"].as_i64().expect("an end") + 3_600);
    // Changed, unsigned, and signed by an algorithm that is none of ours.
    for forged in [
        format!("{head}.{}.{signature}", written(&later)),
        format!("{}.{claims}.", written(&json!({ "alg": "none", "typ": "JWT" }))),
        format!("{}.{claims}.{signature}", written(&json!({ "alg": "HS512", "typ": "JWT" }))),
        format!("{head}.{claims}."),
    ] {
        opens_nothing(app, &forged).await;
    }
    // It opens sockets and nothing else.
    let elsewhere = app.program(&token);
    assert_eq!(elsewhere.get("/me").await.0, 401);
    let mut socket = app.open(&format!("/ws?token={token}"), &[]).await.expect("it opens");
    assert_eq!(socket.until("welcome").await["userId"], maya.id.as_str());
});
