//! The only SQL on patterns and proposals; that on decisions, traces that are grouped, promotions, passes, what is to be written and the level of all teams is
//! beside it.

mod decisions;
mod grouped;
mod passes;
mod promotions;
mod sharing;
mod stale;

use std::collections::HashMap;

use llmos_patterns::{Evidence, confidence};

use sqlx::AnyPool;

pub use decisions::{Decision, decide, hold, let_go, wake};
pub use grouped::{add_waiting, assign, assigned, drop_waiting, traces_before, traces_of, waiting, waiting_count};
pub use passes::{LOST, RunNow, begin_run, note_run, runs, traces_of_last_pass};
pub use promotions::{NewPromotion, PromotionRow, begin_promotion, end_promotion, promotions_of_pattern, promotions_of_proposal};
pub use sharing::{count_teams, drop_unshared, not_taken, set_shares, shares, sharing, sharing_teams_of, traces_by_team, unshared};
pub use stale::{Mark, counts, mark, mark_going, mark_odd, mark_of_trace, mark_shared_of, stale, traces_in, unfinished, unmark};

use super::model::{Ground, Level, PatternEventKind, ProposalKind, Settings};
use crate::{
    error::AppResult,
    ids::{ArtifactId, PatternId, ProposalId, RevisionId, TraceId},
    server::db::{Sql, Target, Tx, flag},
};

/// Rows of one statement.
const ROWS: usize = 500;

crate::row! {
    #[derive(Clone, Debug)]
    pub struct PatternRow {
        pub id: String, pub place_id: String, pub level: String, pub number: i64, pub name: String, pub slug: String, pub runs: i64, pub successes: i64,
        pub people: i64, pub teams: i64, pub cohesion: f64, pub last_at: i64, pub summary: String, pub gone_at: Option<i64>, pub into_id: Option<String>,
    }
}

impl PatternRow {
    /// Whether runs of so many people, and teams, are in it that it may be seen at its level.
    pub fn is_shared_enough(&self, level: Level) -> bool {
        self.people >= level.least_people() && self.teams >= level.least_teams()
    }
    /// How sure it is at this time, UTC milliseconds. What the table has is of the last pass and only for its order: age lowers it every day.
    pub fn confidence(&self, now: i64) -> f64 {
        confidence(&Evidence {
            successes: self.successes.max(0) as u32,
            failures: (self.runs - self.successes).max(0) as u32,
            cohesion: self.cohesion,
            people: self.people.max(1) as u32,
            age_ms: now - self.last_at,
        })
    }
}

crate::row! {
    #[derive(Clone, Debug)]
    pub struct ProposalRow {
        pub id: String, pub place_id: String, pub pattern_id: String, pub kind: String, pub state: String, pub slug: String, pub text: String,
        pub artifact_id: Option<String>, pub confidence: f64, pub runs: i64, pub author: String, pub note: Option<String>, pub saves: i64, pub reason: Option<String>,
        pub base_id: Option<String>, pub decided_by: Option<String>, pub decided_at: Option<i64>, pub created_at: i64, pub name: String,
        /// What was drafted of the runs, before people edited it; their text, where that is not known.
        pub drafted: String,
    }
}

crate::row! {
    #[derive(Clone, Debug)]
    pub struct PlaceRow {
        pub place_id: String, pub level: String, pub paused: i64, pub cron: String, pub zone: String, pub after_new: i64, pub shown_runs: i64,
        pub listed: f64, pub proposed: f64, pub next_at: Option<i64>,
    }
}

impl PlaceRow {
    pub fn settings(&self) -> Settings {
        Settings {
            paused: self.paused != 0,
            cron: self.cron.clone(),
            zone: self.zone.clone(),
            after: self.after_new,
            shown_runs: self.shown_runs,
            listed: self.listed,
            proposed: self.proposed,
        }
    }
}

