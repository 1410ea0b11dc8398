//! What people do with proposals: read, edit, accept, merge, ignore, put off. What is retired is taken back from the trash.

use std::collections::HashSet;

use llmos_patterns::improved;
use llmos_trust::archive::File;

use super::{
    super::{
        model::{
            Decide, EditProposal, Ground, Proposal, ProposalArtifact, ProposalKind, ProposalState, ProposalSummary, SkillChoice, TEXT_BYTES,
        },
        store::{self, Decision, ProposalRow},
    },
    authorise,
    counting::{counted, millionths},
    ground_of,
    promoting::targets,
    telling::Audience,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{self, Action},
        analytics::service::{Origin, UsageKind, record},
        artifacts::{
            self,
            model::{CreateArtifact, Kind, LibraryQuery, SaveDraft, document::Document, merge::merge},
        },
        marketplace::{self, model::Finding},
        volumes::{
            self,
            model::{CommitItem, CreateCommit, VolumeKind},
            service::VolumeAccess,
        },
    },
    ids::{ArtifactId, ProposalId, RevisionId, VolumeId},
    server::{clock, context::Ctx, db::parse_id},
};

/// Days for which a proposal can be put off.
const SNOOZE_DAYS: std::ops::RangeInclusive<i64> = 1..=365;
const REASON_CHARS: usize = 500;
/// For so long whoever accepts a proposal holds it: a commit takes much less. What was held when the server died is open again afterwards.
const HELD_MS: i64 = 5 * clock::MINUTE;
const DECIDED: &str = "Somebody else edited this proposal or decided on it meanwhile. Load it again.";
/// Skills of a volume that a text can be put into, as far as one list shows them.
const CHOICES: u32 = 200;

pub fn summary(row: &ProposalRow) -> AppResult<ProposalSummary> {
    Ok(ProposalSummary {
        id: parse_id(&row.id)?,
        pattern_id: parse_id(&row.pattern_id)?,
        kind: ProposalKind::parse(&row.kind),
        state: ProposalState::parse(&row.state),
        slug: row.slug.clone(),
        name: row.name.clone(),
        confidence: row.confidence,
        created_at: row.created_at,
    })
}

pub async fn find(ctx: &Ctx, id: ProposalId, action: Action) -> AppResult<(ProposalRow, Ground)> {
    let row = store::proposal(ctx.db().read(), id).await?.ok_or_else(|| AppError::not_found("proposal"))?;
    let ground = ground_of(ctx, &row.place_id).map_err(|_| AppError::not_found("proposal"))?;
    authorise(ctx, ground, action)
        .await
        .map_err(|error| if error.code == ErrorCode::NotFound { AppError::not_found("proposal") } else { error })?;
    // What was drafted from runs that one of two teams took back is gone.
    if ground == Ground::System && ProposalState::parse(&row.state) != ProposalState::Accepted {
        let pattern = store::pattern(ctx.db().read(), parse_id(&row.pattern_id)?).await?;
        if pattern.is_none_or(|pattern| !pattern.is_shared_enough(ground.level())) {
            return Err(AppError::not_found("proposal"));
        }
    }
    Ok((row, ground))
}

/// The volumes of a place that the caller may read.
async fn volumes_of(ctx: &Ctx, ground: Ground) -> AppResult<Vec<VolumeAccess>> {
    let mut volumes = volumes::service::visible(ctx).await?;
    volumes.retain(|volume| match ground {
        Ground::Team(team) => volume.team == Some(team),
        Ground::Own(_) => volume.kind == VolumeKind::User,
        Ground::System => volume.kind == VolumeKind::System,
    });
    Ok(volumes)
}

