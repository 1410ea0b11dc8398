//! The rows of the library, what is chosen among them, and the empty states.

use std::collections::{BTreeMap, BTreeSet};

use leptos::prelude::*;

use super::parts::{SummaryChips, artifact_address};
use crate::{
    browser::data::{Arrived, Fetched},
    error::{AppError, AppResult},
    features::{
        artifacts::{
            model::{ArtifactSummary, LibraryPage, LibraryQuery, View},
            state::{library_address, read_library, use_list},
        },
        outbox::ui::SyncMark,
        volumes::state::artifact_object,
    },
    ids::ArtifactId,
    ui::{EmptyState, ErrorView, Icon, KindMark, Time, late, toast_error, use_toasts},
};

/// What is chosen, with what is known of it.
pub type Chosen = RwSignal<BTreeMap<ArtifactId, ArtifactSummary>>;

/// What has come of the list, inside its `Transition`. It is built once and follows the answers that come later: what stays of the list keeps its place on the
/// page, with the focus and with what is being pressed.
#[component]
pub fn LibraryRows(
    list: Fetched<LibraryPage>,
    query: Memo<LibraryQuery>,
    open: Memo<Option<ArtifactId>>,
    items: RwSignal<Vec<ArtifactSummary>>,
    chosen: Chosen,
    selecting: RwSignal<bool>,
) -> impl IntoView {
    let here = Memo::new(move |_| list.arrived().is_some());
    move || {
        if !here.get() {
            return None;
        }
        let first = untrack(|| list.arrived())?;
        Some(late(move || view! { <Listed list=list first=first query=query open=open items=items chosen=chosen selecting=selecting/> }))
    }
}

/// What there is to show of an answer.
#[derive(Clone, PartialEq)]
enum Content {
    Rows,
    Nothing(LibraryQuery),
    Failed(AppError),
}

#[component]
fn Listed(
    list: Fetched<LibraryPage>,
    first: Arrived<LibraryPage>,
    query: Memo<LibraryQuery>,
    open: Memo<Option<ArtifactId>>,
    items: RwSignal<Vec<ArtifactSummary>>,
    chosen: Chosen,
    selecting: RwSignal<bool>,
) -> impl IntoView {
    // What the list that is shown was asked for: the next one may be on its way.
    let of = RwSignal::new(LibraryQuery::default());
    let next = RwSignal::new(None::<String>);
    let failed = RwSignal::new(None::<AppError>);
    let take = move |page: AppResult<LibraryPage>| {
        of.set(query.get_untracked());
        match page {
            Ok(page) => {
                // A list is read again whenever something changes: what is chosen stays so as long as it is there.
                chosen.update(|chosen| {
                    let here = page.items.iter().filter(|item| chosen.contains_key(&item.id));
                    *chosen = here.map(|item| (item.id, item.clone())).collect();
                });
                failed.set(None);
                next.set(page.next);
                items.set(page.items);
            }
            Err(error) => failed.set(Some(error)),
        }
    };
    take(first.read());
    Effect::new(move |last: Option<()>| {
        // The first one is shown already.
        if let Some(page) = list.arrived().filter(|_| last.is_some()) {
            take(page.read());
        }
    });
    let changed = use_list().changed;
    Effect::new(move |_| {
        let Some(new) = changed.get() else { return };
        let at = items.with_untracked(|items| items.iter().position(|item| item.id == new.id && *item != new));
        if let Some(at) = at {
            // Which other volumes have the same is known to lists only.
            items.update(|items| items[at] = ArtifactSummary { overrides: items[at].overrides, hidden_by: items[at].hidden_by, ..new });
        }
    });
    // Where a range with Shift begins.
    let anchor = StoredValue::new(None::<ArtifactId>);
    let choose = Callback::new(move |(id, range): (ArtifactId, bool)| {
        let index = |id: ArtifactId| items.with_untracked(|items| items.iter().position(|item| item.id == id));
        let Some(to) = index(id) else { return };
        let from = anchor.get_value().filter(|_| range).and_then(index).unwrap_or(to);
        let on = chosen.with_untracked(|chosen| !chosen.contains_key(&id));
        anchor.set_value(Some(id));
        items.with_untracked(|items| {
            chosen.update(|chosen| {
                for item in &items[from.min(to)..=from.max(to)] {
                    if on {
                        chosen.insert(item.id, item.clone());
                    } else {
                        chosen.remove(&item.id);
                    }
                }
            });
        });
    });
    let content = Memo::new(move |_| match failed.get() {
        Some(error) => Content::Failed(error),
        None if items.with(Vec::is_empty) => Content::Nothing(of.get()),
        None => Content::Rows,
    });
    let first_page = move || {
        of.with(|of| {
            of.cursor.is_some().then(|| {
                let address = library_address(&LibraryQuery { cursor: None, ..of.clone() });
                view! { <p class="filters"><a class="link" href=address>"Back to the first page"</a></p> }
            })
        })
    };
    move || match content.get() {
        Content::Rows => {
            view! {
                {first_page}
                <ul class=move || if selecting.get() { "lib selecting" } else { "lib" }>
                    // One that has another time stands elsewhere now. It is made anew there: to move rows, the framework would take those around it out as well.
                    <For each=move || items.get() key=|item| (item.id, item.updated_at) let:item>
                        <Row first=item items=items open=open chosen=chosen choose=choose/>
                    </For>
                </ul>
                <MoreRows of=of items=items next=next/>
            }
            .into_any()
        }
        Content::Nothing(query) => view! { <NothingHere query=query/> }.into_any(),
        Content::Failed(error) => view! { <ErrorView error=error/> }.into_any(),
    }
}

