//! How usage events are written: in the transaction of what happened, or, of what only reads, together with others a moment later.

mod alerts;
mod archived;
mod days;
mod event;
mod forecast;
mod gauges;
mod keys;
mod later;
mod names;
mod reading;
mod rebuild;
mod rolling;
mod scope;
mod shares;
mod table;
mod views;
mod weekly;

pub use alerts::{check_alerts, delete_alert, list_alerts, set_alert};
pub use archived::{Total, totals_of_team};
pub use days::Days;
pub use event::{Event, Noted, Workspace};
pub use forecast::{Forecasted, forecast};
pub use gauges::{Gauges, keep_gauges, write_gauges};
pub use keys::Keys;
pub use later::{Later, record_later, write_later};
pub use llmos_analytics::{Kind as UsageKind, Origin};
pub use reading::{RowsQuery, all_rows, causes, dashboard, rows};
pub use rebuild::{rebuild, remove_old_events, remove_unused_days, request_rebuild};
pub use rolling::{Roller, keep_rolling, progress, roll_up};
pub use shares::{create_share, list_shares, revoke_share, shared_dashboard};
pub use table::{dashboard_csv, rows_csv};
pub use views::{delete_view, list_views, save_view};
pub use weekly::send_weekly;

use super::store;
use crate::{
    error::AppResult,
    features::artifacts::model::{CATEGORIES, Kind},
    ids::UserId,
    server::{clock, context::Ctx, db::Tx},
};

/// What the process keeps for usage events.
#[derive(Default)]
pub struct Usage {
    pub keys: Keys,
    pub later: Later,
    pub gauges: Gauges,
    pub roller: Roller,
    /// Days that were decoded lately.
    pub days: Days,
    /// Forecasts of today.
    pub forecasts: Forecasted,
}

/// How old something may be that a device did while it was offline, in milliseconds.
pub const LATE_MAX: i64 = 90 * clock::DAY;

/// When something happened: as the device says that did it, if that can be, otherwise now. Never in the future, never more than
/// [`LATE_MAX`] ago.
pub fn happened_at(said: Option<i64>, now: i64) -> i64 {
    said.filter(|said| (now - LATE_MAX..=now).contains(said)).unwrap_or(now)
}

/// The number of a kind of artifacts in events; 0 is none.
pub fn kind_number(kind: Kind) -> u8 {
    match kind {
        Kind::Skill => 1,
        Kind::Tool => 2,
        Kind::Agent => 3,
    }
}

/// The number of a category in events, from 1 in the order of [`CATEGORIES`]; 0: none, or none of ours.
pub fn category_number(category: &str) -> u8 {
    CATEGORIES.iter().zip(1..).find(|((known, _), _)| *known == category).map_or(0, |(_, number)| number)
}

/// Writes `event` in the use case's own transaction: it is there if and only if the use case happened.
pub async fn record(ctx: &Ctx, tx: &mut Tx, event: Event) -> AppResult<()> {
    record_all(ctx, tx, vec![event]).await
}

/// The same for several, with few statements however many there are.
pub async fn record_all(ctx: &Ctx, tx: &mut Tx, events: Vec<Event>) -> AppResult<()> {
    if !ctx.state.config.analytics_enabled || events.is_empty() {
        return Ok(());
    }
    let noted: Vec<Noted> = events.into_iter().map(|event| event.noted(ctx)).collect();
    count_soon(ctx, tx);
    insert_many(tx, &ctx.state.usage.keys, &noted).await
}

/// What `tx` writes is added up soon after it.
fn count_soon(ctx: &Ctx, tx: &mut Tx) {
    let state = ctx.state.clone();
    tx.after_commit(move || state.usage.roller.wake.notify_one());
}

/// Writes those that were not written before, however long ago: an event of the same kind, workspace, subject and time is the same. They have to say when
/// they happened.
pub async fn record_once(ctx: &Ctx, tx: &mut Tx, events: Vec<Event>) -> AppResult<()> {
    if !ctx.state.config.analytics_enabled || events.is_empty() {
        return Ok(());
    }
    let noted: Vec<Noted> = events.into_iter().map(|event| event.noted(ctx)).collect();
    let ids = ctx.state.usage.keys.of(tx, noted.iter().flat_map(Noted::texts)).await?;
    let mut rows = Vec::with_capacity(noted.len());
    for row in noted.iter().map(|event| event.row(&ids)) {
        if store::note_once(tx, &row).await? {
            rows.push(row);
        }
    }
    count_soon(ctx, tx);
    store::insert(tx, &rows).await
}

/// Writes events as they are, for whoever makes many of them: benches and what is moved from elsewhere.
pub async fn insert_many(tx: &mut Tx, keys: &Keys, events: &[Noted]) -> AppResult<()> {
    let ids = keys.of(tx, events.iter().flat_map(Noted::texts)).await?;
    let rows: Vec<store::Row> = events.iter().map(|event| event.row(&ids)).collect();
    store::insert(tx, &rows).await
}

/// Nobody can tell any more whose events these were; their numbers stay, and what the person kept of them goes. In the transaction that deletes the person.
pub async fn anonymise(ctx: &Ctx, tx: &mut Tx, person: UserId) -> AppResult<()> {
    let text = person.to_string();
    store::views::delete_all_of(tx, &text).await?;
    store::rename_key(tx, &text, &format!("deleted:{}", uuid::Uuid::now_v7())).await?;
    let state = ctx.state.clone();
    tx.after_commit(move || state.usage.keys.forget(&text));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_believed_within_reason() {
        let now = 1_800_000_000_000;
        assert_eq!(happened_at(None, now), now);
        assert_eq!(happened_at(Some(now - 5), now), now - 5);
        assert_eq!(happened_at(Some(now - LATE_MAX), now), now - LATE_MAX);
        for unbelievable in [now + 1, now - LATE_MAX - 1, 0, i64::MIN, i64::MAX] {
            assert_eq!(happened_at(Some(unbelievable), now), now, "{unbelievable}");
        }
    }

    #[test]
    fn categories_have_the_numbers_of_their_order() {
        assert_eq!(category_number("data-analysis"), 1);
        assert_eq!(category_number("design"), 12);
        assert_eq!(category_number("cooking"), 0);
    }
}
