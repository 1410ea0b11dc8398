//! A new artifact: a draft that nobody committed yet.

use super::{
    facts::Facts,
    live,
    transfer::{free_path, free_slug},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{Action, model::check_shown},
        analytics::service::{Event, Origin, UsageKind, record},
        artifacts::{
            model::{ArtifactDetail, CreateArtifact, slug::slugify, template::template},
            store::{self, DraftWrite, NewArtifact},
        },
        volumes::{self, model::limits, service::lock},
    },
    ids::ArtifactId,
    server::context::Ctx,
};

const NAME_CHARS: usize = 200;

/// Makes a draft from a text or from a short template. The client may choose the id, so that a retry makes one artifact.
pub async fn create_artifact(ctx: &Ctx, input: CreateArtifact) -> AppResult<ArtifactDetail> {
    create_artifact_as(ctx, input, Origin::Written).await
}

/// The same of what came to be otherwise than by a person's hand.
pub async fn create_artifact_as(ctx: &Ctx, input: CreateArtifact, origin: Origin) -> AppResult<ArtifactDetail> {
    let access = volumes::service::authorise(ctx, input.volume_id, Action::EditDrafts).await?;
    let actor = ctx.actor()?.id();
    let name = input.name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS || name.chars().any(char::is_control) {
        return Err(AppError::field("name", format!("A name has 1 to {NAME_CHARS} characters on one line.")));
    }
    check_shown("name", name)?;
    let now = ctx.now();
    let id = ArtifactId::chosen(input.id, now)?;
    let mut tx = ctx.db().write_tx().await?;
    let (seq, _) = lock(&mut tx, access.id).await?;
    if let Some(existing) = store::by_id(&mut *tx, id).await? {
        if existing.volume()? == access.id && existing.created_by == actor.to_string() && existing.kind() == input.kind {
            drop(tx);
            return super::get_artifact(ctx, id, None).await;
        }
        return Err(AppError::conflict("This id is taken by another artifact: use a new one."));
    }
    let slug = free_slug(&mut tx, access.id, input.kind, &slugify(name)).await?;
    let path = free_path(&mut tx, access.id, input.kind, &slug).await?;
    let text = input.text.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| template(input.kind, name, &slug));
    let text = text.replace("\r\n", "\n");
    if text.len() as u64 > limits::MAIN_FILE_BYTES {
        return Err(AppError::too_large(format!(
            "The text is over {} KB. Move parts of it to files beside it.",
            limits::MAIN_FILE_BYTES / 1024
        )));
    }
    let facts = Facts::of(input.kind, &slug, &text);
    let new = NewArtifact {
        id,
        volume: access.id,
        state: store::LIVE,
        kind: input.kind,
        slug: &slug,
        path: &path,
        facts: &facts,
        has_draft: true,
        seq,
        by: actor,
        now,
    };
    store::insert(&mut tx, &[new]).await?;
    store::insert_draft(&mut tx, &DraftWrite { id, base: None, content: text.as_bytes(), files: "[]", by: actor, now }).await?;
    store::add_draft_authors(&mut tx, id, &[actor]).await?;
    let created = Event::new(UsageKind::ArtifactCreated).workspace(access.workspace).volume(access.id).subject(id);
    let created = created.artifact(input.kind, &facts.category).amount(origin as i64).at(input.id.and_then(ArtifactId::made_at));
    record(ctx, &mut tx, created).await?;
    tx.commit().await?;
    live::announce_created(ctx, &access, id);
    super::get_artifact(ctx, id, None).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::artifacts::model::Kind;

    #[test]
    fn templates_are_without_warnings() {
        for kind in Kind::ALL {
            let text = template(kind, "Größe: \"x\" # y", "groesse-x-y");
            let facts = Facts::of(kind, "groesse-x-y", &text);
            assert_eq!(facts.name, "Größe: \"x\" # y", "{text}");
            assert!(text.contains("\n\n# Größe"), "{text}");
        }
    }
}
