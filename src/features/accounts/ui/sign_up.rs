//! Opening an account: the first one, openly, or with an invitation.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    login::{Elsewhere, Entry, EntryHead, with_next},
    parts::{FormError, NewPassword, Submit},
};
use crate::{
    features::accounts::{
        api::SignUp,
        model::safe_next,
        state::{Typed, use_form_action, use_session, use_typed},
    },
    ui::{Field, Suspense},
};

#[component]
pub fn SignUpPage() -> impl IntoView {
    let session = use_session();
    let query = use_query_map();
    let invitation = Memo::new(move |_| query.read().get("invitation").unwrap_or_default());
    let next = Memo::new(move |_| query.read().get("next").map_or_else(|| "/".to_owned(), |next| safe_next(&next).to_owned()));
    let action = use_form_action::<SignUp>();
    let typed = use_typed::<SignUp>();
    view! {
        <Entry title="Create an account".to_owned()>
            <Suspense>
                {move || {
                    session
                        .instance
                        .get()
                        .map(|instance| {
                            let instance = instance.ok();
                            let first = instance.as_ref().is_some_and(|instance| instance.first_visit);
                            let open = instance.as_ref().is_some_and(|instance| instance.open_registration);
                            let github = instance.as_ref().is_some_and(|instance| instance.github) && !first;
                            let oidc = instance.as_ref().and_then(|instance| instance.oidc.clone()).filter(|_| !first);
                            let name = instance.map_or_else(|| "LLMos-Lite".to_owned(), |instance| instance.name);
                            if !first && !open && invitation.read().is_empty() {
                                return view! { <NeedsInvitation name=name/> }.into_any();
                            }
                            let (title, text) = if first {
                                ("Create the first account".to_owned(), "It becomes the administrator of this server: it invites the others and changes the settings.".to_owned())
                            } else {
                                (format!("Join {name}"), "Create your account; it takes a name and a password.".to_owned())
                            };
                            view! {
                                <div class="box">
                                    <EntryHead title=title text=text/>
                                    <SignUpForm action=action typed=typed invitation=invitation next=next words="Create account"/>
                                    {move || view! { <Elsewhere next=next.get() invitation=invitation.get() github=github oidc=oidc.clone()/> }}
                                    {(!first)
                                        .then(|| {
                                            view! {
                                                <p class="hint">
                                                    "You have an account? " <a class="link" href=move || with_next("/login", &next.get())>"Sign in"</a> "."
                                                </p>
                                            }
                                        })}
                                </div>
                            }
                                .into_any()
                        })
                }}
            </Suspense>
        </Entry>
    }
}

/// Name, address, password. The action and what was typed are the page's, so that a refusal survives what is drawn around the
/// form.
#[component]
pub fn SignUpForm(
    action: ServerAction<SignUp>,
    typed: Typed,
    #[prop(into)] invitation: Signal<String>,
    #[prop(into)] next: Signal<String>,
    words: &'static str,
) -> impl IntoView {
    let session = use_session();
    let error = Signal::derive(move || action.value().get().and_then(Result::err));
    Effect::new(move |_| {
        if matches!(action.value().get(), Some(Ok(()))) {
            session.refetch();
        }
    });
    view! {
        <ActionForm action=action>
            <div class="form">
                <FormError error=error beside=&["name", "email", "password"]/>
                <input type="hidden" name="invitation" value=move || invitation.get()/>
                <input type="hidden" name="next" value=move || next.get()/>
                // People do not see it; programs fill it in.
                <div class="unseen" aria-hidden="true">
                    <label for="website">"Leave this empty"</label>
                    <input id="website" name="website" type="text" tabindex="-1" autocomplete="off"/>
                </div>
                <Field id="name" label="Name" autocomplete="name" required=true autofocus=true initial=typed.of("name") error=error/>
                <Field id="email" label="E-mail" kind="email" autocomplete="username" required=true initial=typed.of("email") error=error/>
                <NewPassword id="password" label="Password" name="password" error=error/>
                <Submit busy=action.pending() words=words running="Creating the account" look="primary l block"/>
            </div>
        </ActionForm>
    }
}

#[component]
fn NeedsInvitation(name: String) -> impl IntoView {
    view! {
        <div class="box">
            <EntryHead
                title=format!("Join {name}")
                text="You need an invitation link. Ask an owner or a maintainer of your team for one; it opens your account and puts you in the team."
            />
            <a class="btn l block" href="/login">"Sign in instead"</a>
        </div>
    }
}
