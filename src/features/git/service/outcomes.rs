//! What came of a pull or a push: kept with the link and with the deliveries that asked for it, told to those who can mend it, and tried again later.
//!
//! A job has some tries within half a minute. What outlasts them is looked at again by [`look_at_due`], after pauses that grow to an hour; and a repository that
//! all is well with each hour too, so that a push of which no delivery told comes all the same.

use serde_json::{Value, json};

use super::{
    super::{
        jobs::LOOK,
        model::{is_told, look_after_ms},
        store::{self, LinkRow},
    },
    is_of_the_moment, links, previewing,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action},
        artifacts,
        collaboration::{
            self,
            model::{RoomEvent, RoomType},
        },
        jobs::{self, Job, model::ATTEMPTS, service::NewJob},
        notifications::{
            self,
            model::{NotificationKind, SubjectKind},
            service::NewNotification,
        },
        volumes::{self, service::VolumeAccess},
        webhooks,
    },
    ids::{RoomId, TeamId, UserId, VolumeId},
    server::{
        context::Ctx,
        db::{Tx, parse_id},
    },
};

/// Links that are queued by one run: the next one goes on.
const AT_ONCE: i64 = 500;

/// From 0 to 1.
fn chance() -> f64 {
    f64::from(uuid::Uuid::now_v7().as_fields().2 & 0xfff) / f64::from(0xfff)
}

/// When a repository is looked at again that all is well with.
pub(super) fn next_look(now: i64) -> i64 {
    now + look_after_ms(0, chance())
}

/// Somebody linked the volume to another place, or to none, while it was worked on.
pub(super) fn moved() -> AppError {
    AppError::conflict("The volume was linked to another place meanwhile.")
}

/// Whether a link still leads where it led when work on it began.
pub(super) async fn still_leads(ctx: &Ctx, link: &LinkRow) -> AppResult<bool> {
    let now = store::link(ctx.db().read(), link.volume()?).await?;
    Ok(now.is_some_and(|now| now.leads() == link.leads()))
}

/// Why a pull or a push failed stands with the link; what it had staged takes up no paths until it is tried again. Work on a place that the volume is no
/// longer linked to comes to nothing, and is no failure.
pub(super) async fn note<T: Default>(ctx: &Ctx, job: &Job, link: &LinkRow, result: AppResult<T>) -> AppResult<T> {
    let noted = note_error(ctx, job, link, result).await;
    // A volume that is gone by now nobody looks at.
    if let Ok(access) = volumes::service::unattended(ctx, link.volume()?).await {
        announce(ctx, access.team, link.linked_by()?.id);
    }
    noted
}

/// Who looks at the volume reads how it stands again. `by`: who linked it, whose workspace it is where it is no team's.
pub fn announce(ctx: &Ctx, team: Option<TeamId>, by: UserId) {
    let workspace: RoomId = team.map_or(by.same_as(), |team| team.same_as());
    collaboration::service::announce(&ctx.state, RoomType::Workspace, workspace, by, RoomEvent::Repository {});
}

async fn note_error<T: Default>(ctx: &Ctx, job: &Job, link: &LinkRow, result: AppResult<T>) -> AppResult<T> {
    let error = match result {
        Ok(done) => return Ok(done),
        Err(error) => error,
    };
    let volume = link.volume()?;
    artifacts::service::unstage_all(ctx, volume).await?;
    if !still_leads(ctx, link).await? {
        tracing::info!(%error, %volume, "a volume was linked to another place while it was worked on");
        return Ok(T::default());
    }
    let again = is_of_the_moment(&error) && job.attempts < ATTEMPTS;
    if again || jobs::service::is_stopped(ctx, job).await? {
        let mut tx = ctx.db().write_tx().await?;
        store::set_error(&mut tx, link.leads(), &error.message, ctx.now()).await?;
        tx.commit().await?;
    } else {
        give_up(ctx, link, &error).await?;
    }
    Err(error)
}

