//! The library: every artifact one sees, filtered by what the address says. An artifact opens beside it where there is room.

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    components::Outlet,
    hooks::{use_location, use_navigate},
    location::Location,
};

use super::{
    library_bulk::BulkBar,
    library_nav::LibraryNav,
    library_news::LibraryNews,
    library_rows::{Chosen, LibraryRows},
    parts::{artifact_address, page_keys},
};
use crate::{
    browser::{data::Fetched, page},
    features::{
        accounts::state::use_session,
        artifacts::{
            model::{CATEGORIES, Facets, Kind, LibraryPage as Page, LibraryQuery, Sort, View, Whose, category_words},
            state::{
                ListContext, artifacts_begun_here, library_address, library_fields, library_query, makes_artifact, use_facets, use_library,
                use_list,
            },
        },
        outbox::state::use_outbox,
        volumes::state::use_volumes,
    },
    ids::ArtifactId,
    ui::{Again, Icon, Loading, PageTitle, Transition, count, drop_down, late},
};

pub(super) const ROWS: &str = ".lib > li > a";
/// Keys that repeat go past many: only the one they stay at is read. In milliseconds.
const STEP: u32 = 120;

#[component]
pub fn LibraryPage() -> impl IntoView {
    // Of the window, both: a page's own address and the window's change one after the other.
    let Location { pathname: path, query: params, .. } = use_location();
    let volumes = use_volumes();
    // Beside an artifact the address is that one's: the list stays as it was left.
    let query = Memo::new(move |_| if path.with(|path| path == "/artifacts") { params.with(library_query) } else { volumes.library.get() });
    let beside = Memo::new(move |_| path.with(|path| path.starts_with("/artifacts/")));
    let open = Memo::new(move |_| path.with(|path| path.strip_prefix("/artifacts/").and_then(|id| id.parse::<ArtifactId>().ok())));
    let show = RwSignal::new("list");
    let facets = use_facets(query);
    let list = use_library(query);
    let refresh = Callback::new(move |()| {
        list.refetch();
        facets.refetch();
        volumes.refresh();
    });
    let recount = Callback::new(move |()| facets.refetch());
    let changed = RwSignal::new(None);
    provide_context(ListContext { changed, refresh, recount });
    // What is opened or changed counts; the one that the page came with is counted already.
    let counted = StoredValue::new(!beside.get_untracked());
    Effect::new(move |_| {
        if changed.with(Option::is_some) && counted.try_update_value(|counted| std::mem::replace(counted, true)) == Some(true) {
            recount.run(());
        }
    });
    // Where the artifact page goes back to.
    Effect::new(move |_| volumes.library.set(query.get()));
    step_keys(beside);
    keep_in_sight(query, open);
    view! {
        <PageTitle text=Signal::derive(move || query.with(heading))/>
        <main
            class=move || if beside.get() { "main panes p-artifacts" } else { "main panes p-list" }
            id="main"
            tabindex="-1"
            data-show=move || if beside.get() { "item" } else { show.get() }
        >
            <LibraryNav query=query facets=facets show=show/>
            <LibraryList query=query beside=beside list=list open=open facets=facets show=show/>
            <Outlet/>
        </main>
    }
}

/// `j`, `k` and the arrows go through the list; an artifact that is open beside it goes along.
fn step_keys(beside: Memo<bool>) {
    let navigate = use_navigate();
    let steps = StoredValue::new(0_u32);
    page_keys(move |key| {
        let (step, arrow) = match key.key.as_str() {
            "j" => (1, false),
            "k" => (-1, false),
            "ArrowDown" => (1, true),
            "ArrowUp" => (-1, true),
            _ => return false,
        };
        let beside = beside.get_untracked();
        // Arrows scroll what is being read.
        if key.command || (arrow && beside && !page::has_focus(ROWS)) {
            return false;
        }
        let Some(address) = page::step_focus(ROWS, step) else { return false };
        if beside {
            steps.update_value(|steps| *steps += 1);
            let number = steps.get_value();
            let navigate = navigate.clone();
            page::after_forget(STEP, move || {
                if steps.try_get_value() == Some(number) {
                    // One step back leads to the list, however many were looked at.
                    navigate(&address, NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() });
                }
            });
        }
        true
    });
}

