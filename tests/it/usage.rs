//! Usage events: what each use case leaves, with which numbers; none where they are switched off.

use llmos_lite::{
    features::{
        accounts::service::people_in_figures,
        analytics::service::{Event, UsageKind, record, write_gauges},
        collaboration::service::{Together, count_coediting},
    },
    server::context::Ctx,
};
use serde_json::{Value, json};

use crate::{
    app::{Client, PASSWORD, TestApp, text},
    editor::Editor,
    marketplace::{change, people, skill},
    sessions::{begin, say},
    volumes::{commit, create, save, volume},
};

/// Makes a skill of a text and commits it; its id.
async fn committed(client: &Client, volume: &str, name: &str, words: &str) -> String {
    let made = create(client, volume, name).await;
    let id = text(&made["summary"]["id"]);
    assert_eq!(save(client, &id, words, made["draft"]["saves"].as_i64().unwrap_or_default()).await.0, 200);
    commit(client, &[(&id, None)], "First").await;
    id
}

/// A row as it reads with the dictionary: kind, time, whose, who, where, what, kind of artifact, category, amount, extra.
#[derive(Clone, Debug)]
pub struct Counted {
    pub kind: String,
    pub at: i64,
    pub workspace: String,
    pub actor: String,
    pub volume: String,
    pub subject: String,
    pub artifact: (i64, i64),
    pub amount: i64,
    pub extra: i64,
}

type Row = (i64, i64, Option<String>, Option<String>, Option<String>, Option<String>, i64, i64, i64, i64);

/// All events, in the order in which they were written.
pub async fn counted(app: &TestApp) -> Vec<Counted> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT e.kind, e.at, w.text, a.text, v.text, s.text, e.artifact_kind, e.category, e.amount, e.extra FROM usage_events e \
         LEFT JOIN usage_keys w ON w.id = e.workspace LEFT JOIN usage_keys a ON a.id = e.actor \
         LEFT JOIN usage_keys v ON v.id = e.volume LEFT JOIN usage_keys s ON s.id = e.subject ORDER BY e.seq",
    )
    .fetch_all(app.state.db.read())
    .await
    .expect("the events are read");
    rows.into_iter()
        .map(|(kind, at, workspace, actor, volume, subject, artifact, category, amount, extra)| Counted {
            kind: UsageKind::from_number(kind as u16).expect("a kind that there is").to_string(),
            at,
            workspace: workspace.unwrap_or_default(),
            actor: actor.unwrap_or_default(),
            volume: volume.unwrap_or_default(),
            subject: subject.unwrap_or_default(),
            artifact: (artifact, category),
            amount,
            extra,
        })
        .collect()
}

/// Those of one kind.
pub async fn of_kind(app: &TestApp, kind: &str) -> Vec<Counted> {
    counted(app).await.into_iter().filter(|event| event.kind == kind).collect()
}

