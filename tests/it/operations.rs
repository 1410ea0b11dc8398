//! How an operator meets the server: settings, health, metrics, the doctor, and what a version does with the database of another.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use axum::{Router, http::StatusCode, routing::get};
use llmos_lite::server::db::{Db, copies};
use reqwest::Method;
use serde_json::Value;
use sqlx::{
    AnyConnection, AssertSqlSafe, Connection as _, SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::{app::Answer, process::Process, process_test};

/// What the program printed and said, without any setting of the surroundings.
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub error: String,
}

pub fn llmos(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_llmos"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("RUST_LOG", "off")
        .envs(environment.iter().copied())
        .output()
        .expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), error: text(&output.stderr) }
}

/// The value and the origin of a setting in what `llmos config` prints.
fn setting(out: &str, name: &str) -> String {
    let line = out.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap_or_else(|| panic!("{name} in {out}"));
    line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
}

#[test]
fn settings_are_shown_with_where_they_come_from() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("Leptos.toml"), "[app]\nsite-url = \"https://file.example/\"\nlog-format = \"json\"\n")
        .expect("written");
    std::fs::write(folder.path().join("key"), "a-key-of-this-server-that-nobody-may-see\n").expect("written");
    let key = folder.path().join("key").display().to_string();
    let environment = [
        ("LOG_FORMAT", "text"),
        ("SEARCH_RATE", "7"),
        ("SECRET_KEY_FILE", key.as_str()),
        ("DATABASE_URL", "postgres://llmos:hunter2@db.example/llmos"),
    ];
    let said = llmos(folder.path(), &["config", "--set", "search-rate=9", "--data-dir", "/srv/llmos"], &environment);
    assert_eq!(said.code, Some(0), "{}", said.error);
    for (name, shown) in [
        ("DATA_DIR", "/srv/llmos flag"),
        ("SEARCH_RATE", "9 flag"),
        ("LOG_FORMAT", "text environment"),
        ("SITE_URL", "https://file.example/ Leptos.toml"),
        ("LEPTOS_SITE_ADDR", "127.0.0.1:3000 default"),
        ("DATABASE_URL", "postgres://llmos:hidden@db.example/llmos environment"),
        ("METRICS_TOKEN", "(not set) default"),
    ] {
        assert_eq!(setting(&said.out, name), shown);
    }
    assert_eq!(setting(&said.out, "SECRET_KEY"), format!("(hidden) file {key}"));
    assert!(!said.out.contains("nobody-may-see") && !said.out.contains("hunter2"));
}

#[test]
fn a_setting_that_cannot_be_used_stops_the_start_with_one_sentence() {
    let folder = TempDir::new().expect("a folder");
    let cases: [(&[&str], (&str, &str), &str); 10] = [
        (&["serve"], ("LEPTOS_SITE_ADDR", "here"), "LEPTOS_SITE_ADDR: “here” is not an address"),
        (&["serve"], ("SLOW_QUERY_MS", "slow"), "SLOW_QUERY_MS: “slow” is not a number"),
        (&["serve"], ("SITE_URL", "skills.example.org"), "SITE_URL: “skills.example.org” begins neither"),
        (&["serve"], ("SECRET_KEY_FILE", "/nowhere"), "SECRET_KEY_FILE: /nowhere cannot be read"),
        (&["serve"], ("SECRET_KEY_FILE", "/dev/null"), "SECRET_KEY_FILE: /dev/null is empty"),
        (&["serve"], ("SECRET_KEY", "short"), "SECRET_KEY: it has fewer than 32 characters"),
        (&["serve"], ("BACKUP_URL", "ftp://elsewhere"), "BACKUP_URL: “ftp://elsewhere” is neither a folder nor s3://"),
        (&["serve"], ("RUST_LOG", "llmos=loud"), "RUST_LOG: “llmos=loud” is not a filter"),
        (&["serve", "--set", "SERCH_RATE=3"], ("A", "b"), "there is no setting SERCH_RATE"),
        (&["serve", "--config-file", "nowhere.toml"], ("A", "b"), "nowhere.toml cannot be read"),
    ];
    for (arguments, variable, words) in cases {
        let said = llmos(folder.path(), arguments, &[variable]);
        assert_eq!(said.code, Some(2), "{arguments:?}");
        assert!(said.error.contains(words) && said.error.trim().lines().count() == 1, "{arguments:?}: {}", said.error);
    }
    std::fs::write(folder.path().join("Leptos.toml"), "[app]\nsit-url = \"x\"\n").expect("written");
    let said = llmos(folder.path(), &["config"], &[]);
    assert!(said.code == Some(2) && said.error.contains("no setting “sit-url”"), "{}", said.error);
}

