//! Making a team of an archive. All of it is looked at first; then its rows are written in slices under a team that nobody sees, and one short transaction
//! shows it. Whatever ends it before that leaves nothing: neither in this run nor, after a crash, in the next.

use std::{path::Path, sync::Arc};

use axum::body::Body;
use tokio::sync::mpsc;

use super::{queued, references::References, tables};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{self, service as people},
        archives::{
            jobs::{IMPORT, ImportPayload},
            model::{ARCHIVE_BYTES, TeamImported},
            store::{self, NewImport},
        },
        artifacts, evolution,
        jobs::{self, Job, model::JobStatus, service::NewJob},
        marketplace, sessions, traces,
        volumes::{self, archive::ARCHIVE_FILE, jobs::staging_folder},
    },
    ids::{JobId, TeamId, UserId},
    server::{
        archive::{self, Archive, ArchivedPerson, Ids, Known, Manifest, Table, Value},
        blobs::name_text,
        context::{Actor, Ctx, Via},
        db::parse_id,
        error::internal,
        secrets,
    },
    ui::plural,
};

/// Rows and bytes of one transaction: few enough that nobody waits for the writer.
const ROWS: usize = 200;
const BYTES: usize = 1 << 20;
/// People of one.
const PEOPLE: usize = 100;
/// Files that are stored between two looks at whether it is to go on.
const FILES: usize = 16;
/// Rows that are removed in one.
const REMOVED: i64 = 500;

/// Whether the caller may bring a team in. It comes with words in the name of many, so that takes an administrator.
pub fn may_import(ctx: &Ctx) -> AppResult<()> {
    people::require_administrator(ctx).map(drop)
}

/// Takes the file of a team in, and queues the rest.
pub async fn start_import(ctx: &Ctx, job: Option<JobId>, body: Body) -> AppResult<JobStatus> {
    may_import(ctx)?;
    let staging = volumes::service::stage(ctx, job, body, ARCHIVE_BYTES).await?;
    staging.sync().await?;
    let by = ctx.actor()?.id();
    let payload = ImportPayload { by, key: key()? };
    let is_shared = staging.share(ctx).await?;
    let mut tx = ctx.db().write_tx().await?;
    // One after the other, so that the same team does not come in twice.
    let job = NewJob::new(IMPORT, &payload)?.asked_by(by, staging.job).in_order_of(IMPORT).here_unless(is_shared, ctx);
    jobs::service::enqueue(&mut tx, job, ctx.now()).await?;
    tx.commit().await?;
    queued(ctx, staging.keep()).await
}

/// Nobody who makes a file can know it, so no id in a file becomes one that is here already.
fn key() -> AppResult<u32> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|error| internal("random bytes", &error))?;
    Ok(u32::from_le_bytes(bytes).max(1))
}

/// An opened archive with what it takes to write it.
struct Opened {
    archive: Archive,
    known: Arc<Known>,
    team: TeamId,
    new: Vec<(UserId, ArchivedPerson)>,
    known_people: usize,
}

/// Runs one import to its end.
pub async fn import(ctx: &Ctx, job: &Job, payload: &ImportPayload) -> AppResult<TeamImported> {
    let folder = staging_folder(ctx, &job.id);
    volumes::service::bring_upload(ctx, &job.id).await?;
    let result = import_from(ctx, job, payload, &folder).await;
    // What may go by itself is tried again with what is there.
    let again = |error: &AppError| matches!(error.code, ErrorCode::Unavailable | ErrorCode::Internal);
    if !result.as_ref().is_err_and(again) {
        volumes::service::forget_upload(ctx, &job.id).await;
    }
    result
}

