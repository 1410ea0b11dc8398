//! Figures: each number that the API tells is the one computed from the raw events, by a plain implementation, whatever was late, rebuilt or killed.

mod kept;
mod kills;
mod page;
mod removal;
mod rows;
mod told;

use std::time::Duration;

use llmos_analytics::{
    Kind, Origin,
    cells::Filter,
    dashboard::Asked,
    event::Event,
    latency::BUCKETS,
    model::{Query, Span},
    raw,
    zones::Zone,
};
use llmos_lite::{
    features::{
        analytics::service::{Noted, insert_many, roll_up},
        artifacts::model::CATEGORIES,
    },
    server::{
        clock,
        context::Ctx,
        db::{Db, Engine},
    },
};
use serde_json::{Value, json};

use crate::{
    app::{Client, PASSWORD, TestApp, text},
    sessions::{begin, say},
    volumes::{commit, create, save, volume},
};

/// All events of a database.
pub async fn events(db: &Db) -> Vec<Event> {
    type Row = (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT seq, at, kind, workspace, actor, volume, subject, artifact_kind, category, amount, extra FROM usage_events ORDER BY seq",
    )
    .fetch_all(db.read())
    .await
    .expect("the events are read");
    rows.into_iter()
        .map(|(seq, at, kind, workspace, actor, volume, subject, artifact_kind, category, amount, extra)| Event {
            seq,
            at,
            kind: Kind::from_number(kind as u16).expect("a kind that there is"),
            workspace: workspace as u32,
            actor: actor as u32,
            volume: volume as u32,
            subject: subject as u32,
            artifact_kind: artifact_kind as u8,
            category: category as u8,
            amount,
            extra,
        })
        .collect()
}

/// How many events are not counted yet.
pub async fn uncounted(db: &Db) -> i64 {
    let behind = match db.engine() {
        llmos_lite::server::db::Engine::Sqlite => "SELECT COUNT(*) FROM usage_events e, usage_rolled r WHERE e.seq > r.seq",
        llmos_lite::server::db::Engine::Postgres => {
            "SELECT COUNT(*) FROM usage_events e, usage_rolled r WHERE e.tx > r.tx OR (e.tx = r.tx AND e.seq > r.seq)"
        }
    };
    sqlx::query_scalar(behind).fetch_one(db.read()).await.expect("a number")
}

/// The number of a text in events; one that nothing has, where it has none.
pub async fn key(db: &Db, text: &str) -> u32 {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT id FROM usage_keys WHERE text = $1").bind(text).fetch_optional(db.read()).await.expect("a row");
    found.map_or(u32::MAX, |key| key as u32)
}

