//! Teams that want their members to have a second factor.

use serde_json::{Value, json};

use super::factors::App;
use crate::{
    app::text,
    rooms::people,
    volumes::{create, volume},
};

app_test!(a_team_shows_itself_only_to_members_with_a_second_factor, |app| {
    let (maya, ines, _, team) = people(app).await;
    let shared = volume(&maya, "team").await;
    let artifact = text(&create(&maya, &shared, "shared").await["summary"]["id"]);
    let path = format!("/teams/{team}");
    assert_eq!(ines.patch(&path, json!({ "requiresFactor": true })).await.0, 403, "owners decide that");
    let (status, error) = maya.patch(&path, json!({ "requiresFactor": true })).await;
    assert_eq!((status, &error["code"]), (409, &json!("conflict")), "who has none would lock themselves out: {error}");
    App::add(&maya).await;

    let mut socket = app.socket_of(&ines).await;
    socket.join(&team, "workspace", None).await;
    let program = app.client_with_token(&ines, &["read", "write"]).await;
    let (status, changed) = maya.patch(&path, json!({ "requiresFactor": true })).await;
    assert_eq!((status, &changed["requiresFactor"]), (200, &json!(true)), "{changed}");
    assert_eq!(socket.until("error").await["code"], "forbidden", "out of its rooms");

    for client in [&ines, &program] {
        let (status, error) = client.get(&path).await;
        assert_eq!((status, &error["code"]), (403, &json!("factor_required")), "{error}");
        assert!(text(&error["message"]).contains("second factor"));
        assert_eq!(client.get(&format!("{path}/members")).await.0, 403);
        assert!(matches!(client.get(&format!("/artifacts/{artifact}")).await.0, 403 | 404));
        assert!(matches!(client.get(&format!("/volumes/{shared}")).await.0, 403 | 404));
    }
    let (_, me) = ines.get("/me").await;
    assert_eq!((&me["teams"][0]["name"].is_string(), &me["teams"][0]["locked"]), (&true, &json!(true)), "it is told why");
    let (_, members) = maya.get(&format!("{path}/members")).await;
    let lacking = members.as_array().into_iter().flatten().filter(|member| member["secondFactor"] == false).count();
    assert_eq!(lacking, members.as_array().map_or(0, Vec::len) - 1, "{members}");

    // With one, everything is there again at once.
    let factor = App::add(&ines).await;
    assert_eq!((ines.get(&path).await.0, ines.get(&format!("/artifacts/{artifact}")).await.0), (200, 200));
    assert_eq!(ines.delete(&format!("/me/factors/{}", factor.id)).await.0, 204);
    assert_eq!(ines.get(&path).await.0, 403);
    assert_eq!(ines.post(&format!("{path}/leave"), Value::Null).await.0, 204, "leaving stays possible");
});

app_test!(agents_of_such_a_team_work_on, |app| {
    let (maya, _, _, team) = people(app).await;
    let (_, agent) = maya.post(&format!("/teams/{team}/agents"), json!({ "name": "Tug", "role": "member" })).await;
    let id = text(&agent["person"]["id"]);
    let wish = json!({ "name": "tug", "scopes": ["read"], "expiresInDays": 7 });
    let (status, made) = maya.post(&format!("/teams/{team}/agents/{id}/tokens"), wish).await;
    assert_eq!(status, 201, "{made}");
    App::add(&maya).await;
    assert_eq!(maya.patch(&format!("/teams/{team}"), json!({ "requiresFactor": true })).await.0, 200);
    let program = app.program(&text(&made["secret"]));
    assert_eq!(program.get(&format!("/teams/{team}")).await.0, 200);
});
