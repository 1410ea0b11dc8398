//! What is sure enough becomes a proposal: once for each pattern, and again when it has twice the runs.

use llmos_patterns::{Origin, Summary};

use super::{
    super::{
        model::{Ground, LISTED, ProposalKind, ProposalState},
        store::{self, NewProposal, PatternRow},
    },
    drafting::Writer,
    settings_of,
};
use crate::{
    error::AppResult,
    features::{
        jobs::{self, Job},
        traces,
    },
    ids::ProposalId,
    server::{clock, context::Ctx},
};

/// Traces of a pattern that a draft names.
const SOURCES: i64 = 50;

/// Drafts skills of what is sure enough, in a pass; how many.
pub async fn propose(ctx: &Ctx, job: &Job, ground: Ground, writer: &mut Writer) -> AppResult<i64> {
    let settings = settings_of(ctx, ground).await?;
    let pool = ctx.db().read();
    let mut sure = store::patterns(pool, ground, settings.shown_runs, ground.level().least_people(), LISTED).await?;
    sure.retain(|pattern| pattern.confidence >= settings.proposed);
    let known = store::proposals_of(pool, &sure.iter().map(|pattern| pattern.id.as_str()).collect::<Vec<_>>()).await?;
    let mut proposed = 0;
    for pattern in &sure {
        // What was decided stays so until there is much more to go by.
        let is_settled = known.iter().filter(|known| known.pattern_id == pattern.id).any(|known| {
            let is_open = matches!(ProposalState::parse(&known.state), ProposalState::Open | ProposalState::Snoozed);
            is_open || pattern.runs < known.runs * 2
        });
        if is_settled {
            continue;
        }
        jobs::service::progress(ctx, job, 0, 0).await?;
        if propose_one(ctx, ground, pattern, writer).await? {
            proposed += 1;
        }
    }
    Ok(proposed)
}

/// Drafts one; false where the pattern has an open one already.
pub async fn propose_one(ctx: &Ctx, ground: Ground, pattern: &PatternRow, writer: &mut Writer) -> AppResult<bool> {
    let summary: Summary = serde_json::from_str(&pattern.summary)?;
    let sources = store::traces_of(ctx.db().read(), &ground.id(), pattern.number, SOURCES).await?;
    // Runs that already follow a skill show how to better that one.
    let used = traces::service::skill_of_most(ctx, &sources).await?;
    let slug = used.unwrap_or_else(|| pattern.slug.clone());
    let now = ctx.now();
    let time = clock::rfc3339(now);
    let origin =
        Origin { slug: &slug, confidence: pattern.confidence, created_at: time.get(..10).unwrap_or_default(), source_traces: &sources };
    let drafted = writer.write(ctx, ground, &summary, &origin).await;
    let mut tx = ctx.db().write_tx().await?;
    let new = NewProposal {
        id: ProposalId::generate(),
        pattern,
        kind: ProposalKind::New,
        slug: &slug,
        text: &drafted.text,
        artifact: None,
        author: &drafted.author,
        note: drafted.note.as_deref(),
        now,
    };
    let is_new = store::propose(&mut tx, &new).await?;
    tx.commit().await?;
    Ok(is_new)
}