async fn import_from(ctx: &Ctx, job: &Job, payload: &ImportPayload, folder: &Path) -> AppResult<TeamImported> {
    let ctx = &as_administrator(ctx, payload.by).await?;
    let path = folder.join(ARCHIVE_FILE);
    if !path.exists() {
        return Err(AppError::invalid("The upload is no longer there. Import the team again."));
    }
    let (archive, persons) = blocking(move || {
        let mut archive = Archive::open(&path, &tables())?;
        let persons = archive.people()?;
        Ok((archive, persons))
    })
    .await?;
    let content = content_sha(&archive.manifest)?;
    if let Some(report) = here_already(ctx, &archive.manifest, &content, job).await? {
        return Ok(report);
    }
    let opened = look_at(ctx, payload.key, archive, persons).await?;
    let id: JobId = parse_id(&job.id)?;
    let (team, new) = (opened.team, opened.new.clone());
    // What a run before this one left.
    let contents = contents_of(&opened.known);
    match store::by_team(ctx.db().read(), team).await? {
        Some(row) if row.job_id == job.id => take_back(ctx, team, &new, contents.clone()).await?,
        Some(_) => return Err(taken()),
        None => {}
    }
    match write(ctx, job, id, opened, &content, payload).await {
        Ok(report) => Ok(report),
        Err(error) if matches!(error.code, ErrorCode::Unavailable | ErrorCode::Internal) => Err(error),
        Err(error) => {
            take_back(ctx, team, &new, contents).await?;
            // Of two rows that must not be the same, and of one that belongs to a thing of another kind, only the database knows.
            let contradicts = error.code == ErrorCode::Conflict;
            Err(if contradicts {
                AppError::invalid("This team's archive contradicts itself. Nothing was imported; export the team again.")
            } else {
                error
            })
        }
    }
}

fn taken() -> AppError {
    AppError::conflict("An id of this team is in use here already. Import it again.")
}

/// Who asked, with the rights that they have now.
async fn as_administrator(ctx: &Ctx, by: UserId) -> AppResult<Ctx> {
    if !people::administrators(ctx).await?.contains(&by) {
        return Err(AppError::forbidden("Only administrators of this instance may import teams."));
    }
    let person = people::person_by_id(ctx, by).await?;
    Ok(Ctx::internal(ctx.state.clone(), Some(Actor { person, administrator: true, moderator: false, via: Via::Operator })))
}

/// Over everything that is in it, whenever it was written.
fn content_sha(manifest: &Manifest) -> AppResult<String> {
    let tables: Vec<_> = manifest.parts.iter().filter(|(name, _)| name.starts_with("tables/")).collect();
    Ok(secrets::sha256(&serde_json::to_vec(&tables)?))
}

/// A team that came in before is not made again. One that has changed since is another thing, and whoever asks decides.
async fn here_already(ctx: &Ctx, manifest: &Manifest, content: &str, job: &Job) -> AppResult<Option<TeamImported>> {
    let Some(row) = store::living_of(ctx.db().read(), &manifest.team.id).await? else { return Ok(None) };
    // Done, and the process ended before it could say so.
    let created = row.job_id == job.id;
    if row.content_sha != content && !created {
        return Err(AppError::conflict(
            "This team was imported here before, from an older archive. Delete that team first, or go on with it: teams are not merged.",
        ));
    }
    Ok(Some(TeamImported {
        team_id: parse_id(&row.team_id)?,
        name: manifest.team.name.clone(),
        created,
        rows: rows_of(manifest),
        files: i64::try_from(manifest.files).unwrap_or(i64::MAX),
        people_known: 0,
        people_made: 0,
        notes: Vec::new(),
    }))
}

