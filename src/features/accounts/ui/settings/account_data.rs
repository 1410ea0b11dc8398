//! Taking one's data along; deleting the account.

use leptos::prelude::*;

use crate::{
    browser::{data, page},
    features::accounts::{
        model::{DeleteMe, Me},
        state::Running,
        ui::parts::{FormError, Submit},
    },
    ui::{Dialog, Field, Icon},
};

const DELETE: &str = "delete-account";

#[component]
pub fn AccountData(me: Me) -> impl IntoView {
    view! {
        <section class="set">
            <header>
                <h2>"Export"</h2>
                <p>"One file with your account: profile, teams, sign-ins, tokens without their secrets, the audit log of what you did, your private sessions, messages, comments, favourites and notifications, and what you published, reviewed and reported in the marketplace. Volumes have an export of their own."</p>
                <a class="btn" href="/api/v1/me/export" rel="external" download="llmos-account.json"><Icon name="download"/>"Download"</a>
            </header>
        </section>
        <section class="set danger-zone">
            <header>
                <h2>"Delete the account"</h2>
                <p>"Your account, your own volume, your private sessions and your tokens go. What you committed to teams stays there under the name “Deleted account”."</p>
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
    let has_password = me.has_password;
    let delete = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let text = typed.get_untracked();
        let wish =
            if has_password { DeleteMe { password: Some(text), email: None } } else { DeleteMe { password: None, email: Some(text) } };
        running.run(data::send::<serde_json::Value>("DELETE", "/me", &wish), move |_| leptos::task::spawn_local(super::leave()));
    };
    view! {
        <Dialog id=DELETE title="Delete your account?".to_owned() alert=true>
            <form method="post" on:submit=delete>
                <div class="body">
                    <p>"This cannot be undone. Your private sessions go with the account: export your data first if you may want them."</p>
                    <FormError error=running.error beside=&["password", "email"]/>
                    {if has_password {
                        view! { <Field id="delete-password" name="password" label="Your password, to go on" kind="password" value=typed autocomplete="current-password" required=true error=running.error/> }
                            .into_any()
                    } else {
                        let label = format!("Type {} to go on", me.email.unwrap_or_default());
                        view! { <Field id="delete-email" name="email" label=label value=typed autocomplete="off" required=true error=running.error/> }.into_any()
                    }}
                </div>
                <footer>
                    <button type="button" class="btn" on:click=move |_| page::close_dialog(DELETE)>"Cancel"</button>
                    <Submit busy=running.busy words="Delete account" running="Deleting" look="danger-fill"/>
                </footer>
            </form>
        </Dialog>
    }
}