/// The row of what was opened stays in sight when the list gets narrower and wider again; another list begins at its top.
fn keep_in_sight(query: Memo<LibraryQuery>, open: Memo<Option<ArtifactId>>) {
    Effect::new(move |last: Option<Option<ArtifactId>>| {
        let now = open.get();
        if let Some(id) = now.or(last.flatten()).filter(|_| last.is_none_or(|last| last.is_some() != now.is_some())) {
            // Once it has its new width.
            page::after_forget(0, move || page::reveal(&format!("{ROWS}[href=\"{}\"]", artifact_address(id))));
        }
        now
    });
    Effect::new(move |last: Option<()>| {
        query.track();
        if last.is_some() {
            page::scroll_to_top("[data-part=list] > .scroll");
        }
    });
}

/// What the list shows, in a word or two.
fn heading(query: &LibraryQuery) -> String {
    match (query.view, query.kind) {
        (View::Drafts, _) => "Drafts",
        (View::Hints, _) => "With hints",
        (View::Favourites, _) => "Favourites",
        (View::Recent, _) => "Recent",
        (View::Trash, _) => "Trash",
        (View::All, Some(Kind::Skill)) => "Skills",
        (View::All, Some(Kind::Tool)) => "Tools",
        (View::All, Some(Kind::Agent)) => "Agents",
        (View::All, None) => "Library",
    }
    .to_owned()
}

#[component]
fn LibraryList(
    query: Memo<LibraryQuery>,
    beside: Memo<bool>,
    list: Fetched<Page>,
    /// The one that is open beside the list.
    open: Memo<Option<ArtifactId>>,
    facets: Fetched<Facets>,
    show: RwSignal<&'static str>,
) -> impl IntoView {
    let volumes = use_volumes();
    let refresh = use_list().refresh;
    let items = RwSignal::new(Vec::new());
    let chosen: Chosen = RwSignal::default();
    // Where nothing can be pointed at, the boxes wait for this.
    let selecting = RwSignal::new(false);
    let trash = Memo::new(move |_| query.with(|query| query.view == View::Trash));
    let place = move || {
        let (volume, narrowed) = query.with(|query| (query.volume, query.team.is_some() || query.whose.is_some()));
        let name = volume.map(|id| volumes.name_of(id)).filter(|name| !name.is_empty());
        name.unwrap_or_else(|| if narrowed { "Some volumes" } else { "All volumes" }.to_owned())
    };
    let new_address = move || {
        query.with(|query| {
            let fields = LibraryQuery { volume: query.volume, kind: query.kind, ..LibraryQuery::default() };
            library_address(&fields).replacen("/artifacts", "/artifacts/new", 1)
        })
    };
    let import_address = move || query.with(|query| query.volume.map_or_else(|| "/import".to_owned(), |id| format!("/import?volume={id}")));
    view! {
        <section class="pane" aria-label="Library" data-part="list">
            <header class="bar">
                <button type="button" class="btn ghost icon-only narrow-only" aria-label="Volumes and views" title="Volumes and views" on:click=move |_| show.set("nav")>
                    <Icon name="panel-l"/>
                </button>
                <h1 attr:aria-level=move || open.with(Option::is_some).then_some("2")>{move || query.with(heading)}</h1>
                <span class="count trunc">
                    <Transition>{move || list.arrived().map(|page| late(|| page.read().ok().and_then(|page| page.total).map(count)))}</Transition>
                </span>
                <span class="chip line wide-only"><Transition>{place}</Transition></span>
                <span class="push row gap-4">
                    <Again act=refresh/>
                    <a class="btn ghost icon-only" href=import_address aria-label="Import a folder or a zip" title="Import a folder or a zip"><Icon name="upload"/></a>
                    <a class="btn" href=new_address><Icon name="plus"/>"New"</a>
                </span>
            </header>
            <FilterField query=query beside=beside/>
            <Filters query=query facets=facets selecting=selecting chosen=chosen/>
            <LibraryNews chosen=chosen/>
            <BegunHere query=query/>
            <div class="scroll">
                <Transition fallback=|| view! { <Loading/> }>
                    <LibraryRows list=list query=query open=open items=items chosen=chosen selecting=selecting/>
                </Transition>
            </div>
            // Not with the rows: what a `Suspense` holds may have no other one in it, or the halves count them differently.
            <BulkBar items=items chosen=chosen trash=trash refresh=refresh/>
        </section>
    }
}

