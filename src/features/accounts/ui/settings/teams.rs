//! The teams one is in; making one, leaving one.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use crate::{
    browser::{data, page},
    features::accounts::{
        model::{CreateTeam, Me, MyTeam, Team},
        state::{Running, use_session},
        ui::parts::{FormError, Submit, role_words},
    },
    ids::TeamId,
    ui::{ConfirmDialog, Dialog, EmptyState, Field, Icon, toast, toast_error, use_toasts},
};

const NEW: &str = "new-team";
const LEAVE: &str = "leave-team";

#[component]
pub fn Teams(me: Me) -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let leaving = RwSignal::new(None::<MyTeam>);
    let leave = move |()| {
        let Some(team) = leaving.get_untracked() else { return };
        let change = data::post::<serde_json::Value>(format!("/teams/{}/leave", team.id), &());
        leptos::task::spawn_local(async move {
            match change.await {
                Ok(_) => {
                    toast(toasts, format!("You left {}", team.name));
                    session.me.refetch();
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    let empty = me.teams.is_empty();
    view! {
        <section class="set">
            <header>
                <h2>"Teams"</h2>
                <p>"A team shares volumes. You can be in several."</p>
                <button type="button" class="btn" on:click=move |_| page::open_dialog(NEW)><Icon name="plus"/>"New team"</button>
            </header>
            {if empty {
                view! { <EmptyState icon="users" title="No team yet" text="Make one and invite the others with a link, or open the link that somebody sent you."/> }.into_any()
            } else {
                view! { <ul class="rows">{me.teams.into_iter().map(|team| view! { <TeamRow team=team leaving=leaving/> }).collect_view()}</ul> }.into_any()
            }}
        </section>
        <NewTeamDialog/>
        <ConfirmDialog
            id=LEAVE
            title=Signal::derive(move || format!("Leave {}?", leaving.with(|team| team.as_ref().map(|team| team.name.clone()).unwrap_or_default())))
            text="You no longer see its volumes. What you committed there stays; to come back you need a new invitation.".to_owned()
            confirm="Leave team".to_owned()
            act=leave
        />
    }
}

#[component]
fn TeamRow(team: MyTeam, leaving: RwSignal<Option<MyTeam>>) -> impl IntoView {
    let row = team.clone();
    view! {
        <li>
            <Icon name="users"/>
            <div class="tx">
                <a class="cover" href=format!("/teams/{}", team.id)><b>{team.name.clone()}</b></a>
                <small>{role_words(team.role)}</small>
            </div>
            <span class="tail">
                {team.locked.then(|| view! { <a class="chip warn" href="/settings/security">"Needs a second factor"</a> })}
                {team.demo.then(|| view! { <span class="chip line">"Demo"</span> })}
                <button
                    type="button"
                    class="btn s"
                    aria-label=format!("Leave {}", team.name)
                    on:click=move |_| {
                        leaving.set(Some(row.clone()));
                        page::open_dialog(LEAVE);
                    }
                >
                    "Leave"
                </button>
            </span>
        </li>
    }
}

#[component]
fn NewTeamDialog() -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let navigate = use_navigate();
    let running = Running::new();
    let name = RwSignal::new(String::new());
    let create = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let navigate = navigate.clone();
        let wish = CreateTeam { id: Some(TeamId::generate()), name: name.get_untracked() };
        running.run(data::post::<Team>("/teams", &wish), move |team| {
            page::close_dialog(NEW);
            toast(toasts, format!("{} is there; invite the others", team.name));
            session.me.refetch();
            navigate(&format!("/teams/{}/invitations", team.id), NavigateOptions::default());
        });
    };
    view! {
        <Dialog id=NEW title="New team".to_owned() size="s">
            <form on:submit=create>
                <div class="body">
                    <FormError error=running.error beside=&["name"]/>
                    <Field id="team-name" name="name" label="Name" value=name hint="You become its owner; it gets a volume of its own." required=true error=running.error/>
                </div>
                <footer>
                    <button type="button" class="btn" on:click=move |_| page::close_dialog(NEW)>"Cancel"</button>
                    <Submit busy=running.busy words="Create team" running="Creating"/>
                </footer>
            </form>
        </Dialog>
    }
}