/// The same, once there are so many.
pub async fn of_kind_soon(app: &TestApp, kind: &str, count: usize) -> Vec<Counted> {
    for _ in 0..500 {
        let found = of_kind(app, kind).await;
        if found.len() >= count {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{count} events of {kind} come: {:?}", counted(app).await);
}

/// The kinds of all events of what somebody did.
async fn kinds(app: &TestApp, who: &Client) -> Vec<String> {
    counted(app).await.into_iter().filter(|event| event.actor == who.id).map(|event| event.kind).collect()
}

/// A bit of everything; what is refused is in it too.
async fn work(maya: &Client) {
    let own = volume(maya, "user").await;
    let made = create(maya, &own, "Review").await;
    let id = made["summary"]["id"].as_str().expect("an id");
    let saves = made["draft"]["saves"].as_i64().unwrap_or_default();
    assert_eq!(save(maya, id, "# Review\n", saves).await.0, 200);
    assert_eq!(save(maya, id, "# Overtaken\n", saves + 7).await.0, 409);
    commit(maya, &[(id, None)], "First").await;
    assert_eq!(maya.post("/commits", json!({ "message": "Nothing", "artifacts": [] })).await.0, 400);
    assert_eq!(maya.post(&format!("/artifacts/{id}/fork"), json!({ "volumeId": own })).await.0, 201);
    assert_eq!(maya.delete(&format!("/artifacts/{id}")).await.0, 204);
    assert_eq!(maya.post("/me/tokens", json!({ "name": "CI", "scopes": ["read"], "expiresInDays": 1 })).await.0, 201);
    let (_, session) = maya.post("/sessions", json!({ "title": "Talk" })).await;
    let session = session["id"].as_str().expect("an id");
    assert_eq!(maya.post(&format!("/sessions/{session}/messages"), json!({ "text": "hello" })).await.0, 201);
    assert_eq!(maya.post(&format!("/sessions/{session}/messages"), json!({ "text": "" })).await.0, 400);
    assert_eq!(maya.post("/sign-out", Value::Null).await.0, 204);
}

app_test!(each_use_case_leaves_one_event_and_a_refused_one_none, |app| {
    let maya = app.sign_up_first().await;
    work(&maya).await;
    let found = kinds(app, &maya).await;
    let count = |kind: &str| found.iter().filter(|found| *found == kind).count();
    for kind in [
        "account.created",
        "draft.saved",
        "artifact.committed",
        "artifact.forked",
        "artifact.deleted",
        "token.created",
        "session.created",
        "session.message_sent",
        "account.signed_out",
    ] {
        assert_eq!(count(kind), 1, "{kind} in {found:?}");
    }
    // The fork is a new artifact, too; and each of commit, fork and deletion is a commit.
    assert_eq!((count("artifact.created"), count("commit.made")), (2, 3), "{found:?}");
    let keys: Vec<String> = sqlx::query_scalar("SELECT text FROM usage_keys").fetch_all(app.state.db.read()).await.expect("keys");
    let said = keys.concat();
    assert!(!said.contains("hello") && !said.contains("Review"), "ids only: {said}");
});

app_test!(none_is_written_where_they_are_switched_off, |config| { config.analytics_enabled = false }, |app| {
    let maya = app.sign_up_first().await;
    work(&maya).await;
    write_gauges(&Ctx::internal(app.state.clone(), None)).await.expect("nothing to write");
    assert_eq!(counted(app).await.len(), 0);
    let keys: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM usage_keys").fetch_one(app.state.db.read()).await.expect("a count");
    assert_eq!(keys, 0);
});

app_test!(events_have_the_dimensions_of_their_time, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let (own, shared) = (volume(&maya, "user").await, volume(&maya, "team").await);
    let id = committed(&maya, &shared, "Contracts", "---\nname: contracts\ncategory: legal\n---\n# Contracts\n").await;
    let made = of_kind(app, "artifact.committed").await.pop().expect("one");
    assert_eq!((&made.workspace, &made.actor, &made.volume, &made.subject), (&team, &maya.id, &shared, &id));
    assert_eq!(made.artifact, (1, 9), "a skill about the law");
    let commit = of_kind(app, "commit.made").await.pop().expect("one");
    assert_eq!((&commit.workspace, commit.amount), (&team, 1));
    let private = committed(&maya, &own, "Mine", "# Mine\n").await;
    let made = of_kind(app, "artifact.committed").await.pop().expect("one");
    assert_eq!((&made.workspace, &made.subject), (&maya.id, &private), "a personal workspace is the person's");
    // What it is later does not change what it was.
    assert_eq!(maya.get(&format!("/artifacts/{id}")).await.0, 200);
    let viewed = of_kind_soon(app, "artifact.viewed", 1).await;
    assert!(viewed.iter().all(|event| event.artifact.0 == 1), "{viewed:?}");
});

app_test!(a_message_counts_the_time_since_the_one_before, |app| {
    let maya = app.sign_up_first().await;
    let session = begin(&maya, None, "Talk").await;
    say(&maya, &session, "One.").await;
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    say(&maya, &session, "Two.").await;
    let sent = of_kind(app, "session.message_sent").await;
    assert_eq!((sent.len(), sent[0].amount), (2, 0));
    assert!((20..60_000).contains(&sent[1].amount), "{sent:?}");
});

/// An id that a device made at a time.
fn made_at(millis: i64) -> String {
    uuid::Builder::from_unix_timestamp_millis(millis as u64, &fastrand::u128(..).to_le_bytes()[..10].try_into().expect("ten bytes"))
        .into_uuid()
        .to_string()
}

app_test!(what_a_device_did_offline_counts_when_it_was, |app| {
    const DAY: i64 = 86_400_000;
    let maya = app.sign_up_first().await;
    let now = Ctx::internal(app.state.clone(), None).now();
    for (said, is_believed) in [(now - 10 * DAY, true), (now - 89 * DAY, true), (now - 91 * DAY, false), (now + 60_000, false)] {
        let (status, made) = maya.post("/sessions", json!({ "id": made_at(said), "title": "On the train" })).await;
        assert_eq!(status, 201, "{made}");
        let counted = of_kind(app, "session.created").await.pop().expect("one");
        if is_believed {
            assert_eq!(counted.at, said);
        } else {
            assert!(counted.at >= now && counted.at <= now + 60_000, "{counted:?}");
        }
    }
});

app_test!(what_is_rolled_back_leaves_no_number_behind, |app| {
    let maya = app.sign_up_first().await;
    let ctx = Ctx::internal(app.state.clone(), None);
    let event = |subject: &str| Event::new(UsageKind::SettingsChanged).subject(subject);
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    record(&ctx, &mut tx, event("taken back")).await.expect("written");
    record(&ctx, &mut tx, event("taken back")).await.expect("the same number within it");
    tx.rollback().await.expect("rolled back");
    // On SQLite this gets the number that the other one had.
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    record(&ctx, &mut tx, event("another")).await.expect("written");
    tx.commit().await.expect("committed");
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    record(&ctx, &mut tx, event("taken back")).await.expect("written");
    tx.commit().await.expect("committed");
    let subjects: Vec<String> = of_kind(app, "settings.changed").await.into_iter().map(|event| event.subject).collect();
    assert_eq!(subjects, ["another", "taken back"]);
    drop(maya);
});

app_test!(who_is_deleted_is_nobody_by_name_and_still_counts, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@harbor.internal").await;
    let session = begin(&tom, Some(&team), "Talk").await;
    say(&tom, &session, "Hello.").await;
    let before = of_kind(app, "session.message_sent").await;
    assert_eq!(before[0].actor, tom.id);
    let (status, _) = tom.json(reqwest::Method::DELETE, "/me", json!({ "password": PASSWORD })).await;
    assert_eq!(status, 204);
    let after = counted(app).await;
    assert!(after.iter().all(|event| event.actor != tom.id && event.workspace != tom.id), "{after:?}");
    let sent: Vec<&Counted> = after.iter().filter(|event| event.kind == "session.message_sent").collect();
    assert_eq!((sent.len(), &sent[0].workspace), (1, &team), "totals stay");
    assert!(sent[0].actor.starts_with("deleted:"), "{sent:?}");
});

