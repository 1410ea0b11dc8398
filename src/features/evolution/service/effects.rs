//! What an accepted skill does to the runs of its pattern: those with it against those without, and those since against those before.

use llmos_patterns::difference;

use super::{
    super::{
        model::Effect,
        store::{self, PatternRow, ProposalRow},
    },
    COUNTED,
};
use crate::{
    error::AppResult,
    features::{
        artifacts,
        traces::{self, service::Judged},
    },
    server::{context::Ctx, db::parse_id},
};

/// Runs, and how many of them succeeded.
pub type Side = (i64, i64);

/// The runs of a pattern: those that used its skill since it was accepted and all others, those before that time and those since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    pub with: Side,
    pub without: Side,
    pub before: Side,
    pub after: Side,
}

impl Sides {
    fn of(runs: &[Judged], slug: &str, since: i64) -> Self {
        let mut sides = Self::default();
        for run in runs {
            let is_since = run.started_at >= since;
            let uses = is_since && run.skills.iter().any(|skill| skill == slug);
            let by_use = if uses { &mut sides.with } else { &mut sides.without };
            let by_time = if is_since { &mut sides.after } else { &mut sides.before };
            for side in [by_use, by_time] {
                side.0 += 1;
                side.1 += i64::from(run.is_success);
            }
        }
        sides
    }
}

/// Counts the runs of a pattern by a skill that was accepted at this time.
pub async fn sides(ctx: &Ctx, row: &PatternRow, slug: &str, since: i64) -> AppResult<Sides> {
    let ids = store::traces_of(ctx.db().read(), &row.place_id, row.number, COUNTED).await?;
    Ok(Sides::of(&traces::service::judged(ctx, &ids).await?, slug, since))
}

/// What the accepted skill does to the runs of its pattern.
pub async fn effect(ctx: &Ctx, row: &PatternRow, accepted: &ProposalRow) -> AppResult<Option<Effect>> {
    let (Some(artifact), Some(since)) = (&accepted.artifact_id, accepted.decided_at) else { return Ok(None) };
    let Some(named) = artifacts::service::named(ctx, &[parse_id(artifact)?]).await?.into_values().next() else { return Ok(None) };
    let Sides { with, without, before, after } = sides(ctx, row, &named.slug, since).await?;
    Ok(Some(Effect {
        artifact_id: named.id,
        name: named.name,
        with,
        without,
        difference: difference(with, without),
        before,
        after,
        change: difference(after, before),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_by_use_and_by_time() {
        let run = |started_at, skill: &str, is_success| Judged { skills: vec![skill.to_owned()], is_success, started_at };
        // One of that name before it was accepted is another skill.
        let runs = [run(9, "tide", true), run(9, "ebb", false), run(10, "tide", true), run(11, "tide", false), run(12, "ebb", true)];
        let expected = Sides { with: (2, 1), without: (3, 2), before: (2, 1), after: (3, 2) };
        assert_eq!(Sides::of(&runs, "tide", 10), expected);
        assert_eq!(Sides::of(&[], "tide", 10), Sides::default());
    }
}
