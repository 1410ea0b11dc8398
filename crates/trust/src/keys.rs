//! Keys of Ed25519 (RFC 8032).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signer as _;

use crate::digest::Digest;
use crate::text::{from_hex, hex, json_as_text};

/// What signs. Its secret is overwritten with zeroes when it is dropped, and is in no `Debug`.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// `seed` is 32 random bytes; who has them has the key. They stay the caller's, to be overwritten there.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Deterministic: the same message gives the same signature.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "SigningKey of {}", self.public())
    }
}

/// What verifies, as text `ed25519:<base64url of the 32 bytes, no padding>`. Never of small order, and spelled in one way only.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// # Errors
    /// `NoPoint` for bytes that no key has, `SmallOrder` for a key that would accept signatures of nobody, `Spelling` for a second
    /// spelling of a key.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NoPoint)?;
        if key.is_weak() {
            return Err(KeyError::SmallOrder);
        }
        if key.to_edwards().compress().as_bytes() != bytes {
            return Err(KeyError::Spelling);
        }
        Ok(Self(key))
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The first eight bytes of the SHA-256 of the key: names a key among few, and is never trusted.
    pub fn id(&self) -> KeyId {
        let [a, b, c, d, e, f, g, h, ..] = Digest::of(self.as_bytes()).0;
        KeyId([a, b, c, d, e, f, g, h])
    }

    /// Whether `signature` is of `message`. Strict: no point of small order, and of each signature one spelling only (the check of RFC
    /// 8032 without its cofactor, canonical `R` and `S`).
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "ed25519:{}", URL_SAFE_NO_PAD.encode(self.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let encoded = text.strip_prefix("ed25519:").ok_or(KeyError::NoKey)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok().and_then(|bytes| bytes.try_into().ok());
        Self::from_bytes(&bytes.ok_or(KeyError::NoKey)?)
    }
}

json_as_text!(PublicKey);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("A public key is \"ed25519:\" and 43 characters of base64url.")]
    NoKey,
    #[error("These bytes are no Ed25519 public key.")]
    NoPoint,
    #[error("This public key is of small order: signatures under it prove nothing.")]
    SmallOrder,
    #[error("This public key is not in its canonical spelling.")]
    Spelling,
}

/// `PublicKey::id`, as text 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The id of a key is 16 lower-case hexadecimal digits.")]
pub struct KeyIdError;

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        from_hex(text).map(Self).ok_or(KeyIdError)
    }
}

json_as_text!(KeyId);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, TEST 2.
    #[test]
    fn signs_as_the_rfc_says() {
        let seed = from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").unwrap();
        let key = SigningKey::from_seed(&seed);
        assert_eq!(hex(key.public().as_bytes()), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        let signature = key.sign(&[0x72]);
        assert_eq!(
            hex(&signature),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
        assert!(key.public().verifies(&[0x72], &signature));
        assert!(!key.public().verifies(&[0x73], &signature));
        assert!(!key.public().verifies(&[0x72], &signature[..63]));
    }

    #[test]
    fn a_key_as_text() {
        let key = SigningKey::from_seed(&[1; 32]).public();
        let text = key.to_string();
        assert_eq!(text, "ed25519:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w");
        assert_eq!(text.parse(), Ok(key));
        assert_eq!(serde_json::from_str::<PublicKey>(&format!("\"{text}\"")).unwrap(), key);
        assert_eq!(key.id().to_string(), hex(&Digest::of(key.as_bytes()).0[..8]));
        assert_eq!(key.id().to_string().parse(), Ok(key.id()));
        for wrong in [&text[8..], &text[..text.len() - 1], &format!("{text}="), &text.replace('w', "x"), "ed25519:"] {
            assert_eq!(wrong.parse::<PublicKey>(), Err(KeyError::NoKey), "{wrong}");
        }
        assert!(!format!("{:?}", SigningKey::from_seed(&[1; 32])).contains("01010101"));
    }

    #[test]
    fn keys_that_prove_nothing_are_refused() {
        // The neutral element: every message has a signature under it.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        assert_eq!(PublicKey::from_bytes(&neutral), Err(KeyError::SmallOrder));
        // Order 8.
        let eight = from_hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05").unwrap();
        assert_eq!(PublicKey::from_bytes(&eight), Err(KeyError::SmallOrder));
        // y = p + 3, which is 3 in another spelling; 3 is a point.
        let mut three = [0; 32];
        three[0] = 3;
        PublicKey::from_bytes(&three).unwrap();
        let mut spelling = [0xff; 32];
        (spelling[0], spelling[31]) = (0xf0, 0x7f);
        assert_eq!(PublicKey::from_bytes(&spelling), Err(KeyError::Spelling));
        let mut none = [0; 32];
        none[0] = 2;
        assert_eq!(PublicKey::from_bytes(&none), Err(KeyError::NoPoint));
    }

    /// Cases of "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko 2020; github.com/novifinancial/ed25519-speccheck, `cases.json`):
    /// each of these signatures is accepted by some library.
    #[test]
    fn signatures_on_which_libraries_disagree() {
        let cases = [
            // 2: R of small order.
            (
                false,
                "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
                "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
                "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
            ),
            // 3: nothing that the RFC forbids.
            (
                true,
                "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
                "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
                "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
            ),
            // 4: only with the cofactor.
            (
                false,
                "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
                "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
                "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed5125ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
            ),
            // 6: S above the order of the group.
            (
                false,
                "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
                "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
                "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
            ),
            // 8: R in a second spelling.
            (
                false,
                "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
                "fdaebc429f4a735932a160da1301080c13280eea8bc280d1b392c6b9e6ba3a5a",
                "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f454d370c8d9fc323a41450f8d513eafeb5b0697390c1e505a0d4ddc71f566607",
            ),
        ];
        for (valid, key, message, signature) in cases {
            let key = PublicKey::from_bytes(&from_hex(key).unwrap()).unwrap();
            let (message, signature) = (from_hex::<32>(message).unwrap(), from_hex::<64>(signature).unwrap());
            assert_eq!(key.verifies(&message, &signature), valid);
        }
    }
}
