//! Signing in at an issuer of OpenID Connect: a stand-in that speaks as Core 1.0 and Discovery 1.0 say, with what may go wrong.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use axum::{
    Form, Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD},
};
use llmos_identity::oidc::challenge;
use llmos_lite::server::{
    config::{Config, Oidc},
    outgoing::OidcRules,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::factors::{App, change, now};
use crate::app::{Answer, Client, TestApp, text};

const SECRET: &str = "a secret: with signs & spaces";

/// What the browser comes back with from the authorization endpoint: all that the token endpoint then says is in the code.
#[derive(Clone)]
struct Signed {
    subject: &'static str,
    claims: Value,
    /// What goes wrong.
    fault: &'static str,
}

impl Signed {
    fn of(subject: &'static str) -> Self {
        Self { subject, claims: json!({}), fault: "" }
    }
    fn telling(self, claims: Value) -> Self {
        Self { claims, ..self }
    }
    fn with(self, fault: &'static str) -> Self {
        Self { fault, ..self }
    }
}

struct Issuer {
    url: String,
    keys: [EcdsaKeyPair; 2],
    /// How often the keys were read.
    read: AtomicUsize,
    /// What it says that it is, if not what it is.
    called: Option<&'static str>,
}

fn key() -> EcdsaKeyPair {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("a key");
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref()).expect("a key")
}

/// Starts one and points the configuration to it.
fn stand_in(config: &mut Config, called: Option<&'static str>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("non-blocking");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let issuer = Arc::new(Issuer { url: url.clone(), keys: [key(), key()], read: AtomicUsize::new(0), called });
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(configuration))
        .route("/keys", get(keys))
        .route("/token", post(token))
        .with_state(issuer);
    tokio::spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        axum::serve(listener, router).await
    });
    point_to(config, url);
}

fn point_to(config: &mut Config, issuer: String) {
    config.oidc = Some(Oidc {
        issuer,
        client_id: "llmos".to_owned(),
        client_secret: SECRET.to_owned(),
        name: "Harbor ID".to_owned(),
        scopes: "openid profile email".to_owned(),
        rules: OidcRules { private: true, patience: Duration::from_secs(2) },
    });
}

