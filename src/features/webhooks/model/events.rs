//! The payloads that something acts on, as far as it is needed. Leniently: what GitHub adds is passed over, what it leaves out is empty.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::repository_name;

/// An event, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Ping(Ping),
    Push(Box<Push>),
    PullRequest(Box<PullRequestEvent>),
    PullRequestReview(Box<PullRequestReviewEvent>),
    Issues(Box<IssuesEvent>),
    Release(Box<ReleaseEvent>),
    /// Nothing acts on it.
    Other,
}

/// Whether deliveries of this event wait for their turn; others are stored and that is all.
pub fn is_acted_on(event: &str) -> bool {
    matches!(event, "push" | "pull_request" | "pull_request_review" | "issues" | "release")
}

/// Reads a payload. The error is one sentence.
pub fn read_event(event: &str, payload: &[u8]) -> Result<Event, String> {
    fn read<T: DeserializeOwned>(event: &str, payload: &[u8]) -> Result<T, String> {
        serde_json::from_slice(payload).map_err(|error| unreadable(event, &error))
    }
    Ok(match event {
        "ping" => Event::Ping(read(event, payload)?),
        "push" => Event::Push(read(event, payload)?),
        "pull_request" => Event::PullRequest(read(event, payload)?),
        "pull_request_review" => Event::PullRequestReview(read(event, payload)?),
        "issues" => Event::Issues(read(event, payload)?),
        "release" => Event::Release(read(event, payload)?),
        _ => Event::Other,
    })
}

fn unreadable(event: &str, error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => format!("This version cannot read the payload as the event “{event}”: {error}."),
        _ => format!("The payload is not JSON: {error}."),
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// `owner/name` as GitHub writes it.
    pub full_name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub clone_url: String,
    #[serde(default, deserialize_with = "or_default")]
    pub ssh_url: String,
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    #[serde(default, deserialize_with = "or_default")]
    pub default_branch: String,
}

/// Who did something at GitHub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Account {
    #[serde(default, deserialize_with = "or_default")]
    pub login: String,
    /// 0 where the event does not say.
    #[serde(default, deserialize_with = "or_default")]
    pub id: i64,
}

