//! The artifacts of a session, and what `@` offers.

use super::{
    access::{self, SessionAccess},
    entries::EntryData,
    lifecycle::next_numbers,
    live::{announce_entry, announce_update},
    messages::remember,
    naming::{self, as_shown},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::{Event, UsageKind, record},
        artifacts::service as artifacts,
        sessions::{
            model::{AddArtifact, Completion, SessionArtifact, references::handle},
            store::{self, NewEntry},
        },
    },
    ids::{ArtifactId, EntryId, SessionId, TeamId, UserId},
    server::{context::Ctx, db::Tx},
};

/// What one look at `@` shows of either kind.
const COMPLETIONS: usize = 8;
const TYPED_CHARS: usize = 80;

/// Adds those artifacts that the session does not have yet, each with an entry. Gives the newest number, if there is one.
pub async fn newcomers(tx: &mut Tx, access: &SessionAccess, named: &[SessionArtifact], by: UserId, now: i64) -> AppResult<Option<i64>> {
    let ids: Vec<ArtifactId> = named.iter().map(|artifact| artifact.id).collect();
    let known = store::artifacts_among(tx, access.id, &ids).await?;
    let new: Vec<&SessionArtifact> = named.iter().filter(|artifact| !known.contains(&artifact.id.to_string())).collect();
    if new.is_empty() {
        return Ok(None);
    }
    let last = next_numbers(tx, access.id, new.len() as i64, now).await?;
    let first = last - new.len() as i64 + 1;
    let mut entries = Vec::with_capacity(new.len());
    for (number, artifact) in (first..).zip(new) {
        remember(tx, access.id, artifact, by, now).await?;
        entries.push(NewEntry {
            id: EntryId::generate(),
            session: access.id,
            number,
            kind: "artifact",
            author: by,
            text: "",
            html: "",
            rendering: 0,
            data: EntryData { artifacts: vec![artifact.clone()], ..EntryData::default() }.json()?,
            created_at: now,
        });
    }
    store::insert_entries(tx, &entries).await?;
    Ok(Some(last))
}

/// Brings an artifact that the caller reads into the session; there already: nothing happens.
pub async fn add_artifact(ctx: &Ctx, session: SessionId, input: AddArtifact) -> AppResult<SessionArtifact> {
    let access = access::find(ctx, session, Action::Converse).await?;
    let named = artifacts::named(ctx, &[input.artifact_id]).await?;
    let artifact = as_shown(named.get(&input.artifact_id).ok_or_else(|| AppError::not_found("artifact"))?);
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let mut tx = ctx.db().write_tx().await?;
    next_numbers(&mut tx, session, 0, now).await?;
    let Some(number) = newcomers(&mut tx, &access, std::slice::from_ref(&artifact), actor, now).await? else { return Ok(artifact) };
    store::mark_read(&mut tx, session, actor, number, now).await?;
    record(ctx, &mut tx, Event::new(UsageKind::SessionArtifactAdded).team(access.team).subject(session)).await?;
    tx.commit().await?;
    announce_entry(ctx, session, number);
    announce_update(ctx, session, "artifacts");
    Ok(artifact)
}

/// Takes an artifact out of the session's list; the timeline keeps saying that it came.
pub async fn remove_artifact(ctx: &Ctx, session: SessionId, artifact: ArtifactId) -> AppResult<()> {
    let access = access::find(ctx, session, Action::Converse).await?;
    let mut tx = ctx.db().write_tx().await?;
    next_numbers(&mut tx, session, 0, ctx.now()).await?;
    if !store::remove_artifact(&mut tx, session, artifact).await? {
        return Ok(());
    }
    record(ctx, &mut tx, Event::new(UsageKind::SessionArtifactRemoved).team(access.team).subject(session)).await?;
    tx.commit().await?;
    announce_update(ctx, session, "artifacts");
    Ok(())
}

/// People and artifacts for what was typed after `@`.
pub async fn completions(ctx: &Ctx, session: SessionId, typed: &str) -> AppResult<Vec<Completion>> {
    let access = access::find(ctx, session, Action::Read).await?;
    complete(ctx, access.team, typed).await
}

/// The same in a team, or in one's own workspace.
pub async fn complete(ctx: &Ctx, team: Option<TeamId>, typed: &str) -> AppResult<Vec<Completion>> {
    let typed = typed.trim().trim_start_matches('@');
    if typed.chars().count() > TYPED_CHARS {
        return Ok(Vec::new());
    }
    let wanted = handle(typed);
    let mut people: Vec<_> = naming::people(ctx, team)
        .await?
        .into_iter()
        .filter_map(|person| {
            let name = handle(&person.name);
            let begins = name.starts_with(&wanted);
            let word = person.name.split_whitespace().any(|word| handle(word).starts_with(&wanted));
            (begins || word || name.contains(&wanted)).then_some((!begins, !word, name, person))
        })
        .collect();
    people.sort_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
    let scope = naming::scope(ctx, team).await?;
    let found = artifacts::complete(ctx, &scope, typed, COMPLETIONS).await?;
    let people = people.into_iter().take(COMPLETIONS).map(|(.., person)| Completion::Person { person });
    Ok(people.chain(found.iter().map(|named| Completion::Artifact { artifact: as_shown(named) })).collect())
}
