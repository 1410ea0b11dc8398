//! What stands in the way of a deletion, and what goes with it.

use crate::{
    error::AppResult,
    ids::{ListingId, ReleaseId},
    server::db::{Sql, Target, Tx},
};

/// When something of a listing was public for the first time, of what is there or was.
pub async fn first_published<'c>(executor: impl Target<'c>, listing: ListingId) -> AppResult<Option<i64>> {
    let mut sql =
        Sql::new("SELECT MIN(p.published_at) FROM (SELECT published_at FROM releases WHERE log_index IS NOT NULL AND listing_id = ");
    sql.bind(listing.to_string()).push(" UNION ALL SELECT published_at FROM deleted_releases WHERE listing_id = ");
    sql.bind(listing.to_string()).push(") p");
    Ok(sql.fetch_all::<(Option<i64>,)>(executor).await?.pop().and_then(|(at,)| at))
}

/// Other listings of which a release, public or on its way, needs this one under any name that it has or had.
pub async fn needed_by<'c>(executor: impl Target<'c>, listing: ListingId, limit: i64) -> AppResult<Vec<String>> {
    let id = listing.to_string();
    let mut sql = Sql::new(
        "SELECT DISTINCT l.slug FROM release_dependencies d JOIN releases r ON r.id = d.release_id JOIN listings l ON l.id = r.listing_id \
         WHERE r.state NOT IN ('rejected', 'changes') AND l.id <> ",
    );
    sql.bind(id.clone()).push(" AND d.slug IN (SELECT slug FROM listings WHERE id = ").bind(id.clone());
    sql.push(" UNION SELECT slug FROM listing_redirects WHERE listing_id = ").bind(id).push(") ORDER BY l.slug LIMIT ").number(limit);
    Ok(sql.fetch_all::<(String,)>(executor).await?.into_iter().map(|(slug,)| slug).collect())
}

/// The volumes that a listing is installed in.
pub async fn volumes_with<'c>(executor: impl Target<'c>, listing: ListingId) -> AppResult<Vec<String>> {
    let mut sql = Sql::new("SELECT volume_id FROM installations WHERE listing_id = ");
    sql.bind(listing.to_string());
    Ok(sql.fetch_all::<(String,)>(executor).await?.into_iter().map(|(id,)| id).collect())
}

/// Versions of a listing that were deleted.
pub async fn deleted_versions<'c>(executor: impl Target<'c>, listing: ListingId) -> AppResult<Vec<String>> {
    let mut sql = Sql::new("SELECT version FROM deleted_releases WHERE listing_id = ");
    sql.bind(listing.to_string()).push(" ORDER BY version_order");
    Ok(sql.fetch_all::<(String,)>(executor).await?.into_iter().map(|(version,)| version).collect())
}

/// Rows of a release that go with it. A table that names releases stands here.
const OF_RELEASES: [&str; 2] = ["DELETE FROM release_dependencies WHERE release_id ", "DELETE FROM release_decisions WHERE release_id "];

/// Rows of a listing that go with what is public of it. A table that names listings stands here, or below.
const OF_LISTINGS: [&str; 6] = [
    "DELETE FROM installations WHERE listing_id = ",
    "DELETE FROM item_reviews WHERE listing_id = ",
    "DELETE FROM listing_takers WHERE listing_id = ",
    "DELETE FROM listing_days WHERE listing_id = ",
    "DELETE FROM listing_uses WHERE listing_id = ",
    "DELETE FROM listing_screenshots WHERE listing_id = ",
];

/// Rows that go with a name that is given back.
const OF_NAMES: [&str; 3] =
    ["DELETE FROM item_reports WHERE listing_id = ", "DELETE FROM listing_owners WHERE listing_id = ", "DELETE FROM listings WHERE id = "];

/// One submission goes.
pub async fn delete_submission(tx: &mut Tx, id: ReleaseId) -> AppResult<()> {
    for statement in OF_RELEASES {
        let mut sql = Sql::new(statement);
        sql.push("= ").bind(id.to_string());
        sql.execute(&mut **tx).await?;
    }
    let mut sql = Sql::new("DELETE FROM releases WHERE id = ");
    sql.bind(id.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// All releases go with what was said and counted about them. The name stays, and so do the numbers of the versions that were public.
pub async fn delete_releases(tx: &mut Tx, listing: ListingId, seq: i64, now: i64) -> AppResult<()> {
    let id = listing.to_string();
    let mut sql = Sql::new(
        "INSERT INTO deleted_releases (listing_id, version, version_order, digest, published_at, deleted_at) \
         SELECT listing_id, version, version_order, digest, published_at, ",
    );
    sql.number(now).push(" FROM releases WHERE log_index IS NOT NULL AND listing_id = ").bind(id.clone());
    sql.execute(&mut **tx).await?;
    for statement in OF_LISTINGS {
        let mut sql = Sql::new(statement);
        sql.bind(id.clone());
        sql.execute(&mut **tx).await?;
    }
    for statement in OF_RELEASES {
        let mut sql = Sql::new(statement);
        sql.push("IN (SELECT id FROM releases WHERE listing_id = ").bind(id.clone()).push(")");
        sql.execute(&mut **tx).await?;
    }
    let mut sql = Sql::new(
        "UPDATE listings SET state = 'reserved', name = slug, description = '', category = '', tags = '[]', licence = '', repository = '', \
         capabilities = '{}', latest_release_id = NULL, latest_version = '', signed = 0, deprecated = 0, successor = '', deprecation = '', \
         downloads = 0, installs = 0, ratings = 0, stars = 0, seq = ",
    );
    sql.bind(seq).push(", updated_at = ").bind(now).push(" WHERE id = ").bind(id.clone());
    sql.execute(&mut **tx).await?;
    let mut sql = Sql::new("DELETE FROM releases WHERE listing_id = ");
    sql.bind(id);
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// A name under which nothing was ever public is anybody's again.
pub async fn give_name_back(tx: &mut Tx, listing: ListingId) -> AppResult<()> {
    for statement in OF_NAMES {
        let mut sql = Sql::new(statement);
        sql.bind(listing.to_string());
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}
