//! Renaming, leaving and deleting a team.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use crate::{
    browser::{data, page},
    error::AppError,
    features::{
        accounts::{
            model::{Action, SetTeamKey, Team, TeamKey, UpdateTeam},
            state::{Running, TeamData, use_session},
            ui::parts::{FormError, Submit, role_hint, role_words},
        },
        archives::ui::TeamExport,
    },
    ids::TeamId,
    ui::{ConfirmDialog, Dialog, Field, Transition, plural, toast, toast_error, use_toasts, utc_time},
};

const DELETE: &str = "delete-team";
const LEAVE: &str = "leave-this-team";

#[component]
pub fn TeamSettings(team: Team, data: TeamData) -> impl IntoView {
    let owner = team.role.allows(Action::OwnTeam);
    view! {
        {if team.role.allows(Action::ManageTeam) {
            view! { <Rename team=team.clone() data=data/> <SecondFactor team=team.clone() data=data/> <Keys team=team.id data=data/> }.into_any()
        } else {
            view! { <Facts team=team.clone()/> }.into_any()
        }}
        <Leave team=team.clone()/>
        {owner.then(|| view! { <TeamExport team=team.id/> <Delete team=team.clone()/> })}
    }
}

#[component]
fn Facts(team: Team) -> impl IntoView {
    view! {
        <section class="set">
            <header><h2>"About"</h2></header>
            <dl class="dl">
                <dt>"Name"</dt>
                <dd>{team.name}</dd>
                <dt>"Your role"</dt>
                <dd>{format!("{}: {}", role_words(team.role), role_hint(team.role))}</dd>
                <dt>"Members"</dt>
                <dd>{plural(team.members, "account", "accounts")}</dd>
                <dt>"Since"</dt>
                <dd>{utc_time(team.created_at)}</dd>
            </dl>
        </section>
    }
}

#[component]
fn Rename(team: Team, data: TeamData) -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let running = Running::new();
    let name = RwSignal::new(team.name.clone());
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let wish = UpdateTeam { name: Some(name.get_untracked()), requires_factor: None };
        running.run(data::send::<serde_json::Value>("PATCH", format!("/teams/{}", team.id), &wish), move |_| {
            toast(toasts, "Saved");
            session.me.refetch();
            data.team.refetch();
        });
    };
    view! {
        <section class="set">
            <header><h2>"Name"</h2></header>
            <form class="form" on:submit=save>
                <FormError error=running.error beside=&["name"]/>
                <Field id="rename-team" name="name" label="Name of the team" value=name required=true error=running.error/>
                <footer class="row"><Submit busy=running.busy words="Save" running="Saving"/></footer>
            </form>
        </section>
    }
}

/// Whether members must have a second factor.
#[component]
fn SecondFactor(team: Team, data: TeamData) -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let running = Running::new();
    let required = team.requires_factor;
    let turn = move |_| {
        let wish = UpdateTeam { name: None, requires_factor: Some(!required) };
        running.run(data::send::<serde_json::Value>("PATCH", format!("/teams/{}", team.id), &wish), move |_| {
            toast(toasts, "Saved");
            session.me.refetch();
            data.team.refetch();
        });
    };
    let text = if required {
        "Members without one see nothing of the team until they have added it."
    } else {
        "A password alone is enough to get in. Where it is required, members without a second factor see nothing of the team until they have added one."
    };
    view! {
        <section class="set">
            <header>
                <h2>"Second factor"</h2>
                <p>{text}</p>
                <button type="button" class="btn" aria-disabled=move || running.busy.get().then_some("true") on:click=turn>
                    {if required { "No longer require it" } else { "Require it" }}
                </button>
            </header>
            <FormError error=running.error beside=&[]/>
        </section>
    }
}

/// The team's keys at services outside; nothing where this server uses none.
#[component]
fn Keys(team: TeamId, data: TeamData) -> impl IntoView {
    // Only who may set them is told of them.
    let keys = move || data.keys.get().and_then(Result::ok).filter(|keys| !keys.is_empty());
    view! {
        <Transition>
            {move || {
                keys()
                    .map(|keys| {
                        view! {
                            <section class="set">
                                <header>
                                    <h2>"Keys"</h2>
                                    <p>"What this team sends to a service goes with the team's own key, and is paid for by it. A key is kept encrypted and never shown again."</p>
                                </header>
                                {keys.into_iter().map(|key| view! { <KeyForm team=team key=key data=data/> }).collect_view()}
                            </section>
                        }
                    })
            }}
        </Transition>
    }
}

