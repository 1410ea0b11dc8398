//! Opening accounts.

use serde_json::json;

use crate::app::PASSWORD;

app_test!(the_first_account_administers_and_registration_then_closes, |app| {
    let visitor = app.visitor();
    let (_, instance) = visitor.get("/instance").await;
    let expected = json!({ "name": "LLMos-Lite", "firstVisit": true, "openRegistration": false, "github": false, "marketPublic": true });
    assert_eq!(instance, expected);
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

app_test!(passwords_that_are_tried_first_are_refused, |app| {
    let maya = app.sign_up_first().await;
    maya.patch("/admin/settings", json!({ "openRegistration": true, "name": "Lighthouse" })).await;
    let visitor = app.visitor();
    for weak in ["Qwertyuiop", "password123", "1q2w3e4r5t", "Noor-Haddad-1", "lighthouse2026", "llmos-lite-1", "harborharbor1"] {
        let body = json!({ "name": "Noor Haddad", "email": "noor@harbor.internal", "password": weak });
        let (status, error) = visitor.post("/sign-up", body).await;
        assert_eq!((status, error["fields"]["password"].is_string()), (400, true), "{weak}: {error}");
        let (status, error) = maya.post("/me/password", json!({ "current": PASSWORD, "new": weak })).await;
        let own = ["Noor-Haddad-1"].contains(&weak);
        assert!(own || (status == 400 && error["fields"]["new"].is_string()), "{weak}: {error}");
    }
    // Any signs, and long ones: nothing but what is guessed is refused.
    for fine in ["ünï¢ødé ist auch eins", &"lantern pier ".repeat(10), "𝄞𝄞♥♦ 1234 wörter"] {
        let email = format!("{}@x.example", fine.len());
        let (status, made) = app.visitor().post("/sign-up", json!({ "name": "A", "email": email, "password": fine })).await;
        assert_eq!(status, 201, "{fine}: {made}");
    }
});

app_test!(a_program_that_fills_in_everything_opens_no_account, |app| {
    let maya = app.sign_up_first().await;
    maya.patch("/admin/settings", json!({ "openRegistration": true })).await;
    let body = json!({ "name": "Eve", "email": "eve@x.y", "password": PASSWORD, "website": "https://spam.example" });
    assert_eq!(app.visitor().post("/sign-up", body).await.0, 400);
    let empty = json!({ "name": "Noor", "email": "noor@x.y", "password": PASSWORD, "website": "" });
    assert_eq!(app.visitor().post("/sign-up", empty).await.0, 201, "an empty field of a form");
});

app_test!(
    where_anybody_may_come_mail_domains_are_counted_and_may_be_chosen,
    |config| {
        config.sign_up.domains = vec!["harbor.internal".to_owned()];
        config.rates.domain = std::num::NonZeroU32::new(2).expect("above 0");
    },
    |app| {
        let maya = app.sign_up_first().await;
        let team = maya.team("Harbor").await;
        maya.patch("/admin/settings", json!({ "openRegistration": true })).await;
        let open = async |email: &str, invitation: Option<String>| {
            let body = json!({ "name": "A", "email": email, "password": PASSWORD, "invitation": invitation });
            app.visitor().post("/sign-up", body).await
        };
        let (status, error) = open("eve@elsewhere.example", None).await;
        assert_eq!((status, error["fields"]["email"].is_string()), (400, true), "{error}");
        assert_eq!((open("a@harbor.internal", None).await.0, open("b@Harbor.Internal", None).await.0), (201, 201));
        assert_eq!(open("c@harbor.internal", None).await.0, 429);
        let secret = maya.invite(&team, "member").await;
        assert_eq!(open("guest@elsewhere.example", Some(secret)).await.0, 201, "whoever is invited comes from anywhere");
    }
);
