//! All teams of the instance, as counts: what is in them belongs to their members.

use leptos::prelude::*;

use crate::{
    features::accounts::{
        state::AdminData,
        ui::parts::{day, shown},
    },
    ui::{EmptyState, count},
};

#[component]
pub fn Teams(data: AdminData) -> impl IntoView {
    view! {
        <section class="set">
            {move || {
                shown(
                    data.teams.get(),
                    move |teams| {
                        if teams.is_empty() {
                            return view! { <EmptyState icon="users" title="No teams yet" text="Everybody with an account can make one."><a class="btn" href="/settings/teams">"Make a team"</a></EmptyState> }
                                .into_any();
                        }
                        view! {
                            <table class="table flush stacks">
                                <thead>
                                    <tr>
                                        <th>"Name"</th>
                                        <th class="num">"Members"</th>
                                        <th class="num">"Artifacts"</th>
                                        <th>"Since"</th>
                                    </tr>
                                </thead>
                                <tbody>
                                    {teams
                                        .into_iter()
                                        .map(|team| {
                                            view! {
                                                <tr>
                                                    <td class="main-cell"><div>{team.name}{team.demo.then(|| view! { " " <span class="chip line">"Demo"</span> })}</div></td>
                                                    <td class="num" data-l="Members">{count(team.members)}</td>
                                                    <td class="num" data-l="Artifacts">{count(team.artifacts)}</td>
                                                    <td class="nowrap" data-l="Since">{day(team.created_at)}</td>
                                                </tr>
                                            }
                                        })
                                        .collect_view()}
                                </tbody>
                            </table>
                        }
                            .into_any()
                    },
                )
            }}
        </section>
    }
}
