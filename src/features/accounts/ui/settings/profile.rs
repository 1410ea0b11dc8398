//! Name, picture, time zone; how the pages look on this device.

use leptos::prelude::*;

use crate::{
    browser::{
        data::{self, Sent},
        page, storage,
        upload::{self, Picked},
    },
    features::{
        accounts::{
            model::{Me, UpdateMe},
            state::{Running, update_me, use_session},
            ui::{
                parts::{FormError, Submit},
                zone::ZoneSelect,
            },
        },
        outbox::state::say_sent,
    },
    ui::{Avatar, Field, Icon, SingleKeysSwitch, toast, use_toasts},
};

#[component]
pub fn Profile(me: Me) -> impl IntoView {
    view! {
        <Picture me=me.clone()/>
        <NameAndZone me=me.clone()/>
        <Figures named=me.named_in_analytics/>
        <Look/>
    }
}

#[component]
fn Picture(me: Me) -> impl IntoView {
    const INPUT: &str = "avatar-file";
    let session = use_session();
    let toasts = use_toasts();
    let running = Running::new();
    let preview = RwSignal::new(None::<String>);
    let shown = {
        let person = me.person.clone();
        Signal::derive(move || {
            let mut person = person.clone();
            if let Some(address) = preview.get() {
                person.avatar = Some(address);
            }
            person
        })
    };
    let choose = move |event| {
        let picked = Picked::from_event(&event);
        if picked.is_empty() {
            return;
        }
        preview.set(picked.preview());
        running.run(upload::put_file::<serde_json::Value>("/me/avatar".to_owned(), picked), move |_| {
            toast(toasts, "Picture changed");
            session.me.refetch();
        });
    };
    // A refused picture is not the account's: show the old one again.
    Effect::new(move |_| {
        if running.error.with(Option::is_some) {
            preview.set(None);
        }
    });
    let remove = move |_| {
        running.run(data::send::<serde_json::Value>("DELETE", "/me/avatar", &()), move |_| {
            toast(toasts, "Picture removed");
            session.me.refetch();
        });
    };
    let has_picture = me.person.avatar.is_some();
    view! {
        <section class="set">
            <header><h2>"Picture"</h2><p>"Shown beside what you write and commit."</p></header>
            <FormError error=running.error beside=&[]/>
            <div class="frow">
                <div>
                    <div class="person">
                        {move || view! { <Avatar person=shown.get() size="xl"/> }}
                        <div><b>{me.person.name.clone()}</b><small>{me.email.clone()}</small></div>
                    </div>
                </div>
                <div class="ctl">
                    <label class="dropzone s">
                        <Icon name="upload"/>
                        <b>{move || if running.busy.get() { "Sending" } else { "Choose a picture" }}</b>
                        <span>"or drop it here"</span>
                        <input type="file" id=INPUT accept="image/png,image/jpeg,image/webp" on:change=choose/>
                    </label>
                    <span class="hint">"PNG, JPEG or WebP; it is cut to a square."</span>
                    {has_picture.then(|| view! { <button type="button" class="btn ghost danger" on:click=remove><Icon name="trash"/>"Remove the picture"</button> })}
                </div>
            </div>
        </section>
    }
}

#[component]
fn NameAndZone(me: Me) -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let running = Running::new();
    let name = RwSignal::new(me.person.name.clone());
    let zone = RwSignal::new(me.time_zone.clone());
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let wish = UpdateMe { name: Some(name.get_untracked()), time_zone: Some(zone.get_untracked()), named_in_analytics: None };
        running.run(update_me(wish), move |sent| {
            say_sent(toasts, sent, "Saved");
            if sent == Sent::Done {
                session.me.refetch();
            }
        });
    };
    view! {
        <section class="set">
            <header><h2>"You"</h2></header>
            <form class="form" on:submit=save>
                <FormError error=running.error beside=&["name"]/>
                <div class="form-2">
                    <Field id="profile-name" name="name" label="Name" value=name autocomplete="name" required=true error=running.error/>
                    <ZoneSelect zone=zone hint="Times in sessions are shown in it. With UTC they follow each device."/>
                </div>
                <footer class="row"><Submit busy=running.busy words="Save" running="Saving"/></footer>
            </form>
        </section>
    }
}

/// Whether analytics names whose numbers these are.
#[component]
fn Figures(named: bool) -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let running = Running::new();
    let change = move |event: leptos::ev::Event| {
        let wish = UpdateMe { named_in_analytics: Some(event_target_checked(&event)), ..UpdateMe::default() };
        running.run(update_me(wish), move |sent| {
            say_sent(toasts, sent, "Saved");
            if sent == Sent::Done {
                session.me.refetch();
            }
        });
    };
    view! {
        <section class="set">
            <header><h2>"In analytics"</h2><p>"What you do counts for your teams either way."</p></header>
            <FormError error=running.error beside=&[]/>
            <label class="switch">
                <input type="checkbox" role="switch" checked=named disabled=move || running.busy.get() on:change=change/>
                "Show my name beside my numbers"
            </label>
        </section>
    }
}

#[component]
fn Look() -> impl IntoView {
    view! {
        <section class="set">
            <header><h2>"On this device"</h2><p>"Kept in this browser."</p></header>
            <Choice
                name="theme"
                label="Theme"
                fallback="dark"
                attribute="data-theme"
                options=[("dark", "Dark", "moon"), ("light", "Light", "sun"), ("auto", "As the system", "half")].to_vec()
            />
            <Choice
                name="density"
                label="Density"
                fallback="compact"
                attribute="data-density"
                options=[("compact", "Compact", "list"), ("comfortable", "Comfortable", "grid")].to_vec()
            />
            <div class="frow">
                <div><b>"Single-key shortcuts"</b><p class="hint">"Such as e to edit. Keys with Ctrl always work."</p></div>
                <div class="ctl"><SingleKeysSwitch/></div>
            </div>
        </section>
    }
}

/// A choice that is kept in a cookie and stands as an attribute of the document.
#[component]
fn Choice(
    name: &'static str,
    label: &'static str,
    fallback: &'static str,
    attribute: &'static str,
    options: Vec<(&'static str, &'static str, &'static str)>,
) -> impl IntoView {
    let chosen = storage::preference(name).unwrap_or_else(|| fallback.to_owned());
    view! {
        <div class="frow">
            <div><b>{label}</b></div>
            <div class="ctl">
                <div class="choices" role="radiogroup" aria-label=label>
                    {options
                        .into_iter()
                        .map(|(value, words, icon)| {
                            view! {
                                <label>
                                    <input
                                        type="radio"
                                        name=name
                                        value=value
                                        checked=chosen == value
                                        on:change=move |_| {
                                            page::set_root_attribute(attribute, value);
                                            storage::set_preference(name, value);
                                        }
                                    />
                                    <Icon name=icon/>
                                    {words}
                                </label>
                            }
                        })
                        .collect_view()}
                </div>
            </div>
        </div>
    }
}
