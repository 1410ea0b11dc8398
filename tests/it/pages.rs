//! Pages as the server renders them, without a browser.

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::{
    app::Client,
    marketplace::{people, skill, with},
};

// The head is written last, when a page's own signals may be gone already: one answer in a hundred was a 500.
app_test!(titles_outlive_their_pages_when_many_are_rendered_at_once, |app| {
    let maya = app.sign_up_first().await;
    let (_, page) = maya.get("/artifacts?limit=1").await;
    let artifact = format!("/artifacts/{}", page["items"][0]["id"].as_str().expect("a built-in artifact"));
    let paths = ["/", "/artifacts", "/changes", "/settings", &artifact];
    for _ in 0..6 {
        let answers = paths.iter().cycle().take(20).map(|path| maya.answer(maya.request(Method::GET, path)));
        for answer in join_all(answers).await {
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert!(answer.text.contains(" · LLMos-Lite</title>") && answer.text.contains("</html>"), "{}", answer.text);
        }
    }
});

// What stands in a `Suspense` was built twice, and with it what its parts read: the history of an artifact came twice with its page.
app_test!(a_page_reads_an_answer_once_and_brings_it_once, |app| {
    let maya = app.sign_up_first().await;
    let (_, page) = maya.get("/artifacts?limit=1").await;
    let artifact = page["items"][0]["id"].as_str().expect("a built-in artifact");
    let answer = maya.answer(maya.request(Method::GET, &format!("/artifacts/{artifact}"))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.text.matches(r#"\"revisions\":["#).count(), 1, "{}", answer.text);
    // The commits of a volume came several times, and its link to a repository: the browser took the first one, and the page was made of the last one.
    let (_, volumes) = maya.get("/volumes").await;
    let volume = volumes[0]["id"].as_str().expect("a volume");
    let answer = maya.answer(maya.request(Method::GET, &format!("/volumes/{volume}"))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.text.matches(r#"\"commits\":["#).count(), 1, "{}", answer.text);
});

// What is no id showed the list, as if nothing had been named; who may not see deliveries was offered to handle them, beside the refusal.
app_test!(an_address_that_names_nothing_is_not_found_and_a_refusal_stands_alone, |app| {
    let maya = app.sign_up_first().await;
    let open = async |client: &Client, path: &str| client.answer(client.request(Method::GET, path)).await;
    for list in ["/traces", "/evolution", "/deliveries"] {
        assert_eq!(open(&maya, list).await.status, 200, "{list}");
        for id in ["xyz", "0192a000-0000-7000-8000-00000000dead"] {
            let path = format!("{list}/{id}");
            assert_eq!(open(&maya, path.as_str()).await.status, 404, "{path}");
        }
    }
    let team = maya.team("Harbor").await;
    let unknown = format!("/teams/{team}/xyz");
    let part = open(&maya, unknown.as_str()).await;
    assert!(part.status == 404 && part.text.replace("<!>", "").contains("<title>Nothing here · LLMos-Lite</title>"), "{}", part.text);
    let tom = app.sign_up(&maya, "tom@harbor.internal").await;
    let refused = open(&tom, "/deliveries").await;
    assert!(refused.status == 403 && refused.text.contains("Only administrators of this server see this page."), "{}", refused.text);
    assert!(!refused.text.contains("Check for missing") && !refused.text.contains("webhook-secrets"), "{}", refused.text);
});

app_test!(pages_look_for_the_sockets_where_they_came_from, |app| {
    let maya = app.sign_up_first().await;
    let answer = maya.answer(maya.request(Method::GET, "/")).await;
    assert!(answer.header("content-security-policy").contains("connect-src 'self';"));
    assert!(!answer.text.contains("llmos-sockets"), "{}", answer.text);
});

app_test!(
    pages_are_told_where_else_the_sockets_are_and_may_connect_there_only,
    |config| {
        config.ws_url = Some("wss://live.example.org".to_owned());
    },
    |app| {
        let maya = app.sign_up_first().await;
        let answer = maya.answer(maya.request(Method::GET, "/")).await;
        let allowed = "connect-src 'self' wss://live.example.org/ws wss://live.example.org/ws/doc/;";
        assert!(answer.header("content-security-policy").contains(allowed), "{}", answer.header("content-security-policy"));
        assert!(answer.text.contains(r#"<meta name="llmos-sockets" content="wss://live.example.org""#), "{}", answer.text);
    }
);

// Visitors were sent to the sign-in page, although the API of the marketplace gives them all of it.
app_test!(visitors_read_the_marketplace_and_nothing_else, |app| {
    let (maya, ines, _) = people(app).await;
    let described = json!({ "description": "How \"lamps\" are kept." });
    ines.publish(&maya, with(skill("lamp-care", "1.0.0", "Trim the wicks."), described)).await;
    ines.submit(skill("night-watch", "1.0.0", "Walk the pier.")).await;
    let visitor = app.visitor();
    let open = async |path: &str| {
        let mut answer = visitor.answer(visitor.request(Method::GET, path).header("accept", "text/html")).await;
        // Marks of the framework between two texts.
        answer.text = answer.text.replace("<!>", "");
        answer
    };
    for (path, title, shown) in [
        ("/marketplace", "Marketplace", "lamp care</a>"),
        ("/marketplace?q=lamp", "lamp", "lamp care</a>"),
        ("/marketplace/lamp-care", "lamp care", "Sign in to install</a>"),
        ("/marketplace/lamp-care?version=1.0.0", "lamp care", "Trim the wicks."),
        ("/marketplace/record", "Record", "lamp-care</b>"),
    ] {
        let answer = open(path).await;
        assert_eq!((answer.status, answer.header("x-llmos-account")), (200, "-"), "{path}: {}", answer.text);
        assert!(
            answer.text.contains(&format!("<title>{title} · LLMos-Lite</title>")) && answer.text.contains(shown),
            "{path}: {}",
            answer.text
        );
        assert!(answer.text.contains("Sign in</a>") && !answer.text.contains("noindex"), "{path}: {}", answer.text);
        for foreign in ["night-watch", "night watch", "@harbor", "/marketplace/publish", "/marketplace/installed", "class=\"rail\""] {
            assert!(!answer.text.contains(foreign), "{path} has {foreign}: {}", answer.text);
        }
    }
    let (browse, item) = (open("/marketplace").await, open("/marketplace/lamp-care").await);
    assert!(browse.text.contains("<meta name=\"description\" content=\"Skills, tools and agents"), "{}", browse.text);
    assert!(item.text.contains("<meta name=\"description\" content=\"How &quot;lamps&quot; are kept.\""), "{}", item.text);
    // Whoever is signed in has the frame with all that is theirs.
    let own = maya.answer(maya.request(Method::GET, "/marketplace")).await;
    assert!(own.text.contains("class=\"rail\"") && own.text.contains("/marketplace/publish"), "{}", own.text);

    // What is not published yet is not there; what moderators took away says what the record says.
    assert_eq!(open("/marketplace/night-watch").await.status, 404);
    assert_eq!(open("/marketplace/nobody-published-this").await.status, 404);
    let hide = json!({ "act": "hide", "reason": "It burns." });
    assert_eq!(maya.post("/marketplace/listings/lamp-care/moderation", hide).await.0, 200);
    let away = open("/marketplace/lamp-care").await;
    assert!(away.status == 410 && away.text.contains("It burns.") && !away.text.contains("Trim the wicks."), "{}", away.text);
    assert!(!open("/marketplace").await.text.contains("lamp care"));

    // A name that is written otherwise reaches no other page.
    for path in ["/", "/marketplace/", "/marketplace/%70ublish", "/marketplace/publish", "/marketplace/lamp-care/manage"] {
        let answer = open(path).await;
        assert!(answer.status == 303 && answer.header("location").starts_with("/login"), "{path}: {} {}", answer.status, answer.text);
    }
});
