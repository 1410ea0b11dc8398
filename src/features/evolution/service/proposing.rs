//! What is sure enough becomes a proposal: once for each pattern, and again when it has twice the runs. So does a skill that hurts.

use std::collections::HashMap;

use llmos_patterns::{Origin, Summary, improved};

use super::{
    super::{
        model::{Ground, ProposalKind, ProposalState},
        store::{self, NewProposal, PatternRow},
    },
    COUNTED,
    counting::{counted, millionths},
    drafting::Writer,
    retiring::retirements,
    settings_of,
    sharing::skill_of_teams,
    telling::Audience,
};
use crate::{
    error::AppResult,
    features::{
        accounts,
        analytics::service::{UsageKind, record_all},
        artifacts::{self, model::merge::merge},
        jobs::{self, Job},
        search, traces, volumes,
    },
    ids::{ArtifactId, ProposalId, RevisionId, UserId},
    server::{clock, context::Ctx, db::parse_id},
};

/// Traces of a pattern that a draft names.
const SOURCES: i64 = 50;
/// Patterns that are looked at in one go.
const SLICE: i64 = 500;
/// Goals of a pattern that are compared with what skills say.
const LIKE_GOALS: usize = 3;
/// From this cosine on a skill says what a pattern does. Set with care: whoever reviews it can keep the draft as another skill, and a skill that is there
/// twice is found only by chance.
const LIKE: f32 = 0.75;

/// What is to be proposed.
pub struct Draft {
    pub pattern: PatternRow,
    pub kind: ProposalKind,
    pub slug: String,
    pub text: String,
    /// What the text was made of: all that the runs alone say. What retires a skill has none.
    pub drafted: Option<String>,
    /// The skill that is there already.
    pub artifact: Option<ArtifactId>,
    /// The revision of it that the text was made of.
    pub base: Option<RevisionId>,
    /// Who wrote the text: a model's name, or the generator.
    pub author: String,
    /// Why a model that was asked did not.
    pub note: Option<String>,
}

/// Drafts skills of what is sure enough, in a pass, and has those retired that hurt; how many proposals that are. Those who may decide on them are told
/// once of all, but for whoever asked for the pass.
pub async fn propose(ctx: &Ctx, job: &Job, ground: Ground, asked_by: Option<UserId>, writer: &mut Writer) -> AppResult<i64> {
    let mut drafts = Vec::new();
    for id in look_at_all(ctx, ground).await? {
        jobs::service::progress(ctx, job, 0, 0).await?;
        if let Some(pattern) = store::pattern(ctx.db().read(), parse_id(&id)?).await? {
            drafts.push(skill_of(ctx, ground, &pattern, writer).await?);
        }
    }
    drafts.extend(retirements(ctx, ground).await?);
    if drafts.is_empty() {
        return Ok(0);
    }
    make(&accounts::service::acting_as_evolution(ctx).await?, ground, &drafts, asked_by).await
}

