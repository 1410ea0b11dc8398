//! Pages as the server renders them, without a browser.

use futures::future::join_all;
use reqwest::Method;

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
