//! Who is in the team, and with which role.

use leptos::prelude::*;

use crate::{
    browser::{data, page},
    features::accounts::{
        model::{Action, ChangeRole, Me, Member, Role, Team, TransferOwnership, UserKind},
        state::{Confirmation, TeamData, use_session},
        ui::{
            confirm::refused,
            parts::{day, role_options, role_words, shown},
        },
    },
    ui::{Avatar, ConfirmDialog, Icon, toast, toast_error, use_toasts},
};

const REMOVE: &str = "remove-member";
const TRANSFER: &str = "transfer-team";

#[component]
pub fn Members(team: Team, data: TeamData) -> impl IntoView {
    let session = use_session();
    // Whom the open question is about.
    let chosen = RwSignal::new(None::<Member>);
    let team_id = team.id;
    let role = team.role;
    let team = StoredValue::new(team);
    view! {
        <section class="set">
            <header>
                <h2>"Members"</h2>
                <p>
                    {if role.allows(Action::ManageMembers) {
                        "Owners change every role, maintainers what is below their own."
                    } else {
                        "Owners and maintainers invite people and change roles."
                    }}
                </p>
                {role.allows(Action::Invite).then(|| view! { <a class="btn" href=format!("/teams/{team_id}/invitations")><Icon name="plus"/>"Invite"</a> })}
            </header>
            {move || {
                // Read before the members are, so that both are waited for.
                let me = session.account();
                shown(
                    data.members.get(),
                    move |members| {
                        view! {
                            <table class="table flush stacks">
                                <thead>
                                    <tr>
                                        <th>"Name"</th>
                                        <th>"Role"</th>
                                        <th>"Since"</th>
                                        <th><span class="sr">"Acts"</span></th>
                                    </tr>
                                </thead>
                                <tbody>
                                    {members
                                        .into_iter()
                                        .map(|member| view! { <MemberRow team=team.get_value() member=member me=me.clone() chosen=chosen data=data/> })
                                        .collect_view()}
                                </tbody>
                            </table>
                        }
                            .into_any()
                    },
                )
            }}
        </section>
        <Questions team_id=team_id chosen=chosen data=data/>
    }
}

#[component]
fn MemberRow(team: Team, member: Member, me: Option<Me>, chosen: RwSignal<Option<Member>>, data: TeamData) -> impl IntoView {
    let own = me.is_some_and(|me| me.person.id == member.person.id);
    let agent = member.person.kind == UserKind::Agent;
    let locked = team.requires_factor && member.second_factor == Some(false);
    let governed = team.role.governs(member.role) && !own;
    let menu = format!("member-{}", member.person.id);
    let may_transfer = team.role.allows(Action::OwnTeam) && !own && !agent;
    let ask = {
        let member = member.clone();
        move |dialog: &'static str| {
            chosen.set(Some(member.clone()));
            page::open_dialog(dialog);
        }
    };
    let (ask_transfer, ask_remove) = (ask.clone(), ask);
    let name = member.person.name.clone();
    view! {
        <tr>
            <td class="main-cell">
                <div class="person">
                    <Avatar person=member.person.clone() size="l"/>
                    <div>
                        <b>
                            {name.clone()}
                            {own.then(|| view! { " " <span class="chip line">"You"</span> })}
                            {agent.then(|| view! { " " <span class="chip info">"Agent"</span> })}
                            {locked.then(|| view! { " " <span class="chip warn">"No second factor"</span> })}
                        </b>
                        <small>{member.email.clone()}</small>
                    </div>
                </div>
            </td>
            <td data-l="Role">
                {if governed {
                    view! { <RoleSelect team=team.clone() member=member.clone() data=data/> }.into_any()
                } else {
                    role_words(member.role).into_any()
                }}
            </td>
            <td class="nowrap" data-l="Since">{day(member.joined_at)}</td>
            <td class="acts">
                {governed
                    .then(|| {
                        view! {
                            <div class="row">
                                <button type="button" class="btn s ghost icon-only" aria-label=format!("More acts on {name}") popovertarget=menu.clone()><Icon name="more"/></button>
                                <div id=menu.clone() popover="auto" class="pop menu end">
                                    {may_transfer
                                        .then(|| {
                                            view! {
                                                <button type="button" popovertarget=menu.clone() popovertargetaction="hide" on:click=move |_| ask_transfer(TRANSFER)>
                                                    <Icon name="arrow-r"/>
                                                    "Hand the team over"
                                                </button>
                                                <hr/>
                                            }
                                        })}
                                    <button type="button" class="danger" popovertarget=menu.clone() popovertargetaction="hide" on:click=move |_| ask_remove(REMOVE)>
                                        <Icon name="trash"/>
                                        "Remove from the team"
                                    </button>
                                </div>
                            </div>
                        }
                    })}
            </td>
        </tr>
    }
}

