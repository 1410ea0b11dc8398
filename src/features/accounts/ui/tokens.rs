//! API tokens, one's own and an agent's: the list, and the dialog that makes one and shows it once.

use leptos::prelude::*;

use super::parts::{FormError, NAME_LENGTH, Secret, Submit, day};
use crate::{
    browser::{data, page},
    features::accounts::{
        model::{ApiToken, CreateApiToken, NewApiToken, Scope, Scopes},
        state::Running,
    },
    ui::{ConfirmDialog, Dialog, Field, Icon, SelectField, Time, toast, toast_error, use_toasts},
};

const DIALOG: &str = "new-token";
const REVOKE: &str = "revoke-token";

fn scope_hint(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "see volumes, artifacts and history",
        Scope::Write => "edit, commit and import; includes read",
        Scope::Publish => "publish releases",
        Scope::Admin => "manage volumes, members and the team",
    }
}

/// The list of `tokens`; those that can be revoked are below `path`. `changed` is called after one is.
#[component]
pub fn TokenTable(tokens: Vec<ApiToken>, #[prop(into)] path: Signal<String>, changed: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let chosen = RwSignal::new(None::<ApiToken>);
    let revoke = move |()| {
        let Some(token) = chosen.get_untracked() else { return };
        let change = data::send::<()>("DELETE", format!("{}/{}", path.get_untracked(), token.id), &());
        leptos::task::spawn_local(async move {
            match change.await {
                Ok(()) => {
                    toast(toasts, format!("“{}” no longer works", token.name));
                    changed.run(());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    view! {
        <table class="table flush stacks">
            <thead>
                <tr>
                    <th>"Name"</th>
                    <th>"May"</th>
                    <th>"Last used"</th>
                    <th>"Expires"</th>
                    <th><span class="sr">"Acts"</span></th>
                </tr>
            </thead>
            <tbody>{tokens.into_iter().map(|token| view! { <TokenRow token=token chosen=chosen/> }).collect_view()}</tbody>
        </table>
        <ConfirmDialog
            id=REVOKE
            title="Revoke this token?".to_owned()
            text=Signal::derive(move || {
                let name = chosen.with(|chosen| chosen.as_ref().map(|token| token.name.clone()).unwrap_or_default());
                format!("Whatever uses “{name}” is refused from now on. This cannot be undone; a new token can be made at any time.")
            })
            confirm="Revoke token".to_owned()
            act=revoke
        />
    }
}

#[component]
fn TokenRow(token: ApiToken, chosen: RwSignal<Option<ApiToken>>) -> impl IntoView {
    let expired = token.expires_at.is_some_and(|at| at < page::now_ms());
    let row = token.clone();
    view! {
        <tr>
            <td class="main-cell"><div>{token.name.clone()} " " <code class="t3 f12">{format!("{}…", token.prefix)}</code></div></td>
            <td data-l="May">
                <span class="chips">{token.scopes.0.iter().map(|scope| view! { <span class="chip line">{scope.as_str()}</span> }).collect_view()}</span>
            </td>
            <td class="nowrap" data-l="Last used">{token.last_used_at.map_or_else(|| "never".into_any(), |at| view! { <Time at=at/> }.into_any())}</td>
            <td class="nowrap" data-l="Expires">
                {match token.expires_at {
                    Some(at) if expired => view! { <span class="chip bad">{format!("{} expired", day(at))}</span> }.into_any(),
                    Some(at) => day(at).into_any(),
                    None => "never".into_any(),
                }}
            </td>
            <td class="acts">
                <div class="row">
                    <button
                        type="button"
                        class="btn s ghost danger"
                        aria-label=format!("Revoke {}", token.name)
                        on:click=move |_| {
                            chosen.set(Some(row.clone()));
                            page::open_dialog(REVOKE);
                        }
                    >
                        "Revoke"
                    </button>
                </div>
            </td>
        </tr>
    }
}

/// Opens the dialog of [`NewTokenDialog`].
#[component]
pub fn NewTokenButton() -> impl IntoView {
    view! { <button type="button" class="btn" on:click=move |_| page::open_dialog(DIALOG)><Icon name="plus"/>"New token"</button> }
}

/// Makes a token by a POST to `path` and shows it once. `changed` is called after it is made.
#[component]
pub fn NewTokenDialog(#[prop(into)] path: Signal<String>, changed: Callback<()>) -> impl IntoView {
    let name = RwSignal::new(String::new());
    let expiry = RwSignal::new("90".to_owned());
    let scopes = RwSignal::new(vec![Scope::Read]);
    let made = RwSignal::new(None::<NewApiToken>);
    let running = Running::new();
    let create = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let wish = CreateApiToken {
            id: None,
            name: name.get_untracked(),
            scopes: Scopes(scopes.get_untracked()),
            expires_in_days: expiry.get_untracked().parse().ok(),
        };
        running.run(data::post::<NewApiToken>(path.get_untracked(), &wish), move |new| {
            made.set(Some(new));
            name.set(String::new());
            changed.run(());
        });
    };
    let close = move |_| {
        page::close_dialog(DIALOG);
        made.set(None);
    };
    view! {
        <Dialog id=DIALOG title=Signal::derive(move || if made.with(Option::is_some) { "Your new token" } else { "New token" }.to_owned())>
            {move || match made.get() {
                Some(new) => {
                    view! {
                        <div class="body">
                            <p>"Copy it now and keep it where secrets are kept: it is not shown again."</p>
                            <Secret value=new.secret label=new.token.name/>
                        </div>
                        <footer><button type="button" class="btn primary" on:click=close>"Done"</button></footer>
                    }
                        .into_any()
                }
                None => {
                    view! {
                        <form on:submit=create>
                            <div class="body">
                                <FormError error=running.error beside=&["name"]/>
                                <Field id="token-name" name="name" label="Name" value=name hint=format!("What uses it, such as “CI”. Up to {NAME_LENGTH} characters.") required=true error=running.error/>
                                <ScopeChoice scopes=scopes/>
                                <SelectField
                                    id="token-expiry"
                                    label="Expires"
                                    value=expiry
                                    options=Signal::stored(
                                        [("7", "in 7 days"), ("30", "in 30 days"), ("90", "in 90 days"), ("366", "in a year"), ("never", "never")]
                                            .map(|(key, words)| (key.to_owned(), words.to_owned()))
                                            .to_vec(),
                                    )
                                />
                            </div>
                            <footer>
                                <button type="button" class="btn" on:click=move |_| page::close_dialog(DIALOG)>"Cancel"</button>
                                <Submit busy=running.busy words="Create token" running="Creating"/>
                            </footer>
                        </form>
                    }
                        .into_any()
                }
            }}
        </Dialog>
    }
}

#[component]
fn ScopeChoice(scopes: RwSignal<Vec<Scope>>) -> impl IntoView {
    view! {
        <fieldset class="field">
            <legend>"It may"</legend>
            {Scope::ALL
                .map(|scope| {
                    view! {
                        <label class="check">
                            <input
                                type="checkbox"
                                name="scope"
                                value=scope.as_str()
                                prop:checked=move || scopes.with(|scopes| scopes.contains(&scope))
                                on:change=move |event| {
                                    let on = event_target_checked(&event);
                                    scopes
                                        .update(|scopes| {
                                            scopes.retain(|other| *other != scope);
                                            if on {
                                                scopes.push(scope);
                                                scopes.sort();
                                            }
                                        });
                                }
                            />
                            <span>{scope.as_str()}<span class="hint">{scope_hint(scope)}</span></span>
                        </label>
                    }
                })}
        </fieldset>
    }
}
