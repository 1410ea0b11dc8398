//! One commit: who, when, why, and what it changed.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use crate::{
    features::volumes::{
        model::{CHANGES_SHOWN, Change, CommitChange, CommitDetail, CommittedRecord, subject},
        state::use_commit,
    },
    ui::{Avatar, Icon, LineCounts, Loading, PageError, PageTitle, Time, count, plural, short_sha, utc_time},
};

#[component]
pub fn CommitPage() -> impl IntoView {
    let params = use_params_map();
    let detail = use_commit(Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default())));
    view! {
        <Transition fallback=|| {
            view! { <main class="main panes" id="main" tabindex="-1"><section class="pane"><div class="scroll"><Loading/></div></section></main> }
        }>
            {move || {
                detail
                    .get()
                    .map(|detail| match detail {
                        Ok(detail) => view! { <CommitView detail=detail/> }.into_any(),
                        Err(error) => view! { <PageError error=error/> }.into_any(),
                    })
            }}
        </Transition>
    }
}

#[component]
fn CommitView(detail: CommitDetail) -> impl IntoView {
    let CommitDetail { commit, parent, volume_name, changes, records } = detail;
    let volume = format!("/volumes/{}", commit.volume_id);
    let more = commit.changes - (changes.len() + records.len()) as i64;
    let (added, removed) = changes.iter().fold((0, 0), |(added, removed), change| (added + change.added, removed + change.removed));
    let title = subject(&commit.message).to_owned();
    let rest = commit.message.lines().skip(1).collect::<Vec<_>>().join("\n").trim().to_owned();
    view! {
        <PageTitle text=title.clone()/>
        <main class="main panes" id="main" tabindex="-1">
            <section class="pane" aria-label="Commit">
                <header class="bar">
                    <a class="btn ghost icon-only" href=volume.clone() aria-label="Back to the volume" title="Back to the volume"><Icon name="chev-l"/></a>
                    <h1>{title}</h1>
                    <span class="push chip line mono" title=commit.sha.clone()>{short_sha(&commit.sha)}</span>
                </header>
                <div class="scroll">
                    <div class="page commit-page">
                        <div class="person">
                            <Avatar person=commit.author.clone() size="l"/>
                            <div>
                                <b>{commit.author.name.clone()}</b>
                                <small>
                                    <Time at=commit.created_at/>
                                    {format!(", {}, in ", utc_time(commit.created_at))}
                                    <a class="link" href=volume>{volume_name}</a>
                                    {origin(&commit.source)}
                                </small>
                            </div>
                        </div>
                        {(!rest.is_empty()).then(|| view! { <pre class="message">{rest}</pre> })}
                        <div class="row">
                            <h2 class="med">{plural(commit.changes, "change", "changes")}</h2>
                            <LineCounts added=added removed=removed/>
                            {parent.map(|parent| view! { <a class="link f12 push" href=format!("/commits/{parent}")>"The one before"</a> })}
                        </div>
                        <ul class="rows">{changes.into_iter().map(change_row).collect_view()} {records.into_iter().map(record_row).collect_view()}</ul>
                        {(more > 0)
                            .then(|| view! { <p class="hint">{format!("The first {} are listed; {} more belong to this commit.", count(CHANGES_SHOWN), count(more))}</p> })}
                    </div>
                </div>
            </section>
        </main>
    }
}

/// What made the commit, where that was no edit.
fn origin(source: &str) -> &'static str {
    match source {
        "delete" => ", from a deletion",
        "fork" => ", from a fork",
        "import" => ", from an import",
        "move" => ", from a move",
        "promote" => ", from a promotion",
        "restore" => ", from a restoration",
        "system" => ", from a version of LLMos-Lite",
        _ => "",
    }
}

/// The session that the commit was made from.
fn record_row(record: CommittedRecord) -> AnyView {
    view! {
        <li>
            <span class="chip info">"session"</span>
            <div class="tx">
                <a class="cover" href=format!("/sessions/{}", record.session_id)><b>{record.title}</b></a>
                <small><code>{record.path}</code></small>
            </div>
        </li>
    }
    .into_any()
}

fn change_row(change: CommitChange) -> AnyView {
    let class = match change.change {
        Change::Created | Change::Restored => "chip ok",
        Change::Updated | Change::Moved => "chip info",
        Change::Deleted => "chip bad",
    };
    let mut address = format!("/artifacts/{}?tab=diff&to={}", change.artifact_id, change.revision_id);
    if let Some(from) = change.parent_revision_id {
        address = format!("{address}&from={from}");
    }
    view! {
        <li>
            <span class=class>{change.change.as_str()}</span>
            <div class="tx">
                <a class="cover" href=address><b>{change.name}</b></a>
                <small><code>{change.path}</code></small>
            </div>
            <span class="tail"><LineCounts added=change.added removed=change.removed/></span>
        </li>
    }
    .into_any()
}
