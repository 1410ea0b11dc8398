//! What is installed where, and how that came about.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    features::{
        accounts::model::Person,
        marketplace::model::{LockSettings, LockStep},
    },
    ids::{ArtifactId, ListingId, ReleaseId, TeamId, UserId, VolumeId},
    server::db::{Sql, Target, Tx, parse_id},
};

crate::row! {
    /// An installation with its release and its listing.
    #[derive(Clone, Debug)]
    pub struct InstallationRow {
        pub volume_id: String, pub listing_id: String, pub release_id: String, pub artifact_id: String, pub digest: String, pub asked: i64, pub pinned: i64,
        pub disabled: String, pub updated_at: i64, pub slug: String, pub kind: String, pub name: String, pub latest_version: String, pub version: String,
        pub release_state: String, pub withdrawn_reason: String, pub dependencies: String, pub deprecated: i64, pub deprecation: String, pub successor: String,
    }
}

impl InstallationRow {
    pub fn listing(&self) -> AppResult<ListingId> {
        parse_id(&self.listing_id)
    }
    pub fn release(&self) -> AppResult<ReleaseId> {
        parse_id(&self.release_id)
    }
    pub fn artifact(&self) -> AppResult<ArtifactId> {
        parse_id(&self.artifact_id)
    }
}

const INSTALLATION: &str = "SELECT i.volume_id, i.listing_id, i.release_id, i.artifact_id, i.digest, i.asked, i.pinned, i.disabled, i.updated_at, l.slug, l.kind, l.name, \
     l.latest_version, r.version, r.state AS release_state, r.withdrawn_reason, r.dependencies, l.deprecated, l.deprecation, l.successor \
     FROM installations i JOIN listings l ON l.id = i.listing_id JOIN releases r ON r.id = i.release_id WHERE ";

pub async fn installations<'c>(executor: impl Target<'c>, volume: VolumeId) -> AppResult<Vec<InstallationRow>> {
    let mut sql = Sql::new(INSTALLATION);
    sql.push("i.volume_id = ").bind(volume.to_string()).push(" ORDER BY l.slug");
    sql.fetch_all(executor).await
}

/// In which of these volumes a listing is installed.
pub async fn installations_in(pool: &AnyPool, volumes: &[VolumeId], listing: Option<ListingId>) -> AppResult<Vec<InstallationRow>> {
    let mut sql = Sql::new(INSTALLATION);
    sql.push("i.volume_id IN ").bind_list(volumes);
    if let Some(listing) = listing {
        sql.push(" AND i.listing_id = ").bind(listing.to_string());
    }
    sql.push(" ORDER BY l.slug, i.volume_id");
    sql.fetch_all(pool).await
}

pub struct NewInstallation {
    pub volume: VolumeId,
    pub listing: ListingId,
    pub release: ReleaseId,
    pub artifact: ArtifactId,
    pub digest: String,
    pub asked: bool,
    pub by: UserId,
    pub now: i64,
}

/// Puts a release into the lock, in the place of another one of its listing.
pub async fn put_installation(tx: &mut Tx, new: &NewInstallation) -> AppResult<()> {
    let mut sql = Sql::new(
        "INSERT INTO installations (volume_id, listing_id, release_id, artifact_id, digest, asked, installed_by, created_at, updated_at) VALUES (",
    );
    sql.bind(new.volume.to_string()).push(", ").bind(new.listing.to_string()).push(", ").bind(new.release.to_string());
    sql.push(", ").bind(new.artifact.to_string()).push(", ").bind(new.digest.clone()).push(", ").bind(i64::from(new.asked));
    sql.push(", ").bind(new.by.to_string()).push(", ").bind(new.now).push(", ").bind(new.now);
    sql.push(
        ") ON CONFLICT (volume_id, listing_id) DO UPDATE SET release_id = excluded.release_id, artifact_id = excluded.artifact_id, \
         digest = excluded.digest, asked = excluded.asked, updated_at = excluded.updated_at",
    );
    sql.execute(&mut **tx).await?;
    Ok(())
}

