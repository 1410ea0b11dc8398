//! Listings, their names, their owners, and who took them.

use sqlx::AnyPool;

use super::CHUNK;
use crate::{
    error::AppResult,
    features::{
        analytics::service::{Event, UsageKind, Workspace},
        artifacts::model::Kind,
    },
    ids::{ListingId, UserId},
    server::{
        db::{Sql, Target, Tx, parse_id},
        error::internal,
    },
};

crate::row! {
    #[derive(Clone, Debug)]
    pub struct ListingRow {
        pub id: String, pub slug: String, pub kind: String, pub owner_kind: String, pub owner_id: String, pub name: String, pub description: String,
        pub category: String, pub tags: String, pub licence: String, pub capabilities: String, pub latest_release_id: Option<String>,
        pub latest_version: String, pub signed: i64, pub state: String, pub deprecated: i64, pub successor: String,
        pub deprecation: String, pub downloads: i64, pub installs: i64, pub ratings: i64, pub stars: i64, pub seq: i64, pub published_at: Option<i64>,
        pub created_at: i64, pub updated_at: i64,
    }
}

impl ListingRow {
    pub fn id(&self) -> AppResult<ListingId> {
        parse_id(&self.id)
    }
    pub fn kind(&self) -> Kind {
        self.kind.parse().unwrap_or(Kind::Skill)
    }
    /// A usage event about it; it counts to whoever publishes it.
    pub fn event(&self, kind: UsageKind) -> AppResult<Event> {
        let owner = if self.owner_kind == "team" {
            Workspace::Team(parse_id(&self.owner_id)?)
        } else {
            Workspace::Person(parse_id(&self.owner_id)?)
        };
        Ok(Event::new(kind).workspace(owner).subject(&self.id).artifact(self.kind(), &self.category))
    }
    /// Everybody sees it.
    pub fn is_listed(&self) -> bool {
        self.state == LISTED
    }
}

/// What filters and orders of the catalogue go by.
#[derive(Debug, PartialEq, Eq)]
pub struct ShelfRow {
    pub id: String,
    pub seq: i64,
    pub listed: bool,
    pub kind: Kind,
    pub category: String,
    pub owner_id: String,
    pub signed: bool,
    pub stars: i64,
    pub ratings: i64,
    pub installs: i64,
    pub downloads: i64,
    pub published_at: i64,
    /// JSON.
    pub tags: String,
    pub licence: String,
}

impl ShelfRow {
    /// A line of [`ON_SHELF`].
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(14, '\t');
        let mut text = || fields.next();
        let (id, seq, state, kind, category, owner_id) = (text()?, text()?, text()?, text()?, text()?, text()?);
        let mut numbers = [0; 6];
        for number in &mut numbers {
            *number = text()?.parse().ok()?;
        }
        let [signed, stars, ratings, installs, downloads, published_at] = numbers;
        Some(Self {
            id: id.to_owned(),
            seq: seq.parse().ok()?,
            listed: state == LISTED,
            kind: kind.parse().unwrap_or(Kind::Skill),
            category: category.to_owned(),
            owner_id: owner_id.to_owned(),
            signed: signed != 0,
            stars,
            ratings,
            installs,
            downloads,
            published_at,
            tags: text()?.to_owned(),
            licence: text()?.to_owned(),
        })
    }
}

/// The state of a listing that everybody sees.
pub const LISTED: &str = "listed";

pub(super) const LISTING: &str = "SELECT id, slug, kind, owner_kind, owner_id, name, description, category, tags, licence, capabilities, latest_release_id, \
     latest_version, signed, state, deprecated, successor, deprecation, downloads, installs, ratings, stars, seq, published_at, \
     created_at, updated_at FROM listings ";
