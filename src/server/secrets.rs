//! Random secrets and their hashes: a secret of ours is shown once, and only its SHA-256 is stored. What others gave us and we have to say
//! again to somebody else, such as a key of an API, is stored sealed ([`Vault`]).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};

/// A new secret: `prefix` and 256 random bits in URL-safe base64.
pub fn generate(prefix: &str) -> String {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// What is stored and looked up. A fast hash is right here: the secret has 256 bits, it cannot be guessed.
pub fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// The SHA-256 of `bytes`, in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Whether two secrets are the same, in a time that tells nothing of where they differ.
pub fn is_same(one: &str, other: &str) -> bool {
    use subtle::ConstantTimeEq as _;
    Sha256::digest(one.as_bytes()).ct_eq(&Sha256::digest(other.as_bytes())).into()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)] as char, DIGITS[usize::from(byte & 15)] as char]).collect()
}

/// Characters, or bytes, that the server's own key has at least.
pub const KEY_MIN: usize = 32;
const NONCE: usize = 24;

/// Seals secrets with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), under a key made from the server's ([`derive`]).
pub struct Vault(XChaCha20Poly1305);

/// A key for one purpose, made from the server's by HKDF-SHA-256 (RFC 5869).
pub fn derive(server_key: &[u8], purpose: &[u8]) -> [u8; 32] {
    let mut key = [0u8; 32];
    Hkdf::<Sha256>::new(None, server_key).expand(purpose, &mut key).expect("32 bytes are not too many");
    key
}

impl Vault {
    pub fn new(server_key: &[u8]) -> Self {
        Self(XChaCha20Poly1305::new(&derive(server_key, b"llmos-lite sealed secrets").into()))
    }

    /// The nonce and the sealed text. It opens only for the same `purpose`, which says whose secret for what it is.
    pub fn seal(&self, purpose: &str, secret: &str) -> Vec<u8> {
        let mut nonce = [0u8; NONCE];
        getrandom::fill(&mut nonce).expect("the operating system gives random bytes");
        let payload = Payload { msg: secret.as_bytes(), aad: purpose.as_bytes() };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).expect("a secret is not gigabytes long");
        [nonce.as_slice(), &sealed].concat()
    }

    /// None: sealed under another key, for another purpose, or damaged.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Option<String> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let secret = self.0.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: purpose.as_bytes() }).ok()?;
        String::from_utf8(secret).ok()
    }
}

/// The key that this server signs with: the configured one, or one made at the first start and kept in `data_dir`, readable by its owner only.
pub fn signing_key(configured: Option<&str>, data_dir: &std::path::Path) -> std::io::Result<Vec<u8>> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    if let Some(key) = configured {
        return Ok(key.as_bytes().to_vec());
    }
    let path = data_dir.join("secret.key");
    match std::fs::read(&path) {
        Ok(key) if key.len() >= KEY_MIN => return Ok(key),
        Ok(_) => std::fs::remove_file(&path)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let key = generate("").into_bytes();
    let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(&key)?;
    file.sync_all()?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_for_its_purpose_and_under_its_key_alone() {
        let vault = Vault::new(b"a key of the server");
        let sealed = vault.seal("team 1", "sk-secret");
        assert!(!sealed.windows(9).any(|part| part == b"sk-secret"));
        assert_ne!(sealed, vault.seal("team 1", "sk-secret"));
        assert_eq!(vault.open("team 1", &sealed).as_deref(), Some("sk-secret"));
        assert_eq!(vault.open("team 2", &sealed), None);
        assert_eq!(Vault::new(b"another").open("team 1", &sealed), None);
        let mut damaged = sealed.clone();
        damaged[30] ^= 1;
        assert_eq!(vault.open("team 1", &damaged), None);
        assert_eq!(vault.open("team 1", &sealed[..20]), None);
    }
}