#[component]
fn KeyForm(team: TeamId, key: TeamKey, data: TeamData) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let typed = RwSignal::new(String::new());
    let path = format!("/teams/{team}/keys/{}", key.provider.as_str());
    let name = key.provider.words();
    let save = {
        let path = path.clone();
        move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            let wish = SetTeamKey { key: typed.get_untracked() };
            running.run(data::send::<serde_json::Value>("PUT", path.clone(), &wish), move |_| {
                typed.set(String::new());
                toast(toasts, format!("The key for {name} is kept"));
                data.keys.refetch();
            });
        }
    };
    let remove = move |_| {
        running.run(data::send::<serde_json::Value>("DELETE", path.clone(), &()), move |_| {
            toast(toasts, format!("The key for {name} is removed"));
            data.keys.refetch();
        });
    };
    let has = key.hint.is_some();
    let state = match (&key.hint, &key.added_by) {
        (Some(hint), _) if !key.usable => {
            format!("The key that ends in {hint} cannot be read any more, because the server's SECRET_KEY is another one: add it again.")
        }
        (Some(hint), Some(person)) => format!("One that ends in {hint}, added by {}.", person.name),
        (Some(hint), None) => format!("One that ends in {hint}."),
        (None, _) => "None yet: the server's own key is used, if it has one.".to_owned(),
    };
    view! {
        <form class="form" on:submit=save>
            <FormError error=running.error beside=&["key"]/>
            <Field id="team-key" name="key" kind="password" label=format!("Key for {name}") value=typed hint=state autocomplete="off" required=true error=running.error/>
            <footer class="row">
                <Submit busy=running.busy words=if has { "Replace key" } else { "Add key" } running="Saving"/>
                {has.then(|| view! { <button type="button" class="btn danger" on:click=remove>"Remove key"</button> })}
            </footer>
        </form>
    }
}

#[component]
fn Leave(team: Team) -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let navigate = use_navigate();
    let name = team.name.clone();
    let leave = move |()| {
        let (navigate, name) = (navigate.clone(), name.clone());
        let change = data::post::<serde_json::Value>(format!("/teams/{}/leave", team.id), &());
        leptos::task::spawn_local(async move {
            match change.await {
                Ok(_) => {
                    toast(toasts, format!("You left {name}"));
                    session.me.refetch();
                    navigate("/settings/teams", NavigateOptions::default());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    view! {
        <section class="set">
            <header>
                <h2>"Leave"</h2>
                <p>"You no longer see its volumes. The last owner hands the team over, or deletes it."</p>
                <button type="button" class="btn" on:click=move |_| page::open_dialog(LEAVE)>"Leave the team"</button>
            </header>
            <ConfirmDialog
            id=LEAVE
            title=format!("Leave {}?", team.name)
            text="What you committed there stays; to come back you need a new invitation.".to_owned()
            confirm="Leave team".to_owned()
            act=leave
        />
        </section>
    }
}

#[component]
fn Delete(team: Team) -> impl IntoView {
    let running = Running::new();
    let typed = RwSignal::new(String::new());
    let name = StoredValue::new(team.name.clone());
    let delete = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if typed.get_untracked().trim() != name.get_value() {
            running.error.set(Some(AppError::field("team", "This is not the name of the team.")));
            return;
        }
        running.run(data::send::<serde_json::Value>("DELETE", format!("/teams/{}", team.id), &()), move |_| page::go("/"));
    };
    view! {
        <section class="set danger-zone">
            <header>
                <h2>"Delete the team"</h2>
                <p>"Its volumes, artifacts, agents and invitations go with it. The members keep their accounts and their own volumes."</p>
                <button type="button" class="btn danger" on:click=move |_| page::open_dialog(DELETE)>"Delete team"</button>
            </header>
            <Dialog id=DELETE title=format!("Delete {}?", name.get_value()) alert=true>
            <form on:submit=delete>
                <div class="body">
                    <p>"This cannot be undone. Export the team first if you may want it again."</p>
                    <FormError error=running.error beside=&["team"]/>
                    <Field id="delete-team-name" name="team" label=format!("Type {} to go on", name.get_value()) value=typed autocomplete="off" required=true error=running.error/>
                </div>
                <footer>
                    <button type="button" class="btn" on:click=move |_| page::close_dialog(DELETE)>"Cancel"</button>
                    <Submit busy=running.busy words="Delete team" running="Deleting" look="danger-fill"/>
                </footer>
            </form>
        </Dialog>
        </section>
    }
}
