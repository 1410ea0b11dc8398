//! The service worker as `/sw.js`: the bundle of `web/sw` with the list of this build's files in the place of `self.__WB_MANIFEST`, and the empty page that it
//! shows without a network. The list is made here because names and hashes of the browser's half are known to nobody before (docs/decisions/service-worker.md).

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use leptos::{
    nonce::{provide_nonce, use_nonce},
    prelude::{Owner, RenderHtml as _, provide_context},
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{assets, config::ServiceWorker, context::Ctx, csp, secrets, state::AppState};
use crate::{app, error::AppError};

/// What the bundle has in the place of the list; Workbox named it.
const PLACE: &str = "self.__WB_MANIFEST";
/// The address of the empty page.
const SHELL: &str = "/shell";

/// When the worker has a file: `now` it is not installed without it, `soon` fetches it when a page stands, `used` keeps it once it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum When {
    Now,
    Soon,
    Used,
}

/// One line of the list, in the form that Workbox reads.
#[derive(Debug, Serialize)]
struct Entry {
    url: String,
    /// None where the name itself changes with the content.
    revision: Option<String>,
    /// Browsers compare what comes with it; the empty page, which is never the same twice, has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    integrity: Option<String>,
    when: When,
}

/// `GET /sw.js`. Never out of a cache: what is in it decides what pages get.
pub async fn script(State(state): State<AppState>) -> Response {
    let name = match state.config.service_worker {
        ServiceWorker::On => "service-worker",
        ServiceWorker::Recall => "service-worker-recall",
    };
    let Some(bundle) = assets::vendor_text(name) else { return AppError::not_found("service worker").into_response() };
    let script = match state.config.service_worker {
        ServiceWorker::On => bundle.replacen(PLACE, &serde_json::to_string(&entries(&state)).unwrap_or_else(|_| "[]".to_owned()), 1),
        ServiceWorker::Recall => bundle,
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // A worker keeps to the policy that its script came with.
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(csp::WORKER)),
    ];
    (headers, script).into_response()
}

/// `GET /shell`: the document without a page in it. It is the same for everybody, and says nothing of anybody.
pub async fn shell(State(state): State<AppState>) -> Response {
    let (html, nonce) = empty_page(&state);
    let mut response = Html(html).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Ok(policy) = HeaderValue::from_str(&csp::page_policy(&nonce, state.config.ws_url.as_deref())) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// `GET /open?link=web+llmos:artifacts/…`: a link of our own protocol. The worker does the same without a network (`web/sw/routes.ts`).
pub async fn open(axum::extract::Query(query): axum::extract::Query<Vec<(String, String)>>) -> Redirect {
    let link = query.iter().find_map(|(name, link)| (name == "link").then_some(link.as_str()));
    Redirect::to(&opened(link.unwrap_or_default()))
}

/// `POST /share`, where the worker that takes what other apps share is not there: whoever shared it still has it, and finds the page to put it into.
pub async fn share() -> Redirect {
    Redirect::to("/artifacts/new")
}

/// Where a link leads; what is none of ours leads home.
fn opened(link: &str) -> String {
    let path = link.strip_prefix("web+llmos:").unwrap_or_default().trim_start_matches(['/', '\\']);
    let ours = path.chars().all(|char| char.is_ascii_alphanumeric() || "_-./~%?=&+#:@".contains(char)) && !path.contains("//");
    if ours { format!("/{path}") } else { "/".to_owned() }
}

/// The document and its nonce.
fn empty_page(state: &AppState) -> (String, String) {
    Owner::new().with(|| {
        provide_nonce();
        provide_context(Ctx::internal(state.clone(), None));
        (app::empty_page().to_html(), use_nonce().map(|nonce| nonce.to_string()).unwrap_or_default())
    })
}

fn entries(state: &AppState) -> Vec<Entry> {
    let links = assets::links();
    let mut list: Vec<Entry> = assets::files()
        .into_iter()
        .filter_map(|(name, hash)| {
            let url = format!("/{name}");
            let now = [&links.js, &links.wasm, &links.css, &links.pwa, &links.outbox].contains(&&url);
            let when = if now { When::Now } else { when(&name)? };
            let revision = (!assets::is_hashed(&name)).then(|| secrets::hex(&hash)[..16].to_owned());
            Some(Entry { url, revision, integrity: Some(format!("sha256-{}", STANDARD.encode(hash))), when })
        })
        .collect();
    let (html, nonce) = empty_page(state);
    let revision = secrets::hex(&Sha256::digest(html.replace(&nonce, "")))[..16].to_owned();
    list.push(Entry { url: SHELL.to_owned(), revision: Some(revision), integrity: None, when: When::Now });
    list.sort_by(|a, b| a.url.cmp(&b.url));
    list
}

/// None: the worker has nothing to do with it. What is not named after its content is there from the beginning, or not at all: only then it is replaced with its
/// build.
fn when(name: &str) -> Option<When> {
    match name {
        "icons.svg" | "favicon.svg" | "icons/icon-192.png" | "icons/monochrome-96.png" => Some(When::Now),
        _ if name.starts_with("fonts/") => name.ends_with(".woff2").then_some(When::Now),
        _ if name.starts_with("pkg/") => Some(When::Soon),
        _ => {
            let bundle = name.strip_prefix("vendor/").filter(|name| name.ends_with(".js") || name.ends_with(".wasm"))?;
            match bundle.split('.').next()? {
                "service-worker" | "service-worker-recall" => None,
                // Large, and each for few people or for one page.
                "api-reference" | "offline-worker" | "search" => Some(When::Used),
                _ => Some(When::Soon),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_there_when_they_are_needed() {
        assert_eq!(when("fonts/inter-latin.073ce132.woff2"), Some(When::Now));
        assert_eq!(when("fonts/README.md"), None);
        assert_eq!(when("pkg/split_load_work.0a1b2c3d.wasm"), Some(When::Soon));
        assert_eq!(when("vendor/editor.KEU6ID2W.js"), Some(When::Soon));
        assert_eq!(when("vendor/search.0a1b2c3d.wasm"), Some(When::Used));
        assert_eq!(when("vendor/service-worker.BJUKJGFS.js"), None);
        assert_eq!(when("vendor/api-reference.JRYZREXL.js.LEGAL.txt"), None);
        assert_eq!(when("scene.svg"), None);
    }

    #[test]
    fn links_of_our_protocol_lead_to_pages_of_ours() {
        assert_eq!(opened("web+llmos:artifacts/0192?tab=edit"), "/artifacts/0192?tab=edit");
        assert_eq!(opened("web+llmos://sessions"), "/sessions");
        assert_eq!(opened("web+llmos:///evil.example//x"), "/");
        assert_eq!(opened("https://evil.example"), "/");
        assert_eq!(opened("web+llmos:\\\\evil.example"), "/evil.example");
        assert_eq!(opened("web+llmos:a\r\nb"), "/");
        assert_eq!(opened(""), "/");
    }
}
