//! What can be done with a session as a whole.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::pointers::want_pointers;
use crate::{
    browser::{data::Sent, page, share::share},
    error::AppError,
    features::{
        outbox::state::say_waiting,
        pwa::pins::{KeepOffline, Whole},
        sessions::{
            model::{SessionDetail, SessionStatus, UpdateSession},
            state::{archive_session, delete_session, session_address, undelete_session, update_session},
        },
    },
    ui::{Dialog, Field, FieldError, Icon, toast, toast_error, toast_undo, use_toasts},
};

const RENAME: &str = "rename-session";

#[component]
pub fn SessionMenu(detail: RwSignal<SessionDetail>, reload: Callback<()>, pointing: RwSignal<bool>) -> impl IntoView {
    let toasts = use_toasts();
    let navigate = use_navigate();
    let id = detail.with_untracked(|detail| detail.summary.id);
    let archived = move || detail.with(|detail| detail.summary.status == SessionStatus::Archived);
    let may_manage = move || detail.with(|detail| detail.can_manage);
    let archive = move |on: bool| {
        let answer = archive_session(id, on);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(Sent::Waiting) => say_waiting(toasts, Sent::Waiting),
                Ok(Sent::Done) => {
                    reload.try_run(());
                    if on {
                        toast_undo(toasts, "Archived", move || {
                            let answer = archive_session(id, false);
                            leptos::task::spawn_local(async move {
                                match answer.await {
                                    Ok(sent) => {
                                        say_waiting(toasts, sent);
                                        reload.try_run(());
                                    }
                                    Err(error) => toast_error(toasts, &error),
                                }
                            });
                        });
                    } else {
                        toast(toasts, "Back among the sessions");
                    }
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    let delete = Callback::new(move |()| {
        let answer = delete_session(id);
        let navigate = navigate.clone();
        let title = detail.with_untracked(|detail| detail.summary.title.clone());
        leptos::task::spawn_local(async move {
            if let Err(error) = answer.await {
                toast_error(toasts, &error);
                return;
            }
            navigate("/sessions", NavigateOptions::default());
            toast_undo(toasts, format!("Deleted \u{201c}{title}\u{201d}"), move || {
                let answer = undelete_session(id);
                let navigate = navigate.clone();
                leptos::task::spawn_local(async move {
                    match answer.await {
                        Ok(()) => navigate(&session_address(id), NavigateOptions::default()),
                        Err(error) => toast_error(toasts, &error),
                    }
                });
            });
        });
    });
    // What it is called now: somebody else may have renamed it.
    let (title, goal) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let open_rename = move || {
        detail.with_untracked(|detail| {
            title.set(detail.summary.title.clone());
            goal.set(detail.summary.goal.clone());
        });
        page::open_dialog(RENAME);
    };
    // What is kept of it here is asked when somebody looks.
    let opened = RwSignal::new(false);
    let export = move |format: &str| format!("/api/v1/sessions/{id}/export?format={format}");
    view! {
        <details class="drop end">
            <summary on:click=move |_| opened.set(true) class="btn ghost icon-only" aria-label="Rename, export, archive, delete" title="Rename, export, archive, delete"><Icon name="more"/></summary>
            <div class="pop menu">
                <button type="button" class="narrow-only" on:click=move |_| copy_link(detail)><Icon name="link"/>"Share"</button>
                <button
                    type="button"
                    class="wide-only pointing"
                    on:click=move |_| {
                        pointing.update(|on| *on = !*on);
                        want_pointers(pointing.get_untracked());
                    }
                >
                    <Icon name="eye"/>
                    {move || if pointing.get() { "Hide pointers" } else { "Show pointers" }}
                </button>
                <div class="pad">
                    <KeepOffline
                        kind=Whole::Session
                        id=id.to_string()
                        name=Signal::derive(move || detail.with(|detail| detail.summary.title.clone()))
                        shown=opened.into()
                    />
                </div>
                <a href=export("markdown") download=""><Icon name="download"/>"Export as markdown"</a>
                <a href=export("json") download=""><Icon name="download"/>"Export as JSON"</a>
                {move || {
                    may_manage()
                        .then(|| {
                            view! {
                                <hr/>
                                <button type="button" on:click=move |_| open_rename()><Icon name="edit"/>"Rename"</button>
                                {move || {
                                    if archived() {
                                        view! { <button type="button" on:click=move |_| archive(false)><Icon name="undo"/>"Bring back"</button> }.into_any()
                                    } else {
                                        view! { <button type="button" on:click=move |_| archive(true)><Icon name="folder"/>"Archive"</button> }.into_any()
                                    }
                                }}
                                <hr/>
                                <button type="button" class="danger" on:click=move |_| delete.run(())><Icon name="trash"/>"Delete"</button>
                            }
                        })
                }}
            </div>
        </details>
        <RenameDialog detail=detail reload=reload title=title goal=goal/>
    }
}

/// Shares the link, or copies it. Whoever follows it still needs to be allowed.
pub fn copy_link(detail: RwSignal<SessionDetail>) {
    let toasts = use_toasts();
    let address = format!("{}{}", page::origin(), session_address(detail.with_untracked(|detail| detail.summary.id)));
    if detail.with_untracked(|detail| share(&detail.summary.title, &address)) {
        return;
    }
    let private = detail.with_untracked(|detail| detail.summary.team_id.is_none());
    page::copy(address, move |done| {
        if !done {
            toast_error(toasts, &AppError::invalid("The browser did not let the page copy. Copy the address of this page."));
        } else if private {
            toast(toasts, "Link copied. The session is private: it opens for you only.");
        } else {
            toast(toasts, "Link copied. It opens for members of the team.");
        }
    });
}

#[component]
fn RenameDialog(detail: RwSignal<SessionDetail>, reload: Callback<()>, title: RwSignal<String>, goal: RwSignal<String>) -> impl IntoView {
    let toasts = use_toasts();
    let id = detail.with_untracked(|detail| detail.summary.id);
    let error = RwSignal::new(None::<AppError>);
    let save = move || {
        let change =
            UpdateSession { title: Some(title.get_untracked().trim().to_owned()), goal: Some(goal.get_untracked().trim().to_owned()) };
        let answer = update_session(id, change);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(sent) => {
                    error.try_set(None);
                    page::close_dialog(RENAME);
                    say_waiting(toasts, sent);
                    reload.try_run(());
                }
                Err(failed) => {
                    error.try_set(Some(failed));
                }
            }
        });
    };
    view! {
        <Dialog id=RENAME title="Rename session" size="s">
            <form
                on:submit=move |event| {
                    event.prevent_default();
                    save();
                }
            >
                <div class="body">
                    <FieldError error=error/>
                    <Field id="session-title" name="title" label="Title" value=title error=error required=true/>
                    <Field id="session-goal" name="goal" label="Goal" value=goal error=error/>
                </div>
                <footer><button type="submit" class="btn primary">"Save"</button></footer>
            </form>
        </Dialog>
    }
}
