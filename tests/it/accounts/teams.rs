//! Teams, their members, roles and ownership.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    import::export,
    sessions::begin,
    volumes::{committed, volume},
};

app_test!(a_team_is_made_renamed_and_deleted, |app| {
    let maya = app.sign_up_first().await;
    let id = "0192a000-0000-7000-8000-000000000001";
    let (status, team) = maya.post("/teams", json!({ "id": id, "name": "  Harbor  Platform " })).await;
    assert_eq!(status, 201);
    assert_eq!(
        (&team["id"], &team["name"], &team["role"], &team["members"]),
        (&json!(id), &json!("Harbor Platform"), &json!("owner"), &json!(1))
    );
    assert_eq!(maya.post("/teams", json!({ "id": id, "name": "Again" })).await.0, 409);
    assert_eq!(maya.post("/teams", json!({ "id": maya.id, "name": "A user's id" })).await.0, 409);
    assert_eq!(maya.post("/teams", json!({ "name": " " })).await.0, 400);

    let path = format!("/teams/{id}");
    let (status, team) = maya.patch(&path, json!({ "name": "Pier" })).await;
    assert_eq!((status, &team["name"]), (200, &json!("Pier")));
    assert_eq!(maya.get("/me").await.1["teams"][0]["name"], "Pier");
    assert_eq!(maya.get("/teams").await.1.as_array().map(Vec::len), Some(1));
    assert_eq!(maya.delete(&path).await.0, 204);
    assert_eq!((maya.get(&path).await.0, maya.delete(&path).await.0), (404, 404));
    assert_eq!(maya.get("/me").await.1["teams"], json!([]));
});

app_test!(a_strangers_team_is_not_found_in_any_way, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let eve = app.sign_up(&maya, "eve@x.y").await;
    let (_, real) = eve.get(&format!("/teams/{team}")).await;
    let (_, none) = eve.get("/teams/0192a000-0000-7000-8000-00000000dead").await;
    assert_eq!(real["message"], none["message"], "the answer does not tell that it exists");
    let base = format!("/teams/{team}");
    for (status, _) in [
        eve.get(&base).await,
        eve.patch(&base, json!({ "name": "Mine" })).await,
        eve.delete(&base).await,
        eve.post(&format!("{base}/leave"), Value::Null).await,
        eve.post(&format!("{base}/transfer"), json!({ "to": eve.id })).await,
        eve.get(&format!("{base}/members")).await,
        eve.patch(&format!("{base}/members/{}", maya.id), json!({ "role": "viewer" })).await,
        eve.delete(&format!("{base}/members/{}", maya.id)).await,
        eve.get(&format!("{base}/invitations")).await,
        eve.post(&format!("{base}/invitations"), json!({ "role": "viewer", "maxUses": 1, "expiresInDays": 1 })).await,
        eve.post(&format!("{base}/agents"), json!({ "name": "Bot", "role": "viewer" })).await,
        eve.get(&format!("{base}/agents/{}/tokens", maya.id)).await,
        eve.get(&format!("{base}/audit")).await,
    ] {
        assert_eq!(status, 404);
    }
    assert_eq!(maya.get(&base).await.1["name"], "Harbor");
});

app_test!(each_role_does_what_the_matrix_says, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let viewer = app.join(&maya, &team, "viewer", "vera@x.y").await;
    let member = app.join(&maya, &team, "member", "max@x.y").await;
    let maintainer = app.join(&maya, &team, "maintainer", "mina@x.y").await;
    let base = format!("/teams/{team}");
    let invitation = json!({ "role": "viewer", "maxUses": 1, "expiresInDays": 1 });
    let agent = json!({ "name": "Bot", "role": "viewer" });
    for (client, [read, invite, agents, audit, manage]) in [
        (&viewer, [200, 403, 403, 403, 403]),
        (&member, [200, 403, 403, 403, 403]),
        (&maintainer, [200, 201, 201, 403, 403]),
        (&maya, [200, 201, 201, 200, 200]),
    ] {
        assert_eq!(client.get(&base).await.0, read);
        assert_eq!(client.get(&format!("{base}/members")).await.0, read);
        assert_eq!(client.post(&format!("{base}/invitations"), invitation.clone()).await.0, invite);
        assert_eq!(client.post(&format!("{base}/agents"), agent.clone()).await.0, agents);
        assert_eq!(client.get(&format!("{base}/audit")).await.0, audit);
        assert_eq!(client.patch(&base, json!({ "name": "Harbor" })).await.0, manage);
    }
    let (_, error) = viewer.patch(&base, json!({ "name": "Mine" })).await;
    assert_eq!(error["message"], "You are a viewer of this team, and this takes an owner.");
    assert_eq!(viewer.delete(&base).await.0, 403);

    let emails = |members: Value| members.as_array().expect("a list").iter().filter(|member| member["email"].is_string()).count();
    assert_eq!(emails(viewer.get(&format!("{base}/members")).await.1), 1, "one's own");
    assert_eq!(emails(maya.get(&format!("{base}/members")).await.1), 4);
});

