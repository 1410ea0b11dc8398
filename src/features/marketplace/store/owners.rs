//! Names that a listing has had, and who has it.

use std::collections::{HashMap, HashSet};

use sqlx::AnyPool;

use super::{CHUNK, LISTING, ListingRow};
use crate::{
    error::AppResult,
    features::{accounts::model::Person, marketplace::model::CoOwner},
    ids::{ListingId, TeamId, UserId},
    server::db::{Sql, Target, Tx, parse_id},
};

/// The listing as it is now, in the transaction that changes it.
pub async fn listing_in(tx: &mut Tx, id: ListingId) -> AppResult<Option<ListingRow>> {
    let mut sql = Sql::new(LISTING);
    sql.push("WHERE id = ").bind(id.to_string());
    Ok(sql.fetch_all(&mut **tx).await?.pop())
}

/// What an account publishes, for itself, for one of these teams or as a co-owner; by name.
pub async fn listings_published_by(pool: &AnyPool, user: UserId, teams: &[TeamId], limit: i64) -> AppResult<Vec<ListingRow>> {
    let mut sql = Sql::new(LISTING);
    sql.push("WHERE (owner_kind = 'user' AND owner_id = ").bind(user.to_string());
    sql.push(") OR (owner_kind = 'team' AND owner_id IN ").bind_list(teams);
    sql.push(") OR id IN (SELECT listing_id FROM listing_owners WHERE user_id = ").bind(user.to_string());
    sql.push(") ORDER BY slug LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// What a team publishes, or has reserved.
pub async fn slugs_of_team(tx: &mut Tx, team: TeamId) -> AppResult<Vec<String>> {
    let mut sql = Sql::new("SELECT slug FROM listings WHERE owner_kind = 'team' AND owner_id = ");
    sql.bind(team.to_string()).push(" ORDER BY slug");
    Ok(sql.fetch_all::<(String,)>(&mut **tx).await?.into_iter().map(|(slug,)| slug).collect())
}

/// How many names an account has taken under which nothing was ever public.
pub async fn unused_names(tx: &mut Tx, user: UserId) -> AppResult<i64> {
    let mut sql = Sql::new("SELECT COUNT(*) FROM listings WHERE published_at IS NULL AND created_by = ");
    sql.bind(user.to_string());
    Ok(sql.fetch_all::<(i64,)>(&mut **tx).await?.pop().map_or(0, |(count,)| count))
}

/// Which of these names lead on, and to what.
pub async fn current_names(pool: &AnyPool, slugs: &[String]) -> AppResult<HashMap<String, String>> {
    let mut names = HashMap::new();
    for chunk in slugs.chunks(CHUNK) {
        let mut sql = Sql::new("SELECT r.slug, l.slug FROM listing_redirects r JOIN listings l ON l.id = r.listing_id WHERE r.slug IN ");
        sql.bind_list(chunk);
        names.extend(sql.fetch_all::<(String, String)>(pool).await?);
    }
    Ok(names)
}

/// Which of these names everybody may use, as they are called now or were before.
pub async fn offered(tx: &mut Tx, slugs: &[String]) -> AppResult<HashSet<String>> {
    let mut found = HashSet::with_capacity(slugs.len());
    for chunk in slugs.chunks(CHUNK) {
        let mut sql = Sql::new("SELECT slug FROM listings WHERE state = 'listed' AND slug IN ");
        sql.bind_list(chunk);
        sql.push(
            " UNION SELECT r.slug FROM listing_redirects r JOIN listings l ON l.id = r.listing_id WHERE l.state = 'listed' AND r.slug IN ",
        );
        sql.bind_list(chunk);
        found.extend(sql.fetch_all::<(String,)>(&mut **tx).await?.into_iter().map(|(slug,)| slug));
    }
    Ok(found)
}

/// Names that lead on to a listing, with the entry of the log that says so, in its order.
pub async fn former_names<'c>(executor: impl Target<'c>, listing: ListingId) -> AppResult<Vec<(String, Option<i64>)>> {
    let mut sql = Sql::new("SELECT slug, log_index FROM listing_redirects WHERE listing_id = ");
    sql.bind(listing.to_string()).push(" ORDER BY log_index, slug");
    sql.fetch_all(executor).await
}

/// Whose a name is or was: the listing's id.
pub async fn holder_of(tx: &mut Tx, slug: &str) -> AppResult<Option<ListingId>> {
    let mut sql = Sql::new("SELECT id FROM listings WHERE slug = ");
    sql.bind(slug.to_owned()).push(" UNION ALL SELECT listing_id FROM listing_redirects WHERE slug = ").bind(slug.to_owned());
    sql.fetch_all::<(String,)>(&mut **tx).await?.pop().map(|(id,)| parse_id(&id)).transpose()
}

/// Gives a listing another name. With a number of the log, the one it had leads on.
pub async fn rename_listing(tx: &mut Tx, row: &ListingRow, to: &str, log_index: Option<i64>, seq: i64, now: i64) -> AppResult<()> {
    // A name that it had before may come back.
    let mut sql = Sql::new("DELETE FROM listing_redirects WHERE slug = ");
    sql.bind(to.to_owned()).push(" AND listing_id = ").bind(row.id.clone());
    sql.execute(&mut **tx).await?;
    let mut sql = Sql::new("UPDATE listings SET slug = ");
    sql.bind(to.to_owned()).push(", name = CASE WHEN published_at IS NULL THEN ").bind(to.to_owned());
    sql.push(" ELSE name END, seq = ").bind(seq).push(", updated_at = ").bind(now).push(" WHERE id = ").bind(row.id.clone());
    sql.execute(&mut **tx).await?;
    if let Some(index) = log_index {
        let mut sql = Sql::new("INSERT INTO listing_redirects (slug, listing_id, log_index, created_at) VALUES (");
        sql.bind(row.slug.clone()).push(", ").bind(row.id.clone()).push(", ").bind(index).push(", ").bind(now).push(")");
        sql.execute(&mut **tx).await?;
    }
    // What was signed under the name of before and is not public yet is signed again.
    let mut sql = Sql::new("UPDATE releases SET envelope = NULL, key_id = NULL WHERE state IN ('review', 'approved') AND listing_id = ");
    sql.bind(row.id.clone());
    sql.execute(&mut **tx).await?;
    Ok(())
}

pub async fn set_deprecation(tx: &mut Tx, listing: ListingId, deprecation: Option<(&str, &str)>, seq: i64, now: i64) -> AppResult<()> {
    let (reason, successor) = deprecation.unwrap_or_default();
    let mut sql = Sql::new("UPDATE listings SET deprecated = ");
    sql.bind(i64::from(deprecation.is_some())).push(", deprecation = ").bind(reason.to_owned());
    sql.push(", successor = ").bind(successor.to_owned()).push(", seq = ").bind(seq).push(", updated_at = ").bind(now);
    sql.push(" WHERE id = ").bind(listing.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

pub async fn set_owner(tx: &mut Tx, listing: ListingId, owner: (&'static str, &str), seq: i64, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE listings SET owner_kind = ");
    sql.bind(owner.0).push(", owner_id = ").bind(owner.1.to_owned()).push(", seq = ").bind(seq).push(", updated_at = ").bind(now);
    sql.push(" WHERE id = ").bind(listing.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

crate::row! {
    struct CoOwnerRow { user_id: String, created_at: i64, name: String, kind: String, color: i64, avatar_sha: Option<String> }
}

/// The first of them first.
pub async fn co_owners<'c>(executor: impl Target<'c>, listing: ListingId) -> AppResult<Vec<CoOwner>> {
    let mut sql = Sql::new(
        "SELECT o.user_id, o.created_at, u.name, u.kind, u.color, u.avatar_sha FROM listing_owners o JOIN users u ON u.id = o.user_id \
         WHERE o.listing_id = ",
    );
    sql.bind(listing.to_string()).push(" ORDER BY o.created_at, o.user_id");
    let rows: Vec<CoOwnerRow> = sql.fetch_all(executor).await?;
    rows.into_iter()
        .map(|row| {
            let person = Person::from_columns(parse_id(&row.user_id)?, row.name, &row.kind, row.color, row.avatar_sha);
            Ok(CoOwner { person, since: row.created_at })
        })
        .collect()
}

/// False if the account is one already.
pub async fn insert_co_owner(tx: &mut Tx, listing: ListingId, user: UserId, by: UserId, now: i64) -> AppResult<bool> {
    let mut sql = Sql::new("INSERT INTO listing_owners (listing_id, user_id, added_by, created_at) VALUES (");
    sql.bind(listing.to_string()).push(", ").bind(user.to_string()).push(", ").bind(by.to_string()).push(", ").bind(now);
    sql.push(") ON CONFLICT (listing_id, user_id) DO NOTHING");
    Ok(sql.execute(&mut **tx).await?.rows_affected() > 0)
}

/// False if the account is none.
pub async fn remove_co_owner(tx: &mut Tx, listing: ListingId, user: UserId) -> AppResult<bool> {
    let mut sql = Sql::new("DELETE FROM listing_owners WHERE listing_id = ");
    sql.bind(listing.to_string()).push(" AND user_id = ").bind(user.to_string());
    Ok(sql.execute(&mut **tx).await?.rows_affected() > 0)
}

/// The listings that belong to an account.
pub async fn listings_of_account(tx: &mut Tx, user: UserId) -> AppResult<Vec<ListingRow>> {
    let mut sql = Sql::new(LISTING);
    sql.push("WHERE owner_kind = 'user' AND owner_id = ").bind(user.to_string()).push(" ORDER BY slug");
    sql.fetch_all(&mut **tx).await
}

/// An account is a co-owner of nothing any more.
pub async fn remove_co_owner_everywhere(tx: &mut Tx, user: UserId) -> AppResult<()> {
    let mut sql = Sql::new("DELETE FROM listing_owners WHERE user_id = ");
    sql.bind(user.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}
