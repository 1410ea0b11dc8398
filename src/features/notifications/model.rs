//! Notifications as pages and programs see them.

mod kinds;
mod preferences;

pub use kinds::{KindGroup, NotificationKind};
pub use preferences::*;

use llmos_analytics::Day;
use serde::{Deserialize, Serialize};

use crate::{
    features::accounts::{Role, model::Person},
    ids::{EntryId, InvitationId, NotificationId, PatternId, TaskId, ThreadId},
};

/// Characters of an excerpt.
pub const EXCERPT: usize = 160;
/// Subjects of one page of the list.
pub const PAGE: u32 = 30;
pub const PAGE_MAX: u32 = 100;
/// Notifications that are shown of one subject, the newest.
pub const SHOWN: i64 = 5;
/// Notifications that one request marks as read.
pub const MARKED_MAX: usize = 200;

/// What a notification is about; they are grouped by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    Session,
    Artifact,
    Team,
    /// An item, for its owners: what they may do with it.
    Ownership,
    /// What moderators have to look at.
    Moderation,
    /// A release on its way to the public.
    Submission,
    /// What is installed in a volume.
    Lock,
    /// An item of the marketplace.
    Listing,
    /// A volume, with its repository.
    Volume,
    /// What a team has to do.
    Tasks,
    /// The patterns and proposals of a team.
    Evolution,
    /// Those of an account's own.
    OwnEvolution,
    /// Those of all teams.
    AllEvolution,
    /// What somebody wants to be told of a number.
    Alert,
    /// What was counted in a week.
    Week,
    /// How an account signs in.
    Security,
}

impl SubjectKind {
    const ALL: [Self; 16] = [
        Self::Session,
        Self::Artifact,
        Self::Team,
        Self::Ownership,
        Self::Moderation,
        Self::Submission,
        Self::Lock,
        Self::Listing,
        Self::Volume,
        Self::Tasks,
        Self::Evolution,
        Self::OwnEvolution,
        Self::AllEvolution,
        Self::Alert,
        Self::Week,
        Self::Security,
    ];
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Artifact => "artifact",
            Self::Team => "team",
            Self::Ownership => "ownership",
            Self::Moderation => "moderation",
            Self::Submission => "submission",
            Self::Lock => "lock",
            Self::Listing => "listing",
            Self::Volume => "volume",
            Self::Tasks => "tasks",
            Self::Evolution => "evolution",
            Self::OwnEvolution => "ownevolution",
            Self::AllEvolution => "allevolution",
            Self::Alert => "alert",
            Self::Week => "week",
            Self::Security => "security",
        }
    }
    pub fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).unwrap_or(Self::Session)
    }
}

/// Where exactly in the subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Spot {
    /// The number of an entry in the timeline, and its id where it is about a comment on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_id: Option<EntryId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<ThreadId>,
    /// Of an invitation: what to accept, and what one becomes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation_id: Option<InvitationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The pattern that something is proposed because of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern_id: Option<PatternId>,
    /// The task of the team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    pub id: NotificationId,
    pub kind: NotificationKind,
    pub actor: Person,
    /// The beginning of what was written, with names in place of links.
    pub excerpt: String,
    pub spot: Spot,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<i64>,
    pub created_at: i64,
}

/// What there is about one subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationGroup {
    pub subject: SubjectKind,
    /// The id of the session, artifact, team, listing, submission, volume or account.
    pub subject_id: String,
    pub title: String,
    pub count: i64,
    pub unread: i64,
    /// The newest ones.
    pub items: Vec<Notification>,
}

/// Groups with something unread first, then the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationPage {
    /// Of all of them.
    pub unread: i64,
    pub items: Vec<NotificationGroup>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
pub struct NotificationQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unread {
    pub unread: i64,
}

/// Marks some as read, or all about one subject.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MarkNotifications {
    pub ids: Vec<NotificationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_id: Option<String>,
}

/// What came after `up_to` stays unread: the page has not shown it yet.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MarkAllNotifications {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_to: Option<NotificationId>,
}

impl NotificationGroup {
    /// Where the subject is.
    pub fn address(&self) -> String {
        self.subject.address(&self.subject_id)
    }

    /// Where that is which one of its notifications tells of.
    pub fn address_of(&self, spot: &Spot) -> String {
        self.subject.address_of(&self.subject_id, spot)
    }
}

impl SubjectKind {
    /// What push messages about the subject with this id are shown under: a later one takes the place of the one before, and what is read is closed.
    pub fn tag(self, id: &str) -> String {
        format!("{}-{id}", self.as_str())
    }

