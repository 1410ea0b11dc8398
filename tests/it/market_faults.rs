//! Bad input and faults: each is refused or survived, with a sentence that says what to do, and nothing is half done.

use std::{collections::BTreeSet, os::unix::fs::symlink, process::Command, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use llmos_trust::SigningKey;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{Answer, Client, TestApp, text},
    durability::rounds,
    marketplace::{Publisher, change, installed, looked_at, people, skill, with},
    process::{Process, browser, first_account},
    process_test,
    volumes::volume,
};

fn file(path: &str) -> Value {
    json!({ "path": path, "content": BASE64_STANDARD.encode("text") })
}

/// What a refused submission could have left.
async fn nothing_came(client: &Client) {
    assert_eq!(client.get("/marketplace/mine").await.1, json!([]));
    assert_eq!(log_size(client).await, 1, "the publisher's key");
}

async fn log_size(client: &Client) -> i64 {
    client.get("/log").await.1["size"].as_i64().expect("a size")
}

app_test!(what_cannot_be_a_release_is_refused_and_leaves_nothing, |app| {
    let (_, ines, _) = people(app).await;
    let many = |number: usize| (0..number).map(|at| format!("item-{at}@^1")).collect::<Vec<_>>();
    let listed = many(10_000).iter().map(|of| format!("  - {of}\n")).collect::<String>();
    let in_text = format!("---\nname: x\ndescription: d\ndependencies:\n{listed}---\n\n# x\n");
    let files = |paths: &[&str]| json!({ "files": paths.iter().map(|path| file(path)).collect::<Vec<_>>() });
    let two_thousand: Vec<Value> = (0..2_000).map(|at| file(&format!("f/{at}.md"))).collect();
    let bomb = BASE64_STANDARD.encode(vec![0_u8; (16 << 20) + 1]);
    for (more, status, says) in [
        // Versions.
        (json!({ "version": "1" }), 400, "is no semantic version"),
        (json!({ "version": "1.0" }), 400, "is no semantic version"),
        (json!({ "version": "v1.0.0" }), 400, "is no semantic version"),
        (json!({ "version": "01.0.0" }), 400, "is no semantic version"),
        (json!({ "version": "1.0.0-" }), 400, "is no semantic version"),
        (json!({ "version": "1.0.٣" }), 400, "is no semantic version"),
        (json!({ "version": "1.0.18446744073709551616" }), 400, "is no semantic version"),
        (json!({ "version": "1.0.0+build" }), 400, "has no build metadata"),
        // Dependencies.
        (json!({ "dependencies": many(10_000) }), 400, "at most 200 dependencies"),
        (json!({ "content": in_text, "dependencies": null }), 400, "longer than 64 KiB and was not read. Mend it first"),
        (json!({ "content": "---\nname: x\ndependencies: [a]\n", "dependencies": null }), 400, "has no closing --- line. Mend it first"),
        (json!({ "dependencies": ["lamp-care@^1"] }), 400, "cannot depend on itself"),
        (json!({ "dependencies": ["a@^1", "a@^2"] }), 400, "named twice"),
        (json!({ "dependencies": ["a@banana"] }), 400, "a@banana"),
        (json!({ "dependencies": ["../a"] }), 400, "../a"),
        (json!({ "dependencies": ["nobody-has-this"] }), 400, "There is no “nobody-has-this”"),
        // Paths.
        (files(&["../x.md"]), 400, "leads out of its folder"),
        (files(&["a/../../x.md"]), 400, "leads out of its folder"),
        (files(&["/etc/passwd"]), 400, "is absolute"),
        (files(&["C:/x.md"]), 400, "is absolute"),
        (files(&["a\\..\\x.md"]), 400, "backslashes"),
        (files(&["a//x.md"]), 400, "empty part"),
        (files(&["a\u{0}.md"]), 400, "control characters"),
        (files(&["a\u{202e}dm.md"]), 400, "which nobody sees"),
        (files(&["references/con.md"]), 400, "for a device"),
        (files(&["SKILL.md"]), 400, "is there twice"),
        (files(&["skill.md"]), 400, "where case does not count"),
        (files(&["a.md", "a.md"]), 400, "is there twice"),
        (files(&["a", "a/b.md"]), 400, "a file and a folder at once"),
        (files(&[&"x/".repeat(200)]), 400, ""),
        (json!({ "files": two_thousand }), 400, "more than 2000 files"),
        (json!({ "files": [{ "path": "a.bin", "content": bomb }] }), 400, "is over 16777216 bytes long"),
        (json!({ "files": [{ "path": "a.bin", "content": "not base64!" }] }), 400, "is no base64"),
        // A name.
        (json!({ "slug": "publish" }), 400, "is a page of the marketplace"),
        (json!({ "slug": "Lamp Care" }), 400, "lower-case letters"),
        (json!({ "slug": "../lamp" }), 400, "lower-case letters"),
        (json!({ "capabilities": { "hosts": many(201) } }), 400, "at most 200 entries"),
        (json!({ "repository": "javascript:alert(1)" }), 400, "begins with https://"),
        (json!({ "content": null }), 400, "Name an artifact, or send the text"),
    ] {
        let shown = more.to_string().chars().take(120).collect::<String>();
        let (was, refused) = ines.client.post("/marketplace/submissions", with(skill("lamp-care", "1.0.0", "Trim."), more)).await;
        let answer = refused.to_string().chars().take(2_000).collect::<String>();
        assert_eq!(was, status, "{shown}: {answer}");
        assert!(answer.contains(says), "{shown}: {answer}");
    }
    let large = format!("{{\"content\": \"{}\"}}", "x".repeat(33 << 20));
    let request = ines.client.request(Method::POST, "/api/v1/marketplace/submissions").header("content-type", "application/json");
    assert_eq!(ines.client.answer(request.body(large)).await.status, 413);
    nothing_came(&ines.client).await;

    // From a folder: what is a link in it is not followed.
    let token = app.client_with_token(&ines.client, &["publish", "read"]).await.token.expect("a token");
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("lamp-care");
    std::fs::create_dir(&source).expect("made");
    std::fs::write(source.join("SKILL.md"), "---\nname: lamp-care\ndescription: d\n---\n").expect("written");
    symlink("/etc/passwd", source.join("notes.md")).expect("a link");
    let output = Command::new(env!("CARGO_BIN_EXE_llmos"))
        .args(["market", "--server", &app.url, "--token", &token, "publish", "--category", "legal", "--license", "MIT"])
        .arg(&source)
        .env("DATA_DIR", &app.state.config.data_dir)
        .env("LLMOS_KEY_FILE", folder.path().join("none"))
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("a release holds files only"), "{said}");
    nothing_came(&ines.client).await;
});

