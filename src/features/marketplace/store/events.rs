//! The public record of the marketplace.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    features::marketplace::model::MarketEvent,
    ids::{ListingId, UserId},
    server::db::{Sql, Tx},
};

/// Something that everybody may read.
pub struct NewEvent<'a> {
    pub listing: Option<ListingId>,
    pub slug: &'a str,
    pub action: &'static str,
    pub detail: &'a str,
    /// None: the server by itself, or somebody whose name is nobody's business.
    pub actor: Option<UserId>,
}

/// Records it, with the name that its actor has now.
pub async fn insert_event(tx: &mut Tx, new: &NewEvent<'_>, now: i64) -> AppResult<()> {
    let actor = new.actor.map(|actor| actor.to_string());
    let mut sql =
        Sql::new("INSERT INTO marketplace_events (id, listing_id, slug, action, detail, actor_id, actor_name, created_at) VALUES (");
    sql.bind(uuid::Uuid::now_v7().to_string()).push(", ").bind(new.listing.map(|id| id.to_string())).push(", ").bind(new.slug.to_owned());
    sql.push(", ").bind(new.action).push(", ").bind(new.detail.to_owned()).push(", ").bind(actor.clone());
    sql.push(", COALESCE((SELECT name FROM users WHERE id = ").bind(actor).push("), ''), ").bind(now).push(")");
    sql.execute(&mut **tx).await?;
    Ok(())
}

crate::row! {
    struct EventRow { id: String, slug: String, action: String, detail: String, actor_name: String, created_at: i64 }
}

/// The newest first: of one listing or of all, before one of them.
pub async fn events(pool: &AnyPool, listing: Option<ListingId>, before: Option<&str>, limit: i64) -> AppResult<Vec<MarketEvent>> {
    let mut sql = Sql::new("SELECT id, slug, action, detail, actor_name, created_at FROM marketplace_events WHERE 1 = 1");
    if let Some(listing) = listing {
        sql.push(" AND listing_id = ").bind(listing.to_string());
    }
    if let Some(before) = before {
        sql.push(" AND id < ").bind(before.to_owned());
    }
    sql.push(" ORDER BY id DESC LIMIT ").number(limit);
    let rows: Vec<EventRow> = sql.fetch_all(pool).await?;
    let event = |row: EventRow| MarketEvent {
        id: row.id,
        slug: row.slug,
        action: row.action,
        detail: row.detail,
        by: row.actor_name,
        at: row.created_at,
    };
    Ok(rows.into_iter().map(event).collect())
}