    /// Where the subject with this id is.
    pub fn address(self, id: &str) -> String {
        match self {
            Self::Session => format!("/sessions/{id}"),
            Self::Artifact => format!("/artifacts/{id}"),
            Self::Team => format!("/teams/{id}"),
            Self::Listing => format!("/marketplace/{id}"),
            Self::Ownership => format!("/marketplace/{id}/manage"),
            Self::Moderation => "/marketplace/moderation".to_owned(),
            Self::Submission => format!("/marketplace/submissions/{id}"),
            Self::Lock => format!("/marketplace/installed?volume={id}"),
            Self::Volume => format!("/volumes/{id}"),
            Self::Tasks => format!("/teams/{id}/tasks"),
            Self::Evolution => format!("/evolution?team={id}"),
            Self::OwnEvolution => "/evolution".to_owned(),
            Self::AllEvolution => "/evolution?system=true".to_owned(),
            Self::Alert => format!("/analytics?alert={id}"),
            // Its Monday.
            Self::Week => match id.parse::<Day>() {
                Ok(monday) => format!("/analytics?range=custom&from={monday}&to={}", monday.plus(6)),
                Err(_) => "/analytics".to_owned(),
            },
            Self::Security => "/settings/security".to_owned(),
        }
    }

    /// Where exactly in it something is.
    pub fn address_of(self, id: &str, spot: &Spot) -> String {
        match (self, spot.pattern_id) {
            (Self::Evolution, Some(pattern)) => return format!("/evolution/{pattern}?team={id}"),
            (Self::OwnEvolution, Some(pattern)) => return format!("/evolution/{pattern}"),
            (Self::AllEvolution, Some(pattern)) => return format!("/evolution/{pattern}?system=true"),
            _ => {}
        }
        let mut fields = Vec::new();
        if let Some(number) = spot.number {
            fields.push(format!("entry={number}"));
        }
        if let Some(entry) = spot.entry_id {
            fields.push(format!("comments={entry}"));
        }
        if let Some(thread) = spot.thread_id {
            if self == Self::Artifact {
                fields.push("tab=comments".to_owned());
            }
            fields.push(format!("thread={thread}"));
        }
        if let Some(task) = spot.task_id {
            fields.push(format!("task={task}"));
        }
        let address = self.address(id);
        if fields.is_empty() { address } else { format!("{address}?{}", fields.join("&")) }
    }
}

/// The beginning of a text on one line.
pub fn excerpt(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= EXCERPT {
        return words;
    }
    let cut: String = words.chars().take(EXCERPT).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_short_and_on_one_line() {
        assert_eq!(excerpt("  a\n\nb\t c "), "a b c");
        let long = excerpt(&"ü ".repeat(500));
        assert!(long.ends_with('…') && long.chars().count() <= EXCERPT + 1, "{long}");
    }

    #[test]
    fn a_notification_leads_to_its_spot() {
        let group = |subject| NotificationGroup {
            subject,
            subject_id: "7".to_owned(),
            title: String::new(),
            count: 0,
            unread: 0,
            items: Vec::new(),
        };
        let thread = ThreadId::generate();
        assert_eq!(group(SubjectKind::Session).address_of(&Spot { number: Some(4), ..Spot::default() }), "/sessions/7?entry=4");
        let spot = Spot { thread_id: Some(thread), ..Spot::default() };
        assert_eq!(group(SubjectKind::Artifact).address_of(&spot), format!("/artifacts/7?tab=comments&thread={thread}"));
        let pattern = PatternId::generate();
        let spot = Spot { pattern_id: Some(pattern), ..Spot::default() };
        assert_eq!(group(SubjectKind::Evolution).address_of(&spot), format!("/evolution/{pattern}?team=7"));
        assert_eq!(group(SubjectKind::OwnEvolution).address_of(&spot), format!("/evolution/{pattern}"));
        assert_eq!(group(SubjectKind::Evolution).address_of(&Spot::default()), "/evolution?team=7");
        assert_eq!(group(SubjectKind::Team).address_of(&Spot::default()), "/teams/7");
        assert_eq!(group(SubjectKind::Volume).address_of(&Spot::default()), "/volumes/7");
        assert_eq!(group(SubjectKind::Tasks).address_of(&Spot::default()), "/teams/7/tasks");
        let task = TaskId::generate();
        assert_eq!(
            group(SubjectKind::Tasks).address_of(&Spot { task_id: Some(task), ..Spot::default() }),
            format!("/teams/7/tasks?task={task}")
        );
        assert_eq!(SubjectKind::Week.address("2026-11-16"), "/analytics?range=custom&from=2026-11-16&to=2026-11-22");
        assert_eq!(SubjectKind::parse("week"), SubjectKind::Week);
    }
}
