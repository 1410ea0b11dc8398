//! What is sure enough becomes a proposal: once for each pattern, and again when it has twice the runs. So does a skill that hurts.

use llmos_patterns::{Origin, Summary};

use super::{
    super::{
        model::{Ground, LISTED, ProposalKind, ProposalState},
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
        jobs::{self, Job},
        traces,
    },
    ids::{ArtifactId, ProposalId, UserId},
    server::{clock, context::Ctx},
};

/// Traces of a pattern that a draft names.
const SOURCES: i64 = 50;

/// What is to be proposed.
pub struct Draft {
    pub pattern: PatternRow,
    pub kind: ProposalKind,
    pub slug: String,
    pub text: String,
    /// The skill that is there already.
    pub artifact: Option<ArtifactId>,
    /// Who wrote the text: a model's name, or the generator.
    pub author: String,
    /// Why a model that was asked did not.
    pub note: Option<String>,
}

/// Drafts skills of what is sure enough, in a pass, and has those retired that hurt; how many proposals that are. Those who may decide on them are told
/// once of all, but for whoever asked for the pass.
pub async fn propose(ctx: &Ctx, job: &Job, ground: Ground, asked_by: Option<UserId>, writer: &mut Writer) -> AppResult<i64> {
    let settings = settings_of(ctx, ground).await?;
    let pool = ctx.db().read();
    let mut sure = store::patterns(pool, ground, settings.shown_runs, LISTED).await?;
    sure.retain(|pattern| pattern.confidence >= settings.proposed);
    let known = store::proposals_of(pool, &sure.iter().map(|pattern| pattern.id.as_str()).collect::<Vec<_>>()).await?;
    let mut drafts = Vec::new();
    for pattern in &sure {
        // What was decided stays so until there is much more to go by.
        let is_settled = known.iter().filter(|known| known.pattern_id == pattern.id).any(|known| {
            let is_open = matches!(ProposalState::parse(&known.state), ProposalState::Open | ProposalState::Snoozed);
            is_open || pattern.runs < known.runs * 2
        });
        if !is_settled {
            jobs::service::progress(ctx, job, 0, 0).await?;
            drafts.push(skill_of(ctx, ground, pattern, writer).await?);
        }
    }
    drafts.extend(retirements(ctx, ground).await?);
    if drafts.is_empty() {
        return Ok(0);
    }
    make(&accounts::service::acting_as_evolution(ctx).await?, ground, &drafts, asked_by).await
}

/// Drafts one for the caller, unless the pattern has an open one already.
pub async fn propose_one(ctx: &Ctx, ground: Ground, pattern: &PatternRow, writer: &mut Writer) -> AppResult<()> {
    let draft = skill_of(ctx, ground, pattern, writer).await?;
    make(ctx, ground, &[draft], None).await?;
    Ok(())
}

/// The skill that a pattern makes.
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
    let slug = used.unwrap_or_else(|| pattern.slug.clone());
    let time = clock::rfc3339(ctx.now());
    let origin =
        Origin { slug: &slug, confidence: pattern.confidence, created_at: time.get(..10).unwrap_or_default(), source_traces: &sources };
    let drafted = writer.write(ctx, ground, &summary, &origin).await;
    let (text, author, note) = (drafted.text, drafted.author, drafted.note);
    Ok(Draft { pattern: pattern.clone(), kind: ProposalKind::New, slug, text, artifact: None, author, note })
}

/// Writes those of which the pattern has no open one, and tells of them, in one transaction; how many those are.
async fn make(ctx: &Ctx, ground: Ground, drafts: &[Draft], but: Option<UserId>) -> AppResult<i64> {
    let audience = Audience::deciding(ctx, ground, but).await?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let mut made = Vec::with_capacity(drafts.len());
    for Draft { pattern, kind, slug, text, artifact, author, note } in drafts {
        let (id, note) = (ProposalId::generate(), note.as_deref());
        let new = NewProposal { id, pattern, kind: *kind, slug, text, artifact: *artifact, author, note, now };
        if store::propose(&mut tx, &new).await? {
            made.push(new);
        }
    }
    let proposed =
        |new: &NewProposal<'_>| counted(ground, UsageKind::ProposalMade).subject(new.id).extra(millionths(new.pattern.confidence));
    record_all(ctx, &mut tx, made.iter().map(proposed).collect()).await?;
    audience.proposed(ctx, &mut tx, &made).await?;
    tx.commit().await?;
    if !made.is_empty() {
        audience.tell(ctx).await;
    }
    Ok(made.len() as i64)
}
