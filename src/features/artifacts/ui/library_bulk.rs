//! Acts on many artifacts at once.

use std::collections::{BTreeMap, BTreeSet};

use leptos::prelude::*;

use super::{library_rows::Chosen, parts::VolumeDialog};
use crate::{
    browser::page,
    features::{
        artifacts::{
            model::{ArtifactSummary, Bulk, BulkReport},
            state::act_on_many,
        },
        outbox::state::say_sent,
        volumes::{
            model::{CommitItem, CreateCommit},
            state::{create_commit, use_volumes},
        },
    },
    ids::{ArtifactId, CommitId, VolumeId},
    ui::{Dialog, Field, Icon, Transition, plural, toast, toast_error, toast_undo, use_toasts},
};

/// A commit of the drafts among these. The server makes one of each volume, all or none.
pub fn commit_of(artifacts: &[ArtifactSummary], message: String) -> CreateCommit {
    let artifacts = artifacts
        .iter()
        .filter(|artifact| artifact.has_draft)
        .map(|artifact| CommitItem { id: artifact.id, base_revision_id: artifact.head_revision_id })
        .collect();
    CreateCommit { id: Some(CommitId::generate()), message, artifacts, after_own: false }
}

fn said(report: &BulkReport, verb: &str) -> String {
    let mut text = format!("{verb} {}", plural(report.done, "artifact", "artifacts"));
    if let Some(first) = report.refused.first() {
        text = format!("{text}; {} stayed: {first}", report.refused.len());
    }
    text
}

/// What moves each back to where it was.
fn places_back<'a>(artifacts: impl Iterator<Item = &'a ArtifactSummary>) -> Vec<Bulk> {
    let mut places: BTreeMap<VolumeId, Vec<ArtifactId>> = BTreeMap::new();
    for artifact in artifacts {
        places.entry(artifact.volume_id).or_default().push(artifact.id);
    }
    places.into_iter().map(|(volume_id, ids)| Bulk::Move { ids, volume_id }).collect()
}

/// What gives each the tags that it had: those that were there stay, those that were not go.
fn tags_back<'a>(artifacts: impl Iterator<Item = &'a ArtifactSummary>, added: &[String], removed: &[String]) -> Vec<Bulk> {
    let mut alike: BTreeMap<(Vec<String>, Vec<String>), Vec<ArtifactId>> = BTreeMap::new();
    for artifact in artifacts {
        let had = |tag: &&String| artifact.tags.iter().any(|known| known.eq_ignore_ascii_case(tag));
        let lost = removed.iter().filter(had).cloned().collect();
        let gained = added.iter().filter(|tag| !had(tag)).cloned().collect();
        alike.entry((lost, gained)).or_default().push(artifact.id);
    }
    alike
        .into_iter()
        .filter(|((lost, gained), _)| !lost.is_empty() || !gained.is_empty())
        .map(|((add, remove), ids)| Bulk::Tag { ids, add, remove })
        .collect()
}

