//! What an issuer of OpenID Connect answers, and what people type for codes.

use llmos_identity::{
    oidc::{Algorithm, Discovered, Expected, Keys, verify},
    passwords, recovery,
    totp::Secret,
};

const NOW: i64 = 1_800_000_000_000;

pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = Discovered::read(&text, "https://id.example");
    let (token, keys) = text.split_once('\n').unwrap_or((&text, ""));
    let keys = Keys::read(keys).unwrap_or_default();
    let expected = Expected {
        issuer: "https://id.example",
        client_id: "llmos",
        nonce: "n",
        algorithms: &Algorithm::ALL,
        now: NOW,
        signed_in_since: None,
    };
    let _ = verify(token, &keys, &expected);
    let _ = recovery::normalised(&text);
    let _ = Secret::new([7; 20]).accept(&text, NOW, 0);
    let _ = Secret::parse(&text);
    let _ = passwords::check(&text, [token]);
}