#[test]
fn help_and_completions_are_there() {
    let folder = TempDir::new().expect("a folder");
    let said = llmos(folder.path(), &["--help"], &[]);
    for word in ["doctor", "support-bundle", "config", "completions", "--data-dir", "--set", "NAME_FILE", "Exit codes"] {
        assert!(said.out.contains(word), "{word} in {}", said.out);
    }
    for shell in ["bash", "zsh", "fish"] {
        // Whatever the settings are.
        let said = llmos(folder.path(), &["completions", shell], &[("SITE_URL", "nonsense")]);
        assert!(said.code == Some(0) && said.out.contains("support-bundle"), "{shell}: {}", said.error);
    }
}

async fn metrics(app: &crate::app::TestApp, change: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder) -> Answer {
    let visitor = app.visitor();
    visitor.answer(change(visitor.request(Method::GET, "/metrics"))).await
}

/// The value of a sample.
fn sample(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(found, _)| found == name));
    line.unwrap_or_else(|| panic!("{name} in {text}")).rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}

const DASHBOARD: &str = include_str!("../../deploy/grafana.json");

/// The names of what is measured, as they stand in a text.
fn measurements(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| word.starts_with("llmos_") || word.starts_with("process_"))
}

/// Whoever is woken looks there first.
#[test]
fn what_is_worth_an_alarm_has_a_panel() {
    let alarms = include_str!("../../docs/operations.md").split("Worth an alarm:").nth(1).and_then(|rest| rest.split("\n\n").next());
    let alarms: Vec<&str> = measurements(alarms.expect("the alarms")).collect();
    assert!(alarms.len() >= 6, "{alarms:?}");
    for name in alarms.into_iter().chain(["llmos_nodes", "llmos_certificate_failures"]) {
        let asked = measurements(DASHBOARD).any(|asked| asked.strip_suffix("_bucket").unwrap_or(asked) == name);
        assert!(asked, "{name} has no panel");
    }
}

