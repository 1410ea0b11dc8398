//! Traces become patterns: each joins one or founds one as it comes, and a pass groups all anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use llmos_patterns::{Event, Evidence, PatternId, Patterns, Summary, confidence, summary};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{
        jobs::{ASSIGN, PASS},
        model::{Ground, PassCause, PatternEventKind},
        store::{self, Mark, PatternNow, RunNow},
    },
    COUNTED,
    counting::counted,
    drafting::Writer,
    engine, proposing, settings_of, sharing,
};
use crate::{
    error::{AppError, AppResult},
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
/// Traces that a job groups before those of other places have their turn.
const TURN: usize = 2_048;
/// Comparisons of a pass between two looks at whether something else wants the processor.
const STEP: usize = 200_000;
/// Traces that a summary looks at, the latest.
const SUMMED: i64 = 60;
/// Traces that a pass moves in one transaction.
const MOVED: usize = 500;
/// Patterns that are written in one transaction.
const WRITTEN: i64 = 50;
/// Patterns that went into one another, one after another.
const HEIRS: usize = 100;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AssignPayload {
    pub ground: Ground,
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
    queue(ctx, tx, ground).await
}

/// A trace is deleted, in the transaction that does it: its patterns are written anew.
pub async fn trace_leaves(ctx: &Ctx, tx: &mut Tx, ground: Ground, trace: TraceId) -> AppResult<()> {
    let places = store::mark_of_trace(tx, trace).await?;
    // It may be grouped among those of all teams as well.
    for ground in [ground, Ground::System].into_iter().filter(|ground| places.contains(&ground.id())) {
        store::add_changed(tx, ground, 1).await?;
        queue(ctx, tx, ground).await?;
    }
    Ok(())
}

/// What waits in a place is grouped, and what is marked is written, unless somebody is about to.
pub async fn queue(ctx: &Ctx, tx: &mut Tx, ground: Ground) -> AppResult<()> {
    enqueue(tx, NewJob::new(ASSIGN, &AssignPayload { ground })?.in_order_of(key(ground)).once(), ctx.now()).await
}

/// What is done to the patterns of a place is done one after another.
pub fn key(ground: Ground) -> String {
    format!("evolution {}", ground.id())
}

pub async fn ask_for_pass(ctx: &Ctx, tx: &mut Tx, payload: &PassPayload, job: Option<NewJob>) -> AppResult<()> {
    let job = match job {
        Some(job) => job,
        None => NewJob::new(PASS, payload)?,
    };
    enqueue(tx, job.in_order_of(key(payload.ground)).once(), ctx.now()).await
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

/// Groups what waits, as much as is one turn; when much is new, a pass follows.
pub async fn assign(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let AssignPayload { ground } = serde_json::from_str(&job.payload)?;
    // What waits stays so until there is one: the page says what is missing.
    if engine::is_missing(ctx) {
        return Ok(json!({ "traces": 0, "missing": engine::NO_MODEL }));
    }
    let grouped = assign_waiting(ctx, ground, TURN).await;
    let written = write_marked(ctx, ground).await;
    engine::tell_nodes(ctx, ground);
    let grouped = grouped?;
    written?;
    let settings = settings_of(ctx, ground).await?;
    let changed = store::changed(ctx.db().read(), ground).await?;
    let is_due = settings.is_pass_due(changed, store::traces_of_last_pass(ctx.db().read(), ground).await?);
    let is_more = store::waiting_count(ctx.db().read(), ground).await? > 0;
    if is_due || is_more {
        let mut tx = ctx.db().write_tx().await?;
        if is_due {
            ask_for_pass(ctx, &mut tx, &PassPayload { ground, cause: PassCause::Traces, asked_by: None }, None).await?;
        }
        if is_more {
            queue(ctx, &mut tx, ground).await?;
        }
        tx.commit().await?;
        ctx.state.jobs.notify_one();
    }
    Ok(json!({ "traces": grouped }))
}

/// Puts what waits into its patterns, up to about this many traces, and marks those; how many traces that were.
pub async fn assign_waiting(ctx: &Ctx, ground: Ground, most: usize) -> AppResult<usize> {
    let mut grouped = 0;
    let passes_on = match ground {
        Ground::Team(team) => store::shares(ctx.db().read(), team).await?,
        Ground::Own(_) | Ground::System => false,
    };
    while grouped < most {
        let waiting = store::waiting(ctx.db().read(), ground, BATCH).await?;
        if waiting.is_empty() {
            break;
        }
        let found = traces::service::to_group(ctx, &waiting.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>()).await?;
        let (model, found) = engine::embedded(ctx, ground, found).await?;
        engine::checked(ctx, ground, &model).await?;
        let ahead = engine::Ahead::new(ctx, ground);
        // Another node may have given numbers that are not known here yet.
        let last = PatternId(store::last_number(ctx.db().read(), ground).await? as u64);
        let assigned = engine::with(ctx, ground, move |patterns| {
            patterns.reserve(last);
            let mut assigned = Vec::with_capacity(found.len());
            for (trace, vector) in &found {
                match patterns.put(trace, vector) {
                    Ok(pattern) => assigned.push((trace.id.clone(), pattern.0)),
                    Err(error) => tracing::warn!(%error, trace = trace.id, "a trace could not be grouped"),
                }
            }
            assigned
        })
        .await?;
        let mut tx = ctx.db().write_tx().await?;
        store::assign(&mut tx, ground, &assigned).await?;
        store::drop_waiting(&mut tx, ground, &waiting).await?;
        store::add_changed(&mut tx, ground, waiting.len() as i64).await?;
        if passes_on {
            let ids = waiting.iter().map(|(id, _)| parse_id(id)).collect::<AppResult<Vec<TraceId>>>()?;
            traces_came(ctx, &mut tx, Ground::System, &ids).await?;
        }
        tx.commit().await?;
        ahead.written();
        grouped += waiting.len();
    }
    Ok(grouped)
}

/// Writes the rows of patterns that are marked, whoever marked them: what their traces say now. Each mark goes with what is written because of it.
pub async fn write_marked(ctx: &Ctx, ground: Ground) -> AppResult<()> {
    let shown = settings_of(ctx, ground).await?.shown_runs;
    let mut tries = 0;
    let mut before = Vec::new();
    loop {
        let marks = store::stale(ctx.db().read(), ground, WRITTEN).await?;
        if marks.is_empty() {
            return Ok(());
        }
        if write(ctx, ground, &marks, shown).await? {
            tries = 0;
            continue;
        }
        // What was marked again meanwhile, such as by traces that are deleted one after another, is another try's.
        let now: Vec<(u64, i64)> = marks.iter().map(|mark| (mark.number, mark.marks)).collect();
        if now != before {
            (before, tries) = (now, 0);
        }
        tries += 1;
        match tries {
            1 => let_gone_go(ctx, ground, &marks).await?,
            // Another node moved some.
            2 => engine::forget(ctx, ground),
            _ => {
                tracing::error!(place = ground.id(), "patterns in memory are not those that are stored, though they were just read");
                return Err(AppError::internal());
            }
        }
    }
}

/// Takes traces out of memory that were deleted.
async fn let_gone_go(ctx: &Ctx, ground: Ground, marks: &[Mark]) -> AppResult<()> {
    let numbers: Vec<u64> = marks.iter().map(|mark| mark.number).collect();
    let asked = numbers.clone();
    let held = engine::with(ctx, ground, move |patterns| {
        asked.into_iter().flat_map(|number| patterns.traces(PatternId(number)).map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    })
    .await?;
    let stored = store::traces_in(ctx.db().read(), ground, &numbers).await?;
    engine::with(ctx, ground, move |patterns| {
        for trace in held.iter().filter(|trace| !stored.contains(*trace)) {
            patterns.remove(trace);
        }
    })
    .await
}

/// A pattern as it is now.
struct Known {
    number: u64,
    evidence: Evidence,
    summary: Summary,
}

/// Writes some marked patterns. False, and nothing is written: what is in memory of them is not what is stored.
async fn write(ctx: &Ctx, ground: Ground, marks: &[Mark], shown: i64) -> AppResult<bool> {
    let now = ctx.now();
    let asked: Vec<u64> = marks.iter().map(|mark| mark.number).collect();
    let evidence = engine::with(ctx, ground, move |patterns| {
        asked.into_iter().filter_map(|number| Some((number, patterns.evidence(PatternId(number), now)?))).collect::<Vec<_>>()
    })
    .await?;
    let mut known: Vec<Known> = Vec::with_capacity(evidence.len());
    for (number, evidence) in evidence {
        let traces = match ground {
            Ground::System => sharing::told(ctx, number as i64, COUNTED, SUMMED as usize).await?,
            Ground::Own(_) | Ground::Team(_) => {
                let ids = store::traces_of(ctx.db().read(), &ground.id(), number as i64, SUMMED).await?;
                traces::service::to_group(ctx, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await?
            }
        };
        let summary = tokio::task::spawn_blocking(move || summary(&traces.iter().collect::<Vec<_>>()))
            .await
            .map_err(|error| internal("summary of a pattern", &error))?;
        known.push(Known { number, evidence, summary });
    }
    let texts = known.iter().map(|known| serde_json::to_string(&known.summary)).collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<PatternNow<'_>> = known
        .iter()
        .zip(&texts)
        .map(|(Known { number, evidence, summary }, text)| PatternNow {
            number: *number,
            name: &summary.name,
            slug: &summary.slug,
            runs: i64::from(evidence.successes) + i64::from(evidence.failures),
            successes: i64::from(evidence.successes),
            people: i64::from(evidence.people),
            cohesion: evidence.cohesion,
            confidence: confidence(evidence),
            last_at: now - evidence.age_ms,
            summary: text,
        })
        .collect();
    let numbers: Vec<i64> = marks.iter().map(|mark| mark.number as i64).collect();
    let mut tx = ctx.db().write_tx().await?;
    let stored = store::counts(&mut tx, ground, &marks.iter().map(|mark| mark.number).collect::<Vec<_>>()).await?;
    let held: BTreeMap<u64, i64> = rows.iter().map(|row| (row.number, row.runs)).collect();
    if stored != held {
        tx.rollback().await?;
        return Ok(false);
    }
    let before = store::by_numbers(&mut *tx, &ground.id(), &numbers).await?;
    // Each trace that is like no other founds one: it counts when it has enough runs to be shown.
    let is_found = |row: &&PatternNow<'_>| row.runs >= shown && before.get(&(row.number as i64)).is_none_or(|before| before.runs < shown);
    let found: Vec<i64> = rows.iter().filter(is_found).map(|row| row.number as i64).collect();
    store::write_patterns(&mut tx, ground, &rows, now).await?;
    if ground == Ground::System {
        store::count_teams(&mut tx, &numbers).await?;
    }
    for mark in marks {
        follow(&mut tx, ground, mark, stored.contains_key(&mark.number), now).await?;
    }
    let found = store::by_numbers(&mut *tx, &ground.id(), &found).await?;
    record_all(ctx, &mut tx, found.values().map(|row| counted(ground, UsageKind::PatternFound).subject(&row.id)).collect()).await?;
    store::unmark(&mut tx, ground, marks).await?;
    tx.commit().await?;
    Ok(true)
}

/// Writes down what became of a pattern: where its traces went, and whether it has any left. One without traces hands what people decided to the one that
/// most of them went to.
async fn follow(tx: &mut Tx, ground: Ground, mark: &Mark, has_traces: bool, now: i64) -> AppResult<()> {
    if has_traces && mark.went.is_empty() {
        return Ok(());
    }
    let went: Vec<i64> = mark.went.iter().map(|number| *number as i64).collect();
    let numbers: Vec<i64> = went.iter().copied().chain([mark.number as i64]).collect();
    let rows = store::by_numbers(&mut **tx, &ground.id(), &numbers).await?;
    let Some(own) = rows.get(&(mark.number as i64)) else { return Ok(()) };
    let into: Vec<String> = went.iter().filter_map(|number| rows.get(number)).map(|row| row.id.clone()).collect();
    if has_traces {
        if !into.is_empty() {
            store::add_event(tx, ground, PatternEventKind::Split, &own.id, &into, now).await?;
            for other in &into {
                store::add_event(tx, ground, PatternEventKind::Grew, other, std::slice::from_ref(&own.id), now).await?;
            }
        }
        return Ok(());
    }
    let ended = store::end_pattern(tx, ground, mark.number, into.first().map(String::as_str), now).await?;
    if let Some(heir) = into.first().filter(|_| ended) {
        store::add_event(tx, ground, PatternEventKind::Merged, &own.id, std::slice::from_ref(heir), now).await?;
        store::add_event(tx, ground, PatternEventKind::Absorbed, heir, std::slice::from_ref(&own.id), now).await?;
    }
    // One that went into this one before may have done so because of a pass that never came to its end.
    let mut heir = if ended { into.first().cloned() } else { own.into_id.clone() };
    for _ in 0..HEIRS {
        let Some(id) = &heir else { return Ok(()) };
        let Some(row) = store::pattern(&mut **tx, parse_id(id)?).await? else { return Ok(()) };
        if row.gone_at.is_none() {
            return store::adopt(tx, &own.id, &row.id, now).await;
        }
        heir = row.into_id;
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
    if ground == Ground::System {
        sharing::take_part(ctx).await?;
    }
    // What comes meanwhile is for the next one: a place in which more comes all the time has its passes too.
    let waiting = store::waiting_count(ctx.db().read(), ground).await?;
    let came = assign_waiting(ctx, ground, usize::try_from(waiting).unwrap_or_default()).await?;
    write_marked(ctx, ground).await?;
    let changed = store::changed(ctx.db().read(), ground).await?;
    log.say(format!("{came} new traces joined or founded patterns.")).await?;
    let ((mut pass, before), made) = engine::with_same(ctx, ground, None, |patterns| (patterns.begin_pass(), placed(patterns))).await?;
    log.traces = before.len() as i64;
    loop {
        // The patterns are free between two steps: new traces find their places meanwhile.
        let ((next, is_done), _) = engine::with_same(ctx, ground, Some(made), move |patterns| {
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
    let ahead = engine::Ahead::new(ctx, ground);
    let ((events, after), _) = engine::with_same(ctx, ground, Some(made), move |patterns| {
        let events = patterns.apply(pass);
        (events, placed(patterns))
    })
    .await?;
    let events = events.map_err(|error| internal("a pass", &error))?;
    let moved: Vec<(String, u64)> =
        after.iter().filter(|(trace, number)| before.get(*trace) != Some(number)).map(|(trace, number)| (trace.clone(), *number)).collect();
    for (at, part) in moved.chunks(MOVED).enumerate() {
        let mut tx = ctx.db().write_tx().await?;
        if at == 0 {
            store::mark_going(&mut tx, ground, &going(&events)).await?;
        }
        store::assign(&mut tx, ground, part).await?;
        tx.commit().await?;
    }
    ahead.written();
    write_marked(ctx, ground).await?;
    let groups = after.values().collect::<BTreeSet<_>>().len();
    log.patterns = groups as i64;
    log.say(format!("{} traces in {groups} groups; {} moved.", after.len(), moved.len())).await?;
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
    store::pass_done(&mut tx, ground, changed).await?;
    record(ctx, &mut tx, counted(ground, UsageKind::EvolutionPassed).amount(log.proposals)).await?;
    Ok(tx.commit().await?)
}

/// Where the traces of patterns go that a pass splits or merges, by number.
fn going(events: &[Event]) -> BTreeMap<u64, Vec<u64>> {
    let of = |event: &Event| match event {
        Event::Split { from, into } => (from.0, into.iter().map(|into| into.0).collect()),
        Event::Merged { from, into } => (from.0, vec![into.0]),
    };
    events.iter().map(of).collect()
}