/// It is not tried any more by this job. Those who look after the volume hear of it, once until it works again.
async fn give_up(ctx: &Ctx, link: &LinkRow, error: &AppError) -> AppResult<()> {
    let (volume, now) = (link.volume()?, ctx.now());
    let access = volumes::service::unattended(ctx, volume).await?;
    let pushes = webhooks::service::pushes_awaiting(ctx, volume).await?;
    let failures = link.failures + 1;
    let news = match is_told(failures, is_of_the_moment(error)) {
        true => Some(News::of(ctx, &access, NotificationKind::Sync, None, error.message.clone()).await?),
        false => None,
    };
    let look_at = now + look_after_ms(failures, chance());
    let mut tx = ctx.db().write_tx().await?;
    let Some(since) = store::set_failed(&mut tx, link.leads(), &error.message, look_at, now).await? else { return Ok(()) };
    look_soon(&mut tx, volume, look_at, now).await?;
    webhooks::service::note_pull(&mut tx, volume, &pushes, &format!("{}: {}", access.name, error.message), true, now).await?;
    if let Some(news) = &news {
        news.write(&mut tx, format!("out of step {volume} {since}")).await?;
    }
    tx.commit().await?;
    if let Some(news) = &news {
        news.tell().await;
    }
    Ok(())
}

/// Something of a volume's repository that people hear of.
pub(super) struct News {
    /// In whose name.
    acting: Ctx,
    people: Vec<UserId>,
    kind: NotificationKind,
    access: VolumeAccess,
    text: String,
}

impl News {
    /// A push for those who read the volume; anything else for those who look after it. `sender`: who did it, by their id at GitHub; they know it already.
    pub async fn of(ctx: &Ctx, access: &VolumeAccess, kind: NotificationKind, sender: Option<i64>, text: String) -> AppResult<Self> {
        let action = if kind == NotificationKind::Push { Action::Read } else { Action::ManageVolumes };
        let acting = accounts::service::acting_at_github(ctx, access.team, sender).await?;
        let people = volumes::service::who_may(ctx, access.id, action).await?;
        Ok(Self { acting, people, kind, access: access.clone(), text })
    }

    /// In the transaction that makes it true; nobody is told twice of one source. [`News::tell`] follows the commit.
    pub async fn write(&self, tx: &mut Tx, source: String) -> AppResult<()> {
        let new = NewNotification::new(self.kind, (SubjectKind::Volume, self.access.id), &self.access.name, &self.text).source(source);
        notifications::service::notify(&self.acting, tx, &self.people, &NewNotification { team: self.access.team, ..new }).await
    }

    pub async fn tell(&self) {
        notifications::service::tell(&self.acting, &self.people).await;
    }
}

/// Has the links looked at whose time has come then.
async fn look_soon(tx: &mut Tx, volume: VolumeId, at: i64, now: i64) -> AppResult<()> {
    jobs::service::enqueue(tx, NewJob::new(LOOK, &Value::Null)?.in_order_of(format!("look at {volume}")).once().at(at), now).await
}

/// Something else than a pull found the repository out of reach: it is looked at again soon, and previews that were missed are made then.
pub(super) async fn note_unreachable(tx: &mut Tx, link: &LinkRow, error: &AppError, now: i64) -> AppResult<()> {
    let at = now + look_after_ms(link.failures + 1, chance());
    if store::set_failed(tx, link.leads(), &error.message, at, now).await?.is_some() {
        look_soon(tx, link.volume()?, at, now).await?;
    }
    Ok(())
}

/// The job: has every link pulled whose time has come, and pushed where it pushes by itself; both bring what is new there.
pub async fn look_at_due(ctx: &Ctx) -> AppResult<Value> {
    let now = ctx.now();
    let due = store::due(ctx.db().read(), now, AT_ONCE).await?;
    if due.is_empty() {
        return Ok(json!({ "looked": 0 }));
    }
    let mut tx = ctx.db().write_tx().await?;
    for (volume, push) in &due {
        // Until then one of them has ended, and said when to look again.
        store::set_look(&mut tx, volume, next_look(now)).await?;
        links::sync_soon(&mut tx, parse_id(volume)?, *push != 0, now).await?;
    }
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    Ok(json!({ "looked": due.len() }))
}

/// A repository is in reach again: what was missed of its pull requests is looked at; also by a job that begins again, which may have said already that all is
/// well.
pub(super) async fn catch_up(ctx: &Ctx, link: &LinkRow, job: &Job) -> AppResult<()> {
    if link.failures == 0 && job.attempts <= 1 { Ok(()) } else { previewing::preview_missed(ctx, link.volume()?).await }
}