/// What both sides say: without names, and without what only one of them knows.
fn bare(value: &mut Value) {
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

/// What is asked, as the API and as the plain implementation have it.
#[derive(Clone, Default)]
pub struct Question {
    pub query: Query,
    /// Workspaces that are looked at, by their ids.
    pub mine: Vec<String>,
    pub operations: bool,
}

/// Asks the API, computes the same from the events, and compares.
pub async fn same(db: &Db, client: &Client, question: &Question) {
    let query = &question.query;
    let pairs: Vec<String> = query.pairs().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let path = format!("/analytics?{}", pairs.join("&"));
    for _ in 0..200 {
        if uncounted(db).await > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        let before = events(db).await;
        let (status, mut answer) = client.get(&path).await;
        assert_eq!(status, 200, "{path}: {answer}");
        // The server counts its own work, too: it may have counted some meanwhile.
        if events(db).await != before {
            continue;
        }
        let zone = Zone::named(query.zone.as_deref()).expect("a zone");
        let now = clock::now_ms();
        let range = zone.range_of(query, now).expect("a range");
        let asked =
            Asked { today: zone.day_of(now), before: query.compare.then(|| range.before()), zone, range, operations: question.operations };
        let mut filter = Filter::default();
        if let Some(person) = &query.person {
            filter.actor = key(db, person).await;
        }
        if let Some(volume) = &query.volume {
            filter.volume = key(db, volume).await;
        }
        filter.artifact_kind =
            query.kind.as_deref().map_or(0, |kind| ["", "skill", "tool", "agent"].iter().position(|name| *name == kind).unwrap_or(0) as u8);
        filter.category = query.category.as_deref().map_or(0, |category| {
            let at = CATEGORIES.iter().position(|(known, _)| *known == category);
            at.expect("a category that there is") as u8 + 1
        });
        let mut mine = Vec::new();
        for id in &question.mine {
            mine.push(key(db, id).await);
        }
        // Through text, as the answer: a fraction that is read again may differ in its last digit.
        let expected = serde_json::to_string(&raw::dashboard(&asked, &before, &mine, filter)).expect("JSON");
        let mut expected: Value = serde_json::from_str(&expected).expect("JSON");
        bare(&mut answer);
        bare(&mut expected);
        for (group, value) in expected.as_object().expect("groups") {
            assert_eq!(&answer[group], value, "{group} of {path}");
        }
        return;
    }
    panic!("the events are counted: {} are not", uncounted(db).await);
}

/// A bit of everything, in the name of Maya.
async fn work(maya: &Client, team: &str) -> String {
    let own = volume(maya, "team").await;
    let made = create(maya, &own, "Review").await;
    let id = text(&made["summary"]["id"]);
    assert_eq!(save(maya, &id, "# Review\n", made["draft"]["saves"].as_i64().unwrap_or_default()).await.0, 200);
    commit(maya, &[(&id, None)], "First").await;
    let session = begin(maya, Some(team), "Talk").await;
    say(maya, &session, "hello").await;
    assert_eq!(maya.get("/search?q=review").await.0, 200);
    own
}

/// Events of a year in several workspaces, written in bulk by the code that services use. The same on each run.
pub fn year(now: i64, workspaces: &[Option<String>], people: &[String], volumes: &[String], many: usize) -> Vec<Noted> {
    const KINDS: &[Kind] = &[
        Kind::SessionCreated,
        Kind::SessionMessageSent,
        Kind::SessionMessageSent,
        Kind::ArtifactCreated,
        Kind::ArtifactDeleted,
        Kind::ArtifactLeft,
        Kind::ArtifactEntered,
        Kind::ArtifactCommitted,
        Kind::ArtifactViewed,
        Kind::ArtifactCoedited,
        Kind::CommitMade,
        Kind::PullRequestOpened,
        Kind::PullRequestMerged,
        Kind::PresencePeak,
        Kind::TraceTaken,
        Kind::SkillUsed,
        Kind::SkillGenerated,
        Kind::PatternFound,
        Kind::ProposalMade,
        Kind::ProposalAccepted,
        Kind::ProposalRejected,
        Kind::ListingViewed,
        Kind::ListingInstalled,
        Kind::ListingFirstUsed,
        Kind::ListingUpdated,
        Kind::ItemRated,
        Kind::SearchQueried,
        Kind::SearchOpened,
        Kind::DeliveryReceived,
        Kind::JobEnded,
        Kind::HttpServed,
        Kind::HttpFailed,
    ];
    let mut random = fastrand::Rng::with_seed(8);
    let mut pick = |below: i64| random.i64(0..below.max(1));
    (0..many)
        .map(|_| {
            let kind = KINDS[pick(KINDS.len() as i64) as usize];
            let (amount, extra) = match kind {
                Kind::ArtifactCreated => (pick(Origin::Installed as i64 + 1), 0),
                Kind::ArtifactLeft | Kind::ArtifactEntered => (1 + pick(3), 0),
                Kind::ItemRated => (1 + pick(5), 0),
                Kind::SearchOpened => (1 + pick(30), 0),
                Kind::TraceTaken | Kind::SkillUsed => (pick(2), pick(90_000)),
                Kind::ArtifactCoedited => (60_000, 0),
                Kind::ProposalMade | Kind::ProposalAccepted | Kind::ProposalRejected => (pick(9_000_000), pick(1_000_001)),
                Kind::HttpServed => (1 + pick(50), pick(BUCKETS.into())),
                _ => (pick(1_000_000), pick(3)),
            };
            let of_server = kind.number() >= 800;
            Noted {
                at: now - pick(400 * clock::DAY),
                kind,
                workspace: if of_server { None } else { workspaces[pick(workspaces.len() as i64) as usize].clone() },
                actor: (!of_server).then(|| people[pick(people.len() as i64) as usize].clone()),
                volume: Some(volumes[pick(volumes.len() as i64) as usize].clone()),
                subject: Some(format!("thing {}", pick(40))),
                artifact_kind: pick(4) as u8,
                category: pick(13) as u8,
                amount,
                extra,
            }
        })
        .collect()
}

/// Adds up everything that is there. On PostgreSQL an event waits for each transaction of the server that is older, and other tests have theirs.
async fn count(app: &TestApp) {
    let db = &app.state.db;
    if db.engine() == Engine::Postgres {
        let sql = "SELECT COALESCE(MAX(tx), 0) < pg_snapshot_xmin(pg_current_snapshot())::text::BIGINT FROM usage_events";
        let mut tries = 0;
        while !sqlx::query_scalar::<_, bool>(sql).fetch_one(db.read()).await.expect("an answer") {
            tries += 1;
            assert!(tries < 600, "a transaction stays open for a minute");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    roll_up(&Ctx::internal(app.state.clone(), None)).await.expect("they are counted");
}

async fn write(app: &TestApp, events: &[Noted]) {
    for some in events.chunks(500) {
        let mut tx = app.state.db.write_tx().await.expect("a transaction");
        insert_many(&mut tx, &app.state.usage.keys, some).await.expect("events");
        tx.commit().await.expect("a commit");
    }
    count(app).await;
}

app_test!(each_figure_is_that_of_the_events, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@harbor.internal").await;
    let own = work(&maya, &team).await;
    let spaces = [Some(maya.id.clone()), Some(team.clone()), Some(tom.id.clone()), None];
    let people = [maya.id.clone(), tom.id.clone(), "somebody".to_owned()];
    write(app, &year(clock::now_ms(), &spaces, &people, &[own.clone(), "elsewhere".to_owned()], 3_000)).await;
    let db = &app.state.db;
    let all = vec![maya.id.clone(), team.clone()];
    let query = |range: Span, zone: &str| Query { range, zone: Some(zone.to_owned()), compare: true, ..Query::default() };
    for query in [
        query(Span::Week, "UTC"),
        query(Span::Month, "Asia/Kathmandu"),
        query(Span::Quarter, "Europe/Berlin"),
        Query { compare: false, ..query(Span::Year, "Australia/Lord_Howe") },
        Query {
            range: Span::Custom,
            from: "2026-03-01".parse().ok(),
            to: "2026-04-10".parse().ok(),
            ..query(Span::Custom, "America/New_York")
        },
        Query { person: Some(tom.id.clone()), ..query(Span::Quarter, "Europe/Berlin") },
        Query { volume: Some(own.clone()), ..query(Span::Quarter, "Europe/Berlin") },
        Query { kind: Some("skill".to_owned()), ..query(Span::Quarter, "America/St_Johns") },
        Query { category: Some("data-analysis".to_owned()), ..query(Span::Quarter, "Asia/Kathmandu") },
    ] {
        same(db, &maya, &Question { query, mine: all.clone(), operations: true }).await;
    }
    // One team alone, and somebody who is no administrator.
    let query = Query { team: Some(team.clone()), ..query(Span::Quarter, "Europe/Berlin") };
    same(db, &tom, &Question { query: query.clone(), mine: vec![team.clone()], operations: false }).await;

    // What comes in late counts where it belongs, in days that were asked for before.
    write(app, &year(clock::now_ms() - 20 * clock::DAY, &spaces, &people, std::slice::from_ref(&own), 500)).await;
    same(db, &maya, &Question { query: query.clone(), mine: vec![team.clone()], operations: true }).await;

    // A person who is gone still counts.
    assert_eq!(tom.post("/admin/analytics/rebuild", Value::Null).await.0, 403);
    let (status, answer) = tom.json(reqwest::Method::DELETE, "/me", json!({ "password": PASSWORD })).await;
    assert_eq!(status, 204, "{answer}");
    same(db, &maya, &Question { query: query.clone(), mine: vec![team.clone()], operations: true }).await;
    same(db, &maya, &Question { query: Query { team: None, ..query.clone() }, mine: all, operations: true }).await;

    // Made anew, the numbers are the same.
    let path = "/analytics?range=90d&compare=true&zone=Europe/Berlin";
    let (_, before) = maya.get(path).await;
    let (status, job) = maya.post("/admin/analytics/rebuild", Value::Null).await;
    assert_eq!(status, 202, "{job}");
    let job = format!("/jobs/{}", text(&job["id"]));
    let mut ended = Value::Null;
    for _ in 0..2_400 {
        ended = maya.get(&job).await.1;
        if ended["state"] == "done" || ended["state"] == "failed" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ended["state"], "done", "{ended}");
    same(db, &maya, &Question { query, mine: vec![team.clone()], operations: true }).await;
    let (_, after) = maya.get(path).await;
    for group in ["sessions", "artifacts", "skills", "collaboration", "evolution", "marketplace"] {
        assert_eq!(before[group], after[group], "{group}");
    }
});

app_test!(rows_are_named_saved_and_those_of_an_hour, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let own = work(&maya, &team).await;
    write(app, &year(clock::now_ms(), &[Some(team.clone())], std::slice::from_ref(&maya.id), std::slice::from_ref(&own), 1_500)).await;
    let base = format!("range=90d&team={team}&zone=Asia/Kathmandu");
    let (_, dashboard) = maya.get(&format!("/analytics?{base}")).await;
    let (status, page) = maya.get(&format!("/analytics/rows?{base}&measure=sessions&limit=1")).await;
    assert_eq!((status, page["rows"][0]["personName"].as_str()), (200, Some("Maya Chen")), "{page}");
    let answer = maya.answer(maya.request(reqwest::Method::GET, &format!("/api/v1/analytics?{base}&format=csv"))).await;
    assert!(answer.header("content-type").starts_with("text/csv"), "{answer:?}");
    assert!(answer.text.starts_with("number,value\r\n") && answer.text.contains("\r\nsessions.total,"), "{}", answer.text);
    let heat = dashboard["collaboration"]["heat"].as_array().expect("weekdays");
    let cells = (0..7).flat_map(|weekday| (0..24).map(move |hour| (weekday, hour)));
    let cells: Vec<_> = cells.map(|(weekday, hour)| (weekday, hour, heat[weekday][hour].as_u64().expect("a number"))).collect();
    assert!(cells.iter().any(|(_, _, count)| *count > 0), "{heat:?}");
    for (weekday, hour, count) in cells.into_iter().step_by(5) {
        let (status, page) = maya.get(&format!("/analytics/rows?{base}&measure=activity&weekday={weekday}&hour={hour}&limit=200")).await;
        assert_eq!((status, page["rows"].as_array().map(|rows| rows.len() as u64)), (200, Some(count)), "{weekday} {hour}: {page}");
    }
    let (status, causes) = maya.get(&format!("/analytics/causes?{base}")).await;
    assert_eq!(status, 200);
    let commits: u64 = causes
        .as_array()
        .expect("causes")
        .iter()
        .filter(|cause| cause["kind"] == "commits")
        .filter_map(|cause| cause["count"].as_u64())
        .sum();
    assert_eq!(commits as f64, dashboard["collaboration"]["commits"]["now"].as_f64().expect("a number"));
});

app_test!(what_makes_no_sense_is_refused_with_the_reason, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.sign_up(&maya, "tom@harbor.internal").await;
    for (question, words) in [
        ("from=2026-05-02&to=2026-05-01", "before it starts"),
        ("range=custom", "needs its first and its last day"),
        ("from=2026-05-02", "needs its first and its last day"),
        ("from=2999-01-01&to=2999-02-01", "in the future"),
        ("from=1976-01-01&to=2026-01-01", "ten years"),
        ("from=2026-02-30&to=2026-03-01", "written like"),
        ("from=-1&to=1", "written like"),
        ("zone=Mars/Olympus", "no time zone"),
        ("zone=../../etc/passwd", "no time zone"),
        ("range=8d", "one of 7d"),
        ("kind=spell", "skill, tool or agent"),
        ("category=cooking", "no such category"),
        ("person=x", "no id of a person"),
        ("volume=x", "no id of a volume"),
        ("format=xml", "json or csv"),
        ("compare=perhaps", "does not fit"),
    ] {
        for path in ["/analytics", "/analytics/causes"] {
            let (status, error) = maya.get(&format!("{path}?{question}")).await;
            assert_eq!((status, error["code"].as_str()), (400, Some("invalid_input")), "{question}: {error}");
            assert!(error["message"].as_str().is_some_and(|message| message.contains(words)), "{question}: {error}");
        }
    }
    assert_eq!(maya.get("/analytics/rows?measure=wishes").await.0, 400);
    for more in ["cursor=x", "hour=3", "weekday=1", "weekday=7&hour=3", "weekday=0&hour=24", "weekday=-1&hour=0"] {
        assert_eq!(maya.get(&format!("/analytics/rows?measure=sessions&{more}")).await.0, 400, "{more}");
    }
    // Who is no member learns nothing, not even that there is such a team.
    for team in [team.as_str(), "0197f3d2-0000-7000-8000-000000000000", "x"] {
        for path in ["/analytics?", "/analytics/causes?", "/analytics/rows?measure=sessions&"] {
            let (status, error) = tom.get(&format!("{path}team={team}")).await;
            assert_eq!((status, error["code"].as_str()), (404, Some("not_found")), "{path}{team}: {error}");
        }
    }
    assert_eq!(app.visitor().get("/analytics").await.0, 401);
    // The server's own work is for administrators.
    assert_eq!(tom.get("/analytics/rows?measure=jobs").await.0, 403);
    let (status, dashboard) = tom.get("/analytics?team=personal&compare=true").await;
    assert_eq!((status, dashboard.get("operations")), (200, None), "{dashboard}");
    // A team without events is a page of zeros.
    let (status, dashboard) = maya.get(&format!("/analytics?team={team}&range=7d&compare=true")).await;
    assert_eq!(status, 200);
    assert_eq!(dashboard["sessions"]["created"], json!({ "now": 0.0, "before": 0.0, "trend": "too_few" }), "{dashboard}");
    assert_eq!(dashboard["sessions"]["averageMessages"]["now"], Value::Null);
    assert_eq!(dashboard["sessions"]["daily"]["now"].as_array().map(Vec::len), Some(7));
});

