//! The instance itself: its name, who may open an account, the sample data.

use leptos::prelude::*;

use crate::{
    browser::data,
    features::accounts::{
        model::{InstanceSettings, UpdateSettings},
        state::{AdminData, Running, use_session},
        ui::{
            demo::SampleData,
            parts::{FormError, Submit},
        },
    },
    ui::{Field, toast, use_toasts},
};

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
