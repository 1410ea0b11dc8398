//! `invitations`.

use crate::{
    error::AppResult,
    features::accounts::{Role, model::Invitation},
    ids::{InvitationId, TeamId, UserId},
    server::db::{Target, Tx},
};

/// A new invitation; without a team it only opens an account.
pub struct NewInvitation<'a> {
    pub id: InvitationId,
    pub team: Option<TeamId>,
    pub role: Role,
    pub token_hash: &'a str,
    pub created_by: UserId,
    pub max_uses: i64,
    pub expires_at: i64,
    /// The account that it was made for.
    pub user: Option<UserId>,
}

pub async fn insert(tx: &mut Tx, new: &NewInvitation<'_>, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO invitations (id, team_id, role, token_hash, created_by, max_uses, expires_at, created_at, updated_at, user_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)",
    )
    .bind(new.id.to_string())
    .bind(new.team.map(|team| team.to_string()))
    .bind(new.role.as_str())
    .bind(new.token_hash)
    .bind(new.created_by.to_string())
    .bind(new.max_uses)
    .bind(new.expires_at)
    .bind(now)
    .bind(new.user.map(|user| user.to_string()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn id_is_taken(tx: &mut Tx, id: InvitationId) -> AppResult<bool> {
    let taken: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM invitations WHERE id = $1").bind(id.to_string()).fetch_one(&mut **tx).await?;
    Ok(taken > 0)
}

crate::row! {
    struct InvitationRow {
        id: String, role: String, uses: i64, max_uses: i64, expires_at: i64, created_at: i64,
        user_id: String, user_kind: String, user_name: String, user_color: i64, user_avatar: Option<String>,
    }
}

/// Invitations that still work, newest first; without a team those that only open accounts.
pub async fn open<'c>(executor: impl Target<'c>, team: Option<TeamId>, now: i64) -> AppResult<Vec<Invitation>> {
    let rows: Vec<InvitationRow> = sqlx::query_as(concat!(
        "SELECT i.id, i.role, i.uses, i.max_uses, i.expires_at, i.created_at, ",
        super::person_columns!(),
        " FROM invitations i JOIN users u ON u.id = i.created_by \
         WHERE COALESCE(i.team_id, '') = $1 AND i.revoked_at IS NULL AND i.uses < i.max_uses AND i.expires_at > $2 ORDER BY i.id DESC LIMIT 500"
    ))
    .bind(team.map(|team| team.to_string()).unwrap_or_default())
    .bind(now)
    .fetch_all(executor)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Invitation {
                id: super::id(&row.id)?,
                role: super::role(&row.role)?,
                created_by: super::person(&row.user_id, &row.user_kind, row.user_name, row.user_color, row.user_avatar.as_deref())?,
                uses: row.uses,
                max_uses: row.max_uses,
                expires_at: row.expires_at,
                created_at: row.created_at,
            })
        })
        .collect()
}

crate::row! {
    /// What a link leads to.
    pub struct Invited {
        pub id: String,
        pub team_id: Option<String>,
        pub team_name: Option<String>,
        pub team_deleted_at: Option<i64>,
        pub role: String,
        pub invited_by: String,
        pub uses: i64,
        pub max_uses: i64,
        pub expires_at: i64,
        pub revoked_at: Option<i64>,
    }
}

impl Invited {
    pub fn works(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.team_deleted_at.is_none() && self.uses < self.max_uses && self.expires_at > now
    }
    pub fn team(&self) -> AppResult<Option<TeamId>> {
        self.team_id.as_deref().map(super::id).transpose()
    }
    pub fn role(&self) -> AppResult<Role> {
        super::role(&self.role)
    }
}

macro_rules! invited {
    () => {
        "SELECT i.id, i.team_id, t.name AS team_name, t.deleted_at AS team_deleted_at, i.role, u.name AS invited_by, i.uses, i.max_uses, \
         i.expires_at, i.revoked_at FROM invitations i JOIN users u ON u.id = i.created_by LEFT JOIN teams t ON t.id = i.team_id WHERE "
    };
}

pub async fn by_secret<'c>(executor: impl Target<'c>, token_hash: &str) -> AppResult<Option<Invited>> {
    Ok(sqlx::query_as(concat!(invited!(), "i.token_hash = $1")).bind(token_hash).fetch_optional(executor).await?)
}

/// An invitation that was made for this account.
pub async fn own<'c>(executor: impl Target<'c>, id: InvitationId, user: UserId) -> AppResult<Option<Invited>> {
    let statement = concat!(invited!(), "i.id = $1 AND i.user_id = $2");
    Ok(sqlx::query_as(statement).bind(id.to_string()).bind(user.to_string()).fetch_optional(executor).await?)
}

/// Uses the invitation once; false when it no longer works. The row stays locked, so that the last use happens once.
pub async fn consume(tx: &mut Tx, id: &str, now: i64) -> AppResult<bool> {
    let result = sqlx::query(
        "UPDATE invitations SET uses = uses + 1, updated_at = $2 WHERE id = $1 AND revoked_at IS NULL AND uses < max_uses AND expires_at > $2",
    )
    .bind(id)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(result.rows_affected() == 1)
}

/// Ends an invitation of `team`; the role it was for, or none when there is nothing to end.
pub async fn revoke(tx: &mut Tx, id: InvitationId, team: Option<TeamId>, now: i64) -> AppResult<Option<Role>> {
    let role: Option<String> = sqlx::query_scalar(
        "UPDATE invitations SET revoked_at = $3, updated_at = $3 WHERE id = $1 AND COALESCE(team_id, '') = $2 AND revoked_at IS NULL RETURNING role",
    )
    .bind(id.to_string())
    .bind(team.map(|team| team.to_string()).unwrap_or_default())
    .bind(now)
    .fetch_optional(&mut **tx)
    .await?;
    role.map(|role| super::role(&role)).transpose()
}

/// Ends what somebody who leaves has handed out: to one team, or everywhere.
pub async fn revoke_made_by(tx: &mut Tx, user: UserId, team: Option<TeamId>, now: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE invitations SET revoked_at = $3, updated_at = $3 \
         WHERE created_by = $1 AND revoked_at IS NULL AND ($2 = '' OR COALESCE(team_id, '') = $2)",
    )
    .bind(user.to_string())
    .bind(team.map(|team| team.to_string()).unwrap_or_default())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
