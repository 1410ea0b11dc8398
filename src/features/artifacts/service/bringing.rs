//! What was written on a device while the server was out of reach, brought home: updates of the document, or a text with the one that it was made from.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    access,
    drafts::{Current, Draft, Expected, base_of, write},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::UsageKind,
        artifacts::{
            model::{
                BringText,
                merge::{Choice, MergePart, merge},
            },
            store,
        },
        collaboration::service::documents,
    },
    ids::ArtifactId,
    server::context::Ctx,
};

/// Puts it into the draft. Where somebody committed meanwhile and no draft stands, it becomes a draft on what it was made from, which asks for a merge; else it
/// joins what others wrote.
pub async fn bring_text(ctx: &Ctx, id: ArtifactId, input: BringText) -> AppResult<()> {
    if let Some(update) = &input.update {
        let update = BASE64_STANDARD.decode(update).map_err(|_| AppError::field("update", "An update is sent in base64."))?;
        access::find_live(ctx, id, Action::EditDrafts).await?;
        return documents::bring(ctx, id, &update).await;
    }
    let current = Current::load(ctx, id, Action::EditDrafts).await?;
    let theirs = current.decoded().text;
    let base = input.base.unwrap_or_default();
    // What it was made from, if somebody committed since.
    let older = match input.revision.filter(|_| current.draft.is_none()) {
        Some(revision) if current.row.head()? != Some(revision) => store::revision(ctx.db().read(), id, revision).await?,
        _ => None,
    };
    let (text, onto) = match older {
        Some(older) => (input.text, Some(older.id()?)),
        None => {
            let mine = input.text;
            let merged = tokio::task::spawn_blocking(move || joined(&base, &mine, &theirs))
                .await
                .map_err(|error| crate::server::error::internal("joining a text", &error))?;
            (merged, base_of(&current)?)
        }
    };
    let draft = Draft { bytes: current.encode(&text)?, files: current.files_json()?, base: onto };
    write(ctx, &current, draft, Expected::AsLoaded, UsageKind::DraftMerged).await.map(drop)
}

/// Both sides. Where they changed the same lines both readings stay, once: what is sent again is in theirs already.
fn joined(base: &str, ours: &str, theirs: &str) -> String {
    let merged = merge(base, ours, theirs);
    let choice = |part: &MergePart| match part {
        MergePart::Conflict { ours, theirs, .. } => Some(if theirs.contains(ours.as_str()) { Choice::Theirs } else { Choice::Both }),
        MergePart::Clean { .. } => None,
    };
    let choices: Vec<Choice> = merged.parts.iter().filter_map(choice).collect();
    merged.resolve(&choices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_kept_and_what_comes_twice_is_there_once() {
        let base = "one\ntwo\nthree\n";
        assert_eq!(joined(base, "ONE\ntwo\nthree\n", "one\ntwo\nTHREE\n"), "ONE\ntwo\nTHREE\n");
        let both = joined(base, "ONE\ntwo\nthree\n", "uno\ntwo\nthree\n");
        assert_eq!(both, "ONE\nuno\ntwo\nthree\n");
        assert_eq!(joined(base, "ONE\ntwo\nthree\n", &both), both);
        assert_eq!(joined(base, base, "new\n"), "new\n");
    }
}
