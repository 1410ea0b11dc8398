//! The artifacts of a session, beside its timeline: read, edited together, compared, and committed at the foot.

use std::collections::BTreeSet;

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::session::SessionTabs;
use crate::{
    browser::page,
    features::{
        artifacts::ui::{ArtifactBeside, artifact_address},
        outbox::state::say_sent,
        sessions::{
            model::{CommitSession, Completion, SessionArtifact, SessionDetail, SessionStatus},
            state::{add_artifact, commit_session, read_completions, remove_artifact, session_address},
        },
    },
    ids::{ArtifactId, CommitId, SessionId, VolumeId},
    ui::{Dialog, EmptyState, Icon, KindMark, plural, toast_error, toast_undo, use_toasts},
};

#[component]
pub fn ArtifactsPane(
    session: SessionId,
    detail: RwSignal<SessionDetail>,
    open: Memo<Option<ArtifactId>>,
    aside: Memo<bool>,
    reload: Callback<()>,
    may_write: Signal<bool>,
) -> impl IntoView {
    let artifacts =
        Memo::new(move |_| detail.with(|detail| detail.artifacts.iter().filter(|artifact| !artifact.gone).cloned().collect::<Vec<_>>()));
    // Without one in the address the newest stands there, where there is room for it.
    let shown = Memo::new(move |_| open.get().or_else(|| artifacts.with(|artifacts| artifacts.last().map(|artifact| artifact.id))));
    view! {
        <section class="pane side" aria-label="Artifacts" data-part="side">
            // The session's own bar is in the other part, which is not shown beside this one there.
            <header class="bar narrow-only">
                <a class="btn ghost icon-only" href="/sessions" aria-label="All sessions"><Icon name="chev-l"/></a>
                <h2>{move || detail.with(|detail| detail.summary.title.clone())}</h2>
            </header>
            <SessionTabs detail=detail aside=aside/>
            <header class="bar">
                <nav class="doc-tabs grow" aria-label="Artifacts of this session">
                    <For
                        each=move || artifacts.get()
                        key=|artifact| (artifact.id, artifact.name.clone())
                        children=move |artifact| view! { <Tab session=session artifact=artifact artifacts=artifacts shown=shown/> }
                    />
                </nav>
                {move || {
                    may_write
                        .get()
                        .then(|| {
                            view! {
                                <button type="button" class="btn ghost icon-only" aria-label="Add an artifact" title="Add an artifact" on:click=move |_| page::open_dialog(ADD)>
                                    <Icon name="plus"/>
                                </button>
                            }
                        })
                }}
                <PaneMenu session=session shown=shown may_write=may_write reload=reload/>
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
                                <EmptyState icon="artifacts" title="Nothing to work on yet" text="Name a skill, a tool or an agent in a message, such as @code-review: it opens here for everybody.">
                                    {move || may_write.get().then(|| view! { <button type="button" class="btn" on:click=move |_| page::open_dialog(ADD)><Icon name="plus"/>"Add an artifact"</button> })}
                                </EmptyState>
                            </div>
                        }
                    })
            }}
            {move || may_write.get().then(|| view! { <CommitFoot session=session detail=detail reload=reload/> })}
        </section>
        <AddDialog session=session reload=reload/>
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

/// What can be done with the artifact that is shown.
#[component]
fn PaneMenu(session: SessionId, shown: Memo<Option<ArtifactId>>, may_write: Signal<bool>, reload: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let navigate = use_navigate();
    let to_session =
        Callback::new(move |()| navigate(&session_address(session), NavigateOptions { scroll: false, ..NavigateOptions::default() }));
    let remove = Callback::new(move |id: ArtifactId| {
        let answer = remove_artifact(session, id);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    to_session.try_run(());
                    reload.try_run(());
                    toast_undo(toasts, "Taken out of the session; it stays in its volume", move || {
                        let answer = add_artifact(session, id);
                        leptos::task::spawn_local(async move {
                            match answer.await {
                                Ok(()) => drop(reload.try_run(())),
                                Err(error) => toast_error(toasts, &error),
                            }
                        });
                    });
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    });
    view! {
        {move || {
            shown
                .get()
                .map(|id| {
                    view! {
                        <details class="drop end">
                            <summary class="btn ghost icon-only" aria-label="This artifact" title="This artifact"><Icon name="more"/></summary>
                            <div class="pop menu">
                                <a href=artifact_address(id)><Icon name="external"/>"Open its own page"</a>
                                {move || {
                                    may_write
                                        .get()
                                        .then(|| view! { <button type="button" on:click=move |_| remove.run(id)><Icon name="x"/>"Take out of the session"</button> })
                                }}
                            </div>
                        </details>
                    }
                })
        }}
    }
}

const ADD: &str = "add-artifact";
const FIND: &str = "find-artifact";

