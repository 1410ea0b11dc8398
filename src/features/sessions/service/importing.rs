//! Sessions out of files: the predecessor's `sessions/*.json`, and our own exports.
//!
//! A file's id makes it known again, so importing the same folder twice brings nothing twice. Entries are written in slices that leave
//! the database to others in between; the session is shown when all of it is there.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::{
    entries::{EntryData, RENDERING, rendered},
    messages::remember,
    naming::as_shown,
};
use crate::{
    error::AppResult,
    features::{
        accounts::Action,
        analytics::service::{Event, UsageKind, record},
        artifacts::{
            model::{invisible, slug::slugify},
            service::{self as artifacts, Named},
        },
        sessions::{
            model::{
                GOAL_MAX, Imported, SessionArtifact, SessionStatus, TITLE_MAX,
                file::{FileArtifact, FileMessage, SessionFile, is_clock_time},
            },
            store::{self, NewEntry, NewSession},
        },
        volumes::{self, model::ImportOutcome, service::VolumeAccess},
    },
    ids::{EntryId, SessionId, VolumeId},
    server::{context::Ctx, db::parse_id, secrets},
};

/// A write transaction of this size stays well below 50 ms.
const SLICE_ENTRIES: usize = 200;
const SLICE_BYTES: usize = 512 * 1024;
/// A message of another program may be longer than one typed here, up to this.
const CONTENT_CHARS: usize = 200_000;
/// 2020-01-01: nothing here is older.
const EARLIEST: i64 = 1_577_836_800_000;

/// What became of one file.
pub struct ImportedFile {
    pub outcome: ImportOutcome,
    pub session: Option<SessionId>,
    /// For the report.
    pub note: String,
}

impl ImportedFile {
    fn skipped(note: impl Into<String>) -> Self {
        Self { outcome: ImportOutcome::Skipped, session: None, note: note.into() }
    }
    fn unchanged(session: SessionId) -> Self {
        Self { outcome: ImportOutcome::Unchanged, session: Some(session), note: String::new() }
    }
}

/// Takes one file into the workspace of a volume.
pub async fn import_session(ctx: &Ctx, volume: VolumeId, bytes: &[u8]) -> AppResult<ImportedFile> {
    let access = volumes::service::authorise(ctx, volume, Action::Commit).await?;
    let file = match SessionFile::parse(bytes) {
        Ok(file) => file,
        Err(reason) => return Ok(ImportedFile::skipped(reason)),
    };
    let sha = secrets::sha256(bytes);
    if let Some(known) = known(ctx, &access, &file, &sha).await? {
        return Ok(known);
    }
    let id = SessionId::generate();
    let names = Names::find(ctx, &access, &file).await?;
    let (new, mut notes) = begun(&file, &names);
    let (title, goal, status) = new;
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let mut tx = ctx.db().write_tx().await?;
    let row = NewSession { id, owner: actor, team: access.team, title: &title, goal: &goal, status, now };
    store::stage(&mut tx, &row, volume, file.id.trim(), &serde_json::to_string(&extra(&file, &names))?).await?;
    tx.commit().await?;

    let entries = write_messages(ctx, id, &file, &names, &mut notes).await?;
    let created_at = file.created_at.as_deref().and_then(|text| time(text, now)).or(entries.first).unwrap_or(now);
    let mut tx = ctx.db().write_tx().await?;
    for named in names.of_session(&file) {
        remember(&mut tx, id, &named, actor, now).await?;
    }
    store::publish(&mut tx, id, &sha, entries.count, created_at, entries.last.unwrap_or(created_at)).await?;
    store::set_was_active(&mut tx, id).await?;
    store::mark_joined(&mut tx, id, actor, now).await?;
    store::mark_read(&mut tx, id, actor, entries.count, now).await?;
    let imported = Event::new(UsageKind::SessionImported).workspace(access.workspace).volume(volume).subject(id).amount(entries.count);
    record(ctx, &mut tx, imported).await?;
    tx.commit().await?;
    let noun = if entries.count == 1 { "message" } else { "messages" };
    notes.insert(0, format!("The session “{title}” with {} {noun}.", entries.count));
    Ok(ImportedFile { outcome: ImportOutcome::Created, session: Some(id), note: notes.join(" ") })
}

