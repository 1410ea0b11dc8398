//! The names in what people write, messages and comments: who and what they mean in a team, or in one's own workspace.

use std::collections::{HashMap, HashSet};

use crate::{
    error::AppResult,
    features::{
        accounts::{self, model::Person},
        artifacts::service::{self as artifacts, Named},
        assistant,
        sessions::{
            model::{
                SessionArtifact,
                references::{Reference, artifact_link, handle, person_link, rewrite, scan},
            },
            store,
        },
        volumes::{self, model::VolumeKind, service::VolumeAccess},
    },
    ids::{ArtifactId, SessionId, TeamId, UserId},
    server::{context::Ctx, db::parse_id},
};

/// A text as it is stored, with what it names.
pub struct Resolved {
    pub text: String,
    pub people: Vec<UserId>,
    /// Whether the assistant is named, which is none of the people.
    pub asks: bool,
    pub artifacts: Vec<SessionArtifact>,
}

/// The volumes in which names are looked for: what everybody in the team reads. Without a team it is all that the caller sees.
pub async fn scope(ctx: &Ctx, team: Option<TeamId>) -> AppResult<Vec<VolumeAccess>> {
    let mut volumes = volumes::service::visible(ctx).await?;
    if team.is_some() {
        volumes.retain(|volume| volume.kind == VolumeKind::System || volume.team == team);
    }
    Ok(volumes)
}

/// Who may be mentioned: the members of the team, or the caller alone; and the assistant, where it answers.
pub async fn people(ctx: &Ctx, team: Option<TeamId>) -> AppResult<Vec<Person>> {
    let mut people: Vec<Person> = match team {
        Some(team) => accounts::service::list_members(ctx, team).await?.into_iter().map(|member| member.person).collect(),
        None => vec![ctx.actor()?.person.clone()],
    };
    // Somebody of the team who has its name comes first.
    if let Some(person) = assistant::service::person(ctx, team).await?
        && !people.iter().any(|member| handle(&member.name) == handle(&person.name))
    {
        people.push(person);
    }
    Ok(people)
}

/// The account that answers as the assistant.
pub fn assistant_id() -> UserId {
    accounts::service::assistant().id
}

/// A text as somebody reads it, without the addresses of what it names and without the name of the assistant that it asks.
pub fn plain(text: &str) -> String {
    let assistant = assistant_id();
    let shown =
        |range: &std::ops::Range<usize>| text[range.clone()].trim_start_matches('[').split("](").next().unwrap_or_default().to_owned();
    let written: Vec<_> = scan(text)
        .into_iter()
        .filter_map(|(range, reference)| match reference {
            Reference::Person(id) if id == assistant => Some((range, Some(String::new()))),
            Reference::Person(_) | Reference::Artifact(_) => {
                let name = shown(&range);
                Some((range, Some(name)))
            }
            Reference::Bare(_) => None,
        })
        .collect();
    rewrite(text, &written).trim().trim_start_matches([',', ':']).trim_start().to_owned()
}

/// The text with the names in it as links.
pub async fn resolve(ctx: &Ctx, team: Option<TeamId>, text: &str) -> AppResult<Resolved> {
    let found = scan(text);
    if found.is_empty() {
        return Ok(Resolved { text: text.to_owned(), people: Vec::new(), asks: false, artifacts: Vec::new() });
    }
    let members = people(ctx, team).await?;
    let mut handles: HashMap<String, Option<UserId>> = HashMap::new();
    for person in &members {
        // A name that two people have means neither.
        handles.entry(handle(&person.name)).and_modify(|id| *id = None).or_insert(Some(person.id));
    }
    let slugs: HashSet<String> = found
        .iter()
        .filter_map(|(_, reference)| match reference {
            Reference::Bare(name) => Some(name.to_lowercase()),
            _ => None,
        })
        .collect();
    let by_slug = artifacts::find_by_slug(ctx, &scope(ctx, team).await?, &slugs).await?;
    let ids: Vec<ArtifactId> = found
        .iter()
        .filter_map(|(_, reference)| match reference {
            Reference::Artifact(id) => Some(*id),
            _ => None,
        })
        .collect();
    let by_id = artifacts::named(ctx, &ids).await?;

    let mut resolved = Resolved { text: String::new(), people: Vec::new(), asks: false, artifacts: Vec::new() };
    let mut written = Vec::with_capacity(found.len());
    for (range, reference) in found {
        let (link, artifact, person) = match &reference {
            Reference::Bare(name) => match by_slug.get(&name.to_lowercase()) {
                Some(named) => (Some(artifact_link(&named.slug, named.id)), Some(named), None),
                None => {
                    let id = handles.get(&handle(name)).copied().flatten();
                    let person = members.iter().find(|person| Some(person.id) == id);
                    (person.map(|person| person_link(&person.name, person.id)), None, person)
                }
            },
            Reference::Person(id) => (None, None, members.iter().find(|person| person.id == *id)),
            Reference::Artifact(id) => (None, by_id.get(id), None),
        };
        written.push((range, link));
        if let Some(named) = artifact
            && !resolved.artifacts.iter().any(|known| known.id == named.id)
        {
            resolved.artifacts.push(as_shown(named));
        }
        match person {
            Some(person) if person.id == assistant_id() => resolved.asks = true,
            Some(person) if !resolved.people.contains(&person.id) => resolved.people.push(person.id),
            _ => {}
        }
    }
    resolved.text = rewrite(text, &written);
    Ok(resolved)
}

/// An artifact that the caller reads.
pub fn as_shown(named: &Named) -> SessionArtifact {
    SessionArtifact {
        id: named.id,
        kind: named.kind,
        slug: named.slug.clone(),
        name: named.name.clone(),
        volume_id: Some(named.volume),
        volume_name: named.volume_name.clone(),
        has_draft: named.has_draft,
        gone: false,
    }
}

/// Remembered artifacts as they stand now, for the caller.
pub async fn refresh(ctx: &Ctx, remembered: impl Iterator<Item = &mut SessionArtifact>) -> AppResult<()> {
    let remembered: Vec<&mut SessionArtifact> = remembered.collect();
    let ids: Vec<ArtifactId> = remembered.iter().map(|artifact| artifact.id).collect();
    let named = artifacts::named(ctx, &ids).await?;
    for artifact in remembered {
        match named.get(&artifact.id) {
            Some(named) => *artifact = as_shown(named),
            None => (artifact.has_draft, artifact.gone) = (false, true),
        }
    }
    Ok(())
}

/// The artifacts of a session.
pub async fn session_artifacts(ctx: &Ctx, id: SessionId) -> AppResult<Vec<SessionArtifact>> {
    let rows = store::artifacts(ctx.db().read(), id).await?;
    let mut artifacts = rows
        .iter()
        .map(|(id, data)| Ok(SessionArtifact { id: parse_id(id)?, ..serde_json::from_str(data)? }))
        .collect::<AppResult<Vec<_>>>()?;
    refresh(ctx, artifacts.iter_mut()).await?;
    Ok(artifacts)
}
