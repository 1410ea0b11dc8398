//! Writing a team's archive: of one moment, off the async threads, into a file that its owners take.

use std::{fs::File, time::Duration};

use bytes::Bytes;
use futures::stream::BoxStream;
use tokio::runtime::Handle;

use super::{queued, references, tables};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::service::{Audit, archived_people, confirmed, may_export_team, note, team_name_in},
        analytics::service::{Event, UsageKind, record},
        archives::{
            jobs::{EXPORT, ExportPayload},
            model::TeamExported,
        },
        artifacts::model::slug::slugify,
        jobs::{self, Job, model::JobStatus, service::NewJob},
        volumes,
    },
    ids::{JobId, TeamId},
    server::{
        archive::{Named, PEOPLE, REFERENCES, Writer},
        blobs::name_text,
        context::Ctx,
        db::parse_id,
        error::internal,
    },
};

/// For so long a file waits to be taken.
const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// One that is being taken at its end is not taken away.
const MARGIN: Duration = Duration::from_secs(3_600);

/// Queues the export of a team, for its owners.
pub async fn start_export(ctx: &Ctx, team: TeamId) -> AppResult<JobStatus> {
    let name = may_export_team(ctx, team).await?;
    confirmed(ctx).await?;
    let (actor, id) = (ctx.actor()?.id(), JobId::generate());
    let mut tx = ctx.db().write_tx().await?;
    // A second press waits for the first.
    let job = NewJob::new(EXPORT, &ExportPayload { team })?.asked_by(actor, id).in_order_of(format_args!("{EXPORT} {team}"));
    jobs::service::enqueue(&mut tx, job, ctx.now()).await?;
    note(ctx, &mut tx, Audit::new("team.exported", &name).team(team)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::TeamExported).team(Some(team)).subject(team)).await?;
    tx.commit().await?;
    queued(ctx, id).await
}

/// The file of an export as it comes, what it is to be called and how long it is, for whoever may export the team now.
pub async fn download(ctx: &Ctx, team: TeamId, job: JobId) -> AppResult<(String, u64, BoxStream<'static, std::io::Result<Bytes>>)> {
    let name = may_export_team(ctx, team).await?;
    match ctx.state.blobs.file(&kept_as(team, job)).await {
        Ok((length, stream)) => Ok((file_name(&name), length, stream)),
        Err(error) if error.code == ErrorCode::NotFound => {
            Err(AppError::new(ErrorCode::NotFound, "The file of this export is not there, or not any more: export the team again."))
        }
        Err(error) => Err(error),
    }
}

fn file_name(team: &str) -> String {
    format!("{}.team.zip", slugify(team))
}

fn kept_as(team: TeamId, job: JobId) -> String {
    format!("{team}/{job}.zip")
}

/// Runs one export to its end.
pub async fn export(ctx: &Ctx, job: &Job, team: TeamId) -> AppResult<TeamExported> {
    let id: JobId = parse_id(&job.id)?;
    // Dropped, it is removed.
    let file = ctx.state.blobs.new_file()?;
    let (work, own, part, runtime) = (ctx.clone(), job.clone(), file.reopen()?, Handle::current());
    let written = tokio::task::spawn_blocking(move || runtime.block_on(write(&work, &own, team, part)));
    let mut report = written.await.map_err(|error| internal("export of a team", &error))??;
    report.bytes = i64::try_from(file.as_file().metadata()?.len()).unwrap_or(i64::MAX);
    ctx.state.blobs.keep_file(&kept_as(team, id), file).await?;
    Ok(report)
}

async fn write(ctx: &Ctx, job: &Job, team: TeamId, file: File) -> AppResult<TeamExported> {
    let tables = tables();
    let mut snapshot = ctx.db().snapshot().await?;
    let name = team_name_in(&mut snapshot, team).await?.ok_or_else(|| AppError::not_found("team"))?;
    if volumes::service::is_publishing(&mut snapshot, team).await? {
        return Err(AppError::new(
            ErrorCode::Unavailable,
            "An import is being published in a volume of this team: its export waits for it.",
        ));
    }
    let mut writer = Writer::new(file);
    let mut total = tables.len() as i64 + 1;
    for (done, table) in tables.iter().enumerate() {
        jobs::service::progress(ctx, job, done as i64, total).await?;
        writer.table(&mut snapshot, table, &team.to_string()).await?;
    }
    let people = archived_people(&mut snapshot, writer.people.iter().cloned().collect(), team).await?;
    snapshot.rollback().await?;
    let mut lines = Vec::new();
    for person in &people {
        serde_json::to_writer(&mut lines, person)?;
        lines.push(b'\n');
    }
    writer.part(PEOPLE, &lines)?;
    writer.part(REFERENCES, &serde_json::to_vec_pretty(&references::of_team(ctx, team).await?)?)?;
    let files = std::mem::take(&mut writer.files);
    let before = total;
    total += files.len() as i64;
    for (done, file) in files.iter().enumerate() {
        if done % 100 == 0 {
            jobs::service::progress(ctx, job, before + done as i64, total).await?;
        }
        writer.file(file, &ctx.state.blobs.get(&name_text(file)).await?)?;
    }
    let manifest = writer.finish(Named { id: team.to_string(), name: name.clone() }, ctx.state.config.public_url(), ctx.now())?;
    let rows: u64 = manifest.parts.iter().filter(|(name, _)| name.starts_with("tables/")).map(|(_, part)| part.rows).sum();
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    Ok(TeamExported {
        name: file_name(&name),
        bytes: 0,
        rows: signed(rows),
        files: signed(manifest.files),
        until: ctx.now() + KEPT.as_millis() as i64,
    })
}

/// Removes files that were not taken in time, and halves of exports that died.
pub async fn sweep(ctx: &Ctx) -> AppResult<()> {
    ctx.state.blobs.remove_files(KEPT + MARGIN).await
}
