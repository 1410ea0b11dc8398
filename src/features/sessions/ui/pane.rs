//! The artifacts of a session, beside its timeline: read, edited together, compared, and committed at the foot.

use std::collections::BTreeSet;

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::session::SessionTabs;
use crate::{
    features::{
        artifacts::ui::ArtifactBeside,
        sessions::{
            model::{CommitSession, SessionArtifact, SessionDetail},
            state::{commit_session, remove_artifact, session_address},
        },
    },
    ids::{ArtifactId, CommitId, SessionId},
    ui::{EmptyState, Icon, KindMark, plural, toast, toast_error, use_toasts},
};

#[component]
pub fn ArtifactsPane(
    session: SessionId,
    detail: RwSignal<SessionDetail>,
    open: Memo<Option<ArtifactId>>,
    reload: Callback<()>,
    may_write: Signal<bool>,
) -> impl IntoView {
    let navigate = use_navigate();
    let artifacts =
        Memo::new(move |_| detail.with(|detail| detail.artifacts.iter().filter(|artifact| !artifact.gone).cloned().collect::<Vec<_>>()));
    // Without one in the address the newest stands there, where there is room for it.
    let shown = Memo::new(move |_| open.get().or_else(|| artifacts.with(|artifacts| artifacts.last().map(|artifact| artifact.id))));
    let close = move |_| navigate(&session_address(session), NavigateOptions { scroll: false, ..NavigateOptions::default() });
    view! {
        <section class="pane side" aria-label="Artifacts" data-part="side">
            <SessionTabs detail=detail open=open/>
            <header class="bar">
                <nav class="doc-tabs grow" aria-label="Artifacts of this session">
                    <For
                        each=move || artifacts.get()
                        key=|artifact| (artifact.id, artifact.name.clone())
                        children=move |artifact| view! { <Tab session=session artifact=artifact artifacts=artifacts shown=shown/> }
                    />
                </nav>
                {move || {
                    let close = close.clone();
                    open.get().map(|_| view! { <button type="button" class="btn ghost icon-only wide-only" aria-label="Close" title="Close" on:click=close><Icon name="x"/></button> })
                }}
            </header>
            <For
                each=move || shown.get()
                key=|id| *id
                children=move |id| {
                    view! { <ArtifactBeside id=id at=format!("{}?artifact={id}", session_address(session)) changed=reload/> }
                }
            />
            {move || {
                shown
                    .get()
                    .is_none()
                    .then(|| {
                        view! {
                            <div class="scroll">
                                <EmptyState icon="artifacts" title="Nothing to work on yet" text="Name a skill, a tool or an agent in a message, such as @code-review: it opens here for everybody."/>
                            </div>
                        }
                    })
            }}
            {move || may_write.get().then(|| view! { <CommitFoot session=session detail=detail reload=reload/> })}
            <RemoveButton session=session shown=shown may_write=may_write reload=reload/>
        </section>
    }
}

#[component]
fn Tab(
    session: SessionId,
    artifact: SessionArtifact,
    artifacts: Memo<Vec<SessionArtifact>>,
    shown: Memo<Option<ArtifactId>>,
) -> impl IntoView {
    let id = artifact.id;
    let has_draft =
        Memo::new(move |_| artifacts.with(|artifacts| artifacts.iter().any(|artifact| artifact.id == id && artifact.has_draft)));
    view! {
        <a href=format!("{}?artifact={id}", session_address(session)) aria-current=move || (shown.get() == Some(id)).then_some("true") title=artifact.volume_name>
            <KindMark kind=artifact.kind small=true/>
            <span>{artifact.name}</span>
            {move || has_draft.get().then(|| view! { <i class="dot warn" title="Not committed"></i> <span class="sr">"not committed"</span> })}
        </a>
    }
}

/// Takes the artifact that is shown out of the session; it stays in its volume.
#[component]
fn RemoveButton(session: SessionId, shown: Memo<Option<ArtifactId>>, may_write: Signal<bool>, reload: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let navigate = use_navigate();
    let remove = Callback::new(move |id: ArtifactId| {
        let answer = remove_artifact(session, id);
        let navigate = navigate.clone();
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    navigate(&session_address(session), NavigateOptions { scroll: false, ..NavigateOptions::default() });
                    reload.try_run(());
                    toast(toasts, "Taken out of the session; it stays in its volume");
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    });
    view! {
        {move || {
            shown
                .get()
                .filter(|_| may_write.get())
                .map(|id| view! { <button type="button" class="sr-focus btn s ghost" on:click=move |_| remove.run(id)>"Take out of the session"</button> })
        }}
    }
}

/// Saves the drafts that are ticked, and the session's own record, as one commit.
#[component]
fn CommitFoot(session: SessionId, detail: RwSignal<SessionDetail>, reload: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let message = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let left_out = RwSignal::new(BTreeSet::<ArtifactId>::new());
    let drafts = Memo::new(move |_| {
        detail.with(|detail| detail.artifacts.iter().filter(|artifact| artifact.has_draft && !artifact.gone).cloned().collect::<Vec<_>>())
    });
    let chosen = move || {
        drafts.with(|drafts| drafts.iter().map(|draft| draft.id).filter(|id| !left_out.with(|out| out.contains(id))).collect::<Vec<_>>())
    };
    let commit = move || {
        let artifact_ids = untrack(chosen);
        if busy.get_untracked() || artifact_ids.is_empty() {
            return;
        }
        busy.set(true);
        let text = message.with_untracked(|message| message.trim().to_owned());
        let text = if text.is_empty() { detail.with_untracked(|detail| detail.summary.title.clone()) } else { text };
        let number = artifact_ids.len() as i64;
        let answer =
            commit_session(session, CommitSession { id: Some(CommitId::generate()), message: text, artifact_ids, volume_id: None });
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    message.try_set(String::new());
                    toast(toasts, format!("Committed {}", plural(number, "draft", "drafts")));
                }
                Err(error) => toast_error(toasts, &error),
            }
            busy.try_set(false);
            reload.try_run(());
        });
    };
    view! {
        <form
            class="doc-foot"
            on:submit=move |event| {
                event.prevent_default();
                commit();
            }
        >
            {move || {
                let list = drafts.get();
                (list.len() > 1)
                    .then(|| {
                        view! {
                            <details class="drop up">
                                <summary class="btn ghost icon-only" aria-label="Choose the drafts" title="Choose the drafts"><Icon name="list"/></summary>
                                <div class="pop menu">
                                    {list
                                        .into_iter()
                                        .map(|draft| {
                                            let id = draft.id;
                                            let toggle = move |_| {
                                                left_out
                                                    .update(|out| {
                                                        if !out.remove(&id) {
                                                            out.insert(id);
                                                        }
                                                    });
                                            };
                                            view! {
                                                <label class="check">
                                                    <input type="checkbox" prop:checked=move || !left_out.with(|out| out.contains(&id)) on:change=toggle/>
                                                    <span>{draft.name}</span>
                                                </label>
                                            }
                                        })
                                        .collect_view()}
                                </div>
                            </details>
                        }
                    })
            }}
            <label class="grow">
                <span class="sr">"Commit message"</span>
                <input class="input" placeholder="What changed" prop:value=move || message.get() on:input=move |event| message.set(event_target_value(&event))/>
            </label>
            <button type="submit" class="btn primary" disabled=move || busy.get() || chosen().is_empty()>
                <Icon name="commit"/>
                {move || match chosen().len() {
                    0 => "Commit".to_owned(),
                    number => format!("Commit {}", plural(number as i64, "draft", "drafts")),
                }}
            </button>
        </form>
    }
}
