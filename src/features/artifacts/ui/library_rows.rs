//! The rows of the library, what is chosen among them, and the empty states.

use std::collections::BTreeMap;

use leptos::prelude::*;

use super::parts::{SummaryChips, artifact_address};
use crate::{
    features::{
        artifacts::{
            model::{ArtifactSummary, LibraryPage, LibraryQuery, View},
            state::{library_address, read_library, use_list},
        },
        outbox::ui::SyncMark,
        volumes::state::artifact_object,
    },
    ids::ArtifactId,
    ui::{EmptyState, Icon, KindMark, Time, toast_error, use_toasts},
};

/// What is chosen, with what is known of it.
pub type Chosen = RwSignal<BTreeMap<ArtifactId, ArtifactSummary>>;

#[component]
pub fn LibraryRows(
    page: LibraryPage,
    query: LibraryQuery,
    open: Memo<Option<ArtifactId>>,
    items: RwSignal<Vec<ArtifactSummary>>,
    chosen: Chosen,
    selecting: RwSignal<bool>,
) -> impl IntoView {
    // A list is read again whenever something changes: what is chosen stays so as long as it is there.
    chosen.update(|chosen| {
        let here = page.items.iter().filter(|item| chosen.contains_key(&item.id));
        *chosen = here.map(|item| (item.id, item.clone())).collect();
    });
    if page.items.is_empty() {
        return view! { <div class="scroll"><NothingHere query=query/></div> }.into_any();
    }
    items.set(page.items);
    let next = RwSignal::new(page.next);
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
    let first_page = library_address(&LibraryQuery { cursor: None, ..query.clone() });
    let later = query.cursor.is_some();
    view! {
        <div class="scroll">
            {later.then(|| view! { <p class="filters"><a class="link" href=first_page>"Back to the first page"</a></p> })}
            <ul class=move || if selecting.get() { "lib selecting" } else { "lib" }>
                // Not by key: a list that was read again has new signals, and rows that are kept would hold on to the old ones.
                {move || items.get().into_iter().map(|item| view! { <Row artifact=item open=open chosen=chosen choose=choose/> }).collect_view()}
            </ul>
            <MoreRows query=query items=items next=next/>
        </div>
    }
    .into_any()
}

/// Appends the next page; without script it is a link to it.
#[component]
fn MoreRows(query: LibraryQuery, items: RwSignal<Vec<ArtifactSummary>>, next: RwSignal<Option<String>>) -> impl IntoView {
    let toasts = use_toasts();
    let busy = RwSignal::new(false);
    let query = StoredValue::new(query);
    let load = move |cursor: String| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let answer = read_library(&LibraryQuery { cursor: Some(cursor), ..query.get_value() });
        leptos::task::spawn_local(async move {
            let page = answer.await;
            if busy.try_set(false).is_some() {
                return;
            }
            match page {
                Ok(page) => {
                    items.update(|items| items.extend(page.items));
                    next.set(page.next);
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    move || {
        next.get().map(|cursor| {
            let address = library_address(&LibraryQuery { cursor: Some(cursor.clone()), ..query.get_value() });
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
fn Row(artifact: ArtifactSummary, open: Memo<Option<ArtifactId>>, chosen: Chosen, choose: Callback<(ArtifactId, bool)>) -> impl IntoView {
    let id = artifact.id;
    let label = format!("Select {}", artifact.name);
    view! {
        <li>
            <input
                type="checkbox"
                class="pick"
                aria-label=label
                prop:checked=move || chosen.with(|chosen| chosen.contains_key(&id))
                on:click=move |event| choose.run((id, event.shift_key()))
            />
            <a href=artifact_address(id) aria-current=move || (open.get() == Some(id)).then_some("true")>
                <KindMark kind=artifact.kind small=true/>
                <span class="t">{artifact.name.clone()}</span>
                <Time at=artifact.deleted_at.unwrap_or(artifact.updated_at)/>
                <span class="d">{artifact.description.clone()}</span>
                <SummaryChips artifact=artifact/>
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
