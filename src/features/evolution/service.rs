//! Use cases of evolution: everybody in a place sees its patterns, whoever may commit decides on proposals, maintainers set when passes are made.

mod counting;
mod drafting;
mod effects;
mod engine;
mod grouping;
mod promoting;
mod proposing;
mod retiring;
mod reviewing;
mod sharing;
mod telling;

use std::collections::{HashMap, HashSet};

use llmos_patterns::{Evidence, PitfallKind, Summary, confidence, wilson_lower};

pub use engine::Engines;
pub use grouping::{assign, assign_waiting, pass, pass_after_push, trace_leaves, traces_came, write_marked};
pub use promoting::promote;
pub use reviewing::{decide, edit_proposal, get_proposal};
pub use sharing::set_sharing;

use super::{
    jobs::PASS,
    model::{
        Begun, Evolution, EvolutionQuery, Ground, GroundQuery, LISTED, LISTED_MAX, PassCause, PassSummary, Pattern, PatternEvent,
        PatternEventKind, PatternMark, PatternStep, PatternSummary, PatternWay, ProposalKind, ProposalMark, ProposalState, RUNS_SHOWN,
        SYSTEM, Settings, Standing, Why,
    },
    store::{self, PatternRow, ProposalRow},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{self, Action, Scope},
        analytics::service::{UsageKind, record},
        jobs::{
            self,
            service::{NewJob, Schedule},
        },
        traces,
    },
    ids::{JobId, PatternId, ProposalId, TeamId, TraceId, UserId},
    server::{
        context::Ctx,
        db::{Tx, parse_id},
    },
};
use counting::counted;
use drafting::Writer;
use effects::effect;
use grouping::{PassPayload, ask_for_pass};

/// Places that are looked at in one go.
const SLICE: i64 = 100;
/// Passes that are listed.
const PASSES: i64 = 30;
const EVENTS: i64 = 20;
/// Runs of a pattern that an effect counts.
const COUNTED: i64 = 5_000;

fn asked(ctx: &Ctx, query: GroundQuery) -> AppResult<Ground> {
    match (query.system, query.team) {
        (true, Some(_)) => Err(AppError::field("team", "Ask for one team or for all of them.")),
        (true, None) => Ok(Ground::System),
        (false, Some(team)) => Ok(Ground::Team(team)),
        (false, None) => Ok(Ground::Own(ctx.actor()?.id())),
    }
}

/// The place with this id: the caller's own, a team's, or that of all teams.
fn ground_of(ctx: &Ctx, place: &str) -> AppResult<Ground> {
    let own = ctx.actor()?.id();
    if place == SYSTEM {
        return Ok(Ground::System);
    }
    if place == own.to_string() { Ok(Ground::Own(own)) } else { Ok(Ground::Team(parse_id::<TeamId>(place)?)) }
}

/// Whether the caller may decide there, and set when passes are made.
async fn authorise(ctx: &Ctx, ground: Ground, action: Action) -> AppResult<(bool, bool)> {
    match ground {
        Ground::Own(user) => {
            let actor = ctx.actor_with(action.scope())?;
            if actor.id() != user {
                return Err(AppError::not_found("pattern"));
            }
            Ok((actor.has_scope(Scope::Write), actor.has_scope(Scope::Write)))
        }
        Ground::Team(team) => {
            let role = accounts::service::authorise_team(ctx, team, action).await?;
            let may = |action: Action| ctx.actor().is_ok_and(|actor| actor.has_scope(action.scope())) && role.allows(action);
            Ok((may(Action::Commit), may(Action::ManageVolumes)))
        }
        Ground::System => {
            ctx.actor()?;
            // For others there is no such place.
            accounts::service::require_administrator(ctx).map_err(|_| AppError::not_found("pattern"))?;
            Ok((true, true))
        }
    }
}

async fn settings_of(ctx: &Ctx, ground: Ground) -> AppResult<Settings> {
    Ok(store::place(ctx.db().read(), ground).await?.map_or_else(|| Settings::of(ground.level()), |row| row.settings()))
}

