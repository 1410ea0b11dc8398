//! What people keep of analytics: views, links and alerts.

use llmos_analytics::model::{Dashboard, Figure, Query};
use serde::{Deserialize, Serialize};

use crate::{
    error::{AppError, AppResult},
    ids::{AnalyticsAlertId, AnalyticsShareId, AnalyticsViewId, TeamId},
};

/// Characters of a name.
pub const NAME_CHARS: usize = 80;
/// What one account keeps at most, of each.
pub const KEPT_MAX: i64 = 100;
/// Days that a link works at most, where it ends at all.
pub const SHARE_DAYS_MAX: u32 = 730;

/// A name on one line.
pub fn clean_name(name: &str) -> AppResult<String> {
    let shown: String = name.chars().filter(|letter| letter.is_whitespace() || !letter.is_control()).collect();
    let name = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() || name.chars().count() > NAME_CHARS {
        return Err(AppError::field("name", format!("Give it a name of 1 to {NAME_CHARS} characters.")));
    }
    Ok(name)
}

/// A question to analytics under a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavedView {
    pub id: AnalyticsViewId,
    pub name: String,
    pub query: Query,
    /// Everybody in this team sees it; without one, its owner alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
    /// Whether the caller may delete it.
    pub can_delete: bool,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SaveView {
    /// Made by the client: sent a second time, it saves the same view anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<AnalyticsViewId>,
    pub name: String,
    pub query: Query,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
}

/// A link that shows one dashboard to whoever has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    pub id: AnalyticsShareId,
    pub name: String,
    pub query: Query,
    /// Whether it shows the names of people.
    pub names: bool,
    /// UTC ms; without, it works until it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    pub created_at: i64,
    /// The name of who made it, where that was somebody else: it shows a team that the caller manages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateShare {
    pub name: String,
    pub query: Query,
    pub names: bool,
    /// How long it works, 1 to 730; without, until it is revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
}

/// A link that was just made. Its address has the secret, which nobody can read again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewShare {
    pub share: Share,
    pub token: String,
    pub address: String,
}

/// What a link shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SharedDashboard {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    pub query: Query,
    pub dashboard: Dashboard,
}

/// A number that an alert watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertMetric {
    #[default]
    Sessions,
    Artifacts,
    Commits,
    Messages,
    Edits,
    PeopleActive,
    Traces,
    SearchesEmpty,
    /// In percent of the traces.
    TracesSucceeded,
    /// In percent of the proposals that were decided.
    ProposalsAccepted,
}

impl AlertMetric {
    pub const ALL: [Self; 10] = [
        Self::Sessions,
        Self::Artifacts,
        Self::Commits,
        Self::Messages,
        Self::Edits,
        Self::PeopleActive,
        Self::Traces,
        Self::SearchesEmpty,
        Self::TracesSucceeded,
        Self::ProposalsAccepted,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Artifacts => "artifacts",
            Self::Commits => "commits",
            Self::Messages => "messages",
            Self::Edits => "edits",
            Self::PeopleActive => "people_active",
            Self::Traces => "traces",
            Self::SearchesEmpty => "searches_empty",
            Self::TracesSucceeded => "traces_succeeded",
            Self::ProposalsAccepted => "proposals_accepted",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == text)
    }
    pub fn words(self) -> &'static str {
        match self {
            Self::Sessions => "Sessions begun",
            Self::Artifacts => "Artifacts made",
            Self::Commits => "Commits",
            Self::Messages => "Messages",
            Self::Edits => "Artifacts edited",
            Self::PeopleActive => "People active",
            Self::Traces => "Traces",
            Self::SearchesEmpty => "Searches without result",
            Self::TracesSucceeded => "Traces that succeeded, in percent",
            Self::ProposalsAccepted => "Proposals accepted, in percent",
        }
    }

    /// Whether its days are foretold, so that one can be unusual.
    pub fn is_foretold(self) -> bool {
        matches!(self, Self::Sessions | Self::Artifacts | Self::Commits)
    }

    /// Its value; none where there is none to say, such as the share of nothing.
    pub fn of(self, data: &Dashboard) -> Option<f64> {
        let percent = |figure: Figure| figure.now.map(|share| share * 100.0);
        match self {
            Self::Sessions => data.sessions.created.now,
            Self::Artifacts => data.artifacts.created.now,
            Self::Commits => data.collaboration.commits.now,
            Self::Messages => data.sessions.messages.now,
            Self::Edits => data.artifacts.edits.now,
            Self::PeopleActive => data.collaboration.active.now,
            Self::Traces => data.evolution.traces.now,
            Self::SearchesEmpty => data.search.empty.now,
            Self::TracesSucceeded => percent(data.evolution.success),
            Self::ProposalsAccepted => percent(data.evolution.acceptance),
        }
    }
}

/// When an alert goes off. It looks at whole days alone: of `30d`, at the thirty before today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertRule {
    Above,
    #[default]
    Below,
    /// Yesterday was unusual for its weekday and time.
    Unusual,
}

impl AlertRule {
    pub const ALL: [Self; 3] = [Self::Above, Self::Below, Self::Unusual];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
            Self::Unusual => "unusual",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == text)
    }
    pub fn words(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
            Self::Unusual => "unusual on a day",
        }
    }

    /// Whether `value` is out of the bounds. What is not there is not.
    pub fn is_out(self, value: Option<f64>, threshold: Option<f64>) -> bool {
        match (self, value.zip(threshold)) {
            (Self::Above, Some((value, threshold))) => value > threshold,
            (Self::Below, Some((value, threshold))) => value < threshold,
            _ => false,
        }
    }
}

/// What somebody wants to be told of a number: once, until it has been within its bounds again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    pub id: AnalyticsAlertId,
    pub name: String,
    pub query: Query,
    pub metric: AlertMetric,
    pub rule: AlertRule,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Whether the number was out of its bounds when it was looked at last.
    pub firing: bool,
    /// When that began, the last time; UTC ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fired_at: Option<i64>,
    pub created_at: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SetAlert {
    /// Made by the client: sent a second time, it sets the same alert anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<AnalyticsAlertId>,
    pub name: String,
    pub query: Query,
    pub metric: AlertMetric,
    pub rule: AlertRule,
    /// For `above` and `below`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_in_json() {
        for metric in AlertMetric::ALL {
            assert_eq!(serde_json::to_string(&metric).ok(), Some(format!("\"{}\"", metric.as_str())));
            assert_eq!(AlertMetric::parse(metric.as_str()), Some(metric));
        }
        for rule in AlertRule::ALL {
            assert_eq!(serde_json::to_string(&rule).ok(), Some(format!("\"{}\"", rule.as_str())));
            assert_eq!(AlertRule::parse(rule.as_str()), Some(rule));
        }
    }

    #[test]
    fn bounds_are_within() {
        assert!(AlertRule::Below.is_out(Some(2.0), Some(3.0)) && !AlertRule::Below.is_out(Some(3.0), Some(3.0)));
        assert!(AlertRule::Above.is_out(Some(4.0), Some(3.0)) && !AlertRule::Above.is_out(Some(3.0), Some(3.0)));
        assert!(!AlertRule::Below.is_out(None, Some(3.0)), "what is not there is not below");
        assert!(clean_name("  Busy \n weeks ").is_ok_and(|name| name == "Busy weeks") && clean_name(" ").is_err());
    }
}
