//! Changing what of the marketplace stands in a volume: all of it or nothing, in one transaction and one commit.

use std::collections::HashMap;

use super::{
    super::{
        model::{ChangeLock, Install, Installation, LockChange, LockStep, OnConflict, Pin, UpdateOffer, VolumeLock},
        store::{self, InstallationRow, NewInstallation},
    },
    plan::{self, Outcome, Planned},
    rating,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{Action, Scope},
        analytics::service::{Event, UsageKind, record, record_all},
        artifacts::{self, model::Kind, service::Placed},
        marketplace::model::Dependency,
        volumes::{
            self,
            model::VolumeKind,
            service::{VolumeAccess, lock},
        },
    },
    ids::{ArtifactId, ReleaseId, VolumeId},
    server::{context::Ctx, db::Tx, db::parse_id},
};

/// Changes that are shown.
const CHANGES: i64 = 50;

/// The lock of a volume that the caller may read.
pub async fn volume_lock(ctx: &Ctx, volume: VolumeId) -> AppResult<VolumeLock> {
    let access = volumes::service::authorise(ctx, volume, Action::Read).await?;
    let rows = store::installations(ctx.db().read(), volume).await?;
    let changes = store::lock_changes(ctx.db().read(), volume, None, CHANGES).await?;
    Ok(VolumeLock {
        volume_id: access.id,
        may_change: access.role.allows(Action::Commit) && access.kind != VolumeKind::System,
        volume_name: access.name,
        installations: installations(ctx, rows).await?,
        changes: changes
            .into_iter()
            .map(|row| Ok(LockChange { by: row.by()?, steps: row.steps()?, id: row.id, act: row.act, at: row.created_at }))
            .collect::<AppResult<Vec<_>>>()?,
        settings: store::lock_settings(ctx.db().read(), volume).await?.unwrap_or_default(),
    })
}

async fn installations(ctx: &Ctx, rows: Vec<InstallationRow>) -> AppResult<Vec<Installation>> {
    let ids = rows.iter().map(InstallationRow::release).collect::<AppResult<Vec<ReleaseId>>>()?;
    let releases: HashMap<String, store::ReleaseRow> =
        store::releases_by_id(ctx.db().read(), &ids).await?.into_iter().map(|row| (row.id.clone(), row)).collect();
    let artifacts = rows.iter().map(InstallationRow::artifact).collect::<AppResult<Vec<ArtifactId>>>()?;
    let folders = artifacts::service::committed_folders(ctx, &artifacts).await?;
    let mut needs: Vec<(String, String)> = Vec::new();
    for row in &rows {
        let dependencies: Vec<Dependency> = serde_json::from_str(&row.dependencies)?;
        needs.extend(dependencies.into_iter().map(|of| (of.slug, row.slug.clone())));
    }
    let names = super::naming::current_names(ctx, needs.iter().map(|(slug, _)| slug.clone())).await?;
    for (slug, _) in &mut needs {
        if let Some(current) = names.get(slug) {
            slug.clone_from(current);
        }
    }
    rows.into_iter()
        .map(|row| {
            let release = releases.get(&row.release_id);
            let folder = folders.get(&row.artifact()?).filter(|folder| folder.volume.to_string() == row.volume_id);
            let edited = match (release, folder) {
                (Some(release), Some(folder)) => folder.content_sha != release.content_sha || folder.files != release.files()?,
                _ => true,
            };
            Ok(Installation {
                listing_id: row.listing()?,
                kind: row.kind.parse().unwrap_or(Kind::Skill),
                artifact_id: row.artifact()?,
                needed_by: needs.iter().filter(|(slug, _)| *slug == row.slug).map(|(_, by)| by.clone()).collect(),
                edited,
                pinned: row.pinned != 0,
                asked: row.asked != 0,
                deprecation: row.advice(),
                withdrawn: if row.release_state == "withdrawn" { row.withdrawn_reason } else { String::new() },
                slug: row.slug,
                name: row.name,
                version: row.version,
                digest: row.digest,
                latest: row.latest_version,
                disabled: row.disabled,
                updated_at: row.updated_at,
            })
        })
        .collect()
}

/// Installs, updates, uninstalls or rolls back.
///
/// # Errors
/// A conflict with the reason if the versions do not fit together, if something was changed in between, or if lines were changed on both sides and
/// nothing was said about that; nothing is changed then.
pub async fn change_lock(ctx: &Ctx, volume: VolumeId, input: ChangeLock) -> AppResult<VolumeLock> {
    let planned = match plan::make(ctx, volume, &input).await? {
        Outcome::Planned(planned) => *planned,
        Outcome::Refused(refusal, _) => return Err(AppError::conflict(refusal)),
    };
    if input.conflicts == OnConflict::Refuse {
        let conflicts: Vec<&str> = planned
            .acts
            .iter()
            .filter(|act| act.joined.as_ref().is_some_and(|joined| !joined.conflicts.is_empty()))
            .map(|act| act.listing.name.as_str())
            .collect();
        if !conflicts.is_empty() {
            return Err(AppError::conflict(format!(
                "{} was changed here in the same lines as in the new version: choose which of both to keep.",
                conflicts.join(", ")
            )));
        }
    }
    for act in &planned.acts {
        if let Some(release) = &act.to {
            plan::verify(ctx, &act.listing, release).await?;
        }
    }
    apply(ctx, planned).await?;
    volume_lock(ctx, volume).await
}

