//! What deliveries bring about over kills: pushes, issues, pull requests and releases come from many sides, some of them twice, while the server is killed
//! again and again. Whatever was acknowledged is stored once and has had its effect once. Uses the real binary as a process.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use llmos_lite::{features::webhooks::service::sign, server::clock};
use serde_json::{Value, json};

use crate::{
    app::{Client, PASSWORD, text},
    durability::rounds,
    git::{GitServer, git, link, skill},
    github_events::{issue, market_skill, publish_by_hand, pull_request, release, repository},
    marketplace::Publisher,
    process::{Disk, Process},
    process_test,
    volumes::volume,
    webhooks::{SECRET, guid},
};

/// Each follows issues of its own, so that their order is known.
const ISSUE_SENDERS: usize = 4;
const ISSUES_EACH: usize = 3;
/// Pushes of one round: each is a commit more that every later pull looks through.
const PUSHES: usize = 6;
/// Which of them changes what is published, and is released.
const RELEASED: usize = 1;
/// As many as one list shows of what somebody submitted, and some to spare.
const RELEASES: usize = 150;
/// Pull requests that go through their lives in turn, and what is said of them in one round: a preview fetches, in turn with the pulls.
const PULLS: usize = 2;
const PULL_EVENTS: usize = 3;
/// The time of the first event of an issue, in UTC seconds.
const BEGIN: i64 = 1_790_000_000;

#[derive(Clone)]
struct Sent {
    guid: String,
    event: &'static str,
    body: String,
}

/// What was sent, and what was said of it.
#[derive(Default)]
struct Said {
    all: Vec<Sent>,
    acknowledged: BTreeSet<String>,
    /// How often each issue has changed.
    issues: BTreeMap<usize, usize>,
    /// How often each pull request has.
    pulls: BTreeMap<usize, usize>,
    pushes: usize,
    releases: usize,
}

/// Shared by all senders.
#[derive(Clone, Default)]
struct Sender {
    said: Arc<Mutex<Said>>,
    http: reqwest::Client,
}

impl Sender {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().expect("not poisoned")
    }

    /// The number of the next release, while there are to be more.
    fn release(&self) -> Option<usize> {
        let mut said = self.said();
        said.releases = (said.releases + 1).min(RELEASES + 1);
        (said.releases <= RELEASES).then_some(said.releases)
    }

    /// As GitHub delivers. None: the server is gone.
    async fn post(&self, base: &str, sent: &Sent) -> Option<u16> {
        let request = self
            .http
            .post(format!("{base}/webhook/github"))
            .header("content-type", "application/json")
            .header("x-github-event", sent.event)
            .header("x-github-delivery", &sent.guid)
            .header("x-hub-signature-256", sign(SECRET, sent.body.as_bytes()));
        let status = request.body(sent.body.clone()).send().await.ok()?.status().as_u16();
        match status {
            200 | 202 => drop(self.said().acknowledged.insert(sent.guid.clone())),
            503 => {}
            _ => panic!("{} is answered with {status}", sent.event),
        }
        Some(status)
    }

    /// What was never acknowledged, in the order in which it was sent.
    fn lost(&self) -> Vec<Sent> {
        let said = self.said();
        said.all.iter().filter(|sent| !said.acknowledged.contains(&sent.guid)).cloned().collect()
    }

    /// Sends until it is taken.
    async fn send_again(&self, base: &str, sent: &Sent) {
        for _ in 0..100 {
            match self.post(base, sent).await {
                Some(200 | 202) => return,
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        panic!("{} is taken", sent.guid);
    }

    /// Sends a new delivery; every fourth twice at the same moment, as GitHub may.
    async fn send(&self, base: &str, event: &'static str, payload: &Value) -> Option<()> {
        let sent = Sent { guid: guid(), event, body: payload.to_string() };
        let number = {
            let mut said = self.said();
            said.all.push(sent.clone());
            said.all.len()
        };
        if number.is_multiple_of(4) {
            let (one, two) = tokio::join!(self.post(base, &sent), self.post(base, &sent));
            one.and(two)?;
        } else {
            self.post(base, &sent).await?;
        }
        Some(())
    }
}

/// What an issue says when it has changed so often.
fn issue_at(server: &GitServer, number: usize, change: usize) -> Value {
    let time = clock::rfc3339((BEGIN + change as i64) * 1_000);
    let more = json!({ "number": number, "title": title(number, change), "state": state(change), "updated_at": time });
    issue(server, if change == 1 { "opened" } else { "edited" }, 0, more)
}

fn title(number: usize, change: usize) -> String {
    format!("Lamp {number}, word {change}")
}

fn state(change: usize) -> &'static str {
    if change.is_multiple_of(3) { "closed" } else { "open" }
}

