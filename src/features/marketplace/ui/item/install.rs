//! The way into a volume: which volume, which version, and what would change there.

use leptos::prelude::*;

use crate::{
    features::{
        accounts::state::sign_in_here,
        marketplace::{
            model::{ChangeLock, InstalledHere, ItemDetail, ReleaseState},
            state::lock_address,
            ui::lock::{Asked, PlanDialog, Planning},
        },
        volumes::{model::Volume, state::use_volumes},
    },
    ids::VolumeId,
    ui::{Icon, SelectField, Suspense, late, toast_link, use_toasts},
};

#[component]
pub fn Install(item: ItemDetail, reload: Callback<()>, volume: RwSignal<String>) -> impl IntoView {
    let toasts = use_toasts();
    let volumes = use_volumes();
    let planning = Planning::new(move |asked, lock| {
        toast_link(toasts, asked.told, "See it there", lock_address(lock.volume_id));
        volumes.refresh();
        reload.run(());
    });
    let item = StoredValue::new(item);
    view! {
        <div class="card">
            <header class="card-head"><h2>"Install"</h2></header>
            <div class="card-body">
                <Suspense fallback=|| view! { <p class="t3" aria-busy="true">"Looking for your volumes"</p> }>
                    {move || {
                        let writable = volumes.writable();
                        late(move || {
                            if writable.is_empty() {
                                view! { <p class="t2">"There is no volume that you may commit to. Make one in the library, or ask a team to let you."</p> <a class="btn" href="/artifacts">"Open the library"</a> }
                                    .into_any()
                            } else {
                                item.with_value(|item| view! { <Form item=item.clone() volumes=writable volume=volume planning=planning/> }.into_any())
                            }
                        })
                    }}
                </Suspense>
            </div>
        </div>
        <PlanDialog planning=planning/>
    }
}

/// In its place for whoever is not signed in.
#[component]
pub fn SignInToInstall() -> impl IntoView {
    let sign_in = sign_in_here();
    view! {
        <div class="card">
            <header class="card-head"><h2>"Install"</h2></header>
            <div class="card-body install-form">
                <a class="btn primary l block" href=move || sign_in.get()><Icon name="download"/>"Sign in to install"</a>
                <p class="hint">"Into a volume of your own or of a team. You see what would change before anything does."</p>
            </div>
        </div>
    }
}

#[component]
fn Form(item: ItemDetail, volumes: Vec<Volume>, volume: RwSignal<String>, planning: Planning) -> impl IntoView {
    let ItemDetail { card, version: seen, versions, installed, .. } = item;
    let newest = card.version;
    let first = volumes.first().map(|volume| volume.id.to_string()).unwrap_or_default();
    let options = volumes.iter().map(|volume| (volume.id.to_string(), volume.name.clone())).collect::<Vec<_>>();
    if !volume.with_untracked(|chosen| options.iter().any(|(id, _)| id == chosen)) {
        volume.set(first);
    }
    // The newest at the time it is done, unless the page shows another.
    let offered = versions.into_iter().filter(|release| release.state == ReleaseState::Public).map(|release| release.version);
    let offered: Vec<String> = offered.collect();
    let version = RwSignal::new(if seen != newest && offered.contains(&seen) { seen } else { String::new() });
    let mut choices = vec![(String::new(), format!("Newest ({newest})"))];
    choices.extend(offered.iter().map(|version| (version.clone(), version.clone())));
    let nothing_public = offered.is_empty();
    let names = StoredValue::new(options.clone());
    let name_of = move |id: &str| {
        names.with_value(|names| names.iter().find(|(known, _)| known == id).map(|(_, name)| name.clone())).unwrap_or_default()
    };
    let here = Memo::new(move |_| volume.with(|volume| installed.iter().find(|here| here.volume_id.to_string() == *volume).cloned()));
    let wanted = Memo::new(move |_| version.with(|version| if version.is_empty() { newest.clone() } else { version.clone() }));
    let is_there = move || here.with(|here| here.as_ref().is_some_and(|here| wanted.with(|wanted| *wanted == here.version)));
    let (slug, name) = (StoredValue::new(card.slug), StoredValue::new(card.name));
    let verb = move || if here.with(Option::is_some) { "Update" } else { "Install" };
    let ask = move || {
        let Ok(id) = volume.with_untracked(|volume| volume.parse::<VolumeId>()) else { return };
        let (slug, name) = (slug.get_value(), name.get_value());
        let version = version.get_untracked();
        let there = here.with_untracked(Option::is_some);
        let change = match (there, version.is_empty()) {
            (true, true) => ChangeLock { update: vec![slug], ..ChangeLock::default() },
            (false, true) => ChangeLock { install: vec![slug], ..ChangeLock::default() },
            (_, false) => ChangeLock { install: vec![format!("{slug}@={version}")], ..ChangeLock::default() },
        };
        let place = name_of(&id.to_string());
        let wanted = wanted.get_untracked();
        let (title, verb, told) = if there {
            (format!("Update {name} to {wanted} in {place}"), "Update", format!("Updated {name} in {place}"))
        } else {
            (format!("Install {name} into {place}"), "Install", format!("Installed {name} into {place}"))
        };
        planning.ask(Asked { volume: id, change, title, verb, told });
    };
    view! {
        <form
            class="install-form"
            on:submit=move |event| {
                event.prevent_default();
                untrack(ask);
            }
        >
            <SelectField id="install-volume" label="Into volume" value=volume options=options/>
            <SelectField id="install-version" label="Version" value=version options=choices/>
            <Here here=here/>
            <button type="submit" class="btn primary l block" disabled=move || nothing_public || is_there()>
                <Icon name="download"/>
                {verb}
            </button>
            <p class="hint">
                {move || {
                    if nothing_public {
                        "No version of it is public now."
                    } else if is_there() {
                        "The volume has this version."
                    } else {
                        "You see what would change before anything does, and can roll it back."
                    }
                }}
            </p>
        </form>
    }
}

/// That the chosen volume has it already, and how.
#[component]
fn Here(here: Memo<Option<InstalledHere>>) -> impl IntoView {
    move || {
        here.get().map(|here| {
            view! {
                <p class="f12 t2">
                    "It has " <code>{here.version}</code> {here.pinned.then_some(", pinned")} ". "
                    <a class="link" href=lock_address(here.volume_id)>"What is installed there"</a>
                </p>
            }
        })
    }
}