app_test!(people_say_whether_they_are_named, |app| {
    let maya = app.sign_up_first().await;
    assert_eq!(maya.get("/me").await.1["namedInAnalytics"], true);
    let (status, me) = maya.patch("/me", json!({ "namedInAnalytics": false })).await;
    assert_eq!((status, &me["namedInAnalytics"]), (200, &json!(false)), "{me}");
    let (_, me) = maya.patch("/me", json!({ "name": "Maya C." })).await;
    assert_eq!(me["namedInAnalytics"], false, "another change leaves it");
    let tom = app.sign_up(&maya, "tom@harbor.internal").await;
    let ids = [&maya, &tom].map(|client| client.id.parse().expect("an id"));
    let named = people_in_figures(&Ctx::internal(app.state.clone(), None), ids).await.expect("people");
    assert_eq!(named.keys().map(ToString::to_string).collect::<Vec<_>>(), std::slice::from_ref(&tom.id));
    assert_eq!(maya.patch("/me", json!({ "namedInAnalytics": "no" })).await.0, 400);
});

app_test!(searches_and_what_is_opened_of_them_are_counted_together_a_moment_later, |app| {
    let maya = app.sign_up_first().await;
    let (_, page) = maya.get("/search?q=dcf").await;
    assert_eq!(maya.get("/search?q=dc&partial=true").await.1.get("query"), None);
    assert_eq!(maya.get("/search?q=dcf&offset=1").await.1.get("query"), None);
    let opened = json!({ "query": page["query"], "position": 3, "id": page["hits"][0]["id"] });
    assert_eq!(maya.post("/search/opened", opened).await.0, 204);
    assert_eq!(maya.post("/search/opened", json!({ "position": "first" })).await.0, 400);
    let opened = of_kind_soon(app, "search.opened", 1).await;
    assert_eq!((opened[0].amount, &opened[0].workspace), (3, &maya.id));
    // What was found in a team counts to it, as the question did; of another team nobody can say that.
    let (team, tom) = (maya.team("Harbor").await, app.sign_up(&maya, "tom@harbor.internal").await);
    let of_team = json!({ "team": team, "position": 2, "id": page["hits"][0]["id"] });
    assert_eq!(tom.post("/search/opened", of_team.clone()).await.0, 404);
    assert_eq!(maya.post("/search/opened", of_team).await.0, 204);
    let opened = of_kind_soon(app, "search.opened", 2).await;
    assert_eq!((opened.len(), opened[1].amount, &opened[1].workspace), (2, 2, &team));
    let asked = of_kind(app, "search.queried").await;
    assert_eq!((asked.len(), asked[0].extra), (1, page["total"].as_i64().expect("a number")), "{asked:?}");
    assert!(asked[0].amount > 0 && asked[0].actor == maya.id, "{asked:?}");
});

