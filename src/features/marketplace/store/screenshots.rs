//! Pictures of listings.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    ids::{ListingId, ScreenshotId, UserId},
    server::db::{Sql, Target, Tx, parse_id},
};

crate::row! {
    pub struct ScreenshotRow {
        pub id: String, pub listing_id: String, pub sha: String, pub media_type: String, pub width: i64, pub height: i64, pub alt: String,
    }
}

impl ScreenshotRow {
    pub fn id(&self) -> AppResult<ScreenshotId> {
        parse_id(&self.id)
    }
    pub fn listing(&self) -> AppResult<ListingId> {
        parse_id(&self.listing_id)
    }
}

const SCREENSHOT: &str = "SELECT id, listing_id, sha, media_type, width, height, alt FROM listing_screenshots WHERE ";

/// Those of a listing in their order.
pub async fn screenshots<'c>(executor: impl Target<'c>, listing: ListingId) -> AppResult<Vec<ScreenshotRow>> {
    let mut sql = Sql::new(SCREENSHOT);
    sql.push("listing_id = ").bind(listing.to_string()).push(" ORDER BY position, id");
    sql.fetch_all(executor).await
}

pub async fn screenshot(pool: &AnyPool, id: ScreenshotId) -> AppResult<Option<ScreenshotRow>> {
    let mut sql = Sql::new(SCREENSHOT);
    sql.push("id = ").bind(id.to_string());
    Ok(sql.fetch_all(pool).await?.pop())
}

pub struct NewScreenshot<'a> {
    pub id: ScreenshotId,
    pub listing: ListingId,
    pub position: i64,
    pub sha: &'a str,
    pub media_type: &'static str,
    pub size: (u32, u32),
    pub alt: &'a str,
    pub by: UserId,
    pub now: i64,
}

/// False where the id is in use.
pub async fn insert_screenshot(tx: &mut Tx, new: &NewScreenshot<'_>) -> AppResult<bool> {
    let mut sql = Sql::new(
        "INSERT INTO listing_screenshots (id, listing_id, position, sha, media_type, width, height, alt, added_by, created_at, updated_at) VALUES (",
    );
    sql.bind(new.id.to_string()).push(", ").bind(new.listing.to_string()).push(", ").bind(new.position).push(", ").bind(new.sha.to_owned());
    sql.push(", ").bind(new.media_type).push(", ").bind(i64::from(new.size.0)).push(", ").bind(i64::from(new.size.1)).push(", ");
    sql.bind(new.alt.to_owned()).push(", ").bind(new.by.to_string()).push(", ").bind(new.now).push(", ").bind(new.now);
    sql.push(") ON CONFLICT (id) DO NOTHING");
    Ok(sql.execute(&mut **tx).await?.rows_affected() > 0)
}

/// Another place and other words for one.
pub async fn place_screenshot(tx: &mut Tx, id: ScreenshotId, position: i64, alt: &str, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE listing_screenshots SET position = ");
    sql.bind(position).push(", alt = ").bind(alt.to_owned()).push(", updated_at = ").bind(now).push(" WHERE id = ").bind(id.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// Whether it was there.
pub async fn delete_screenshot(tx: &mut Tx, listing: ListingId, id: ScreenshotId) -> AppResult<bool> {
    let mut sql = Sql::new("DELETE FROM listing_screenshots WHERE id = ");
    sql.bind(id.to_string()).push(" AND listing_id = ").bind(listing.to_string());
    Ok(sql.execute(&mut **tx).await?.rows_affected() > 0)
}

/// Keeps a listing's row until the transaction ends: its pictures change one after the other.
pub async fn hold_listing(tx: &mut Tx, listing: ListingId, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE listings SET updated_at = ");
    sql.bind(now).push(" WHERE id = ").bind(listing.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// The blobs of all pictures, in the order of their ids.
pub async fn screenshot_blobs(pool: &AnyPool, after: &str, limit: i64) -> AppResult<Vec<(String, String)>> {
    let mut sql = Sql::new("SELECT id, sha FROM listing_screenshots WHERE id > ");
    sql.bind(after.to_owned()).push(" ORDER BY id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}