/// Artifacts that only this device knows of yet.
#[component]
fn BegunHere(query: Memo<LibraryQuery>) -> impl IntoView {
    let outbox = use_outbox();
    let begun = Memo::new(move |_| {
        let volume = query.with(|query| query.volume);
        artifacts_begun_here(&outbox.those(makes_artifact))
            .into_iter()
            .filter(|new| volume.is_none_or(|id| id == new.volume))
            .collect::<Vec<_>>()
    });
    view! {
        <ul class="rows pad-x" aria-label="Not sent yet" hidden=move || begun.with(Vec::is_empty)>
            <For
                each=move || begun.get()
                key=|new| new.id
                children=|new| {
                    view! {
                        <li>
                            <Icon name="clock"/>
                            <span class="tx"><a class="cover" href=artifact_address(new.id)><b>{new.name}</b></a><small>"Kept on this device until the server can be reached"</small></span>
                        </li>
                    }
                }
            />
        </ul>
    }
}

/// The id of the field of words.
const FILTER: &str = "library-q";

/// The words to look for: typing waits a moment, then replaces the address. A plain form without script.
#[component]
fn FilterField(query: Memo<LibraryQuery>, beside: Memo<bool>) -> impl IntoView {
    let volumes = use_volumes();
    let navigate = use_navigate();
    let typed = StoredValue::new(0_usize);
    let go = Callback::new(move |text: String| {
        let text = text.trim().to_owned();
        let next = query.with_untracked(|query| LibraryQuery { q: (!text.is_empty()).then_some(text), cursor: None, ..query.clone() });
        if beside.get_untracked() {
            // The address is the open artifact's, which stays.
            volumes.library.set(next);
        } else if query.with_untracked(|query| *query != next) {
            navigate(&library_address(&next), NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() });
        }
    });
    let current = RwSignal::new(query.with_untracked(|query| query.q.clone().unwrap_or_default()));
    // Going back, or a filter dropped elsewhere, shows here too; what is being typed stays.
    Effect::new(move |_| {
        let text = query.with(|query| query.q.clone().unwrap_or_default());
        if current.with_untracked(|current| current.trim() != text) {
            current.set(text);
        }
    });
    view! {
        <form
            class="toolbar"
            role="search"
            action="/artifacts"
            method="get"
            on:submit=move |event| {
                event.prevent_default();
                go.run(page::input_value(FILTER).unwrap_or_else(|| current.get_untracked()));
            }
        >
            {move || query.with(library_fields).into_iter().filter(|(name, _)| !matches!(*name, "q" | "cursor")).map(|(name, value)| view! { <input type="hidden" name=name value=value/> }).collect_view()}
            <label class="input grow">
                <Icon name="filter"/>
                <span class="sr">"Filter"</span>
                <input
                    type="text"
                    id=FILTER
                    name="q"
                    data-filter=""
                    placeholder="Filter by name, id or description"
                    autocomplete="off"
                    spellcheck="false"
                    value=current.get_untracked()
                    prop:value=move || current.get()
                    on:input=move |event| {
                        current.set(event_target_value(&event));
                        typed.update_value(|typed| *typed += 1);
                        let number = typed.get_value();
                        page::after_forget(180, move || {
                            if typed.try_get_value() == Some(number) {
                                go.run(current.get_untracked());
                            }
                        });
                    }
                    on:keydown=move |event| match event.key().as_str() {
                        "ArrowDown" => {
                            event.prevent_default();
                            page::focus_selector(ROWS);
                        }
                        "Escape" => {
                            current.set(String::new());
                            go.run(String::new());
                            page::focus("main");
                        }
                        _ => {}
                    }
                />
                <kbd class="kbd wide-only">"/"</kbd>
            </label>
        </form>
    }
}

