//! Writes made-up runs into a database as `traces` would, many thousands at once: what is found by each label is put in order before it is written.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use llmos_lite::server::db::{Db, Tx};
use llmos_traces::{Outcome, StepKind, Trace};
use sha2::{Digest as _, Sha256};
use sqlx::QueryBuilder;
use uuid::Uuid;

use crate::{
    Result,
    traces_made::{self, SESSIONS, Times},
};

/// Runs of one transaction.
const PART: usize = 100_000;
/// Rows of one statement: SQLite binds 32,766 values at most.
const ROWS: usize = 500;
const NARROW_ROWS: usize = 5_000;
const SOURCES: [&str; 5] = ["api", "api", "otlp", "claude_code", "assistant"];

pub async fn open(data: &Path) -> Result<Db> {
    Ok(Db::open(&format!("sqlite:{}", data.join("llmos.sqlite").display())).await?)
}

/// UTC milliseconds.
pub fn now() -> Result<i64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64)
}

/// The account that [`crate::server::Server::set_up`] opens, whose own the runs are.
pub async fn owner(db: &Db) -> Result<String> {
    Ok(sqlx::query_scalar("SELECT id FROM users WHERE email = 'bench@example.org'").fetch_one(db.read()).await?)
}

/// The id of a run: of the time at which it began, as ids of traces are, and of its number besides.
pub fn id(started_at: i64, number: usize) -> Uuid {
    Uuid::from_u128((started_at as u128) << 80 | 7 << 76 | 2 << 62 | number as u128)
}

/// A session of ours, which does not have to be there for a run to be found by it.
pub fn session(number: usize) -> Uuid {
    id(1_700_000_000_000, number % SESSIONS)
}

fn session_of(number: usize) -> Option<Uuid> {
    number.is_multiple_of(100).then(|| session(number / 100))
}

fn source_of(number: usize) -> &'static str {
    SOURCES[number % SOURCES.len()]
}

fn outcome_of(trace: &Trace) -> &'static str {
    match trace.success {
        Some(true) => "succeeded",
        Some(false) => "failed",
        None => "unknown",
    }
}

/// The number of a label, as `trace_labels` has it.
fn tag(place: &str, kind: &str, name: &str) -> i64 {
    let digest = Sha256::new().chain_update(place).chain_update([0]).chain_update(kind).chain_update([0]).chain_update(name).finalize();
    digest.iter().take(8).fold(0_i64, |number, byte| number << 8 | i64::from(*byte)) & i64::MAX
}

/// What a run is found by.
fn labels(trace: &Trace, number: usize) -> BTreeSet<(&'static str, String)> {
    let person = trace.user.clone().unwrap_or_default();
    let mut labels = BTreeSet::from([
        ("all", String::new()),
        ("person", person),
        ("outcome", outcome_of(trace).to_owned()),
        ("source", source_of(number).to_owned()),
    ]);
    labels.extend(trace.model.iter().map(|model| ("model", model.clone())));
    labels.extend(session_of(number).map(|session| ("session", session.to_string())));
    labels.extend(trace.rating.map(|rating| ("rating", rating.to_string())));
    labels.extend(trace.skills_used.iter().map(|skill| ("skill", skill.clone())));
    let words = trace.goal.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    labels.extend(words.map(|word| ("word", word.to_lowercase())));
    labels.extend(trace.steps.iter().filter(|step| step.kind == StepKind::Tool).map(|step| ("tool", step.name.clone())));
    labels
}

/// Writes runs with all that they are found by. None of them is grouped, or waits to be.
pub async fn write(db: &Db, times: Times, count: usize) -> Result<()> {
    let owner = owner(db).await?;
    for from in (0..count).step_by(PART) {
        let mut tx = db.write_tx().await?;
        sqlx::query("PRAGMA cache_size = -500000").execute(&mut *tx).await?;
        write_part(&mut tx, &owner, times, from..count.min(from + PART), traces_made::trace).await?;
        tx.commit().await?;
        println!("traces: {} written", count.min(from + PART));
    }
    Ok(())
}

/// Writes one run that nobody has seen before, and that waits to be grouped.
pub async fn add(db: &Db, owner: &str, times: Times, number: usize) -> Result<()> {
    let mut tx = db.write_tx().await?;
    write_part(&mut tx, owner, times, number..number + 1, traces_made::new_goal).await?;
    sqlx::query("INSERT INTO evolution_waiting (place_id, trace_id) VALUES ($1, $2)")
        .bind(owner.to_owned())
        .bind(id(times.of(number), number).to_string())
        .execute(&mut *tx)
        .await?;
    Ok(tx.commit().await?)
}

