//! Rows of patterns are made of what traces say: whatever is left half done, whoever comes next completes it.

use serde_json::{Value, json};

use super::{bring, grouped, runs, soon, until, with_model};
use crate::{
    app::{Client, TestApp, text},
    search::model,
};

/// Changes the database beside the server, as a process leaves it that dies between two transactions; memory is that of a new process.
async fn left_behind(app: &TestApp, statements: &[(&'static str, &[&str])]) {
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    for (statement, values) in statements {
        let mut query = sqlx::query(*statement);
        for value in *values {
            query = query.bind((*value).to_owned());
        }
        query.execute(&mut *tx).await.expect("executes");
    }
    tx.commit().await.expect("commits");
    app.state.engines.forget_all();
}

async fn marked(app: &TestApp) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM evolution_stale").fetch_one(app.state.db.read()).await.expect("a number")
}

fn runs_of(page: &Value) -> Vec<Option<i64>> {
    page["patterns"].as_array().map(|patterns| patterns.iter().map(|one| one["runs"].as_i64()).collect()).unwrap_or_default()
}

/// A team with two patterns of twenty runs; one of them is proposed.
async fn harbor(app: &TestApp) -> (Client, String, Value) {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    soon(&maya, &team).await;
    bring(&maya, &team, &runs(0, 20, None)).await;
    let page = until(&maya, &team, grouped).await;
    assert_eq!((runs_of(&page), page["proposals"].as_array().map(Vec::len)), (vec![Some(20), Some(20)], Some(1)), "{page}");
    assert_eq!(marked(app).await, 0);
    (maya, team, page)
}

/// One more run, which is grouped and then looked after by the same job.
async fn one_more(client: &Client, team: &str, at: usize) {
    let one: Vec<Value> = runs(at, 1, None).into_iter().filter(|run| text(&run["id"]).starts_with("value")).collect();
    bring(client, team, &one).await;
}

app_test!(patterns_whose_rows_were_never_written_are_written_by_whoever_comes_next, |config| { with_model(config) }, |app| {
    if model().is_none() {
        return;
    }
    let (maya, team, page) = harbor(app).await;
    // As a process leaves it that assigned the runs of the second pattern and died before its row was written.
    let unwritten = text(&page["patterns"][1]["id"]);
    left_behind(
        app,
        &[
            (
                "INSERT INTO evolution_stale (place_id, number, went, marks) SELECT place_id, number, '[]', 1 FROM patterns WHERE id = $1",
                &[&unwritten],
            ),
            ("DELETE FROM patterns WHERE id = $1", &[&unwritten]),
        ],
    )
    .await;
    assert_eq!(runs_of(&until(&maya, &team, |_| true).await), [Some(20)]);
    one_more(&maya, &team, 20).await;
    let page = until(&maya, &team, |page| page["waiting"] == 0 && runs_of(page).len() == 2).await;
    assert_eq!(runs_of(&page), [Some(21), Some(20)], "{page}");
    assert_eq!(marked(app).await, 0);
});

app_test!(a_merge_that_was_begun_is_completed_with_what_people_decided, |config| { with_model(config) }, |app| {
    if model().is_none() {
        return;
    }
    let (maya, team, page) = harbor(app).await;
    let (gone, heir) = (text(&page["patterns"][0]["id"]), text(&page["patterns"][1]["id"]));
    assert_eq!(page["proposals"][0]["patternId"], json!(gone), "{page}");
    // As a pass leaves it that moved all runs and died before it wrote what became of the patterns.
    left_behind(
        app,
        &[
            (
                "INSERT INTO evolution_stale (place_id, number, went, marks) SELECT a.place_id, a.number, '[' || CAST(b.number AS TEXT) || ']', 1 \
                 FROM patterns a JOIN patterns b ON b.id = $2 WHERE a.id = $1",
                &[&gone, &heir],
            ),
            ("INSERT INTO evolution_stale (place_id, number, went, marks) SELECT place_id, number, '[]', 1 FROM patterns WHERE id = $1", &[&heir]),
            (
                "UPDATE pattern_traces SET number = (SELECT number FROM patterns WHERE id = $2) \
                 WHERE place_id = (SELECT place_id FROM patterns WHERE id = $1) AND number = (SELECT number FROM patterns WHERE id = $1)",
                &[&gone, &heir],
            ),
        ],
    )
    .await;
    one_more(&maya, &team, 20).await;
    let page = until(&maya, &team, |page| page["waiting"] == 0 && matches!(runs_of(page)[..], [Some(40 | 41)])).await;
    assert_eq!(page["patterns"][0]["id"], json!(heir), "{page}");

    // What was proposed because of it is because of the other one now, and each page has the way to the other.
    assert_eq!((&page["proposals"][0]["patternId"], &page["proposals"][0]["state"]), (&json!(heir), &json!("open")), "{page}");
    let (_, old) = maya.get(&format!("/evolution/patterns/{gone}")).await;
    assert_eq!((&old["wentInto"]["id"], &old["runs"], &old["history"][0]["kind"]), (&json!(heir), &json!(0), &json!("merged")), "{old}");
    let (_, new) = maya.get(&format!("/evolution/patterns/{heir}")).await;
    assert_eq!((&new["history"][0]["kind"], &new["history"][0]["others"][0]["id"]), (&json!("absorbed"), &json!(gone)), "{new}");
    assert_eq!(new["proposalText"]["id"], page["proposals"][0]["id"], "{new}");
    let shown = maya.answer(maya.request(reqwest::Method::GET, &format!("/evolution/{heir}?team={team}"))).await;
    assert!(shown.text.contains(&format!("href=\"/evolution/{gone}?team={team}\"")), "{}", shown.text);

    // A pass finds that they are two tasks: a split, told on both pages, and nothing is proposed twice.
    let done = |page: &Value| page["runs"].as_array().map_or(0, |runs| runs.iter().filter(|run| run["state"] == "done").count());
    let before = done(&page);
    assert_eq!(maya.post(&format!("/evolution/passes?team={team}"), json!({})).await.0, 202);
    let page = until(&maya, &team, |page| done(page) > before && grouped(page)).await;
    let mut runs = runs_of(&page);
    runs.sort_unstable();
    assert_eq!(runs, [Some(20), Some(21)], "{page}");
    let other = page["patterns"].as_array().and_then(|all| all.iter().find(|one| one["id"] != json!(heir))).cloned().unwrap_or_default();
    let (_, kept) = maya.get(&format!("/evolution/patterns/{heir}")).await;
    assert_eq!((&kept["history"][0]["kind"], &kept["history"][0]["others"][0]["id"]), (&json!("split"), &other["id"]), "{kept}");
    let (_, split) = maya.get(&format!("/evolution/patterns/{}", text(&other["id"]))).await;
    assert_eq!((&split["history"][0]["kind"], &split["history"][0]["others"][0]["id"]), (&json!("grew"), &json!(heir)), "{split}");
    assert_eq!(marked(app).await, 0);
});

app_test!(a_deleted_run_leaves_its_pattern_and_the_last_one_ends_it, |config| { with_model(config) }, |app| {
    if model().is_none() {
        return;
    }
    let (maya, team, page) = harbor(app).await;
    let id = text(&page["patterns"][1]["id"]);
    let (_, list) = maya.get(&format!("/traces?team={team}&pattern={id}&limit=200")).await;
    let traces: Vec<String> = list["items"].as_array().expect("a list").iter().map(|trace| text(&trace["id"])).collect();
    assert_eq!(traces.len(), 20, "{list}");
    assert_eq!(maya.delete(&format!("/traces/{}", traces[0])).await.0, 204);
    until(&maya, &team, |page| runs_of(page) == [Some(20), Some(19)]).await;
    for trace in &traces[1..] {
        assert_eq!(maya.delete(&format!("/traces/{trace}")).await.0, 204);
    }
    until(&maya, &team, |page| runs_of(page) == [Some(20)]).await;
    // It has ended. Whether its page says so depends on who was in it when it was written last: one of a single person is not shown.
    let ended = async || {
        let row: (i64, Option<i64>) = sqlx::query_as("SELECT runs, gone_at FROM patterns WHERE id = $1")
            .bind(id.clone())
            .fetch_one(app.state.db.read())
            .await
            .expect("read");
        row.0 == 0 && row.1.is_some()
    };
    for _ in 0..300 {
        if ended().await {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(ended().await, "the last run ends it");
    let (status, gone) = maya.get(&format!("/evolution/patterns/{id}")).await;
    assert!(status == 404 || (status, &gone["runs"], gone.get("wentInto")) == (200, &json!(0), None), "{gone}");
    // Deleting one that somebody rates leaves nothing of it to be found.
    let (_, list) = maya.get(&format!("/traces?team={team}&limit=200")).await;
    assert_eq!((list["items"].as_array().map(Vec::len), &list["labels"]["total"]), (Some(20), &json!(20)), "{list}");
});

app_test!(age_lowers_how_sure_a_pattern_is_though_nothing_comes, |config| { with_model(config) }, |app| {
    if model().is_none() {
        return;
    }
    let (maya, team, page) = harbor(app).await;
    let (id, before) = (text(&page["patterns"][0]["id"]), page["patterns"][0]["confidence"].as_f64().expect("a number"));
    // Half a year later.
    let earlier = (llmos_lite::server::clock::now_ms() - 180 * llmos_lite::server::clock::DAY).to_string();
    left_behind(app, &[("UPDATE patterns SET last_at = CAST($2 AS BIGINT) WHERE id = $1", &[&id, &earlier])]).await;
    let page = until(&maya, &team, |_| true).await;
    let aged = page["patterns"].as_array().and_then(|all| all.iter().find(|one| one["id"] == json!(id))).cloned().unwrap_or_default();
    let now = aged["confidence"].as_f64().expect("a number");
    assert!((now - before * 0.75).abs() < 0.01 && aged["standing"] != "proposed", "{before}: {aged}");
    let (_, pattern) = maya.get(&format!("/evolution/patterns/{id}")).await;
    assert!(pattern["why"]["recent"].as_f64().is_some_and(|recent| (recent - 0.75).abs() < 0.01), "{pattern}");
});
