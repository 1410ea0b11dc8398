//! `notification_settings`, `notification_choices`, `notification_teams`, `notification_team_kinds` and `push_devices`.

use std::collections::HashMap;

use sqlx::{AnyConnection, AnyPool};

use super::{
    super::model::{DigestPace, KindChoice, MailMode, NotificationKind, QuietHours, TeamKindChoice, TeamKindLevel, TeamLevel},
    CHUNK,
};
use crate::{
    error::AppResult,
    ids::{PushDeviceId, SignInId, TeamId, UserId},
    server::db::{Sql, Target, Tx, flag, parse_id},
};

crate::row! {
    /// An account that can be told, with what it chose as a whole.
    struct AccountRow {
        id: String, email: Option<String>, account_zone: String, mail: Option<i64>, digest: Option<String>, digest_hour: Option<i64>,
        quiet_from: Option<i64>, quiet_to: Option<i64>, time_zone: Option<String>, devices: i64,
    }
}

crate::row! { struct ChoiceRow { user_id: String, kind: String, mail: String, push: i64 } }
crate::row! { struct TeamRow { user_id: String, team_id: String, level: String } }
crate::row! { struct TeamKindRow { user_id: String, team_id: String, kind: String, level: String } }

crate::row! {
    #[derive(Clone, Debug)]
    pub struct DeviceRow {
        pub id: String, pub user_id: String, pub endpoint: String, pub p256dh: String, pub auth: String, pub name: String,
        pub last_sent_at: Option<i64>, pub last_error: Option<String>, pub created_at: i64,
    }
}

/// What one account chose as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub mail: bool,
    pub digest: DigestPace,
    pub digest_hour: i64,
    pub quiet: Option<QuietHours>,
    pub time_zone: Option<String>,
}

/// The hour of a daily digest for whoever chose none.
const DIGEST_HOUR: i64 = 8;

impl Default for Settings {
    fn default() -> Self {
        Self { mail: true, digest: DigestPace::Daily, digest_hour: DIGEST_HOUR, quiet: None, time_zone: None }
    }
}

/// Somebody who can be told, and how.
#[derive(Clone, Debug, Default)]
pub struct Recipient {
    pub email: Option<String>,
    /// Of the account, where none was chosen for notifications.
    pub account_zone: String,
    pub settings: Settings,
    /// Where they are not the defaults.
    pub choices: HashMap<NotificationKind, KindChoice>,
    pub teams: HashMap<TeamId, TeamLevel>,
    /// Kinds of single teams that are told another way.
    pub team_kinds: HashMap<(TeamId, NotificationKind), TeamKindLevel>,
    pub devices: i64,
}

impl Recipient {
    pub fn choice(&self, kind: NotificationKind) -> KindChoice {
        self.choices.get(&kind).copied().unwrap_or_else(|| KindChoice::of(kind))
    }
    pub fn level(&self, team: Option<TeamId>) -> TeamLevel {
        team.and_then(|team| self.teams.get(&team).copied()).unwrap_or_default()
    }
    /// How a kind is told that comes from a team; none: not at all.
    pub fn told(&self, kind: NotificationKind, team: Option<TeamId>) -> Option<KindChoice> {
        let own = team.and_then(|team| self.team_kinds.get(&(team, kind))).and_then(|level| level.choice(kind));
        own.or_else(|| self.level(team).lets(kind).then(|| self.choice(kind)))
    }
    pub fn zone(&self) -> &str {
        self.settings.time_zone.as_deref().unwrap_or(&self.account_zone)
    }
}

/// Those of these accounts that can be told: people whose account is in use, not agents.
pub async fn recipients(connection: &mut AnyConnection, users: &[UserId]) -> AppResult<HashMap<UserId, Recipient>> {
    let mut sql = Sql::new(
        "SELECT u.id, u.email, u.time_zone AS account_zone, s.mail, s.digest, s.digest_hour, s.quiet_from, s.quiet_to, s.time_zone, \
         (SELECT COUNT(*) FROM push_devices d WHERE d.user_id = u.id) AS devices \
         FROM users u LEFT JOIN notification_settings s ON s.user_id = u.id \
         WHERE u.kind = 'human' AND u.deactivated_at IS NULL AND u.deleted_at IS NULL AND u.id IN ",
    );
    sql.bind_list(users);
    let mut found = HashMap::with_capacity(users.len());
    for row in sql.fetch_all::<AccountRow>(connection).await? {
        let before = Settings::default();
        let settings = Settings {
            mail: row.mail != Some(0),
            digest: row.digest.as_deref().and_then(DigestPace::parse).unwrap_or(before.digest),
            digest_hour: row.digest_hour.unwrap_or(before.digest_hour),
            quiet: row.quiet_from.zip(row.quiet_to).map(|(from, to)| QuietHours { from, to }),
            time_zone: row.time_zone,
        };
        let recipient = Recipient {
            email: row.email,
            account_zone: row.account_zone,
            settings,
            choices: HashMap::new(),
            teams: HashMap::new(),
            team_kinds: HashMap::new(),
            devices: row.devices,
        };
        found.insert(parse_id(&row.id)?, recipient);
    }
    Ok(found)
}

