//! Use cases of traces: members bring in what their agents did, everybody in the team reads it, whoever may converse rates it.

mod counting;
mod grouped;
mod labels;
mod renamed;
mod taking;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use grouped::{Judged, accounts_of, judged, skill_of_most, summaries, to_group, total};
pub use renamed::{account_renamed, relabel_people};
pub use taking::{Arrival, close_runs, keep, label_all, label_team, pushed, take, take_runs, unlabel_team};

use super::{
    model::{
        OFFERED, PAGE, PAGE_MAX, RateTrace, Trace, TraceLabels, TraceOutcome, TracePage, TracePattern, TraceSession, TraceSource,
        TraceStep, TraceSummary, TracesQuery,
    },
    store::{self, Label, Labelled, List, TraceRow},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{self, Action, Scope},
        analytics::service::{UsageKind, record},
        evolution::{self, model::Ground},
        sessions,
    },
    ids::{CommitId, PatternId, SessionId, TeamId, TraceId, UserId},
    server::{
        context::Ctx,
        db::{Tx, parse_id},
    },
};

pub use store::Place;

use counting::counted;

/// Runs of a pattern that are looked at in one go.
const RUNS: i64 = 500;

impl Place {
    /// Where its patterns are.
    fn ground(self) -> Ground {
        match self {
            Self::Team(team) => Ground::Team(team),
            Self::Own(user) => Ground::Own(user),
        }
    }
}

/// Whose traces are meant, if the caller may do this there.
async fn authorise(ctx: &Ctx, team: Option<TeamId>, action: Action) -> AppResult<(Place, bool)> {
    match team {
        Some(team) => {
            let role = accounts::service::authorise_team(ctx, team, action).await?;
            let actor = ctx.actor()?;
            Ok((Place::Team(team), role.allows(Action::Converse) && actor.has_scope(Scope::Write)))
        }
        None => {
            let actor = ctx.actor_with(action.scope())?;
            Ok((Place::Own(actor.id()), actor.has_scope(Scope::Write)))
        }
    }
}

pub async fn list_traces(ctx: &Ctx, query: TracesQuery) -> AppResult<TracePage> {
    let (place, can_write) = authorise(ctx, query.team, Action::Read).await?;
    labels::check(&query)?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let pool = ctx.db().read();
    let offered = offered(ctx, place).await?;
    let mut wanted = Vec::new();
    let mut is_possible = true;
    for (kind, names, is_beginning) in labels::asked(&query) {
        match store::wanted(pool, place, kind, &names, is_beginning).await? {
            Some(found) => wanted.push(found),
            None => is_possible = false,
        }
    }
    let (to, end) = labels::between(query.since, query.until);
    let from = query.before.map_or(end, |before| before.min(end));
    let mut list = List { place, wanted, from, to, limit };
    let (rows, next) = match query.pattern {
        Some(pattern) => runs_of(ctx, &list, pattern, is_possible).await?,
        None if is_possible => store::list(pool, &mut list).await?,
        None => (Vec::new(), None),
    };
    let items = rows.iter().map(summary).collect::<AppResult<Vec<_>>>()?;
    Ok(TracePage { items, labels: offered, can_write, next })
}

/// Of a pattern, its runs are gone through from the latest on, until a page is full.
async fn runs_of(ctx: &Ctx, list: &List, pattern: PatternId, is_possible: bool) -> AppResult<(Vec<TraceRow>, Option<TraceId>)> {
    let (mut before, mut found) = (list.from, Vec::new());
    loop {
        let ids = evolution::service::runs_of(ctx, list.place.ground(), pattern, before, RUNS).await?;
        let (count, last) = (ids.len() as i64, ids.last().copied());
        let inside: Vec<TraceId> = ids.into_iter().filter(|id| *id >= list.to).collect();
        if is_possible {
            found.extend(store::list_of(ctx.db().read(), &inside, list).await?);
        }
        match last {
            Some(last) if is_possible && count == RUNS && last >= list.to && found.len() as i64 <= list.limit => before = last,
            _ => break,
        }
    }
    store::page_of(ctx.db().read(), found, list.limit).await
}

