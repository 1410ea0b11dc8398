//! Answers: the dashboard, the events behind one of its numbers, and what may have moved them.

use std::{collections::BTreeMap, str::FromStr};

use futures::future::try_join_all;
use llmos_analytics::{
    Day, Kind,
    dashboard::{self, Space},
    day::NoDay,
    metric::{Metric, is_activity},
    model::{Cause, CauseKind, Dashboard, Measure, Query, Range, Ranked, Row, Rows, Shelf},
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
    scope::{NONE, Scoped, scoped},
};
use crate::{
    error::{AppError, AppResult},
    features::accounts,
    ids::{CommitId, DeliveryId, PatternId, TraceId},
    server::{clock, context::Ctx, error::internal},
};

/// Rows of a page.
const PAGE: i64 = 50;
const PAGE_MAX: i64 = 200;
/// So far back it is looked for rows that pass a filter among all others, in ms.
const NEAR: i64 = 7 * clock::DAY;
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
    if scoped.stranger {
        (made.marketplace.mine, made.marketplace.most_installed) = (Shelf::default(), Vec::new());
    }
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
        // Beside one another: each is a chain of questions.
        let mut spaces = Vec::with_capacity(scoped.mine.len() + 1);
        for workspace in scoped.mine.iter().copied().chain([0]) {
            spaces.push(days::space(ctx, mark.generation, workspace, &scoped.asked, scoped.filter));
        }
        let mut mine = try_join_all(spaces).await?;
        let server = mine.pop().unwrap_or_default();
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
    /// Only what happened to this: an id, or the name of a skill that is none of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Only of people whose first day was in the week of this day, such as 2026-09-28.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cohort: Option<String>,
    /// 50 without, 200 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

/// Rows of a table that is saved, unless it says how many.
const SAVED_MAX: usize = 10_000;

/// The events that a number is made of as a table has them: all pages together, [`SAVED_MAX`] at most.
pub async fn all_rows(ctx: &Ctx, query: &Query, wanted: &RowsQuery) -> AppResult<Vec<Row>> {
    let mut page = RowsQuery { limit: Some(wanted.limit.unwrap_or(PAGE_MAX)), ..wanted.clone() };
    let mut all = Vec::new();
    loop {
        let found = rows(ctx, query, &page).await?;
        all.extend(found.rows);
        // Who says how many wants these and no more.
        if wanted.limit.is_some() || found.next.is_none() || all.len() >= SAVED_MAX {
            all.truncate(SAVED_MAX);
            return Ok(all);
        }
        page.cursor = found.next;
    }
}

/// The events that a number is made of, the newest first.
pub async fn rows(ctx: &Ctx, query: &Query, wanted: &RowsQuery) -> AppResult<Rows> {
    let measure =
        Measure::parse(&wanted.measure).ok_or_else(|| AppError::field("measure", "There is no number of this name to show rows of."))?;
    let before = wanted.cursor.as_deref().map(cursor).transpose()?;
    let limit = wanted.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let scoped = scoped(ctx, query).await?;
    let newcomers = match wanted.cohort.as_deref() {
        Some(day) => {
            let day: Day = day.parse().map_err(|fault: NoDay| AppError::field("cohort", fault.to_string()))?;
            Some(newcomers(ctx, &scoped, day.monday()).await?)
        }
        None => None,
    };
    let subject = match wanted.subject.clone() {
        Some(subject) => store::keys_of(ctx.db().read(), std::slice::from_ref(&subject)).await?.get(&subject).copied().unwrap_or(NONE),
        None => 0,
    };
    let Scoped { asked, filter, mine, stranger } = &scoped;
    let (mut kinds, of_server) = measure.kinds();
    if *stranger {
        kinds.retain(|kind| !is_visit(*kind));
    }
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
        workspaces: if of_server { &[0] } else { mine },
        kinds: &kinds,
        from: times.start,
        to,
        within: &within,
        before,
        actor: filter.actor,
        actors: newcomers.as_deref(),
        volume: filter.volume,
        subject,
        artifact_kind: filter.artifact_kind,
        category: filter.category,
        and: match measure {
            Measure::SkillsGenerated => " AND artifact_kind = 1 AND amount = 1",
            Measure::SkillsWritten => " AND artifact_kind = 1 AND amount <> 1",
            Measure::SearchesEmpty => " AND extra <= 0",
            Measure::DeliveriesFailed | Measure::JobsFailed => " AND extra > 0",
            // An event of answers of 5xx says by being there that there were some.
            Measure::Incidents => " AND (kind = 804 OR extra > 0)",
            // What a person did: of artifacts that came to be, those that were written.
            Measure::Activity => " AND actor <> 0 AND (kind <> 200 OR amount = 0)",
            _ => "",
        },
        limit: limit + 1,
    };
    let mut found = match measure.metric().filter(|_| !filter.is_open() && wanted.within.is_empty()) {
        Some(metric) if subject == 0 && newcomers.is_none() => of_few(ctx, &scoped, metric, &wanted).await?,
        _ => rows::rows(ctx.db().read(), ctx.db().engine(), &wanted).await?,
    };
    let more = found.len() as i64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or_default());
    if measure == Measure::Activity {
        found.retain(|row| rolling::event(row).is_some_and(|event| is_activity(&event)));
    }
    let next = found.last().filter(|_| more).map(|row| format!("{}.{}", row.at, row.seq));
    let floor = rollups::mark(ctx.db().read()).await?.floor;
    Ok(Rows { rows: shown(ctx, &found).await?, next, kept_from: floor.saturating_mul(QUARTER).max(0) })
}

