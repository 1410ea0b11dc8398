//! Proving once more who one is, in a dialog, and asking for a passkey.

use std::future::Future;

use leptos::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::parts::{FormError, Submit};
use crate::{
    browser::{data, page, passkey},
    error::{AppError, AppResult},
    features::accounts::{
        model::{AnswerFactor, Confirm, Confirmed, FactorKind, PasskeyOptions, Protection},
        state::{CONFIRM, Confirmation, Running},
    },
    ui::{Dialog, ErrorView, Field, Icon, Loading, ToastsContext, toast, toast_error, use_toasts},
};

/// Asks the server at `challenge` what is to be signed, has a passkey sign it, and sends that on.
pub async fn by_passkey<T, Sent>(challenge: &'static str, send: impl FnOnce(Value) -> Sent) -> AppResult<T>
where
    T: DeserializeOwned + Send + 'static,
    Sent: Future<Output = AppResult<T>>,
{
    let options = data::post::<PasskeyOptions>(challenge, &()).await?;
    send(passkey::get(&options.0).await?).await
}

/// What the server refused, as a toast; or the dialog, where that is what it wants.
pub fn refused(confirmation: Option<Confirmation>, toasts: ToastsContext, error: &AppError) {
    if !confirmation.is_some_and(|confirmation| confirmation.asks(error)) {
        toast_error(toasts, error);
    }
}

/// The dialog of a page. What was asked for is done again by the person: the focus is back where it was asked.
#[component]
pub fn ConfirmIdentity(confirmation: Confirmation) -> impl IntoView {
    view! {
        <Dialog id=CONFIRM title="Confirm that it is you".to_owned() size="s">
            {move || confirmation.asked.get().then(|| view! { <Proof confirmation=confirmation/> })}
        </Dialog>
    }
}

#[component]
fn Proof(confirmation: Confirmation) -> impl IntoView {
    let protection = RwSignal::new(None::<AppResult<Protection>>);
    Effect::new(move |_| {
        let asked = data::get::<Protection>("/me/protection");
        leptos::task::spawn_local(async move {
            let answer = asked.await;
            let _ = protection.try_set(Some(answer));
        });
    });
    view! {
        {move || match protection.get() {
            None => view! { <div class="body"><Loading rows=2/></div> }.into_any(),
            Some(Err(error)) => view! { <div class="body"><ErrorView error=error/></div> }.into_any(),
            Some(Ok(protection)) => view! { <ProofForm protection=protection confirmation=confirmation/> }.into_any(),
        }}
    }
}

#[component]
fn ProofForm(protection: Protection, confirmation: Confirmation) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let typed = RwSignal::new(String::new());
    let by_password = protection.by_password;
    let has = |kind| protection.factors.iter().any(|factor| factor.kind == kind);
    let (by_code, with_passkey) = (!protection.factors.is_empty(), has(FactorKind::Passkey) && protection.passkeys);
    let done = move |_: Confirmed| {
        page::close_dialog(CONFIRM);
        confirmation.asked.set(false);
        toast(toasts, "Confirmed for ten minutes. Press it once more.");
    };
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let text = typed.get_untracked();
        let wish = if by_password {
            Confirm { password: Some(text), answer: AnswerFactor::default() }
        } else {
            Confirm { password: None, answer: AnswerFactor { code: Some(text), passkey: None } }
        };
        running.run(data::post::<Confirmed>("/me/confirmation", &wish), done);
    };
    let sign = move |_| {
        let answered = |passkey: Value| async move {
            let wish = Confirm { password: None, answer: AnswerFactor { code: None, passkey: Some(passkey) } };
            data::post::<Confirmed>("/me/confirmation", &wish).await
        };
        running.run(by_passkey("/me/confirmation/passkey", answered), done);
    };
    let cancel = move |_| page::close_dialog(CONFIRM);
    if let Some(provider) = protection.by_provider {
        let address = format!("{}&next=%2Fsettings%2Fsecurity", provider.address);
        return view! {
            <div class="body"><p>{format!("You sign in with {}: sign in there once more.", provider.name)}</p></div>
            <footer>
                <button type="button" class="btn" on:click=cancel>"Cancel"</button>
                <a class="btn primary" rel="external" href=address>{format!("Go to {}", provider.name)}</a>
            </footer>
        }
        .into_any();
    }
    view! {
        <form method="post" on:submit=send>
            <div class="body">
                <p>"This changes something that matters, so nobody else should be able to do it in your name."</p>
                <FormError error=running.error beside=&["password", "code"]/>
                {if by_password {
                    view! { <Field id="confirm-password" name="password" label="Your password" kind="password" value=typed autocomplete="current-password" required=true autofocus=true error=running.error/> }
                        .into_any()
                } else {
                    view! { <Field id="confirm-code" name="code" label="Code of your app, or a recovery code" value=typed autocomplete="one-time-code" required=true autofocus=true error=running.error/> }
                        .into_any()
                }}
                {(by_code && with_passkey)
                    .then(|| view! { <button type="button" class="btn block" on:click=sign><Icon name="key"/>"Use a passkey"</button> })}
            </div>
            <footer>
                <button type="button" class="btn" on:click=cancel>"Cancel"</button>
                <Submit busy=running.busy words="Confirm" running="Confirming"/>
            </footer>
        </form>
    }
    .into_any()
}
