//! The reading view with what belongs to the artifact beside it, and the source with line numbers.

use leptos::prelude::*;

use super::{
    artifact::Shown,
    frontmatter::FrontmatterForm,
    parts::{artifact_address, owner_words},
    try_tool::TryTool,
};
use crate::{
    browser::page,
    features::{
        artifacts::{
            model::{
                DraftInfo, HistoryPage, RevisionSummary, Sibling,
                validate::{Hint, Severity},
            },
            state::use_newest,
        },
        search::ui::MoreLikeThis,
        tasks::ui::TasksAbout,
        volumes::{
            model::{VolumeKind, subject},
            state::use_volumes,
        },
    },
    ui::{Icon, LineCounts, Time, count, late, short_sha, toast, use_toasts},
};

#[component]
pub fn ReadTab(shown: Shown) -> impl IntoView {
    let html = Memo::new(move |_| shown.detail.with(|detail| detail.html.clone()));
    copy_buttons();
    view! {
        <div class="scroll">
            <div class="art">
                <article class="doc">
                    {move || {
                        if html.with(String::is_empty) {
                            view! { <p class="t3">"There is no text yet."</p> }.into_any()
                        } else {
                            view! { <div class="prose" inner_html=html.get()></div> }.into_any()
                        }
                    }}
                    <TryTool shown=shown/>
                </article>
                <Meta shown=shown/>
            </div>
        </div>
    }
}

/// The copy buttons of code blocks are plain HTML in the rendered text; one listener serves all of the document.
pub fn copy_buttons() {
    let toasts = use_toasts();
    let listens = use_volumes().copies;
    Effect::new(move |_| {
        if listens.try_update_value(|listens| std::mem::replace(listens, true)) == Some(false) {
            page::on_copy_buttons(move |code| {
                page::copy(code, move |done| {
                    if done {
                        toast(toasts, "Copied");
                    }
                });
            });
        }
    });
}

#[component]
fn Meta(shown: Shown) -> impl IntoView {
    let history = use_newest(shown.id);
    let detail = shown.detail;
    // A commit or a save changes what stands here.
    let seen = detail.with_untracked(|detail| detail.head.as_ref().map(|head| head.id));
    Effect::new(move |_| {
        if detail.with(|detail| detail.head.as_ref().map(|head| head.id)) != seen {
            history.refetch();
        }
    });
    let dependencies = move || detail.with(|detail| detail.dependencies.clone());
    view! {
        <aside class="meta" aria-label="About this artifact">
            <FrontmatterForm shown=shown/>
            {move || {
                let hints = detail.with(|detail| detail.hints.clone());
                (!hints.is_empty()).then(|| view! { <section><h2>"Hints" <span class="count">{hints.len()}</span></h2> <HintList hints=hints/></section> })
            }}
            {move || {
                let siblings = detail.with(|detail| detail.siblings.clone());
                (!siblings.is_empty()).then(|| view! { <Precedence shown=shown siblings=siblings/> })
            }}
            {move || {
                let list = dependencies();
                (!list.is_empty())
                    .then(|| {
                        view! {
                            <section>
                                <h2>"Depends on" <span class="count">{list.len()}</span></h2>
                                <div class="chips">
                                    {list
                                        .into_iter()
                                        .map(|name| {
                                            let address = format!("/artifacts?q={}", crate::browser::data::encode(name.split(['@', ' ']).next().unwrap_or(&name)));
                                            view! { <a class="chip line mono" href=address>{name}</a> }
                                        })
                                        .collect_view()}
                                </div>
                            </section>
                        }
                    })
            }}
            <section>
                <h2>
                    "History"
                    <Transition>
                        {move || {
                            history.arrived().map(|page| late(move || {
                                page.read().ok().filter(|page| page.total > 0).map(|page| view! { <a class="link" href=shown.tab("history")>{format!("All {}", count(page.total))}</a> })
                            }))
                        }}
                    </Transition>
                </h2>
                <Transition>
                    {move || history.arrived().map(|page| late(move || {
                        let draft = detail.with(|detail| detail.draft.clone());
                        page.read().ok().map(|page| view! { <LatestRevisions shown=shown page=page draft=draft/> })
                    }))}
                </Transition>
            </section>
            <TasksAbout id=shown.id/>
            <section>
                <h2>"Where"</h2>
                <p class="f12 t2 wrap-any">
                    <a class="link" href=move || format!("/volumes/{}", detail.with(|detail| detail.summary.volume_id))>{move || detail.with(|detail| detail.volume_name.clone())}</a>
                    " / "
                    <code>{move || detail.with(|detail| detail.path.clone())}</code>
                </p>
            </section>
            {shown.detail.with_untracked(|detail| detail.head.is_some()).then(|| view! { <MoreLikeThis id=shown.id/> })}
        </aside>
    }
}

