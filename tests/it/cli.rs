//! `llmos import`, `export`, `pull`, `traces` and `demo`: the real program against a running server.

use std::{os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use crate::app::TestApp;

fn llmos(app: &TestApp, arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_llmos"))
        .args(arguments)
        .env("DATA_DIR", &app.state.config.data_dir)
        .env("DATABASE_URL", &app.state.config.database_url)
        .env("RUST_LOG", "off")
        .output()
        .expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("allowed");
}

app_test!(a_folder_goes_in_and_comes_out, |app| {
    let _lock = llmos_lite::server::serve::lock_data_dir(&app.state.config.data_dir).expect("lockable").expect("free");
    let maya = app.sign_up_first().await;
    maya.team("Harbor").await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let text = |name: &str| path(name).to_string_lossy().into_owned();
    write(&path("in/skills/tide/SKILL.md"), "---\nname: tide\ndescription: d\n---\n", 0o644);
    write(&path("in/skills/tide/run.sh"), "#!/bin/sh\n", 0o755);
    write(&path("in/agents/pilot.md"), "---\nname: pilot\n---\n", 0o644);
    std::os::unix::fs::symlink("/etc/passwd", path("in/skills/tide/link")).expect("a link");

    let (ok, said, error) = llmos(app, &["import", &text("in"), "--team", "harbor"]);
    assert!(ok && said.starts_with("Harbor: 2 created, 0 updated, 0 unchanged, 0 skipped"), "{said} {error}");
    assert!(error.contains("left out"), "{error}");
    let (_, home) = maya.get("/home").await;
    assert!(home.to_string().contains("Import 2 artifacts from in"), "{home}");
    let (ok, said, error) = llmos(app, &["export", &text("out"), "--team", "Harbor"]);
    assert!(ok && said.contains("3 files"), "{said} {error}");
    assert_eq!(std::fs::metadata(path("out/skills/tide/run.sh")).expect("there").permissions().mode() & 0o777, 0o755);
    let (ok, ..) = llmos(app, &["export", &text("out.zip"), "--volume", "Harbor"]);
    assert!(ok && path("out.zip").exists());
    let (ok, said, _) = llmos(app, &["import", &text("out.zip"), "--volume", "Harbor"]);
    assert!(ok && said.contains("0 created, 0 updated, 2 unchanged"), "{said}");
    let (ok, said, error) = llmos(app, &["pull", "tide", "--to", &text("agent")]);
    assert!(ok && path("agent/tide/SKILL.md").exists() && path("agent/tide/run.sh").exists(), "{said} {error}");
    let (ok, ..) = llmos(app, &["pull", "dcf-valuation", "--to", &text("agent")]);
    assert!(ok && path("agent/dcf-valuation/scripts/dcf.py").exists());

    for (arguments, words) in [
        (vec!["pull", "nothing-here", "--to", &text("agent")], "there is no"),
        (vec!["import", &text("missing")], "missing"),
        (vec!["export", &text("x"), "--volume", "Nowhere"], "no volume"),
        (vec!["export", &text("x"), "--team", "Nobodies"], "no team"),
    ] {
        let (ok, _, error) = llmos(app, &arguments);
        assert!(!ok && error.contains(words), "{arguments:?}: {error}");
    }
    let (ok, said, error) = llmos(app, &["demo", "add"]);
    assert!(ok && said.contains("sample"), "{said} {error}");
    assert!(llmos(app, &["demo", "remove"]).0);
});

app_test!(the_search_index_is_made_anew_while_the_old_one_answers, |app| {
    let _lock = llmos_lite::server::serve::lock_data_dir(&app.state.config.data_dir).expect("lockable").expect("free");
    let maya = app.sign_up_first().await;
    let all = maya.get("/search").await.1["total"].as_u64().expect("a number");
    assert!(all > 10);
    let (ok, said, error) = llmos(app, &["reindex"]);
    assert!(ok && said == format!("the search index has {all} documents"), "{said} {error}");
    assert_eq!(maya.get("/search").await.1["total"].as_u64(), Some(all));
    assert_eq!(maya.get("/search?q=dcf").await.1["hits"][0]["slug"], "dcf-valuation");
    let ines = app.sign_up(&maya, "ines@harbor.example").await;
    assert_eq!(ines.post("/admin/search/reindex", serde_json::Value::Null).await.0, 403);
});

app_test!(the_marketplace_by_command_line, |app| {
    let maya = app.sign_up_first().await;
    let ines = app.sign_up(&maya, "ines@harbor.example").await;
    let publisher = app.client_with_token(&ines, &["read", "write", "publish"]).await.token.expect("a token");
    let folder = tempfile::tempdir().expect("a folder");
    let at = |path: &str| folder.path().join(path).to_str().expect("a path").to_owned();
    let skill = folder.path().join("lamp-care");
    std::fs::create_dir_all(skill.join("references")).expect("folders");
    let text = "---\nname: lamp-care\ndescription: How the harbor lamps are kept.\ncategory: legal\nlicense: MIT\n---\n\n# Lamp care\n\nTrim the wicks; [more](references/guide.md).\n";
    std::fs::write(skill.join("SKILL.md"), text).expect("written");
    std::fs::write(skill.join("references/guide.md"), "Read this first.\n").expect("written");
    let market = |arguments: &[&str]| {
        let mut all = vec!["market", "--server", app.url.as_str(), "--token", publisher.as_str()];
        all.extend(arguments);
        llmos(app, &all)
    };

    let key = at("publisher.key");
    let (ok, said, error) = market(&["key", "--key", &key]);
    assert!(ok && said.contains("you publish with the key"), "{said} {error}");
    let (ok, said, error) = market(&["publish", skill.to_str().expect("a path"), "--changelog", "First.", "--key", &key]);
    assert!(ok && said.contains("lamp-care 1.0.0: In review"), "{said} {error}");
    let (_, queue) = maya.get("/marketplace/submissions").await;
    let address = format!("/marketplace/submissions/{}/review", queue[0]["id"].as_str().expect("an id"));
    crate::marketplace::looked_at(&maya, &serde_json::json!({ "submission": queue[0] })).await;
    assert_eq!(maya.post(&address, serde_json::json!({ "verdict": "approve" })).await.1["submission"]["state"], "public", "signed before");

    let (ok, said, _) = market(&["search", "trimming", "wicks"]);
    assert!(ok && said.contains("lamp-care 1.0.0"), "{said}");
    let (ok, said, _) = market(&["show", "lamp-care"]);
    assert!(ok && said.contains("lamp-care 1.0.0 (skill), by ines, MIT"), "{said}");
    let (ok, _, error) = market(&["install", "lamp-care"]);
    assert!(!ok && error.contains("--yes"), "{error}");
    let (ok, said, error) = market(&["install", "lamp-care", "--yes"]);
    assert!(ok && said.contains("+ lamp-care 1.0.0"), "{said} {error}");
    let (ok, said, _) = market(&["update", "--yes"]);
    assert!(ok && said.contains("nothing changes"), "{said}");

    // What was saved is verified without asking anybody; what was changed is named.
    let (ok, said, error) = market(&["download", "lamp-care", "--to", &at("saved")]);
    assert!(ok, "{said} {error}");
    let trust = said.split("--trust '").nth(1).and_then(|rest| rest.split('\'').next()).expect("the registry");
    let (archive, bundle) = (at("saved/lamp-care-1.0.0.tar"), at("saved/lamp-care-1.0.0.bundle.json"));
    let offline = ["market", "verify", "lamp-care@1.0.0", "--archive", &archive, "--bundle", &bundle, "--trust", trust];
    let (ok, said, error) = llmos(app, &offline);
    assert!(ok && said.contains("lamp-care 1.0.0: 2 files as signed"), "{said} {error}");
    let mut bytes = std::fs::read(&archive).expect("the archive");
    let place = bytes.windows(9).position(|bytes| bytes == b"Read this").expect("the guide");
    bytes[place] = b'D';
    std::fs::write(&archive, bytes).expect("tampered");
    let (ok, _, error) = llmos(app, &offline);
    assert!(!ok && error.contains("\"references/guide.md\" was changed after it was signed"), "{error}");
    let (ok, said, _) = market(&["verify", "lamp-care"]);
    assert!(ok && said.contains("as signed"), "{said}");

    // Names, owners, and what is said against it.
    let (ok, said, error) = market(&["rename", "lamp-care", "lamps", "--yes"]);
    assert!(ok && said == "lamp-care is called lamps now", "{said} {error}");
    for name in ["lamps", "lamp-care"] {
        let (ok, said, error) = market(&["verify", name]);
        assert!(ok && said.contains(&format!("{name} 1.0.0: 2 files as signed")), "{said} {error}");
    }
    let (ok, said, error) = market(&["owner", "add", "lamps", "maya@harbor.internal"]);
    assert!(ok && said.contains("ines  owner") && said.contains("Maya Chen  co-owner"), "{said} {error}");
    let (ok, said, error) = market(&["owner", "remove", "lamps", "Maya Chen"]);
    assert!(ok && !said.contains("co-owner"), "{said} {error}");
    assert!(market(&["owner", "list", "lamps"]).1.ends_with("ines  owner"));
    assert!(!market(&["deprecate", "lamps"]).0, "a reason is needed");
    let (ok, said, error) = market(&["deprecate", "lamps", "--reason", "Oil is gone."]);
    assert!(ok && said == "lamps: Deprecated: Oil is gone.", "{said} {error}");
    assert!(market(&["show", "lamps"]).1.contains("Deprecated: Oil is gone."));
    let (ok, said, error) = market(&["deprecate", "lamps", "--undo"]);
    assert!(ok && said.contains("no longer deprecated"), "{said} {error}");
    let (ok, said, error) = market(&["reserve", "tide-table"]);
    assert!(ok && said == "tide-table is reserved for ines", "{said} {error}");
    assert!(market(&["delete", "tide-table"]).2.contains("--yes"));
    for name in ["tide-table", "lamps"] {
        let (ok, said, error) = market(&["delete", name, "--yes"]);
        assert!(ok && said.contains("is deleted"), "{said} {error}");
    }
    assert!(!market(&["show", "lamps"]).0);
});

app_test!(a_repository_goes_in, |config| { crate::git::allow_private(config) }, |app| {
    let _lock = llmos_lite::server::serve::lock_data_dir(&app.state.config.data_dir).expect("lockable").expect("free");
    let server = crate::git::GitServer::start().await;
    server.write("skills/tide/SKILL.md", crate::git::skill("tide", "Ebb and flow.\n"));
    server.commit("First");
    let maya = app.sign_up_first().await;
    maya.team("Harbor").await;
    let (ok, said, error) = llmos(app, &["import", "--git", &server.url, "--team", "Harbor"]);
    assert!(ok && said.starts_with("Harbor: 1 created"), "{said} {error}");
    let (ok, _, error) = llmos(app, &["import", "--git", &server.url, "--branch", "nowhere", "--team", "Harbor"]);
    assert!(!ok && error.contains("nowhere"), "{error}");
    assert!(!llmos(app, &["import"]).0, "neither a folder nor a repository");
});

app_test!(traces_come_in_from_files_and_folders_once, |app| {
    let _lock = llmos_lite::server::serve::lock_data_dir(&app.state.config.data_dir).expect("lockable").expect("free");
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let fixture = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/traces/fixtures").join(name);
    std::fs::create_dir_all(folder.path().join("in/below")).expect("folders");
    for (name, to) in [
        ("native.jsonl", "in/native.jsonl"),
        ("claude-code.jsonl", "in/below/session.jsonl"),
        ("trace.md", "in/below/trace.md"),
        ("otlp.json", "in/otlp.json"),
        ("otlp.pb", "in/otlp.pb"),
    ] {
        std::fs::copy(fixture(name), folder.path().join(to)).expect("copied");
    }
    std::fs::write(folder.path().join("in/notes.txt"), "nothing of ours").expect("written");
    let count = async || maya.get(&format!("/traces?team={team}")).await.1["labels"]["total"].as_i64().unwrap_or_default();
    let (_, first, _) = llmos(app, &["traces", "import", &path("in"), "--team", "harbor"]);
    let kept = count().await;
    assert!(kept >= 5 && first.starts_with(&format!("{kept} accepted,")) && !first.contains("notes.txt"), "{kept}: {first}");
    // The same again, by the id of the team and file by file.
    let (_, again, _) = llmos(
        app,
        &["traces", "import", &path("in/native.jsonl"), &path("in/below"), &path("in/otlp.json"), &path("in/otlp.pb"), "--team", &team],
    );
    assert!(again.starts_with("0 accepted,") && count().await == kept, "{again}");

    // Larger than one request may be: in parts, with the lines that are no traces, one of them too long for any memory.
    let line = |at: usize| {
        format!(
            "{{\"id\":\"large-{at}\",\"goal\":\"Value company {at}\",\"steps\":[{{\"name\":\"read\",\"kind\":\"tool\",\"output\":\"{}\"}}]}}\n",
            "x".repeat(250_000)
        )
    };
    let mut large: String = (0..50).map(line).collect();
    large.push_str(&format!("{{\"id\":\"{}\n", "y".repeat(10_000_000)));
    large.push_str(&(50..100).map(line).collect::<String>());
    large.push_str("no trace\n");
    write(&folder.path().join("large.jsonl"), &large, 0o644);
    let (ok, said, error) = llmos(app, &["traces", "import", &path("large.jsonl"), "--team", "Harbor"]);
    assert!(!ok && said.starts_with("100 accepted, 0 known, 2 refused") && error.contains("import it again"), "{said} {error}");
    assert!(said.contains("large.jsonl:51: ") && said.contains("large.jsonl:102: "), "lines of the file: {said}");
    let (_, said, _) = llmos(app, &["traces", "import", &path("large.jsonl"), "--team", "Harbor"]);
    assert!(said.starts_with("0 accepted, 100 known, 2 refused"), "{said}");

    for (arguments, words) in [
        (vec!["traces", "import", &path("missing")], "missing"),
        (vec!["traces", "import", &path("in"), "--team", "Nobodies"], "no team"),
        (vec!["traces", "import"], "PATH"),
    ] {
        let (ok, _, error) = llmos(app, &arguments);
        assert!(!ok && error.contains(words), "{arguments:?}: {error}");
    }
    // One that is as it should be, for oneself.
    write(&folder.path().join("good.json"), "{\"id\":\"good\",\"goal\":\"Value Acme\"}", 0o644);
    let (ok, said, error) = llmos(app, &["traces", "import", &path("good.json")]);
    assert!(ok && said == "1 accepted, 0 known, 0 refused", "{said} {error}");
    assert_eq!(maya.get("/traces").await.1["items"].as_array().map(Vec::len), Some(1));
});

app_test!(the_figures_are_made_anew_from_the_command_line, |app| {
    let _lock = llmos_lite::server::serve::lock_data_dir(&app.state.config.data_dir).expect("lockable").expect("free");
    let maya = app.sign_up_first().await;
    crate::sessions::begin(&maya, None, "Counted").await;
    let counted = async || maya.get("/analytics?range=7d&team=personal").await.1["sessions"]["created"]["now"].as_f64();
    for _ in 0..500 {
        if counted().await == Some(1.0) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let (ok, said, error) = llmos(app, &["analytics", "rebuild"]);
    let events = said.strip_prefix("the figures are made of ").and_then(|rest| rest.strip_suffix(" usage events"));
    assert!(ok && events.and_then(|events| events.parse::<u64>().ok()).is_some_and(|events| events > 0), "{said} {error}");
    assert_eq!(counted().await, Some(1.0));
});

// A team moves from one server to another: each has its own people.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_moves_to_another_server() {
    use crate::process::{Process, browser, first_account};
    let (here, there) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let llmos = |data: &Path, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_llmos"));
        command.args(arguments).current_dir(data).env("DATA_DIR", data).env("RUST_LOG", "off").env_remove("DATABASE_URL");
        let output = command.output().expect("the program runs");
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned())
    };
    let process = Process::start(here.path(), &[]).await;
    let client = browser();
    first_account(&process, &client).await;
    let (status, _) =
        process.call(&client, reqwest::Method::POST, "/teams", serde_json::json!({ "name": "Harbor" })).await.expect("an answer");
    assert!(status < 300);
    let file = here.path().join("harbor.team.zip").display().to_string();
    let (ok, said) = llmos(here.path(), &["team", "export", "harbor", &file]);
    assert!(ok && said.contains("rows"), "{said}");
    let (ok, said) = llmos(here.path(), &["team", "export", "nobody", "x.zip"]);
    assert!(!ok && said.contains("there is no team"), "{said}");
    process.kill();

    let process = Process::start(there.path(), &[]).await;
    let client = browser();
    first_account(&process, &client).await;
    let (ok, said) = llmos(there.path(), &["team", "import", &file]);
    assert!(ok && said.starts_with("Harbor:") && said.contains("1 people were known"), "{said}");
    let (ok, said) = llmos(there.path(), &["team", "import", &file]);
    assert!(ok && said.contains("nothing was changed"), "{said}");
    let (_, teams) = process.call(&client, reqwest::Method::GET, "/teams", serde_json::Value::Null).await.expect("an answer");
    assert_eq!(teams.as_array().map(Vec::len), Some(1), "{teams}");
    process.kill();
}

app_test!(the_marketplace_of_another_server_is_asked_where_a_setting_says_so, |app| {
    let _maya = app.sign_up_first().await;
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["MARKETPLACE_URL", "NEXT_PUBLIC_MARKETPLACE_URL"] {
        let url = if name == "MARKETPLACE_URL" { app.url.clone() } else { format!("{}/api/marketplace", app.url) };
        let said = crate::operations::llmos(folder.path(), &["market", "search", "tide"], &[(name, url.as_str())]);
        assert_eq!(said.code, Some(0), "{name}: {}", said.error);
        assert!(!folder.path().join("data").exists(), "{name}: no server of this machine was begun");
    }
    let said = crate::operations::llmos(folder.path(), &["market", "search", "tide"], &[("MARKETPLACE_URL", "http://127.0.0.1:1")]);
    assert_eq!(said.code, Some(1), "{}", said.out);
});
