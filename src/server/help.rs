//! `/help/{page}`: the project's own documents for people who run it or come to it, as plain pages, in the version that runs.

use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};

use super::assets;
use crate::features::artifacts::markdown;

/// The name in the address and in `docs/`, what it is called, and its text.
const PAGES: [(&str, &str, &str); 8] = [
    ("troubleshooting", "Troubleshooting", include_str!("../../docs/troubleshooting.md")),
    ("migrating", "Coming from the predecessor", include_str!("../../docs/migrating.md")),
    ("operations", "Running it", include_str!("../../docs/operations.md")),
    ("traces", "Traces and patterns", include_str!("../../docs/traces.md")),
    ("backups", "Backups", include_str!("../../docs/backups.md")),
    ("analytics", "Reading the figures", include_str!("../../docs/analytics.md")),
    ("metrics", "What the figures mean", include_str!("../../docs/metrics.md")),
    ("protocol", "The sockets", include_str!("../../docs/protocol.md")),
];

/// In place of a document that there is none of.
const NOTHING: &str = "# Nothing here\n\nThere is no such document. Those that there are stand above.\n";

const POLICY: &str =
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// To what is asked for most.
pub async fn first() -> Redirect {
    Redirect::to("/help/troubleshooting")
}

pub async fn page(Path(name): Path<String>) -> Response {
    let found = PAGES.iter().find(|(known, ..)| *known == name);
    let (status, title, text) =
        found.map_or((StatusCode::NOT_FOUND, "Nothing here", NOTHING), |(_, title, text)| (StatusCode::OK, *title, *text));
    let tabs: String = PAGES
        .iter()
        .map(|(other, words, _)| {
            let here = if *other == name { " aria-current=\"page\"" } else { "" };
            format!("<a href=\"/help/{other}\"{here}>{words}</a>")
        })
        .collect();
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\" data-theme=\"auto\"><head><meta charset=\"utf-8\"><title>{title} · LLMos-Lite</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><link rel=\"icon\" href=\"/favicon.svg\">\
         <link rel=\"stylesheet\" href=\"{}\"></head><body class=\"help\"><header><a class=\"btn\" href=\"/\">Back to the workspace</a>\
         <nav class=\"seg\" aria-label=\"Help\">{tabs}</nav></header><main class=\"prose\">{}</main></body></html>",
        assets::links().css,
        markdown::document_to_html(&linked(text))
    );
    let mut response = (status, Html(html)).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// Links between the documents lead to their pages, and to the places that headings have there.
fn linked(text: &str) -> String {
    PAGES.iter().fold(text.to_owned(), |text, (name, ..)| {
        text.replace(&format!("]({name}.md#"), &format!("](/help/{name}#{}", markdown::ID_PREFIX))
            .replace(&format!("]({name}.md)"), &format!("](/help/{name})"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_lead_to_one_another() {
        assert_eq!(linked("[a](operations.md#logs) [b](migrating.md)"), "[a](/help/operations#md-logs) [b](/help/migrating)");
        for (name, _, text) in PAGES {
            assert!(!linked(text).contains(".md)"), "{name} links a document that is no page");
        }
    }
}
