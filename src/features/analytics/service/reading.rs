//! Answers: the dashboard, the events behind one of its numbers, and what may have moved them.

use std::collections::BTreeMap;

use llmos_analytics::{
    Day, Kind,
    dashboard::{self, Space},
    metric::{Metric, is_activity},
    model::{Cause, CauseKind, Dashboard, Measure, Query, Ranked, Row, Rows},
    zones::QUARTER,
};
use serde::{Deserialize, Serialize};

use super::{
    super::store::{
        self,
        rollups::{self, EventRow, Mark},
        rows::{self, Wanted},
    },
    days,
    names::{self, Of},
    rolling,
    scope::{Scoped, scoped},
};
use crate::{
    error::{AppError, AppResult},
    features::accounts,
    server::{clock, context::Ctx, error::internal},
};

/// Rows of a page.
const PAGE: i64 = 50;
const PAGE_MAX: i64 = 200;
/// How often it is written down that somebody looks from a zone, in ms.
const ZONE_NOTED: i64 = clock::DAY;

/// The whole dashboard.
pub async fn dashboard(ctx: &Ctx, query: &Query) -> AppResult<Dashboard> {
    let scoped = scoped(ctx, query).await?;
    let (mark, mine, server) = spaces(ctx, &scoped).await?;
    let asked = scoped.asked.clone();
    let made = tokio::task::spawn_blocking(move || dashboard::dashboard(&asked, &mine, &server));
    let mut made = made.await.map_err(|error| internal("the dashboard", &error))?;
    made.enabled = ctx.state.config.analytics_enabled;
    made.counted_to = mark.at;
    // All workspaces that may be chosen, also those in which nothing has happened.
    made.choices.teams.clear();
    names::name_all(ctx, &mut made).await?;
    made.choices.teams = workspaces(ctx).await?;
    note_zone(ctx, &scoped).await;
    Ok(made)
}

async fn workspaces(ctx: &Ctx) -> AppResult<Vec<Ranked>> {
    let personal = Ranked { id: "personal".to_owned(), name: "Personal".to_owned(), ..Ranked::default() };
    let teams = accounts::service::list_teams(ctx).await?;
    let team = |team: accounts::model::Team| Ranked { id: team.id.to_string(), name: team.name, ..Ranked::default() };
    Ok(std::iter::once(personal).chain(teams.into_iter().map(team)).collect())
}

/// How far is counted, the workspaces that are looked at, and the server's own.
async fn spaces(ctx: &Ctx, scoped: &Scoped) -> AppResult<(Mark, Vec<Space>, Space)> {
    loop {
        let mark = rollups::mark(ctx.db().read()).await?;
        let mut mine = Vec::with_capacity(scoped.mine.len());
        for &workspace in &scoped.mine {
            mine.push(days::space(ctx, mark.generation, workspace, &scoped.asked, scoped.filter).await?);
        }
        let server = days::space(ctx, mark.generation, 0, &scoped.asked, scoped.filter).await?;
        // All was made anew meanwhile, and what was read may have been on its way out.
        if rollups::mark(ctx.db().read()).await?.generation == mark.generation {
            return Ok((mark, mine, server));
        }
    }
}

