//! Patterns of all teams: whose runs take part, and what is told of them. A team takes part once its owner says so, what people keep for themselves never does.
//! Nothing is told that only one team has.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use llmos_patterns::{Trace, shared};

use super::{
    super::{
        model::{Ground, PassCause, Settings, Sharing, TeamRuns},
        store,
    },
    engine,
    grouping::{PassPayload, ask_for_pass},
    schedule,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action},
        analytics::service::{Event, UsageKind, record},
        traces,
    },
    ids::TeamId,
    server::{
        context::Ctx,
        db::{Tx, parse_id},
    },
};

/// Traces that are taken in or let go in one transaction.
const BATCH: i64 = 500;

/// Whether a team's runs take part, and whether the caller may say so; none for other places.
pub async fn sharing_of(ctx: &Ctx, ground: Ground) -> AppResult<(Option<bool>, bool)> {
    let Ground::Team(team) = ground else { return Ok((None, false)) };
    let may = accounts::service::authorise_team(ctx, team, Action::OwnTeam).await.is_ok();
    Ok((Some(store::shares(ctx.db().read(), team).await?), may))
}

/// Says whether the runs of a team take part in the patterns of all teams. Owners may. A pass follows that takes them in or lets them go, also while passes
/// are paused: who takes runs back does not wait for a schedule.
pub async fn set_sharing(ctx: &Ctx, team: TeamId, input: Sharing) -> AppResult<Sharing> {
    accounts::service::authorise_team(ctx, team, Action::OwnTeam).await?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    for ground in [Ground::Team(team), Ground::System] {
        let settings = Settings::of(ground.level());
        store::keep_place(&mut tx, ground, &settings, schedule(&settings, now), now).await?;
    }
    store::set_shares(&mut tx, team, input.shares, now).await?;
    record(ctx, &mut tx, Event::new(UsageKind::EvolutionShared).team(Some(team)).amount(i64::from(input.shares))).await?;
    follow(ctx, &mut tx).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    Ok(input)
}

/// A pass of all teams follows, since others take part than before.
pub async fn follow(ctx: &Ctx, tx: &mut Tx) -> AppResult<()> {
    let payload = PassPayload { ground: Ground::System, cause: PassCause::Sharing, asked_by: None };
    ask_for_pass(ctx, tx, &payload, None).await
}

