//! The usage events of traces and of the skills in them.

use std::collections::{BTreeSet, HashMap};

use llmos_traces::{Outcome, Trace};

use super::super::{
    model::{self, TraceOutcome},
    store::Place,
};
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
    ids::{ArtifactId, TraceId, UserId},
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

/// Of a trace that is not written yet.
fn is_success(trace: &Trace) -> bool {
    let ends_in_error = trace.steps.last().is_some_and(|step| step.outcome == Outcome::Error);
    model::is_success(TraceOutcome::of(trace.success), trace.rating.map(i64::from), ends_in_error)
}

/// A trace that is counted.
pub struct Counted<'a> {
    pub id: TraceId,
    pub trace: &'a Trace,
    /// Whose it is, where that is not whoever asks.
    pub by: Option<UserId>,
}

/// Counts traces, and each skill that they used.
pub async fn record_taken(ctx: &Ctx, tx: &mut Tx, place: Place, new: &[Counted<'_>], skills: &Skills) -> AppResult<()> {
    let mut events = Vec::new();
    for Counted { id, trace, by } in new {
        let event = |kind: UsageKind| {
            let event = counted(place, kind);
            match by {
                Some(by) => event.by(*by),
                None => event,
            }
        };
        let success = i64::from(is_success(trace));
        let took = (trace.ended_at - trace.started_at).max(0);
        events.push(event(UsageKind::TraceTaken).subject(id).amount(success).extra(took));
        for slug in trace.skills_used.iter().collect::<BTreeSet<_>>() {
            let used = event(UsageKind::SkillUsed).amount(success);
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
