//! Traces as evolution reads them: what it groups, counts and shows. Whoever calls has authorised it.

use std::collections::{BTreeMap, HashMap};

use super::{
    super::{
        model::{TraceOutcome, TraceSummary},
        store::{self, Label, Place, TraceRow},
    },
    summary,
    taking::unpack,
};
use crate::{error::AppResult, features::evolution::model::Ground, ids::UserId, server::context::Ctx};

/// Whether a run counts as a success. Where nobody tells, one does that did not end in an error and that nobody rated badly.
fn is_success(row: &TraceRow, ends_in_error: bool) -> bool {
    match TraceOutcome::parse(&row.outcome) {
        Some(TraceOutcome::Succeeded) => true,
        Some(TraceOutcome::Failed) => false,
        Some(TraceOutcome::Unknown) | None => !ends_in_error && row.rating.is_none_or(|rating| rating >= 3),
    }
}

/// These traces as they are grouped, in any order; what is gone is left out.
pub async fn to_group(ctx: &Ctx, ids: &[&str]) -> AppResult<Vec<llmos_patterns::Trace>> {
    let pool = ctx.db().read();
    let rows = store::by_ids(pool, ids).await?;
    let mut steps: HashMap<String, Vec<u8>> = store::steps(pool, ids).await?.into_iter().collect();
    rows.into_iter()
        .map(|row| {
            let steps: Vec<llmos_traces::Step> = steps.remove(&row.id).map(|packed| unpack(&packed)).transpose()?.unwrap_or_default();
            let ends_in_error = steps.last().is_some_and(|step| step.outcome == llmos_traces::Outcome::Error);
            let success = is_success(&row, ends_in_error);
            let steps = steps.into_iter().map(|step| llmos_patterns::Step {
                name: step.name,
                kind: step.kind,
                input: step.input,
                outcome: step.outcome,
            });
            let user = match row.person {
                Some(person) => person,
                None => row.by()?.id.to_string(),
            };
            Ok(llmos_patterns::Trace { id: row.id, user, goal: row.goal, steps: steps.collect(), success, ended_at: row.ended_at })
        })
        .collect()
}

/// What the effect of a skill is counted by.
pub struct Judged {
    pub skills: Vec<String>,
    pub is_success: bool,
    pub started_at: i64,
}

pub async fn judged(ctx: &Ctx, ids: &[String]) -> AppResult<Vec<Judged>> {
    let rows = store::by_ids(ctx.db().read(), &ids.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let judged = |row: TraceRow| {
        let skills = serde_json::from_str(&row.skills)?;
        Ok(Judged {
            skills,
            is_success: is_success(&row, row.failed_steps > 0 && row.failed_steps == row.steps),
            started_at: row.started_at,
        })
    };
    rows.into_iter().map(judged).collect()
}

/// The skill that most of these runs used, if one did.
pub async fn skill_of_most(ctx: &Ctx, ids: &[String]) -> AppResult<Option<String>> {
    let judged = judged(ctx, ids).await?;
    let mut runs: BTreeMap<&str, usize> = BTreeMap::new();
    judged.iter().flat_map(|run| &run.skills).for_each(|skill| *runs.entry(skill).or_insert(0) += 1);
    let most = runs.into_iter().max_by_key(|(_, count)| *count);
    Ok(most.filter(|(_, count)| count * 2 > judged.len()).map(|(skill, _)| skill.to_owned()))
}

/// The accounts that ran these traces or brought them in.
pub async fn accounts_of(ctx: &Ctx, ids: &[String]) -> AppResult<Vec<UserId>> {
    store::accounts_of(ctx.db().read(), ids).await
}

pub async fn summaries(ctx: &Ctx, ids: &[String]) -> AppResult<Vec<TraceSummary>> {
    store::by_ids(ctx.db().read(), &ids.iter().map(String::as_str).collect::<Vec<_>>()).await?.iter().map(summary).collect()
}

/// How many traces a place has.
pub async fn total(ctx: &Ctx, ground: Ground) -> AppResult<i64> {
    let place = match ground {
        Ground::Team(team) => Place::Team(team),
        Ground::Own(user) => Place::Own(user),
        // It has none of its own: they are its teams'.
        Ground::System => return Ok(0),
    };
    Ok(store::labels(ctx.db().read(), place, &[Label::All], 1).await?.first().map_or(0, |(.., runs)| *runs))
}
