//! Two states of an artifact against one another, unified or side by side.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::{artifact::Shown, parts::artifact_address};
use crate::{
    features::{
        artifacts::{
            model::{
                ArtifactDiff, FileChange, RevisionSummary,
                diff::{Block, Change, Diff, Row},
            },
            state::{use_diff, use_newest},
        },
        volumes::model::{Change as FileAct, subject},
    },
    ids::RevisionId,
    ui::{EmptyState, ErrorView, Icon, Loading, Transition, bytes, plural, short_sha},
};

#[component]
pub fn DiffTab(shown: Shown) -> impl IntoView {
    let query = use_query_map();
    let field = move |name: &'static str| query.with(|query| query.get(name).and_then(|id| id.parse::<RevisionId>().ok()));
    let split = Memo::new(move |_| query.with(|query| query.get("split").as_deref() == Some("1")));
    let between = Memo::new(move |_| {
        let (from, to) = (field("from"), field("to"));
        // Without a draft the newest commit is what there is to see.
        let (draft, head) = shown.detail.with(|detail| (detail.draft.is_some(), detail.head.as_ref().map(|head| head.id)));
        (from, to.or(if draft { None } else { head }))
    });
    let saves = Memo::new(move |_| shown.detail.with(|detail| detail.draft.as_ref().map(|draft| draft.saves)));
    let diff = use_diff(shown.id, between, saves);
    let history = use_newest(shown.id);
    let view_address = move |split: bool| {
        let (from, to) = (field("from"), field("to"));
        address(shown, from, to, split)
    };
    view! {
        <div class="toolbar">
            <Transition>
                {move || {
                    let revisions = history.get().and_then(Result::ok).map(|page| page.revisions).unwrap_or_default();
                    diff.get().and_then(Result::ok).map(|diff| view! { <Ends shown=shown revisions=revisions diff=diff split=split/> })
                }}
            </Transition>
            <span class="push wide-only">
                <span class="seg" role="group" aria-label="Layout">
                    <a href=move || view_address(false) aria-current=move || (!split.get()).then_some("true")>"Unified"</a>
                    <a href=move || view_address(true) aria-current=move || split.get().then_some("true")>"Split"</a>
                </span>
            </span>
        </div>
        <div class="scroll">
            <Transition fallback=|| view! { <Loading/> }>
                {move || {
                    diff.get()
                        .map(|diff| match diff {
                            Ok(diff) => view! { <Both shown=shown diff=diff split=split.get()/> }.into_any(),
                            Err(error) => view! { <ErrorView error=error/> }.into_any(),
                        })
                }}
            </Transition>
        </div>
    }
}

fn address(shown: Shown, from: Option<RevisionId>, to: Option<RevisionId>, split: bool) -> String {
    let mut address = shown.tab("diff");
    for (name, id) in [("from", from), ("to", to)] {
        if let Some(id) = id {
            address = format!("{address}&{name}={id}");
        }
    }
    if split { format!("{address}&split=1") } else { address }
}