/// Changes the issues of one sender in turn, until the server no longer answers.
async fn follow_issues(sender: Sender, base: String, server: Arc<GitServer>, which: usize) {
    for turn in 0.. {
        let number = 1 + which * ISSUES_EACH + turn % ISSUES_EACH;
        let change = {
            let mut said = sender.said();
            let change = said.issues.entry(number).or_default();
            *change += 1;
            *change
        };
        if sender.send(&base, "issues", &issue_at(&server, number, change)).await.is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What the repository shows a pull request under.
fn pull_ref(number: usize) -> String {
    format!("refs/pull/{number}/head")
}

fn pull_head(server: &GitServer, number: usize) -> String {
    git(&server.bare(), &["rev-parse", &pull_ref(number)]).trim().to_owned()
}

/// Puts a commit into the repository that all pull requests begin with: a skill more.
fn propose(server: &GitServer) {
    let work = server.work();
    git(&work, &["checkout", "-q", "-b", "oil"]);
    server.write("skills/oil/SKILL.md", skill("oil", "Fill.\n"));
    git(&work, &["add", "-A"]);
    git(&work, &["commit", "-q", "-m", "Oil"]);
    for number in 1..=PULLS {
        git(&work, &["push", "-q", "origin", &format!("HEAD:{}", pull_ref(number))]);
    }
    git(&work, &["checkout", "-q", "main"]);
}

/// Another commit of a pull request, made beside the work tree, in which pushes are made meanwhile.
fn commit_to_pull(server: &GitServer, number: usize) {
    let (bare, name) = (server.bare(), pull_ref(number));
    let made = git(&bare, &["commit-tree", &format!("{name}^{{tree}}"), "-p", &name, "-m", "More oil"]);
    git(&bare, &["update-ref", &name, made.trim()]);
}

/// What a pull request says when it has changed so often: opened, with another commit, closed, and then from the beginning.
fn pull_at(server: &GitServer, number: usize, change: usize) -> Value {
    let action = match change % 3 {
        1 if change == 1 => "opened",
        1 => "reopened",
        2 => "synchronize",
        _ => "closed",
    };
    let time = clock::rfc3339((BEGIN + change as i64) * 1_000);
    let more = json!({ "number": number, "title": title(number, change), "state": state(change), "updated_at": time });
    pull_request(server, action, 0, &pull_head(server, number), more)
}

/// Takes pull requests through their lives in turn, until the server no longer answers. What comes late is told to nobody: no more is said while
/// something is not acknowledged.
async fn follow_pulls(sender: Sender, base: String, server: Arc<GitServer>) {
    for _ in 0..PULL_EVENTS {
        let (number, change) = {
            let mut said = sender.said();
            let number = 1 + said.pulls.values().sum::<usize>() % PULLS;
            let change = said.pulls.entry(number).or_default();
            *change += 1;
            (number, *change)
        };
        if change % 3 == 2 {
            commit_to_pull(&server, number);
        }
        let there = sender.send(&base, "pull_request", &pull_at(&server, number, change)).await;
        if there.is_none() || sender.lost().iter().any(|sent| sent.event == "pull_request") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
}

fn pushed(server: &GitServer, head: &str) -> Value {
    json!({
        "ref": "refs/heads/main", "before": "0".repeat(40), "after": head, "forced": false, "deleted": false, "repository": repository(server),
        "pusher": { "name": "maya" }, "commits": [], "head_commit": null,
    })
}

/// Pushes new skills, and releases what is published with one of them, until the server no longer answers.
async fn push_and_release(sender: Sender, base: String, server: Arc<GitServer>) {
    for turn in 0..PUSHES {
        let push = {
            let mut said = sender.said();
            said.pushes += 1;
            said.pushes
        };
        server.write(&format!("skills/bell-{push}/SKILL.md"), skill(&format!("bell-{push}"), "Ring.\n"));
        let version = (turn == RELEASED).then(|| sender.release()).flatten();
        if let Some(version) = version {
            let words = format!("Trim the wicks, and polish the glass {version} times.");
            server.write("skills/lamp-care/SKILL.md", market_skill("lamp-care", &words));
        }
        let head = server.commit(&format!("Bell {push}"));
        if let Some(version) = version {
            git(&server.work(), &["tag", &format!("v1.{version}.0")]);
            git(&server.work(), &["push", "-q", "origin", &format!("v1.{version}.0")]);
        }
        let mut there = sender.send(&base, "push", &pushed(&server, &head)).await;
        if let Some(version) = version {
            // Also when the server is gone: GitHub sends it again.
            there = sender.send(&base, "release", &release(&server, &format!("v1.{version}.0"), json!({}))).await.and(there);
        }
        if there.is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

/// A browser with a name, on the server that runs now.
async fn signed_up(process: &Process, name: &str, invitation: Option<&str>) -> Client {
    let http = reqwest::Client::builder().cookie_store(true).build().expect("a client");
    let mut client = Client { http, url: process.base.clone(), token: None, id: String::new() };
    let body = json!({ "name": name, "email": format!("{name}@harbor.example"), "password": PASSWORD, "invitation": invitation });
    let (status, me) = client.post("/sign-up", body).await;
    assert_eq!(status, 201, "{me}");
    client.id = text(&me["person"]["id"]);
    client
}

async fn start(disk: &Disk) -> Process {
    let environment =
        [("GITHUB_WEBHOOK_SECRET", SECRET), ("WEBHOOK_ALLOW_LIST", "off"), ("GIT_PRIVATE", "true"), ("MARKETPLACE_CHECK_LINKS", "false")];
    disk.start_with(&[], &environment).await
}

process_test!(deliveries_have_their_effect_once_over_kill_9, |disk| {
    let server = Arc::new(GitServer::start().await);
    server.write("skills/lamp-care/SKILL.md", market_skill("lamp-care", "Trim the wicks."));
    server.commit("First");
    propose(&server);
    let mut process = start(disk).await;
    let mut maya = signed_up(&process, "maya", None).await;
    let team = maya.team("Harbor").await;
    let volume = volume(&maya, "team").await;
    let invitation = maya.invite(&team, "maintainer").await;
    let mut ines = Publisher::new(signed_up(&process, "ines", Some(&invitation)).await, 7).await;
    assert_eq!(link(&maya, &volume, json!({ "url": server.url })).await["state"], "synced");
    publish_by_hand(&maya, &ines, &team, &server, "lamp-care").await;

    let sender = Sender::default();
    for _ in 0..rounds() {
        let mut senders = tokio::task::JoinSet::new();
        for which in 0..ISSUE_SENDERS {
            senders.spawn(follow_issues(sender.clone(), process.base.clone(), server.clone(), which));
        }
        senders.spawn(push_and_release(sender.clone(), process.base.clone(), server.clone()));
        senders.spawn(follow_pulls(sender.clone(), process.base.clone(), server.clone()));
        let moment = u64::from(uuid::Uuid::now_v7().as_bytes()[15]);
        tokio::time::sleep(Duration::from_millis(300 + moment * 3)).await;
        process.kill();
        senders.join_all().await;
        process = start(disk).await;
        // A version that comes after a higher one is refused, and a pull request that was closed is not told of as opened: what was lost of them comes before
        // the next of them.
        for again in sender.lost().iter().filter(|sent| ["release", "pull_request"].contains(&sent.event)) {
            sender.send_again(&process.base, again).await;
        }
    }
    maya.url.clone_from(&process.base);
    ines.client.url.clone_from(&process.base);

    // GitHub sends again what it got no answer for, here the newest first; and some of what it did.
    let sent = sender.said().all.clone();
    assert!(!sender.said().acknowledged.is_empty(), "something was acknowledged before the kills");
    for again in sender.lost().iter().rev().chain(sent.iter().step_by(50)) {
        sender.send_again(&process.base, again).await;
    }
    drained(&maya, &volume, &server).await;
    stored_once(&maya, &sent).await;
    let (issues, pulls, pushes, releases) = {
        let said = sender.said();
        (said.issues.clone(), said.pulls.clone(), said.pushes, said.releases.min(RELEASES))
    };
    tasks_are_as_the_issues(&maya, &team, &issues).await;
    taken_once(&maya, &volume, pushes).await;
    submitted_once(&ines.client, releases).await;
    pulls_are_as_their_events(&maya, &volume, &server, &pulls).await;
    told_once(&ines.client, &volume, &pulls).await;
    process.kill();
});

/// Waits until no delivery waits, the volume has what the repository has, and every job of it has ended.
async fn drained(maya: &Client, volume: &str, server: &GitServer) {
    let mut last = (Value::Null, Value::Null);
    for _ in 0..2_400 {
        let (_, report) = maya.get("/webhooks/report").await;
        assert_eq!(report["failed"], 0, "{report}");
        let (_, link) = maya.get(&format!("/volumes/{volume}/git")).await;
        if report["waiting"] == 0 && link["state"] == "synced" && link["lastSha"] == server.head() {
            return;
        }
        last = (report, link);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("what waits has its turn: {last:?}");
}

async fn stored_once(maya: &Client, sent: &[Sent]) {
    let mut stored: HashMap<String, usize> = HashMap::new();
    let mut before = String::new();
    loop {
        let (status, page) = maya.get(&format!("/webhooks/deliveries?limit=200{before}")).await;
        assert_eq!(status, 200, "{page}");
        for delivery in page["deliveries"].as_array().expect("a list") {
            assert_eq!(delivery["state"], "done", "{delivery}");
            *stored.entry(text(&delivery["guid"])).or_default() += 1;
        }
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    for sent in sent {
        assert_eq!(stored.get(&sent.guid), Some(&1), "{} {} is here, once", sent.event, sent.guid);
    }
    assert_eq!(stored.len(), sent.len(), "nothing else is");
}

/// One task for each issue, as the last of its events says.
async fn tasks_are_as_the_issues(maya: &Client, team: &str, issues: &BTreeMap<usize, usize>) {
    let (status, page) = maya.get(&format!("/teams/{team}/tasks?state=all&limit=100")).await;
    assert_eq!(status, 200, "{page}");
    let mut tasks: Vec<(u64, String, String)> = Vec::new();
    for task in page["items"].as_array().expect("a list") {
        tasks.push((task["issue"]["number"].as_u64().expect("a number"), text(&task["title"]), text(&task["state"])));
    }
    tasks.sort();
    let expected: Vec<_> =
        issues.iter().map(|(number, change)| (*number as u64, title(*number, *change), state(*change).to_owned())).collect();
    assert_eq!(tasks, expected);
}

/// Each skill that was pushed came with one commit of the volume.
async fn taken_once(maya: &Client, volume: &str, pushes: usize) {
    let mut made: HashMap<String, usize> = HashMap::new();
    let mut before = String::new();
    loop {
        let (status, page) = maya.get(&format!("/volumes/{volume}/commits{before}")).await;
        assert_eq!(status, 200, "{page}");
        for commit in page["commits"].as_array().expect("a list") {
            let (_, detail) = maya.get(&format!("/commits/{}", text(&commit["id"]))).await;
            let changes = detail["changes"].as_array().expect("a list");
            assert!(!changes.is_empty(), "an empty commit: {detail}");
            for change in changes.iter().filter(|change| text(&change["path"]).contains("/bell-")) {
                *made.entry(text(&change["path"])).or_default() += 1;
            }
        }
        match page["next"].as_str() {
            Some(next) => before = format!("?before={next}"),
            None => break,
        }
    }
    for push in 1..=pushes {
        assert_eq!(made.get(&format!("skills/bell-{push}/SKILL.md")), Some(&1), "push {push} was taken once");
    }
    assert_eq!(made.len(), pushes);
}

/// One row for each pull request, as the last of its events says, with a preview of its last commit; their jobs come after the deliveries.
async fn pulls_are_as_their_events(maya: &Client, volume: &str, server: &GitServer, pulls: &BTreeMap<usize, usize>) {
    let mut expected = Vec::new();
    for (number, change) in pulls {
        let head = pull_head(server, *number);
        expected.push(json!([number, title(*number, *change), state(*change), head, head, "oil"]));
    }
    let mut last = Value::Null;
    for _ in 0..2_400 {
        let (status, rows) = maya.get(&format!("/volumes/{volume}/git/pull-requests")).await;
        assert_eq!(status, 200, "{rows}");
        let mut found = Vec::new();
        for row in rows.as_array().expect("a list") {
            found.push(json!([row["number"], row["title"], row["state"], row["headSha"], row["lookedSha"], row["changes"][0]["slug"]]));
        }
        found.sort_by_key(|row| row[0].as_u64());
        if found == expected {
            return;
        }
        last = rows;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{expected:?}: {last}");
}

/// Whoever looks after the volume was told once of each commit that a push became (what came with the link nobody pushed), and of each time that a pull
/// request was opened and closed.
async fn told_once(ines: &Client, volume: &str, pulls: &BTreeMap<usize, usize>) {
    let mut pulled = 0;
    let mut before = String::new();
    loop {
        let (status, page) = ines.get(&format!("/volumes/{volume}/commits{before}")).await;
        assert_eq!(status, 200, "{page}");
        pulled += page["commits"].as_array().expect("a list").iter().filter(|commit| commit["source"] == "git").count();
        match page["next"].as_str() {
            Some(next) => before = format!("?before={next}"),
            None => break,
        }
    }
    let of_pulls: usize = pulls.values().map(|changes| changes.div_ceil(3) + changes / 3).sum();
    let expected = (pulled - 1 + of_pulls) as u64;
    let mut about = Value::Null;
    for _ in 0..2_400 {
        about = told_about(ines, volume).await;
        if about["count"].as_u64() >= Some(expected) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(about["count"].as_u64().unwrap_or(0), expected, "{about}");
}

/// All that somebody was told about a volume.
async fn told_about(client: &Client, volume: &str) -> Value {
    let mut cursor = String::new();
    loop {
        let (status, page) = client.get(&format!("/notifications?limit=100{cursor}")).await;
        assert_eq!(status, 200, "{page}");
        let mut groups = page["items"].as_array().expect("groups").iter();
        if let Some(about) = groups.find(|group| group["subject"] == "volume" && group["subjectId"] == volume) {
            return about.clone();
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Value::Null,
        }
    }
}

/// One submission for each release; their jobs come after the deliveries.
async fn submitted_once(ines: &Client, releases: usize) {
    let mut versions = Vec::new();
    for _ in 0..1_200 {
        let (status, mine) = ines.get("/marketplace/mine").await;
        assert_eq!(status, 200, "{mine}");
        versions = mine.as_array().expect("a list").iter().map(|one| text(&one["version"])).collect();
        if versions.len() > releases {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    versions.sort();
    let mut expected: Vec<String> = (0..=releases).map(|release| format!("1.{release}.0")).collect();
    expected.sort();
    assert_eq!(versions, expected, "each release is submitted once");
}