/// What they chose for kinds and teams.
pub async fn add_choices(connection: &mut AnyConnection, recipients: &mut HashMap<UserId, Recipient>) -> AppResult<()> {
    if recipients.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("SELECT user_id, kind, mail, push FROM notification_choices WHERE user_id IN ");
    sql.bind_list(recipients.keys());
    for row in sql.fetch_all::<ChoiceRow>(&mut *connection).await? {
        // What a later version wrote says nothing to this one.
        let (Some(kind), Some(mail)) = (NotificationKind::named(&row.kind), MailMode::parse(&row.mail)) else { continue };
        if let Some(recipient) = recipients.get_mut(&parse_id(&row.user_id)?) {
            recipient.choices.insert(kind, KindChoice { kind, mail, push: row.push != 0 });
        }
    }
    let mut sql = Sql::new("SELECT user_id, team_id, level FROM notification_teams WHERE user_id IN ");
    sql.bind_list(recipients.keys());
    for row in sql.fetch_all::<TeamRow>(&mut *connection).await? {
        if let Some(recipient) = recipients.get_mut(&parse_id(&row.user_id)?) {
            recipient.teams.insert(parse_id(&row.team_id)?, TeamLevel::parse(&row.level).unwrap_or_default());
        }
    }
    let mut sql = Sql::new("SELECT user_id, team_id, kind, level FROM notification_team_kinds WHERE user_id IN ");
    sql.bind_list(recipients.keys());
    for row in sql.fetch_all::<TeamKindRow>(connection).await? {
        let (Some(kind), Some(level)) = (NotificationKind::named(&row.kind), TeamKindLevel::parse(&row.level)) else { continue };
        if let Some(recipient) = recipients.get_mut(&parse_id(&row.user_id)?) {
            recipient.team_kinds.insert((parse_id(&row.team_id)?, kind), level);
        }
    }
    Ok(())
}

/// Accounts that chose to be told of `kind` beside the bell and have no notification of `source` yet.
pub async fn chosen_by(pool: &AnyPool, kind: NotificationKind, source: &str) -> AppResult<Vec<UserId>> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT c.user_id FROM notification_choices c WHERE c.kind = $1 AND (c.mail <> 'off' OR c.push = 1) \
         AND NOT EXISTS (SELECT 1 FROM notifications n WHERE n.user_id = c.user_id AND n.source_id = $2) ORDER BY c.user_id",
    )
    .bind(kind.as_str())
    .bind(source)
    .fetch_all(pool)
    .await?;
    rows.iter().map(|id| parse_id(id)).collect()
}

