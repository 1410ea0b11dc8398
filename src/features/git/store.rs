//! The only SQL on links, and on pull requests.

pub mod pull_requests;

use crate::{
    error::AppResult,
    features::accounts::model::Person,
    ids::{ArtifactId, CommitId, UserId, VolumeId},
    server::db::{Sql, Target, Tx, flag, parse_id},
};

crate::row! {
    /// A link with the account that made it.
    #[derive(Clone)]
    pub struct LinkRow {
        pub volume_id: String,
        pub url: String,
        pub branch: String,
        pub folder: String,
        /// Sealed.
        pub token: Option<Vec<u8>>,
        pub host_key: Option<String>,
        pub push: i64,
        pub last_sha: Option<String>,
        pub last_commit: Option<String>,
        pub behind: i64,
        pub notice: Option<String>,
        pub last_error: Option<String>,
        pub conflicts: String,
        pub report: Option<String>,
        pub last_sync_at: Option<i64>,
        /// Up to when the repository's history was counted.
        pub history_at: Option<i64>,
        /// Whether its token is one that this server's GitHub App gets.
        pub app: i64,
        /// Pulls and pushes that were given up, since the last one that went well.
        pub failures: i64,
        pub created_at: i64,
        pub updated_at: i64,
        author_id: String,
        author_name: String,
        author_kind: String,
        author_color: i64,
        author_avatar: Option<String>,
    }
}

impl LinkRow {
    pub fn volume(&self) -> AppResult<VolumeId> {
        parse_id(&self.volume_id)
    }
    pub fn linked_by(&self) -> AppResult<Person> {
        let id = parse_id(&self.author_id)?;
        Ok(Person::from_columns(id, self.author_name.clone(), &self.author_kind, self.author_color, self.author_avatar.clone()))
    }
    pub fn last_commit(&self) -> AppResult<Option<CommitId>> {
        self.last_commit.as_deref().map(parse_id).transpose()
    }
    pub fn conflicts(&self) -> AppResult<Vec<ArtifactId>> {
        Ok(serde_json::from_str(&self.conflicts)?)
    }
    pub fn leads(&self) -> Leads<'_> {
        Leads { volume: &self.volume_id, url: &self.url, branch: &self.branch, folder: &self.folder }
    }
}

/// Where a link led when work on it began. What came of the work is written only while it still leads there: somebody may have linked the volume to
/// another place meanwhile, of which it says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leads<'a> {
    volume: &'a str,
    url: &'a str,
    branch: &'a str,
    folder: &'a str,
}

impl Leads<'_> {
    fn narrow(&self, sql: &mut Sql) {
        sql.push(" WHERE volume_id = ").bind(self.volume.to_owned()).push(" AND url = ").bind(self.url.to_owned());
        sql.push(" AND branch = ").bind(self.branch.to_owned()).push(" AND folder = ").bind(self.folder.to_owned());
    }
}

const LINK: &str = "SELECT l.volume_id, l.url, l.branch, l.folder, l.token, l.host_key, l.push, l.last_sha, l.last_commit, l.behind, l.notice, l.last_error, l.conflicts, \
     l.report, l.last_sync_at, l.history_at, l.app, l.failures, l.created_at, l.updated_at, l.linked_by AS author_id, u.name AS author_name, u.kind AS author_kind, u.color AS author_color, \
     u.avatar_sha AS author_avatar FROM git_links l JOIN users u ON u.id = l.linked_by ";