/// Rows that pass a filter. Somebody may have done little among all that others did, so after a while it is looked only on the days that have any, as they are
/// counted: what came in for them within the last seconds is there the next time.
async fn of_few(ctx: &Ctx, scoped: &Scoped, metric: Metric, wanted: &Wanted<'_>) -> AppResult<Vec<EventRow>> {
    let (pool, engine) = (ctx.db().read(), ctx.db().engine());
    let newest = wanted.before.map_or(wanted.to, |(at, _)| wanted.to.min(at.saturating_add(1)));
    let near = Wanted { from: wanted.from.max(newest.saturating_sub(NEAR)), ..wanted.clone() };
    let mut found = rows::rows(pool, engine, &near).await?;
    let lacking = usize::try_from(wanted.limit).unwrap_or_default().saturating_sub(found.len());
    if lacking == 0 || near.from <= wanted.from {
        return Ok(found);
    }
    let (_, mine, _) = spaces(ctx, scoped).await?;
    let (zone, range) = (&scoped.asked.zone, scoped.asked.range);
    let edge = zone.day_of(near.from);
    let counts: Vec<(Day, u64)> = range.days().zip(dashboard::per_day(&mine, range, metric)).collect();
    let (mut days, mut rows_of_days) = (Vec::new(), 0);
    for &(day, count) in counts.iter().rev().filter(|(day, count)| *day <= edge && *count > 0) {
        days.push(zone.times_of(Range { from: day, to: day }));
        // Some of those of the day at the edge are found already.
        rows_of_days += if day < edge { count } else { 0 };
        if rows_of_days >= lacking as u64 {
            break;
        }
    }
    if !days.is_empty() {
        let far = Wanted { to: near.from, within: &days, limit: lacking as i64, ..wanted.clone() };
        found.extend(rows::rows(pool, engine, &far).await?);
    }
    Ok(found)
}

fn cursor(text: &str) -> AppResult<(i64, i64)> {
    let read = || {
        let (at, seq) = text.split_once('.')?;
        Some((at.parse().ok()?, seq.parse().ok()?))
    };
    read().ok_or_else(|| AppError::field("cursor", "This is no place in these rows: begin without a cursor."))
}

/// The people whose first day was in a week, of those that are looked at.
async fn newcomers(ctx: &Ctx, scoped: &Scoped, week: Day) -> AppResult<Vec<u32>> {
    let generation = rollups::mark(ctx.db().read()).await?.generation;
    let mut totals = Vec::with_capacity(scoped.mine.len());
    for &workspace in &scoped.mine {
        if let Some(row) = rollups::workspace(ctx.db().read(), generation, workspace.into()).await? {
            totals.push(rolling::read(&row.totals)?.only_of_all_time(&scoped.filter));
        }
    }
    let weeks = dashboard::first_weeks(&scoped.asked.zone, &totals.iter().collect::<Vec<_>>());
    Ok(weeks.into_iter().filter(|(actor, first)| *actor != 0 && *first == week).map(|(actor, _)| actor).collect())
}

/// Whether somebody came to what a workspace publishes: its actor is whoever came, not one of the workspace.
fn is_visit(kind: Kind) -> bool {
    (600..=604).contains(&kind.number())
}

/// What an event's subject is.
fn subject_of(kind: Kind) -> Option<Of> {
    match kind.number() {
        100..=116 | 420..=423 => Some(Of::Session),
        200..=211 | 213..=222 | 224 | 225 | 503 | 504 | 701 => Some(Of::Artifact),
        506..=511 => Some(Of::Proposal),
        600..=629 => Some(Of::Listing),
        _ => None,
    }
}

