//! Who has a listing, and handing it over.

use leptos::prelude::*;

use crate::{
    browser::page,
    features::{
        accounts::{
            model::Action,
            state::{Running, use_session},
        },
        marketplace::{
            model::{ChangeListing, CoOwner, ManagedListing},
            state::{NAMES, add_owner, change_listing, remove_owner},
            ui::publish::Refused,
        },
    },
    ids::UserId,
    ui::{Avatar, ConfirmDialog, Dialog, Field, Icon, SelectField, Suspense, Time, toast, toast_error, use_toasts},
};

const REMOVE: &str = "remove-owner";
const TRANSFER: &str = "transfer-listing";

#[component]
pub fn Owners(listing: ManagedListing, reload: Callback<()>) -> impl IntoView {
    let ManagedListing { listing: own, co_owners, caller, decides, .. } = listing;
    let toasts = use_toasts();
    // Whom the open question is about: the account, and its name.
    let chosen = RwSignal::new(None::<(UserId, String)>);
    let leaves = move || chosen.with(|chosen| chosen.as_ref().is_some_and(|(id, _)| *id == caller));
    let name = move || chosen.with(|chosen| chosen.as_ref().map(|(_, name)| name.clone()).unwrap_or_default());
    let ask = Callback::new(move |whom: (UserId, String)| {
        chosen.set(Some(whom));
        page::open_dialog(REMOVE);
    });
    let slug = StoredValue::new(own.slug.clone());
    let remove = move |()| {
        let Some((id, name)) = chosen.get_untracked() else { return };
        let answer = remove_owner(slug.get_value(), id);
        leptos::task::spawn_local(async move {
            match answer.await {
                // Who left does not manage it any more.
                Ok(_) if id == caller => page::go(NAMES),
                Ok(_) => {
                    toast(toasts, format!("{name} is no longer a co-owner"));
                    reload.run(());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    let owns = !own.owner.team && own.owner.id == caller.to_string();
    let own_name = own.owner.name.clone();
    view! {
        <section class="set">
            <header>
                <h2>"Owners"</h2>
                <p>"The owner decides on names, owners and deletion. Of a team, its maintainers and owners do. Co-owners publish and deprecate."</p>
            </header>
            <ul class="rows">
                <li>
                    <Icon name=if own.owner.team { "users" } else { "user" }/>
                    <div class="tx"><b>{own.owner.name.clone()}</b><small>{if own.owner.team { "Owner, a team" } else { "Owner" }}</small></div>
                    <span class="tail">
                        {owns
                            .then(|| {
                                let name = own_name.clone();
                                view! { <button type="button" class="btn s ghost" on:click=move |_| ask.run((caller, name.clone()))>"Leave"</button> }
                            })}
                    </span>
                </li>
                {co_owners.into_iter().map(|one| co_owner_row(one, caller, decides, ask)).collect_view()}
            </ul>
            {decides.then(|| view! { <AddForm slug=own.slug reload=reload/> })}
            <ConfirmDialog
                id=REMOVE
                title=Signal::derive(move || if leaves() { "Leave it?".to_owned() } else { format!("Take {} off?", name()) })
                text=Signal::derive(move || {
                    if leaves() {
                        "You publish nothing under this name any more. If you own it, the co-owner who has been one for longest takes your place.".to_owned()
                    } else {
                        format!("{} publishes nothing under this name any more. What was published stays.", name())
                    }
                })
                confirm=Signal::derive(move || if leaves() { "Leave".to_owned() } else { "Take off".to_owned() })
                act=remove
            />
        </section>
    }
}

fn co_owner_row(one: CoOwner, caller: UserId, decides: bool, ask: Callback<(UserId, String)>) -> AnyView {
    let (id, name) = (one.person.id, one.person.name.clone());
    let own = id == caller;
    let label = if own { "Leave".to_owned() } else { format!("Take off {name}") };
    let words = if own { "Leave" } else { "Take off" };
    view! {
        <li>
            <Avatar person=one.person/>
            <div class="tx"><b>{name.clone()}</b><small>"Co-owner since "<Time at=one.since/></small></div>
            <span class="tail">
                {(own || decides)
                    .then(|| view! { <button type="button" class="btn s ghost" aria-label=label on:click=move |_| ask.run((id, name.clone()))>{words}</button> })}
            </span>
        </li>
    }
    .into_any()
}

#[component]
fn AddForm(slug: String, reload: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let account = RwSignal::new(String::new());
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        running.run(add_owner(slug.clone(), account.with_untracked(|account| account.trim().to_owned())), move |_| {
            account.set(String::new());
            toast(toasts, "They are told, and may leave at any time");
            reload.run(());
        });
    };
    view! {
        <form class="form" on:submit=send>
            <Field id="owner-account" name="account" label="Add a co-owner" value=account required=true autocomplete="off" hint="The e-mail address of an account on this server." error=running.error/>
            <Refused error=running.error/>
            <footer class="row"><button type="submit" class="btn" class:busy=move || running.busy.get()>"Add"</button></footer>
        </form>
    }
}

#[component]
pub fn Transfer(listing: ManagedListing, reload: Callback<()>) -> impl IntoView {
    let ManagedListing { listing: own, co_owners, .. } = listing;
    let session = use_session();
    let toasts = use_toasts();
    let running = Running::new();
    let to = RwSignal::new(String::new());
    let heirs = RwSignal::new(Vec::<(String, String)>::new());
    let slug = own.slug.clone();
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let change = ChangeListing { owner: Some(to.get_untracked()), ..ChangeListing::default() };
        running.run(change_listing(slug.clone(), change), move |changed| {
            page::close_dialog(TRANSFER);
            toast(toasts, format!("It belongs to {} now", changed.listing.owner.name));
            reload.run(());
        });
    };
    let people = StoredValue::new((own.owner.id, co_owners));
    let named = move || {
        let id = to.get();
        heirs.with(|heirs| heirs.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone()).unwrap_or_default())
    };
    view! {
        <section class="set">
            <header>
                <h2>"Hand it over"</h2>
                <p>"To a team that you publish for, or to one of the co-owners."</p>
            </header>
            <Suspense>
                {move || {
                    session
                        .account()
                        .map(|me| {
                            let (owner, co_owners) = people.get_value();
                            let teams = me.teams.into_iter().filter(|team| team.role.allows(Action::Publish)).map(|team| (team.id.to_string(), team.name));
                            let people = co_owners.into_iter().map(|one| (one.person.id.to_string(), one.person.name));
                            let options: Vec<_> = teams.chain(people).filter(|(id, _)| *id != owner).collect();
                            if options.is_empty() {
                                return view! { <p class="t3">"There is nobody to hand it to: add a co-owner, or make a team."</p> }.into_any();
                            }
                            to.set(options[0].0.clone());
                            heirs.set(options.clone());
                            view! {
                                <div class="form">
                                    <SelectField id="listing-owner" label="New owner" value=to options=Signal::stored(options)/>
                                    <footer class="row"><button type="button" class="btn" on:click=move |_| page::open_dialog(TRANSFER)>"Hand over"</button></footer>
                                </div>
                            }
                                .into_any()
                        })
                }}
            </Suspense>
            <Dialog id=TRANSFER title=Signal::derive(move || format!("Hand it over to {}?", named())) size="s" alert=true>
                <form on:submit=send>
                    <div class="body">
                        <p>{move || format!("{} then decides on its names, its owners and its end. You stay a co-owner until you leave; only its new owner can give it back.", named())}</p>
                        <Refused error=running.error/>
                    </div>
                    <footer>
                        <button type="button" class="btn" on:click=move |_| page::close_dialog(TRANSFER)>"Cancel"</button>
                        <button type="submit" class="btn danger-fill" class:busy=move || running.busy.get()>"Hand over"</button>
                    </footer>
                </form>
            </Dialog>
        </section>
    }
}
