//! Signing in in two steps: authenticator apps and recovery codes.

use std::collections::HashSet;

use llmos_identity::totp::Secret;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, Client, PASSWORD, TestApp, secret_of, text};

pub fn now() -> i64 {
    llmos_lite::server::clock::now_ms()
}

/// An authenticator app that an account has, and the recovery codes that came with it.
pub struct App {
    pub secret: Secret,
    pub id: String,
    pub codes: Vec<String>,
}

impl App {
    pub async fn add(client: &Client) -> Self {
        let (status, new) = client.post("/me/totp/secret", Value::Null).await;
        assert_eq!(status, 200, "{new}");
        let secret = Secret::parse(&text(&new["secret"]).replace(' ', "")).expect("a secret");
        let (status, added) = client.post("/me/totp", json!({ "name": "Telephone", "code": secret.code_at(now()) })).await;
        assert_eq!(status, 201, "{added}");
        let codes = added["recoveryCodes"].as_array().map(|codes| codes.iter().map(text).collect()).unwrap_or_default();
        Self { secret, id: text(&added["factor"]["id"]), codes }
    }

    /// The code of this moment, as if none had been used yet.
    pub async fn code(&self, app: &TestApp) -> String {
        change(app, "UPDATE factors SET counter = 0 WHERE kind = 'totp'").await;
        self.secret.code_at(now())
    }
}

pub async fn change(app: &TestApp, sql: &'static str) {
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query(sql).execute(&mut *tx).await.expect("changes");
    tx.commit().await.expect("commits");
}

pub async fn password(client: &Client, email: &str) -> Answer {
    let request = client.request(Method::POST, "/api/v1/sign-in").json(&json!({ "email": email, "password": PASSWORD }));
    client.answer(request).await
}

const MAYA: &str = "maya@harbor.internal";

app_test!(an_app_is_added_by_its_first_code_and_then_asked_for, |app| {
    let maya = app.sign_up_first().await;
    let (_, before) = maya.get("/me/protection").await;
    assert_eq!((&before["factors"], &before["byPassword"], &before["passkeys"]), (&json!([]), &json!(true), &json!(false)));

    let answer = maya.answer(maya.request(Method::POST, "/api/v1/me/totp/secret")).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let new = answer.json();
    assert!(text(&new["address"]).starts_with("otpauth://totp/LLMos-Lite:maya%40harbor.internal?secret="), "{new}");
    assert!(text(&new["qr"]).starts_with("M4 4h7v1h-7z") && new["size"].is_number());
    let (status, error) = maya.post("/me/totp", json!({ "name": "Telephone", "code": "000000" })).await;
    assert_eq!((status, error["fields"]["code"].is_string()), (400, true), "{error}");

    let phone = App::add(&maya).await;
    assert_eq!(phone.codes.len(), 10);
    let (_, after) = maya.get("/me/protection").await;
    assert_eq!((&after["factors"][0]["name"], &after["factors"][0]["kind"]), (&json!("Telephone"), &json!("totp")));
    assert_eq!((&after["recoveryCodes"], &after["byPassword"]), (&json!(10), &json!(false)));
    assert!(!after.to_string().contains(&phone.secret.to_text()), "nothing secret is shown again");
    let stored: Vec<u8> = sqlx::query_scalar("SELECT secret FROM factors").fetch_one(app.state.db.read()).await.expect("a row");
    assert!(!stored.windows(16).any(|part| phone.secret.to_text().as_bytes().starts_with(part)), "it is sealed");

    let browser = app.visitor();
    let half = password(&browser, MAYA).await;
    assert_eq!(
        (half.status, half.json()["totp"].clone(), half.json()["passkey"].clone()),
        (202, json!(true), json!(false)),
        "{}",
        half.text
    );
    assert!(half.header("set-cookie").starts_with("llmos_half=") && half.header("set-cookie").contains("HttpOnly"));
    let (status, me) = browser.post("/sign-in/second-step", json!({ "code": phone.code(app).await })).await;
    assert_eq!((status, &me["email"]), (200, &json!(MAYA)), "{me}");
    assert_eq!(browser.get("/me").await.0, 200);
    let (_, log) = maya.get("/admin/audit").await;
    let details: Vec<&str> = log["events"].as_array().into_iter().flatten().filter_map(|event| event["detail"].as_str()).collect();
    assert!(details.contains(&"Firefox on Linux, password and authenticator app"), "{details:?}");
});

app_test!(half_a_sign_in_is_good_for_nothing_else, |app| {
    let maya = app.sign_up_first().await;
    App::add(&maya).await;
    let browser = app.visitor();
    assert_eq!(password(&browser, MAYA).await.status, 202);
    for path in ["/me", "/teams", "/me/sign-ins", "/me/protection", "/volumes", "/admin/users"] {
        assert_eq!(browser.get(path).await.0, 401, "{path}");
    }
    for (path, body) in [
        ("/me/password", json!({ "current": PASSWORD, "new": "another fine sentence" })),
        ("/me/totp/secret", Value::Null),
        ("/me/confirmation", json!({ "password": PASSWORD })),
        ("/me/recovery-codes", Value::Null),
        ("/ws-token", Value::Null),
        ("/teams", json!({ "name": "Harbor" })),
    ] {
        assert_eq!(browser.post(path, body).await.0, 401, "{path}");
    }
    let page = browser.answer(browser.request(Method::GET, "/")).await;
    assert_eq!((page.status, page.header("location")), (303, "/login"));
});