async fn write_part(tx: &mut Tx, owner: &str, times: Times, numbers: Range<usize>, made: fn(usize, Times) -> Trace) -> Result<()> {
    let mut runs: BTreeMap<(&'static str, String), (i64, i64)> = BTreeMap::new();
    let mut postings: Vec<(i64, u128)> = Vec::new();
    for from in numbers.clone().step_by(ROWS) {
        let part: Vec<(usize, Trace)> = (from..numbers.end.min(from + ROWS)).map(|number| (number, made(number, times))).collect();
        for (number, trace) in &part {
            for label in labels(trace, *number) {
                let (_, tag) = match runs.get_mut(&label) {
                    Some(known) => {
                        known.0 += 1;
                        *known
                    }
                    None => {
                        let tag = tag(owner, label.0, &label.1);
                        *runs.entry(label).or_insert((1, tag))
                    }
                };
                postings.push((tag, id(trace.started_at, *number).as_u128()));
            }
        }
        write_traces(tx, owner, &part).await?;
    }
    for part in runs.into_iter().collect::<Vec<_>>().chunks(NARROW_ROWS) {
        let mut sql = QueryBuilder::<sqlx::Any>::new("INSERT INTO trace_labels (tag, place_id, kind, name, runs) ");
        sql.push_values(part, |mut row, ((kind, name), (runs, tag))| {
            row.push_bind(*tag).push_bind(owner.to_owned()).push_bind(*kind).push_bind(name.clone()).push_bind(*runs);
        });
        sql.push(" ON CONFLICT (tag) DO UPDATE SET runs = trace_labels.runs + excluded.runs");
        sql.build().execute(&mut **tx).await?;
    }
    postings.sort_unstable();
    for part in postings.chunks(NARROW_ROWS) {
        let mut sql = QueryBuilder::<sqlx::Any>::new("INSERT INTO trace_postings (tag, trace) ");
        sql.push_values(part, |mut row, (tag, trace)| {
            row.push_bind(*tag).push_bind(trace.to_be_bytes().to_vec());
        });
        sql.build().execute(&mut **tx).await?;
    }
    Ok(())
}

async fn write_traces(tx: &mut Tx, owner: &str, part: &[(usize, Trace)]) -> Result<()> {
    let mut sql = QueryBuilder::<sqlx::Any>::new(
        "INSERT INTO traces (id, place_id, user_id, source, source_id, person, session_id, model, goal, outcome, rating, tokens_in, tokens_out, cost, steps, \
         failed_steps, skills, notices, started_at, ended_at, created_at, updated_at) ",
    );
    sql.push_values(part, |mut row, (number, trace)| {
        let failed = trace.steps.iter().filter(|step| step.outcome == Outcome::Error).count();
        let skills = serde_json::Value::from(trace.skills_used.clone()).to_string();
        row.push_bind(id(trace.started_at, *number).to_string()).push_bind(owner.to_owned()).push_bind(owner.to_owned());
        row.push_bind(source_of(*number)).push_bind(trace.id.clone()).push_bind(trace.user.clone());
        row.push_bind(session_of(*number).map(|session| session.to_string())).push_bind(trace.model.clone()).push_bind(trace.goal.clone());
        row.push_bind(outcome_of(trace)).push_bind(trace.rating.map(i64::from));
        row.push_bind(trace.tokens_in as i64).push_bind(trace.tokens_out as i64).push_bind(trace.cost_usd);
        row.push_bind(trace.steps.len() as i64).push_bind(failed as i64).push_bind(skills).push_bind("[]");
        row.push_bind(trace.started_at).push_bind(trace.ended_at).push_bind(trace.ended_at).push_bind(trace.ended_at);
    });
    sql.build().execute(&mut **tx).await?;
    let packed = part.iter().map(|(number, trace)| {
        let steps = serde_json::to_vec(&trace.steps)?;
        Result::Ok((id(trace.started_at, *number).to_string(), lz4_flex::compress_prepend_size(&steps)))
    });
    let packed = packed.collect::<Result<Vec<_>>>()?;
    let mut sql = QueryBuilder::<sqlx::Any>::new("INSERT INTO trace_steps (trace_id, steps) ");
    sql.push_values(packed, |mut row, (id, steps)| {
        row.push_bind(id).push_bind(steps);
    });
    sql.build().execute(&mut **tx).await?;
    Ok(())
}