/// Which two states: a plain form, which also answers at once to a choice.
#[component]
fn Ends(shown: Shown, revisions: Vec<RevisionSummary>, diff: ArtifactDiff, split: Memo<bool>) -> impl IntoView {
    let navigate = use_navigate();
    let (from, to) = (diff.from.as_ref().map(|from| from.id), diff.to.as_ref().map(|to| to.id));
    // The two that are shown may be further back than the first page of the history.
    let mut known = revisions;
    for end in [diff.from, diff.to].into_iter().flatten() {
        if !known.iter().any(|revision| revision.id == end.id) {
            known.push(end);
        }
    }
    let draft = shown.detail.with_untracked(|detail| detail.draft.is_some());
    let option = move |revision: &RevisionSummary, chosen: Option<RevisionId>| {
        let words = format!("{} {}", short_sha(&revision.sha), subject(&revision.message).chars().take(48).collect::<String>());
        view! { <option value=revision.id.to_string() selected=chosen == Some(revision.id)>{words}</option> }
    };
    let go = Callback::new(move |(from, to): (Option<RevisionId>, Option<RevisionId>)| {
        navigate(&address(shown, from, to, split.get_untracked()), NavigateOptions { scroll: false, ..NavigateOptions::default() });
    });
    view! {
        <form class="row grow" method="get" action=artifact_address(shown.id) aria-label="What is compared">
            <input type="hidden" name="tab" value="diff"/>
            <span class="select auto">
                <select class="input s" name="from" aria-label="From" on:change=move |event| go.run((event_target_value(&event).parse().ok(), to))>
                    {from.is_none().then(|| view! { <option value="" selected=true>"Nothing"</option> })}
                    {known.iter().map(|revision| option(revision, from)).collect_view()}
                </select>
                <Icon name="chev-ud"/>
            </span>
            <Icon name="arrow-r"/>
            <span class="select auto">
                <select class="input s" name="to" aria-label="To" on:change=move |event| go.run((from, event_target_value(&event).parse().ok()))>
                    {(draft || to.is_none()).then(|| view! { <option value="" selected=to.is_none()>"Draft"</option> })}
                    {known.iter().map(|revision| option(revision, to)).collect_view()}
                </select>
                <Icon name="chev-ud"/>
            </span>
            <noscript><button type="submit" class="btn s">"Compare"</button></noscript>
        </form>
    }
}

#[component]
fn Both(shown: Shown, diff: ArtifactDiff, split: bool) -> impl IntoView {
    let ArtifactDiff { diff, files, .. } = diff;
    if diff.is_empty() && files.is_empty() {
        return view! { <EmptyState icon="ok" title="No difference" text="Both states are the same."><a class="btn" href=shown.tab("history")>"History"</a></EmptyState> }.into_any();
    }
    let path = shown.detail.with_untracked(|detail| detail.path.rsplit('/').next().unwrap_or_default().to_owned());
    let lines = format!("{} added, {} removed", diff.added, diff.removed);
    let text = (!diff.is_empty()).then(|| {
        view! {
            <div class="diff-file">
                <header>
                    <code>{path}</code>
                    <span class="push diff-n" aria-label=lines><b>{format!("+{}", diff.added)}</b>" "<i>{format!("-{}", diff.removed)}</i></span>
                </header>
                {if split { split_table(diff) } else { unified_table(diff) }}
            </div>
        }
    });
    let beside = (!files.is_empty()).then(|| view! { <FileChanges files=files/> });
    view! {
        {text}
        {beside}
    }
    .into_any()
}