/// Days of this zone are kept ready from now on. Nothing depends on it, so an answer never fails for it.
async fn note_zone(ctx: &Ctx, scoped: &Scoped) {
    let noted = async {
        let zone = scoped.asked.zone.name();
        let known = rollups::looked_from(ctx.db().read(), &scoped.mine, zone, ctx.now() - ZONE_NOTED).await?;
        let new: Vec<i64> = scoped.mine.iter().copied().map(i64::from).chain([0]).filter(|workspace| !known.contains(workspace)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let mut tx = ctx.db().write_tx().await?;
        for workspace in new {
            rollups::use_zone(&mut tx, workspace, zone, ctx.now()).await?;
        }
        tx.commit().await?;
        Ok::<_, AppError>(())
    };
    if let Err(error) = noted.await {
        tracing::debug!(%error, "a time zone was not noted");
    }
}

/// Which rows of which number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct RowsQuery {
    /// Such as `sessions` or `searches_empty`.
    pub measure: String,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// With `hour`, only what happened on this weekday (0 = Monday) …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekday: Option<u8>,
    /// … in this hour (0 to 23) of the time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hour: Option<u8>,
    /// 50 without, 200 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

/// The events that a number is made of, the newest first.
pub async fn rows(ctx: &Ctx, query: &Query, wanted: &RowsQuery) -> AppResult<Rows> {
    let measure =
        Measure::parse(&wanted.measure).ok_or_else(|| AppError::field("measure", "There is no number of this name to show rows of."))?;
    let before = wanted.cursor.as_deref().map(cursor).transpose()?;
    let limit = wanted.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let Scoped { asked, filter, mine } = scoped(ctx, query).await?;
    let (kinds, of_server) = measure.kinds();
    if of_server {
        accounts::service::require_administrator(ctx)?;
    }
    let kinds: Vec<u16> = kinds.into_iter().map(Kind::number).collect();
    let times = asked.zone.times_of(asked.range);
    let within = match (wanted.weekday, wanted.hour) {
        (None, None) => Vec::new(),
        (Some(weekday @ 0..=6), Some(hour @ 0..=23)) => asked.zone.hours_of(asked.range, weekday, hour),
        _ => return Err(AppError::field("hour", "An hour is a weekday from 0 (Monday) to 6 together with an hour from 0 to 23.")),
    };
    // A range without such an hour has nothing in it.
    let to = if wanted.hour.is_some() && within.is_empty() { times.start } else { times.end };
    let wanted = Wanted {
        workspaces: if of_server { &[0] } else { &mine },
        kinds: &kinds,
        from: times.start,
        to,
        within: &within,
        before,
        actor: filter.actor,
        volume: filter.volume,
        artifact_kind: filter.artifact_kind,
        category: filter.category,
        and: match measure {
            Measure::Skills => " AND artifact_kind = 1",
            Measure::SearchesEmpty => " AND extra <= 0",
            Measure::DeliveriesFailed | Measure::JobsFailed => " AND extra > 0",
            // What a person did: of artifacts that came to be, those that were written.
            Measure::Activity => " AND actor <> 0 AND (kind <> 200 OR amount = 0)",
            _ => "",
        },
        limit: limit + 1,
    };
    let mut found = rows::rows(ctx.db().read(), ctx.db().engine(), &wanted).await?;
    let more = found.len() as i64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or_default());
    if measure == Measure::Activity {
        found.retain(|row| rolling::event(row).is_some_and(|event| is_activity(&event)));
    }
    let next = found.last().filter(|_| more).map(|row| format!("{}.{}", row.at, row.seq));
    let floor = rollups::mark(ctx.db().read()).await?.floor;
    Ok(Rows { rows: shown(ctx, &found).await?, next, kept_from: floor.saturating_mul(QUARTER).max(0) })
}

fn cursor(text: &str) -> AppResult<(i64, i64)> {
    let read = || {
        let (at, seq) = text.split_once('.')?;
        Some((at.parse().ok()?, seq.parse().ok()?))
    };
    read().ok_or_else(|| AppError::field("cursor", "This is no place in these rows: begin without a cursor."))
}

/// What an event's subject is.
fn subject_of(kind: Kind) -> Option<Of> {
    match kind.number() {
        100..=116 | 420..=423 => Some(Of::Session),
        200..=211 | 213..=222 | 503 | 504 => Some(Of::Artifact),
        600..=629 => Some(Of::Listing),
        _ => None,
    }
}

/// Where the rest is seen.
fn page_of(kind: Kind, subject: &str) -> String {
    match kind {
        Kind::DeliveryReceived | Kind::DeliveryReplayed => "/deliveries".to_owned(),
        Kind::TraceTaken | Kind::TraceRated => format!("/traces/{subject}"),
        kind if (505..=515).contains(&kind.number()) => "/evolution".to_owned(),
        _ => String::new(),
    }
}

