//! Issues become tasks of the teams whose volumes are linked to the repository.

use std::collections::{BTreeMap, BTreeSet};

use super::{Done, Heard, none_linked};
use crate::{
    error::AppResult,
    features::{
        accounts::{self, Action},
        artifacts,
        git::{self, service::LinkedVolume},
        notifications::{
            self,
            model::{NotificationKind, Spot, SubjectKind},
            service::NewNotification,
        },
        tasks::{
            self,
            model::{TaskState, mentions},
            service::{Followed, IssueNews},
        },
        webhooks::model::{Account, IssuesEvent},
    },
    ids::{ArtifactId, TeamId, UserId},
    server::{clock, context::Ctx},
};

/// Follows an issue: its task is as the issue is. Those whom it concerns are told.
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
    let concerned = Concerned {
        maintainers: accounts::service::members_who_may(ctx, team, Action::ManageVolumes).await?,
        assignee: member(ctx, team, issue.assignee.as_ref()).await?,
        moved: member(ctx, team, event.assignee.as_ref()).await?,
    };
    let name = accounts::service::names_of_publishers(ctx, &[team]).await?.pop().map(|(_, name)| name).unwrap_or_default();
    let subject = format!("Tasks of {name}");
    let mut tx = ctx.db().write_tx().await?;
    let followed = tasks::service::follow_issue(acting, &mut tx, team, &news).await?;
    let notices = notices(event, followed, &concerned, at);
    for notice in &notices {
        let source = format!("issue {repository}#{} {} for {team}", issue.number, notice.source);
        let new = NewNotification::new(NotificationKind::Issue, (SubjectKind::Tasks, team), &subject, &notice.text).source(source.clone());
        // The task itself: the list shows open ones only.
        let spot = Spot { task_id: followed.task(), ..Spot::default() };
        notifications::service::notify(acting, &mut tx, &notice.to, &NewNotification { team: Some(team), spot, ..new }).await?;
        // Of several with one source the first is kept, with the words of the last.
        notifications::service::reword(&mut tx, source, &notice.text).await?;
    }
    tx.commit().await?;
    tasks::service::followed(acting, team, followed);
    let told: BTreeSet<UserId> = notices.into_iter().flat_map(|notice| notice.to).collect();
    notifications::service::tell(acting, &told.into_iter().collect::<Vec<_>>()).await;
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

/// Whom an issue concerns in a team.
struct Concerned {
    maintainers: Vec<UserId>,
    /// Has it to do.
    assignee: Option<UserId>,
    /// Got it to do by this event, or has it no longer.
    moved: Option<UserId>,
}

/// The member of a team who has this account at GitHub.
async fn member(ctx: &Ctx, team: TeamId, account: Option<&Account>) -> AppResult<Option<UserId>> {
    match account.and_then(Account::github) {
        Some(id) => Ok(accounts::service::member_at_github(ctx, team, id).await?.map(|person| person.id)),
        None => Ok(None),
    }
}

/// Something to be told of an issue.
struct Notice {
    to: Vec<UserId>,
    text: String,
    /// What makes it another one than those before.
    source: String,
}

/// What is told of an event, and to whom. Who did it is told nothing, which is not for here to see to.
fn notices(event: &IssuesEvent, followed: Followed, concerned: &Concerned, at: i64) -> Vec<Notice> {
    let (action, number, title) = (event.action.as_str(), event.issue.number, event.issue.title.as_str());
    let maintainers = || concerned.maintainers.iter().copied();
    let moved = concerned.moved.filter(|_| matches!(action, "assigned" | "unassigned"));
    let mut notices = Vec::new();
    match followed {
        Followed::Known => return notices,
        Followed::Removed(_) => {
            let text = format!("{action} #{number}");
            notices.push(Notice { to: maintainers().collect(), text, source: format!("{action} {at}") });
        }
        Followed::Made(_) | Followed::Changed { .. } if matches!(action, "opened" | "reopened" | "closed" | "assigned") => {
            let to = maintainers().filter(|user| Some(*user) != moved).collect();
            notices.push(Notice { to, text: format!("{action} #{number} {title}"), source: format!("{action} {at}") });
        }
        // Words and labels are often changed several times in a row: of one minute it is one notice, which says how the issue is now.
        Followed::Changed { reworded: true, .. } => {
            let to: BTreeSet<UserId> = maintainers().chain(concerned.assignee).collect();
            let labels = event.issue.labels.iter().map(|label| label.name.as_str()).collect::<Vec<_>>().join(", ");
            let labels = if labels.is_empty() { labels } else { format!(" ({labels})") };
            let source = format!("changed {}", at / clock::MINUTE);
            notices.push(Notice { to: to.into_iter().collect(), text: format!("changed #{number} {title}{labels}"), source });
        }
        Followed::Made(_) | Followed::Changed { .. } => {}
    }
    if let Some(user) = moved {
        let deed = if action == "assigned" { "assigned to you" } else { "no longer assigned to you" };
        notices.push(Notice { to: vec![user], text: format!("{deed}: #{number} {title}"), source: format!("{action} {user} {at}") });
    }
    notices
}

/// The artifacts of these volumes that a text mentions.
async fn mentioned(ctx: &Ctx, text: &str, links: &[&LinkedVolume]) -> AppResult<Vec<ArtifactId>> {
    let mentions = mentions(text);
    let mut found = Vec::new();
    if mentions.is_empty() {
        return Ok(found);
    }
    let names: Vec<String> = mentions.names.iter().cloned().collect();
    for link in links {
        let paths: Vec<String> = mentions.main_files(&link.folder).into_iter().collect();
        let places = artifacts::service::named_or_at(ctx, link.volume, &names, &paths).await?;
        found.extend(places.into_iter().filter(|(_, slug, path)| mentions.mean(path, slug, &link.folder)).map(|(id, ..)| id));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