/// Lets the runs of teams go that take part no more, and has those wait that are new. A pass begins with it, so a team that takes its runs back is out before
/// anything else is done.
pub async fn take_part(ctx: &Ctx) -> AppResult<()> {
    let mut is_changed = false;
    loop {
        let gone = store::unshared(ctx.db().read(), BATCH).await?;
        if gone.is_empty() {
            break;
        }
        let numbers: BTreeSet<i64> = gone.iter().filter_map(|(_, number)| *number).collect();
        let ids: Vec<String> = gone.into_iter().map(|(id, _)| id).collect();
        let mut tx = ctx.db().write_tx().await?;
        store::drop_unshared(&mut tx, &ids).await?;
        // What is of one team now is hidden at once, even where the pass does not come to its end.
        store::count_teams(&mut tx, &numbers.iter().copied().collect::<Vec<_>>()).await?;
        store::mark(&mut tx, Ground::System, &numbers.iter().map(|number| *number as u64).collect()).await?;
        tx.commit().await?;
        is_changed = true;
    }
    if is_changed {
        engine::forget(ctx, Ground::System);
    }
    let mut after = String::new();
    loop {
        let new = store::not_taken(ctx.db().read(), &after, BATCH).await?;
        let Some(last) = new.last() else { break };
        after.clone_from(last);
        let ids = new.iter().map(|id| parse_id(id)).collect::<AppResult<Vec<_>>>()?;
        let mut tx = ctx.db().write_tx().await?;
        store::add_waiting(&mut tx, &Ground::System.id(), &ids).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Some runs of a pattern of all teams, the latest of each team in turn.
pub async fn some_of_each(ctx: &Ctx, number: i64, read: i64, count: usize) -> AppResult<Vec<(String, TeamId)>> {
    let mut by_team: BTreeMap<TeamId, Vec<String>> = BTreeMap::new();
    for (trace, team) in store::traces_by_team(ctx.db().read(), number, read).await? {
        by_team.entry(team).or_default().push(trace);
    }
    let mut places: Vec<_> = by_team.into_iter().map(|(team, traces)| (team, traces.into_iter())).collect();
    let mut chosen = Vec::new();
    while chosen.len() < count && !places.is_empty() {
        let before = chosen.len();
        for (team, traces) in &mut places {
            chosen.extend(traces.next().map(|trace| (trace, *team)));
        }
        if chosen.len() == before {
            break;
        }
    }
    chosen.truncate(count);
    Ok(chosen)
}

/// The runs of a pattern of all teams as they may be told: reduced to what two teams have, and of each some.
pub async fn told(ctx: &Ctx, number: i64, read: i64, count: usize) -> AppResult<Vec<Trace>> {
    let chosen = some_of_each(ctx, number, read, count).await?;
    let ids: Vec<&str> = chosen.iter().map(|(id, _)| id.as_str()).collect();
    let teams: HashMap<&str, String> = chosen.iter().map(|(id, team)| (id.as_str(), team.to_string())).collect();
    let traces = traces::service::to_group(ctx, &ids).await?;
    let runs: Vec<(&str, &Trace)> = traces.iter().filter_map(|trace| Some((teams.get(trace.id.as_str())?.as_str(), trace))).collect();
    Ok(shared(&runs))
}

/// The skill that most runs of at least two teams used, if there is one.
pub async fn skill_of_teams(ctx: &Ctx, number: i64, read: i64, count: usize) -> AppResult<Option<String>> {
    let mut by_team: BTreeMap<TeamId, Vec<String>> = BTreeMap::new();
    for (trace, team) in some_of_each(ctx, number, read, count).await? {
        by_team.entry(team).or_default().push(trace);
    }
    let mut seen = BTreeSet::new();
    for traces in by_team.into_values() {
        if let Some(skill) = traces::service::skill_of_most(ctx, &traces).await?
            && !seen.insert(skill.clone())
        {
            return Ok(Some(skill));
        }
    }
    Ok(None)
}

/// How many runs of a pattern each team has. Fewer than two teams: nobody sees the pattern any more.
pub async fn runs_by_team(ctx: &Ctx, number: i64) -> AppResult<Vec<TeamRuns>> {
    let counted = store::sharing_teams_of(ctx.db().read(), number).await?;
    if (counted.len() as i64) < Ground::System.level().least_teams() {
        return Err(AppError::not_found("pattern"));
    }
    let ids: Vec<TeamId> = counted.iter().map(|(team, _)| *team).collect();
    let names: HashMap<TeamId, String> = accounts::service::names_of_publishers(ctx, &ids).await?.into_iter().collect();
    Ok(counted.into_iter().map(|(id, runs)| TeamRuns { name: names.get(&id).cloned().unwrap_or_default(), runs }).collect())
}

/// The latest runs of a pattern that are of teams in which the caller is.
pub async fn own_runs(ctx: &Ctx, number: i64, read: i64, count: usize) -> AppResult<Vec<String>> {
    let teams: BTreeSet<TeamId> = accounts::service::team_ids_of(ctx, ctx.actor()?.id()).await?.into_iter().collect();
    let all = store::traces_by_team(ctx.db().read(), number, read).await?;
    Ok(all.into_iter().filter(|(_, team)| teams.contains(team)).take(count).map(|(trace, _)| trace).collect())
}

/// How many traces take part.
pub async fn total(ctx: &Ctx) -> AppResult<i64> {
    let mut total = 0;
    for team in store::sharing(ctx.db().read()).await? {
        total += traces::service::total(ctx, Ground::Team(team)).await?;
    }
    Ok(total)
}
