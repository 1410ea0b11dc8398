//! The status of a page that is rendered on the server; in the browser nothing.

/// Sets the status of the document, for example 404 when what it should show is not there.
#[cfg(feature = "ssr")]
pub fn set_status(status: u16) {
    if let (Some(response), Ok(status)) =
        (leptos::prelude::use_context::<leptos_axum::ResponseOptions>(), axum::http::StatusCode::from_u16(status))
    {
        response.set_status(status);
    }
}

#[cfg(not(feature = "ssr"))]
pub fn set_status(_: u16) {}

/// Says that what is asked for is at another address for good.
#[cfg(feature = "ssr")]
pub fn moved(address: &str) {
    if let (Some(response), Ok(address)) =
        (leptos::prelude::use_context::<leptos_axum::ResponseOptions>(), axum::http::HeaderValue::from_str(address))
    {
        response.set_status(axum::http::StatusCode::PERMANENT_REDIRECT);
        response.insert_header(axum::http::header::LOCATION, address);
    }
}

#[cfg(not(feature = "ssr"))]
pub fn moved(_: &str) {}

/// Whether the page that is rendered is for a visitor, who is not signed in and reads what is public; in the browser the document says so.
#[cfg(feature = "ssr")]
pub fn is_for_visitor() -> bool {
    use leptos::prelude::use_context;
    let nobody = use_context::<crate::server::context::Ctx>().is_some_and(|ctx| ctx.actor.is_none());
    let reads = |parts: axum::http::request::Parts| crate::features::marketplace::model::is_reading_page(parts.uri.path());
    nobody && use_context::<axum::http::request::Parts>().is_some_and(reads)
}

#[cfg(not(feature = "ssr"))]
pub fn is_for_visitor() -> bool {
    false
}

/// Says in the document's head what the page is about, for search engines: browsers show it nowhere.
#[cfg(feature = "ssr")]
pub fn describe(text: &str) {
    use leptos::prelude::*;
    use leptos_meta::Meta;
    // Rendering it is what puts it into the head.
    drop(view! { <Meta name="description" content=text.to_owned()/> }.to_html());
}

#[cfg(not(feature = "ssr"))]
pub fn describe(_: &str) {}

/// Has the browser run the script of charts as soon as it may be asked for (`ui::document`), and the document is read: it draws those that are seen (see
/// `browser::chart::ahead`) before the page's own program is there, which takes the drawings over.
#[cfg(feature = "ssr")]
pub fn charts_ahead() {
    use leptos::prelude::*;
    use leptos_meta::Script;
    if !crate::browser::document::links().charts.is_empty() {
        let ahead = format!("llmosSeen.then(()=>import('{}')).catch(()=>{{}})", crate::browser::chart::CHARTS);
        drop(view! { <Script>{ahead}</Script> }.to_html());
    }
}

#[cfg(not(feature = "ssr"))]
pub fn charts_ahead() {}

/// Gives the answer to a form that could not be read the status of its error.
#[cfg(feature = "ssr")]
pub fn refuse(error: &crate::error::AppError) {
    crate::server::forms::refuse(error);
}

#[cfg(not(feature = "ssr"))]
pub fn refuse(_: &crate::error::AppError) {}

/// What was typed into the form of `action`, when the server refused it and leads back to its page without a script.
#[cfg(feature = "ssr")]
pub fn typed(action: &str) -> std::collections::BTreeMap<String, String> {
    crate::server::forms::typed(action)
}

#[cfg(not(feature = "ssr"))]
pub fn typed(_: &str) -> std::collections::BTreeMap<String, String> {
    std::collections::BTreeMap::new()
}

/// The cookie header of the request a page is rendered for; in the browser `document.cookie`.
#[cfg(feature = "ssr")]
pub fn cookies() -> String {
    leptos::prelude::use_context::<axum::http::request::Parts>()
        .and_then(|parts| parts.headers.get("cookie").and_then(|value| value.to_str().ok()).map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(not(feature = "ssr"))]
pub fn cookies() -> String {
    super::page::cookies()
}
