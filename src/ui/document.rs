//! The links to this build's script, styles and fonts in the document's head.

use leptos::prelude::*;

use crate::{
    app::GROUPS,
    browser::{
        chart::CHARTS,
        document::{RENDERED, SOCKETS, links, sockets},
        editor::EDITOR,
        offline::OFFLINE,
        outbox::OUTBOX,
        page,
        passkey::PASSKEY,
        push::PUSH,
        pwa::PWA,
        signing::SIGNING,
        tool_sandbox::TOOL_SANDBOX,
    },
};

/// What is typed or chosen before the script is here is said once more when it is: the script has not heard it, and its empty field would take the
/// place of what stands there. And a form that only the script can send (it names neither a method nor where to) is held when it is sent before
/// that, and sent again then: the browser would otherwise load the page anew, and what was asked for would not happen.
/// A link that is pressed until then is the browser's own to follow: the script would go to a page whose code it has not yet, from one that it does not know yet.
const HOLD: &str = "(()=>{const root=document.documentElement,typed=new Map;let held;\
    const early=()=>!root.hasAttribute('data-ready'),\
    note=field=>'value'in field&&field.type!=='file'&&!(field instanceof HTMLButtonElement)&&typed.set(field,[field.value,field.checked]);\
    addEventListener('input',event=>early()&&note(event.target),true);\
    addEventListener('click',event=>early()&&event.target.closest('a[href]')&&event.stopImmediatePropagation(),true);\
    addEventListener('submit',event=>{const form=event.target;\
    if(!early()||form.hasAttribute('action')||form.hasAttribute('method'))return;\
    event.preventDefault();held=[form,event.submitter];[...form.elements].forEach(note)},true);\
    new MutationObserver((_,seen)=>{seen.disconnect();setTimeout(()=>{\
    for(const[field,[value,checked]]of typed){if(!field.isConnected)continue;\
    field.value=value;field.checked=checked;for(const what of['input','change'])field.dispatchEvent(new Event(what,{bubbles:true}))}\
    if(held?.[0].isConnected)held[0].requestSubmit(held[1]?.isConnected?held[1]:null)})})\
    .observe(root,{attributeFilter:['data-ready']})})()";

/// What has to be there before all else. The rules by which text becomes something else (Trusted Types): the address of a script is one of ours, and HTML has no
/// element that runs or loads what we did not choose. Whatever breaks them the browser refuses, and tells as a violation of the policy. The rest of HTML is let through,
/// since Leptos makes its elements of such; a handler in it cannot run, as the policy knows only nonces. And the browser's word that the app can be installed, which
/// it says once and early.
const FIRST: &str = "globalThis.trustedTypes?.createPolicy('default',{\
    createHTML:text=>/<(?:script|iframe|object|embed|base)\\b/i.test(text)?null:text,\
    createScriptURL:url=>new URL(url,location).origin===location.origin?url:null});\
    addEventListener('beforeinstallprompt',event=>{event.preventDefault();globalThis.llmosInstall=event});";

/// What the server says in a page's root element, where the page is the empty one: it is the same for everybody.
const CHOSEN: &str = "{const chosen=name=>document.cookie.match(`(?:^|; )${name}=([a-z]+)`)?.[1],data=document.documentElement.dataset;\
    data.theme=chosen('theme')??'dark';if(chosen('density')==='comfortable')data.density='comfortable'};";

/// Written by us, not by `HydrationScripts`: that one needs a file beside the executable, and we are one binary.
#[component]
pub fn Assets(
    /// There is no page in the document: the script makes it.
    #[prop(optional)]
    empty: bool,
) -> impl IntoView {
    let links = links();
    let nonce = leptos::nonce::use_nonce();
    let act = if empty { "mount" } else { "hydrate" };
    // The document is parsed to its end before the page comes alive, and a page with much to say ends late: its code is there by then. On a first visit, all of it
    // comes over the network: not before all that the server wrote is seen, which would have to share the line with it (a frame reaches the screen while the next one
    // is made). Later the worker has it. A tab behind is not
    // painted, and the empty page has nothing to show.
    let seen = if empty {
        "Promise.resolve()"
    } else {
        "navigator.serviceWorker?.controller||document.hidden?Promise.resolve():new Promise(seen=>{\
         addEventListener('DOMContentLoaded',()=>requestAnimationFrame(()=>requestAnimationFrame(()=>setTimeout(seen))));addEventListener('visibilitychange',seen,{once:true})})"
    };
    // Where the worker has everything, what is drawn comes soon enough that its table need not be laid out first (`chart.css`).
    let cached = if empty { "" } else { "if(navigator.serviceWorker?.controller)document.documentElement.dataset.cached='';" };
    let ahead = [&links.js, &links.loader].into_iter().filter(|script| !script.is_empty());
    let ahead: String = ahead.map(|script| format!("import('{script}').catch(()=>{{}});")).collect();
    let ahead = format!(
        "{cached}globalThis.llmosSeen={seen};globalThis.llmosCode=llmosSeen.then(()=>{{{ahead}return WebAssembly.compileStreaming(fetch('{}'))}});\
         llmosCode.catch(()=>{{delete document.documentElement.dataset.cached}})",
        links.wasm
    );
    let start =
        format!("llmosSeen.then(()=>import('{}')).then(m => m.default({{module_or_path: llmosCode}}).then(() => m.{act}()))", links.js);
    let first = format!("{FIRST}{}{HOLD}", if empty { CHOSEN } else { "" });
    // The WebAssembly loads it by this name, when a page needs it.
    let scripts = [
        (EDITOR, &links.editor),
        (OFFLINE, &links.offline),
        (SIGNING, &links.signing),
        (PASSKEY, &links.passkey),
        (PUSH, &links.push),
        (PWA, &links.pwa),
        (OUTBOX, &links.outbox),
        (TOOL_SANDBOX, &links.tool_sandbox),
        (CHARTS, &links.charts),
    ];
    let names: Vec<String> =
        scripts.iter().filter(|(_, address)| !address.is_empty()).map(|(name, address)| format!(r#""{name}":"{address}""#)).collect();
    let names = (!names.is_empty()).then(|| format!(r#"{{"imports":{{{}}}}}"#, names.join(",")));
    let groups = (!links.loader.is_empty())
        .then(|| view! { <script id="groups" r#type="application/json" nonce=nonce.clone() inner_html=GROUPS></script> });
    view! {
        {(!empty).then(|| view! { <meta name=RENDERED content=page::now_ms()/> })}
        {sockets().map(|url| view! { <meta name=SOCKETS content=url/> })}
        {names.map(|names| view! { <script r#type="importmap" nonce=nonce.clone() inner_html=names></script> })}
        {groups}
        // Before the styles: a script waits for those that stand above it.
        <script nonce=nonce.clone() inner_html=ahead></script>
        <link rel="stylesheet" href=links.css/>
        <link rel="preload" href="/fonts/inter-latin.073ce132.woff2" r#as="font" r#type="font/woff2" crossorigin="anonymous"/>
        <script nonce=nonce.clone() inner_html=first></script>
        <script type="module" nonce=nonce inner_html=start></script>
    }
}
