//! What one submitted; for moderators, what waits for a decision.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::parts::{Reader, StateChips, next_step, waits_for_author};
use crate::{
    browser::response,
    error::AppResult,
    features::{
        accounts::state::use_session,
        marketplace::{
            model::Submission,
            state::{NAMES, SUBMISSIONS, submission_address, use_mine, use_review_queue},
            ui::{moderation::ModeratorViews, parts::Places},
        },
    },
    ui::{EmptyState, ErrorView, Icon, KindMark, Loading, PageTitle, Suspense, Time, Transition, late, plural},
};

#[component]
pub fn SubmissionsPage() -> impl IntoView {
    let session = use_session();
    let query = use_query_map();
    let queue = Memo::new(move |_| query.with(|query| query.get("view").as_deref() == Some("queue")));
    let mine = use_mine(Memo::new(move |_| !queue.get()));
    let waiting = use_review_queue(queue);
    let title = Signal::derive(move || if queue.get() { "Review queue" } else { "Submissions" }.to_owned());
    view! {
        <PageTitle text=title/>
        <main class="main panes" id="main" tabindex="-1">
            <section class="pane" aria-label=move || title.get()>
                <header class="bar">
                    <a class="btn ghost icon-only" href="/marketplace" aria-label="Back to the marketplace" title="Back to the marketplace"><Icon name="chev-l"/></a>
                    <h1>{move || title.get()}</h1>
                    <span class="push row gap-4">
                        <a class="btn" href=NAMES>"Your names"</a>
                        <a class="btn" href="/marketplace/publish"><Icon name="plus"/>"Publish"</a>
                    </span>
                </header>
                <div class="toolbar"><Places here=SUBMISSIONS/></div>
                <div class="scroll">
                    <div class="page subs-page">
                        <Suspense>
                            {move || session.account().filter(|me| me.moderator || queue.get()).map(|_| view! { <Views queue=queue/> })}
                        </Suspense>
                        <Transition fallback=|| view! { <Loading/> }>
                            {move || {
                                if queue.get() {
                                    waiting.arrived().map(|list| late(move || shown(list.read(), queue_view)).into_any())
                                } else {
                                    mine.arrived().map(|list| late(move || shown(list.read(), own_view)).into_any())
                                }
                            }}
                        </Transition>
                    </div>
                </div>
            </section>
        </main>
    }
}

/// For moderators: their own, or everybody's that waits.
#[component]
fn Views(queue: Memo<bool>) -> impl IntoView {
    view! {
        {move || view! { <ModeratorViews here=if queue.get() { "queue" } else { "yours" }/> }}
    }
}

fn shown(list: AppResult<Vec<Submission>>, view: fn(Vec<Submission>) -> AnyView) -> AnyView {
    match list {
        Ok(list) => view(list),
        Err(error) => {
            response::set_status(error.code.status());
            view! { <ErrorView error=error/> }.into_any()
        }
    }
}

/// What waits for its author stands first: the rest moves by itself.
fn own_view(list: Vec<Submission>) -> AnyView {
    if list.is_empty() {
        return view! {
            <EmptyState icon="market" title="Nothing submitted yet" text="What you publish stands here, with what is next for each.">
                <a class="btn primary" href="/marketplace/publish">"How to publish"</a>
            </EmptyState>
        }
        .into_any();
    }
    let (own, others): (Vec<_>, Vec<_>) = list.into_iter().partition(|submission| waits_for_author(submission.state));
    let split = !own.is_empty() && !others.is_empty();
    view! {
        {(!own.is_empty()).then(|| view! { <h2>"Waits for you" <span class="count">{own.len()}</span></h2> {rows(own, Reader::Author)} })}
        {split.then(|| view! { <h2>"Everything else" <span class="count">{others.len()}</span></h2> })}
        {(!others.is_empty()).then(|| rows(others, Reader::Author))}
    }
    .into_any()
}

/// The oldest first: whoever waits longest is next.
fn queue_view(mut list: Vec<Submission>) -> AnyView {
    if list.is_empty() {
        return view! { <EmptyState icon="ok" title="Nothing waits for review" text="What somebody submits stands here until a moderator decides."/> }.into_any();
    }
    list.sort_by_key(|submission| submission.created_at);
    let held = list.iter().filter(|submission| submission.held).count() as i64;
    let words = plural(list.len() as i64, "release waits", "releases wait");
    view! {
        <p class="hint" role="status">{if held > 0 { format!("{words}, the oldest first; {held} held by what the checks found.") } else { format!("{words}, the oldest first.") }}</p>
        {rows(list, Reader::Moderator)}
    }
    .into_any()
}

fn rows(list: Vec<Submission>, reader: Reader) -> AnyView {
    view! { <ul class="rows subs">{list.into_iter().map(|submission| row(submission, reader)).collect_view()}</ul> }.into_any()
}

fn row(submission: Submission, reader: Reader) -> AnyView {
    let mut about = vec![submission.slug.clone()];
    if reader == Reader::Moderator || submission.author.team {
        about.push(format!("by {}", submission.author.name));
    }
    if submission.first {
        about.push("first release".to_owned());
    }
    if submission.findings > 0 {
        about.push(plural(submission.findings, "finding", "findings"));
    }
    let at = if reader == Reader::Moderator { submission.created_at } else { submission.updated_at };
    view! {
        <li class:held=submission.held>
            <KindMark kind=submission.kind/>
            <div class="tx">
                <a class="cover" href=submission_address(submission.id)><b>{submission.name.clone()}" "<code>{submission.version.clone()}</code></b></a>
                <small>{next_step(&submission, reader)}</small>
                <small>{about.join(", ")}</small>
            </div>
            <span class="tail"><StateChips state=submission.state held=submission.held/><Time at=at/></span>
        </li>
    }
    .into_any()
}