/// Appends the next page; without script it is a link to it.
#[component]
fn MoreRows(of: RwSignal<LibraryQuery>, items: RwSignal<Vec<ArtifactSummary>>, next: RwSignal<Option<String>>) -> impl IntoView {
    let toasts = use_toasts();
    let busy = RwSignal::new(false);
    let load = move |cursor: String| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let query = of.get_untracked();
        let answer = read_library(&LibraryQuery { cursor: Some(cursor.clone()), ..query.clone() });
        leptos::task::spawn_local(async move {
            let page = answer.await;
            if busy.try_set(false).is_some() {
                return;
            }
            // The list was read again meanwhile, and ends elsewhere.
            if next.with_untracked(|next| next.as_ref() != Some(&cursor)) || of.with_untracked(|of| *of != query) {
                return;
            }
            match page {
                Ok(page) => {
                    items.update(|items| {
                        // What changed its place meanwhile may come once more.
                        let known: BTreeSet<ArtifactId> = items.iter().map(|item| item.id).collect();
                        items.extend(page.items.into_iter().filter(|item| !known.contains(&item.id)));
                    });
                    next.set(page.next);
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    move || {
        next.get().map(|cursor| {
            let address = library_address(&LibraryQuery { cursor: Some(cursor.clone()), ..of.get() });
            view! {
                <p class="more">
                    <a
                        class=move || if busy.get() { "btn busy" } else { "btn" }
                        href=address
                        on:click=move |event| {
                            event.prevent_default();
                            load(cursor.clone());
                        }
                    >
                        {move || if busy.get() { view! { <span class="spin"></span>"Loading" }.into_any() } else { "Load more".into_any() }}
                    </a>
                </p>
            }
        })
    }
}

#[component]
fn Row(
    /// What it came with.
    first: ArtifactSummary,
    items: RwSignal<Vec<ArtifactSummary>>,
    open: Memo<Option<ArtifactId>>,
    chosen: Chosen,
    choose: Callback<(ArtifactId, bool)>,
) -> impl IntoView {
    let id = first.id;
    let artifact = Memo::new(move |last: Option<&ArtifactSummary>| {
        let now = items.with(|items| items.iter().find(|item| item.id == id).cloned());
        now.unwrap_or_else(|| last.unwrap_or(&first).clone())
    });
    view! {
        <li>
            <input
                type="checkbox"
                class="pick"
                aria-label=move || artifact.with(|artifact| format!("Select {}", artifact.name))
                prop:checked=move || chosen.with(|chosen| chosen.contains_key(&id))
                on:click=move |event| choose.run((id, event.shift_key()))
            />
            <a href=artifact_address(id) aria-current=move || (open.get() == Some(id)).then_some("true")>
                {move || {
                    let artifact = artifact.get();
                    view! {
                        <KindMark kind=artifact.kind small=true/>
                        <span class="t">{artifact.name.clone()}</span>
                        <Time at=artifact.deleted_at.unwrap_or(artifact.updated_at)/>
                        <span class="d">{artifact.description.clone()}</span>
                        <SummaryChips artifact=artifact/>
                    }
                }}
                <SyncMark object=artifact_object(id)/>
            </a>
        </li>
    }
}

#[component]
fn NothingHere(query: LibraryQuery) -> impl IntoView {
    let dropped = LibraryQuery { team: None, whose: None, q: None, tag: None, category: None, kind: None, cursor: None, ..query.clone() };
    let narrowed = LibraryQuery { cursor: None, ..query.clone() } != dropped;
    let import = query.volume.map_or_else(|| "/import".to_owned(), |id| format!("/import?volume={id}"));
    if narrowed {
        let title =
            query.q.as_ref().map_or_else(|| "Nothing matches".to_owned(), |words| format!("Nothing matches \u{201c}{words}\u{201d}"));
        let address = library_address(&dropped);
        return view! {
            <EmptyState icon="search" title=title text="No artifact here has all of what is filtered by.">
                <a class="btn" href=address.clone()>"Drop the filter"</a>
            </EmptyState>
        }
        .into_any();
    }
    let (icon, title, text) = match query.view {
        View::Drafts => ("edit", "Everything is committed", "Artifacts with changes that are not committed stand here."),
        View::Hints => ("ok", "No hints", "Artifacts that do not follow the rules of the format stand here."),
        View::Favourites => ("star", "No favourites yet", "The star on an artifact keeps it here."),
        View::Recent => ("clock", "Nothing opened yet", "What you open stands here, newest first."),
        View::Trash => ("trash", "The trash is empty", "Deleted artifacts stay here for 30 days."),
        View::All => {
            return view! {
                <EmptyState icon="artifacts" title="No artifacts yet" text="Skills, tools and agents live here, as markdown. Bring a folder of them, or write the first one.">
                    <a class="btn primary" href=import.clone()><Icon name="upload"/>"Import a folder"</a>
                    <a class="btn" href="/artifacts/new"><Icon name="plus"/>"New artifact"</a>
                </EmptyState>
            }
            .into_any();
        }
    };
    view! { <EmptyState icon=icon title=title text=text><a class="btn" href="/artifacts">"Open the library"</a></EmptyState> }.into_any()
}
