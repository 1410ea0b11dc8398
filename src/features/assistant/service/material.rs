//! What the model is given of a session: the thread, the skills that fit, and the tools that may be called.

use std::collections::HashSet;

use llmos_assistant::{
    prompt::{Turn, TurnKind},
    tools,
    wire::ToolSpec,
};

use crate::{
    error::AppResult,
    features::{
        artifacts::{
            self,
            model::{ArtifactSummary, Kind, tool::Tool},
        },
        assistant::{
            model::{GivenSkill, SKILLS, SkillChoice},
            store,
        },
        search::{self, model::SearchQuery},
        sessions::{
            self,
            model::{EntryKind, EntryQuery},
            service::SessionAccess,
        },
    },
    ids::{ArtifactId, VolumeId},
    server::{context::Ctx, secrets},
};

/// Messages before the question that are looked at; of them goes along what there is room for.
const THREAD: i64 = 100;
/// Hits that skills and tools are chosen from.
const CANDIDATES: u32 = 20;
/// A hit is left out when it fits so much worse than the best one.
const WORST: f32 = 0.6;
const TOOLS: usize = 8;

/// A skill with its text.
pub struct Material {
    pub skill: GivenSkill,
    pub description: String,
    pub text: String,
}

/// A tool that may be called.
pub struct Offered {
    pub id: ArtifactId,
    pub slug: String,
    pub spec: ToolSpec,
    pub name: String,
    pub parameters: serde_json::Value,
    pub hosts: Vec<String>,
    pub code: String,
    pub sha: String,
}

/// One message before the question, or the question itself.
pub struct Said {
    pub author: String,
    pub text: String,
    pub assistant: bool,
}

impl Said {
    pub fn turn(&self) -> Turn<'_> {
        let kind = if self.assistant { TurnKind::Assistant } else { TurnKind::Person };
        Turn { author: &self.author, text: &self.text, kind }
    }
}

/// The messages up to an entry, the oldest first. Secrets in them are masked: they leave this machine.
pub async fn thread(ctx: &Ctx, access: &SessionAccess, number: i64) -> AppResult<Vec<Said>> {
    let from = (number - THREAD + 1).max(1);
    let limit = u32::try_from(number - from + 1).unwrap_or(1);
    let page = sessions::service::list_entries(ctx, access.id, EntryQuery { from: Some(from), limit: Some(limit) }).await?;
    let assistant = sessions::service::assistant_id();
    let said = page.items.into_iter().filter(|entry| entry.number <= number).filter_map(|entry| match entry.what {
        EntryKind::Message { text, deleted_at: None, .. } if !text.trim().is_empty() => {
            let author = entry.imported.map_or(entry.author.name, |imported| imported.author);
            Some(Said { author, text: llmos_search::mask(&text).into_owned(), assistant: entry.author.id == assistant })
        }
        _ => None,
    });
    Ok(said.collect())
}

/// Volumes.
pub type Places = HashSet<VolumeId>;

/// Whether an artifact of these volumes is one of this kind that may be used.
fn is_usable(row: &ArtifactSummary, kind: Kind, places: &Places) -> bool {
    row.kind == kind && row.deleted_at.is_none() && row.disabled.is_empty() && places.contains(&row.volume_id)
}

/// The volumes that everybody in the session reads: nothing else may show in an answer.
pub async fn places(ctx: &Ctx, access: &SessionAccess) -> AppResult<Places> {
    Ok(sessions::service::scope(ctx, access.team).await?.into_iter().map(|volume| volume.id).collect())
}

