//! The instance itself: its name, who may open an account, the sample data.

use leptos::prelude::*;

use crate::{
    browser::{data, page},
    features::accounts::{
        model::{InstanceSettings, UpdateSettings},
        state::{AdminData, Running, use_session},
        ui::parts::{FormError, Submit},
    },
    ui::{ConfirmDialog, Field, toast, toast_error, use_toasts},
};

const REMOVE: &str = "remove-sample-data";

#[component]
pub fn InstanceForm(settings: InstanceSettings, data: AdminData) -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let running = Running::new();
    let name = RwSignal::new(settings.name);
    let open = RwSignal::new(settings.open_registration);
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let wish = UpdateSettings { name: Some(name.get_untracked()), open_registration: Some(open.get_untracked()) };
        running.run(data::send::<serde_json::Value>("PATCH", "/admin/settings", &wish), move |_| {
            toast(toasts, "Saved");
            data.settings.refetch();
            session.instance.refetch();
        });
    };
    view! {
        <section class="set">
            <header><h2>"This server"</h2></header>
            <form on:submit=save>
                <FormError error=running.error beside=&["name"]/>
                <Field id="instance-name" name="name" label="Name" value=name hint="Shown on the sign-in page and above the navigation." required=true error=running.error/>
                <div class="frow end">
                    <div>
                        <label for="open-registration">"Open registration"</label>
                        <p class="hint">"Anybody who reaches this server can create an account. Otherwise an invitation link is needed."</p>
                    </div>
                    <div class="ctl">
                        <span class="switch">
                            <input
                                type="checkbox"
                                role="switch"
                                id="open-registration"
                                checked=open.get_untracked()
                                prop:checked=move || open.get()
                                on:change=move |event| open.set(event_target_checked(&event))
                            />
                        </span>
                    </div>
                </div>
                <footer class="row"><Submit busy=running.busy words="Save" running="Saving"/></footer>
            </form>
        </section>
        <SampleData/>
    }
}

#[component]
fn SampleData() -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let running = Running::new();
    let add = move |_| {
        running.run(data::post::<serde_json::Value>("/admin/demo", &()), move |_| {
            toast(toasts, "The demo is there: see the teams");
            session.me.refetch();
        });
    };
    let remove = move |()| {
        let change = data::send::<serde_json::Value>("DELETE", "/admin/demo", &());
        leptos::task::spawn_local(async move {
            match change.await {
                Ok(_) => {
                    toast(toasts, "The demo is gone");
                    session.me.refetch();
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    view! {
        <section class="set">
            <header>
                <h2>"Sample data"</h2>
                <p>"A sample team with a volume, clearly marked, to look around in. Removing it leaves everything else as it is."</p>
                {move || {
                    let there = session.account().is_some_and(|me| me.teams.iter().any(|team| team.demo));
                    if there {
                        view! { <button type="button" class="btn danger" on:click=move |_| page::open_dialog(REMOVE)>"Remove the demo"</button> }.into_any()
                    } else {
                        view! {
                            <button type="button" class="btn" aria-disabled=move || running.busy.get().then_some("true") on:click=add>
                                {move || running.busy.get().then(|| view! { <span class="spin"></span> })}
                                {move || if running.busy.get() { "Adding" } else { "Add the demo" }}
                            </button>
                        }
                            .into_any()
                    }
                }}
            </header>
            <FormError error=running.error beside=&[]/>
        </section>
        <ConfirmDialog
            id=REMOVE
            title="Remove the demo?".to_owned()
            text="The sample team, its volume and its accounts go, with everything that was changed in them.".to_owned()
            confirm="Remove the demo".to_owned()
            act=remove
        />
    }
}
