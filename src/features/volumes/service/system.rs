//! The built-in volume: embedded in the binary, brought in line when the server starts. What people promoted to it stays beside that.

use std::collections::HashMap;

use rust_embed::RustEmbed;

use super::super::{
    archive::{Entry, recognise},
    model::VolumeKind,
    store::{self, NewVolume},
};
use super::history::Appended;
use crate::{
    error::AppResult,
    features::{
        accounts,
        analytics::service::{Event, UsageKind},
        artifacts::{
            model::{FileEntry, Kind, slug::dedupe},
            service::{self as artifacts, Known, Staged},
        },
    },
    ids::{ArtifactId, CommitId, UserId, VolumeId},
    server::{
        context::Ctx,
        db::{Task, parse_id},
        secrets,
    },
};

#[derive(RustEmbed)]
#[folder = "volumes/system"]
struct Embedded;

/// The account that the commits of the built-in volume are by: an agent without a way to sign in.
pub const SYSTEM_USER: &str = "00000000-0000-7000-8000-000000000001";
const SYSTEM_VOLUME: u128 = 0x0000_0000_0000_7000_8000_0000_0000_0002;
const NAME: &str = "Built-in";

/// The id of the built-in volume, the same everywhere.
pub fn system_volume() -> VolumeId {
    VolumeId::from_bits(SYSTEM_VOLUME)
}

/// Brings the built-in volume in line with the binary; a commit says what changed, and nothing is written when nothing did.
pub async fn install_system_volume(ctx: &Ctx) -> AppResult<()> {
    let user: UserId = parse_id(SYSTEM_USER)?;
    let volume = system_volume();
    // What another node installs or promotes now is not what a start before this one has left half-way.
    let _alone = ctx.db().alone(Task::SystemVolume).await?;
    artifacts::unstage_all(ctx, volume).await?;
    let known = match store::system(ctx.db().read()).await? {
        Some(_) => artifacts::volume_places(ctx, volume).await?,
        None => {
            let now = ctx.now();
            let mut tx = ctx.db().write_tx().await?;
            accounts::service::ensure_built_in_author(&mut tx, user, now).await?;
            store::insert(&mut tx, &NewVolume { id: volume, kind: VolumeKind::System, owner: String::new(), name: NAME, demo: false, now })
                .await?;
            tx.commit().await?;
            HashMap::new()
        }
    };
    let mut changes = changes(ctx, known).await?;
    let promoted = artifacts::made_by_others(ctx, volume, user).await?;
    changes.retain(|change| change.content.is_some() || !promoted.contains(&change.artifact));
    if changes.is_empty() {
        return Ok(());
    }
    let commit = CommitId::generate();
    let count = changes.len();
    let staged = artifacts::stage_import(ctx, commit, volume, user, changes).await?;
    let event = Event::new(UsageKind::VolumeInstalled).amount(count as i64);
    let message = concat!("Built-in artifacts of version ", env!("CARGO_PKG_VERSION"));
    let commit = Appended { id: commit, volume, author: user, message, source: "system", changes: staged, now: ctx.now() };
    artifacts::publish_import(ctx, commit, event, &()).await?;
    tracing::info!(artifacts = count, "the built-in volume was brought up to date");
    Ok(())
}

/// Puts a skill into the built-in volume, committed in the caller's name. The caller has made sure that they may.
///
/// # Errors
/// Somebody else committed there at the same time.
pub async fn add_to_system(ctx: &Ctx, id: ArtifactId, slug: &str, text: String, message: &str) -> AppResult<()> {
    let (volume, author) = (system_volume(), ctx.actor()?.id());
    let _alone = ctx.db().alone(Task::SystemVolume).await?;
    let known = artifacts::volume_places(ctx, volume).await?;
    let is_taken = |slug: &str| {
        known.contains_key(&Kind::Skill.main_path(slug)) || known.values().any(|known| known.kind == Kind::Skill && known.slug == slug)
    };
    let slug = dedupe(slug, is_taken);
    let staged = Staged {
        artifact: id,
        known: None,
        kind: Kind::Skill,
        path: Kind::Skill.main_path(&slug),
        slug,
        content: Some(text.into_bytes()),
        executable: false,
        files: Vec::new(),
    };
    let commit = CommitId::generate();
    let changes = artifacts::stage_import(ctx, commit, volume, author, vec![staged]).await?;
    let appended = Appended { id: commit, volume, author, message, source: "promote", changes, now: ctx.now() };
    artifacts::publish_import(ctx, appended, Event::new(UsageKind::VolumePromoted).subject(id), &()).await
}

/// What differs between the binary and the database.
pub(super) async fn changes(ctx: &Ctx, mut known: HashMap<String, Known>) -> AppResult<Vec<Staged>> {
    let mut entries: Vec<Entry> = Embedded::iter().map(|path| Entry { path: path.into_owned(), size: 0, executable: None }).collect();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let bytes: Vec<Vec<u8>> =
        entries.iter().map(|entry| Embedded::get(&entry.path).map(|file| file.data.into_owned()).unwrap_or_default()).collect();
    let plan = recognise(&entries, &HashMap::new(), |index| Some(bytes[index].clone()));
    let mut staged = Vec::new();
    for candidate in plan.candidates {
        let script = |index: usize| bytes[index].starts_with(b"#!");
        let mut files: Vec<FileEntry> = candidate
            .files
            .iter()
            .map(|(path, index)| FileEntry {
                path: path.clone(),
                sha: secrets::sha256(&bytes[*index]),
                size: bytes[*index].len() as i64,
                executable: script(*index),
            })
            .collect();
        files.sort();
        let content = bytes[candidate.main].clone();
        let tree = artifacts::tree_sha(&candidate.path, &secrets::sha256(&content), false, &files);
        let before = known.remove(&candidate.path);
        if before.as_ref().is_some_and(|before| before.tree_sha.as_deref() == Some(tree.as_str())) {
            continue;
        }
        for (_, index) in &candidate.files {
            ctx.state.blobs.put(bytes[*index].clone()).await?;
        }
        staged.push(Staged {
            artifact: before.as_ref().map_or_else(ArtifactId::generate, |before| before.id),
            known: before,
            kind: candidate.kind,
            slug: candidate.slug,
            path: candidate.path,
            content: Some(content),
            executable: false,
            files,
        });
    }
    // What a former version had and this one has not.
    for (path, before) in known {
        staged.push(Staged {
            artifact: before.id,
            kind: before.kind,
            slug: before.slug.clone(),
            path,
            content: None,
            executable: false,
            files: Vec::new(),
            known: Some(before),
        });
    }
    Ok(staged)
}
