//! Whole teams as one file: what comes out goes in and comes out the same; a file that somebody made or changed does nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Cursor, Read as _, Write as _},
};

use llmos_lite::server::{archive::parse, secrets};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::{
    app::{Client, TestApp, text},
    import::finish,
    sessions::{begin, entries, files::upload, say},
    volumes::{commit, committed, create, head, save},
};

type Files = BTreeMap<String, Vec<u8>>;

fn unpack(bytes: &[u8]) -> Files {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).expect("a zip");
    let read = |index| {
        let mut file = zip.by_index(index).expect("a file");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("readable");
        (file.name().expect("a name").into_owned(), bytes)
    };
    (0..ZipArchive::new(Cursor::new(bytes)).expect("a zip").len()).map(read).collect()
}

fn pack(files: &Files) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), SimpleFileOptions::default()).expect("a file");
        zip.write_all(bytes).expect("bytes");
    }
    zip.finish().expect("a zip").into_inner()
}

/// As somebody does who knows the format: the manifest says what is there.
fn sealed(files: &Files) -> Vec<u8> {
    let mut files = files.clone();
    let mut manifest: Value = serde_json::from_slice(&files["manifest.json"]).expect("JSON");
    for (name, part) in manifest["parts"].as_object_mut().expect("parts") {
        let bytes = &files[name];
        *part =
            json!({ "sha256": secrets::sha256(bytes), "size": bytes.len(), "rows": bytes.iter().filter(|byte| **byte == b'\n').count() });
    }
    manifest["files"] = json!(files.keys().filter(|name| name.starts_with("files/")).count());
    files.insert("manifest.json".to_owned(), serde_json::to_vec(&manifest).expect("JSON"));
    pack(&files)
}

fn rows(files: &Files, table: &str) -> Vec<Value> {
    let text = String::from_utf8(files[&format!("tables/{table}.jsonl")].clone()).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Changes the rows of a table.
fn with(files: &Files, table: &str, change: impl FnOnce(&mut Vec<Value>)) -> Files {
    let (mut files, mut rows) = (files.clone(), rows(files, table));
    change(&mut rows);
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    files.insert(format!("tables/{table}.jsonl"), lines.into_bytes());
    files
}

async fn export(client: &Client, team: &str) -> Vec<u8> {
    let (status, job) = client.post(&format!("/teams/{team}/exports"), json!({})).await;
    assert_eq!(status, 202, "{job}");
    let report = finish(client, &job).await;
    assert!(report["rows"].as_i64().is_some_and(|rows| rows > 0), "{report}");
    let address = format!("/api/v1/teams/{team}/exports/{}", text(&job["id"]));
    let answer = client.request(Method::GET, &address).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["content-disposition"].to_str().is_ok_and(|value| value.contains(".team.zip")));
    let bytes = answer.bytes().await.expect("bytes").to_vec();
    assert_eq!(bytes.len() as i64, report["bytes"].as_i64().expect("a size"));
    bytes
}

async fn start(client: &Client, bytes: Vec<u8>) -> (u16, Value) {
    let request = client.request(Method::POST, "/api/v1/teams/imports").header("content-type", "application/zip");
    let answer = client.answer(request.body(bytes)).await;
    (answer.status, answer.json())
}

async fn import(client: &Client, bytes: Vec<u8>) -> Value {
    let (status, job) = start(client, bytes).await;
    assert_eq!(status, 202, "{job}");
    finish(client, &job).await
}

async fn run(app: &TestApp, sql: &'static str, values: &[&str]) {
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    let mut query = sqlx::query(sql);
    for value in values {
        query = query.bind((*value).to_owned());
    }
    query.execute(&mut *tx).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    tx.commit().await.expect("stored");
}

