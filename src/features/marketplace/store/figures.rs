//! What is taken most, where cards are installed, and everything of one account.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    ids::{ListingId, UserId, VolumeId},
    server::db::Sql,
};

/// The listed items that were taken most from a day on, and how often.
pub async fn most_taken_since(pool: &AnyPool, from: i64, limit: i64) -> AppResult<Vec<(String, i64)>> {
    let mut sql = Sql::new(
        "SELECT d.listing_id, CAST(SUM(d.installs + d.downloads) AS BIGINT) AS taken FROM listing_days d JOIN listings l ON l.id = d.listing_id \
         WHERE l.state = 'listed' AND d.day >= ",
    );
    sql.bind(from).push(" GROUP BY d.listing_id ORDER BY taken DESC, d.listing_id DESC LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// The same of all time.
pub async fn most_taken(pool: &AnyPool, limit: i64) -> AppResult<Vec<(String, i64)>> {
    let mut sql = Sql::new("SELECT id, installs + downloads AS taken FROM listings WHERE state = 'listed' AND installs + downloads > 0");
    sql.push(" ORDER BY taken DESC, id DESC LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// Which of these listings is in which of these volumes.
pub async fn places_of(pool: &AnyPool, listings: &[ListingId], volumes: &[VolumeId]) -> AppResult<Vec<(String, String)>> {
    let mut sql = Sql::new("SELECT listing_id, volume_id FROM installations WHERE listing_id IN ");
    sql.bind_list(listings).push(" AND volume_id IN ").bind_list(volumes).push(" ORDER BY volume_id");
    sql.fetch_all(pool).await
}

crate::row! {
    /// A listing of an account's own, or that it may act for.
    pub struct OwnListingRow {
        pub slug: String, pub kind: String, pub name: String, pub owner_kind: String, pub state: String, pub latest_version: String, pub created_at: i64,
    }
}

/// Those that an account owns or is a co-owner of.
pub async fn listings_of(pool: &AnyPool, user: UserId) -> AppResult<Vec<OwnListingRow>> {
    let mut sql = Sql::new(
        "SELECT slug, kind, name, owner_kind, state, latest_version, created_at FROM listings WHERE (owner_kind = 'user' AND owner_id = ",
    );
    sql.bind(user.to_string()).push(") OR id IN (SELECT listing_id FROM listing_owners WHERE user_id = ").bind(user.to_string());
    sql.push(") ORDER BY slug");
    sql.fetch_all(pool).await
}

crate::row! {
    pub struct OwnReleaseRow {
        pub slug: String, pub version: String, pub state: String, pub licence: String, pub changelog: String, pub digest: String,
        pub published_at: Option<i64>, pub created_at: i64,
    }
}

/// What an account submitted, all of it.
pub async fn releases_by(pool: &AnyPool, user: UserId) -> AppResult<Vec<OwnReleaseRow>> {
    let mut sql = Sql::new(
        "SELECT l.slug, r.version, r.state, r.licence, r.changelog, r.digest, r.published_at, r.created_at FROM releases r \
         JOIN listings l ON l.id = r.listing_id WHERE r.submitted_by = ",
    );
    sql.bind(user.to_string()).push(" ORDER BY r.created_at, r.id");
    sql.fetch_all(pool).await
}

crate::row! {
    pub struct OwnReviewRow {
        pub slug: String, pub rating: i64, pub text: String, pub version: String, pub used: i64, pub reply: String, pub hidden: String,
        pub created_at: i64, pub updated_at: i64,
    }
}

/// What an account said of items.
pub async fn reviews_by(pool: &AnyPool, user: UserId) -> AppResult<Vec<OwnReviewRow>> {
    let mut sql = Sql::new(
        "SELECT l.slug, v.rating, v.text, v.version, v.used, v.reply, v.hidden, v.created_at, v.updated_at FROM item_reviews v \
         JOIN listings l ON l.id = v.listing_id WHERE v.user_id = ",
    );
    sql.bind(user.to_string()).push(" ORDER BY v.created_at, l.slug");
    sql.fetch_all(pool).await
}

/// What an account reported: of which item, why, in which words, what came of it, and when.
pub async fn reports_by(pool: &AnyPool, user: UserId) -> AppResult<Vec<(String, String, String, String, i64)>> {
    let mut sql = Sql::new(
        "SELECT l.slug, p.reason, p.text, p.settled, p.created_at FROM item_reports p JOIN listings l ON l.id = p.listing_id WHERE p.user_id = ",
    );
    sql.bind(user.to_string()).push(" ORDER BY p.created_at, p.id");
    sql.fetch_all(pool).await
}
