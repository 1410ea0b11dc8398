//! The numbers of the week that ended, for those who chose to get them by mail or on a device: a notification of its own kind, with all that belongs to one.

use std::collections::BTreeSet;

use llmos_analytics::{
    Day,
    model::{Dashboard, Figure, Query, Span, Trend},
    zones::Zone,
};
use serde_json::{Value, json};

use super::{reading::dashboard, rolling::roll_up, shares::in_name_of};
use crate::{
    error::AppResult,
    features::{
        accounts,
        notifications::{
            self,
            model::{NotificationKind, SubjectKind},
            service::NewNotification,
        },
    },
    ids::UserId,
    server::{clock, context::Ctx, error::internal},
};

/// Sends each of them the week that ended in their zone, once. One that cannot be made holds no other up.
pub async fn send_weekly(ctx: &Ctx) -> AppResult<Value> {
    if !ctx.state.config.analytics_enabled {
        return Ok(json!({ "sent": 0, "failed": 0 }));
    }
    roll_up(ctx).await?;
    let utc = Zone::named(None).map_err(|fault| internal("UTC", &fault))?;
    let (mut sent, mut failed) = (0, 0);
    for monday in ended(&utc, ctx.now()) {
        // Who has this one already is not asked for again.
        for user in notifications::service::chosen_by(ctx, NotificationKind::Weekly, &source(monday)).await? {
            match send(ctx, user, monday).await {
                Ok(done) => sent += i64::from(done),
                Err(error) => {
                    failed += 1;
                    tracing::warn!(%error, %user, "the numbers of a week were not sent");
                }
            }
        }
    }
    Ok(json!({ "sent": sent, "failed": failed }))
}

/// The Mondays of the weeks that ended last somewhere: two while it is Monday in one part of the world and Sunday in another, which is 12 hours behind UTC
/// to 14 hours before it.
fn ended(utc: &Zone, now: i64) -> BTreeSet<Day> {
    [-12, 14].into_iter().map(|hours| utc.day_of(now + hours * clock::HOUR).monday().plus(-7)).collect()
}

fn source(monday: Day) -> String {
    format!("weekly:{monday}")
}

/// False: another week is the last one in their zone, or nothing was counted in it.
async fn send(ctx: &Ctx, user: UserId, monday: Day) -> AppResult<bool> {
    let Some(owner) = in_name_of(ctx, &user.to_string()).await? else { return Ok(false) };
    let zone = accounts::service::me(&owner).await?.time_zone;
    let today = Zone::named(Some(zone.as_str())).map_err(|fault| internal("the zone of an account", &fault))?.day_of(ctx.now());
    if today.monday().plus(-7) != monday {
        return Ok(false);
    }
    let week =
        Query { range: Span::Custom, from: Some(monday), to: Some(monday.plus(6)), zone: Some(zone), compare: true, ..Query::default() };
    let data = dashboard(&owner, &week).await?;
    let Some(words) = words(&data) else { return Ok(false) };
    let title = format!("The week from {monday}");
    let new = NewNotification::new(NotificationKind::Weekly, (SubjectKind::Week, monday), &title, &words).source(source(monday));
    let mut tx = owner.db().write_tx().await?;
    notifications::service::remind(&owner, &mut tx, &new).await?;
    tx.commit().await?;
    notifications::service::tell(&owner, &[user]).await;
    Ok(true)
}

/// The week on one line, no longer than a notification shows; none of a week without anything.
fn words(data: &Dashboard) -> Option<String> {
    let parts = [
        ("sessions", data.sessions.created),
        ("artifacts edited", data.artifacts.edits),
        ("commits", data.collaboration.commits),
        ("people active", data.collaboration.active),
        ("skill uses", data.skills.uses),
    ];
    let is_empty = parts.iter().all(|(_, figure)| figure.now.unwrap_or_default() == 0.0);
    (!is_empty).then(|| parts.map(|(name, figure)| part(name, figure)).join(", ") + ".")
}

/// "12 commits (+20 %)".
fn part(name: &str, figure: Figure) -> String {
    let count = figure.now.unwrap_or_default();
    let change = figure.change().filter(|_| matches!(figure.trend, Some(Trend::Up | Trend::Down)));
    match change {
        Some(change) => format!("{count} {name} ({:+.0} %)", change * 100.0),
        None => format!("{count} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::notifications::model::EXCERPT;

    #[test]
    fn each_week_that_ended_somewhere_is_looked_at() {
        let utc = Zone::named(None).expect("UTC");
        // 1970-01-05 is a Monday.
        let monday = Day(4);
        let at = |hours: i64| ended(&utc, 4 * clock::DAY + hours * clock::HOUR).into_iter().collect::<Vec<_>>();
        assert_eq!(at(50), [monday.plus(-7)], "on Wednesday");
        for edge in [-13, -1, 0, 11] {
            assert_eq!(at(edge), [monday.plus(-14), monday.plus(-7)], "{edge} hours after it began in UTC");
        }
        assert_eq!((at(-15), at(13)), (vec![monday.plus(-14)], vec![monday.plus(-7)]));
    }

    #[test]
    fn a_week_is_one_line() {
        let mut data = Dashboard::default();
        assert_eq!(words(&data), None);
        data.sessions.created = Figure { now: Some(1_306.0), before: Some(1_146.0), trend: Some(Trend::Up) };
        data.collaboration.commits = Figure { now: Some(871.0), before: Some(870.0), trend: Some(Trend::Steady) };
        let line = words(&data).expect("a week");
        assert_eq!(line, "1306 sessions (+14 %), 0 artifacts edited, 871 commits, 0 people active, 0 skill uses.");
        assert!(line.chars().count() < EXCERPT);
    }
}
