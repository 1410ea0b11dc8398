//! Traces on their way in: put in order, masked, and written once.

use std::collections::{HashMap, HashSet};

use llmos_traces::{Step, Trace, otlp::Run};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    super::{
        model::{Taken, TraceOutcome, TraceSource},
        store::{self, Label, NewTrace, Origin, Place, TraceRow},
    },
    authorise,
    counting::{self, Skills},
    labels,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action, model::UserKind},
        evolution,
    },
    ids::{SessionId, TeamId, TraceId},
    server::{clock, context::Ctx, db::Tx, error::internal, secrets},
};

/// Traces that are written in one transaction: few enough that nobody waits for the writer.
const BATCH: usize = 200;
/// Bytes that the steps of one trace may have when they are read again.
const STEPS_BYTES: usize = 64 * 1024 * 1024;

fn pack<T: Serialize + ?Sized>(value: &T) -> AppResult<Vec<u8>> {
    Ok(lz4_flex::compress_prepend_size(&serde_json::to_vec(value)?))
}

pub fn unpack<T: DeserializeOwned>(packed: &[u8]) -> AppResult<T> {
    let (size, rest) = lz4_flex::block::uncompressed_size(packed).map_err(|error| internal("steps of a trace", &error))?;
    if size > STEPS_BYTES {
        tracing::error!(size, "steps of a trace are larger than any that are written");
        return Err(AppError::internal());
    }
    let json = lz4_flex::decompress(rest, size).map_err(|error| internal("steps of a trace", &error))?;
    Ok(serde_json::from_slice(&json)?)
}

/// The steps of one trace.
pub async fn steps_of(ctx: &Ctx, id: TraceId) -> AppResult<Vec<Step>> {
    match store::steps(ctx.db().read(), &[id]).await?.pop() {
        Some((_, steps)) => unpack(&steps),
        None => Ok(Vec::new()),
    }
}

/// Where traces come from, and where they go.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub place: Place,
    pub source: TraceSource,
    /// Of ours.
    pub session: Option<SessionId>,
}

impl Arrival {
    /// Whether the caller may bring traces into a team, or without one, keep them for itself. An agent that is in one team brings them there.
    pub async fn authorised(ctx: &Ctx, team: Option<TeamId>, source: TraceSource) -> AppResult<Self> {
        let team = match team {
            Some(team) => Some(team),
            None if ctx.actor()?.person.kind == UserKind::Agent => match accounts::service::roles_of(ctx).await?[..] {
                [(team, _)] => Some(team),
                _ => return Err(AppError::field("team", "Name the team: this agent is not in exactly one.")),
            },
            None => None,
        };
        let (place, _) = authorise(ctx, team, Action::Converse).await?;
        Ok(Self { place, source, session: None })
    }
}

/// Puts a trace in order before anything is kept of it. One without an id is known by what it says, one without a time began when it came.
fn clean(trace: &mut Trace, now: i64) -> AppResult<()> {
    if trace.id.is_empty() {
        trace.id = format!("sha256:{}", secrets::sha256(&serde_json::to_vec(trace)?));
    }
    if trace.started_at <= 0 || trace.started_at > now {
        let took = (trace.ended_at - trace.started_at).clamp(0, clock::DAY);
        (trace.started_at, trace.ended_at) = (now - took, now);
    }
    trace.tidy(llmos_search::mask, llmos_patterns::suspicious);
    Ok(())
}

/// Keeps traces, those that are there already excepted. Each part of them is there as a whole or not at all.
pub async fn take(ctx: &Ctx, arrival: &Arrival, mut traces: Vec<Trace>, taken: &mut Taken) -> AppResult<()> {
    let now = ctx.now();
    traces.iter_mut().try_for_each(|trace| clean(trace, now))?;
    for part in traces.chunks(BATCH) {
        let skills = counting::skills(ctx, arrival.place, part.iter()).await?;
        let mut tx = ctx.db().write_tx().await?;
        let ids = write(ctx, &mut tx, arrival, part, &skills).await?;
        tx.commit().await?;
        ctx.state.jobs.notify_one();
        taken.accepted += ids.len();
        taken.known += part.len() - ids.len();
    }
    Ok(())
}

/// Keeps one trace of our own, and says where it is.
pub async fn keep(ctx: &Ctx, arrival: &Arrival, trace: Trace) -> AppResult<TraceId> {
    let source_id = trace.id.clone();
    take(ctx, arrival, vec![trace], &mut Taken::default()).await?;
    let row = store::by_source(ctx.db().read(), arrival.place, &[&source_id]).await?.pop();
    row.ok_or_else(|| AppError::not_found("trace"))?.id()
}

/// Days for which the spans of a run are kept apart: what comes later than that is not waited for.
const RUN_DAYS: i64 = 2;