async fn apply(ctx: &Ctx, planned: Planned) -> AppResult<()> {
    let Planned { access, installed, acts, asks, act: what } = planned;
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let mut tx = ctx.db().write_tx().await?;
    // The catalogue is always taken before a volume: two who need both cannot wait for each other.
    store::advance_catalogue(&mut tx).await?;
    let locked = lock(&mut tx, access.id).await?;
    refuse_changed(&mut tx, access.id, &installed).await?;
    refuse_gone(&mut tx, &acts).await?;
    for listing in asks {
        store::set_asked(&mut tx, access.id, listing, now).await?;
    }
    if acts.is_empty() {
        return Ok(tx.commit().await?);
    }
    let (mut placed, mut steps, mut puts, mut counted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for act in acts {
        let from = act.from.as_ref().map(|(_, release)| release.version.clone());
        let to = act.to.as_ref().map(|release| release.version.clone());
        steps.push(LockStep { slug: act.listing.slug.clone(), from, to, asked: act.asked });
        let listing = act.listing.id()?;
        let here = act.here.as_ref().map(|folder| folder.id);
        let (Some(release), Some(joined)) = (act.to, act.joined) else {
            store::remove_installation(&mut tx, access.id, listing).await?;
            if let Some(folder) = act.here {
                placed.push(Placed { id: folder.id, new: false, kind: folder.kind, slug: folder.slug, content: None, files: Vec::new() });
            }
            continue;
        };
        counted.push(act.listing.event(if act.from.is_none() { UsageKind::ListingInstalled } else { UsageKind::ListingUpdated })?);
        let id = here.unwrap_or_else(ArtifactId::generate);
        let slug = act.here.map_or_else(|| act.listing.slug.clone(), |folder| folder.slug);
        if here.is_none() {
            let taken = artifacts::service::slugs_taken(&mut tx, &access, &[(release.kind(), slug.clone())]).await?;
            if !taken.is_empty() {
                return Err(AppError::conflict(format!(
                    "There is a {} “{slug}” in {} already that was not installed from the marketplace: rename or delete it first.",
                    release.kind(),
                    access.name
                )));
            }
        }
        puts.push((
            NewInstallation {
                volume: access.id,
                listing,
                release: release.id()?,
                artifact: id,
                digest: release.digest.clone(),
                asked: act.asked,
                by: actor,
                now,
            },
            release.clone(),
        ));
        placed.push(Placed { id, new: here.is_none(), kind: release.kind(), slug, content: Some(joined.content), files: joined.files });
    }
    let ids: Vec<ArtifactId> = placed.iter().map(|placed| placed.id).collect();
    let commit = if placed.is_empty() {
        None
    } else {
        Some(artifacts::service::place_folders(ctx, &mut tx, &access, &locked, placed, message(&steps)).await?)
    };
    for (new, release) in &puts {
        store::put_installation(&mut tx, new).await?;
        rating::count_taken_in(ctx, &mut tx, release, "install").await?;
    }
    record_all(ctx, &mut tx, counted).await?;
    store::insert_lock_change(&mut tx, &uuid::Uuid::now_v7().to_string(), access.id, what, &steps, actor, now).await?;
    let changed = Event::new(UsageKind::LockChanged).workspace(access.workspace).volume(access.id).amount(steps.len() as i64);
    record(ctx, &mut tx, changed).await?;
    tx.commit().await?;
    if let Some(commit) = commit {
        artifacts::service::folders_placed(ctx, &access, &commit, &ids).await;
    }
    Ok(())
}

/// What the plan was made on has to be so still.
async fn refuse_changed(tx: &mut Tx, volume: VolumeId, before: &[InstallationRow]) -> AppResult<()> {
    let now = store::installations(&mut **tx, volume).await?;
    let same = now.len() == before.len()
        && now.iter().zip(before).all(|(now, before)| {
            now.listing_id == before.listing_id
                && now.release_id == before.release_id
                && now.artifact_id == before.artifact_id
                && now.pinned == before.pinned
                && now.asked == before.asked
        });
    if same { Ok(()) } else { Err(AppError::conflict("Somebody changed what is installed here in between: look at it again.")) }
}

/// What was deleted, withdrawn or taken away since it was planned is not installed.
async fn refuse_gone(tx: &mut Tx, acts: &[plan::Act]) -> AppResult<()> {
    let ids = acts.iter().filter_map(|act| act.to.as_ref()).map(store::ReleaseRow::id).collect::<AppResult<Vec<_>>>()?;
    let now = store::release_states(tx, &ids).await?;
    for act in acts {
        let Some(to) = &act.to else { continue };
        if now.get(&to.id) != Some(&(to.state.clone(), act.listing.state.clone())) {
            return Err(AppError::conflict(format!("“{}” changed in the marketplace in between: look at it again.", act.listing.slug)));
        }
    }
    Ok(())
}

fn message(steps: &[LockStep]) -> String {
    let one = |step: &LockStep| match (&step.from, &step.to) {
        (None, Some(to)) => format!("Install {} {to}", step.slug),
        (Some(from), Some(to)) => format!("Change {} from {from} to {to}", step.slug),
        (Some(from), None) => format!("Uninstall {} {from}", step.slug),
        (None, None) => step.slug.clone(),
    };
    match steps {
        [only] => one(only),
        [first, rest @ ..] => format!("{} and {} more from the marketplace", one(first), rest.len()),
        [] => "Nothing".to_owned(),
    }
}

/// Holds an item at its version, or lets it go on.
pub async fn pin(ctx: &Ctx, volume: VolumeId, slug: &str, input: Pin) -> AppResult<VolumeLock> {
    let access = volumes::service::authorise(ctx, volume, Action::Commit).await?;
    let rows = store::installations(ctx.db().read(), access.id).await?;
    let names = super::naming::current_names(ctx, [slug.to_owned()]).await?;
    let slug = names.get(slug).map_or(slug, String::as_str);
    let row = rows.iter().find(|row| row.slug == slug).ok_or_else(|| AppError::not_found("installation"))?;
    let mut tx = ctx.db().write_tx().await?;
    store::set_pinned(&mut tx, access.id, row.listing()?, input.pinned, ctx.now()).await?;
    tx.commit().await?;
    volume_lock(ctx, volume).await
}

/// `POST /api/marketplace/install`.
pub async fn install(ctx: &Ctx, input: Install) -> AppResult<Installation> {
    let listing = super::access::find_listed(ctx, &input.item_id).await?;
    let volume = place_for(ctx, input.volume_type, input.volume_id).await?;
    let wanted = match input.version.as_deref().map(str::trim).filter(|version| !version.is_empty()) {
        Some(version) => format!("{}@={version}", listing.slug),
        None => listing.slug.clone(),
    };
    let lock = change_lock(ctx, volume.id, ChangeLock { install: vec![wanted], ..ChangeLock::default() }).await?;
    lock.installations.into_iter().find(|row| row.slug == listing.slug).ok_or_else(|| AppError::not_found("installation"))
}

/// The one volume of a kind that the caller may change, or the one that is named.
async fn place_for(ctx: &Ctx, kind: VolumeKind, id: Option<VolumeId>) -> AppResult<VolumeAccess> {
    if let Some(id) = id {
        return volumes::service::authorise(ctx, id, Action::Commit).await;
    }
    let mut fitting = volumes::service::visible(ctx).await?;
    fitting.retain(|volume| volume.kind == kind && kind != VolumeKind::System && volume.role.allows(Action::Commit));
    match fitting.len() {
        1 => Ok(fitting.remove(0)),
        0 => Err(AppError::field("volumeType", "There is no volume of this type that you may change.")),
        _ => Err(AppError::field("volumeId", "You see several volumes of this type: name one.")),
    }
}

/// Everything that is installed in volumes that the caller sees.
pub async fn installed(ctx: &Ctx) -> AppResult<Vec<Installation>> {
    let rows = visible_rows(ctx).await?;
    installations(ctx, rows).await
}

async fn visible_rows(ctx: &Ctx) -> AppResult<Vec<InstallationRow>> {
    ctx.actor_with(Scope::Read)?;
    let ids: Vec<VolumeId> = volumes::service::visible(ctx).await?.iter().map(|volume| volume.id).collect();
    store::installations_in(ctx.db().read(), &ids, None).await
}

/// What of it has a newer version.
pub async fn check_updates(ctx: &Ctx) -> AppResult<Vec<UpdateOffer>> {
    let rows = visible_rows(ctx).await?;
    let newer = |row: &InstallationRow| match (semver::Version::parse(&row.version), semver::Version::parse(&row.latest_version)) {
        (Ok(now), Ok(latest)) => latest > now,
        _ => false,
    };
    Ok(rows
        .into_iter()
        .filter(newer)
        .map(|row| UpdateOffer { item_id: row.slug, current_version: row.version, latest_version: row.latest_version })
        .collect())
}

/// A volume that goes for good takes its lock along.
pub async fn forget_volume(tx: &mut Tx, volume: &str) -> AppResult<()> {
    store::remove_lock(tx, parse_id(volume)?).await
}
