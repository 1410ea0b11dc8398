//! What is behind a number: its rows and no others, where the marks of the timeline lead, and who is named in them.

use std::collections::BTreeSet;

use llmos_analytics::{Day, Kind, model::Query};
use llmos_lite::{
    features::analytics::{service::Noted, state::library_address},
    server::clock,
};
use serde_json::Value;

use super::{count, page, work, write, year};
use crate::{
    app::{Client, text},
    volumes::{create, volume},
};

/// All rows of a question, page by page.
pub async fn all_rows(client: &Client, question: &str) -> Vec<Value> {
    let (mut cursor, mut rows) = (String::new(), Vec::new());
    loop {
        let (status, page) = client.get(&format!("/analytics/rows?{question}&limit=97{cursor}")).await;
        assert_eq!(status, 200, "{question}: {page}");
        rows.extend(page["rows"].as_array().expect("rows").iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(rows.is_sorted_by(|a, b| a["at"].as_i64() >= b["at"].as_i64()), "{question}: the newest first");
    rows
}

/// What a figure says now.
fn number(of: &Value) -> f64 {
    of["now"].as_f64().unwrap_or_default()
}

fn sum(rows: &[Value]) -> f64 {
    rows.iter().filter_map(|row| row["amount"].as_f64()).sum()
}

/// One event, a minute ago.
pub fn noted(kind: Kind, workspace: &str, actor: &str) -> Noted {
    Noted {
        at: clock::now_ms() - clock::MINUTE,
        kind,
        workspace: Some(workspace.to_owned()),
        actor: Some(actor.to_owned()),
        volume: None,
        subject: Some("thing".to_owned()),
        artifact_kind: 0,
        category: 0,
        amount: 0,
        extra: 0,
    }
}

app_test!(each_number_is_made_of_its_rows_and_no_others, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@harbor.internal").await;
    let own = work(&maya, &team).await;
    let mut all = year(clock::now_ms(), &[Some(team.clone())], std::slice::from_ref(&maya.id), std::slice::from_ref(&own), 2_500);
    let ago = |days: i64, kind, person: &str| Noted { at: clock::now_ms() - days * clock::DAY, ..noted(kind, &team, person) };
    // Somebody who came a month ago, and came back; and a skill that was made of a proposal.
    all.extend([ago(30, Kind::SessionCreated, &tom.id), ago(9, Kind::SessionCreated, &tom.id)]);
    all.push(Noted { artifact_kind: 1, amount: 1, ..ago(5, Kind::ArtifactCreated, &maya.id) });
    write(app, &all).await;
    // Whole past days: the server goes on counting its own work today.
    let today = Day((clock::now_ms() / clock::DAY) as i32);
    let base = format!("from={}&to={}&team={team}&zone=UTC", today.plus(-90), today.plus(-1));
    let (status, data) = maya.get(&format!("/analytics?{base}")).await;
    assert_eq!(status, 200, "{data}");
    page::each_number(&app.state.db, &maya, &team, (today.plus(-90), today.plus(-1))).await;
    let (skills, people, operations) = (&data["skills"], &data["collaboration"], &data["operations"]);
    let rows = async |measure: &str| all_rows(&maya, &format!("{base}&measure={measure}")).await;
    assert_eq!(rows("artifact_changes").await.len() as f64, number(&data["artifacts"]["created"]) + number(&data["artifacts"]["edits"]));
    let errors = rows("errors").await;
    assert_eq!(sum(&errors), number(&operations["errors"]));
    let failed = number(&operations["deliveriesFailed"]) + number(&operations["jobsFailed"]);
    assert_eq!(rows("incidents").await.len() as f64, failed + errors.len() as f64);
    // Each kind of what a person did, on the last day and in the range.
    let active: BTreeSet<String> = rows("activity").await.iter().map(|row| text(&row["person"])).collect();
    assert_eq!(active.len() as f64, number(&people["active"]));

    // Narrowed to one line of a ranking, and to those whose first week it was.
    let used = &skills["mostUsed"][0];
    let uses = all_rows(&maya, &format!("{base}&measure=skill_uses&subject={}", text(&used["name"]).replace(' ', "%20"))).await;
    assert_eq!(uses.len() as u64, used["count"].as_u64().expect("a number"), "{used}");
    for cohort in people["retention"].as_array().expect("cohorts") {
        let week: Day = text(&cohort["week"]).parse().expect("a day");
        for (later, count) in cohort["active"].as_array().expect("weeks").iter().enumerate().step_by(3) {
            let from = week.plus(7 * later as i32);
            let question =
                format!("from={from}&to={}&team={team}&zone=UTC&measure=activity&cohort={week}", from.plus(6).min(today.plus(-1)));
            let came: BTreeSet<String> = all_rows(&maya, &question).await.iter().map(|row| text(&row["person"])).collect();
            assert_eq!(came.len() as u64, count.as_u64().expect("a number"), "{question}");
        }
    }
    assert_eq!(maya.get(&format!("/analytics/rows?{base}&measure=activity&cohort=monday")).await.0, 400);
    // Of somebody who did little, a while ago; page by page, and beside one who did much.
    for (person, measures) in [(&tom.id, &["sessions", "activity"][..]), (&maya.id, &["sessions", "messages", "edits", "activity"][..])] {
        let question = format!("{base}&person={person}");
        let (_, one) = maya.get(&format!("/analytics?{question}")).await;
        for measure in measures {
            let rows = all_rows(&maya, &format!("{question}&measure={measure}")).await;
            let expected = match *measure {
                "sessions" => number(&one["sessions"]["created"]),
                "messages" => number(&one["sessions"]["messages"]),
                "edits" => number(&one["artifacts"]["edits"]),
                _ => {
                    let hours = one["collaboration"]["heat"].as_array().expect("weekdays").iter().filter_map(Value::as_array).flatten();
                    hours.filter_map(Value::as_f64).sum()
                }
            };
            assert!(expected > 0.0, "{measure} of {person}");
            assert_eq!(rows.len() as f64, expected, "{measure} of {person}");
            assert!(rows.iter().all(|row| row["person"] == person.as_str()), "{measure}");
        }
    }

    // A table has all of them, not a page.
    let activity = rows("activity").await.len();
    let path = format!("/api/v1/analytics/rows?{base}&measure=activity&format=csv");
    let csv = maya.answer(maya.request(reqwest::Method::GET, &path)).await;
    assert!(activity > 50, "more than a page");
    assert_eq!(csv.text.lines().count(), activity + 1);
});

app_test!(what_happened_on_a_day_leads_to_the_rows_that_it_counts, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@harbor.internal").await;
    let (own, at) = (volume(&maya, "team").await, clock::now_ms() - 3 * clock::DAY);
    let on_that_day = |kind, amount, extra| Noted { at, amount, extra, volume: Some(own.clone()), ..noted(kind, &team, &maya.id) };
    let of_server = |kind, amount, extra| Noted { workspace: None, actor: None, volume: None, ..on_that_day(kind, amount, extra) };
    let mut all = vec![
        on_that_day(Kind::CommitMade, 2, 0),
        on_that_day(Kind::ReleasePublished, 0, 0),
        on_that_day(Kind::ProposalAccepted, 60_000, 900_000),
        on_that_day(Kind::ProposalRejected, 0, 100_000),
        of_server(Kind::DeliveryReceived, 5, 1),
        of_server(Kind::DeliveryReceived, 5, 0),
        of_server(Kind::JobEnded, 9, 1),
    ];
    // However much was published since, what was published on that day is told.
    let later = Noted { at: at + clock::DAY, ..on_that_day(Kind::ReleasePublished, 0, 0) };
    all.extend(std::iter::repeat_n(later, 1_001));
    write(app, &all).await;
    let path = format!("/analytics/causes?range=7d&team={team}&zone=UTC");
    let (status, causes) = maya.get(&path).await;
    assert_eq!(status, 200, "{causes}");
    let day = Day((at / clock::DAY) as i32);
    let on = |day: Day, kind: &str| {
        let day = day.to_string();
        let found = causes.as_array().expect("causes").iter().find(|cause| cause["kind"] == kind && cause["day"] == day.as_str());
        found.unwrap_or_else(|| panic!("{kind} on {day} in {causes}")).clone()
    };
    assert_eq!(on(day.plus(1), "release")["count"], 1_001);
    // No request failed: what went wrong is two things all the same, and both are there.
    for (kind, count) in [("commits", 1), ("release", 1), ("proposal", 1), ("incident", 2)] {
        let cause = on(day, kind);
        assert_eq!(cause["count"], count, "{cause}");
        let href = text(&cause["href"]);
        let part =
            |name: &str| href.split(['?', '&']).find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap_or_default().to_owned();
        let question = format!("from={}&to={}&team={team}&zone=UTC&measure={}", part("rows_from"), part("rows_to"), part("rows"));
        assert_eq!(all_rows(&maya, &question).await.len() as u64, count, "{href}");
    }
    // What went wrong on the server is for those who run it.
    let (_, seen) = tom.get(&path).await;
    assert!(seen.as_array().expect("causes").iter().all(|cause| cause["kind"] != "incident"), "{seen}");
    assert_eq!(tom.get(&format!("/analytics/rows?team={team}&measure=incidents")).await.0, 403);
});

