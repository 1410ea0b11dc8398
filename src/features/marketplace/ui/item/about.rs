//! Beside an item: who vouches for it, what it needs, where it is, how programs get it.

use leptos::prelude::*;

use crate::{
    browser::page,
    features::marketplace::{
        model::{InstalledHere, ItemDetail, ItemFile, Proof},
        state::{item_address, lock_address},
        ui::parts::{Copyable, Fold},
    },
    ui::{Icon, bytes, count, plural},
};

/// What proves that a release is what its publisher signed.
#[component]
pub fn Trust(item: ItemDetail) -> impl IntoView {
    let author = item.card.author.name;
    let body = match item.proof {
        None => view! {
            <p class="t2">"This version is not signed: that it is what its publisher sent is only the word of this registry."</p>
        }
        .into_any(),
        Some(proof) => proof_list(proof, author),
    };
    view! {
        <section class="card" aria-labelledby="trust-h">
            <header class="card-head">
                <h2 id="trust-h">"Trust"</h2>
                {item.card.signed.then(|| view! { <span class="push chip ok"><Icon name="signed"/>"Signed"</span> })}
            </header>
            <div class="card-body">{body}</div>
        </section>
    }
}

fn proof_list(proof: Proof, author: String) -> AnyView {
    let Proof { digest, size, key_id, registry_key, log_index } = proof;
    let line = |words: String, detail: String| {
        let title = detail.clone();
        view! {
            <li>
                <Icon name="check"/>
                <div>{words}<code class="trunc" title=title>{detail}</code></div>
            </li>
        }
    };
    let copied = format!("digest: {digest}\nsize: {size}\npublisher key: {key_id}\nregistry key: {registry_key}\nlog entry: {log_index}\n");
    let signed = (!key_id.is_empty()).then(|| line(format!("Signed by {author}"), key_id));
    let registry = (!registry_key.is_empty()).then(|| line("Countersigned by this registry".to_owned(), registry_key));
    view! {
        <ul class="proof">
            {signed}
            {registry}
            {line(format!("In the log as entry {}", count(log_index)), format!("index {log_index}"))}
            {line(format!("Archive of {}", bytes(size)), digest.clone())}
        </ul>
        <details class="f12">
            <Fold words="The whole proof"/>
            <Copyable what="the proof" text=copied/>
        </details>
    }
    .into_any()
}

/// In which of one's volumes it is.
#[component]
pub fn InstalledIn(item: ItemDetail) -> impl IntoView {
    let newest = item.card.version;
    let row = |here: InstalledHere| {
        let behind = here.version != newest;
        view! {
            <li>
                <span class="tx"><a class="link" href=lock_address(here.volume_id)>{here.volume_name}</a></span>
                <span class="tail">
                    {here.pinned.then(|| view! { <span class="chip line"><Icon name="pin"/>"Pinned"</span> })}
                    {(!here.disabled.is_empty()).then(|| view! { <span class="chip bad" title=here.disabled>"Disabled"</span> })}
                    {behind.then(|| view! { <span class="chip accent">"Behind"</span> })}
                    <code>{here.version}</code>
                </span>
            </li>
        }
    };
    (!item.installed.is_empty()).then(|| {
        view! {
            <section class="card" aria-labelledby="installed-h">
                <header class="card-head"><h2 id="installed-h">"Installed in"</h2><span class="count">{item.installed.len()}</span></header>
                <div class="card-body"><ul class="rows f12">{item.installed.into_iter().map(row).collect_view()}</ul></div>
            </section>
        }
    })
}

/// What it needs, and what needs it.
#[component]
pub fn Needs(item: ItemDetail) -> impl IntoView {
    let ItemDetail { dependencies, dependents, .. } = item;
    let needs = dependencies
        .into_iter()
        .map(|dependency| view! { <li><span class="tx"><a class="link" href=item_address(&dependency.slug)>{dependency.slug.clone()}</a></span><code class="tail">{dependency.range}</code></li> })
        .collect::<Vec<_>>();
    let needed = dependents
        .into_iter()
        .map(|dependent| view! { <li><a class="link" href=item_address(&dependent.slug)>{dependent.name}</a></li> })
        .collect::<Vec<_>>();
    view! {
        <section class="card" aria-labelledby="needs-h">
            <header class="card-head"><h2 id="needs-h">"Depends on"</h2><span class="count">{needs.len()}</span></header>
            <div class="card-body">
                {if needs.is_empty() { view! { <p class="t3 f12">"Nothing else."</p> }.into_any() } else { view! { <ul class="rows f12">{needs}</ul> }.into_any() }}
            </div>
            {(!needed.is_empty())
                .then(|| {
                    view! {
                        <header class="card-head"><h2>"Needed by"</h2><span class="count">{needed.len()}</span></header>
                        <div class="card-body"><ul class="rows f12">{needed}</ul></div>
                    }
                })}
        </section>
    }
}

/// How programs install it.
#[component]
pub fn CommandLine(slug: String) -> impl IntoView {
    // Only the browser knows under which address the page was asked for.
    let origin = RwSignal::new("https://…".to_owned());
    Effect::new(move |_| origin.set(page::origin()));
    let command = format!("llmos market install {slug} --volume NAME");
    let body = format!("{{\"install\": [\"{slug}\"]}}");
    let request = Signal::derive(move || {
        format!(
            "curl -X POST {}/api/v1/volumes/VOLUME_ID/lock \\\n  -H \"Authorization: Bearer $TOKEN\" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{body}'",
            origin.get()
        )
    });
    view! {
        <section class="card" aria-labelledby="programs-h">
            <header class="card-head"><h2 id="programs-h">"For programs"</h2></header>
            <div class="card-body">
                <h3>"Command line"</h3>
                <Copyable what="the command" text=command/>
                <h3>"API"</h3>
                <Copyable what="the request" text=request/>
                <p class="hint">"The same request to " <code>"…/lock/plan"</code> " says what it would do. " <a class="link" href="/settings/tokens">"API tokens"</a></p>
            </div>
        </section>
    }
}

#[component]
pub fn Files(files: Vec<ItemFile>) -> impl IntoView {
    let all: i64 = files.iter().map(|file| file.size).sum();
    let number = files.len() as i64;
    let few = number <= 8;
    view! {
        <section class="card" aria-labelledby="files-h">
            <header class="card-head"><h2 id="files-h">"Files"</h2><span class="count">{number}</span><span class="push t3 f12">{bytes(all)}</span></header>
            <div class="card-body">
                <details class="f12" open=few>
                    <Fold words=plural(number, "file", "files")/>
                    <ul class="file-list">
                        {files.into_iter().map(|file| view! { <li><code class="wrap-any">{file.path}</code><span class="t3 num nowrap">{bytes(file.size)}</span></li> }).collect_view()}
                    </ul>
                </details>
            </div>
        </section>
    }
}