app_test!(the_server_says_how_it_is, |app| {
    let maya = app.sign_up_first().await;
    let ready = app.visitor();
    let ready = ready.answer(ready.request(Method::GET, "/readyz")).await;
    assert_eq!((ready.status, ready.json()["ready"].clone()), (200, Value::Bool(true)), "{}", ready.text);
    for part in ["process", "database", "migrations", "index", "catalogue", "model", "disk", "jobs", "backups"] {
        assert!(ready.json()["components"][part].is_string(), "{part}: {}", ready.text);
    }
    assert!(ready.json()["search"]["documents"].is_number());
    // What is read after a start is said to be there once it is.
    for _ in 0..1_000 {
        let again = app.visitor();
        let parts = again.answer(again.request(Method::GET, "/readyz")).await.json()["components"].clone();
        if parts["index"] == "ready" && parts["catalogue"] == "ready" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(app.state.search.is_warm() && app.state.market.is_warm());

    let (status, health) = maya.get("/admin/health").await;
    assert_eq!(status, 200, "{health}");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert!(health["components"].as_array().is_some_and(|parts| parts.len() == 9), "{health}");
    let ines = app.sign_up(&maya, "ines@harbor.example").await;
    assert_eq!(ines.get("/admin/health").await.0, 403);
    assert_eq!(app.visitor().get("/admin/health").await.0, 401);
    let page = maya.answer(maya.request(Method::GET, "/admin/health")).await;
    assert!(page.status == 200 && page.text.contains("migrations") && page.text.contains("Disk free"), "the page shows the parts");

    // One that is being stopped wants no requests and says so at once, but answers those that come.
    app.state.cluster.drain(&app.state.db).await;
    let visitor = app.visitor();
    let ready = visitor.answer(visitor.request(Method::GET, "/readyz")).await;
    assert_eq!((ready.status, ready.json()["components"]["process"].clone()), (503, Value::String("down".into())));
});

app_test!(metrics_are_counted_and_guarded, |config| { config.metrics_token = Some("a token for Prometheus".to_owned()) }, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    for _ in 0..3 {
        assert_eq!(maya.get(&format!("/teams/{team}")).await.0, 200);
    }
    let page = maya.answer(maya.request(Method::GET, "/")).await;
    assert_eq!(page.status, 200);

    let here = metrics(app, |request| request).await;
    assert_eq!(here.status, 200);
    assert!(here.header("content-type").starts_with("text/plain; version=0.0.4"), "{}", here.header("content-type"));
    let text = &here.text;
    assert_eq!(sample(text, r#"llmos_http_requests_total{method="GET",route="/api/v1/teams/{id}",status="200"}"#), 3.0);
    assert_eq!(sample(text, r#"llmos_http_requests_total{method="GET",route="page",status="200"}"#), 1.0);
    assert_eq!(sample(text, r#"llmos_http_request_duration_seconds_count{method="GET",route="/api/v1/teams/{id}"}"#), 3.0);
    assert!(sample(text, "llmos_database_writer_wait_seconds_count") >= 2.0);
    assert!(sample(text, "process_resident_memory_bytes") > 1e6);
    for name in ["llmos_sockets", "llmos_rooms", "llmos_search_documents", "llmos_notification_deliveries_waiting", "llmos_disk_free_bytes"]
    {
        assert!(sample(text, name) >= 0.0);
    }
    assert!(!text.contains(&team) && !text.contains("Harbor"), "only templates, nothing of anybody");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.rsplit_once(' ').is_some_and(|(_, value)| value.parse::<f64>().is_ok()), "{line}");
    }

    // The dashboard asks for what there is.
    let known = include_str!("../../src/server/metrics.rs");
    for name in measurements(DASHBOARD) {
        let there = text.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        // A file is SQLite's alone, a queue that was never used is none; here no backups are made, no other node lives, and there is no certificate.
        let absent = ["llmos_database_size_bytes", "llmos_jobs", "llmos_job_wait_seconds"].contains(&name)
            || ["llmos_backup_", "llmos_nodes", "llmos_certificate_"].iter().any(|begins| name.starts_with(begins));
        assert!(there || (absent && known.contains(&format!("\"{name}\""))), "{name} in {text}");
    }

    // Who comes through a proxy of this machine comes from elsewhere.
    let passed_on = metrics(app, |request| request.header("x-forwarded-for", "203.0.113.9")).await;
    assert_eq!(passed_on.status, 403);
    let wrong = metrics(app, |request| request.header("x-forwarded-for", "203.0.113.9").bearer_auth("another token")).await;
    assert_eq!(wrong.status, 403);
    let right = metrics(app, |request| request.header("x-forwarded-for", "203.0.113.9").bearer_auth("a token for Prometheus")).await;
    assert_eq!(right.status, 200);
});

/// What `llmos doctor` looks at, as its code names it.
fn topics() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/doctor");
    let mut topics = BTreeSet::new();
    for file in std::fs::read_dir(folder).expect("the doctor").flatten() {
        let code = std::fs::read_to_string(file.path()).expect("readable");
        for begins in ["const TOPIC: &str =", "Finding::good(", "Finding::note(", "Finding::wrong("] {
            let named = code.split(begins).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
            topics.extend(named.map(str::to_owned));
        }
    }
    topics
}

#[test]
fn every_topic_of_the_doctor_leads_to_a_section_of_troubleshooting() {
    let page = include_str!("../../docs/troubleshooting.md");
    let anchor = |heading: &str| {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect::<String>()
    };
    let sections: BTreeSet<String> = page.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
    // The first table, before the first section.
    let begins = page.split("\n## ").next().expect("a beginning");
    let topics = topics();
    assert!(topics.len() > 15, "{topics:?}");
    for topic in topics {
        let row = begins.lines().find(|line| line.starts_with('|') && line.contains(&format!("*{topic}*")));
        let row = row.unwrap_or_else(|| panic!("*{topic}* stands nowhere in the first table"));
        let mut leads = row.split("(#").skip(1).filter_map(|rest| rest.split(')').next()).peekable();
        assert!(leads.peek().is_some() && leads.all(|lead| sections.contains(lead)), "{row}");
    }
    for own in ["files", "backups", "restore-drill"] {
        assert!(sections.contains(own), "{own}");
    }
}

/// A file of tests, or one of the tests in it.
#[test]
fn what_breaks_is_tried_by_tests_that_are_there() {
    let section = include_str!("../../docs/operations.md").split("## When something breaks").nth(1).expect("the section");
    let rows = section.split("\n**Drill").next().into_iter().flat_map(str::lines).filter(|line| line.starts_with("| "));
    let columns: Vec<&str> = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next()).collect();
    assert!(columns.len() > 10, "{columns:?}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for name in columns.iter().flat_map(|column| column.split('`').skip(1).step_by(2)) {
        let (module, test) = name.rsplit_once("::").unwrap_or((name, ""));
        let file = std::fs::read_to_string(folder.join(format!("{}.rs", module.replace("::", "/"))));
        assert!(file.is_ok_and(|code| code.contains(test)), "{name}");
    }
}

app_test!(help_is_of_the_version_that_runs, |app| {
    let visitor = app.visitor();
    for (name, words) in [
        ("troubleshooting", "llmos doctor"),
        ("migrating", "GITHUB_WEBHOOK_SECRET"),
        ("operations", "proxy_pass"),
        ("analytics", "Counted to"),
    ] {
        let page = visitor.answer(visitor.request(Method::GET, &format!("/help/{name}"))).await;
        assert!(page.status == 200 && page.text.contains(words), "{name}: {}", page.status);
    }
    let operations = visitor.answer(visitor.request(Method::GET, "/help/troubleshooting")).await;
    assert!(operations.text.contains("/help/operations#md-behind-a-proxy"));
    assert!(operations.text.contains("id=\"md-sockets\"") && operations.text.contains("#md-sockets"), "places of the page are found");
    assert_eq!(visitor.answer(visitor.request(Method::GET, "/help")).await.status, 303);
    let nothing = visitor.answer(visitor.request(Method::GET, "/help/nothing")).await;
    assert!(nothing.status == 404 && nothing.text.contains(">Nothing here<"), "{}", nothing.text);
});

process_test!(the_doctor_looks_at_everything, |disk| {
    let environment = [("SITE_URL", "http://127.0.0.1:1")];
    let process = disk.start_with(&[], &environment).await;
    let client = crate::process::browser();
    crate::process::first_account(&process, &client).await;
    let data = disk.file("");
    let url = disk.database_url();
    let mut all = vec![("DATA_DIR", data.to_str().expect("a path"))];
    all.push(("DATABASE_URL", &url));

    let said = llmos(&data, &["doctor", "--json"], &all);
    let findings: Vec<Value> = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("JSON: {} {}", said.out, said.error));
    let of = |topic: &str| findings.iter().find(|finding| finding["topic"] == topic).unwrap_or_else(|| panic!("{topic} in {}", said.out));
    for topic in ["data folder", "database", "schema", "clock", "keys", "jobs", "webhooks"] {
        assert_eq!(of(topic)["verdict"], "good", "{}", of(topic));
    }
    assert!(of("server")["says"].as_str().is_some_and(|says| says.starts_with("it runs")), "{}", of("server"));
    for finding in &findings {
        assert_eq!(finding["verdict"] == "good", finding["todo"].is_null(), "what is not good says what to do: {finding}");
    }
    assert_eq!(said.code, Some(0), "{}", said.error);
    assert_eq!(llmos(&data, &["healthcheck"], &all).code, Some(0));

    // Through the address that people use, and through a proxy that lets no socket through.
    let proxy = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let through = format!("http://{}", proxy.local_addr().expect("an address"));
    let pages = Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/ws", get(async || "a page"))
        .route("/api/marketplace/facets", get(async || "a page"))
        .fallback(async || StatusCode::NOT_FOUND);
    tokio::spawn(async move { axum::serve(proxy, pages).await });
    for (site, verdict) in [(&process.base, "good"), (&through, "wrong")] {
        let mut asked = all.clone();
        asked.extend([("SITE_URL", site.as_str()), ("MARKETPLACE_URL", site.as_str())]);
        let said = llmos(&data, &["doctor", "--json"], &asked);
        let findings: Vec<Value> = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("JSON: {} {}", said.out, said.error));
        for topic in ["sockets", "installing"] {
            assert!(findings.iter().any(|finding| finding["topic"] == topic && finding["verdict"] == verdict), "{topic}: {}", said.out);
        }
        let market = if verdict == "good" { "good" } else { "note" };
        for (topic, verdict) in [("marketplace", market), ("analytics", "good")] {
            assert!(findings.iter().any(|finding| finding["topic"] == topic && finding["verdict"] == verdict), "{topic}: {}", said.out);
        }
    }

    // What is wrong is named, and the exit code says so.
    let mut broken = all.clone();
    broken.extend([("SMTP_URL", "smtp://127.0.0.1:1"), ("SMTP_FROM", "llmos@harbor.example")]);
    let said = llmos(&data, &["doctor"], &broken);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("Mend SMTP_URL"), "{}", said.out);
    assert!(said.error.contains("one thing is wrong"), "{}", said.error);
    // Another key than the one that something was sealed with.
    let secret = serde_json::json!({ "secret": "the secret of one repository" });
    let (status, said) = process.call(&client, Method::PUT, "/webhooks/secrets/harbor/skills", secret).await.expect("an answer");
    assert_eq!(status, 204, "{said}");
    let mut other = all.clone();
    other.push(("SECRET_KEY", "another key than the one in the folder"));
    let said = llmos(&data, &["doctor"], &other);
    assert!(said.out.contains("sealed under another SECRET_KEY: 1 webhook secret"), "{}", said.out);
    process.stop().await;
    let said = llmos(&data, &["doctor"], &all);
    assert!(said.out.contains("Start it: llmos serve."), "{}", said.out);
    assert_eq!(llmos(&data, &["healthcheck"], &all).code, Some(1));
});

