//! Importing messy archives, and that an export brings back every byte.

use std::io::{Cursor, Read as _, Write as _};

use reqwest::Method;
use serde_json::{Value, json};
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::{
    app::{Client, text},
    volumes::{commit, head, save, volume},
};

/// Files as a zip; a mode of 0 leaves the mode out as other systems do.
pub fn pack(files: &[(&str, &[u8], u32)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes, mode) in files {
        let options = SimpleFileOptions::default().unix_permissions(if *mode == 0 { 0o644 } else { *mode });
        zip.start_file(*path, options).expect("a file");
        zip.write_all(bytes).expect("bytes");
    }
    zip.finish().expect("a zip").into_inner()
}

pub fn unpack(bytes: Vec<u8>) -> Vec<(String, Vec<u8>, bool)> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).expect("a zip");
    (0..zip.len())
        .map(|index| {
            let mut file = zip.by_index(index).expect("a file");
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).expect("readable");
            (file.name().expect("a name").into_owned(), bytes, file.unix_mode().unwrap_or(0) & 0o111 != 0)
        })
        .collect()
}

/// Sends a zip and waits for its report.
pub async fn import(client: &Client, volume: &str, bytes: Vec<u8>) -> Value {
    let request = client.request(Method::POST, &format!("/api/v1/volumes/{volume}/imports")).header("content-type", "application/zip");
    let answer = client.answer(request.body(bytes)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    finish(client, &answer.json()).await
}

pub async fn finish(client: &Client, job: &Value) -> Value {
    for _ in 0..1_000 {
        let (_, job) = client.get(&format!("/jobs/{}", text(&job["id"]))).await;
        match job["state"].as_str() {
            Some("done") => return job["report"].clone(),
            Some("failed") => return json!({ "error": job["error"] }),
            _ => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
    panic!("the import ends")
}

pub async fn export(client: &Client, volume: &str) -> Vec<u8> {
    let response = client.request(Method::GET, &format!("/api/v1/volumes/{volume}/export")).send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    response.bytes().await.expect("all of it").to_vec()
}

fn counts(report: &Value) -> [i64; 4] {
    ["created", "updated", "unchanged", "skipped"].map(|name| report[name].as_i64().unwrap_or(-1))
}

/// As real collections are: nothing here is well-formed.
fn messy() -> Vec<(&'static str, Vec<u8>, u32)> {
    let long = format!("---\nname: long\ndescription: {}\n---\n{}", "d".repeat(2_000), "word ".repeat(12_000));
    vec![
        ("skills/none/SKILL.md", b"no frontmatter at all".to_vec(), 0o644),
        ("skills/broken/SKILL.md", b"---\nname: [unclosed\ndescription: a: b: c\n---\nbody\n".to_vec(), 0o644),
        ("skills/tabs/SKILL.md", b"---\nname: tabs\nmeta:\n\tkey: value\n---\n\tbody\n".to_vec(), 0o644),
        ("skills/crlf/SKILL.md", b"---\r\nname: crlf\r\nunknown-key: kept\r\n---\r\nbody\r\n".to_vec(), 0o644),
        ("skills/bom/SKILL.md", "\u{feff}---\nname: bom\n---\nbody".as_bytes().to_vec(), 0o755),
        ("skills/mixed/SKILL.md", b"one\r\ntwo\nthree\rfour".to_vec(), 0o644),
        ("skills/bidi/SKILL.md", "---\nname: bidi\n---\na\u{202e}b\u{200b}c\u{e0041}".as_bytes().to_vec(), 0o644),
        ("skills/binary/SKILL.md", b"---\nname: binary\n---\n\xff\xfe\0 bytes".to_vec(), 0o644),
        ("skills/empty/SKILL.md", Vec::new(), 0o644),
        ("skills/long/SKILL.md", long.into_bytes(), 0o644),
        ("skills/Off Spec_NAME!/skill.MD", b"---\nname: x\n---\n".to_vec(), 0o644),
        ("skills/off-spec-name/SKILL.md", b"---\nname: y\n---\n".to_vec(), 0o644),
        ("skills/crlf/scripts/run.sh", b"#!/bin/sh\n".to_vec(), 0o755),
        ("skills/crlf/assets/p.png", b"\x89PNG\r\n\x1a\n\0".to_vec(), 0o644),
        ("agents/Über Prüfer.md", b"---\nname: p\n---\n".to_vec(), 0o644),
        ("tools/calc/TOOL.md", b"---\nname: calc\n---\n".to_vec(), 0o644),
    ]
}

app_test!(messy_files_come_back_byte_for_byte, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let files = messy();
    let borrowed: Vec<_> = files.iter().map(|(path, bytes, mode)| (*path, bytes.as_slice(), *mode)).collect();
    let report = import(&maya, &own, pack(&borrowed)).await;
    assert_eq!(counts(&report), [14, 0, 0, 0], "{report}");
    let reason = |path: &str| {
        let item = report["items"].as_array().into_iter().flatten().find(|item| item["path"] == path).cloned().unwrap_or_default();
        (item["reason"].as_str().unwrap_or_default().to_owned(), item["line"].as_i64())
    };
    assert!(reason("skills/broken/SKILL.md").1.is_some(), "{report}");
    assert!(reason("skills/crlf/SKILL.md").0.contains("Windows") && reason("skills/bom/SKILL.md").0.contains("byte order mark"));
    assert_eq!(reason("skills/binary/SKILL.md").1, Some(4));
    assert!(
        reason("skills/off-spec-name/SKILL.md").0.contains("off-spec-name-2")
            || reason("skills/Off Spec_NAME!/skill.MD").0.contains("off-spec-name-2")
    );

    let exported = export(&maya, &own).await;
    let mut expected: Vec<_> = files.iter().map(|(path, bytes, mode)| ((*path).to_owned(), bytes.clone(), mode & 0o111 != 0)).collect();
    let mut found = unpack(exported.clone());
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(export(&maya, &own).await, exported, "equal volumes give equal archives");
    let report = import(&maya, &own, exported).await;
    assert_eq!((counts(&report), &report["commitId"]), ([0, 0, 14, 0], &Value::Null), "{report}");
    assert_eq!(maya.get(&format!("/volumes/{own}/commits")).await.1["commits"].as_array().map(Vec::len), Some(1));
});

app_test!(an_edit_keeps_line_ends_and_mark_and_loses_no_bytes, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let mut bytes = "\u{feff}".as_bytes().to_vec();
    bytes.extend(b"---\r\nname: a\r\n---\r\nold\r\n");
    import(&maya, &own, pack(&[("skills/a/SKILL.md", &bytes, 0o644), ("skills/b/SKILL.md", b"\xff\xfe", 0o644)])).await;
    let id = |page: &Value| text(&page["items"][0]["id"]);
    let a = id(&maya.get(&format!("/artifacts?sort=name&limit=1&volume={own}")).await.1);
    let (_, detail) = maya.get(&format!("/artifacts/{a}")).await;
    assert_eq!(detail["text"], "---\nname: a\n---\nold\n");
    save(&maya, &a, "---\nname: a\n---\nnew\n", 0).await;
    let answer = maya.request(Method::GET, &format!("/api/v1/artifacts/{a}/text")).send().await.expect("an answer");
    assert_eq!(answer.bytes().await.expect("bytes").as_ref(), b"\xef\xbb\xbf---\r\nname: a\r\n---\r\nnew\r\n");
    let b = id(&maya.get(&format!("/artifacts?sort=name&q=b&volume={own}")).await.1);
    assert_eq!(save(&maya, &b, "text\n", 0).await.0, 400, "bytes that are no text are not lost by accident");
});

app_test!(an_import_updates_what_changed_and_keeps_drafts, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    import(&maya, &own, pack(&[("skills/a/SKILL.md", b"one\n", 0o644), ("skills/b/SKILL.md", b"two\n", 0o644)])).await;
    let (_, page) = maya.get(&format!("/artifacts?volume={own}&sort=name")).await;
    let a = text(&page["items"][0]["id"]);
    save(&maya, &a, "draft\n", 0).await;
    let files: [(&str, &[u8], u32); 3] =
        [("skills/a/SKILL.md", b"uno\n", 0o644), ("skills/b/SKILL.md", b"two\n", 0o644), ("skills/c/SKILL.md", b"three\n", 0o644)];
    let report = import(&maya, &own, pack(&files)).await;
    assert_eq!(counts(&report), [1, 1, 1, 0], "{report}");
    let (_, detail) = maya.get(&format!("/artifacts/{a}")).await;
    assert_eq!((&detail["text"], &detail["draft"]["behind"]), (&json!("draft\n"), &json!(true)));
    let (_, view) = maya.get(&format!("/artifacts/{a}/merge")).await;
    let merged = json!({ "text": "uno, draft\n", "saves": view["saves"], "headRevisionId": view["head"]["id"] });
    assert_eq!(maya.json(Method::PUT, &format!("/artifacts/{a}/merge"), merged).await.0, 200);
    let base = head(&maya, &a).await;
    commit(&maya, &[(&a, Some(&base))], "Merged").await;
});

