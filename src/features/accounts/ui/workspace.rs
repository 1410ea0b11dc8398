//! The choice of whose things a page shows.

use leptos::prelude::*;

use super::super::state::use_session;
use crate::{
    ids::TeamId,
    ui::{Transition, drop_down, late},
};

/// One's own, or a team's; `to` gives the address of each.
#[component]
pub fn WorkspaceChoice(#[prop(into)] chosen: Signal<Option<TeamId>>, to: fn(Option<TeamId>) -> String) -> impl IntoView {
    let session = use_session();
    let teams = move || {
        let chosen = chosen.get();
        let teams = session.account().map(|me| me.teams).unwrap_or_default();
        let mut entries = vec![(to(None), "my own".to_owned(), None, chosen.is_none())];
        entries.extend(teams.into_iter().map(|team| (to(Some(team.id)), team.name, None, chosen == Some(team.id))));
        let shown = entries.iter().find(|entry| entry.3).map(|entry| entry.1.clone()).unwrap_or_default();
        late(move || drop_down("Of", shown, chosen.is_some(), entries))
    };
    view! { <Transition>{teams}</Transition> }
}