pub async fn link<'c>(executor: impl Target<'c>, volume: VolumeId) -> AppResult<Option<LinkRow>> {
    let mut sql = Sql::new(LINK);
    sql.push("WHERE l.volume_id = ").bind(volume.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

/// Every link, of volumes that are there.
pub async fn links<'c>(executor: impl Target<'c>) -> AppResult<Vec<LinkRow>> {
    let mut sql = Sql::new(LINK);
    sql.push("JOIN volumes v ON v.id = l.volume_id WHERE v.deleted_at IS NULL ORDER BY l.volume_id");
    sql.fetch_all(executor).await
}

/// Volumes that are there and linked to an address with this in it, in lower case; each with the address. They may be more than are meant: whoever asks
/// compares the whole.
pub async fn links_with<'c>(executor: impl Target<'c>, part: &str) -> AppResult<Vec<(String, String)>> {
    let mut sql = Sql::new(
        "SELECT l.volume_id, l.url FROM git_links l JOIN volumes v ON v.id = l.volume_id WHERE v.deleted_at IS NULL AND lower(l.url) LIKE ",
    );
    sql.bind(format!("%{part}%")).push(" ORDER BY l.volume_id");
    sql.fetch_all(executor).await
}

/// Volumes that are there whose repository is to be looked at by now, those first that have waited longest; whether each pushes by itself.
pub async fn due<'c>(executor: impl Target<'c>, now: i64, limit: i64) -> AppResult<Vec<(String, i64)>> {
    let mut sql = Sql::new(
        "SELECT l.volume_id, l.push FROM git_links l JOIN volumes v ON v.id = l.volume_id WHERE v.deleted_at IS NULL AND l.look_at <= ",
    );
    sql.bind(now).push(" ORDER BY l.look_at, l.volume_id LIMIT ").number(limit);
    sql.fetch_all(executor).await
}

/// The repository of a volume is to be looked at then.
pub async fn set_look(tx: &mut Tx, volume: &str, at: i64) -> AppResult<()> {
    sqlx::query("UPDATE git_links SET look_at = $2 WHERE volume_id = $1").bind(volume).bind(at).execute(&mut **tx).await?;
    Ok(())
}

/// The history of the repository of a link is counted up to a time.
pub async fn set_history(tx: &mut Tx, volume: VolumeId, at: i64) -> AppResult<()> {
    sqlx::query("UPDATE git_links SET history_at = $2 WHERE volume_id = $1").bind(volume.to_string()).bind(at).execute(&mut **tx).await?;
    Ok(())
}

/// The volume of each link that has a token, and the token, sealed.
pub async fn tokens<'c>(executor: impl Target<'c>) -> AppResult<Vec<(String, Vec<u8>)>> {
    Sql::new("SELECT volume_id, token FROM git_links WHERE token IS NOT NULL ORDER BY volume_id").fetch_all(executor).await
}

/// Whether commits of a volume are pushed by themselves.
pub async fn pushes(tx: &mut Tx, volume: VolumeId) -> AppResult<bool> {
    Ok(sqlx::query_scalar::<_, i64>("SELECT push FROM git_links WHERE volume_id = $1")
        .bind(volume.to_string())
        .fetch_optional(&mut **tx)
        .await?
        .is_some_and(|push| push != 0))
}

pub struct NewLink<'a> {
    pub volume: VolumeId,
    pub url: &'a str,
    pub branch: &'a str,
    pub folder: &'a str,
    pub token: Option<Vec<u8>>,
    /// What the host showed itself with, over SSH.
    pub host_key: Option<String>,
    pub push: bool,
    /// Whether its token is one that this server's GitHub App gets.
    pub app: bool,
    pub by: UserId,
    /// When the repository is looked at next.
    pub look_at: i64,
    pub now: i64,
    /// Another place than before: what is known of both sides is of no use any more.
    pub elsewhere: bool,
}