async fn configuration(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    let url = &issuer.url;
    Json(json!({
        "issuer": issuer.called.unwrap_or(url), "authorization_endpoint": format!("{url}/authorize?tenant=harbor"),
        "token_endpoint": format!("{url}/token"), "jwks_uri": format!("{url}/keys"), "response_types_supported": ["code"],
        "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

/// The second key is there from the second look on: they were rolled.
async fn keys(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    let shown = if issuer.read.fetch_add(1, Ordering::SeqCst) == 0 { 1 } else { 2 };
    let keys = issuer.keys[..shown].iter().enumerate().map(|(number, key)| {
        let point = key.public_key().as_ref();
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": format!("key-{number}"),
                "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]) })
    });
    Json(json!({ "keys": keys.collect::<Vec<_>>() }))
}

async fn token(State(issuer): State<Arc<Issuer>>, headers: HeaderMap, Form(form): Form<HashMap<String, String>>) -> Response {
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    // RFC 6749, 2.3.1: both are encoded as in a form, then in Basic.
    let pair = format!("llmos:{}", llmos_lite::browser::data::encode(SECRET));
    let known = headers.get("authorization").is_some_and(|value| *value == format!("Basic {}", STANDARD.encode(pair)));
    let code: Value = URL_SAFE_NO_PAD.decode(field("code")).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let right = field("grant_type") == "authorization_code"
        && code["challenge"] == challenge(field("code_verifier"))
        && field("redirect_uri").ends_with("/auth/oidc/callback");
    if !known || !right {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response();
    }
    let seconds = now() / 1_000;
    let mut claims = json!({
        "iss": issuer.url, "sub": code["sub"], "aud": "llmos", "exp": seconds + 300, "iat": seconds, "auth_time": seconds, "nonce": code["nonce"],
        "name": "Octavia", "email": "octavia@harbor.example", "email_verified": true,
    });
    for (name, value) in code["claims"].as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    let mut header = json!({ "alg": "ES256", "typ": "JWT", "kid": "key-0" });
    let mut by = &issuer.keys[0];
    match code["fault"].as_str().unwrap_or_default() {
        "wrong nonce" => claims["nonce"] = json!("another"),
        "wrong aud" => claims["aud"] = json!("another"),
        "wrong iss" => claims["iss"] = json!("https://evil.example"),
        "expired" => claims["exp"] = json!(seconds - 120),
        "alg none" => header["alg"] = json!("none"),
        "hs256" => header["alg"] = json!("HS256"),
        "unknown kid" => header["kid"] = json!("nobody's"),
        "wrong key" => by = &issuer.keys[1],
        "rolled" => {
            header["kid"] = json!("key-1");
            by = &issuer.keys[1];
        }
        "slow" => tokio::time::sleep(Duration::from_secs(10)).await,
        "down" => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        "endless" => return " ".repeat(2 * 1024 * 1024).into_response(),
        "no token" => return Json(json!({ "access_token": "a", "token_type": "Bearer" })).into_response(),
        _ => {}
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&header), part(&claims));
    let signature = match header["alg"].as_str() {
        Some("none") => Vec::new(),
        // The public key, which everybody knows, as the secret.
        Some("HS256") => {
            use hmac::{Hmac, KeyInit as _, Mac as _};
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(issuer.keys[0].public_key().as_ref()).expect("any length");
            mac.update(message.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }
        _ => by.sign(&SystemRandom::new(), message.as_bytes()).expect("signed").as_ref().to_vec(),
    };
    Json(json!({ "access_token": "a", "token_type": "Bearer", "id_token": format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)) }))
        .into_response()
}

fn parameter(location: &str, name: &str) -> String {
    let url = reqwest::Url::parse(location).expect("an address");
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// Leaves for the issuer; where to.
async fn leave(client: &Client, query: &str) -> String {
    let start = client.answer(client.request(Method::GET, &format!("/auth/oidc{query}"))).await;
    assert_eq!(start.status, 303);
    start.header("location").to_owned()
}

/// Comes back as the issuer would send the browser.
async fn arrive(client: &Client, location: &str, signed: &Signed) -> Answer {
    let issuer = reqwest::Url::parse(location).expect("an address").origin().ascii_serialization();
    let code = json!({
        "challenge": parameter(location, "code_challenge"), "nonce": parameter(location, "nonce"), "sub": signed.subject, "claims": signed.claims,
        "fault": signed.fault,
    });
    let (code, state) = (URL_SAFE_NO_PAD.encode(code.to_string()), parameter(location, "state"));
    let address = format!("/auth/oidc/callback?state={state}&code={code}&iss={}", llmos_lite::browser::data::encode(&issuer));
    client.answer(client.request(Method::GET, &address)).await
}

async fn round_trip(client: &Client, query: &str, signed: Signed) -> Answer {
    let location = leave(client, query).await;
    arrive(client, &location, &signed).await
}

fn refused(answer: &Answer, code: &str) {
    let location = answer.header("location");
    assert!(answer.status == 303 && location.starts_with("/login?__path="), "{} {location}", answer.status);
    let error = URL_SAFE.decode(parameter(&format!("http://x{location}"), "__err")).expect("base64");
    let error: Value = serde_json::from_slice(&error).expect("JSON");
    assert_eq!(error["code"], code, "{error}");
}

async fn make_open(app: &TestApp) -> Client {
    let maya = app.sign_up_first().await;
    maya.patch("/admin/settings", json!({ "openRegistration": true })).await;
    maya
}

macro_rules! oidc_test {
    ($name:ident, |$app:ident| $body:block) => {
        app_test!(
            $name,
            |config| {
                stand_in(config, None);
            },
            |$app| $body
        );
    };
}

oidc_test!(it_opens_an_account_and_finds_it_again_by_its_subject, |app| {
    make_open(app).await;
    let browser = app.visitor();
    assert_eq!(browser.get("/instance").await.1["oidc"], "Harbor ID");
    let location = leave(&browser, "?next=%2Fartifacts").await;
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "llmos"),
        ("scope", "openid profile email"),
        ("code_challenge_method", "S256"),
        ("tenant", "harbor"),
    ] {
        assert_eq!(parameter(&location, name), value, "{location}");
    }
    let back = arrive(&browser, &location, &Signed::of("octavia")).await;
    assert_eq!((back.status, back.header("location")), (303, "/artifacts"), "{:?}", back.headers);
    let (_, me) = browser.get("/me").await;
    assert_eq!(
        (&me["person"]["name"], &me["email"], &me["oidcLinked"]),
        (&json!("Octavia"), &json!("octavia@harbor.example"), &json!(true))
    );
    // Another address now, and still the same person.
    let again = app.visitor();
    round_trip(&again, "?next=https%3A%2F%2Fevil.example", Signed::of("octavia").telling(json!({ "email": "new@harbor.example" }))).await;
    assert_eq!(again.get("/me").await.1["person"]["id"], me["person"]["id"]);
    // The same address, and somebody else.
    let other = app.visitor();
    refused(&round_trip(&other, "", Signed::of("another subject")).await, "conflict");
    assert_eq!(other.get("/me").await.0, 401);
});

oidc_test!(no_account_is_taken_over_by_its_address, |app| {
    let maya = make_open(app).await;
    let stranger = app.visitor();
    let claims = json!({ "email": "maya@harbor.internal" });
    refused(&round_trip(&stranger, "", Signed::of("maya").telling(claims.clone())).await, "conflict");
    let unverified = json!({ "email": "fresh@harbor.example", "email_verified": false });
    refused(&round_trip(&stranger, "", Signed::of("fresh").telling(unverified)).await, "conflict");
    assert_eq!(stranger.get("/me").await.0, 401);
    // Signed in, it is linked; then it signs in.
    assert_eq!(round_trip(&maya, "?next=%2Fsettings", Signed::of("maya").telling(claims.clone())).await.header("location"), "/settings");
    assert_eq!(maya.get("/me").await.1["oidcLinked"], true);
    assert_eq!(round_trip(&stranger, "", Signed::of("maya").telling(claims.clone())).await.header("location"), "/");
    assert_eq!(stranger.get("/me").await.1["email"], "maya@harbor.internal");
    let noor = app.sign_up(&maya, "noor@harbor.internal").await;
    refused(&round_trip(&noor, "", Signed::of("maya")).await, "conflict");
    assert_eq!(noor.get("/me").await.1["oidcLinked"], Value::Null);
    // Linking is sensitive, too.
    change(app, "UPDATE sign_ins SET confirmed_at = 0").await;
    refused(&round_trip(&noor, "", Signed::of("noor")).await, "confirmation_required");
});

oidc_test!(registration_is_respected, |app| {
    let maya = app.sign_up_first().await;
    let browser = app.visitor();
    refused(&round_trip(&browser, "", Signed::of("octavia")).await, "forbidden");
    let team = maya.team("Harbor").await;
    let secret = maya.invite(&team, "member").await;
    round_trip(&browser, &format!("?invitation={secret}"), Signed::of("octavia")).await;
    assert_eq!(browser.get("/me").await.1["teams"][0]["name"], "Harbor");
});

oidc_test!(a_token_that_is_not_to_be_believed_signs_nobody_in, |app| {
    make_open(app).await;
    let browser = app.visitor();
    for fault in ["wrong nonce", "wrong aud", "wrong iss", "expired", "alg none", "hs256", "unknown kid", "wrong key"] {
        refused(&round_trip(&browser, "", Signed::of("octavia").with(fault)).await, "unauthenticated");
        assert_eq!(browser.get("/me").await.0, 401, "{fault}");
    }
});

oidc_test!(keys_that_were_rolled_are_read_again, |app| {
    make_open(app).await;
    let browser = app.visitor();
    assert_eq!(round_trip(&browser, "", Signed::of("octavia").with("rolled")).await.header("location"), "/");
    assert_eq!(browser.get("/me").await.0, 200);
    let other = app.visitor();
    round_trip(&other, "", Signed::of("octavia")).await;
    assert_eq!(other.get("/me").await.0, 200, "the one of before is still there");
});

oidc_test!(an_issuer_that_does_not_answer_as_it_should_is_told, |app| {
    make_open(app).await;
    let browser = app.visitor();
    for fault in ["slow", "down", "endless", "no token"] {
        refused(&round_trip(&browser, "", Signed::of("octavia").with(fault)).await, "unavailable");
    }
    assert_eq!(browser.get("/me").await.0, 401);
});

oidc_test!(a_trip_that_was_not_begun_here_ends_nowhere, |app| {
    make_open(app).await;
    let browser = app.visitor();
    let callback = async |query: &str| browser.answer(browser.request(Method::GET, &format!("/auth/oidc/callback{query}"))).await;
    refused(&callback("?state=x&code=y").await, "expired");
    refused(&callback("").await, "expired");
    let location = leave(&browser, "").await;
    refused(&callback("?state=other&code=y").await, "expired");
    // A page of another site sends nobody on it.
    let sent = browser.answer(browser.request(Method::GET, "/auth/oidc?next=%2Fsessions").header("sec-fetch-site", "cross-site")).await;
    assert_eq!((sent.status, sent.header("location")), (303, "/login?next=%2Fsessions"));
    // That ended the trip: the right state is too late.
    refused(&arrive(&browser, &location, &Signed::of("octavia")).await, "expired");
    // The answer of another issuer, or of one that does not say which it is (RFC 9207).
    let location = leave(&browser, "").await;
    refused(&callback(&format!("?state={}&code=y&iss=https%3A%2F%2Fevil.example", parameter(&location, "state"))).await, "expired");
    let location = leave(&browser, "").await;
    refused(&callback(&format!("?state={}&code=y", parameter(&location, "state"))).await, "expired");
    // The code of somebody else's trip: the verifier does not belong to it.
    let (one, two) = (leave(&app.visitor(), "").await, leave(&browser, "").await);
    let mixed = one.replace(&parameter(&one, "state"), &parameter(&two, "state"));
    refused(&arrive(&browser, &mixed, &Signed::of("octavia")).await, "unavailable");
    assert_eq!(browser.get("/me").await.0, 401);
});

oidc_test!(the_second_factor_is_asked_for_all_the_same, |app| {
    make_open(app).await;
    let octavia = app.visitor();
    round_trip(&octavia, "", Signed::of("octavia")).await;
    let factor = App::add(&octavia).await;
    let browser = app.visitor();
    let back = round_trip(&browser, "?next=%2Fchanges", Signed::of("octavia")).await;
    assert_eq!(back.header("location"), "/login/second-step?next=%2Fchanges");
    assert_eq!(browser.get("/me").await.0, 401);
    assert_eq!(browser.post("/sign-in/second-step", json!({ "code": factor.code(app).await })).await.0, 200);
});

oidc_test!(who_has_nothing_else_confirms_there_by_signing_in_anew, |app| {
    let maya = make_open(app).await;
    let octavia = app.visitor();
    round_trip(&octavia, "", Signed::of("octavia")).await;
    change(app, "UPDATE sign_ins SET confirmed_at = 0").await;
    assert_eq!(octavia.post("/me/totp/secret", Value::Null).await.1["code"], "confirmation_required");
    let (_, protection) = octavia.get("/me/protection").await;
    assert_eq!(protection["byProvider"]["name"], "Harbor ID", "{protection}");
    let query = text(&protection["byProvider"]["address"]).replace("/auth/oidc", "") + "&next=%2Fsettings%2Fsecurity";
    let location = leave(&octavia, &query).await;
    assert_eq!((parameter(&location, "prompt"), parameter(&location, "max_age")), ("login".to_owned(), "0".to_owned()));
    // One who was signed in there long ago and did not do so anew.
    let stale = Signed::of("octavia").telling(json!({ "auth_time": now() / 1_000 - 3_600 }));
    refused(&arrive(&octavia, &location, &stale).await, "unauthenticated");
    refused(&round_trip(&octavia, &query, Signed::of("somebody else")).await, "conflict");
    assert_eq!(octavia.post("/me/totp/secret", Value::Null).await.0, 403);
    assert_eq!(round_trip(&octavia, &query, Signed::of("octavia")).await.header("location"), "/settings/security");
    App::add(&octavia).await;
    change(app, "UPDATE sign_ins SET confirmed_at = 0").await;
    refused(&round_trip(&octavia, &query, Signed::of("octavia")).await, "conflict");
    assert_eq!(octavia.post("/me/recovery-codes", Value::Null).await.0, 403, "who has a factor confirms with it");
    refused(&maya.answer(app.visitor().request(Method::GET, "/auth/oidc?confirm=1")).await, "unauthenticated");
});

oidc_test!(a_link_is_taken_away_by_somebody_who_can_still_sign_in, |app| {
    let maya = make_open(app).await;
    assert_eq!(maya.delete("/me/oidc").await.0, 409, "nothing is linked");
    round_trip(&maya, "", Signed::of("maya")).await;
    let (status, me) = maya.delete("/me/oidc").await;
    assert_eq!((status, &me["oidcLinked"]), (200, &Value::Null));
    let octavia = app.visitor();
    round_trip(&octavia, "", Signed::of("octavia")).await;
    let (status, refused) = octavia.delete("/me/oidc").await;
    assert!(status == 409 && text(&refused["message"]).contains("set a password first"), "{refused}");
    assert_eq!(octavia.post("/me/password", json!({ "new": "another fine sentence" })).await.0, 204);
    assert_eq!(octavia.delete("/me/oidc").await.0, 200);
});

app_test!(
    an_issuer_that_says_it_is_another_is_not_asked,
    |config| {
        stand_in(config, Some("https://evil.example"));
    },
    |app| {
        make_open(app).await;
        let visitor = app.visitor();
        refused(&visitor.answer(visitor.request(Method::GET, "/auth/oidc")).await, "unavailable");
    }
);

app_test!(
    an_issuer_that_is_down_is_told,
    |config| {
        point_to(config, "http://127.0.0.1:9".to_owned());
    },
    |app| {
        make_open(app).await;
        let visitor = app.visitor();
        refused(&visitor.answer(visitor.request(Method::GET, "/auth/oidc")).await, "unavailable");
    }
);

app_test!(without_an_issuer_there_is_no_such_way, |app| {
    let maya = app.sign_up_first().await;
    let visitor = app.visitor();
    refused(&visitor.answer(visitor.request(Method::GET, "/auth/oidc")).await, "not_found");
    assert_eq!(maya.delete("/me/oidc").await.0, 404);
});
