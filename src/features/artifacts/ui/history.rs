//! Every committed state of an artifact: compare any two, restore one.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::{
    artifact::Shown,
    read::{DraftRow, RevisionLines},
};
use crate::{
    features::{
        accounts::model::Action,
        artifacts::{
            model::{HistoryPage, RevisionSummary},
            state::{read_history, restore_revision, use_history},
        },
        pwa::ui::NeedsNetwork,
        volumes::model::subject,
    },
    ids::RevisionId,
    ui::{EmptyState, ErrorView, Icon, Loading, toast, toast_error, use_toasts},
};

#[component]
pub fn HistoryTab(shown: Shown) -> impl IntoView {
    let query = use_query_map();
    let before = Memo::new(move |_| query.with(|query| query.get("before").and_then(|id| id.parse::<RevisionId>().ok())));
    let head = Memo::new(move |_| shown.detail.with(|detail| detail.head.as_ref().map(|head| head.id)));
    let history = use_history(shown.id, before, head);
    view! {
        <Transition fallback=|| view! { <div class="scroll"><Loading/></div> }>
            {move || {
                history
                    .get()
                    .map(|page| match page {
                        Ok(page) if page.revisions.is_empty() => {
                            view! {
                                <div class="scroll">
                                    <EmptyState icon="history" title="Never committed" text="Each commit of this artifact stands here, to compare and to restore.">
                                        <a class="btn" href=shown.tab("edit")>"Edit"</a>
                                    </EmptyState>
                                </div>
                            }
                                .into_any()
                        }
                        Ok(page) => view! { <Revisions shown=shown page=page first=before.get_untracked().is_none()/> }.into_any(),
                        Err(error) => view! { <div class="scroll"><ErrorView error=error/></div> }.into_any(),
                    })
            }}
        </Transition>
    }
}

#[component]
fn Revisions(shown: Shown, page: HistoryPage, first: bool) -> impl IntoView {
    let toasts = use_toasts();
    let revisions = RwSignal::new(page.revisions);
    let next = RwSignal::new(page.next);
    // At most two, in the order chosen.
    let picked = RwSignal::new(Vec::<RevisionId>::new());
    let more = move |before: RevisionId| {
        let answer = read_history(shown.id, Some(before));
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(page) => {
                    revisions.try_update(|revisions| revisions.extend(page.revisions));
                    next.try_set(page.next);
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    // The older one is what the newer one is compared with.
    let compare = move || {
        picked.with(|picked| match picked[..] {
            [a, b] => Some(format!("{}&from={}&to={}", shown.tab("diff"), a.min(b), a.max(b))),
            _ => None,
        })
    };
    let newest = revisions.with_untracked(|revisions| revisions.first().map(|revision| revision.id)).filter(|_| first);
    view! {
        {move || shown.may_edit().then(|| view! { <NeedsNetwork what="Restoring"/> })}
        <div class="scroll">
            <ol class="revs wide">
                {move || {
                    shown
                        .detail
                        .with(|detail| detail.draft.clone())
                        .filter(|_| first)
                        .map(|draft| view! { <DraftRow shown=shown draft=draft/> })
                }}
                <For each=move || revisions.get() key=|revision| revision.id let:revision>
                    <RevisionRow shown=shown head=newest revision=revision picked=picked/>
                </For>
            </ol>
            {move || {
                next.get()
                    .map(|before| {
                        let address = format!("{}&before={before}", shown.tab("history"));
                        view! {
                            <p class="more">
                                <a
                                    class="btn"
                                    href=address
                                    on:click=move |event| {
                                        event.prevent_default();
                                        more(before);
                                    }
                                >
                                    "Load more"
                                </a>
                            </p>
                        }
                    })
            }}
        </div>
        {move || {
            let number = picked.with(Vec::len);
            (number > 0)
                .then(|| {
                    view! {
                        <div class="bulk" role="toolbar" aria-label="Comparison">
                            <b>{if number == 1 { "Choose another one to compare with" } else { "2 chosen" }}</b>
                            {compare().map(|address| view! { <a class="btn s primary" href=address><Icon name="diff"/>"Compare"</a> })}
                            <button type="button" class="btn ghost icon-only s" aria-label="Clear the selection" title="Clear the selection" on:click=move |_| picked.set(Vec::new())>
                                <Icon name="x"/>
                            </button>
                        </div>
                    }
                })
        }}
    }
}

#[component]
fn RevisionRow(shown: Shown, head: Option<RevisionId>, revision: RevisionSummary, picked: RwSignal<Vec<RevisionId>>) -> impl IntoView {
    let toasts = use_toasts();
    let navigate = use_navigate();
    let id = revision.id;
    let current = head == Some(id);
    let commit = format!("/commits/{}", revision.commit_id);
    let message = subject(&revision.message).to_owned();
    let label = format!("Compare \u{201c}{message}\u{201d}");
    let restore = move |_| {
        let answer = restore_revision(shown.id, id);
        let navigate = navigate.clone();
        let message = message.clone();
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    toast(toasts, format!("Restored \u{201c}{message}\u{201d}"));
                    shown.reload.try_run(());
                    navigate(&shown.tab("read"), NavigateOptions::default());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    view! {
        <li class=move || (current && shown.detail.with(|detail| detail.draft.is_none())).then_some("now")>
            <a href=format!("{}&to={id}", shown.tab("diff"))>
                <RevisionLines revision=revision/>
            </a>
            <span class="acts">
                <label class="check" title="Compare">
                    <input
                        type="checkbox"
                        aria-label=label
                        prop:checked=move || picked.with(|picked| picked.contains(&id))
                        on:change=move |event| {
                            let on = event_target_checked(&event);
                            picked
                                .update(|picked| {
                                    picked.retain(|known| *known != id);
                                    if on {
                                        if picked.len() == 2 {
                                            picked.remove(0);
                                        }
                                        picked.push(id);
                                    }
                                });
                        }
                    />
                </label>
                <a class="btn s ghost wide-only" href=commit>"Commit"</a>
                {(!current)
                    .then(|| {
                        let restore = restore.clone();
                        move || {
                            let restore = restore.clone();
                            (shown.may_edit() && shown.role().allows(Action::Commit)).then(|| view! { <button type="button" class="btn s" on:click=restore>"Restore"</button> })
                        }
                    })}
            </span>
        </li>
    }
}