app_test!(who_looked_at_a_listing_is_known_to_those_who_share_a_team_with_them, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@harbor.internal").await;
    let ines = app.sign_up(&maya, "ines@elsewhere.internal").await;
    let visits = [Kind::ListingViewed, Kind::ListingInstalled, Kind::ListingFirstUsed, Kind::ItemRated];
    let both = |kind| [noted(kind, &team, &tom.id), noted(kind, &team, &ines.id)];
    write(app, &visits.into_iter().flat_map(both).collect::<Vec<_>>()).await;
    for measure in ["views", "installs", "first_uses", "ratings"] {
        let rows = all_rows(&maya, &format!("range=7d&team={team}&measure={measure}")).await;
        let named: BTreeSet<String> = rows.iter().map(|row| text(&row["person"])).collect();
        assert_eq!(named, BTreeSet::from([String::new(), tom.id.clone()]), "{measure}: {rows:?}");
        assert_eq!(rows.len(), 2, "who is not named counts");
        // Nor does asking for one person tell.
        assert!(all_rows(&maya, &format!("range=7d&team={team}&measure={measure}&person={}", ines.id)).await.is_empty());
        assert_eq!(all_rows(&maya, &format!("range=7d&team={team}&measure={measure}&person={}", tom.id)).await.len(), 1);
    }
    let (_, all) = maya.get(&format!("/analytics?range=7d&team={team}")).await;
    assert_eq!(number(&all["marketplace"]["mine"]["views"]), 2.0);
    let (_, one) = maya.get(&format!("/analytics?range=7d&team={team}&person={}", ines.id)).await;
    assert_eq!((number(&one["marketplace"]["mine"]["views"]), &one["marketplace"]["mostInstalled"]), (0.0, &Value::Array(Vec::new())));
});