#[component]
pub fn BulkBar(items: RwSignal<Vec<ArtifactSummary>>, chosen: Chosen, trash: Memo<bool>, refresh: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let ids = move || chosen.with_untracked(|chosen| chosen.keys().copied().collect::<Vec<ArtifactId>>());
    // Somebody may have chosen others meanwhile.
    let done_with = move |ids: &[ArtifactId]| {
        let _ = chosen.try_update(|chosen| chosen.retain(|id, _| !ids.contains(id)));
    };
    let run = move |act: Bulk, verb: &'static str, undo: Vec<Bulk>| {
        let acted = ids();
        let answer = act_on_many(act);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(report) => {
                    done_with(&acted);
                    let text = said(&report, verb);
                    if undo.is_empty() || report.done == 0 {
                        toast(toasts, text);
                    } else {
                        toast_undo(toasts, text, move || {
                            let acts = undo.clone();
                            leptos::task::spawn_local(async move {
                                for act in acts {
                                    if let Err(error) = act_on_many(act).await {
                                        toast_error(toasts, &error);
                                    }
                                }
                                refresh.try_run(());
                            });
                        });
                    }
                    refresh.try_run(());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    let message = RwSignal::new(String::new());
    let commit = move || {
        let list: Vec<ArtifactSummary> = chosen.with_untracked(|chosen| chosen.values().cloned().collect());
        let text = message.get_untracked().trim().to_owned();
        let commit = commit_of(&list, if text.is_empty() { "Update several artifacts".to_owned() } else { text });
        let number = commit.artifacts.len();
        page::close_dialog("bulk-commit");
        leptos::task::spawn_local(async move {
            match create_commit(commit).await {
                Ok(sent) => {
                    done_with(&list.iter().map(|artifact| artifact.id).collect::<Vec<_>>());
                    say_sent(toasts, sent, format!("Committed {}", plural(number as i64, "draft", "drafts")));
                }
                Err(error) => toast_error(toasts, &error),
            }
            refresh.try_run(());
        });
    };
    let add = RwSignal::new(String::new());
    let remove = RwSignal::new(String::new());
    let tag = move || {
        let words = |signal: RwSignal<String>| {
            signal.with_untracked(|text| {
                text.split([',', ' ']).map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect::<Vec<_>>()
            })
        };
        page::close_dialog("bulk-tag");
        let (added, removed) = (words(add), words(remove));
        add.set(String::new());
        remove.set(String::new());
        let undo = chosen.with_untracked(|chosen| tags_back(chosen.values(), &added, &removed));
        run(Bulk::Tag { ids: ids(), add: added, remove: removed }, "Tagged", undo);
    };
    let drafts = move || chosen.with(|chosen| chosen.values().filter(|artifact| artifact.has_draft).count());
    let bar = move || {
        let number = chosen.with(BTreeMap::len);
        if number == 0 {
            return None;
        }
        let acts = if trash.get() {
            view! { <button type="button" class="btn s" on:click=move |_| run(Bulk::Restore { ids: ids() }, "Took back", Vec::new())><Icon name="undo"/>"Take back"</button> }.into_any()
        } else {
            view! {
                {(drafts() > 0).then(|| view! { <button type="button" class="btn s" on:click=move |_| page::open_dialog("bulk-commit")><Icon name="commit"/>"Commit"</button> })}
                <button type="button" class="btn s" on:click=move |_| page::open_dialog("bulk-move")>"Move"</button>
                <button type="button" class="btn s" on:click=move |_| page::open_dialog("bulk-tag")><Icon name="tag"/>"Tag"</button>
                <ExportMenu chosen=chosen/>
                <button
                    type="button"
                    class="btn s danger"
                    on:click=move |_| run(Bulk::Delete { ids: ids() }, "Deleted", vec![Bulk::Restore { ids: ids() }])
                >
                    "Delete"
                </button>
            }
            .into_any()
        };
        let all = items.with(Vec::len);
        Some(view! {
            <div class="bulk" role="toolbar" aria-label="Selection">
                <b>{format!("{number} chosen")}</b>
                {(number < all)
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                class="btn s ghost"
                                on:click=move |_| chosen.set(items.with_untracked(|items| items.iter().map(|item| (item.id, item.clone())).collect()))
                            >
                                {format!("All {all} here")}
                            </button>
                        }
                    })}
                {acts}
                <button type="button" class="btn ghost icon-only s" aria-label="Clear the selection" title="Clear the selection" on:click=move |_| chosen.set(BTreeMap::new())>
                    <Icon name="x"/>
                </button>
            </div>
        })
    };
    view! {
        {bar}
        <VolumeDialog
            id="bulk-move"
            title="Move to a volume"
            verb="Move"
            hint="History, drafts and files go along."
            act=Callback::new(move |volume_id| {
                let undo = chosen.with_untracked(|chosen| places_back(chosen.values()));
                run(Bulk::Move { ids: ids(), volume_id }, "Moved", undo);
            })
        />
        <Dialog id="bulk-tag" title="Tags" size="s">
            <form
                class="form"
                on:submit=move |event| {
                    event.prevent_default();
                    tag();
                }
            >
                <div class="body">
                    <Field id="bulk-tag-add" label="Add" value=add hint="Separated by commas"/>
                    <Field id="bulk-tag-remove" label="Take away" value=remove/>
                </div>
                <footer>
                    <span class="hint">"Kept as drafts."</span>
                    <button type="submit" class="btn primary">"Change tags"</button>
                </footer>
            </form>
        </Dialog>
        <Dialog id="bulk-commit" title="Commit" size="s">
            <form
                class="form"
                on:submit=move |event| {
                    event.prevent_default();
                    commit();
                }
            >
                <div class="body">
                    <Field id="bulk-commit-message" label="Message" value=message hint="What changed, in a line"/>
                    {move || {
                        let places: BTreeSet<VolumeId> = chosen.with(|chosen| chosen.values().map(|artifact| artifact.volume_id).collect());
                        (places.len() > 1).then(|| view! { <p class="hint">{format!("One commit in each of {} volumes.", places.len())}</p> })
                    }}
                </div>
                <footer>
                    <button type="submit" class="btn primary">{move || format!("Commit {}", plural(drafts() as i64, "draft", "drafts"))}</button>
                </footer>
            </form>
        </Dialog>
    }
}

