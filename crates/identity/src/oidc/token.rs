//! Whether an ID token is to be believed: OpenID Connect Core 1.0, 3.1.3.7.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    AlgorithmFamily, DecodingKey, Validation,
    jwk::{Jwk, PublicKeyUse},
};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use super::Algorithm;

/// Seconds that the clocks of issuer and server may differ.
const LEEWAY: i64 = 60;
/// An ID token is asked for in the moment that it is used in; one that is older was meant for another.
const AGE_MAX: i64 = 10 * 60;
/// Bytes of a token; real ones have two thousand.
const TOKEN_MAX: usize = 16 * 1024;
/// Keys of an issuer that are looked at.
const KEYS_MAX: usize = 64;
/// Characters of a subject (Core, 2).
const SUBJECT_MAX: usize = 255;

/// Why a token is not believed. For the log; whoever signs in learns only that it did not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("it is no signed JWT")]
    Unreadable,
    #[error("it is signed with {0}, which is not taken from this issuer")]
    Algorithm(String),
    /// The keys may have been rolled: they are to be read once more.
    #[error("none of the issuer's keys is the one that it names")]
    UnknownKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("it is from another issuer")]
    Issuer,
    #[error("it is for somebody else")]
    Audience,
    #[error("it has expired")]
    Expired,
    #[error("its time has not begun")]
    NotYet,
    #[error("it is of another time")]
    IssuedAt,
    #[error("it answers another request")]
    Nonce,
    #[error("the person did not sign in anew, as was asked")]
    AuthTime,
    #[error("it names nobody")]
    Subject,
}

/// The keys of an issuer (RFC 7517, 5).
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<Jwk>);

impl Keys {
    /// Reads a key set; a key in it that is not understood is passed over (RFC 7517, 5). None: it is no key set.
    pub fn read(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_str(text).ok()?;
        Some(Self(set.keys.into_iter().take(KEYS_MAX).filter_map(|key| serde_json::from_value(key).ok()).collect()))
    }

    /// Those that may have signed with `algorithm` under the name `kid`. Without a name any of its kind may have; an issuer with one key need not
    /// name it (Core, 10.1).
    fn fitting(&self, algorithm: Algorithm, kid: Option<&str>) -> Vec<DecodingKey> {
        self.0
            .iter()
            .filter(|key| key.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature))
            .filter(|key| key.common.key_algorithm.is_none_or(|named| named.to_string() == algorithm.as_str()))
            .filter(|key| kid.is_none_or(|kid| key.common.key_id.as_deref() == Some(kid)))
            .filter_map(|key| DecodingKey::from_jwk(key).ok())
            .filter(|key| key.family() == family(algorithm))
            .collect()
    }
}

fn family(algorithm: Algorithm) -> AlgorithmFamily {
    match algorithm {
        Algorithm::Rs256 => AlgorithmFamily::Rsa,
        Algorithm::Es256 => AlgorithmFamily::Ec,
        Algorithm::EdDsa => AlgorithmFamily::Ed,
    }
}

fn in_library(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
    }
}

/// What a token has to be like.
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    /// What this issuer may sign with.
    pub algorithms: &'a [Algorithm],
    /// Milliseconds since 1970.
    pub now: i64,
    /// Milliseconds since 1970: the person has to have proved who they are since then. None: at any time.
    pub signed_in_since: Option<i64>,
}

/// Who signed in, as the issuer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Never given to anybody else by the same issuer.
    pub subject: String,
    pub name: Option<String>,
    /// Only an address that the issuer has verified.
    pub verified_email: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    /// Extensions that have to be understood (RFC 7515, 4.1.11); none is.
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Payload {
    iss: String,
    sub: String,
    aud: Audience,
    exp: serde_json::Number,
    iat: serde_json::Number,
    #[serde(default)]
    nbf: Option<serde_json::Number>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    auth_time: Option<serde_json::Number>,
    #[serde(default)]
    name: Option<serde_json::Value>,
    #[serde(default)]
    preferred_username: Option<serde_json::Value>,
    #[serde(default)]
    email: Option<serde_json::Value>,
    #[serde(default)]
    email_verified: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Seconds, which some issuers write with a fraction.
fn seconds(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| number.as_f64().filter(|seconds| seconds.abs() < 1e15).map(|seconds| seconds as i64))
}

fn text(value: Option<serde_json::Value>) -> Option<String> {
    value.and_then(|value| value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned))
}

