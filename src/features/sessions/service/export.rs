//! A session as a file: markdown for people, JSON for programs and for volumes.

use std::{collections::HashMap, fmt::Write as _};

use serde_json::{Map, Value, json};

use super::{
    access::{self, SessionAccess},
    entries::{EntryData, shown},
    list, naming,
};
use crate::{
    error::AppResult,
    features::{
        accounts::{
            Action,
            model::{Person, UserKind},
            service::{Audit, note},
        },
        analytics::service::{Event, UsageKind, record},
        artifacts::model::slug::slugify,
        sessions::{
            model::{
                Entry, EntryKind, ExportFormat, SessionArtifact,
                file::{FORMAT, FileArtifact, FileMessage, SessionFile},
            },
            store::{self, OwnMessageRow},
        },
    },
    ids::SessionId,
    server::context::Ctx,
};

/// Entries read at once.
const SLICE: i64 = 500;

/// A file name and its text.
pub struct SessionExport {
    pub name: String,
    pub text: String,
}

pub async fn export_session(ctx: &Ctx, id: SessionId, format: ExportFormat) -> AppResult<SessionExport> {
    let access = access::find(ctx, id, Action::Read).await?;
    let stem = slugify(&access.row.title);
    let export = match format {
        ExportFormat::Json => {
            let text = serde_json::to_string_pretty(&session_file(ctx, &access, true).await?)?;
            SessionExport { name: format!("{stem}.json"), text: format!("{text}\n") }
        }
        ExportFormat::Markdown => SessionExport { name: format!("{stem}.md"), text: markdown(ctx, &access).await? },
    };
    let mut tx = ctx.db().write_tx().await?;
    note(ctx, &mut tx, Audit::new("session.exported", &access.row.title).team(access.team)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::SessionExported).team(access.team).subject(id)).await?;
    tx.commit().await?;
    Ok(export)
}

/// What the caller wrote: private sessions whole, those in the trash too, and one's messages in others.
pub async fn own_sessions(ctx: &Ctx) -> AppResult<Value> {
    let caller = ctx.actor()?.id();
    let mut private = Vec::new();
    for id in store::private_ids_of(ctx.db().read(), caller).await? {
        let access = access::find_any(ctx, id, Action::Read).await?;
        private.push(session_file(ctx, &access, true).await?);
    }
    let rows = store::messages_elsewhere(ctx.db().read(), caller).await?;
    let mut sessions = rows.iter().map(OwnMessageRow::session).collect::<AppResult<Vec<_>>>()?;
    sessions.dedup();
    // Of a team that one has left, the titles are not one's own.
    let titles: HashMap<SessionId, String> = list::titles(ctx, &sessions).await?.into_iter().collect();
    let mut messages = Vec::new();
    for row in rows {
        // What an imported file says that somebody wrote is not the caller's.
        if serde_json::from_str::<EntryData>(&row.data)?.imported.is_some() {
            continue;
        }
        let session = row.session()?;
        messages.push(json!({
            "sessionId": session, "session": titles.get(&session), "number": row.number, "content": row.text,
            "timestamp": rfc3339(row.created_at), "editedAt": row.edited_at.map(rfc3339),
        }));
    }
    Ok(json!({ "private": private, "messages": messages }))
}

/// The timeline from an entry on, a slice at a time, each with what an imported file said besides.
async fn slice(ctx: &Ctx, id: SessionId, from: i64) -> AppResult<Vec<(Entry, Map<String, Value>)>> {
    let rows = store::entries(ctx.db().read(), id, from, SLICE).await?;
    let extras =
        rows.iter().map(|row| Ok(serde_json::from_str::<EntryData>(&row.data)?.extra)).collect::<AppResult<Vec<Map<String, Value>>>>()?;
    Ok(shown(ctx, rows).await?.into_iter().zip(extras).collect())
}

/// The whole session; only its name and state where those who read the file may not read the session.
pub async fn session_file(ctx: &Ctx, access: &SessionAccess, whole: bool) -> AppResult<SessionFile> {
    let row = &access.row;
    let mut file = SessionFile {
        format: Some(FORMAT.to_owned()),
        id: row.id.clone(),
        name: row.title.clone(),
        status: row.status.clone(),
        volume: if access.team.is_some() { "team" } else { "user" }.to_owned(),
        created_at: Some(rfc3339(row.created_at)),
        ..SessionFile::default()
    };
    if !whole {
        return Ok(file);
    }
    file.goal = row.goal.clone();
    file.team = row.team_name.clone();
    file.owner = Some(row.owner()?.name);
    file.extra = serde_json::from_str(&row.extra)?;
    file.artifacts = naming::session_artifacts(ctx, access.id).await?.iter().map(artifact).collect();
    let mut from = 1;
    loop {
        let entries = slice(ctx, access.id, from).await?;
        let Some((last, _)) = entries.last() else { return Ok(file) };
        from = last.number + 1;
        for (entry, extra) in entries {
            add(&mut file, entry, extra);
        }
    }
}

fn artifact(artifact: &SessionArtifact) -> FileArtifact {
    let mut extra = serde_json::Map::new();
    extra.insert("title".to_owned(), artifact.name.clone().into());
    extra.insert("id".to_owned(), artifact.id.to_string().into());
    FileArtifact { kind: artifact.kind.to_string(), name: artifact.slug.clone(), extra }
}