app_test!(a_number_of_what_is_there_is_the_total_of_the_list_that_it_leads_to, |app| {
    let maya = app.sign_up_first().await;
    let (team, other) = (maya.team("Harbor").await, maya.team("Quay").await);
    let (_, volumes) = maya.get("/volumes").await;
    let of_team = |team: &str| {
        let found = volumes.as_array().expect("a list").iter().find(|volume| volume["team"] == team);
        text(&found.unwrap_or_else(|| panic!("a volume of {team} in {volumes}"))["id"])
    };
    let (own, shared, quay) = (volume(&maya, "user").await, of_team(&team), of_team(&other));
    for (volume, kind, name) in [
        (&own, "skill", "Tide"),
        (&own, "agent", "Pilot"),
        (&shared, "skill", "Lamp"),
        (&shared, "skill", "Rope"),
        (&shared, "tool", "Winch"),
        (&quay, "skill", "Sail"),
    ] {
        let wish = serde_json::json!({ "volumeId": volume, "kind": kind, "name": name });
        let (status, made) = maya.post("/artifacts", wish).await;
        assert_eq!(status, 201, "{made}");
    }
    count(app).await;
    let total = async |address: &str| {
        let (status, list) = maya.get(address).await;
        assert_eq!(status, 200, "{address}: {list}");
        list["total"].as_u64().expect("a number")
    };
    let team_of = |team: &str| Query { team: Some(team.to_owned()), ..Query::default() };
    for query in [
        Query::default(),
        team_of("personal"),
        team_of(&team),
        team_of(&other),
        Query { kind: Some("skill".to_owned()), ..Query::default() },
        Query { kind: Some("tool".to_owned()), ..team_of(&team) },
        Query { volume: Some(shared.clone()), ..Query::default() },
        // A volume of another team: nothing is counted, and nothing is listed.
        Query { volume: Some(quay.clone()), ..team_of(&team) },
    ] {
        let pairs: Vec<String> = query.pairs().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (status, data) = maya.get(&format!("/analytics?{}", pairs.join("&"))).await;
        assert_eq!(status, 200, "{data}");
        let address = library_address(&query, None);
        assert_eq!(data["artifacts"]["total"], total(&address).await, "{address}");
        for (filter, lines) in [("kind", "byKind"), ("volume", "byVolume")] {
            for line in data["artifacts"][lines].as_array().expect("lines") {
                let address = library_address(&query, Some((filter, &text(&line["id"]))));
                assert_eq!(line["count"], total(&address).await, "{address}");
            }
        }
    }
    // What is built in is in the whole library, and in no number.
    let all = total("/artifacts").await;
    assert!(all > total(&library_address(&Query::default(), None)).await, "{all}");
    assert_eq!(maya.get("/artifacts?whose=theirs").await.0, 400);
    // The filters offer the same.
    let (_, facets) = maya.get("/artifacts/facets?whose=ours").await;
    let (_, whole) = maya.get("/artifacts/facets").await;
    assert_ne!(facets["categories"], whole["categories"]);
    // The page says what is left out, and how to have all.
    let page = maya.answer(maya.request(reqwest::Method::GET, "/artifacts?whose=ours")).await;
    assert!(page.text.contains("Drop the filter Without built-ins"), "{}", page.text);
    let page = maya.answer(maya.request(reqwest::Method::GET, &format!("/artifacts?team={team}"))).await;
    assert!(page.text.contains("Drop the team Harbor"), "{}", page.text);
});

