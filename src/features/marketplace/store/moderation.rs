//! Reports, and how items stand with the moderators.

use std::collections::{BTreeSet, HashMap};

use sqlx::AnyPool;

use super::CHUNK;
use crate::{
    error::AppResult,
    features::{
        accounts::model::Person,
        marketplace::model::{FlaggedRelease, ItemReport, ListingStanding, NewReport, ReportReason},
    },
    ids::{ArtifactId, ListingId, UserId, VolumeId},
    server::db::{Sql, Target, Tx, parse_id},
};

/// Files a report; false if one of the same account is open already.
pub async fn insert_report(tx: &mut Tx, listing: ListingId, user: UserId, new: &NewReport, now: i64) -> AppResult<bool> {
    let mut sql = Sql::new("INSERT INTO item_reports (id, listing_id, user_id, reason, text, created_at) VALUES (");
    sql.bind(uuid::Uuid::now_v7().to_string()).push(", ").bind(listing.to_string()).push(", ").bind(user.to_string());
    sql.push(", ").bind(new.reason.as_str()).push(", ").bind(new.text.clone()).push(", ").bind(now).push(") ON CONFLICT DO NOTHING");
    Ok(sql.execute(&mut **tx).await?.rows_affected() > 0)
}

/// How many an account has filed since a time.
pub async fn reports_since(pool: &AnyPool, user: UserId, since: i64) -> AppResult<i64> {
    let mut sql = Sql::new("SELECT COUNT(*) FROM item_reports WHERE user_id = ");
    sql.bind(user.to_string()).push(" AND created_at > ").bind(since);
    Ok(sql.fetch_all::<(i64,)>(pool).await?.pop().map_or(0, |(count,)| count))
}

crate::row! {
    struct ReportRow {
        listing_id: String, reason: String, text: String, created_at: i64, user_id: String, name: String, kind: String, color: i64, avatar_sha: Option<String>,
    }
}

/// Reports that nobody has settled, the oldest first, with the listing that each is of.
pub async fn open_reports<'c>(
    executor: impl Target<'c>,
    listing: Option<ListingId>,
    limit: i64,
) -> AppResult<Vec<(ListingId, ItemReport)>> {
    let mut sql = Sql::new(
        "SELECT p.listing_id, p.reason, p.text, p.created_at, p.user_id, u.name, u.kind, u.color, u.avatar_sha FROM item_reports p \
         JOIN users u ON u.id = p.user_id WHERE p.settled = ''",
    );
    if let Some(listing) = listing {
        sql.push(" AND p.listing_id = ").bind(listing.to_string());
    }
    sql.push(" ORDER BY p.created_at, p.id LIMIT ").number(limit);
    let rows: Vec<ReportRow> = sql.fetch_all(executor).await?;
    rows.into_iter()
        .map(|row| {
            let by = Person::from_columns(parse_id(&row.user_id)?, row.name, &row.kind, row.color, row.avatar_sha);
            Ok((
                parse_id(&row.listing_id)?,
                ItemReport { reason: ReportReason::parse(&row.reason), text: row.text, by, at: row.created_at },
            ))
        })
        .collect()
}

