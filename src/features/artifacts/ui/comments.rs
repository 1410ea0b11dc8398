//! What is said about an artifact.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::artifact::Shown;
use crate::{
    browser::data::encode,
    features::comments::{
        model::{Anchor, Subject},
        ui::CommentsPane,
    },
};

#[component]
pub fn CommentsTab(shown: Shown) -> impl IntoView {
    let navigate = use_navigate();
    let focus = use_query_map().with_untracked(|query| query.get("thread").and_then(|id| id.parse().ok()));
    // The text stands in another part of the page.
    let on_show = Callback::new(move |anchor: Anchor| {
        let part = if untrack(|| shown.may_edit()) { "edit" } else { "source" };
        let place = format!("&from={}&to={}", encode(&anchor.start), encode(&anchor.end));
        navigate(&(shown.tab(part) + &place), NavigateOptions::default());
    });
    view! {
        <div class="scroll">
            <div class="page">
                <CommentsPane subject=Subject::Artifact(shown.id) pending=RwSignal::new(None) on_show=on_show focus=focus/>
            </div>
        </div>
    }
}