process_test!(a_support_bundle_has_no_secrets, |disk| {
    let secrets = [
        ("SECRET_KEY", "the-key-of-this-server-0123456789abcdef"),
        ("METRICS_TOKEN", "the-token-of-prometheus"),
        ("GITHUB_WEBHOOK_SECRET", "the-secret-of-the-webhook"),
        ("SMTP_URL", "smtp://mailer:the-password-of-mail@127.0.0.1:1"),
        ("SMTP_FROM", "llmos@harbor.example"),
    ];
    let process = disk.start_with(&[], &secrets).await;
    let data = disk.file("");
    let url = disk.database_url();
    let mut environment = vec![("DATA_DIR", data.to_str().expect("a path"))];
    environment.push(("DATABASE_URL", &url));
    environment.extend(secrets);
    let said = llmos(&data, &["support-bundle", "bundle.zip"], &environment);
    assert_eq!(said.code, Some(0), "{}", said.error);
    let mut zip = zip::ZipArchive::new(std::fs::File::open(disk.file("bundle.zip")).expect("the bundle")).expect("a zip");
    let mut names = Vec::new();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).expect("an entry");
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text).expect("text");
        let own = entry.name().expect("a name").into_owned();
        for (name, secret) in [secrets[0], secrets[1], secrets[2], ("SMTP_URL", "the-password-of-mail")] {
            assert!(!text.contains(secret), "{name} in {own}");
        }
        names.push(own);
    }
    for name in ["config.txt", "doctor.txt", "readyz.json", "metrics.txt", "version.txt"] {
        assert!(names.iter().any(|found| found == name), "{name} in {names:?}");
    }
    process.stop().await;
});