fn schedule(settings: &Settings, now: i64) -> Option<i64> {
    Schedule::next(&settings.cron, &settings.zone, now)
}

pub async fn get_evolution(ctx: &Ctx, query: EvolutionQuery) -> AppResult<Evolution> {
    let ground = asked(ctx, query.ground())?;
    let (can_decide, can_set) = authorise(ctx, ground, Action::Read).await?;
    let (pool, now, limit) = (ctx.db().read(), ctx.now(), query.shown.unwrap_or(LISTED).clamp(1, LISTED_MAX));
    let place = store::place(pool, ground).await?;
    let settings = place.as_ref().map_or_else(|| Settings::of(ground.level()), |row| row.settings());
    let sure = if query.all { 0.0 } else { settings.listed };
    // Before what they made: a page that says that one has ended shows all of it.
    let passes = store::runs(pool, ground, PASSES).await?;
    let rows = store::patterns(pool, ground, settings.shown_runs, sure, limit).await?;
    let marks = marks(ctx, &rows).await?;
    let mut patterns = rows.iter().filter_map(|row| summary(row, &settings, &marks, now).transpose()).collect::<AppResult<Vec<_>>>()?;
    // They come in the order of the last pass; age has gone on since.
    patterns.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(b.runs.cmp(&a.runs)).then(a.id.cmp(&b.id)));
    let proposals = store::proposals(pool, ground, limit).await?;
    let askers = passes.iter().filter_map(|pass| pass.asked_by.as_deref()).map(parse_id).collect::<AppResult<Vec<UserId>>>()?;
    let people = accounts::service::people(ctx, askers).await?;
    let is_at_work = passes.iter().any(|pass| pass.state == "running") && is_passing(ctx, ground).await?;
    let runs = passes
        .into_iter()
        .map(|mut pass| {
            if pass.state == "running" && !is_at_work {
                (pass.state, pass.error) = ("failed".to_owned(), Some(store::LOST.to_owned()));
            }
            let asker = pass.asked_by.as_deref().map(parse_id::<UserId>).transpose()?;
            Ok(PassSummary {
                id: parse_id(&pass.id)?,
                cause: PassCause::parse(&pass.cause),
                asked_by: asker.and_then(|id| people.get(&id).cloned()),
                state: pass.state,
                traces: pass.traces,
                patterns: pass.patterns,
                proposals: pass.proposals,
                log: serde_json::from_str(&pass.log)?,
                error: pass.error,
                started_at: pass.started_at,
                ended_at: pass.ended_at,
            })
        })
        .collect::<AppResult<Vec<_>>>()?;
    let (shares, can_share) = sharing::sharing_of(ctx, ground).await?;
    let traces = match ground {
        Ground::System => sharing::total(ctx).await?,
        Ground::Own(_) | Ground::Team(_) => traces::service::total(ctx, ground).await?,
    };
    let shown = store::patterns_count(pool, ground, settings.shown_runs, 0.0).await?;
    let listed = store::patterns_count(pool, ground, settings.shown_runs, settings.listed).await?;
    Ok(Evolution {
        level: ground.level(),
        patterns,
        proposals: proposals.iter().map(reviewing::summary).collect::<AppResult<_>>()?,
        patterns_total: if query.all { shown } else { listed },
        patterns_unlisted: shown - listed,
        proposals_total: store::proposals_count(pool, ground).await?,
        runs,
        next_at: place.and_then(|row| row.next_at).filter(|_| !settings.paused),
        settings,
        traces,
        waiting: store::waiting_count(pool, ground).await?,
        missing: engine::is_missing(ctx).then(|| engine::NO_MODEL.to_owned()),
        can_decide,
        can_set,
        shares,
        can_share,
    })
}

/// Whether a pass of a place runs or is about to. One that was dropped cannot say so itself.
async fn is_passing(ctx: &Ctx, ground: Ground) -> AppResult<bool> {
    Ok(jobs::service::at_work(ctx, &[PASS], grouping::key(ground)).await?.is_some())
}

/// What is proposed because of patterns: what waits for a decision before what had one, and the latest first.
type Marks = HashMap<String, ProposalMark>;

