//! Releases become submissions of the listings that come from the repository. What is submitted is what the tag has, in the name of somebody who
//! publishes the listing and works in a volume that is linked to the repository: so nobody gets hold of a private repository by naming it. Nothing is
//! public before its maker has signed it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Done, Heard, none_linked};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{self, Action, Scope, model::Scopes},
        git::{self, service::LinkedVolume},
        jobs::{self, Job, model::ATTEMPTS, service::NewJob},
        marketplace::{
            self,
            service::{FromGit, ListedAt, Taken},
        },
        notifications::{
            self,
            model::{NotificationKind, SubjectKind},
            service::NewNotification,
        },
        volumes,
        webhooks::model::{ReleaseEvent, read_tag, version_of},
    },
    ids::{ListingId, UserId, VolumeId},
    server::context::{Ctx, Via},
    ui::plural,
};

/// The job that takes one over.
pub const RELEASE: &str = "webhooks.release";

/// What a changelog of the marketplace holds.
const CHANGELOG_CHARS: usize = 20_000;

#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    volume: VolumeId,
    listing: ListingId,
    slug: String,
    name: String,
    kind: String,
    /// In whose name it is submitted, and who signs it.
    maker: UserId,
    /// Who is told where it cannot be.
    publishers: Vec<UserId>,
    repository: String,
    tag: String,
    version: String,
    changelog: String,
}

/// Queues a submission for each listing that a published release is of.
pub async fn publish(ctx: &Ctx, event: &ReleaseEvent, heard: &Heard<'_>) -> AppResult<Done> {
    let Some(repository) = heard.repository(&event.repository) else { return Ok(Done::default()) };
    let release = &event.release;
    if event.action != "published" || release.draft {
        return Ok(Done::default());
    }
    let links = git::service::links_to(ctx, &event.repository.clone_url).await?;
    if links.is_empty() {
        return Ok(none_linked(&repository));
    }
    let listings = marketplace::service::listings_at(ctx, &repository, &event.repository.clone_url).await?;
    if listings.is_empty() {
        return Ok(Done::nothing("Nothing in the marketplace says that it comes from this repository."));
    }
    let tag = read_tag(&release.tag_name);
    let named: Vec<&ListedAt> = listings.iter().filter(|listing| tag.name.is_none_or(|name| name == listing.slug)).collect();
    let slugs = || listings.iter().map(|listing| listing.slug.as_str()).collect::<Vec<_>>().join(", ");
    if named.is_empty() {
        let name = tag.name.unwrap_or_default();
        return Ok(Done::nothing(format!("Its tag names “{name}”, which is none of what comes from this repository: {}.", slugs())));
    }
    let problem = match (tag.name, named.as_slice()) {
        (None, [_, _, ..]) => Err(format!(
            "The tag “{}” does not say which of {} it is of: tag each with its name, such as {}-v1.0.0.",
            release.tag_name,
            slugs(),
            named[0].slug
        )),
        _ => version_of(&release.tag_name, tag.version, release.prerelease),
    };
    let now = ctx.now();
    let mut done = Done { acted: true, ..Done::default() };
    for listing in named {
        let Some((link, maker, publishers)) = maker_of(ctx, listing, &links).await? else {
            done.sentences.push(format!("{}: none of its publishers works in a volume that is linked to this repository.", listing.slug));
            continue;
        };
        match &problem {
            Err(problem) => {
                let source = format!("release {repository} {} of {}", release.tag_name, listing.id);
                tell_problem(ctx, &publishers, listing.id, &listing.name, problem, source).await?;
                done.sentences.push(format!("{}: {problem}", listing.slug));
            }
            Ok(version) => {
                let payload = Payload {
                    volume: link.volume,
                    listing: listing.id,
                    slug: listing.slug.clone(),
                    name: listing.name.clone(),
                    kind: listing.kind.to_string(),
                    maker,
                    publishers,
                    repository: repository.clone(),
                    tag: release.tag_name.clone(),
                    version: version.clone(),
                    changelog: notes(&release.body, &release.html_url),
                };
                let mut tx = ctx.db().write_tx().await?;
                // What is fetched goes where pulls of the volume fetch to.
                jobs::service::enqueue(&mut tx, NewJob::new(RELEASE, &payload)?.in_order_of(link.volume), now).await?;
                tx.commit().await?;
                done.sentences.push(format!("{} {version} is prepared for the marketplace.", listing.slug));
            }
        }
    }
    ctx.state.jobs.notify_one();
    Ok(done)
}