app_test!(the_most_who_are_here_at_once_count_once_for_a_quarter_of_an_hour, |app| {
    let (maya, ines, _, team) = crate::rooms::people(app).await;
    let (mut first, mut second) = (app.socket_of(&maya).await, app.socket_of(&ines).await);
    for socket in [&mut first, &mut second] {
        socket.join(&team, "workspace", None).await;
    }
    let ctx = Ctx::internal(app.state.clone(), None);
    let mut together = Together::default();
    together.look(&ctx, false).await.expect("they are counted");
    second.send(json!({ "type": "leave_room", "roomId": team })).await;
    first.until("user_left").await;
    together.look(&ctx, false).await.expect("she is counted");
    together.look(&ctx, true).await.expect("the most of them is written");
    let peaks = of_kind(app, "presence.peak").await;
    let of_team: Vec<_> = peaks.iter().filter(|peak| peak.workspace == team && peak.amount == 2).collect();
    assert_eq!(of_team.len(), 1, "{peaks:?}");
    assert!(of_team[0].actor.is_empty() && of_team[0].at % 900_000 == 0, "{peaks:?}");
});

app_test!(a_trace_counts_with_each_skill_that_it_used, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let shared = volume(&maya, "team").await;
    let id = committed(&maya, &shared, "Lamps", "---\nname: lamps\n---\n# Lamps\n").await;
    let traces = json!([
        { "id": "a", "goal": "light the lamps", "started_at": "2026-09-21T07:04:52Z", "ended_at": "2026-09-21T07:05:02Z", "steps": [], "success": true, "skills_used": ["lamps", "elsewhere"] },
        { "id": "b", "goal": "light the lamps again", "started_at": "2026-09-21T08:04:52Z", "ended_at": "2026-09-21T08:04:53Z", "steps": [], "success": false, "skills_used": ["lamps"] },
    ]);
    for _ in 0..2 {
        let (status, taken) = maya.post(&format!("/traces?team={team}"), traces.clone()).await;
        assert_eq!(status, 200, "{taken}");
    }
    let taken = of_kind(app, "trace.taken").await;
    assert_eq!(taken.iter().map(|event| (event.amount, event.extra)).collect::<Vec<_>>(), [(1, 10_000), (0, 1_000)], "each once");
    let mut used: Vec<(String, i64)> = of_kind(app, "skill.used").await.into_iter().map(|event| (event.subject, event.amount)).collect();
    used.sort();
    let mut wanted = vec![("elsewhere".to_owned(), 1), (id.clone(), 0), (id.clone(), 1)];
    wanted.sort();
    assert_eq!(used, wanted);
});

