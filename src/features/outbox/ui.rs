//! How much waits, in the status line; all of it with what can be done, in the settings; and the question before somebody signs out.

use leptos::prelude::*;

use super::state::{ItemsState, UNSENT, discard, edit, export, places_of, send_again, state_of, use_outbox, with_words, words_of};
use crate::{
    browser::{
        outbox::{self, Item, ItemState},
        page,
    },
    error::AppResult,
    ui::{Dialog, EmptyState, Icon, Time, plural, toast, toast_error, use_toasts},
};

/// In the status line: how many changes wait, and leads to them. Nothing while all have arrived.
#[component]
pub fn OutboxStatus() -> impl IntoView {
    let outbox = use_outbox();
    let words = move || {
        let (all, failed) = outbox.counts.get();
        match (all, failed) {
            (0, 0) => None,
            (0, looks) => Some((format!("{} to look at", plural(looks.into(), "change", "changes")), "alert", true)),
            (_, 0) => Some((format!("{} waiting", plural(all.into(), "change", "changes")), "clock", false)),
            _ => Some((format!("{} not sent, {failed} to look at", plural(all.into(), "change", "changes")), "alert", true)),
        }
    };
    view! {
        <span class="outbox-status" role="status">
            {move || {
                words()
                    .map(|(words, icon, bad)| {
                        view! {
                            <a href=UNSENT class:c-warn=bad>
                                <Icon name=icon/>
                                {words}
                            </a>
                        }
                    })
            }}
        </span>
    }
}

/// Beside something that was changed here: whether the server has it. Nothing while it has all of it.
#[component]
pub fn SyncState(#[prop(into)] object: Signal<String>) -> impl IntoView {
    let state = sync_state(object);
    move || match state.get() {
        ItemsState::Synced => ().into_any(),
        ItemsState::Waiting => {
            view! { <a class="chip" href=UNSENT title="Kept on this device until the server has it"><Icon name="clock"/>"waiting"</a> }
                .into_any()
        }
        ItemsState::Failed => {
            view! { <a class="chip c-warn" href=UNSENT title="The server did not take it"><Icon name="alert"/>"not sent"</a> }.into_any()
        }
    }
}

/// How what was done to an object stands. Not for the moment that a change takes while all is well: the count leaves that out, too.
fn sync_state(object: Signal<String>) -> Memo<ItemsState> {
    let outbox = use_outbox();
    Memo::new(move |_| if outbox.counts.get().0 == 0 { ItemsState::Synced } else { object.with(|object| state_of(&outbox.about(object))) })
}

/// The same in a row that is a link itself.
#[component]
pub fn SyncMark(#[prop(into)] object: Signal<String>) -> impl IntoView {
    let state = sync_state(object);
    move || match state.get() {
        ItemsState::Synced => ().into_any(),
        ItemsState::Waiting => view! { <span class="m"><span class="chip"><Icon name="clock"/>"waiting"</span></span> }.into_any(),
        ItemsState::Failed => view! { <span class="m"><span class="chip c-warn"><Icon name="alert"/>"not sent"</span></span> }.into_any(),
    }
}

