//! The forms as a browser without scripts sends them.

use reqwest::Method;
use serde_json::Value;

use crate::app::{Answer, Client, PASSWORD};

/// Posts a form as a browser does that has no scripts.
async fn submit(client: &Client, action: &str, page: &str, fields: &[(&str, &str)]) -> Answer {
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", llmos_lite::browser::data::encode(value))).collect();
    let request = client
        .request(Method::POST, action)
        .header("accept", "text/html,application/xhtml+xml")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", &client.url)
        .header("referer", format!("{}{page}", client.url))
        .body(body.join("&"));
    client.answer(request).await
}

app_test!(signing_up_in_and_out_without_scripts, |app| {
    let browser = app.visitor();
    let fields =
        [("name", "Maya Chen"), ("email", "maya@harbor.internal"), ("password", PASSWORD), ("invitation", ""), ("next", "/changes")];
    let answer = submit(&browser, "/fn/sign-up", "/sign-up", &fields).await;
    assert_eq!((answer.status, answer.header("location")), (302, "/changes"), "{}", answer.text);
    assert_eq!(browser.get("/me").await.0, 200);

    let answer = submit(&browser, "/fn/sign-out", "/", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (302, "/login"));
    assert_eq!(browser.get("/me").await.0, 401);

    let fields = [("email", "maya@harbor.internal"), ("password", PASSWORD), ("next", "https://evil.example/")];
    let answer = submit(&browser, "/fn/sign-in", "/login", &fields).await;
    assert_eq!((answer.status, answer.header("location")), (302, "/"), "never to another site");
    assert_eq!(browser.get("/me").await.0, 200);
});

app_test!(a_refused_form_comes_back_to_its_page_with_the_sentence, |app| {
    app.sign_up_first().await;
    let browser = app.visitor();
    let fields = [("email", "maya@harbor.internal"), ("password", "wrong password"), ("next", "/changes")];
    let answer = submit(&browser, "/fn/sign-in", "/login?next=%2Fchanges", &fields).await;
    assert_eq!(answer.status, 302);
    let location = answer.header("location").to_owned();
    assert!(location.starts_with("/login?next=%2Fchanges&__path=%2Ffn%2Fsign-in&__err="), "{location}");
    let page = browser.answer(browser.request(Method::GET, &location)).await;
    assert_eq!(page.status, 200, "{}", page.header("location"));
    assert!(page.text.contains("The e-mail address or the password is wrong."), "the form shows it");

    // A second try from there does not pile up.
    let again = submit(&browser, "/fn/sign-in", &location, &fields).await;
    assert_eq!(again.header("location").matches("__err").count(), 1);

    // Somebody else's link with words of their own is cleaned first.
    let victim = app.visitor();
    let page = victim.answer(victim.request(Method::GET, &location)).await;
    assert_eq!((page.status, page.header("location")), (303, "/login?next=%2Fchanges"));
});

/// The value that the page shows in the input with this id.
fn shown<'a>(page: &'a str, id: &str) -> Option<&'a str> {
    let input = page.split("<input").find(|input| input.contains(&format!(" id=\"{id}\"")))?;
    let input = input.split('>').next()?;
    input.split(" value=\"").nth(1)?.split('"').next()
}

