//! Old events go, beside whatever else is made of them, and a clock that is wrong takes nothing along.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use llmos_analytics::{Day, Kind};
use llmos_lite::{
    features::analytics::service::{Noted, remove_old_events, remove_unused_days},
    server::{clock, context::Ctx},
};
use serde_json::{Value, json};

use super::{bare, count, events, kept::sessions, write, year};
use crate::app::{Client, TestApp, text};

/// That the server ran so many days ago: the clock is believed.
pub fn ran(days: i64) -> Noted {
    Noted {
        at: clock::now_ms() - days * clock::DAY,
        kind: Kind::JobEnded,
        workspace: None,
        actor: None,
        volume: None,
        subject: Some("a job".to_owned()),
        artifact_kind: 0,
        category: 0,
        amount: 5,
        extra: 0,
    }
}

/// Events of a year that ended so many days ago, in the order of time, as they are written.
pub fn past_year(team: &str, person: &str, days: i64, many: usize) -> Vec<Noted> {
    let volumes = ["a volume".to_owned()];
    let mut events = year(clock::now_ms() - days * clock::DAY, &[Some(team.to_owned())], &[person.to_owned()], &volumes, many);
    events.sort_by_key(|event| event.at);
    events
}

async fn removed(app: &TestApp) {
    remove_old_events(&Ctx::internal(app.state.clone(), None)).await.expect("old ones are removed");
}

/// The numbers of a team over two years, without what the server counts of itself.
async fn numbers(client: &Client, team: &str) -> Value {
    let today = Day((clock::now_ms() / clock::DAY) as i32);
    let (status, mut data) = client.get(&format!("/analytics?team={team}&from={}&to={}", today.plus(-700), today.plus(-150))).await;
    assert_eq!(status, 200, "{data}");
    bare(&mut data);
    data.as_object_mut().map(|groups| groups.remove("operations"));
    data["marketplace"].as_object_mut().map(|shelves| shelves.remove("all"));
    data
}

async fn execute(app: &TestApp, sql: &'static str) {
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query(sql).execute(&mut *tx).await.expect("it is done");
    tx.commit().await.expect("a commit");
}

app_test!(a_rebuild_ends_beside_the_removal_of_old_events, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let mut all = past_year(&team, &maya.id, 200, 4_000);
    all.push(ran(10));
    write(app, &all).await;
    let before = numbers(&maya, &team).await;
    let (status, job) = maya.post("/admin/analytics/rebuild", Value::Null).await;
    assert_eq!(status, 202, "{job}");
    let job = format!("/jobs/{}", text(&job["id"]));
    let mut ended = Value::Null;
    for _ in 0..600 {
        removed(app).await;
        ended = maya.get(&job).await.1;
        if ended["state"] == "done" || ended["state"] == "failed" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ended["state"], "done", "{ended}");
    assert_eq!(numbers(&maya, &team).await, before);
    // Then the old ones go, once: where nothing is old any more, the place from which on events are kept stays where it is, and another rebuild has nothing to meet.
    let floor = async || -> i64 {
        sqlx::query_scalar("SELECT floor FROM usage_rolled WHERE id = 1").fetch_one(app.state.db.read()).await.expect("a number")
    };
    removed(app).await;
    let kept_from = floor().await;
    assert!(kept_from > 0, "they are gone");
    tokio::time::sleep(Duration::from_millis(20)).await;
    removed(app).await;
    assert_eq!(floor().await, kept_from);
    assert_eq!(numbers(&maya, &team).await, before);
});

app_test!(a_clock_that_is_ahead_removes_nothing, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    write(app, &past_year(&team, &maya.id, 200, 800)).await;
    // As after a jump: much is older than thirteen months by this clock, and nothing shows that it was right a week ago.
    let all = events(&app.state.db).await.len();
    removed(app).await;
    assert!(events(&app.state.db).await.len() >= all, "nothing is gone");
    write(app, &[ran(10)]).await;
    removed(app).await;
    assert!(events(&app.state.db).await.len() < all, "once it is believed, they go");

    // An alert that was looked at on a day to come is looked at today.
    let alert = json!({ "name": "Few", "query": { "team": team }, "metric": "sessions", "rule": "below", "threshold": 1e6 });
    assert_eq!(maya.post("/analytics/alerts", alert).await.0, 201);
    execute(app, "UPDATE analytics_alerts SET checked_day = 40000").await;
    let ctx = Ctx::internal(app.state.clone(), None);
    let seen = llmos_lite::features::analytics::service::check_alerts(&ctx).await.expect("they are looked at");
    assert_eq!(seen, json!({ "checked": 1, "told": 1, "failed": 0 }));
});

app_test!(days_that_are_forgotten_while_they_are_read_are_not_left_out, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    write(app, &sessions(&team, &maya.id, 12, |_| 2)).await;
    let asked = AtomicBool::new(false);
    let forget = async {
        while !asked.load(Ordering::Relaxed) {
            execute(app, "DELETE FROM usage_days WHERE workspace <> 0").await;
            tokio::task::yield_now().await;
        }
    };
    let ask = async {
        let mut told = Vec::new();
        for zone in ["UTC", "Asia/Kathmandu"].into_iter().cycle().take(8) {
            let (status, data) = maya.get(&format!("/analytics?range=30d&zone={zone}&team={team}")).await;
            told.push((status, data["sessions"]["created"]["now"].as_f64()));
        }
        asked.store(true, Ordering::Relaxed);
        told
    };
    let ((), told) = tokio::join!(forget, ask);
    assert!(told.iter().all(|one| *one == (200, Some(24.0))), "{told:?}");
});

app_test!(days_of_zones_that_nobody_looks_from_any_more_go, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let mut all = past_year(&team, &maya.id, 0, 300);
    all.retain(|event| event.at > clock::now_ms() - 60 * clock::DAY);
    write(app, &all).await;
    let zones = async || -> Vec<String> {
        sqlx::query_scalar("SELECT DISTINCT zone FROM usage_days ORDER BY zone").fetch_all(app.state.db.read()).await.expect("zones")
    };
    for zone in ["Asia/Kathmandu", "Europe/Berlin"] {
        assert_eq!(maya.get(&format!("/analytics?range=90d&zone={zone}&team={team}")).await.0, 200);
    }
    assert_eq!(zones().await, ["Asia/Kathmandu", "Europe/Berlin"]);
    execute(app, "UPDATE usage_zones SET used_at = 1 WHERE zone = 'Asia/Kathmandu'").await;
    remove_unused_days(&Ctx::internal(app.state.clone(), None)).await.expect("they are removed");
    assert_eq!(zones().await, ["Europe/Berlin"]);

    // However many are asked for, few are kept up to date with what comes in.
    for zone in [
        "UTC",
        "Asia/Tokyo",
        "Asia/Seoul",
        "Asia/Dubai",
        "Africa/Cairo",
        "Africa/Lagos",
        "America/Lima",
        "America/Bogota",
        "America/Denver",
    ] {
        assert_eq!(maya.get(&format!("/analytics?range=7d&zone={zone}&team={team}")).await.0, 200);
    }
    execute(app, "DELETE FROM usage_days").await;
    let mut now = ran(0);
    (now.kind, now.workspace) = (Kind::SessionCreated, Some(team.clone()));
    write(app, &[now]).await;
    count(app).await;
    // The server may have counted it first, and still be at it.
    for _ in 0..250 {
        if zones().await.len() >= 8 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(zones().await.len(), 8);
});