async fn marks(ctx: &Ctx, rows: &[PatternRow]) -> AppResult<Marks> {
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let mut marks = Marks::new();
    for (pattern, id, kind, state) in store::marks_of(ctx.db().read(), &ids).await? {
        let mark = ProposalMark { id: parse_id(&id)?, kind: ProposalKind::parse(&kind), state: ProposalState::parse(&state) };
        marks.entry(pattern).or_insert(mark);
    }
    Ok(marks)
}

/// None: not enough runs to be shown.
fn summary(row: &PatternRow, settings: &Settings, marks: &Marks, now: i64) -> AppResult<Option<PatternSummary>> {
    let confidence = row.confidence(now);
    let Some(standing) = settings.standing(row.runs, confidence) else { return Ok(None) };
    Ok(Some(PatternSummary {
        id: parse_id(&row.id)?,
        name: row.name.clone(),
        runs: row.runs,
        successes: row.successes,
        people: row.people,
        confidence,
        standing,
        last_at: row.last_at,
        proposal: marks.get(&row.id).cloned(),
    }))
}

/// Patterns of the same place by their ids, as they are called now.
async fn named(ctx: &Ctx, place: &str, ids: &[String]) -> AppResult<HashMap<String, PatternMark>> {
    let rows = store::by_ids(ctx.db().read(), ids).await?;
    // Nor does a name tell of what is not shown.
    let level = ground_of(ctx, place)?.level();
    let of_place = rows.into_iter().filter(|row| row.place_id == place && row.is_shared_enough(level));
    of_place.map(|row| Ok((row.id.clone(), PatternMark { id: parse_id(&row.id)?, name: row.name }))).collect()
}

