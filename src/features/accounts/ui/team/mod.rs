//! A team: who is in it, who may come, its agents, what happened, its settings. Each role sees what it may do.

mod agents;
mod members;
mod settings;

use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::{
    audit::AuditTable,
    confirm::ConfirmIdentity,
    demo::DemoBanner,
    frame::{Part, PartBar, PartsPane, part_words, use_part},
    invitations::Invitations,
    parts::shown,
};
use crate::{
    browser::response,
    error::AppError,
    features::{
        accounts::{
            model::{Action, Role, Team},
            state::{TeamData, provide_confirmation},
        },
        pwa::ui::NeedsNetwork,
        tasks::ui::Tasks,
    },
    ui::{ErrorView, Loading, PageError, PageTitle},
};
use agents::Agents;
use members::Members;
use settings::TeamSettings;

const PARTS: [(Part, Action); 6] = [
    (Part { slug: "members", icon: "users", words: "Members" }, Action::Read),
    (Part { slug: "tasks", icon: "list", words: "Tasks" }, Action::Read),
    (Part { slug: "invitations", icon: "link", words: "Invitations" }, Action::Invite),
    (Part { slug: "agents", icon: "agent", words: "Agents" }, Action::ManageAgents),
    (Part { slug: "audit", icon: "log", words: "Audit log" }, Action::ReadAudit),
    (Part { slug: "settings", icon: "settings", words: "Settings" }, Action::Read),
];

fn parts_for(role: Role) -> Vec<Part> {
    PARTS.into_iter().filter(|(_, action)| role.allows(*action)).map(|(part, _)| part).collect()
}

#[component]
pub fn TeamPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("id").unwrap_or_default());
    let (part, show) = use_part("members");
    let data = TeamData::new(id, part);
    view! {
        <Transition fallback=|| view! { <main class="main panes" id="main" tabindex="-1"><section class="pane"><div class="scroll"><Loading/></div></section></main> }>
            {move || {
                data.team
                    .get()
                    .map(|team| match team {
                        Err(error) => view! { <PageError error=error/> }.into_any(),
                        Ok(team) => view! { <TeamFrame team=team part=part show=show data=data/> }.into_any(),
                    })
            }}
        </Transition>
    }
}

#[component]
fn TeamFrame(team: Team, part: Memo<String>, show: Memo<&'static str>, data: TeamData) -> impl IntoView {
    let confirmation = provide_confirmation();
    let parts = parts_for(team.role);
    let base = format!("/teams/{}", team.id);
    let (known, has) = (parts.clone(), parts.clone());
    let heading = Memo::new(move |_| part.with(|part| part_words(&known, part)).to_owned());
    let name = team.name.clone();
    // What is not there, or not for this role, is nothing of the team.
    let title = Signal::derive(move || {
        let is_part = part.with(|part| has.iter().any(|known| known.slug == part));
        if is_part { format!("{} of {name}", heading.get()) } else { heading.get() }
    });
    let demo = team.demo;
    let team = StoredValue::new(team);
    let query = use_query_map();
    view! {
        <PageTitle text=title/>
        <main class="main panes p-settings" id="main" tabindex="-1" data-show=move || show.get()>
            <PartsPane title=team.with_value(|team| team.name.clone()) base=base.clone() parts=parts current=part/>
            <section class="pane" data-part="main" aria-label=move || heading.get()>
                <PartBar title=heading back=base.clone()/>
                // Tasks are kept until the server has them, and the log is only read.
                {move || part.with(|part| !matches!(part.as_str(), "tasks" | "audit")).then(|| view! { <NeedsNetwork what="Changing this"/> })}
                {demo.then(|| view! { <DemoBanner/> })}
                // Some parts have nothing that takes the focus, and have to scroll by keyboard too.
                <div class="scroll" tabindex="0">
                    <div class=move || if part.get() == "settings" { "settings" } else { "settings wide" }>
                        {move || {
                            let team = team.get_value();
                            match part.get().as_str() {
                                "members" => view! { <Members team=team data=data/> }.into_any(),
                                "tasks" => view! { <Tasks team=team tasks=data.tasks members=data.members/> }.into_any(),
                                "invitations" if team.role.allows(Action::Invite) => {
                                    view! { <Invitations path=format!("/teams/{}/invitations", team.id) own=Some(team.role) invitations=data.invitations/> }.into_any()
                                }
                                "agents" if team.role.allows(Action::ManageAgents) => view! { <Agents team=team data=data/> }.into_any(),
                                "audit" if team.role.allows(Action::ReadAudit) => {
                                    let address = format!("/teams/{}/audit", team.id);
                                    view! {
                                        <section class="set">
                                            {move || {
                                                let address = address.clone();
                                                let first = query.read().get("before").is_none();
                                                shown(data.audit.get(), move |page| view! { <AuditTable page=page base=address first_page=first/> }.into_any())
                                            }}
                                        </section>
                                    }
                                        .into_any()
                                }
                                "settings" => view! { <TeamSettings team=team data=data/> }.into_any(),
                                "invitations" | "agents" | "audit" => {
                                    response::set_status(403);
                                    view! { <ErrorView error=AppError::forbidden("Your role in this team does not show this part. An owner can change your role.")/> }.into_any()
                                }
                                _ => {
                                    response::set_status(404);
                                    view! { <ErrorView error=AppError::not_found("page")/> }.into_any()
                                }
                            }
                        }}
                    </div>
                </div>
            </section>
            <ConfirmIdentity confirmation=confirmation/>
        </main>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_sees_what_it_may_do() {
        let slugs = |role| parts_for(role).into_iter().map(|part| part.slug).collect::<Vec<_>>();
        assert_eq!(slugs(Role::Viewer), ["members", "tasks", "settings"]);
        assert_eq!(slugs(Role::Maintainer), ["members", "tasks", "invitations", "agents", "settings"]);
        assert_eq!(slugs(Role::Owner).len(), PARTS.len());
    }
}