app_test!(versions_go_forward_in_their_line_and_are_never_used_twice, |app| {
    let (maya, ines, _) = people(app).await;
    let submit = async |version: &str| ines.client.post("/marketplace/submissions", skill("lamp-care", version, "Trim.")).await;
    for version in ["1.0.0", "1.2.0", "2.0.0"] {
        ines.publish(&maya, skill("lamp-care", version, "Trim.")).await;
    }
    for (version, status, says) in [
        ("1.1.9", 400, "1.2.0 is there already, so the next is at least 1.2.1"),
        ("0.9.0", 400, "the newest is 2.0.0"),
        ("2.0.0", 409, "a release never changes"),
        ("2.0.0-rc.1", 400, "2.0.0 is there already"),
    ] {
        let (was, refused) = submit(version).await;
        assert_eq!(was, status, "{version}: {refused}");
        assert!(refused.to_string().contains(says), "{version}: {refused}");
    }
    // An older line goes on, and does not become what is shown.
    let patch = ines.publish(&maya, skill("lamp-care", "1.2.1", "Trim twice.")).await;
    assert_eq!(maya.get("/marketplace/listings/lamp-care").await.1["card"]["version"], "2.0.0");
    let (status, _) = ines.client.post(&format!("/marketplace/submissions/{patch}/withdraw"), json!({ "reason": "It burns." })).await;
    assert_eq!(status, 200);
    let (status, refused) = submit("1.2.1").await;
    assert_eq!(status, 409, "withdrawn is not free: {refused}");
});

