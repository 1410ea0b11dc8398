//! Invitation links.

use serde_json::{Value, json};

use crate::app::{PASSWORD, secret_of};

app_test!(a_link_opens_an_account_and_joins_the_team, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let secret = maya.invite(&team, "viewer").await;
    let visitor = app.visitor();
    let (status, preview) = visitor.get(&format!("/invitations/{secret}")).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&preview["team"], &preview["role"], &preview["invitedBy"], &preview["member"]),
        (&json!("Harbor"), &json!("viewer"), &json!("Maya Chen"), &json!(false))
    );
    let noor = app.register("Noor", "noor@x.y", Some(&secret)).await;
    assert_eq!(noor.get("/me").await.1["teams"][0]["role"], "viewer");
    let (status, error) = visitor.get(&format!("/invitations/{secret}")).await;
    assert_eq!((status, &error["code"]), (410, &json!("expired")), "used up");
    let body = json!({ "name": "Eve", "email": "eve@x.y", "password": PASSWORD, "invitation": secret });
    assert_eq!(visitor.post("/sign-up", body).await.0, 410);
    let body = json!({ "name": "Eve", "email": "eve@x.y", "password": PASSWORD, "invitation": "made-up" });
    assert_eq!(visitor.post("/sign-up", body).await.0, 404);
});

app_test!(somebody_with_an_account_accepts, |app| {
    let maya = app.sign_up_first().await;
    let noor = app.sign_up(&maya, "noor@x.y").await;
    let team = maya.team("Harbor").await;
    let secret = maya.invite(&team, "member").await;
    assert_eq!(app.visitor().post(&format!("/invitations/{secret}/accept"), Value::Null).await.0, 401);
    let (status, joined) = maya.post(&format!("/invitations/{secret}/accept"), Value::Null).await;
    assert_eq!((status, &joined["role"]), (200, &json!("owner")), "a member already: nothing changes");
    let (status, joined) = noor.post(&format!("/invitations/{secret}/accept"), Value::Null).await;
    assert_eq!((status, &joined["role"], &joined["members"]), (200, &json!("member"), &json!(2)));
    let (status, _) = noor.post(&format!("/invitations/{secret}/accept"), Value::Null).await;
    assert_eq!(status, 410, "used up");
    assert_eq!(noor.post("/invitations/unknown/accept", Value::Null).await.0, 404);
});

app_test!(the_last_use_happens_once, |app| {
    let maya = app.sign_up_first().await;
    let a = app.sign_up(&maya, "a@x.y").await;
    let b = app.sign_up(&maya, "b@x.y").await;
    let team = maya.team("Harbor").await;
    let path = format!("/invitations/{}/accept", maya.invite(&team, "member").await);
    let (first, second) = tokio::join!(a.post(&path, Value::Null), b.post(&path, Value::Null));
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410]);
});

app_test!(ended_and_expired_links_do_not_work, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let other = maya.team("Other").await;
    let path = format!("/teams/{team}/invitations");
    let (_, made) = maya.post(&path, json!({ "role": "member", "maxUses": 5, "expiresInDays": 7 })).await;
    let id = made["invitation"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(maya.get(&path).await.1.as_array().map(Vec::len), Some(1));
    assert_eq!(maya.delete(&format!("/teams/{other}/invitations/{id}")).await.0, 404, "of another team");
    assert_eq!(maya.delete(&format!("{path}/{id}")).await.0, 204);
    assert_eq!(maya.delete(&format!("{path}/{id}")).await.0, 404);
    assert_eq!(maya.get(&path).await.1, json!([]));
    assert_eq!(app.visitor().get(&format!("/invitations/{}", secret_of(&made["url"]))).await.0, 410);

    let secret = maya.invite(&team, "member").await;
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE invitations SET expires_at = 1").execute(&mut *tx).await.expect("updates");
    tx.commit().await.expect("commits");
    assert_eq!(app.visitor().get(&format!("/invitations/{secret}")).await.0, 410);

    let secret = maya.invite(&team, "member").await;
    assert_eq!(maya.delete(&format!("/teams/{team}")).await.0, 204);
    assert_eq!(app.visitor().get(&format!("/invitations/{secret}")).await.0, 410, "the team is gone");

    for wrong in [
        json!({ "role": "member", "maxUses": 0, "expiresInDays": 7 }),
        json!({ "role": "member", "maxUses": 1, "expiresInDays": 91 }),
        json!({ "role": "king", "maxUses": 1, "expiresInDays": 7 }),
    ] {
        assert_eq!(maya.post(&format!("/teams/{other}/invitations"), wrong).await.0, 400);
    }
});

app_test!(who_leaves_takes_their_invitations_along, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let mina = app.join(&maya, &team, "maintainer", "mina@x.y").await;
    let secret = mina.invite(&team, "member").await;
    assert_eq!(maya.delete(&format!("/teams/{team}/members/{}", mina.id)).await.0, 204);
    assert_eq!(app.visitor().get(&format!("/invitations/{secret}")).await.0, 410);
});

app_test!(an_administrator_invites_to_the_instance_alone, |app| {
    let maya = app.sign_up_first().await;
    let body = json!({ "role": "member", "maxUses": 1, "expiresInDays": 7 });
    let (status, made) = maya.post("/admin/invitations", body.clone()).await;
    assert_eq!(status, 201);
    let noor = app.register("Noor", "noor@x.y", Some(&secret_of(&made["url"]))).await;
    assert_eq!(noor.get("/me").await.1["teams"], json!([]));
    assert_eq!(noor.post("/admin/invitations", body).await.0, 403);
    assert_eq!(maya.get("/admin/invitations").await.1, json!([]));
});
