//! Whatever is done to a volume's lock, in any order: it says what is there, and what is refused has changed nothing.
//!
//! Publishes, withdraws, installs, updates, pins, edits, uninstalls and rolls back at random. `LLMOS_MARKET_STEPS` makes it longer, `LLMOS_MARKET_SEED` does the
//! same again.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::Method;
use semver::{Version, VersionReq};
use serde_json::{Value, json};

use crate::{
    app::{Client, TestApp, text},
    marketplace::{Publisher, change, looked_at, people, skill, with},
    volumes::{commit, save, volume},
};

const SLUGS: [&str; 6] = ["amber-lamp", "birch-mast", "cedar-hull", "dune-chart", "ember-bell", "fjord-pilot"];

fn steps() -> usize {
    std::env::var("LLMOS_MARKET_STEPS").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

/// The seed, printed so that a failure can be had again.
fn seed() -> u64 {
    let given = std::env::var("LLMOS_MARKET_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::Rng::new().u64(..));
    eprintln!("LLMOS_MARKET_SEED={seed}");
    seed
}

/// What was published once and never changes.
struct Released {
    id: String,
    digest: String,
    content: String,
    notes: String,
    needs: Vec<(String, VersionReq)>,
    withdrawn: bool,
}

/// One line of a lock and the artifact that stands for it.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    version: String,
    digest: String,
    artifact: String,
    asked: bool,
    pinned: bool,
    edited: bool,
    text: String,
    files: Value,
}

/// A volume as it is read over HTTP.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    lines: BTreeMap<String, Line>,
    artifacts: BTreeSet<String>,
    changes: Vec<String>,
    commits: Value,
}

async fn got(client: &Client, path: &str) -> Value {
    let (status, answer) = client.get(path).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_else(|| panic!("a list, not {value}"))
}

async fn seen(client: &Client, volume: &str) -> Seen {
    let lock = got(client, &format!("/volumes/{volume}/lock")).await;
    let page = got(client, &format!("/artifacts?volume={volume}&limit=200")).await;
    let artifacts: BTreeSet<String> = list(&page["items"]).iter().map(|item| text(&item["id"])).collect();
    let mut lines = BTreeMap::new();
    for row in list(&lock["installations"]) {
        let artifact = text(&row["artifactId"]);
        assert!(artifacts.contains(&artifact), "{} is in the lock and not in the volume", row["slug"]);
        let detail = got(client, &format!("/artifacts/{artifact}")).await;
        let line = Line {
            version: text(&row["version"]),
            digest: text(&row["digest"]),
            asked: row["asked"] == true,
            pinned: row["pinned"] == true,
            edited: row["edited"] == true,
            text: text(&detail["text"]),
            files: got(client, &format!("/artifacts/{artifact}/files")).await,
            artifact,
        };
        lines.insert(text(&row["slug"]), line);
    }
    let changes = list(&lock["changes"]).iter().map(|change| text(&change["id"])).collect();
    let commits = got(client, &format!("/volumes/{volume}/commits")).await["commits"].clone();
    Seen { lines, artifacts, changes, commits }
}

struct World<'a> {
    random: fastrand::Rng,
    maya: &'a Client,
    ines: &'a Publisher,
    tom: &'a Client,
    volume: String,
    /// Two empty volumes, to do the same again in.
    others: [String; 2],
    releases: BTreeMap<(String, Version), Released>,
    /// What was there before anything was installed.
    own: BTreeSet<String>,
    /// Lines that somebody added to an artifact at its end: no release changes those.
    tails: BTreeMap<String, Vec<String>>,
    /// Artifacts that somebody edited at all.
    edited: BTreeSet<String>,
    /// Items that somebody asked for, as far as they stay installed.
    asked: BTreeSet<String>,
    log: Vec<String>,
}

