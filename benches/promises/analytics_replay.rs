//! A week of a busy team as calls of the running server: sessions, messages, artifacts, commits, searches, runs of agents, the marketplace.
//!
//! Who does how much of what, and in which hours, is written down here; which events come of it, about what and with which amounts, is what the server
//! wrote. Hour after hour is worked off as fast as the server answers, so that an event's time tells which hour of the week it belongs to.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use llmos_trust::{
    Envelope, SigningKey,
    statement::{KeyAction, KeyStatement},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Result,
    market::grouped,
    market_data, search,
    server::Server,
    traces, traces_data,
    traces_made::{self, Times},
};

pub const VARIABLES: &[(&str, &str)] = &[("SEARCH_RATE", "1000000"), ("MARKETPLACE_CHECK_LINKS", "false")];
/// Acts of the whole week; each is one call or more.
const ACTS: usize = 20_000;
const PEOPLE: usize = 50;
/// Whose calls are made at the same time; everybody makes theirs one after another.
const WORKERS: usize = 8;
const HOURS: usize = 168;
const LISTINGS: usize = 12;
/// At first, so that there is something to look at.
const SESSIONS: usize = 10;
/// Calls that may be refused, of a hundred.
const REFUSED_MAX: usize = 2;
/// How much is done in each hour of a day of work, in parts of the whole.
const DAY: [u32; 24] = [2, 1, 1, 1, 1, 2, 6, 20, 55, 90, 100, 95, 60, 70, 95, 100, 90, 70, 35, 18, 12, 10, 6, 3];
/// What is left of that on a Saturday and a Sunday, of a hundred.
const WEEKEND: u32 = 8;
const WORDS: [&str; 12] =
    ["lamp", "rope", "tide", "invoice", "contract", "latency", "runbook", "budget", "schema", "audit", "design", "research"];
const CATEGORIES: [&str; 6] = ["data-analysis", "web-dev", "security", "legal", "financial", "design"];
const KINDS: [&str; 5] = ["skill", "skill", "skill", "tool", "agent"];

/// What somebody does.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Act {
    Say,
    Open,
    Edit,
    Create,
    Begin,
    Join,
    Search,
    Trace,
    Comment,
    Task,
    Favourite,
    Look,
    Install,
}

/// How often, of their sum.
const ACTS_OF: [(Act, u32); 13] = [
    (Act::Say, 340),
    (Act::Open, 150),
    (Act::Edit, 70),
    (Act::Create, 20),
    (Act::Begin, 40),
    (Act::Join, 40),
    (Act::Search, 130),
    (Act::Trace, 80),
    (Act::Comment, 35),
    (Act::Task, 20),
    (Act::Favourite, 15),
    (Act::Look, 50),
    (Act::Install, 10),
];

/// When the hours of the week were worked off, in UTC ms, and how much was called.
#[derive(Clone, Serialize, Deserialize)]
pub struct Replay {
    /// Hour from Monday 0:00, begin and end.
    pub hours: Vec<(usize, i64, i64)>,
    pub calls: usize,
    pub refused: usize,
    pub seconds: f64,
}

/// A folder in which a week was replayed, and how that went. It is made once.
pub async fn replayed(kept: &Path, most: usize) -> Result<(PathBuf, Replay)> {
    let acts = ACTS.min(most);
    let data = kept.join(format!("analytics-replay-{acts}"));
    let note = data.join("replay.json");
    if !market_data::is_there(&data) {
        let _ = fs::remove_dir_all(&data);
        fs::create_dir_all(&data)?;
        let mut server = Server::start_on(&data, VARIABLES).await?;
        let replay = replay(&server, acts).await?;
        // What follows from it is not to go on in the folders that are made of this one.
        search::embedded(&server).await?;
        traces::idle(&server).await?;
        // What waited to be written, and the requests of the last minute, are written at the end.
        server.stop()?;
        fs::write(&note, serde_json::to_vec(&replay)?)?;
        market_data::note(&data)?;
    }
    let replay: Replay = serde_json::from_slice(&fs::read(&note)?)?;
    println!(
        "analytics: {} calls of a week of {PEOPLE} people were replayed in {:.0} s, {} of them refused",
        grouped(replay.calls),
        replay.seconds,
        replay.refused
    );
    Ok((data, replay))
}

