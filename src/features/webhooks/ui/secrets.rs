//! Secrets of single repositories, beside that of the whole server.

use leptos::prelude::*;

use super::super::{
    model::{WebhookSecret, repository_name},
    state::{remove_secret, set_secret, use_secrets},
};
use crate::{
    browser::page,
    error::AppError,
    features::accounts::state::Running,
    ui::{ConfirmDialog, Dialog, EmptyState, ErrorView, Field, FieldError, Icon, Time, Transition, toast, use_toasts},
};

const SECRETS: &str = "webhook-secrets";
const REMOVE: &str = "webhook-secret-remove";

/// A button, and the dialog that it opens.
#[component]
pub fn SecretsButton(
    /// What shows whether there is any secret.
    changed: Callback<()>,
) -> impl IntoView {
    let secrets = use_secrets();
    let toasts = use_toasts();
    let (repository, secret) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let running = Running::new();
    // What the address would make of a name is told before it is sent.
    let unnamed = RwSignal::new(None::<AppError>);
    let error = Signal::derive(move || unnamed.get().or_else(|| running.error.get()));
    let news = move || {
        secrets.refetch();
        changed.run(());
    };
    let set = move || {
        let Some(named) = repository.with_untracked(|name| repository_name(name.trim())) else {
            unnamed.set(Some(AppError::field("repository", "Name the repository as owner/name.")));
            return;
        };
        unnamed.set(None);
        running.run(set_secret(&named, secret.get_untracked()), move |()| {
            repository.try_set(String::new());
            secret.try_set(String::new());
            toast(toasts, format!("Deliveries of {named} are verified with it from now on"));
            news();
        });
    };
    // It cannot be shown again, so whoever removes it is asked first.
    let leaving = RwSignal::new(String::new());
    let ask = Callback::new(move |name: String| {
        leaving.set(name);
        page::open_dialog(REMOVE);
    });
    let remove = Callback::new(move |()| {
        let name = leaving.get_untracked();
        running.run(remove_secret(&name), move |()| {
            toast(toasts, format!("The secret of {name} is gone"));
            news();
        });
    });
    view! {
        <button type="button" class="btn ghost" on:click=move |_| page::open_dialog(SECRETS)><Icon name="key"/>"Secrets"</button>
        <Dialog id=SECRETS title="Webhook secrets" size="s">
            <form
                on:submit=move |event| {
                    event.prevent_default();
                    set();
                }
            >
                <div class="body stack">
                    <p class="t2">
                        "A repository may have a secret of its own, which counts for its deliveries only. All others are verified with "
                        <code>"GITHUB_WEBHOOK_SECRET"</code>"."
                    </p>
                    <Transition fallback=|| view! { <p class="t3">"Loading"</p> }>
                        {move || {
                            secrets
                                .get()
                                .map(|answer| match answer {
                                    Ok(secrets) if secrets.is_empty() => {
                                        view! { <EmptyState icon="key" title="None yet" text="No repository has a secret of its own."/> }.into_any()
                                    }
                                    Ok(secrets) => view! { <Known secrets=secrets remove=ask/> }.into_any(),
                                    Err(error) => view! { <ErrorView error=error/> }.into_any(),
                                })
                        }}
                    </Transition>
                    <FieldError error=error/>
                    <Field id="secret-repository" name="repository" label="Repository" value=repository hint="As owner/name." required=true error=error/>
                    <Field
                        id="secret-text"
                        name="secret"
                        label="Secret"
                        kind="password"
                        autocomplete="off"
                        value=secret
                        hint="The one that its webhook has at GitHub. While you change it: the old and the new one, with a comma between. It is kept sealed and not shown again."
                        required=true
                        error=error
                    />
                </div>
                <footer><button type="submit" class="btn primary" disabled=move || running.busy.get()>"Set the secret"</button></footer>
            </form>
        </Dialog>
        <ConfirmDialog
            id=REMOVE
            title=Signal::derive(move || format!("Remove the secret of {}?", leaving.get()))
            text="Its deliveries are verified with the server's own secret then, or refused. The secret cannot be shown again: to undo this, set it anew here and at GitHub."
            confirm="Remove the secret"
            act=remove
        />
    }
}

#[component]
fn Known(secrets: Vec<WebhookSecret>, remove: Callback<String>) -> impl IntoView {
    let row = |known: WebhookSecret| {
        let (name, label) = (known.repository.clone(), format!("Remove the secret of {}", known.repository));
        view! {
            <li class="row gap-12">
                <code>{known.repository}</code>
                <span class="t3">"set "<Time at=known.updated_at/></span>
                <button type="button" class="btn ghost danger s push" aria-label=label on:click=move |_| remove.run(name.clone())>"Remove"</button>
            </li>
        }
    };
    view! { <ul class="stack" aria-label="Repositories with a secret of their own">{secrets.into_iter().map(row).collect_view()}</ul> }
}