app_test!(where_nothing_is_written_the_answer_says_so, |config| { config.analytics_enabled = false }, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    work(&maya, &team).await;
    roll_up(&Ctx::internal(app.state.clone(), None)).await.expect("nothing to do");
    let (status, dashboard) = maya.get("/analytics").await;
    assert_eq!((status, &dashboard["enabled"], &dashboard["sessions"]["total"]), (200, &json!(false), &json!(0)), "{dashboard}");
    assert!(events(&app.state.db).await.is_empty());
    let page = maya.answer(maya.request(reqwest::Method::GET, "/analytics")).await;
    assert!(page.status == 200 && page.text.contains("Analytics is off"), "the page says so: {}", page.text);
});

app_test!(who_does_not_want_to_be_named_still_counts, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@harbor.internal").await;
    let session = begin(&tom, Some(&team), "Talk").await;
    say(&tom, &session, "hello").await;
    assert_eq!(tom.patch("/me", json!({ "namedInAnalytics": false })).await.0, 200);
    count(app).await;
    let (_, dashboard) = maya.get(&format!("/analytics?team={team}")).await;
    let line = &dashboard["sessions"]["byPerson"][0];
    assert_eq!((line["count"].as_u64(), line["id"].as_str(), line["name"].as_str()), (Some(1), Some(""), Some("")), "{dashboard}");
    let (_, alone) = maya.get(&format!("/analytics?team={team}&person={}", tom.id)).await;
    assert_eq!(alone["sessions"]["created"]["now"], 0.0, "nobody is looked at alone who does not want it");
});

