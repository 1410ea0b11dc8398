//! Ninety days of usage events of a busy team: a seeded model of the events that a replayed week wrote, written in bulk by the code that services use.
//!
//! Every event is one of the week, drawn from those of its hour of the week. So kinds, people, skills, categories and amounts are as frequent, and go
//! together, as they did there, and hours and weekdays differ as they did. What an event brought into being (a session, a commit, a run) is another one each time,
//! and what is about a session is about the latest of it. Only how closely messages follow each other is stretched from the time of the replay to a week.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use llmos_analytics::zones::Zone;
use llmos_lite::{
    features::analytics::service::{Noted, UsageKind, insert_many, roll_up},
    server::{clock, config::Config, context::Ctx, state::AppState},
};
use uuid::Uuid;

use crate::{
    Result,
    analytics_replay::{Replay, replayed},
    market::grouped,
    market_data, traces, traces_data,
};

/// The zone that the dashboard is looked at from.
pub const ZONE: &str = "Europe/Berlin";
pub const DAYS: i32 = 90;
const HOURS: usize = 168;
/// Events of one transaction.
const TOGETHER: usize = 50_000;
/// Of the events that are made.
const SEED: u64 = 8;
/// As long at most counts as a pause between messages, as where they are recorded.
const PAUSE_MAX: i64 = 30 * clock::MINUTE;

/// An event of the week.
struct Seen {
    event: Noted,
    /// Whether it brought its subject into being.
    brings: bool,
}

/// The events of each hour of the week, from Monday 0:00 UTC.
struct Model(Vec<Vec<Seen>>);

/// The state of the server in this process, on its data.
pub async fn open(data: &Path) -> Result<AppState> {
    let mut config = Config::from_sources(&|_| None, "")?;
    config.data_dir = data.to_owned();
    config.database_url = format!("sqlite:{}", data.join("llmos.sqlite").display());
    AppState::open(config).await
}

/// The folder with so many events, counted. It is made once.
pub async fn team(kept: &Path, count: usize) -> Result<PathBuf> {
    let data = kept.join(format!("analytics-{count}"));
    if market_data::is_there(&data) {
        return Ok(data);
    }
    let (week, replay) = replayed(kept, count).await?;
    let _ = fs::remove_dir_all(&data);
    traces::copy_folder(&week, &data)?;
    fs::remove_file(data.join("bench-catalogue"))?;
    let state = open(&data).await?;
    let model = Model::read(&state, &replay).await?;
    forget(&state).await?;
    write(&state, &model, count).await?;
    let began = Instant::now();
    roll_up(&Ctx::internal(state.clone(), None)).await?;
    let seconds = began.elapsed().as_secs_f64();
    println!("analytics: {} events counted as they come in {seconds:.0} s, {:.0} a second", grouped(count), count as f64 / seconds);
    state.shutdown.cancel();
    state.db.close().await;
    market_data::note(&data)?;
    Ok(data)
}

/// What brings something new, that later events are about.
fn brings_something(kind: UsageKind) -> bool {
    use UsageKind as K;
    matches!(
        kind,
        K::SessionCreated
            | K::CommitMade
            | K::ArtifactCreated
            | K::VolumeCreated
            | K::CommentCreated
            | K::TaskCreated
            | K::TraceTaken
            | K::PatternFound
            | K::ProposalMade
            | K::DeliveryReceived
    )
}

impl Model {
    async fn read(state: &AppState, replay: &Replay) -> Result<Self> {
        type Id = Option<String>;
        type Row = (i64, i64, i64, i64, i64, i64, Id, Id, Id, Id);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT e.at, e.kind, e.artifact_kind, e.category, e.amount, e.extra, w.text, p.text, v.text, s.text FROM usage_events e \
             LEFT JOIN usage_keys w ON w.id = e.workspace LEFT JOIN usage_keys p ON p.id = e.actor \
             LEFT JOIN usage_keys v ON v.id = e.volume LEFT JOIN usage_keys s ON s.id = e.subject ORDER BY e.seq",
        )
        .fetch_all(state.db.read())
        .await?;
        let stretched = HOURS as f64 * 3_600.0 / replay.seconds.max(1.0);
        let end = replay.hours.last().map_or(i64::MAX, |(_, _, to)| *to);
        let (mut hours, mut any_time, mut known): (Vec<Vec<Seen>>, Vec<Seen>, HashSet<String>) =
            ((0..HOURS).map(|_| Vec::new()).collect(), Vec::new(), HashSet::new());
        for (at, kind, artifact_kind, category, amount, extra, workspace, actor, volume, subject) in rows {
            let Some(kind) = u16::try_from(kind).ok().and_then(UsageKind::from_number) else { continue };
            let is_first = subject.as_ref().is_some_and(|subject| known.insert(subject.clone()));
            let amount = match kind {
                UsageKind::SessionMessageSent => ((amount as f64 * stretched) as i64).min(PAUSE_MAX),
                _ => amount,
            };
            let (artifact_kind, category) = (u8::try_from(artifact_kind)?, u8::try_from(category)?);
            let event = Noted { at, kind, workspace, actor, volume, subject, artifact_kind, category, amount, extra };
            let seen = Seen { event, brings: is_first && brings_something(kind) };
            if kind.number() >= 800 || at > end {
                any_time.push(seen);
            } else if let Some(hour) =
                replay.hours.iter().find(|(_, from, to)| (*from..=*to).contains(&at)).and_then(|(hour, ..)| hours.get_mut(*hour))
            {
                hour.push(seen);
            }
        }
        // What the server writes about its own work, once a minute, and what came of the week later, is spread as work is.
        let weights: Vec<usize> = hours.iter().map(Vec::len).collect();
        let mut random = fastrand::Rng::with_seed(SEED);
        let all = weights.iter().sum::<usize>().max(1);
        for seen in any_time {
            let mut place = random.usize(..all);
            let hour = weights.iter().position(|weight| {
                let is_it = place < *weight;
                place = place.saturating_sub(*weight);
                is_it
            });
            if let Some(hour) = hour.and_then(|hour| hours.get_mut(hour)) {
                hour.push(seen);
            }
        }
        let model = Self(hours);
        model.describe();
        Ok(model)
    }

    fn describe(&self) {
        let events = || self.0.iter().flatten().map(|seen| &seen.event);
        let mut kinds: HashMap<UsageKind, usize> = HashMap::new();
        for event in events() {
            *kinds.entry(event.kind).or_default() += 1;
        }
        let all = events().count();
        let mut most: Vec<(UsageKind, usize)> = kinds.into_iter().collect();
        most.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
        let share = |count: usize| count as f64 / all.max(1) as f64 * 100.0;
        let words: Vec<String> = most.iter().take(12).map(|(kind, count)| format!("{kind} {:.1} %", share(*count))).collect();
        let people: HashSet<&String> = events().filter_map(|event| event.actor.as_ref()).collect();
        let busiest = self.0.iter().map(Vec::len).max().unwrap_or_default();
        println!(
            "analytics: the model has {} events of {} kinds by {} people; {:.2} % of them are in the busiest hour of the week; {}",
            grouped(all),
            most.len(),
            people.len(),
            share(busiest),
            words.join(", ")
        );
    }
}