async fn shown(ctx: &Ctx, found: &[EventRow]) -> AppResult<Vec<Row>> {
    let events: Vec<_> = found.iter().filter_map(rolling::event).collect();
    let people = names::names(ctx, Of::Person, events.iter().map(|event| event.actor).collect()).await?;
    let mut subjects = names::Names::new();
    for of in [Of::Session, Of::Artifact, Of::Listing] {
        let keys = events.iter().filter(|event| subject_of(event.kind) == Some(of)).map(|event| event.subject).collect();
        subjects.extend(names::names(ctx, of, keys).await?);
    }
    let others: Vec<u32> =
        events.iter().filter(|event| subject_of(event.kind).is_none() && event.subject != 0).map(|event| event.subject).collect();
    let texts = store::texts(ctx.db().read(), &others).await?;
    Ok(events
        .iter()
        .map(|event| {
            let person = people.get(&event.actor).cloned().unwrap_or_default();
            let named = subjects.get(&event.subject).filter(|_| subject_of(event.kind).is_some()).cloned().unwrap_or_default();
            // Ids of accounts are subjects as well: those of people are told with their names or not at all.
            let text = texts.get(&event.subject).filter(|_| matches!(event.kind.number(), 200..=439 | 500..=599 | 700..)).cloned();
            let subject = if named.id.is_empty() { text.unwrap_or_default() } else { named.id };
            Row {
                at: event.at,
                kind: event.kind.as_str().to_owned(),
                person: person.id,
                person_name: person.name,
                href: if named.href.is_empty() { page_of(event.kind, &subject) } else { named.href },
                subject,
                subject_name: named.name,
                amount: event.amount,
                extra: event.extra,
            }
        })
        .collect())
}

/// What may have moved the numbers, day by day: commits, releases, accepted proposals and, for administrators, what went wrong.
pub async fn causes(ctx: &Ctx, query: &Query) -> AppResult<Vec<Cause>> {
    let scoped = scoped(ctx, query).await?;
    let (_, mine, server) = spaces(ctx, &scoped).await?;
    let range = scoped.asked.range;
    let times = scoped.asked.zone.times_of(range);
    let released = Wanted {
        workspaces: &scoped.mine,
        kinds: &[Kind::ReleasePublished.number()],
        from: times.start,
        to: times.end,
        within: &[],
        before: None,
        actor: scoped.filter.actor,
        volume: scoped.filter.volume,
        artifact_kind: scoped.filter.artifact_kind,
        category: scoped.filter.category,
        and: "",
        limit: 1_000,
    };
    let mut releases: BTreeMap<Day, u64> = BTreeMap::new();
    for row in rows::rows(ctx.db().read(), ctx.db().engine(), &released).await? {
        *releases.entry(scoped.asked.zone.day_of(row.at)).or_default() += 1;
    }
    let of = |spaces: &[Space], metric: Metric| dashboard::per_day(spaces, range, metric);
    let (commits, accepted) = (of(&mine, Metric::Commits), of(&mine, Metric::Accepted));
    let incidents: Vec<u64> = if scoped.asked.operations {
        let server = std::slice::from_ref(&server);
        let failed = [Metric::DeliveriesFailed, Metric::JobsFailed, Metric::Errors].map(|metric| of(server, metric));
        (0..commits.len()).map(|at| failed.iter().filter_map(|days| days.get(at)).sum()).collect()
    } else {
        vec![0; commits.len()]
    };
    // The page as it was asked for, with the rows of that day open.
    let rows_of = |day: Day, measure: Measure| {
        let mut pairs = query.pairs();
        let day = day.to_string();
        pairs.extend([("rows", measure.as_str().to_owned()), ("rows_from", day.clone()), ("rows_to", day)]);
        format!("/analytics?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
    };
    let some = |count: u64, one: &str, many: &str| if count == 1 { format!("1 {one}.") } else { format!("{count} {many}.") };
    let mut causes = Vec::new();
    for (at, day) in range.days().enumerate() {
        let count = |days: &[u64]| days.get(at).copied().unwrap_or_default();
        for (kind, count, one, many, measure) in [
            (CauseKind::Commits, count(&commits), "commit was made", "commits were made", Measure::Commits),
            (
                CauseKind::Release,
                releases.get(&day).copied().unwrap_or_default(),
                "release was published",
                "releases were published",
                Measure::Updates,
            ),
            (CauseKind::Proposal, count(&accepted), "proposal was accepted", "proposals were accepted", Measure::Proposals),
            (CauseKind::Incident, count(&incidents), "thing went wrong on the server", "things went wrong on the server", Measure::Errors),
        ] {
            if count > 0 {
                let href = if kind == CauseKind::Release { "/marketplace".to_owned() } else { rows_of(day, measure) };
                causes.push(Cause { day, kind, count, text: some(count, one, many), href });
            }
        }
    }
    Ok(causes)
}