pub async fn remove_installation(tx: &mut Tx, volume: VolumeId, listing: ListingId) -> AppResult<()> {
    let mut sql = Sql::new("DELETE FROM installations WHERE volume_id = ");
    sql.bind(volume.to_string()).push(" AND listing_id = ").bind(listing.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// Marks what is installed as these artifacts as used; the listings of what was not before.
pub async fn first_uses(tx: &mut Tx, artifacts: &[ArtifactId], now: i64) -> AppResult<Vec<String>> {
    let mut first = Vec::new();
    for chunk in artifacts.chunks(super::CHUNK) {
        let mut sql = Sql::new("UPDATE installations SET used_at = ");
        sql.bind(now).push(" WHERE used_at IS NULL AND artifact_id IN ").bind_list(chunk).push(" RETURNING listing_id");
        first.extend(sql.fetch_all::<(String,)>(&mut **tx).await?.into_iter().map(|(listing,)| listing));
    }
    Ok(first)
}

/// What something else needed is wanted for its own sake now.
pub async fn set_asked(tx: &mut Tx, volume: VolumeId, listing: ListingId, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE installations SET asked = 1, updated_at = ");
    sql.bind(now).push(" WHERE asked = 0 AND volume_id = ").bind(volume.to_string()).push(" AND listing_id = ").bind(listing.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

pub async fn set_pinned(tx: &mut Tx, volume: VolumeId, listing: ListingId, pinned: bool, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE installations SET pinned = ");
    sql.bind(i64::from(pinned)).push(", updated_at = ").bind(now).push(" WHERE volume_id = ").bind(volume.to_string());
    sql.push(" AND listing_id = ").bind(listing.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

pub async fn insert_lock_change(
    tx: &mut Tx,
    id: &str,
    volume: VolumeId,
    act: &'static str,
    steps: &[LockStep],
    by: UserId,
    now: i64,
) -> AppResult<()> {
    let mut sql = Sql::new("INSERT INTO installation_changes (id, volume_id, act, steps, actor_id, created_at) VALUES (");
    sql.bind(id.to_owned()).push(", ").bind(volume.to_string()).push(", ").bind(act).push(", ").bind(serde_json::to_string(steps)?);
    sql.push(", ").bind(by.to_string()).push(", ").bind(now).push(")");
    sql.execute(&mut **tx).await?;
    Ok(())
}

crate::row! {
    pub struct LockChangeRow {
        pub id: String, pub act: String, pub steps: String, pub created_at: i64, actor_id: String, name: String, kind: String, color: i64, avatar_sha: Option<String>,
    }
}

impl LockChangeRow {
    pub fn by(&self) -> AppResult<Person> {
        Ok(Person::from_columns(parse_id(&self.actor_id)?, self.name.clone(), &self.kind, self.color, self.avatar_sha.clone()))
    }
    pub fn steps(&self) -> AppResult<Vec<LockStep>> {
        Ok(serde_json::from_str(&self.steps)?)
    }
}

/// The newest first; from one on, with that one.
pub async fn lock_changes(pool: &AnyPool, volume: VolumeId, from: Option<&str>, limit: i64) -> AppResult<Vec<LockChangeRow>> {
    let mut sql = Sql::new(
        "SELECT c.id, c.act, c.steps, c.created_at, c.actor_id, u.name, u.kind, u.color, u.avatar_sha FROM installation_changes c \
         JOIN users u ON u.id = c.actor_id WHERE c.volume_id = ",
    );
    sql.bind(volume.to_string());
    if let Some(from) = from {
        sql.push(" AND c.id >= ").bind(from.to_owned());
    }
    sql.push(" ORDER BY c.id DESC LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

crate::row! {
    /// A copy of a listing, wherever it is installed.
    pub struct CopyRow { pub volume_id: String, pub name: String, pub version: String, pub pinned: i64 }
}

/// Every copy of a listing that may be used.
pub async fn installed_copies(pool: &AnyPool, listing: ListingId) -> AppResult<Vec<CopyRow>> {
    let mut sql = Sql::new(
        "SELECT i.volume_id, l.name, r.version, i.pinned FROM installations i JOIN listings l ON l.id = i.listing_id \
         JOIN releases r ON r.id = i.release_id WHERE i.disabled = '' AND i.listing_id = ",
    );
    sql.bind(listing.to_string()).push(" ORDER BY i.volume_id");
    sql.fetch_all(pool).await
}

crate::row! {
    pub struct SettingsRow { pub volume_id: String, pub automatic: i64, pub cool_down_days: i64, pub set_by: String }
}

/// How a volume takes updates; none where nobody said.
pub async fn lock_settings(pool: &AnyPool, volume: VolumeId) -> AppResult<Option<LockSettings>> {
    let mut sql = Sql::new("SELECT volume_id, automatic, cool_down_days, set_by FROM lock_settings WHERE volume_id = ");
    sql.bind(volume.to_string());
    let row = sql.fetch_all::<SettingsRow>(pool).await?.pop();
    Ok(row.map(|row| LockSettings { automatic: row.automatic != 0, cool_down_days: row.cool_down_days }))
}

/// The volumes that take updates by themselves.
pub async fn automatic_volumes(pool: &AnyPool) -> AppResult<Vec<SettingsRow>> {
    let sql = Sql::new("SELECT volume_id, automatic, cool_down_days, set_by FROM lock_settings WHERE automatic = 1 ORDER BY volume_id");
    sql.fetch_all(pool).await
}

pub async fn put_lock_settings(tx: &mut Tx, volume: VolumeId, settings: &LockSettings, by: UserId, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("INSERT INTO lock_settings (volume_id, automatic, cool_down_days, set_by, updated_at) VALUES (");
    sql.bind(volume.to_string()).push(", ").bind(i64::from(settings.automatic)).push(", ").bind(settings.cool_down_days);
    sql.push(", ").bind(by.to_string()).push(", ").bind(now);
    sql.push(
        ") ON CONFLICT (volume_id) DO UPDATE SET automatic = excluded.automatic, cool_down_days = excluded.cool_down_days, \
         set_by = excluded.set_by, updated_at = excluded.updated_at",
    );
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// A volume that goes takes its lock along.
pub async fn remove_lock(tx: &mut Tx, volume: VolumeId) -> AppResult<()> {
    for statement in [
        "DELETE FROM installations WHERE volume_id = ",
        "DELETE FROM installation_changes WHERE volume_id = ",
        "DELETE FROM lock_settings WHERE volume_id = ",
    ] {
        let mut sql = Sql::new(statement);
        sql.bind(volume.to_string());
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

crate::row! {
    /// What of the marketplace stands in a volume of a team, by name.
    pub struct NamedInstallation {
        pub volume_id: String, pub artifact_id: String, pub slug: String, pub version: String, pub digest: String, pub asked: i64,
    }
}

/// Those of all volumes of a team.
pub async fn installations_of_team(pool: &AnyPool, team: TeamId) -> AppResult<Vec<NamedInstallation>> {
    let mut sql = Sql::new(
        "SELECT i.volume_id, i.artifact_id, l.slug, r.version, i.digest, i.asked FROM installations i JOIN listings l ON l.id = i.listing_id \
         JOIN releases r ON r.id = i.release_id JOIN volumes v ON v.id = i.volume_id WHERE v.deleted_at IS NULL AND v.kind = 'team' AND v.owner_id = ",
    );
    sql.bind(team.to_string()).push(" ORDER BY i.volume_id, l.slug");
    sql.fetch_all(pool).await
}

/// The public release of this server that has this name, version and digest, with its listing.
pub async fn release_called(tx: &mut Tx, slug: &str, version: &str, digest: &str) -> AppResult<Option<(String, String)>> {
    Ok(sqlx::query_as(
        "SELECT r.id, r.listing_id FROM releases r JOIN listings l ON l.id = r.listing_id \
         WHERE l.slug = $1 AND r.version = $2 AND r.digest = $3 AND r.state = 'public'",
    )
    .bind(slug)
    .bind(version)
    .bind(digest)
    .fetch_optional(&mut **tx)
    .await?)
}

/// What a team publishes: slug, kind, name and newest version.
pub async fn listings_of_team(pool: &AnyPool, team: TeamId) -> AppResult<Vec<(String, String, String, String)>> {
    let mut sql = Sql::new("SELECT slug, kind, name, latest_version FROM listings WHERE owner_kind = 'team' AND owner_id = ");
    sql.bind(team.to_string()).push(" ORDER BY slug");
    sql.fetch_all(pool).await
}
