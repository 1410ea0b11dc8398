//! Beginning a session: what it is called, what it is for, who sees it.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use crate::{
    browser::page,
    error::AppError,
    features::{
        accounts::{model::Action, state::use_session},
        sessions::{
            model::CreateSession,
            state::{create_session, session_address},
        },
    },
    ids::SessionId,
    ui::{Dialog, Field, FieldError, SelectField, Suspense},
};

pub const NEW_SESSION: &str = "new-session";

/// Opened as [`NEW_SESSION`]; leads to the session that it makes.
#[component]
pub fn NewSessionDialog() -> impl IntoView {
    let account = use_session();
    let navigate = use_navigate();
    let (title, goal, owner) = (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(None::<String>));
    let error = RwSignal::new(None::<AppError>);
    let busy = RwSignal::new(false);
    let owners = Signal::derive(move || {
        let teams = account.account().map(|me| me.teams).unwrap_or_default();
        let teams = teams.into_iter().filter(|team| team.role.allows(Action::Converse)).map(|team| (team.id.to_string(), team.name));
        teams.chain(std::iter::once((String::new(), "Only me".to_owned()))).collect::<Vec<_>>()
    });
    // What people begin is mostly for their team.
    let chosen = RwSignal::new(String::new());
    Effect::new(move |_| {
        if owner.with_untracked(Option::is_none)
            && let Some((first, _)) = owners.get().into_iter().next()
        {
            owner.set(Some(first.clone()));
            chosen.set(first);
        }
    });
    let create = move || {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let made = SessionId::generate();
        let new = CreateSession {
            id: Some(made),
            title: title.with_untracked(|title| title.trim().to_owned()),
            goal: goal.with_untracked(|goal| goal.trim().to_owned()),
            team_id: chosen.with_untracked(|team| team.parse().ok()),
        };
        let answer = create_session(made, new);
        let navigate = navigate.clone();
        leptos::task::spawn_local(async move {
            match answer.await {
                // Where it waits, its page says so itself.
                Ok(_) => {
                    page::close_dialog(NEW_SESSION);
                    navigate(&session_address(made), NavigateOptions::default());
                    title.try_set(String::new());
                    goal.try_set(String::new());
                    error.try_set(None);
                }
                Err(failed) => {
                    error.try_set(Some(failed));
                }
            }
            busy.try_set(false);
        });
    };
    view! {
        <Dialog id=NEW_SESSION title="New session" size="s">
            <form
                on:submit=move |event| {
                    event.prevent_default();
                    create();
                }
            >
                <div class="body">
                    <FieldError error=error/>
                    <Field id="new-session-title" name="title" label="Title" value=title error=error required=true/>
                    <Field id="new-session-goal" name="goal" label="Goal" value=goal error=error hint="One sentence: what is to be there at the end."/>
                    <Suspense>
                        <SelectField id="new-session-team" label="Who takes part" value=chosen options=owners/>
                    </Suspense>
                </div>
                <footer><button type="submit" class="btn primary" disabled=move || busy.get()>"Begin"</button></footer>
            </form>
        </Dialog>
    }
}