/// Where the rest is seen.
fn page_of(ctx: &Ctx, kind: Kind, subject: &str) -> String {
    match kind {
        Kind::DeliveryReceived | Kind::DeliveryReplayed => page_of_id::<DeliveryId>("deliveries", subject),
        Kind::TraceTaken | Kind::TraceRated => page_of_id::<TraceId>("traces", subject),
        Kind::CommitMade => page_of_id::<CommitId>("commits", subject),
        Kind::PatternFound => page_of_id::<PatternId>("evolution", subject),
        Kind::PullRequestOpened | Kind::PullRequestMerged | Kind::PullRequestClosed => {
            page_of_pull_request(&ctx.state.config.github_url, subject)
        }
        kind if (505..=515).contains(&kind.number()) => "/evolution".to_owned(),
        _ => String::new(),
    }
}

/// A page by the id of what it shows. What GitHub told of has another id, and no page here.
fn page_of_id<T: FromStr>(page: &str, subject: &str) -> String {
    if subject.parse::<T>().is_ok() { format!("/{page}/{subject}") } else { String::new() }
}

/// `owner/name#number` at GitHub.
fn page_of_pull_request(github: &str, subject: &str) -> String {
    let is_name =
        |name: &str| name.split('/').count() == 2 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    match subject.split_once('#') {
        Some((name, number)) if is_name(name) && number.parse::<u64>().is_ok() => {
            format!("{}/{name}/pull/{number}", github.trim_end_matches('/'))
        }
        _ => String::new(),
    }
}

async fn shown(ctx: &Ctx, found: &[EventRow]) -> AppResult<Vec<Row>> {
    let events: Vec<_> = found.iter().filter_map(rolling::event).collect();
    let actors =
        |visits: bool| -> Vec<u32> { events.iter().filter(|event| is_visit(event.kind) == visits).map(|event| event.actor).collect() };
    let people = names::names(ctx, Of::Person, actors(false)).await?;
    let visitors = names::names(ctx, Of::Visitor, actors(true)).await?;
    let mut subjects = names::Names::new();
    for of in [Of::Session, Of::Artifact, Of::Listing, Of::Proposal] {
        let keys = events.iter().filter(|event| subject_of(event.kind) == Some(of)).map(|event| event.subject).collect();
        subjects.extend(names::names(ctx, of, keys).await?);
    }
    let others: Vec<u32> =
        events.iter().filter(|event| subject_of(event.kind).is_none() && event.subject != 0).map(|event| event.subject).collect();
    let texts = store::texts(ctx.db().read(), &others).await?;
    Ok(events
        .iter()
        .map(|event| {
            let known = if is_visit(event.kind) { &visitors } else { &people };
            let person = known.get(&event.actor).cloned().unwrap_or_default();
            let named = subjects.get(&event.subject).filter(|_| subject_of(event.kind).is_some()).cloned().unwrap_or_default();
            // Ids of accounts are subjects as well: those of people are told with their names or not at all.
            let text = texts.get(&event.subject).filter(|_| matches!(event.kind.number(), 200..=439 | 500..=599 | 700..)).cloned();
            let subject = if named.id.is_empty() { text.unwrap_or_default() } else { named.id };
            Row {
                at: event.at,
                kind: event.kind.as_str().to_owned(),
                person: person.id,
                person_name: person.name,
                href: if named.href.is_empty() { page_of(ctx, event.kind, &subject) } else { named.href },
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
        actors: None,
        volume: scoped.filter.volume,
        subject: 0,
        artifact_kind: scoped.filter.artifact_kind,
        category: scoped.filter.category,
        and: "",
        limit: 0,
    };
    let mut releases: BTreeMap<Day, u64> = BTreeMap::new();
    for count in rows::per_quarter(ctx.db().read(), &released).await? {
        *releases.entry(scoped.asked.zone.day_of(count.quarter * QUARTER)).or_default() += count.many.unsigned_abs();
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
                Measure::Releases,
            ),
            (CauseKind::Proposal, count(&accepted), "proposal was accepted", "proposals were accepted", Measure::ProposalsAccepted),
            (
                CauseKind::Incident,
                count(&incidents),
                "thing went wrong on the server",
                "things went wrong on the server",
                Measure::Incidents,
            ),
        ] {
            if count > 0 {
                causes.push(Cause { day, kind, count, text: some(count, one, many), href: rows_of(day, measure) });
            }
        }
    }
    Ok(causes)
}
