//! All accounts: found by name or address, flagged, deactivated, helped back in.

use leptos::prelude::*;
use leptos_router::{components::Form, hooks::use_query_map};

use crate::{
    browser::{data, page},
    features::accounts::{
        model::{AdminUser, SecretLink, UpdateUser, UserKind, UserPage},
        state::{AdminData, Confirmation, use_session},
        ui::{
            confirm::refused,
            parts::{Secret, day, shown},
        },
    },
    ids::UserId,
    ui::{Avatar, ConfirmDialog, Dialog, EmptyState, Icon, Time, toast, toast_error, use_toasts},
};

const DEACTIVATE: &str = "deactivate-user";
const LINK: &str = "password-link";
const FACTORS: &str = "remove-factors";

#[component]
pub fn Users(data: AdminData) -> impl IntoView {
    let query = use_query_map();
    let wanted = Memo::new(move |_| query.read().get("q").unwrap_or_default());
    let first_page = Memo::new(move |_| query.read().get("before").is_none());
    let chosen = RwSignal::new(None::<AdminUser>);
    let link = RwSignal::new(None::<(String, SecretLink)>);
    view! {
        <section class="set">
            <Form method="GET" action="/admin/users" attr:role="search">
                <div class="find">
                    <label class="input">
                        <Icon name="search"/>
                        <span class="sr">"Find an account"</span>
                        <input type="search" name="q" placeholder="Name or e-mail" value=move || wanted.get() data-filter="" autocomplete="off"/>
                    </label>
                    <button type="submit" class="btn">"Find"</button>
                </div>
            </Form>
            {move || {
                let (wanted, first) = (wanted.get(), first_page.get());
                shown(
                    data.users.get(),
                    move |page| {
                        if page.users.is_empty() {
                            let text = if wanted.is_empty() { "There are no more accounts.".to_owned() } else { format!("No name and no address contains “{wanted}”.") };
                            return view! { <EmptyState icon="user" title="Nobody found" text=text><a class="btn" href="/admin/users">"Show all"</a></EmptyState> }.into_any();
                        }
                        view! { <UserTable page=page wanted=wanted first_page=first chosen=chosen link=link data=data/> }.into_any()
                    },
                )
            }}
        </section>
        <DeactivateQuestion chosen=chosen data=data/>
        <FactorsQuestion chosen=chosen data=data/>
        <LinkDialog link=link/>
    }
}

#[component]
fn UserTable(
    page: UserPage,
    wanted: String,
    first_page: bool,
    chosen: RwSignal<Option<AdminUser>>,
    link: RwSignal<Option<(String, SecretLink)>>,
    data: AdminData,
) -> impl IntoView {
    let own = use_session().account_untracked().map(|me| me.person.id);
    let UserPage { users, next } = page;
    let count = users.len();
    let search = if wanted.is_empty() { String::new() } else { format!("q={}&", data::encode(&wanted)) };
    let newest = (!first_page).then(|| format!("/admin/users?{}", search.trim_end_matches('&')));
    let older = next.map(|next| format!("/admin/users?{search}before={next}"));
    view! {
        <table class="table flush stacks">
            <thead>
                <tr>
                    <th>"Name"</th>
                    <th>"Standing"</th>
                    <th class="num">"Teams"</th>
                    <th>"Since"</th>
                    <th>"Last seen"</th>
                    <th><span class="sr">"Acts"</span></th>
                </tr>
            </thead>
            <tbody>{users.into_iter().map(|user| view! { <UserRow user=user own=own chosen=chosen link=link data=data/> }).collect_view()}</tbody>
        </table>
        <nav class="pager" aria-label="Pages">
            <span>{format!("{count} shown")}</span>
            {newest.map(|address| view! { <a class="btn s" href=address>"Newest"</a> })}
            {older.map(|address| view! { <a class="btn s" href=address>"Older"<Icon name="chev-r"/></a> })}
        </nav>
    }
}