/// What became of a pattern, the latest first, and the one that it went into.
async fn history(ctx: &Ctx, row: &PatternRow) -> AppResult<(Vec<PatternEvent>, Option<PatternMark>)> {
    let mut events = Vec::new();
    for (kind, others, at) in store::events(ctx.db().read(), &row.id, EVENTS).await? {
        events.push((PatternEventKind::parse(&kind), serde_json::from_str::<Vec<String>>(&others)?, at));
    }
    let mut ids: Vec<String> = events.iter().flat_map(|(_, others, _)| others.clone()).chain(row.into_id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let named = named(ctx, &row.place_id, &ids).await?;
    let events = events.into_iter().map(|(kind, others, at)| PatternEvent {
        kind,
        others: others.iter().filter_map(|id| named.get(id).cloned()).collect(),
        at,
    });
    Ok((events.collect(), row.into_id.as_ref().and_then(|id| named.get(id).cloned())))
}

pub async fn get_pattern(ctx: &Ctx, id: PatternId) -> AppResult<Pattern> {
    let missing = || AppError::not_found("pattern");
    let row = store::pattern(ctx.db().read(), id).await?.ok_or_else(missing)?;
    let ground = ground_of(ctx, &row.place_id).map_err(|_| missing())?;
    let hidden = |error: AppError| if error.code == ErrorCode::NotFound { missing() } else { error };
    let (can_decide, _) = authorise(ctx, ground, Action::Read).await.map_err(hidden)?;
    if !row.is_shared_enough(ground.level()) {
        return Err(missing());
    }
    let (teams, latest) = match ground {
        Ground::System => {
            (sharing::runs_by_team(ctx, row.number).await?, sharing::own_runs(ctx, row.number, COUNTED, RUNS_SHOWN as usize).await?)
        }
        Ground::Own(_) | Ground::Team(_) => (Vec::new(), store::traces_of(ctx.db().read(), &row.place_id, row.number, RUNS_SHOWN).await?),
    };
    let proposals = store::proposals_of(ctx.db().read(), &[&row.id]).await?;
    let settings = settings_of(ctx, ground).await?;
    let marks = marks(ctx, std::slice::from_ref(&row)).await?;
    let shown = PatternSummary {
        standing: Standing::Shown,
        ..summary(&row, &Settings { shown_runs: 0, ..settings }, &marks, ctx.now())?.ok_or_else(missing)?
    };
    let summed: Summary = serde_json::from_str(&row.summary)?;
    let (history, went_into) = history(ctx, &row).await?;
    // Of the skill, also after it was proposed that it goes.
    let is_skill = |proposal: &&ProposalRow| {
        ProposalState::parse(&proposal.state) == ProposalState::Accepted && ProposalKind::parse(&proposal.kind) != ProposalKind::Retire
    };
    let effect = match proposals.iter().find(is_skill) {
        Some(accepted) => effect(ctx, &row, accepted).await?,
        None => None,
    };
    // What waits for a decision before what had one.
    let waits = |proposal: &ProposalRow| matches!(ProposalState::parse(&proposal.state), ProposalState::Open | ProposalState::Snoozed);
    let shown_first = proposals.iter().position(waits).unwrap_or(0);
    let proposal_text = match proposals.into_iter().nth(shown_first) {
        Some(proposal) => Some(reviewing::shown(ctx, proposal, ground).await?),
        None => None,
    };
    Ok(Pattern {
        summary: shown,
        level: ground.level(),
        why: why(&row, ctx.now()),
        steps: summed
            .steps
            .into_iter()
            .map(|step| PatternStep { name: step.name, other_names: step.other_names, words: step.words, frequency: step.frequency })
            .collect(),
        ways: summed
            .variants
            .into_iter()
            .map(|way| PatternWay { steps: way.steps, runs: way.runs as i64, successes: way.successes as i64 })
            .collect(),
        pitfalls: summed.pitfalls.iter().map(pitfall).collect(),
        goals: summed.representatives,
        flagged: summed.flagged.len() as i64,
        teams,
        latest: traces::service::summaries(ctx, &latest).await?,
        history,
        went_into,
        promotions: promoting::promotions(ctx, &row.id, EVENTS).await?,
        effect,
        can_draft: can_decide && proposal_text.is_none(),
        can_decide,
        proposal_text,
    })
}

/// The pattern that a trace belongs to, with its name, if the caller may read that place and the pattern is shown there.
pub async fn pattern_of(ctx: &Ctx, ground: Ground, trace: TraceId) -> AppResult<Option<(PatternId, String)>> {
    authorise(ctx, ground, Action::Read).await?;
    let settings = settings_of(ctx, ground).await?;
    let row = store::pattern_of(ctx.db().read(), ground, trace).await?;
    let is_shown =
        |row: &PatternRow| row.is_shared_enough(ground.level()) && settings.standing(row.runs, row.confidence(ctx.now())).is_some();
    row.filter(is_shown).map(|row| Ok((parse_id(&row.id)?, row.name))).transpose()
}

/// The patterns of those of these proposals whose place the caller may read, with their names: that is where a proposal is shown.
pub async fn patterns_of_proposals(ctx: &Ctx, ids: &[ProposalId]) -> AppResult<HashMap<ProposalId, (PatternId, String)>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let own = ctx.actor_with(Scope::Read)?.id().to_string();
    let teams = accounts::service::roles_of(ctx).await?;
    let mine: HashSet<String> = teams.into_iter().map(|(team, _)| team.to_string()).chain([own]).collect();
    let rows = store::places_of_proposals(ctx.db().read(), ids).await?;
    rows.into_iter()
        .filter(|(_, place, ..)| mine.contains(place))
        .map(|(id, _, pattern, name)| Ok((parse_id(&id)?, (parse_id(&pattern)?, name))))
        .collect()
}

/// Runs of a pattern before this one, the latest first, if the caller may read its place and it is shown there.
pub async fn runs_of(ctx: &Ctx, ground: Ground, pattern: PatternId, before: TraceId, limit: i64) -> AppResult<Vec<TraceId>> {
    authorise(ctx, ground, Action::Read).await?;
    let settings = settings_of(ctx, ground).await?;
    let is_shown =
        |row: &PatternRow| row.place_id == ground.id() && row.is_shared_enough(ground.level()) && row.runs >= settings.shown_runs;
    let row = store::pattern(ctx.db().read(), pattern).await?.filter(is_shown).ok_or_else(|| AppError::not_found("pattern"))?;
    let ids = store::traces_before(ctx.db().read(), &row.place_id, row.number, &before.to_string(), limit).await?;
    ids.iter().map(|id| parse_id(id)).collect()
}

