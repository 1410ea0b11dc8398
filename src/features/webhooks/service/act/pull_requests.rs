//! Pull requests and their reviews, kept with the volumes that are linked to the branch that they go to.

use super::{Done, Heard, none_linked};
use crate::{
    error::AppResult,
    features::{
        analytics::service::record_once,
        git::{
            self,
            model::PullState,
            service::{Asked, LinkedVolume, PullNews, ReviewNews},
        },
        tasks::model::one_line,
        webhooks::model::{PullRequest, PullRequestEvent, PullRequestReviewEvent, Repository},
    },
    server::{clock, context::Ctx},
    ui::plural,
};

const TITLE_CHARS: usize = 300;

/// What is said of a pull request, as it was heard.
pub fn news<'a>(pull: &'a PullRequest, repository: &'a str, title: &'a str, heard: &Heard<'a>) -> PullNews<'a> {
    let state = match pull.state.as_str() {
        "closed" if pull.merged || pull.merged_at.is_some() => PullState::Merged,
        "closed" => PullState::Closed,
        _ => PullState::Open,
    };
    PullNews {
        repository,
        number: pull.number,
        title,
        author: &pull.user.login,
        author_id: pull.user.id,
        url: if pull.html_url.starts_with("https://") || pull.html_url.starts_with("http://") { &pull.html_url } else { "" },
        state,
        draft: pull.draft,
        head_sha: &pull.head.sha,
        at: heard.at(&pull.updated_at),
        delivery: heard.delivery,
        opened_at: pull.created_at.as_deref().and_then(clock::parse_rfc3339),
        ended_at: pull.merged_at.as_deref().or(pull.closed_at.as_deref()).and_then(clock::parse_rfc3339),
    }
}

/// The volumes that are linked to the branch that it goes to, and those that are linked to another one.
async fn linked(ctx: &Ctx, repository: &Repository, pull: &PullRequest) -> AppResult<(Vec<LinkedVolume>, Vec<LinkedVolume>)> {
    let links = git::service::links_to(ctx, &repository.clone_url).await?;
    Ok(links.into_iter().partition(|link| link.branch == pull.base.reference))
}

/// Keeps a pull request, has a preview made of what it would change, and what was merged pulled.
pub async fn follow(ctx: &Ctx, event: &PullRequestEvent, heard: &Heard<'_>) -> AppResult<Done> {
    let Some(repository) = heard.repository(&event.repository) else { return Ok(Done::default()) };
    let pull = &event.pull_request;
    let (links, others) = linked(ctx, &event.repository, pull).await?;
    if links.is_empty() && others.is_empty() {
        return Ok(none_linked(&repository));
    }
    let title = one_line(&pull.title, TITLE_CHARS);
    let news = news(pull, &repository, &title, heard);
    let is_new = matches!(event.action.as_str(), "opened" | "reopened" | "ready_for_review");
    let looks = is_new || matches!(event.action.as_str(), "synchronize" | "edited");
    let now = ctx.now();
    let (mut previews, mut pulls, mut newer) = (0, 0, 0);
    let counted = git::service::counted(ctx, &links, &news).await?;
    let mut tx = ctx.db().write_tx().await?;
    for link in &others {
        git::service::retarget(&mut tx, link.volume, &repository, pull.number).await?;
    }
    for link in &links {
        if !git::service::follow_pull_request(ctx, &mut tx, link.volume, &news).await? {
            continue;
        }
        newer += 1;
        match news.state {
            PullState::Merged if event.action == "closed" => {
                git::service::pull_soon(&mut tx, link.volume, now).await?;
                pulls += 1;
            }
            PullState::Open if looks => {
                let asked = Asked {
                    volume: link.volume,
                    repository: repository.clone(),
                    number: pull.number,
                    told: is_new.then(|| (event.action.clone(), news.at)),
                    sender: event.sender.github(),
                };
                git::service::preview_soon(&mut tx, &asked, now).await?;
                previews += 1;
            }
            _ => {}
        }
    }
    record_once(ctx, &mut tx, counted).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    let mut done = Done::default();
    if links.is_empty() {
        return Ok(Done::nothing(format!("No volume is linked to its branch “{}”.", pull.base.reference)));
    }
    done.acted = true;
    if newer == 0 {
        done.sentences.push(format!("Nothing newer than what is known of #{}.", pull.number));
    } else {
        done.sentences.push(format!("#{} is kept with {}.", pull.number, plural(newer, "volume", "volumes")));
    }
    if previews > 0 {
        done.sentences.push(format!("{} of what it would change.", plural(previews, "preview is made", "previews are made")));
    }
    if pulls > 0 {
        done.sentences.push(format!("{}.", plural(pulls, "volume is pulled", "volumes are pulled")));
    }
    Ok(done)
}

/// Keeps a review: of each reviewer the latest counts.
pub async fn review(ctx: &Ctx, event: &PullRequestReviewEvent, heard: &Heard<'_>) -> AppResult<Done> {
    let Some(repository) = heard.repository(&event.repository) else { return Ok(Done::default()) };
    let (links, others) = linked(ctx, &event.repository, &event.pull_request).await?;
    if links.is_empty() {
        return Ok(match others.is_empty() {
            true => none_linked(&repository),
            false => Done::nothing(format!("No volume is linked to its branch “{}”.", event.pull_request.base.reference)),
        });
    }
    let state = if event.action == "dismissed" { "dismissed".to_owned() } else { event.review.state.to_ascii_lowercase() };
    if !matches!(state.as_str(), "approved" | "changes_requested" | "dismissed") {
        return Ok(Done::nothing("A review that only comments decides nothing."));
    }
    let title = one_line(&event.pull_request.title, TITLE_CHARS);
    let news = news(&event.pull_request, &repository, &title, heard);
    let review =
        ReviewNews { id: event.review.id, reviewer: &event.review.user.login, state: &state, at: heard.at(&event.review.submitted_at) };
    let mut tx = ctx.db().write_tx().await?;
    for link in &links {
        git::service::follow_review(ctx, &mut tx, link.volume, &news, &review).await?;
    }
    tx.commit().await?;
    let words = match state.as_str() {
        "approved" => "approves",
        "changes_requested" => "wants changes in",
        _ => "no longer decides about",
    };
    Ok(Done::one(format!("{} {words} #{}.", event.review.user.login, event.pull_request.number)))
}
