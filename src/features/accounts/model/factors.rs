//! Second factors, signing in in two steps, and proving once more who one is.

use serde::{Deserialize, Serialize};

use crate::ids::FactorId;

/// What proves, beside a password or an account elsewhere, who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FactorKind {
    /// An app that shows one-time codes (RFC 6238).
    Totp,
    /// A key of a device (WebAuthn), which also signs in by itself.
    Passkey,
}

impl FactorKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Passkey => "passkey",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Totp, Self::Passkey].into_iter().find(|kind| kind.as_str() == text)
    }
    /// As the log calls it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Totp => "authenticator app",
            Self::Passkey => "passkey",
        }
    }
}

/// One of one's factors; nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Factor {
    pub id: FactorId,
    pub kind: FactorKind,
    pub name: String,
    /// Its device keeps it elsewhere, too: it is not lost with the device.
    pub backed_up: bool,
    pub last_used_at: Option<i64>,
    pub created_at: i64,
}

/// How the account is protected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Protection {
    /// Oldest first.
    pub factors: Vec<Factor>,
    /// Recovery codes that were not used.
    pub recovery_codes: i64,
    /// Until when the person counts as confirmed; in the past: sensitive changes ask first.
    pub confirmed_until: i64,
    /// Whether this server's address is one that passkeys can be for.
    pub passkeys: bool,
    /// Proving who one is goes by the password: there is one, and no factor.
    pub by_password: bool,
    /// There is neither a password nor a factor, so it goes by signing in there again: GitHub, or the issuer's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_provider: Option<Provider>,
}

/// Somewhere else that signs people in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    pub name: String,
    /// Where the browser goes to confirm; `next=…` may be added.
    pub address: String,
}

/// What an authenticator app is set up with, shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewTotp {
    /// To be typed where no picture can be taken: base32, in groups of four.
    pub secret: String,
    /// `otpauth://totp/…`, which opens an app on the same device.
    pub address: String,
    /// The address as a QR code: the path of an SVG of `size` × `size` units.
    pub qr: String,
    pub size: u32,
}

/// The first code of an app: then it counts.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddTotp {
    pub name: String,
    pub code: String,
}

/// What the browser made when it was asked for a passkey.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddPasskey {
    pub name: String,
    /// A `RegistrationResponseJSON` (WebAuthn 3, 5.1).
    pub credential: serde_json::Value,
}

/// A factor that was added, and with the first one the recovery codes, shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddedFactor {
    pub factor: Factor,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recovery_codes: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RenameFactor {
    pub name: String,
}

/// New recovery codes in place of those before, shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryCodes {
    pub codes: Vec<String>,
}

/// What is missing of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecondStep {
    /// A code of an app is one way.
    pub totp: bool,
    /// A passkey is one.
    pub passkey: bool,
    /// Until when, in milliseconds since 1970.
    pub expires_at: i64,
}

/// The second half of a sign-in, or of a confirmation: one of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AnswerFactor {
    /// Six digits of an app, or a recovery code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// An `AuthenticationResponseJSON` (WebAuthn 3, 5.1) for the challenge that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passkey: Option<serde_json::Value>,
}

/// Signs in by a passkey alone.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeySignIn {
    /// An `AuthenticationResponseJSON` (WebAuthn 3, 5.1) with its user handle.
    pub passkey: serde_json::Value,
}

/// Proves once more who one is: with the factor where there is one, otherwise with the password.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Confirm {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    #[serde(flatten)]
    pub answer: AnswerFactor,
}

/// Until when sensitive changes need no further proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Confirmed {
    pub confirmed_until: i64,
}

/// What the browser is asked to do with a passkey: the options of `navigator.credentials`, in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct PasskeyOptions(pub serde_json::Value);
