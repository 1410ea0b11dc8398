//! The second step of signing in: a code, a recovery code, or a passkey. The codes work without JavaScript.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use serde_json::Value;

use super::{
    confirm::by_passkey,
    login::{Entry, EntryHead},
    parts::{FormError, Submit},
};
use crate::{
    browser::{data, page, response},
    features::accounts::{
        api::AnswerSecondStep,
        model::{AnswerFactor, Me, SecondStep, safe_next},
        state::{Running, second_step, use_form_action, use_session},
    },
    ui::{Field, Icon, Suspense},
};

#[component]
pub fn SecondStepPage() -> impl IntoView {
    let session = use_session();
    let query = use_query_map();
    let next = Memo::new(move |_| query.read().get("next").map_or_else(|| "/".to_owned(), |next| safe_next(&next).to_owned()));
    let action = use_form_action::<AnswerSecondStep>();
    let step = second_step();
    Effect::new(move |_| {
        if matches!(action.value().get(), Some(Ok(()))) {
            session.refetch();
        }
    });
    view! {
        <Entry title="Second step".to_owned()>
            <Suspense>
                {move || {
                    step.get()
                        .map(|step| match step {
                            Ok(step) => view! { <Ask step=step action=action next=next/> }.into_any(),
                            Err(error) => {
                                response::set_status(error.code.status());
                                view! {
                                    <div class="box">
                                        <EntryHead title="Begin again" text=error.message/>
                                        <a class="btn primary l block" href="/login">"Sign in"</a>
                                    </div>
                                }
                                    .into_any()
                            }
                        })
                }}
            </Suspense>
        </Entry>
    }
}

#[component]
fn Ask(step: SecondStep, action: ServerAction<AnswerSecondStep>, next: Memo<String>) -> impl IntoView {
    let running = Running::new();
    let error = Signal::derive(move || running.error.get().or_else(|| action.value().get().and_then(Result::err)));
    let sign = move |_| {
        let answered = |passkey: Value| async move {
            data::post::<Me>("/sign-in/second-step", &AnswerFactor { code: None, passkey: Some(passkey) }).await
        };
        running.run(by_passkey("/sign-in/second-step/passkey", answered), move |_| page::go(&next.get_untracked()));
    };
    let (label, text) = if step.totp {
        ("Code", "Type the six digits that your authenticator app shows, or one of your recovery codes.")
    } else {
        ("Recovery code", "Use your passkey. If you have lost it, type one of your recovery codes.")
    };
    view! {
        <ActionForm action=action>
            <EntryHead title="One more step" text=text/>
            <FormError error=error beside=&["code"]/>
            <input type="hidden" name="next" value=move || next.get()/>
            {step
                .passkey
                .then(|| {
                    view! {
                        <button type="button" class="btn l block" aria-disabled=move || running.busy.get().then_some("true") on:click=sign>
                            <Icon name="key"/>
                            "Use a passkey"
                        </button>
                        <div class="or">"or"</div>
                    }
                })}
            <Field id="code" label=label autocomplete="one-time-code" required=true autofocus=true error=error/>
            <Submit busy=action.pending() words="Sign in" running="Signing in" look="primary l block"/>
            <p class="hint">"Lost everything? An administrator of this server can take your second factors away, once they are sure who you are."</p>
            <p class="hint"><a class="link" href="/login">"Begin again"</a></p>
        </ActionForm>
    }
}
