//! The keys that one publishes with: where each is, and what to do about one that is lost.

use leptos::prelude::*;

use super::parts::{Lines, Refused};
use crate::{
    browser::{
        data::Fetched,
        page, response,
        signing::{self, Device},
    },
    error::AppResult,
    features::{
        accounts::{model::device_name, state::Running},
        marketplace::{
            model::PublisherKey,
            state::{Standing, have_key, revoke_key, standing},
        },
    },
    ids::UserId,
    ui::{Dialog, EmptyState, ErrorView, Field, Icon, Loading, Time, toast, use_toasts},
};

const MAKE: &str = "make-key";
const REVOKE: &str = "revoke-key";

#[component]
pub fn PublisherKeys(account: UserId, keys: Fetched<Vec<PublisherKey>>) -> impl IntoView {
    let device = RwSignal::new(None::<AppResult<Device>>);
    let look = Callback::new(move |()| {
        leptos::task::spawn_local(async move {
            let found = signing::device(&account.to_string()).await;
            let _ = device.try_set(Some(found));
        });
    });
    Effect::new(move |_| look.run(()));
    let changed = Callback::new(move |()| {
        keys.refetch();
        look.run(());
    });
    let chosen = RwSignal::new(None::<PublisherKey>);
    // None: not known yet, or not to be known.
    let here = Signal::derive(move || {
        let device = device.get()?.ok()?;
        Some(standing(device, &keys.get()?.ok()?))
    });
    let this_key = Signal::derive(move || match here.get() {
        Some(Standing::Ready { key, .. }) => key.public_key,
        _ => String::new(),
    });
    view! {
        <section class="set">
            <header>
                <h2>"Publishing keys"</h2>
                <p>"You sign what you publish with a key that only one device has. Others learn from it that a release is yours, and that nobody changed it."</p>
                {move || {
                    matches!(here.get(), Some(Standing::Without { .. } | Standing::Unregistered(_)))
                        .then(|| view! { <button type="button" class="btn" on:click=move |_| page::open_dialog(MAKE)><Icon name="plus"/>"Make a key on this device"</button> })
                }}
            </header>
            {move || match here.get() {
                Some(Standing::Unable(why)) => {
                    Some(view! { <div class="banner warn inset"><Icon name="alert"/><span>{why}" Make a key in another browser, or with "<code>"llmos market key"</code>"."</span></div> })
                }
                _ => None,
            }}
            {move || match keys.get() {
                Some(Ok(list)) if list.is_empty() => {
                    view! { <EmptyState icon="signed" title="No keys" text="The first is made here, or in the same step as your first signature."/> }.into_any()
                }
                Some(Ok(list)) => view! { <KeyTable keys=list this_key=this_key chosen=chosen/> }.into_any(),
                Some(Err(error)) => {
                    response::set_status(error.code.status());
                    view! { <ErrorView error=error/> }.into_any()
                }
                None => view! { <Loading/> }.into_any(),
            }}
        </section>
        <section class="set">
            <header><h2>"Where keys are"</h2></header>
            <div class="prose-s">
                <p>"The private half of a key stays in the browser, or with the command line, that made it. It is never sent, not even to this server, and cannot be copied out. Signing out leaves it there."</p>
                <p>"Make one on each device that you publish from. Clearing this site’s data in the browser deletes the key of that device."</p>
                <p><b>"A device is lost or was somebody else’s for a while?"</b>" Revoke its key here, from any other device, and make a new one. Nothing that it signs from then on is taken; what it signed before stays as it is. If a release went out that is not yours, withdraw that too."</p>
            </div>
        </section>
        <MakeDialog account=account here=here device=device changed=changed/>
        <RevokeDialog account=account chosen=chosen changed=changed/>
    }
}

#[component]
fn KeyTable(keys: Vec<PublisherKey>, this_key: Signal<String>, chosen: RwSignal<Option<PublisherKey>>) -> impl IntoView {
    view! {
        <table class="table flush stacks">
            <thead>
                <tr>
                    <th>"Where"</th>
                    <th>"Key"</th>
                    <th>"Made"</th>
                    <th>"State"</th>
                    <th><span class="sr">"Acts"</span></th>
                </tr>
            </thead>
            <tbody>{keys.into_iter().map(|key| view! { <KeyRow key_of=key this_key=this_key chosen=chosen/> }).collect_view()}</tbody>
        </table>
    }
}