app_test!(nobody_raises_a_role_above_their_own, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let member = app.join(&maya, &team, "member", "max@x.y").await;
    let maintainer = app.join(&maya, &team, "maintainer", "mina@x.y").await;
    let change = |user: &str| format!("/teams/{team}/members/{user}");
    assert_eq!(member.patch(&change(&member.id), json!({ "role": "owner" })).await.0, 403);
    assert_eq!(maintainer.patch(&change(&maintainer.id), json!({ "role": "owner" })).await.0, 403);
    assert_eq!(maintainer.patch(&change(&member.id), json!({ "role": "maintainer" })).await.0, 403);
    assert_eq!(maintainer.patch(&change(&maya.id), json!({ "role": "viewer" })).await.0, 403);
    assert_eq!(maintainer.delete(&change(&maya.id)).await.0, 403);
    let high = json!({ "role": "owner", "maxUses": 1, "expiresInDays": 1 });
    assert_eq!(maintainer.post(&format!("/teams/{team}/invitations"), high).await.0, 400);
    assert_eq!(maintainer.post(&format!("/teams/{team}/agents"), json!({ "name": "Bot", "role": "maintainer" })).await.0, 400);
    assert_eq!(maya.post(&format!("/teams/{team}/agents"), json!({ "name": "Bot", "role": "owner" })).await.0, 400);

    let (status, changed) = maintainer.patch(&change(&member.id), json!({ "role": "viewer" })).await;
    assert_eq!((status, &changed["role"]), (200, &json!("viewer")));
    let (status, _) = maya.patch(&change(&member.id), json!({ "role": "maintainer" })).await;
    assert_eq!(status, 200);
    assert_eq!(maintainer.delete(&change(&member.id)).await.0, 403, "an equal");
    assert_eq!(maya.delete(&change(&member.id)).await.0, 204);
    assert_eq!(member.get(&format!("/teams/{team}")).await.0, 404);
    let (_, log) = maya.get(&format!("/teams/{team}/audit")).await;
    let changes: Vec<_> = log["events"].as_array().expect("a list").iter().filter(|event| event["action"] == "role.changed").collect();
    assert_eq!((changes.len(), &changes[0]["detail"]), (2, &json!("viewer → maintainer")));
});

app_test!(the_last_owner_stays_until_the_team_is_handed_over, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let noor = app.join(&maya, &team, "member", "noor@x.y").await;
    let base = format!("/teams/{team}");
    assert_eq!(maya.post(&format!("{base}/leave"), Value::Null).await.0, 409);
    assert_eq!(maya.delete(&format!("{base}/members/{}", maya.id)).await.0, 409);
    assert_eq!(maya.patch(&format!("{base}/members/{}", maya.id), json!({ "role": "member" })).await.0, 409);
    assert_eq!(noor.post(&format!("{base}/transfer"), json!({ "to": noor.id })).await.0, 403);
    assert_eq!(maya.post(&format!("{base}/transfer"), json!({ "to": maya.id })).await.0, 400);
    assert_eq!(maya.post(&format!("{base}/transfer"), json!({ "to": "0192a000-0000-7000-8000-00000000dead" })).await.0, 404);
    assert_eq!(maya.post(&format!("{base}/transfer"), json!({ "to": noor.id })).await.0, 204);
    assert_eq!((noor.get(&base).await.1["role"].clone(), maya.get(&base).await.1["role"].clone()), (json!("owner"), json!("maintainer")));
    assert_eq!(maya.post(&format!("{base}/leave"), Value::Null).await.0, 204);
    assert_eq!(maya.get(&base).await.0, 404);
});

app_test!(two_owners_who_leave_at_once_leave_one, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let noor = app.join(&maya, &team, "owner", "noor@x.y").await;
    let path = format!("/teams/{team}/leave");
    let (a, b) = tokio::join!(maya.post(&path, Value::Null), noor.post(&path, Value::Null));
    let mut statuses = [a.0, b.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
});

app_test!(the_log_of_a_team_is_paged_and_has_its_members_sign_ins, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    app.join(&maya, &team, "member", "noor@x.y").await;
    app.sign_in("noor@x.y").await;
    for n in 0..60 {
        assert_eq!(maya.patch(&format!("/teams/{team}"), json!({ "name": format!("Harbor {n}") })).await.0, 200);
    }
    let (_, first) = maya.get(&format!("/teams/{team}/audit")).await;
    assert_eq!(first["events"].as_array().map(Vec::len), Some(50));
    assert_eq!(first["events"][0]["target"], "Harbor 59");
    let (_, second) = maya.get(&format!("/teams/{team}/audit?before={}", first["next"].as_str().expect("more"))).await;
    let second = second["events"].as_array().expect("a list").clone();
    assert_eq!(second[0]["target"], "Harbor 9");
    assert!(second.iter().any(|event| event["action"] == "sign_in.succeeded" && event["actor"] == "noor"));
    assert!(second.iter().any(|event| event["action"] == "team.created"));
    assert_eq!(maya.get(&format!("/teams/{team}/audit?before=x")).await.0, 400);
});

app_test!(exports_are_in_the_teams_log, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let shared = volume(&maya, "team").await;
    let (artifact, _) = committed(&maya, &shared, "Pilotage").await;
    let session = begin(&maya, Some(&team), "Review").await;
    let vera = app.join(&maya, &team, "viewer", "vera@x.y").await;
    export(&vera, &shared).await;
    for path in [format!("/artifacts/{artifact}/download"), format!("/sessions/{session}/export")] {
        let answer = vera.answer(vera.request(Method::GET, &format!("/api/v1{path}"))).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    }
    // What is not the team's is not in its log.
    let own = volume(&vera, "user").await;
    export(&vera, &own).await;
    let (_, log) = maya.get(&format!("/teams/{team}/audit")).await;
    let exports: Vec<_> = log["events"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|event| event["action"].as_str().is_some_and(|action| action.ends_with(".exported")))
        .map(|event| [&event["actor"], &event["action"], &event["target"]].map(|value| value.as_str().unwrap_or_default().to_owned()))
        .collect();
    let expected = [["session.exported", "Review"], ["artifact.exported", "pilotage"], ["volume.exported", "Harbor"]];
    assert_eq!(exports, expected.map(|[action, target]| ["vera", action, target].map(str::to_owned)));
});
