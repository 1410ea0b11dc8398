//! Setting a password with a one-time link.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::{
    invite::BadLink,
    login::{Entry, EntryHead},
    parts::{FormError, NewPassword, Submit},
};
use crate::{
    features::accounts::{
        api::SetNewPassword,
        state::{password_link, use_form_action, use_session},
    },
    ui::Suspense,
};

#[component]
pub fn ResetPage() -> impl IntoView {
    let params = use_params_map();
    let token = Memo::new(move |_| params.read().get("token").unwrap_or_default());
    let session = use_session();
    let link = password_link(token);
    let action = use_form_action::<SetNewPassword>();
    let error = Signal::derive(move || action.value().get().and_then(Result::err));
    Effect::new(move |_| {
        if matches!(action.value().get(), Some(Ok(()))) {
            session.refetch();
        }
    });
    view! {
        <Entry title="New password".to_owned()>
            <Suspense>
                {move || {
                    link.get()
                        .map(|link| match link {
                            Err(error) => view! { <BadLink error=error what="link"/> }.into_any(),
                            Ok(_) => {
                                view! {
                                    <ActionForm action=action>
                                        <EntryHead title="Set a new password" text="The link works once. Afterwards you are signed in here, and signed out everywhere else."/>
                                        <FormError error=error beside=&["password"]/>
                                        <input type="hidden" name="secret" value=move || token.get()/>
                                        <NewPassword id="password" label="New password" name="password" error=error/>
                                        <Submit busy=action.pending() words="Set the password" running="Setting the password" look="primary l block"/>
                                    </ActionForm>
                                }
                                    .into_any()
                            }
                        })
                }}
            </Suspense>
        </Entry>
    }
}