/// A slice as one text, a line for each: at start all listings are read, and each row of a driver costs more than what is in it.
const ON_SHELF: &str = "SELECT string_agg(line, '\n') FROM (SELECT id || '\t' || CAST(seq AS TEXT) || '\t' || state || '\t' || kind || '\t' || category \
     || '\t' || owner_id || '\t' || CAST(signed AS TEXT) || '\t' || CAST(stars AS TEXT) || '\t' || CAST(ratings AS TEXT) || '\t' || CAST(installs AS TEXT) \
     || '\t' || CAST(downloads AS TEXT) || '\t' || CAST(COALESCE(published_at, 0) AS TEXT) || '\t' || tags || '\t' || REPLACE(licence, '\n', ' ') AS line \
     FROM listings ";

/// By slug, by a slug it had before, or by id.
pub async fn listing_named<'c>(executor: impl Target<'c>, name: &str) -> AppResult<Option<ListingRow>> {
    let mut sql = Sql::new(LISTING);
    sql.push("WHERE slug = ").bind(name.to_owned()).push(" OR id = ").bind(name.to_owned());
    sql.push(" OR id IN (SELECT listing_id FROM listing_redirects WHERE slug = ").bind(name.to_owned()).push(")");
    let mut rows: Vec<ListingRow> = sql.fetch_all(executor).await?;
    // A name that somebody has now goes before one that leads on.
    let at = rows.iter().position(|row| row.slug == name).unwrap_or(0);
    Ok(if rows.is_empty() { None } else { Some(rows.swap_remove(at)) })
}

pub async fn listings_by_id(pool: &AnyPool, ids: &[ListingId]) -> AppResult<Vec<ListingRow>> {
    let mut found = Vec::new();
    for chunk in ids.chunks(CHUNK) {
        let mut sql = Sql::new(LISTING);
        sql.push("WHERE id IN ").bind_list(chunk);
        found.extend(sql.fetch_all::<ListingRow>(pool).await?);
    }
    Ok(found)
}

crate::row! {
    /// A listing with the repository that it says it comes from.
    pub struct SourceRow { pub id: String, pub repository: String }
}

