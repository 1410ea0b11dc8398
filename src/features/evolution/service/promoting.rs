//! Taking an accepted skill to where more people find it: one's own to a team, a team's to everybody of the server. What goes along is its text, never
//! the runs that it was drawn from.

use llmos_patterns::promoted;

use super::{
    super::{
        model::{Ground, Promote, Promotion, PromotionTarget, Proposal, ProposalState},
        store::{self, NewPromotion, PromotionRow, ProposalRow},
    },
    counting::counted,
    reviewing::{find, refuse_dangerous, shown},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action, Scope},
        analytics::service::{Origin, UsageKind, record},
        artifacts::{
            self,
            model::{CreateArtifact, Kind},
        },
        tasks::model::one_line,
        volumes::{
            self,
            model::{CommitItem, CreateCommit, VolumeKind},
            service::VolumeAccess,
        },
    },
    ids::{ArtifactId, PatternId, ProposalId, UserId, VolumeId},
    server::{context::Ctx, db::parse_id},
};

const REASON_CHARS: usize = 500;

/// Whether the caller may take a skill from there to this volume.
fn may(ctx: &Ctx, ground: Ground, volume: &VolumeAccess) -> bool {
    match (ground, volume.kind) {
        (Ground::Own(_), VolumeKind::Team) => {
            volume.role.allows(Action::Commit) && ctx.actor().is_ok_and(|actor| actor.has_scope(Action::Commit.scope()))
        }
        (Ground::Team(_), VolumeKind::System) => ctx.actor().is_ok_and(|actor| actor.administrator && actor.has_scope(Scope::Admin)),
        _ => false,
    }
}

/// Where the caller may take the skill of this proposal, without where it is already.
pub async fn targets(ctx: &Ctx, row: &ProposalRow, ground: Ground) -> AppResult<Vec<PromotionTarget>> {
    if ProposalState::parse(&row.state) != ProposalState::Accepted || row.artifact_id.is_none() {
        return Ok(Vec::new());
    }
    let mut volumes = volumes::service::visible(ctx).await?;
    volumes.retain(|volume| may(ctx, ground, volume));
    if !volumes.is_empty() {
        let copies = copies(ctx, &row.id).await?;
        volumes.retain(|volume| {
            !copies.iter().any(|(one, is_there)| one.committed != 0 && *is_there && one.volume_id == volume.id.to_string())
        });
    }
    Ok(volumes.into_iter().map(|volume| PromotionTarget { volume_id: volume.id, name: volume.name, kind: volume.kind }).collect())
}

/// What was promoted of a proposal, and whether the copy is where it was put: one can be deleted or moved since, or have never been committed.
async fn copies(ctx: &Ctx, proposal: &str) -> AppResult<Vec<(PromotionRow, bool)>> {
    let rows = store::promotions_of_proposal(ctx.db().read(), proposal).await?;
    let ids = rows.iter().map(|row| parse_id(&row.id)).collect::<AppResult<Vec<ArtifactId>>>()?;
    let named = artifacts::service::named(ctx, &ids).await?;
    let is_there = |row: &PromotionRow, id: &ArtifactId| {
        named.get(id).is_some_and(|named| named.head.is_some() && named.volume.to_string() == row.volume_id)
    };
    let found: Vec<bool> = rows.iter().zip(&ids).map(|(row, id)| is_there(row, id)).collect();
    Ok(rows.into_iter().zip(found).collect())
}

/// What was promoted of a pattern.
pub async fn promotions(ctx: &Ctx, pattern: &str, limit: i64) -> AppResult<Vec<Promotion>> {
    let rows = store::promotions_of_pattern(ctx.db().read(), pattern, limit).await?;
    let by = rows.iter().map(|row| parse_id(&row.promoted_by)).collect::<AppResult<Vec<UserId>>>()?;
    let people = accounts::service::people(ctx, by).await?;
    let promotion = |row: PromotionRow| {
        Ok(Promotion {
            artifact_id: parse_id(&row.id)?,
            volume_name: row.volume_name,
            kind: VolumeKind::parse(&row.level),
            reason: row.reason,
            promoted_by: people.get(&parse_id(&row.promoted_by)?).cloned(),
            at: row.created_at,
        })
    };
    rows.into_iter().map(promotion).collect()
}