pub async fn shown(ctx: &Ctx, row: ProposalRow, ground: Ground) -> AppResult<Proposal> {
    let mut summary = summary(&row)?;
    let volumes = volumes_of(ctx, ground).await?;
    let artifact = match &row.artifact_id {
        Some(id) => artifacts::service::named(ctx, &[parse_id(id)?]).await?.into_values().next(),
        // A built-in skill is not bettered from here: another one comes beside it.
        None if ground == Ground::System => None,
        None => artifacts::service::find_by_slug(ctx, &volumes, &HashSet::from([row.slug.clone()])).await?.into_values().next(),
    };
    let artifact = match artifact.filter(|named| named.kind == Kind::Skill) {
        Some(named) => {
            let text = String::from_utf8_lossy(&artifacts::service::get_text(ctx, named.id, None).await?).into_owned();
            let built_in = !volumes.iter().any(|volume| volume.id == named.volume);
            Some(ProposalArtifact { id: named.id, name: named.name, text, built_in })
        }
        None => None,
    };
    // What is there already is bettered, not doubled.
    if artifact.is_some() && summary.state == ProposalState::Open && summary.kind == ProposalKind::New {
        summary.kind = ProposalKind::Improves;
    }
    // That of one to be retired is figures, no skill.
    let is_skill = ProposalKind::parse(&row.kind) != ProposalKind::Retire;
    let findings = if is_skill { findings(ctx, &row.slug, &row.text).await? } else { Vec::new() };
    let targets = targets(ctx, &row, ground).await?;
    let retired = retired(ctx, &row).await?;
    let is_waiting = matches!(summary.state, ProposalState::Open | ProposalState::Snoozed);
    let skills = if is_skill && is_waiting && ground != Ground::System { choices(ctx, &volumes).await? } else { Vec::new() };
    let decided_by = match &row.decided_by {
        Some(id) => accounts::service::people(ctx, [parse_id(id)?]).await?.into_values().next(),
        None => None,
    };
    Ok(Proposal {
        html: ctx.state.renderer.render(&row.text, parse_id::<ProposalId>(&row.id)?.same_as()).await.to_string(),
        text: row.text,
        saves: row.saves,
        author: row.author,
        note: row.note,
        targets,
        artifact,
        skills,
        retired,
        is_blocked: findings.iter().any(|finding| finding.blocks),
        findings,
        decided_by,
        reason: row.reason,
        summary,
    })
}

/// The skills of these volumes that the caller may put a text into.
async fn choices(ctx: &Ctx, volumes: &[VolumeAccess]) -> AppResult<Vec<SkillChoice>> {
    let mut skills = Vec::new();
    for volume in volumes.iter().filter(|volume| volume.role.allows(Action::Commit)) {
        let query = LibraryQuery { volume: Some(volume.id), kind: Some(Kind::Skill), limit: Some(CHOICES), ..LibraryQuery::default() };
        let found = artifacts::service::list_library(ctx, query).await?.items;
        skills.extend(found.into_iter().map(|skill| SkillChoice { id: skill.id, name: skill.name, volume: volume.name.clone() }));
    }
    Ok(skills)
}