/// A team with some of everything; its id, and that of its session.
async fn harbor(app: &TestApp, maya: &Client) -> (String, String) {
    let team = maya.team("Harbor").await;
    let tom = app.join(maya, &team, "member", "tom@x.y").await;
    let (_, agent) = maya.post(&format!("/teams/{team}/agents"), json!({ "name": "Pilot", "role": "member" })).await;
    assert!(agent["id"].is_string() || agent["person"].is_object() || agent.is_object(), "{agent}");
    let (_, volumes) = maya.get("/volumes").await;
    let volume = volumes.as_array().expect("a list").iter().find(|volume| volume["team"] == team.as_str()).expect("the team's");
    let volume = text(&volume["id"]);
    let (tide, first) = committed(maya, &volume, "Tide").await;
    let put = maya.request(Method::PUT, &format!("/api/v1/artifacts/{tide}/files/data/table.bin")).body(vec![0, 159, 146, 150]);
    assert_eq!(maya.answer(put).await.status, 200);
    commit(&tom, &[(&tide, Some(&first))], "With a table").await;
    let (_, detail) = maya.get(&format!("/artifacts/{tide}")).await;
    let saves = detail["draft"]["saves"].as_i64().unwrap_or(0);
    assert_eq!(save(&tom, &tide, "---\nname: tide\n---\nÄ \u{1f30a} <script>\n", saves).await.0, 200);
    let gone = text(&create(maya, &volume, "Gone").await["summary"]["id"]);
    commit(maya, &[(&gone, None)], "Soon gone").await;
    assert!(maya.delete(&format!("/artifacts/{gone}")).await.0 < 300);

    // Whatever bytes they are.
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut odd: Vec<(String, Vec<u8>)> = Vec::new();
    for number in 0..8 {
        let body: Vec<u8> = (0..random.usize(..400)).map(|_| random.u8(..)).collect();
        odd.push((format!("skills/odd-{number}/SKILL.md"), [b"---\nname: odd\n---\n".to_vec(), body].concat()));
        odd.push((format!("skills/odd-{number}/data/{}.bin", random.u32(..)), (0..random.usize(..2_000)).map(|_| random.u8(..)).collect()));
    }
    let odd: Vec<(&str, &[u8], u32)> = odd.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice(), 0)).collect();
    let report = crate::import::import(maya, &volume, crate::import::pack(&odd)).await;
    assert_eq!(report["created"], 8, "{report}");

    let session = begin(maya, Some(&team), "Review").await;
    for _ in 0..8 {
        let words: String = (0..random.usize(1..80)).map(|_| random.char('a'..)).filter(|c| !c.is_control()).collect();
        say(maya, &session, &format!("x {words}")).await;
    }
    say(maya, &session, &format!("See [Tide](/artifacts/{tide}) and @tide, {session}")).await;
    let uploaded = upload(&tom, &session, "", "notes.txt", b"some notes".to_vec()).await;
    assert_eq!(uploaded.status, 201, "{}", uploaded.text);
    let body = json!({ "text": "With notes", "attachmentIds": [uploaded.json()["id"]] });
    assert_eq!(tom.post(&format!("/sessions/{session}/messages"), body).await.0, 201);
    let (status, thread) = tom.post("/comments/threads", json!({ "artifactId": tide, "text": "Is this *right*?" })).await;
    assert_eq!(status, 201, "{thread}");
    let (status, task) = maya.post(&format!("/teams/{team}/tasks"), json!({ "title": "Trim, see @tide", "assigneeId": tom.id })).await;
    assert_eq!(status, 201, "{task}");

    // What jobs would make: of a fixed form, so that nothing of it changes meanwhile.
    let (trace, pattern, proposal) =
        ("0192a000-0000-7000-8000-0000000000a1", "0192a000-0000-7000-8000-0000000000a2", "0192a000-0000-7000-8000-0000000000a3");
    run(
        app,
        "INSERT INTO traces (id, place_id, team_id, user_id, source, source_id, session_id, goal, outcome, tokens_in, tokens_out, cost, steps, failed_steps, \
         skills, notices, started_at, ended_at, created_at, updated_at) VALUES ($1, $2, $2, $3, 'api', 'run-1', $4, 'Value ACME', 'succeeded', 10, 20, 0.1, 1, 0, \
         '[\"tide\"]', '[]', 1790000000000, 1790000001000, 1790000000000, 1790000000000)",
        &[trace, &team, &tom.id, &session],
    )
    .await;
    let steps = lz4_flex::compress_prepend_size(format!(r#"[{{"kind":"tool","name":"bash","input":"see {tide}"}}]"#).as_bytes());
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("INSERT INTO trace_steps (trace_id, steps) VALUES ($1, $2)")
        .bind(trace)
        .bind(steps)
        .execute(&mut *tx)
        .await
        .expect("inserts");
    tx.commit().await.expect("stored");
    run(
        app,
        "INSERT INTO patterns (id, place_id, level, number, name, slug, runs, successes, people, cohesion, confidence, last_at, summary, created_at, updated_at, teams) \
         VALUES ($1, $2, 'team', 1, 'Valuing', 'valuing', 1, 1, 1, 0.3333333333333333, 0.857142857142857, 1, '{}', 1, 1, 0)",
        &[pattern, &team],
    )
    .await;
    run(app, "INSERT INTO pattern_traces (place_id, trace_id, number) VALUES ($1, $2, 1)", &[&team, trace]).await;
    run(
        app,
        "INSERT INTO proposals (id, place_id, level, pattern_id, kind, state, slug, text, drafted, artifact_id, confidence, runs, author, created_at, updated_at) \
         VALUES ($1, $2, 'team', $3, 'improves', 'open', 'valuing', '# Valuing', '# Value', $4, 0.5, 1, 'generator', 1, 1)",
        &[proposal, &team, pattern, &tide],
    )
    .await;
    (team, session)
}

/// The rows of all tables of a file, with the ids of another file in place of its own.
fn comparable(files: &Files, key: u128, ids: &BTreeSet<u128>) -> BTreeMap<String, BTreeSet<String>> {
    let renamed = |text: &str| {
        let mut text = text.to_owned();
        for id in ids {
            text = text.replace(&Uuid::from_u128(id ^ key).to_string(), &Uuid::from_u128(*id).to_string());
        }
        text
    };
    let tables = files.iter().filter(|(name, _)| name.starts_with("tables/"));
    tables
        .map(|(name, bytes)| {
            let text = renamed(&String::from_utf8(bytes.clone()).expect("text"));
            (name.clone(), text.lines().map(str::to_owned).collect())
        })
        .collect()
}

app_test!(a_team_goes_out_and_in_and_out_the_same, |app| {
    let maya = app.sign_up_first().await;
    let (team, session) = harbor(app, &maya).await;
    let first = export(&maya, &team).await;
    let files = unpack(&first);
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).expect("JSON");
    assert_eq!((&manifest["format"], &manifest["version"], &manifest["team"]["name"]), (&json!("llmos-team"), &json!(1), &json!("Harbor")));
    let everything: String = files.values().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
    assert!(!everything.contains("$argon2") && !everything.contains("token_hash"), "no secret is in it");
    for table in [
        "volumes",
        "commits",
        "contents",
        "artifacts",
        "revisions",
        "drafts",
        "sessions",
        "session_entries",
        "session_attachments",
        "comments",
        "tasks",
        "traces",
        "trace_steps",
        "patterns",
        "proposals",
    ] {
        assert!(!rows(&files, table).is_empty(), "{table}");
    }

    let report = import(&maya, first.clone()).await;
    assert_eq!((&report["created"], &report["name"]), (&json!(true), &json!("Harbor")), "{report}");
    let copy = text(&report["teamId"]);
    assert_ne!(copy, team);
    let second = export(&maya, &copy).await;
    let again = unpack(&second);
    let (old, new) = (parse(&team).expect("an id"), parse(&copy).expect("an id"));
    let ids: BTreeSet<u128> = files
        .iter()
        .filter(|(name, _)| name.starts_with("tables/"))
        .flat_map(|(name, _)| rows(&files, name.trim_start_matches("tables/").trim_end_matches(".jsonl")))
        .filter_map(|row| row["id"].as_str().and_then(parse))
        .collect();
    // The agent of the team is another one, too; whoever has an e-mail address is the same.
    let people = String::from_utf8(files["people.jsonl"].clone()).expect("text");
    let people = people.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let agents = people.filter(|person| person["email"].is_null()).filter_map(|person| person["id"].as_str().and_then(parse));
    let ids: BTreeSet<u128> = ids.into_iter().chain(agents).collect();
    let (one, other) = (comparable(&files, 0, &BTreeSet::new()), comparable(&again, old ^ new, &ids));
    for (table, rows) in &one {
        assert_eq!(rows, &other[table], "{table}");
    }
    let blobs = |files: &Files| {
        files.iter().filter(|(name, _)| name.starts_with("files/")).map(|(name, bytes)| (name.clone(), bytes.clone())).collect::<Files>()
    };
    assert_eq!(blobs(&files), blobs(&again));
    assert!(!blobs(&files).is_empty());

    // What came with it is there in its figures, too, though nothing was made here.
    let live = rows(&files, "artifacts").iter().filter(|row| row["state"] == 1).count() as u64;
    let mut counted = Value::Null;
    for _ in 0..500 {
        counted = maya.get(&format!("/analytics?team={copy}")).await.1;
        if counted["artifacts"]["total"] == live {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!((&counted["artifacts"]["total"], &counted["artifacts"]["created"]["now"]), (&json!(live), &json!(0.0)), "{counted}");

    // It works like any other team, and what is in it leads to what is in it.
    let moved = |id: &str| Uuid::from_u128(parse(id).expect("an id") ^ old ^ new).to_string();
    let said = entries(&maya, &moved(&session)).await;
    let words: String = said.iter().map(|entry| entry["html"].as_str().unwrap_or_default().to_owned()).collect();
    assert!(words.contains(&moved(&session)) && !words.contains(&session), "{words}");
    say(&maya, &moved(&session), "Goes on").await;
    let (_, traces) = maya.get(&format!("/traces?team={copy}&q=acme")).await;
    assert_eq!(traces["items"].as_array().map_or(0, Vec::len), 1, "found by its words: {traces}");
    let artifact = rows(&files, "artifacts").into_iter().find(|row| row["slug"] == "tide").expect("the skill");
    let (_, detail) = maya.get(&format!("/artifacts/{}", moved(&text(&artifact["id"])))).await;
    assert!(detail["text"].as_str().is_some_and(|text| text.contains("<script>")), "the draft is there: {detail}");
    commit(&maya, &[(&moved(&text(&artifact["id"])), detail["head"]["id"].as_str())], "Here").await;
    assert_ne!(head(&maya, &moved(&text(&artifact["id"]))).await, text(&detail["head"]["id"]));

    // The same again is the same team.
    let teams = async || maya.get("/teams").await.1.as_array().map_or(0, Vec::len);
    let before = teams().await;
    let report = import(&maya, first.clone()).await;
    assert_eq!((&report["created"], text(&report["teamId"])), (&json!(false), copy.clone()), "{report}");
    assert_eq!(teams().await, before);
    // Another state of it is not mixed in.
    say(&maya, &session, "Something new").await;
    let report = import(&maya, export(&maya, &team).await).await;
    assert!(report["error"].as_str().is_some_and(|error| error.contains("not merged")), "{report}");
    assert_eq!(teams().await, before);
    // Deleted, it may come back.
    assert_eq!(maya.delete(&format!("/teams/{copy}")).await.0, 204);
    let report = import(&maya, first).await;
    assert_eq!(report["created"], true, "{report}");
    assert_ne!(text(&report["teamId"]), copy);
});

app_test!(only_owners_take_a_team_along_and_only_administrators_bring_one_in, |app| {
    let maya = app.sign_up_first().await;
    let tom = app.sign_up(&maya, "tom@x.y").await;
    let team = tom.team("Harbor").await;
    let vera = app.join(&tom, &team, "maintainer", "vera@x.y").await;
    let address = format!("/teams/{team}/exports");
    assert_eq!(app.visitor().post(&address, json!({})).await.0, 401);
    assert_eq!(maya.post(&address, json!({})).await.0, 404, "an administrator is not in it");
    assert_eq!(vera.post(&address, json!({})).await.0, 403);
    let bytes = export(&tom, &team).await;
    let (_, job) = tom.post(&address, json!({})).await;
    finish(&tom, &job).await;
    let file = format!("/api/v1/teams/{team}/exports/{}", text(&job["id"]));
    for (client, status) in [(&app.visitor(), 401), (&maya, 404), (&vera, 403), (&tom, 200)] {
        assert_eq!(client.answer(client.request(Method::GET, &file)).await.status, status);
    }
    let absent = format!("/api/v1/teams/{team}/exports/{team}");
    assert_eq!(tom.answer(tom.request(Method::GET, &absent)).await.status, 404);
    assert_eq!(start(&app.visitor(), bytes.clone()).await.0, 401);
    assert_eq!(start(&tom, bytes.clone()).await.0, 403);
    let report = import(&maya, bytes).await;
    assert_eq!(report["created"], true, "{report}");
    // Whoever owned it, and is here, owns it.
    assert_eq!(tom.get(&format!("/teams/{}", text(&report["teamId"]))).await.1["role"], "owner");
    assert_eq!(maya.get(&format!("/teams/{}", text(&report["teamId"]))).await.0, 404);
});

app_test!(people_who_are_not_here_get_accounts_that_nobody_can_use, |app| {
    let maya = app.sign_up_first().await;
    let (team, _) = harbor(app, &maya).await;
    let mut files = unpack(&export(&maya, &team).await);
    let people = String::from_utf8(files["people.jsonl"].clone()).expect("text");
    // As if it came from elsewhere: other addresses, and nobody of here.
    files.insert(
        "people.jsonl".to_owned(),
        people.replace("maya@harbor.internal", "mia@there.example").replace("tom@x.y", "tim@there.example").into_bytes(),
    );
    let report = import(&maya, sealed(&files)).await;
    assert_eq!((&report["created"], &report["peopleKnown"]), (&json!(true), &json!(0)), "{report}");
    let copy = text(&report["teamId"]);
    // Nobody else can: whoever brought it in owns it.
    assert_eq!(maya.get(&format!("/teams/{copy}")).await.1["role"], "owner");
    let (_, members) = maya.get(&format!("/teams/{copy}/members")).await;
    assert!(members.to_string().contains("tom"), "{members}");
    let body = json!({ "email": "tim@there.example", "password": crate::app::PASSWORD });
    assert_eq!(app.visitor().post("/sign-in", body).await.0, 401);
});

/// How many rows each table has.
async fn counts(app: &TestApp) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for table in [
        "teams",
        "memberships",
        "users",
        "volumes",
        "commits",
        "contents",
        "artifacts",
        "revisions",
        "sessions",
        "session_entries",
        "comments",
        "tasks",
        "traces",
        "trace_postings",
        "patterns",
        "team_imports",
    ] {
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
            .fetch_one(app.state.db.read())
            .await
            .expect("a number");
        counts.insert(table.to_owned(), count);
    }
    counts
}

app_test!(a_broken_or_made_up_file_does_nothing, |app| {
    let maya = app.sign_up_first().await;
    let (team, session) = harbor(app, &maya).await;
    let good = unpack(&export(&maya, &team).await);
    let private = begin(&maya, None, "Private").await;
    let before = counts(app).await;
    let set = |table: &str, name: &str, value: Value| with(&good, table, |rows| rows[0][name] = value);
    let raw = |name: &str, bytes: &[u8]| {
        good.iter().map(|(known, own)| (known.clone(), if known == name { bytes.to_vec() } else { own.clone() })).collect::<Files>()
    };
    let without = |name: &str| {
        good.iter().filter(|(known, _)| *known != name).map(|(known, bytes)| (known.clone(), bytes.clone())).collect::<Files>()
    };
    let blob = good.keys().find(|name| name.starts_with("files/")).expect("a blob").clone();
    let more = |name: &str| {
        let mut files = good.clone();
        files.insert(name.to_owned(), b"x".to_vec());
        files
    };
    let mut newer: Value = serde_json::from_slice(&good["manifest.json"]).expect("JSON");
    newer["version"] = json!(2);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no zip", b"nonsense".to_vec(), "not a whole zip"),
        ("half a zip", pack(&good)[..2_000].to_vec(), "not a whole zip"),
        ("another zip", pack(&BTreeMap::from([("a.txt".to_owned(), b"a".to_vec())])), "a part is missing"),
        ("a newer one", pack(&raw("manifest.json", newer.to_string().as_bytes())), "newer version"),
        ("a changed row", pack(&set("tasks", "title", json!("Other"))), "was changed"),
        ("a part that is gone", pack(&without("tables/tasks.jsonl")), "a part is missing"),
        ("a file that is gone", pack(&without(&blob)), "files are missing"),
        ("a file that is gone from the list, too", sealed(&without(&blob)), "a file that is not there"),
        ("another file under a name", pack(&raw(&blob, b"other")), "a file was changed"),
        ("something more", pack(&more("tables/users.jsonl")), "more in it"),
        ("a path", pack(&more("../../etc/passwd")), "more in it"),
        ("a row of a column that is not known", sealed(&set("tasks", "password", json!("x"))), "is not known"),
        ("somebody else's session", sealed(&set("session_entries", "session_id", json!(private))), "is not in the file"),
        ("another team", sealed(&set("sessions", "team_id", json!("0192a000-0000-7000-8000-0000000000ff"))), "is another team"),
        ("an account of here", sealed(&set("sessions", "owner_id", json!("0192a000-0000-7000-8000-0000000000ff"))), "is not in the file"),
        ("a role that is none", sealed(&set("memberships", "role", json!("emperor"))), "is none of"),
        ("a way out of the folder", sealed(&set("revisions", "path", json!("../../x/SKILL.md"))), "is no path"),
        ("an address that runs", sealed(&set("tasks", "url", json!("javascript:alert(1)"))), "is no address"),
        ("a main file under another hash", sealed(&set("contents", "bytes", json!("other"))), "not what its hash says"),
        ("no JSON", sealed(&raw("tables/tasks.jsonl", b"{\n")), "no JSON object"),
        ("half a line", sealed(&raw("tables/tasks.jsonl", b"{}")), "ends within line"),
        ("somebody twice", sealed(&raw("people.jsonl", &[good["people.jsonl"].clone(), good["people.jsonl"].clone()].concat())), "twice"),
        ("an id twice", sealed(&with(&good, "tasks", |rows| rows.push(rows[0].clone()))), "there twice"),
        // Only the database can know these: everything before them is taken back.
        (
            "a number twice",
            sealed(&with(&good, "session_entries", |rows| {
                let mut second = rows[0].clone();
                second["id"] = json!("0192a000-0000-7000-8000-0000000000b1");
                rows.push(second);
            })),
            "contradicts itself",
        ),
        ("a session for an artifact", sealed(&set("revisions", "artifact_id", json!(session))), "contradicts itself"),
    ];
    for (name, bytes, words) in cases {
        let report = import(&maya, bytes).await;
        assert!(report["error"].as_str().is_some_and(|error| error.contains(words)), "{name}: {report}");
        assert_eq!(counts(app).await, before, "{name}");
    }
    assert_eq!(start(&maya, Vec::new()).await.0, 400);
    let staged = app.state.config.data_dir.join("staging");
    assert_eq!(std::fs::read_dir(staged).map_or(0, Iterator::count), 0, "no upload is left");
});