/// In whose name a listing's release is submitted, by which link it is read, and who else publishes it and works there: whoever submitted the newest
/// one, else who linked the volume, else any.
async fn maker_of<'a>(
    ctx: &Ctx,
    listing: &ListedAt,
    links: &'a [LinkedVolume],
) -> AppResult<Option<(&'a LinkedVolume, UserId, Vec<UserId>)>> {
    for link in links {
        let mut both = volumes::service::who_may(ctx, link.volume, Action::Commit).await?;
        both.retain(|user| listing.publishers.contains(user));
        let preferred = listing.last_by.into_iter().chain([link.linked_by]).find(|user| both.contains(user));
        if let Some(maker) = preferred.or_else(|| both.first().copied()) {
            return Ok(Some((link, maker, both)));
        }
    }
    Ok(None)
}

/// The changelog: the notes, or where they are.
fn notes(body: &str, url: &str) -> String {
    let notes: String = body.trim().chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).take(CHANGELOG_CHARS).collect();
    if notes.is_empty() { url.chars().take(CHANGELOG_CHARS).collect() } else { notes }
}

/// Tells those who can mend it, once for each release.
async fn tell_problem(ctx: &Ctx, to: &[UserId], listing: ListingId, name: &str, problem: &str, source: String) -> AppResult<()> {
    let acting = &accounts::service::acting_at_github(ctx, None, None).await?;
    let new = NewNotification::new(NotificationKind::Release, (SubjectKind::Ownership, listing), name, problem).source(source);
    notifications::service::send(acting, to, &new).await
}

/// The job: submits what the tag has, and asks its maker for the signature; or says what was wrong and what to do.
pub async fn take_release(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let payload: Payload = serde_json::from_str(&job.payload)?;
    match take(ctx, &payload).await {
        Ok(Taken::Known(id)) => Ok(json!({ "known": id })),
        Ok(Taken::Submitted(id)) => Ok(json!({ "submitted": id })),
        Err(error) if matches!(error.code, ErrorCode::Unavailable | ErrorCode::Internal) && job.attempts < ATTEMPTS => Err(error),
        Err(error) => {
            let problem = format!("Version {} ({}): {}", payload.version, payload.tag, sentences(&error));
            // What was wrong with other files under the same tag is told again: the job is another one, and so may the reason be.
            let source = format!("release {} {} of {}: {}", payload.repository, payload.tag, payload.listing, error.message);
            tell_problem(ctx, &payload.publishers, payload.listing, &payload.name, &problem, source).await?;
            Ok(json!({ "problem": problem }))
        }
    }
}

/// All that is wrong, once each.
fn sentences(error: &AppError) -> String {
    let mut all: Vec<&str> = error.fields.values().map(String::as_str).collect();
    if !all.contains(&error.message.as_str()) {
        all.insert(0, &error.message);
    }
    all.join(" ")
}

async fn take(ctx: &Ctx, payload: &Payload) -> AppResult<Taken> {
    let kind = payload.kind.parse().map_err(|_| AppError::internal())?;
    let at = git::service::artifacts_at(ctx, payload.volume, &payload.tag, kind, &payload.slug).await?;
    let Some(found) = at.found else {
        let there = if at.names.is_empty() { "no artifact at all".to_owned() } else { at.names.join(", ") };
        return Err(AppError::conflict(format!(
            "The tree of the tag has no {} called “{}”, but {there}: name its folder so, or link the volume to the folder that holds it.",
            payload.kind, payload.slug
        )));
    };
    let maker = &accounts::service::acting_for(ctx, payload.maker, Via::Token(Scopes(vec![Scope::Read, Scope::Publish]))).await?;
    // Whoever lost a right since the event came submits nothing.
    volumes::service::authorise(maker, payload.volume, Action::Read).await?;
    let from = FromGit {
        kind: found.kind,
        content: found.content,
        files: found.files,
        version: payload.version.clone(),
        changelog: payload.changelog.clone(),
    };
    let taken = marketplace::service::submit_from_git(maker, payload.listing, from).await?;
    let (Taken::Submitted(id) | Taken::Known(id)) = taken;
    // Also where it was submitted by a process that died before it told so: nobody is told of it twice.
    let acting = &accounts::service::acting_at_github(ctx, None, None).await?;
    let submission = marketplace::service::submission(maker, id, None).await?;
    if !submission.submission.signed {
        let findings = match submission.report.len() as i64 {
            0 => String::new(),
            found => format!(" {} to look at.", plural(found, "finding", "findings")),
        };
        let text = format!("{} {} from the release “{}” waits for your signature.{findings}", payload.name, payload.version, payload.tag);
        let new =
            NewNotification::new(NotificationKind::Sign, (SubjectKind::Submission, id), &payload.name, &text).source(format!("sign {id}"));
        notifications::service::send(acting, &[payload.maker], &new).await?;
    }
    Ok(taken)
}