/// What all look at.
struct Team {
    base: String,
    team: String,
    volumes: Vec<String>,
    sessions: Mutex<Vec<String>>,
    artifacts: Mutex<Vec<String>>,
    /// Names of skills, for runs of agents.
    skills: Mutex<Vec<String>>,
    /// Of the team and, every second, of somebody else.
    listings: Vec<String>,
    admin: reqwest::Client,
    times: Times,
    calls: AtomicUsize,
    refused: Mutex<HashMap<String, usize>>,
}

fn among<T: Clone>(list: &Mutex<Vec<T>>, random: &mut fastrand::Rng) -> Option<T> {
    let list = list.lock().unwrap_or_else(PoisonError::into_inner);
    // What is new is looked at most.
    let back = (random.f64() * random.f64() * list.len() as f64) as usize;
    list.get(list.len().checked_sub(1 + back)?).cloned()
}

fn put<T>(list: &Mutex<Vec<T>>, item: T) {
    list.lock().unwrap_or_else(PoisonError::into_inner).push(item);
}

/// Somebody, with the artifacts that only they edit.
struct Person {
    number: usize,
    client: reqwest::Client,
    random: fastrand::Rng,
    own: Vec<String>,
    done: usize,
}

impl Team {
    /// Makes a call; nothing where it was refused, which is counted.
    async fn call(&self, client: &reqwest::Client, method: &str, path: &str, body: Option<Value>) -> Result<Option<Value>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut request = client.request(method.parse()?, format!("{}/api/v1{path}", self.base));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let (status, text) = (response.status(), response.text().await?);
        if !status.is_success() {
            let kind = path.split('/').nth(1).unwrap_or_default();
            let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            *refused.entry(format!("{method} /{kind}: {status} {text}")).or_default() += 1;
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&text).unwrap_or_default()))
    }

    async fn act(&self, person: &mut Person, act: Act) -> Result<()> {
        person.done += 1;
        let word = WORDS[person.random.usize(..WORDS.len())];
        match act {
            Act::Say => {
                let Some(session) = among(&self.sessions, &mut person.random) else { return Ok(()) };
                let text = format!("Looked at the {word} once more: it is as it was, see number {}.", person.done);
                self.call(&person.client, "POST", &format!("/sessions/{session}/messages"), Some(json!({ "text": text }))).await?;
            }
            Act::Begin => {
                let new = json!({ "title": format!("{word} {}", person.done), "goal": "Find out", "teamId": self.team });
                if let Some(id) = self.call(&person.client, "POST", "/sessions", Some(new)).await?.and_then(|made| id_of(&made["id"])) {
                    self.call(&person.client, "POST", &format!("/sessions/{id}/messages"), Some(json!({ "text": "Let us begin." })))
                        .await?;
                    put(&self.sessions, id);
                }
            }
            Act::Join => {
                let Some(session) = among(&self.sessions, &mut person.random) else { return Ok(()) };
                self.call(&person.client, "POST", &format!("/sessions/{session}/join"), Some(json!({}))).await?;
            }
            Act::Open | Act::Favourite | Act::Comment => {
                let Some(artifact) = among(&self.artifacts, &mut person.random) else { return Ok(()) };
                match act {
                    Act::Open => self.call(&person.client, "GET", &format!("/artifacts/{artifact}"), None).await?,
                    Act::Favourite => {
                        self.call(&person.client, "PUT", &format!("/artifacts/{artifact}/favourite"), Some(Value::Null)).await?
                    }
                    _ => {
                        let new = json!({ "artifactId": artifact, "text": format!("What about the {word}?") });
                        self.call(&person.client, "POST", "/comments/threads", Some(new)).await?
                    }
                };
            }
            Act::Create => self.create(person).await?,
            Act::Edit => match person.random.choice(&person.own).cloned() {
                Some(artifact) => self.edit(person, &artifact).await?,
                None => self.create(person).await?,
            },
            Act::Search => {
                let other = WORDS[person.random.usize(..WORDS.len())];
                let found = self.call(&person.client, "GET", &format!("/search?limit=20&q={word}%20{other}"), None).await?;
                let Some(found) = found else { return Ok(()) };
                let hits = found["hits"].as_array().map_or(0, Vec::len);
                // Every second finds what was looked for, mostly near the top.
                if hits > 0 && person.random.bool() {
                    let position = (person.random.f64() * person.random.f64() * hits as f64) as usize;
                    let opened = json!({ "query": found["query"], "position": position + 1, "id": found["hits"][position]["id"] });
                    self.call(&person.client, "POST", "/search/opened", Some(opened)).await?;
                }
            }
            Act::Trace => {
                let number = person.number + PEOPLE * person.done;
                let mut trace = traces_made::trace(number, self.times);
                trace.skills_used = among(&self.skills, &mut person.random).into_iter().collect();
                let trace = json!([trace]);
                self.call(&person.client, "POST", &format!("/traces?team={}", self.team), Some(trace)).await?;
            }
            Act::Task => {
                let new = json!({ "title": format!("See to the {word}, {}", person.done) });
                self.call(&person.client, "POST", &format!("/teams/{}/tasks", self.team), Some(new)).await?;
            }
            Act::Look | Act::Install => {
                let Some((place, listing)) = person.random.choice(self.listings.iter().enumerate()) else { return Ok(()) };
                if act == Act::Look {
                    self.call(&person.client, "GET", &format!("/marketplace/listings/{listing}"), None).await?;
                    return Ok(());
                }
                // Each into a volume of its own: the second time it would be no installation.
                let new = json!({ "name": format!("{listing} {}-{}", person.number, person.done) });
                let made = self.call(&self.admin, "POST", "/volumes", Some(new)).await?;
                if let Some(volume) = made.and_then(|made| id_of(&made["id"])) {
                    self.call(&self.admin, "POST", &format!("/volumes/{volume}/lock"), Some(json!({ "install": [listing] }))).await?;
                    // Nobody rates what is their own.
                    if !place.is_multiple_of(2) {
                        let stars = json!({ "rating": person.random.u8(2..6) });
                        self.call(&self.admin, "PUT", &format!("/marketplace/listings/{listing}/review"), Some(stars)).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn create(&self, person: &mut Person) -> Result<()> {
        let kind = KINDS[person.random.usize(..KINDS.len())];
        let slug = format!("{}-{}-{}", WORDS[person.random.usize(..WORDS.len())], person.number, person.done);
        let Some(volume) = person.random.choice(&self.volumes) else { return Ok(()) };
        let new = json!({ "volumeId": volume, "kind": kind, "name": slug });
        let made = self.call(&person.client, "POST", "/artifacts", Some(new)).await?;
        let Some(id) = made.and_then(|made| id_of(&made["summary"]["id"])) else { return Ok(()) };
        self.edit(person, &id).await?;
        person.own.push(id.clone());
        put(&self.artifacts, id);
        if kind == "skill" {
            put(&self.skills, slug);
        }
        Ok(())
    }

    /// Opens it, saves its draft and commits that.
    async fn edit(&self, person: &mut Person, artifact: &str) -> Result<()> {
        let Some(detail) = self.call(&person.client, "GET", &format!("/artifacts/{artifact}"), None).await? else { return Ok(()) };
        let slug = detail["summary"]["slug"].as_str().unwrap_or("lamp");
        let text = match detail["summary"]["kind"].as_str() {
            Some("skill") => {
                let category = CATEGORIES[person.random.usize(..CATEGORIES.len())];
                format!(
                    "---\nname: {slug}\ndescription: How {slug} is done, number {}.\ncategory: {category}\n---\n\n# {slug}\n\nStep {}.\n",
                    person.done, person.done
                )
            }
            _ => format!("{}\n\nChanged, number {}.\n", detail["text"].as_str().unwrap_or_default(), person.done),
        };
        let draft = json!({ "text": text, "saves": detail["draft"]["saves"].as_i64().unwrap_or_default() });
        if self.call(&person.client, "PUT", &format!("/artifacts/{artifact}/draft"), Some(draft)).await?.is_none() {
            return Ok(());
        }
        let items = json!([{ "id": artifact, "baseRevisionId": detail["head"]["id"] }]);
        let commit = json!({ "message": format!("Number {}", person.done), "artifacts": items });
        self.call(&person.client, "POST", "/commits", Some(commit)).await?;
        Ok(())
    }
}

fn id_of(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// How much is done in an hour of the week.
fn weight(hour: usize) -> u32 {
    let of_day = DAY[hour % 24];
    if hour / 24 < 5 { of_day } else { of_day * WEEKEND / 100 }
}

/// Who does what in each hour of the week, the same each time.
fn script(acts: usize) -> Vec<Vec<(usize, Act)>> {
    let mut random = fastrand::Rng::with_seed(8);
    let (all, sum): (u32, u32) = ((0..HOURS).map(weight).sum(), ACTS_OF.iter().map(|(_, often)| often).sum());
    let mut hours = vec![Vec::new(); HOURS];
    for _ in 0..acts {
        let mut place = random.u32(..all);
        let hour = (0..HOURS).find(|&hour| {
            let is_it = place < weight(hour);
            place = place.saturating_sub(weight(hour));
            is_it
        });
        let mut chosen = random.u32(..sum);
        let act = ACTS_OF.iter().find(|(_, often)| {
            let is_it = chosen < *often;
            chosen = chosen.saturating_sub(*often);
            is_it
        });
        // Some do much more than others.
        let person = (random.f64() * random.f64() * PEOPLE as f64) as usize;
        if let Some(hour) = hour.and_then(|hour| hours.get_mut(hour)) {
            hour.push((person, act.map_or(Act::Say, |(act, _)| *act)));
        }
    }
    hours
}

async fn replay(server: &Server, acts: usize) -> Result<Replay> {
    let volume = server.set_up().await?;
    let place = server.place(PEOPLE, SESSIONS).await?;
    let me = server.api("GET", "/me", None).await?;
    let team = id_of(&me["teams"][0]["id"]).ok_or("no team")?;
    let listings = publish(server, &team).await?;
    let team = Arc::new(Team {
        base: server.url(""),
        team,
        volumes: vec![volume],
        sessions: Mutex::new(place.sessions),
        artifacts: Mutex::default(),
        skills: Mutex::default(),
        listings,
        admin: server.client.clone(),
        times: Times::until(traces_data::now()?, acts * PEOPLE),
        calls: AtomicUsize::new(0),
        refused: Mutex::default(),
    });
    let mut workers: Vec<Vec<Person>> = (0..WORKERS).map(|_| Vec::new()).collect();
    for (number, token) in place.tokens.iter().enumerate() {
        let headers = reqwest::header::HeaderMap::from_iter([(
            reqwest::header::AUTHORIZATION,
            format!("Bearer {token}").parse::<reqwest::header::HeaderValue>()?,
        )]);
        let client = reqwest::Client::builder().default_headers(headers).build()?;
        let random = fastrand::Rng::with_seed(number as u64);
        if let Some(worker) = workers.get_mut(number % WORKERS) {
            worker.push(Person { number, client, random, own: Vec::new(), done: 0 });
        }
    }
    let (began, mut hours) = (Instant::now(), Vec::new());
    for (hour, acts) in script(acts).into_iter().enumerate() {
        let from = traces_data::now()?;
        let mut running = tokio::task::JoinSet::new();
        for (worker, mut people) in std::mem::take(&mut workers).into_iter().enumerate() {
            let (team, acts) = (team.clone(), acts.clone());
            running.spawn(async move {
                for (number, act) in acts.into_iter().filter(|(number, _)| number % WORKERS == worker) {
                    if let Some(person) = people.get_mut(number / WORKERS) {
                        team.act(person, act).await?;
                    }
                }
                Result::Ok((worker, people))
            });
        }
        let mut done = running.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
        done.sort_by_key(|(worker, _)| *worker);
        workers = done.into_iter().map(|(_, people)| people).collect();
        hours.push((hour, from, traces_data::now()?));
        // The next hour begins in another millisecond.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let refused = team.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (calls, count) = (team.calls.load(Ordering::Relaxed), refused.values().sum::<usize>());
    let mut most: Vec<(String, usize)> = refused.into_iter().collect();
    most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (why, count) in most.iter().take(5) {
        println!("analytics: {count} times refused: {why}");
    }
    if count * 100 > calls * REFUSED_MAX {
        return Err(format!("{count} of {calls} calls were refused").into());
    }
    Ok(Replay { hours, calls, refused: count, seconds })
}

/// Listings that somebody else submits, for the team and for themselves by turns, and the account of the bench approves; their slugs.
async fn publish(server: &Server, team: &str) -> Result<Vec<String>> {
    let invitation = json!({ "role": "maintainer", "maxUses": 1, "expiresInDays": 7 });
    let made = server.api("POST", &format!("/teams/{team}/invitations"), Some(invitation)).await?;
    let secret = made["url"].as_str().and_then(|url| url.rsplit('/').next()).ok_or("no invitation")?;
    let publisher = reqwest::Client::builder().cookie_store(true).build()?;
    let api = async |path: &str, body: Option<Value>| -> Result<Value> {
        let address = server.url(&format!("/api/v1{path}"));
        let request = body.map_or_else(|| publisher.get(&address), |body| publisher.post(&address).json(&body));
        let response = request.send().await?;
        let (status, text) = (response.status(), response.text().await?);
        if !status.is_success() {
            return Err(format!("{path}: {status} {text}").into());
        }
        Ok(serde_json::from_str(&text)?)
    };
    let account = json!({ "name": "Ines", "email": "ines@example.org", "password": "a stall in the harbor", "invitation": secret });
    let me = api("/sign-up", Some(account)).await?;
    let key = SigningKey::from_seed(&[8; 32]);
    let statement = KeyStatement {
        account: id_of(&me["person"]["id"]).ok_or("no account")?,
        key: key.public(),
        action: KeyAction::Add,
        by: None,
        reason: String::new(),
        compromised_since: None,
        at: "2026-11-01T12:00:00Z".to_owned(),
    };
    let mut envelope = Envelope::new(&statement)?;
    envelope.sign(&key);
    let signed: Vec<Value> =
        envelope.signatures.iter().map(|one| json!({ "keyId": one.keyid, "signature": BASE64_STANDARD.encode(&one.sig) })).collect();
    let introduction = json!({
        "publicKey": key.public().to_string(), "name": "Bench", "payload": BASE64_STANDARD.encode(&envelope.payload), "signatures": signed,
    });
    let key_id = api("/marketplace/keys", Some(introduction)).await?["id"].take();

    let mut slugs = Vec::new();
    for (number, word) in WORDS.iter().enumerate().take(LISTINGS) {
        let slug = format!("{word}-care");
        let owner = number.is_multiple_of(2).then_some(team);
        let release = json!({
            "type": "skill", "slug": slug, "team": owner, "name": format!("{word} care"), "description": format!("How {slug} is done, for whoever keeps a harbor."),
            "content": format!("---\nname: {slug}\ndescription: How {slug} is done.\n---\n\n# {slug}\n\nLook at the {word}, number {number}.\n"),
            "category": CATEGORIES[number % CATEGORIES.len()], "tags": ["harbor"], "license": "MIT", "version": "1.0.0",
        });
        let made = api("/marketplace/submissions", Some(release)).await?;
        let path = format!("/marketplace/submissions/{}", made["submission"]["id"].as_str().ok_or("no submission")?);
        let began = Instant::now();
        while server.api("GET", &path, None).await?["submission"]["checking"] != false {
            if began.elapsed() > Duration::from_secs(120) {
                return Err(format!("{slug} is still being checked").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server.api("POST", &format!("{path}/review"), Some(json!({ "verdict": "approve", "reason": "Fine." }))).await?;
        let submission = api(&path, None).await?;
        let payload = BASE64_STANDARD.decode(submission["payload"].as_str().ok_or("no payload")?)?;
        let kind = submission["payloadType"].as_str().ok_or("no type")?;
        // What DSSE has signed: the pre-authentication encoding.
        let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
        message.extend(payload);
        let signature = json!({ "keyId": key_id, "signature": BASE64_STANDARD.encode(key.sign(&message)) });
        api(&format!("{path}/sign"), Some(signature)).await?;
        slugs.push(slug);
    }
    Ok(slugs)
}