fn rows_of(manifest: &Manifest) -> i64 {
    let rows: u64 = manifest.parts.iter().filter(|(name, _)| name.starts_with("tables/")).map(|(_, part)| part.rows).sum();
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn contents_of(known: &Known) -> Vec<String> {
    known.contents.iter().map(name_text).collect()
}

/// Finds out who is who, and reads all of the file, without writing anything.
async fn look_at(ctx: &Ctx, key: u32, mut archive: Archive, persons: Vec<ArchivedPerson>) -> AppResult<Opened> {
    let mut ids = Ids::new(key);
    let all = persons.len();
    let new = people::know_people(ctx, persons, &mut ids).await?;
    let now = ctx.now();
    let (archive, known) = blocking(move || {
        let known = archive.check(&tables(), ids, now)?;
        Ok((archive, known))
    })
    .await?;
    let team = TeamId::from_bits(known.ids.fresh(known.team));
    Ok(Opened { archive, known: Arc::new(known), team, known_people: all - new.len(), new })
}

async fn write(ctx: &Ctx, job: &Job, id: JobId, opened: Opened, content: &str, payload: &ImportPayload) -> AppResult<TeamImported> {
    let Opened { mut archive, known, team, new, known_people } = opened;
    let manifest = archive.manifest.clone();
    let references: References = serde_json::from_value(archive.references()?)
        .map_err(|_| AppError::invalid("What this team's archive says of elsewhere cannot be read. Export the team again."))?;
    let carried = here(&references, &known);
    begin(ctx, id, team, &manifest, content, &carried, payload).await?;
    for people in new.chunks(PEOPLE) {
        let mut tx = ctx.db().write_tx().await?;
        people::make_people(ctx, &mut tx, people, team).await?;
        tx.commit().await?;
    }
    let (files, rows) = (i64::try_from(manifest.files).unwrap_or(i64::MAX), rows_of(&manifest));
    let far = Far { done: 0, total: files.saturating_add(rows) };
    let archive = keep_files(ctx, job, archive, far).await?;
    write_tables(ctx, job, archive, known.clone(), Far { done: files, ..far }).await?;
    traces::service::label_team(ctx, team).await?;
    let (name, missing) = show(ctx, team, &carried, payload.by).await?;
    let mut notes = Vec::new();
    if missing > 0 {
        let items = plural(missing, "item", "items");
        notes.push(format!("{items} of the marketplace that this server does not have stay as they are, without updates."));
    }
    if !references.listings.is_empty() {
        let items = plural(references.listings.len() as i64, "item", "items");
        notes.push(format!("{items} that the team publishes stay where they are published."));
    }
    // Built-in accounts are everywhere.
    let made = new.iter().filter(|(id, person)| id.to_string() != person.id).count();
    Ok(TeamImported {
        team_id: team,
        name,
        created: true,
        rows: rows_of(&manifest),
        files: i64::try_from(manifest.files).unwrap_or(i64::MAX),
        people_known: known_people as i64,
        people_made: made as i64,
        notes,
    })
}

/// What is kept of the references: installations by the ids of here, and none that is not in the file.
fn here(references: &References, known: &Known) -> References {
    let part = |text: &str| Some(archive::written(known.ids.part(archive::parse(text)?)?));
    let mut carried = references.clone();
    carried.installations = references
        .installations
        .iter()
        .filter_map(|name| {
            Some(marketplace::service::InstalledName { volume: part(&name.volume)?, artifact: part(&name.artifact)?, ..name.clone() })
        })
        .collect();
    carried
}

async fn begin(
    ctx: &Ctx,
    job: JobId,
    team: TeamId,
    manifest: &Manifest,
    content: &str,
    carried: &References,
    payload: &ImportPayload,
) -> AppResult<()> {
    let carried = serde_json::to_string(carried)?;
    let new = NewImport {
        team,
        job,
        source: &manifest.team.id,
        site: &manifest.site,
        exported_at: manifest.exported_at,
        content_sha: content,
        carried: &carried,
        key: payload.key,
        by: payload.by,
        now: ctx.now(),
    };
    let mut tx = ctx.db().write_tx().await?;
    if !store::begin(&mut tx, &new).await? {
        return Err(taken());
    }
    Ok(tx.commit().await?)
}

/// How far an import is, in files and rows.
#[derive(Clone, Copy)]
struct Far {
    done: i64,
    total: i64,
}

/// Blobs are stored before the rows that name them. After each slice it is said how far that is, and looked whether it is to go on.
async fn keep_files(ctx: &Ctx, job: &Job, mut archive: Archive, mut far: Far) -> AppResult<Archive> {
    let names = archive.file_names();
    for slice in names.chunks(FILES) {
        let (blobs, slice) = (ctx.state.blobs.clone(), slice.to_vec());
        far.done += slice.len() as i64;
        archive = blocking(move || {
            for name in &slice {
                blobs.put_blocking(&archive.file(name)?)?;
            }
            Ok(archive)
        })
        .await?;
        jobs::service::progress(ctx, job, far.done, far.total).await?;
    }
    Ok(archive)
}

async fn write_tables(ctx: &Ctx, job: &Job, archive: Archive, known: Arc<Known>, far: Far) -> AppResult<()> {
    // Two slices at most wait for the database: memory stays bounded whatever comes.
    let (sender, mut slices) = mpsc::channel::<(&'static Table, Vec<Vec<Value>>)>(2);
    let now = ctx.now();
    let reader = tokio::task::spawn_blocking(move || read(archive, &known, now, &sender));
    let Far { mut done, total } = far;
    let mut failed = None;
    while let Some((table, rows)) = slices.recv().await {
        let count = rows.len() as i64;
        if let Err(error) = write_slice(ctx, job, table, rows, done, total).await {
            failed = Some(error);
            break;
        }
        done += count;
    }
    // Closing the channel ends a reader that is still at it.
    drop(slices);
    let read = reader.await.map_err(|error| internal("import of a team", &error))?;
    failed.map_or(read, Err)
}

async fn write_slice(ctx: &Ctx, job: &Job, table: &'static Table, rows: Vec<Vec<Value>>, done: i64, total: i64) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    let shared = table.name == artifacts::archived::CONTENTS.name;
    store::write(&mut tx, table, &rows, shared).await?;
    tx.commit().await?;
    jobs::service::progress(ctx, job, done + rows.len() as i64, total).await
}

fn read(mut archive: Archive, known: &Known, now: i64, sender: &mpsc::Sender<(&'static Table, Vec<Vec<Value>>)>) -> AppResult<()> {
    let gone = || "nobody waits for it any more".to_owned();
    for table in tables() {
        let (mut slice, mut bytes) = (Vec::new(), 0);
        archive.values(table, known, now, |values| {
            bytes += values.iter().map(Value::size).sum::<usize>();
            slice.push(values);
            if slice.len() >= ROWS || bytes >= BYTES {
                bytes = 0;
                sender.blocking_send((table, std::mem::take(&mut slice))).map_err(|_| gone())?;
            }
            Ok(())
        })?;
        if !slice.is_empty() {
            sender.blocking_send((table, slice)).map_err(|_| AppError::invalid(gone()))?;
        }
    }
    Ok(())
}

/// Shows the team, whole. Its name, and how many of its installations this server does not know.
async fn show(ctx: &Ctx, team: TeamId, carried: &References, by: UserId) -> AppResult<(String, i64)> {
    let mut missing = 0;
    let mut tx = ctx.db().write_tx().await?;
    let name = people::reveal_team(ctx, &mut tx, team).await?;
    volumes::service::reveal_team_volumes(ctx, &mut tx, team).await?;
    sessions::service::reveal_team_sessions(&mut tx, team).await?;
    evolution::service::arrived(ctx, &mut tx, team).await?;
    for installed in &carried.installations {
        if !marketplace::service::adopt_installation(ctx, &mut tx, installed, by).await? {
            missing += 1;
        }
    }
    store::finish(&mut tx, team).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    Ok((name, missing))
}

/// Removes all that was written of a team that was not shown.
async fn take_back(ctx: &Ctx, team: TeamId, new: &[(UserId, ArchivedPerson)], contents: Vec<String>) -> AppResult<()> {
    if store::by_team(ctx.db().read(), team).await?.is_none_or(|row| row.done != 0) {
        return Ok(());
    }
    traces::service::unlabel_team(ctx, team).await?;
    let own: Vec<&'static Table> = tables().into_iter().filter(|table| table.name != artifacts::archived::CONTENTS.name).collect();
    for table in own.into_iter().rev() {
        loop {
            let mut tx = ctx.db().write_tx().await?;
            let removed = store::remove(&mut tx, table, team, REMOVED).await?;
            tx.commit().await?;
            if removed < REMOVED as u64 {
                break;
            }
        }
    }
    for contents in contents.chunks(REMOVED as usize) {
        let mut tx = ctx.db().write_tx().await?;
        artifacts::service::forget_contents(&mut tx, contents.to_vec()).await?;
        tx.commit().await?;
    }
    let mut tx = ctx.db().write_tx().await?;
    accounts::service::unmake_people(&mut tx, new).await?;
    store::forget(&mut tx, team).await?;
    Ok(tx.commit().await?)
}

/// What is left of imports whose job has ended: their upload is gone, so rows go, and accounts that nothing names stay closed.
pub async fn sweep(ctx: &Ctx) -> AppResult<()> {
    let unfinished = store::unfinished(ctx.db().read()).await?;
    if unfinished.is_empty() || jobs::service::at_work(ctx, &[IMPORT], IMPORT).await?.is_some() {
        return Ok(());
    }
    for row in unfinished {
        let team = parse_id(&row.team_id)?;
        take_back(ctx, team, &[], Vec::new()).await?;
        tracing::info!(%team, "what was left of an import was removed");
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> AppResult<T> + Send + 'static) -> AppResult<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| internal("import of a team", &error))?
}
