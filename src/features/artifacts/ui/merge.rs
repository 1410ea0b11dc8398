//! Somebody committed since the draft began: both readings of each place, and a decision below each.

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::artifact::Shown;
use crate::{
    error::ErrorCode,
    features::{
        artifacts::{
            model::{
                MergeView, SaveMerge,
                merge::{Choice, MergePart},
            },
            state::{save_merge, use_merge},
        },
        pwa::ui::NeedsNetwork,
        volumes::model::subject,
    },
    ui::{Avatar, EmptyState, ErrorView, Icon, Loading, Transition, plural, relative_time, short_sha, toast, toast_error, use_toasts},
};

/// Lines of unchanged text shown before and after a place.
const AROUND: usize = 3;

#[component]
pub fn MergeTab(shown: Shown) -> impl IntoView {
    let view = use_merge(shown.id);
    view! {
        <Transition fallback=|| view! { <div class="scroll"><Loading/></div> }>
            {move || {
                view.get()
                    .map(|view| match view {
                        Ok(merge) => view! { <Merging shown=shown view=merge/> }.into_any(),
                        Err(error) if error.code == ErrorCode::Conflict => {
                            view! {
                                <div class="scroll">
                                    <EmptyState icon="ok" title="Nothing to merge" text="The draft stands on the newest commit.">
                                        <a class="btn" href=shown.tab("read")>"Read"</a>
                                    </EmptyState>
                                </div>
                            }
                                .into_any()
                        }
                        Err(error) => view! { <div class="scroll"><ErrorView error=error/></div> }.into_any(),
                    })
            }}
        </Transition>
    }
}

