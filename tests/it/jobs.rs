//! The queue: order, tries, ends, schedules, and what administrators do with it.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
    time::Duration,
};

use llmos_lite::{
    error::{AppError, ErrorCode},
    features::jobs::{
        Job,
        model::ATTEMPTS,
        service::{self as jobs, Kind, NewJob, Outcome, Schedule},
    },
    ids::{JobId, UserId},
    server::context::Ctx,
};
use serde_json::{Value, json};

use crate::app::{TestApp, text};

/// One at a time.
const SINGLE: &str = "test.single";
/// Several at once.
const WIDE: &str = "test.wide";
const KINDS: [Kind; 2] = [
    Kind { name: SINGLE, at_once: 1, limit: Duration::from_secs(30) },
    Kind { name: WIDE, at_once: 16, limit: Duration::from_millis(500) },
];
const NONE: [Schedule; 0] = [];

/// What the handlers were begun with: the name in the payload.
static BEGUN: LazyLock<Mutex<Vec<String>>> = LazyLock::new(Mutex::default);
static ENDED: LazyLock<Mutex<Vec<String>>> = LazyLock::new(Mutex::default);

fn names(of: &Mutex<Vec<String>>, app: &TestApp) -> Vec<String> {
    let prefix = format!("{}/", mark(app));
    of.lock().expect("a list").iter().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned).collect()
}

/// Tests run at once, in one process.
fn mark(app: &TestApp) -> String {
    app.state.config.data_dir.to_string_lossy().into_owned()
}

