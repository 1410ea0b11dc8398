//! Ratings with their texts, what publishers say to them, and who has really used an item.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    features::{
        accounts::model::Person,
        marketplace::model::{ItemReview, ReviewSort},
    },
    ids::{ArtifactId, ListingId, UserId},
    server::db::{Sql, Target, Tx, parse_id},
};

crate::row! {
    struct ReviewRow {
        rating: i64, text: String, version: String, used: i64, reply: String, replied_at: Option<i64>, hidden: String, updated_at: i64,
        user_id: String, name: String, kind: String, color: i64, avatar_sha: Option<String>,
    }
}

impl ReviewRow {
    fn review(self) -> AppResult<ItemReview> {
        Ok(ItemReview {
            by: Person::from_columns(parse_id(&self.user_id)?, self.name, &self.kind, self.color, self.avatar_sha),
            rating: self.rating,
            text: self.text,
            version: self.version,
            used: self.used != 0,
            reply: self.reply,
            replied_at: self.replied_at,
            hidden: self.hidden,
            updated_at: self.updated_at,
        })
    }
}

const REVIEW: &str = "SELECT v.rating, v.text, v.version, v.used, v.reply, v.replied_at, v.hidden, v.updated_at, v.user_id, u.name, u.kind, u.color, \
     u.avatar_sha FROM item_reviews v JOIN users u ON u.id = v.user_id WHERE v.listing_id = ";

/// Where a page of reviews ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReviewPlace {
    /// 0 where the order is by time alone.
    pub rating: i64,
    pub updated_at: i64,
    pub user: UserId,
}

impl ReviewPlace {
    pub fn of(review: &ItemReview, sort: ReviewSort) -> Self {
        let rating = if sort == ReviewSort::Newest { 0 } else { review.rating };
        Self { rating, updated_at: review.updated_at, user: review.by.id }
    }
}

/// Which reviews are listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Listed {
    pub sort: ReviewSort,
    pub rating: Option<i64>,
    /// With those that a moderator hid.
    pub hidden: bool,
    pub after: Option<ReviewPlace>,
}

/// A page of them; of equal ratings the newest first.
pub async fn reviews(pool: &AnyPool, listing: ListingId, listed: Listed, limit: i64) -> AppResult<Vec<ItemReview>> {
    let mut sql = Sql::new(REVIEW);
    sql.bind(listing.to_string());
    if !listed.hidden {
        sql.push(" AND v.hidden = ''");
    }
    if let Some(rating) = listed.rating {
        sql.push(" AND v.rating = ").bind(rating);
    }
    if let Some(ReviewPlace { rating, updated_at, user }) = listed.after {
        sql.push(" AND (");
        let beyond = match listed.sort {
            ReviewSort::Newest => None,
            ReviewSort::Highest => Some("v.rating < "),
            ReviewSort::Lowest => Some("v.rating > "),
        };
        if let Some(beyond) = beyond {
            sql.push(beyond).bind(rating).push(" OR v.rating = ").bind(rating).push(" AND (");
        }
        sql.push("v.updated_at < ").bind(updated_at).push(" OR v.updated_at = ").bind(updated_at);
        sql.push(" AND v.user_id > ").bind(user.to_string()).push(if beyond.is_some() { "))" } else { ")" });
    }
    sql.push(match listed.sort {
        ReviewSort::Newest => " ORDER BY v.updated_at DESC, v.user_id LIMIT ",
        ReviewSort::Highest => " ORDER BY v.rating DESC, v.updated_at DESC, v.user_id LIMIT ",
        ReviewSort::Lowest => " ORDER BY v.rating, v.updated_at DESC, v.user_id LIMIT ",
    });
    sql.number(limit);
    sql.fetch_all::<ReviewRow>(pool).await?.into_iter().map(ReviewRow::review).collect()
}

pub async fn review_by<'c>(executor: impl Target<'c>, listing: ListingId, user: UserId) -> AppResult<Option<ItemReview>> {
    let mut sql = Sql::new(REVIEW);
    sql.bind(listing.to_string()).push(" AND v.user_id = ").bind(user.to_string());
    sql.fetch_all::<ReviewRow>(executor).await?.pop().map(ReviewRow::review).transpose()
}

/// How many ratings there are of each number.
pub async fn histogram(pool: &AnyPool, listing: ListingId) -> AppResult<[i64; 5]> {
    let mut sql = Sql::new("SELECT rating, COUNT(*) FROM item_reviews WHERE listing_id = ");
    sql.bind(listing.to_string()).push(" AND hidden = '' GROUP BY rating");
    let mut counts = [0; 5];
    for (rating, count) in sql.fetch_all::<(i64, i64)>(pool).await? {
        if let Some(slot) = usize::try_from(rating - 1).ok().and_then(|at| counts.get_mut(at)) {
            *slot = count;
        }
    }
    Ok(counts)
}

pub struct NewReview<'a> {
    pub listing: ListingId,
    pub user: UserId,
    pub rating: i64,
    pub text: &'a str,
    pub version: &'a str,
    pub now: i64,
}

