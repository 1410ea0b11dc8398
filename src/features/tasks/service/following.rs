//! Tasks that follow issues: what an event says of an issue becomes the task, unless something newer is known.

use super::{
    super::{
        model::{ARTIFACTS_MAX, LABEL_CHARS, LABELS_MAX, TITLE_CHARS, TaskState, one_line},
        store,
    },
    announce,
};
use crate::{
    error::AppResult,
    features::analytics::service::{Event, UsageKind, record},
    ids::{ArtifactId, TaskId, TeamId},
    server::{
        context::Ctx,
        db::{Tx, parse_id},
    },
};

/// What an event says of an issue.
pub struct IssueNews<'a> {
    /// `owner/name` in lower case.
    pub repository: &'a str,
    pub number: i64,
    pub url: &'a str,
    pub title: &'a str,
    pub state: TaskState,
    pub labels: Vec<String>,
    /// Login and id at GitHub.
    pub assignee: Option<(&'a str, String)>,
    /// The artifacts that it mentions.
    pub artifacts: &'a [ArtifactId],
    /// When the issue last changed, in UTC milliseconds; and which delivery says so: GitHub counts in seconds, so that of two with the same time the
    /// one that came later counts.
    pub at: i64,
    pub delivery: &'a str,
    /// The issue was deleted, or moved to another repository.
    pub gone: bool,
}

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    Made(TaskId),
    /// It is as the issue is, whatever it was before.
    Changed {
        task: TaskId,
        before: TaskState,
        /// Its title or its labels are others now.
        reworded: bool,
    },
    Removed(TaskId),
    /// Something newer is known already, or the same.
    Known,
}

impl Followed {
    /// The task that there is now, and that something was made of.
    pub fn task(self) -> Option<TaskId> {
        match self {
            Self::Made(task) | Self::Changed { task, .. } => Some(task),
            Self::Removed(_) | Self::Known => None,
        }
    }
}

/// Brings the team's task in line with an issue, in the caller's transaction. The caller knows that the repository is the team's; [`followed`] comes
/// after the commit.
pub async fn follow_issue(ctx: &Ctx, tx: &mut Tx, team: TeamId, news: &IssueNews<'_>) -> AppResult<Followed> {
    let known = store::following(tx, team, news.repository, news.number).await?;
    if let Some(known) = &known {
        let newer = match known.gone_at {
            // What is said of the same second is of before it went.
            Some(_) => news.at > known.issue_at,
            None => (news.at, news.delivery) > (known.issue_at, known.delivery.as_str()),
        };
        if !newer {
            return Ok(Followed::Known);
        }
    }
    let fresh = known.as_ref().is_none_or(|known| known.gone_at.is_some());
    let id = match &known {
        Some(known) => parse_id(&known.id)?,
        None => TaskId::generate(),
    };
    let labels: Vec<String> = news.labels.iter().take(LABELS_MAX).map(|label| one_line(label, LABEL_CHARS)).collect();
    let title = if news.gone { String::new() } else { one_line(news.title, TITLE_CHARS) };
    let row = store::Followed {
        id,
        team,
        repository: news.repository,
        number: news.number,
        url: if news.url.starts_with("https://") || news.url.starts_with("http://") { news.url } else { "" },
        title: &title,
        state: news.state,
        labels: if news.gone { &[] } else { &labels },
        assignee: news.assignee.clone().filter(|_| !news.gone),
        issue_at: news.at,
        delivery: news.delivery,
        gone: news.gone,
        by: ctx.actor()?.id(),
        now: ctx.now(),
    };
    store::follow(tx, &row).await?;
    let artifacts = if news.gone { &[] } else { &news.artifacts[..news.artifacts.len().min(ARTIFACTS_MAX)] };
    store::set_artifacts(tx, id, artifacts).await?;
    if news.gone && fresh {
        return Ok(Followed::Known);
    }
    let kind = match (fresh, news.gone) {
        (_, true) => UsageKind::TaskRemoved,
        (true, _) => UsageKind::TaskCreated,
        (false, _) => UsageKind::TaskUpdated,
    };
    record(ctx, tx, Event::new(kind).team(Some(team)).subject(id)).await?;
    Ok(match (fresh, known) {
        _ if news.gone => Followed::Removed(id),
        (false, Some(known)) => {
            let reworded = known.title != title || serde_json::from_str::<Vec<String>>(&known.labels)? != labels;
            Followed::Changed { task: id, before: TaskState::parse(&known.state), reworded }
        }
        _ => Followed::Made(id),
    })
}

/// Tells the team's room, after the commit.
pub fn followed(ctx: &Ctx, team: TeamId, followed: Followed) {
    let (Followed::Made(task) | Followed::Changed { task, .. } | Followed::Removed(task)) = followed else { return };
    if let Ok(actor) = ctx.actor() {
        announce(ctx, team, task, actor.id());
    }
}
