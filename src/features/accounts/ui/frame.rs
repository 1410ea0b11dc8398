//! The frame of pages with parts (settings, a team, the administration): the list of parts on the left, the open one on the right.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use crate::ui::Icon;

/// One part of such a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The last segment of its address.
    pub slug: &'static str,
    pub icon: &'static str,
    pub words: &'static str,
}

/// The part that the address names, `first` if it names none; and what a phone shows of the page, which is one pane.
pub fn use_part(first: &'static str) -> (Memo<String>, Memo<&'static str>) {
    let params = use_params_map();
    let named = Memo::new(move |_| params.read().get("part").filter(|part| !part.is_empty()));
    let part = Memo::new(move |_| named.get().unwrap_or_else(|| first.to_owned()));
    let show = Memo::new(move |_| if named.with(Option::is_some) { "main" } else { "nav" });
    (part, show)
}

/// The heading of the open part.
pub fn part_words(parts: &[Part], slug: &str) -> &'static str {
    parts.iter().find(|part| part.slug == slug).map_or("Nothing here", |part| part.words)
}

/// The left pane.
#[component]
pub fn PartsPane(
    #[prop(into)] title: String,
    #[prop(into)] base: String,
    parts: Vec<Part>,
    current: Memo<String>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let label = format!("Parts of {title}");
    view! {
        <section class="pane" data-part="nav" aria-label=label>
            <header class="bar"><h1 class="trunc">{title.clone()}</h1></header>
            <div class="scroll">
                <nav class="tree" aria-label=title>
                    {parts
                        .into_iter()
                        .map(|part| {
                            view! {
                                <a href=format!("{base}/{}", part.slug) aria-current=move || current.with(|current| current == part.slug).then_some("page")>
                                    <Icon name=part.icon/>
                                    <span>{part.words}</span>
                                </a>
                            }
                        })
                        .collect_view()}
                    {children.map(|children| children())}
                </nav>
            </div>
        </section>
    }
}

/// The right pane's bar; on a phone it leads back to the list.
#[component]
pub fn PartBar(#[prop(into)] title: Signal<String>, #[prop(into)] back: String) -> impl IntoView {
    view! {
        <header class="bar">
            <a class="btn ghost icon-only phone-only" href=back aria-label="Back"><Icon name="chev-l"/></a>
            <h1>{move || title.get()}</h1>
        </header>
    }
}