/// What is there already under the file's id. What a crash left half-written is removed.
async fn known(ctx: &Ctx, access: &VolumeAccess, file: &SessionFile, sha: &str) -> AppResult<Option<ImportedFile>> {
    const ROWS: i64 = 1_000;
    let mut tx = ctx.db().write_tx().await?;
    let found = store::by_source(&mut tx, access.id, file.id.trim()).await?;
    drop(tx);
    if let Some(row) = found {
        if row.source_sha.is_empty() {
            let mut done = false;
            while !done {
                let mut tx = ctx.db().write_tx().await?;
                done = store::erase_slice(&mut tx, &row.id, ROWS).await?;
                tx.commit().await?;
            }
            return Ok(None);
        }
        return Ok(Some(if row.deleted_at.is_some() {
            ImportedFile::skipped("This session was imported before and is in the trash: take it out there.")
        } else if row.source_sha == sha {
            ImportedFile::unchanged(parse_id(&row.id)?)
        } else {
            ImportedFile::skipped(
                "A session with this id was imported before, from a file that differs. Sessions are not overwritten: give it another id.",
            )
        }));
    }
    // A record or an export of a session that lives here.
    let Ok(id) = file.id.trim().parse::<SessionId>() else { return Ok(None) };
    let caller = ctx.actor()?.id();
    let here = store::by_id(ctx.db().read(), id, caller).await?;
    let same = |row: &store::SessionRow| {
        row.team_id == access.team.map(|team| team.to_string()) && (row.team_id.is_some() || row.owner_id == caller.to_string())
    };
    Ok(here.filter(same).map(|row| {
        if row.deleted_at.is_some() {
            ImportedFile::skipped("This session is in the trash: take it out there.")
        } else {
            ImportedFile::unchanged(id)
        }
    }))
}

type Begun = (String, String, SessionStatus);

/// Title, goal and status, and what a person should know about them.
fn begun(file: &SessionFile, names: &Names) -> (Begun, Vec<String>) {
    let mut notes = Vec::new();
    let cut = |text: &str, most: usize| -> String { text.chars().take(most).collect() };
    let name: String = invisible::without(&file.name).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let title = if name.trim().is_empty() { format!("Session {}", cut(file.id.trim(), 80)) } else { cut(name.trim(), TITLE_MAX) };
    let goal: String = file.goal.trim().chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    if goal.chars().count() > GOAL_MAX {
        notes.push(format!("Its goal was cut to {GOAL_MAX} characters."));
    }
    if names.missing > 0 {
        notes.push(format!("{} of its artifacts are not in this volume.", names.missing));
    }
    let status = SessionStatus::parse(file.status.trim()).unwrap_or(SessionStatus::Active);
    ((title, cut(&goal, GOAL_MAX), status), notes)
}

/// What is kept of a file beside what is shown.
fn extra(file: &SessionFile, names: &Names) -> Map<String, Value> {
    let mut extra = file.extra.clone();
    let from = json!({ "id": file.id, "status": file.status, "volume": file.volume, "owner": file.owner, "team": file.team });
    extra.insert("importedFrom".to_owned(), from);
    let missing: Vec<&FileArtifact> = file.artifacts.iter().filter(|one| names.get(&one.kind, &one.name).is_none()).collect();
    if !missing.is_empty() {
        extra.insert("missingArtifacts".to_owned(), json!(missing));
    }
    extra
}

/// The artifacts that a file names, as far as they are here.
struct Names {
    by_slug: HashMap<String, Named>,
    missing: usize,
}

impl Names {
    async fn find(ctx: &Ctx, access: &VolumeAccess, file: &SessionFile) -> AppResult<Self> {
        let of_messages = file.messages.iter().flat_map(|message| {
            let named = message.artifact.as_ref().and_then(artifact_name).map(|(_, name)| name);
            named.into_iter().chain(message.artifacts.iter().map(|one| one.name.as_str()))
        });
        let slugs: HashSet<String> =
            file.artifacts.iter().map(|one| one.name.as_str()).chain(of_messages).filter(|name| !name.is_empty()).map(slugify).collect();
        let mut volumes = volumes::service::visible(ctx).await?;
        // The volume of the file first, then what everybody there reads.
        volumes.retain(|volume| volume.id == access.id || volume.team == access.team || volume.team.is_none() && access.team.is_none());
        volumes.sort_by_key(|volume| volume.id != access.id);
        let mut names = Self { by_slug: artifacts::find_by_slug(ctx, &volumes, &slugs).await?, missing: 0 };
        names.missing = file.artifacts.iter().filter(|one| names.get(&one.kind, &one.name).is_none()).count();
        Ok(names)
    }