app_test!(old_events_go_and_what_they_add_up_to_stays, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let now = clock::now_ms();
    let mut events_of_a_year = removal::past_year(&team, &maya.id, 200, 2_500);
    events_of_a_year.push(removal::ran(10));
    write(app, &events_of_a_year).await;
    let path = format!("/analytics?team={team}&from=2025-01-01&to=2026-08-01");
    let numbers = async || {
        let (status, mut dashboard) = maya.get(&path).await;
        assert_eq!(status, 200, "{dashboard}");
        bare(&mut dashboard);
        dashboard.as_object_mut().map(|groups| groups.remove("operations"));
        dashboard
    };
    let before = numbers().await;
    let ctx = Ctx::internal(app.state.clone(), None);
    llmos_lite::features::analytics::service::remove_old_events(&ctx).await.expect("old ones are removed");
    let kept = events(&app.state.db).await;
    assert!(kept.len() < 2_300 && kept.iter().all(|event| event.at > now - 400 * clock::DAY), "{} are left", kept.len());
    assert_eq!(numbers().await, before);
    let (_, job) = maya.post("/admin/analytics/rebuild", Value::Null).await;
    for _ in 0..600 {
        if maya.get(&format!("/jobs/{}", text(&job["id"]))).await.1["state"] == "done" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(numbers().await, before, "also when they are made anew");
});
