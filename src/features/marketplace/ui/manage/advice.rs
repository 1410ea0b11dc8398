//! Advising against a listing, and taking that back.

use leptos::prelude::*;

use crate::{
    features::{
        accounts::state::Running,
        marketplace::{
            model::{ChangeListing, ManagedListing},
            state::{change_listing, item_address},
            ui::publish::{Lines, Refused},
        },
    },
    ui::{Field, Icon, toast, use_toasts},
};

#[component]
pub fn Advice(listing: ManagedListing, reload: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let now = listing.deprecation;
    let slug = StoredValue::new(listing.listing.slug);
    let (reason, successor) = now.clone().map(|now| (now.reason, now.successor)).unwrap_or_default();
    let (reason, successor) = (RwSignal::new(reason), RwSignal::new(successor));
    let deprecated = now.is_some();
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let change = ChangeListing {
            deprecated: Some(true),
            deprecation: Some(reason.get_untracked()),
            successor: Some(successor.get_untracked()),
            ..ChangeListing::default()
        };
        running.run(change_listing(slug.get_value(), change), move |_| {
            toast(toasts, "Deprecated: everybody who has it reads why");
            reload.run(());
        });
    };
    let undo = move |_| {
        let change = ChangeListing { deprecated: Some(false), ..ChangeListing::default() };
        running.run(change_listing(slug.get_value(), change), move |_| {
            toast(toasts, "No longer deprecated");
            reload.run(());
        });
    };
    view! {
        <section class="set">
            <header>
                <h2>"Deprecate"</h2>
                <p>"It stays where it is and can still be installed; its page, cards and locks say why it should not be."</p>
            </header>
            {now.map(|now| {
                view! {
                    <div class="banner warn inset">
                        <Icon name="alert"/>
                        <span>
                            "Deprecated: "
                            {now.reason}
                            {(!now.successor.is_empty()).then(|| view! { " Instead: "<a class="link" href=item_address(&now.successor)>{now.successor.clone()}</a> })}
                        </span>
                    </div>
                }
            })}
            <form class="form" on:submit=send>
                <Lines id="deprecation" label="Why" name="deprecation" value=reason rows=2 required=Signal::stored(true) hint="Such as: its interface changed, and nobody keeps it up." error=running.error/>
                <Field id="successor" name="successor" label="What to use instead" value=successor autocomplete="off" hint="The name of another item, or nothing." error=running.error/>
                <Refused error=running.error/>
                <footer class="row">
                    <button type="submit" class="btn" class:busy=move || running.busy.get()>{if deprecated { "Save" } else { "Deprecate" }}</button>
                    {deprecated.then(|| view! { <button type="button" class="btn" on:click=undo>"No longer deprecate it"</button> })}
                </footer>
            </form>
        </section>
    }
}
