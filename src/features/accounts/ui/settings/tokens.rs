//! One's own API tokens.

use leptos::prelude::*;

use crate::{
    features::accounts::{
        state::SettingsData,
        ui::{
            parts::shown,
            tokens::{NewTokenButton, NewTokenDialog, TokenTable},
        },
    },
    ui::EmptyState,
};

#[component]
pub fn Tokens(data: SettingsData) -> impl IntoView {
    let changed = Callback::new(move |()| data.tokens.refetch());
    let path = Signal::stored("/me/tokens".to_owned());
    view! {
        <section class="set">
            <header>
                <h2>"API tokens"</h2>
                <p>
                    "For scripts and agents that act as you: send one as " <code>"Authorization: Bearer …"</code> " to " <code>"/api/v1"</code> "."
                </p>
                <NewTokenButton/>
            </header>
            {move || {
                shown(
                    data.tokens.get(),
                    move |tokens| {
                        if tokens.is_empty() {
                            view! { <EmptyState icon="key" title="No tokens" text="Nothing acts as you. A token is made in seconds and can be revoked at any time."/> }.into_any()
                        } else {
                            view! { <TokenTable tokens=tokens path=path changed=changed/> }.into_any()
                        }
                    },
                )
            }}
        </section>
        <NewTokenDialog path=path changed=changed/>
    }
}
