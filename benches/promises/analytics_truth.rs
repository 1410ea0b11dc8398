//! Whether the dashboard says what the events say: all of them are read, and the plain implementation of `crates/analytics` computes every number from them.

use std::time::{Duration, Instant};

use llmos_analytics::{Day, Kind, cells::Filter, dashboard::Asked, event::Event, model::Query, raw, zones::Zone};
use llmos_lite::server::db::Db;
use serde_json::Value;

use crate::{Result, analytics_made::ZONE, market::grouped, server::Server, traces_data};

/// Events that are read at once.
const PAGE: i64 = 50_000;
const PATIENCE: Duration = Duration::from_secs(600);

/// All events of a database, as far as they were read.
pub struct Events {
    db: Db,
    all: Vec<Event>,
}

impl Events {
    pub fn of(db: Db) -> Self {
        Self { db, all: Vec::new() }
    }

    /// Reads what came since; how many that was.
    async fn read_on(&mut self) -> Result<usize> {
        type Row = (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64);
        let before = self.all.len();
        loop {
            let after = self.all.last().map_or(0, |event| event.seq);
            let rows: Vec<Row> = sqlx::query_as(
                "SELECT seq, at, kind, workspace, actor, volume, subject, artifact_kind, category, amount, extra FROM usage_events \
                 WHERE seq > $1 ORDER BY seq LIMIT $2",
            )
            .bind(after)
            .bind(PAGE)
            .fetch_all(self.db.read())
            .await?;
            if rows.is_empty() {
                return Ok(self.all.len() - before);
            }
            for (seq, at, kind, workspace, actor, volume, subject, artifact_kind, category, amount, extra) in rows {
                self.all.push(Event {
                    seq,
                    at,
                    kind: u16::try_from(kind).ok().and_then(Kind::from_number).ok_or("an event of a kind that is not known")?,
                    workspace: workspace.try_into()?,
                    actor: actor.try_into()?,
                    volume: volume.try_into()?,
                    subject: subject.try_into()?,
                    artifact_kind: artifact_kind.try_into()?,
                    category: category.try_into()?,
                    amount,
                    extra,
                });
            }
        }
    }

    async fn key(&self, text: &str) -> Result<u32> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT id FROM usage_keys WHERE text = $1").bind(text.to_owned()).fetch_optional(self.db.read()).await?;
        Ok(found.map_or(Ok(u32::MAX), u32::try_from)?)
    }

    /// Asks the server, computes the same from the events, and compares every number. Fails where one differs.
    pub async fn compare(mut self, server: &Server, query: &Query) -> Result<()> {
        let began = Instant::now();
        self.read_on().await?;
        let address = address(query);
        // Until the server has counted all, and nothing comes in while it answers.
        let mut answer = loop {
            let uncounted: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM usage_events e, usage_rolled r WHERE e.seq > r.seq")
                .fetch_one(self.db.read())
                .await?;
            let answer = server.api("GET", &address, None).await?;
            if uncounted == 0 && self.read_on().await? == 0 {
                break answer;
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("{uncounted} events are not counted").into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let me = server.api("GET", "/me", None).await?;
        let mut mine = Vec::new();
        for id in std::iter::once(&me["person"]["id"]).chain(me["teams"].as_array().into_iter().flatten().map(|team| &team["id"])) {
            mine.push(self.key(id.as_str().ok_or("no id")?).await?);
        }
        let zone = Zone::named(query.zone.as_deref())?;
        let now = traces_data::now()?;
        let range = zone.range_of(query, now)?;
        let asked = Asked { today: zone.day_of(now), before: query.compare.then(|| range.before()), zone, range, operations: true };
        let mut filter = Filter::default();
        if let Some(person) = &query.person {
            filter.actor = self.key(person).await?;
        }
        if let Some(volume) = &query.volume {
            filter.volume = self.key(volume).await?;
        }
        let (count, read) = (self.all.len(), began.elapsed());
        let events = self.all;
        let plain = tokio::task::spawn_blocking(move || raw::dashboard(&asked, &events, &mine, filter)).await?;
        println!(
            "analytics: {} events read in {:.0} s, and every number computed from them in {:.0} s",
            grouped(count),
            read.as_secs_f64(),
            (began.elapsed() - read).as_secs_f64()
        );
        // Through text, as the answer: a fraction that is read again may differ in its last digit.
        let mut plain: Value = serde_json::from_str(&serde_json::to_string(&plain)?)?;
        bare(&mut answer);
        bare(&mut plain);
        let groups = plain.as_object().ok_or("no dashboard")?;
        let numbers: usize = groups.values().map(numbers).sum();
        for (group, value) in groups {
            if answer[group] != *value {
                return Err(format!("{group} of {address} is\n{}\nand by the events\n{value}", answer[group]).into());
            }
        }
        println!("analytics: all {} numbers of {address} are those of the events", grouped(numbers));
        self.db.close().await;
        Ok(())
    }
}

/// Where a question is asked.
pub fn address(query: &Query) -> String {
    let pairs: Vec<String> = query.pairs().iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("/analytics?{}", pairs.join("&"))
}

/// The days of the events, compared with the ones before, from [`ZONE`].
pub fn all_days(from: Day, to: Day) -> Query {
    Query {
        range: llmos_analytics::model::Span::Custom,
        from: Some(from),
        to: Some(to),
        zone: Some(ZONE.to_owned()),
        compare: true,
        ..Query::default()
    }
}

/// What both sides say: without names, and without what only one of them knows.
pub fn bare(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for name in ["id", "name", "choices", "countedTo", "enabled"] {
                fields.remove(name);
            }
            fields.values_mut().for_each(bare);
        }
        Value::Array(items) => items.iter_mut().for_each(bare),
        _ => {}
    }
}

fn numbers(value: &Value) -> usize {
    match value {
        Value::Number(_) => 1,
        Value::Object(fields) => fields.values().map(numbers).sum(),
        Value::Array(items) => items.iter().map(numbers).sum(),
        _ => 0,
    }
}
