//! The dashboard over 1,000,000 and 10,000,000 usage events of 90 days: how soon it answers, what an event costs and takes, what making all anew does to
//! whoever writes meanwhile, whether every number is that of the events; and the same questions as plain SQL over the events in SQLite and in DuckDB.
//!
//! Both are made once and kept in `LLMOS_BENCH_DATA` (`target/bench` without it). `LLMOS_EVENTS` makes the greater smaller, to try it, and the other a tenth
//! of it. `LLMOS_BENCH_PYTHON` is the Python that the other engines are asked with. How soon the page is drawn is measured by `scripts/analytics-page.mjs`.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use llmos_analytics::{model::Query, zones::Zone};
use llmos_lite::{
    features::analytics::service::{Event, UsageKind, Workspace, record},
    ids::{SessionId, TeamId, UserId, VolumeId},
    server::context::Ctx,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::{
    ConnectOptions as _, Connection as _,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};

use crate::{
    Figure, Result,
    analytics_made::{self, ZONE},
    analytics_replay::VARIABLES,
    analytics_truth::{Events, address, all_days, bare},
    market::grouped,
    percentile,
    server::Server,
    traces_data,
};

/// Where nobody looked from before.
const ELSEWHERE: &str = "Asia/Kathmandu";
const WARM: usize = 300;
const FILTERED: usize = 60;
const COLD: usize = 10;
/// Without what the system remembers of the file.
const COLDEST: usize = 3;
/// Events that are recorded one by one.
const SINGLE: usize = 20_000;
/// Messages that are sent with analytics and without.
const MESSAGES: usize = 1_500;
/// Somebody else writes so often while all is made anew, and tries again to begin so soon: timers are no finer.
const WRITES: Duration = Duration::from_millis(4);
const TRIES: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(3_600);

fn most() -> usize {
    std::env::var("LLMOS_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000_000)
}

pub async fn run() -> Result<Vec<Figure>> {
    let kept =
        std::env::var_os("LLMOS_BENCH_DATA").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench"), PathBuf::from);
    let mut figures = Vec::new();
    let mut compared = Vec::new();
    let sizes = [(most() / 10, 20.0), (most(), 50.0)];
    for (count, goal) in sizes {
        let data = analytics_made::team(&kept, count).await?;
        disk(&data, count, &mut figures).await?;
        let (mut server, query) = signed_in(&data).await?;
        let ours = dashboards(&mut server, &data, &query, count, goal, &mut figures).await?;
        Events::of(traces_data::open(&data).await?).compare(&server, &query).await?;
        if count == most() {
            rebuild(&server, &data, &query, count, &mut figures).await?;
        }
        server.stop()?;
        compared.push((count, ours, others(&kept, &data, &query, count).await?));
    }
    writing(&kept.join(format!("analytics-{}", most())), most(), &mut figures).await?;
    calls(&mut figures).await?;
    for (count, ours, others) in compared {
        table(count, ours, &others);
    }
    Ok(figures)
}

/// A server on the data, signed in, and the question for all days of its events.
async fn signed_in(data: &Path) -> Result<(Server, Query)> {
    let db = traces_data::open(data).await?;
    let (first, last): (i64, i64) =
        sqlx::query_as("SELECT MIN(at), MAX(at) FROM usage_events WHERE workspace <> 0").fetch_one(db.read()).await?;
    db.close().await;
    let zone = Zone::named(Some(ZONE))?;
    // What the account does in a later run are events as well: their days are not of the range.
    let from = zone.day_of(first);
    let query = all_days(from, zone.day_of(last).min(from.plus(analytics_made::DAYS - 1)));
    let server = Server::start_on(data, VARIABLES).await?;
    server.api("POST", "/sign-in", Some(json!({ "email": "bench@example.org", "password": "a bench to sit on" }))).await?;
    Ok((server, query))
}

/// Milliseconds until an answer is here whole.
async fn ask(server: &Server, path: &str) -> Result<f64> {
    let began = Instant::now();
    let response = server.client.get(server.url(&format!("/api/v1{path}"))).send().await?;
    let status = response.status();
    let length = response.bytes().await?.len();
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    if !status.is_success() || length == 0 {
        return Err(format!("{path}: {status}").into());
    }
    Ok(took)
}

async fn again(server: &Server, path: &str, rounds: usize) -> Result<Vec<f64>> {
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        times.push(ask(server, path).await?);
    }
    Ok(times)
}

/// The middle and the 95th part of a hundred, as one row.
fn figure(figures: &mut Vec<Figure>, what: String, goal: f64, times: &mut [f64]) {
    let (p50, p95) = (percentile(times, 0.5), percentile(times, 0.95));
    figures.push(Figure {
        what: format!("{what}, p50 / p95"),
        goal: format!("≤ {goal} ms"),
        measured: format!("{p50:.1} / {p95:.1} ms"),
        met: p95 <= goal,
    });
}

fn told(figures: &mut Vec<Figure>, what: impl Into<String>, measured: String) {
    figures.push(Figure { what: what.into(), goal: String::new(), measured, met: true });
}

/// Gives the middle of the warm answers, in ms.
async fn dashboards(server: &mut Server, data: &Path, query: &Query, count: usize, goal: f64, figures: &mut Vec<Figure>) -> Result<f64> {
    let (path, tag) = (address(query), grouped(count));
    // Of a zone that nobody looked from yet, or whose days were forgotten, the days are made of quarters of an hour.
    let other = address(&Query { zone: Some(ELSEWHERE.to_owned()), ..query.clone() });
    forget_zone(data, ELSEWHERE).await?;
    let made = ask(server, &other).await?;
    forget_zone(data, ELSEWHERE).await?;
    ask(server, &path).await?;
    again(server, &path, 20).await?;
    let mut warm = again(server, &path, WARM).await?;
    figure(figures, format!("dashboard of 90 days, all groups, {tag} events, warm"), goal, &mut warm);

    let board = server.api("GET", &path, None).await?;
    let first = |list: &str| board["choices"][list][0]["id"].as_str().map(str::to_owned).ok_or(format!("nobody may be chosen of {list}"));
    let filters = [
        ("person", Query { person: Some(first("people")?), ..query.clone() }),
        ("volume", Query { volume: Some(first("volumes")?), ..query.clone() }),
        ("kind", Query { kind: Some("skill".to_owned()), ..query.clone() }),
        ("category", Query { category: Some("legal".to_owned()), ..query.clone() }),
    ];
    let (mut slowest, mut unseen): ((f64, &str, Vec<f64>), f64) = ((-1.0, "", Vec::new()), 0.0);
    for (name, query) in &filters {
        let path = address(query);
        unseen = unseen.max(ask(server, &path).await?);
        let mut times = again(server, &path, FILTERED).await?;
        let p95 = percentile(&mut times, 0.95);
        println!("analytics: {tag}, filter {name}: p50 {:.1} ms, p95 {p95:.1} ms", percentile(&mut times, 0.5));
        if p95 > slowest.0 {
            slowest = (p95, *name, times);
        }
    }
    let (_, name, mut times) = slowest;
    figure(figures, format!("… with one filter, the slowest of {} ({name}), warm", filters.len()), goal, &mut times);
    told(figures, "… the first time with a filter that nobody asked with before, the slowest", format!("{unseen:.0} ms"));

    // The other half of the page: what a number is made of; of all kinds at once, and of somebody who has few.
    let rows_of = |query: &Query, measure: &str| address(query).replacen("/analytics?", &format!("/analytics/rows?measure={measure}&"), 1);
    for (what, path) in [
        ("sessions", rows_of(query, "sessions")),
        ("activity", rows_of(query, "activity")),
        ("activity of one person", rows_of(&filters[0].1, "activity")),
    ] {
        let mut times = again(server, &path, FILTERED).await?;
        let (p50, p95) = (percentile(&mut times, 0.5), percentile(&mut times, 0.95));
        told(figures, format!("the newest rows behind {what}, p50 / p95"), format!("{p50:.1} / {p95:.1} ms"));
    }

    let mut cold = Vec::new();
    for _ in 0..COLD {
        server.resume().await?;
        cold.push(ask(server, &path).await?);
    }
    figure(figures, "… cold: the first request of a new process".to_owned(), 150.0, &mut cold);
    let mut coldest = Vec::new();
    for _ in 0..COLDEST {
        server.stop()?;
        forget_pages(&data.join("llmos.sqlite"));
        server.restart().await?;
        coldest.push(ask(server, &path).await?);
    }
    told(
        figures,
        format!("… cold, and the system has forgotten the file as well, the slowest of {COLDEST}"),
        format!("{:.0} ms", percentile(&mut coldest, 1.0)),
    );
    told(figures, "… the first time from a time zone whose days have to be made", format!("{made:.0} ms"));
    println!("analytics: {tag} events: {:.0} MB in memory", server.memory("VmRSS")?);
    Ok(percentile(&mut warm, 0.5))
}

/// Nobody has looked from this zone.
async fn forget_zone(data: &Path, zone: &str) -> Result<()> {
    let db = traces_data::open(data).await?;
    let mut tx = db.write_tx().await?;
    for statement in ["DELETE FROM usage_days WHERE zone = $1", "DELETE FROM usage_zones WHERE zone = $1"] {
        sqlx::query(statement).bind(zone.to_owned()).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    db.close().await;
    Ok(())
}

/// What the system keeps of a file in memory goes (coreutils' `dd` asks for that, with `posix_fadvise`).
fn forget_pages(file: &Path) {
    let _ = Command::new("dd").arg(format!("if={}", file.display())).args(["iflag=nocache", "count=0", "status=none"]).status();
}

/// Bytes of events with their indexes, of the dictionary, and of what they add up to.
async fn disk(data: &Path, count: usize, figures: &mut Vec<Figure>) -> Result<()> {
    let db = traces_data::open(data).await?;
    let sizes: Vec<(String, i64)> = sqlx::query_as(
        "SELECT m.tbl_name, SUM(d.pgsize) FROM dbstat d JOIN sqlite_schema m ON m.name = d.name WHERE m.tbl_name LIKE 'usage_%' AND d.aggregate = TRUE \
         GROUP BY m.tbl_name ORDER BY m.tbl_name",
    )
    .fetch_all(db.read())
    .await?;
    db.close().await;
    let each = |bytes: i64| bytes as f64 / count as f64;
    let words: Vec<String> = sizes.iter().map(|(name, bytes)| format!("{name} {:.1}", each(*bytes))).collect();
    println!("analytics: bytes for each of {} events, with indexes: {}", grouped(count), words.join(", "));
    let all = each(sizes.iter().map(|(_, bytes)| bytes).sum());
    let what = format!("disk for each of {} events, with indexes, dictionary and all that they add up to", grouped(count));
    figures.push(Figure::at_most(what, 200.0, all, "bytes"));
    Ok(())
}

/// Somebody beside the server who writes all the time: milliseconds until each transaction could begin. Only one can write at a time, so that is how long the
/// server held the writer, and at most two of [`TRIES`] more.
async fn writer(file: PathBuf, stop: Arc<AtomicBool>) -> Result<Vec<f64>> {
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(Duration::ZERO).synchronous(SqliteSynchronous::Off);
    let mut connection = options.disable_statement_logging().connect().await?;
    let mut waits = Vec::new();
    loop {
        let began = Instant::now();
        while let Err(error) = sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await {
            // 5: SQLITE_BUSY, with what is in the higher bits.
            let is_busy = error
                .as_database_error()
                .and_then(|error| error.code())
                .is_some_and(|code| code.parse::<u32>().is_ok_and(|code| code & 0xff == 5));
            if !is_busy {
                return Err(error.into());
            }
            tokio::time::sleep(TRIES).await;
        }
        waits.push(began.elapsed().as_secs_f64() * 1_000.0);
        sqlx::query("UPDATE usage_zones SET used_at = used_at").execute(&mut connection).await?;
        sqlx::query("COMMIT").execute(&mut connection).await?;
        if stop.load(Ordering::Relaxed) {
            connection.close().await?;
            return Ok(waits);
        }
        tokio::time::sleep(WRITES).await;
    }
}

/// Makes all rollups anew, with somebody who writes meanwhile. The numbers are the same afterwards.
async fn rebuild(server: &Server, data: &Path, query: &Query, count: usize, figures: &mut Vec<Figure>) -> Result<()> {
    let groups = ["sessions", "artifacts", "skills", "collaboration", "evolution", "marketplace"];
    let path = address(query);
    let before = server.api("GET", &path, None).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let beside = tokio::spawn(writer(data.join("llmos.sqlite"), stop.clone()));
    let began = Instant::now();
    let job = server.api("POST", "/admin/analytics/rebuild", None).await?;
    let job = format!("/jobs/{}", job["id"].as_str().ok_or("no job")?);
    let mut asked = Vec::new();
    let ended = loop {
        asked.push(ask(server, &path).await?);
        let status = server.api("GET", &job, None).await?;
        if matches!(status["state"].as_str(), Some("done" | "failed")) || began.elapsed() > PATIENCE {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    };
    let seconds = began.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    let mut waits = beside.await??;
    if ended["state"] != "done" {
        return Err(format!("making all anew ended so: {ended}").into());
    }
    let after = server.api("GET", &path, None).await?;
    for group in groups {
        let (mut before, mut after) = (before[group].clone(), after[group].clone());
        bare(&mut before);
        bare(&mut after);
        if before != after {
            return Err(format!("made anew, {group} is\n{after}\nand was\n{before}").into());
        }
    }
    figures.push(Figure::at_most(format!("all rollups of {} events made anew", grouped(count)), 120.0, seconds, "s"));
    let (p50, p99) = (percentile(&mut waits, 0.5), percentile(&mut waits, 0.99));
    let writes = waits.len();
    figures.push(Figure::at_most(
        format!("… the longest that the writer was held meanwhile, of {} tries to write", grouped(writes)),
        50.0,
        percentile(&mut waits, 1.0),
        "ms",
    ));
    told(figures, "… until somebody else could write, p50 / p99", format!("{p50:.1} / {p99:.1} ms"));
    told(
        figures,
        "… the dashboard meanwhile, p50 / p95",
        format!("{:.0} / {:.0} ms", percentile(&mut asked, 0.5), percentile(&mut asked, 0.95)),
    );
    Ok(())
}

/// What an event costs in the transaction of a use case, where so many are there already: the time of the write itself. It is the more honest of the two ways,
/// because the time of a whole call varies by far more than an event takes; [`calls`] measures the other one beside it.
async fn writing(data: &Path, count: usize, figures: &mut Vec<Figure>) -> Result<()> {
    let state = analytics_made::open(data).await?;
    let ctx = Ctx::internal(state.clone(), None);
    let session: String = sqlx::query_scalar(
        "SELECT k.text FROM usage_events e JOIN usage_keys k ON k.id = e.subject WHERE e.kind = $1 ORDER BY e.seq DESC LIMIT 1",
    )
    .bind(i64::from(UsageKind::SessionMessageSent.number()))
    .fetch_one(state.db.read())
    .await?;
    let (team, person, volume) = (TeamId::generate(), UserId::generate(), VolumeId::generate());
    let event = |subject: String| {
        Event::new(UsageKind::SessionMessageSent).workspace(Workspace::Team(team)).by(person).volume(volume).subject(subject).amount(60_000)
    };
    // What the process has met is known once it is on disk. Of somebody else's team: the numbers that were compared stay.
    let mut tx = state.db.write_tx().await?;
    record(&ctx, &mut tx, event(session.clone())).await?;
    tx.commit().await?;
    for (what, is_new) in [("something known", false), ("something new", true)] {
        let mut micros = Vec::with_capacity(SINGLE);
        let mut tx = state.db.write_tx().await?;
        for _ in 0..SINGLE {
            let event = event(if is_new { SessionId::generate().to_string() } else { session.clone() });
            let began = Instant::now();
            record(&ctx, &mut tx, event).await?;
            micros.push(began.elapsed().as_secs_f64() * 1e6);
        }
        tx.rollback().await?;
        let (p50, p95) = (percentile(&mut micros, 0.5), percentile(&mut micros, 0.95));
        figures.push(Figure {
            what: format!("an event about {what} beside {} others, in the transaction of its use case, p50 / p95", grouped(count)),
            goal: "≤ 50 µs".to_owned(),
            measured: format!("{p50:.1} / {p95:.1} µs"),
            met: p50 <= 50.0,
        });
    }
    state.shutdown.cancel();
    state.db.close().await;
    Ok(())
}

/// The same message to a server that writes events and to one that writes none, by turns.
async fn calls(figures: &mut Vec<Figure>) -> Result<()> {
    let with = Server::start_with(None, &[("ANALYTICS_ENABLED", "true")]).await?;
    let without = Server::start_with(None, &[("ANALYTICS_ENABLED", "false")]).await?;
    let mut sides = Vec::new();
    for server in [&with, &without] {
        server.set_up().await?;
        let session = server.place(0, 1).await?.sessions.pop().ok_or("no session")?;
        sides.push((server, format!("/sessions/{session}/messages"), Vec::with_capacity(MESSAGES)));
    }
    for number in 0..MESSAGES + 50 {
        // Whoever goes first changes, so that neither always meets the other's leavings.
        let turn = number % 2;
        for side in [turn, 1 - turn] {
            let Some((server, path, times)) = sides.get_mut(side) else { continue };
            let message = json!({ "text": format!("Looked at number {number}: nothing unusual.") });
            let began = Instant::now();
            server.api("POST", path, Some(message)).await?;
            if number >= 50 {
                times.push(began.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    let mut middles = sides.iter_mut().map(|(_, _, times)| (percentile(times, 0.5), percentile(times, 0.25)));
    let ((with, with_low), (without, without_low)) = (middles.next().unwrap_or_default(), middles.next().unwrap_or_default());
    println!("analytics: a message takes {with:.0} µs with analytics and {without:.0} µs without, in the middle of {MESSAGES}");
    told(
        figures,
        "… a message to a server with analytics less one to a server without, its share of the commit included, p50 (p25)",
        format!("{:.0} ({:.0}) µs", with - without, with_low - without_low),
    );
    Ok(())
}

/// What other engines took for the same questions.
#[derive(Default, Deserialize)]
struct Others {
    #[serde(default)]
    engines: Vec<Engine>,
    /// Sessions, messages, commits and searches of the range, as all engines say.
    #[serde(default)]
    counts: Vec<i64>,
    /// Why one is not there.
    #[serde(default)]
    skipped: Vec<String>,
}

#[derive(Deserialize)]
struct Engine {
    name: String,
    questions: usize,
    /// Of all questions one after another, in the middle of the rounds.
    ms: f64,
    slowest: String,
}

/// Asks the other engines by a script, whose Python may not be there.
async fn others(kept: &Path, data: &Path, query: &Query, count: usize) -> Result<Others> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/bench-analytics.py");
    let python = std::env::var_os("LLMOS_BENCH_PYTHON").unwrap_or_else(|| "python3".into());
    let zone = Zone::named(Some(ZONE))?;
    let range = zone.range_of(query, traces_data::now()?)?;
    let times = zone.times_of(range);
    let db = traces_data::open(data).await?;
    let owner = traces_data::owner(&db).await?;
    let mine: Vec<i64> = sqlx::query_scalar(
        "SELECT id FROM usage_keys WHERE text = $1 OR text IN (SELECT team_id FROM memberships WHERE user_id = $1) ORDER BY id",
    )
    .bind(owner)
    .fetch_all(db.read())
    .await?;
    db.close().await;
    let mine: Vec<String> = mine.iter().map(ToString::to_string).collect();
    let mut command = tokio::process::Command::new(python);
    command.arg(script).arg(data.join("llmos.sqlite")).arg(kept.join(format!("analytics-{count}.duckdb")));
    command.args([times.start.to_string(), times.end.to_string(), ZONE.to_owned(), mine.join(",")]);
    let output = match command.output().await {
        Ok(output) => output,
        Err(error) => {
            return Ok(Others {
                skipped: vec![format!("There is no Python to ask SQLite and DuckDB with: {error}.")],
                ..Others::default()
            });
        }
    };
    if !output.status.success() {
        return Err(format!("the other engines could not be asked: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let others: Others = serde_json::from_slice(&output.stdout)?;
    let server = signed_in(data).await?.0;
    let board: Value = server.api("GET", &address(query), None).await?;
    let ours =
        [&board["sessions"]["created"], &board["sessions"]["messages"], &board["collaboration"]["commits"], &board["search"]["queries"]];
    let ours: Vec<i64> = ours.iter().map(|figure| figure["now"].as_f64().unwrap_or_default() as i64).collect();
    if !others.counts.is_empty() && others.counts != ours {
        return Err(format!("the other engines count {:?}, and the dashboard {ours:?}", others.counts).into());
    }
    Ok(others)
}

fn table(count: usize, ours: f64, others: &Others) {
    for why in &others.skipped {
        println!("\n{why}");
    }
    println!("\n| {} events | questions | time | against ours |\n|---|---|---|---|", grouped(count));
    println!("| LLMos-Lite, the whole dashboard over HTTP | 1 | {ours:.1} ms | 1 |");
    for Engine { name, questions, ms, slowest } in &others.engines {
        println!("| {name}, the same as SQL over the events (slowest: {slowest}) | {questions} | {ms:.0} ms | {:.0} × |", ms / ours);
    }
}
