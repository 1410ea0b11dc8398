//! Traces on their way in: put in order, masked, and written once.

use std::collections::{BTreeMap, HashMap, HashSet};

use llmos_traces::{Notice, Step, Trace, otlp::Run};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    super::{
        model::{Taken, TraceOutcome, TraceSource},
        store::{self, Labelled, NewTrace, Origin, Place, TraceRow},
    },
    authorise,
    counting::{self, Counted, Skills},
    labels,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{self, Action, model::UserKind},
        evolution,
        jobs::{self, Job},
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

/// The same within a transaction.
pub async fn steps_in(tx: &mut Tx, id: TraceId) -> AppResult<Vec<Step>> {
    match store::steps_in(tx, &[id]).await?.pop() {
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
    /// Whether the caller may bring traces into a team, or without one, keep them for itself.
    pub async fn authorised(ctx: &Ctx, team: Option<TeamId>, source: TraceSource) -> AppResult<Self> {
        let (place, _) = authorise(ctx, team, Action::Converse).await?;
        Ok(Self { place, source, session: None })
    }

    /// The same of a request, which an agent sends without a team: it brings traces into the only one that it is in.
    pub async fn sent(ctx: &Ctx, team: Option<TeamId>, source: TraceSource) -> AppResult<Self> {
        let team = match team {
            Some(team) => Some(team),
            None if ctx.actor()?.person.kind == UserKind::Agent => match accounts::service::roles_of(ctx).await?[..] {
                [(team, _)] => Some(team),
                _ => return Err(AppError::field("team", "Name the team: this agent is not in exactly one.")),
            },
            None => None,
        };
        Self::authorised(ctx, team, source).await
    }
}

/// Puts a trace in order before anything is kept of it. One without an id is known by what it says, one without a time began when it came. Nothing began or
/// ended later than now.
fn clean(trace: &mut Trace, now: i64) -> AppResult<()> {
    if trace.id.is_empty() {
        trace.id = format!("sha256:{}", secrets::sha256(&serde_json::to_vec(trace)?));
    }
    if trace.started_at > now || trace.ended_at > now {
        trace.notices.push(Notice::Clock);
    }
    if trace.started_at <= 0 || trace.started_at > now {
        let took = trace.ended_at.saturating_sub(trace.started_at).clamp(0, clock::DAY);
        (trace.started_at, trace.ended_at) = (now - took, now);
    }
    trace.ended_at = trace.ended_at.min(now);
    trace.tidy(llmos_search::mask, llmos_patterns::suspicious);
    Ok(())
}

/// Keeps traces, those that are there already excepted. Each part of them is there as a whole or not at all.
pub async fn take(ctx: &Ctx, arrival: &Arrival, mut traces: Vec<Trace>, taken: &mut Taken) -> AppResult<()> {
    let now = ctx.now();
    traces.iter_mut().try_for_each(|trace| clean(trace, now))?;
    for part in traces.chunks(BATCH) {
        let accepted = match take_part(ctx, arrival, part).await {
            // Another request brought one of them at the same moment: now it is known.
            Err(error) if error.code == ErrorCode::Conflict => take_part(ctx, arrival, part).await?,
            accepted => accepted?,
        };
        ctx.state.jobs.notify_one();
        taken.accepted += accepted;
        taken.known += part.len() - accepted;
    }
    Ok(())
}

/// Keeps those of a part that are new; how many these are.
async fn take_part(ctx: &Ctx, arrival: &Arrival, part: &[Trace]) -> AppResult<usize> {
    let skills = counting::skills(ctx, arrival.place, part.iter()).await?;
    let mut tx = ctx.db().write_tx().await?;
    let ids = write(ctx, &mut tx, arrival, part, &skills).await?;
    tx.commit().await?;
    Ok(ids.len())
}

/// Keeps one trace of our own, and says where it is.
pub async fn keep(ctx: &Ctx, arrival: &Arrival, trace: Trace) -> AppResult<TraceId> {
    let source_id = trace.id.clone();
    take(ctx, arrival, vec![trace], &mut Taken::default()).await?;
    let row = store::by_source(&mut *ctx.db().read().acquire().await?, arrival.place, &[&source_id]).await?.pop();
    row.ok_or_else(|| AppError::not_found("trace"))?.id()
}

/// Days for which the spans of a run are kept apart: what comes later than that is not waited for.
const RUN_DAYS: i64 = 2;
/// How often spans are put together anew because somebody else was faster.
const TRIES: usize = 32;
/// Once nothing has come of a run for so long it is counted, as it is then.
const COUNTED_AFTER_MS: i64 = 10 * clock::MINUTE;

/// Takes spans of OpenTelemetry. Those of one run come in several requests, in any order and at once: it grows with each.
pub async fn take_runs(ctx: &Ctx, arrival: &Arrival, mut runs: Vec<Run>, taken: &mut Taken) -> AppResult<()> {
    // Before anything is kept of them.
    runs.iter_mut().for_each(|run| run.mask(llmos_search::mask));
    for part in runs.chunks(BATCH) {
        let mut traces = Vec::with_capacity(part.len());
        for run in part {
            let mut trace = run.trace();
            clean(&mut trace, ctx.now())?;
            traces.push(trace);
        }
        let written = match begin_runs(ctx, arrival, part, &traces).await {
            // Another request brought one of them at the same moment: now it is known.
            Err(error) if error.code == ErrorCode::Conflict => begin_runs(ctx, arrival, part, &traces).await?,
            written => written?,
        };
        taken.accepted += written.len();
        for run in part.iter().filter(|run| !written.iter().any(|(_, source_id)| run.id == *source_id)) {
            taken.known += 1;
            grow(ctx, arrival, run.clone()).await?;
        }
    }
    ctx.state.jobs.notify_one();
    Ok(())
}

/// Writes the runs that are new, with their spans.
async fn begin_runs(ctx: &Ctx, arrival: &Arrival, runs: &[Run], traces: &[Trace]) -> AppResult<Vec<(TraceId, String)>> {
    let mut tx = ctx.db().write_tx().await?;
    let written = insert(ctx, &mut tx, arrival, traces).await?;
    for (id, source_id) in &written {
        if let Some(run) = runs.iter().find(|run| run.id == *source_id) {
            store::keep_run(&mut tx, *id, &pack(run)?, ctx.now()).await?;
        }
    }
    tx.commit().await?;
    Ok(written)
}

/// More spans of a run that is there. They are put together before the writer is taken, and written if nobody added some meanwhile: requests that bring some
/// at once follow one another.
async fn grow(ctx: &Ctx, arrival: &Arrival, run: Run) -> AppResult<()> {
    let pool = ctx.db().read();
    for _ in 0..TRIES {
        let Some(known) = store::by_source(&mut *pool.acquire().await?, arrival.place, &[&run.id]).await?.pop() else { return Ok(()) };
        let id = known.id()?;
        // It is whole, or came otherwise.
        let Some(packed) = store::run(&mut *pool.acquire().await?, id).await? else { return Ok(()) };
        let before = steps_of(ctx, id).await?;
        let mut whole: Run = match unpack(&packed) {
            Ok(whole) => whole,
            Err(error) => {
                tracing::error!(%error, trace = %id, "the spans of a run cannot be read: it stays as it is");
                let mut tx = ctx.db().write_tx().await?;
                store::close_run(&mut tx, id).await?;
                return Ok(tx.commit().await?);
            }
        };
        whole.merge(run.clone());
        let mut trace = whole.trace();
        clean(&mut trace, ctx.now())?;
        let (whole, steps) = (pack(&whole)?, pack(&trace.steps)?);
        let mut tx = ctx.db().write_tx().await?;
        let Some(row) = store::lock(&mut tx, id).await? else { return Ok(()) };
        if store::run(&mut tx, id).await?.as_ref() != Some(&packed) {
            continue;
        }
        let old = labels::of_row(&row, &before)?;
        store::extend(&mut tx, id, &trace, &steps, ctx.now()).await?;
        // What a person said of it stays: the row knows, and its labels are made of it.
        let row = store::get(&mut *tx, id).await?.ok_or_else(|| AppError::not_found("trace"))?;
        let new = labels::of_row(&row, &trace.steps)?;
        let gone: Vec<_> = old.iter().filter(|label| !new.contains(label)).cloned().collect();
        let added: Vec<_> = new.iter().filter(|label| !old.contains(label)).cloned().collect();
        store::relabel(&mut tx, &row.place_id, id, &gone, &added).await?;
        store::keep_run(&mut tx, id, &whole, ctx.now()).await?;
        evolution::service::traces_came(ctx, &mut tx, arrival.place.ground(), &[id]).await?;
        return Ok(tx.commit().await?);
    }
    Err(AppError::new(ErrorCode::Unavailable, "Others bring spans of the same run at this moment: send these again."))
}

/// A push brought traces, which are taken: a pass looks at what they are like, however few they are.
pub async fn pushed(ctx: &Ctx, arrival: &Arrival) -> AppResult<()> {
    evolution::service::pass_after_push(ctx, arrival.place.ground()).await
}

/// Runs of which nothing came for a while are counted; those of which nothing came for days are whole, and their spans need not be kept apart any more.
pub async fn close_runs(ctx: &Ctx) -> AppResult<()> {
    loop {
        let ids = store::uncounted(ctx.db().read(), ctx.now() - COUNTED_AFTER_MS, BATCH as i64).await?;
        if ids.is_empty() {
            break;
        }
        for row in store::by_ids(ctx.db().read(), &ids.iter().map(String::as_str).collect::<Vec<_>>()).await? {
            if let Err(error) = count(ctx, &row).await {
                if error.code == ErrorCode::Unavailable {
                    return Err(error);
                }
                tracing::error!(%error, trace = row.id, "a run could not be counted: the others are");
                let mut tx = ctx.db().write_tx().await?;
                store::count_run(&mut tx, &row.id).await?;
                tx.commit().await?;
            }
        }
    }
    let mut tx = ctx.db().write_tx().await?;
    store::close_runs(&mut tx, ctx.now() - RUN_DAYS * clock::DAY).await?;
    Ok(tx.commit().await?)
}

/// Writes the usage events of a run that came in pieces, once.
async fn count(ctx: &Ctx, row: &TraceRow) -> AppResult<()> {
    let id = row.id()?;
    let place = match row.team()? {
        Some(team) => Place::Team(team),
        None => Place::Own(row.by()?.id),
    };
    let trace = Trace {
        started_at: row.started_at,
        ended_at: row.ended_at,
        success: match TraceOutcome::parse(&row.outcome) {
            Some(TraceOutcome::Succeeded) => Some(true),
            Some(TraceOutcome::Failed) => Some(false),
            Some(TraceOutcome::Unknown) | None => None,
        },
        rating: row.rating.and_then(|rating| u8::try_from(rating).ok()),
        skills_used: serde_json::from_str(&row.skills)?,
        steps: steps_of(ctx, id).await?,
        ..Trace::default()
    };
    let skills = counting::skills(ctx, place, std::iter::once(&trace)).await?;
    let mut tx = ctx.db().write_tx().await?;
    if store::count_run(&mut tx, &row.id).await? {
        let counted = Counted { id, trace: &trace, by: Some(row.by()?.id) };
        counting::record_taken(ctx, &mut tx, place, &[counted], &skills).await?;
    }
    Ok(tx.commit().await?)
}

/// Writes those that are new; each with what its source calls it.
async fn insert(ctx: &Ctx, tx: &mut Tx, arrival: &Arrival, traces: &[Trace]) -> AppResult<Vec<(TraceId, String)>> {
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
    }
    Ok(new.into_iter().map(|new| (new.id, new.trace.id.clone())).collect())
}