app_test!(a_code_counts_once_and_guessing_ends_soon, |app| {
    let maya = app.sign_up_first().await;
    let phone = App::add(&maya).await;
    let code = phone.code(app).await;
    let browser = app.visitor();
    password(&browser, MAYA).await;
    assert_eq!(browser.post("/sign-in/second-step", json!({ "code": code })).await.0, 200);
    let second = app.visitor();
    password(&second, MAYA).await;
    let (status, error) = second.post("/sign-in/second-step", json!({ "code": code })).await;
    assert_eq!((status, &error["code"]), (401, &json!("unauthenticated")), "the same code again: {error}");
    assert!(error["fields"]["code"].is_string());

    // Five wrong ones end the sign-in that was begun, whatever comes then.
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(second.post("/sign-in/second-step", json!({ "code": "000000" })).await.0);
    }
    assert_eq!(statuses.last(), Some(&410), "{statuses:?}");
    assert_eq!(second.post("/sign-in/second-step", json!({ "code": phone.code(app).await })).await.0, 410);
    assert_eq!(second.get("/me").await.0, 401);
    // And the account's tries are counted over all of them.
    let mut limited = false;
    for _ in 0..12 {
        let guesser = app.visitor();
        if password(&guesser, MAYA).await.status == 429 {
            limited = true;
            break;
        }
        limited |= guesser.post("/sign-in/second-step", json!({ "code": "000000" })).await.0 == 429;
    }
    assert!(limited);
});

app_test!(a_second_step_that_takes_too_long_is_over, |app| {
    let maya = app.sign_up_first().await;
    let phone = App::add(&maya).await;
    let browser = app.visitor();
    password(&browser, MAYA).await;
    assert_eq!(browser.get("/sign-in/second-step").await.0, 200);
    change(app, "UPDATE challenges SET expires_at = 1").await;
    assert_eq!(browser.get("/sign-in/second-step").await.0, 410);
    assert_eq!(browser.post("/sign-in/second-step", json!({ "code": phone.code(app).await })).await.0, 410);
    assert_eq!(app.visitor().get("/sign-in/second-step").await.0, 410, "nothing was begun");
});

app_test!(a_recovery_code_stands_once_for_a_lost_factor, |app| {
    let maya = app.sign_up_first().await;
    let phone = App::add(&maya).await;
    let stored: Vec<String> =
        sqlx::query_scalar("SELECT code_hash FROM recovery_codes").fetch_all(app.state.db.read()).await.expect("rows");
    assert!(stored.len() == 10 && phone.codes.iter().all(|code| !stored.contains(code)), "only hashes are stored");

    let browser = app.visitor();
    password(&browser, MAYA).await;
    let typed = phone.codes[3].to_lowercase().replace('-', " ");
    assert_eq!(browser.post("/sign-in/second-step", json!({ "code": typed })).await.0, 200);
    let second = app.visitor();
    password(&second, MAYA).await;
    assert_eq!(second.post("/sign-in/second-step", json!({ "code": phone.codes[3] })).await.0, 401, "it was used");
    let (_, protection) = browser.get("/me/protection").await;
    assert_eq!(protection["recoveryCodes"], 9);

    // New ones take the place of all before.
    let answer = browser.answer(browser.request(Method::POST, "/api/v1/me/recovery-codes")).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"));
    assert_eq!(second.post("/sign-in/second-step", json!({ "code": phone.codes[4] })).await.0, 401);
    let fresh: Vec<String> = answer.json()["codes"].as_array().into_iter().flatten().map(text).collect();
    let different: HashSet<&String> = phone.codes.iter().chain(&fresh).collect();
    assert_eq!((fresh.len(), different.len()), (10, 20), "each is made anew");
    assert_eq!(second.post("/sign-in/second-step", json!({ "code": fresh[0] })).await.0, 200);
});