/// Removes the events of the replay and what they added up to: what it left is a team with things to be about.
async fn forget(state: &AppState) -> Result<()> {
    let mut tx = state.db.write_tx().await?;
    for table in [
        "DELETE FROM usage_events",
        "DELETE FROM usage_quarters",
        "DELETE FROM usage_days",
        "DELETE FROM usage_workspaces",
        "DELETE FROM usage_zones",
    ] {
        sqlx::query(table).execute(&mut *tx).await?;
    }
    Ok(tx.commit().await?)
}

async fn write(state: &AppState, model: &Model, count: usize) -> Result<()> {
    let now = traces_data::now()?;
    let zone = Zone::named(Some(ZONE))?;
    let from = zone.start_of(zone.day_of(now).plus(1 - DAYS));
    // 1970 began on a Thursday.
    let hour_of_week = |at: i64| ((at / clock::HOUR + 3 * 24) % HOURS as i64) as usize;
    let hours: Vec<i64> = (from..now - clock::HOUR).step_by(clock::HOUR as usize).collect();
    let weights: Vec<f64> = hours.iter().map(|at| model.0.get(hour_of_week(*at)).map_or(0.0, |seen| seen.len() as f64)).collect();
    let all: f64 = weights.iter().sum();
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut latest: HashMap<String, String> = HashMap::new();
    let (began, mut waiting, mut written, mut weighed) = (Instant::now(), Vec::with_capacity(TOGETHER), 0_usize, 0.0);
    for (hour, weight) in hours.iter().zip(weights) {
        weighed += weight;
        // So that there are exactly as many in the end.
        let due = (count as f64 * weighed / all).round() as usize;
        let Some(seen) = model.0.get(hour_of_week(*hour)) else { continue };
        let mut times: Vec<i64> = (written + waiting.len()..due).map(|_| hour + random.i64(0..clock::HOUR)).collect();
        times.sort_unstable();
        for at in times {
            let Some(seen) = random.choice(seen) else { continue };
            waiting.push(again(seen, at, &mut latest, &mut random));
            if waiting.len() >= TOGETHER {
                written += flush(state, &mut waiting).await?;
                if written.is_multiple_of(1_000_000) {
                    println!("analytics: {} written", grouped(written));
                }
            }
        }
    }
    written += flush(state, &mut waiting).await?;
    let seconds = began.elapsed().as_secs_f64();
    println!("analytics: {} events written in {seconds:.0} s, {:.0} a second", grouped(written), written as f64 / seconds);
    Ok(())
}

/// An event of the week at another time.
fn again(seen: &Seen, at: i64, latest: &mut HashMap<String, String>, random: &mut fastrand::Rng) -> Noted {
    let mut event = Noted { at, ..seen.event.clone() };
    if let Some(subject) = &mut event.subject {
        let of_session = matches!(event.kind.number(), 100..=116 | 420..=423);
        if seen.brings {
            let new = Uuid::from_u128(u128::from(at as u64) << 80 | 7 << 76 | 2 << 62 | u128::from(random.u64(..) >> 2)).to_string();
            if of_session {
                latest.insert(subject.clone(), new.clone());
            }
            *subject = new;
        } else if let Some(new) = latest.get(subject).filter(|_| of_session) {
            subject.clone_from(new);
        }
    }
    event
}

async fn flush(state: &AppState, waiting: &mut Vec<Noted>) -> Result<usize> {
    let mut tx = state.db.write_tx().await?;
    sqlx::query("PRAGMA cache_size = -500000").execute(&mut *tx).await?;
    insert_many(&mut tx, &state.usage.keys, waiting).await?;
    tx.commit().await?;
    let written = waiting.len();
    waiting.clear();
    Ok(written)
}
