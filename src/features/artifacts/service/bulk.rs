//! One act on many artifacts. What cannot be done is named with the reason; the rest is done.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    drafts::{self, Current},
    facts::Reading,
    transfer, trash,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::Action,
        analytics::service::UsageKind,
        artifacts::{
            model::{
                BULK_MAX, Bulk, BulkReport,
                frontmatter::{Value, set_key},
            },
            store::{self, ArtifactRow},
        },
        volumes::{self, service::VolumeAccess},
    },
    ids::{ArtifactId, VolumeId},
    server::context::Ctx,
};

pub async fn bulk(ctx: &Ctx, input: Bulk) -> AppResult<BulkReport> {
    let mut report = BulkReport::default();
    match input {
        Bulk::Delete { ids } => {
            for (access, rows) in groups(ctx, ids, store::LIVE, Action::Commit, &mut report).await? {
                let count = rows.len();
                note(&mut report, count, trash::delete_all(ctx, &access, rows).await)?;
            }
        }
        Bulk::Restore { ids } => {
            for (access, rows) in groups(ctx, ids, store::TRASHED, Action::Commit, &mut report).await? {
                let count = rows.len();
                note(&mut report, count, trash::undelete_all(ctx, &access, rows).await)?;
            }
        }
        Bulk::Move { ids, volume_id } => {
            let to = volumes::service::authorise(ctx, volume_id, Action::Commit).await?;
            for (access, rows) in groups(ctx, ids, store::LIVE, Action::Commit, &mut report).await? {
                let count = rows.len();
                note(&mut report, count, transfer::move_all(ctx, &access, &to, rows).await)?;
            }
        }
        Bulk::Tag { ids, add, remove } => {
            let (add, remove) = (words(add)?, words(remove)?);
            for (_, rows) in groups(ctx, ids, store::LIVE, Action::EditDrafts, &mut report).await? {
                for row in rows {
                    let result = tag(ctx, row.id()?, &add, &remove).await;
                    note(&mut report, 1, result)?;
                }
            }
        }
    }
    Ok(report)
}

/// A conflict concerns what it names; anything else ends the act.
fn note(report: &mut BulkReport, count: usize, result: AppResult<()>) -> AppResult<()> {
    match result {
        Ok(()) => report.done += count as i64,
        Err(error) if error.code == ErrorCode::Conflict && !error.fields.is_empty() => report.refused.extend(error.fields.into_values()),
        Err(error) if matches!(error.code, ErrorCode::Conflict | ErrorCode::InvalidInput | ErrorCode::TooLarge) => {
            report.refused.push(error.message)
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// The artifacts that the caller may act on, by volume.
async fn groups(
    ctx: &Ctx,
    ids: Vec<ArtifactId>,
    state: i64,
    action: Action,
    report: &mut BulkReport,
) -> AppResult<Vec<(VolumeAccess, Vec<ArtifactRow>)>> {
    ctx.actor_with(action.scope())?;
    let mut seen = HashSet::new();
    let ids: Vec<ArtifactId> = ids.into_iter().filter(|id| seen.insert(*id)).collect();
    if ids.is_empty() || ids.len() > BULK_MAX {
        return Err(AppError::field("ids", format!("Choose 1 to {BULK_MAX} artifacts.")));
    }
    let rows = store::by_ids(ctx.db().read(), &ids).await?;
    let mut unknown = ids.len() - rows.len();
    let mut volumes: BTreeMap<VolumeId, Vec<ArtifactRow>> = BTreeMap::new();
    for row in rows {
        volumes.entry(row.volume()?).or_default().push(row);
    }
    let mut groups = Vec::new();
    for (volume, rows) in volumes {
        match volumes::service::authorise(ctx, volume, action).await {
            Ok(access) => {
                let (fit, other): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.state == state);
                let reason = if state == store::LIVE { "is in the trash" } else { "is not in the trash" };
                report.refused.extend(other.into_iter().map(|row| format!("“{}” {reason}.", row.name)));
                if !fit.is_empty() {
                    groups.push((access, fit));
                }
            }
            Err(error) if error.code == ErrorCode::NotFound => unknown += rows.len(),
            Err(error) if error.code == ErrorCode::Forbidden => {
                report.refused.extend(rows.iter().map(|row| format!("“{}”: {}", row.name, error.message)))
            }
            Err(error) => return Err(error),
        }
    }
    if unknown > 0 {
        report.refused.push(format!("{unknown} of them do not exist, or are not shared with you."));
    }
    Ok(groups)
}

fn words(tags: Vec<String>) -> AppResult<Vec<String>> {
    const TAG_CHARS: usize = 50;
    tags.into_iter()
        .map(|tag| tag.trim().to_lowercase())
        .filter(|tag| !tag.is_empty())
        .map(|tag| {
            let fits = tag.chars().count() <= TAG_CHARS && !tag.chars().any(|c| c.is_control() || c == ',');
            if fits { Ok(tag) } else { Err(AppError::field("tags", format!("A tag has at most {TAG_CHARS} characters and no commas."))) }
        })
        .collect()
}

/// Changes the list of tags in the frontmatter of the draft.
async fn tag(ctx: &Ctx, id: ArtifactId, add: &[String], remove: &[String]) -> AppResult<()> {
    let current = Current::load(ctx, id, Action::EditDrafts).await?;
    let text = current.decoded().text;
    let reading = Reading::of(current.row.kind(), &current.row.slug, &text);
    let before = &reading.frontmatter.tags;
    let mut known: HashMap<String, ()> = HashMap::new();
    let after: Vec<String> = before
        .iter()
        .filter(|tag| !remove.contains(&tag.to_lowercase()))
        .chain(add)
        .filter(|tag| known.insert(tag.to_lowercase(), ()).is_none())
        .cloned()
        .collect();
    if &after == before {
        return Ok(());
    }
    let value = if after.is_empty() { Value::Remove } else { Value::List(after) };
    drafts::edit(ctx, &current, |text| set_key(text, "tags", &value), UsageKind::DraftTagged).await?;
    Ok(())
}