/// Drafts a skill from a pattern that is not sure enough to be proposed by itself.
pub async fn draft_proposal(ctx: &Ctx, id: PatternId) -> AppResult<Pattern> {
    if !get_pattern(ctx, id).await?.can_draft {
        return Err(AppError::forbidden("Whoever may commit in this workspace has a skill drafted, once for each pattern."));
    }
    let row = store::pattern(ctx.db().read(), id).await?.ok_or_else(|| AppError::not_found("pattern"))?;
    proposing::propose_one(ctx, ground_of(ctx, &row.place_id)?, &row, &mut Writer::new()).await?;
    get_pattern(ctx, id).await
}

fn pitfall(pitfall: &llmos_patterns::Pitfall) -> String {
    let share = |part: f64| format!("{:.0} %", part * 100.0);
    let (failed, others, step) = (share(pitfall.in_failures), share(pitfall.in_successes), &pitfall.step);
    match pitfall.kind {
        PitfallKind::Used => format!("{failed} of the failed runs used {step}, {others} of the others."),
        PitfallKind::Missing => format!("{failed} of the failed runs left out {step}, {others} of the others."),
        PitfallKind::Error => format!("{step} ended in an error in {failed} of the failed runs, in {others} of the others."),
    }
}

/// The parts of a confidence: each as it would be if the others took nothing.
fn why(row: &PatternRow, now: i64) -> Why {
    let failures = (row.runs - row.successes).max(0) as u32;
    let success = wilson_lower(row.successes.max(0) as u32, failures);
    // Without failures and with endless successes only the rest is left.
    let alone =
        |cohesion: f64, people: u32, age_ms: i64| confidence(&Evidence { successes: u32::MAX, failures: 0, cohesion, people, age_ms });
    Why {
        success,
        cohesion: alone(row.cohesion, u32::MAX, 0),
        people: alone(1.0, row.people.max(1) as u32, 0),
        recent: alone(1.0, u32::MAX, now - row.last_at),
    }
}

/// Groups all traces of a place anew, now.
pub async fn begin_pass(ctx: &Ctx, query: GroundQuery) -> AppResult<Begun> {
    let ground = asked(ctx, query)?;
    let (can_decide, can_set) = authorise(ctx, ground, Action::Read).await?;
    if !can_decide && !can_set {
        return Err(AppError::forbidden("Whoever may commit in this workspace begins a pass."));
    }
    let (actor, id) = (ctx.actor()?.id(), JobId::generate());
    let payload = PassPayload { ground, cause: PassCause::Asked, asked_by: Some(actor) };
    let mut tx = ctx.db().write_tx().await?;
    let job = NewJob::new(PASS, &payload)?.asked_by(actor, id);
    ask_for_pass(ctx, &mut tx, &payload, Some(job)).await?;
    record(ctx, &mut tx, counted(ground, UsageKind::EvolutionAsked)).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    Ok(Begun { id })
}

/// Says when passes are made in a place, and from when on a pattern is what.
pub async fn set_settings(ctx: &Ctx, query: GroundQuery, input: Settings) -> AppResult<Settings> {
    let ground = asked(ctx, query)?;
    let (_, can_set) = authorise(ctx, ground, Action::Read).await?;
    if !can_set {
        return Err(AppError::forbidden("Maintainers of the team set when patterns are looked for."));
    }
    let now = ctx.now();
    let next = schedule(&input, now).ok_or_else(|| {
        AppError::field(
            "cron",
            "Write a schedule as minute, hour, day, month, weekday, such as 0 3 * * 0, with a time zone such as Europe/Berlin.",
        )
    })?;
    let is_share = |value: f64| (0.0..=1.0).contains(&value);
    if !is_share(input.listed) || !is_share(input.proposed) || input.listed > input.proposed {
        return Err(AppError::field(
            "proposed",
            "Both are numbers from 0 to 1, and what is proposed is at least as sure as what is listed.",
        ));
    }
    if !(2..=1_000).contains(&input.shown_runs) || !(1..=100_000).contains(&input.after) {
        return Err(AppError::field("shownRuns", "A pattern is shown from 2 to 1,000 runs, and looked for after 1 to 100,000 new traces."));
    }
    let mut tx = ctx.db().write_tx().await?;
    store::set_place(&mut tx, ground, &input, Some(next), now).await?;
    record(ctx, &mut tx, counted(ground, UsageKind::EvolutionSet)).await?;
    tx.commit().await?;
    Ok(input)
}

