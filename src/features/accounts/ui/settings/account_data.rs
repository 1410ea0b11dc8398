//! Taking one's data along; deleting the account.

use leptos::prelude::*;

use crate::{
    browser::{data, page},
    error::AppError,
    features::accounts::{model::Me, state::Running, ui::parts::Submit},
    ui::{Dialog, Field, FieldError, Icon},
};

const DELETE: &str = "delete-account";

#[component]
pub fn AccountData(me: Me) -> impl IntoView {
    view! {
        <section class="set">
            <header>
                <h2>"Export"</h2>
                <p>"One file with your account: profile, teams, sign-ins, tokens without their secrets, and the audit log of what you did. Volumes have an export of their own."</p>
                <a class="btn" href="/api/v1/me/export" rel="external" download="llmos-account.json"><Icon name="download"/>"Download"</a>
            </header>
        </section>
        <section class="set danger-zone">
            <header>
                <h2>"Delete the account"</h2>
                <p>"Your account, your own volume and your tokens go. What you committed to teams stays there under the name “Deleted account”."</p>
                <button type="button" class="btn danger" on:click=move |_| page::open_dialog(DELETE)>"Delete account"</button>
            </header>
        </section>
        <DeleteDialog me=me/>
    }
}

#[component]
fn DeleteDialog(me: Me) -> impl IntoView {
    let running = Running::new();
    let typed = RwSignal::new(String::new());
    // Something only the person at the keyboard would type: what they sign in with, or their name.
    let expected = StoredValue::new(me.email.unwrap_or(me.person.name));
    let delete = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if typed.get_untracked().trim() != expected.get_value() {
            running.error.set(Some(AppError::field("confirm", "This is not what stands above.")));
            return;
        }
        running.run(data::send::<serde_json::Value>("DELETE", "/me", &()), move |_| page::go("/login"));
    };
    view! {
        <Dialog id=DELETE title="Delete your account?".to_owned() alert=true>
            <form on:submit=delete>
                <div class="body">
                    <p>"This cannot be undone. Export your data first if you may want it."</p>
                    <FieldError error=running.error/>
                    <Field id="confirm" label=format!("Type {} to go on", expected.get_value()) value=typed autocomplete="off" required=true error=running.error/>
                </div>
                <footer>
                    <button type="button" class="btn" on:click=move |_| page::close_dialog(DELETE)>"Keep"</button>
                    <Submit busy=running.busy words="Delete account" running="Deleting" look="danger-fill"/>
                </footer>
            </form>
        </Dialog>
    }
}