app_test!(a_refused_form_keeps_what_was_typed_but_never_a_password, |app| {
    let maya = app.sign_up_first().await;
    let browser = app.visitor();
    let fields = [("email", "maya@harbor.internal"), ("password", "wrong password"), ("next", "/")];
    let answer = submit(&browser, "/fn/sign-in", "/login", &fields).await;
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()).collect();
    assert!(cookies.iter().any(|cookie| cookie.starts_with("llmos_typed=") && cookie.contains("HttpOnly")), "{cookies:?}");
    let location = answer.header("location").to_owned();
    assert!(!location.contains("maya"), "an address ends in logs and histories: {location}");
    let page = browser.answer(browser.request(Method::GET, &location)).await;
    assert_eq!(shown(&page.text, "email"), Some("maya@harbor.internal"));
    assert_eq!(shown(&page.text, "password"), None);
    assert!(!page.text.contains("wrong password"));
    let page = browser.answer(browser.request(Method::GET, "/login")).await;
    assert_eq!(shown(&page.text, "email"), None, "only right after the refusal");

    let team = maya.team("Harbor").await;
    let secret = maya.invite(&team, "member").await;
    for (page, invitation) in [(format!("/sign-up?invitation={secret}"), secret.as_str()), (format!("/invite/{secret}"), secret.as_str())] {
        let browser = app.visitor();
        let fields = [("name", "No\"or <b>"), ("email", "noor@x.y"), ("password", "short"), ("invitation", invitation), ("next", "/")];
        let answer = submit(&browser, "/fn/sign-up", &page, &fields).await;
        let location = answer.header("location").to_owned();
        assert!(location.starts_with(&page), "{location}");
        let page = browser.answer(browser.request(Method::GET, &location)).await;
        assert_eq!(
            (shown(&page.text, "name"), shown(&page.text, "email")),
            (Some("No&quot;or &lt;b&gt;"), Some("noor@x.y")),
            "{}",
            page.text
        );
        assert_eq!(shown(&page.text, "password"), None);
        assert!(page.text.contains("at least"), "the sentence stands there");
        // Another form's page shows nothing of it.
        let page = browser.answer(browser.request(Method::GET, &location.replace(&page_of(&location), "/login"))).await;
        assert_eq!(shown(&page.text, "email"), None);
    }

    let (_, link) = maya.post(&format!("/admin/users/{}/password-link", maya.id), Value::Null).await;
    let secret = crate::app::secret_of(&link["url"]);
    let browser = app.visitor();
    let fields = [("secret", secret.as_str()), ("password", "short")];
    let answer = submit(&browser, "/fn/set-new-password", &format!("/reset/{secret}"), &fields).await;
    let page = browser.answer(browser.request(Method::GET, answer.header("location"))).await;
    assert!(page.text.contains("at least"), "{}", page.text);
    assert_eq!((shown(&page.text, "password"), page.text.contains("\"short\"")), (None, false));
    assert_eq!(browser.get(&format!("/password-links/{secret}")).await.0, 200, "the link still works");
});

/// An address without its query.
fn page_of(address: &str) -> String {
    address.split('?').next().unwrap_or_default().to_owned()
}

app_test!(with_scripts_the_error_is_the_answer, |app| {
    app.sign_up_first().await;
    let browser = app.visitor();
    let request = browser
        .request(Method::POST, "/fn/sign-in")
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("email=maya%40harbor.internal&password=wrong+password");
    let answer = browser.answer(request).await;
    assert_eq!((answer.status, &answer.json()["code"]), (401, &Value::from("unauthenticated")));
    let request = browser
        .request(Method::POST, "/fn/sign-in")
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("email=maya%40harbor.internal&password={}", PASSWORD.replace(' ', "+")));
    let answer = browser.answer(request).await;
    assert_eq!((answer.status, answer.header("location")), (200, "/"));
    assert!(answer.headers.contains_key("serverfnredirect"));
    assert_eq!(browser.get("/me").await.0, 200);
});

app_test!(a_password_link_works_as_a_form, |app| {
    let maya = app.sign_up_first().await;
    let (_, link) = maya.post(&format!("/admin/users/{}/password-link", maya.id), Value::Null).await;
    let secret = crate::app::secret_of(&link["url"]);
    let browser = app.visitor();
    let answer = submit(&browser, "/fn/set-new-password", "/reset/x", &[("secret", &secret), ("password", "another fine sentence")]).await;
    assert_eq!((answer.status, answer.header("location")), (302, "/"));
    assert_eq!(browser.get("/me").await.0, 200);
});

app_test!(a_form_of_another_site_does_nothing, |app| {
    app.sign_up_first().await;
    let browser = app.visitor();
    let request = browser
        .request(Method::POST, "/fn/sign-in")
        .header("origin", "https://evil.example")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("email=maya%40harbor.internal&password={}", PASSWORD.replace(' ', "+")));
    let answer = browser.answer(request).await;
    assert_eq!((answer.status, &answer.json()["code"]), (403, &Value::from("foreign_origin")));
    assert_eq!(browser.get("/me").await.0, 401);
});
