//! One webhook call received from GitHub, and what is asked about many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::DeliveryId;

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// It waits for its turn, or for its next try.
    Received,
    /// Something was done because of it.
    Done,
    /// Stored; nothing acts on it.
    Ignored,
    Failed,
}

impl DeliveryState {
    pub const ALL: [Self; 4] = [Self::Received, Self::Done, Self::Ignored, Self::Failed];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Done => "done",
            Self::Ignored => "ignored",
            Self::Failed => "failed",
        }
    }
}

/// A delivery in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    pub id: DeliveryId,
    /// GitHub's id of it; a redelivery has the same.
    pub guid: String,
    pub event: String,
    /// Empty where the event has none.
    pub action: String,
    /// `owner/name` in lower case; empty where it is about none.
    pub repository: String,
    /// The branch of a push, the number of an issue, the tag of a release; empty for nothing.
    pub about: String,
    pub state: DeliveryState,
    /// Sentences: what was done because of it.
    pub done: Vec<String>,
    /// What came of that since: of each pull, preview and release that it asked for.
    #[serde(default)]
    pub outcomes: Vec<DeliveryOutcome>,
    /// One sentence, when it failed, or failed last.
    pub error: Option<String>,
    /// How often it came again; nothing was done twice.
    pub repeats: i64,
    /// Milliseconds from its arrival until it was done.
    pub took: Option<i64>,
    pub received_at: i64,
    pub updated_at: i64,
}

/// What came of something that a delivery asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryOutcome {
    pub sentence: String,
    pub failed: bool,
}

impl Delivery {
    /// How it ended, with what came of it since.
    pub fn ended(&self) -> DeliveryState {
        match self.state {
            DeliveryState::Done if self.outcomes.iter().any(|outcome| outcome.failed) => DeliveryState::Failed,
            state => state,
        }
    }
}

/// A delivery with all that came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryDetail {
    #[serde(flatten)]
    pub delivery: Delivery,
    /// Those worth keeping; never the signature.
    pub headers: BTreeMap<String, String>,
    /// Where it came from.
    pub address: String,
    /// Whether GitHub's published ranges have that address; null while they were not known.
    pub listed: Option<bool>,
    /// Which secret its signature is of, in words.
    pub signed_by: String,
    /// Bytes of the payload.
    pub size: i64,
    /// How often acting on it was begun.
    pub attempts: i64,
    /// As it came; a text that is not JSON when `payloadIsJson` is false.
    pub payload: String,
    pub payload_is_json: bool,
}

/// Which deliveries a list has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct DeliveriesQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<DeliveryState>,
    /// `owner/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Received at this time or later, in UTC milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// The `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<DeliveryId>,
    /// 50 without, 200 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

/// The newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryPage {
    pub deliveries: Vec<Delivery>,
    /// Pass as `before` for the next page.
    pub next: Option<DeliveryId>,
}

/// How the address of a delivery is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AllowList {
    /// What is from elsewhere than GitHub says is noted with the delivery.
    #[default]
    Shadow,
    /// And refused.
    Enforce,
    Off,
}

impl AllowList {
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Shadow, Self::Enforce, Self::Off].into_iter().find(|mode| mode.as_str() == text)
    }
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Enforce => "enforce",
            Self::Off => "off",
        }
    }
}

/// How the intake stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhooksReport {
    /// Whether there is any secret; without one everything is refused.
    pub secret: bool,
    /// Received within 24 hours.
    pub day: i64,
    /// Pushes within 24 hours of which the rooms of a volume were told, and within how many milliseconds of their arrival nineteen of twenty were.
    #[serde(default)]
    pub announced: i64,
    #[serde(default)]
    pub announced_p95: Option<i64>,
    /// All that wait now.
    pub waiting: i64,
    /// All that failed and were not done since.
    pub failed: i64,
    pub allow_list: AllowList,
    /// How many of GitHub's ranges are known.
    pub networks: i64,
    /// Within 24 hours, from outside of them.
    pub outside: i64,
    /// What GitHub was last asked about; empty where no token or no repository is configured.
    pub checks: Vec<MissingCheck>,
}

impl WebhooksReport {
    /// Missing in all repositories; none: it was never found out.
    pub fn missing(&self) -> Option<i64> {
        (!self.checks.is_empty()).then(|| self.checks.iter().map(|check| check.missing).sum())
    }
}

/// What of a repository's deliveries of three days was missing here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissingCheck {
    pub repository: String,
    /// Deliveries that GitHub sent.
    pub sent: i64,
    /// Of those, not here.
    pub missing: i64,
    /// Redeliveries that were asked for.
    pub asked_again: i64,
    /// One sentence: why it could not be found out.
    pub error: Option<String>,
    pub updated_at: i64,
}

/// A repository that has a secret of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookSecret {
    /// `owner/name` in lower case.
    pub repository: String,
    pub created_at: i64,
    pub updated_at: i64,
}

/// The secret of a repository's hook; several, separated by commas, while it is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SetWebhookSecret {
    pub secret: String,
}

/// A delivery as a test reads it: what makes it one, without secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fixture {
    pub event: String,
    pub headers: BTreeMap<String, String>,
    #[schema(value_type = Object)]
    pub payload: serde_json::Value,
}

/// `owner/name` in lower case; none where it is not the name of a repository.
pub fn repository_name(text: &str) -> Option<String> {
    let fits =
        |part: &str| (1..=100).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let (owner, name) = text.split_once('/')?;
    (fits(owner) && fits(name)).then(|| text.to_ascii_lowercase())
}

/// What stands under such a name holds something secret.
const SECRET_KEYS: [&str; 8] =
    ["secret", "token", "password", "private_key", "client_secret", "webhook_secret", "access_token", "refresh_token"];

/// A payload without secrets: texts go through `mask`, what is called a secret is gone.
pub fn without_secrets(value: &mut serde_json::Value, mask: &impl Fn(&str) -> String) {
    match value {
        serde_json::Value::String(text) => *text = mask(text),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| without_secrets(item, mask)),
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                let named = SECRET_KEYS.contains(&name.to_ascii_lowercase().as_str());
                if named && (value.is_string() || value.is_number()) {
                    *value = "[secret]".into();
                } else {
                    without_secrets(value, mask);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_as_they_are_written() {
        for state in DeliveryState::ALL {
            assert_eq!(DeliveryState::parse(state.as_str()), Some(state));
        }
        assert_eq!(DeliveryState::parse("nonsense"), None);
        assert_eq!(AllowList::parse("enforce"), Some(AllowList::Enforce));
        assert_eq!(AllowList::parse("on"), None);
    }

    #[test]
    fn a_repository_has_an_owner_and_a_name() {
        assert_eq!(repository_name("Harbor/Skills.git-x").as_deref(), Some("harbor/skills.git-x"));
        for wrong in ["harbor", "harbor/", "/skills", "a/b/c", "a b/c", "a/b\0", "ä/b", ""] {
            assert_eq!(repository_name(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_payload_loses_what_is_secret_at_any_depth() {
        let mut payload = serde_json::json!({
            "hook": { "config": { "secret": "abc", "url": "https://x.example" } },
            "list": [{ "token": 7, "text": "mail maya" }],
            "token": { "kept": "no text itself" },
        });
        without_secrets(&mut payload, &|text| text.replace("maya", "[e-mail]"));
        assert_eq!(
            payload,
            serde_json::json!({
                "hook": { "config": { "secret": "[secret]", "url": "https://x.example" } },
                "list": [{ "token": "[secret]", "text": "mail [e-mail]" }],
                "token": { "kept": "no text itself" },
            })
        );
    }
}
