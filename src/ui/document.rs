//! The links to this build's script, styles and fonts in the document's head.

use leptos::prelude::*;

use crate::browser::{
    document::{SOCKETS, links, sockets},
    editor::EDITOR,
};

/// Written by us, not by `HydrationScripts`: that one needs a file beside the executable, and we are one binary.
#[component]
pub fn Assets() -> impl IntoView {
    let links = links();
    let nonce = leptos::nonce::use_nonce();
    let start = format!("import('{}').then(m => m.default({{module_or_path: '{}'}}).then(() => m.hydrate()))", links.js, links.wasm);
    // The WebAssembly loads it by this name, when a page needs it.
    let names = format!(r#"{{"imports":{{"{EDITOR}":"{}"}}}}"#, links.editor);
    view! {
        {sockets().map(|url| view! { <meta name=SOCKETS content=url/> })}
        {(!links.editor.is_empty()).then(|| view! { <script r#type="importmap" nonce=nonce.clone() inner_html=names></script> })}
        <link rel="stylesheet" href=links.css/>
        <link rel="preload" href="/fonts/inter-latin.073ce132.woff2" r#as="font" r#type="font/woff2" crossorigin="anonymous"/>
        <link rel="modulepreload" href=links.js.clone() nonce=nonce.clone()/>
        <link rel="preload" href=links.wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/>
        <script type="module" nonce=nonce inner_html=start></script>
    }
}
