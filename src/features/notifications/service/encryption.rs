//! What a push service carries without being able to read it: RFC 8291 over RFC 8188 (`aes128gcm`), and who sends it: RFC 8292 (VAPID).

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD},
};
use hkdf::Hkdf;
use serde_json::json;
use sha2::Sha256;

use crate::server::secrets;

/// Larger messages need not be taken (RFC 8030, section 7.2).
const MESSAGE_MAX: usize = 4_096;
const SALT: usize = 16;
const AUTH: usize = 16;
/// Of a point on P-256, not compressed.
const POINT: usize = 65;
const HEADER: usize = SALT + 4 + 1 + POINT;
const TAG: usize = 16;
/// What fits into one message.
pub const PLAIN_MAX: usize = MESSAGE_MAX - HEADER - 1 - TAG;
/// At most a day may be asked for.
const TOKEN_SECONDS: i64 = 12 * 60 * 60;

/// Something is not what it should be; what exactly is nobody's business.
#[derive(Debug, thiserror::Error)]
#[error("not a key that messages can be encrypted for")]
pub struct BadKey;

/// The keys of a subscription.
pub struct Subscription {
    public: Vec<u8>,
    auth: [u8; AUTH],
}

/// With padding or without: browsers give them without, libraries with it.
fn decode(text: &str) -> Result<Vec<u8>, BadKey> {
    const ANY: GeneralPurpose =
        GeneralPurpose::new(&URL_SAFE, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));
    ANY.decode(text.trim()).map_err(|_| BadKey)
}

impl Subscription {
    pub fn read(p256dh: &str, auth: &str) -> Result<Self, BadKey> {
        let public = decode(p256dh)?;
        let auth = decode(auth)?.try_into().map_err(|_| BadKey)?;
        if public.len() != POINT {
            return Err(BadKey);
        }
        let subscription = Self { public, auth };
        // Whether it is a point at all.
        let probe = PrivateKey::generate(&ECDH_P256).map_err(|_| BadKey)?;
        subscription.shared(&probe)?;
        Ok(subscription)
    }

    fn shared(&self, own: &PrivateKey) -> Result<Vec<u8>, BadKey> {
        agree(own, UnparsedPublicKey::new(&ECDH_P256, &self.public), BadKey, |secret| Ok(secret.to_vec()))
    }

    /// A whole message: header and one record.
    pub fn encrypt(&self, plain: &[u8]) -> Result<Vec<u8>, BadKey> {
        let own = PrivateKey::generate(&ECDH_P256).map_err(|_| BadKey)?;
        let mut salt = [0u8; SALT];
        getrandom::fill(&mut salt).map_err(|_| BadKey)?;
        self.encrypt_with(plain, &own, salt)
    }

    fn encrypt_with(&self, plain: &[u8], own: &PrivateKey, salt: [u8; SALT]) -> Result<Vec<u8>, BadKey> {
        if plain.len() > PLAIN_MAX {
            return Err(BadKey);
        }
        let public = own.compute_public_key().map_err(|_| BadKey)?;
        let public = public.as_ref();
        let secret = expand(&self.auth, &self.shared(own)?, &[b"WebPush: info\0", self.public.as_slice(), public])?;
        let (key, nonce) = record_keys(&salt, &secret)?;
        // The only record, and therefore the last one.
        let mut record = [plain, &[2]].concat();
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).map_err(|_| BadKey)?);
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record).map_err(|_| BadKey)?;
        let size = (MESSAGE_MAX as u32).to_be_bytes();
        Ok([salt.as_slice(), &size, &[POINT as u8], public, &record].concat())
    }
}

fn expand<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Result<[u8; N], BadKey> {
    let mut out = [0u8; N];
    Hkdf::<Sha256>::new(Some(salt), secret).expand_multi_info(info, &mut out).map_err(|_| BadKey)?;
    Ok(out)
}

/// RFC 8188, section 2.2 and 2.3.
fn record_keys(salt: &[u8], secret: &[u8; 32]) -> Result<([u8; 16], [u8; NONCE_LEN]), BadKey> {
    Ok((expand(salt, secret, &[b"Content-Encoding: aes128gcm\0"])?, expand(salt, secret, &[b"Content-Encoding: nonce\0"])?))
}

/// The key that push services know this server by. Browsers subscribe with its public half: with another one, they have to do it again.
pub struct Vapid {
    pair: EcdsaKeyPair,
    /// Base64url.
    pub public: String,
    /// Whom to write to when something is wrong: an address of mail or of a page.
    subject: String,
}

