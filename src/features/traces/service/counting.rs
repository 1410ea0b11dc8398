//! The usage events of traces and of the skills in them.

use std::collections::{BTreeSet, HashMap};

use llmos_traces::{Outcome, Trace};

use super::super::store::{NewTrace, Place};
use crate::{
    error::AppResult,
    features::{
        analytics::service::{Event, UsageKind, Workspace, record_all},
        artifacts::{
            model::Kind,
            service::{self as artifacts, UsedSkill},
        },
        marketplace,
    },
    ids::ArtifactId,
    server::{context::Ctx, db::Tx},
};

/// A usage event of a place.
pub fn counted(place: Place, kind: UsageKind) -> Event {
    Event::new(kind).workspace(match place {
        Place::Team(team) => Workspace::Team(team),
        Place::Own(person) => Workspace::Person(person),
    })
}

/// Skills by the slugs that traces name.
pub type Skills = HashMap<String, UsedSkill>;

/// Those of some traces, as far as they are the place's.
pub async fn skills(ctx: &Ctx, place: Place, traces: impl Iterator<Item = &Trace>) -> AppResult<Skills> {
    let slugs: BTreeSet<&str> = traces.flat_map(|trace| &trace.skills_used).map(String::as_str).collect();
    if slugs.is_empty() { Ok(Skills::new()) } else { artifacts::skills_of(ctx, &place.id(), &slugs.into_iter().collect::<Vec<_>>()).await }
}

/// As [`super::judged`] has it, of a trace that is not written yet.
fn is_success(trace: &Trace) -> bool {
    let ends_in_error = trace.steps.last().is_some_and(|step| step.outcome == Outcome::Error);
    trace.success.unwrap_or(!ends_in_error && trace.rating.is_none_or(|rating| rating >= 3))
}

/// Counts traces that are new, and each skill that they used.
pub async fn record_taken(ctx: &Ctx, tx: &mut Tx, place: Place, new: &[NewTrace<'_>], skills: &Skills) -> AppResult<()> {
    let mut events = Vec::new();
    for NewTrace { id, trace, .. } in new {
        let success = i64::from(is_success(trace));
        let took = (trace.ended_at - trace.started_at).max(0);
        events.push(counted(place, UsageKind::TraceTaken).subject(id).amount(success).extra(took));
        for slug in trace.skills_used.iter().collect::<BTreeSet<_>>() {
            let used = counted(place, UsageKind::SkillUsed).amount(success);
            events.push(match skills.get(slug) {
                Some(skill) => used.subject(skill.id).volume(skill.volume).artifact(Kind::Skill, &skill.category),
                None => used.subject(slug).artifact(Kind::Skill, ""),
            });
        }
    }
    record_all(ctx, tx, events).await?;
    let used: Vec<ArtifactId> = skills.values().map(|skill| skill.id).collect();
    marketplace::service::note_first_uses(ctx, tx, &used).await
}
