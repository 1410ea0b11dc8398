//! Whether a large installation ranks with pgvector as it does without: the judged queries of an evaluation set, asked among so many other passages
//! that nobody compares all of them, by the engine that is built in and by the one whose vectors lie in PostgreSQL.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _};

use crate::{
    Figure, Result,
    beside::{Database, settings},
    import::zip_folder,
    scale,
    search::embedded,
    server::{Server, binary},
};

/// Artifacts beside those that were judged: with them there are some 60,000 passages, and up to 50,000 all are compared.
const OTHERS: usize = 60_000;
/// Those of one archive.
const SLICE: usize = 20_000;
/// Hits that are asked for: those that nobody judged are among them, and do not count.
const ASKED: usize = 100;
const RANKED: usize = 10;
/// Up to so many passages all are compared, and pgvector is not asked.
const COMPARED: i64 = 50_000;
const PATIENCE: Duration = Duration::from_secs(3_600);
/// In nDCG.
const POINT: f64 = 0.01;

/// A query and the grade of each document that was judged for it.
struct Query {
    words: String,
    grades: HashMap<String, u32>,
}

pub async fn run(corpus: &Path) -> Result<Vec<Figure>> {
    let Some(folder) = std::env::var_os("LLMOS_SEARCH_EVAL").map(PathBuf::from) else {
        println!("\nThere are no judged queries: LLMOS_SEARCH_EVAL names no folder with queries.tsv and qrels.tsv.");
        return Ok(Vec::new());
    };
    let Some(database) = Database::create().await? else { return Ok(Vec::new()) };
    let queries = read(&folder)?;
    let unlimited = settings(&[("SEARCH_RATE", "1000000".to_owned())]);
    let mut sqlite = Server::start_with(None, unlimited).await?;
    let volume = sqlite.set_up().await?;
    sqlite.import(&volume, zip_folder(corpus)?).await?;
    let names = names(&sqlite, &volume).await?;
    for first in (0..OTHERS).step_by(SLICE) {
        sqlite.import(&volume, scale::archive(first..(first + SLICE).min(OTHERS))?).await?;
    }
    sqlite.api("GET", "/search?q=anything&limit=1", None).await?;
    if !embedded(&sqlite).await?.starts_with("with the model") {
        println!("\nThere is no model (EMBEDDING_MODEL_DIR): nothing is found by meaning.");
        database.remove().await?;
        return Ok(Vec::new());
    }
    let here = scores(&sqlite, &queries, &names).await?;

    // The same rows with the same vectors.
    sqlite.stop()?;
    let moved = Command::new(binary()).args(["migrate", "--to", &database.url()]).env("DATA_DIR", sqlite.data()).status()?;
    if !moved.success() {
        return Err("the data could not be moved to PostgreSQL".into());
    }
    let postgres =
        Server::start_on(sqlite.data(), settings(&[("DATABASE_URL", database.url()), ("SEARCH_RATE", "1000000".to_owned())])).await?;
    postgres.api("POST", "/sign-in", Some(json!({ "email": "bench@example.org", "password": "a bench to sit on" }))).await?;
    postgres.api("GET", "/search?q=anything&limit=1", None).await?;
    until_there(&postgres, &database).await?;
    let before = asked(&database).await?;
    let there = scores(&postgres, &queries, &names).await?;
    if asked(&database).await? < before + queries.len() as i64 {
        return Err("pgvector was not asked: there are too few passages, or no extension".into());
    }
    drop(postgres);
    database.remove().await?;
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len().max(1) as f64;
    let differ = here.iter().zip(&there).filter(|(here, there)| (*here - *there).abs() > 1e-9).count();
    if mean(&here) == 0.0 {
        return Err("nothing that was judged is found: is the corpus the one of the judgements?".into());
    }
    println!(
        "\nnear: {} judged queries among {OTHERS} other artifacts: nDCG@{RANKED} {:.4} in memory, {:.4} with pgvector; {differ} differ",
        queries.len(),
        mean(&here),
        mean(&there)
    );
    let figure = Figure {
        what: format!("nDCG@{RANKED} with pgvector, below that of the engine in memory"),
        goal: format!("≤ {POINT}"),
        measured: format!("{:.4}", (mean(&here) - mean(&there)).max(0.0)),
        met: mean(&here) - mean(&there) <= POINT,
    };
    Ok(vec![figure])
}

