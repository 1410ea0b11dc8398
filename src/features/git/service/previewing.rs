//! A preview of a pull request: what it would change in the volume, and what the scanner says of that, for those who look after the volume.

use llmos_trust::archive::File;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{
        jobs::PREVIEW,
        model::{FINDINGS_KEPT, PullChange, preview_words},
        store::{
            LinkRow,
            pull_requests::{self as store, PullRow, Which},
        },
        wire::Service,
    },
    begin, is_of_the_moment, linked, outcomes, telling, trees,
};
use crate::{
    error::AppResult,
    features::{
        accounts::{self, Action},
        jobs::{self, Job, model::ATTEMPTS, service::NewJob},
        marketplace::{self, model::Finding},
        notifications::{
            self,
            model::{NotificationKind, SubjectKind},
            service::NewNotification,
        },
        volumes, webhooks,
    },
    ids::VolumeId,
    server::{context::Ctx, db::Tx},
};

/// Which pull request is to be looked at, and whether somebody is told of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    pub volume: VolumeId,
    pub repository: String,
    pub number: i64,
    /// What happened, such as `opened`, and when: each is told of once. None: nobody is told.
    pub told: Option<(String, i64)>,
    /// Who did it, at GitHub.
    pub sender: Option<i64>,
    /// The delivery that it stands with how that went; empty: none.
    #[serde(default)]
    pub delivery: String,
}

/// Queues a preview, in the caller's transaction.
pub async fn preview_soon(tx: &mut Tx, asked: &Asked, now: i64) -> AppResult<()> {
    // In the order of the volume: what is fetched goes where pulls fetch to.
    jobs::service::enqueue(tx, NewJob::new(PREVIEW, asked)?.in_order_of(asked.volume), now).await
}

/// Queues those that were missed while the repository was out of reach. Nobody is told once more.
pub(super) async fn preview_missed(ctx: &Ctx, volume: VolumeId) -> AppResult<()> {
    let missed = store::without_preview(ctx.db().read(), volume).await?;
    if missed.is_empty() {
        return Ok(());
    }
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    for (repository, number) in missed {
        let delivery = store::get(&mut *tx, volume, &repository, number).await?.map(|row| row.delivery).unwrap_or_default();
        preview_soon(&mut tx, &Asked { volume, repository, number, told: None, sender: None, delivery }, now).await?;
    }
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    Ok(())
}

struct Looked {
    sha: String,
    changes: Vec<PullChange>,
    findings: Vec<Finding>,
}

/// The job: looks, tells those who look after the volume, and has the result told to GitHub.
pub async fn preview(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let asked: Asked = serde_json::from_str(&job.payload)?;
    let which = Which { volume: asked.volume, repository: &asked.repository, number: asked.number };
    let Some(row) = store::get(ctx.db().read(), asked.volume, &asked.repository, asked.number).await? else { return Ok(Value::Null) };
    let link = linked(ctx, asked.volume).await?;
    let looked = match look(ctx, &link, &row).await {
        Err(error) if is_of_the_moment(&error) && job.attempts < ATTEMPTS => return Err(error),
        // They are told all the same.
        looked => looked,
    };
    let volume = volumes::service::unattended(ctx, asked.volume).await?;
    let acting = &accounts::service::acting_at_github(ctx, volume.team, asked.sender).await?;
    let people = volumes::service::who_may(ctx, asked.volume, Action::ManageVolumes).await?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let words = match &looked {
        Ok(looked) => {
            store::set_preview(&mut tx, which, Some((&looked.sha, &looked.changes, &looked.findings)), None, now).await?;
            preview_words(&looked.changes, &looked.findings)
        }
        Err(error) => {
            store::set_preview(&mut tx, which, None, Some(&error.message), now).await?;
            if is_of_the_moment(error) {
                outcomes::note_unreachable(&mut tx, &link, error, now).await?;
            }
            format!("There is no preview: {}", error.message)
        }
    };
    let about = format!("preview {}", asked.volume);
    let sentence = format!("{}: {words}", volume.name);
    if looked.is_ok() {
        webhooks::service::made_good(&mut tx, &about, &asked.repository, asked.number, now).await?;
    }
    webhooks::service::note_outcome(&mut tx, &asked.delivery, &about, &sentence, looked.is_err(), now).await?;
    if let Some((action, at)) = &asked.told {
        let text = format!("#{} {}: {words}", row.number, row.title);
        let subject = (SubjectKind::Volume, asked.volume);
        let new = NewNotification::new(NotificationKind::PullRequest, subject, &volume.name, &text)
            .source(format!("pull request {}#{} {action} {at} in {}", asked.repository, asked.number, asked.volume));
        notifications::service::notify(acting, &mut tx, &people, &NewNotification { team: volume.team, ..new }).await?;
    }
    if looked.is_ok() {
        telling::enqueue(&mut tx, which, now).await?;
    }
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    outcomes::announce(ctx, volume.team, link.linked_by()?.id);
    if asked.told.is_some() {
        notifications::service::tell(acting, &people).await;
    }
    Ok(match looked {
        Ok(looked) => json!({ "sha": looked.sha, "changes": looked.changes.len(), "findings": looked.findings.len() }),
        Err(error) => json!({ "problem": error.message }),
    })
}

async fn look(ctx: &Ctx, link: &LinkRow, row: &PullRow) -> AppResult<Looked> {
    let work = begin(ctx, link.clone()).await?;
    let at = work.remote.advertised(Service::UploadPack).await?;
    let (sha, changed) = trees::changed_by(&work, &at, row.number, &row.head_sha).await?;
    let (mut changes, mut findings) = (Vec::with_capacity(changed.len()), Vec::new());
    for trees::Changed { change, files } in changed {
        if !files.is_empty() && findings.len() < FINDINGS_KEPT {
            let folder = change.path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
            let files: Vec<File> = files.into_iter().map(|(path, bytes)| File { path, bytes }).collect();
            let found = marketplace::service::findings_in(&work.ctx, &change.slug, files).await?;
            findings.extend(found.into_iter().map(|found| Finding { path: format!("{folder}{}", found.path), ..found }));
        }
        changes.push(change);
    }
    findings.truncate(FINDINGS_KEPT);
    Ok(Looked { sha, changes, findings })
}
