//! People and agents as they are shown, and one's own account.

use serde::{Deserialize, Serialize};

use super::{Role, Scopes};
use crate::ids::{ApiTokenId, SignInId, TeamId, UserId, VolumeId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserKind {
    Human,
    Agent,
}

impl UserKind {
    pub fn as_str(self) -> &'static str {
        match self {
            UserKind::Human => "human",
            UserKind::Agent => "agent",
        }
    }
    pub fn parse(text: &str) -> Self {
        if text == "agent" { UserKind::Agent } else { UserKind::Human }
    }
}

/// A person or an agent, as shown anywhere: enough for an avatar and a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    pub id: UserId,
    pub name: String,
    pub kind: UserKind,
    /// 1..=8, the person colour.
    pub color: u8,
    /// Where the picture is, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}

impl Person {
    /// From the columns of `users` that other features join.
    pub fn from_columns(id: UserId, name: String, kind: &str, color: i64, avatar_sha: Option<String>) -> Self {
        Self {
            id,
            name: if name.is_empty() { "Deleted account".to_owned() } else { name },
            kind: if kind == "agent" { UserKind::Agent } else { UserKind::Human },
            color: u8::try_from(color).unwrap_or(1).clamp(1, 8),
            avatar: avatar_sha.map(|sha| format!("/avatars/{id}/{sha}")),
        }
    }

    /// One or two letters for an avatar without a picture.
    pub fn initials(&self) -> String {
        let mut words = self.name.split_whitespace();
        let first = words.next().and_then(|word| word.chars().next());
        let last = words.next_back().and_then(|word| word.chars().next());
        first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
    }
}

/// The signed-in account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    pub person: Person,
    pub email: Option<String>,
    /// IANA name, such as `Europe/Berlin`.
    pub time_zone: String,
    /// Whether one's name stands beside one's numbers in analytics. Without it they count, for nobody by name.
    pub named_in_analytics: bool,
    pub administrator: bool,
    pub moderator: bool,
    pub has_password: bool,
    pub github_linked: bool,
    /// An account of the configured issuer is linked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub oidc_linked: bool,
    pub teams: Vec<MyTeam>,
    /// The volume of one's own.
    pub volume_id: VolumeId,
}

/// A team as its member sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MyTeam {
    pub id: TeamId,
    pub name: String,
    pub role: Role,
    /// Sample data, removable with one click.
    pub demo: bool,
    /// It wants its members to have a second factor, and one has none: nothing of it is shown until then.
    #[serde(default, skip_serializing_if = "is_false")]
    pub locked: bool,
}

/// For fields that are left out where they say nothing.
pub(super) fn is_false(flag: &bool) -> bool {
    !flag
}

/// One signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignIn {
    pub id: SignInId,
    /// Such as "Firefox on Linux".
    pub device: String,
    pub address: String,
    pub created_at: i64,
    pub last_seen_at: i64,
    /// The one that asks.
    pub current: bool,
}

/// An API token as listed: the secret itself is shown only when it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiToken {
    pub id: ApiTokenId,
    pub name: String,
    pub scopes: Scopes,
    /// First characters, to recognise it.
    pub prefix: String,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub last_used_at: Option<i64>,
}

/// What making a token answers, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewApiToken {
    pub token: ApiToken,
    pub secret: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateApiToken {
    /// Made by the client, so that a retry makes one token.
    #[serde(default)]
    pub id: Option<ApiTokenId>,
    pub name: String,
    pub scopes: Scopes,
    /// Days until it expires, 1..=366; none: it does not.
    pub expires_in_days: Option<u32>,
}

/// What a page needs to know before anybody is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    pub name: String,
    /// Nobody has an account yet: the first becomes the administrator.
    pub first_visit: bool,
    /// Whether accounts can be opened without an invitation.
    pub open_registration: bool,
    pub github: bool,
    /// What the configured issuer of OpenID Connect is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<String>,
    /// Whether passkeys work at this server's address.
    #[serde(default, skip_serializing_if = "is_false")]
    pub passkeys: bool,
    /// Whether the marketplace can be read without an account.
    #[serde(default, skip_serializing_if = "is_false")]
    pub market_public: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    pub email: String,
    pub password: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignUp {
    pub name: String,
    pub email: String,
    pub password: String,
    /// The secret of an invitation link.
    #[serde(default)]
    pub invitation: Option<String>,
    /// A field that people do not see: whoever fills it in is a program that fills in everything.
    #[serde(default)]
    pub website: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateMe {
    pub name: Option<String>,
    pub time_zone: Option<String>,
    pub named_in_analytics: Option<bool>,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangePassword {
    /// Not asked of an account that has no password yet.
    #[serde(default)]
    pub current: Option<String>,
    pub new: String,
}

/// A one-time link that still works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasswordLink {
    pub expires_at: i64,
}

/// A new password, set through a one-time link.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewPassword {
    pub password: String,
}

/// An account as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminUser {
    pub person: Person,
    pub email: Option<String>,
    pub administrator: bool,
    pub moderator: bool,
    pub deactivated: bool,
    /// Has a second factor.
    #[serde(default)]
    pub second_factor: bool,
    pub teams: i64,
    pub created_at: i64,
    pub last_seen_at: Option<i64>,
}

/// Which accounts an administrator wants to see: newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ListUsers {
    /// Part of a name or of an e-mail address.
    #[serde(default)]
    pub q: Option<String>,
    /// The `next` of the page before.
    #[serde(default)]
    pub before: Option<UserId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserPage {
    pub users: Vec<AdminUser>,
    /// Pass as `before` for the next page.
    pub next: Option<UserId>,
}

/// What an administrator changes about an account; none: left as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateUser {
    pub administrator: Option<bool>,
    pub moderator: Option<bool>,
    pub deactivated: Option<bool>,
}

/// Changes to the instance; none: left as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateSettings {
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub open_registration: Option<bool>,
}

/// Deleting one's own account asks for the password once more; an account without one repeats its e-mail address, and was confirmed just before.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeleteMe {
    #[serde(default)]
    pub password: Option<String>,
    #[serde(default)]
    pub email: Option<String>,
}

/// The settings of the instance that administrators change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceSettings {
    pub name: String,
    pub open_registration: bool,
}

/// A link that works once; the secret is in it, so it is shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretLink {
    pub url: String,
    pub expires_at: i64,
}