app_test!(a_listing_counts_from_the_first_look_to_the_first_use, |app| {
    let (maya, ines, tom) = people(app).await;
    ines.publish(&maya, skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    for _ in 0..2 {
        assert_eq!(tom.get("/marketplace/listings/lamp-care").await.0, 200);
    }
    let viewed = of_kind_soon(app, "listing.viewed", 1).await;
    assert_eq!((viewed.len(), &viewed[0].actor), (1, &tom.id), "a second look at once is the same view");
    let own = volume(&tom, "user").await;
    let (status, lock) = change(&tom, &own, json!({ "install": ["lamp-care"] })).await;
    assert_eq!(status, 200, "{lock}");
    let installed = of_kind(app, "listing.installed").await;
    assert_eq!((installed.len(), &installed[0].subject), (1, &viewed[0].subject));
    assert_eq!(installed[0].workspace, viewed[0].workspace, "it counts to whoever publishes");
    assert_ne!(installed[0].workspace, tom.id);
    ines.publish(&maya, skill("lamp-care", "1.1.0", "Trim the wicks, and fill.")).await;
    assert_eq!(change(&tom, &own, json!({ "update": ["lamp-care"] })).await.0, 200);
    assert_eq!((of_kind(app, "listing.installed").await.len(), of_kind(app, "listing.updated").await.len()), (1, 1));
    let session = begin(&tom, None, "Talk").await;
    for _ in 0..2 {
        say(&tom, &session, "@lamp-care please").await;
    }
    assert_eq!(of_kind(app, "listing.first_used").await.len(), 1);
    let rated = json!({ "rating": 4, "review": "" });
    assert_eq!(tom.json(reqwest::Method::PUT, "/marketplace/listings/lamp-care/review", rated).await.0, 200);
    assert_eq!(of_kind(app, "item.rated").await[0].amount, 4);
});

app_test!(those_who_write_together_are_counted_a_minute_each, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@harbor.internal").await;
    let shared = volume(&maya, "team").await;
    let id = committed(&maya, &shared, "Lamps", "# Lamps\n").await;
    let ctx = Ctx::internal(app.state.clone(), None);
    let (mut one, mut other) = (Editor::open(app, &maya, &id).await, Editor::open(app, &tom, &id).await);
    one.write("Lamps", "a").await;
    one.until_saved().await;
    count_coediting(&ctx).await.expect("counted");
    assert_eq!(of_kind(app, "artifact.coedited").await.len(), 0, "alone is not together");
    one.write("Lamps", "b").await;
    other.write("Lamps", "c").await;
    one.until_saved().await;
    other.until_saved().await;
    count_coediting(&ctx).await.expect("counted");
    count_coediting(&ctx).await.expect("counted");
    let mut people: Vec<String> = of_kind(app, "artifact.coedited").await.into_iter().map(|event| event.actor).collect();
    people.sort();
    let mut wanted = vec![maya.id.clone(), tom.id.clone()];
    wanted.sort();
    assert_eq!(people, wanted);
});

