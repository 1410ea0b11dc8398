//! Teams, members, invitations, the audit log.

use serde::{Deserialize, Serialize};

use super::{Person, Role};
use crate::ids::{InvitationId, TeamId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Team {
    pub id: TeamId,
    pub name: String,
    pub demo: bool,
    /// The caller's role.
    pub role: Role,
    pub members: i64,
    /// Only members with a second factor see it.
    #[serde(default, skip_serializing_if = "super::people::is_false")]
    pub requires_factor: bool,
    pub created_at: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateTeam {
    /// Made by the client, so that a retry makes one team.
    #[serde(default)]
    pub id: Option<TeamId>,
    pub name: String,
}

/// Changes to a team; none: left as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateTeam {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether its members must have a second factor. Who switches it on has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires_factor: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub person: Person,
    pub role: Role,
    pub email: Option<String>,
    /// Whether a person has a second factor; for those who manage members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<bool>,
    pub joined_at: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeRole {
    pub role: Role,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransferOwnership {
    pub to: UserId,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateAgent {
    /// Made by the client, so that a retry makes one agent.
    #[serde(default)]
    pub id: Option<UserId>,
    pub name: String,
    pub role: Role,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    pub id: InvitationId,
    pub role: Role,
    pub created_by: Person,
    pub uses: i64,
    pub max_uses: i64,
    pub expires_at: i64,
    pub created_at: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateInvitation {
    /// Made by the client, so that a retry makes one invitation.
    #[serde(default)]
    pub id: Option<InvitationId>,
    pub role: Role,
    /// 1..=1000.
    pub max_uses: u32,
    /// 1..=90.
    pub expires_in_days: u32,
    /// Whom it is for. Somebody who has an account with this address finds the invitation behind the bell too; whether there is one is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// What making an invitation answers: the link is shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewInvitation {
    pub invitation: Invitation,
    pub url: String,
}

/// What somebody who opens an invitation link sees before accepting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitationPreview {
    /// None: it only opens an account.
    pub team: Option<String>,
    pub team_id: Option<TeamId>,
    pub role: Role,
    pub invited_by: String,
    pub expires_at: i64,
    /// The caller is in the team already.
    pub member: bool,
}

/// One security event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    pub id: String,
    pub actor: String,
    /// Stable, such as `role.changed`.
    pub action: String,
    pub target: String,
    pub detail: String,
    pub address: String,
    pub created_at: i64,
}

/// Where a page of the audit log starts: newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ListAudit {
    /// The `next` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>, format = "uuid")]
    pub before: Option<uuid::Uuid>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditPage {
    pub events: Vec<AuditEvent>,
    /// Pass as `before` for the next page.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub next: Option<uuid::Uuid>,
}

/// A team as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminTeam {
    pub id: TeamId,
    pub name: String,
    pub demo: bool,
    pub members: i64,
    pub artifacts: i64,
    pub created_at: i64,
}

/// A service outside for which a team may have a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyProvider {
    OpenAi,
}

impl KeyProvider {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
        }
    }
    pub fn words(self) -> &'static str {
        match self {
            Self::OpenAi => "OpenAI",
        }
    }
}

/// A service that this server uses, and whether the team has a key of its own for it. The key itself is never shown again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamKey {
    pub provider: KeyProvider,
    /// Its last four characters; none when the team has none.
    pub hint: Option<String>,
    pub added_by: Option<Person>,
    pub added_at: Option<i64>,
    /// False when the server's SECRET_KEY is another one than when it was added: it has to be added again.
    pub usable: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetTeamKey {
    pub key: String,
}
