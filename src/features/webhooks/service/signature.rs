//! HMAC-SHA-256 over the bytes as they came.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

fn mac(secret: &str, body: &[u8]) -> Hmac<Sha256> {
    // A key of any length is one for HMAC.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(body);
    mac
}

/// Whether `signature` is of `body` under `secret`, in a time that does not depend on where they differ.
pub fn is_signed_with(secret: &str, body: &[u8], signature: &[u8; 32]) -> bool {
    mac(secret, body).verify_slice(signature).is_ok()
}

/// The header that goes with a body: what whoever sends one needs.
pub fn sign(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", crate::server::secrets::hex(&mac(secret, body).finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::features::webhooks::model::read_signature;

    #[test]
    fn it_is_githubs_own_example() {
        let header = sign("It's a Secret to Everybody", b"Hello, World!");
        assert_eq!(header, "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
    }

    proptest! {
        #[test]
        fn what_was_signed_passes_and_any_changed_byte_does_not(
            secret in "\\PC{1,80}", body in proptest::collection::vec(any::<u8>(), 1..400), at in any::<prop::sample::Index>(), bit in 0..8u8,
        ) {
            let signature = read_signature(Some(&sign(&secret, &body)), false).expect("of the form");
            prop_assert!(is_signed_with(&secret, &body, &signature));
            let mut changed = body.clone();
            changed[at.index(body.len())] ^= 1 << bit;
            prop_assert!(!is_signed_with(&secret, &changed, &signature));
            prop_assert!(!is_signed_with(&secret, &body[1..], &signature));
            let mut forged = signature;
            forged[at.index(32)] ^= 1 << bit;
            prop_assert!(!is_signed_with(&secret, &body, &forged));
            let longer = format!("{secret}x");
            prop_assert!(!is_signed_with(&longer, &body, &signature));
        }
    }
}