/// Those whose repository may be this one: `part` is of its address, in lower case. What else they have in common is for the caller to see.
pub async fn listings_from(pool: &AnyPool, part: &str, limit: i64) -> AppResult<Vec<SourceRow>> {
    let part = part.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    let mut sql = Sql::new("SELECT id, repository FROM listings WHERE latest_release_id IS NOT NULL AND LOWER(repository) LIKE ");
    sql.bind(format!("%{part}%")).push(" ESCAPE '!' ORDER BY id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

pub async fn listings_by_slug<'c>(executor: impl Target<'c>, slugs: &[String]) -> AppResult<Vec<ListingRow>> {
    let mut sql = Sql::new(LISTING);
    sql.push("WHERE slug IN ").bind_list(slugs);
    sql.fetch_all(executor).await
}

/// What changed after a number, in that order.
pub async fn listings_since(pool: &AnyPool, after: (i64, &str), limit: i64) -> AppResult<Vec<ListingRow>> {
    since(LISTING, after, limit).fetch_all(pool).await
}

/// The same for the catalogue in memory.
pub async fn shelf_since(pool: &AnyPool, after: (i64, &str), limit: i64) -> AppResult<Vec<ShelfRow>> {
    let mut sql = since(ON_SHELF, after, limit);
    sql.push(") AS slice");
    let text = sql.fetch_all::<(Option<String>,)>(pool).await?.pop().and_then(|(text,)| text).unwrap_or_default();
    let unread = |line: &str| internal("catalogue", &std::io::Error::other(format!("a listing that cannot be read: {line}")));
    let mut rows: Vec<ShelfRow> = text.lines().map(|line| ShelfRow::parse(line).ok_or_else(|| unread(line))).collect::<AppResult<_>>()?;
    // The order of what is put together is a promise of neither engine.
    rows.sort_unstable_by(|a, b| (a.seq, &a.id).cmp(&(b.seq, &b.id)));
    Ok(rows)
}

fn since(select: &'static str, after: (i64, &str), limit: i64) -> Sql {
    let mut sql = Sql::new(select);
    // As a pair, so that both engines go on in the index where the slice before ended.
    sql.push("WHERE (seq, id) > (").bind(after.0).push(", ").bind(after.1.to_owned());
    sql.push(") ORDER BY seq, id LIMIT ").number(limit);
    sql
}

/// The number of the newest change.
pub async fn catalogue_number(pool: &AnyPool) -> AppResult<i64> {
    Ok(Sql::new("SELECT seq FROM listing_counter WHERE id = 1").fetch_all::<(i64,)>(pool).await?.pop().map_or(0, |(seq,)| seq))
}

/// Counts the catalogue up. Whoever does so has it to themselves until the end of the transaction.
pub async fn advance_catalogue(tx: &mut Tx) -> AppResult<i64> {
    let rows: Vec<(i64,)> = Sql::new("UPDATE listing_counter SET seq = seq + 1 WHERE id = 1 RETURNING seq").fetch_all(&mut **tx).await?;
    Ok(rows.first().map_or(0, |(seq,)| *seq))
}

pub struct NewListing<'a> {
    pub id: ListingId,
    pub slug: &'a str,
    pub kind: Kind,
    pub owner: (&'static str, String),
    pub name: &'a str,
    pub by: UserId,
    pub seq: i64,
    pub now: i64,
}

/// Takes a name; false if somebody has it.
pub async fn insert_listing(tx: &mut Tx, new: &NewListing<'_>) -> AppResult<bool> {
    let mut sql = Sql::new(
        "INSERT INTO listings (id, slug, kind, owner_kind, owner_id, name, description, category, tags, licence, repository, capabilities, latest_version, state, \
         seq, created_by, created_at, updated_at) SELECT ",
    );
    sql.bind(new.id.to_string()).push(", ").bind(new.slug.to_owned()).push(", ").bind(new.kind.as_str()).push(", ").bind(new.owner.0);
    sql.push(", ").bind(new.owner.1.clone()).push(", ").bind(new.name.to_owned()).push(", '', '', '[]', '', '', '{}', '', 'reserved', ");
    sql.number(new.seq).push(", ").bind(new.by.to_string()).push(", ").number(new.now).push(", ").number(new.now);
    sql.push(" WHERE NOT EXISTS (SELECT 1 FROM listing_redirects WHERE slug = ")
        .bind(new.slug.to_owned())
        .push(") ON CONFLICT (slug) DO NOTHING");
    Ok(sql.execute(&mut **tx).await?.rows_affected() > 0)
}

/// Shows the newest public release, which is `release`'s row.
pub async fn show_release(tx: &mut Tx, listing: ListingId, release: &str, seq: i64, now: i64) -> AppResult<()> {
    let mut sql = Sql::new(
        "UPDATE listings SET kind = r.kind, name = r.name, description = r.description, category = r.category, tags = r.tags, licence = r.licence, \
         repository = r.repository, capabilities = r.capabilities, latest_release_id = r.id, latest_version = r.version, \
         signed = CASE WHEN r.envelope IS NULL THEN 0 ELSE 1 END, published_at = r.published_at, \
         state = CASE listings.state WHEN 'reserved' THEN 'listed' ELSE listings.state END, seq = ",
    );
    sql.bind(seq).push(", updated_at = ").bind(now).push(" FROM releases r WHERE r.id = ").bind(release.to_owned());
    sql.push(" AND listings.id = ").bind(listing.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// Nothing of it is public any more.
pub async fn show_none(tx: &mut Tx, listing: ListingId, seq: i64, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE listings SET latest_release_id = NULL, latest_version = '', state = 'reserved', seq = ");
    sql.bind(seq).push(", updated_at = ").bind(now).push(" WHERE id = ").bind(listing.to_string());
    sql.execute(&mut **tx).await?;
    Ok(())
}

pub async fn is_co_owner(pool: &AnyPool, listing: ListingId, user: UserId) -> AppResult<bool> {
    let mut sql = Sql::new("SELECT 1 FROM listing_owners WHERE listing_id = ");
    sql.bind(listing.to_string()).push(" AND user_id = ").bind(user.to_string());
    Ok(!sql.fetch_all::<(i64,)>(pool).await?.is_empty())
}

/// Counts that somebody took a version, once for each day; whether it counted.
pub async fn take(tx: &mut Tx, listing: ListingId, version: &str, user: UserId, day: i64, act: &'static str, seq: i64) -> AppResult<bool> {
    let mut sql = Sql::new("INSERT INTO listing_takers (listing_id, version, user_id, day, act) VALUES (");
    sql.bind(listing.to_string()).push(", ").bind(version.to_owned()).push(", ").bind(user.to_string()).push(", ").bind(day).push(", ");
    sql.bind(act).push(") ON CONFLICT DO NOTHING");
    if sql.execute(&mut **tx).await?.rows_affected() == 0 {
        return Ok(false);
    }
    let install = i64::from(act == "install");
    let mut sql = Sql::new("INSERT INTO listing_days (listing_id, day, downloads, installs) VALUES (");
    sql.bind(listing.to_string()).push(", ").bind(day).push(", ").bind(1 - install).push(", ").bind(install);
    sql.push(
        ") ON CONFLICT (listing_id, day) DO UPDATE SET downloads = listing_days.downloads + excluded.downloads, \
         installs = listing_days.installs + excluded.installs",
    );
    sql.execute(&mut **tx).await?;
    let mut sql = Sql::new("UPDATE listings SET downloads = downloads + ");
    sql.bind(1 - install).push(", installs = installs + ").bind(install).push(", seq = ").bind(seq);
    sql.push(" WHERE id = ").bind(listing.to_string());
    sql.execute(&mut **tx).await?;
    Ok(true)
}

/// Whether somebody has installed it once.
pub async fn has_installed(pool: &AnyPool, listing: ListingId, user: UserId) -> AppResult<bool> {
    let mut sql = Sql::new("SELECT day FROM listing_takers WHERE act = 'install' AND user_id = ");
    sql.bind(user.to_string()).push(" AND listing_id = ").bind(listing.to_string()).push(" LIMIT 1");
    Ok(!sql.fetch_all::<(i64,)>(pool).await?.is_empty())
}

/// Installations and downloads of each day from one on.
pub async fn days_of(pool: &AnyPool, listing: ListingId, from: i64) -> AppResult<Vec<(i64, i64, i64)>> {
    let mut sql = Sql::new("SELECT day, installs, downloads FROM listing_days WHERE listing_id = ");
    sql.bind(listing.to_string()).push(" AND day >= ").bind(from).push(" ORDER BY day");
    sql.fetch_all(pool).await
}

/// What of everything was taken on each day from one on: listing, day, and how often.
pub async fn recent_days(pool: &AnyPool, from: i64) -> AppResult<Vec<(String, i64, i64)>> {
    let mut sql = Sql::new("SELECT listing_id, day, installs + downloads FROM listing_days WHERE day >= ");
    sql.bind(from);
    sql.fetch_all(pool).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_shelf_is_read_whole_or_not_at_all() {
        let line = "0193\t7\tlisted\ttool\tsecurity\t0194\t1\t9\t2\t30\t40\t50\t[\"a\"]\tMIT\tOR Apache-2.0";
        let row = ShelfRow::parse(line).expect("a row");
        assert_eq!((row.seq, row.listed, row.kind, row.signed, row.stars), (7, true, Kind::Tool, true, 9));
        assert_eq!((row.published_at, row.tags.as_str(), row.licence.as_str()), (50, "[\"a\"]", "MIT\tOR Apache-2.0"));
        for wrong in ["", "0193\t7", &line.replace("\t30", "\tx")] {
            assert_eq!(ShelfRow::parse(wrong), None, "{wrong}");
        }
    }
}