/// Finds an artifact by name and brings it into the session.
#[component]
fn AddDialog(session: SessionId, reload: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let navigate = use_navigate();
    let typed = RwSignal::new(String::new());
    let found = RwSignal::new(None::<Vec<SessionArtifact>>);
    // Only the answer to the newest question counts.
    let asked = StoredValue::new(0_u32);
    let look = move || {
        asked.update_value(|asked| *asked += 1);
        let number = asked.get_value();
        page::after_forget(120, move || {
            if asked.try_get_value() != Some(number) {
                return;
            }
            let answer = read_completions(&format!("/sessions/{session}/completions?"), &typed.get_untracked());
            leptos::task::spawn_local(async move {
                let Ok(options) = answer.await else { return };
                if asked.try_get_value() == Some(number) {
                    let artifacts = options.into_iter().filter_map(|option| match option {
                        Completion::Artifact { artifact } => Some(artifact),
                        Completion::Person { .. } => None,
                    });
                    found.try_set(Some(artifacts.collect()));
                }
            });
        });
    };
    let add = Callback::new(move |id: ArtifactId| {
        let answer = add_artifact(session, id);
        let navigate = navigate.clone();
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    page::close_dialog(ADD);
                    typed.try_set(String::new());
                    found.try_set(None);
                    reload.try_run(());
                    let address = format!("{}?artifact={id}", session_address(session));
                    navigate(&address, NavigateOptions { scroll: false, ..NavigateOptions::default() });
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    });
    view! {
        <Dialog id=ADD title=Signal::stored("Add an artifact".to_owned()) size="s">
            <div class="body add-artifact">
                <form
                    on:submit=move |event| {
                        event.prevent_default();
                        if let Some(first) = found.with_untracked(|found| found.as_ref()?.first().map(|artifact| artifact.id)) {
                            add.run(first);
                        }
                    }
                >
                    <label class="input">
                        <Icon name="search"/>
                        <span class="sr">"Name of a skill, a tool or an agent"</span>
                        <input
                            id=FIND
                            type="text"
                            placeholder="Name of a skill, a tool or an agent"
                            autocomplete="off"
                            spellcheck="false"
                            prop:value=move || typed.get()
                            on:focus=move |_| look()
                            on:input=move |event| {
                                typed.set(event_target_value(&event));
                                look();
                            }
                        />
                    </label>
                </form>
                <div class="menu" role="group" aria-label="Found">
                    {move || match found.get() {
                        None => ().into_any(),
                        Some(list) if list.is_empty() => view! { <p class="hint">"Nothing here has that name."</p> }.into_any(),
                        Some(list) => {
                            list.into_iter()
                                .map(|artifact| {
                                    let id = artifact.id;
                                    view! {
                                        <button type="button" on:click=move |_| add.run(id)>
                                            <KindMark kind=artifact.kind small=true/>
                                            <span class="trunc grow">{artifact.name}</span>
                                            <span class="t3 f12 trunc">{artifact.volume_name}</span>
                                        </button>
                                    }
                                })
                                .collect_view()
                                .into_any()
                        }
                    }}
                </div>
            </div>
        </Dialog>
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
    // A commit is in one volume: that of the draft picked last, at first of the first one.
    let picked = RwSignal::new(None::<VolumeId>);
    let volume = Memo::new(move |_| {
        drafts.with(|drafts| {
            let picked = picked.get().filter(|volume| drafts.iter().any(|draft| draft.volume_id == Some(*volume)));
            picked.or_else(|| drafts.first()?.volume_id)
        })
    });
    let is_chosen = move |id: ArtifactId, of: Option<VolumeId>| of == volume.get() && !left_out.with(|out| out.contains(&id));
    let chosen = move || {
        drafts.with(|drafts| drafts.iter().filter(|draft| is_chosen(draft.id, draft.volume_id)).map(|draft| draft.id).collect::<Vec<_>>())
    };
    // Talk alone can be committed too, once: the record of the session is what is saved then.
    let talk_only = Memo::new(move |_| {
        drafts.with(Vec::is_empty) && detail.with(|detail| detail.summary.status == SessionStatus::Active && detail.summary.entries > 0)
    });
    // Once one was left out, the last draft is offered as well: otherwise it could never be committed here. What is offered does not go away
    // under the hand that chooses.
    let touched = RwSignal::new(false);
    let choosing = Memo::new(move |_| drafts.with(|drafts| drafts.len() > 1 || touched.get() && !drafts.is_empty()));
    let commit = move || {
        let artifact_ids = untrack(chosen);
        if busy.get_untracked() || artifact_ids.is_empty() && !talk_only.get_untracked() {
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
                Ok(sent) => {
                    message.try_set(String::new());
                    say_sent(
                        toasts,
                        sent,
                        if number > 0 {
                            format!("Committed {}", plural(number, "draft", "drafts"))
                        } else {
                            "Committed the session".to_owned()
                        },
                    );
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
                let several = list.iter().any(|draft| draft.volume_id != list[0].volume_id);
                choosing
                    .get()
                    .then(|| {
                        view! {
                            <details class="drop up">
                                <summary class="btn ghost icon-only" aria-label="Choose the drafts" title="Choose the drafts"><Icon name="list"/></summary>
                                <div class="pop menu">
                                    {list
                                        .into_iter()
                                        .map(|draft| {
                                            let id = draft.id;
                                            let of_it = draft.volume_id;
                                            let where_it_is = several.then(|| draft.volume_name.clone());
                                            let checked = move || is_chosen(id, of_it);
                                            let toggle = move |_| {
                                                let was = untrack(checked);
                                                touched.set(true);
                                                picked.set(of_it);
                                                left_out
                                                    .update(|out| {
                                                        if was {
                                                            out.insert(id);
                                                        } else {
                                                            out.remove(&id);
                                                        }
                                                    });
                                            };
                                            view! {
                                                <label class="check">
                                                    <input type="checkbox" prop:checked=checked on:change=toggle/>
                                                    <span>{draft.name} {where_it_is.map(|name| view! { <small class="t3">{name}</small> })}</span>
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
            <button type="submit" class="btn" class:primary=move || !talk_only.get() disabled=move || busy.get() || chosen().is_empty() && !talk_only.get()>
                <Icon name="commit"/>
                {move || match chosen().len() {
                    0 if talk_only.get() => "Commit the session".to_owned(),
                    0 => "Commit".to_owned(),
                    number => format!("Commit {}", plural(number as i64, "draft", "drafts")),
                }}
            </button>
        </form>
    }
}