app_test!(an_import_that_is_stopped_leaves_nothing, |app| {
    let maya = app.sign_up_first().await;
    let (team, _) = harbor(app, &maya).await;
    let good = unpack(&export(&maya, &team).await);
    let many = with(&good, "tasks", |rows| {
        for number in 0..20_000_u128 {
            let mut task = rows[0].clone();
            task["id"] = json!(Uuid::from_u128(0x0192_a000_0000_7000_9000_0000_0000_0000 + number).to_string());
            rows.push(task);
        }
    });
    let before = counts(app).await;
    let (status, job) = start(&maya, sealed(&many)).await;
    assert_eq!(status, 202, "{job}");
    let job = format!("/jobs/{}", text(&job["id"]));
    while maya.get(&job).await.1["done"].as_i64().unwrap_or(0) < 1_000 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let (_, teams) = maya.get("/teams").await;
    assert_eq!(teams.as_array().map(Vec::len), Some(1), "nobody sees a part of it");
    assert_eq!(maya.post(&format!("{job}/cancel"), json!({})).await.0, 204);
    for _ in 0..1_500 {
        if counts(app).await == before {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(counts(app).await, before);
    // The whole of it still comes in.
    let report = import(&maya, sealed(&many)).await;
    assert_eq!(report["created"], true, "{report}");
});
