//! The choice of whose things a page shows.

use leptos::prelude::*;

use super::super::state::use_session;
use crate::{
    ids::TeamId,
    ui::{Transition, drop_down, late},
};

/// One's own, or a team's; `to` gives the address of each. For administrators also those of all teams, where there are such: whether they are shown, and the address.
#[component]
pub fn WorkspaceChoice(
    #[prop(into)] chosen: Signal<Option<TeamId>>,
    to: fn(Option<TeamId>) -> String,
    #[prop(optional)] all: Option<(Signal<bool>, String)>,
) -> impl IntoView {
    let session = use_session();
    let teams = move || {
        let chosen = chosen.get();
        let (teams, is_administrator) = session.account().map(|me| (me.teams, me.administrator)).unwrap_or_default();
        let all = all.clone().map(|(are_shown, address)| (are_shown.get(), address));
        let are_all_shown = all.as_ref().is_some_and(|(are_shown, _)| *are_shown);
        let mut entries = vec![(to(None), "my own".to_owned(), None, chosen.is_none() && !are_all_shown)];
        entries.extend(teams.into_iter().map(|team| (to(Some(team.id)), team.name, None, chosen == Some(team.id))));
        entries.extend(all.filter(|_| is_administrator).map(|(are_shown, address)| (address, "all teams".to_owned(), None, are_shown)));
        let shown = entries.iter().find(|entry| entry.3).map(|entry| entry.1.clone()).unwrap_or_default();
        late(move || drop_down("Of", shown, chosen.is_some() || are_all_shown, entries))
    };
    view! { <Transition>{teams}</Transition> }
}