fn header_of(token: &str) -> Result<Header, TokenError> {
    if token.len() > TOKEN_MAX {
        return Err(TokenError::Unreadable);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(TokenError::Unreadable);
    };
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| TokenError::Unreadable)?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| TokenError::Unreadable)?;
    if header.crit.is_some() { Err(TokenError::Unreadable) } else { Ok(header) }
}

/// Checks an ID token in the order of Core, 3.1.3.7, its signature before anything that it says.
///
/// # Errors
/// Why it is not believed.
pub fn verify(token: &str, keys: &Keys, expected: &Expected<'_>) -> Result<Claims, TokenError> {
    let header = header_of(token)?;
    let algorithm = expected.algorithms.iter().copied().find(|algorithm| algorithm.as_str() == header.alg);
    let algorithm = algorithm.ok_or(TokenError::Algorithm(header.alg))?;
    let fitting = keys.fitting(algorithm, header.kid.as_deref());
    if fitting.is_empty() {
        return Err(TokenError::UnknownKey);
    }
    // The library looks at the signature alone: what is said is looked at below, where the time comes in from outside.
    let mut rules = Validation::new(in_library(algorithm));
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_aud = false;
    let payload = fitting.iter().find_map(|key| jsonwebtoken::decode::<serde_json::Value>(token, key, &rules).ok());
    let payload = payload.ok_or(TokenError::Signature)?.claims;
    let payload: Payload = serde_json::from_value(payload).map_err(|_| TokenError::Unreadable)?;
    said(payload, expected)
}

