//! Newer versions: who hears of them, and what a volume takes by itself.

use llmos_lite::{features::marketplace::service::update_all, server::context::Ctx};
use serde_json::{Value, json};

use crate::{
    app::{Client, TestApp, text},
    marketplace::{Publisher, change, people, skill, team_volume, with},
    notifications::list,
};

async fn version(client: &Client, volume: &str) -> String {
    let (_, lock) = client.get(&format!("/volumes/{volume}/lock")).await;
    text(&lock["installations"][0]["version"])
}

async fn settings(client: &Client, volume: &str, automatic: bool, days: i64) -> (u16, Value) {
    let body = json!({ "automatic": automatic, "coolDownDays": days });
    client.json(reqwest::Method::PUT, &format!("/volumes/{volume}/lock/settings"), body).await
}

/// What the schedule does.
async fn hour(app: &TestApp) -> Value {
    update_all(&Ctx::internal(app.state.clone(), None)).await.expect("it updates")
}

async fn installed(app: &TestApp) -> (Client, Publisher, Client, String) {
    let (maya, ines, tom) = people(app).await;
    ines.publish(&maya, skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    let volume = team_volume(&tom, &tom.team("Pier").await).await;
    assert_eq!(change(&tom, &volume, json!({ "install": ["lamp-care"] })).await.0, 200);
    (maya, ines, tom, volume)
}

async fn told(client: &Client, kind: &str, count: usize) -> Vec<Value> {
    for _ in 0..500 {
        let found: Vec<Value> = list(client).await.into_iter().filter(|one| one["kind"] == kind).collect();
        if found.len() >= count {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{kind} is told {count} times: {:?}", list(client).await);
}

app_test!(who_has_it_installed_hears_of_a_newer_version_once, |app| {
    let (maya, ines, tom, volume) = installed(app).await;
    let update = with(skill("lamp-care", "1.1.0", "Trim the wicks twice."), json!({ "changelog": "Twice a day." }));
    ines.publish(&maya, update).await;
    let found = told(&tom, "update", 1).await;
    assert_eq!((found.len(), text(&found[0]["excerpt"])), (1, "lamp care 1.1.0: Twice a day.".to_owned()));
    let (_, page) = tom.get("/notifications").await;
    assert_eq!((&page["items"][0]["subject"], &page["items"][0]["subjectId"]), (&json!("lock"), &json!(volume)));
    // Nothing is installed by itself unless somebody wants that.
    assert_eq!((hour(app).await, version(&tom, &volume).await), (json!({ "updated": 0 }), "1.0.0".to_owned()));
    // Who pinned it wants to hear nothing.
    let pin = tom.json(reqwest::Method::PUT, &format!("/volumes/{volume}/lock/lamp-care/pin"), json!({ "pinned": true })).await;
    assert_eq!(pin.0, 200, "{}", pin.1);
    ines.publish(&maya, skill("lamp-care", "1.2.0", "Three times.")).await;
    ines.publish(&maya, skill("night-watch", "1.0.0", "Walk the pier.")).await;
    assert_eq!(told(&tom, "update", 1).await.len(), 1);
});

app_test!(a_volume_takes_by_itself_what_has_been_out_long_enough_and_may_do_no_more_than_before, |app| {
    let (maya, ines, tom, volume) = installed(app).await;
    let viewer = app.sign_up(&maya, "ada@pier.example").await;
    assert_eq!(settings(&viewer, &volume, true, 0).await.0, 404);
    assert_eq!(settings(&tom, &volume, true, 400).await.0, 400);
    let (status, lock) = settings(&tom, &volume, true, 3).await;
    assert_eq!((status, &lock["settings"]), (200, &json!({ "automatic": true, "coolDownDays": 3 })), "{lock}");
    ines.publish(&maya, skill("lamp-care", "1.1.0", "Trim the wicks twice.")).await;
    assert_eq!((hour(app).await, version(&tom, &volume).await), (json!({ "updated": 0 }), "1.0.0".to_owned()), "too young");
    assert_eq!(settings(&tom, &volume, true, 0).await.0, 200);
    assert_eq!((hour(app).await, version(&tom, &volume).await), (json!({ "updated": 1 }), "1.1.0".to_owned()));
    let (_, lock) = tom.get(&format!("/volumes/{volume}/lock")).await;
    assert_eq!((&lock["changes"][0]["act"], &lock["changes"][0]["by"]["id"]), (&json!("update"), &json!(tom.id)), "{lock}");
    assert_eq!(hour(app).await, json!({ "updated": 0 }), "once");

    // What may do more waits for a person, and so does what brings something along.
    let more = with(skill("lamp-care", "1.2.0", "Ask lamps.dev."), json!({ "capabilities": { "hosts": ["lamps.dev"] } }));
    ines.publish(&maya, more).await;
    assert_eq!((hour(app).await, version(&tom, &volume).await), (json!({ "updated": 0 }), "1.1.0".to_owned()));
    assert_eq!(change(&tom, &volume, json!({ "update": ["lamp-care"] })).await.0, 200);
    ines.publish(&maya, skill("oil", "1.0.0", "Fill the can.")).await;
    ines.publish(&maya, with(skill("lamp-care", "1.3.0", "Ask lamps.dev."), json!({ "dependencies": ["oil"] }))).await;
    assert_eq!((hour(app).await, version(&tom, &volume).await), (json!({ "updated": 0 }), "1.2.0".to_owned()));
});

app_test!(who_may_no_longer_change_a_volume_updates_it_no_more, |app| {
    let (maya, ines, tom, volume) = installed(app).await;
    let (_, volumes) = tom.get("/volumes").await;
    let row = volumes.as_array().expect("volumes").iter().find(|row| row["id"] == json!(volume)).expect("it is there").clone();
    let team = text(&row["team"]);
    let ada = app.join(&tom, &team, "member", "ada@pier.example").await;
    assert_eq!(settings(&ada, &volume, true, 0).await.0, 200);
    assert_eq!(tom.delete(&format!("/teams/{team}/members/{}", ada.id)).await.0, 204);
    ines.publish(&maya, skill("lamp-care", "1.1.0", "Trim the wicks twice.")).await;
    assert_eq!((hour(app).await, version(&tom, &volume).await), (json!({ "updated": 0 }), "1.0.0".to_owned()));
});