app_test!(requests_and_jobs_are_counted, |app| {
    let maya = app.sign_up_first().await;
    let ctx = Ctx::internal(app.state.clone(), None);
    for _ in 0..3 {
        assert_eq!(maya.get("/me").await.0, 200);
    }
    write_gauges(&ctx).await.expect("written");
    let served = of_kind(app, "http.served").await;
    assert!(served.iter().map(|event| event.amount).sum::<i64>() >= 4, "{served:?}");
    assert!(served.iter().all(|event| event.workspace.is_empty() && event.actor.is_empty() && event.extra >= 0));
    assert_eq!(of_kind(app, "http.failed").await.len(), 0);
    let own = volume(&maya, "user").await;
    committed(&maya, &own, "Lamps", "# Lamps\n").await;
    let ended = of_kind_soon(app, "job.ended", 1).await;
    assert!(ended.iter().any(|event| event.subject == "search.index" && event.extra == 0 && event.workspace.is_empty()), "{ended:?}");
});

app_test!(what_was_counted_before_is_carried_over, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let id = committed(&maya, &own, "Lamps", "---\nname: lamps\ncategory: design\n---\n# Lamps\n").await;
    let of_commit = of_kind(app, "commit.made").await.pop().expect("one").subject;
    // As it was before: the old table, then the migration up to where it changes other tables.
    let folder = if app.state.db.engine() == llmos_lite::server::db::Engine::Sqlite { "sqlite" } else { "postgres" };
    let read = |name: &str| {
        std::fs::read_to_string(format!("{}/migrations/{folder}/{name}.sql", env!("CARGO_MANIFEST_DIR"))).expect("a migration")
    };
    let ground = read("0001_ground");
    let table = &ground[ground.find("CREATE TABLE usage_events").expect("a table")..];
    let table = &table[..table.find("CREATE TABLE idempotency_keys").expect("what follows")];
    let migration = read("0026_usage_keys");
    let carries = &migration[..migration.find("-- Whether a person's name").expect("what follows")];
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    let run = |sql: String| sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
    run("DROP TABLE usage_events; DROP TABLE usage_keys;".to_owned()).execute(&mut *tx).await.expect("dropped");
    run(table.to_owned()).execute(&mut *tx).await.expect("the old table");
    let rows = [
        ("1", "account.created", "", "null".to_owned(), 1),
        ("2", "artifact.committed", of_commit.as_str(), json!({ "artifacts": 1 }).to_string(), 2),
        ("3", "session.message_sent", "s", "null".to_owned(), 10),
        ("4", "session.message_sent", "s", "null".to_owned(), 4_000_000),
        ("5", "search.queried", "q", json!({ "found": 7, "tookMs": 1.5, "semantic": true }).to_string(), 11),
        ("6", "proposal.decided", "p", json!({ "state": "ignored", "confidence": 0.75, "runs": 4 }).to_string(), 12),
        ("7", "nobody.knows", "x", "null".to_owned(), 13),
    ];
    for (row, kind, subject, data, at) in rows {
        sqlx::query("INSERT INTO usage_events (id, kind, actor_id, subject_id, data, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(row)
            .bind(kind)
            .bind(maya.id.clone())
            .bind(subject)
            .bind(data)
            .bind(at)
            .execute(&mut *tx)
            .await
            .expect("an old row");
    }
    run(carries.to_owned()).execute(&mut *tx).await.expect("the migration");
    tx.commit().await.expect("committed");
    let found: Vec<(String, i64, i64)> = counted(app).await.into_iter().map(|event| (event.kind, event.amount, event.extra)).collect();
    let is_there = |kind: &str, amount: i64, extra: i64| found.contains(&(kind.to_owned(), amount, extra));
    assert!(is_there("account.created", 0, 0) && is_there("commit.made", 1, 0), "{found:?}");
    assert!(is_there("session.message_sent", 0, 0) && is_there("session.message_sent", 1_800_000, 0), "{found:?}");
    assert!(is_there("search.queried", 1_500, 7) && is_there("proposal.rejected", 0, 750_000), "{found:?}");
    let committed = of_kind(app, "artifact.committed").await;
    assert_eq!((committed.len(), &committed[0].subject, committed[0].artifact), (1, &id, (1, 12)));
    assert_eq!(committed[0].workspace, maya.id, "a personal workspace is the person's");
});
