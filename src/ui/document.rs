//! The links to this build's script, styles and fonts in the document's head.

use leptos::prelude::*;

use crate::browser::{
    document::{SOCKETS, links, sockets},
    editor::EDITOR,
    offline::OFFLINE,
    push::PUSH,
    signing::SIGNING,
    tool_sandbox::TOOL_SANDBOX,
};

/// A form that only the script can send (it names neither a method nor where to) is held when it is sent before the script is here, and
/// sent again then, with what was chosen in it said once more: the script has not heard it. The browser would otherwise load the page anew,
/// and what was asked for would not happen.
const HOLD: &str = "(()=>{const root=document.documentElement;let held;\
    addEventListener('submit',event=>{const form=event.target;\
    if(root.hasAttribute('data-ready')||form.hasAttribute('action')||form.hasAttribute('method'))return;\
    event.preventDefault();held=[form,event.submitter,[...form.elements].map(field=>[field,field.value,field.checked])]},true);\
    new MutationObserver((_,seen)=>{seen.disconnect();if(held)setTimeout(()=>{const[form,by,fields]=held;if(!form.isConnected)return;\
    for(const[field,value,checked]of fields){if(field.type==='file'||!('value'in field)||field instanceof HTMLButtonElement)continue;\
    field.value=value;field.checked=checked;for(const what of['input','change'])field.dispatchEvent(new Event(what,{bubbles:true}))}\
    form.requestSubmit(by?.isConnected?by:null)})})\
    .observe(root,{attributeFilter:['data-ready']})})()";

/// Written by us, not by `HydrationScripts`: that one needs a file beside the executable, and we are one binary.
#[component]
pub fn Assets() -> impl IntoView {
    let links = links();
    let nonce = leptos::nonce::use_nonce();
    let start = format!("import('{}').then(m => m.default({{module_or_path: '{}'}}).then(() => m.hydrate()))", links.js, links.wasm);
    // The WebAssembly loads it by this name, when a page needs it.
    let scripts = [
        (EDITOR, &links.editor),
        (OFFLINE, &links.offline),
        (SIGNING, &links.signing),
        (PUSH, &links.push),
        (TOOL_SANDBOX, &links.tool_sandbox),
    ];
    let names: Vec<String> =
        scripts.iter().filter(|(_, address)| !address.is_empty()).map(|(name, address)| format!(r#""{name}":"{address}""#)).collect();
    let names = (!names.is_empty()).then(|| format!(r#"{{"imports":{{{}}}}}"#, names.join(",")));
    view! {
        {sockets().map(|url| view! { <meta name=SOCKETS content=url/> })}
        {names.map(|names| view! { <script r#type="importmap" nonce=nonce.clone() inner_html=names></script> })}
        <link rel="stylesheet" href=links.css/>
        <link rel="preload" href="/fonts/inter-latin.073ce132.woff2" r#as="font" r#type="font/woff2" crossorigin="anonymous"/>
        <link rel="modulepreload" href=links.js.clone() nonce=nonce.clone()/>
        <link rel="preload" href=links.wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/>
        <script nonce=nonce.clone() inner_html=HOLD></script>
        <script type="module" nonce=nonce inner_html=start></script>
    }
}
