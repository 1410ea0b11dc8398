//! Who has a listing, and what they may do with it: names, owners, deprecation, deletion; and each refusal.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{Client, TestApp, text},
    marketplace::{Publisher, change, looked_at, people, skill, stable, team_volume, with},
    volumes::volume,
};

const HOUR: i64 = 3_600_000;

async fn patch(client: &Client, slug: &str, body: Value) -> (u16, Value) {
    client.patch(&format!("/marketplace/listings/{slug}"), body).await
}

async fn rename(client: &Client, slug: &str, to: &str) -> (u16, Value) {
    patch(client, slug, json!({ "name": to })).await
}

async fn delete(client: &Client, slug: &str) -> (u16, Value) {
    client.delete(&format!("/marketplace/listings/{slug}")).await
}

async fn reserve(client: &Client, slug: &str) -> (u16, Value) {
    client.post("/marketplace/listings", json!({ "slug": slug })).await
}

async fn add_owner(client: &Client, slug: &str, account: &str) -> (u16, Value) {
    client.post(&format!("/marketplace/listings/{slug}/owners"), json!({ "account": account })).await
}

async fn remove_owner(client: &Client, slug: &str, account: &str) -> (u16, Value) {
    client.delete(&format!("/marketplace/listings/{slug}/owners/{account}")).await
}

/// As if everything of the listing had been published so long ago.
async fn age(app: &TestApp, slug: &str, millis: i64) {
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    let sql = "UPDATE releases SET published_at = published_at - $2 WHERE listing_id IN (SELECT id FROM listings WHERE slug = $1)";
    let aged = sqlx::query(sql).bind(slug.to_owned()).bind(millis).execute(&mut *tx).await.expect("aged");
    assert!(aged.rows_affected() > 0, "{slug} has releases");
    tx.commit().await.expect("committed");
}

/// What the public log of the marketplace has of a listing: what was done, under which name.
async fn events(app: &TestApp, id: &str) -> Vec<(String, String)> {
    sqlx::query_as("SELECT action, slug FROM marketplace_events WHERE listing_id = $1 ORDER BY id")
        .bind(id.to_owned())
        .fetch_all(app.state.db.read())
        .await
        .expect("events")
}

fn named(events: &[(String, String)]) -> Vec<(&str, &str)> {
    events.iter().map(|(action, slug)| (action.as_str(), slug.as_str())).collect()
}