// The database is a file that a person can copy, and the copy is one too: of SQLite by nature.
#[tokio::test]
async fn the_schema_goes_forward_only_and_a_copy_is_kept() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("llmos.sqlite");
    let url = format!("sqlite:{}", file.display());
    let db = Db::open(&url).await.expect("a new database");
    assert!(copies(&file).expect("listed").is_empty(), "a new one needs no copy");
    let known = db.schema().await.expect("a schema").known;

    // A newer version was here.
    let mut tx = db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE _sqlx_migrations SET version = version + 1000 WHERE version = $1")
        .bind(known)
        .execute(&mut *tx)
        .await
        .expect("changed");
    tx.commit().await.expect("stored");
    db.close().await;
    let refused = Db::open(&url).await.expect_err("it is of a newer version").to_string();
    assert!(refused.contains("newer version of llmos") && refused.contains(&(known + 1000).to_string()), "{refused}");
    assert!(copies(&file).expect("listed").is_empty(), "nothing was done to it");
    let said =
        llmos(folder.path(), &["serve"], &[("DATA_DIR", folder.path().to_str().expect("a path")), ("LEPTOS_SITE_ADDR", "127.0.0.1:0")]);
    assert!(said.code == Some(1) && said.error.contains("newer version of llmos"), "{}", said.error);
    assert_eq!(said.error.trim().lines().count(), 1, "{}", said.error);
}

/// The migrations of SQLite as files, in their order.
fn migrations() -> Vec<Migration> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let mut files: Vec<_> = std::fs::read_dir(folder).expect("migrations").flatten().map(|entry| entry.path()).collect();
    files.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let (version, description) = name.split_once('_').expect("a number and a name");
        let sql = AssertSqlSafe(std::fs::read_to_string(&path).expect("readable")).into_sql_str();
        Migration::new(version.parse().expect("a number"), description.to_owned().into(), MigrationType::Simple, sql, false)
    };
    files.into_iter().map(read).collect()
}

