//! A new artifact: a draft that nobody committed yet.

use super::{
    facts::Facts,
    live,
    transfer::{free_path, free_slug},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::{Event, record},
        artifacts::{
            model::{
                ArtifactDetail, CreateArtifact, Kind,
                frontmatter::{Value, set_key},
                slug::slugify,
            },
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
    let access = volumes::service::authorise(ctx, input.volume_id, Action::EditDrafts).await?;
    let actor = ctx.actor()?.id();
    let name = input.name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS || name.chars().any(char::is_control) {
        return Err(AppError::field("name", format!("A name has 1 to {NAME_CHARS} characters on one line.")));
    }
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
    record(ctx, &mut tx, Event::new("artifact.created").team(access.team).volume(access.id).subject(id)).await?;
    tx.commit().await?;
    live::announce_created(ctx, &access, id);
    super::get_artifact(ctx, id, None).await
}

/// What a new artifact begins with: enough to show the format, little to delete.
fn template(kind: Kind, name: &str, slug: &str) -> String {
    let (description, body) = match kind {
        Kind::Skill => (
            "What it does, and when to use it.",
            "## When to use it\n\nName the situations, in the words that people use.\n\n## Steps\n\n1. First step.\n2. Second step.\n\n## Example\n\nOne worked example says more than a rule.\n",
        ),
        Kind::Tool => (
            "What it takes, what it gives back, and when to call it.",
            "## Input\n\n| Name | Type | Meaning |\n| --- | --- | --- |\n| value | number | What it stands for |\n\n## Output\n\nWhat comes back, with an example.\n",
        ),
        Kind::Agent => (
            "What the agent is responsible for, and when to hand work to it.",
            "You are responsible for one thing. Say what it is.\n\n## How you work\n\n1. Read what you were given.\n2. Ask when something decisive is missing.\n3. Answer in the form below.\n\n## Form of the answer\n\nA short result first, then the reasons.\n",
        ),
    };
    let mut text = format!("---\n---\n\n# {name}\n\n{body}");
    for (key, value) in [("name", slug), ("title", name), ("description", description), ("version", "0.1.0")] {
        text = set_key(&text, key, &Value::Text(value.to_owned()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

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
