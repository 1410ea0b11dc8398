//! Traces as evolution reads them: what it groups, counts and shows. Whoever calls has authorised it.

use std::collections::{BTreeMap, HashMap};

use llmos_traces::{Outcome, Step};

use super::{
    super::{
        model::{self, TraceOutcome, TraceSummary},
        store::{self, Label, Place, TraceRow},
    },
    summary,
    taking::unpack,
};
use crate::{
    error::AppResult,
    features::{
        accounts::{self, model::Person},
        evolution::model::Ground,
    },
    ids::UserId,
    server::context::Ctx,
};

/// Runs whose steps are read at once.
const READ: usize = 200;

/// Whether a run that is kept counts as a success.
fn is_success(row: &TraceRow, ends_in_error: bool) -> bool {
    model::is_success(TraceOutcome::parse(&row.outcome).unwrap_or(TraceOutcome::Unknown), row.rating, ends_in_error)
}

fn ends_in_error(steps: &[Step]) -> bool {
    steps.last().is_some_and(|step| step.outcome == Outcome::Error)
}

/// Whether a source names the very account that brought the run in: whoever sends some runs with a name and others without is one person.
fn is_account(named: &str, account: &Person, address: Option<&str>) -> bool {
    let named = named.trim().to_lowercase();
    named == account.name.to_lowercase() || address.is_some_and(|address| named == address.to_lowercase())
}

/// These traces as they are grouped, in any order; what is gone is left out.
pub async fn to_group(ctx: &Ctx, ids: &[&str]) -> AppResult<Vec<llmos_patterns::Trace>> {
    let pool = ctx.db().read();
    let rows = store::by_ids(pool, ids).await?;
    let mut steps: HashMap<String, Vec<u8>> = store::steps(pool, ids).await?.into_iter().collect();
    let named = rows.iter().filter(|row| row.person.is_some()).map(|row| Ok(row.by()?.id)).collect::<AppResult<Vec<UserId>>>()?;
    let addresses = accounts::service::mail_addresses(ctx, named).await?;
    rows.into_iter()
        .map(|row| {
            let steps: Vec<Step> = steps.remove(&row.id).map(|packed| unpack(&packed)).transpose()?.unwrap_or_default();
            let success = is_success(&row, ends_in_error(&steps));
            let steps = steps.into_iter().map(|step| llmos_patterns::Step {
                name: step.name,
                kind: step.kind,
                input: step.input,
                outcome: step.outcome,
            });
            let by = row.by()?;
            let user = match row.person {
                Some(person) if !is_account(&person, &by, addresses.get(&by.id).map(String::as_str)) => person,
                _ => by.id.to_string(),
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
    // How a run ended is only looked at where it tells: few are of unknown outcome and had something fail.
    let is_open = |row: &&TraceRow| row.failed_steps > 0 && is_success(row, false) != is_success(row, true);
    let open: Vec<&str> = rows.iter().filter(is_open).map(|row| row.id.as_str()).collect();
    let mut ended: HashMap<String, bool> = HashMap::with_capacity(open.len());
    for part in open.chunks(READ) {
        for (id, packed) in store::steps(ctx.db().read(), part).await? {
            ended.insert(id, ends_in_error(&unpack::<Vec<Step>>(&packed)?));
        }
    }
    let judged = |row: TraceRow| {
        let skills = serde_json::from_str(&row.skills)?;
        let is_success = is_success(&row, ended.get(&row.id).copied().unwrap_or(false));
        Ok(Judged { skills, is_success, started_at: row.started_at })
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