/// Begins the passes that are due; how many.
pub async fn begin_due(ctx: &Ctx) -> AppResult<usize> {
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    store::wake(&mut tx, now).await?;
    tx.commit().await?;
    let mut begun = 0;
    loop {
        let due = store::due(ctx.db().read(), now, SLICE).await?;
        let is_last = (due.len() as i64) < SLICE;
        for place in due {
            let Some(from) = place.next_at else { continue };
            let mut tx = ctx.db().write_tx().await?;
            if store::advance(&mut tx, &place.place_id, from, schedule(&place.settings(), now)).await? {
                let ground = stored_ground(&place.level, &place.place_id)?;
                ask_for_pass(ctx, &mut tx, &PassPayload { ground, cause: PassCause::Schedule, asked_by: None }, None).await?;
                begun += 1;
            }
            tx.commit().await?;
        }
        if is_last {
            break;
        }
    }
    finish_all(ctx).await?;
    ctx.state.jobs.notify_one();
    Ok(begun)
}

/// Has grouped what waits, and written what is marked, where nobody is about to: what a job left that failed for good, or for which there was no model.
async fn finish_all(ctx: &Ctx) -> AppResult<()> {
    if engine::is_missing(ctx) {
        return Ok(());
    }
    let mut after = String::new();
    loop {
        let places = store::unfinished(ctx.db().read(), &after, SLICE).await?;
        let Some((last, _)) = places.last() else { return Ok(()) };
        after.clone_from(last);
        let mut tx = ctx.db().write_tx().await?;
        for (place, level) in &places {
            grouping::queue(ctx, &mut tx, stored_ground(level, place)?).await?;
        }
        tx.commit().await?;
    }
}

/// A place as it is stored.
fn stored_ground(level: &str, place: &str) -> AppResult<Ground> {
    Ok(match level {
        "user" => Ground::Own(parse_id(place)?),
        SYSTEM => Ground::System,
        _ => Ground::Team(parse_id(place)?),
    })
}

/// The first traces of a place: from then on its schedule comes back.
pub async fn keep_place(ctx: &Ctx, tx: &mut Tx, ground: Ground) -> AppResult<()> {
    let settings = Settings::of(ground.level());
    store::keep_place(tx, ground, &settings, schedule(&settings, ctx.now()), ctx.now()).await
}

/// A team came with an archive, in the transaction that shows it: patterns that are not as their traces, as when it was written between the two, are written anew.
pub async fn arrived(ctx: &Ctx, tx: &mut Tx, team: TeamId) -> AppResult<()> {
    store::mark_odd(tx, Ground::Team(team)).await?;
    grouping::queue(ctx, tx, Ground::Team(team)).await
}

/// What is in memory of a place is read again when it is next needed.
fn let_go(ctx: &Ctx, ground: Ground) {
    engine::forget(ctx, ground);
    if let Ground::Team(_) = ground {
        engine::forget(ctx, Ground::System);
    }
}

/// A team, or an account's own, is removed for good.
pub async fn forget(ctx: &Ctx, tx: &mut Tx, ground: Ground) -> AppResult<()> {
    let_go(ctx, ground);
    if let Some(team) = ground.team()
        && store::shares(ctx.db().read(), team).await?
    {
        sharing::follow(ctx, tx).await?;
    }
    store::mark_shared_of(tx, ground).await?;
    telling::forget(tx, ground).await?;
    store::delete_place(tx, ground).await
}