/// Takes spans of OpenTelemetry. Those of one run come in several requests, in any order: it grows with each.
pub async fn take_runs(ctx: &Ctx, arrival: &Arrival, runs: Vec<Run>, taken: &mut Taken) -> AppResult<()> {
    let pool = ctx.db().read();
    let ids: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
    let mut rows: HashMap<String, TraceRow> =
        store::by_source(pool, arrival.place, &ids).await?.into_iter().map(|row| (row.source_id.clone(), row)).collect();
    let mut fresh: Vec<(Run, Trace)> = Vec::new();
    for run in runs {
        let Some(row) = rows.remove(&run.id) else {
            let mut trace = run.trace();
            clean(&mut trace, ctx.now())?;
            fresh.push((run, trace));
            continue;
        };
        let id = row.id()?;
        taken.known += 1;
        let Some(packed) = store::run(pool, id).await? else { continue };
        let mut whole: Run = unpack(&packed)?;
        whole.merge(run);
        let mut trace = whole.trace();
        clean(&mut trace, ctx.now())?;
        let steps = steps_of(ctx, id).await?;
        let old = labels::of_row(&row, &steps)?;
        let mut new = labels::of_trace(&trace, &row.source, row.session_id.as_deref(), &row.by()?.name);
        // What a person said of it stays.
        let said = |label: &(Label, String)| matches!(label.0, Label::Outcome | Label::Rating);
        if row.rating.is_some() || row.outcome != TraceOutcome::Unknown.as_str() && trace.success.is_none() {
            new.retain(|label| !said(label));
            new.extend(old.iter().filter(|label| said(label)).cloned());
            trace.success = match TraceOutcome::parse(&row.outcome) {
                Some(TraceOutcome::Succeeded) => Some(true),
                Some(TraceOutcome::Failed) => Some(false),
                _ => None,
            };
        }
        let gone: Vec<_> = old.iter().filter(|label| !new.contains(label)).cloned().collect();
        let added: Vec<_> = new.iter().filter(|label| !old.contains(label)).cloned().collect();
        let mut tx = ctx.db().write_tx().await?;
        store::extend(&mut tx, id, &trace, &pack(&trace.steps)?, ctx.now()).await?;
        store::relabel(&mut tx, &row.place_id, id, &gone, &added).await?;
        store::keep_run(&mut tx, id, &pack(&whole)?, ctx.now()).await?;
        evolution::service::traces_came(ctx, &mut tx, arrival.place.ground(), &[id]).await?;
        tx.commit().await?;
    }
    for part in fresh.chunks(BATCH) {
        let traces: Vec<Trace> = part.iter().map(|(_, trace)| trace.clone()).collect();
        let skills = counting::skills(ctx, arrival.place, traces.iter()).await?;
        let mut tx = ctx.db().write_tx().await?;
        let written = write(ctx, &mut tx, arrival, &traces, &skills).await?;
        // They are written in their order; one that came twice in between is not written again.
        if written.len() == part.len() {
            for (id, (run, _)) in written.iter().zip(part) {
                store::keep_run(&mut tx, *id, &pack(run)?, ctx.now()).await?;
            }
        }
        tx.commit().await?;
        taken.accepted += written.len();
        taken.known += part.len() - written.len();
    }
    ctx.state.jobs.notify_one();
    Ok(())
}

/// A push brought traces, which are taken: a pass looks at what they are like, however few they are.
pub async fn pushed(ctx: &Ctx, arrival: &Arrival) -> AppResult<()> {
    evolution::service::pass_after_push(ctx, arrival.place.ground()).await
}

/// Runs of which nothing came for days are whole: their spans need not be kept apart any more.
pub async fn close_runs(ctx: &Ctx) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    store::close_runs(&mut tx, ctx.now() - RUN_DAYS * clock::DAY).await?;
    Ok(tx.commit().await?)
}

/// Writes those that are new.
async fn write(ctx: &Ctx, tx: &mut Tx, arrival: &Arrival, traces: &[Trace], skills: &Skills) -> AppResult<Vec<TraceId>> {
    let actor = ctx.actor()?;
    let source = arrival.source.as_str();
    let session = arrival.session.map(|id| id.to_string());
    let source_ids: Vec<&str> = traces.iter().map(|trace| trace.id.as_str()).collect();
    let known = store::known(tx, arrival.place, &source_ids).await?;
    let mut seen = HashSet::new();
    let mut new = Vec::new();
    for trace in traces.iter().filter(|trace| !known.contains(&trace.id) && seen.insert(trace.id.as_str())) {
        let labels = labels::of_trace(trace, source, session.as_deref(), &actor.person.name);
        new.push(NewTrace { id: labels::id_at(trace.started_at), trace, labels, steps: pack(&trace.steps)? });
    }
    if !new.is_empty() {
        let origin = Origin { place: arrival.place, user: actor.id(), source, session: arrival.session, now: ctx.now() };
        store::insert(tx, &origin, &new).await?;
        let ids: Vec<TraceId> = new.iter().map(|new| new.id).collect();
        evolution::service::keep_place(ctx, tx, arrival.place.ground()).await?;
        evolution::service::traces_came(ctx, tx, arrival.place.ground(), &ids).await?;
        counting::record_taken(ctx, tx, arrival.place, &new, skills).await?;
    }
    Ok(new.into_iter().map(|new| new.id).collect())
}

/// Has the traces of a team found by what they say, those that came with its archive. What was found by them before is forgotten first.
pub async fn label_team(ctx: &Ctx, team: TeamId) -> AppResult<()> {
    unlabel_team(ctx, team).await?;
    let (place, mut after) = (Place::Team(team), TraceId::from_bits(0));
    loop {
        let rows = store::slice(ctx.db().read(), place, after, BATCH as i64).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id()?;
        let ids: Vec<TraceId> = rows.iter().map(TraceRow::id).collect::<AppResult<_>>()?;
        let steps: HashMap<String, Vec<u8>> = store::steps(ctx.db().read(), &ids).await?.into_iter().collect();
        let mut tx = ctx.db().write_tx().await?;
        for (row, id) in rows.iter().zip(ids) {
            let steps: Vec<Step> = steps.get(&row.id).map(|packed| unpack(packed)).transpose()?.unwrap_or_default();
            store::relabel(&mut tx, &place.id(), id, &[], &labels::of_row(row, &steps)?).await?;
        }
        tx.commit().await?;
    }
}

/// Takes all labels from a team's traces.
pub async fn unlabel_team(ctx: &Ctx, team: TeamId) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    store::delete_labels(&mut tx, Place::Team(team)).await?;
    Ok(tx.commit().await?)
}
