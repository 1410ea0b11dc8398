//! What is in the sample: a dozen of the built-in artifacts, a few commits by sample people, drafts that wait, sessions and comments.
//! All of it is made as people make it, through the services.

use std::collections::HashMap;

use super::super::{history::Appended, system};
use crate::{
    error::AppResult,
    features::{
        accounts::model::Person,
        analytics::service::{Event, UsageKind},
        artifacts::{
            model::{CreateArtifact, FrontmatterValue, Kind, SaveDraft, SetFrontmatter},
            service as artifacts,
        },
        comments::{
            model::{CreateReply, CreateThread},
            service as comments,
        },
        sessions::{
            model::{CommitSession, CreateMessage, CreateSession, references::handle},
            service as sessions,
        },
        volumes::model::{CommitItem, CreateCommit},
    },
    ids::{ArtifactId, CommitId, EntryId, SessionId, TeamId, ThreadId, VolumeId},
    server::context::{Actor, Ctx, Via},
};

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

/// Fills the team and its volume, on behalf of the sample people.
pub async fn fill(ctx: &Ctx, team: TeamId, volume: VolumeId, people: &[Person]) -> AppResult<()> {
    let acting = |person: &Person| ctx.on_behalf_of(Actor::member(person.clone(), Via::Operator));
    let (Some(first), Some(second)) = (people.first(), people.last()) else { return Ok(()) };
    let (rosa, tomasz) = (acting(first), acting(second));
    let ids = copy_built_in(&rosa, volume).await?;
    let of = |slug: &str| ids.get(slug).copied();
    if let Some(id) = of("code-review") {
        append(&tomasz, id, "## In this team\n\nTwo people read a change to money or permissions. Everything else needs one.\n").await?;
        commit(&tomasz, id, "Say who reviews what").await?;
        let thread =
            discuss(&rosa, CreateThread { artifact_id: Some(id), ..about("Does a migration of the database need two as well?") }).await?;
        let answer = "It does: it is harder to take back than any code.".to_owned();
        comments::create_reply(&tomasz, thread, CreateReply { id: None, text: answer }).await?;
        comments::resolve_thread(&rosa, thread).await?;
    }
    if let Some(id) = of("dcf-valuation") {
        agree_on_assumptions(&rosa, &tomasz, team, id).await?;
    }
    if let Some(id) = of("contract-analysis") {
        append(&tomasz, id, "## Open questions\n\n- Which law do framework contracts fall under?\n").await?;
        ask_about_contracts(ctx, &rosa, &tomasz, team, id).await?;
    }
    let name = "Release notes".to_owned();
    artifacts::create_artifact(&rosa, CreateArtifact { id: None, volume_id: volume, kind: Kind::Skill, name, text: None }).await?;
    Ok(())
}

/// A session that ended with a commit.
async fn agree_on_assumptions(rosa: &Ctx, tomasz: &Ctx, team: TeamId, dcf: ArtifactId) -> AppResult<()> {
    let session = begin(rosa, team, "Usual assumptions", "One set of assumptions that each of our valuations begins with.").await?;
    let proposal = "does not say which rates we take. My proposal:\n\n| What | Value |\n| --- | --- |\n| Risk-free rate | ten-year government bond |\n| Terminal growth | at most 2 % |";
    say(rosa, session, &format!("@{} @dcf-valuation {proposal}", handle(&tomasz.actor()?.person.name))).await?;
    say(tomasz, session, "Agreed. Growth above that needs a reason *in writing*, and somebody who has read it.").await?;
    set(rosa, dcf, "version", "1.1.0").await?;
    append(rosa, dcf, "## Our usual assumptions\n\n| What | Value |\n| --- | --- |\n| Risk-free rate | ten-year government bond |\n| Terminal growth | at most 2 %, more with a reason in writing |\n").await?;
    let message = "Write down our usual assumptions".to_owned();
    sessions::commit_session(rosa, session, CommitSession { id: None, message, artifact_ids: vec![dcf], volume_id: None }).await?;
    Ok(())
}

/// A session that goes on, with a question to whoever added the sample and comments that are open.
async fn ask_about_contracts(ctx: &Ctx, rosa: &Ctx, tomasz: &Ctx, team: TeamId, contracts: ArtifactId) -> AppResult<()> {
    let owner = handle(&ctx.actor()?.person.name);
    let session =
        begin(tomasz, team, "Framework contracts", "Decide how we read framework contracts before the next three come in.").await?;
    say(
        tomasz,
        session,
        "I wrote what is open into @contract-analysis, as a draft. The first question stops me: which law do they fall under?",
    )
    .await?;
    let answer = say(rosa, session, "Two of the three name the law of the *supplier*. For the third we have to ask.").await?;
    let on_answer = CreateThread { session_id: Some(session), entry_id: Some(answer), ..about("Which of them is the third?") };
    discuss(tomasz, on_answer).await?;
    say(rosa, session, &format!("@{owner} could you ask them? Then Tomasz can commit his draft from here.")).await?;
    let on_draft =
        CreateThread { artifact_id: Some(contracts), ..about("One question each, please: the list is what the other side reads.") };
    discuss(rosa, on_draft).await?;
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
    let event = Event::new(UsageKind::VolumeImported).subject(commit).amount(changes.len() as i64);
    let commit = Appended { id: commit, volume, author, message, source: "import", changes, now: ctx.now() };
    artifacts::publish_import(ctx, commit, event, &()).await?;
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
    let input =
        CreateCommit { id: None, message: message.to_owned(), artifacts: vec![CommitItem { id, base_revision_id }], after_own: false };
    artifacts::commit(ctx, input).await.map(drop)
}

async fn begin(ctx: &Ctx, team: TeamId, title: &str, goal: &str) -> AppResult<SessionId> {
    let input = CreateSession { id: None, title: title.to_owned(), goal: goal.to_owned(), team_id: Some(team) };
    Ok(sessions::create_session(ctx, input).await?.summary.id)
}

async fn say(ctx: &Ctx, session: SessionId, text: &str) -> AppResult<EntryId> {
    sessions::join_session(ctx, session).await?;
    let input = CreateMessage { id: None, text: text.to_owned(), attachment_ids: Vec::new() };
    Ok(sessions::send_message(ctx, session, input).await?.id)
}

/// A thread about nothing yet.
fn about(text: &str) -> CreateThread {
    CreateThread { id: None, artifact_id: None, session_id: None, entry_id: None, anchor: None, text: text.to_owned() }
}

async fn discuss(ctx: &Ctx, thread: CreateThread) -> AppResult<ThreadId> {
    Ok(comments::create_thread(ctx, thread).await?.id)
}