/// Settings: what waits on this device, and what can be done with it.
#[component]
pub fn Unsent() -> impl IntoView {
    let outbox = use_outbox();
    let toasts = use_toasts();
    let items = Memo::new(move |_| outbox.items());
    let none = move || items.with(|items| items.changes.is_empty());
    let save = move |_| {
        leptos::task::spawn_local(async move {
            match export().await {
                Ok(number) => toast(toasts, format!("{} in the file", plural(number.into(), "change", "changes"))),
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    let note = move || {
        if items.with(|items| items.lasts) {
            "What you did without a network is kept on this device. It is sent in order, once, as soon as the server can be reached."
        } else {
            "This browser keeps nothing, as in a private window: leave the page open until all of it is sent."
        }
    };
    view! {
        <section class="set">
            <header>
                <h2>"Unsent changes"</h2>
                <p>{move || if none() { "Whatever you do without a network stands here until the server has it." } else { note() }}</p>
            </header>
            {move || none().then(|| view! { <EmptyState icon="ok" title="Everything is sent" text="The server has all that was done in this browser."/> })}
            <ul class="rows unsent" hidden=none>
                <For
                    each=move || items.get().changes
                    key=|item| (item.key.clone(), item.state == ItemState::Waiting, item.error.clone(), item.editable)
                    children=|item| view! { <UnsentRow item=item/> }
                />
            </ul>
            <footer class="row" hidden=none>
                <button type="button" class="btn" on:click=move |_| leptos::task::spawn_local(outbox::run())><Icon name="refresh"/>"Send now"</button>
                <button type="button" class="btn" on:click=save><Icon name="download"/>"Export"</button>
            </footer>
        </section>
    }
}

#[component]
fn UnsentRow(item: Item) -> impl IntoView {
    let toasts = use_toasts();
    let key = StoredValue::new(item.key.clone());
    let done = move |answer: AppResult<()>| {
        if let Err(error) = answer {
            toast_error(toasts, &error);
        }
    };
    let stored = StoredValue::new(item.clone());
    let again = move |_| leptos::task::spawn_local(async move { done(send_again(stored.get_value()).await) });
    let remove = move |_| leptos::task::spawn_local(async move { done(discard(key.get_value()).await) });
    let (failed, arrived) = (item.state != ItemState::Waiting, item.state == ItemState::Look);
    let (icon, words) = match item.state {
        ItemState::Waiting => ("clock", "waiting"),
        ItemState::Conflict => ("merge", "changed by others meanwhile"),
        ItemState::Refused => ("alert", "not taken"),
        ItemState::Look => ("merge", "arrived"),
    };
    let places = places_of(&item);
    let go = if arrived { "Look" } else { "Merge" };
    let written = words_of(&item).filter(|_| item.editable && item.state != ItemState::Conflict);
    let editing = RwSignal::new(false);
    let body = item.body.unwrap_or_default();
    let error = if !item.editable && !failed && item.error.is_empty() {
        "It was sent, and no answer came: it may have arrived.".to_owned()
    } else {
        item.error
    };
    let label = item.label.clone();
    let may_edit = written.is_some();
    view! {
        <li class:bad=failed>
            <Icon name=icon/>
            <span class="tx">
                <b>{item.label}</b>
                <span class="t3 f12">{words}", "<Time at=item.at/></span>
                {(!error.is_empty()).then(|| view! { <span class=if failed { "c-warn f12" } else { "t3 f12" }>{error}</span> })}
                {written.map(|(name, words)| view! { <EditWords open=editing key=key name=name words=words body=body/> })}
            </span>
            <span class="tail wrap">
                {places
                    .into_iter()
                    .map(|(address, sentence)| view! { <a class="btn s" href=address title=sentence.clone() aria-label=format!("{go}: {sentence}")>{go}</a> })
                    .collect_view()}
                {may_edit
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                class="btn s"
                                aria-label=format!("Edit: {label}")
                                aria-expanded=move || editing.get().to_string()
                                on:click=move |_| editing.update(|editing| *editing = !*editing)
                            >
                                "Edit"
                            </button>
                        }
                    })}
                {(failed && !arrived).then(|| view! { <button type="button" class="btn s" aria-label=format!("Retry: {label}") on:click=again>"Retry"</button> })}
                {
                    let act = if arrived { "Done" } else { "Discard" };
                    view! { <button type="button" class="btn s ghost" aria-label=format!("{act}: {label}") on:click=remove>{act}</button> }
                }
            </span>
        </li>
    }
}

/// The words of a change, to be put right before it is sent.
#[component]
fn EditWords(
    open: RwSignal<bool>,
    key: StoredValue<String>,
    /// What the words are called in the change.
    name: &'static str,
    words: String,
    /// The change, as JSON.
    body: String,
) -> impl IntoView {
    let toasts = use_toasts();
    let text = RwSignal::new(words);
    let body = StoredValue::new(body);
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let Some(body) = body.with_value(|body| with_words(body, name, text.get_untracked())) else { return };
        leptos::task::spawn_local(async move {
            match edit(key.get_value(), body).await {
                Ok(()) => drop(open.try_set(false)),
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    move || {
        open.get().then(|| {
            view! {
                <form class="form" on:submit=save>
                    <textarea
                        class="input"
                        rows="3"
                        aria-label="What is sent"
                        prop:value=move || text.get()
                        on:input=move |event| text.set(event_target_value(&event))
                    ></textarea>
                    <footer class="row"><button type="submit" class="btn s primary">"Save and send"</button></footer>
                </form>
            }
        })
    }
}

/// The question before somebody signs out with changes that the server does not have.
pub const LEAVING: &str = "leave-unsent";

/// Opened as [`LEAVING`]. `act` runs when they sign out all the same.
#[component]
pub fn LeavingDialog(act: Callback<()>) -> impl IntoView {
    let outbox = use_outbox();
    let toasts = use_toasts();
    let save = move |_| {
        leptos::task::spawn_local(async move {
            if let Err(error) = export().await {
                toast_error(toasts, &error);
            }
        });
    };
    let number = move || plural(outbox.counts.get().0.into(), "change has", "changes have");
    view! {
        <Dialog id=LEAVING title="Sign out with unsent changes?" size="s" alert=true>
            <div class="body">
                <p>
                    {move || format!("{} not arrived yet. They stay in this browser and are sent when you sign in here again. Export them if you will not.", number())}
                </p>
            </div>
            <footer>
                <button type="button" class="btn" on:click=save><Icon name="download"/>"Export"</button>
                <button type="button" class="btn" on:click=move |_| page::close_dialog(LEAVING)>"Stay"</button>
                <button
                    type="button"
                    class="btn primary"
                    on:click=move |_| {
                        page::close_dialog(LEAVING);
                        act.run(());
                    }
                >
                    "Sign out"
                </button>
            </footer>
        </Dialog>
    }
}
