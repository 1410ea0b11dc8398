//! The administration of the instance: accounts, teams, settings, the audit log. For administrators only.

mod settings;
mod teams;
mod users;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    audit::AuditTable,
    confirm::ConfirmIdentity,
    frame::{Part, PartBar, PartsPane, part_words, use_part},
    invitations::Invitations,
    parts::shown,
};
use crate::{
    browser::response,
    error::AppError,
    features::{
        accounts::state::{AdminData, provide_confirmation, use_session},
        collaboration::ui::RoomsView,
        jobs::ui::JobsView,
        operations::ui::HealthView,
        pwa::ui::NeedsNetwork,
    },
    ui::{ErrorView, Loading, PageError, PageTitle, Transition},
};
use settings::InstanceForm;
use teams::Teams;
use users::Users;

const PARTS: [Part; 8] = [
    Part { slug: "users", icon: "user", words: "Accounts" },
    Part { slug: "teams", icon: "users", words: "Teams" },
    Part { slug: "invitations", icon: "link", words: "Invitations" },
    Part { slug: "settings", icon: "settings", words: "Instance" },
    Part { slug: "health", icon: "info", words: "Health" },
    Part { slug: "rooms", icon: "plug", words: "Rooms" },
    Part { slug: "jobs", icon: "play", words: "Jobs" },
    Part { slug: "audit", icon: "log", words: "Audit log" },
];

#[component]
pub fn AdminPage() -> impl IntoView {
    let session = use_session();
    let (part, show) = use_part("users");
    let data = AdminData::new(part);
    view! {
        <Transition fallback=|| view! { <main class="main panes" id="main" tabindex="-1"><section class="pane"><div class="scroll"><Loading/></div></section></main> }>
            {move || {
                session
                    .me
                    .get()
                    .map(|me| match me {
                        Err(error) => view! { <PageError error=error/> }.into_any(),
                        Ok(me) if !me.administrator => {
                            view! { <PageError error=AppError::forbidden("Only administrators of this server see this page.")/> }.into_any()
                        }
                        Ok(_) => view! { <AdminFrame part=part show=show data=data/> }.into_any(),
                    })
            }}
        </Transition>
    }
}

#[component]
fn AdminFrame(part: Memo<String>, show: Memo<&'static str>, data: AdminData) -> impl IntoView {
    let confirmation = provide_confirmation();
    let title = Signal::derive(move || part.with(|part| part_words(&PARTS, part)).to_owned());
    let query = use_query_map();
    view! {
        <PageTitle text=title/>
        <main class="main panes p-settings" id="main" tabindex="-1" data-show=move || show.get()>
            <PartsPane title="Administration" base="/admin" parts=PARTS.to_vec() current=part/>
            <section class="pane" data-part="main" aria-label=move || title.get()>
                <PartBar title=title back="/admin"/>
                <NeedsNetwork what="Administration"/>
                // Some parts have nothing that takes the focus, and have to scroll by keyboard too.
                <div class="scroll" tabindex="0">
                    <div class=move || if part.get() == "settings" { "settings" } else { "settings wide" }>
                        {move || match part.get().as_str() {
                            "users" => view! { <Users data=data/> }.into_any(),
                            "teams" => view! { <Teams data=data/> }.into_any(),
                            "invitations" => view! { <Invitations path="/admin/invitations" own=None invitations=data.invitations/> }.into_any(),
                            "settings" => {
                                (move || shown(data.settings.get(), move |settings| view! { <InstanceForm settings=settings data=data/> }.into_any())).into_any()
                            }
                            "health" => {
                                (move || shown(data.health.get(), move |report| view! { <HealthView first=report/> }.into_any())).into_any()
                            }
                            "rooms" => {
                                (move || {
                                    let query = data.rooms_query.get();
                                    shown(data.rooms.get(), move |report| view! { <RoomsView first=report query=query/> }.into_any())
                                })
                                    .into_any()
                            }
                            "jobs" => {
                                (move || {
                                    let query = data.jobs_query.get();
                                    shown(data.jobs.get(), move |report| view! { <JobsView first=report query=query.clone()/> }.into_any())
                                })
                                    .into_any()
                            }
                            "audit" => {
                                view! {
                                    <section class="set">
                                        {move || {
                                            let first = query.read().get("before").is_none();
                                            shown(data.audit.get(), move |page| view! { <AuditTable page=page base="/admin/audit" first_page=first/> }.into_any())
                                        }}
                                    </section>
                                }
                                    .into_any()
                            }
                            _ => {
                                response::set_status(404);
                                view! { <ErrorView error=AppError::not_found("page")/> }.into_any()
                            }
                        }}
                    </div>
                </div>
            </section>
            <ConfirmIdentity confirmation=confirmation/>
        </main>
    }
}