#[component]
fn UserRow(
    user: AdminUser,
    own: Option<UserId>,
    chosen: RwSignal<Option<AdminUser>>,
    link: RwSignal<Option<(String, SecretLink)>>,
    data: AdminData,
) -> impl IntoView {
    let agent = user.person.kind == UserKind::Agent;
    let own = own == Some(user.person.id);
    let flagged = user.administrator || user.moderator || agent || user.deactivated;
    view! {
        <tr>
            <td class="main-cell">
                <div class="person">
                    <Avatar person=user.person.clone() size="l"/>
                    <div><b>{user.person.name.clone()}{own.then(|| view! { " " <span class="chip line">"You"</span> })}</b><small>{user.email.clone()}</small></div>
                </div>
            </td>
            <td data-l="Standing">
                {flagged.then(|| view! { <span class="chips">
                    {user.administrator.then(|| view! { <span class="chip accent">"Administrator"</span> })}
                    {user.moderator.then(|| view! { <span class="chip line">"Moderator"</span> })}
                    {agent.then(|| view! { <span class="chip info">"Agent"</span> })}
                    {user.deactivated.then(|| view! { <span class="chip warn">"Deactivated"</span> })}
                </span> })}
            </td>
            <td class="num" data-l="Teams">{user.teams}</td>
            <td class="nowrap" data-l="Since">{day(user.created_at)}</td>
            <td class="nowrap" data-l="Last seen">{user.last_seen_at.map_or_else(|| "never".into_any(), |at| view! { <Time at=at/> }.into_any())}</td>
            <td class="acts">
                <UserMenu user=user own=own chosen=chosen link=link data=data/>
            </td>
        </tr>
    }
}

