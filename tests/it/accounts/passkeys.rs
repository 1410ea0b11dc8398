//! Passkeys, with a device that is a program: what it signs is what WebAuthn says (Level 3, 6 and 7).

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::factors::{App, change, password};
use crate::app::{Client, TestApp, text};

const SITE: &str = "http://localhost:4711";
const MAYA: &str = "maya@harbor.internal";

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const HAS_KEY: u8 = 0x40;

/// A passkey and the device that has it.
struct Device {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    handle: Vec<u8>,
    counter: u32,
    /// Whether it makes sure that it is its owner who asks.
    verifies: bool,
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Device {
    fn new() -> Self {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, made.as_ref()).expect("a key");
        let id = Sha256::digest(key.public_key().as_ref()).to_vec();
        Self { key, id, handle: Vec::new(), counter: 0, verifies: true }
    }

    fn flags(&self) -> u8 {
        if self.verifies { PRESENT | VERIFIED } else { PRESENT }
    }

    fn client_data(kind: &str, options: &Value, origin: &str) -> String {
        json!({ "type": kind, "challenge": options["challenge"], "origin": origin, "crossOrigin": false }).to_string()
    }

    /// Authenticator data: whom it is for, what it made sure of, how often it signed.
    fn data(&self, site: &str, flags: u8) -> Vec<u8> {
        [Sha256::digest(site.as_bytes()).as_slice(), &[flags], &self.counter.to_be_bytes()].concat()
    }

    /// What `navigator.credentials.create` gives.
    fn create(&mut self, options: &Value, origin: &str) -> Value {
        let options = &options["publicKey"];
        self.handle = URL_SAFE_NO_PAD.decode(text(&options["user"]["id"])).expect("base64url");
        let point = self.key.public_key().as_ref();
        // COSE: an EC2 key for ES256 on P-256 (RFC 9053, 7.1.1), as CBOR.
        let cose = [&[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20][..], &point[1..33], &[0x22, 0x58, 0x20], &point[33..65]]
            .concat();
        let length = u16::try_from(self.id.len()).expect("short").to_be_bytes();
        let data = [self.data("localhost", self.flags() | HAS_KEY), vec![0; 16], length.to_vec(), self.id.clone(), cose].concat();
        // {"fmt": "none", "attStmt": {}, "authData": …}
        let attestation = [
            &[0xa3][..],
            b"\x63fmt\x64none",
            b"\x67attStmt\xa0",
            b"\x68authData",
            &[0x58, u8::try_from(data.len()).expect("short")],
            &data,
        ]
        .concat();
        json!({
            "id": encoded(&self.id), "rawId": encoded(&self.id), "type": "public-key", "clientExtensionResults": {},
            "response": { "attestationObject": encoded(attestation), "clientDataJSON": encoded(Self::client_data("webauthn.create", options, origin)) },
        })
    }

    /// What `navigator.credentials.get` gives.
    fn get(&mut self, options: &Value, origin: &str) -> Value {
        let options = &options["publicKey"];
        self.counter += 1;
        let (data, client) = (self.data("localhost", self.flags()), Self::client_data("webauthn.get", options, origin));
        let signed = [data.as_slice(), Sha256::digest(client.as_bytes()).as_slice()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).expect("signed");
        json!({
            "id": encoded(&self.id), "rawId": encoded(&self.id), "type": "public-key", "clientExtensionResults": {},
            "response": {
                "authenticatorData": encoded(data), "clientDataJSON": encoded(client), "signature": encoded(signature),
                "userHandle": encoded(&self.handle),
            },
        })
    }

    async fn add(&mut self, client: &Client, name: &str) -> (u16, Value) {
        let (status, options) = client.post("/me/passkeys/options", Value::Null).await;
        assert_eq!(status, 200, "{options}");
        client.post("/me/passkeys", json!({ "name": name, "credential": self.create(&options, SITE) })).await
    }

    async fn signs_in(&mut self, client: &Client) -> (u16, Value) {
        let (status, options) = client.post("/sign-in/passkey/challenge", Value::Null).await;
        assert_eq!(status, 200, "{options}");
        client.post("/sign-in/passkey", json!({ "passkey": self.get(&options, SITE) })).await
    }
}

macro_rules! passkey_test {
    ($name:ident, |$app:ident| $body:block) => {
        app_test!(
            $name,
            |config| {
                config.site_url = Some(SITE.to_owned());
            },
            |$app| $body
        );
    };
}

async fn begin(app: &TestApp) -> Client {
    app.sign_up_first().await
}

passkey_test!(a_passkey_signs_in_by_itself, |app| {
    let maya = begin(app).await;
    assert_eq!(maya.get("/instance").await.1["passkeys"], true);
    let mut device = Device::new();
    let (status, added) = device.add(&maya, "Laptop").await;
    assert_eq!((status, &added["factor"]["kind"], &added["factor"]["name"]), (201, &json!("passkey"), &json!("Laptop")), "{added}");
    assert_eq!(added["recoveryCodes"].as_array().map(Vec::len), Some(10));
    let browser = app.visitor();
    let (status, me) = device.signs_in(&browser).await;
    assert_eq!((status, &me["email"]), (200, &json!(MAYA)), "{me}");
    assert_eq!(browser.get("/me").await.0, 200);
    let (counter, used): (i64, Option<i64>) =
        sqlx::query_as("SELECT counter, last_used_at FROM factors").fetch_one(app.state.db.read()).await.expect("a row");
    assert!(counter == 1 && used.is_some());
});

