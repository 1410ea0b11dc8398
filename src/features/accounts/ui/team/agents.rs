//! Agent accounts of the team and their tokens. Which agent's tokens are open stands in the address.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use crate::{
    browser::{data, page},
    features::accounts::{
        model::{CreateAgent, Member, Role, Team, UserKind},
        state::{Running, TeamData},
        ui::{
            parts::{FormError, Submit, role_options, role_words, shown},
            tokens::{NewTokenButton, NewTokenDialog, TokenTable},
        },
    },
    ui::{Avatar, Dialog, EmptyState, Field, Icon, SelectField, toast, use_toasts},
};

const NEW: &str = "new-agent";

#[component]
pub fn Agents(team: Team, data: TeamData) -> impl IntoView {
    let query = use_query_map();
    let base = format!("/teams/{}/agents", team.id);
    let open = Memo::new(move |_| query.read().get("agent").unwrap_or_default());
    let list_base = base.clone();
    view! {
        <section class="set">
            <header>
                <h2>"Agents"</h2>
                <p>"Accounts for programs. They belong to the team, sign in with tokens only, and are shown as agents everywhere."</p>
                <button type="button" class="btn" on:click=move |_| page::open_dialog(NEW)><Icon name="plus"/>"New agent"</button>
            </header>
            {move || {
                let base = list_base.clone();
                shown(
                    data.members.get(),
                    move |members| {
                        let agents: Vec<Member> = members.into_iter().filter(|member| member.person.kind == UserKind::Agent).collect();
                        if agents.is_empty() {
                            return view! { <EmptyState icon="agent" title="No agents yet" text="Make one for each program that works with the team, so that its work has a name."/> }
                                .into_any();
                        }
                        view! { <ul class="rows">{agents.into_iter().map(|agent| view! { <AgentRow agent=agent base=base.clone() open=open/> }).collect_view()}</ul> }.into_any()
                    },
                )
            }}
        </section>
        {move || {
            let agent = open.get();
            let api = format!("/teams/{}/agents/{}/tokens", team.id, data::encode(&agent));
            (!agent.is_empty()).then(|| view! { <AgentTokens agent=agent path=api data=data/> })
        }}
        <NewAgentDialog team=team base=base data=data/>
    }
}

#[component]
fn AgentRow(agent: Member, base: String, open: Memo<String>) -> impl IntoView {
    let id = agent.person.id.to_string();
    let address = format!("{base}?agent={id}#tokens");
    view! {
        <li>
            <Avatar person=agent.person.clone() size="l"/>
            <div class="tx"><b>{agent.person.name.clone()}</b><small>{role_words(agent.role)}</small></div>
            <span class="tail">
                <a class="btn s" href=address aria-current=move || open.with(|open| *open == id).then_some("true") aria-label=format!("Tokens of {}", agent.person.name)>
                    <Icon name="key"/>
                    "Tokens"
                </a>
            </span>
        </li>
    }
}

#[component]
fn AgentTokens(agent: String, path: String, data: TeamData) -> impl IntoView {
    let changed = Callback::new(move |()| data.agent_tokens.refetch());
    let path = Signal::stored(path);
    let name = move || {
        let members = data.members.get().and_then(Result::ok).unwrap_or_default();
        members
            .into_iter()
            .find(|member| member.person.id.to_string() == agent)
            .map_or_else(|| "this agent".to_owned(), |member| member.person.name)
    };
    view! {
        <section class="set" id="tokens">
            <header>
                <h2>{move || format!("Tokens of {}", name())}</h2>
                <p>"A token acts with the agent's role, and within its own scopes."</p>
                <NewTokenButton/>
            </header>
            {move || {
                shown(
                    data.agent_tokens.get(),
                    move |tokens| {
                        if tokens.is_empty() {
                            view! { <EmptyState icon="key" title="No tokens" text="Without one the agent cannot do anything."/> }.into_any()
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

#[component]
fn NewAgentDialog(team: Team, base: String, data: TeamData) -> impl IntoView {
    let toasts = use_toasts();
    let navigate = use_navigate();
    let running = Running::new();
    let name = RwSignal::new(String::new());
    let role = RwSignal::new(Role::Member.as_str().to_owned());
    let create = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let (navigate, base) = (navigate.clone(), base.clone());
        let wish = CreateAgent { id: None, name: name.get_untracked(), role: role.get_untracked().parse().unwrap_or(Role::Viewer) };
        running.run(data::post::<Member>(format!("/teams/{}/agents", team.id), &wish), move |agent| {
            page::close_dialog(NEW);
            name.set(String::new());
            toast(toasts, format!("{} is in the team; now it needs a token", agent.person.name));
            data.members.refetch();
            navigate(&format!("{base}?agent={}", agent.person.id), NavigateOptions::default());
        });
    };
    // Somebody who is not a person does not own a team.
    let roles = role_options(team.role).into_iter().filter(|(role, _)| role != Role::Owner.as_str()).collect::<Vec<_>>();
    view! {
        <Dialog id=NEW title="New agent".to_owned()>
            <form on:submit=create>
                <div class="body">
                    <FormError error=running.error beside=&["name"]/>
                    <Field id="agent-name" name="name" label="Name" value=name hint="Such as “Release bot”." required=true error=running.error/>
                    <SelectField id="agent-role" label="Role" value=role options=Signal::stored(roles)/>
                </div>
                <footer>
                    <button type="button" class="btn" on:click=move |_| page::close_dialog(NEW)>"Cancel"</button>
                    <Submit busy=running.busy words="Create agent" running="Creating"/>
                </footer>
            </form>
        </Dialog>
    }
}