impl World<'_> {
    fn any<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { Some(of[self.random.usize(..of.len())].clone()) }
    }

    async fn publish(&mut self) {
        let at = self.random.usize(..SLUGS.len());
        let slug = SLUGS[at].to_owned();
        let newest = self.releases.keys().filter(|(of, _)| *of == slug).map(|(_, version)| version.clone()).max();
        let version = match newest {
            None => Version::new(1, 0, 0),
            Some(newest) => match self.random.u8(..10) {
                0..5 => Version::new(newest.major, newest.minor, newest.patch + 1),
                5..8 => Version::new(newest.major, newest.minor + 1, 0),
                _ => Version::new(newest.major + 1, 0, 0),
            },
        };
        // Mostly of later names, which makes no circle; now and then of any.
        let circles = self.random.u8(..8) == 0;
        let mut needs: BTreeMap<String, String> = BTreeMap::new();
        for _ in 0..self.random.usize(..3) {
            let known: Vec<(String, Version)> = self
                .releases
                .iter()
                .filter(|((of, _), release)| *of != slug && !release.withdrawn && (circles || of.as_str() > slug.as_str()))
                .map(|(key, _)| key.clone())
                .collect();
            let Some((of, version)) = self.any(&known) else { continue };
            let range = match self.random.u8(..10) {
                0..5 => format!("^{}.{}", version.major, version.minor),
                5..7 => format!(">={version}"),
                7..9 => "*".to_owned(),
                _ => format!("={version}"),
            };
            needs.insert(of, range);
        }
        let body = format!("Release {version} of the harbor.\n\n1. Look.\n2. Compare.\n3. Write.\n\nNothing below changes.\n\nThe end.");
        let notes = format!("Notes of {}.{}.", version.major, version.minor);
        let dependencies: Vec<String> = needs.iter().map(|(of, range)| format!("{of}@{range}")).collect();
        let input = with(
            skill(&slug, &version.to_string(), &body),
            json!({ "dependencies": dependencies, "files": [{ "path": "references/notes.md", "content": BASE64_STANDARD.encode(&notes) }] }),
        );
        let content = text(&input["content"]);
        let (status, made) = self.ines.client.post("/marketplace/submissions", input).await;
        // A dependency may be withdrawn as a whole meanwhile.
        if status == 400 {
            self.log.push(format!("publish {slug} {version}: {}", made["message"]));
            return;
        }
        assert_eq!(status, 201, "{made}");
        let id = text(&made["submission"]["id"]);
        looked_at(self.maya, &made).await;
        let (status, decided) =
            self.maya.post(&format!("/marketplace/submissions/{id}/review"), json!({ "verdict": "approve", "reason": "Fine." })).await;
        assert_eq!(status, 200, "{decided}");
        let (status, signed) = self.ines.sign(&made).await;
        assert_eq!((status, &signed["submission"]["state"]), (200, &json!("public")), "{signed}");
        self.log.push(format!("publish {slug} {version} {dependencies:?}"));
        let needs = needs.into_iter().map(|(of, range)| (of, range.parse().expect("a range"))).collect();
        self.releases.insert((slug, version), Released { id, digest: text(&made["digest"]), content, notes, needs, withdrawn: false });
    }

    async fn withdraw(&mut self) {
        let public: Vec<_> = self.releases.iter().filter(|(_, release)| !release.withdrawn).map(|(key, _)| key.clone()).collect();
        // Something stays to install.
        if public.len() < 6 {
            return;
        }
        let Some(key) = self.any(&public) else { return };
        let release = self.releases.get_mut(&key).expect("it is there");
        let path = format!("/marketplace/submissions/{}/withdraw", release.id);
        let (status, out) = self.ines.client.post(&path, json!({ "reason": "It leaks." })).await;
        assert_eq!(status, 200, "{out}");
        release.withdrawn = true;
        self.log.push(format!("withdraw {key:?}"));
    }

    /// Somebody writes into an installed artifact and commits that.
    async fn edit(&mut self, before: &Seen) {
        let lines: Vec<Line> = before.lines.values().cloned().collect();
        let Some(line) = self.any(&lines) else { return };
        let mark = format!("Ours, {}.", self.random.u32(..));
        let clashes = self.random.u8(..4) == 0;
        let text = if clashes {
            // The line that each release changes.
            let changed = line.text.lines().map(|line| if line.starts_with("Release ") { mark.as_str() } else { line });
            format!("{}\n", changed.collect::<Vec<_>>().join("\n"))
        } else {
            self.tails.entry(line.artifact.clone()).or_default().push(mark.clone());
            format!("{}\n{mark}\n", line.text)
        };
        let detail = got(self.tom, &format!("/artifacts/{}", line.artifact)).await;
        let saves = detail["draft"]["saves"].as_i64().unwrap_or_default();
        let (status, saved) = save(self.tom, &line.artifact, &text, saves).await;
        assert_eq!(status, 200, "{saved}");
        if text != line.text {
            commit(self.tom, &[(&line.artifact, detail["head"]["id"].as_str())], "Ours").await;
        }
        self.edited.insert(line.artifact.clone());
        self.log.push(format!("edit {} {} (clashes: {clashes})", line.artifact, line.version));
    }

    async fn pin(&mut self, before: &Seen) {
        let slugs: Vec<String> = before.lines.keys().cloned().collect();
        let Some(slug) = self.any(&slugs) else { return };
        let pinned = !before.lines[&slug].pinned;
        let path = format!("/volumes/{}/lock/{slug}/pin", self.volume);
        let (status, lock) = self.tom.json(Method::PUT, &path, json!({ "pinned": pinned })).await;
        assert_eq!(status, 200, "{lock}");
        self.log.push(format!("pin {slug} {pinned}"));
    }

    /// A change of the lock, as somebody might ask for it.
    fn wanted(&mut self, before: &Seen) -> Option<Value> {
        let slugs: Vec<String> = before.lines.keys().cloned().collect();
        Some(match self.random.u8(..20) {
            0..7 => {
                let known: Vec<(String, Version)> = self.releases.keys().cloned().collect();
                let (slug, version) = self.any(&known)?;
                let wish = match self.random.u8(..8) {
                    0 => format!("{slug}@^{}", version.major),
                    1 => format!("{slug}@={version}"),
                    2 => format!("{slug}@<{version}"),
                    _ => slug,
                };
                json!({ "install": [wish] })
            }
            7..9 => json!({ "update": [self.any(&slugs)?] }),
            9..12 => json!({ "updateAll": true }),
            12..15 => json!({ "uninstall": [self.any(&slugs)?] }),
            15..17 => json!({ "uninstall": [self.any(&slugs)?], "cascade": true }),
            _ => json!({ "rollBack": self.any(&before.changes[..before.changes.len().min(6)])? }),
        })
    }

    async fn change(&mut self, before: &Seen) {
        let Some(mut wanted) = self.wanted(before) else { return };
        let path = format!("/volumes/{}/lock/plan", self.volume);
        let (status, plan) = self.tom.post(&path, wanted.clone()).await;
        assert_eq!(status, 200, "{wanted}: {plan}");
        assert_eq!(seen(self.tom, &self.volume).await, *before, "a plan changes nothing: {wanted}");
        let (mut status, mut answer) = change(self.tom, &self.volume, wanted.clone()).await;
        let conflicts =
            plan["steps"].as_array().into_iter().flatten().any(|step| step["conflicts"].as_array().is_some_and(|of| !of.is_empty()));
        assert_eq!(status, if plan["refusal"].is_null() && !conflicts { 200 } else { 409 }, "{wanted}: {answer}, planned {plan}");
        let mut theirs = false;
        if conflicts && plan["refusal"].is_null() {
            assert_eq!(seen(self.tom, &self.volume).await, *before, "what is refused has changed nothing: {wanted}");
            theirs = self.random.bool();
            wanted["conflicts"] = json!(if theirs { "theirs" } else { "ours" });
            (status, answer) = change(self.tom, &self.volume, wanted.clone()).await;
            assert_eq!(status, 200, "{wanted}: {answer}");
        }
        self.log.push(format!("{wanted}: {status} {}", answer["message"]));
        let after = seen(self.tom, &self.volume).await;
        if status != 200 {
            assert!(!text(&answer["message"]).is_empty());
            assert_eq!(after, *before, "what is refused has changed nothing: {wanted}");
            return;
        }
        // What was planned is what came, and nothing else.
        let mut expected: BTreeMap<String, String> = before.lines.iter().map(|(slug, line)| (slug.clone(), line.version.clone())).collect();
        for step in list(&plan["steps"]) {
            assert_eq!(step["from"].as_str(), expected.get(&text(&step["slug"])).map(String::as_str), "{plan}");
            match step["to"].as_str() {
                Some(to) => expected.insert(text(&step["slug"]), to.to_owned()),
                None => expected.remove(&text(&step["slug"])),
            };
        }
        let came: BTreeMap<String, String> = after.lines.iter().map(|(slug, line)| (slug.clone(), line.version.clone())).collect();
        assert_eq!(came, expected, "{wanted}: {plan}");
        for (slug, line) in &before.lines {
            let moved = after.lines.get(slug).filter(|now| now.version != line.version);
            assert!(!line.pinned || moved.is_none() || !wanted["rollBack"].is_null(), "{slug} is pinned and was moved by {wanted}");
        }
        if theirs {
            // Their lines took the place of ours where both touched the same.
            self.edited.extend(after.lines.values().map(|line| line.artifact.clone()));
        }
        for wish in wanted["install"].as_array().into_iter().flatten() {
            self.asked.insert(text(wish).split('@').next().unwrap_or_default().to_owned());
        }
        self.asked.retain(|slug| after.lines.contains_key(slug));
    }

    /// Each line against what was published, and the volume against the lines.
    fn check(&self, now: &Seen) {
        for (slug, line) in &now.lines {
            let version: Version = line.version.parse().expect("a version");
            let release = &self.releases[&(slug.clone(), version)];
            assert_eq!(line.digest, release.digest, "{slug} {}", line.version);
            if !self.edited.contains(&line.artifact) {
                assert_eq!(line.text, release.content, "{slug} {}", line.version);
                assert!(!line.edited, "{slug} was not edited");
            }
            for tail in self.tails.get(&line.artifact).into_iter().flatten() {
                assert!(line.text.contains(tail), "{tail:?} of {slug} is lost: {}", line.text);
            }
            let sha = llmos_lite::server::secrets::sha256(release.notes.as_bytes());
            assert_eq!((&line.files[0]["path"], list(&line.files).len()), (&json!("references/notes.md"), 1), "{}", line.files);
            assert_eq!(line.files[0]["sha"], sha, "{slug} {}: {}", line.version, line.files);
            for (needed, range) in &release.needs {
                let there = now.lines.get(needed).and_then(|line| line.version.parse::<Version>().ok());
                assert!(there.as_ref().is_some_and(|version| range.matches(version)), "{slug} needs {needed}@{range}, there is {there:?}");
            }
        }
        let of_lines: BTreeSet<String> = now.lines.values().map(|line| line.artifact.clone()).collect();
        assert_eq!(of_lines.len(), now.lines.len(), "each line has an artifact of its own");
        let others: BTreeSet<String> = now.artifacts.difference(&of_lines).cloned().collect();
        assert_eq!(others, self.own, "nothing that was installed is left without its line");
        for slug in &self.asked {
            assert!(now.lines[slug].asked, "somebody asked for {slug}");
        }
    }

    /// The same wishes give the same lock in any empty volume, and the lines of a lock give that lock.
    async fn check_again_elsewhere(&self, now: &Seen) {
        let versions = |seen: &Seen| -> Vec<(String, String, String)> {
            seen.lines.iter().map(|(slug, line)| (slug.clone(), line.version.clone(), line.digest.clone())).collect()
        };
        let wishes: Vec<String> = now.lines.iter().filter(|(_, line)| line.asked).map(|(slug, _)| slug.clone()).collect();
        let mut came = Vec::new();
        for other in &self.others {
            let (status, answer) = change(self.tom, other, json!({ "install": wishes })).await;
            let there = seen(self.tom, other).await;
            came.push((status, answer["message"].clone(), versions(&there)));
            self.emptied(other, &there).await;
        }
        assert_eq!(came[0], came[1], "the same wishes give the same lock: {wishes:?}");
        let withdrawn = |slug: &String, line: &Line| self.releases[&(slug.clone(), line.version.parse().expect("a version"))].withdrawn;
        if now.lines.is_empty() || now.lines.iter().any(|(slug, line)| withdrawn(slug, line)) {
            return;
        }
        let lines: Vec<String> = now.lines.iter().map(|(slug, line)| format!("{slug}@={}", line.version)).collect();
        let (status, answer) = change(self.tom, &self.others[0], json!({ "install": lines })).await;
        assert_eq!(status, 200, "{lines:?}: {answer}");
        let there = seen(self.tom, &self.others[0]).await;
        assert_eq!(versions(&there), versions(now));
        self.emptied(&self.others[0], &there).await;
    }

    async fn emptied(&self, volume: &str, there: &Seen) {
        if there.lines.is_empty() {
            return;
        }
        let all: Vec<&String> = there.lines.keys().collect();
        let (status, answer) = change(self.tom, volume, json!({ "uninstall": all, "cascade": true })).await;
        assert_eq!(status, 200, "{all:?}: {answer}");
        let left = seen(self.tom, volume).await;
        assert!(left.lines.is_empty() && left.artifacts.is_empty(), "{left:?}");
    }
}