pub async fn set_settings(tx: &mut Tx, user: UserId, settings: &Settings, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO notification_settings (user_id, mail, digest, digest_hour, quiet_from, quiet_to, time_zone, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (user_id) DO UPDATE SET mail = excluded.mail, digest = excluded.digest, \
         digest_hour = excluded.digest_hour, quiet_from = excluded.quiet_from, quiet_to = excluded.quiet_to, time_zone = excluded.time_zone, \
         updated_at = excluded.updated_at",
    )
    .bind(user.to_string())
    .bind(flag(settings.mail))
    .bind(settings.digest.as_str())
    .bind(settings.digest_hour)
    .bind(settings.quiet.map(|quiet| quiet.from))
    .bind(settings.quiet.map(|quiet| quiet.to))
    .bind(settings.time_zone.as_deref())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn set_choices(tx: &mut Tx, user: UserId, choices: &[KindChoice], now: i64) -> AppResult<()> {
    for chunk in choices.chunks(CHUNK) {
        let mut sql = Sql::new("INSERT INTO notification_choices (user_id, kind, mail, push, updated_at) VALUES ");
        sql.rows(chunk, |row, choice| {
            row.bind(user.to_string()).bind(choice.kind.as_str()).bind(choice.mail.as_str()).bind(flag(choice.push)).bind(now);
        });
        sql.push(" ON CONFLICT (user_id, kind) DO UPDATE SET mail = excluded.mail, push = excluded.push, updated_at = excluded.updated_at");
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

pub async fn set_teams(tx: &mut Tx, user: UserId, teams: &[(TeamId, TeamLevel)], now: i64) -> AppResult<()> {
    for chunk in teams.chunks(CHUNK) {
        let mut sql = Sql::new("INSERT INTO notification_teams (user_id, team_id, level, updated_at) VALUES ");
        sql.rows(chunk, |row, (team, level)| {
            row.bind(user.to_string()).bind(team.to_string()).bind(level.as_str()).bind(now);
        });
        sql.push(" ON CONFLICT (user_id, team_id) DO UPDATE SET level = excluded.level, updated_at = excluded.updated_at");
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// How kinds of single teams are told; one that is as usual has no row.
pub async fn set_team_kinds(tx: &mut Tx, user: UserId, choices: &[(TeamId, TeamKindChoice)], now: i64) -> AppResult<()> {
    for (team, TeamKindChoice { kind, level }) in choices {
        let sql = match level {
            TeamKindLevel::Usual => "DELETE FROM notification_team_kinds WHERE user_id = $1 AND team_id = $2 AND kind = $3",
            _ => {
                "INSERT INTO notification_team_kinds (user_id, team_id, kind, level, updated_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (user_id, team_id, kind) DO UPDATE SET level = excluded.level, updated_at = excluded.updated_at"
            }
        };
        let mut query = sqlx::query(sql).bind(user.to_string()).bind(team.to_string()).bind(kind.as_str());
        if *level != TeamKindLevel::Usual {
            query = query.bind(level.as_str()).bind(now);
        }
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Kinds that single teams have mailed are told as usual again: all of these kinds, or (none) all that are in the digest.
pub async fn end_mail_of_teams(tx: &mut Tx, user: UserId, kinds: Option<&[NotificationKind]>) -> AppResult<()> {
    let mut sql = Sql::new("DELETE FROM notification_team_kinds WHERE user_id = ");
    sql.bind(user.to_string());
    match kinds {
        Some(kinds) => sql.push(" AND level IN ('once', 'digest') AND kind IN ").bind_list(kinds.iter().map(|kind| kind.as_str())),
        None => sql.push(" AND level = 'digest'"),
    };
    sql.execute(&mut **tx).await?;
    Ok(())
}

macro_rules! device_columns {
    () => {
        "SELECT id, user_id, endpoint, p256dh, auth, name, last_sent_at, last_error, created_at FROM push_devices"
    };
}

/// The newest first.
pub async fn devices_of<'c>(executor: impl Target<'c>, user: UserId) -> AppResult<Vec<DeviceRow>> {
    let sql = concat!(device_columns!(), " WHERE user_id = $1 ORDER BY id DESC");
    Ok(sqlx::query_as(sql).bind(user.to_string()).fetch_all(executor).await?)
}

pub async fn devices_among<'c>(executor: impl Target<'c>, users: &[UserId]) -> AppResult<Vec<DeviceRow>> {
    let mut sql = Sql::new(concat!(device_columns!(), " WHERE user_id IN "));
    sql.bind_list(users);
    sql.fetch_all(executor).await
}

/// A browser that subscribes anew, or that somebody else signed in with, is the same device still, and theirs now.
pub async fn put_device(tx: &mut Tx, row: &DeviceRow, sign_in: Option<SignInId>, now: i64) -> AppResult<DeviceRow> {
    Ok(sqlx::query_as(
        "INSERT INTO push_devices (id, user_id, endpoint, p256dh, auth, name, sign_in_id, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) \
         ON CONFLICT (endpoint) DO UPDATE SET user_id = excluded.user_id, sign_in_id = excluded.sign_in_id, p256dh = excluded.p256dh, auth = excluded.auth, name = excluded.name, \
         last_error = NULL, updated_at = excluded.updated_at \
         RETURNING id, user_id, endpoint, p256dh, auth, name, last_sent_at, last_error, created_at",
    )
    .bind(&row.id)
    .bind(&row.user_id)
    .bind(&row.endpoint)
    .bind(&row.p256dh)
    .bind(&row.auth)
    .bind(&row.name)
    .bind(sign_in.map(|id| id.to_string()))
    .bind(now)
    .fetch_one(&mut **tx)
    .await?)
}

/// Whether there was one.
pub async fn delete_device(tx: &mut Tx, id: PushDeviceId, user: Option<UserId>) -> AppResult<bool> {
    let done = sqlx::query("DELETE FROM push_devices WHERE id = $1 AND ($2 IS NULL OR user_id = $2)")
        .bind(id.to_string())
        .bind(user.map(|user| user.to_string()))
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// How the last message to a device went.
pub async fn note_device(tx: &mut Tx, id: &str, error: Option<&str>, now: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE push_devices SET last_sent_at = CASE WHEN $2 IS NULL THEN $3 ELSE last_sent_at END, last_error = $2, updated_at = $3 WHERE id = $1",
    )
    .bind(id)
    .bind(error)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn delete_all_of(tx: &mut Tx, user: UserId) -> AppResult<()> {
    for sql in [
        "DELETE FROM notification_settings WHERE user_id = $1",
        "DELETE FROM notification_choices WHERE user_id = $1",
        "DELETE FROM notification_teams WHERE user_id = $1",
        "DELETE FROM notification_team_kinds WHERE user_id = $1",
        "DELETE FROM push_devices WHERE user_id = $1",
    ] {
        sqlx::query(sql).bind(user.to_string()).execute(&mut **tx).await?;
    }
    Ok(())
}