/// Ids in one address; of more than these the whole volume is taken.
const EXPORTED_BY_ID: usize = 1_000;

/// One zip of what is chosen; one for each volume when it is of several.
#[component]
fn ExportMenu(chosen: Chosen) -> impl IntoView {
    let volumes = use_volumes();
    if let Some(id) = chosen.with_untracked(|chosen| if chosen.len() == 1 { chosen.keys().next().copied() } else { None }) {
        return view! { <a class="btn s" href=format!("/api/v1/artifacts/{id}/download") download=""><Icon name="download"/>"Export"</a> }
            .into_any();
    }
    // A volume gives out what is committed in it.
    let mut places: BTreeMap<VolumeId, Vec<String>> = BTreeMap::new();
    chosen.with_untracked(|chosen| {
        for artifact in chosen.values().filter(|artifact| !artifact.new) {
            places.entry(artifact.volume_id).or_default().push(artifact.id.to_string());
        }
    });
    let address = |id: VolumeId, artifacts: &[String]| {
        let only = if artifacts.len() > EXPORTED_BY_ID { String::new() } else { format!("?artifacts={}", artifacts.join(",")) };
        format!("/api/v1/volumes/{id}/export{only}")
    };
    let mut links = places.iter().map(|(id, artifacts)| (*id, address(*id, artifacts), artifacts.len()));
    match (links.next(), places.len()) {
        (None, _) => {
            view! { <button type="button" class="btn s" disabled title="None of these is committed yet"><Icon name="download"/>"Export"</button> }
                .into_any()
        }
        (Some((_, address, _)), 1) => view! { <a class="btn s" href=address download=""><Icon name="download"/>"Export"</a> }.into_any(),
        (Some(first), _) => {
            let links: Vec<_> = std::iter::once(first)
                .chain(links)
                .map(|(id, address, number)| {
                    let name = move || volumes.name_of(id);
                    view! {
                        <a href=address download="">
                            <Icon name="download"/>
                            <Transition>{name}</Transition>
                            <span class="count">{number}</span>
                        </a>
                    }
                })
                .collect();
            view! {
                <details class="drop up">
                    <summary class="btn s"><Icon name="download"/>"Export"</summary>
                    <div class="pop menu" aria-label="A zip of each volume">{links}</div>
                </details>
            }
            .into_any()
        }
    }
}