app_test!(a_factor_that_comes_or_goes_signs_the_other_browsers_out, |app| {
    let laptop = app.sign_up_first().await;
    let phone = app.sign_in(MAYA).await;
    let factor = App::add(&laptop).await;
    assert_eq!((laptop.get("/me").await.0, phone.get("/me").await.0), (200, 401));
    password(&phone, MAYA).await;
    assert_eq!(phone.post("/sign-in/second-step", json!({ "code": factor.code(app).await })).await.0, 200);
    let (status, renamed) = laptop.patch(&format!("/me/factors/{}", factor.id), json!({ "name": "Old telephone" })).await;
    assert_eq!((status, &renamed["name"]), (200, &json!("Old telephone")));
    assert_eq!(laptop.delete(&format!("/me/factors/{}", factor.id)).await.0, 204);
    assert_eq!((laptop.get("/me").await.0, phone.get("/me").await.0), (200, 401));
    assert_eq!(laptop.delete(&format!("/me/factors/{}", factor.id)).await.0, 404);
    assert_eq!(laptop.get("/me/protection").await.1["recoveryCodes"], 0, "they go with the last factor");
    assert_eq!(password(&app.visitor(), MAYA).await.status, 200, "one step again");
    // What happened is in the log and behind the bell.
    let (_, log) = laptop.get("/admin/audit").await;
    let actions: Vec<&str> = log["events"].as_array().into_iter().flatten().filter_map(|event| event["action"].as_str()).collect();
    for action in ["factor.added", "factor.removed"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
    let (_, told) = laptop.get("/notifications").await;
    assert!(told["unread"].as_i64().is_some_and(|unread| unread >= 2), "{told}");
    assert_eq!(told["items"][0]["subject"], "security", "{told}");
});

app_test!(somebody_elses_factor_is_not_found, |app| {
    let maya = app.sign_up_first().await;
    let factor = App::add(&maya).await;
    let noor = app.sign_up(&maya, "noor@harbor.internal").await;
    assert_eq!(noor.delete(&format!("/me/factors/{}", factor.id)).await.0, 404);
    assert_eq!(noor.patch(&format!("/me/factors/{}", factor.id), json!({ "name": "Mine" })).await.0, 404);
    let browser = app.visitor();
    password(&browser, MAYA).await;
    // A code of another account's app proves nothing.
    let other = App::add(&noor).await;
    assert_eq!(browser.post("/sign-in/second-step", json!({ "code": other.secret.code_at(now()) })).await.0, 401);
});

app_test!(a_new_password_by_link_does_not_get_around_the_second_factor, |app| {
    let maya = app.sign_up_first().await;
    let noor = app.sign_up(&maya, "noor@harbor.internal").await;
    let factor = App::add(&noor).await;
    let (_, link) = maya.post(&format!("/admin/users/{}/password-link", noor.id), Value::Null).await;
    let thief = app.visitor();
    let path = format!("/password-links/{}", secret_of(&link["url"]));
    let (status, step) = thief.post(&path, json!({ "password": "another fine sentence" })).await;
    assert_eq!((status, &step["totp"]), (202, &json!(true)), "{step}");
    assert_eq!(thief.get("/me").await.0, 401);
    assert_eq!(thief.post("/sign-in/second-step", json!({ "code": factor.code(app).await })).await.0, 200);
});

app_test!(an_administrator_takes_lost_factors_away, |app| {
    let maya = app.sign_up_first().await;
    let noor = app.sign_up(&maya, "noor@harbor.internal").await;
    App::add(&noor).await;
    assert_eq!(noor.delete(&format!("/admin/users/{}/factors", noor.id)).await.0, 403);
    assert_eq!(maya.delete(&format!("/admin/users/{}/factors", noor.id)).await.0, 204);
    assert_eq!(noor.get("/me").await.0, 401, "signed out everywhere");
    assert_eq!(maya.delete(&format!("/admin/users/{}/factors", noor.id)).await.0, 409, "there is none any more");
    let again = app.sign_in("noor@harbor.internal").await;
    let (_, told) = again.get("/notifications").await;
    assert!(told.to_string().contains("Your second factors were removed"), "{told}");
    assert_eq!(maya.post(&format!("/admin/users/{}/sign-out", noor.id), Value::Null).await.0, 204);
    assert_eq!(again.get("/me").await.0, 401);
});

app_test!(codes_are_typed_into_a_plain_form, |app| {
    let maya = app.sign_up_first().await;
    let factor = App::add(&maya).await;
    let browser = app.visitor();
    let submit = async |action: &str, page: &str, body: String| {
        let request = browser
            .request(Method::POST, action)
            .header("accept", "text/html,application/xhtml+xml")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", &browser.url)
            .header("referer", format!("{}{page}", browser.url))
            .body(body);
        browser.answer(request).await
    };
    let typed = format!("email=maya%40harbor.internal&password={}&next=%2Fchanges", PASSWORD.replace(' ', "+"));
    let answer = submit("/fn/sign-in", "/login?next=%2Fchanges", typed).await;
    let page = answer.header("location").to_owned();
    assert_eq!((answer.status, page.as_str()), (302, "/login/second-step?next=%2Fchanges"));
    let shown = browser.answer(browser.request(Method::GET, &page)).await;
    assert!(shown.status == 200 && shown.text.contains("One more step") && shown.text.contains("one-time-code"), "{}", shown.text);
    let answer = submit("/fn/second-step", &page, "code=000000&next=%2Fchanges".to_owned()).await;
    assert!(answer.header("location").starts_with("/login/second-step?next=%2Fchanges&__path="), "{}", answer.header("location"));
    let answer = submit("/fn/second-step", &page, format!("code={}&next=%2Fchanges", factor.code(app).await)).await;
    assert_eq!((answer.status, answer.header("location")), (302, "/changes"));
    assert_eq!(browser.get("/me").await.0, 200);
});