/// Says what came of a listing's open reports.
pub async fn settle_reports(tx: &mut Tx, listing: ListingId, outcome: &'static str, by: UserId) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE item_reports SET settled = ");
    sql.bind(outcome).push(", settled_by = ").bind(by.to_string()).push(" WHERE settled = '' AND listing_id = ").bind(listing.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

pub async fn standing<'c>(executor: impl Target<'c>, listing: ListingId) -> AppResult<ListingStanding> {
    let mut sql = Sql::new("SELECT state, state_reason, appeal FROM listings WHERE id = ");
    sql.bind(listing.to_string());
    let row = sql.fetch_all::<(String, String, String)>(executor).await?.pop();
    Ok(row.map(|(state, reason, appeal)| ListingStanding { state, reason, appeal }).unwrap_or_default())
}

/// The same of many, by the listing's id.
pub async fn standings(pool: &AnyPool, listings: &[ListingId]) -> AppResult<HashMap<ListingId, ListingStanding>> {
    let mut found = HashMap::with_capacity(listings.len());
    for chunk in listings.chunks(CHUNK) {
        let mut sql = Sql::new("SELECT id, state, state_reason, appeal FROM listings WHERE id IN ");
        sql.bind_list(chunk);
        for (id, state, reason, appeal) in sql.fetch_all::<(String, String, String, String)>(pool).await? {
            found.insert(parse_id(&id)?, ListingStanding { state, reason, appeal });
        }
    }
    Ok(found)
}

/// Puts a listing into a state; what its publishers said to the one before is settled.
pub async fn set_standing(tx: &mut Tx, listing: ListingId, state: &'static str, reason: &str, seq: i64, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE listings SET state = ");
    sql.bind(state).push(", state_reason = ").bind(reason.to_owned()).push(", appeal = '', seq = ").bind(seq);
    sql.push(", updated_at = ").bind(now).push(" WHERE id = ").bind(listing.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// Notes what publishers say; false if it was given back in between.
pub async fn set_appeal(tx: &mut Tx, listing: ListingId, text: &str, now: i64) -> AppResult<bool> {
    let mut sql = Sql::new("UPDATE listings SET appeal = ");
    sql.bind(text.to_owned()).push(", updated_at = ").bind(now).push(" WHERE state IN ('hidden', 'quarantined') AND id = ");
    sql.bind(listing.to_string());
    Ok(sql.execute(&mut **tx).await?.rows_affected() > 0)
}

/// Listings that moderators have to look at: with reports, an appeal, or a release that newer rules flag.
pub async fn cases(pool: &AnyPool, limit: i64) -> AppResult<BTreeSet<ListingId>> {
    let mut sql = Sql::new(
        "SELECT listing_id FROM item_reports WHERE settled = '' UNION SELECT id FROM listings WHERE appeal <> '' \
         UNION SELECT listing_id FROM releases WHERE flagged <> '' LIMIT ",
    );
    sql.number(limit);
    sql.fetch_all::<(String,)>(pool).await?.into_iter().map(|(id,)| parse_id(&id)).collect()
}

/// Releases of these listings that newer rules flag.
pub async fn flagged(pool: &AnyPool, listings: &[ListingId]) -> AppResult<Vec<(ListingId, FlaggedRelease)>> {
    let mut sql = Sql::new("SELECT listing_id, id, version, flagged FROM releases WHERE flagged <> '' AND listing_id IN ");
    sql.bind_list(listings).push(" ORDER BY version_order DESC");
    let rows: Vec<(String, String, String, String)> = sql.fetch_all(pool).await?;
    rows.into_iter()
        .map(|(listing, id, version, rules)| Ok((parse_id(&listing)?, FlaggedRelease { id: parse_id(&id)?, version, rules })))
        .collect()
}

pub async fn clear_flags(tx: &mut Tx, listing: ListingId) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE releases SET flagged = '' WHERE flagged <> '' AND listing_id = ");
    sql.bind(listing.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// Where a listing is installed, and whether it is disabled there.
pub async fn installations_of(pool: &AnyPool, listing: ListingId) -> AppResult<Vec<(VolumeId, ArtifactId, String)>> {
    let mut sql = Sql::new("SELECT volume_id, artifact_id, disabled FROM installations WHERE listing_id = ");
    sql.bind(listing.to_string()).push(" ORDER BY volume_id");
    let rows: Vec<(String, String, String)> = sql.fetch_all(pool).await?;
    rows.into_iter().map(|(volume, artifact, disabled)| Ok((parse_id(&volume)?, parse_id(&artifact)?, disabled))).collect()
}

/// Disables an installed copy, with the reason, or enables it; false if it was so already.
pub async fn set_installation_disabled(tx: &mut Tx, volume: VolumeId, listing: ListingId, why: &str, now: i64) -> AppResult<bool> {
    let mut sql = Sql::new("UPDATE installations SET disabled = ");
    sql.bind(why.to_owned()).push(", updated_at = ").bind(now).push(" WHERE volume_id = ").bind(volume.to_string());
    sql.push(" AND listing_id = ").bind(listing.to_string()).push(" AND disabled <> ").bind(why.to_owned());
    Ok(sql.execute(&mut **tx).await?.rows_affected() > 0)
}