app_test!(hostile_archives_are_refused_or_sieved, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for (path, bytes) in [
        ("skills/ok/SKILL.md", b"fine".to_vec()),
        ("../evil/SKILL.md", b"out".to_vec()),
        ("/etc/SKILL.md", b"absolute".to_vec()),
        ("skills\\win\\SKILL.md", b"backslash".to_vec()),
        ("skills/bomb/SKILL.md", vec![0u8; 8 * 1024 * 1024]),
        ("skills/big/SKILL.md", b"random".iter().cycle().take(10).copied().collect()),
        ("skills/./dot/SKILL.md", b"dot".to_vec()),
    ] {
        zip.start_file(path, options).expect("a file");
        zip.write_all(&bytes).expect("bytes");
    }
    zip.add_symlink("skills/ok/link", "/etc/passwd", options).expect("a link");
    let report = import(&maya, &own, zip.finish().expect("a zip").into_inner()).await;
    assert_eq!(counts(&report), [2, 0, 0, 6], "{report}");
    let (_, page) = maya.get(&format!("/artifacts?volume={own}&sort=name")).await;
    let slugs: Vec<_> = page["items"].as_array().expect("a list").iter().map(|item| text(&item["slug"])).collect();
    assert_eq!(slugs, ["big", "ok"]);

    let report = import(&maya, &own, b"this is no zip".to_vec()).await;
    assert!(report["error"].as_str().is_some_and(|error| error.contains("zip")), "{report}");
    let mut twice = pack(&[("skills/aa/SKILL.md", b"1", 0o644), ("skills/bb/SKILL.md", b"2", 0o644)]);
    for at in 0..twice.len() - 9 {
        if &twice[at..at + 9] == b"skills/bb" {
            twice[at + 7..at + 9].copy_from_slice(b"aa");
        }
    }
    let report = import(&maya, &own, twice).await;
    assert!(report["error"].as_str().is_some_and(|error| error.contains("twice")), "{report}");
    let request = maya.request(Method::POST, &format!("/api/v1/volumes/{own}/imports")).header("content-type", "text/plain").body("x");
    assert_eq!(maya.answer(request).await.status, 415);
    assert!(std::fs::read_dir(app.state.config.data_dir.join("staging")).expect("the folder").next().is_none(), "nothing is left behind");
});

