//! Releases, what they depend on, and what was decided about them.

use std::collections::HashMap;

use sqlx::AnyPool;

use super::CHUNK;
use crate::{
    error::AppResult,
    features::{
        accounts::model::Person,
        artifacts::model::{FileEntry, Kind},
        marketplace::model::{Capabilities, Decision, Dependency, Finding, ReleaseState},
    },
    ids::{ArtifactId, ListingId, ReleaseId, UserId},
    server::db::{Sql, Target, Tx, parse_id},
};

crate::row! {
    #[derive(Clone, Debug)]
    pub struct ReleaseRow {
        pub id: String, pub listing_id: String, pub version: String, pub state: String, pub kind: String, pub name: String, pub description: String,
        pub category: String, pub tags: String, pub licence: String, pub repository: String, pub changelog: String, pub main_path: String,
        pub content_sha: String, pub files: String, pub dependencies: String, pub capabilities: String, pub digest: String, pub size: i64,
        pub report: String, pub held: i64, pub envelope: Option<String>, pub key_id: Option<String>, pub log_index: Option<i64>,
        pub downloads: i64, pub withdrawn_reason: String, pub artifact_id: Option<String>, pub checking: i64, pub submitted_by: String, pub published_at: Option<i64>, pub created_at: i64, pub updated_at: i64,
    }
}

impl ReleaseRow {
    pub fn id(&self) -> AppResult<ReleaseId> {
        parse_id(&self.id)
    }
    pub fn listing(&self) -> AppResult<ListingId> {
        parse_id(&self.listing_id)
    }
    pub fn state(&self) -> ReleaseState {
        ReleaseState::parse(&self.state)
    }
    pub fn kind(&self) -> Kind {
        self.kind.parse().unwrap_or(Kind::Skill)
    }
    pub fn tags(&self) -> AppResult<Vec<String>> {
        Ok(serde_json::from_str(&self.tags)?)
    }
    pub fn files(&self) -> AppResult<Vec<FileEntry>> {
        Ok(serde_json::from_str(&self.files)?)
    }
    pub fn dependencies(&self) -> AppResult<Vec<Dependency>> {
        Ok(serde_json::from_str(&self.dependencies)?)
    }
    pub fn capabilities(&self) -> AppResult<Capabilities> {
        Ok(serde_json::from_str(&self.capabilities)?)
    }
    pub fn report(&self) -> AppResult<Vec<Finding>> {
        Ok(serde_json::from_str(&self.report)?)
    }
    pub fn artifact(&self) -> AppResult<Option<ArtifactId>> {
        self.artifact_id.as_deref().map(parse_id).transpose()
    }
    pub fn submitted_by(&self) -> AppResult<UserId> {
        parse_id(&self.submitted_by)
    }
}

const RELEASE: &str = "SELECT r.id, r.listing_id, r.version, r.state, r.kind, r.name, r.description, r.category, r.tags, r.licence, r.repository, r.changelog, r.main_path, \
     r.content_sha, r.files, r.dependencies, r.capabilities, r.digest, r.size, r.report, r.held, r.envelope, r.key_id, r.log_index, r.downloads, \
     r.withdrawn_reason, r.artifact_id, r.checking, r.submitted_by, r.published_at, r.created_at, r.updated_at FROM releases r ";