/// What lists can be narrowed by.
async fn offered(ctx: &Ctx, place: Place) -> AppResult<TraceLabels> {
    use Label::{All, Model, Outcome, Person, Skill, Source, Tool};
    let mut labels = TraceLabels::default();
    for (kind, name, runs) in store::labels(ctx.db().read(), place, &[All, Outcome, Source, Tool, Skill, Person, Model], OFFERED).await? {
        let of = |kind: Label| kind.as_str();
        let list = match kind.as_str() {
            kind if kind == of(Outcome) => &mut labels.outcomes,
            kind if kind == of(Source) => &mut labels.sources,
            kind if kind == of(Tool) => &mut labels.tools,
            kind if kind == of(Skill) => &mut labels.skills,
            kind if kind == of(Person) => &mut labels.people,
            kind if kind == of(Model) => &mut labels.models,
            _ => {
                labels.total = runs;
                continue;
            }
        };
        list.push((name, runs));
    }
    Ok(labels)
}

/// A trace that the caller may do this with, and what else they may do there.
async fn find(ctx: &Ctx, id: TraceId, action: Action) -> AppResult<(TraceRow, Place, bool)> {
    let row = store::get(ctx.db().read(), id).await?.ok_or_else(|| AppError::not_found("trace"))?;
    let team = row.team()?;
    let hidden = |error: AppError| if error.code == ErrorCode::NotFound { AppError::not_found("trace") } else { error };
    let (place, can_write) = authorise(ctx, team, action).await.map_err(hidden)?;
    if row.place_id != place.id() {
        return Err(AppError::not_found("trace"));
    }
    Ok((row, place, can_write))
}

pub async fn get_trace(ctx: &Ctx, id: TraceId) -> AppResult<Trace> {
    let (row, place, can_rate) = find(ctx, id, Action::Read).await?;
    let steps = taking::steps_of(ctx, id).await?;
    let session = match row.session_id.as_deref().map(parse_id).transpose()? {
        // A title that the reader may not see stays hidden.
        Some(id) => sessions::service::titles(ctx, &[id]).await?.pop().map(|(id, title)| TraceSession { id, title }),
        None => None,
    };
    let can_delete = can_rate && may_delete(ctx, place, &row).await?;
    let summary = summary(&row)?;
    Ok(Trace {
        source_id: row.source_id,
        session,
        conversation: row.conversation,
        commit_id: row.commit_id.as_deref().map(parse_id).transpose()?,
        pattern: evolution::service::pattern_of(ctx, place.ground(), id).await?.map(|(id, name)| TracePattern { id, name }),
        timeline: timeline(steps),
        notices: serde_json::from_str(&row.notices)?,
        can_rate,
        can_delete,
        summary,
    })
}

/// Whoever brought it in, and whoever looks after the team.
async fn may_delete(ctx: &Ctx, place: Place, row: &TraceRow) -> AppResult<bool> {
    if row.by()?.id == ctx.actor()?.id() {
        return Ok(true);
    }
    match place.team() {
        Some(team) => Ok(accounts::service::authorise_team(ctx, team, Action::ManageVolumes).await.is_ok()),
        None => Ok(false),
    }
}

fn timeline(steps: Vec<llmos_traces::Step>) -> Vec<TraceStep> {
    let mut depths: Vec<usize> = Vec::with_capacity(steps.len());
    let mut timeline = Vec::with_capacity(steps.len());
    for step in steps {
        // A parent stands before its children: `Trace::tidy`.
        let depth = step.parent.and_then(|parent| depths.get(parent)).map_or(0, |depth| depth + 1);
        depths.push(depth);
        timeline.push(TraceStep {
            name: step.name,
            kind: step.kind,
            depth,
            input: step.input,
            output: step.output,
            outcome: step.outcome,
            offset_ms: step.offset_ms,
            duration_ms: step.duration_ms,
            tokens_in: step.tokens_in,
            tokens_out: step.tokens_out,
        });
    }
    timeline
}

fn summary(row: &TraceRow) -> AppResult<TraceSummary> {
    Ok(TraceSummary {
        id: row.id()?,
        team_id: row.team()?,
        goal: row.goal.clone(),
        outcome: TraceOutcome::parse(&row.outcome).unwrap_or(TraceOutcome::Unknown),
        source: TraceSource::parse(&row.source).unwrap_or(TraceSource::Api),
        by: row.by()?,
        person: row.person.clone(),
        model: row.model.clone(),
        skills: serde_json::from_str(&row.skills)?,
        steps: row.steps,
        failed_steps: row.failed_steps,
        tokens_in: row.tokens_in,
        tokens_out: row.tokens_out,
        cost: row.cost,
        rating: row.rating,
        started_at: row.started_at,
        ended_at: row.ended_at,
    })
}