fn role(person: &Person) -> &'static str {
    if person.kind == UserKind::Agent { "assistant" } else { "user" }
}

fn add(file: &mut SessionFile, entry: Entry, mut extra: Map<String, Value>) {
    let at = entry.imported.as_ref().and_then(|imported| imported.time.clone()).unwrap_or_else(|| rfc3339(entry.created_at));
    let author = entry.imported.map_or_else(|| entry.author.name.clone(), |imported| imported.author);
    match entry.what {
        EntryKind::Message { text, attachments, artifacts, edited_at, deleted_at, .. } => file.messages.push(FileMessage {
            id: entry.id.to_string(),
            number: Some(entry.number),
            role: if matches!(author.as_str(), "assistant" | "system") { author.clone() } else { role(&entry.author).to_owned() },
            author: Some(author),
            content: text,
            timestamp: at,
            edited_at: edited_at.map(rfc3339),
            deleted_at: deleted_at.map(rfc3339),
            artifacts: artifacts.iter().map(artifact).collect(),
            attachments: attachments
                .iter()
                .map(|one| json!({ "id": one.id, "name": one.name, "mediaType": one.media_type, "size": one.size }))
                .collect(),
            artifact: extra.remove("artifact"),
            extra,
        }),
        EntryKind::Artifact { artifact: one } => {
            file.events.push(event(entry.number, "artifact", &author, &at, json!(artifact(&one))));
        }
        EntryKind::Commit { commit_id, sha, message, changes } => {
            let commit = json!({ "id": commit_id, "sha": sha, "message": message, "changes": changes });
            file.events.push(event(entry.number, "commit", &author, &at, commit));
        }
        EntryKind::Joined => file.events.push(event(entry.number, "joined", &author, &at, Value::Null)),
    }
}

fn event(number: i64, kind: &str, author: &str, at: &str, about: Value) -> Value {
    let mut event = json!({ "number": number, "kind": kind, "author": author, "timestamp": at });
    if !about.is_null() {
        event[kind] = about;
    }
    event
}

pub fn rfc3339(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map(|time| time.to_string()).unwrap_or_default()
}

async fn markdown(ctx: &Ctx, access: &SessionAccess) -> AppResult<String> {
    let row = &access.row;
    let mut text = format!("# {}\n\n", row.title);
    if !row.goal.is_empty() {
        let _ = writeln!(text, "{}\n", row.goal);
    }
    let place = row.team_name.as_deref().unwrap_or("private");
    let _ = writeln!(text, "*{} · {place} · begun by {} on {}*\n", row.status, row.owner()?.name, day(row.created_at));
    let artifacts = naming::session_artifacts(ctx, access.id).await?;
    if !artifacts.is_empty() {
        text.push_str("## Artifacts\n\n");
        for artifact in &artifacts {
            let _ = writeln!(text, "- {} ({} `{}`)", artifact.name, artifact.kind, artifact.slug);
        }
        text.push('\n');
    }
    text.push_str("## Timeline\n\n");
    let mut from = 1;
    loop {
        let entries = slice(ctx, access.id, from).await?;
        let Some((last, _)) = entries.last() else { return Ok(text) };
        from = last.number + 1;
        entries.iter().for_each(|(entry, _)| line(&mut text, entry));
    }
}

fn line(text: &mut String, entry: &Entry) {
    let imported = entry.imported.as_ref();
    let author = imported.map_or(entry.author.name.as_str(), |imported| imported.author.as_str());
    let at = imported.and_then(|imported| imported.time.clone()).unwrap_or_else(|| minute(entry.created_at));
    let _ = match &entry.what {
        EntryKind::Message { deleted_at: Some(_), .. } => writeln!(text, "### {author} · {at}\n\n*Deleted.*\n"),
        EntryKind::Message { text: words, attachments, edited_at, .. } => {
            let edited = if edited_at.is_some() { " · edited" } else { "" };
            let _ = writeln!(text, "### {author} · {at}{edited}\n\n{words}\n");
            for attachment in attachments {
                let _ = writeln!(text, "- Attached: {} ({} bytes)", attachment.name, attachment.size);
            }
            if attachments.is_empty() { Ok(()) } else { writeln!(text) }
        }
        EntryKind::Artifact { artifact } => writeln!(text, "*{author} brought in {} `{}` · {at}*\n", artifact.kind, artifact.slug),
        EntryKind::Commit { sha, message, .. } => {
            let short: String = sha.chars().take(7).collect();
            writeln!(text, "*{author} committed `{short}`: {message} · {at}*\n")
        }
        EntryKind::Joined => writeln!(text, "*{author} joined · {at}*\n"),
    };
}

fn formatted(millis: i64, format: &str) -> String {
    jiff::Timestamp::from_millisecond(millis).map(|time| time.strftime(format).to_string()).unwrap_or_default()
}

fn day(millis: i64) -> String {
    formatted(millis, "%Y-%m-%d")
}

fn minute(millis: i64) -> String {
    formatted(millis, "%Y-%m-%d %H:%M UTC")
}
