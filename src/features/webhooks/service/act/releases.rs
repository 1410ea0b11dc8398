//! Releases become submissions of the listings that come from the repository. What is submitted is what the tag has, in the name of somebody who
//! publishes the listing and works in a volume that is linked to the repository: so nobody gets hold of a private repository by naming it. Nothing is
//! public before its maker has signed it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{super::outcomes, Done, Heard, none_linked};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{self, Action, Scope, model::Scopes},
        git::{self, service::LinkedVolume},
        jobs::{
            self, Job,
            model::{ATTEMPTS, backoff_ms},
            service::NewJob,
        },
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
    server::{
        clock,
        context::{Ctx, Via},
    },
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
    /// The delivery that it stands with how that went; empty: none.
    #[serde(default)]
    delivery: String,
    /// How often a job gave it up because the repository was out of reach.
    #[serde(default)]
    given_up: i64,
    /// It waits for its next try, outside of the order of its volume, whose pulls go on meanwhile.
    #[serde(default)]
    waits: bool,
}

impl Payload {
    fn about(&self) -> String {
        about(self.listing)
    }
}

/// What of a delivery is about this listing.
fn about(listing: ListingId) -> String {
    format!("release {listing}")
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
        let problem = format!(
            "The tag “{}” names “{name}”, which is none of what comes from {repository}: {}. Tag it with one of these names, such as {}-v1.0.0.",
            release.tag_name,
            slugs(),
            listings[0].slug
        );
        // Whoever publishes several of them hears of it once.
        let mut heard: Vec<UserId> = Vec::new();
        for listing in &listings {
            let Some((_, _, mut publishers)) = maker_of(ctx, listing, &links).await? else { continue };
            publishers.retain(|user| !heard.contains(user));
            let source = format!("release {repository} {} of {}", release.tag_name, listing.id);
            tell_problem(ctx, &publishers, listing.id, &listing.name, &problem, source).await?;
            heard.extend(publishers);
        }
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
            tell_maintainers(ctx, listing, &links, &repository).await?;
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
                    delivery: heard.delivery.to_owned(),
                    given_up: 0,
                    waits: false,
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

/// Tells those who look after the linked volumes of a listing that says it comes from their repository and is nobody's who works there. Once for each
/// listing: whether that is right a person has to know, and somebody who only says so is not to be heard with each release.
async fn tell_maintainers(ctx: &Ctx, listing: &ListedAt, links: &[LinkedVolume], repository: &str) -> AppResult<()> {
    let text = format!(
        "Releases of “{}” at {repository} are not taken over: nobody who publishes it works in this volume. Have one of you made its co-owner, or report it.",
        listing.slug
    );
    for link in links {
        let acting = accounts::service::acting_at_github(ctx, link.team, None).await?;
        let people = volumes::service::who_may(ctx, link.volume, Action::ManageVolumes).await?;
        let new = NewNotification::new(NotificationKind::Release, (SubjectKind::Volume, link.volume), &link.name, &text)
            .source(format!("release of {} in {}", listing.id, link.volume));
        notifications::service::send(&acting, &people, &NewNotification { team: link.team, ..new }).await?;
    }
    Ok(())
}

/// How long a release is tried whose repository is out of reach: with pauses of up to an hour that is a day.
const GIVEN_UP_MAX: i64 = 28;
const FIRST_PAUSE_MS: i64 = clock::MINUTE;
const LONGEST_PAUSE_MS: i64 = clock::HOUR;

/// It is tried again later, by another job.
async fn try_later(ctx: &Ctx, payload: Payload, error: &AppError) -> AppResult<Value> {
    let (now, given_up) = (ctx.now(), payload.given_up + 1);
    let at = now + backoff_ms(FIRST_PAUSE_MS, LONGEST_PAUSE_MS, given_up, 1.0);
    let mut tx = ctx.db().write_tx().await?;
    let sentence = format!("{} {}: {}", payload.slug, payload.version, error.message);
    outcomes::note_outcome(&mut tx, &payload.delivery, &payload.about(), &sentence, true, now).await?;
    jobs::service::enqueue(&mut tx, NewJob::new(RELEASE, &Payload { given_up, waits: true, ..payload })?.at(at), now).await?;
    tx.commit().await?;
    Ok(json!({ "later": error.message }))
}

/// Its turn among the jobs of its volume.
async fn take_its_turn(ctx: &Ctx, payload: Payload) -> AppResult<Value> {
    let (volume, now) = (payload.volume, ctx.now());
    let mut tx = ctx.db().write_tx().await?;
    jobs::service::enqueue(&mut tx, NewJob::new(RELEASE, &Payload { waits: false, ..payload })?.in_order_of(volume), now).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    Ok(json!({ "waits": volume }))
}

/// The job: submits what the tag has, and asks its maker for the signature; or says what was wrong and what to do.
pub async fn take_release(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let payload: Payload = serde_json::from_str(&job.payload)?;
    if payload.waits {
        return take_its_turn(ctx, payload).await;
    }
    let taken = match take(ctx, &payload).await {
        Err(error) if is_of_the_moment(&error) && job.attempts < ATTEMPTS => return Err(error),
        Err(error) if is_of_the_moment(&error) && payload.given_up < GIVEN_UP_MAX => return try_later(ctx, payload, &error).await,
        taken => taken,
    };
    let (sentence, report) = match &taken {
        Ok(Taken::Known(id)) => (" is there already.".to_owned(), json!({ "known": id })),
        Ok(Taken::Submitted(id)) => (" waits for its signature.".to_owned(), json!({ "submitted": id })),
        Err(error) => {
            let problem = format!("Version {} ({}): {}", payload.version, payload.tag, sentences(error));
            // What was wrong with other files under the same tag is told again: the job is another one, and so may the reason be.
            let source = format!("release {} {} of {}: {}", payload.repository, payload.tag, payload.listing, error.message);
            tell_problem(ctx, &payload.publishers, payload.listing, &payload.name, &problem, source).await?;
            (format!(": {}", sentences(error)), json!({ "problem": problem }))
        }
    };
    let sentence = format!("{} {}{sentence}", payload.slug, payload.version);
    let mut tx = ctx.db().write_tx().await?;
    outcomes::note_outcome(&mut tx, &payload.delivery, &payload.about(), &sentence, taken.is_err(), ctx.now()).await?;
    tx.commit().await?;
    Ok(report)
}

fn is_of_the_moment(error: &AppError) -> bool {
    matches!(error.code, ErrorCode::Unavailable | ErrorCode::Internal)
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