#[component]
fn Merging(shown: Shown, view: MergeView) -> impl IntoView {
    let toasts = use_toasts();
    let navigate = use_navigate();
    let MergeView { head, saves, merge } = view;
    let conflicts = merge.conflicts();
    let choices = RwSignal::new(BTreeMap::<usize, Choice>::new());
    let merge = StoredValue::new(merge);
    // What the person changed by hand after the decisions; a new decision starts again from the merge.
    let edited = RwSignal::new(None::<String>);
    let result = move || {
        edited.get().unwrap_or_else(|| {
            let choices = choices.get();
            merge.with_value(|merge| {
                merge.resolve(&(0..conflicts).map(|at| choices.get(&at).copied().unwrap_or(Choice::Ours)).collect::<Vec<_>>())
            })
        })
    };
    let open = move || conflicts - choices.with(BTreeMap::len);
    let busy = RwSignal::new(false);
    let save = move |_| {
        let merged = SaveMerge { text: untrack(result), saves, head_revision_id: head.id };
        let answer = save_merge(shown.id, merged);
        let navigate = navigate.clone();
        busy.set(true);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    toast(toasts, "Merged. The draft now stands on the newest commit");
                    shown.reload.try_run(());
                    navigate(&shown.tab("diff"), NavigateOptions::default());
                }
                Err(error) => toast_error(toasts, &error),
            }
            busy.try_set(false);
        });
    };
    let theirs =
        format!("{}, {}, {}", head.author.name, short_sha(&head.sha), relative_time(head.created_at, crate::browser::page::now_ms()));
    let author = head.author.clone();
    let places = merge.with_value(|merge| {
        let mut number = 0;
        merge
            .parts
            .iter()
            .enumerate()
            .filter_map(|(index, part)| {
                let MergePart::Conflict { ours, theirs, .. } = part else { return None };
                let before = merge.parts[..index].last().map(|part| clean_end(part, true)).unwrap_or_default();
                let after = merge.parts.get(index + 1).map(|part| clean_end(part, false)).unwrap_or_default();
                number += 1;
                Some((number - 1, before, lines_of(ours), lines_of(theirs), after))
            })
            .collect::<Vec<_>>()
    });
    view! {
        <div class="banner info" role="status">
            <Icon name="merge"/>
            <span>
                <b>{format!("{} committed \u{201c}{}\u{201d} in between. ", head.author.name, subject(&head.message))}</b>
                {if conflicts == 0 {
                    "The changes do not touch one another: check the result and save it.".to_owned()
                } else {
                    format!("{} touch one another. Nothing is lost: both texts stay in the history.", plural(conflicts as i64, "change", "changes"))
                }}
            </span>
        </div>
        <NeedsNetwork what="Saving the merge"/>
        <div class="scroll">
            {places
                .into_iter()
                .map(|(at, before, ours, others, after)| {
                    let who = theirs.clone();
                    let keep_theirs = format!("Keep {}\u{2019}s", author.name.split_whitespace().next().unwrap_or("theirs"));
                    let person = author.clone();
                    let choose = move |choice: Choice| {
                        edited.set(None);
                        choices.update(|choices| {
                            choices.insert(at, choice);
                        });
                    };
                    let class = move |choice: Choice| {
                        let chosen = choices.with(|choices| choices.get(&at) == Some(&choice));
                        if chosen { "btn s primary" } else { "btn s" }
                    };
                    let pressed = move |choice: Choice| choices.with(|choices| choices.get(&at) == Some(&choice)).to_string();
                    view! {
                        <section class="merge-place" aria-label=format!("Place {}", at + 1)>
                            <div class="mergev">
                                <div>
                                    <p class="who"><Icon name="edit"/>"The draft"</p>
                                    {paragraphs(&before, "")}
                                    {paragraphs(&ours, "add")}
                                    {paragraphs(&after, "")}
                                </div>
                                <div>
                                    <p class="who"><Avatar person=person size="s"/>{who}</p>
                                    {paragraphs(&before, "")}
                                    {paragraphs(&others, "del")}
                                    {paragraphs(&after, "")}
                                </div>
                            </div>
                            <footer>
                                <span>{format!("{} of {}.", at + 1, plural(conflicts as i64, "place", "places"))}</span>
                                <span class="push row">
                                    <button type="button" class=move || class(Choice::Theirs) aria-pressed=move || pressed(Choice::Theirs) on:click=move |_| choose(Choice::Theirs)>{keep_theirs}</button>
                                    <button type="button" class=move || class(Choice::Both) aria-pressed=move || pressed(Choice::Both) on:click=move |_| choose(Choice::Both)>"Keep both"</button>
                                    <button type="button" class=move || class(Choice::Ours) aria-pressed=move || pressed(Choice::Ours) on:click=move |_| choose(Choice::Ours)>"Keep the draft\u{2019}s"</button>
                                </span>
                            </footer>
                        </section>
                    }
                })
                .collect_view()}
            <section aria-label="Result">
                <h2 class="sect pad">"Result"</h2>
                <div class="codearea">
                    <textarea spellcheck="false" aria-label="Merged text" prop:value=result on:input=move |event| edited.set(Some(event_target_value(&event)))></textarea>
                </div>
            </section>
        </div>
        <div class="doc-foot">
            <span class="grow">
                {move || match open() {
                    0 => "Every place is decided.".to_owned(),
                    open => format!("{} left to decide.", plural(open as i64, "place is", "places are")),
                }}
            </span>
            <a class="btn" href=shown.tab("edit")>"Later"</a>
            <button type="button" class=move || if busy.get() { "btn primary busy" } else { "btn primary" } disabled=move || { open() > 0 && edited.with(Option::is_none) } on:click=save>
                "Save the merge"
            </button>
        </div>
    }
}

fn lines_of(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// The unchanged lines next to a place.
fn clean_end(part: &MergePart, last: bool) -> Vec<String> {
    let MergePart::Clean { text } = part else { return Vec::new() };
    let lines = lines_of(text);
    if last { lines[lines.len().saturating_sub(AROUND)..].to_vec() } else { lines.into_iter().take(AROUND).collect() }
}

fn paragraphs(lines: &[String], class: &'static str) -> AnyView {
    lines.iter().map(|line| view! { <p class=class>{line.clone()}</p> }).collect_view().into_any()
}