app_test!(a_circle_is_explained_and_what_goes_without_it_is_installed, |app| {
    let (maya, ines, tom) = people(app).await;
    ines.publish(&maya, skill("night-watch", "1.0.0", "Walk.")).await;
    ines.publish(&maya, with(skill("lamp-care", "1.0.0", "Trim."), json!({ "dependencies": ["night-watch@^1"] }))).await;
    ines.publish(&maya, with(skill("night-watch", "1.1.0", "Walk."), json!({ "dependencies": ["lamp-care@^1"] }))).await;
    let place = volume(&tom, "user").await;
    let (status, refused) = change(&tom, &place, json!({ "install": ["night-watch@^1.1"] })).await;
    let message = text(&refused["message"]);
    assert_eq!(status, 409, "{refused}");
    assert!(message.contains("night-watch") && message.contains("lamp-care"), "{message}");
    assert!(installed(&tom, &place).await.is_empty());
    let (status, lock) = change(&tom, &place, json!({ "install": ["lamp-care"] })).await;
    assert_eq!(status, 200, "{lock}");
    let there: Vec<(String, String)> = installed(&tom, &place).await.into_iter().map(|(slug, version, _)| (slug, version)).collect();
    let pair = |slug: &str, version: &str| (slug.to_owned(), version.to_owned());
    assert_eq!(there, [pair("lamp-care", "1.0.0"), pair("night-watch", "1.0.0")]);
});

/// Public releases of items `n-FROM` and on, written as if they had been published; `needs` says what each depends on. They have the text of a release that is there.
async fn written(app: &TestApp, release: &str, count: usize, needs: impl Fn(usize) -> Vec<usize>) {
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    for at in 0..count {
        let (listing, id) = (uuid::Uuid::now_v7().to_string(), uuid::Uuid::now_v7().to_string());
        let dependencies: Vec<Value> = needs(at).into_iter().map(|of| json!({ "slug": format!("n-{of}"), "range": "^1" })).collect();
        sqlx::query(
            "INSERT INTO listings (id, slug, kind, owner_kind, owner_id, name, description, category, tags, licence, repository, capabilities, latest_release_id, latest_version, \
             signed, state, seq, published_at, created_by, created_at, updated_at) SELECT $1, $2, l.kind, l.owner_kind, l.owner_id, l.name, l.description, l.category, l.tags, l.licence, \
             l.repository, l.capabilities, $3, '1.0.0', 1, 'listed', l.seq, l.published_at, l.created_by, l.created_at, l.updated_at FROM listings l JOIN releases r ON r.listing_id = l.id WHERE r.id = $4",
        )
        .bind(listing.clone())
        .bind(format!("n-{at}"))
        .bind(id.clone())
        .bind(release.to_owned())
        .execute(&mut *tx)
        .await
        .expect("a listing");
        sqlx::query(
            "INSERT INTO releases (id, listing_id, version, version_order, state, kind, name, description, category, tags, licence, repository, changelog, main_path, content_sha, files, \
             dependencies, capabilities, digest, size, report, rules, held, envelope, submitted_by, created_at, updated_at) SELECT $1, $2, version, version_order, state, kind, name, description, \
             category, tags, licence, repository, changelog, main_path, content_sha, files, $3, capabilities, digest, size, report, rules, held, envelope, submitted_by, created_at, updated_at \
             FROM releases WHERE id = $4",
        )
        .bind(id)
        .bind(listing)
        .bind(Value::from(dependencies).to_string())
        .bind(release.to_owned())
        .execute(&mut *tx)
        .await
        .expect("a release");
    }
    tx.commit().await.expect("committed");
}

