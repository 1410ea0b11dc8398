//! What was written on a device while the server was out of reach, brought home: updates of the document, or a text with the one that it was made from.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    access,
    commits::only_own_since,
    drafts::{Current, Draft, Expected, base_of, write},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::UsageKind,
        artifacts::{
            model::{
                BringText, Brought, Look,
                merge::{Choice, MergePart, merge},
            },
            store,
        },
        collaboration::service::documents,
    },
    ids::ArtifactId,
    server::context::Ctx,
};

/// Puts it into the draft. Where somebody else committed meanwhile and no draft stands, it becomes a draft on what it was made from, which asks for a merge; else
/// it joins what others wrote. Says so where somebody has to look at what came of it.
pub async fn bring_text(ctx: &Ctx, id: ArtifactId, input: BringText) -> AppResult<Brought> {
    if let Some(update) = &input.update {
        let update = BASE64_STANDARD.decode(update).map_err(|_| AppError::field("update", "An update is sent in base64."))?;
        access::find_live(ctx, id, Action::EditDrafts).await?;
        documents::bring(ctx, id, &update).await?;
        return Ok(Brought::default());
    }
    let current = Current::load(ctx, id, Action::EditDrafts).await?;
    let (theirs, head) = (current.decoded().text, current.row.head()?);
    let base = input.base.unwrap_or_default();
    // What it was made from, if somebody else committed since: what waited on the same device before it is the writer's own.
    let older = match input.revision.filter(|_| current.draft.is_none()) {
        Some(revision) if head != Some(revision) && !only_own_since(ctx, id, Some(revision)).await? => {
            store::revision(ctx.db().read(), id, revision).await?
        }
        _ => None,
    };
    let (text, onto, clashes) = match older {
        Some(older) => (input.text, Some(older.id()?), false),
        None => {
            let mine = input.text;
            let (merged, clashes) = tokio::task::spawn_blocking(move || joined(&base, &mine, &theirs))
                .await
                .map_err(|error| crate::server::error::internal("joining a text", &error))?;
            (merged, base_of(&current)?, clashes)
        }
    };
    let draft = Draft { bytes: current.encode(&text)?, files: current.files_json()?, base: onto };
    let saved = write(ctx, &current, draft, Expected::AsLoaded, UsageKind::DraftMerged).await?;
    let name = &current.row.name;
    let look = if saved.clean {
        // All of it is committed already.
        None
    } else if onto != head {
        let message = format!("Somebody committed “{name}” meanwhile: merge your text with it.");
        Some(Look { message, address: format!("/artifacts/{id}?tab=merge") })
    } else if clashes {
        let message = format!("Others changed the same lines of “{name}”: both readings are in the draft.");
        Some(Look { message, address: format!("/artifacts/{id}?tab=diff") })
    } else {
        None
    };
    Ok(Brought { look })
}

/// Both sides, and whether they changed the same lines. There both readings stay, once: what is sent again is in theirs already. What one side removed stays as the
/// other has it.
fn joined(base: &str, ours: &str, theirs: &str) -> (String, bool) {
    let merged = merge(base, ours, theirs);
    let choice = |part: &MergePart| match part {
        MergePart::Conflict { ours, theirs, .. } => Some(if has_lines(theirs, ours) { Choice::Theirs } else { Choice::Both }),
        MergePart::Clean { .. } => None,
    };
    let choices: Vec<Choice> = merged.parts.iter().filter_map(choice).collect();
    let clashes = merged.parts.iter().any(|part| match part {
        MergePart::Conflict { ours, theirs, .. } => ours.is_empty() || !has_lines(theirs, ours),
        MergePart::Clean { .. } => false,
    });
    (merged.resolve(&choices), clashes)
}

/// Whether these lines stand in a text, one after the other.
fn has_lines(text: &str, lines: &str) -> bool {
    let (text, lines): (Vec<&str>, Vec<&str>) = (text.lines().collect(), lines.lines().collect());
    lines.is_empty() || text.windows(lines.len()).any(|some| some == lines)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_sides_are_kept_and_what_comes_twice_is_there_once() {
        let base = "one\ntwo\nthree\n";
        assert_eq!(joined(base, "ONE\ntwo\nthree\n", "one\ntwo\nTHREE\n"), ("ONE\ntwo\nTHREE\n".to_owned(), false));
        let (both, clashes) = joined(base, "ONE\ntwo\nthree\n", "uno\ntwo\nthree\n");
        assert_eq!((both.as_str(), clashes), ("ONE\nuno\ntwo\nthree\n", true));
        assert_eq!(joined(base, "ONE\ntwo\nthree\n", &both), (both, false));
        assert_eq!(joined(base, base, "new\n"), ("new\n".to_owned(), false));
    }

    #[test]
    fn a_line_that_is_a_part_of_another_is_not_there_already() {
        assert_eq!(joined("yes\n", "no\n", "casino\n"), ("no\ncasino\n".to_owned(), true));
        assert!(has_lines("a\nb\nc\n", "b\nc") && !has_lines("a\nb\nc\n", "a\nc\n"));
    }

    #[test]
    fn what_one_side_removed_and_the_other_changed_stays_and_is_told() {
        assert_eq!(joined("one\ntwo\n", "one\n", "one\nTWO\n"), ("one\nTWO\n".to_owned(), true));
        assert_eq!(joined("one\ntwo\n", "one\nTWO\n", "one\n"), ("one\nTWO\n".to_owned(), true));
    }

    fn text() -> impl Strategy<Value = String> {
        proptest::collection::vec("[ab]{1,2}\n", 0..6).prop_map(|lines| lines.concat())
    }

    proptest! {
        #[test]
        fn no_line_that_was_written_is_lost(base in text(), ours in text(), theirs in text()) {
            let (both, _) = joined(&base, &ours, &theirs);
            for line in ours.lines().chain(theirs.lines()).filter(|line| !base.lines().any(|known| known == *line)) {
                prop_assert!(both.lines().any(|kept| kept == line), "{line} of {both}");
            }
        }
    }
}