/// Steps 2 to 13 but the signature.
fn said(payload: Payload, expected: &Expected<'_>) -> Result<Claims, TokenError> {
    if payload.iss != expected.issuer {
        return Err(TokenError::Issuer);
    }
    let for_us = match &payload.aud {
        Audience::One(one) => one == expected.client_id,
        // Others that are named as well would have to be trusted, and none is.
        Audience::Many(many) => matches!(many.as_slice(), [one] if one == expected.client_id),
    };
    if !for_us || payload.azp.is_some_and(|party| party != expected.client_id) {
        return Err(TokenError::Audience);
    }
    let now = expected.now.div_euclid(1_000);
    let exp = seconds(&payload.exp).ok_or(TokenError::Unreadable)?;
    if exp <= now - LEEWAY {
        return Err(TokenError::Expired);
    }
    let iat = seconds(&payload.iat).ok_or(TokenError::Unreadable)?;
    if !(now - AGE_MAX - LEEWAY..=now + LEEWAY).contains(&iat) {
        return Err(TokenError::IssuedAt);
    }
    // RFC 7519, 4.1.5.
    if payload.nbf.as_ref().is_some_and(|nbf| seconds(nbf).is_none_or(|nbf| nbf > now + LEEWAY)) {
        return Err(TokenError::NotYet);
    }
    let nonce = payload.nonce.unwrap_or_default();
    if expected.nonce.is_empty() || !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(TokenError::Nonce);
    }
    if let Some(since) = expected.signed_in_since {
        let at = payload.auth_time.as_ref().and_then(seconds).ok_or(TokenError::AuthTime)?;
        if at < since.div_euclid(1_000) - LEEWAY {
            return Err(TokenError::AuthTime);
        }
    }
    if payload.sub.is_empty() || payload.sub.chars().count() > SUBJECT_MAX || payload.sub.contains('\0') {
        return Err(TokenError::Subject);
    }
    // Some issuers write the flag as a text.
    let verified = payload.email_verified.is_some_and(|flag| flag == true || flag == "true");
    Ok(Claims {
        subject: payload.sub,
        name: text(payload.name).or_else(|| text(payload.preferred_username)),
        verified_email: text(payload.email).filter(|_| verified),
    })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::{AsDer as _, PublicKeyX509Der},
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
    };
    use jsonwebtoken::{EncodingKey, encode};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    struct Issuer {
        ec: EcdsaKeyPair,
        ed: Ed25519KeyPair,
    }

    impl Issuer {
        fn new() -> Self {
            let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("a key");
            let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).expect("a key");
            Self { ec, ed: Ed25519KeyPair::generate().expect("a key") }
        }

        fn keys(&self) -> Keys {
            let point = self.ec.public_key().as_ref();
            let text = json!({ "keys": [
                { "kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig", "alg": "ES256",
                  "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]) },
                { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": URL_SAFE_NO_PAD.encode(self.ed.public_key().as_ref()) },
                { "kty": "of a later time", "kid": "odd" },
                7,
            ] });
            Keys::read(&text.to_string()).expect("a key set")
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let message = format!("{}.{}", part(header), part(claims));
            let signature = match header["alg"].as_str() {
                Some("ES256") => self.ec.sign(&SystemRandom::new(), message.as_bytes()).expect("signed").as_ref().to_vec(),
                Some("EdDSA") => self.ed.sign(message.as_bytes()).as_ref().to_vec(),
                _ => Vec::new(),
            };
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
    }

    fn claims() -> Value {
        json!({
            "iss": "https://id.example", "sub": "248289761001", "aud": "llmos", "exp": NOW / 1_000 + 300, "iat": NOW / 1_000, "nonce": "n-0S6",
            "name": " Maya Chen ", "email": "maya@harbor.example", "email_verified": true, "auth_time": NOW / 1_000,
        })
    }

    fn expected() -> Expected<'static> {
        Expected {
            issuer: "https://id.example",
            client_id: "llmos",
            nonce: "n-0S6",
            algorithms: &Algorithm::ALL,
            now: NOW,
            signed_in_since: None,
        }
    }

    fn es() -> Value {
        json!({ "alg": "ES256", "kid": "ec", "typ": "JWT" })
    }

    #[test]
    fn a_token_of_each_algorithm_is_believed() {
        let issuer = Issuer::new();
        for header in [es(), json!({ "alg": "ES256" }), json!({ "alg": "EdDSA", "kid": "ed" })] {
            let read = verify(&issuer.sign(&header, &claims()), &issuer.keys(), &expected()).expect("believed");
            assert_eq!((read.subject.as_str(), read.name.as_deref()), ("248289761001", Some("Maya Chen")));
            assert_eq!(read.verified_email.as_deref(), Some("maya@harbor.example"));
        }
    }

    /// Each claim of 3.1.3.7 that is wrong, and why it is not believed then.
    #[test]
    fn a_token_that_says_something_wrong_is_not_believed() {
        let issuer = Issuer::new();
        let seconds = NOW / 1_000;
        for (claim, value, why) in [
            ("iss", json!("https://id.example/"), TokenError::Issuer),
            ("aud", json!("another"), TokenError::Audience),
            ("aud", json!(["llmos", "another"]), TokenError::Audience),
            ("aud", json!([]), TokenError::Audience),
            ("azp", json!("another"), TokenError::Audience),
            ("exp", json!(seconds - 60), TokenError::Expired),
            ("exp", json!(0), TokenError::Expired),
            ("exp", Value::Null, TokenError::Unreadable),
            ("iat", json!(seconds + 61), TokenError::IssuedAt),
            ("iat", json!(seconds - 661), TokenError::IssuedAt),
            ("iat", Value::Null, TokenError::Unreadable),
            ("nbf", json!(seconds + 61), TokenError::NotYet),
            ("nonce", json!("another"), TokenError::Nonce),
            ("nonce", Value::Null, TokenError::Nonce),
            ("sub", json!(""), TokenError::Subject),
            ("sub", json!("x".repeat(256)), TokenError::Subject),
            ("sub", Value::Null, TokenError::Unreadable),
        ] {
            let mut wrong = claims();
            wrong[claim] = value.clone();
            assert_eq!(verify(&issuer.sign(&es(), &wrong), &issuer.keys(), &expected()), Err(why), "{claim} {value}");
        }
        let mut one = claims();
        one["aud"] = json!(["llmos"]);
        one["exp"] = json!((seconds + 300) as f64 + 0.5);
        assert!(verify(&issuer.sign(&es(), &one), &issuer.keys(), &expected()).is_ok());
    }

    #[test]
    fn an_address_counts_only_when_it_is_verified() {
        let issuer = Issuer::new();
        for (flag, counts) in
            [(json!(true), true), (json!("true"), true), (json!(false), false), (json!("false"), false), (Value::Null, false)]
        {
            let mut told = claims();
            told["email_verified"] = flag;
            let read = verify(&issuer.sign(&es(), &told), &issuer.keys(), &expected()).expect("believed");
            assert_eq!(read.verified_email.is_some(), counts);
        }
    }

    #[test]
    fn who_was_asked_to_sign_in_anew_has_to_have_done_so() {
        let issuer = Issuer::new();
        let anew = Expected { signed_in_since: Some(NOW - 60_000), ..expected() };
        assert!(verify(&issuer.sign(&es(), &claims()), &issuer.keys(), &anew).is_ok());
        for at in [json!(NOW / 1_000 - 121), Value::Null] {
            let mut old = claims();
            old["auth_time"] = at;
            assert_eq!(verify(&issuer.sign(&es(), &old), &issuer.keys(), &anew), Err(TokenError::AuthTime));
        }
    }

    #[test]
    fn nobody_but_the_issuer_signs() {
        let (issuer, other) = (Issuer::new(), Issuer::new());
        assert_eq!(verify(&other.sign(&es(), &claims()), &issuer.keys(), &expected()), Err(TokenError::Signature));
        let unknown = json!({ "alg": "ES256", "kid": "rolled" });
        assert_eq!(verify(&issuer.sign(&unknown, &claims()), &issuer.keys(), &expected()), Err(TokenError::UnknownKey));
        // The name of a key of another kind.
        let mixed = json!({ "alg": "EdDSA", "kid": "ec" });
        assert_eq!(verify(&issuer.sign(&mixed, &claims()), &issuer.keys(), &expected()), Err(TokenError::UnknownKey));
        let only_rsa = Expected { algorithms: &[Algorithm::Rs256], ..expected() };
        assert_eq!(verify(&issuer.sign(&es(), &claims()), &issuer.keys(), &only_rsa), Err(TokenError::Algorithm("ES256".to_owned())));
        // One letter of what is said.
        let token = issuer.sign(&es(), &claims());
        let parts: Vec<&str> = token.split('.').collect();
        let mut other_claims = claims();
        other_claims["sub"] = json!("somebody else");
        let forged = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(other_claims.to_string()), parts[2]);
        assert_eq!(verify(&forged, &issuer.keys(), &expected()), Err(TokenError::Signature));
    }

    #[test]
    fn tokens_without_a_signature_and_with_a_public_key_as_secret_are_refused() {
        let issuer = Issuer::new();
        for alg in ["none", "None", "NONE", ""] {
            let token = issuer.sign(&json!({ "alg": alg, "kid": "ec" }), &claims());
            assert_eq!(verify(&token, &issuer.keys(), &expected()), Err(TokenError::Algorithm(alg.to_owned())));
        }
        // What everybody knows of the issuer, taken for the secret of HS256.
        let public: PublicKeyX509Der<'_> = issuer.ec.public_key().as_der().expect("DER");
        for secret in [public.as_ref(), issuer.ec.public_key().as_ref()] {
            let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
            header.kid = Some("ec".to_owned());
            let token = encode(&header, &claims(), &EncodingKey::from_secret(secret)).expect("signed");
            assert_eq!(verify(&token, &issuer.keys(), &expected()), Err(TokenError::Algorithm("HS256".to_owned())));
        }
        // Nor does an issuer's set of keys make a secret of one.
        let shared = json!({ "keys": [{ "kty": "oct", "kid": "ec", "k": URL_SAFE_NO_PAD.encode("secret") }] });
        let keys = Keys::read(&shared.to_string()).expect("a key set");
        assert_eq!(verify(&issuer.sign(&es(), &claims()), &keys, &expected()), Err(TokenError::UnknownKey));
    }

    #[test]
    fn what_has_to_be_understood_and_is_not_is_refused() {
        let issuer = Issuer::new();
        let header = json!({ "alg": "ES256", "kid": "ec", "crit": ["exp"] });
        assert_eq!(verify(&issuer.sign(&header, &claims()), &issuer.keys(), &expected()), Err(TokenError::Unreadable));
        assert!(Keys::read("[]").is_none() && Keys::read("").is_none());
    }

    proptest! {
        #[test]
        fn nothing_that_comes_breaks_it(token in "[A-Za-z0-9_.=-]{0,120}", keys in ".{0,80}") {
            let keys = Keys::read(&keys).unwrap_or_default();
            prop_assert!(verify(&token, &keys, &expected()).is_err());
        }

        #[test]
        fn a_token_that_was_changed_anywhere_is_refused(at in 0_usize..600, with in "[A-Za-z0-9_-]") {
            let issuer = Issuer::new();
            let token = issuer.sign(&es(), &claims());
            let at = at % token.len();
            prop_assume!(token.as_bytes()[at] != b'.' && token[at..=at] != with);
            let mut changed = token.clone();
            changed.replace_range(at..=at, &with);
            // The last letter of a part may hold bits that mean nothing; decoders refuse those, too.
            prop_assert!(verify(&changed, &issuer.keys(), &expected()).is_err());
        }
    }
}
