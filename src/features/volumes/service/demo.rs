//! The sample team and volume, so that nothing looks empty: a dozen of the built-in artifacts, a few commits by sample people,
//! drafts that wait. Marked as sample data, and removable with one click.

use std::collections::HashMap;

use super::{
    super::{
        model::{CommitItem, CreateCommit, VolumeKind},
        store::{self, NewVolume},
    },
    system,
};
use crate::{
    error::AppResult,
    features::{
        accounts::{self, model::Person},
        analytics::service::{Event, record},
        artifacts::{
            model::{CreateArtifact, FrontmatterValue, Kind, SaveDraft, SetFrontmatter},
            service::{self as artifacts, Publication},
        },
        sessions,
    },
    ids::{ArtifactId, CommitId, TeamId, VolumeId},
    server::context::{Actor, Ctx, Via},
};

const VOLUME: &str = "Demo volume";
const SLUGS: [&str; 12] = [
    "code-review",
    "contract-analysis",
    "data-analysis",
    "dcf-valuation",
    "equity-valuation",
    "technical-documentation",
    "test-case-design",
    "threat-modeling",
    "financial-calculator",
    "cron-explainer",
    "api-designer",
    "incident-commander",
];

/// Adds the sample, unless it is there.
pub async fn add_demo(ctx: &Ctx) -> AppResult<()> {
    accounts::service::may_manage_samples(ctx)?;
    if !accounts::service::sample_teams(ctx).await?.is_empty() {
        return Ok(());
    }
    let result = add(ctx).await;
    if result.is_err() {
        // Half a sample helps nobody.
        remove(ctx).await?;
    }
    result
}

/// For a server that was started with the wish for sample data: true once that needs no more looking at. The wish is fulfilled
/// once, as soon as there is an administrator: a setting of the service would bring back at each start what somebody removed.
/// Who wants it back asks for it (the administration, `llmos demo add`).
pub async fn add_demo_if_wanted(ctx: &Ctx) -> AppResult<bool> {
    if !ctx.state.config.demo || accounts::service::samples_given(ctx).await? {
        return Ok(true);
    }
    let Some(administrator) = accounts::service::operator(ctx).await? else { return Ok(false) };
    add_demo(&ctx.on_behalf_of(administrator)).await?;
    accounts::service::note_samples_given(ctx).await?;
    Ok(true)
}

async fn add(ctx: &Ctx) -> AppResult<()> {
    let (now, volume) = (ctx.now(), VolumeId::generate());
    let mut tx = ctx.db().write_tx().await?;
    let (team, people) = accounts::service::add_sample_team(ctx, &mut tx, now).await?;
    let new = NewVolume { id: volume, kind: VolumeKind::Team, owner: team.to_string(), name: VOLUME, demo: true, now };
    store::insert(&mut tx, &new).await?;
    record(ctx, &mut tx, Event::new("demo.added").team(Some(team)).volume(volume)).await?;
    tx.commit().await?;
    ctx.state.actors.forget();
    let acting =
        |person: &Person| ctx.on_behalf_of(Actor { person: person.clone(), administrator: false, moderator: false, via: Via::Operator });
    let (Some(first), Some(second)) = (people.first(), people.last()) else { return Ok(()) };
    let (rosa, tomasz) = (acting(first), acting(second));
    let ids = copy_built_in(&rosa, volume).await?;
    let of = |slug: &str| ids.get(slug).copied();
    if let Some(id) = of("code-review") {
        append(&tomasz, id, "## In this team\n\nTwo people read a change to money or permissions. Everything else needs one.\n").await?;
        commit(&tomasz, id, "Say who reviews what").await?;
    }
    if let Some(id) = of("dcf-valuation") {
        set(&rosa, id, "version", "1.1.0").await?;
        append(&rosa, id, "## Our usual assumptions\n\n| What | Value |\n| --- | --- |\n| Risk-free rate | ten-year government bond |\n| Terminal growth | at most 2 % |\n").await?;
        commit(&rosa, id, "Write down our usual assumptions").await?;
    }
    if let Some(id) = of("contract-analysis") {
        append(&tomasz, id, "## Open questions\n\n- Which law do framework contracts fall under?\n").await?;
    }
    let name = "Release notes".to_owned();
    artifacts::create_artifact(&rosa, CreateArtifact { id: None, volume_id: volume, kind: Kind::Skill, name, text: None }).await?;
    Ok(())
}

/// The dozen as one commit; gives their ids by slug.
async fn copy_built_in(ctx: &Ctx, volume: VolumeId) -> AppResult<HashMap<String, ArtifactId>> {
    let author = ctx.actor()?.id();
    let commit = CommitId::generate();
    let chosen: Vec<_> = system::changes(ctx, HashMap::new()).await?.into_iter().filter(|one| SLUGS.contains(&one.slug.as_str())).collect();
    let ids = chosen.iter().map(|one| (one.slug.clone(), one.artifact)).collect();
    let changes = artifacts::stage_import(ctx, commit, volume, author, chosen).await?;
    let message = "Begin with a dozen built-in artifacts";
    let event = Event::new("volume.imported").volume(volume).subject(commit);
    artifacts::publish_import(ctx, Publication { commit, volume, author, message, source: "import", changes, event }).await?;
    Ok(ids)
}

async fn append(ctx: &Ctx, id: ArtifactId, section: &str) -> AppResult<()> {
    let now = artifacts::get_artifact(ctx, id, None).await?;
    let saves = now.draft.map_or(0, |draft| draft.saves);
    let text = format!("{}\n\n{section}", now.text.trim_end());
    artifacts::save_draft(ctx, id, SaveDraft { text, saves }).await.map(drop)
}

async fn set(ctx: &Ctx, id: ArtifactId, key: &str, value: &str) -> AppResult<()> {
    let input = SetFrontmatter { key: key.to_owned(), value: Some(FrontmatterValue::Text(value.to_owned())) };
    artifacts::set_frontmatter(ctx, id, input).await.map(drop)
}

async fn commit(ctx: &Ctx, id: ArtifactId, message: &str) -> AppResult<()> {
    let base_revision_id = artifacts::get_artifact(ctx, id, None).await?.summary.head_revision_id;
    let input = CreateCommit { id: None, message: message.to_owned(), artifacts: vec![CommitItem { id, base_revision_id }] };
    artifacts::commit(ctx, input).await.map(drop)
}

/// Removes the sample with everything that anybody put into it.
pub async fn remove_demo(ctx: &Ctx) -> AppResult<()> {
    accounts::service::may_manage_samples(ctx)?;
    remove(ctx).await
}

async fn remove(ctx: &Ctx) -> AppResult<()> {
    for team in accounts::service::sample_teams(ctx).await? {
        remove_team(ctx, team).await?;
    }
    Ok(())
}

async fn remove_team(ctx: &Ctx, team: TeamId) -> AppResult<()> {
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    for volume in store::all_of(&mut tx, VolumeKind::Team, &team.to_string()).await? {
        artifacts::erase_volume(&mut tx, &volume).await?;
        sessions::service::forget_volume(&mut tx, &volume).await?;
        store::erase(&mut tx, &volume).await?;
    }
    sessions::service::erase_sessions_of_team(&mut tx, team).await?;
    accounts::service::remove_sample_team(&mut tx, team, now).await?;
    record(ctx, &mut tx, Event::new("demo.removed").team(Some(team))).await?;
    tx.commit().await?;
    ctx.state.actors.forget();
    Ok(())
}