    /// By slug, or by a name that makes it; of the kind, where one is said.
    fn get(&self, kind: &str, name: &str) -> Option<&Named> {
        if name.is_empty() {
            return None;
        }
        self.by_slug.get(&slugify(name)).filter(|named| kind.is_empty() || named.kind.as_str().eq_ignore_ascii_case(kind.trim()))
    }

    fn of_message(&self, message: &FileMessage) -> Vec<SessionArtifact> {
        let one = message.artifact.as_ref().and_then(artifact_name).and_then(|(kind, name)| self.get(kind, name));
        let all = one.into_iter().chain(message.artifacts.iter().filter_map(|one| self.get(&one.kind, &one.name)));
        unique(all)
    }

    fn of_session(&self, file: &SessionFile) -> Vec<SessionArtifact> {
        unique(file.artifacts.iter().filter_map(|one| self.get(&one.kind, &one.name)))
    }
}

fn unique<'a>(named: impl Iterator<Item = &'a Named>) -> Vec<SessionArtifact> {
    let mut seen = HashSet::new();
    named.filter(|named| seen.insert(named.id)).map(as_shown).collect()
}

/// `"x"`, or `{"type": "skill", "name": "x"}`.
fn artifact_name(value: &Value) -> Option<(&str, &str)> {
    match value {
        Value::String(name) => Some(("", name)),
        Value::Object(object) => {
            let text = |key: &str| object.get(key).and_then(Value::as_str);
            Some((text("type").unwrap_or_default(), text("name").or_else(|| text("id"))?))
        }
        _ => None,
    }
}

#[derive(Default)]
struct Written {
    count: i64,
    first: Option<i64>,
    last: Option<i64>,
}

async fn write_messages(ctx: &Ctx, id: SessionId, file: &SessionFile, names: &Names, notes: &mut Vec<String>) -> AppResult<Written> {
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let mut written = Written::default();
    let mut waiting: Vec<(String, String, String, i64)> = Vec::new();
    let (mut bytes, mut cut) = (0, 0);
    let messages: Vec<&FileMessage> = file.messages.iter().filter(|message| message.deleted_at.is_none()).collect();
    for (index, message) in messages.iter().enumerate() {
        let mut text: String =
            message.content.replace("\r\n", "\n").chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect();
        if let Some((at, _)) = text.char_indices().nth(CONTENT_CHARS) {
            text.truncate(at);
            cut += 1;
        }
        let html = rendered(&text).await?;
        let at = time(&message.timestamp, now);
        written.first = written.first.or(at);
        written.last = at.max(written.last);
        bytes += text.len() + html.len();
        waiting.push((text, html, data_of(message, names).json()?, at.unwrap_or(now)));
        if waiting.len() < SLICE_ENTRIES && bytes < SLICE_BYTES && index + 1 < messages.len() {
            continue;
        }
        let entries: Vec<NewEntry<'_>> = waiting
            .iter()
            .zip(written.count + 1..)
            .map(|((text, html, data, created_at), number)| NewEntry {
                id: EntryId::generate(),
                session: id,
                number,
                kind: "message",
                author: actor,
                text,
                html,
                rendering: RENDERING,
                data: data.clone(),
                created_at: *created_at,
            })
            .collect();
        let mut tx = ctx.db().write_tx().await?;
        store::insert_entries(&mut tx, &entries).await?;
        tx.commit().await?;
        written.count += entries.len() as i64;
        drop(entries);
        waiting.clear();
        bytes = 0;
    }
    if cut > 0 {
        notes.push(format!("{cut} of its messages were cut to {CONTENT_CHARS} characters."));
    }
    Ok(written)
}

fn data_of(message: &FileMessage, names: &Names) -> EntryData {
    let mut extra = message.extra.clone();
    if let Some(artifact) = &message.artifact {
        extra.insert("artifact".to_owned(), artifact.clone());
    }
    let said = message.author.as_deref().map(str::trim).filter(|author| !author.is_empty());
    let author = said.unwrap_or(if message.role.trim().is_empty() { "user" } else { message.role.trim() });
    let clock = Some(message.timestamp.trim()).filter(|text| is_clock_time(text)).map(str::to_owned);
    EntryData {
        artifacts: names.of_message(message),
        commit: None,
        answered: None,
        imported: Some(Imported { author: author.chars().filter(|c| !c.is_control()).take(80).collect(), time: clock }),
        extra,
    }
}

/// A time with its day; none that lies ahead.
fn time(text: &str, now: i64) -> Option<i64> {
    let time = text.trim().parse::<jiff::Timestamp>().ok()?.as_millisecond();
    Some(time.clamp(EARLIEST, now))
}
