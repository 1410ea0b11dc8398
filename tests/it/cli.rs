//! `llmos import`, `export`, `pull` and `demo`: the real program against a running server.

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
