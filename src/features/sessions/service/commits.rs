//! Committing a session: drafts and the session's own record in one commit, with its entry in the timeline, in one transaction.

use super::{
    access::{self, SessionAccess},
    entries::{CommitData, EntryData},
    export::session_file,
    lifecycle::next_numbers,
    live::{announce, announce_entry, announce_update},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::{Event, UsageKind, record},
        artifacts::service::{self as artifacts, Beside, Named},
        collaboration::model::RoomEvent,
        sessions::{
            model::{CommitSession, SessionStatus, file::FILE_BYTES},
            store::{self, NewEntry, NewRecord, RecordRow},
        },
        traces,
        volumes::{
            self,
            model::{Change, Commit, CommitItem, CommittedRecord, CreateCommit, VolumeKind},
            service::VolumeAccess,
        },
    },
    ids::{CommitId, EntryId, SessionId, VolumeId},
    server::{context::Ctx, db::parse_id, idempotency},
};

/// Where a session's record is in a volume.
fn record_path(id: SessionId) -> String {
    format!("sessions/{id}.json")
}

/// Commits drafts of one volume and the session's record there; the session is committed then.
pub async fn commit_session(ctx: &Ctx, session: SessionId, input: CommitSession) -> AppResult<Commit> {
    let access = access::find(ctx, session, Action::Converse).await?;
    if access.row.status() == SessionStatus::Archived {
        return Err(access::archived());
    }
    let named = drafts(ctx, &input).await?;
    let volume = home(ctx, &access, &input, &named).await?;
    let (path, bytes) = (record_path(session), record_bytes(ctx, &access, &volume).await?);
    let size = bytes.len() as i64;
    // On disk before the row that names it.
    let sha = ctx.state.blobs.put(bytes).await?;
    let before = store::current_record(ctx.db().read(), volume.id, &path).await?;
    let change = if before.is_some() { Change::Updated } else { Change::Created };
    let items = named.iter().map(|named| CommitItem { id: named.id, base_revision_id: named.head }).collect();
    let wish = CreateCommit { id: input.id, message: input.message, artifacts: items, after_own: false };
    let beside = Beside { volume: volume.id, path: path.clone(), sha: sha.clone(), change };
    // The volume is locked from here on, so nobody else saves a record into it.
    let mut begun = artifacts::begin_commit(ctx, wish, Some(beside)).await?;
    let commit = begun.commits.first().cloned().ok_or_else(AppError::internal)?;
    let tx = &mut begun.tx;
    if store::current_record(&mut **tx, volume.id, &path).await?.is_some() != before.is_some() {
        return Err(AppError::conflict("Nothing was committed. Somebody committed this session in between: try again."));
    }
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let new = NewRecord {
        commit: commit.id,
        volume: volume.id,
        session,
        path: &path,
        title: &access.row.title,
        sha: &sha,
        size,
        change: change.as_str(),
        now,
    };
    store::insert_record(tx, &new).await?;
    let number = next_numbers(tx, session, 1, now).await?;
    let data = CommitData { id: commit.id, sha: commit.sha.clone(), message: commit.message.clone(), changes: commit.changes };
    let entry = NewEntry {
        id: EntryId::generate(),
        session,
        number,
        kind: "commit",
        author: actor,
        text: "",
        html: "",
        rendering: 0,
        data: EntryData { commit: Some(data), ..EntryData::default() }.json()?,
        created_at: now,
    };
    store::insert_entries(tx, &[entry]).await?;
    store::set_committed(tx, session, now).await?;
    traces::service::session_committed(tx, session, commit.id).await?;
    store::mark_read(tx, session, actor, number, now).await?;
    let committed = Event::new(UsageKind::SessionCommitted).team(access.team).volume(volume.id).subject(session).amount(named.len() as i64);
    record(ctx, tx, committed).await?;
    // A commit of talk alone has no revisions that would keep it from happening twice.
    idempotency::settle(ctx, tx, &commit).await?;
    begun.finish(ctx).await?;
    announce_entry(ctx, session, number);
    announce(ctx, session, RoomEvent::Commit { volume_type: volume.kind.as_str().to_owned(), commit_sha: commit.sha.clone() });
    announce_update(ctx, session, "status");
    Ok(commit)
}

/// The artifacts to commit, each once.
async fn drafts(ctx: &Ctx, input: &CommitSession) -> AppResult<Vec<Named>> {
    let mut ids = input.artifact_ids.clone();
    ids.sort_unstable();
    ids.dedup();
    let mut found = artifacts::named(ctx, &ids).await?;
    ids.iter().map(|id| found.remove(id).ok_or_else(|| AppError::not_found("artifact"))).collect()
}

/// The one volume that all of it goes to.
async fn home(ctx: &Ctx, access: &SessionAccess, input: &CommitSession, named: &[Named]) -> AppResult<VolumeAccess> {
    let id = match named {
        [] => match input.volume_id {
            Some(volume) => volume,
            None => default_volume(ctx, access).await?,
        },
        [first, others @ ..] => {
            if let Some(other) = others.iter().find(|other| other.volume != first.volume) {
                return Err(AppError::field(
                    "artifactIds",
                    format!(
                        "A commit belongs to one volume, and these drafts are in “{}” and “{}”: commit them one volume after the other.",
                        first.volume_name, other.volume_name
                    ),
                ));
            }
            first.volume
        }
    };
    volumes::service::authorise(ctx, id, Action::Commit).await
}

async fn default_volume(ctx: &Ctx, access: &SessionAccess) -> AppResult<VolumeId> {
    let Some(team) = access.team else { return volumes::service::personal_volume(ctx).await };
    let visible = volumes::service::visible(ctx).await?;
    let first = visible.iter().filter(|volume| volume.team == Some(team)).map(|volume| volume.id).min();
    first.ok_or_else(|| AppError::field("volumeId", "The team of this session has no volume: choose one."))
}

/// The record as it goes into a volume. What was said is in it only where everybody who reads the volume may read the session.
async fn record_bytes(ctx: &Ctx, access: &SessionAccess, volume: &VolumeAccess) -> AppResult<Vec<u8>> {
    let whole = volume.kind == VolumeKind::User || (access.team.is_some() && volume.team == access.team);
    let mut file = session_file(ctx, access, whole).await?;
    file.status = SessionStatus::Committed.as_str().to_owned();
    let mut bytes = serde_json::to_vec_pretty(&file)?;
    bytes.push(b'\n');
    if bytes.len() > FILE_BYTES {
        return Err(AppError::too_large(format!(
            "This session's record is over {} MB: commit the drafts by themselves and go on in a new session.",
            FILE_BYTES / 1024 / 1024
        )));
    }
    Ok(bytes)
}

/// The records that a commit saved. The caller may read it.
pub async fn records_of_commit(ctx: &Ctx, commit: CommitId) -> AppResult<Vec<CommittedRecord>> {
    let shown = |row: RecordRow| {
        Ok(CommittedRecord {
            session_id: parse_id(&row.session_id)?,
            change: Change::parse(&row.change),
            path: row.path,
            title: row.title,
            size: row.size,
        })
    };
    store::records_of_commit(ctx.db().read(), commit).await?.into_iter().map(shown).collect()
}

/// A slice of a volume's records for its export: path and blob. The caller may read it.
pub async fn record_slice(ctx: &Ctx, volume: VolumeId, after: &str, limit: i64) -> AppResult<Vec<(String, String)>> {
    Ok(store::records_of_volume(ctx.db().read(), volume, after, limit).await?.into_iter().map(|row| (row.path, row.sha)).collect())
}
