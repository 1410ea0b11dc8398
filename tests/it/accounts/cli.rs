//! `llmos user …`, the real program against a running server and without one.

use std::process::Command;

use serde_json::json;

use super::factors::{App, password};
use crate::app::{PASSWORD, TestApp};

fn llmos(app: &TestApp, arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_llmos"))
        .args(arguments)
        .env("DATA_DIR", &app.state.config.data_dir)
        .env("DATABASE_URL", &app.state.config.database_url)
        .env("SITE_URL", &app.url)
        .env("RUST_LOG", "off")
        .output()
        .expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

app_test!(reset_password_prints_a_link_that_works, |app| {
    // This process is the server and holds the lock, as a served DATA_DIR is.
    let _lock = llmos_lite::server::serve::lock_data_dir(&app.state.config.data_dir).expect("lockable").expect("free");
    let (ok, _, error) = llmos(app, &["user", "reset-password", "maya@harbor.internal"]);
    assert!(!ok && error.contains("nobody has an account"), "{error}");

    app.sign_up_first().await;
    let (ok, link, error) = llmos(app, &["user", "reset-password", "Maya@Harbor.internal"]);
    assert!(ok, "{error}");
    let secret = link.strip_prefix(&format!("{}/reset/", app.url)).unwrap_or_else(|| panic!("a link, not {link}"));
    let (status, _) = app.visitor().post(&format!("/password-links/{secret}"), json!({ "password": PASSWORD })).await;
    assert_eq!(status, 200);

    let (ok, _, error) = llmos(app, &["user", "reset-password", "nobody@x.y"]);
    assert!(!ok && error.contains("no account"), "{error}");
});

app_test!(reset_factors_lets_somebody_in_again_who_has_lost_them, |app| {
    let _lock = llmos_lite::server::serve::lock_data_dir(&app.state.config.data_dir).expect("lockable").expect("free");
    let maya = app.sign_up_first().await;
    App::add(&maya).await;
    assert_eq!(password(&app.visitor(), "maya@harbor.internal").await.status, 202);
    let (ok, said, error) = llmos(app, &["user", "reset-factors", "maya@harbor.internal"]);
    assert!(ok && said.contains("Maya Chen"), "{said} {error}");
    assert_eq!(maya.get("/me").await.0, 401);
    assert_eq!(password(&app.visitor(), "maya@harbor.internal").await.status, 200);
    let (ok, _, error) = llmos(app, &["user", "reset-factors", "maya@harbor.internal"]);
    assert!(!ok && error.contains("no second factor"), "{error}");
});
