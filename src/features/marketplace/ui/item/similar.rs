//! What is like an item.

use leptos::prelude::*;

use crate::{
    features::marketplace::{
        model::ListingCard,
        state::{item_address, similar_items},
        ui::parts::{InstalledMark, SignedMark},
    },
    ui::KindMark,
};

/// Other items that may serve as well. They are asked for when the page is there: nobody waits for them.
#[component]
pub fn Similar(slug: String) -> impl IntoView {
    let cards = RwSignal::new(Vec::<ListingCard>::new());
    Effect::new(move |_| {
        let answer = similar_items(&slug);
        leptos::task::spawn_local(async move {
            // Without an answer there is nothing to show, and nothing is missing.
            if let Ok(found) = answer.await {
                cards.try_set(found);
            }
        });
    });
    let row = |card: ListingCard| {
        view! {
            <li>
                <KindMark kind=card.kind small=true/>
                <div class="tx">
                    <a class="link trunc" href=item_address(&card.slug) title=card.description>{card.name}</a>
                    <small>{card.author.name}" "<SignedMark signed=card.signed/></small>
                </div>
                <span class="tail"><InstalledMark volumes=card.installed/></span>
            </li>
        }
    };
    move || {
        let cards = cards.get();
        (!cards.is_empty()).then(|| {
            view! {
                <section class="card" aria-labelledby="similar-h">
                    <header class="card-head"><h2 id="similar-h">"More like this"</h2></header>
                    <div class="card-body"><ul class="rows f12">{cards.into_iter().map(row).collect_view()}</ul></div>
                </section>
            }
        })
    }
}
