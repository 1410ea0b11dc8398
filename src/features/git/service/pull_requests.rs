//! Pull requests as their events tell of them, kept with each volume that is linked to the branch that they go to.

use super::{
    super::{
        model::{PULLS_SHOWN, PullRequest, PullState},
        store::pull_requests::{self as store, Pull, Which},
    },
    LinkedVolume,
};
use crate::{
    error::AppResult,
    features::{
        accounts::{self, Action},
        analytics::service::{Event, UsageKind},
        volumes,
    },
    ids::VolumeId,
    server::{context::Ctx, db::Tx},
};

/// What an event says of a pull request.
pub struct PullNews<'a> {
    /// `owner/name` in lower case.
    pub repository: &'a str,
    pub number: i64,
    pub title: &'a str,
    pub author: &'a str,
    /// The author's id at GitHub; 0 where it is not said.
    pub author_id: i64,
    pub url: &'a str,
    pub state: PullState,
    pub draft: bool,
    pub head_sha: &'a str,
    /// When it last changed, in UTC milliseconds, and the delivery that says so: of the same second the later one counts.
    pub at: i64,
    pub delivery: &'a str,
    /// When it was opened, and merged or closed, in UTC milliseconds.
    pub opened_at: Option<i64>,
    pub ended_at: Option<i64>,
}

/// What an event says of a review.
pub struct ReviewNews<'a> {
    /// GitHub's number of it.
    pub id: i64,
    pub reviewer: &'a str,
    /// `approved`, `changes_requested` or `dismissed`; what only comments decides nothing.
    pub state: &'a str,
    pub at: i64,
}

/// The pull requests of a volume that the caller may read: the open ones, then those that changed last.
pub async fn list_pull_requests(ctx: &Ctx, volume: VolumeId) -> AppResult<Vec<PullRequest>> {
    volumes::service::authorise(ctx, volume, Action::Read).await?;
    let pool = ctx.db().read();
    let rows = store::list(pool, volume, PULLS_SHOWN).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<i64> = rows.iter().map(|row| row.number).collect();
    let reviews = store::reviews(pool, volume, &numbers).await?;
    rows.into_iter()
        .map(|row| {
            let review = reviews.get(&(row.repository.clone(), row.number)).copied().unwrap_or_default();
            row.shown(review)
        })
        .collect()
}

/// The usage events of a pull request: each workspace that has a volume linked to its branch counts it once. To be written with
/// [`record_once`](crate::features::analytics::service::record_once), since they say all of it each time.
pub async fn counted(ctx: &Ctx, links: &[LinkedVolume], news: &PullNews<'_>) -> AppResult<Vec<Event>> {
    let Some(opened_at) = news.opened_at else { return Ok(Vec::new()) };
    let mut events = Vec::new();
    let mut seen = Vec::new();
    for link in links {
        if seen.contains(&link.workspace) {
            continue;
        }
        seen.push(link.workspace);
        let author = match link.team {
            Some(team) if news.author_id != 0 => accounts::service::member_at_github(ctx, team, news.author_id).await?,
            _ => None,
        };
        let event = |kind, at| {
            let event = Event::new(kind).workspace(link.workspace).volume(link.volume).known_at(at);
            let event = event.subject(format!("{}#{}", news.repository, news.number));
            match &author {
                Some(person) => event.by(person.id),
                None => event,
            }
        };
        events.push(event(UsageKind::PullRequestOpened, opened_at));
        events.extend(match (news.state, news.ended_at) {
            (PullState::Merged, Some(at)) => Some(event(UsageKind::PullRequestMerged, at).amount((at - opened_at).max(0))),
            (PullState::Closed, Some(at)) => Some(event(UsageKind::PullRequestClosed, at)),
            _ => None,
        });
    }
    Ok(events)
}

/// What was known of a pull request when an event told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing: this is the first that is heard of it.
    Nothing,
    /// Something older, or what the same delivery said: that is acted on once more where somebody replays it.
    Older,
    /// Something newer: what the event says is not kept.
    Newer,
}

/// Keeps what an event says, in the caller's transaction.
pub async fn follow_pull_request(ctx: &Ctx, tx: &mut Tx, volume: VolumeId, news: &PullNews<'_>) -> AppResult<Before> {
    let known = store::get(&mut **tx, volume, news.repository, news.number).await?;
    let before = match &known {
        None => Before::Nothing,
        Some(known) if (news.at, news.delivery) < (known.event_at, known.delivery.as_str()) => return Ok(Before::Newer),
        Some(_) => Before::Older,
    };
    let pull = Pull {
        volume,
        repository: news.repository,
        number: news.number,
        title: news.title,
        author: news.author,
        url: news.url,
        state: news.state,
        draft: news.draft,
        head_sha: news.head_sha,
        event_at: news.at,
        delivery: news.delivery,
        now: ctx.now(),
    };
    store::put(tx, &pull).await?;
    Ok(before)
}

/// It goes to another branch than the volume's now.
pub async fn retarget(tx: &mut Tx, volume: VolumeId, repository: &str, number: i64) -> AppResult<()> {
    store::remove(tx, Which { volume, repository, number }).await
}

/// What became of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReviewKept {
    /// Of a pull request that was not known before.
    pub of_unknown: bool,
    /// It is what its reviewer says now; not so where a later one is known, or that it was dismissed.
    pub counts: bool,
}

/// Keeps a review, with the pull request where that is not known yet. The same review again changes nothing.
pub async fn follow_review(
    ctx: &Ctx,
    tx: &mut Tx,
    volume: VolumeId,
    news: &PullNews<'_>,
    review: &ReviewNews<'_>,
) -> AppResult<ReviewKept> {
    let of_unknown = store::get(&mut **tx, volume, news.repository, news.number).await?.is_none();
    if of_unknown {
        follow_pull_request(ctx, tx, volume, news).await?;
    }
    let which = Which { volume, repository: news.repository, number: news.number };
    let counts = store::put_review(tx, which, review.id, review.reviewer, review.state, review.at).await?;
    Ok(ReviewKept { of_unknown, counts })
}
