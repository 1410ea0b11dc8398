//! Usage events: what one costs in the transaction of a use case, and how much disk they take, on a SQLite file of its own.

use std::time::Instant;

use llmos_lite::{
    features::analytics::service::{Event, Noted, UsageKind, Workspace, insert_many, record},
    ids::{ArtifactId, SessionId, TeamId, UserId, VolumeId},
    server::{config::Config, context::Ctx, state::AppState},
};

use crate::{Figure, Result, percentile};

/// Recorded one by one.
const SINGLE: usize = 20_000;
/// Written in bulk, for the size.
const MANY: usize = 1_000_000;
const TOGETHER: usize = 10_000;
/// One of so many is about something that no event was about before, as sessions, traces and commits are.
const NEW: usize = 5;

pub async fn run() -> Result<Vec<Figure>> {
    let data = tempfile::tempdir()?;
    let mut config = Config::from_sources(&|_| None, "")?;
    config.data_dir = data.path().to_owned();
    let file = data.path().join("llmos.sqlite");
    config.database_url = format!("sqlite:{}", file.display());
    let state = AppState::open(config).await?;
    let ctx = Ctx::internal(state.clone(), None);
    let (team, person, volume) = (TeamId::generate(), UserId::generate(), VolumeId::generate());
    let session = SessionId::generate();
    let event = |new: bool| {
        let subject = if new { SessionId::generate() } else { session };
        Event::new(UsageKind::SessionMessageSent).workspace(Workspace::Team(team)).by(person).volume(volume).subject(subject).amount(60_000)
    };

    let mut figures = Vec::new();
    for (what, is_new) in [("an event about something known", false), ("an event about something new", true)] {
        let mut micros = Vec::with_capacity(SINGLE);
        let mut tx = state.db.write_tx().await?;
        record(&ctx, &mut tx, event(false)).await?;
        tx.commit().await?;
        let mut tx = state.db.write_tx().await?;
        for _ in 0..SINGLE {
            let event = event(is_new);
            let began = Instant::now();
            record(&ctx, &mut tx, event).await?;
            micros.push(began.elapsed().as_secs_f64() * 1e6);
        }
        tx.commit().await?;
        figures.push(Figure::at_most(format!("{what}, in a transaction that is open, p50"), 50.0, percentile(&mut micros, 0.5), "µs"));
    }

    let size = || -> Result<u64> { Ok(std::fs::metadata(&file)?.len()) };
    let (before, began) = (size()?, Instant::now());
    let (people, artifacts): (Vec<UserId>, Vec<ArtifactId>) =
        ((0..200).map(|_| UserId::generate()).collect(), (0..5_000).map(|_| ArtifactId::generate()).collect());
    let now = ctx.now();
    let noted = |number: usize| Noted {
        at: now - 90 * 86_400_000 + number as i64 * 7_000,
        kind: UsageKind::ALL[number % UsageKind::ALL.len()],
        workspace: Some(team.to_string()),
        actor: people.get(number % people.len()).map(ToString::to_string),
        volume: Some(volume.to_string()),
        subject: match number % NEW {
            0 => Some(SessionId::generate().to_string()),
            _ => artifacts.get(number * 7 % artifacts.len()).map(ToString::to_string),
        },
        artifact_kind: 1,
        category: (number % 13) as u8,
        amount: number as i64 % 1_800_000,
        extra: 0,
    };
    for from in (0..MANY).step_by(TOGETHER) {
        let events: Vec<Noted> = (from..from + TOGETHER).map(noted).collect();
        let mut tx = state.db.write_tx().await?;
        insert_many(&mut tx, &state.usage.keys, &events).await?;
        tx.commit().await?;
    }
    let seconds = began.elapsed().as_secs_f64();
    // Closing folds the log into the file.
    state.db.close().await;
    let bytes = (size()? - before) as f64 / MANY as f64;
    figures.push(Figure::at_most("disk for an event, with indexes and its share of the dictionary", 200.0, bytes, "bytes"));
    figures.push(Figure::at_least("events a second, written in bulk", 20_000.0, MANY as f64 / seconds, ""));
    Ok(figures)
}