app_test!(a_folder_from_the_browser, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let paths = json!(["mine/skills/a/SKILL.md", "mine/skills/a/run.sh", "mine/notes.txt"]).to_string();
    let form = reqwest::multipart::Form::new()
        .text("paths", paths)
        .part("file", reqwest::multipart::Part::bytes(b"text\n".to_vec()).file_name("SKILL.md"))
        .part("file", reqwest::multipart::Part::bytes(b"#!/bin/sh\n".to_vec()).file_name("run.sh"))
        .part("file", reqwest::multipart::Part::bytes(b"note\n".to_vec()).file_name("notes.txt"));
    let answer = maya.answer(maya.request(Method::POST, &format!("/api/v1/volumes/{own}/imports")).multipart(form)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let report = finish(&maya, &answer.json()).await;
    assert_eq!(counts(&report), [1, 0, 0, 1], "{report}");
    assert_eq!(
        unpack(export(&maya, &own).await),
        [("skills/a/SKILL.md".to_owned(), b"text\n".to_vec(), false), ("skills/a/run.sh".to_owned(), b"#!/bin/sh\n".to_vec(), true)]
    );
});

app_test!(an_import_that_died_ends_with_one_commit, |app| {
    use llmos_lite::{
        features::{jobs, volumes::jobs as imports},
        server::context::Ctx,
    };
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let ctx = Ctx::internal(app.state.clone(), None);
    let job = jobs::Job {
        id: "0192a000-0000-7000-8000-0000000000ab".to_owned(),
        kind: imports::IMPORT.to_owned(),
        payload: json!({ "volume": own, "commit": "0192a000-0000-7000-8000-0000000000ac", "author": maya.id, "label": "x" }).to_string(),
        owner_id: maya.id.clone(),
        attempts: 1,
    };
    let stage = || {
        let folder = imports::staging_folder(&ctx, &job.id);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("upload.zip"), pack(&[("skills/a/SKILL.md", b"one\n", 0o644)])).expect("written");
    };
    stage();
    let first = imports::import(&ctx, &job).await.expect("imports");
    assert_eq!(first["created"], 1);
    // The same job again, as after a crash between publishing and being marked as done.
    stage();
    let second = imports::import(&ctx, &job).await.expect("reports");
    assert_eq!((&second["created"], &second["commitId"]), (&json!(1), &first["commitId"]));
    assert_eq!(maya.get(&format!("/volumes/{own}/commits")).await.1["commits"].as_array().map(Vec::len), Some(1));
});