/// Says how well a run went, and whether it succeeded.
pub async fn rate_trace(ctx: &Ctx, id: TraceId, input: RateTrace) -> AppResult<Trace> {
    if input.rating.is_some_and(|rating| !(1..=5).contains(&rating)) {
        return Err(AppError::field("rating", "A rating is a number from 1 to 5."));
    }
    let (_, place, _) = find(ctx, id, Action::Converse).await?;
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let mut tx = ctx.db().write_tx().await?;
    // With the lock: somebody else may have rated it in between.
    let row = store::lock(&mut tx, id).await?.ok_or_else(|| AppError::not_found("trace"))?;
    let rating = input.rating.or(row.rating);
    let outcome = input.outcome.map_or_else(|| row.outcome.clone(), |outcome| outcome.as_str().to_owned());
    store::rate(&mut tx, id, rating, &outcome, actor, now).await?;
    let named = |rating: Option<i64>, outcome: &str| {
        let rating = rating.map(|rating| (Label::Rating, rating.to_string()));
        rating.into_iter().chain([(Label::Outcome, outcome.to_owned())]).collect::<Vec<_>>()
    };
    store::relabel(&mut tx, &place.id(), id, &named(row.rating, &row.outcome), &named(rating, &outcome)).await?;
    evolution::service::traces_came(ctx, &mut tx, place.ground(), &[id]).await?;
    record(ctx, &mut tx, counted(place, UsageKind::TraceRated).subject(id).amount(rating.unwrap_or_default())).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    get_trace(ctx, id).await
}

pub async fn delete_trace(ctx: &Ctx, id: TraceId) -> AppResult<()> {
    let (row, place, _) = find(ctx, id, Action::Converse).await?;
    if !may_delete(ctx, place, &row).await? {
        return Err(AppError::forbidden("Whoever brought a trace in deletes it, or a maintainer of the team."));
    }
    let mut tx = ctx.db().write_tx().await?;
    // With the lock: somebody may have rated it in between, or deleted it.
    let Some(row) = store::lock(&mut tx, id).await? else { return Ok(()) };
    let labels = labels::of_row(&row, &taking::steps_in(&mut tx, id).await?)?;
    store::relabel(&mut tx, &place.id(), id, &labels, &[]).await?;
    evolution::service::trace_leaves(ctx, &mut tx, place.ground(), id).await?;
    if store::delete(&mut tx, id).await? {
        record(ctx, &mut tx, counted(place, UsageKind::TraceDeleted).subject(id)).await?;
    }
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    Ok(())
}

/// A session was committed, in the transaction that does it: its traces up to here are what this commit came of.
pub async fn session_committed(tx: &mut Tx, session: SessionId, commit: CommitId) -> AppResult<()> {
    let traces = store::of_session(tx, session).await?;
    let ids: Vec<String> = traces.iter().map(|(id, _)| id.clone()).collect();
    store::set_commit(tx, &ids, commit).await?;
    let mut by_place: BTreeMap<String, Vec<Labelled>> = BTreeMap::new();
    for (id, place) in traces {
        by_place.entry(place).or_default().push((parse_id(&id)?, vec![(Label::Commit, commit.to_string())]));
    }
    for (place, labels) in by_place {
        store::add_labels(tx, &place, &labels).await?;
    }
    Ok(())
}

/// A team is removed for good.
pub async fn forget_team(ctx: &Ctx, tx: &mut Tx, team: TeamId) -> AppResult<()> {
    forget(ctx, tx, Place::Team(team)).await
}

/// An account is removed: what it kept for itself goes with it.
pub async fn forget_own(ctx: &Ctx, tx: &mut Tx, user: UserId) -> AppResult<()> {
    forget(ctx, tx, Place::Own(user)).await
}

async fn forget(ctx: &Ctx, tx: &mut Tx, place: Place) -> AppResult<()> {
    evolution::service::forget(ctx, tx, place.ground()).await?;
    store::delete_place(tx, place).await
}

/// What the caller brought in.
pub async fn own_traces(ctx: &Ctx) -> AppResult<Value> {
    let rows = store::own(ctx.db().read(), ctx.actor()?.id()).await?;
    let row = |(goal, source, outcome, at)| json!({ "goal": goal, "source": source, "outcome": outcome, "startedAt": at });
    Ok(rows.into_iter().map(row).collect())
}