app_test!(a_name_is_reserved_and_given_back, |app| {
    let (maya, ines, tom) = people(app).await;
    let ines = ines.client;
    let (status, made) = reserve(&ines, "lamp-care").await;
    assert_eq!((status, &made["state"], &made["decides"]), (201, &json!("reserved"), &json!(true)), "{made}");
    let id = text(&made["id"]);
    // Nobody else sees it, and nobody else gets it.
    assert_eq!(tom.get("/marketplace/listings/lamp-care").await.0, 404);
    assert_eq!(tom.get("/marketplace/listings/lamp-care/management").await.0, 404);
    assert_eq!(tom.get("/marketplace/listings/lamp-care/owners").await.0, 404);
    assert_eq!(rename(&tom, "lamp-care", "mine").await.0, 404);
    let (status, refused) = reserve(&tom, "lamp-care").await;
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")), "{refused}");
    for wrong in ["Lamp Care", "", "submissions", "names", &id] {
        let (status, refused) = reserve(&tom, wrong).await;
        assert_eq!(status, 400, "{wrong}: {refused}");
        assert!(refused["fields"]["slug"].is_string(), "{wrong}: {refused}");
    }
    let reader = app.client_with_token(&ines, &["read", "write"]).await;
    assert_eq!(reserve(&reader, "tide-table").await.0, 403);
    assert_eq!(app.visitor().post("/marketplace/listings", json!({ "slug": "tide-table" })).await.0, 401);

    // It takes one's own submission.
    let (_, own) = ines.get("/marketplace/names").await;
    assert_eq!((own.as_array().map(Vec::len), &own[0]["slug"]), (Some(1), &json!("lamp-care")), "{own}");
    let (status, submitted) = ines.post("/marketplace/submissions", skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    assert_eq!((status, &submitted["submission"]["listingId"]), (201, &json!(id)), "{submitted}");
    // What nothing was ever public under gets another name without a trace, or goes; then it is anybody's.
    assert_eq!(rename(&ines, "lamp-care", "lamps").await.0, 200);
    assert_eq!(reserve(&tom, "lamp-care").await.0, 201);
    assert_eq!(delete(&ines, "lamps").await.0, 204);
    assert_eq!(ines.get(&format!("/marketplace/submissions/{}", text(&submitted["submission"]["id"]))).await.0, 404);
    assert_eq!(reserve(&tom, "lamps").await.0, 201);
    assert_eq!(named(&events(app, &id).await), [("reserved", "lamp-care"), ("renamed", "lamp-care"), ("deleted", "lamps")]);

    // A few names without anything under them are enough; publishing frees one's hands.
    for number in 0..8 {
        assert_eq!(reserve(&tom, &format!("name-{number}")).await.0, 201);
    }
    let (status, refused) = reserve(&tom, "one-more").await;
    assert_eq!(status, 409, "{refused}");
    assert!(text(&refused["message"]).contains("10 names"), "{refused}");
    assert_eq!(tom.post("/marketplace/submissions", skill("one-more", "1.0.0", "x")).await.0, 409);
    let tom = Publisher::new(tom, 5).await;
    tom.publish(&maya, skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    assert_eq!(reserve(&tom.client, "one-more").await.0, 201);
});

app_test!(a_team_has_names_of_its_own, |app| {
    let (maya, ines, tom) = people(app).await;
    let team = maya.team("Harbor Lights").await;
    let keeper = app.join(&maya, &team, "maintainer", "kim@harbor.example").await;
    let viewer = app.join(&maya, &team, "viewer", "vera@harbor.example").await;
    let for_team = |slug: &str| json!({ "slug": slug, "team": team });
    assert_eq!(tom.post("/marketplace/listings", for_team("lamp-care")).await.0, 404);
    assert_eq!(viewer.post("/marketplace/listings", for_team("lamp-care")).await.0, 403);
    // What the team is called is the team's.
    assert_eq!(reserve(&tom, "harbor-lights").await.0, 409);
    assert_eq!(tom.post("/marketplace/submissions", skill("harbor-lights", "1.0.0", "x")).await.0, 409);
    let (status, made) = keeper.post("/marketplace/listings", for_team("harbor-lights")).await;
    assert_eq!((status, &made["owner"]["name"], &made["owner"]["team"]), (201, &json!("Harbor Lights"), &json!(true)), "{made}");
    // Who of the team may publish decides, a viewer does not.
    assert_eq!(viewer.get("/marketplace/listings/harbor-lights/management").await.0, 404);
    assert_eq!(maya.get("/marketplace/listings/harbor-lights/management").await.1["decides"], true);
    let keeper = Publisher::new(keeper, 11).await;
    keeper.publish(&maya, skill("harbor-lights", "1.0.0", "Light them.")).await;
    assert_eq!(rename(&viewer, "harbor-lights", "lights").await.0, 403);
    // A team does not leave, and is not deleted with something in its name.
    assert_eq!(remove_owner(&maya, "harbor-lights", &team).await.0, 404);
    let (status, refused) = maya.delete(&format!("/teams/{team}")).await;
    assert_eq!(status, 409, "{refused}");
    assert!(text(&refused["message"]).contains("“harbor-lights”"), "{refused}");

    // Handed over: to a team that one may publish for, or to a co-owner.
    ines.publish(&maya, skill("rope-work", "1.0.0", "Splice.")).await;
    let (status, refused) = patch(&ines.client, "rope-work", json!({ "owner": team })).await;
    assert_eq!(status, 400, "not in it: {refused}");
    let crew = ines.client.team("Crew").await;
    let place = team_volume(&ines.client, &crew).await;
    assert!(!place.is_empty());
    let (status, moved) = patch(&ines.client, "rope-work", json!({ "owner": crew })).await;
    assert_eq!((status, &moved["owner"]["name"], &moved["decides"]), (200, &json!("Crew"), &json!(true)), "{moved}");
    assert_eq!(moved["coOwners"][0]["person"]["name"], "ines", "{moved}");
    let (_, page) = app.visitor().get("/marketplace/listings/rope-work").await;
    assert_eq!(page["card"]["author"]["name"], "Crew", "{page}");
    assert_eq!(patch(&ines.client, "rope-work", json!({ "owner": tom.id })).await.0, 400, "no co-owner");
    assert_eq!(add_owner(&ines.client, "rope-work", &tom.id).await.0, 201);
    let (status, moved) = patch(&ines.client, "rope-work", json!({ "owner": tom.id })).await;
    assert_eq!((status, &moved["owner"]["name"], &moved["decides"]), (200, &json!("tom"), &json!(false)), "{moved}");
    let (_, told) = tom.get("/notifications").await;
    let kinds: Vec<&str> = told["items"][0]["items"].as_array().expect("items").iter().filter_map(|one| one["kind"].as_str()).collect();
    assert_eq!((&told["items"][0]["title"], kinds), (&json!("rope work"), vec!["owner", "coowner"]), "{told}");
});

app_test!(co_owners_publish_and_the_last_owner_stays, |app| {
    let (maya, ines, tom) = people(app).await;
    let stranger = app.sign_up(&maya, "omar@pier.example").await;
    ines.publish(&maya, skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    let owner = &ines.client;
    // Who is none of its publishers changes nothing of it.
    for (method, path, body) in [
        (Method::GET, "/management", Value::Null),
        (Method::PATCH, "", json!({ "name": "mine" })),
        (Method::PATCH, "", json!({ "deprecated": true, "deprecation": "Bad." })),
        (Method::DELETE, "", Value::Null),
        (Method::POST, "/owners", json!({ "account": stranger.id })),
    ] {
        let (status, refused) = stranger.json(method.clone(), &format!("/marketplace/listings/lamp-care{path}"), body).await;
        assert_eq!(status, 403, "{method} {path}: {refused}");
    }
    assert_eq!(stranger.get("/marketplace/listings/lamp-care/owners").await.1["owner"]["name"], "ines");

    for wrong in ["nobody@pier.example", "", "0192f0c1-0000-7000-8000-000000000001"] {
        let (status, refused) = add_owner(owner, "lamp-care", wrong).await;
        assert_eq!(status, 400, "{refused}");
        assert!(refused["fields"]["account"].is_string(), "{refused}");
    }
    let (status, owners) = add_owner(owner, "lamp-care", "TOM@pier.example").await;
    assert_eq!((status, &owners["coOwners"][0]["person"]["name"]), (201, &json!("tom")), "{owners}");
    assert_eq!(add_owner(owner, "lamp-care", &tom.id).await.0, 409, "already");
    assert_eq!(add_owner(owner, "lamp-care", &owner.id).await.0, 409, "the owner");
    let (_, told) = tom.get("/notifications").await;
    let group = &told["items"][0];
    assert_eq!((&group["subject"], &group["items"][0]["kind"]), (&json!("ownership"), &json!("coowner")), "{told}");

    // A co-owner publishes and deprecates; names, owners and the end are for its owner.
    let tom = Publisher::new(tom, 9).await;
    tom.publish(&maya, skill("lamp-care", "1.1.0", "Trim the wicks twice.")).await;
    assert_eq!(patch(&tom.client, "lamp-care", json!({ "deprecated": true, "deprecation": "Old." })).await.0, 200);
    assert_eq!(rename(&tom.client, "lamp-care", "lamps").await.0, 403);
    assert_eq!(patch(&tom.client, "lamp-care", json!({ "owner": tom.client.id })).await.0, 403);
    assert_eq!(add_owner(&tom.client, "lamp-care", &stranger.id).await.0, 403);
    assert_eq!(remove_owner(&tom.client, "lamp-care", &owner.id).await.0, 403);
    assert_eq!(delete(&tom.client, "lamp-care").await.0, 403);
    assert_eq!(remove_owner(owner, "lamp-care", &stranger.id).await.0, 404);

    // When the owner goes, the co-owner takes their place; the last one stays.
    let (status, owners) = remove_owner(owner, "lamp-care", &owner.id).await;
    assert_eq!((status, &owners["owner"]["name"], &owners["coOwners"]), (200, &json!("tom"), &json!([])), "{owners}");
    assert_eq!(rename(owner, "lamp-care", "lamps").await.0, 403, "no longer");
    let (status, refused) = remove_owner(&tom.client, "lamp-care", &tom.client.id).await;
    assert_eq!(status, 409, "{refused}");
    assert!(text(&refused["message"]).contains("last owner"), "{refused}");
    // Who is made one may leave.
    assert_eq!(add_owner(&tom.client, "lamp-care", &owner.id).await.0, 201);
    assert_eq!(remove_owner(owner, "lamp-care", &owner.id).await.0, 200);
    // An account that is deleted leaves it to the others.
    assert_eq!(add_owner(&tom.client, "lamp-care", &owner.id).await.0, 201);
    let gone = tom.client.json(Method::DELETE, "/me", json!({ "password": crate::app::PASSWORD })).await;
    assert_eq!(gone.0, 204, "{}", gone.1);
    assert_eq!(owner.get("/marketplace/listings/lamp-care/owners").await.1["owner"]["name"], "ines");
});

app_test!(an_old_name_leads_on_for_ever, |app| {
    let (maya, ines, tom) = people(app).await;
    ines.publish(&maya, skill("lamps", "1.0.0", "Trim the wicks.")).await;
    ines.publish(&maya, with(skill("night-watch", "1.0.0", "Walk the pier."), json!({ "dependencies": ["lamps@^1"] }))).await;
    let place = volume(&tom, "user").await;
    assert_eq!(change(&tom, &place, json!({ "install": ["night-watch"] })).await.0, 200);
    let waiting = ines.submit(skill("lamps", "1.1.0", "Trim the wicks twice.")).await;
    assert_eq!(ines.sign(&waiting).await.0, 200);

    let (status, renamed) = rename(&ines.client, "lamps", "lamp-care").await;
    assert_eq!((status, &renamed["slug"], &renamed["formerNames"]), (200, &json!("lamp-care"), &json!(["lamps"])), "{renamed}");
    // Pages and programs find it by both; the new name is what they show.
    for name in ["lamps", "lamp-care"] {
        let (status, item) = app.visitor().get(&format!("/marketplace/listings/{name}")).await;
        assert_eq!(
            (status, &item["card"]["slug"], &item["dependents"][0]["slug"]),
            (200, &json!("lamp-care"), &json!("night-watch")),
            "{item}"
        );
        assert_eq!(stable(&app.visitor(), Method::GET, &format!("/items/{name}"), Value::Null).await.1["slug"], "lamp-care");
    }
    let page = tom.answer(tom.request(Method::GET, "/marketplace/lamps?version=1.0.0")).await;
    assert_eq!((page.status, page.header("location")), (308, "/marketplace/lamp-care?version=1.0.0"));
    // The lock shows the new one, and what names the old one is needed as before.
    let (_, lock) = tom.get(&format!("/volumes/{place}/lock")).await;
    assert_eq!(
        (&lock["installations"][0]["slug"], &lock["installations"][0]["neededBy"]),
        (&json!("lamp-care"), &json!(["night-watch"])),
        "{lock}"
    );
    let (status, refused) = change(&tom, &place, json!({ "uninstall": ["lamps"] })).await;
    assert_eq!(status, 409, "{refused}");
    assert!(text(&refused["message"]).contains("night-watch needs"), "{refused}");
    let pinned = tom.json(Method::PUT, &format!("/volumes/{place}/lock/lamps/pin"), json!({ "pinned": false })).await;
    assert_eq!(pinned.0, 200, "{}", pinned.1);
    // Rolling back goes by what things are called now.
    let (_, lock) = change(&tom, &place, json!({ "uninstall": ["lamps"], "cascade": true })).await;
    let (status, lock) = change(&tom, &place, json!({ "rollBack": text(&lock["changes"][0]["id"]) })).await;
    assert_eq!((status, &lock["installations"][0]["slug"]), (200, &json!("lamp-care")), "{lock}");

    // Somebody else installs what depends on the old name, and the old name itself.
    let late = volume(&maya, "user").await;
    let (status, lock) = change(&maya, &late, json!({ "install": ["night-watch"] })).await;
    assert_eq!(
        (status, &lock["installations"][0]["slug"], &lock["installations"][0]["asked"]),
        (200, &json!("lamp-care"), &json!(false)),
        "{lock}"
    );
    let (status, lock) = change(&maya, &late, json!({ "install": ["lamps@^1"] })).await;
    assert_eq!((status, &lock["installations"][0]["asked"]), (200, &json!(true)), "{lock}");
    // New releases may name either, but not both themselves and their old name.
    let (status, refused) =
        ines.client.post("/marketplace/submissions", with(skill("lamp-care", "1.2.0", "x"), json!({ "dependencies": ["lamps"] }))).await;
    assert_eq!(status, 400, "{refused}");
    ines.publish(&maya, with(skill("pier-walk", "1.0.0", "Walk."), json!({ "dependencies": ["lamps"] }))).await;

    // What was signed under the old name and waited is signed again, then it is public under the new one.
    let address = format!("/marketplace/submissions/{}", text(&waiting["submission"]["id"]));
    looked_at(&maya, &waiting).await;
    let (_, approved) = maya.post(&format!("{address}/review"), json!({ "verdict": "approve" })).await;
    assert_eq!((&approved["submission"]["state"], &approved["submission"]["signed"]), (&json!("approved"), &json!(false)), "{approved}");
    assert_eq!(ines.sign(&waiting).await.1["submission"]["state"], "public");
    assert_eq!(change(&tom, &place, json!({ "update": ["lamps"] })).await.1["installations"][0]["version"], "1.1.0");
    // And publishing under the old name goes to it.
    let again = ines.submit(skill("lamps", "1.2.0", "Trim the wicks thrice.")).await;
    assert_eq!(again["submission"]["slug"], "lamp-care", "{again}");

    // The log says so, and proves releases under each name.
    let (_, item) = tom.get("/marketplace/listings/lamp-care?version=1.0.0").await;
    let release = item["versions"].as_array().expect("versions").iter().find(|one| one["version"] == "1.0.0").expect("there");
    let bundle = tom.answer(tom.request(Method::GET, &format!("/api/v1/marketplace/submissions/{}/bundle", text(&release["id"])))).await;
    let entry = &bundle.json()["renames"][0]["envelope"];
    assert_eq!(entry["payloadType"], "application/vnd.llmos.rename+json", "{}", bundle.text);
    let said: Value = serde_json::from_slice(&BASE64_STANDARD.decode(text(&entry["payload"])).expect("base64")).expect("json");
    assert_eq!((&said["from"], &said["to"], &said["item"]), (&json!("lamps"), &json!("lamp-care"), &item["card"]["id"]), "{said}");

    // Nobody takes the old name; its own listing may go back to it.
    assert_eq!(reserve(&tom, "lamps").await.0, 409);
    assert_eq!(rename(&ines.client, "night-watch", "lamps").await.0, 409);
    let (status, back) = rename(&ines.client, "lamp-care", "lamps").await;
    assert_eq!((status, &back["formerNames"]), (200, &json!(["lamp-care"])), "{back}");
    assert_eq!(change(&tom, &place, json!({ "install": ["lamp-care@=1.0.0"] })).await.1["installations"][0]["slug"], "lamps");
    // With another name each time there is an end.
    for number in 0..9 {
        assert_eq!(rename(&ines.client, "lamps", &format!("lamps-{number}")).await.0, 200);
    }
    let (status, refused) = rename(&ines.client, "lamps", "lamps-9").await;
    assert_eq!(status, 409, "{refused}");
});

app_test!(of_two_who_take_a_name_at_once_one_gets_it, |app| {
    let (maya, ines, tom) = people(app).await;
    let tom = Publisher::new(tom, 9).await;
    ines.publish(&maya, skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    tom.publish(&maya, skill("rope-work", "1.0.0", "Splice.")).await;
    for round in 0..5 {
        let to = format!("quay-{round}");
        let (_, own) = ines.client.get("/marketplace/names").await;
        let (_, others) = tom.client.get("/marketplace/names").await;
        let (own, others) = (text(&own[0]["id"]), text(&others[0]["id"]));
        let (first, second) = tokio::join!(rename(&ines.client, &own, &to), rename(&tom.client, &others, &to));
        let mut statuses = [first.0, second.0];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", first.1, second.1);
        let winner = if first.0 == 200 { own } else { others };
        assert_eq!(app.visitor().get(&format!("/marketplace/listings/{to}")).await.1["card"]["id"], json!(winner));
    }
});

app_test!(what_is_deprecated_says_why_and_what_instead, |app| {
    let (maya, ines, tom) = people(app).await;
    for slug in ["lamp-care", "beacon-care"] {
        ines.publish(&maya, skill(slug, "1.0.0", "Trim the wicks.")).await;
    }
    let owner = &ines.client;
    let place = volume(&tom, "user").await;
    assert_eq!(change(&tom, &place, json!({ "install": ["lamp-care"] })).await.0, 200);
    for (wrong, field) in [
        (json!({ "deprecated": true }), "deprecation"),
        (json!({ "deprecated": true, "deprecation": "x".repeat(501) }), "deprecation"),
        (json!({ "deprecated": true, "deprecation": "Old.", "successor": "nothing-here" }), "successor"),
        (json!({ "deprecated": true, "deprecation": "Old.", "successor": "lamp-care" }), "successor"),
        (json!({ "deprecated": false, "deprecation": "Old." }), "deprecated"),
    ] {
        let (status, refused) = patch(owner, "lamp-care", wrong.clone()).await;
        assert_eq!(status, 400, "{wrong}: {refused}");
        assert!(refused["fields"][field].is_string(), "{wrong}: {refused}");
    }
    let wish = json!({ "deprecated": true, "deprecation": "Oil lamps\u{0} are gone.", "successor": "beacon-care" });
    let (status, done) = stable(owner, Method::PATCH, "/items/lamp-care", wish).await;
    assert_eq!((status, &done["deprecation"]["successor"]), (200, &json!("beacon-care")), "{done}");
    let (_, item) = app.visitor().get("/marketplace/listings/lamp-care").await;
    assert_eq!(
        (&item["card"]["deprecated"], &item["deprecation"], &item["successor"]),
        (&json!(true), &json!("Oil lamps are gone."), &json!("beacon-care"))
    );
    let (_, item) = stable(&app.visitor(), Method::GET, "/items/lamp-care", Value::Null).await;
    assert_eq!(item["deprecation"]["reason"], "Oil lamps are gone.", "{item}");
    let (_, lock) = tom.get(&format!("/volumes/{place}/lock")).await;
    assert_eq!(lock["installations"][0]["deprecation"], json!({ "reason": "Oil lamps are gone.", "successor": "beacon-care" }), "{lock}");
    let late = volume(&maya, "user").await;
    let (_, plan) = maya.post(&format!("/volumes/{late}/lock/plan"), json!({ "install": ["lamp-care"] })).await;
    assert_eq!(plan["steps"][0]["deprecation"]["reason"], "Oil lamps are gone.", "{plan}");
    // And taken back.
    let (status, done) = patch(owner, "lamp-care", json!({ "deprecated": false })).await;
    assert_eq!((status, &done["deprecation"]), (200, &Value::Null), "{done}");
    let (_, item) = app.visitor().get("/marketplace/listings/lamp-care").await;
    assert_eq!((&item["card"]["deprecated"], &item["successor"]), (&json!(false), &json!("")));
    let id = text(&item["card"]["id"]);
    assert_eq!(named(&events(app, &id).await).iter().filter(|(action, _)| action.starts_with("deprecat")).count(), 2);
    // What a release says is not changed here.
    assert_eq!(stable(owner, Method::PATCH, "/items/lamp-care", json!({ "description": "Better." })).await.0, 400);
    assert_eq!(reserve(owner, "tide-table").await.0, 201);
    assert_eq!(patch(owner, "tide-table", json!({ "deprecated": true, "deprecation": "x" })).await.0, 409, "nothing is public");
});

app_test!(what_nobody_needs_is_deleted_soon_or_never, |app| {
    let (maya, ines, tom) = people(app).await;
    let owner = &ines.client;
    ines.publish(&maya, skill("lamps", "1.0.0", "Trim the wicks.")).await;
    let (_, made) = rename(owner, "lamps", "lamp-care").await;
    let id = text(&made["id"]);
    assert_eq!((&made["undeletable"], made["deletableUntil"].is_i64()), (&Value::Null, true), "{made}");
    let refused = async |words: &str| {
        let (status, refused) = delete(owner, "lamp-care").await;
        assert_eq!(status, 409, "{refused}");
        assert!(text(&refused["message"]).contains(words), "{refused}");
        let (_, managed) = owner.get("/marketplace/listings/lamp-care/management").await;
        assert!(text(&managed["undeletable"]).contains(words), "{managed}");
    };
    // Somebody depends on it, under whichever name, even before that is public.
    let needs = ines.submit(with(skill("night-watch", "1.0.0", "Walk."), json!({ "dependencies": ["lamps"] }))).await;
    refused("night-watch needs it").await;
    let address = format!("/marketplace/submissions/{}", text(&needs["submission"]["id"]));
    assert_eq!(tom.delete(&address).await.0, 404, "a stranger");
    assert_eq!(owner.delete(&address).await.0, 204);
    assert_eq!(owner.get(&address).await.0, 404);
    // Somebody has it installed; one's own does not count.
    let (place, own) = (volume(&tom, "user").await, volume(owner, "user").await);
    for (client, volume) in [(&tom, &place), (owner, &own)] {
        assert_eq!(change(client, volume, json!({ "install": ["lamp-care"] })).await.0, 200);
    }
    refused("a volume of somebody else").await;
    assert_eq!(change(&tom, &place, json!({ "uninstall": ["lamp-care"] })).await.0, 200);
    let (status, review) = tom.json(Method::PUT, "/marketplace/listings/lamp-care/review", json!({ "rating": 2 })).await;
    assert_eq!(status, 200, "{review}");
    // Too late.
    age(app, "lamp-care", 72 * HOUR).await;
    refused("72 hours").await;
    age(app, "lamp-care", -HOUR).await;
    assert_eq!(tom.get("/marketplace/listings?q=wicks").await.1["items"][0]["slug"], "lamp-care");
    let (_, entries) = tom.get("/log/entries").await;
    let before = entries.as_array().map_or(0, Vec::len);
    let (status, gone) = stable(owner, Method::DELETE, "/items/lamp-care", Value::Null).await;
    assert_eq!(status, 204, "{gone}");

    // The catalogue, search and the lock forget it; the text in one's own volume stays as one's own.
    for name in ["lamp-care", "lamps", &id] {
        assert_eq!(tom.get(&format!("/marketplace/listings/{name}")).await.0, 404, "{name}");
    }
    assert_eq!(tom.get("/marketplace/listings").await.1["total"], 0);
    assert_eq!(tom.get("/search?q=wicks&kind=listing").await.1["hits"], json!([]));
    assert_eq!(owner.get(&format!("/volumes/{own}/lock")).await.1["installations"], json!([]));
    assert_eq!(owner.get("/search?q=wicks&kind=skill").await.1["hits"][0]["slug"], "lamp-care");
    // The log keeps what it has, and says that it was taken back.
    let (_, entries) = tom.get("/log/entries").await;
    assert_eq!(entries.as_array().map(Vec::len), Some(before + 1), "{entries}");
    // The names stay its owner's, and the number of a version is not given again.
    for name in ["lamp-care", "lamps"] {
        assert_eq!(reserve(&tom, name).await.0, 409, "{name}");
    }
    assert_eq!(delete(owner, "lamp-care").await.0, 409, "a name that was used");
    let (status, refused) = owner.post("/marketplace/submissions", skill("lamp-care", "1.0.0", "Other words.")).await;
    assert_eq!(status, 409, "{refused}");
    let mut next = skill("lamp-care", "", "Other words.");
    next["version"] = Value::Null;
    let made = ines.submit(next).await;
    assert_eq!((&made["submission"]["version"], &made["submission"]["listingId"]), (&json!("1.0.1"), &json!(id)), "{made}");
    // The 72 hours are those of the first publication.
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE deleted_releases SET published_at = 1").execute(&mut *tx).await.expect("aged");
    tx.commit().await.expect("committed");
    let (_, managed) = owner.get("/marketplace/listings/lamp-care/management").await;
    assert_eq!(managed["deletableUntil"], 1 + 72 * HOUR, "{managed}");
    let actions: Vec<String> = events(app, &id).await.into_iter().map(|(action, _)| action).collect();
    assert_eq!(actions, ["published", "renamed", "deleted"]);
});

app_test!(a_submission_is_taken_back_before_it_is_public, |app| {
    let (maya, ines, _) = people(app).await;
    let made = ines.submit(skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    let address = format!("/marketplace/submissions/{}", text(&made["submission"]["id"]));
    let decide = json!({ "verdict": "reject", "reason": "No." });
    assert_eq!(maya.post(&format!("{address}/review"), decide).await.0, 200);
    assert_eq!(ines.client.delete(&address).await.0, 409, "it was decided");
    let made = ines.submit(skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    let address = format!("/marketplace/submissions/{}", text(&made["submission"]["id"]));
    looked_at(&maya, &made).await;
    assert_eq!(maya.post(&format!("{address}/review"), json!({ "verdict": "approve" })).await.0, 200);
    assert_eq!(ines.client.delete(&address).await.0, 204);
    let (_, queue) = maya.get("/marketplace/submissions").await;
    assert_eq!(queue, json!([]));
    let signature = json!({ "keyId": "0123456789abcdef", "signature": "AA==" });
    assert_eq!(ines.client.post(&format!("{address}/sign"), signature).await.0, 404);
    // The number is free again, since nobody ever saw it.
    let public = ines.publish(&maya, skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    let (status, refused) = ines.client.delete(&format!("/marketplace/submissions/{public}")).await;
    assert_eq!(status, 409, "{refused}");
    assert!(text(&refused["message"]).contains("withdraw it"), "{refused}");
});
