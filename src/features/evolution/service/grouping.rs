//! Traces become patterns: each joins one or founds one as it comes, and a pass groups all anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use llmos_patterns::{Event, Evidence, PatternId, Patterns, Summary, confidence, summary};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{
        jobs::{ASSIGN, PASS},
        model::{Ground, PassCause},
        store::{self, PatternNow, RunNow},
    },
    COUNTED,
    counting::counted,
    drafting::Writer,
    engine, proposing, settings_of, sharing,
};
use crate::{
    error::AppResult,
    features::{
        analytics::service::{UsageKind, record, record_all},
        jobs::{
            self, Job,
            service::{NewJob, enqueue},
        },
        traces,
    },
    ids::{TraceId, UserId},
    server::{
        context::Ctx,
        db::{Tx, parse_id},
        error::internal,
    },
};

/// Traces that are grouped in one go.
const BATCH: i64 = 128;
/// Comparisons of a pass between two looks at whether something else wants the processor.
const STEP: usize = 200_000;
/// Traces that a summary looks at, the latest.
const SUMMED: i64 = 60;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AssignPayload {
    pub ground: Ground,
    /// Patterns that lost a trace.
    #[serde(default)]
    pub touched: Vec<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PassPayload {
    pub ground: Ground,
    pub cause: PassCause,
    pub asked_by: Option<UserId>,
}

/// New traces of a place, or some whose outcome changed, in the transaction that wrote them: they are grouped after it.
pub async fn traces_came(ctx: &Ctx, tx: &mut Tx, ground: Ground, traces: &[TraceId]) -> AppResult<()> {
    store::add_waiting(tx, &ground.id(), traces).await?;
    queue(ctx, tx, AssignPayload { ground, touched: Vec::new() }).await
}

/// A trace is deleted, in the transaction that does it: its patterns are counted anew. Afterwards what is in memory is to be let go.
pub async fn trace_leaves(ctx: &Ctx, tx: &mut Tx, ground: Ground, trace: TraceId) -> AppResult<()> {
    let touched = store::number_of(tx, ground, trace).await?.into_iter().collect();
    queue(ctx, tx, AssignPayload { ground, touched }).await?;
    // It may be grouped among those of all teams as well.
    match store::number_of(tx, Ground::System, trace).await? {
        Some(number) => queue(ctx, tx, AssignPayload { ground: Ground::System, touched: vec![number] }).await,
        None => Ok(()),
    }
}

async fn queue(ctx: &Ctx, tx: &mut Tx, payload: AssignPayload) -> AppResult<()> {
    let job = NewJob::new(ASSIGN, &payload)?.in_order_of(format!("evolution {}", payload.ground.id()));
    // What names patterns says something of its own.
    enqueue(tx, if payload.touched.is_empty() { job.once() } else { job }, ctx.now()).await
}

pub async fn ask_for_pass(ctx: &Ctx, tx: &mut Tx, payload: &PassPayload, job: Option<NewJob>) -> AppResult<()> {
    let job = match job {
        Some(job) => job,
        None => NewJob::new(PASS, payload)?,
    };
    enqueue(tx, job.in_order_of(format!("evolution {}", payload.ground.id())).once(), ctx.now()).await
}

/// A push brought traces to a place: a pass follows, behind their grouping, unless passes are paused there.
pub async fn pass_after_push(ctx: &Ctx, ground: Ground) -> AppResult<()> {
    if settings_of(ctx, ground).await?.paused {
        return Ok(());
    }
    let mut tx = ctx.db().write_tx().await?;
    ask_for_pass(ctx, &mut tx, &PassPayload { ground, cause: PassCause::Push, asked_by: None }, None).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    Ok(())
}

/// Groups what waits; when much is new, a pass follows.
pub async fn assign(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let AssignPayload { ground, touched } = serde_json::from_str(&job.payload)?;
    let grouped = assign_waiting(ctx, ground, touched).await;
    engine::tell_nodes(ctx, ground);
    let grouped = grouped?;
    let settings = settings_of(ctx, ground).await?;
    let changes = engine::with(ctx, ground, |patterns| patterns.changes()).await?;
    if !settings.paused && changes as i64 >= settings.after {
        let mut tx = ctx.db().write_tx().await?;
        ask_for_pass(ctx, &mut tx, &PassPayload { ground, cause: PassCause::Traces, asked_by: None }, None).await?;
        tx.commit().await?;
        ctx.state.jobs.notify_one();
    }
    Ok(json!({ "traces": grouped }))
}

/// Groups what waits; how many traces that were.
async fn assign_waiting(ctx: &Ctx, ground: Ground, touched: Vec<u64>) -> AppResult<usize> {
    let mut grouped = 0;
    let mut touched: BTreeSet<u64> = touched.into_iter().collect();
    let passes_on = match ground {
        Ground::Team(team) => store::shares(ctx.db().read(), team).await?,
        Ground::Own(_) | Ground::System => false,
    };
    loop {
        let waiting = store::waiting(ctx.db().read(), ground, BATCH).await?;
        if waiting.is_empty() {
            break;
        }
        let found = traces::service::to_group(ctx, &waiting.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let (model, found) = engine::embedded(ctx, ground, found).await?;
        engine::checked(ctx, ground, &model).await?;
        let assigned = engine::with(ctx, ground, move |patterns| {
            let mut assigned = Vec::with_capacity(found.len());
            for (trace, vector) in &found {
                let pattern = match patterns.replace(trace, vector) {
                    Ok(true) => patterns.pattern_of(&trace.id),
                    Ok(false) => patterns.insert(trace, vector).ok().map(|assignment| assignment.pattern),
                    Err(error) => {
                        tracing::warn!(%error, trace = trace.id, "a trace could not be grouped");
                        None
                    }
                };
                assigned.extend(pattern.map(|pattern| (trace.id.clone(), pattern.0)));
            }
            assigned
        })
        .await?;
        let mut tx = ctx.db().write_tx().await?;
        store::assign(&mut tx, ground, &assigned).await?;
        store::drop_waiting(&mut tx, ground, &waiting).await?;
        if passes_on {
            let ids = waiting.iter().map(|id| parse_id(id)).collect::<AppResult<Vec<TraceId>>>()?;
            traces_came(ctx, &mut tx, Ground::System, &ids).await?;
        }
        tx.commit().await?;
        grouped += waiting.len();
        touched.extend(assigned.into_iter().map(|(_, number)| number));
    }
    write(ctx, ground, &touched.into_iter().collect::<Vec<_>>()).await?;
    Ok(grouped)
}

/// Writes what is known of some patterns now.
async fn write(ctx: &Ctx, ground: Ground, numbers: &[u64]) -> AppResult<()> {
    let now = ctx.now();
    let shown = settings_of(ctx, ground).await?.shown_runs;
    for part in numbers.chunks(50) {
        let mut written: Vec<(u64, Evidence, Summary, i64)> = Vec::with_capacity(part.len());
        let asked = part.to_vec();
        let evidence = engine::with(ctx, ground, move |patterns| {
            asked.into_iter().map(|number| (number, patterns.evidence(PatternId(number), now))).collect::<Vec<_>>()
        })
        .await?;
        for (number, evidence) in evidence {
            let Some(evidence) = evidence else {
                let mut tx = ctx.db().write_tx().await?;
                store::end_pattern(&mut tx, ground, number, None, now).await?;
                tx.commit().await?;
                continue;
            };
            let traces = match ground {
                Ground::System => sharing::told(ctx, number as i64, COUNTED, SUMMED as usize).await?,
                Ground::Own(_) | Ground::Team(_) => {
                    let ids = store::traces_of(ctx.db().read(), &ground.id(), number as i64, SUMMED).await?;
                    traces::service::to_group(ctx, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await?
                }
            };
            let last_at = traces.iter().map(|trace| trace.ended_at).max().unwrap_or(now);
            let summed = tokio::task::spawn_blocking(move || summary(&traces.iter().collect::<Vec<_>>()))
                .await
                .map_err(|error| internal("summary of a pattern", &error))?;
            written.push((number, evidence, summed, last_at));
        }
        let texts = written.iter().map(|(_, _, summary, _)| serde_json::to_string(summary)).collect::<Result<Vec<_>, _>>()?;
        let rows: Vec<PatternNow<'_>> = written
            .iter()
            .zip(&texts)
            .map(|((number, evidence, summary, last_at), text)| PatternNow {
                number: *number,
                name: &summary.name,
                slug: &summary.slug,
                runs: i64::from(evidence.successes) + i64::from(evidence.failures),
                successes: i64::from(evidence.successes),
                people: i64::from(evidence.people),
                cohesion: evidence.cohesion,
                confidence: confidence(evidence),
                last_at: *last_at,
                summary: text,
            })
            .collect();
        let numbers: Vec<i64> = rows.iter().map(|row| row.number as i64).collect();
        let before = store::by_numbers(ctx.db().read(), &ground.id(), &numbers).await?;
        // Each trace that is like no other founds one: it counts when it has enough runs to be shown.
        let is_found =
            |row: &&PatternNow<'_>| row.runs >= shown && before.get(&(row.number as i64)).is_none_or(|before| before.runs < shown);
        let found: Vec<i64> = rows.iter().filter(is_found).map(|row| row.number as i64).collect();
        let mut tx = ctx.db().write_tx().await?;
        store::write_patterns(&mut tx, ground, &rows, now).await?;
        if ground == Ground::System {
            store::count_teams(&mut tx, &part.iter().map(|number| *number as i64).collect::<Vec<_>>()).await?;
        }
        let found = store::by_numbers(&mut *tx, &ground.id(), &found).await?;
        record_all(ctx, &mut tx, found.values().map(|row| counted(ground, UsageKind::PatternFound).subject(&row.id)).collect()).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// What a pass has to tell while it goes on.
struct Log<'a> {
    ctx: &'a Ctx,
    id: &'a str,
    lines: Vec<String>,
    traces: i64,
    patterns: i64,
    proposals: i64,
}

impl Log<'_> {
    async fn say(&mut self, line: String) -> AppResult<()> {
        self.lines.push(line);
        self.write("running", None).await
    }

    async fn write(&self, state: &str, error: Option<&str>) -> AppResult<()> {
        let ended_at = (state != "running").then(|| self.ctx.now());
        let (traces, patterns, proposals) = (self.traces, self.patterns, self.proposals);
        let mut tx = self.ctx.db().write_tx().await?;
        store::note_run(&mut tx, &RunNow { id: self.id, state, traces, patterns, proposals, log: &self.lines, error, ended_at }).await?;
        Ok(tx.commit().await?)
    }
}

/// Groups all traces of a place anew and proposes what became sure enough. One that died begins again and comes to the same end.
pub async fn pass(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let payload: PassPayload = serde_json::from_str(&job.payload)?;
    let mut tx = ctx.db().write_tx().await?;
    store::begin_run(&mut tx, &job.id, payload.ground, payload.cause.as_str(), payload.asked_by, ctx.now()).await?;
    tx.commit().await?;
    let mut log = Log { ctx, id: &job.id, lines: Vec::new(), traces: 0, patterns: 0, proposals: 0 };
    let done = group_anew(ctx, job, &payload, &mut log).await;
    engine::tell_nodes(ctx, payload.ground);
    match done {
        Ok(()) => {
            log.write("done", None).await?;
            Ok(json!({ "traces": log.traces, "patterns": log.patterns, "proposals": log.proposals }))
        }
        Err(error) => {
            log.write("failed", Some(&error.message)).await?;
            Err(error)
        }
    }
}

/// The pattern of each trace.
fn placed(patterns: &Patterns) -> HashMap<String, u64> {
    patterns.patterns().flat_map(|id| patterns.traces(id).map(move |trace| (trace.to_owned(), id.0))).collect()
}

async fn group_anew(ctx: &Ctx, job: &Job, payload: &PassPayload, log: &mut Log<'_>) -> AppResult<()> {
    let ground = payload.ground;
    let touched = match ground {
        Ground::System => sharing::take_part(ctx).await?,
        Ground::Own(_) | Ground::Team(_) => Vec::new(),
    };
    let came = assign_waiting(ctx, ground, touched).await?;
    log.say(format!("{came} new traces joined or founded patterns.")).await?;
    let (mut pass, before) = engine::with(ctx, ground, |patterns| (patterns.begin_pass(), placed(patterns))).await?;
    log.traces = before.len() as i64;
    loop {
        // The patterns are free between two steps: new traces find their places meanwhile.
        let (next, is_done) = engine::with(ctx, ground, move |patterns| {
            let is_done = pass.step(patterns, STEP);
            (pass, is_done)
        })
        .await?;
        pass = next;
        jobs::service::progress(ctx, job, 0, 0).await?;
        if is_done {
            break;
        }
        tokio::task::yield_now().await;
    }
    let (events, after) = engine::with(ctx, ground, move |patterns| {
        let events = patterns.apply(pass);
        (events, placed(patterns))
    })
    .await?;
    let events = events.map_err(|error| internal("a pass", &error))?;
    let moved: Vec<(String, u64)> =
        after.iter().filter(|(trace, number)| before.get(*trace) != Some(number)).map(|(trace, number)| (trace.clone(), *number)).collect();
    for part in moved.chunks(500) {
        let mut tx = ctx.db().write_tx().await?;
        store::assign(&mut tx, ground, part).await?;
        tx.commit().await?;
    }
    let alive: BTreeSet<u64> = after.values().copied().collect();
    let mut touched: BTreeSet<u64> = moved.iter().map(|(_, number)| *number).collect();
    touched.extend(moved.iter().filter_map(|(trace, _)| before.get(trace)).filter(|number| alive.contains(number)));
    write(ctx, ground, &touched.into_iter().collect::<Vec<_>>()).await?;
    note_events(ctx, ground, &events, &before, &alive).await?;
    log.patterns = alive.len() as i64;
    log.say(format!("{} traces in {} groups; {} moved.", after.len(), alive.len(), moved.len())).await?;
    let mut writer = Writer::new();
    log.proposals = proposing::propose(ctx, job, ground, payload.asked_by, &mut writer).await?;
    log.lines.append(&mut writer.notes);
    log.say(match log.proposals {
        0 => "Nothing new is sure enough to be proposed.".to_owned(),
        1 => "One proposal was made.".to_owned(),
        many => format!("{many} proposals were made."),
    })
    .await?;
    let mut tx = ctx.db().write_tx().await?;
    record(ctx, &mut tx, counted(ground, UsageKind::EvolutionPassed).amount(log.proposals)).await?;
    Ok(tx.commit().await?)
}

/// Writes down what became of patterns: splits and merges, and which have nothing left.
async fn note_events(ctx: &Ctx, ground: Ground, events: &[Event], before: &HashMap<String, u64>, alive: &BTreeSet<u64>) -> AppResult<()> {
    let numbers: BTreeSet<i64> = before.values().chain(alive).map(|number| *number as i64).collect();
    let mut rows: BTreeMap<i64, String> = BTreeMap::new();
    for part in numbers.into_iter().collect::<Vec<_>>().chunks(500) {
        rows.extend(store::by_numbers(ctx.db().read(), &ground.id(), part).await?.into_iter().map(|(number, row)| (number, row.id)));
    }
    let id = |number: u64| rows.get(&(number as i64)).cloned();
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    for event in events {
        let (kind, from, into) = match event {
            Event::Split { from, into } => ("split", from.0, into.iter().filter_map(|into| id(into.0)).collect::<Vec<_>>()),
            Event::Merged { from, into } => ("merged", from.0, id(into.0).into_iter().collect()),
        };
        if let Some(pattern) = id(from) {
            store::add_event(&mut tx, ground, kind, &pattern, &into, now).await?;
        }
        if let Event::Merged { from, into } = event {
            store::end_pattern(&mut tx, ground, from.0, id(into.0).as_deref(), now).await?;
        }
    }
    let gone: BTreeSet<u64> = before.values().copied().filter(|number| !alive.contains(number)).collect();
    for number in gone {
        store::end_pattern(&mut tx, ground, number, None, now).await?;
    }
    Ok(tx.commit().await?)
}