// A database as the version before the last two migrations left it, of which the second fails.
#[tokio::test]
async fn a_copy_is_made_before_the_schema_changes_and_no_failing_start_pushes_it_out() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("llmos.sqlite");
    let url = format!("sqlite:{}", file.display());
    let mut old = migrations();
    let [newest, before] = [(); 2].map(|()| old.pop().expect("a migration").version);
    let oldest = old.last().expect("a migration").version;
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&format!("{url}?mode=rwc")).await.expect("a new database");
    Migrator::with_migrations(old).run(&mut connection).await.expect("they run");
    let stop = format!(
        "CREATE TRIGGER stop BEFORE INSERT ON _sqlx_migrations WHEN NEW.version = {newest} BEGIN SELECT RAISE(ABORT, 'not this one'); END"
    );
    sqlx::raw_sql(AssertSqlSafe(stop)).execute(&mut connection).await.expect("it is made");
    connection.close().await.expect("closes");
    let half = folder.path().join("llmos.sqlite.20250101T000000000Z.unfinished");
    std::fs::write(&half, "half of a copy").expect("written");

    let versions = || -> Vec<String> {
        let names = copies(&file).expect("listed").into_iter().map(|copy| copy.display().to_string());
        names.filter_map(|name| Some(name.strip_suffix(".backup")?.rsplit('.').next()?.to_owned())).collect()
    };
    for _ in 0..5 {
        assert!(Db::open(&url).await.is_err(), "the last migration cannot be applied");
        assert_eq!(versions(), [format!("v{oldest}")], "the copy that the old version can open stays");
    }
    assert!(!half.exists());
    let mut connection = AnyConnection::connect(&url).await.expect("the database");
    sqlx::raw_sql("DROP TRIGGER stop").execute(&mut connection).await.expect("it is gone");
    connection.close().await.expect("closes");
    Db::open(&url).await.expect("up to date").close().await;
    assert_eq!(versions(), [format!("v{oldest}"), format!("v{before}")]);
    let kept = copies(&file).expect("listed");
    let copy = Db::look_at(&format!("sqlite:{}", kept[0].display())).await.expect("a database");
    assert_eq!(copy.schema().await.expect("a schema").applied, oldest);
    let users: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(copy.read()).await.expect("tables");
    assert_eq!(users, 0);
    kept.iter().for_each(|copy| assert_private(copy));
}

/// It is for its owner only.
fn assert_private(path: &Path) {
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).expect("there").permissions());
    assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
}

// Whatever the process was started with: Debian lets everybody read what is made.
#[tokio::test]
async fn what_a_server_makes_nobody_else_reads() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("made");
    let process = Process::start(&data, &["sh", "-c", "umask 0022; exec \"$@\"", "sh"]).await;
    let client = crate::process::browser();
    crate::process::first_account(&process, &client).await;
    process.stop().await;
    for file in ["llmos.sqlite", "blobs", "secret.key", "llmos.lock"] {
        assert_private(&data.join(file));
    }
    let said = llmos(folder.path(), &["backup", "--to", "place"], &[("DATA_DIR", "data")]);
    assert_eq!(said.code, Some(0), "{}", said.error);
    let said = llmos(folder.path(), &["restore", "--from", "place"], &[("DATA_DIR", "back")]);
    assert_eq!(said.code, Some(0), "{}", said.error);
    for file in ["place", "back", "back/llmos.sqlite", "back/blobs", "back/secret.key"] {
        assert_private(&folder.path().join(file));
    }
}

// What is slow is in the log, with the id of its request and without its values.
#[tokio::test]
async fn slow_statements_are_in_the_log() {
    let folder = TempDir::new().expect("a folder");
    let log = folder.path().join("log");
    let started =
        Process::start_logging(folder.path(), &log, &[("SLOW_QUERY_MS", "0"), ("LOG_FORMAT", "json"), ("RUST_LOG", "info")]).await;
    let client = crate::process::browser();
    crate::process::first_account(&started, &client).await;
    started.stop().await;
    let lines: Vec<Value> =
        std::fs::read_to_string(&log).expect("a log").lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let slow = lines.iter().find(|line| {
        line["fields"]["message"].as_str().is_some_and(|text| text.contains("slow statement")) && line["span"]["id"].is_string()
    });
    let slow = slow.unwrap_or_else(|| panic!("a slow statement of a request in {} lines", lines.len()));
    assert!(slow["fields"]["elapsed"].is_string() || slow["fields"]["elapsed_secs"].is_number(), "{slow}");
    assert!(!lines.iter().any(|line| line.to_string().contains("maya@example.org")), "no values");
}