app_test!(what_leads_to_very_much_is_planned_or_refused_with_a_sentence, |app| {
    let (maya, ines, tom) = people(app).await;
    let release = ines.publish(&maya, skill("lamp-care", "1.0.0", "Trim.")).await;
    let place = volume(&tom, "user").await;
    // A chain of 300 from n-0; a tree of 40 times 40 from n-300; one that names 10,000 that nobody has.
    written(app, &release, 2_000, |at| match at {
        0..=298 => vec![at + 1],
        300 => (301..341).collect(),
        301..341 => (0..40).map(|leaf| 341 + (at - 301) * 40 + leaf).collect(),
        1_999 => (100_000..110_000).collect(),
        _ => Vec::new(),
    })
    .await;
    let plan = async |wish: &str| tom.post(&format!("/volumes/{place}/lock/plan"), json!({ "install": [wish] })).await;
    let (status, deep) = plan("n-0").await;
    assert_eq!((status, deep["steps"].as_array().map(Vec::len), &deep["refusal"]), (200, Some(300), &Value::Null), "{deep}");
    assert_eq!((&deep["steps"][0]["slug"], &deep["steps"][299]["slug"]), (&json!("n-299"), &json!("n-0")), "what is needed comes first");
    for wish in ["n-300", "n-1999"] {
        let (status, refused) = plan(wish).await;
        assert_eq!(status, 413, "{wish}: {refused}");
        assert!(text(&refused["message"]).contains("more than 1000 items"), "{wish}: {refused}");
        let (status, refused) = change(&tom, &place, json!({ "install": [wish] })).await;
        assert_eq!(status, 413, "{wish}: {refused}");
    }
    // Nobody signed these, so none of the 300 comes.
    let (status, refused) = change(&tom, &place, json!({ "install": ["n-0"] })).await;
    assert_eq!(status, 409, "{refused}");
    assert!(text(&refused["message"]).contains("cannot be trusted, and nothing was installed"), "{refused}");
    assert!(installed(&tom, &place).await.is_empty());
    // A thousand wishes at once are as bad as a thousand dependencies.
    let wishes: Vec<String> = (400..1_900).map(|at| format!("n-{at}")).collect();
    let (status, refused) = tom.post(&format!("/volumes/{place}/lock/plan"), json!({ "install": wishes })).await;
    assert_eq!(status, 413, "{refused}");
});

app_test!(only_the_publishers_own_signature_of_this_release_counts, |app| {
    let (maya, ines, _) = people(app).await;
    let omar = Publisher::new(app.sign_up(&maya, "omar@pier.example").await, 9).await;
    let first = ines.submit(skill("lamp-care", "1.0.0", "Trim.")).await;
    let second = ines.submit(skill("lamp-care", "1.1.0", "Trim twice.")).await;
    let id = text(&first["submission"]["id"]);
    let address = format!("/marketplace/submissions/{id}");
    looked_at(&maya, &first).await;
    let size = log_size(&maya).await;
    let (_, approved) = maya.post(&format!("{address}/review"), json!({ "verdict": "approve", "reason": "Fine." })).await;
    assert_eq!(approved["submission"]["state"], "approved", "{approved}");
    let (_, fresh) = ines.client.get(&address).await;
    let payload = BASE64_STANDARD.decode(text(&fresh["payload"])).expect("base64");
    let own = SigningKey::from_seed(&[7; 32]);
    let signed = |key: &SigningKey, message: &[u8]| BASE64_STANDARD.encode(key.sign(message));
    let kind = text(&fresh["payloadType"]);
    let framed = [format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).as_bytes(), payload.as_slice()].concat();
    let mine = own.public().id().to_string();
    for (what, body, field) in [
        ("with another key", json!({ "keyId": mine, "signature": signed(&SigningKey::from_seed(&[5; 32]), &framed) }), "signature"),
        ("by somebody else's key", json!({ "keyId": omar.key_id, "signature": signed(&omar.key, &framed) }), "keyId"),
        (
            "by a key that nobody has",
            json!({ "keyId": SigningKey::from_seed(&[5; 32]).public().id().to_string(), "signature": "" }),
            "keyId",
        ),
        ("of another release", ines.signature(&second), "signature"),
        ("of the bare payload", json!({ "keyId": mine, "signature": signed(&own, &payload) }), "signature"),
        ("cut off", json!({ "keyId": mine, "signature": signed(&own, &framed)[..40] }), "signature"),
        ("of zeroes", json!({ "keyId": mine, "signature": BASE64_STANDARD.encode([0; 64]) }), "signature"),
        ("no base64", json!({ "keyId": mine, "signature": "?" }), "signature"),
    ] {
        let (status, refused) = ines.client.post(&format!("{address}/sign"), body).await;
        assert_eq!(status, 400, "{what}: {refused}");
        assert!(refused["fields"][field].is_string(), "{what}: {refused}");
    }
    let good = ines.signature(&fresh);
    assert_eq!(omar.client.post(&format!("{address}/sign"), good.clone()).await.0, 404, "it is none of theirs");
    assert_eq!(maya.post(&format!("{address}/sign"), good.clone()).await.0, 409, "who moderates does not sign");
    assert_eq!(omar.client.delete(&format!("/marketplace/keys/{mine}")).await.0, 404);
    assert_eq!(log_size(&maya).await, size, "nothing of it is in the log");
    assert_eq!(ines.client.delete(&format!("/marketplace/keys/{mine}?reason=Lost")).await.0, 204);
    let (status, refused) = ines.client.post(&format!("{address}/sign"), good).await;
    assert_eq!(status, 400, "revoked: {refused}");
    assert_eq!(ines.client.get(&address).await.1["submission"]["state"], "approved");
    assert_eq!(log_size(&maya).await, size + 1, "that the key was revoked, and no more");
});

