//! Skills that make runs worse: after enough runs a pass proposes that they go.

use std::collections::HashMap;

use llmos_patterns::difference;

use super::{
    super::{
        model::{Ground, ProposalKind, ProposalState},
        store::{self, ProposalRow},
    },
    drafting::GENERATOR,
    effects::{Side, Sides, sides},
    proposing::Draft,
};
use crate::{
    error::AppResult,
    features::artifacts::{self, model::TRASH_DAYS},
    ids::ArtifactId,
    server::{clock, context::Ctx, db::parse_id},
};

/// Runs that each side has to have.
const LEAST_RUNS: i64 = 10;
/// Days for which nobody is asked again about what was decided.
const SETTLED_DAYS: i64 = 30;

/// How much fewer of the runs with a skill succeed, with the bounds of that (90 %), if that is sure: there are enough runs, and the upper bound is below nothing.
fn harm(with: Side, without: Side) -> Option<(f64, f64, f64)> {
    if with.0 < LEAST_RUNS || without.0 < LEAST_RUNS {
        return None;
    }
    difference(with, without).filter(|(_, _, high)| *high < 0.0)
}

/// Whether one need not be asked about retiring a skill: it is asked already, or was decided lately, be it that the skill was taken back since.
fn is_settled(known: &ProposalRow, now: i64) -> bool {
    match ProposalState::parse(&known.state) {
        ProposalState::Open | ProposalState::Snoozed => true,
        ProposalState::Accepted | ProposalState::Ignored => known.decided_at.is_some_and(|at| at > now - SETTLED_DAYS * clock::DAY),
    }
}

/// What is to be retired in a place: skills that patterns became, that are still there, and whose runs are clearly worse than the others of their pattern.
pub async fn retirements(ctx: &Ctx, ground: Ground) -> AppResult<Vec<Draft>> {
    // The built-in volume has no trash to take a skill back from.
    if ground == Ground::System {
        return Ok(Vec::new());
    }
    let (pool, now) = (ctx.db().read(), ctx.now());
    // The latest of each pattern comes first.
    let mut skills: HashMap<String, (ArtifactId, i64)> = HashMap::new();
    for (pattern, artifact, at) in store::accepted(pool, ground).await? {
        let artifact = parse_id(&artifact)?;
        skills.entry(pattern).or_insert((artifact, at));
    }
    let mut patterns: Vec<&str> = skills.keys().map(String::as_str).collect();
    patterns.sort_unstable();
    let mut known = store::proposals_of(pool, &patterns).await?;
    known.retain(|proposal| ProposalKind::parse(&proposal.kind) == ProposalKind::Retire && is_settled(proposal, now));
    patterns.retain(|pattern| !known.iter().any(|known| known.pattern_id == *pattern));
    let artifacts: Vec<ArtifactId> = patterns.iter().filter_map(|pattern| skills.get(*pattern)).map(|(artifact, _)| *artifact).collect();
    // What is in the trash has none.
    let heads: HashMap<ArtifactId, String> =
        artifacts::service::heads_of(ctx, &artifacts).await?.into_iter().map(|(id, _, head)| (id, head.slug)).collect();
    let mut drafts = Vec::new();
    for id in patterns {
        let Some((artifact, since)) = skills.get(id).copied() else { continue };
        let (Some(slug), Some(pattern)) = (heads.get(&artifact), store::pattern(pool, parse_id(id)?).await?) else { continue };
        if !pattern.is_shared_enough(ground.level()) {
            continue;
        }
        let Sides { with, without, .. } = sides(ctx, &pattern, slug, since).await?;
        let Some(harm) = harm(with, without) else { continue };
        let text = reasons(slug, since, with, without, harm);
        let (author, note) = (GENERATOR.to_owned(), None);
        drafts.push(Draft {
            pattern,
            kind: ProposalKind::Retire,
            slug: slug.clone(),
            text,
            drafted: None,
            artifact: Some(artifact),
            base: None,
            author,
            note,
        });
    }
    Ok(drafts)
}

/// The figures, as markdown.
fn reasons(slug: &str, since: i64, with: Side, without: Side, (middle, low, high): (f64, f64, f64)) -> String {
    let share = |(runs, successes): Side| format!("{successes} of {runs} ({:.0} %)", successes as f64 * 100.0 / runs.max(1) as f64);
    let points = |difference: f64| format!("{:.0}", -difference * 100.0);
    let time = clock::rfc3339(since);
    let day = time.get(..10).unwrap_or_default();
    format!(
        "# Retire `{slug}`\n\nOf the runs that used this skill since it was accepted on {day}, {with} succeeded; of the other runs of the same task, {without}.\n\n\
         That is {middle} percentage points fewer with it, with 90 % certainty between {low} and {high} (Newcombe's interval): it makes runs worse.\n\n\
         Accepting moves the skill to the trash, as a commit of its volume. It can be taken back from there for {TRASH_DAYS} days.\n",
        with = share(with),
        without = share(without),
        middle = points(middle),
        low = points(high),
        high = points(low),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harm_has_to_be_sure() {
        assert!(harm((12, 0), (20, 20)).is_some_and(|(middle, low, high)| middle < -0.99 && low < high && high < 0.0));
        assert!(harm((9, 0), (20, 20)).is_none() && harm((12, 0), (9, 9)).is_none(), "too few runs");
        assert!(harm((12, 10), (20, 18)).is_none() && harm((12, 12), (20, 2)).is_none(), "not worse, or not surely");
    }

    #[test]
    fn reasons_have_the_figures() {
        let text = reasons("tide", 1_790_000_000_000, (12, 3), (20, 20), (-0.75, -0.9, -0.5));
        for part in
            ["# Retire `tide`", "3 of 12 (25 %)", "20 of 20 (100 %)", "75 percentage points", "between 50 and 90", "30 days", "2026-09-21"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