#[component]
fn Filters(query: Memo<LibraryQuery>, facets: Fetched<Facets>, selecting: RwSignal<bool>, chosen: Chosen) -> impl IntoView {
    let with = move |change: &dyn Fn(&mut LibraryQuery)| {
        let mut next = query.get();
        next.cursor = None;
        change(&mut next);
        library_address(&next)
    };
    let kinds = move || {
        let chosen = query.with(|query| query.kind);
        let mut entries = vec![(with(&|query| query.kind = None), "Any".to_owned(), None, chosen.is_none())];
        for (kind, words) in [(Kind::Skill, "Skills"), (Kind::Tool, "Tools"), (Kind::Agent, "Agents")] {
            entries.push((with(&|query| query.kind = Some(kind)), words.to_owned(), None, chosen == Some(kind)));
        }
        drop_down("Kind", chosen.map_or_else(|| "any".to_owned(), |kind| kind.to_string()), chosen.is_some(), entries)
    };
    let categories = move || {
        let chosen = query.with(|query| query.category.clone());
        let facets = facets.arrived();
        late(move || {
            let known = facets.and_then(|facets| facets.read().ok()).map(|facets| facets.categories).unwrap_or_default();
            let mut entries = vec![(with(&|query| query.category = None), "Any".to_owned(), None, chosen.is_none())];
            let counted: Vec<(String, Option<i64>)> = if known.is_empty() {
                CATEGORIES.iter().map(|(id, _)| ((*id).to_owned(), None)).collect()
            } else {
                known.into_iter().filter(|facet| !facet.value.is_empty()).map(|facet| (facet.value, Some(facet.count))).collect()
            };
            for (id, number) in counted {
                let here = chosen.as_ref() == Some(&id);
                let address = with(&|query| query.category = Some(id.clone()));
                entries.push((address, category_words(&id), number, here));
            }
            drop_down("Category", chosen.as_deref().map_or_else(|| "any".to_owned(), category_words), chosen.is_some(), entries)
        })
    };
    let sorts = move || {
        let chosen = query.with(|query| query.sort);
        let words = |sort: Sort| match sort {
            Sort::Updated => "last change",
            Sort::Name => "name",
            Sort::Created => "newest",
        };
        let entries =
            Sort::ALL.into_iter().map(|sort| (with(&|query| query.sort = sort), words(sort).to_owned(), None, sort == chosen)).collect();
        drop_down("Sort", words(chosen).to_owned(), false, entries)
    };
    // What is set and has no list to choose from here: numbers and other pages lead to it.
    let set = |icon: &'static str, words: String, label: String, without: String| {
        view! { <a class="chip line on" href=without aria-label=label><Icon name=icon/>{words}<Icon name="x"/></a> }
    };
    let session = use_session();
    let team = move || {
        query.with(|query| query.team).map(|id| {
            let known = session.account().and_then(|me| me.teams.into_iter().find(|team| team.id == id));
            let name = known.map_or_else(|| "One team".to_owned(), |team| team.name);
            let label = format!("Drop the team {name}");
            set("users", name, label, with(&|query| query.team = None))
        })
    };
    let whose = move || {
        query.with(|query| query.whose).map(|whose| {
            let (icon, words) = match whose {
                Whose::Ours => ("users", "Without built-ins"),
                Whose::Personal => ("user", "Personal"),
            };
            set(icon, words.to_owned(), format!("Drop the filter {words}"), with(&|query| query.whose = None))
        })
    };
    let tag = move || {
        query.with(|query| query.tag.clone()).map(|tag| {
            let label = format!("Drop the tag {tag}");
            set("tag", tag, label, with(&|query| query.tag = None))
        })
    };
    view! {
        <div class="filters">
            {kinds}
            <Transition>{categories}</Transition>
            {sorts}
            <Transition>{team}</Transition>
            {whose}
            {tag}
            <button
                type="button"
                class=move || if selecting.get() { "chip line push on" } else { "chip line push" }
                aria-pressed=move || selecting.get().to_string()
                on:click=move |_| {
                    selecting.update(|selecting| *selecting = !*selecting);
                    chosen.set(BTreeMap::new());
                }
            >
                "Select"
            </button>
        </div>
    }
}
