//! Opening accounts.

use serde_json::json;

use crate::app::PASSWORD;

app_test!(the_first_account_administers_and_registration_then_closes, |app| {
    let visitor = app.visitor();
    let (_, instance) = visitor.get("/instance").await;
    assert_eq!(instance, json!({ "name": "LLMos-Lite", "firstVisit": true, "openRegistration": false, "github": false }));
    assert_eq!(visitor.get("/me").await.0, 401);

    let maya = app.sign_up_first().await;
    let (status, me) = maya.get("/me").await;
    assert_eq!(status, 200);
    assert_eq!((&me["administrator"], &me["email"], &me["hasPassword"]), (&json!(true), &json!("maya@harbor.internal"), &json!(true)));
    assert!(me["volumeId"].is_string() && me["teams"] == json!([]) && me["timeZone"] == "UTC");

    let (_, instance) = visitor.get("/instance").await;
    assert_eq!((&instance["firstVisit"], &instance["openRegistration"]), (&json!(false), &json!(false)));
    let (status, error) = visitor.post("/sign-up", json!({ "name": "Eve", "email": "eve@x.y", "password": PASSWORD })).await;
    assert_eq!((status, &error["code"]), (403, &json!("forbidden")));

    let noor = app.sign_up(&maya, "noor@harbor.internal").await;
    let (_, me) = noor.get("/me").await;
    assert_eq!((&me["administrator"], &me["person"]["name"]), (&json!(false), &json!("noor")));
});

app_test!(of_two_first_visitors_at_once_one_administers, |app| {
    let sign_up = |n: u8| {
        let visitor = app.visitor();
        async move { visitor.post("/sign-up", json!({ "name": "A", "email": format!("a{n}@x.y"), "password": PASSWORD })).await }
    };
    let (a, b, c, d) = tokio::join!(sign_up(1), sign_up(2), sign_up(3), sign_up(4));
    let mut statuses = [a.0, b.0, c.0, d.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 403, 403, 403]);
});

app_test!(sign_up_says_which_field_is_wrong, |app| {
    let maya = app.sign_up_first().await;
    maya.patch("/admin/settings", json!({ "openRegistration": true })).await;
    let visitor = app.visitor();
    for (name, email, password, field) in [
        (" ", "a@b.c", PASSWORD, "name"),
        ("a\u{202e}b", "a@b.c", PASSWORD, "name"),
        ("A", "nowhere", PASSWORD, "email"),
        ("A", "a@b.c", "short", "password"),
        ("A", "aa@bb.cc.dd", "aa@bb.cc.dd", "password"),
    ] {
        let (status, error) = visitor.post("/sign-up", json!({ "name": name, "email": email, "password": password })).await;
        assert_eq!((status, &error["code"]), (400, &json!("invalid_input")), "{error}");
        assert!(error["fields"][field].is_string(), "{error}");
        assert!(error["requestId"].is_string());
    }
    let (status, error) = visitor.post("/sign-up", json!({ "name": "M", "email": "MAYA@harbor.internal ", "password": PASSWORD })).await;
    assert_eq!((status, &error["code"]), (409, &json!("conflict")));
    assert!(error["fields"]["email"].is_string());
    assert_eq!(visitor.get("/me").await.0, 401, "nobody was signed in");
});