passkey_test!(a_passkey_answers_the_second_step_and_confirms, |app| {
    let maya = begin(app).await;
    let mut device = Device::new();
    assert_eq!(device.add(&maya, "Laptop").await.0, 201);
    let browser = app.visitor();
    let half = password(&browser, MAYA).await;
    assert_eq!((half.status, &half.json()["passkey"], &half.json()["totp"]), (202, &json!(true), &json!(false)));
    let (_, options) = browser.post("/sign-in/second-step/passkey", Value::Null).await;
    assert_eq!(options["publicKey"]["allowCredentials"][0]["id"], encoded(&device.id), "{options}");
    let answer = json!({ "passkey": device.get(&options, SITE) });
    assert_eq!(browser.post("/sign-in/second-step", answer.clone()).await.0, 200);
    assert_eq!(browser.post("/sign-in/second-step", answer).await.0, 410, "once");

    change(app, "UPDATE sign_ins SET confirmed_at = 0").await;
    assert_eq!(browser.post("/me/recovery-codes", Value::Null).await.1["code"], "confirmation_required");
    let (_, options) = browser.post("/me/confirmation/passkey", Value::Null).await;
    let answer = device.get(&options, SITE);
    assert_eq!(browser.post("/me/confirmation", json!({ "passkey": answer })).await.0, 200);
    assert_eq!(browser.post("/me/confirmation", json!({ "passkey": answer })).await.0, 400, "what was asked is asked once");
    assert_eq!(browser.post("/me/recovery-codes", Value::Null).await.0, 201);
});

passkey_test!(what_a_device_signs_for_another_site_or_without_its_owner_is_refused, |app| {
    let maya = begin(app).await;
    let mut device = Device::new();
    let options = async |path: &'static str| maya.post(path, Value::Null).await.1;
    let asked = options("/me/passkeys/options").await;
    let foreign = device.create(&asked, "https://evil.example");
    assert_eq!(maya.post("/me/passkeys", json!({ "name": "x", "credential": foreign })).await.0, 400);
    let own = device.create(&asked, SITE);
    assert_eq!(maya.post("/me/passkeys", json!({ "name": "x", "credential": own })).await.0, 410, "what was asked is asked once");
    device.verifies = false;
    assert_eq!(device.add(&maya, "Laptop").await.0, 400, "nobody was asked for a finger or a PIN");
    device.verifies = true;
    assert_eq!(device.add(&maya, "Laptop").await.0, 201);
    assert_eq!(device.add(&maya, "Laptop again").await.0, 409, "the same one");

    let browser = app.visitor();
    let (_, asked) = browser.post("/sign-in/passkey/challenge", Value::Null).await;
    let foreign = device.get(&asked, "https://evil.example");
    assert_eq!(browser.post("/sign-in/passkey", json!({ "passkey": foreign })).await.0, 401);
    device.verifies = false;
    assert_eq!(device.signs_in(&browser).await.0, 401);
    device.verifies = true;
    // A copy of the key, which has signed less often than the device.
    assert_eq!(device.signs_in(&browser).await.0, 200);
    device.counter = 0;
    assert_eq!(device.signs_in(&app.visitor()).await.0, 401);
    device.counter = 10;
    let (_, asked) = browser.post("/sign-in/passkey/challenge", Value::Null).await;
    let answer = device.get(&asked, SITE);
    assert_eq!(app.visitor().post("/sign-in/passkey", json!({ "passkey": answer })).await.0, 410, "another browser was asked");
});

passkey_test!(a_passkey_that_is_not_known_or_is_somebody_elses_does_not_sign_in, |app| {
    let maya = begin(app).await;
    let noor = app.sign_up(&maya, "noor@harbor.internal").await;
    let (mut device, mut other) = (Device::new(), Device::new());
    assert_eq!(device.add(&maya, "Laptop").await.0, 201);
    assert_eq!(other.add(&noor, "Tablet").await.0, 201);
    assert_eq!(Device::new().signs_in(&app.visitor()).await.0, 401);
    // Noor's key, which says that it is Maya's.
    other.handle.clone_from(&device.handle);
    assert_eq!(other.signs_in(&app.visitor()).await.0, 401);
    assert_eq!(device.signs_in(&app.visitor()).await.0, 200);
    assert_eq!(maya.patch(&format!("/admin/users/{}", noor.id), json!({ "deactivated": true })).await.0, 200);
    let (_, list) = maya.get("/me/protection").await;
    assert_eq!(maya.delete(&format!("/me/factors/{}", text(&list["factors"][0]["id"]))).await.0, 204);
    assert_eq!(device.signs_in(&app.visitor()).await.0, 401, "it was removed");
});

passkey_test!(a_passkey_and_an_app_stand_beside_each_other, |app| {
    let maya = begin(app).await;
    let mut device = Device::new();
    let phone = App::add(&maya).await;
    let (status, added) = device.add(&maya, "Laptop").await;
    assert_eq!((status, &added["recoveryCodes"]), (201, &Value::Null), "recovery codes come with the first factor: {added}");
    let browser = app.visitor();
    let half = password(&browser, MAYA).await.json();
    assert_eq!((&half["totp"], &half["passkey"]), (&json!(true), &json!(true)));
    assert_eq!(browser.post("/sign-in/second-step", json!({ "code": phone.code(app).await })).await.0, 200);
});

app_test!(passkeys_are_not_offered_where_browsers_make_none, |app| {
    let maya = app.sign_up_first().await;
    assert_eq!(maya.get("/instance").await.1["passkeys"], Value::Null);
    let (status, error) = maya.post("/me/passkeys/options", Value::Null).await;
    assert_eq!((status, &error["code"]), (409, &json!("conflict")));
    assert!(text(&error["message"]).contains("SITE_URL"));
    let answer = maya.answer(maya.request(Method::POST, "/api/v1/sign-in/passkey/challenge")).await;
    assert_eq!(answer.status, 409);
});