pub async fn release<'c>(executor: impl Target<'c>, id: ReleaseId) -> AppResult<Option<ReleaseRow>> {
    let mut sql = Sql::new(RELEASE);
    sql.push("WHERE r.id = ").bind(id.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

pub async fn releases_by_id(pool: &AnyPool, ids: &[ReleaseId]) -> AppResult<Vec<ReleaseRow>> {
    let mut found = Vec::new();
    for chunk in ids.chunks(CHUNK) {
        let mut sql = Sql::new(RELEASE);
        sql.push("WHERE r.id IN ").bind_list(chunk);
        found.extend(sql.fetch_all::<ReleaseRow>(pool).await?);
    }
    Ok(found)
}

/// All that a listing has, or what of it everybody may read; the newest version first.
pub async fn releases_of<'c>(executor: impl Target<'c>, listing: ListingId, only_out: bool) -> AppResult<Vec<ReleaseRow>> {
    let mut sql = Sql::new(RELEASE);
    sql.push("WHERE r.listing_id = ").bind(listing.to_string());
    if only_out {
        sql.push(" AND r.state IN ('public', 'withdrawn')");
    }
    sql.push(" ORDER BY r.version_order DESC, r.id DESC");
    sql.fetch_all(executor).await
}

/// What waits for a moderator, the oldest first.
pub async fn releases_in_review(pool: &AnyPool, limit: i64) -> AppResult<Vec<ReleaseRow>> {
    let mut sql = Sql::new(RELEASE);
    sql.push("WHERE r.state = 'review' ORDER BY r.created_at, r.id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

pub async fn releases_submitted_by(pool: &AnyPool, user: UserId, limit: i64) -> AppResult<Vec<ReleaseRow>> {
    let mut sql = Sql::new(RELEASE);
    sql.push("WHERE r.submitted_by = ").bind(user.to_string()).push(" ORDER BY r.created_at DESC, r.id DESC LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

crate::row! {
    /// What the solver knows of a release.
    #[derive(Clone, Debug)]
    pub struct VersionRow { pub slug: String, pub version: String, pub state: String, pub dependencies: String, pub withdrawn_reason: String }
}

/// The versions of these listings that are out. Of what a moderator hid, what is installed stays and nothing comes anew: as if it were withdrawn.
pub async fn versions_of(pool: &AnyPool, slugs: &[String]) -> AppResult<Vec<VersionRow>> {
    let mut found = Vec::new();
    for chunk in slugs.chunks(CHUNK) {
        let mut sql = Sql::new(
            "SELECT l.slug, r.version, CASE WHEN l.state IN ('listed', 'reserved') THEN r.state ELSE 'withdrawn' END AS state, r.dependencies, \
             CASE WHEN l.state IN ('listed', 'reserved') THEN r.withdrawn_reason ELSE l.state_reason END AS withdrawn_reason \
             FROM listings l JOIN releases r ON r.listing_id = l.id WHERE r.state IN ('public', 'withdrawn') AND l.slug IN ",
        );
        sql.bind_list(chunk);
        found.extend(sql.fetch_all::<VersionRow>(pool).await?);
    }
    Ok(found)
}

/// How these releases and their listings stand, by the release's id.
pub async fn release_states(tx: &mut Tx, ids: &[ReleaseId]) -> AppResult<HashMap<String, (String, String)>> {
    let mut states = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let mut sql = Sql::new("SELECT r.id, r.state, l.state FROM releases r JOIN listings l ON l.id = r.listing_id WHERE r.id IN ");
        sql.bind_list(chunk);
        let rows: Vec<(String, String, String)> = sql.fetch_all(&mut **tx).await?;
        states.extend(rows.into_iter().map(|(id, release, listing)| (id, (release, listing))));
    }
    Ok(states)
}

/// Releases that are out, by the ids of their listings and their versions.
pub async fn releases_at(pool: &AnyPool, versions: &[(&str, &str)]) -> AppResult<Vec<ReleaseRow>> {
    let mut found = Vec::with_capacity(versions.len());
    for chunk in versions.chunks(CHUNK / 2) {
        let mut sql = Sql::new(RELEASE);
        sql.push("WHERE r.state IN ('public', 'withdrawn') AND (");
        for (at, (listing, version)) in chunk.iter().enumerate() {
            sql.push(if at == 0 { "(r.listing_id = " } else { " OR (r.listing_id = " }).bind((*listing).to_owned());
            sql.push(" AND r.version = ").bind((*version).to_owned()).push(")");
        }
        sql.push(")");
        found.extend(sql.fetch_all::<ReleaseRow>(pool).await?);
    }
    Ok(found)
}

/// Which listings need this one in the release that they show: slug and name.
pub async fn dependents_of(pool: &AnyPool, slug: &str, limit: i64) -> AppResult<Vec<(String, String)>> {
    let mut sql = Sql::new(
        // From the few that name it: the other way round all listings would be gone through.
        "SELECT l.slug, l.name FROM release_dependencies d JOIN releases v ON v.id = d.release_id JOIN listings l ON l.id = v.listing_id \
         AND l.latest_release_id = d.release_id WHERE l.state = 'listed' AND d.slug IN (SELECT ",
    );
    // Also what names it as it was called before.
    sql.bind(slug.to_owned())
        .push(" UNION ALL SELECT r.slug FROM listing_redirects r JOIN listings t ON t.id = r.listing_id WHERE t.slug = ");
    sql.bind(slug.to_owned()).push(") ORDER BY l.installs DESC, l.slug LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

pub struct NewRelease {
    pub id: ReleaseId,
    pub listing: ListingId,
    pub version: String,
    pub version_order: String,
    pub state: ReleaseState,
    pub kind: Kind,
    pub name: String,
    pub description: String,
    pub category: String,
    pub tags: Vec<String>,
    pub licence: String,
    pub repository: String,
    pub changelog: String,
    pub main_path: String,
    pub content_sha: String,
    pub files: Vec<FileEntry>,
    pub dependencies: Vec<Dependency>,
    pub capabilities: Capabilities,
    pub digest: String,
    pub size: i64,
    pub report: Vec<Finding>,
    pub rules: String,
    pub held: bool,

    pub artifact: Option<String>,
    pub by: UserId,
    pub now: i64,
}

pub async fn insert_release(tx: &mut Tx, new: &NewRelease) -> AppResult<()> {
    let mut sql = Sql::new(
        "INSERT INTO releases (id, listing_id, version, version_order, state, kind, name, description, category, tags, licence, repository, changelog, main_path, \
         content_sha, files, dependencies, capabilities, digest, size, report, rules, held, artifact_id, submitted_by, created_at, updated_at) VALUES ",
    );
    let json = [
        serde_json::to_string(&new.tags)?,
        serde_json::to_string(&new.files)?,
        serde_json::to_string(&new.dependencies)?,
        serde_json::to_string(&new.capabilities)?,
        serde_json::to_string(&new.report)?,
    ];
    let [tags, files, dependencies, capabilities, report] = json;
    sql.rows(&[()], |row, ()| {
        row.bind(new.id.to_string())
            .bind(new.listing.to_string())
            .bind(new.version.clone())
            .bind(new.version_order.clone())
            .bind(new.state.as_str())
            .bind(new.kind.as_str())
            .bind(new.name.clone())
            .bind(new.description.clone())
            .bind(new.category.clone())
            .bind(tags.clone())
            .bind(new.licence.clone())
            .bind(new.repository.clone())
            .bind(new.changelog.clone())
            .bind(new.main_path.clone())
            .bind(new.content_sha.clone())
            .bind(files.clone())
            .bind(dependencies.clone())
            .bind(capabilities.clone())
            .bind(new.digest.clone())
            .bind(new.size)
            .bind(report.clone())
            .bind(new.rules.clone())
            .bind(i64::from(new.held))
            .bind(new.artifact.clone())
            .bind(new.by.to_string())
            .bind(new.now)
            .bind(new.now);
    });
    sql.execute(&mut **tx).await?;
    if !new.dependencies.is_empty() {
        let mut sql = Sql::new("INSERT INTO release_dependencies (release_id, slug, version_range) VALUES ");
        sql.rows(&new.dependencies, |row, dependency| {
            row.bind(new.id.to_string()).bind(dependency.slug.clone()).bind(dependency.range.clone());
        });
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Whether this version is there: public, or on its way.
pub async fn version_stands(tx: &mut Tx, listing: ListingId, version_order: &str) -> AppResult<bool> {
    let mut sql = Sql::new("SELECT id FROM releases WHERE state <> 'rejected' AND state <> 'changes' AND listing_id = ");
    sql.bind(listing.to_string()).push(" AND version_order = ").bind(version_order.to_owned());
    // What was deleted was public with this number.
    sql.push(" UNION ALL SELECT listing_id FROM deleted_releases WHERE listing_id = ").bind(listing.to_string());
    sql.push(" AND version_order = ").bind(version_order.to_owned());
    Ok(!sql.fetch_all::<(String,)>(&mut **tx).await?.is_empty())
}

/// Moves a release from one state to another; false if it was no longer there.
pub async fn advance_release(tx: &mut Tx, id: ReleaseId, from: ReleaseState, to: ReleaseState, now: i64) -> AppResult<bool> {
    let mut sql = Sql::new("UPDATE releases SET state = ");
    sql.bind(to.as_str()).push(", updated_at = ").bind(now).push(" WHERE id = ").bind(id.to_string());
    sql.push(" AND state = ").bind(from.as_str());
    Ok(sql.execute(&mut **tx).await?.rows_affected() > 0)
}

pub async fn set_signature(tx: &mut Tx, id: ReleaseId, envelope: &str, key: &str, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE releases SET envelope = ");
    sql.bind(envelope.to_owned()).push(", key_id = ").bind(key.to_owned()).push(", updated_at = ").bind(now);
    sql.push(" WHERE id = ").bind(id.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

pub async fn set_public(tx: &mut Tx, id: ReleaseId, envelope: &str, log_index: i64, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE releases SET state = 'public', envelope = ");
    sql.bind(envelope.to_owned())
        .push(", log_index = ")
        .bind(log_index)
        .push(", published_at = ")
        .bind(now)
        .push(", updated_at = ")
        .bind(now);
    sql.push(" WHERE id = ").bind(id.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

pub async fn set_withdrawn(tx: &mut Tx, id: ReleaseId, reason: &str, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE releases SET state = 'withdrawn', withdrawn_reason = ");
    sql.bind(reason.to_owned()).push(", updated_at = ").bind(now).push(" WHERE id = ").bind(id.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// The newest release that is public and not withdrawn; a pre-release only where there is nothing else.
pub async fn newest_public(tx: &mut Tx, listing: ListingId) -> AppResult<Option<String>> {
    // The texts of final versions end with a tilde.
    let mut sql = Sql::new("SELECT id FROM releases WHERE state = 'public' AND listing_id = ");
    sql.bind(listing.to_string()).push(" ORDER BY CASE WHEN version_order LIKE '%~' THEN 0 ELSE 1 END, version_order DESC LIMIT 1");
    Ok(sql.fetch_all::<(String,)>(&mut **tx).await?.pop().map(|(id,)| id))
}

pub async fn count_download(tx: &mut Tx, id: ReleaseId) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE releases SET downloads = downloads + 1 WHERE id = ");
    sql.bind(id.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

pub async fn insert_decision(tx: &mut Tx, release: ReleaseId, decision: &'static str, reason: &str, by: UserId, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("INSERT INTO release_decisions (id, release_id, decision, reason, actor_id, created_at) VALUES (");
    sql.bind(uuid::Uuid::now_v7().to_string())
        .push(", ")
        .bind(release.to_string())
        .push(", ")
        .bind(decision)
        .push(", ")
        .bind(reason.to_owned());
    sql.push(", ").bind(by.to_string()).push(", ").bind(now).push(")");
    sql.execute(&mut **tx).await?;
    Ok(())
}

crate::row! {
    struct DecisionRow {
        decision: String, reason: String, created_at: i64, actor_id: String, name: String, kind: String, color: i64, avatar_sha: Option<String>,
    }
}

/// In the order in which they were taken.
pub async fn decisions(pool: &AnyPool, release: ReleaseId) -> AppResult<Vec<Decision>> {
    let mut sql = Sql::new(
        "SELECT d.decision, d.reason, d.created_at, d.actor_id, u.name, u.kind, u.color, u.avatar_sha FROM release_decisions d \
         JOIN users u ON u.id = d.actor_id WHERE d.release_id = ",
    );
    sql.bind(release.to_string()).push(" ORDER BY d.id");
    let rows: Vec<DecisionRow> = sql.fetch_all(pool).await?;
    rows.into_iter()
        .map(|row| {
            let by = Person::from_columns(parse_id(&row.actor_id)?, row.name, &row.kind, row.color, row.avatar_sha);
            Ok(Decision { decision: row.decision, reason: row.reason, by, at: row.created_at })
        })
        .collect()
}

/// Marks that jobs look at a release, or no longer do.
pub async fn set_checking(tx: &mut Tx, id: ReleaseId, checking: bool) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE releases SET checking = ");
    sql.bind(i64::from(checking)).push(" WHERE id = ").bind(id.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// What the checks found; `rules` where others were asked than before.
pub async fn set_report(tx: &mut Tx, id: ReleaseId, report: &[Finding], held: bool, rules: Option<&str>) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE releases SET report = ");
    sql.bind(serde_json::to_string(report)?).push(", held = ").bind(i64::from(held));
    if let Some(rules) = rules {
        sql.push(", rules = ").bind(rules.to_owned());
    }
    sql.push(" WHERE id = ").bind(id.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// Notes which newer rules a public release breaks.
pub async fn set_flagged(tx: &mut Tx, id: ReleaseId, rules: &str) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE releases SET flagged = ");
    sql.bind(rules.to_owned()).push(" WHERE id = ").bind(id.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// What is out or in review and was scanned by other rules than these, in the order of ids.
pub async fn releases_by_other_rules(pool: &AnyPool, rules: &str, after: &str, limit: i64) -> AppResult<Vec<ReleaseRow>> {
    let mut sql = Sql::new(RELEASE);
    sql.push("WHERE r.state IN ('review', 'public') AND r.rules <> ").bind(rules.to_owned()).push(" AND r.id > ").bind(after.to_owned());
    sql.push(" ORDER BY r.id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// The names of listings, with whose they are.
pub async fn slugs_of(pool: &AnyPool, ids: &[ListingId]) -> AppResult<Vec<(String, String, String)>> {
    let mut sql = Sql::new("SELECT slug, owner_kind, owner_id FROM listings WHERE id IN ");
    sql.bind_list(ids);
    sql.fetch_all(pool).await
}

/// Files of releases that name blobs, in slices by id.
pub async fn release_files(pool: &AnyPool, after: &str, limit: i64) -> AppResult<Vec<(String, String)>> {
    let mut sql = Sql::new("SELECT id, files FROM releases WHERE id > ");
    sql.bind(after.to_owned()).push(" ORDER BY id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}
