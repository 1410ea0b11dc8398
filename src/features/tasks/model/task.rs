//! A task, and what lists of them ask for.

use serde::{Deserialize, Serialize};

use crate::{
    features::{
        accounts::model::Person,
        artifacts::model::{Kind, invisible},
    },
    ids::{ArtifactId, TaskId, TeamId, UserId},
};

pub const TITLE_CHARS: usize = 300;
/// Artifacts that a task is about, at most.
pub const ARTIFACTS_MAX: usize = 50;
pub const LABELS_MAX: usize = 20;
pub const LABEL_CHARS: usize = 60;
/// Tasks of one page.
pub const PAGE: i64 = 50;
pub const PAGE_MAX: i64 = 200;
/// Tasks that an artifact's page shows.
pub const BESIDE: i64 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    Open,
    Closed,
}

impl TaskState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
    /// What is not closed is to be done.
    pub fn parse(text: &str) -> Self {
        if text == "closed" { Self::Closed } else { Self::Open }
    }
}

/// Which tasks a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskView {
    #[default]
    Open,
    Closed,
    All,
}

impl TaskView {
    pub const ALL: [Self; 3] = [Self::Open, Self::Closed, Self::All];
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::All => "all",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.as_str() == text)
    }
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    pub id: TaskId,
    pub team_id: TeamId,
    pub title: String,
    pub state: TaskState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Assignee>,
    pub labels: Vec<String>,
    /// The issue that it follows: title, state and assignee are changed there. None: it was made here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<Issue>,
    /// Those that the reader may see.
    pub artifacts: Vec<TaskArtifact>,
    pub created_by: Person,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// Who has it to do: an account here, a login at GitHub, or both where they are linked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Assignee {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
}

impl Assignee {
    pub fn name(&self) -> String {
        match (&self.person, &self.login) {
            (Some(person), _) => person.name.clone(),
            (None, login) => login.as_ref().map(|login| format!("@{login}")).unwrap_or_default(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Issue {
    /// `owner/name` in lower case.
    pub repository: String,
    pub number: i64,
    pub url: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskArtifact {
    pub id: ArtifactId,
    pub kind: Kind,
    pub name: String,
}

/// Tasks of a team, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskPage {
    pub items: Vec<Task>,
    /// Of the whole team.
    pub open: i64,
    pub closed: i64,
    /// Whether the caller may make and change some.
    pub can_write: bool,
    /// The `before` of the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<TaskId>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct TasksQuery {
    #[serde(skip_serializing_if = "TaskView::is_default")]
    pub state: TaskView,
    /// The id of an account, a login at GitHub, `me`, or `none` for what nobody has to do yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Words of the title, a label or the number of an issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// This one alone, whatever else is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// Older than this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<TaskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

/// Making a task by hand.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateTask {
    /// Made by the client, so that a retry makes it once.
    #[serde(default)]
    pub id: Option<TaskId>,
    pub title: String,
    /// A member of the team.
    #[serde(default)]
    pub assignee_id: Option<UserId>,
    /// Artifacts of the team's volumes.
    #[serde(default)]
    pub artifact_ids: Vec<ArtifactId>,
}

/// Changing a task that was made by hand; what is left out stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateTask {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<TaskState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee_id: Option<UserId>,
    /// Nobody has it to do any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unassign: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_ids: Option<Vec<ArtifactId>>,
}

/// A text that others wrote on one line, without what nobody sees in it, cut where it is too long.
pub fn one_line(text: &str, most: usize) -> String {
    let text = invisible::without(text);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if words.chars().count() <= most { words } else { format!("{}…", words.chars().take(most - 1).collect::<String>().trim_end()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_line() {
        assert_eq!(one_line(" a\n\u{0}b\u{202e}  c ", 300), "a b c");
        let long = one_line(&"ü".repeat(400), 300);
        assert!(long.ends_with('…') && long.chars().count() == 300);
    }

    #[test]
    fn views_are_read_as_they_are_written() {
        for view in TaskView::ALL {
            assert_eq!(TaskView::parse(view.as_str()), Some(view));
        }
        assert_eq!(TaskView::parse("x"), None);
    }
}