async fn submitted(client: &Client, body: Value) -> Answer {
    client.answer(client.request(Method::POST, "/api/v1/marketplace/submissions").json(&body)).await
}

app_test!(of_those_who_race_one_comes_first, |app| {
    let (maya, ines, tom) = people(app).await;
    let omar = Publisher::new(app.sign_up(&maya, "omar@pier.example").await, 9).await;
    let size = log_size(&maya).await;
    for round in 0..3 {
        // For a name.
        let slug = format!("race-{round}");
        let race = [&ines, &omar, &ines, &omar, &ines, &omar].map(|who| submitted(&who.client, skill(&slug, "1.0.0", "Run.")));
        let answers = futures::future::join_all(race).await;
        let won: Vec<_> = answers.iter().enumerate().filter(|(_, answer)| answer.status == 201).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            assert_eq!(answer.status, 409, "{}", answer.text);
            assert!(!text(&answer.json()["message"]).is_empty());
        }
        let (winner, made) = (if won[0].0 % 2 == 0 { &ines } else { &omar }, won[0].1.json());
        // Signed and approved at the same moment: it is public once.
        let id = text(&made["submission"]["id"]);
        looked_at(&maya, &made).await;
        let approve = maya
            .request(Method::POST, &format!("/api/v1/marketplace/submissions/{id}/review"))
            .json(&json!({ "verdict": "approve", "reason": "Fine." }));
        let (approved, (status, signed)) = tokio::join!(maya.answer(approve), winner.sign(&made));
        assert_eq!((approved.status, status), (200, 200), "{} {signed}", approved.text);
        let (_, now) = maya.get(&format!("/marketplace/submissions/{id}")).await;
        assert_eq!(now["submission"]["state"], "public", "{now}");
        // For a version.
        let race = (0..6).map(|_| submitted(&winner.client, skill(&slug, "1.1.0", "Run.")));
        let answers = futures::future::join_all(race).await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 201 | 409)), "{answers:?}");
    }
    assert_eq!(log_size(&tom).await, size + 3);
    // Into one volume at once: each comes whole or is told to look again.
    let place = volume(&tom, "user").await;
    let mut wanted: BTreeSet<String> = (0..3).map(|round| format!("race-{round}")).collect();
    while !wanted.is_empty() {
        let install = |slug: String| {
            let body = json!({ "install": [slug] });
            let request = tom.request(Method::POST, &format!("/api/v1/volumes/{place}/lock")).json(&body);
            let tom = &tom;
            async move { (slug, tom.answer(request).await) }
        };
        let answers = futures::future::join_all(wanted.clone().into_iter().map(install)).await;
        let there: BTreeSet<String> = installed(&tom, &place).await.into_iter().map(|(slug, ..)| slug).collect();
        let before = wanted.len();
        for (slug, answer) in answers {
            assert!(matches!(answer.status, 200 | 409), "{}", answer.text);
            assert_eq!(answer.status == 200, there.contains(&slug), "{slug}: {}", answer.text);
            if answer.status == 200 {
                wanted.remove(&slug);
            }
        }
        assert!(wanted.len() < before, "one of them comes");
    }
});

