//! A catalogue that looks like a large registry's, made once: SQL writes what SQL can make up, from the numbers of rows, so that it is the same each time.

use std::{fs, path::Path};

use llmos_lite::server::{db::Db, secrets::sha256};
use llmos_search::{Document, Id, Kind, Scope, mask, passages};
use llmos_trust::{
    Envelope, Signature,
    log::{Nodes, append, leaf_hash},
    statement::WithdrawalStatement,
};
use sqlx::{AssertSqlSafe, QueryBuilder};

use crate::Result;

/// Versions of each listing.
const VERSIONS: usize = 3;
/// Ratings of one listing in a hundred, and of the others: ten on average.
const RATED: (usize, usize) = (505, 5);
const PEOPLE: usize = 20_000;
/// Of the vectors.
const DIMENSION: usize = 384;
/// Rows written at once.
const ROWS: usize = 500;
/// What texts are made of.
pub const WORDS: [&str; 32] = [
    "incident",
    "runbook",
    "terraform",
    "review",
    "postgres",
    "latency",
    "invoice",
    "contract",
    "valuation",
    "pipeline",
    "audit",
    "playbook",
    "schema",
    "deploy",
    "budget",
    "research",
    "cluster",
    "forecast",
    "ledger",
    "privacy",
    "retention",
    "rollback",
    "capacity",
    "contractor",
    "onboarding",
    "benchmark",
    "tenant",
    "warranty",
    "payroll",
    "migration",
    "alert",
    "glossary",
];

/// What of a catalogue there is.
pub struct Size {
    pub listings: usize,
    /// Releases, texts, ratings and days; without them there is what browsing reads.
    pub whole: bool,
    /// Entries of the log.
    pub log: usize,
}