async fn another_volume(client: &Client, name: &str) -> String {
    let (status, made) = client.post("/volumes", json!({ "name": name })).await;
    assert_eq!(status, 201, "{made}");
    text(&made["id"])
}

async fn run(app: &TestApp) {
    let (maya, ines, tom) = people(app).await;
    let place = volume(&tom, "user").await;
    let others = [another_volume(&tom, "One").await, another_volume(&tom, "Two").await];
    let own = seen(&tom, &place).await.artifacts;
    let mut world = World {
        random: fastrand::Rng::with_seed(seed()),
        maya: &maya,
        ines: &ines,
        tom: &tom,
        volume: place.clone(),
        others,
        releases: BTreeMap::new(),
        own,
        tails: BTreeMap::new(),
        edited: BTreeSet::new(),
        asked: BTreeSet::new(),
        log: Vec::new(),
    };
    for _ in 0..8 {
        world.publish().await;
    }
    let mut before = seen(&tom, &place).await;
    for step in 0..steps() {
        let shown = world.log.len();
        match world.random.u8(..20) {
            0..4 => world.publish().await,
            4 => world.withdraw().await,
            5..8 => world.edit(&before).await,
            8 => world.pin(&before).await,
            _ => world.change(&before).await,
        }
        for line in &world.log[shown..] {
            eprintln!("{step}: {line}");
        }
        before = seen(&tom, &place).await;
        world.check(&before);
        if step % 10 == 9 {
            world.check_again_elsewhere(&before).await;
        }
    }
    assert!(world.log.iter().any(|line| line.contains("install") && line.contains("200")), "something was installed");
}

app_test!(the_lock_says_what_is_there_whatever_is_done, |app| {
    run(app).await;
});
