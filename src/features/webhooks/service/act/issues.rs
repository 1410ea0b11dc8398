//! Issues become tasks of the teams whose volumes are linked to the repository.

use std::collections::BTreeMap;

use super::{Done, Heard, none_linked};
use crate::{
    error::AppResult,
    features::{
        accounts::{self, Action},
        artifacts,
        git::{self, service::LinkedVolume},
        notifications::{
            self,
            model::{NotificationKind, SubjectKind},
            service::NewNotification,
        },
        tasks::{
            self,
            model::{TaskState, mentions},
            service::{Followed, IssueNews},
        },
        webhooks::model::IssuesEvent,
    },
    ids::{ArtifactId, TeamId},
    server::context::Ctx,
};

/// Follows an issue: its task is as the issue is. The team's maintainers are told of what they would want to know of.
pub async fn follow(ctx: &Ctx, event: &IssuesEvent, heard: &Heard<'_>) -> AppResult<Done> {
    let Some(repository) = heard.repository(&event.repository) else { return Ok(Done::default()) };
    let links = git::service::links_to(ctx, &event.repository.clone_url).await?;
    if links.is_empty() {
        return Ok(none_linked(&repository));
    }
    let mut teams: BTreeMap<TeamId, Vec<&LinkedVolume>> = BTreeMap::new();
    for link in &links {
        if let Some(team) = link.team {
            teams.entry(team).or_default().push(link);
        }
    }
    if teams.is_empty() {
        return Ok(Done::nothing("The volume that is linked is somebody's own: tasks are a team's."));
    }
    let mut done = Done::default();
    for (team, links) in teams {
        done.sentences.push(follow_for(ctx, event, heard, &repository, team, &links).await?);
    }
    done.acted = true;
    Ok(done)
}

async fn follow_for(
    ctx: &Ctx,
    event: &IssuesEvent,
    heard: &Heard<'_>,
    repository: &str,
    team: TeamId,
    links: &[&LinkedVolume],
) -> AppResult<String> {
    let issue = &event.issue;
    let gone = matches!(event.action.as_str(), "deleted" | "transferred");
    let state = match issue.state.as_str() {
        "closed" => TaskState::Closed,
        "" if event.action == "closed" => TaskState::Closed,
        _ => TaskState::Open,
    };
    let artifacts = mentioned(ctx, &format!("{}\n{}", issue.title, issue.body), links).await?;
    let at = heard.at(&issue.updated_at);
    let news = IssueNews {
        repository,
        number: issue.number,
        url: &issue.html_url,
        title: &issue.title,
        state,
        labels: issue.labels.iter().map(|label| label.name.clone()).collect(),
        assignee: issue.assignee.as_ref().map(|assignee| (assignee.login.as_str(), assignee.id.to_string())),
        artifacts: &artifacts,
        at,
        delivery: heard.delivery,
        gone,
    };
    let acting = &accounts::service::acting_at_github(ctx, Some(team), event.sender.github()).await?;
    let people = accounts::service::members_who_may(ctx, team, Action::ManageVolumes).await?;
    let name = accounts::service::names_of_publishers(ctx, &[team]).await?.pop().map(|(_, name)| name).unwrap_or_default();
    let subject = format!("Tasks of {name}");
    let mut tx = ctx.db().write_tx().await?;
    let followed = tasks::service::follow_issue(acting, &mut tx, team, &news).await?;
    let told = match followed {
        Followed::Known => false,
        Followed::Removed(_) => true,
        Followed::Made(_) | Followed::Changed { .. } => matches!(event.action.as_str(), "opened" | "reopened" | "closed" | "assigned"),
    };
    if told {
        let title = if gone { "" } else { issue.title.as_str() };
        let text = format!("{} #{} {title}", event.action, issue.number);
        let new = NewNotification::new(NotificationKind::Issue, (SubjectKind::Tasks, team), &subject, &text)
            .source(format!("issue {repository}#{} {} {at} for {team}", issue.number, event.action));
        notifications::service::notify(acting, &mut tx, &people, &NewNotification { team: Some(team), ..new }).await?;
    }
    tx.commit().await?;
    tasks::service::followed(acting, team, followed);
    if told {
        notifications::service::tell(acting, &people).await;
    }
    Ok(match followed {
        Followed::Made(_) => format!("A task follows issue #{}.", issue.number),
        Followed::Changed { before, .. } if before != state => match state {
            TaskState::Open => format!("The task of issue #{} is open again.", issue.number),
            TaskState::Closed => format!("The task of issue #{} is closed.", issue.number),
        },
        Followed::Changed { .. } => format!("The task of issue #{} was brought in line.", issue.number),
        Followed::Removed(_) => format!("The task of issue #{} was removed with it.", issue.number),
        Followed::Known => format!("Nothing newer than what is known of issue #{}.", issue.number),
    })
}

/// The artifacts of these volumes that a text mentions.
async fn mentioned(ctx: &Ctx, text: &str, links: &[&LinkedVolume]) -> AppResult<Vec<ArtifactId>> {
    let mentions = mentions(text);
    let mut found = Vec::new();
    if mentions.is_empty() {
        return Ok(found);
    }
    for link in links {
        let places = artifacts::service::volume_places(ctx, link.volume).await?;
        let mean = places.into_iter().filter(|(path, known)| known.head.is_some() && mentions.mean(path, &known.slug, &link.folder));
        found.extend(mean.map(|(_, known)| known.id));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