pub async fn put(tx: &mut Tx, new: NewLink<'_>) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO git_links (volume_id, url, branch, folder, token, push, linked_by, created_at, updated_at, host_key, app, look_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11) \
         ON CONFLICT (volume_id) DO UPDATE SET url = $2, branch = $3, folder = $4, token = $5, push = $6, linked_by = $7, last_error = NULL, updated_at = $8, \
         host_key = $9, app = $10, look_at = $11, failures = 0, failed_since = NULL",
    )
    .bind(new.volume.to_string())
    .bind(new.url)
    .bind(new.branch)
    .bind(new.folder)
    .bind(new.token)
    .bind(flag(new.push))
    .bind(new.by.to_string())
    .bind(new.now)
    .bind(new.host_key)
    .bind(flag(new.app))
    .bind(new.look_at)
    .execute(&mut **tx)
    .await?;
    if new.elsewhere {
        sqlx::query(
            "UPDATE git_links SET last_sha = NULL, last_commit = NULL, behind = 0, notice = NULL, conflicts = '[]', report = NULL, last_sync_at = NULL, \
             history_at = NULL \
             WHERE volume_id = $1",
        )
        .bind(new.volume.to_string())
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Whether there was one.
pub async fn remove(tx: &mut Tx, volume: &str) -> AppResult<bool> {
    Ok(sqlx::query("DELETE FROM git_links WHERE volume_id = $1").bind(volume).execute(&mut **tx).await?.rows_affected() > 0)
}

/// How far both sides are after a pull or a push.
#[derive(Clone, Copy)]
pub struct Synced<'a> {
    pub leads: Leads<'a>,
    pub sha: Option<&'a str>,
    pub commit: Option<CommitId>,
    pub notice: Option<&'a str>,
    pub conflicts: &'a [ArtifactId],
    /// None: the one before stays.
    pub report: Option<&'a str>,
    /// Nothing is left to do: what failed before is over.
    pub well: bool,
    /// When the repository is looked at next, then.
    pub look_at: i64,
    pub now: i64,
}

/// Whether the link still leads there.
pub async fn set_synced(tx: &mut Tx, synced: &Synced<'_>) -> AppResult<bool> {
    let mut sql = Sql::new("UPDATE git_links SET last_sha = ");
    sql.bind(synced.sha.map(str::to_owned)).push(", last_commit = ").bind(synced.commit.map(|id| id.to_string()));
    sql.push(", notice = ").bind(synced.notice.map(str::to_owned)).push(", conflicts = ").bind(serde_json::to_string(synced.conflicts)?);
    if let Some(report) = synced.report {
        sql.push(", report = ").bind(report.to_owned());
    }
    sql.push(", behind = 0");
    if synced.well {
        sql.push(", last_error = NULL, failures = 0, failed_since = NULL, look_at = ").bind(synced.look_at);
    }
    sql.push(", last_sync_at = ").bind(synced.now).push(", updated_at = ").bind(synced.now);
    synced.leads.narrow(&mut sql);
    Ok(sql.execute(&mut **tx).await?.rows_affected() > 0)
}

/// What was seen there before it is taken in.
pub async fn set_behind(tx: &mut Tx, leads: Leads<'_>, behind: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE git_links SET behind = ");
    sql.bind(behind);
    leads.narrow(&mut sql);
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// Why a try did not go well; another one follows by itself.
pub async fn set_error(tx: &mut Tx, leads: Leads<'_>, why: &str, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE git_links SET last_error = ");
    sql.bind(why.to_owned()).push(", updated_at = ").bind(now);
    leads.narrow(&mut sql);
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// A pull or a push was given up, until it is looked at again. When the first of them was that were given up in a row; none: the link leads elsewhere.
pub async fn set_failed(tx: &mut Tx, leads: Leads<'_>, why: &str, look_at: i64, now: i64) -> AppResult<Option<i64>> {
    let mut sql = Sql::new("UPDATE git_links SET last_error = ");
    sql.bind(why.to_owned()).push(", failures = failures + 1, failed_since = COALESCE(failed_since, ").bind(now);
    sql.push("), look_at = ").bind(look_at).push(", updated_at = ").bind(now);
    leads.narrow(&mut sql);
    sql.push(" RETURNING failed_since");
    Ok(sql.fetch_all::<(i64,)>(&mut **tx).await?.pop().map(|(since,)| since))
}