/// Writes somebody's one rating of an item, and counts all of them anew.
pub async fn put_review(tx: &mut Tx, new: &NewReview<'_>, seq: i64) -> AppResult<()> {
    let mut sql = Sql::new("INSERT INTO item_reviews (listing_id, user_id, rating, text, version, used, created_at, updated_at) VALUES (");
    sql.bind(new.listing.to_string())
        .push(", ")
        .bind(new.user.to_string())
        .push(", ")
        .bind(new.rating)
        .push(", ")
        .bind(new.text.to_owned());
    sql.push(", ").bind(new.version.to_owned()).push(", CASE WHEN EXISTS (SELECT 1 FROM listing_uses WHERE listing_id = ");
    sql.bind(new.listing.to_string()).push(" AND user_id = ").bind(new.user.to_string()).push(") THEN 1 ELSE 0 END, ");
    sql.bind(new.now).push(", ").bind(new.now);
    sql.push(
        ") ON CONFLICT (listing_id, user_id) DO UPDATE SET rating = excluded.rating, text = excluded.text, version = excluded.version, \
         used = excluded.used, updated_at = excluded.updated_at",
    );
    sql.execute(&mut **tx).await?;
    count_ratings(tx, new.listing, seq).await
}

/// Removes somebody's review. Of one that a moderator hid only the words go: written anew, it stays hidden.
pub async fn delete_review(tx: &mut Tx, listing: ListingId, user: UserId, seq: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE item_reviews SET text = '' WHERE hidden <> '' AND listing_id = ");
    sql.bind(listing.to_string()).push(" AND user_id = ").bind(user.to_string());
    sql.execute(&mut **tx).await?;
    let mut sql = Sql::new("DELETE FROM item_reviews WHERE hidden = '' AND listing_id = ");
    sql.bind(listing.to_string()).push(" AND user_id = ").bind(user.to_string());
    sql.execute(&mut **tx).await?;
    count_ratings(tx, listing, seq).await
}

/// What the publisher says to a review; an empty text is nothing.
pub async fn set_reply(tx: &mut Tx, listing: ListingId, reviewer: UserId, text: &str, by: UserId, now: i64) -> AppResult<()> {
    let said = !text.is_empty();
    let mut sql = Sql::new("UPDATE item_reviews SET reply = ");
    sql.bind(text.to_owned()).push(", replied_by = ").bind(said.then(|| by.to_string())).push(", replied_at = ");
    sql.bind(said.then_some(now)).push(" WHERE listing_id = ").bind(listing.to_string());
    sql.push(" AND user_id = ").bind(reviewer.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// Hides a review, with the reason, or shows it again; it counts again then.
pub async fn set_hidden(tx: &mut Tx, listing: ListingId, reviewer: UserId, reason: &str, by: UserId, seq: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE item_reviews SET hidden = ");
    sql.bind(reason.to_owned()).push(", hidden_by = ").bind((!reason.is_empty()).then(|| by.to_string()));
    sql.push(" WHERE listing_id = ").bind(listing.to_string()).push(" AND user_id = ").bind(reviewer.to_string());
    sql.execute(&mut **tx).await?;
    count_ratings(tx, listing, seq).await
}

async fn count_ratings(tx: &mut Tx, listing: ListingId, seq: i64) -> AppResult<()> {
    let id = listing.to_string();
    let mut sql = Sql::new("UPDATE listings SET ratings = (SELECT COUNT(*) FROM item_reviews WHERE hidden = '' AND listing_id = ");
    sql.bind(id.clone())
        .push("), stars = (SELECT CAST(COALESCE(SUM(rating), 0) AS BIGINT) FROM item_reviews WHERE hidden = '' AND listing_id = ");
    sql.bind(id.clone()).push("), seq = ").bind(seq).push(" WHERE id = ").bind(id);
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// Notes that somebody used what is installed as these artifacts; reviews that they wrote before are marked with it.
pub async fn note_uses(tx: &mut Tx, user: UserId, artifacts: &[ArtifactId], now: i64) -> AppResult<()> {
    let mut sql = Sql::new("SELECT DISTINCT listing_id FROM installations WHERE artifact_id IN ");
    sql.bind_list(artifacts);
    let listings: Vec<(String,)> = sql.fetch_all(&mut **tx).await?;
    if listings.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("INSERT INTO listing_uses (listing_id, user_id, created_at) VALUES ");
    sql.rows(&listings, |row, (listing,)| {
        row.bind(listing.clone()).bind(user.to_string()).bind(now);
    });
    sql.push(" ON CONFLICT DO NOTHING");
    if sql.execute(&mut **tx).await?.rows_affected() == 0 {
        return Ok(());
    }
    let mut sql = Sql::new("UPDATE item_reviews SET used = 1 WHERE used = 0 AND user_id = ");
    sql.bind(user.to_string()).push(" AND listing_id IN ").bind_list(listings.iter().map(|(listing,)| listing));
    sql.execute(&mut **tx).await?;
    Ok(())
}