fn run(ctx: Ctx, job: Job) -> std::pin::Pin<Box<dyn Future<Output = Outcome> + Send>> {
    Box::pin(async move {
        let payload: Value = serde_json::from_str(&job.payload)?;
        let name = format!("{}/{}", ctx.state.config.data_dir.display(), text(&payload["name"]));
        BEGUN.lock().expect("a list").push(name.clone());
        let pause = Duration::from_millis(payload["millis"].as_u64().unwrap_or(0));
        tokio::time::sleep(pause).await;
        match payload["fault"].as_str() {
            Some("once") if job.attempts == 1 => return Err(AppError::new(ErrorCode::Unavailable, "Not now.")),
            Some("always") => return Err(AppError::invalid("Never.")),
            Some("panic") if job.attempts == 1 => panic!("as a fault of ours would"),
            Some("steps") => {
                for step in 0..1_000 {
                    jobs::progress(&ctx, &job, step, 1_000).await?;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            _ => {}
        }
        ENDED.lock().expect("a list").push(name);
        Ok(json!({ "attempts": job.attempts }))
    })
}

/// A runner, as a process has it.
fn start(app: &TestApp) -> tokio::task::JoinHandle<()> {
    let ctx = Ctx::internal(app.state.clone(), None);
    tokio::spawn(async move { jobs::run_jobs(&ctx, &KINDS, &NONE, run).await })
}

async fn queue(app: &TestApp, jobs: Vec<NewJob>) {
    let ctx = Ctx::internal(app.state.clone(), None);
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    for job in jobs {
        jobs::enqueue(&mut tx, job, ctx.now()).await.expect("queued");
    }
    tx.commit().await.expect("committed");
}

fn job(kind: &'static str, payload: Value) -> NewJob {
    NewJob::new(kind, &payload).expect("JSON")
}

async fn count(app: &TestApp, state: &str) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM jobs WHERE state = $1 AND kind LIKE 'test.%'")
        .bind(state)
        .fetch_one(app.state.db.read())
        .await
        .expect("a number")
}

async fn until(app: &TestApp, state: &str, wanted: i64) {
    for _ in 0..1_500 {
        if count(app, state).await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} are {state}, not {wanted}", count(app, state).await);
}

app_test!(jobs_of_a_key_follow_one_another_and_others_do_not_wait, |app| {
    let keyed = |number: u64| job(WIDE, json!({ "name": format!("k{number}"), "millis": 30 })).in_order_of("volume");
    let mut wanted: Vec<NewJob> = (0..6).map(keyed).collect();
    wanted.push(job(WIDE, json!({ "name": "free" })));
    queue(app, wanted).await;
    let runner = start(app);
    until(app, "done", 7).await;
    let order = names(&ENDED, app);
    assert_eq!(order.iter().filter(|name| name.starts_with('k')).cloned().collect::<Vec<_>>(), ["k0", "k1", "k2", "k3", "k4", "k5"]);
    assert!(order.iter().position(|name| name == "free").expect("done") < 3, "{order:?}");
    runner.abort();
});

app_test!(the_more_urgent_is_begun_first, |app| {
    let named = |name: &str, priority: i64| job(SINGLE, json!({ "name": name })).priority(priority);
    queue(app, vec![named("low", -1), named("first", 0), named("second", 0), named("urgent", 5)]).await;
    let runner = start(app);
    until(app, "done", 4).await;
    assert_eq!(names(&BEGUN, app), ["urgent", "first", "second", "low"]);
    runner.abort();
});

app_test!(a_fault_of_the_moment_is_tried_again_and_another_one_is_kept, |app| {
    let runner = start(app);
    queue(
        app,
        vec![
            job(WIDE, json!({ "name": "once", "fault": "once" })),
            job(WIDE, json!({ "name": "panic", "fault": "panic" })),
            job(WIDE, json!({ "name": "always", "fault": "always" })),
        ],
    )
    .await;
    until(app, "done", 2).await;
    until(app, "failed", 1).await;
    let error: String =
        sqlx::query_scalar("SELECT error FROM jobs WHERE state = 'failed'").fetch_one(app.state.db.read()).await.expect("a row");
    assert_eq!(error, "Never.");
    let attempts: Vec<i64> = sqlx::query_scalar("SELECT attempts FROM jobs WHERE state = 'done' AND kind LIKE 'test.%' ORDER BY id")
        .fetch_all(app.state.db.read())
        .await
        .expect("rows");
    assert_eq!(attempts, [2, 2]);
    runner.abort();
});

app_test!(what_takes_too_long_is_dropped_and_waits_for_its_next_try, |app| {
    let runner = start(app);
    queue(app, vec![job(WIDE, json!({ "name": "slow", "millis": 60_000 }))]).await;
    for _ in 0..500 {
        let error: Option<String> =
            sqlx::query_scalar("SELECT error FROM jobs WHERE kind = $1").bind(WIDE).fetch_one(app.state.db.read()).await.expect("a row");
        if error.is_some_and(|error| error.contains("longer than its limit")) {
            runner.abort();
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it is dropped");
});

app_test!(a_job_is_stopped_by_who_asked_for_it, |app| {
    let maya = app.sign_up_first().await;
    let priya = app.sign_up(&maya, "priya@harbor.example").await;
    let owner: UserId = maya.id.parse().expect("an id");
    let (runs, waits) = (JobId::generate(), JobId::generate());
    queue(
        app,
        vec![
            job(SINGLE, json!({ "name": "runs", "fault": "steps" })).asked_by(owner, runs),
            job(SINGLE, json!({ "name": "waits" })).asked_by(owner, waits),
        ],
    )
    .await;
    let runner = start(app);
    until(app, "running", 1).await;
    assert_eq!(priya.post(&format!("/jobs/{runs}/cancel"), json!({})).await.0, 404, "nobody else's");
    for id in [waits, runs] {
        assert_eq!(maya.post(&format!("/jobs/{id}/cancel"), json!({})).await.0, 204);
    }
    until(app, "cancelled", 2).await;
    let (_, status) = maya.get(&format!("/jobs/{runs}")).await;
    assert_eq!(status["state"], "cancelled", "{status}");
    assert_eq!(maya.post(&format!("/jobs/{runs}/cancel"), json!({})).await.0, 404, "it has ended");
    assert_eq!(names(&BEGUN, app), ["runs"]);
    runner.abort();
});

app_test!(a_job_waits_once_and_comes_once, |app| {
    let same = || job(WIDE, json!({ "name": "same" })).in_order_of("x").once();
    queue(app, vec![same(), same()]).await;
    queue(app, vec![same(), job(WIDE, json!({ "name": "other" })).in_order_of("y").once()]).await;
    assert_eq!(count(app, "queued").await, 2);
});

// What counts on a job that waits was missed by it, when it was taken before that was committed: nobody came after it.
app_test!(a_job_that_waits_is_not_begun_before_what_counts_on_it_is_written, |app| {
    let same = || job(WIDE, json!({ "name": "same" })).in_order_of("x").once();
    queue(app, vec![same()]).await;
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    jobs::enqueue(&mut tx, same(), llmos_lite::server::clock::now_ms()).await.expect("queued");
    let runner = start(app);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(names(&BEGUN, app), [""; 0]);
    tx.commit().await.expect("committed");
    until(app, "done", 1).await;
    assert_eq!(names(&ENDED, app), ["same"]);
    runner.abort();
});

// However often the runner is gone in the middle of its work: every job comes to its end, and those of a key in their order.
app_test!(no_job_is_lost_however_often_the_runner_is_gone, |app| {
    let many = (0..120).map(|number| {
        let named = job(WIDE, json!({ "name": format!("{number:03}"), "millis": 5 }));
        if number % 3 == 0 { named.in_order_of("key") } else { named }
    });
    queue(app, many.collect()).await;
    let ctx = Ctx::internal(app.state.clone(), None);
    // One more than this, and what is caught each time counts as never ending.
    for round in 1..ATTEMPTS.unsigned_abs() {
        let runner = start(app);
        tokio::time::sleep(Duration::from_millis(20 + round * 17 % 60)).await;
        runner.abort();
        let _ = runner.await;
        // A commit that was on its way when the runner went still arrives.
        tokio::time::sleep(Duration::from_millis(100)).await;
        // As the next start does; on PostgreSQL the lease has to end.
        let mut tx = app.state.db.write_tx().await.expect("a transaction");
        sqlx::query("UPDATE jobs SET leased_until = 1 WHERE state = 'running'").execute(&mut *tx).await.expect("updates");
        tx.commit().await.expect("committed");
        jobs::take_over(&ctx).await.expect("taken over");
    }
    let runner = start(app);
    until(app, "done", 120).await;
    let mut seen = HashMap::new();
    for (at, name) in names(&ENDED, app).into_iter().enumerate() {
        // The last time counts: it may have ended before that was stored.
        seen.insert(name, at);
    }
    assert_eq!(seen.len(), 120);
    let keyed: Vec<usize> = (0..120).step_by(3).map(|number| seen[&format!("{number:03}")]).collect();
    assert!(keyed.is_sorted(), "{keyed:?}");
    runner.abort();
});

app_test!(what_comes_back_is_queued_once_by_several_nodes, |app| {
    static DUE: [Schedule; 1] = [Schedule { kind: SINGLE, cron: "0 4 * * *", zone: "Europe/Berlin" }];
    static NOTHING: [Kind; 0] = [];
    let node = |app: &TestApp| {
        let ctx = Ctx::internal(app.state.clone(), None);
        tokio::spawn(async move { jobs::run_jobs(&ctx, &NOTHING, &DUE, run).await })
    };
    let first = node(app);
    let next = async || -> Option<i64> {
        sqlx::query_scalar("SELECT next_at FROM schedules WHERE kind = $1")
            .bind(SINGLE)
            .fetch_optional(app.state.db.read())
            .await
            .expect("a row")
    };
    let soon = loop {
        match next().await {
            Some(next) => break next,
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    assert!(soon > llmos_lite::server::clock::now_ms(), "it was not due yet");
    assert_eq!(count(app, "queued").await, 0);
    first.abort();
    // The server was away when it was due.
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE schedules SET next_at = 1 WHERE kind = $1").bind(SINGLE).execute(&mut *tx).await.expect("updates");
    tx.commit().await.expect("committed");
    let nodes = [node(app), node(app)];
    until(app, "queued", 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(count(app, "queued").await, 1);
    assert_eq!(next().await, Some(soon));
    for node in nodes {
        node.abort();
    }
});

app_test!(administrators_see_the_queue_and_begin_failed_jobs_again, |app| {
    let maya = app.sign_up_first().await;
    let priya = app.sign_up(&maya, "priya@harbor.example").await;
    let runner = start(app);
    queue(
        app,
        vec![
            job(WIDE, json!({ "name": "a", "fault": "always" })),
            job(WIDE, json!({ "name": "b", "fault": "always" })),
            job(WIDE, json!({ "name": "c" })),
        ],
    )
    .await;
    until(app, "failed", 2).await;
    until(app, "done", 1).await;
    runner.abort();
    for path in ["/admin/jobs", "/admin/jobs?state=failed"] {
        assert_eq!(priya.get(path).await.0, 403);
    }
    assert_eq!(priya.post("/admin/jobs/retry", json!({})).await.0, 403);
    let (status, report) = maya.get(&format!("/admin/jobs?state=failed&kind={WIDE}")).await;
    assert_eq!(status, 200, "{report}");
    let queue = report["queues"].as_array().expect("queues").iter().find(|queue| queue["kind"] == WIDE).expect("listed").clone();
    assert_eq!([&queue["failed"], &queue["doneLastHour"], &queue["queued"]], [&json!(2), &json!(1), &json!(0)], "{queue}");
    assert_eq!(report["jobs"].as_array().map(Vec::len), Some(2));
    assert!(report["schedules"].as_array().is_some_and(|list| list.iter().any(|schedule| schedule["kind"] == "blobs.find")), "{report}");
    let id = text(&report["jobs"][0]["id"]);
    assert_eq!(maya.post(&format!("/admin/jobs/{id}/retry"), json!({})).await.0, 204);
    assert_eq!(maya.post(&format!("/admin/jobs/{id}/retry"), json!({})).await.0, 404, "it waits");
    assert_eq!(maya.post(&format!("/admin/jobs/retry?kind={WIDE}"), json!({})).await, (200, json!({ "changed": 1 })));
    assert_eq!(count(app, "queued").await, 2);
    assert_eq!(maya.get("/admin/jobs?state=nonsense").await.0, 400);
});

app_test!(what_a_job_was_to_do_is_not_lost_with_the_processes_that_ended, |app| {
    queue(app, vec![job(WIDE, json!({ "name": "often" }))]).await;
    let change = async |sql: &'static str| {
        sqlx::query(sql).execute(app.state.db.read()).await.expect("stored");
    };
    change("UPDATE jobs SET state = 'running', attempts = 6, leased_until = 1 WHERE kind LIKE 'test.%'").await;
    let runner = start(app);
    until(app, "queued", 1).await;
    let waits: i64 =
        sqlx::query_scalar("SELECT run_at FROM jobs WHERE kind LIKE 'test.%'").fetch_one(app.state.db.read()).await.expect("read");
    assert!(waits > llmos_lite::server::clock::now_ms() + 2_000, "not at once: it may be what ended them");
    change("UPDATE jobs SET run_at = 0 WHERE kind LIKE 'test.%'").await;
    until(app, "done", 1).await;
    change("UPDATE jobs SET state = 'running', attempts = 100, leased_until = 1 WHERE kind LIKE 'test.%'").await;
    until(app, "queued", 1).await;
    change("UPDATE jobs SET run_at = 0 WHERE kind LIKE 'test.%'").await;
    until(app, "failed", 1).await;
    runner.abort();
});

// Alone in its process: the clock is everybody's. SQLite has one process, whose clock is the only one.
#[test]
fn a_node_whose_clock_is_ahead_takes_nobodys_jobs() {
    crate::app::run(
        crate::app::Engine::Postgres,
        |_| {},
        async |app| {
            queue(app, vec![job(WIDE, json!({ "name": "elsewhere" }))]).await;
            // Another node has it, and gave a sign of life just now.
            let lease = async |seconds: i64| {
                sqlx::query(
                    "UPDATE jobs SET state = 'running', attempts = 1, \
                 leased_until = (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT + $1 WHERE kind LIKE 'test.%'",
                )
                .bind(seconds * 1_000)
                .execute(app.state.db.read())
                .await
                .expect("stored");
            };
            lease(60).await;
            llmos_lite::server::clock::jump(5 * llmos_lite::server::clock::MINUTE);
            let runner = start(app);
            // It looks for leases that have ended when it begins, and every four seconds.
            tokio::time::sleep(Duration::from_secs(6)).await;
            assert_eq!((count(app, "running").await, names(&BEGUN, app)), (1, Vec::new()));
            lease(-1).await;
            until(app, "done", 1).await;
            assert_eq!(names(&BEGUN, app), ["elsewhere"]);
            runner.abort();
            llmos_lite::server::clock::jump(0);
        },
    );
}
