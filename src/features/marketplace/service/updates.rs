//! Newer versions of what is installed: who is told of them, and which volumes take them by themselves.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{
        model::{COOL_DOWN_MAX, ChangeLock, LockSettings, VolumeLock},
        store::{self, InstallationRow, SettingsRow},
    },
    plan::{self, Outcome},
    volume_lock,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action, Scope, model::Scopes},
        analytics::service::{Event, UsageKind, record},
        jobs::{self, Job, service::NewJob},
        notifications::{
            self,
            model::{NotificationKind, SubjectKind},
            service::NewNotification,
        },
        volumes,
    },
    ids::{ListingId, ReleaseId, UserId, VolumeId},
    server::{
        clock,
        context::{Ctx, Via},
        db::{Tx, parse_id},
    },
};

/// Tells of a new version.
pub const TELL: &str = "market.tell";
/// Takes new versions where that is wanted.
pub const UPDATE: &str = "market.update";

#[derive(Serialize, Deserialize)]
struct Tell {
    release: ReleaseId,
}

/// Queues what tells of a release, in the transaction that makes it public.
pub async fn enqueue_tell(tx: &mut Tx, release: ReleaseId, now: i64) -> AppResult<()> {
    jobs::service::enqueue(tx, NewJob::new(TELL, &Tell { release })?, now).await
}

/// Tells everybody who may change a volume in which an older version is installed, once for each release.
pub async fn tell(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let payload: Tell = serde_json::from_str(&job.payload)?;
    let Some(release) = store::release(ctx.db().read(), payload.release).await? else { return Ok(Value::Null) };
    let listing: ListingId = release.listing()?;
    let Ok(version) = semver::Version::parse(&release.version) else { return Ok(Value::Null) };
    let ctx = &accounts::service::put_down_to(ctx, release.submitted_by()?).await?;
    let mut told = 0;
    for row in store::installed_copies(ctx.db().read(), listing).await? {
        if row.pinned != 0 || semver::Version::parse(&row.version).is_ok_and(|here| here >= version) {
            continue;
        }
        let volume: VolumeId = parse_id(&row.volume_id)?;
        let people = volumes::service::who_may(ctx, volume, Action::Commit).await?;
        let text = if release.changelog.is_empty() { "No changelog." } else { &release.changelog };
        let text = format!("{} {}: {text}", row.name, release.version);
        let new = NewNotification::new(NotificationKind::Update, (SubjectKind::Lock, volume), &row.name, &text)
            .source(format!("{} in {volume}", release.id));
        notifications::service::send(ctx, &people, &new).await?;
        told += people.len();
    }
    Ok(json!({ "told": told }))
}

/// How a volume takes updates by itself.
pub async fn set_settings(ctx: &Ctx, volume: VolumeId, input: LockSettings) -> AppResult<VolumeLock> {
    let access = volumes::service::authorise(ctx, volume, Action::Commit).await?;
    if !(0..=COOL_DOWN_MAX).contains(&input.cool_down_days) {
        return Err(AppError::field("coolDownDays", format!("Wait between 0 and {COOL_DOWN_MAX} days.")));
    }
    let actor = ctx.actor()?.id();
    let mut tx = ctx.db().write_tx().await?;
    store::put_lock_settings(&mut tx, access.id, &input, actor, ctx.now()).await?;
    record(ctx, &mut tx, Event::new(UsageKind::LockSettings).workspace(access.workspace).volume(access.id)).await?;
    tx.commit().await?;
    volume_lock::volume_lock(ctx, volume).await
}

/// Updates every volume that wants that; what one of them cannot take keeps no other one waiting.
pub async fn update_all(ctx: &Ctx) -> AppResult<Value> {
    let mut updated = 0;
    for settings in store::automatic_volumes(ctx.db().read()).await? {
        match update_volume(ctx, &settings).await {
            Ok(items) => updated += items,
            Err(error) => tracing::warn!(volume = settings.volume_id, %error, "a volume could not be updated by itself"),
        }
    }
    Ok(json!({ "updated": updated }))
}

/// As whoever set it so: who may no longer change the volume updates nothing.
async fn update_volume(ctx: &Ctx, settings: &SettingsRow) -> AppResult<usize> {
    let volume: VolumeId = parse_id(&settings.volume_id)?;
    let by: UserId = parse_id(&settings.set_by)?;
    let ctx = &accounts::service::acting_for(ctx, by, Via::Token(Scopes(vec![Scope::Read, Scope::Write]))).await?;
    let before = ctx.now() - settings.cool_down_days * clock::DAY;
    let mut updated = Vec::new();
    for row in store::installations(ctx.db().read(), volume).await? {
        if is_behind(&row) && may_update(ctx, volume, &row, before).await? {
            volume_lock::change_lock(ctx, volume, ChangeLock { update: vec![row.slug.clone()], ..ChangeLock::default() }).await?;
            updated.push(format!("{} {}", row.name, row.latest_version));
        }
    }
    if updated.is_empty() {
        return Ok(0);
    }
    tell_updated(ctx, volume, &updated).await?;
    Ok(updated.len())
}

fn is_behind(row: &InstallationRow) -> bool {
    let newer = match (semver::Version::parse(&row.version), semver::Version::parse(&row.latest_version)) {
        (Ok(here), Ok(latest)) => latest > here,
        _ => false,
    };
    newer && row.pinned == 0 && row.disabled.is_empty()
}

/// Whether nobody has to look at it: every version of it has been out for long enough, may do no more than the one before, and goes into the
/// text without a conflict; nothing comes or goes with it.
async fn may_update(ctx: &Ctx, volume: VolumeId, row: &InstallationRow, before: i64) -> AppResult<bool> {
    let change = ChangeLock { update: vec![row.slug.clone()], ..ChangeLock::default() };
    let Outcome::Planned(planned) = plan::make(ctx, volume, &change).await? else { return Ok(false) };
    for act in &planned.acts {
        let (Some((_, from)), Some(to)) = (&act.from, &act.to) else { return Ok(false) };
        let rested = to.published_at.is_some_and(|at| at <= before);
        let conflicts = act.joined.as_ref().is_some_and(|joined| !joined.conflicts.is_empty());
        if !rested || conflicts || !to.capabilities()?.beyond(&from.capabilities()?).is_empty() {
            return Ok(false);
        }
    }
    Ok(!planned.acts.is_empty())
}

async fn tell_updated(ctx: &Ctx, volume: VolumeId, updated: &[String]) -> AppResult<()> {
    let people = volumes::service::who_may(ctx, volume, Action::Commit).await?;
    let text = updated.join(", ");
    let new = NewNotification::new(NotificationKind::Updated, (SubjectKind::Lock, volume), "Updates", &text);
    notifications::service::send(ctx, &people, &new).await
}