/// Copies the committed text of an accepted skill to a volume, commits it there, and keeps why.
pub async fn promote(ctx: &Ctx, id: ProposalId, input: Promote) -> AppResult<Proposal> {
    let (row, ground) = find(ctx, id, Action::Read).await?;
    let reason = one_line(&input.reason, usize::MAX);
    if reason.is_empty() || reason.chars().count() > REASON_CHARS {
        return Err(AppError::field("reason", format!("Say in 1 to {REASON_CHARS} characters why more people should have it.")));
    }
    let skill: ArtifactId = match (ProposalState::parse(&row.state), &row.artifact_id) {
        (ProposalState::Accepted, Some(skill)) => parse_id(skill)?,
        _ => return Err(AppError::conflict("Only a skill that was accepted can be promoted. Accept the proposal first.")),
    };
    let pattern = store::pattern(ctx.db().read(), parse_id::<PatternId>(&row.pattern_id)?).await?;
    if pattern.is_none_or(|pattern| !pattern.is_shared_enough(ground.level())) {
        return Err(AppError::not_found("proposal"));
    }
    let volumes = volumes::service::visible(ctx).await?;
    let target = volumes.into_iter().find(|volume| volume.id == input.volume_id).ok_or_else(|| AppError::not_found("volume"))?;
    if !may(ctx, ground, &target) {
        return Err(AppError::forbidden(match ground {
            Ground::Own(_) => "A skill of your own goes to a volume of a team, in which you may commit.",
            Ground::Team(_) => "A skill of a team goes to the built-in volume, by an administrator.",
            Ground::System => "A skill of all teams is in the built-in volume already.",
        }));
    }
    let copies = copies(ctx, &row.id).await?;
    if let Some((known, _)) = copies.iter().find(|(known, is_there)| *is_there && known.volume_id == target.id.to_string()) {
        if known.committed != 0 {
            return Err(AppError::conflict("This skill was promoted there already: edit the copy to change it."));
        }
        // What ended between the commit and its note.
        end(ctx, ground, id, &known.id, target.id).await?;
        return shown(ctx, row, ground).await;
    }
    let detail = artifacts::service::get_artifact(ctx, skill, None).await?;
    let head = detail.head.ok_or_else(|| AppError::conflict("The skill has no commit yet: commit it, then promote it."))?;
    if !detail.files.is_empty() {
        return Err(AppError::conflict(
            "This skill has files beside its text, which would stay behind: take them out of it, then promote it.",
        ));
    }
    let text = artifacts::service::get_text(ctx, skill, Some(head.id)).await?;
    let from = format!("{}, {} runs, confidence {:.2}", detail.volume_name, row.runs, row.confidence);
    let text = promoted(&String::from_utf8_lossy(&text), &from);
    let slug = detail.summary.slug;
    refuse_dangerous(ctx, &slug, &text).await?;

    let copy = ArtifactId::generate();
    let level = target.kind.as_str();
    let by = ctx.actor()?.id();
    let new =
        NewPromotion { id: copy, proposal: &row, level, volume: target.id, volume_name: &target.name, reason: &reason, by, now: ctx.now() };
    let mut tx = ctx.db().write_tx().await?;
    store::begin_promotion(&mut tx, &new).await?;
    tx.commit().await?;
    let message = format!("{slug}: promoted from {from}\n\n{reason}");
    match target.kind {
        VolumeKind::System => volumes::service::add_to_system(ctx, copy, &slug, text, &message).await?,
        VolumeKind::Team | VolumeKind::User => {
            let new = CreateArtifact { id: Some(copy), volume_id: target.id, kind: Kind::Skill, name: slug, text: Some(text) };
            artifacts::service::create_artifact_as(ctx, new, Origin::Generated).await?;
            let artifacts = vec![CommitItem { id: copy, base_revision_id: None }];
            artifacts::service::commit(ctx, CreateCommit { id: None, message, artifacts, after_own: false }).await?;
        }
    }
    end(ctx, ground, id, &copy.to_string(), target.id).await?;
    shown(ctx, row, ground).await
}

async fn end(ctx: &Ctx, ground: Ground, proposal: ProposalId, copy: &str, volume: VolumeId) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    store::end_promotion(&mut tx, copy).await?;
    record(ctx, &mut tx, counted(ground, UsageKind::ProposalPromoted).volume(volume).subject(proposal)).await?;
    Ok(tx.commit().await?)
}
