//! Traces on their way in: put in order, masked, and written once.

use std::collections::HashSet;

use llmos_traces::{Step, Trace};

use super::{
    super::{
        model::{Taken, TraceSource},
        store::{self, NewTrace, Origin, Place},
    },
    authorise, labels,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action, model::UserKind},
        analytics::service::{Event, record as record_event},
        evolution,
    },
    ids::{SessionId, TeamId, TraceId},
    server::{context::Ctx, db::Tx, error::internal},
};

/// Traces that are written in one transaction: few enough that nobody waits for the writer.
const BATCH: usize = 200;
/// Bytes that the steps of one trace may have when they are read again.
const STEPS_BYTES: usize = 64 * 1024 * 1024;

pub fn pack(steps: &[Step]) -> AppResult<Vec<u8>> {
    Ok(lz4_flex::compress_prepend_size(&serde_json::to_vec(steps)?))
}

pub fn unpack(packed: &[u8]) -> AppResult<Vec<Step>> {
    let (size, rest) = lz4_flex::block::uncompressed_size(packed).map_err(|error| internal("steps of a trace", &error))?;
    if size > STEPS_BYTES {
        tracing::error!(size, "steps of a trace are larger than any that are written");
        return Err(AppError::internal());
    }
    let json = lz4_flex::decompress(rest, size).map_err(|error| internal("steps of a trace", &error))?;
    Ok(serde_json::from_slice(&json)?)
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

/// Puts a trace in order before anything is kept of it.
fn clean(trace: &mut Trace) {
    trace.tidy(llmos_search::mask, llmos_patterns::suspicious);
}

/// Keeps traces, those that are there already excepted. Each part of them is there as a whole or not at all.
pub async fn take(ctx: &Ctx, arrival: &Arrival, mut traces: Vec<Trace>, taken: &mut Taken) -> AppResult<()> {
    traces.iter_mut().for_each(clean);
    for part in traces.chunks(BATCH) {
        let mut tx = ctx.db().write_tx().await?;
        let ids = write(ctx, &mut tx, arrival, part).await?;
        let data = serde_json::json!({ "traces": ids.len(), "source": arrival.source.as_str() });
        if !ids.is_empty() {
            record_event(ctx, &mut tx, Event::new("trace.taken").team(arrival.place.team()).data(data)).await?;
        }
        tx.commit().await?;
        ctx.state.jobs.notify_one();
        taken.accepted += ids.len();
        taken.known += part.len() - ids.len();
    }
    Ok(())
}

/// Keeps the record of a run of our own assistant, in the transaction of what it led to. The caller has authorised it.
pub async fn record(ctx: &Ctx, tx: &mut Tx, team: Option<TeamId>, session: SessionId, mut trace: Trace) -> AppResult<TraceId> {
    clean(&mut trace);
    let place = match team {
        Some(team) => Place::Team(team),
        None => Place::Own(ctx.actor()?.id()),
    };
    let arrival = Arrival { place, source: TraceSource::Assistant, session: Some(session) };
    let written = write(ctx, tx, &arrival, std::slice::from_ref(&trace)).await?;
    written.into_iter().next().ok_or_else(|| AppError::conflict("This run is kept already."))
}

/// Writes those that are new.
async fn write(ctx: &Ctx, tx: &mut Tx, arrival: &Arrival, traces: &[Trace]) -> AppResult<Vec<TraceId>> {
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
    Ok(new.into_iter().map(|new| new.id).collect())
}