/// What search finds for the question in those volumes, the best first.
async fn found(ctx: &Ctx, places: &Places, question: &str, kind: Kind) -> AppResult<Vec<ArtifactId>> {
    let q: String = question.chars().take(2_000).collect();
    let query = SearchQuery {
        q: Some(q),
        kind: Some(kind.as_str().to_owned()),
        limit: Some(CANDIDATES),
        // No question of a person: it is not counted as one.
        partial: Some(true),
        sort: Some(search::model::SearchSort::Own),
        ..SearchQuery::default()
    };
    // Only there: what the asker reads elsewhere takes no place.
    let Some(page) = search::service::search_in(ctx, places, query).await? else { return Ok(Vec::new()) };
    let best = page.hits.iter().map(|hit| hit.score).fold(0.0, f32::max);
    Ok(page.hits.iter().filter(|hit| hit.score >= best * WORST).filter_map(|hit| hit.id.parse().ok()).collect())
}

/// The skills for a question: those that are pinned, then the best ones that search finds, without those that were left out.
pub async fn skills(ctx: &Ctx, access: &SessionAccess, places: &Places, question: &str) -> AppResult<Vec<Material>> {
    let choices = store::choices(ctx.db().read(), access.id).await?;
    let chosen = |wanted: SkillChoice| choices.iter().filter(move |(_, choice)| *choice == wanted).map(|(id, _)| *id);
    let pinned: Vec<ArtifactId> = chosen(SkillChoice::Pinned).collect();
    let left_out: HashSet<ArtifactId> = chosen(SkillChoice::LeftOut).collect();
    let mut ids = pinned.clone();
    if ids.len() < SKILLS {
        let found = found(ctx, places, question, Kind::Skill).await?;
        ids.extend(found.into_iter().filter(|id| !pinned.contains(id) && !left_out.contains(id)));
    }
    ids.truncate(SKILLS);
    let mut texts = artifacts::service::bodies_of(ctx, &ids).await?;
    let rows = artifacts::service::in_order(ctx, &ids).await?;
    let material = rows.into_iter().filter(|row| is_usable(row, Kind::Skill, places)).filter_map(|row| {
        let text = texts.remove(&row.id)?;
        let skill = GivenSkill { id: row.id, slug: row.slug, name: row.name, pinned: pinned.contains(&row.id) };
        Some(Material { skill, description: row.description, text: llmos_search::mask(&text).into_owned() })
    });
    Ok(material.collect())
}

/// The tools for a question: those of the session, then the best ones that search finds. Only what runs in a browser is offered.
pub async fn tools(ctx: &Ctx, access: &SessionAccess, places: &Places, question: &str) -> AppResult<Vec<Offered>> {
    let of_session = sessions::service::artifacts_of(ctx, access.id).await?;
    let of_session = of_session.into_iter().filter(|artifact| artifact.kind == Kind::Tool && !artifact.gone).map(|artifact| artifact.id);
    let mut ids: Vec<ArtifactId> = of_session.collect();
    for id in found(ctx, places, question, Kind::Tool).await? {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids.truncate(TOOLS);
    offered(ctx, places, &ids).await
}

/// Those of these tools that may be called where everybody reads these volumes, as they are now.
pub async fn offered(ctx: &Ctx, places: &Places, ids: &[ArtifactId]) -> AppResult<Vec<Offered>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut texts = artifacts::service::texts_of(ctx, ids).await?;
    let mut offered: Vec<Offered> = Vec::new();
    for row in artifacts::service::in_order(ctx, ids).await? {
        let Some(text) = texts.remove(&row.id).filter(|_| is_usable(&row, Kind::Tool, places)) else { continue };
        let Some(tool) = Tool::read(&text).filter(|tool| tool.runs) else { continue };
        let name = tools::name(&row.slug);
        // Two of one name could not be told apart.
        if offered.iter().any(|known| known.name == name) {
            continue;
        }
        let parameters = tool.parameters();
        let spec = ToolSpec::new(&name, &row.description, parameters.clone());
        let sha = secrets::sha256(text.as_bytes());
        offered.push(Offered { id: row.id, slug: row.slug, spec, name, parameters, hosts: tool.hosts, code: tool.code, sha });
    }
    Ok(offered)
}