/// The skill that is in the trash because of an accepted proposal, if the caller may read it.
async fn retired(ctx: &Ctx, row: &ProposalRow) -> AppResult<Option<ArtifactId>> {
    let is_accepted = ProposalState::parse(&row.state) == ProposalState::Accepted && ProposalKind::parse(&row.kind) == ProposalKind::Retire;
    let Some(id) = row.artifact_id.as_ref().filter(|_| is_accepted) else { return Ok(None) };
    match artifacts::service::get_artifact(ctx, parse_id(id)?, None).await {
        Ok(skill) => Ok(skill.summary.deleted_at.map(|_| skill.summary.id)),
        // Deleted for good, or of a volume that the caller does not see.
        Err(error) if error.code == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub async fn get_proposal(ctx: &Ctx, id: ProposalId) -> AppResult<Proposal> {
    let (row, ground) = find(ctx, id, Action::Read).await?;
    shown(ctx, row, ground).await
}

/// Another text, as a person wants it. What somebody else saved meanwhile is joined with it, as long as both did not change the same lines.
pub async fn edit_proposal(ctx: &Ctx, id: ProposalId, input: EditProposal) -> AppResult<Proposal> {
    let (row, ground) = find(ctx, id, Action::Commit).await?;
    if ProposalKind::parse(&row.kind) == ProposalKind::Retire {
        return Err(AppError::invalid("What retires a skill has no text of its own to edit: accept it or ignore it."));
    }
    let text = input.text.replace("\r\n", "\n");
    if text.trim().is_empty() || text.len() > TEXT_BYTES {
        return Err(AppError::field("text", format!("A skill has 1 to {} KB of text.", TEXT_BYTES / 1024)));
    }
    if input.base.as_ref().is_some_and(|base| base.len() > TEXT_BYTES) {
        return Err(AppError::field("base", format!("A skill has at most {} KB of text.", TEXT_BYTES / 1024)));
    }
    // Joined before anybody waits for it: what is saved meanwhile is found by its number.
    let now = store::proposal(ctx.db().read(), id).await?.ok_or_else(|| AppError::not_found("proposal"))?;
    let text = match input.base {
        _ if now.saves == input.saves => text,
        Some(base) => {
            let merged = merge(&base.replace("\r\n", "\n"), &text, &now.text);
            if !merged.is_clean() {
                return Err(AppError::conflict(
                    "Somebody else changed the same lines meanwhile. Nothing was saved: compare with their text, then save yours again.",
                ));
            }
            merged.resolve(&[])
        }
        None => return Err(AppError::conflict("Somebody else edited this meanwhile. Load it again.")),
    };
    if text.len() > TEXT_BYTES {
        return Err(AppError::field("text", format!("Together with what somebody else wrote it has more than {} KB.", TEXT_BYTES / 1024)));
    }
    let mut tx = ctx.db().write_tx().await?;
    if !store::edit(&mut tx, id, &text, now.saves, ctx.now()).await? {
        return Err(AppError::conflict("Somebody else edited this or decided on it meanwhile. Load it again."));
    }
    record(ctx, &mut tx, counted(ground, UsageKind::ProposalEdited).subject(id)).await?;
    tx.commit().await?;
    get_proposal(ctx, id).await
}

/// Decides on a proposal. Whoever is first does: what is accepted is held while its skill is committed, so nobody edits it or decides otherwise meanwhile.
pub async fn decide(ctx: &Ctx, id: ProposalId, input: Decide) -> AppResult<Proposal> {
    let (row, ground) = find(ctx, id, Action::Commit).await?;
    let now = ctx.now();
    let is_waiting = matches!(ProposalState::parse(&row.state), ProposalState::Open | ProposalState::Snoozed);
    if !is_waiting && !matches!(input, Decide::Reopen) {
        return Err(AppError::conflict(DECIDED));
    }
    let said: Option<String> = match &input {
        Decide::Ignore { reason } => reason.as_deref().map(|reason| reason.chars().filter(|c| *c == '\n' || !c.is_control()).collect()),
        _ => None,
    };
    let reason = said.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    if reason.is_some_and(|reason| reason.chars().count() > REASON_CHARS) {
        return Err(AppError::field("reason", format!("A reason has at most {REASON_CHARS} characters.")));
    }
    let (state, until) = match &input {
        Decide::Merge { .. } if is_retirement(&row) => {
            return Err(AppError::invalid("What retires a skill is put into none: accept it or ignore it."));
        }
        Decide::Merge { .. } if ground == Ground::System => {
            return Err(AppError::invalid("A built-in skill is not changed from here: accept it as another one, or ignore it."));
        }
        Decide::Accept { .. } | Decide::Merge { .. } => (ProposalState::Accepted, None),
        Decide::Ignore { .. } => (ProposalState::Ignored, None),
        Decide::Snooze { days } if SNOOZE_DAYS.contains(days) => (ProposalState::Snoozed, Some(now + days * clock::DAY)),
        Decide::Snooze { .. } => return Err(AppError::field("days", "A proposal is put off for 1 to 365 days.")),
        Decide::Reopen => (ProposalState::Open, None),
    };
    let decision = Decision { id, state, artifact: None, until, reason, by: ctx.actor()?.id(), held: None, now };
    match state {
        ProposalState::Accepted => carry_out(ctx, &row, ground, &input, decision).await?,
        ProposalState::Open | ProposalState::Snoozed | ProposalState::Ignored => {
            write_down(ctx, &row, ground, &input, &decision, None).await?;
        }
    }
    get_proposal(ctx, id).await
}

fn is_retirement(row: &ProposalRow) -> bool {
    ProposalKind::parse(&row.kind) == ProposalKind::Retire
}

/// Commits what is accepted, while it is held. Where that fails, the proposal is open again.
async fn carry_out(ctx: &Ctx, row: &ProposalRow, ground: Ground, input: &Decide, decision: Decision<'_>) -> AppResult<()> {
    let audience = Audience::running(ctx, ground, row).await?;
    let (id, held) = (decision.id, ctx.now() + HELD_MS);
    let mut tx = ctx.db().write_tx().await?;
    if !store::hold(&mut tx, id, row.saves, held, ctx.now()).await? {
        return Err(AppError::conflict(DECIDED));
    }
    tx.commit().await?;
    let done = async {
        let artifact = committed(ctx, row, ground, input).await?;
        let decision = Decision { artifact, held: Some(held), ..decision };
        write_down(ctx, row, ground, input, &decision, Some(&audience)).await
    };
    if let Err(error) = done.await {
        if let Err(later) = let_go(ctx, id, held).await {
            tracing::error!(error = %later, proposal = %id, "a proposal could not be let go: it is open again in some minutes");
        }
        return Err(error);
    }
    audience.tell(ctx).await;
    Ok(())
}

async fn let_go(ctx: &Ctx, id: ProposalId, held: i64) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    store::let_go(&mut tx, id, held, ctx.now()).await?;
    Ok(tx.commit().await?)
}

/// Does what was accepted; the skill that came of it.
async fn committed(ctx: &Ctx, row: &ProposalRow, ground: Ground, input: &Decide) -> AppResult<Option<ArtifactId>> {
    Ok(match input {
        Decide::Accept { .. } if is_retirement(row) => {
            retire(ctx, row).await?;
            None
        }
        Decide::Accept { volume_id } => Some(accept(ctx, row, ground, *volume_id).await?),
        Decide::Merge { artifact_id } => {
            put_into(ctx, row, ground, *artifact_id).await?;
            Some(*artifact_id)
        }
        Decide::Ignore { .. } | Decide::Snooze { .. } | Decide::Reopen => None,
    })
}

/// Writes what was decided, and counts it; whose runs led to it is told in the same transaction.
async fn write_down(
    ctx: &Ctx,
    row: &ProposalRow,
    ground: Ground,
    input: &Decide,
    decision: &Decision<'_>,
    audience: Option<&Audience>,
) -> AppResult<()> {
    let (id, artifact, now) = (decision.id, decision.artifact, decision.now);
    let mut tx = ctx.db().write_tx().await?;
    if !store::decide(&mut tx, decision).await? {
        return Err(AppError::conflict(match input {
            Decide::Reopen => "This proposal is open again already, or its pattern has another open one: decide on that one first.",
            _ => DECIDED,
        }));
    }
    let kind = match decision.state {
        ProposalState::Accepted => UsageKind::ProposalAccepted,
        ProposalState::Ignored => UsageKind::ProposalRejected,
        ProposalState::Open | ProposalState::Snoozed => UsageKind::ProposalDecided,
    };
    let first = if artifact.is_some() { store::first_run(&mut tx, &row.pattern_id).await? } else { None };
    let decided = counted(ground, kind).subject(id).amount(first.map_or(0, |first| (now - first).max(0))).extra(millionths(row.confidence));
    record(ctx, &mut tx, decided).await?;
    if let (Decide::Accept { .. }, Some(skill)) = (input, artifact) {
        record(ctx, &mut tx, counted(ground, UsageKind::SkillGenerated).subject(skill).artifact(Kind::Skill, &category_of(row))).await?;
    }
    if let Some(audience) = audience {
        audience.accepted(ctx, &mut tx, row).await?;
    }
    Ok(tx.commit().await?)
}

/// What the marketplace's rules find in the text of a skill.
async fn findings(ctx: &Ctx, slug: &str, text: &str) -> AppResult<Vec<Finding>> {
    let file = File { path: "SKILL.md".to_owned(), bytes: text.as_bytes().to_vec() };
    marketplace::service::findings_in(ctx, slug, vec![file]).await
}

/// A text in which the rules find something that blocks is committed nowhere.
pub async fn refuse_dangerous(ctx: &Ctx, slug: &str, text: &str) -> AppResult<()> {
    let findings = findings(ctx, slug, text).await?;
    match findings.iter().find(|finding| finding.blocks) {
        Some(finding) => {
            Err(AppError::conflict(format!("Line {}: {} {} Edit the text, then try again.", finding.line, finding.why, finding.fix)))
        }
        None => Ok(()),
    }
}

/// The category that the text of a proposal names.
fn category_of(row: &ProposalRow) -> String {
    artifacts::service::Facts::of(Kind::Skill, &row.slug, &row.text).category
}

fn message(row: &ProposalRow) -> String {
    format!("{}: drawn from {} runs, confidence {:.2}", row.slug, row.runs, row.confidence)
}

/// Makes a skill of it, committed. The id is the proposal's: what was begun before a crash is found again.
async fn accept(ctx: &Ctx, row: &ProposalRow, ground: Ground, volume: Option<VolumeId>) -> AppResult<ArtifactId> {
    refuse_dangerous(ctx, &row.slug, &row.text).await?;
    if ground == Ground::System {
        return accept_for_all(ctx, row).await;
    }
    let volumes = volumes_of(ctx, ground).await?;
    let writable = |volume: &&VolumeAccess| volume.role.allows(Action::Commit);
    let volume = match volume {
        Some(id) => volumes.iter().find(|volume| volume.id == id),
        None => volumes.iter().find(writable),
    };
    let volume = volume.ok_or_else(|| AppError::field("volumeId", "Choose a volume of this workspace that you may commit to."))?.id;
    let id: ProposalId = parse_id(&row.id)?;
    let new = CreateArtifact {
        id: Some(id.same_as()),
        volume_id: volume,
        kind: Kind::Skill,
        name: row.slug.clone(),
        text: Some(row.text.clone()),
    };
    let created = artifacts::service::create_artifact_as(ctx, new, Origin::Generated).await?;
    if created.head.is_none() {
        // It was begun before, and edited since.
        if created.text != row.text {
            let saves = created.draft.map(|draft| draft.saves).unwrap_or_default();
            artifacts::service::save_draft(ctx, created.summary.id, SaveDraft { text: row.text.clone(), saves }).await?;
        }
        commit(ctx, row, created.summary.id, None).await?;
    }
    Ok(id.same_as())
}

/// Makes a skill of it in the built-in volume. What was committed before a crash is found by its id.
async fn accept_for_all(ctx: &Ctx, row: &ProposalRow) -> AppResult<ArtifactId> {
    let id: ArtifactId = parse_id::<ProposalId>(&row.id)?.same_as();
    let is_there = artifacts::service::named(ctx, &[id]).await?.get(&id).is_some_and(|named| named.head.is_some());
    if !is_there {
        volumes::service::add_to_system(ctx, id, &row.slug, row.text.clone(), &message(row)).await?;
    }
    Ok(id)
}

/// Moves the skill to the trash, as a commit of its volume. Done before a crash, it is done.
async fn retire(ctx: &Ctx, row: &ProposalRow) -> AppResult<()> {
    match &row.artifact_id {
        Some(id) => artifacts::service::delete_artifact(ctx, parse_id(id)?).await,
        None => Err(AppError::not_found("artifact")),
    }
}

/// Puts it into a skill of the place. What people wrote there stays: where the text was made of a revision of this skill, both are joined line by line; any
/// other skill gets a section of what runs show. What was committed before a crash is in it already.
async fn put_into(ctx: &Ctx, row: &ProposalRow, ground: Ground, artifact: ArtifactId) -> AppResult<()> {
    let volumes = volumes_of(ctx, ground).await?;
    let before = artifacts::service::get_artifact(ctx, artifact, None).await?;
    let is_of_place = volumes.iter().any(|volume| volume.id == before.summary.volume_id);
    if before.summary.kind != Kind::Skill || before.summary.deleted_at.is_some() || !is_of_place {
        return Err(AppError::field("artifactId", "Choose a skill of this workspace that is not in the trash."));
    }
    if before.draft.is_some() {
        return Err(AppError::conflict("This skill has a draft that is not committed: commit or discard it, then merge."));
    }
    let (present, head) = (before.text, before.head.map(|head| head.id));
    let text = match &row.base_id {
        Some(base) if row.artifact_id.as_deref() == Some(artifact.to_string().as_str()) => {
            let base = artifacts::service::get_text(ctx, artifact, Some(parse_id(base)?)).await?;
            let merged = merge(&Document::decode(&base).text, &present, &row.text);
            if !merged.is_clean() {
                return Err(AppError::conflict(
                    "The skill was changed in the same lines since this was drafted. Compare both and edit the text, or keep it as another skill.",
                ));
            }
            merged.resolve(&[])
        }
        _ => improved(&present, &row.text),
    };
    if text == present {
        return Ok(());
    }
    refuse_dangerous(ctx, &before.summary.slug, &text).await?;
    artifacts::service::save_draft(ctx, artifact, SaveDraft { text, saves: 0 }).await?;
    commit(ctx, row, artifact, head).await
}

async fn commit(ctx: &Ctx, row: &ProposalRow, artifact: ArtifactId, base: Option<RevisionId>) -> AppResult<()> {
    let item = CommitItem { id: artifact, base_revision_id: base };
    let input = CreateCommit { id: None, message: message(row), artifacts: vec![item], after_own: false };
    artifacts::service::commit(ctx, input).await?;
    Ok(())
}