#[component]
fn UserMenu(
    user: AdminUser,
    own: bool,
    chosen: RwSignal<Option<AdminUser>>,
    link: RwSignal<Option<(String, SecretLink)>>,
    data: AdminData,
) -> impl IntoView {
    let toasts = use_toasts();
    let menu = format!("user-{}", user.person.id);
    let id = user.person.id;
    let agent = user.person.kind == UserKind::Agent;
    let (administrator, moderator, deactivated) = (user.administrator, user.moderator, user.deactivated);
    let update = move |wish: UpdateUser, done: &'static str| update_user(id, wish, done, toasts, data);
    let name = user.person.name.clone();
    let confirmation = use_context::<Confirmation>();
    let make_link = move |_| {
        let name = name.clone();
        let asked = data::post::<SecretLink>(format!("/admin/users/{id}/password-link"), &());
        leptos::task::spawn_local(async move {
            match asked.await {
                Ok(made) => {
                    link.set(Some((name, made)));
                    page::open_dialog(LINK);
                }
                Err(error) => refused(confirmation, toasts, &error),
            }
        });
    };
    let second_factor = user.second_factor;
    let signed_out = format!("{} is signed out everywhere", user.person.name);
    let sign_out = move |_| {
        let signed_out = signed_out.clone();
        let asked = data::post::<serde_json::Value>(format!("/admin/users/{id}/sign-out"), &());
        leptos::task::spawn_local(async move {
            match asked.await {
                Ok(_) => {
                    toast(toasts, signed_out);
                    data.users.refetch();
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    let of_factors = user.clone();
    let ask_factors = move |_| {
        chosen.set(Some(of_factors.clone()));
        page::open_dialog(FACTORS);
    };
    let label = format!("More acts on {}", user.person.name);
    let ask = user.clone();
    view! {
        <div class="row">
            <button type="button" class="btn s ghost icon-only" aria-label=label popovertarget=menu.clone()><Icon name="more"/></button>
            <div id=menu.clone() popover="auto" class="pop menu end">
                {(!agent)
                    .then(|| {
                        view! {
                            <button type="button" popovertarget=menu.clone() popovertargetaction="hide" on:click=make_link><Icon name="key"/>"Password link"</button>
                            <button type="button" popovertarget=menu.clone() popovertargetaction="hide" on:click=sign_out><Icon name="globe"/>"Sign out everywhere"</button>
                            {second_factor
                                .then(|| {
                                    view! {
                                        <button type="button" popovertarget=menu.clone() popovertargetaction="hide" on:click=ask_factors>
                                            <Icon name="lock"/>
                                            "Remove second factors"
                                        </button>
                                    }
                                })}
                            <button
                                type="button"
                                popovertarget=menu.clone()
                                popovertargetaction="hide"
                                on:click=move |_| update(UpdateUser { moderator: Some(!moderator), ..UpdateUser::default() }, "Saved")
                            >
                                <Icon name="flag"/>
                                {if moderator { "No longer moderator" } else { "Make moderator" }}
                            </button>
                            <button
                                type="button"
                                disabled=own
                                popovertarget=menu.clone()
                                popovertargetaction="hide"
                                on:click=move |_| update(UpdateUser { administrator: Some(!administrator), ..UpdateUser::default() }, "Saved")
                            >
                                <Icon name="shield"/>
                                {if administrator { "No longer administrator" } else { "Make administrator" }}
                            </button>
                            <hr/>
                        }
                    })}
                {if deactivated {
                    view! {
                        <button
                            type="button"
                            popovertarget=menu.clone()
                            popovertargetaction="hide"
                            on:click=move |_| update(UpdateUser { deactivated: Some(false), ..UpdateUser::default() }, "The account works again")
                        >
                            <Icon name="undo"/>
                            "Activate again"
                        </button>
                    }
                        .into_any()
                } else {
                    view! {
                        <button
                            type="button"
                            class="danger"
                            disabled=own
                            popovertarget=menu.clone()
                            popovertargetaction="hide"
                            on:click=move |_| {
                                chosen.set(Some(ask.clone()));
                                page::open_dialog(DEACTIVATE);
                            }
                        >
                            <Icon name="lock"/>
                            "Deactivate"
                        </button>
                    }
                        .into_any()
                }}
            </div>
        </div>
    }
}

fn update_user(id: UserId, wish: UpdateUser, done: &'static str, toasts: crate::ui::toast::ToastsContext, data: AdminData) {
    let change = data::send::<serde_json::Value>("PATCH", format!("/admin/users/{id}"), &wish);
    leptos::task::spawn_local(async move {
        match change.await {
            Ok(_) => {
                toast(toasts, done);
                data.users.refetch();
            }
            Err(error) => toast_error(toasts, &error),
        }
    });
}

#[component]
fn DeactivateQuestion(chosen: RwSignal<Option<AdminUser>>, data: AdminData) -> impl IntoView {
    let toasts = use_toasts();
    let deactivate = move |()| {
        let Some(user) = chosen.get_untracked() else { return };
        update_user(
            user.person.id,
            UpdateUser { deactivated: Some(true), ..UpdateUser::default() },
            "The account is deactivated",
            toasts,
            data,
        );
    };
    view! {
        <ConfirmDialog
            id=DEACTIVATE
            title=Signal::derive(move || format!("Deactivate {}?", chosen.with(|user| user.as_ref().map(|user| user.person.name.clone()).unwrap_or_default())))
            text="It is signed out everywhere and its tokens stop working. Its work and its memberships stay; it can be activated again.".to_owned()
            confirm="Deactivate account".to_owned()
            act=deactivate
        />
    }
}

/// Somebody has lost their factors.
#[component]
fn FactorsQuestion(chosen: RwSignal<Option<AdminUser>>, data: AdminData) -> impl IntoView {
    let toasts = use_toasts();
    let confirmation = use_context::<Confirmation>();
    let name = move || chosen.with(|user| user.as_ref().map(|user| user.person.name.clone()).unwrap_or_default());
    let remove = move |()| {
        let Some(user) = chosen.get_untracked() else { return };
        let change = data::send::<serde_json::Value>("DELETE", format!("/admin/users/{}/factors", user.person.id), &());
        leptos::task::spawn_local(async move {
            match change.await {
                Ok(_) => {
                    toast(toasts, format!("{} has no second factor any more", user.person.name));
                    data.users.refetch();
                }
                Err(error) => refused(confirmation, toasts, &error),
            }
        });
    };
    view! {
        <ConfirmDialog
            id=FACTORS
            title=Signal::derive(move || format!("Remove the second factors of {}?", name()))
            text="Make sure by voice or in person that it is they who ask. A password alone signs in then, and every browser of theirs is signed out.".to_owned()
            confirm="Remove them".to_owned()
            act=remove
        />
    }
}

/// The one-time link, shown once.
#[component]
fn LinkDialog(link: RwSignal<Option<(String, SecretLink)>>) -> impl IntoView {
    view! {
        <Dialog id=LINK title=Signal::derive(move || format!("Password link for {}", link.with(|link| link.as_ref().map(|(name, _)| name.clone()).unwrap_or_default())))>
            <div class="body">
                <p>"Hand it over in a way that only this person reads. It works once, sets a new password, and signs out every other browser."</p>
                {move || {
                    link.get()
                        .map(|(_, link)| view! { <Secret value=link.url label=format!("Works until {}; it is not shown again", day(link.expires_at))/> })
                }}
            </div>
            <footer><button type="button" class="btn primary" on:click=move |_| page::close_dialog(LINK)>"Done"</button></footer>
        </Dialog>
    }
}