app_test!(an_import_of_an_account_that_was_shut_off_meanwhile_brings_nothing, |app| {
    use llmos_lite::{
        features::{jobs, volumes::jobs as imports},
        server::context::Ctx,
    };
    let maya = app.sign_up_first().await;
    let noor = app.sign_up(&maya, "noor@x.y").await;
    let own = volume(&noor, "user").await;
    let ctx = Ctx::internal(app.state.clone(), None);
    let job = jobs::Job {
        id: "0192a000-0000-7000-8000-0000000000ad".to_owned(),
        kind: imports::IMPORT.to_owned(),
        payload: json!({ "volume": own, "commit": "0192a000-0000-7000-8000-0000000000ae", "author": noor.id, "label": "x" }).to_string(),
        owner_id: noor.id.clone(),
        attempts: 1,
    };
    let folder = imports::staging_folder(&ctx, &job.id);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("upload.zip"), pack(&[("skills/a/SKILL.md", b"one\n", 0o644)])).expect("written");
    let account = format!("/admin/users/{}", noor.id);
    assert_eq!(maya.patch(&account, json!({ "deactivated": true })).await.0, 200);
    let refused = imports::import(&ctx, &job).await.expect_err("it is refused");
    assert!(refused.message.contains("nothing was imported"), "{refused:?}");
    assert!(!folder.exists(), "what was uploaded is not kept");
    assert_eq!(maya.patch(&account, json!({ "deactivated": false })).await.0, 200);
    let noor = app.sign_in("noor@x.y").await;
    assert_eq!(noor.get(&format!("/volumes/{own}/commits")).await.1["commits"].as_array().map(Vec::len), Some(0));
});

// The sample of real documents that the tests ship.
app_test!(the_sample_of_real_documents_goes_round, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/volume");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(&root).expect("below").to_string_lossy().into_owned();
                if path.starts_with("skills/") || path.starts_with("agents/") {
                    files.push((path, std::fs::read(entry.path()).expect("readable"), 0o644));
                }
            }
        }
    }
    files.sort();
    let borrowed: Vec<_> = files.iter().map(|(path, bytes, mode)| (path.as_str(), bytes.as_slice(), *mode)).collect();
    let report = import(&maya, &own, pack(&borrowed)).await;
    assert!(report["created"].as_i64().is_some_and(|created| created >= 55) && report["skipped"] == 0, "{report}");
    let mut found: Vec<_> = unpack(export(&maya, &own).await).into_iter().map(|(path, bytes, _)| (path, bytes, 0o644)).collect();
    found.sort();
    assert_eq!(found, files);
});
