//! The library's left pane: volumes by kind, views, tags.

use leptos::prelude::*;

use super::parts::volume_icon;
use crate::{
    browser::{data::Fetched, page},
    features::{
        artifacts::{
            model::{Facets, Kind, LibraryQuery, View},
            state::library_address,
        },
        volumes::{
            model::{Volume, VolumeKind},
            state::use_volumes,
            ui::{NEW_VOLUME, NewVolumeDialog},
        },
    },
    ui::{Icon, Transition, count, late},
};

const VIEWS: [(View, &str, &str); 5] = [
    (View::Drafts, "Drafts", "edit"),
    (View::Hints, "With hints", "alert"),
    (View::Favourites, "Favourites", "star"),
    (View::Recent, "Recent", "clock"),
    (View::Trash, "Trash", "trash"),
];

#[component]
pub fn LibraryNav(query: Memo<LibraryQuery>, facets: Fetched<Facets>, show: RwSignal<&'static str>) -> impl IntoView {
    let volumes = use_volumes();
    let views = move || {
        let (known, facets) = (volumes.known_late(), facets.arrived());
        late(move || {
            let (drafts, trashed) =
                known().iter().fold((0, 0), |(drafts, trashed), volume| (drafts + volume.drafts, trashed + volume.trashed));
            let counted = facets.and_then(|facets| facets.read().ok()).map(|facets| facets.views);
            VIEWS
                .map(|(view, words, icon)| {
                    let number = match view {
                        View::Drafts => Some(drafts),
                        View::Trash => Some(trashed),
                        View::Hints => counted.map(|views| views.hints),
                        View::Favourites => counted.map(|views| views.favourites),
                        View::Recent => counted.map(|views| views.recent),
                        View::All => None,
                    };
                    leaf(query, LibraryQuery { view, ..LibraryQuery::default() }, 0, icon, words.to_owned(), number)
                })
                .into_iter()
                .collect_view()
        })
    };
    let everything = move || {
        let known = volumes.known_late();
        late(move || {
            let all = known().iter().map(|volume| volume.skills + volume.tools + volume.agents).sum();
            leaf(query, LibraryQuery::default(), 0, "artifacts", "Everything".to_owned(), Some(all))
        })
    };
    let tags = move || {
        let facets = facets.arrived();
        late(move || {
            let tags = facets.and_then(|facets| facets.read().ok()).map(|facets| facets.tags).unwrap_or_default();
            let shown: Vec<_> = tags
                .into_iter()
                .take(20)
                .map(|tag| {
                    let target = query.with(|query| LibraryQuery { tag: Some(tag.value.clone()), cursor: None, ..query.clone() });
                    leaf(query, target, 0, "tag", tag.value, Some(tag.count))
                })
                .collect();
            (!shown.is_empty()).then(|| view! { <h3>"Tags"</h3> {shown} })
        })
    };
    view! {
        // A press on any entry has chosen: the pane that lies over the list goes away again.
        <section class="pane" aria-label="Volumes and views" data-part="nav" on:click=move |event| {
            if page::pressed(&event, "a") {
                show.set("list");
            }
        }>
            <header class="bar">
                <h2>"Volumes"</h2>
                <span class="push row gap-4">
                    <button type="button" class="btn ghost icon-only" aria-label="New volume" title="New volume" on:click=move |_| page::open_dialog(NEW_VOLUME)><Icon name="plus"/></button>
                    <button type="button" class="btn ghost icon-only narrow-only" aria-label="Close" title="Close" on:click=move |_| show.set("list")><Icon name="x"/></button>
                </span>
            </header>
            <div class="scroll">
                <nav class="tree" aria-label="Volumes and views">
                    <Transition>
                        {everything}
                        {move || {
                            let known = volumes.known_late();
                            late(move || known().into_iter().map(|volume| view! { <VolumeNode volume=volume query=query/> }).collect_view())
                        }}
                        <h3>"Views"</h3>
                        {views}
                        {tags}
                    </Transition>
                </nav>
            </div>
            <NewVolumeDialog team=None/>
        </section>
    }
}

/// A link of the tree; it is the current one when its filters are those of the list.
fn leaf(query: Memo<LibraryQuery>, target: LibraryQuery, depth: u8, icon: &'static str, words: String, number: Option<i64>) -> AnyView {
    let address = library_address(&target);
    let current = move || {
        let filters = |query: &LibraryQuery| (query.volume, query.team, query.whose, query.kind, query.view);
        let here = query.with(|query| filters(query) == filters(&target) && query.tag == target.tag);
        here.then_some("true")
    };
    view! {
        <a href=address style=format!("--d:{depth}") aria-current=current>
            <Icon name=icon/>
            <span>{words}</span>
            {number.map(|number| view! { <span class="count">{count(number)}</span> })}
        </a>
    }
    .into_any()
}

#[component]
fn VolumeNode(volume: Volume, query: Memo<LibraryQuery>) -> impl IntoView {
    let id = volume.id;
    let here = query.with_untracked(|query| query.volume == Some(id));
    let open = RwSignal::new(here || volume.kind != VolumeKind::System);
    let total = volume.skills + volume.tools + volume.agents;
    let name = if volume.kind == VolumeKind::User && volume.name.is_empty() { "Mine".to_owned() } else { volume.name.clone() };
    let address = library_address(&LibraryQuery { volume: Some(id), ..LibraryQuery::default() });
    let current = move || {
        let here = query.with(|query| query.volume == Some(id) && query.kind.is_none() && query.view == View::All && query.tag.is_none());
        here.then_some("true")
    };
    let about = format!("{name}: history, import, export");
    let kinds = [(Kind::Skill, "skills", volume.skills), (Kind::Tool, "tools", volume.tools), (Kind::Agent, "agents", volume.agents)];
    view! {
        <div class="node" style="--d:0">
            <button
                type="button"
                class="twist"
                aria-expanded=move || open.get().to_string()
                aria-label=name.clone()
                on:click=move |_| open.update(|open| *open = !*open)
            >
                <Icon name="chev-r"/>
            </button>
            <a href=address aria-current=current title=name.clone()>
                <Icon name=volume_icon(volume.kind)/>
                <span>{name.clone()}</span>
                {volume.demo.then(|| view! { <span class="chip line">"Demo"</span> })}
                <span class="count">{count(total)}</span>
            </a>
            <a class="btn ghost icon-only s" href=format!("/volumes/{id}") aria-label=about.clone() title=about><Icon name="more"/></a>
        </div>
        {move || {
            open.get()
                .then(|| {
                    kinds
                        .map(|(kind, words, number)| {
                            let target = LibraryQuery { volume: Some(id), kind: Some(kind), ..LibraryQuery::default() };
                            leaf(query, target, 1, kind.as_str(), words.to_owned(), Some(number))
                        })
                        .into_iter()
                        .collect_view()
                })
        }}
    }
}