/// Writes how sure each pattern is today, since age lowers it; those that are sure enough to be proposed and are not settled, the surest first.
async fn look_at_all(ctx: &Ctx, ground: Ground) -> AppResult<Vec<String>> {
    let settings = settings_of(ctx, ground).await?;
    let (pool, now) = (ctx.db().read(), ctx.now());
    let mut found: Vec<(f64, String)> = Vec::new();
    let mut after = String::new();
    loop {
        let patterns = store::patterns_after(pool, ground, settings.shown_runs, &after, SLICE).await?;
        let Some(last) = patterns.last() else { break };
        after.clone_from(&last.id);
        let sure: Vec<(&str, f64)> = patterns.iter().map(|pattern| (pattern.id.as_str(), pattern.confidence(now))).collect();
        let mut tx = ctx.db().write_tx().await?;
        store::write_confidences(&mut tx, &sure).await?;
        tx.commit().await?;
        let sure: HashMap<&str, f64> = sure.into_iter().filter(|(_, confidence)| *confidence >= settings.proposed).collect();
        let known = store::decisions_of(pool, &sure.keys().copied().collect::<Vec<_>>()).await?;
        for pattern in &patterns {
            let Some(confidence) = sure.get(pattern.id.as_str()) else { continue };
            // What was decided stays so until there is much more to go by.
            let is_settled = known.iter().filter(|(of, ..)| *of == pattern.id).any(|(_, state, runs)| {
                let is_open = matches!(ProposalState::parse(state), ProposalState::Open | ProposalState::Snoozed);
                is_open || pattern.runs < runs * 2
            });
            if !is_settled {
                found.push((*confidence, pattern.id.clone()));
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

/// Drafts one for the caller, unless the pattern has an open one already.
pub async fn propose_one(ctx: &Ctx, ground: Ground, pattern: &PatternRow, writer: &mut Writer) -> AppResult<()> {
    let draft = skill_of(ctx, ground, pattern, writer).await?;
    make(ctx, ground, &[draft], None).await?;
    Ok(())
}

/// The skill that a pattern makes, or how it betters the one that is there.
async fn skill_of(ctx: &Ctx, ground: Ground, pattern: &PatternRow, writer: &mut Writer) -> AppResult<Draft> {
    let summary: Summary = serde_json::from_str(&pattern.summary)?;
    // Runs that already follow a skill show how to better that one. Those of several teams are not named.
    let (sources, used) = match ground {
        Ground::System => (Vec::new(), skill_of_teams(ctx, pattern.number, COUNTED, SOURCES as usize).await?),
        Ground::Own(_) | Ground::Team(_) => {
            let sources = store::traces_of(ctx.db().read(), &ground.id(), pattern.number, SOURCES).await?;
            let used = traces::service::skill_of_most(ctx, &sources).await?;
            (sources, used)
        }
    };
    // A built-in skill is not bettered from there: another one comes beside it.
    let there = if ground == Ground::System { None } else { there(ctx, ground, pattern, used.as_deref(), &summary).await? };
    let slug = there.as_ref().map(|there| there.slug.clone()).or(used).unwrap_or_else(|| pattern.slug.clone());
    let now = ctx.now();
    let time = clock::rfc3339(now);
    let origin = Origin {
        slug: &slug,
        confidence: pattern.confidence(now),
        created_at: time.get(..10).unwrap_or_default(),
        source_traces: &sources,
    };
    let drafted = writer.write(ctx, ground, &summary, &origin).await;
    let (author, note, pattern) = (drafted.author, drafted.note, pattern.clone());
    let (kind, text, artifact, base) = match there {
        None => (ProposalKind::New, drafted.text.clone(), None, None),
        Some(there) => (ProposalKind::Improves, bettered(&there, &drafted.text), Some(there.id), Some(there.head)),
    };
    Ok(Draft { pattern, kind, slug, text, drafted: Some(drafted.text), artifact, base, author, note })
}

/// A skill that is there already.
struct There {
    id: ArtifactId,
    slug: String,
    head: RevisionId,
    text: String,
    /// What was drafted when it was accepted last, where it came of the pattern.
    drafted: Option<String>,
}

/// The skill that does what a pattern does: the one that it became, the one that most of its runs used, the one of its name, or the one that says the same.
async fn there(ctx: &Ctx, ground: Ground, pattern: &PatternRow, used: Option<&str>, summary: &Summary) -> AppResult<Option<There>> {
    let proposals = store::proposals_of(ctx.db().read(), &[&pattern.id]).await?;
    let accepted = proposals.into_iter().find(|proposal| {
        ProposalState::parse(&proposal.state) == ProposalState::Accepted && ProposalKind::parse(&proposal.kind) != ProposalKind::Retire
    });
    let mut wanted: Vec<ArtifactId> = Vec::new();
    if let Some(artifact) = accepted.as_ref().and_then(|accepted| accepted.artifact_id.as_deref()) {
        wanted.push(parse_id(artifact)?);
    }
    let slugs: Vec<&str> = used.into_iter().chain([pattern.slug.as_str()]).collect();
    let by_slug = artifacts::service::skills_of(ctx, &ground.id(), &slugs).await?;
    wanted.extend(slugs.iter().filter_map(|slug| by_slug.get(*slug)).map(|skill| skill.id));
    if wanted.is_empty() {
        let volumes = volumes::service::ids_of_owner(ctx, &ground.id()).await?;
        let says = format!("{}. {}", summary.name, summary.representatives.iter().take(LIKE_GOALS).cloned().collect::<Vec<_>>().join(". "));
        let nearest = search::service::nearest_skills(ctx, ground.team(), &volumes, &says).await?;
        wanted.extend(nearest.into_iter().filter(|(_, cosine)| *cosine >= LIKE).map(|(id, _)| id).take(1));
    }
    // What is in the trash has none.
    let heads = artifacts::service::heads_of(ctx, &wanted).await?;
    let Some(head) = wanted.iter().find_map(|id| heads.iter().find(|(known, ..)| known == id)) else { return Ok(None) };
    let (id, _, head) = head;
    let Some(text) = artifacts::service::texts_of(ctx, &[*id]).await?.remove(id) else { return Ok(None) };
    let became =
        accepted.filter(|accepted| accepted.artifact_id.as_deref() == Some(id.to_string().as_str())).map(|accepted| accepted.drafted);
    Ok(Some(There { id: *id, slug: head.slug.clone(), head: head.revision, text, drafted: became }))
}

/// The text of a skill with what its runs show now. Of one that came of the pattern, what was not touched since is written anew, and what people wrote stays;
/// where both are the same lines, and in a skill that people wrote, it goes into a section of its own. Both are compared with what was drafted the last
/// time, which has nothing of what people wrote, be it into the proposal or into the skill that it bettered.
fn bettered(there: &There, draft: &str) -> String {
    if let Some(before) = &there.drafted {
        let merged = merge(before, &there.text, draft);
        if merged.is_clean() {
            return merged.resolve(&[]);
        }
    }
    improved(&there.text, draft)
}

/// Writes those of which the pattern has no open one, and tells of them, in one transaction; how many those are.
async fn make(ctx: &Ctx, ground: Ground, drafts: &[Draft], but: Option<UserId>) -> AppResult<i64> {
    let audience = Audience::deciding(ctx, ground, but).await?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let mut made = Vec::with_capacity(drafts.len());
    for Draft { pattern, kind, slug, text, drafted, artifact, base, author, note } in drafts {
        let (id, drafted, note) = (ProposalId::generate(), drafted.as_deref(), note.as_deref());
        let new = NewProposal { id, pattern, kind: *kind, slug, text, drafted, artifact: *artifact, base: *base, author, note, now };
        if store::propose(&mut tx, &new).await? {
            made.push(new);
        }
    }
    let proposed =
        |new: &NewProposal<'_>| counted(ground, UsageKind::ProposalMade).subject(new.id).extra(millionths(new.pattern.confidence(now)));
    record_all(ctx, &mut tx, made.iter().map(proposed).collect()).await?;
    audience.proposed(ctx, &mut tx, &made).await?;
    tx.commit().await?;
    if !made.is_empty() {
        audience.tell(ctx).await;
    }
    Ok(made.len() as i64)
}
