//! Time-based one-time codes: TOTP (RFC 6238) over HOTP (RFC 4226) with SHA-1, steps of 30 seconds and 6 digits, which is what every
//! authenticator app speaks; of other values many take no notice.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

/// Seconds that one code stands for.
pub const STEP_SECONDS: i64 = 30;
pub const DIGITS: usize = 6;
/// Steps that a device's clock may be off, in each direction (RFC 6238, 5.2).
pub const DRIFT: i64 = 1;
/// Bytes of a secret: as many as SHA-1 gives (RFC 4226, 4, R6).
pub const SECRET_BYTES: usize = 20;

/// What the app and the server share.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SECRET_BYTES]);

impl Secret {
    /// Of bytes from a cryptographic generator.
    pub fn new(random: [u8; SECRET_BYTES]) -> Self {
        Self(random)
    }

    /// As it is typed into an app, and stored: base32 (RFC 4648, 6) without padding.
    pub fn to_text(&self) -> String {
        BASE32_NOPAD.encode(&self.0)
    }

    /// None: this is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        BASE32_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// The code of a step (RFC 4226, 5.3).
    fn code(&self, step: u64) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let offset = usize::from(digest[digest.len() - 1] & 0x0f);
        let word = u32::from_be_bytes([digest[offset] & 0x7f, digest[offset + 1], digest[offset + 2], digest[offset + 3]]);
        format!("{:06}", word % 1_000_000)
    }

    /// The code that an app shows at `now`, in milliseconds since 1970.
    pub fn code_at(&self, now: i64) -> String {
        self.code(u64::try_from(step_at(now)).unwrap_or_default())
    }

    /// The step that `code` stands for, if it is one of those around `now` (milliseconds since 1970) and later than `used`, the last one that was
    /// taken: each code counts once (RFC 6238, 5.2). Spaces in it, as apps show them, do not matter.
    ///
    /// All steps are compared, so that the time it takes tells nothing.
    pub fn accept(&self, code: &str, now: i64, used: i64) -> Option<i64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        if code.len() != DIGITS || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let current = step_at(now);
        let mut accepted = None;
        for step in current - DRIFT..=current + DRIFT {
            let Ok(counter) = u64::try_from(step) else { continue };
            let is_it = bool::from(self.code(counter).as_bytes().ct_eq(code.as_bytes()));
            if is_it && step > used && accepted.is_none() {
                accepted = Some(step);
            }
        }
        accepted
    }

    /// What a QR code for apps says: `otpauth://totp/…`, the format of Google Authenticator's key URIs.
    pub fn address(&self, issuer: &str, account: &str) -> String {
        let (issuer, account) = (encoded(issuer), encoded(account));
        format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
            self.to_text()
        )
    }
}

/// `Debug` leaves it out.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// The step of a moment in milliseconds since 1970.
pub fn step_at(now: i64) -> i64 {
    now.div_euclid(1_000).div_euclid(STEP_SECONDS)
}

/// All but RFC 3986's unreserved characters in per cent: apps split the label at its colon.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret() -> Secret {
        Secret::new(*b"12345678901234567890")
    }

    /// RFC 4226, appendix D.
    #[test]
    fn the_counters_of_rfc_4226() {
        let codes: Vec<String> = (0..10).map(|counter| secret().code(counter)).collect();
        assert_eq!(codes, ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]);
    }

    /// RFC 6238, appendix B: the last six of its eight digits.
    #[test]
    fn the_moments_of_rfc_6238() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret().code_at(seconds * 1_000), code, "{seconds}");
        }
    }

    #[test]
    fn an_address_is_read_by_apps() {
        assert_eq!(
            secret().address("Harbor: one", "maya@harbor.example"),
            "otpauth://totp/Harbor%3A%20one:maya%40harbor.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Harbor%3A%20one\
             &algorithm=SHA1&digits=6&period=30"
        );
        assert_eq!(format!("{:?}", secret()), "Secret");
    }

    #[test]
    fn what_is_no_code_is_refused() {
        let now = 1_700_000_000_000;
        let code = secret().code_at(now);
        for wrong in ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", &format!("{code}0"), &format!("-{}", &code[1..])] {
            assert_eq!(secret().accept(wrong, now, 0), None, "{wrong:?}");
        }
        assert!(secret().accept(&format!(" {} {} ", &code[..3], &code[3..]), now, 0).is_some());
    }

    proptest! {
        #[test]
        fn a_code_is_taken_within_a_step_and_once(random: [u8; SECRET_BYTES], now in 1_000_000_000_000_i64..4_000_000_000_000, drift in -1_i64..=1) {
            let secret = Secret::new(random);
            let code = secret.code_at(now + drift * STEP_SECONDS * 1_000);
            let step = secret.accept(&code, now, 0);
            // Two steps of the three may have the same code by chance; then the first one is it.
            prop_assert!(step.is_some_and(|step| (step - step_at(now)).abs() <= DRIFT));
            let step = step.unwrap_or_default();
            let again = secret.accept(&code, now, step);
            prop_assert!(again.is_none_or(|later| later > step));
            prop_assert_eq!(secret.accept(&code, now, step_at(now) + DRIFT), None);
        }

        #[test]
        fn a_code_of_long_ago_is_refused(random: [u8; SECRET_BYTES], now in 1_000_000_000_000_i64..4_000_000_000_000, steps in 2_i64..1_000) {
            let secret = Secret::new(random);
            let old = secret.code_at(now - steps * STEP_SECONDS * 1_000);
            let near: Vec<String> = (-1..=1).map(|drift| secret.code_at(now + drift * STEP_SECONDS * 1_000)).collect();
            prop_assume!(!near.contains(&old));
            prop_assert_eq!(secret.accept(&old, now, 0), None);
        }

        #[test]
        fn a_secret_is_stored_as_text(random: [u8; SECRET_BYTES], garbage in ".{0,40}") {
            let secret = Secret::new(random);
            prop_assert_eq!(Secret::parse(&secret.to_text()), Some(secret));
            if let Some(read) = Secret::parse(&garbage) {
                prop_assert_eq!(read.to_text(), garbage);
            }
        }
    }
}