impl Vapid {
    /// The configured key (32 bytes, base64url), or one that is made from the server's own, as the registry's is.
    pub fn open(configured: Option<&str>, subject: String, server_key: &[u8]) -> Result<Self, BadKey> {
        let secret = match configured {
            Some(text) => decode(text)?,
            None => secrets::derive(server_key, b"llmos-lite web push key 1").to_vec(),
        };
        let key = PrivateKey::from_private_key(&ECDH_P256, &secret).map_err(|_| BadKey)?;
        let public = key.compute_public_key().map_err(|_| BadKey)?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &secret, public.as_ref());
        Ok(Self { pair: pair.map_err(|_| BadKey)?, public: URL_SAFE_NO_PAD.encode(public.as_ref()), subject })
    }

    /// The header `Authorization` for a push service, such as `https://push.example`.
    pub fn authorization(&self, audience: &str, now: i64) -> Result<String, BadKey> {
        let claims = json!({ "aud": audience, "exp": now / 1_000 + TOKEN_SECONDS, "sub": self.subject });
        let said = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ES256"}"#), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), said.as_bytes()).map_err(|_| BadKey)?;
        Ok(format!("vapid t={said}.{}, k={}", URL_SAFE_NO_PAD.encode(signature.as_ref()), self.public))
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey as Verifier};

    use super::*;

    /// The other side: what a browser does.
    fn decrypt(message: &[u8], own: &PrivateKey, auth: &[u8]) -> Vec<u8> {
        let (salt, sender) = (&message[..SALT], &message[SALT + 5..HEADER]);
        let shared = agree(own, UnparsedPublicKey::new(&ECDH_P256, sender), BadKey, |secret| Ok(secret.to_vec())).expect("a point");
        let public = own.compute_public_key().expect("a key");
        let secret = expand(auth, &shared, &[b"WebPush: info\0", public.as_ref(), sender]).expect("32 bytes");
        let (key, nonce) = record_keys(salt, &secret).expect("keys");
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).expect("a key"));
        let mut record = message[HEADER..].to_vec();
        let plain = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record).expect("opens");
        let (end, plain) = plain.split_last().expect("a delimiter");
        assert_eq!(*end, 2);
        plain.to_vec()
    }

    /// RFC 8291, appendix A.
    #[test]
    fn it_is_the_example_of_the_standard() {
        let secret = |text: &str| PrivateKey::from_private_key(&ECDH_P256, &decode(text).expect("base64url")).expect("a key");
        let subscription = Subscription::read(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "BTBZMqHH6r4Tts7J_aSIgg",
        )
        .expect("a subscription");
        let sender = secret("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let salt = decode("DGv6ra1nlYgDCS1FRnbzlw").expect("base64url").try_into().expect("16 bytes");
        let message = subscription.encrypt_with(b"When I grow up, I want to be a watermelon", &sender, salt).expect("fits");
        assert_eq!(
            URL_SAFE_NO_PAD.encode(&message),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
        let receiver = secret("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94");
        assert_eq!(decrypt(&message, &receiver, &subscription.auth), b"When I grow up, I want to be a watermelon");
    }

    #[test]
    fn what_was_encrypted_is_read_by_its_receiver() {
        let own = PrivateKey::generate(&ECDH_P256).expect("a key");
        let public = URL_SAFE_NO_PAD.encode(own.compute_public_key().expect("a key").as_ref());
        let subscription = Subscription::read(&public, "BTBZMqHH6r4Tts7J_aSIgg==").expect("padding does not matter");
        let longest = vec![b'x'; PLAIN_MAX];
        for plain in [b"".as_slice(), b"a", &longest] {
            let message = subscription.encrypt(plain).expect("fits");
            assert!(message.len() <= MESSAGE_MAX);
            assert_eq!(decrypt(&message, &own, &subscription.auth), plain);
        }
        assert!(subscription.encrypt(&vec![0; PLAIN_MAX + 1]).is_err());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let good = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        let off_the_curve = URL_SAFE_NO_PAD.encode([4u8; POINT]);
        for (p256dh, auth) in
            [("", ""), (good, "AAAA"), ("AAAA", "BTBZMqHH6r4Tts7J_aSIgg"), (off_the_curve.as_str(), "BTBZMqHH6r4Tts7J_aSIgg"), ("!", "!")]
        {
            assert!(Subscription::read(p256dh, auth).is_err(), "{p256dh} {auth}");
        }
        assert!(Vapid::open(Some("short"), String::new(), b"x").is_err());
    }

    #[test]
    fn a_token_is_signed_by_the_key_that_it_names() {
        // As `web-push generate-vapid-keys` prints it.
        let made = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
        for vapid in
            [Vapid::open(Some(made), "mailto:a@b.example".to_owned(), b"x"), Vapid::open(None, "https://b.example".to_owned(), b"x")]
        {
            let vapid = vapid.expect("a key");
            let header = vapid.authorization("https://push.example", 1_000_000).expect("signs");
            let (token, key) = header.strip_prefix("vapid t=").and_then(|rest| rest.split_once(", k=")).expect("two parts");
            let (said, signature) = token.rsplit_once('.').expect("signed");
            let public = Verifier::new(&ECDSA_P256_SHA256_FIXED, decode(key).expect("base64url"));
            public.verify(said.as_bytes(), &decode(signature).expect("base64url")).expect("the signature");
            let claims = decode(said.split_once('.').expect("two parts").1).expect("base64url");
            let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
            assert_eq!((&claims["aud"], &claims["exp"]), (&json!("https://push.example"), &json!(1_000 + TOKEN_SECONDS)));
        }
        let again = |key: &[u8]| Vapid::open(None, String::new(), key).expect("a key").public;
        assert_eq!(again(b"a server"), again(b"a server"));
        assert_ne!(again(b"a server"), again(b"another"));
    }
}
