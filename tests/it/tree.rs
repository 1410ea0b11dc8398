//! The invariants of the tree that the compiler does not check (ARCHITECTURE.md).

use std::{
    fs,
    path::{Path, PathBuf},
};

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the source folder is readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    assert!(found.len() > 50, "the sources were found");
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file is UTF-8");
            (path.strip_prefix(&root).expect("below src").to_path_buf(), text)
        })
        .collect()
}

#[test]
fn the_two_halves_part_only_where_they_may() {
    for (path, text) in sources() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let allowed = matches!(name, "lib.rs" | "main.rs" | "mod.rs") || path.starts_with("browser");
        let parts = text.lines().any(|line| line.trim_start().starts_with("#[cfg") && line.contains("feature"));
        assert!(allowed || !parts, "{} has a cfg(feature): it belongs into a mod.rs or browser/", path.display());
    }
}

#[test]
fn sql_is_only_in_stores_and_the_server_core() {
    for (path, text) in sources() {
        let in_store = path.components().any(|part| matches!(part.as_os_str().to_str(), Some("store" | "store.rs")));
        if in_store || path.starts_with("server") {
            continue;
        }
        assert!(!text.contains("sqlx::query"), "{} has SQL: it belongs into the feature's store", path.display());
    }
}

/// The lint that denies it is on in every crate of the workspace; these files alone lift it, each with its reasons.
#[test]
fn unsafe_code_is_only_where_vectors_are_computed() {
    const MAY: [&str; 3] = ["crates/search/src/codes.rs", "crates/search/src/embed/kernel.rs", "crates/search/src/vectors.rs"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::read_dir(root.join("crates")).expect("readable").flatten().map(|entry| entry.path());
    for package in crates.chain([root.to_path_buf()]) {
        let manifest = fs::read_to_string(package.join("Cargo.toml")).expect("a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", package.display());
        assert!(package != root || manifest.contains("[workspace.lints.rust]\nunsafe_code = \"deny\""));
    }
    let mut files = Vec::new();
    walk(&root.join("src"), &mut files);
    walk(&root.join("crates"), &mut files);
    files.retain(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("unsafe_code")));
    files.sort();
    assert_eq!(files, MAY.map(|path| root.join(path)));
}

/// Which feature writes a table. Others may join it to read, and ask that feature's service to write.
const WRITERS: [(&str, &[&str]); 19] = [
    ("archives", &["team_imports"]),
    ("assistant", &["assistant_runs", "assistant_choices", "assistant_grants"]),
    (
        "accounts",
        &[
            "users",
            "sign_ins",
            "teams",
            "memberships",
            "invitations",
            "password_links",
            "api_tokens",
            "audit_events",
            "settings",
            "team_keys",
            "factors",
            "recovery_codes",
            "challenges",
            "oidc_identities",
            "known_devices",
        ],
    ),
    ("volumes", &["volumes", "commits", "departures"]),
    (
        "artifacts",
        &["artifacts", "contents", "revisions", "drafts", "draft_authors", "revision_contributors", "favourites", "recents", "stagings"],
    ),
    ("collaboration", &["rooms", "room_events", "room_people", "documents", "document_updates"]),
    (
        "sessions",
        &["sessions", "session_entries", "session_people", "session_artifacts", "session_attachments", "session_records", "session_scopes"],
    ),
    ("git", &["git_links", "pull_requests", "pull_request_reviews"]),
    ("tasks", &["tasks", "task_artifacts"]),
    ("traces", &["traces", "trace_steps", "trace_labels", "trace_postings", "trace_runs"]),
    (
        "evolution",
        &[
            "evolution_places",
            "evolution_waiting",
            "evolution_stale",
            "evolution_runs",
            "patterns",
            "pattern_traces",
            "pattern_events",
            "proposals",
            "promotions",
        ],
    ),
    ("comments", &["comment_threads", "comments"]),
    (
        "notifications",
        &[
            "notifications",
            "notification_settings",
            "notification_choices",
            "notification_teams",
            "notification_team_kinds",
            "notification_deliveries",
            "push_devices",
        ],
    ),
    ("search", &["embeddings", "passage_vectors"]),
    ("jobs", &["jobs", "schedules"]),
    (
        "analytics",
        &[
            "usage_events",
            "usage_keys",
            "usage_once",
            "usage_rolled",
            "usage_quarters",
            "usage_workspaces",
            "usage_days",
            "usage_zones",
            "analytics_views",
            "analytics_shares",
            "analytics_alerts",
        ],
    ),
    (
        "marketplace",
        &[
            "listings",
            "listing_counter",
            "listing_redirects",
            "deleted_releases",
            "listing_owners",
            "listing_takers",
            "listing_days",
            "releases",
            "release_dependencies",
            "release_decisions",
            "publisher_keys",
            "log_entries",
            "log_nodes",
            "log_heads",
            "installations",
            "key_statements",
            "lock_settings",
            "installation_changes",
            "item_reviews",
            "listing_screenshots",
            "listing_uses",
            "item_reports",
            "marketplace_events",
        ],
    ),
    (
        "webhooks",
        &[
            "deliveries",
            "delivery_payloads",
            "delivery_pulls",
            "delivery_outcomes",
            "webhook_secrets",
            "webhook_networks",
            "webhook_checks",
        ],
    ),
    ("server", &["idempotency_keys", "nodes"]),
];

#[test]
fn a_table_is_written_by_its_feature_alone() {
    let words = |text: &str| text.replace("\\\n", " ").replace('"', " ").split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let owner = |table: &str| WRITERS.iter().find(|(_, tables)| tables.contains(&table)).map(|(feature, _)| *feature);
    let mut writes = 0;
    for (path, text) in sources() {
        let words = words(&text);
        for at in 0..words.len().saturating_sub(2) {
            let verb = words[at].trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
            let table = match (verb, words[at + 1].as_str()) {
                ("INSERT", "INTO") | ("DELETE", "FROM") => &words[at + 2],
                ("UPDATE", table) if words[at + 2] == "SET" => table,
                _ => continue,
            };
            // A move to another engine and a team's archive write whatever there is.
            if path.starts_with("server") && !table.starts_with(|c: char| c.is_ascii_alphabetic()) {
                continue;
            }
            let table = table.trim_matches(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            let feature = owner(table).unwrap_or_else(|| panic!("{}: whose table is {table}?", path.display()));
            let inside = path.starts_with(feature) || path.starts_with(Path::new("features").join(feature));
            assert!(inside, "{} writes {table}, which is {feature}'s", path.display());
            writes += 1;
        }
    }
    assert!(writes > 40, "the statements were found");
}

#[test]
fn both_engines_have_the_same_migrations() {
    let names = |engine: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
        let mut names: Vec<_> = fs::read_dir(folder).expect("readable").flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

// SQLite looks at a bound limit to choose its plan, so it prepared such a statement again each time it ran: a seventh of what the home page cost.
#[test]
fn limits_are_in_the_text_of_a_statement() {
    let mut limits = 0;
    for (path, text) in sources() {
        for (_, after) in text.match_indices("LIMIT ").map(|(at, word)| (at, &text[at + word.len()..])) {
            let bound = after.starts_with('$') || after.trim_start_matches(['"', ')', '\n', ' ']).starts_with(".bind(");
            assert!(!bound, "{} binds a limit: `Sql::number` writes it", path.display());
            limits += 1;
        }
    }
    assert!(limits > 20, "the statements were found");
}
