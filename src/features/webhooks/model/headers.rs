//! What stands around a payload: the names and forms that GitHub documents.

/// GitHub sends no larger payloads.
pub const PAYLOAD_MAX: usize = 25 * 1024 * 1024;

/// Kept with a delivery, beside the type of its body. The signature is not: it helps nobody, and it is one of a secret.
pub const KEPT_HEADERS: [&str; 7] = [
    "content-type",
    "user-agent",
    "x-github-event",
    "x-github-delivery",
    "x-github-hook-id",
    "x-github-hook-installation-target-type",
    "x-github-hook-installation-target-id",
];

/// How the payload stands in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    Json,
    /// In the field `payload` of a form.
    Form,
}

impl BodyKind {
    pub fn of(content_type: &str) -> Option<Self> {
        match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/json" => Some(Self::Json),
            "application/x-www-form-urlencoded" => Some(Self::Form),
            _ => None,
        }
    }
}

/// Whether this can be the name of an event: `pull_request_review`. GitHub adds new ones, so there is no list of them.
pub fn is_event_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// GitHub's id of a delivery in its one form; none where it is no UUID.
pub fn delivery_guid(text: &str) -> Option<String> {
    (text.len() == 36).then(|| uuid::Uuid::parse_str(text).ok()).flatten().map(|id| id.to_string())
}

/// Why a signature cannot be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSignature {
    Missing,
    /// The older header alone.
    Sha1Only,
    Malformed,
}

impl NoSignature {
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Missing => "There is no header X-Hub-Signature-256: give the webhook a secret at GitHub, the same as here.",
            Self::Sha1Only => "Only X-Hub-Signature came, which is SHA-1: X-Hub-Signature-256 is needed.",
            Self::Malformed => "X-Hub-Signature-256 is not of the form sha256= and 64 hexadecimal digits.",
        }
    }
}

/// The 32 bytes of a signature as `X-Hub-Signature-256` has them.
pub fn read_signature(sha256: Option<&str>, sha1: bool) -> Result<[u8; 32], NoSignature> {
    let Some(text) = sha256 else { return Err(if sha1 { NoSignature::Sha1Only } else { NoSignature::Missing }) };
    let digits = text.strip_prefix("sha256=").ok_or(NoSignature::Malformed)?.as_bytes();
    let mut signature = [0; 32];
    if digits.len() != 64 {
        return Err(NoSignature::Malformed);
    }
    for (byte, pair) in signature.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| (digit as char).to_digit(16).ok_or(NoSignature::Malformed);
        *byte = (value(pair[0])? << 4 | value(pair[1])?) as u8;
    }
    Ok(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_64_digits_behind_its_name() {
        let good = format!("sha256={}", "0aF1".repeat(16));
        let read = read_signature(Some(&good), false).expect("it is one");
        assert_eq!(&read[..4], [0x0a, 0xf1, 0x0a, 0xf1]);
        assert_eq!(read_signature(None, false), Err(NoSignature::Missing));
        assert_eq!(read_signature(None, true), Err(NoSignature::Sha1Only));
        for wrong in [
            "",
            "sha256=",
            &good[..70],
            &format!("{good}0"),
            &good.replace("sha256", "sha1"),
            &good.replace('F', "g"),
            &good.replace('0', "é"),
        ] {
            assert_eq!(read_signature(Some(wrong), true), Err(NoSignature::Malformed), "{wrong}");
        }
    }

    #[test]
    fn names_and_ids_have_a_form() {
        assert!(is_event_name("pull_request_review") && is_event_name("projects_v2_item"));
        assert!(!is_event_name("") && !is_event_name("Push") && !is_event_name("push ") && !is_event_name(&"x".repeat(65)));
        assert_eq!(delivery_guid("72D3162E-cc78-11e3-81ab-4c9367dc0958").as_deref(), Some("72d3162e-cc78-11e3-81ab-4c9367dc0958"));
        assert!(delivery_guid("72d3162ecc7811e381ab4c9367dc0958").is_none() && delivery_guid("x").is_none());
        assert_eq!(BodyKind::of("application/json; charset=utf-8"), Some(BodyKind::Json));
        assert_eq!(BodyKind::of("application/x-www-form-urlencoded"), Some(BodyKind::Form));
        assert_eq!(BodyKind::of("text/plain"), None);
    }
}