#[component]
fn KeyRow(key_of: PublisherKey, this_key: Signal<String>, chosen: RwSignal<Option<PublisherKey>>) -> impl IntoView {
    let row = key_of.clone();
    let public_key = key_of.public_key.clone();
    let here = move || this_key.with(|this| *this == public_key);
    view! {
        <tr>
            <td class="main-cell"><div class="row wrap">{key_of.name.clone()} {move || here().then(|| view! { <span class="chip ok">"This device"</span> })}</div></td>
            <td data-l="Key"><code title=key_of.public_key.clone()>{key_of.id.clone()}</code></td>
            <td class="nowrap" data-l="Made"><Time at=key_of.created_at/></td>
            <td class="nowrap" data-l="State">
                {match key_of.revoked_at {
                    Some(at) => view! { <span class="chip bad">"Revoked"</span>" "<Time at=at/> }.into_any(),
                    None => view! { <span class="chip ok">"Signs"</span> }.into_any(),
                }}
            </td>
            <td class="acts">
                {key_of
                    .revoked_at
                    .is_none()
                    .then(|| {
                        let label = format!("Revoke the key of {}", key_of.name);
                        view! {
                            <div class="row">
                                <button
                                    type="button"
                                    class="btn s ghost danger"
                                    aria-label=label
                                    on:click=move |_| {
                                        chosen.set(Some(row.clone()));
                                        page::open_dialog(REVOKE);
                                    }
                                >
                                    "Revoke"
                                </button>
                            </div>
                        }
                    })}
            </td>
        </tr>
    }
}

#[component]
fn MakeDialog(
    account: UserId,
    here: Signal<Option<Standing>>,
    device: RwSignal<Option<AppResult<Device>>>,
    changed: Callback<()>,
) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let name = RwSignal::new(String::new());
    Effect::new(move |_| {
        let known = device.with(|device| device.as_ref().and_then(|device| device.as_ref().ok()).map(|device| device_name(&device.agent)));
        if let Some(known) = known.filter(|_| name.with_untracked(String::is_empty)) {
            name.set(known);
        }
    });
    let make = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let Some(standing) = here.get_untracked() else { return };
        let name = name.with_untracked(|name| name.trim().to_owned());
        running.run(have_key(account, standing, name), move |_| {
            page::close_dialog(MAKE);
            toast(toasts, "This device signs from now on");
            changed.run(());
        });
    };
    // What was made before the server refused it is registered the next time.
    Effect::new(move |_| {
        if running.error.with(Option::is_some) {
            changed.run(());
        }
    });
    view! {
        <Dialog id=MAKE title="Make a key on this device".to_owned() size="s">
            <form on:submit=make>
                <div class="body">
                    <p>"It is made in this browser, and its private half stays here."</p>
                    <Field id="new-key-name" name="name" label="Name of this device" value=name required=true autocomplete="off" hint="So that you know which key to revoke, should it get lost." error=running.error/>
                    <Refused error=running.error/>
                </div>
                <footer>
                    <button type="button" class="btn" on:click=move |_| page::close_dialog(MAKE)>"Cancel"</button>
                    <button type="submit" class="btn primary" class:busy=move || running.busy.get()>{move || if running.busy.get() { "Making" } else { "Make the key" }}</button>
                </footer>
            </form>
        </Dialog>
    }
}

#[component]
fn RevokeDialog(account: UserId, chosen: RwSignal<Option<PublisherKey>>, changed: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let (reason, since) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let name = move || chosen.with(|chosen| chosen.as_ref().map(|key| key.name.clone()).unwrap_or_default());
    Effect::new(move |_| {
        chosen.track();
        running.reset();
    });
    let revoke = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let Some(key) = chosen.get_untracked() else { return };
        let words = format!("The key of {} signs nothing any more", key.name);
        let why = reason.with_untracked(|reason| reason.trim().to_owned());
        let compromised = since.with_untracked(|day| page::day_ms(day));
        running.run(revoke_key(account, key, why, compromised), move |()| {
            page::close_dialog(REVOKE);
            reason.set(String::new());
            since.set(String::new());
            toast(toasts, words);
            changed.run(());
        });
    };
    view! {
        <Dialog id=REVOKE title=Signal::derive(move || format!("Revoke the key of {}?", name())) size="s" alert=true>
            <form on:submit=revoke>
                <div class="body">
                    <p>"Nothing that it signs from now on is taken. What it signed before stays as it is, unless you name a day below. This cannot be undone; a new key can be made at any time."</p>
                    <Lines id="revoke-reason" label="Reason" name="reason" value=reason rows=2 hint="Such as: the laptop was stolen. It stands in the public log of keys." error=running.error/>
                    <Field id="revoke-since" kind="date" label="Somebody else may have had it since" value=since hint="Leave it empty if nobody had. What was published with it from that day on is installed nowhere any more." error=running.error/>
                    <Refused error=running.error/>
                </div>
                <footer>
                    <button type="button" class="btn" on:click=move |_| page::close_dialog(REVOKE)>"Cancel"</button>
                    <button type="submit" class="btn danger-fill" class:busy=move || running.busy.get()>"Revoke key"</button>
                </footer>
            </form>
        </Dialog>
    }
}