#[component]
fn FileChanges(files: Vec<FileChange>) -> impl IntoView {
    view! {
        <div class="diff-file">
            <header><span class="med">"Files beside it"</span><span class="count">{files.len()}</span></header>
            <ul class="rows pad-x">
                {files
                    .into_iter()
                    .map(|file| {
                        let class = match file.change {
                            FileAct::Created | FileAct::Restored => "chip ok",
                            FileAct::Deleted => "chip bad",
                            FileAct::Updated | FileAct::Moved => "chip info",
                        };
                        let size = match (file.size_before, file.size_after) {
                            (Some(before), Some(after)) if before != after => format!("{} to {}", bytes(before), bytes(after)),
                            (Some(size), _) | (_, Some(size)) => bytes(size),
                            (None, None) => String::new(),
                        };
                        view! {
                            <li>
                                <Icon name="file"/>
                                <div class="tx"><code>{file.path}</code></div>
                                <span class="tail"><span class=class>{file.change.as_str()}</span>{size}</span>
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
        </div>
    }
}

fn number(line: Option<usize>) -> String {
    line.map(|line| line.to_string()).unwrap_or_default()
}

fn spans(row: &Row) -> AnyView {
    row.spans
        .iter()
        .map(|span| if span.changed { view! { <mark>{span.text.clone()}</mark> }.into_any() } else { span.text.clone().into_any() })
        .collect_view()
        .into_any()
}

fn unified_row(row: &Row) -> AnyView {
    let (class, spoken) = match row.change {
        Change::Same => ("", ""),
        Change::Added => ("add", "added"),
        Change::Removed => ("del", "removed"),
    };
    view! {
        <tr class=class>
            <td class="n">{number(row.old)}</td>
            <td class="n">{number(row.new)}</td>
            <td class="c">
                {(!spoken.is_empty()).then(|| view! { <span class="sr">{spoken}": "</span> })}
                {spans(row)}
            </td>
        </tr>
    }
    .into_any()
}

/// Lines below one another, for any two texts.
pub fn unified_table(diff: Diff) -> AnyView {
    view! {
        <table class="diff">
            <colgroup>
                <col style="width:2.75rem"/>
                <col style="width:2.75rem"/>
                <col/>
            </colgroup>
            {diff.blocks.into_iter().map(|block| view! { <DiffBlock block=block split=false/> }).collect_view()}
        </table>
    }
    .into_any()
}

/// Lines beside one another.
pub fn split_table(diff: Diff) -> AnyView {
    view! {
        <div class="table-wrap">
            <table class="diff split">
                <colgroup>
                    <col style="width:2.75rem"/>
                    <col/>
                    <col style="width:2.75rem"/>
                    <col/>
                </colgroup>
                {diff.blocks.into_iter().map(|block| view! { <DiffBlock block=block split=true/> }).collect_view()}
            </table>
        </div>
    }
    .into_any()
}

/// Rows shown together; a gap is folded until asked for.
#[component]
fn DiffBlock(block: Block, split: bool) -> impl IntoView {
    let open = RwSignal::new(!block.collapsed);
    let block = StoredValue::new(block);
    let columns = if split { "4" } else { "3" };
    view! {
        <tbody>
            {move || {
                block.with_value(|block| {
                    if !open.get() {
                        let words = format!("Show {}", plural(block.rows.len() as i64, "unchanged line", "unchanged lines"));
                        view! { <tr class="fold"><td colspan=columns><button type="button" on:click=move |_| open.set(true)>{words}</button></td></tr> }.into_any()
                    } else if split {
                        pairs(&block.rows).into_iter().map(|(old, new)| split_row(old, new)).collect_view().into_any()
                    } else {
                        block.rows.iter().map(unified_row).collect_view().into_any()
                    }
                })
            }}
        </tbody>
    }
}

/// Removed lines beside the added ones that follow them.
fn pairs(rows: &[Row]) -> Vec<(Option<&Row>, Option<&Row>)> {
    let mut pairs = Vec::new();
    let mut at = 0;
    while at < rows.len() {
        if rows[at].change == Change::Same {
            pairs.push((Some(&rows[at]), Some(&rows[at])));
            at += 1;
            continue;
        }
        let removed = rows[at..].iter().take_while(|row| row.change == Change::Removed).count();
        let added = rows[at + removed..].iter().take_while(|row| row.change == Change::Added).count();
        for index in 0..removed.max(added) {
            pairs.push(((index < removed).then(|| &rows[at + index]), (index < added).then(|| &rows[at + removed + index])));
        }
        at += removed + added;
    }
    pairs
}

fn split_row(old: Option<&Row>, new: Option<&Row>) -> AnyView {
    let half = |row: Option<&Row>, line: Option<usize>, changed: &'static str| match row {
        Some(row) => {
            let class = if row.change == Change::Same { "c" } else { changed };
            view! { <td class="n">{number(line)}</td><td class=class>{spans(row)}</td> }.into_any()
        }
        None => view! { <td class="n"></td><td class="c none"></td> }.into_any(),
    };
    view! { <tr>{half(old, old.and_then(|row| row.old), "c del")}{half(new, new.and_then(|row| row.new), "c add")}</tr> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::artifacts::model::diff::diff;

    #[test]
    fn changed_lines_stand_beside_one_another() {
        let diff = diff("a\nb\nc\n", "a\nx\ny\nc\n");
        let rows: Vec<Row> = diff.blocks.into_iter().flat_map(|block| block.rows).collect();
        let pairs: Vec<(String, String)> = pairs(&rows)
            .into_iter()
            .map(|(old, new)| (old.map(Row::text).unwrap_or_default(), new.map(Row::text).unwrap_or_default()))
            .collect();
        let expected = [("a", "a"), ("b", "x"), ("", "y"), ("c", "c")].map(|(old, new)| (old.to_owned(), new.to_owned()));
        assert_eq!(pairs, expected);
    }
}
