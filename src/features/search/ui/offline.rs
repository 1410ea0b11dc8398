//! Search on this device, for when there is no network: what it takes, how far it is, and how it stands.

use leptos::prelude::*;

use crate::{
    browser::offline,
    features::search::{
        model::Standing,
        state::{offline_size, standing_of, sync_device},
    },
    ids::UserId,
    ui::{Icon, Time, bytes, count, plural},
};

/// What is shown.
#[derive(Clone, PartialEq)]
enum Shown {
    /// It is being looked at.
    Nothing,
    Offer,
    /// Stage, how far it is, of how much.
    Working(String, f64, f64),
    Kept(Standing),
}

#[component]
pub fn OfflineSearch(account: UserId) -> impl IntoView {
    let shown = RwSignal::new(Shown::Nothing);
    let failed = RwSignal::new(String::new());
    let size = RwSignal::new(None::<(i64, i64, i64)>);
    let look = move || {
        leptos::task::spawn_local(async move {
            let kept = standing_of(account).await;
            shown.try_set(kept.map_or(Shown::Offer, Shown::Kept));
        });
    };
    Effect::new(move |_| {
        look();
        let answer = offline_size();
        leptos::task::spawn_local(async move {
            if let Ok(found) = answer.await {
                size.try_set(Some(found));
            }
        });
    });
    let sync = move || {
        failed.set(String::new());
        shown.set(Shown::Working("documents".to_owned(), 0.0, 0.0));
        leptos::task::spawn_local(async move {
            let tell = move |stage: &str, done: f64, total: f64| {
                shown.try_set(Shown::Working(stage.to_owned(), done, total));
            };
            match sync_device(account, tell).await {
                Ok(()) => crate::app::preload_search().await,
                Err(why) => drop(failed.try_set(why)),
            }
            look();
        });
    };
    let forget = move || {
        leptos::task::spawn_local(async move {
            offline::forget().await;
            look();
        });
    };
    view! {
        <section class="set" aria-live="polite">
            <header>
                <h2>"Search without a network"</h2>
                <p>
                    "Keeps what you may read on this device, and the model that finds by meaning. Search and the palette then answer here when the server cannot be reached, and rank as it does. It goes when you sign out."
                </p>
            </header>
            {move || match shown.get() {
                Shown::Nothing => ().into_any(),
                Shown::Offer => view! {
                    <p class="hint" data-size="">{move || size.get().map(takes)}</p>
                    <footer><button type="button" class="btn primary" on:click=move |_| sync()><Icon name="download"/>"Make search available offline"</button></footer>
                }
                .into_any(),
                Shown::Working(stage, done, total) => view! {
                    <div class="row">
                        <span>{if stage == "model" { "The model" } else { "Documents" }}</span>
                        <span class="push num f12 t2">{(total > 0.0).then(|| how_far(&stage, done as i64, total as i64))}</span>
                    </div>
                    {if total > 0.0 {
                        view! { <progress class="progress" max=total.to_string() value=done.to_string() aria-label="How far it is"></progress> }.into_any()
                    } else {
                        view! { <progress class="progress" aria-label="How far it is"></progress> }.into_any()
                    }}
                    <footer><button type="button" class="btn" on:click=move |_| offline::stop()>"Stop"</button></footer>
                }
                .into_any(),
                Shown::Kept(standing) => view! {
                    <p class="row">
                        <Icon name="check"/>
                        <span data-kept="">{stands(&standing)}", compared with the server: "<Time at=standing.at/></span>
                    </p>
                    {(!standing.meaning).then(|| view! { <p class="hint">"This server has no model that a device could run: without a network, search goes by words."</p> })}
                    {(standing.left_out > 0)
                        .then(|| view! { <p class="hint">{format!("{} are not among them: a device keeps the newest.", plural(standing.left_out, "older document", "older documents"))}</p> })}
                    <footer>
                        <button type="button" class="btn" on:click=move |_| sync()><Icon name="refresh"/>"Compare now"</button>
                        <button type="button" class="btn" on:click=move |_| forget()><Icon name="trash"/>"Remove from this device"</button>
                    </footer>
                }
                .into_any(),
            }}
            {move || {
                let why = failed.get();
                (!why.is_empty()).then(|| view! { <div class="banner bad inset" role="alert"><Icon name="alert"/><span>{why}</span></div> })
            }}
        </section>
    }
}

/// Documents, their bytes, the model's.
fn takes((documents, size, model): (i64, i64, i64)) -> String {
    let documents = plural(documents, "document", "documents");
    if model == 0 {
        return format!("About {}: {documents}.", bytes(size));
    }
    format!("About {}: {documents}, {}, and the model, {}.", bytes(size + model), bytes(size), bytes(model))
}

fn how_far(stage: &str, done: i64, total: i64) -> String {
    if stage == "model" { format!("{} of {}", bytes(done), bytes(total)) } else { format!("{} of {}", count(done), count(total)) }
}

fn stands(standing: &Standing) -> String {
    let model = if standing.meaning { " and the model" } else { "" };
    format!("{}{model}, {}", plural(standing.documents, "document", "documents"), bytes(standing.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_before_and_after() {
        assert_eq!(takes((1_033, 8 << 20, 23 << 20)), "About 31.0 MB: 1,033 documents, 8.0 MB, and the model, 23.0 MB.");
        assert_eq!(takes((1, 2_048, 0)), "About 2.0 KB: 1 document.");
        let standing = Standing { documents: 2, left_out: 0, bytes: 1 << 20, meaning: true, at: 0 };
        assert_eq!(stands(&standing), "2 documents and the model, 1.0 MB");
        assert_eq!(how_far("model", 1 << 20, 23 << 20), "1.0 MB of 23.0 MB");
    }
}