/// The rows of a file of cells.
fn cells(path: &Path) -> Result<Vec<[String; 3]>> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let rows = text.lines().filter(|line| !line.trim().is_empty()).map(|line| -> Result<[String; 3]> {
        let row: Vec<String> = line.split('\t').map(str::to_owned).collect();
        Ok(row.try_into().map_err(|_| format!("{}: three cells in each line", path.display()))?)
    });
    rows.collect()
}

fn read(folder: &Path) -> Result<Vec<Query>> {
    let mut queries = BTreeMap::new();
    for [id, _, words] in cells(&folder.join("queries.tsv"))? {
        queries.insert(id, Query { words, grades: HashMap::new() });
    }
    for [id, document, grade] in cells(&folder.join("qrels.tsv"))? {
        let query = queries.get_mut(&id).ok_or_else(|| format!("{id} is judged and not asked"))?;
        query.grades.insert(document, grade.trim().parse()?);
    }
    Ok(queries.into_values().collect())
}

/// The path of each artifact of a volume in the corpus, by its id.
async fn names(server: &Server, volume: &str) -> Result<HashMap<String, String>> {
    let (mut names, mut next) = (HashMap::new(), String::new());
    loop {
        let page = server.api("GET", &format!("/artifacts?volume={volume}&limit=100{next}"), None).await?;
        for item in page["items"].as_array().into_iter().flatten() {
            let Some(id) = item["id"].as_str() else { continue };
            // The list has no paths.
            let detail = server.api("GET", &format!("/artifacts/{id}"), None).await?;
            if let Some(path) = detail["path"].as_str() {
                names.insert(id.to_owned(), path.to_owned());
            }
        }
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={}", cursor.replace('+', "%2B")),
            None => return Ok(names),
        }
    }
}

/// The nDCG of each query, over the documents that were judged: gain 2^grade - 1, discount 1 / log2(rank + 1).
async fn scores(server: &Server, queries: &[Query], names: &HashMap<String, String>) -> Result<Vec<f64>> {
    let mut scores = Vec::with_capacity(queries.len());
    for Query { words, grades } in queries {
        let asked: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let page = server.api("GET", &format!("/search?limit={ASKED}&q={}", asked.join("%20")), None).await?;
        if page["semantic"] != true {
            return Err(format!("“{words}” was not asked by meaning").into());
        }
        let found = page["hits"].as_array().into_iter().flatten().filter_map(|hit| names.get(hit["id"].as_str()?));
        let gain = |(rank, grade): (usize, u32)| (2_f64.powf(f64::from(grade)) - 1.0) / ((rank + 2) as f64).log2();
        let reached: f64 = found.take(RANKED).map(|path| grades.get(path).copied().unwrap_or_default()).enumerate().map(gain).sum();
        let mut best: Vec<u32> = grades.values().copied().collect();
        best.sort_unstable_by(|a, b| b.cmp(a));
        let ideal: f64 = best.into_iter().take(RANKED).enumerate().map(gain).sum();
        scores.push(if ideal > 0.0 { reached / ideal } else { 0.0 });
    }
    Ok(scores)
}

/// One number of a database.
async fn number(database: &Database, sql: &'static str) -> Result<i64> {
    let mut connection = AnyConnection::connect(&database.url()).await?;
    let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(number)
}

/// How often the index of nearest vectors was looked into.
async fn asked(database: &Database) -> Result<i64> {
    // What a connection counts is told the others up to ten seconds later, when it has nothing to do (`PGSTAT_IDLE_INTERVAL` of PostgreSQL).
    tokio::time::sleep(Duration::from_secs(12)).await;
    number(database, "SELECT COALESCE(SUM(idx_scan), 0)::BIGINT FROM pg_stat_user_indexes WHERE indexrelname = 'passage_vectors_near'")
        .await
}

/// Until the vectors of all lie in PostgreSQL.
async fn until_there(server: &Server, database: &Database) -> Result<()> {
    let began = Instant::now();
    loop {
        let ready: Value = server.client.get(server.url("/readyz")).send().await?.json().await?;
        // Without the extension there is no table.
        let there = number(database, "SELECT COUNT(*) FROM passage_vectors").await.unwrap_or(0);
        if there > COMPARED && ready["search"]["waiting"] == 0 && ready["search"]["meaning"] == "ready" {
            println!("near: {there} vectors lie in PostgreSQL after {:.0} s", began.elapsed().as_secs_f64());
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("only {there} vectors came into PostgreSQL: {}", ready["search"]).into());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
