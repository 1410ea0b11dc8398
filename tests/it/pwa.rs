//! The installed app, as the server gives it out: the worker, the empty page, the manifest, and whose an answer is.

use llmos_lite::server::config::ServiceWorker;
use reqwest::Method;
use serde_json::Value;

use crate::app::{Answer, Client};

async fn get(client: &Client, address: &str) -> Answer {
    client.answer(client.request(Method::GET, address)).await
}

/// The files that the worker was given.
fn list(script: &str) -> Vec<Value> {
    let start = script.find(r#"[{"url""#).expect("a list in the script");
    let mut lists = serde_json::Deserializer::from_str(&script[start..]).into_iter::<Vec<Value>>();
    lists.next().expect("a list").expect("JSON")
}

app_test!(the_worker_knows_the_files_of_its_build_and_is_never_out_of_a_cache, |app| {
    let visitor = app.visitor();
    let worker = get(&visitor, "/sw.js").await;
    assert_eq!(worker.status, 200, "{}", worker.text);
    assert_eq!((worker.header("content-type"), worker.header("cache-control")), ("text/javascript; charset=utf-8", "no-store"));
    assert!(worker.header("content-security-policy").contains("connect-src 'self'"));
    assert!(!worker.text.contains("self.__WB_MANIFEST"));
    let files = list(&worker.text);
    let shell = files.iter().find(|file| file["url"] == "/shell").expect("the empty page");
    assert!(shell["revision"].is_string() && shell["integrity"].is_null() && shell["when"] == "now");
    for file in files.iter().filter(|file| file["url"] != "/shell") {
        let url = file["url"].as_str().expect("an address");
        assert!(file["integrity"].as_str().is_some_and(|hash| hash.starts_with("sha256-") && hash.len() == 51), "{file}");
        assert!(!url.ends_with(".br") && !url.contains("service-worker"), "{url}");
        // Only what is replaced with its build has a name that stays.
        assert!(file["revision"].is_null() || file["when"] == "now", "{file}");
    }
    assert_eq!(get(&visitor, "/sw.js").await.text, worker.text, "a worker that differs each time would be a new version each time");
});

app_test!(
    a_broken_worker_is_recalled,
    |config| {
        config.service_worker = ServiceWorker::Recall;
    },
    |app| {
        let worker = get(&app.visitor(), "/sw.js").await;
        assert_eq!((worker.status, worker.header("cache-control")), (200, "no-store"));
        assert!(worker.text.contains("skipWaiting") && worker.text.contains("notificationclick"), "{}", worker.text);
        assert!(!worker.text.contains(r#""fetch""#) && !worker.text.contains("/shell"), "{}", worker.text);
    }
);

app_test!(the_empty_page_is_the_same_for_everybody_but_for_its_nonce, |app| {
    let maya = app.sign_up_first().await;
    let page = get(&app.visitor(), "/shell").await;
    assert_eq!(page.status, 200, "{}", page.text);
    let nonce = |page: &Answer| {
        let policy = page.header("content-security-policy").to_owned();
        policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce").to_owned()
    };
    let hers = get(&maya, "/shell").await;
    assert_ne!(nonce(&page), nonce(&hers));
    assert_eq!(page.text.replace(&nonce(&page), ""), hers.text.replace(&nonce(&hers), ""));
    assert!(page.text.contains("m.mount()") && page.text.contains("data-shell") && !page.text.contains("Maya"), "{}", page.text);
    assert_eq!(page.header("cache-control"), "private, no-cache");
});

app_test!(every_answer_that_is_not_for_all_says_whose_it_is, |app| {
    let maya = app.sign_up_first().await;
    let visitor = app.visitor();
    for address in ["/", "/api/v1/me", "/api/v1/artifacts", "/api/v1/volumes/0192a000-0000-7000-8000-00000000dead"] {
        assert_eq!(get(&maya, address).await.header("x-llmos-account"), maya.id, "{address}");
        assert_eq!(get(&visitor, address).await.header("x-llmos-account"), "-", "{address}");
    }
    let icon = get(&maya, "/favicon.svg").await;
    assert_eq!((icon.status, icon.header("x-llmos-account")), (200, ""));
    let (status, _) = maya.post("/sign-out", Value::Null).await;
    assert!((200..300).contains(&status), "{status}");
    assert_eq!(get(&maya, "/api/v1/me").await.header("x-llmos-account"), "-");
});

app_test!(links_of_our_protocol_and_what_is_shared_find_a_page, |app| {
    let visitor = app.visitor();
    let opened = get(&visitor, "/open?link=web%2Bllmos%3Aartifacts%2F0192%3Ftab%3Dedit").await;
    assert_eq!((opened.status, opened.header("location")), (303, "/artifacts/0192?tab=edit"));
    assert_eq!(get(&visitor, "/open?link=https%3A%2F%2Fevil.example").await.header("location"), "/");
    assert_eq!(get(&visitor, "/open").await.header("location"), "/");
    let shared = visitor.answer(visitor.request(Method::POST, "/share").body("text=x")).await;
    assert_eq!((shared.status, shared.header("location")), (303, "/artifacts/new"));
});

app_test!(pages_take_no_text_as_a_script, |app| {
    let policy = get(&app.visitor(), "/login").await;
    let policy = policy.header("content-security-policy");
    assert!(policy.contains("require-trusted-types-for 'script'") && !policy.contains("'unsafe-eval'"), "{policy}");
});

/// What systems ask of an app before they install it; what its addresses lead to.
#[test]
fn the_manifest_names_what_is_there() {
    let public = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/public"));
    let manifest: Value = serde_json::from_str(include_str!("../../public/manifest.webmanifest")).expect("JSON");
    for (name, value) in
        [("id", "/"), ("name", "LLMos-Lite"), ("scope", "/"), ("start_url", "/"), ("display", "standalone"), ("lang", "en"), ("dir", "ltr")]
    {
        assert_eq!(manifest[name], value, "{name}");
    }
    assert_eq!((&manifest["background_color"], &manifest["theme_color"]), (&"#0a0e14".into(), &"#00ff88".into()));
    // What the system opens goes into the window that is there, files too.
    assert_eq!(manifest["display_override"], serde_json::json!(["window-controls-overlay", "standalone", "minimal-ui"]));
    assert_eq!(manifest["launch_handler"]["client_mode"], serde_json::json!(["navigate-existing", "auto"]));
    let handler = &manifest["file_handlers"][0];
    assert_eq!((&handler["action"], &handler["launch_type"]), (&"/artifacts/new?file".into(), &"single-client".into()));
    assert_eq!(manifest["protocol_handlers"][0], serde_json::json!({ "protocol": "web+llmos", "url": "/open?link=%s" }));
    assert_eq!(
        (&manifest["share_target"]["action"], &manifest["share_target"]["enctype"]),
        (&"/share".into(), &"multipart/form-data".into())
    );
    // Where the window's own buttons lie over the page, the page gives way and can be moved by its top.
    let layout = include_str!("../../style/layout.css");
    assert!(layout.contains("env(titlebar-area-height") && layout.contains("app-region: drag"));
    for (purpose, size) in [("any", "192x192"), ("any", "512x512"), ("maskable", "512x512"), ("monochrome", "512x512")] {
        let found = |icon: &Value| icon["purpose"] == purpose && icon["sizes"] == size;
        assert!(manifest["icons"].as_array().expect("icons").iter().any(found), "{purpose} {size}");
    }
    // Pictures of icons are made by the build, from these.
    let rendered = include_str!("../../web/icons.mjs");
    let shortcuts =
        manifest["shortcuts"].as_array().expect("shortcuts").iter().flat_map(|shortcut| shortcut["icons"].as_array().expect("icons"));
    for icon in manifest["icons"].as_array().expect("icons").iter().chain(shortcuts) {
        let source = icon["src"].as_str().expect("an address").trim_start_matches('/');
        match source.strip_prefix("icons/").and_then(|name| name.rsplit_once('-')) {
            Some((name, _)) => assert!(rendered.contains(&format!("\"{name}\"")), "{source}"),
            None => assert!(public.join(source).exists(), "{source}"),
        }
    }
    for screenshot in manifest["screenshots"].as_array().expect("screenshots") {
        let bytes = std::fs::read(public.join(screenshot["src"].as_str().expect("an address").trim_start_matches('/'))).expect("a picture");
        // PNG: width and height stand after the first chunk's name.
        let side = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        assert_eq!(screenshot["sizes"], format!("{}x{}", side(16), side(20)));
        assert!(bytes.len() < 150_000, "{} bytes", bytes.len());
    }
}