const PATTERN: &str = "SELECT id, place_id, level, number, name, slug, runs, successes, people, teams, cohesion, last_at, summary, gone_at, into_id FROM patterns WHERE ";
macro_rules! select_proposals {
    ($text:literal) => {
        concat!(
            "SELECT o.id, o.place_id, o.pattern_id, o.kind, o.state, o.slug, ",
            $text,
            ", o.artifact_id, o.confidence, o.runs, o.author, o.note, o.saves, o.reason, o.base_id, o.decided_by, o.decided_at, o.created_at, p.name \
             FROM proposals o JOIN patterns p ON p.id = o.pattern_id WHERE "
        )
    };
}
const PROPOSAL: &str = select_proposals!("o.text, COALESCE(o.drafted, o.text) AS drafted");
/// A list does without the texts.
const LISTED_PROPOSAL: &str = select_proposals!("'' AS text, '' AS drafted");
const PLACE: &str =
    "SELECT place_id, level, paused, cron, zone, after_new, shown_runs, listed, proposed, next_at FROM evolution_places WHERE ";

// ── Places ──

pub async fn place(pool: &AnyPool, ground: Ground) -> AppResult<Option<PlaceRow>> {
    let mut sql = Sql::new(PLACE);
    sql.push("place_id = ").bind(ground.id());
    Ok(sql.fetch_all(pool).await?.pop())
}

/// Puts a place down as it is now, unless it is there.
pub async fn keep_place(tx: &mut Tx, ground: Ground, settings: &Settings, next_at: Option<i64>, now: i64) -> AppResult<()> {
    write_place(tx, ground, settings, next_at, now, " ON CONFLICT (place_id) DO NOTHING").await
}

pub async fn set_place(tx: &mut Tx, ground: Ground, settings: &Settings, next_at: Option<i64>, now: i64) -> AppResult<()> {
    let change = " ON CONFLICT (place_id) DO UPDATE SET paused = excluded.paused, cron = excluded.cron, zone = excluded.zone, after_new = excluded.after_new, \
         shown_runs = excluded.shown_runs, listed = excluded.listed, proposed = excluded.proposed, next_at = excluded.next_at, updated_at = excluded.updated_at";
    write_place(tx, ground, settings, next_at, now, change).await
}