#[component]
fn LatestRevisions(shown: Shown, page: HistoryPage, draft: Option<DraftInfo>) -> impl IntoView {
    let is_draft = draft.is_some();
    view! {
        <ol class="revs">
            {draft.map(|draft| view! { <DraftRow shown=shown draft=draft/> })}
            {page
                .revisions
                .into_iter()
                .take(6)
                .enumerate()
                .map(|(index, revision)| {
                    let address = format!("{}&to={}", shown.tab("diff"), revision.id);
                    view! { <li class=(index == 0 && !is_draft).then_some("now")><a href=address><RevisionLines revision=revision/></a></li> }
                })
                .collect_view()}
        </ol>
    }
}

/// What is not committed, above the revisions.
#[component]
pub fn DraftRow(shown: Shown, draft: DraftInfo) -> impl IntoView {
    view! {
        <li class="now">
            <a href=shown.tab("diff")>
                <p>"Draft"</p>
                <small>
                    <code>"live"</code>
                    <span>{draft.updated_by.name} ", " <Time at=draft.updated_at/></span>
                    <LineCounts added=draft.added removed=draft.removed/>
                </small>
            </a>
        </li>
    }
}

/// "Tom", "Tom with Ines", "Tom with Ines and 2 more".
fn with_contributors(revision: &RevisionSummary) -> String {
    let author = &revision.author.name;
    match revision.contributors.as_slice() {
        [] => author.clone(),
        [one] => format!("{author} with {}", one.name),
        [one, other] => format!("{author} with {} and {}", one.name, other.name),
        [one, more @ ..] => format!("{author} with {} and {} more", one.name, more.len()),
    }
}

#[component]
pub fn RevisionLines(revision: RevisionSummary) -> impl IntoView {
    view! {
        <p title=revision.message.clone()>{subject(&revision.message).to_owned()}</p>
        <small>
            <code>{short_sha(&revision.sha)}</code>
            <span>{with_contributors(&revision)} ", " <Time at=revision.created_at/></span>
            <LineCounts added=revision.added removed=revision.removed/>
        </small>
    }
}

/// The same kind and id elsewhere: what hides what.
#[component]
fn Precedence(shown: Shown, siblings: Vec<Sibling>) -> impl IntoView {
    let (mine, kind) = shown.detail.with_untracked(|detail| (detail.volume_kind, detail.summary.kind));
    view! {
        <section>
            <h2>"Precedence"</h2>
            <ul class="rows f12">
                {siblings
                    .into_iter()
                    .map(|sibling| {
                        let words = match mine.cmp(&sibling.volume_kind) {
                            std::cmp::Ordering::Greater => format!("Overrides the {} {kind}", owner_words(sibling.volume_kind)),
                            std::cmp::Ordering::Less => format!("Hidden by {} {kind}", with_article(sibling.volume_kind)),
                            std::cmp::Ordering::Equal => format!("The same id as another {kind}"),
                        };
                        view! {
                            <li>
                                <Icon name="info"/>
                                <div class="tx">
                                    <a class="cover" href=artifact_address(sibling.id)>{words}</a>
                                    <small>{sibling.volume_name}</small>
                                </div>
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
        </section>
    }
}

fn with_article(kind: VolumeKind) -> &'static str {
    match kind {
        VolumeKind::User => "your own",
        VolumeKind::Team => "the team",
        VolumeKind::System => "the system",
    }
}

#[component]
pub fn HintList(hints: Vec<Hint>) -> impl IntoView {
    view! {
        <ul class="hint-list">
            {hints
                .into_iter()
                .map(|hint| {
                    let warn = hint.severity == Severity::Warn;
                    view! {
                        <li class=warn.then_some("c-warn")>
                            {if warn { view! { <Icon name="alert"/> }.into_any() } else { view! { <Icon name="info"/> }.into_any() }}
                            <span>{hint.message} {hint.line.map(|line| view! { <span class="t3">{format!(" Line {line}.")}</span> })}</span>
                        </li>
                    }
                })
                .collect_view()}
        </ul>
    }
}

/// The text as it is, with line numbers; what one sees who may not edit.
#[component]
pub fn SourceTab(shown: Shown) -> impl IntoView {
    let text = Memo::new(move |_| shown.detail.with(|detail| detail.text.clone()));
    view! {
        <div class="scroll">
            <div class="source">
                {move || {
                    text.with(|text| {
                        let fence = frontmatter_end(text);
                        text.lines()
                            .enumerate()
                            .map(|(index, line)| {
                                let class = if index < fence { "ln fm" } else { "ln" };
                                view! { <div class=class id=format!("L{}", index + 1)><span>{line.to_owned()}</span></div> }
                            })
                            .collect_view()
                    })
                }}
            </div>
        </div>
    }
}

/// How many lines the frontmatter takes with its fences.
fn frontmatter_end(text: &str) -> usize {
    let mut lines = text.lines();
    if lines.next().map(str::trim_end) != Some("---") {
        return 0;
    }
    lines.position(|line| line.trim_end() == "---").map_or(0, |at| at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frontmatter_ends_at_its_second_fence() {
        assert_eq!(frontmatter_end("---\nname: a\n---\n# A\n"), 3);
        assert_eq!(frontmatter_end("# A\n---\n"), 0);
        assert_eq!(frontmatter_end("---\nname: a\n"), 0);
    }
}
