//! People are round, agents square; the colour never stands alone.

use leptos::prelude::*;

use super::Icon;
use crate::features::accounts::model::{Person, UserKind};

/// The avatar of a person or an agent. `size` is "", "s", "xs" or "l".
#[component]
pub fn Avatar(person: Person, #[prop(optional)] size: &'static str) -> impl IntoView {
    let agent = person.kind == UserKind::Agent;
    let label = if agent { format!("{}, agent", person.name) } else { person.name.clone() };
    let class = format!("avatar {size}{}", if agent { " agent" } else { "" });
    let initials = person.initials();
    view! {
        <span class=class style=format!("--c:var(--person-{})", person.color) role="img" aria-label=label.clone() title=label>
            {match person.avatar {
                Some(address) => view! { <img src=address alt=""/> }.into_any(),
                None if agent => view! { <Icon name="agent"/> }.into_any(),
                None => initials.into_any(),
            }}
        </span>
    }
}