async fn write_place(
    tx: &mut Tx,
    ground: Ground,
    settings: &Settings,
    next_at: Option<i64>,
    now: i64,
    conflict: &'static str,
) -> AppResult<()> {
    let mut sql = Sql::new(
        "INSERT INTO evolution_places (place_id, level, paused, cron, zone, after_new, shown_runs, listed, proposed, next_at, updated_at) VALUES ",
    );
    sql.rows(&[()], |row, ()| {
        row.bind(ground.id())
            .bind(ground.level().as_str())
            .bind(flag(settings.paused))
            .bind(settings.cron.clone())
            .bind(settings.zone.clone());
        row.bind(settings.after).bind(settings.shown_runs).bind(settings.listed).bind(settings.proposed).bind(next_at).bind(now);
    });
    sql.push(conflict);
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// Places whose schedule is due.
pub async fn due(pool: &AnyPool, now: i64, limit: i64) -> AppResult<Vec<PlaceRow>> {
    let mut sql = Sql::new(PLACE);
    sql.push("paused = 0 AND next_at <= ").bind(now).push(" ORDER BY next_at LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// Moves a schedule on; whether this caller did.
pub async fn advance(tx: &mut Tx, place: &str, from: i64, next: Option<i64>) -> AppResult<bool> {
    let done = sqlx::query("UPDATE evolution_places SET next_at = $3 WHERE place_id = $1 AND next_at = $2")
        .bind(place)
        .bind(from)
        .bind(next)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Traces of a place came, went or changed: so many.
pub async fn add_changed(tx: &mut Tx, ground: Ground, traces: i64) -> AppResult<()> {
    sqlx::query("UPDATE evolution_places SET changed = changed + $2 WHERE place_id = $1")
        .bind(ground.id())
        .bind(traces)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// How many came, went or changed since the last pass.
pub async fn changed(pool: &AnyPool, ground: Ground) -> AppResult<i64> {
    let mut sql = Sql::new("SELECT changed FROM evolution_places WHERE place_id = ");
    sql.bind(ground.id());
    Ok(sql.fetch_all::<(i64,)>(pool).await?.first().map_or(0, |(changed,)| *changed))
}

/// A pass has looked at so many of them.
pub async fn pass_done(tx: &mut Tx, ground: Ground, changed: i64) -> AppResult<()> {
    sqlx::query("UPDATE evolution_places SET changed = CASE WHEN changed > $2 THEN changed - $2 ELSE 0 END WHERE place_id = $1")
        .bind(ground.id())
        .bind(changed)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

// ── Patterns ──

/// The highest number that was given in a place.
pub async fn last_number(pool: &AnyPool, ground: Ground) -> AppResult<i64> {
    let mut sql = Sql::new("SELECT COALESCE(MAX(number), 0) FROM (SELECT MAX(number) AS number FROM patterns WHERE place_id = ");
    sql.bind(ground.id()).push(" UNION ALL SELECT MAX(number) FROM pattern_traces WHERE place_id = ").bind(ground.id()).push(") numbers");
    Ok(sql.fetch_all::<(i64,)>(pool).await?.first().map_or(0, |(number,)| *number))
}

pub struct PatternNow<'a> {
    pub number: u64,
    pub name: &'a str,
    pub slug: &'a str,
    pub runs: i64,
    pub successes: i64,
    pub people: i64,
    pub cohesion: f64,
    pub confidence: f64,
    pub last_at: i64,
    pub summary: &'a str,
}

pub async fn write_patterns(tx: &mut Tx, ground: Ground, patterns: &[PatternNow<'_>], now: i64) -> AppResult<()> {
    for part in patterns.chunks(ROWS) {
        let mut sql = Sql::new(
            "INSERT INTO patterns (id, place_id, level, number, name, slug, runs, successes, people, cohesion, confidence, last_at, summary, created_at, updated_at) VALUES ",
        );
        sql.rows(part, |row, pattern| {
            row.bind(PatternId::generate().to_string()).bind(ground.id()).bind(ground.level().as_str()).bind(pattern.number as i64);
            row.bind(pattern.name.to_owned()).bind(pattern.slug.to_owned()).bind(pattern.runs).bind(pattern.successes).bind(pattern.people);
            row.bind(pattern.cohesion).bind(pattern.confidence).bind(pattern.last_at).bind(pattern.summary.to_owned()).bind(now).bind(now);
        });
        sql.push(
            " ON CONFLICT (place_id, number) DO UPDATE SET name = excluded.name, slug = excluded.slug, runs = excluded.runs, successes = excluded.successes, \
             people = excluded.people, cohesion = excluded.cohesion, confidence = excluded.confidence, last_at = excluded.last_at, summary = excluded.summary, \
             gone_at = NULL, into_id = NULL, updated_at = excluded.updated_at",
        );
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// It has no trace left; most of what it had is in another one. Whether it had some until now.
pub async fn end_pattern(tx: &mut Tx, ground: Ground, number: u64, into: Option<&str>, now: i64) -> AppResult<bool> {
    let ended = sqlx::query(
        "UPDATE patterns SET gone_at = $3, into_id = $4, runs = 0, successes = 0, teams = 0, updated_at = $3 WHERE place_id = $1 AND number = $2 AND gone_at IS NULL",
    )
    .bind(ground.id())
    .bind(number as i64)
    .bind(now)
    .bind(into)
    .execute(&mut **tx)
    .await?;
    Ok(ended.rows_affected() > 0)
}

/// What was proposed and promoted because of a pattern is because of the one that it went into. Where both ask the same, the question of the one that is
/// there stays.
pub async fn adopt(tx: &mut Tx, from: &str, into: &str, now: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE proposals SET state = 'ignored', until = NULL, reason = 'Its pattern went into another one, which has a proposal of its own.', decided_at = $3, \
         updated_at = $3 WHERE pattern_id = $1 AND state IN ('open', 'snoozed') AND EXISTS \
         (SELECT 1 FROM proposals o WHERE o.pattern_id = $2 AND o.state IN ('open', 'snoozed') \
         AND (o.kind = 'retire' AND proposals.kind = 'retire' OR o.kind <> 'retire' AND proposals.kind <> 'retire'))",
    )
    .bind(from)
    .bind(into)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    for statement in
        ["UPDATE proposals SET pattern_id = $2 WHERE pattern_id = $1", "UPDATE promotions SET pattern_id = $2 WHERE pattern_id = $1"]
    {
        sqlx::query(statement).bind(from).bind(into).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Those that enough people, and teams, have in common, the surest first; `runs` of one are at least so many. They were at least so sure when they were
/// written last: what age took since counts with the next pass, for the list and its length alike.
pub async fn patterns(pool: &AnyPool, ground: Ground, runs: i64, sure: f64, limit: i64) -> AppResult<Vec<PatternRow>> {
    let (people, teams) = (ground.level().least_people(), ground.level().least_teams());
    let mut sql = Sql::new(PATTERN);
    sql.push("gone_at IS NULL AND place_id = ").bind(ground.id()).push(" AND runs >= ").bind(runs);
    sql.push(" AND people >= ").bind(people).push(" AND teams >= ").bind(teams).push(" AND confidence >= ").bind(sure);
    sql.push(" ORDER BY confidence DESC, runs DESC, id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// How many those are.
pub async fn patterns_count(pool: &AnyPool, ground: Ground, runs: i64, sure: f64) -> AppResult<i64> {
    let mut sql = Sql::new("SELECT COUNT(*) FROM patterns WHERE gone_at IS NULL AND place_id = ");
    sql.bind(ground.id()).push(" AND runs >= ").bind(runs).push(" AND confidence >= ").bind(sure);
    sql.push(" AND people >= ").bind(ground.level().least_people()).push(" AND teams >= ").bind(ground.level().least_teams());
    Ok(sql.fetch_all::<(i64,)>(pool).await?.first().map_or(0, |(count,)| *count))
}

/// All of those, by id, after this one.
pub async fn patterns_after(pool: &AnyPool, ground: Ground, runs: i64, after: &str, limit: i64) -> AppResult<Vec<PatternRow>> {
    let mut sql = Sql::new(PATTERN);
    sql.push("gone_at IS NULL AND place_id = ").bind(ground.id()).push(" AND runs >= ").bind(runs);
    sql.push(" AND people >= ").bind(ground.level().least_people()).push(" AND teams >= ").bind(ground.level().least_teams());
    sql.push(" AND id > ").bind(after.to_owned()).push(" ORDER BY id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// Writes how sure these are now: lists are ordered by it.
pub async fn write_confidences(tx: &mut Tx, sure: &[(&str, f64)]) -> AppResult<()> {
    for part in sure.chunks(ROWS) {
        let mut sql = Sql::new("UPDATE patterns SET confidence = CASE id");
        for (id, confidence) in part {
            sql.push(" WHEN ").bind((*id).to_owned()).push(" THEN ").bind(*confidence);
        }
        sql.push(" ELSE confidence END WHERE id IN ").bind_list(part.iter().map(|(id, _)| id));
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

pub async fn pattern<'c>(executor: impl Target<'c>, id: PatternId) -> AppResult<Option<PatternRow>> {
    let mut sql = Sql::new(PATTERN);
    sql.push("id = ").bind(id.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

/// The one that a trace is in, as long as it has traces.
pub async fn pattern_of(pool: &AnyPool, ground: Ground, trace: TraceId) -> AppResult<Option<PatternRow>> {
    let mut sql = Sql::new(PATTERN);
    sql.push("gone_at IS NULL AND place_id = ").bind(ground.id());
    sql.push(" AND number = (SELECT number FROM pattern_traces WHERE place_id = ").bind(ground.id());
    sql.push(" AND trace_id = ").bind(trace.to_string()).push(")");
    Ok(sql.fetch_all(pool).await?.pop())
}

/// By their numbers.
pub async fn by_numbers<'c>(executor: impl Target<'c>, place: &str, numbers: &[i64]) -> AppResult<HashMap<i64, PatternRow>> {
    let mut sql = Sql::new(PATTERN);
    sql.push("place_id = ").bind(place.to_owned()).push(" AND number IN (");
    for (at, number) in numbers.iter().enumerate() {
        sql.push(if at == 0 { "" } else { ", " }).bind(*number);
    }
    if numbers.is_empty() {
        sql.push("NULL");
    }
    sql.push(")");
    Ok(sql.fetch_all::<PatternRow>(executor).await?.into_iter().map(|row| (row.number, row)).collect())
}

pub async fn add_event(tx: &mut Tx, ground: Ground, kind: PatternEventKind, pattern: &str, others: &[String], now: i64) -> AppResult<()> {
    sqlx::query("INSERT INTO pattern_events (id, place_id, kind, pattern_id, others, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(PatternId::generate().to_string())
        .bind(ground.id())
        .bind(kind.as_str())
        .bind(pattern)
        .bind(serde_json::to_string(others)?)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Patterns by their ids.
pub async fn by_ids(pool: &AnyPool, ids: &[String]) -> AppResult<Vec<PatternRow>> {
    let mut found = Vec::with_capacity(ids.len());
    for part in ids.chunks(ROWS) {
        let mut sql = Sql::new(PATTERN);
        sql.push("id IN ").bind_list(part);
        found.extend(sql.fetch_all::<PatternRow>(pool).await?);
    }
    Ok(found)
}

/// What became of a pattern: kind, others, time; the latest first.
pub async fn events(pool: &AnyPool, pattern: &str, limit: i64) -> AppResult<Vec<(String, String, i64)>> {
    let mut sql = Sql::new("SELECT kind, others, created_at FROM pattern_events WHERE pattern_id = ");
    sql.bind(pattern.to_owned()).push(" ORDER BY id DESC LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// When the first run of a pattern began, as far as its traces are here.
pub async fn first_run(tx: &mut Tx, pattern: &str) -> AppResult<Option<i64>> {
    Ok(sqlx::query_scalar(
        "SELECT MIN(t.started_at) FROM patterns p JOIN pattern_traces m ON m.place_id = p.place_id AND m.number = p.number \
         JOIN traces t ON t.id = m.trace_id WHERE p.id = $1",
    )
    .bind(pattern)
    .fetch_one(&mut **tx)
    .await?)
}

// ── Proposals ──

pub struct NewProposal<'a> {
    pub id: ProposalId,
    pub pattern: &'a PatternRow,
    pub kind: ProposalKind,
    pub slug: &'a str,
    pub text: &'a str,
    /// What was drafted of the runs.
    pub drafted: Option<&'a str>,
    pub artifact: Option<ArtifactId>,
    /// The revision of it that the text was made of.
    pub base: Option<RevisionId>,
    pub author: &'a str,
    pub note: Option<&'a str>,
    pub now: i64,
}

/// False where the pattern has an open one of that kind.
pub async fn propose(tx: &mut Tx, new: &NewProposal<'_>) -> AppResult<bool> {
    let written = sqlx::query(
        "INSERT INTO proposals (id, place_id, level, pattern_id, kind, state, slug, text, artifact_id, confidence, runs, author, note, created_at, updated_at, base_id, drafted) \
         VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $15) ON CONFLICT (pattern_id, kind) WHERE state IN ('open', 'snoozed') DO NOTHING",
    )
    .bind(new.id.to_string())
    .bind(&new.pattern.place_id)
    .bind(&new.pattern.level)
    .bind(&new.pattern.id)
    .bind(new.kind.as_str())
    .bind(new.slug)
    .bind(new.text)
    .bind(new.artifact.map(|id| id.to_string()))
    .bind(new.pattern.confidence(new.now))
    .bind(new.pattern.runs)
    .bind(new.author)
    .bind(new.note)
    .bind(new.now)
    .bind(new.base.map(|id| id.to_string()))
    .bind(new.drafted)
    .execute(&mut **tx)
    .await?;
    Ok(written.rows_affected() > 0)
}

/// Open ones come first, then the latest; snoozed ones whose time has come are open. What was not accepted needs as many teams as its pattern.
pub async fn proposals(pool: &AnyPool, ground: Ground, limit: i64) -> AppResult<Vec<ProposalRow>> {
    let mut sql = Sql::new(LISTED_PROPOSAL);
    sql.push("o.place_id = ")
        .bind(ground.id())
        .push(" AND (o.state = 'accepted' OR p.teams >= ")
        .bind(ground.level().least_teams())
        .push(") ORDER BY CASE o.state WHEN 'open' THEN 0 WHEN 'snoozed' THEN 1 ELSE 2 END, o.id DESC LIMIT ")
        .number(limit);
    sql.fetch_all(pool).await
}

/// How many those are.
pub async fn proposals_count(pool: &AnyPool, ground: Ground) -> AppResult<i64> {
    let mut sql = Sql::new("SELECT COUNT(*) FROM proposals o JOIN patterns p ON p.id = o.pattern_id WHERE o.place_id = ");
    sql.bind(ground.id()).push(" AND (o.state = 'accepted' OR p.teams >= ").bind(ground.level().least_teams()).push(")");
    Ok(sql.fetch_all::<(i64,)>(pool).await?.first().map_or(0, |(count,)| *count))
}

/// What is proposed because of patterns, as (pattern, proposal, kind, state): what waits for a decision first, then the latest.
pub async fn marks_of(pool: &AnyPool, patterns: &[&str]) -> AppResult<Vec<(String, String, String, String)>> {
    let mut found = Vec::new();
    for part in patterns.chunks(ROWS) {
        let mut sql = Sql::new("SELECT pattern_id, id, kind, state FROM proposals WHERE pattern_id IN ");
        sql.bind_list(part).push(" ORDER BY CASE state WHEN 'open' THEN 0 WHEN 'snoozed' THEN 1 ELSE 2 END, id DESC");
        found.extend(sql.fetch_all::<(String, String, String, String)>(pool).await?);
    }
    Ok(found)
}

/// What was proposed because of patterns, as (pattern, state, runs then); what retires a skill is among them.
pub async fn decisions_of(pool: &AnyPool, patterns: &[&str]) -> AppResult<Vec<(String, String, i64)>> {
    let mut found = Vec::new();
    for part in patterns.chunks(ROWS) {
        let mut sql = Sql::new("SELECT pattern_id, state, runs FROM proposals WHERE pattern_id IN ");
        sql.bind_list(part);
        found.extend(sql.fetch_all::<(String, String, i64)>(pool).await?);
    }
    Ok(found)
}

pub async fn proposal<'c>(executor: impl Target<'c>, id: ProposalId) -> AppResult<Option<ProposalRow>> {
    let mut sql = Sql::new(PROPOSAL);
    sql.push("o.id = ").bind(id.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

/// Those by which a place got its skills, as (pattern, artifact, when it was decided), the latest first.
pub async fn accepted(pool: &AnyPool, ground: Ground) -> AppResult<Vec<(String, String, i64)>> {
    let mut sql = Sql::new("SELECT pattern_id, artifact_id, decided_at FROM proposals WHERE state = 'accepted' AND kind <> 'retire' ");
    sql.push("AND artifact_id IS NOT NULL AND decided_at IS NOT NULL AND place_id = ").bind(ground.id()).push(" ORDER BY id DESC");
    sql.fetch_all(pool).await
}

/// Where proposals were made, and of which patterns: id, place, the pattern's id and name.
pub async fn places_of_proposals(pool: &AnyPool, ids: &[ProposalId]) -> AppResult<Vec<(String, String, String, String)>> {
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(ROWS) {
        let mut sql =
            Sql::new("SELECT o.id, o.place_id, p.id, p.name FROM proposals o JOIN patterns p ON p.id = o.pattern_id WHERE o.id IN ");
        sql.bind_list(chunk);
        found.extend(sql.fetch_all(pool).await?);
    }
    Ok(found)
}

/// All of these patterns, the latest first.
pub async fn proposals_of(pool: &AnyPool, patterns: &[&str]) -> AppResult<Vec<ProposalRow>> {
    let mut found = Vec::new();
    for part in patterns.chunks(ROWS) {
        let mut sql = Sql::new(PROPOSAL);
        sql.push("o.pattern_id IN ").bind_list(part).push(" ORDER BY o.id DESC");
        found.extend(sql.fetch_all::<ProposalRow>(pool).await?);
    }
    Ok(found)
}

/// Another text, if nobody wrote one in between.
pub async fn edit(tx: &mut Tx, id: ProposalId, text: &str, saves: i64, now: i64) -> AppResult<bool> {
    let written = sqlx::query(
        "UPDATE proposals SET text = $2, saves = saves + 1, updated_at = $4 WHERE id = $1 AND saves = $3 AND state IN ('open', 'snoozed')",
    )
    .bind(id.to_string())
    .bind(text)
    .bind(saves)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(written.rows_affected() > 0)
}

/// All of a place is removed for good.
pub async fn delete_place(tx: &mut Tx, ground: Ground) -> AppResult<()> {
    for statement in [
        "DELETE FROM promotions WHERE place_id = $1",
        "DELETE FROM proposals WHERE place_id = $1",
        "DELETE FROM pattern_events WHERE place_id = $1",
        "DELETE FROM pattern_traces WHERE place_id = $1",
        "DELETE FROM patterns WHERE place_id = $1",
        "DELETE FROM evolution_waiting WHERE place_id = $1",
        "DELETE FROM evolution_stale WHERE place_id = $1",
        "DELETE FROM evolution_runs WHERE place_id = $1",
        "DELETE FROM evolution_places WHERE place_id = $1",
    ] {
        sqlx::query(statement).bind(ground.id()).execute(&mut **tx).await?;
    }
    Ok(())
}