app_test!(what_is_there_now_follows_what_moves_and_what_goes_with_its_volume, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let (own, shared) = (volume(&maya, "user").await, volume(&maya, "team").await);
    let (status, other) = maya.post("/volumes", serde_json::json!({ "name": "Second", "team": team })).await;
    assert_eq!(status, 201, "{other}");
    let other = text(&other["id"]);
    let make = async |volume: &str, name: &str| text(&create(&maya, volume, name).await["summary"]["id"]);
    let (tide, _lamp) = (make(&shared, "Tide").await, make(&shared, "Lamp").await);
    let (_rope, sail) = (make(&other, "Rope").await, make(&other, "Sail").await);
    let there = async |workspace: &str| {
        count(app).await;
        let (_, data) = maya.get(&format!("/analytics?team={workspace}")).await;
        data["artifacts"]["total"].as_u64().expect("a number")
    };
    let before = there("personal").await;
    assert_eq!(there(&team).await, 4);
    // To one's own, and deleted there: the workspace that it left has one less, and the other what it had.
    let moved = maya.post(&format!("/artifacts/{tide}/move"), serde_json::json!({ "volumeId": own })).await;
    assert_eq!(moved.0, 200, "{}", moved.1);
    assert_eq!((there(&team).await, there("personal").await), (3, before + 1));
    assert_eq!(maya.delete(&format!("/artifacts/{tide}")).await.0, 204);
    assert_eq!((there(&team).await, there("personal").await), (3, before));
    // Within the team: as many as before, by the volume that they are in.
    assert_eq!(maya.post(&format!("/artifacts/{sail}/move"), serde_json::json!({ "volumeId": shared })).await.0, 200);
    assert_eq!(there(&team).await, 3);
    let (_, data) = maya.get(&format!("/analytics?team={team}")).await;
    let by_volume: Vec<(String, u64)> = data["artifacts"]["byVolume"]
        .as_array()
        .expect("volumes")
        .iter()
        .map(|line| (text(&line["id"]), line["count"].as_u64().expect("a number")))
        .collect();
    assert_eq!(by_volume, [(shared.clone(), 2), (other.clone(), 1)]);
    // A volume goes with what is in it, and nobody did so many things for it.
    let done = all_rows(&maya, &format!("team={team}&measure=activity")).await.len();
    assert_eq!(maya.delete(&format!("/volumes/{other}")).await.0, 204);
    assert_eq!(there(&team).await, 2);
    assert_eq!(all_rows(&maya, &format!("team={team}&measure=activity")).await.len(), done + 1, "the deletion of a volume is one deed");
});