/// Writes those that are new, and counts them.
async fn write(ctx: &Ctx, tx: &mut Tx, arrival: &Arrival, traces: &[Trace], skills: &Skills) -> AppResult<Vec<TraceId>> {
    let written = insert(ctx, tx, arrival, traces).await?;
    let counted: Vec<Counted<'_>> = written
        .iter()
        .filter_map(|(id, source_id)| Some(Counted { id: *id, trace: traces.iter().find(|trace| trace.id == *source_id)?, by: None }))
        .collect();
    if !counted.is_empty() {
        counting::record_taken(ctx, tx, arrival.place, &counted, skills).await?;
    }
    Ok(written.into_iter().map(|(id, _)| id).collect())
}

/// Gives all traces the labels that came after the others: those that were written before have them not.
pub async fn label_all(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let (mut after, mut labelled) = (TraceId::from_bits(0), 0);
    loop {
        let rows = store::slice_of_all(ctx.db().read(), after, BATCH as i64).await?;
        let Some(last) = rows.last() else { return Ok(json!({ "traces": labelled })) };
        after = last.id()?;
        // As they are when they get their labels: one may be deleted, or grow, meanwhile.
        let mut tx = ctx.db().write_tx().await?;
        let rows = store::by_ids_in(&mut tx, &rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>()).await?;
        let ids: Vec<TraceId> = rows.iter().map(TraceRow::id).collect::<AppResult<_>>()?;
        let steps: HashMap<String, Vec<u8>> = store::steps_in(&mut tx, &ids).await?.into_iter().collect();
        let mut by_place: BTreeMap<&str, Vec<Labelled>> = BTreeMap::new();
        for (row, id) in rows.iter().zip(ids) {
            let steps: Vec<Step> = steps.get(&row.id).map(|packed| unpack(packed)).transpose()?.unwrap_or_default();
            by_place.entry(&row.place_id).or_default().push((id, labels::late_of_row(row, &steps)?));
        }
        for (place, labels) in &by_place {
            store::add_labels(&mut tx, place, labels).await?;
        }
        tx.commit().await?;
        labelled += rows.len();
        jobs::service::progress(ctx, job, 0, 0).await?;
    }
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