/// Who made a commit, or pushed it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Signature {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub email: String,
    #[serde(default, deserialize_with = "or_default")]
    pub username: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Ping {
    #[serde(default, deserialize_with = "or_default")]
    pub zen: String,
    /// An organisation's hook is about no repository.
    #[serde(default)]
    pub repository: Option<Repository>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Push {
    pub repository: Repository,
    /// `refs/heads/main`, `refs/tags/v1`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The commit that it named before; zeros where it named none.
    pub before: String,
    /// The commit that it names now; zeros where it names none any more.
    pub after: String,
    #[serde(default, deserialize_with = "or_default")]
    pub created: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub deleted: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub forced: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub pusher: Signature,
    #[serde(default, deserialize_with = "or_default")]
    pub sender: Account,
    #[serde(default)]
    pub head_commit: Option<Commit>,
    /// 2,048 at most, so that what changed is found by comparing trees.
    #[serde(default, deserialize_with = "or_default")]
    pub commits: Vec<Commit>,
}

impl Push {
    /// `main` of `refs/heads/main`; none where it is no branch.
    pub fn branch(&self) -> Option<&str> {
        self.reference.strip_prefix("refs/heads/")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Commit {
    pub id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub message: String,
    #[serde(default, deserialize_with = "or_default")]
    pub timestamp: String,
    #[serde(default, deserialize_with = "or_default")]
    pub author: Signature,
    #[serde(default, deserialize_with = "or_default")]
    pub added: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub removed: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub modified: Vec<String>,
}

/// One end of a pull request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct End {
    #[serde(default, rename = "ref", deserialize_with = "or_default")]
    pub reference: String,
    #[serde(default, deserialize_with = "or_default")]
    pub sha: String,
    /// Gone where a fork was deleted.
    #[serde(default)]
    pub repo: Option<Repository>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PullRequest {
    pub number: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub title: String,
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    #[serde(default, deserialize_with = "or_default")]
    pub state: String,
    #[serde(default, deserialize_with = "or_default")]
    pub draft: bool,
    /// Not said where the event is about a review.
    #[serde(default, deserialize_with = "or_default")]
    pub merged: bool,
    #[serde(default)]
    pub merged_at: Option<String>,
    /// RFC 3339, as all times of GitHub.
    #[serde(default, deserialize_with = "or_default")]
    pub updated_at: String,
    #[serde(default)]
    pub created_at: Option<String>,
    #[serde(default)]
    pub closed_at: Option<String>,
    #[serde(default)]
    pub merge_commit_sha: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub user: Account,
    #[serde(default, deserialize_with = "or_default")]
    pub head: End,
    #[serde(default, deserialize_with = "or_default")]
    pub base: End,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PullRequestEvent {
    pub action: String,
    pub repository: Repository,
    pub pull_request: PullRequest,
    #[serde(default, deserialize_with = "or_default")]
    pub sender: Account,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Review {
    pub id: i64,
    /// `approved`, `changes_requested`, `commented`, `dismissed`.
    pub state: String,
    #[serde(default, deserialize_with = "or_default")]
    pub user: Account,
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    #[serde(default, deserialize_with = "or_default")]
    pub submitted_at: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PullRequestReviewEvent {
    pub action: String,
    pub repository: Repository,
    pub pull_request: PullRequest,
    pub review: Review,
    #[serde(default, deserialize_with = "or_default")]
    pub sender: Account,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Issue {
    pub number: i64,
    pub title: String,
    /// Empty where the event does not say.
    #[serde(default, deserialize_with = "or_default")]
    pub state: String,
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    #[serde(default, deserialize_with = "or_default")]
    pub body: String,
    #[serde(default, deserialize_with = "or_default")]
    pub user: Account,
    #[serde(default)]
    pub assignee: Option<Account>,
    #[serde(default, deserialize_with = "or_default")]
    pub labels: Vec<Label>,
    #[serde(default, deserialize_with = "or_default")]
    pub updated_at: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Label {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IssuesEvent {
    pub action: String,
    pub repository: Repository,
    pub issue: Issue,
    /// Whom it was given to, or taken from: an issue may be several people's.
    #[serde(default, deserialize_with = "or_default")]
    pub assignee: Option<Account>,
    #[serde(default, deserialize_with = "or_default")]
    pub sender: Account,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Release {
    pub id: i64,
    pub tag_name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// The notes.
    #[serde(default, deserialize_with = "or_default")]
    pub body: String,
    #[serde(default, deserialize_with = "or_default")]
    pub draft: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub prerelease: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ReleaseEvent {
    pub action: String,
    pub repository: Repository,
    pub release: Release,
    #[serde(default, deserialize_with = "or_default")]
    pub sender: Account,
}

impl Account {
    /// The id there, as accounts here are linked to it.
    pub fn github(&self) -> Option<i64> {
        (self.id != 0).then_some(self.id)
    }
}

/// GitHub writes null for what is not there.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// What a list says of a delivery, read from any payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heading {
    pub action: String,
    /// In lower case; empty where it is about none.
    pub repository: String,
    /// Where that is cloned from, by which the links to it are found; empty where it does not say.
    pub clone_url: String,
    pub about: String,
}

#[derive(Deserialize)]
struct RawHeading<'a> {
    #[serde(borrow, default)]
    action: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    repository: Option<RawRepository<'a>>,
    #[serde(borrow, default, rename = "ref")]
    reference: Option<Cow<'a, str>>,
    #[serde(default)]
    pull_request: Option<RawNumber>,
    #[serde(default)]
    issue: Option<RawNumber>,
    #[serde(borrow, default)]
    release: Option<RawRelease<'a>>,
}

#[derive(Deserialize)]
struct RawRepository<'a> {
    #[serde(borrow, default)]
    full_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    clone_url: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RawNumber {
    #[serde(default)]
    number: Option<i64>,
}

#[derive(Deserialize)]
struct RawRelease<'a> {
    #[serde(borrow, default)]
    tag_name: Option<Cow<'a, str>>,
}

/// Longer ones are cut: it is one line of a list.
const ABOUT_MAX: usize = 200;

/// Reads what a list shows; what has another shape is left empty. The error is one sentence: it is not JSON.
pub fn read_heading(event: &str, payload: &[u8]) -> Result<Heading, String> {
    let raw: RawHeading = match serde_json::from_slice(payload) {
        Ok(raw) => raw,
        Err(error) if error.is_data() => return odd_heading(event, payload),
        Err(error) => return Err(unreadable(event, &error)),
    };
    let number = |number: Option<RawNumber>| number.and_then(|raw| raw.number);
    Ok(Heading::of(
        raw.action.as_deref(),
        raw.repository.as_ref().and_then(|repository| repository.full_name.as_deref()),
        raw.repository.as_ref().and_then(|repository| repository.clone_url.as_deref()),
        number(raw.pull_request).or_else(|| number(raw.issue)),
        raw.release.as_ref().and_then(|release| release.tag_name.as_deref()).or(raw.reference.as_deref()),
    ))
}

/// The same where a field is of another kind than it is elsewhere: the others are read.
fn odd_heading(event: &str, payload: &[u8]) -> Result<Heading, String> {
    let value: serde_json::Value = serde_json::from_slice(payload).map_err(|error| unreadable(event, &error))?;
    let text = |at: &str| value.pointer(at).and_then(serde_json::Value::as_str);
    let number = |at: &str| value.pointer(at).and_then(serde_json::Value::as_i64);
    Ok(Heading::of(
        text("/action"),
        text("/repository/full_name"),
        text("/repository/clone_url"),
        number("/pull_request/number").or_else(|| number("/issue/number")),
        text("/release/tag_name").or_else(|| text("/ref")),
    ))
}

impl Heading {
    fn of(action: Option<&str>, repository: Option<&str>, clone_url: Option<&str>, number: Option<i64>, name: Option<&str>) -> Self {
        let short = |name: &str| line(name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/")).unwrap_or(name));
        Self {
            action: action.map(line).unwrap_or_default(),
            repository: repository.and_then(repository_name).unwrap_or_default(),
            clone_url: clone_url.unwrap_or_default().to_owned(),
            about: number.map(|number| format!("#{number}")).or_else(|| name.map(short)).unwrap_or_default(),
        }
    }
}

/// One line without what no text column keeps.
fn line(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(ABOUT_MAX).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(event: &str, payload: serde_json::Value) -> Result<Event, String> {
        read_event(event, payload.to_string().as_bytes())
    }

    #[test]
    fn a_push_is_read_without_what_is_not_there() {
        let push = json!({
            "ref": "refs/heads/main", "before": "0".repeat(40), "after": "a".repeat(40), "head_commit": null, "commits": null,
            "repository": { "full_name": "Harbor/Skills", "clone_url": null }, "pusher": { "name": "maya" }, "news": [1, 2],
        });
        let Ok(Event::Push(push)) = read("push", push) else { panic!("a push") };
        assert_eq!((push.branch(), push.repository.full_name.as_str(), push.forced), (Some("main"), "Harbor/Skills", false));
        assert_eq!((push.pusher.name.as_str(), push.commits.len(), push.head_commit), ("maya", 0, None));
        assert_eq!(read("star", json!({ "action": "created" })), Ok(Event::Other));
    }

    #[test]
    fn what_cannot_be_read_says_so_in_a_sentence() {
        for (event, payload) in [("push", json!({ "ref": "x" })), ("issues", json!([1])), ("release", json!({ "action": 7 }))] {
            let sentence = read(event, payload).expect_err("another shape");
            assert!(sentence.contains(event) && sentence.ends_with('.'), "{sentence}");
        }
        assert!(read_event("push", b"{\"ref\":").expect_err("cut off").contains("not JSON"));
        assert!(read_heading("push", b"not JSON").expect_err("no JSON").contains("not JSON"));
    }

    #[test]
    fn a_list_says_what_it_is_about() {
        let heading = |payload: serde_json::Value| read_heading("x", payload.to_string().as_bytes()).expect("readable");
        let of = |action: &str, repository: &str, about: &str| Heading {
            action: action.to_owned(),
            repository: repository.to_owned(),
            about: about.to_owned(),
            ..Heading::default()
        };
        let harbor = json!({ "full_name": "Harbor/Skills" });
        assert_eq!(heading(json!({ "ref": "refs/heads/a/b", "repository": harbor })), of("", "harbor/skills", "a/b"));
        assert_eq!(
            heading(json!({ "action": "opened", "issue": { "number": 7 }, "repository": harbor })),
            of("opened", "harbor/skills", "#7")
        );
        assert_eq!(heading(json!({ "action": "published", "release": { "tag_name": "v1\u{0}" } })), of("published", "", "v1"));
        assert_eq!(heading(json!({ "repository": { "full_name": "no name" } })), of("", "", ""));
        assert_eq!(heading(json!({ "action": 7, "ref": "main", "repository": harbor })), of("", "harbor/skills", "main"));
        let elsewhere = json!({ "full_name": "Harbor/Skills", "clone_url": "https://x.example/a.git" });
        for payload in [json!({ "repository": elsewhere }), json!({ "action": 7, "repository": elsewhere })] {
            assert_eq!(heading(payload).clone_url, "https://x.example/a.git");
        }
        assert_eq!(heading(json!([1])), Heading::default());
        assert_eq!(heading(json!({ "action": null, "repository": null, "release": null })), Heading::default());
    }
}
