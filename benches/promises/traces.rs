//! Runs of agents: how many a second come in, how soon one is in its pattern, what a pass over 100,000 takes and does to others, how lists of 1,000,000 answer.
//!
//! What is grouped and what is listed is made once and kept in `LLMOS_BENCH_DATA` (`target/bench` without it); what changes in a run changes in a copy.
//! `LLMOS_TRACES` makes everything smaller, to try it.

use std::{
    collections::VecDeque,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use llmos_lite::{
    features::evolution::{self, model::Ground},
    server::{config::Config, context::Ctx, state::AppState},
};
use serde_json::{Value, json};

use crate::{
    Figure, Result,
    market::grouped,
    market_data, percentile, search,
    server::Server,
    traces_data,
    traces_made::{self, Times},
};

const VARIABLES: &[(&str, &str)] = &[("SEARCH_RATE", "1000000")];
/// Traces that are sent to an empty server.
const SENT: usize = 60_000;
const BATCH: usize = 200;
const SENDERS: usize = 4;
/// Before they count, so that models and patterns are in memory.
const FIRST: usize = 20;
const ASSIGNED: usize = 300;
const SESSIONS: usize = 50;
/// Somebody asks so often, for so long before a pass.
const EVERY: Duration = Duration::from_millis(20);
const BEFORE: Duration = Duration::from_secs(30);
const ROUNDS: usize = 100;
/// So long the last traces that were sent are waited for.
const LAG: Duration = Duration::from_secs(900);
const PATIENCE: Duration = Duration::from_secs(3_600);

/// The query of a round.
type Filter<'a> = Box<dyn Fn(usize) -> String + 'a>;

fn listed() -> usize {
    std::env::var("LLMOS_TRACES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000)
}

pub async fn run() -> Result<Vec<Figure>> {
    let count = listed();
    let kept =
        std::env::var_os("LLMOS_BENCH_DATA").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench"), PathBuf::from);
    let mut figures = Vec::new();
    ingest(SENT.min(count), &mut figures).await?;
    let few = count / 10;
    let made = patterns(&kept.join(format!("traces-{few}-grouped")), few).await?;
    let copy = kept.join("traces-run");
    let _ = fs::remove_dir_all(&copy);
    copy_folder(&made, &copy)?;
    assignments(&copy, few, &mut figures).await?;
    let server = signed_in(&copy).await?;
    visible(&server, few, &mut figures).await?;
    pass(&server, few, &mut figures).await?;
    drop(server);
    let _ = fs::remove_dir_all(&copy);
    lists(&kept.join(format!("traces-{count}")), count, &mut figures).await?;
    Ok(figures)
}

async fn signed_in(data: &Path) -> Result<Server> {
    let server = Server::start_on(data, VARIABLES).await?;
    let account = json!({ "email": "bench@example.org", "password": "a bench to sit on" });
    server.api("POST", "/sign-in", Some(account)).await?;
    with_model(&server).await?;
    Ok(server)
}

/// Waits until what is built in has its vectors.
async fn with_model(server: &Server) -> Result<()> {
    search::embedded(server).await?;
    let ready: Value = server.client.get(server.url("/readyz")).send().await?.json().await?;
    if ready["search"]["meaning"] == "missing" {
        return Err("Patterns need a model. Run scripts/setup, or set EMBEDDING_MODEL_DIR to the folder of one.".into());
    }
    Ok(())
}

/// What sending took.
struct Sent {
    seconds: f64,
    bytes: usize,
    /// Milliseconds of each request.
    times: Vec<f64>,
}

/// Sends these runs as NDJSON, several requests at a time.
async fn send(server: &Server, times: Times, numbers: Range<usize>) -> Result<Sent> {
    let body = |from: usize| {
        let mut body = Vec::new();
        for number in from..numbers.end.min(from + BATCH) {
            serde_json::to_writer(&mut body, &traces_made::trace(number, times))?;
            body.push(b'\n');
        }
        Result::Ok(body)
    };
    // Made before, so that making them takes nothing from the server.
    let bodies = numbers.clone().step_by(BATCH).map(body).collect::<Result<VecDeque<_>>>()?;
    let bytes = bodies.iter().map(Vec::len).sum();
    let bodies = Arc::new(Mutex::new(bodies));
    let began = Instant::now();
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..SENDERS {
        let (client, url, bodies) = (server.client.clone(), server.url("/api/v1/traces"), bodies.clone());
        senders.spawn(async move {
            let (mut times, mut accepted) = (Vec::new(), 0);
            loop {
                let next = bodies.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(body) = next else { return Result::Ok((times, accepted)) };
                let began = Instant::now();
                let response = client.post(&url).header("content-type", "application/x-ndjson").body(body).send().await?;
                let (status, text) = (response.status(), response.text().await?);
                times.push(began.elapsed().as_secs_f64() * 1_000.0);
                if !status.is_success() {
                    return Err(format!("traces were answered {status} {text}").into());
                }
                accepted += serde_json::from_str::<Value>(&text)?["accepted"].as_u64().unwrap_or_default() as usize;
            }
        });
    }
    let (mut times, mut accepted) = (Vec::new(), 0);
    for ended in senders.join_all().await {
        let (some, taken) = ended?;
        times.extend(some);
        accepted += taken;
    }
    if accepted != numbers.len() {
        return Err(format!("{accepted} of {} traces were taken", numbers.len()).into());
    }
    Ok(Sent { seconds: began.elapsed().as_secs_f64(), bytes, times })
}

/// Traces that are not in a pattern yet.
async fn waiting(server: &Server) -> Result<usize> {
    let evolution = server.api("GET", "/evolution", None).await?;
    Ok(evolution["waiting"].as_u64().ok_or_else(|| format!("nobody tells what waits: {evolution}"))? as usize)
}

/// Waits until every trace is in a pattern.
async fn all_grouped(server: &Server, patience: Duration) -> Result<Duration> {
    let began = Instant::now();
    loop {
        match waiting(server).await? {
            0 => return Ok(began.elapsed()),
            left if began.elapsed() > patience => {
                return Err(format!("{left} traces are in no pattern after {} s", patience.as_secs()).into());
            }
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

/// Waits until nothing is done about patterns any more: they are summed up after their traces were stored.
pub async fn idle(server: &Server) -> Result<()> {
    let began = Instant::now();
    loop {
        let mut is_busy = false;
        for kind in [evolution::jobs::ASSIGN, evolution::jobs::PASS] {
            let report = server.api("GET", &format!("/admin/jobs?kind={kind}"), None).await?;
            is_busy |= report["jobs"].as_array().into_iter().flatten().any(|job| job["state"] == "queued" || job["state"] == "running");
        }
        if !is_busy {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err("patterns are still looked at".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// To an empty server, whose passes follow as its settings say.
async fn ingest(count: usize, figures: &mut Vec<Figure>) -> Result<()> {
    let server = Server::start(None).await?;
    server.set_up().await?;
    with_model(&server).await?;
    let times = Times::until(traces_data::now()?, count + BATCH);
    send(&server, times, 0..BATCH).await?;
    all_grouped(&server, PATIENCE).await?;
    let mut sent = send(&server, times, BATCH..BATCH + count).await?;
    let left = waiting(&server).await?;
    let p50 = percentile(&mut sent.times, 0.5);
    let p99 = percentile(&mut sent.times, 0.99);
    println!(
        "traces: {} traces, {:.1} KB each, {BATCH} in a request, {SENDERS} requests at a time: {:.1} MB/s; a request p50 {p50:.0} ms, p99 {p99:.0} ms",
        grouped(count),
        sent.bytes as f64 / count as f64 / 1e3,
        sent.bytes as f64 / 1e6 / sent.seconds
    );
    println!("traces: {} of them wait to be grouped when the last is stored, {:.0} s after the first", grouped(left), sent.seconds);
    match all_grouped(&server, LAG).await {
        Ok(took) => println!("traces: all are grouped {:.0} s later, passes after every 20 included", took.as_secs_f64()),
        Err(why) => println!("traces: passes after every 20 included, {why}"),
    }
    println!("traces: {:.0} MB in memory at most", server.memory("VmHWM")?);
    let what = format!("traces of 6 to 12 steps a second over HTTP, {BATCH} in a request, grouped meanwhile");
    figures.push(Figure::at_least(what, 2_000.0, count as f64 / sent.seconds, "traces/s"));
    Ok(())
}

/// A folder with the patterns of so many traces, as they come to be: passes while there are few, then one trace after another.
async fn patterns(data: &Path, count: usize) -> Result<PathBuf> {
    if market_data::is_there(data) {
        return Ok(data.to_owned());
    }
    let _ = fs::remove_dir_all(data);
    fs::create_dir_all(data)?;
    let mut server = Server::start_on(data, VARIABLES).await?;
    server.set_up().await?;
    with_model(&server).await?;
    let began = Instant::now();
    let times = Times::until(traces_data::now()?, count);
    let mut from = 0;
    for to in [count / 20, count * 3 / 10, count] {
        // The first traces bring the place; from then on passes are made when they are asked for.
        if from > 0 {
            run_pass(&server).await?;
        }
        let first = if from == 0 { 1 } else { from };
        if from == 0 {
            send(&server, times, 0..1).await?;
            let mut settings = server.api("GET", "/evolution", None).await?["settings"].take();
            settings["paused"] = true.into();
            server.api("PUT", "/evolution/settings", Some(settings)).await?;
        }
        send(&server, times, first..to).await?;
        all_grouped(&server, PATIENCE).await?;
        from = to;
        println!("traces: {} grouped after {:.0} s", grouped(to), began.elapsed().as_secs_f64());
    }
    idle(&server).await?;
    server.stop()?;
    market_data::note(data)?;
    Ok(data.to_owned())
}

/// Copies a folder with all that is in it.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        // A socket of a server that has ended is no file.
        if kind.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

/// New runs that began in the last seconds, so that they are the latest of their patterns; their numbers are below twice as many as there were and 10,000.
fn latest(count: usize) -> Result<Times> {
    Ok(Times { from: traces_data::now()? - count as i64 - 10_000, gap: 1 })
}

/// The work of the service for a trace that waits, in this process: read, embedded, put into its pattern, stored, and the pattern summed up anew.
async fn assignments(data: &Path, count: usize, figures: &mut Vec<Figure>) -> Result<()> {
    let mut config = Config::from_sources(&|name| std::env::var(name).ok().filter(|_| name.starts_with("EMBEDDING_")), "")?;
    config.data_dir = data.to_owned();
    config.database_url = format!("sqlite:{}", data.join("llmos.sqlite").display());
    let state = AppState::open(config).await?;
    state.search_model.look().await.ok_or("the model could not be read")?;
    let ctx = Ctx::internal(state.clone(), None);
    let owner = traces_data::owner(&state.db).await?;
    let ground = Ground::Own(owner.parse()?);
    let (new, began) = (latest(count)?, Instant::now());
    let (mut times, mut written) = (Vec::new(), Vec::new());
    for number in 0..FIRST + ASSIGNED {
        traces_data::add(&state.db, &owner, new, count + number).await?;
        let began = Instant::now();
        let assigned = evolution::service::assign_waiting(&ctx, ground, 1).await?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
        evolution::service::write_marked(&ctx, ground).await?;
        written.push(began.elapsed().as_secs_f64() * 1_000.0);
        if assigned != 1 {
            return Err(format!("one trace waited, and there were {assigned}").into());
        }
        if number == 0 {
            println!("traces: {} with their vectors read into memory in {:.1} s", grouped(count), began.elapsed().as_secs_f64());
        }
    }
    let (mut times, mut written) = (times.split_off(FIRST), written.split_off(FIRST));
    println!("traces: read into memory and {} assigned in {:.1} s", FIRST + ASSIGNED, began.elapsed().as_secs_f64());
    let what = format!("a new trace put into its pattern at {}, embedding and storing included, p50", grouped(count));
    figures.push(Figure::at_most(what, 20.0, percentile(&mut times, 0.5), "ms"));
    figures.push(Figure::at_most("… p99", 20.0, percentile(&mut times, 0.99), "ms"));
    let measured = format!("{:.1} / {:.1} ms", percentile(&mut written, 0.5), percentile(&mut written, 0.99));
    figures.push(Figure { what: "… and the pattern summed up anew, p50 / p99".to_owned(), goal: String::new(), measured, met: true });
    state.shutdown.cancel();
    state.db.close().await;
    Ok(())
}

/// From sending one trace to the page of its pattern that has it among its latest runs.
async fn visible(server: &Server, count: usize, figures: &mut Vec<Figure>) -> Result<()> {
    let db = traces_data::open(server.data()).await?;
    let owner = traces_data::owner(&db).await?;
    let new = latest(count)?;
    let url = server.url("/api/v1/traces");
    let mut times = Vec::new();
    for number in (count + FIRST + ASSIGNED..).take(FIRST + ASSIGNED) {
        let trace = traces_made::new_goal(number, new);
        let body = serde_json::to_vec(&trace)?;
        let began = Instant::now();
        let response = server.client.post(&url).header("content-type", "application/x-ndjson").body(body).send().await?;
        if !response.status().is_success() {
            return Err(format!("a trace was answered {}", response.text().await?).into());
        }
        loop {
            let found: Option<(String, String)> = sqlx::query_as(
                "SELECT t.id, p.id FROM traces t JOIN pattern_traces x ON x.place_id = t.place_id AND x.trace_id = t.id \
                 JOIN patterns p ON p.place_id = x.place_id AND p.number = x.number AND p.gone_at IS NULL WHERE t.place_id = $1 AND t.source_id = $2",
            )
            .bind(owner.clone())
            .bind(trace.id.clone())
            .fetch_optional(db.read())
            .await?;
            if let Some((trace, pattern)) = found {
                let shown = server.api("GET", &format!("/evolution/patterns/{pattern}"), None).await?;
                if shown["latest"].as_array().is_some_and(|runs| runs.iter().any(|run| run["id"] == trace.as_str())) {
                    break;
                }
                return Err(format!("pattern {pattern} does not show its latest run").into());
            }
            if began.elapsed() > PATIENCE {
                return Err("a trace is in no pattern".into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
        // The next one does not wait for the summary of this one's pattern.
        idle(server).await?;
        tokio::time::sleep(EVERY).await;
    }
    db.close().await;
    println!("traces: the first trace after a start is in its pattern after {:.1} s", times.first().copied().unwrap_or_default() / 1_000.0);
    let mut times = times.split_off(FIRST);
    let (p50, p99) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
    let what = format!("… from sending one trace to its pattern's page showing it, {} traces, p50 / p99", grouped(count));
    figures.push(Figure { what, goal: String::new(), measured: format!("{p50:.0} / {p99:.0} ms"), met: true });
    Ok(())
}

/// Begins a pass and waits until it is done; gives what it says of itself.
async fn run_pass(server: &Server) -> Result<Value> {
    let began = Instant::now();
    let begun = server.api("POST", "/evolution/passes", None).await?;
    loop {
        let evolution = server.api("GET", "/evolution", None).await?;
        let pass = evolution["runs"].as_array().into_iter().flatten().find(|pass| pass["id"] == begun["id"]);
        match pass.and_then(|pass| Some((pass["state"].as_str()?, pass))) {
            Some(("done", pass)) => return Ok(pass.clone()),
            Some(("failed", pass)) => return Err(format!("the pass failed: {pass}").into()),
            _ if began.elapsed() > PATIENCE => return Err("the pass does not end".into()),
            _ => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
}

/// Somebody lists sessions and somebody searches, one request every [`EVERY`] whether or not the ones before were answered: milliseconds of each.
async fn asked(server: &Server, stop: Arc<AtomicBool>) -> Result<Vec<f64>> {
    let mut tick = tokio::time::interval(EVERY);
    let mut requests = tokio::task::JoinSet::new();
    for number in 0.. {
        let due = tick.tick().await;
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let path = match number % 2 {
            0 => "/api/v1/sessions".to_owned(),
            _ => format!("/api/v1/search?limit=20&q={}", search::question(number)),
        };
        let (client, url) = (server.client.clone(), server.url(&path));
        requests.spawn(async move {
            let response = client.get(url).send().await?;
            let status = response.status();
            response.bytes().await?;
            if !status.is_success() {
                return Err(format!("{path}: {status}").into());
            }
            Result::Ok(due.elapsed().as_secs_f64() * 1_000.0)
        });
    }
    requests.join_all().await.into_iter().collect()
}

async fn pass(server: &Server, count: usize, figures: &mut Vec<Figure>) -> Result<()> {
    for number in 0..SESSIONS {
        server.api("POST", "/sessions", Some(json!({ "title": format!("Session {number}") }))).await?;
    }
    search::embedded(server).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let rest = async {
        tokio::time::sleep(BEFORE).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (before, ()) = tokio::join!(asked(server, stop.clone()), rest);
    let mut before = before?;

    let memory = server.memory("VmRSS")?;
    // The most from now on, where Linux lets us forget the most so far.
    let _ = fs::write(format!("/proc/{}/clear_refs", server.id()), "5");
    let stop = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let passing = async {
        let pass = run_pass(server).await;
        stop.store(true, Ordering::Relaxed);
        pass
    };
    let (during, pass) = tokio::join!(asked(server, stop.clone()), passing);
    let (mut during, pass) = (during?, pass?);
    let seconds = began.elapsed().as_secs_f64();
    let growth = server.memory("VmHWM")? - memory;
    println!("traces: a pass: {}", pass["log"]);
    let (quiet, busy) = (percentile(&mut before, 0.99), percentile(&mut during, 0.99));
    println!(
        "traces: sessions and search beside it: p50 {:.1} ms, p99 {busy:.1} ms; before it p50 {:.1} ms, p99 {quiet:.1} ms",
        percentile(&mut during, 0.5),
        percentile(&mut before, 0.5)
    );
    println!("traces: {memory:.0} MB in memory before it");
    figures.push(Figure::at_most(format!("a pass over {} traces whose vectors are known", grouped(count)), 120.0, seconds, "s"));
    figures.push(Figure::at_most("… memory beyond what there was, at most", 1_024.0, growth, "MB"));
    figures.push(Figure::at_most("… p99 of other requests meanwhile, against before", 2.0, busy / quiet, "×"));
    Ok(())
}

/// So many traces with what they are found by, in no patterns.
async fn catalogue(data: &Path, count: usize) -> Result<Server> {
    if !market_data::is_there(data) {
        let _ = fs::remove_dir_all(data);
        fs::create_dir_all(data)?;
        let mut server = Server::start_on(data, VARIABLES).await?;
        server.set_up().await?;
        server.stop()?;
        let began = Instant::now();
        let db = traces_data::open(data).await?;
        traces_data::write(&db, Times::until(traces_data::now()?, count), count).await?;
        db.close().await;
        println!("traces: {} made in {:.0} s", grouped(count), began.elapsed().as_secs_f64());
        market_data::note(data)?;
    }
    signed_in(data).await
}

async fn lists(data: &Path, count: usize, figures: &mut Vec<Figure>) -> Result<()> {
    let server = catalogue(data, count).await?;
    let first = server.api("GET", "/traces", None).await?;
    if first["labels"]["total"] != count {
        return Err(format!("{} of {count} traces are there: remove {} and begin again", first["labels"]["total"], data.display()).into());
    }
    let newest = first["items"][0]["startedAt"].as_i64().ok_or("the first trace has no time")?;
    let gap = Times::until(newest, count).gap;
    // The lowest id of a time, half of all back and more.
    let deep = |round: usize| traces_data::id(newest - gap * (count / 2 + count * round / (ROUNDS * 2 + 10)) as i64, 0);
    let day = |round: usize| newest - gap * (count * round / (ROUNDS + 10)) as i64;

    let mut all = Vec::new();
    let mut slowest = (0.0, "");
    let mut measure = async |name: &'static str, may_be_empty: bool, query: &dyn Fn(usize) -> String| -> Result<f64> {
        let (mut times, mut shown) = (Vec::new(), 0);
        for round in 0..ROUNDS {
            let path = format!("/traces?{}", query(round));
            let began = Instant::now();
            let page = server.api("GET", &path, None).await?;
            times.push(began.elapsed().as_secs_f64() * 1_000.0);
            let items = page["items"].as_array().map_or(0, Vec::len);
            if items == 0 && !may_be_empty {
                return Err(format!("{path} finds nothing").into());
            }
            shown += items;
        }
        let (p50, p99) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
        println!("traces: {name}: p50 {p50:.1} ms, p99 {p99:.1} ms, {:.0} shown on average", shown as f64 / ROUNDS as f64);
        if p99 > slowest.0 {
            slowest = (p99, name);
        }
        all.extend(times);
        Ok(p99)
    };
    let outcome = |round: usize| ["succeeded", "failed", "unknown"][round % 3];
    let source = |round: usize| ["api", "otlp", "claude_code", "assistant"][round % 4];
    let (person, tool, model, skill, word) =
        (traces_made::person, traces_made::tool, traces_made::model, traces_made::skill, traces_made::word);

    let plain = measure("plain", false, &|_| String::new()).await?;
    let mut singles = (0.0, "");
    let filters: [(&'static str, Filter<'_>); 12] = [
        ("outcome", Box::new(move |round| format!("outcome={}", outcome(round)))),
        ("source", Box::new(move |round| format!("source={}", source(round)))),
        ("person", Box::new(move |round| format!("person={}", person(round)))),
        ("tool", Box::new(move |round| format!("tool={}", tool(round)))),
        ("model", Box::new(move |round| format!("model={}", model(round)))),
        // The kinds of tasks of the higher numbers are the rarer ones.
        ("skill", Box::new(move |round| format!("skill={}", skill(round * 6)))),
        ("rating", Box::new(|round| format!("minRating={}", 1 + round % 5))),
        ("session", Box::new(|round| format!("session={}", traces_data::session(round)))),
        ("word", Box::new(move |round| format!("q={}", word(round)))),
        ("beginning of a word", Box::new(|round| format!("q={}", ["co", "the", "re", "su", "pa", "o"][round % 6]))),
        ("two words", Box::new(move |round| format!("q={}%20{}", word(round), ["report", "contract", "app", "budget"][round % 4]))),
        ("a day", Box::new(move |round| format!("since={}&until={}", day(round) - 86_400_000, day(round)))),
    ];
    for (name, query) in &filters {
        let may_be_empty = *name == "two words" || count < 1_000_000;
        let p99 = measure(name, may_be_empty, query).await?;
        if p99 > singles.0 {
            singles = (p99, *name);
        }
    }
    let mut doubles = (0.0, "");
    let pairs: [(&'static str, Filter<'_>); 10] = [
        ("outcome and tool", Box::new(move |round| format!("outcome={}&tool={}", outcome(round), tool(round)))),
        ("person and model", Box::new(move |round| format!("person={}&model={}", person(round), model(round / 2)))),
        ("word and outcome", Box::new(move |round| format!("q={}&outcome={}", word(round), outcome(round)))),
        ("skill and person", Box::new(move |round| format!("skill={}&person={}", skill(round), person(round)))),
        ("skill and tool", Box::new(move |round| format!("skill={}&tool={}", skill(round), tool(round)))),
        ("rating and tool", Box::new(move |round| format!("minRating={}&tool={}", 1 + round % 5, tool(round)))),
        ("rating and source", Box::new(move |round| format!("minRating={}&source={}", 1 + round % 5, source(round)))),
        ("rating and outcome, which exclude each other", Box::new(|_| "minRating=5&outcome=failed".to_owned())),
        (
            "beginning of a word and outcome",
            Box::new(move |round| format!("q={}&outcome={}", ["co", "the", "re"][round % 3], outcome(round))),
        ),
        ("person and the time", Box::new(move |round| format!("person={}&until={}", person(round), day(round)))),
    ];
    for (name, query) in &pairs {
        let p99 = measure(name, true, query).await?;
        if p99 > doubles.0 {
            doubles = (p99, *name);
        }
    }
    let far = measure("a page far back", false, &|round| format!("before={}", deep(round))).await?;
    let far_failed = measure("a page far back of the failed", false, &|round| format!("outcome=failed&before={}", deep(round))).await?;

    let tag = grouped(count);
    figures.push(Figure::at_most(format!("list of {tag} traces, the latest 50, p99"), 50.0, plain, "ms"));
    figures.push(Figure::at_most(
        format!("… with one filter, the slowest of {} ({}), p99", filters.len(), singles.1),
        50.0,
        singles.0,
        "ms",
    ));
    figures.push(Figure::at_most(format!("… with two, the slowest of {} ({}), p99", pairs.len(), doubles.1), 50.0, doubles.0, "ms"));
    figures.push(Figure::at_most("… a page behind half of all and more, p99", 50.0, far.max(far_failed), "ms"));
    figures.push(Figure::at_most("… all of these requests, p99", 50.0, percentile(&mut all, 0.99), "ms"));
    println!("traces: slowest {} with p99 {:.1} ms; {:.0} MB in memory", slowest.1, slowest.0, server.memory("VmRSS")?);
    Ok(())
}