const ITEMS: usize = 40;

process_test!(an_installation_that_is_killed_is_whole_or_not_there, |disk| {
    // Alone on the server, one approves one's own. What was signed names the site, which each process has on another port.
    let alone = ["env", "MARKETPLACE_FOUR_EYES=false", "SITE_URL=http://harbor.internal"];
    let mut process = disk.start(&alone).await;
    let http = browser();
    let place = first_account(&process, &http).await;
    let (_, me) = process.call(&http, Method::GET, "/me", Value::Null).await.expect("an answer");
    let id = text(&me["person"]["id"]);
    let at = |process: &Process| Client { http: http.clone(), url: process.base.clone(), token: None, id: id.clone() };
    let ines = Publisher::new(at(&process), 7).await;
    let name = |at: usize| format!("plank-{at}");
    for number in 0..ITEMS {
        let more = json!({ "files": [file("references/notes.md")] });
        ines.publish(&ines.client, with(skill(&name(number), "1.0.0", "A plank."), more)).await;
    }
    let needs: Vec<String> = (0..ITEMS).map(name).collect();
    ines.publish(&ines.client, with(skill("whole-boat", "1.0.0", "All planks."), json!({ "dependencies": needs }))).await;
    // How long it takes here, to know when to kill.
    let began = std::time::Instant::now();
    let (status, lock) = change(&ines.client, &place, json!({ "install": ["whole-boat"] })).await;
    assert_eq!((status, lock["installations"].as_array().map(Vec::len)), (200, Some(ITEMS + 1)), "{lock}");
    let took = began.elapsed();
    let (mut whole, mut nothing, mut random) = (0, 0, fastrand::Rng::new());
    for round in 0..rounds().max(4) {
        let client = at(&process);
        let (status, lock) = change(&client, &place, json!({ "uninstall": ["whole-boat"] })).await;
        assert_eq!((status, &lock["installations"]), (200, &json!([])), "{lock}");
        let request = client.request(Method::POST, &format!("/api/v1/volumes/{place}/lock")).json(&json!({ "install": ["whole-boat"] }));
        let asking = tokio::spawn(request.send());
        // Now and then after the answer, or nearly so.
        tokio::time::sleep(Duration::from_micros((took.as_micros() as f64 * random.f64() * 1.1) as u64)).await;
        process.kill();
        let answered = asking.await.expect("it ends").is_ok_and(|answer| answer.status() == 200);
        process = disk.start(&alone).await;
        let client = at(&process);
        let there = installed(&client, &place).await;
        let (_, page) = client.get(&format!("/artifacts?volume={place}&limit=200")).await;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(there.len()), "round {round}: {page}");
        assert!(there.is_empty() || there.len() == ITEMS + 1, "round {round}: {} of {}", there.len(), ITEMS + 1);
        assert!(!answered || !there.is_empty(), "round {round}: what was answered is there");
        if there.is_empty() {
            nothing += 1;
            let (status, lock) = change(&client, &place, json!({ "install": ["whole-boat"] })).await;
            assert_eq!((status, lock["installations"].as_array().map(Vec::len)), (200, Some(ITEMS + 1)), "round {round}: {lock}");
        } else {
            whole += 1;
        }
        let (_, item) = client.get("/marketplace/listings/whole-boat").await;
        assert_eq!(item["installed"][0]["version"], "1.0.0", "{item}");
    }
    eprintln!("{nothing} times nothing was there, {whole} times everything");
    process.kill();
});