/// Writes it into the database of a server that has been there and has stopped. `model` is what its vectors are of, if it has a model.
pub async fn write(data: &Path, size: &Size, model: Option<&str>) -> Result<()> {
    let db = Db::open(&format!("sqlite:{}", data.join("llmos.sqlite").display())).await?;
    let Size { listings, .. } = *size;
    let mut tx = db.write_tx().await?;
    let mut run = async |sql: String| -> Result<()> {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await?;
        Ok(())
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
    let today = now / 86_400_000;
    run("PRAGMA cache_size = -1000000".to_owned()).await?;
    run("CREATE TEMP TABLE words (n INTEGER PRIMARY KEY, w TEXT NOT NULL)".to_owned()).await?;
    for (n, word) in WORDS.iter().enumerate() {
        run(format!("INSERT INTO words VALUES ({n}, '{word}')")).await?;
    }
    // A number of its own for each row and use.
    let random = |use_: usize| format!("((i + {use_} * 1000003) * 48271 % 2147483647 * 16807 % 2147483647)");
    let word = |use_: usize| format!("(SELECT w FROM words WHERE n = {} / 7 % 32)", random(use_));
    let numbers = |count: usize| format!("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {} - 1)", count.max(1));
    let person = |number: &str| format!("printf('01930002-0000-7000-8000-%012x', {number})");
    let listing = "printf('01930000-0000-7000-8000-%012x', i)";
    let release = "printf('01930001-0000-7000-8%03x-%012x', v, i)";
    let name = format!("{} || ' ' || {} || ' ' || i", word(1), word(2));
    let described =
        format!("'How to ' || {} || ' the ' || {} || ' when the ' || {} || ' asks for it, case ' || i || '.'", word(3), word(4), word(5));
    let kind = format!("(CASE {} % 10 WHEN 0 THEN 'tool' WHEN 1 THEN 'agent' ELSE 'skill' END)", random(6));
    let categories = [
        "data-analysis",
        "web-dev",
        "machine-learning",
        "automation",
        "security",
        "testing",
        "documentation",
        "deployment",
        "legal",
        "financial",
        "research",
        "design",
    ];
    let cases: Vec<String> = categories.iter().enumerate().map(|(at, id)| format!("WHEN {at} THEN '{id}'")).collect();
    let category = format!("(CASE {} / 11 % 12 {} END)", random(7), cases.join(" "));
    let tags = format!("'[\"' || {} || '\",\"t' || ({} % 2000) || '\"]'", word(8), random(9));
    let licence = format!("(CASE {} % 8 WHEN 0 THEN 'Apache-2.0' WHEN 1 THEN 'BSD-3-Clause' ELSE 'MIT' END)", random(10));
    let capabilities = "'{\"hosts\":[\"api.example.org\"],\"paths\":[],\"commands\":[\"git\"],\"env\":[],\"tools\":[]}'";
    let published = format!("({now} - {} % 31536000000)", random(11));
    run(format!(
        "{} INSERT INTO users (id, kind, name, email, color, time_zone, created_at, updated_at) SELECT {}, 'human', 'person ' || i, 'p' || i || '@example.org', 1 + i % 8, 'UTC', {now}, {now} FROM n",
        numbers(PEOPLE),
        person("i")
    ))
    .await?;
    run(format!(
        "{} INSERT INTO listings (id, slug, kind, owner_kind, owner_id, name, description, category, tags, licence, repository, capabilities, latest_release_id, latest_version, signed, state, \
         downloads, installs, seq, published_at, created_by, created_at, updated_at) SELECT {listing}, 'item-' || i, {kind}, 'user', {}, {name}, {described}, {category}, {tags}, {licence}, '', \
         {capabilities}, {}, '1.2.0', 1, 'listed', 3000000 / (1 + {} % 100000), 1000000 / (1 + {} % 100000), 1 + i / 1000, {published}, {}, {now}, {now} FROM n",
        numbers(listings),
        person(&format!("({} % 5000)", random(12))),
        if size.whole { format!("printf('01930001-0000-7000-8%03x-%012x', {}, i)", VERSIONS - 1) } else { "NULL".to_owned() },
        random(13),
        random(14),
        person("0")
    ))
    .await?;
    run(format!("UPDATE listing_counter SET seq = seq + {}", listings / 1_000 + 2)).await?;
    tx.commit().await?;
    if size.whole {
        texts(&db, listings, model).await?;
        let mut tx = db.write_tx().await?;
        let mut run = async |sql: String| -> Result<()> {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await?;
            Ok(())
        };
        // By other rules all of it would be scanned again.
        let rules = llmos_lite::features::marketplace::service::scanner_rules(&data.join("rules"))?;
        let rules = rules.version();
        // Of the size that an envelope with two signatures has.
        let envelope = "replace(hex(zeroblob(750)), '00', 'ab')";
        run(format!(
            "{} INSERT INTO releases (id, listing_id, version, version_order, state, kind, name, description, category, tags, licence, repository, changelog, main_path, content_sha, files, \
             dependencies, capabilities, digest, size, report, rules, held, envelope, key_id, log_index, submitted_by, published_at, created_at, updated_at) \
             SELECT {release}, l.id, '1.' || v || '.0', 'b1b' || v || 'b0~', 'public', l.kind, l.name, l.description, l.category, l.tags, l.licence, '', 'What is new in 1.' || v || '.', 'SKILL.md', \
             t.sha, '[]', CASE WHEN i % 10 = 3 THEN '[{{\"slug\":\"item-' || (i / 2) || '\",\"range\":\"^1\"}}]' ELSE '[]' END, l.capabilities, 'sha256:' || t.sha, 4096, '[]', '{rules}', 0, {envelope}, 'key', \
             i * {VERSIONS} + v, l.owner_id, l.published_at, l.created_at, l.created_at \
             FROM n JOIN (SELECT 0 AS v UNION ALL SELECT 1 UNION ALL SELECT 2) JOIN listings l ON l.id = {listing} JOIN temp_texts t ON t.number = n.i",
            numbers(listings)
        ))
        .await?;
        run("DROP TABLE temp_texts".to_owned()).await?;
        run("INSERT INTO release_dependencies (release_id, slug, version_range) SELECT id, json_extract(dependencies, '$[0].slug'), '^1' FROM releases WHERE dependencies <> '[]'".to_owned())
            .await?;
        let rated = format!("CASE WHEN i % 100 = 0 THEN {} ELSE {} END", RATED.0, RATED.1);
        run(format!(
            "{}, r(j) AS (SELECT 0 UNION ALL SELECT j + 1 FROM r WHERE j < {} - 1) \
             INSERT INTO item_reviews (listing_id, user_id, rating, text, version, used, created_at, updated_at) SELECT {listing}, {}, 5 - (i * 7 + j * j) % 11 / 3, \
             'It does what it says, mostly, and number ' || j || ' of these says so.', '1.2.0', 0, {now} - j * 1000, {now} - j * 1000 FROM n JOIN r ON r.j < ({rated})",
            numbers(listings),
            RATED.0,
            person(&format!("((i * 31 + j * 7) % {PEOPLE})"))
        ))
        .await?;
        run("UPDATE listings SET (ratings, stars) = (SELECT COUNT(*), COALESCE(SUM(rating), 0) FROM item_reviews v WHERE v.listing_id = listings.id)".to_owned()).await?;
        run(format!(
            "{}, d(j) AS (SELECT 0 UNION ALL SELECT j + 1 FROM d WHERE j < 89) INSERT INTO listing_days (listing_id, day, downloads, installs) \
             SELECT {listing}, {today} - j * (CASE WHEN i % 100 = 0 THEN 1 ELSE 2 END), 1 + {} % 40, 1 + {} % 9 FROM n JOIN d ON d.j < CASE WHEN i % 100 = 0 THEN 90 ELSE 3 END",
            numbers(listings),
            random(15),
            random(16)
        ))
        .await?;
        run(format!(
            "{}, d(j) AS (SELECT 0 UNION ALL SELECT j + 1 FROM d WHERE j < 4) INSERT INTO listing_takers (listing_id, version, user_id, day, act) \
             SELECT {listing}, '1.2.0', {}, {today} - j, 'install' FROM n, d",
            numbers(listings),
            person(&format!("((i * 31 + j * 7) % {PEOPLE})"))
        ))
        .await?;
        tx.commit().await?;
    }
    log(&db, size.log).await?;
    let mut tx = db.write_tx().await?;
    sqlx::query("ANALYZE").execute(&mut *tx).await?;
    tx.commit().await?;
    db.close().await;
    Ok(())
}

/// The text of each listing, and its vectors: made up, so that a hundred thousand need not be embedded. They cost a question as much as real ones.
async fn texts(db: &Db, listings: usize, model: Option<&str>) -> Result<()> {
    let mut tx = db.write_tx().await?;
    sqlx::query("CREATE TABLE temp_texts (number INTEGER PRIMARY KEY, sha TEXT NOT NULL)").execute(&mut *tx).await?;
    let rows: Vec<(String, String, String)> =
        sqlx::query_as("SELECT name, description, slug FROM listings WHERE slug LIKE 'item-%' ORDER BY id").fetch_all(&mut *tx).await?;
    let mut random = fastrand::Rng::with_seed(5);
    for (chunk, from) in rows.chunks(ROWS).zip((0..listings).step_by(ROWS)) {
        let (mut contents, mut places, mut vectors) = (Vec::new(), Vec::new(), Vec::new());
        for ((name, description, slug), at) in chunk.iter().zip(from..) {
            let word = |step: usize| WORDS[(at * step + at / WORDS.len()) % WORDS.len()];
            let (a, b, c) = (word(1), word(3), word(7));
            let steps = format!("1. Look at the {a}.\n2. Compare it with the {b} of case {at}.\n3. Write down the {c}.\n\n").repeat(6);
            let body = format!("# {name}\n\n{steps}");
            let text = format!("---\nname: {slug}\ndescription: {description}\n---\n\n{body}");
            let sha = sha256(text.as_bytes());
            if model.is_some() {
                let document = Document {
                    id: Id(0),
                    kind: Kind::Listing,
                    scope: Scope(0),
                    slug: slug.clone(),
                    name: name.clone(),
                    description: description.clone(),
                    body: format!("\n{body}"),
                    tags: Vec::new(),
                    category: String::new(),
                    author: None,
                    version: None,
                    rating: None,
                    updated_at: 0,
                };
                vectors.extend(passages(&document).iter().map(|passage| sha256(mask(&passage.text).as_bytes())));
            }
            places.push((at as i64, sha.clone()));
            contents.push((sha, text.into_bytes()));
        }
        let mut sql = QueryBuilder::<sqlx::Any>::new("INSERT INTO contents (sha, bytes) ");
        sql.push_values(contents, |mut row, (sha, bytes)| {
            row.push_bind(sha).push_bind(bytes);
        });
        sql.build().execute(&mut *tx).await?;
        let mut sql = QueryBuilder::<sqlx::Any>::new("INSERT INTO temp_texts (number, sha) ");
        sql.push_values(places, |mut row, (at, sha)| {
            row.push_bind(at).push_bind(sha);
        });
        sql.build().execute(&mut *tx).await?;
        let Some(model) = model.filter(|_| !vectors.is_empty()) else { continue };
        let mut sql = QueryBuilder::<sqlx::Any>::new("INSERT OR IGNORE INTO embeddings (model, sha, vector, used_at) ");
        sql.push_values(vectors, |mut row, sha| {
            let vector: Vec<f32> = (0..DIMENSION).map(|_| random.f32() - 0.5).collect();
            let length = vector.iter().map(|part| part * part).sum::<f32>().sqrt();
            let bytes: Vec<u8> = vector.iter().flat_map(|part| (part / length).to_le_bytes()).collect();
            row.push_bind(model.to_owned()).push_bind(sha).push_bind(bytes).push_bind(i64::MAX / 2);
        });
        sql.build().execute(&mut *tx).await?;
    }
    Ok(tx.commit().await?)
}

/// A log of envelopes that are as long as those of releases.
async fn log(db: &Db, entries: usize) -> Result<()> {
    let mut nodes = Nodes::new();
    let mut root = None;
    let mut tx = db.write_tx().await?;
    for from in (0..entries).step_by(ROWS) {
        let (mut leaves, mut new) = (Vec::new(), Vec::new());
        for at in from..entries.min(from + ROWS) {
            let statement = WithdrawalStatement {
                item: format!("01930000-0000-7000-8000-{at:012x}"),
                version: "1.0.0".to_owned(),
                reason: "What it says has to be as long as a release has to say about itself. ".repeat(6),
                at: "2026-11-28T08:00:00Z".to_owned(),
            };
            let mut envelope = Envelope::new(&statement)?;
            envelope.signatures.extend([1, 2].map(|key| Signature { keyid: format!("key-{key}"), sig: vec![key; 64] }));
            let leaf = envelope.to_bytes();
            let appended = append(at as u64, leaf_hash(&leaf), &nodes)?;
            new.extend(appended.nodes.iter().map(|(id, hash)| (i64::from(id.level), id.index.cast_signed(), hash.to_vec())));
            nodes.extend(appended.nodes);
            root = Some(appended.root);
            leaves.push((at as i64, leaf));
        }
        let mut sql = QueryBuilder::<sqlx::Any>::new("INSERT INTO log_entries (position, leaf, created_at) ");
        sql.push_values(leaves, |mut row, (at, leaf)| {
            row.push_bind(at).push_bind(leaf).push_bind(0_i64);
        });
        sql.build().execute(&mut *tx).await?;
        let mut sql = QueryBuilder::<sqlx::Any>::new("INSERT INTO log_nodes (level, position, hash) ");
        sql.push_values(new, |mut row, (level, at, hash)| {
            row.push_bind(level).push_bind(at).push_bind(hash);
        });
        sql.build().execute(&mut *tx).await?;
    }
    if let Some(root) = root {
        let note = format!("bench/marketplace\n{entries}\n{}\n", llmos_lite::server::secrets::hex(&root));
        sqlx::query("INSERT INTO log_heads (size, note, created_at) VALUES ($1, $2, 0)")
            .bind(entries as i64)
            .bind(note)
            .execute(&mut *tx)
            .await?;
    }
    Ok(tx.commit().await?)
}

/// Whether it was made whole before.
pub fn is_there(data: &Path) -> bool {
    data.join("bench-catalogue").is_file()
}

pub fn note(data: &Path) -> Result<()> {
    Ok(fs::write(data.join("bench-catalogue"), "made by scripts/bench\n")?)
}
