//! Icons from the sprite `public/icons.svg`.

use leptos::prelude::*;

use crate::features::artifacts::model::Kind;

/// An icon by its name in the sprite, without the `i-`. Decoration: the name belongs to the text or the control around it.
#[component]
pub fn Icon(name: &'static str, #[prop(optional)] class: &'static str) -> impl IntoView {
    view! { <svg class=format!("icon {class}") aria-hidden="true" focusable="false"><use href=format!("/icons.svg#i-{name}")></use></svg> }
}

/// Book, wrench or head: the same everywhere.
#[component]
pub fn KindMark(kind: Kind, #[prop(optional)] small: bool) -> impl IntoView {
    let name = kind.as_str();
    view! {
        <span class=if small { "kind s" } else { "kind" } title=name>
            <Icon name=name/>
            <span class="sr">{name}</span>
        </span>
    }
}
