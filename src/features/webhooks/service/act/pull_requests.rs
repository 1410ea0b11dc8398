//! Pull requests and their reviews, kept with the volumes that are linked to the branch that they go to.

use super::{Done, Heard, none_linked};
use crate::{
    error::AppResult,
    features::{
        accounts::{self, Action},
        analytics::service::record_once,
        git::{
            self,
            model::PullState,
            service::{Asked, Before, LinkedVolume, PullNews, ReviewNews},
        },
        notifications::{
            self,
            model::{NotificationKind, SubjectKind},
            service::NewNotification,
        },
        tasks::model::one_line,
        volumes,
        webhooks::{
            model::{PullRequest, PullRequestEvent, PullRequestReviewEvent, Repository},
            store::deliveries,
        },
    },
    ids::UserId,
    server::{clock, context::Ctx, db::Tx},
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
    let (sender, now) = (event.sender.github(), ctx.now());
    let (mut previews, mut pulls, mut kept) = (0, 0, Vec::new());
    let counted = git::service::counted(ctx, &links, &news).await?;
    let closed = news.state == PullState::Closed && event.action == "closed";
    let told = match closed {
        true => told_of(ctx, &links, sender, news.author_id).await?,
        false => Vec::new(),
    };
    let mut tx = ctx.db().write_tx().await?;
    for link in &others {
        git::service::retarget(&mut tx, link.volume, &repository, pull.number).await?;
    }
    for link in &links {
        let before = git::service::follow_pull_request(ctx, &mut tx, link.volume, &news).await?;
        if before == Before::Newer {
            continue;
        }
        kept.push(link.volume);
        match news.state {
            PullState::Merged if event.action == "closed" => {
                git::service::pull_soon(&mut tx, link.volume, now).await?;
                deliveries::await_pulls(&mut tx, heard.delivery, &[link.volume], sender).await?;
                pulls += 1;
            }
            // One that was opened before the volume was linked may be heard of first by a label or a review.
            PullState::Open if looks || before == Before::Nothing => {
                let told = is_new.then(|| (event.action.clone(), news.at));
                preview(&mut tx, link, &news, told, sender, now).await?;
                previews += 1;
            }
            _ => {}
        }
    }
    for told in told.iter().filter(|told| kept.contains(&told.link.volume)) {
        let text = format!("closed #{} {} without merging it", pull.number, news.title);
        let source = format!("pull request {repository}#{} closed {} in {}", pull.number, news.at, told.link.volume);
        told.write(&mut tx, &text, source).await?;
    }
    record_once(ctx, &mut tx, counted).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    for link in &links {
        git::service::announce(ctx, link.team, link.linked_by);
    }
    for told in &told {
        told.tell().await;
    }
    let mut done = Done::default();
    if links.is_empty() {
        return Ok(Done::nothing(format!("No volume is linked to its branch “{}”.", pull.base.reference)));
    }
    done.acted = true;
    if kept.is_empty() {
        done.sentences.push(format!("Nothing newer than what is known of #{}.", pull.number));
    } else {
        done.sentences.push(format!("#{} is kept with {}.", pull.number, plural(kept.len() as i64, "volume", "volumes")));
    }
    if previews > 0 {
        done.sentences.push(preview_words(previews));
    }
    if pulls > 0 {
        done.sentences.push(format!("{}.", plural(pulls, "volume is pulled", "volumes are pulled")));
    }
    Ok(done)
}

/// Keeps a review: of each reviewer the latest counts. One that does not, or no longer, is news to nobody.
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
    let words = match state.as_str() {
        "approved" => "approves",
        "changes_requested" => "wants changes in",
        _ => "no longer decides about",
    };
    let (sender, now) = (event.sender.github(), ctx.now());
    let told = told_of(ctx, &links, sender, news.author_id).await?;
    let (mut previews, mut counting) = (0, Vec::new());
    let mut tx = ctx.db().write_tx().await?;
    for link in &links {
        let kept = git::service::follow_review(ctx, &mut tx, link.volume, &news, &review).await?;
        if kept.counts {
            counting.push(link.volume);
        }
        if kept.of_unknown && news.state == PullState::Open {
            preview(&mut tx, link, &news, None, sender, now).await?;
            previews += 1;
        }
    }
    for told in told.iter().filter(|told| counting.contains(&told.link.volume)) {
        let text = format!("{} {words} #{} {}", review.reviewer, news.number, news.title);
        let source = format!("review {repository}#{} {} {state} in {}", news.number, review.id, told.link.volume);
        told.write(&mut tx, &text, source).await?;
    }
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    for link in &links {
        git::service::announce(ctx, link.team, link.linked_by);
    }
    for told in &told {
        told.tell().await;
    }
    let mut done = Done::one(match counting.is_empty() {
        true => format!("Nothing newer than what is known of #{}.", news.number),
        false => format!("{} {words} #{}.", review.reviewer, news.number),
    });
    if previews > 0 {
        done.sentences.push(preview_words(previews));
    }
    Ok(done)
}

/// Has a preview made, in the caller's transaction. `told`: what happened, and when, if somebody is to hear of it.
async fn preview(
    tx: &mut Tx,
    link: &LinkedVolume,
    news: &PullNews<'_>,
    told: Option<(String, i64)>,
    sender: Option<i64>,
    now: i64,
) -> AppResult<()> {
    let asked = Asked {
        volume: link.volume,
        repository: news.repository.to_owned(),
        number: news.number,
        told,
        sender,
        delivery: news.delivery.to_owned(),
    };
    git::service::preview_soon(tx, &asked, now).await
}

fn preview_words(previews: i64) -> String {
    format!("{} of what it would change.", plural(previews, "preview is made", "previews are made"))
}

/// Who hears of what becomes of a pull request to a volume: those who look after it, and its author, if they are a member.
struct Told<'a> {
    /// In whose name: who did it is told nothing.
    acting: Ctx,
    to: Vec<UserId>,
    link: &'a LinkedVolume,
}

async fn told_of<'a>(ctx: &Ctx, links: &'a [LinkedVolume], sender: Option<i64>, author: i64) -> AppResult<Vec<Told<'a>>> {
    let mut all = Vec::with_capacity(links.len());
    for link in links {
        let acting = accounts::service::acting_at_github(ctx, link.team, sender).await?;
        let mut to = volumes::service::who_may(ctx, link.volume, Action::ManageVolumes).await?;
        let author = match link.team {
            Some(team) if author != 0 => accounts::service::member_at_github(ctx, team, author).await?,
            _ => None,
        };
        to.extend(author.map(|person| person.id).filter(|id| !to.contains(id)));
        all.push(Told { acting, to, link });
    }
    Ok(all)
}

impl Told<'_> {
    async fn write(&self, tx: &mut Tx, text: &str, source: String) -> AppResult<()> {
        let new = NewNotification::new(NotificationKind::PullRequest, (SubjectKind::Volume, self.link.volume), &self.link.name, text)
            .source(source);
        notifications::service::notify(&self.acting, tx, &self.to, &NewNotification { team: self.link.team, ..new }).await
    }

    async fn tell(&self) {
        notifications::service::tell(&self.acting, &self.to).await;
    }
}
