//! The description of `/api/v1` and the router are the same list.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

/// `GET /teams/{id}` and so on.
fn operations(description: &Value) -> BTreeSet<(String, String)> {
    let paths = description["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, item)| item.as_object().expect("an item").keys().map(move |method| (method.to_uppercase(), path.clone())))
        .filter(|(method, _)| ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str()))
        .collect()
}

app_test!(every_described_route_answers, |app| {
    let visitor = app.visitor();
    let answer = visitor.answer(visitor.request(Method::GET, "/api/openapi.json")).await;
    assert_eq!(answer.status, 200);
    let description = answer.json();
    assert!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let operations = operations(&description);
    assert!(operations.len() > 45, "{}", operations.len());
    for (method, path) in operations {
        assert!(path.starts_with("/api/v1/") || path.starts_with("/api/marketplace/"), "{path}");
        // An id of the right form, so that the answer is the handler's and not the path's.
        let address: String = path
            .split('/')
            .map(|part| if part.starts_with('{') { "0192a000-0000-7000-8000-00000000dead" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        let answer = visitor.answer(visitor.request(method.parse().expect("a method"), &address)).await;
        let message = answer.json()["message"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status != 405 && answer.status < 500, "{method} {path}: {} {message}", answer.status);
        assert!(!message.contains("no such route"), "{method} {path}: {message}");
    }
});

/// The other way round: the only routes of the API are those of an `OpenApiRouter`, which describes what it takes. The page of
/// routes shows it: nothing else is put below `/api/v1`.
#[test]
fn no_route_of_the_api_is_made_outside_of_the_description() {
    let page = include_str!("../../src/server/router.rs");
    assert!(!page.lines().any(|line| line.contains(".route(") && line.contains("/api/v1")));
    let sources = walk(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/features")));
    let mut handlers = 0;
    for (path, text) in sources.iter().filter(|(path, _)| path.contains("/http")) {
        assert!(!text.contains(".route(") && !text.contains(".nest("), "{path} makes a route that is not described");
        handlers += text.matches("#[utoipa::path(").count();
    }
    let described = operations(&serde_json::to_value(llmos_lite::server::router::openapi()).expect("JSON")).len();
    assert_eq!(described, handlers, "every documented handler is in the router");
}

fn walk(folder: &std::path::Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push((path.display().to_string(), std::fs::read_to_string(&path).expect("text")));
        }
    }
    files
}