/// Changes a role at once; what the server refuses goes back.
#[component]
fn RoleSelect(team: Team, member: Member, data: TeamData) -> impl IntoView {
    let toasts = use_toasts();
    let held = RwSignal::new(member.role);
    let busy = RwSignal::new(false);
    let name = member.person.name.clone();
    let label = format!("Role of {name}");
    let change = move |event| {
        let Ok(role) = event_target_value(&event).parse::<Role>() else { return };
        let before = held.get_untracked();
        held.set(role);
        busy.set(true);
        let name = name.clone();
        let change =
            data::send::<serde_json::Value>("PATCH", format!("/teams/{}/members/{}", team.id, member.person.id), &ChangeRole { role });
        leptos::task::spawn_local(async move {
            let answer = change.await;
            let _ = busy.try_set(false);
            match answer {
                Ok(_) => {
                    toast(toasts, format!("{name} is {} now", role_words(role).to_lowercase()));
                    data.members.refetch();
                }
                Err(error) => {
                    toast_error(toasts, &error);
                    let _ = held.try_set(before);
                }
            }
        });
    };
    view! {
        <span class="select auto">
            <select class="input s" aria-label=label prop:disabled=move || busy.get() prop:value=move || held.get().as_str() on:change=change>
                {role_options(team.role)
                    .into_iter()
                    .map(|(value, _)| {
                        let chosen = value == held.get_untracked().as_str();
                        let words = value.parse::<Role>().map(role_words).unwrap_or_default();
                        view! { <option value=value selected=chosen>{words}</option> }
                    })
                    .collect_view()}
            </select>
            <Icon name="chev-d"/>
        </span>
    }
}

/// The two questions that acts on a member ask.
#[component]
fn Questions(team_id: crate::ids::TeamId, chosen: RwSignal<Option<Member>>, data: TeamData) -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let name = Signal::derive(move || chosen.with(|chosen| chosen.as_ref().map(|member| member.person.name.clone()).unwrap_or_default()));
    let remove = move |()| {
        let Some(member) = chosen.get_untracked() else { return };
        let change = data::send::<serde_json::Value>("DELETE", format!("/teams/{team_id}/members/{}", member.person.id), &());
        leptos::task::spawn_local(async move {
            match change.await {
                Ok(_) => {
                    toast(toasts, format!("{} is no longer in the team", member.person.name));
                    data.members.refetch();
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    let confirmation = use_context::<Confirmation>();
    let transfer = move |()| {
        let Some(member) = chosen.get_untracked() else { return };
        let change = data::post::<serde_json::Value>(format!("/teams/{team_id}/transfer"), &TransferOwnership { to: member.person.id });
        leptos::task::spawn_local(async move {
            match change.await {
                Ok(_) => {
                    toast(toasts, format!("{} owns the team now", member.person.name));
                    session.me.refetch();
                    data.team.refetch();
                    data.members.refetch();
                }
                Err(error) => refused(confirmation, toasts, &error),
            }
        });
    };
    view! {
        <ConfirmDialog
            id=REMOVE
            title=Signal::derive(move || format!("Remove {}?", name.get()))
            text="The team and its volumes are closed to this account at once. What it committed stays; a new invitation brings it back.".to_owned()
            confirm="Remove member".to_owned()
            act=remove
        />
        <ConfirmDialog
            id=TRANSFER
            title=Signal::derive(move || format!("Hand the team over to {}?", name.get()))
            text=Signal::derive(move || format!("{} becomes an owner and you become a maintainer. Only an owner can make you one again.", name.get()))
            confirm="Hand the team over".to_owned()
            act=transfer
        />
    }
}
