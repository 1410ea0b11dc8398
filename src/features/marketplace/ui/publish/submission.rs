//! A submission: what it is, what the checks and the reviewers say, how it differs from the release before, and what is next.

use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::{
    decide::{Appeal, Decide, Withdraw},
    parts::{Reader, StateChips, held_first, next_step, report_words},
    sign::Sign,
};
use crate::{
    browser::page,
    features::{
        accounts::state::use_session,
        artifacts::model::category_words,
        marketplace::{
            model::{Decision, Dependency, FileDiff, Finding, ReleaseState, SubmissionDetail},
            state::{SUBMISSIONS, archive_address, digits, item_address, publish_address, submission, use_submission, version_address},
            ui::{CapabilityList, FileDiffs, FindingList, manage::TakeBack},
        },
        pwa::ui::NeedsNetwork,
    },
    ids::{ArtifactId, UserId},
    ui::{Avatar, Icon, KindMark, Loading, PageError, PageTitle, Suspense, Time, Transition, bytes, late, plural},
};

#[component]
pub fn SubmissionPage() -> impl IntoView {
    let params = use_params_map();
    let detail = use_submission(Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default())));
    view! {
        <Transition fallback=|| {
            view! { <main class="main panes" id="main" tabindex="-1"><section class="pane"><div class="scroll"><Loading/></div></section></main> }
        }>
            {move || {
                detail
                    .arrived()
                    .map(|detail| late(move || match detail.read() {
                        Ok(detail) => view! { <SubmissionView detail=detail/> }.into_any(),
                        Err(error) => view! { <PageError error=error/> }.into_any(),
                    }))
            }}
        </Transition>
    }
}

/// Who the caller is to it.
fn reader(detail: &SubmissionDetail, me: UserId) -> Reader {
    match (detail.own, detail.may_review) {
        // Who publishes it has more to do than to decide on it.
        (true, _) if detail.submission.submitted_by.id == me => Reader::Author,
        (true, _) => Reader::Publisher,
        (false, true) => Reader::Moderator,
        (false, false) => Reader::Other,
    }
}

/// Between two looks at whether jobs are through with it.
const LOOK_MS: u32 = 1_500;

/// What jobs find shows without a reload, and what somebody writes meanwhile stays.
fn follow_checks(shown: RwSignal<SubmissionDetail>, report: RwSignal<Vec<Finding>>) {
    let id = shown.with_untracked(|detail| detail.submission.id);
    Effect::new(move |_| {
        if !shown.with(|detail| detail.submission.checking) {
            return;
        }
        page::after_forget(LOOK_MS, move || {
            leptos::task::spawn_local(async move {
                if let Ok(mut fresh) = submission(id).await {
                    report.try_set(std::mem::take(&mut fresh.report));
                    fresh.changes.clear();
                    shown.try_set(fresh);
                }
            });
        });
    });
}

#[component]
fn SubmissionView(mut detail: SubmissionDetail) -> impl IntoView {
    // What no act changes, and may be large.
    let (changes, report) = (std::mem::take(&mut detail.changes), std::mem::take(&mut detail.report));
    let shown = RwSignal::new(detail.clone());
    let report = RwSignal::new(report);
    follow_checks(shown, report);
    let submission = detail.submission.clone();
    let title = format!("{} {}", submission.name, submission.version);
    let session = use_session();
    let chips = move || shown.with(|detail| (detail.submission.state, detail.submission.held));
    view! {
        <PageTitle text=title.clone()/>
        <main class="main panes p-review" id="main" tabindex="-1">
            <section class="pane" aria-label="Submission" data-part="main">
                <header class="bar">
                    <a class="btn ghost icon-only" href=SUBMISSIONS aria-label="Back to the submissions" title="Back to the submissions"><Icon name="chev-l"/></a>
                    <span class="wide-only"><KindMark kind=submission.kind/></span>
                    <h1>{title}</h1>
                    <span class="push row gap-4">
                        {move || {
                            let (state, held) = chips();
                            view! { <StateChips state=state held=held/> }
                        }}
                    </span>
                </header>
                <div class="scroll">
                    <div class="page release-page">
                        <Suspense>{move || session.account().map(|me| view! { <NextStep shown=shown me=me.person.id/> })}</Suspense>
                        <Facts detail=detail.clone()/>
                        {(!detail.changelog.trim().is_empty()).then(|| view! { <section><h2>"What changed"</h2><p class="changelog">{detail.changelog.clone()}</p></section> })}
                        <section>
                            <h2>"What the checks say"</h2>
                            {move || {
                                let report = report.get();
                                view! {
                                    {(!report.is_empty()).then(|| view! { <p class="hint">{format!("{}.", report_words(&report))}</p> })}
                                    <FindingList findings=held_first(report)/>
                                }
                            }}
                        </section>
                        <section>
                            <h2>"What it may use" <NewCapabilities detail=shown/></h2>
                            {if detail.before.is_some() {
                                view! { <CapabilityList capabilities=detail.capabilities new=detail.new_capabilities/> }.into_any()
                            } else {
                                view! { <CapabilityList capabilities=detail.capabilities/> }.into_any()
                            }}
                        </section>
                        {(!detail.dependencies.is_empty()).then(|| view! { <Dependencies dependencies=detail.dependencies/> })}
                        <Changes before=detail.before changes=changes/>
                    </div>
                </div>
            </section>
            <section class="pane side" aria-label="What is next" data-part="side" id="next" tabindex="-1">
                <header class="bar"><h2>"What is next"</h2></header>
                <NeedsNetwork what="Each of these acts"/>
                <div class="scroll">
                    <div class="acts-page">
                        <Suspense>{move || session.account().map(|me| view! { <Acts shown=shown me=me.person.id/> })}</Suspense>
                        {move || view! { <Decisions decisions=shown.with(|detail| detail.decisions.clone())/> }}
                    </div>
                </div>
            </section>
        </main>
    }
}

#[component]
fn NextStep(shown: RwSignal<SubmissionDetail>, me: UserId) -> impl IntoView {
    let said = move || {
        shown.with(|detail| {
            let (class, icon) = match detail.submission.state {
                ReleaseState::Review if detail.submission.held => ("bad", "stop"),
                ReleaseState::Review => ("info", "clock"),
                ReleaseState::Approved => ("info", "signed"),
                ReleaseState::Changes => ("warn", "edit"),
                ReleaseState::Rejected => ("bad", "fail"),
                ReleaseState::Public => ("ok", "ok"),
                ReleaseState::Withdrawn => ("", "info"),
            };
            (class, icon, next_step(&detail.submission, reader(detail, me)))
        })
    };
    let public = move || {
        shown.with(|detail| {
            let submission = &detail.submission;
            submission.state.is_out().then(|| version_address(&submission.slug, &submission.version))
        })
    };
    // Where there is no room beside it, what one does is below everything else.
    let act = move || {
        shown.with(|detail| match (detail.submission.state, reader(detail, me)) {
            (ReleaseState::Review, _) if detail.may_review => Some("Decide"),
            (ReleaseState::Review | ReleaseState::Approved, Reader::Author) if !detail.submission.signed => Some("Sign"),
            (ReleaseState::Rejected, Reader::Author | Reader::Publisher) => Some("Appeal"),
            (ReleaseState::Changes, Reader::Author | Reader::Publisher) => Some("Submit again"),
            _ => None,
        })
    };
    view! {
        <div class=move || format!("banner inset {}", said().0) role="status">
            {move || view! { <Icon name=said().1/> }}
            <span>{move || said().2}</span>
            {move || public().map(|address| view! { <a class="btn s" href=address>"Open its page"</a> })}
            {move || act().map(|words| view! { <a class="btn s narrow-only" href="#next">{words}</a> })}
        </div>
    }
}

#[component]
fn Facts(detail: SubmissionDetail) -> impl IntoView {
    let submission = detail.submission;
    let follows = match &detail.before {
        Some(before) => format!("{} follows {before}", submission.version),
        None => format!("{}, the first release", submission.version),
    };
    let by = if submission.author.team {
        format!("{} for {}", submission.submitted_by.name, submission.author.name)
    } else {
        submission.submitted_by.name
    };
    view! {
        <section class="facts-of">
            <p class="lead">{submission.description}</p>
            <dl class="dl wraps">
                <dt>"Slug"</dt>
                <dd>
                    {if submission.first && !submission.state.is_out() {
                        view! { <code>{submission.slug}</code> }.into_any()
                    } else {
                        view! { <a class="link" href=item_address(&submission.slug)><code>{submission.slug.clone()}</code></a> }.into_any()
                    }}
                </dd>
                <dt>"Version"</dt>
                <dd>{follows}</dd>
                <dt>"Submitted"</dt>
                <dd>"by "{by}" "<Time at=submission.created_at/></dd>
                <dt>"Licence"</dt>
                <dd>{detail.licence}</dd>
                {(!detail.category.is_empty()).then(|| view! { <dt>"Category"</dt><dd>{category_words(&detail.category)}</dd> })}
                {(!detail.tags.is_empty()).then(|| view! { <dt>"Tags"</dt><dd>{detail.tags.join(", ")}</dd> })}
                <dt>"Archive"</dt>
                <dd>
                    <a class="link" href=archive_address(submission.id) rel="external" download="">{bytes(detail.size)}</a>
                    ", SHA-256 "
                    <code class="wrap-any">{digits(&detail.digest).to_owned()}</code>
                </dd>
            </dl>
        </section>
    }
}

/// How much is new in it, beside the heading.
#[component]
fn NewCapabilities(detail: RwSignal<SubmissionDetail>) -> impl IntoView {
    detail.with_untracked(|detail| {
        let before = detail.before.clone()?;
        let new = detail.new_capabilities.groups().iter().map(|(_, _, values)| values.len() as i64).sum::<i64>();
        Some(if new > 0 {
            view! { <span class="chip warn">{format!("{} since {before}", plural(new, "new use", "new uses"))}</span> }.into_any()
        } else {
            view! { <span class="count">{format!("as in {before}")}</span> }.into_any()
        })
    })
}

#[component]
fn Dependencies(dependencies: Vec<Dependency>) -> impl IntoView {
    view! {
        <section>
            <h2>"What it needs" <span class="count">{dependencies.len()}</span></h2>
            <ul class="rows">
                {dependencies
                    .into_iter()
                    .map(|dependency| {
                        view! {
                            <li>
                                <Icon name="link"/>
                                <div class="tx"><a class="link" href=item_address(&dependency.slug)><code>{dependency.slug.clone()}</code></a></div>
                                <span class="tail"><code>{dependency.range}</code></span>
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
        </section>
    }
}

/// File by file, lines below or beside one another; the address says which.
#[component]
fn Changes(before: Option<String>, changes: Vec<FileDiff>) -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    let split = Memo::new(move |_| query.with(|query| query.get("split").as_deref() == Some("1")));
    let here = move || params.with(|params| format!("{SUBMISSIONS}/{}", params.get("id").unwrap_or_default()));
    let title = before.map_or_else(|| "Files".to_owned(), |before| format!("Files, against {before}"));
    let number = changes.len();
    let changes = StoredValue::new(changes);
    view! {
        <section>
            <h2>
                {title}
                <span class="count">{number}</span>
                <span class="push wide-only">
                    <span class="seg" role="group" aria-label="Layout">
                        <a href=here aria-current=move || (!split.get()).then_some("true")>"Unified"</a>
                        <a href=move || format!("{}?split=1", here()) aria-current=move || split.get().then_some("true")>"Split"</a>
                    </span>
                </span>
            </h2>
            {move || view! { <FileDiffs changes=changes.get_value() split=split.get()/> }}
        </section>
    }
}

/// What the caller may do with it now.
#[component]
fn Acts(shown: RwSignal<SubmissionDetail>, me: UserId) -> impl IntoView {
    // Only what decides: an answer that changes nothing of it leaves alone what is being typed.
    let now =
        Memo::new(move |_| shown.with(|detail| (detail.submission.state, detail.submission.signed, reader(detail, me), detail.may_review)));
    move || {
        let (state, signed, reader, may_review) = now.get();
        let publishes = matches!(reader, Reader::Author | Reader::Publisher);
        let decides = may_review && state == ReleaseState::Review;
        let act = match state {
            ReleaseState::Review | ReleaseState::Approved if reader == Reader::Author && !signed => {
                Some(view! { <Sign shown=shown/> }.into_any())
            }
            ReleaseState::Rejected if publishes => Some(view! { <Appeal shown=shown/> }.into_any()),
            ReleaseState::Public if publishes => Some(view! { <Withdraw shown=shown/> }.into_any()),
            ReleaseState::Changes if publishes => {
                Some(view! { <Again artifact=shown.with_untracked(|detail| detail.artifact_id)/> }.into_any())
            }
            _ => None,
        };
        let nothing = act.is_none() && !decides;
        view! {
            {decides.then(|| view! { <Decide shown=shown/> })}
            {act}
            {(publishes && matches!(state, ReleaseState::Review | ReleaseState::Changes | ReleaseState::Approved)).then(|| view! { <TakeBack shown=shown/> })}
            {nothing.then(|| view! { <p class="t2">{shown.with_untracked(|detail| next_step(&detail.submission, reader))}</p> })}
        }
        .into_any()
    }
}

#[component]
fn Again(artifact: Option<ArtifactId>) -> impl IntoView {
    view! {
        <div class="stack">
            <p class="t2">"Edit the artifact, commit it, and choose “Publish” from its menu: the same version takes the place of this one."</p>
            <div class="row">
                {match artifact {
                    Some(id) => view! { <a class="btn primary" href=publish_address(id)>"Submit again"</a> }.into_any(),
                    None => view! { <a class="btn primary" href="/artifacts">"Open the library"</a> }.into_any(),
                }}
            </div>
        </div>
    }
}

#[component]
fn Decisions(decisions: Vec<Decision>) -> impl IntoView {
    (!decisions.is_empty()).then(|| {
        view! {
            <section>
                <h2>"So far"</h2>
                <ol class="decisions">
                    {decisions
                        .into_iter()
                        .map(|decision| {
                            view! {
                                <li>
                                    <Avatar person=decision.by.clone()/>
                                    <div>
                                        <p><b>{decision.by.name.clone()}</b>" "{decision_words(&decision.decision)}" "<Time at=decision.at/></p>
                                        {(!decision.reason.trim().is_empty()).then(|| view! { <p class="reason">{decision.reason.clone()}</p> })}
                                    </div>
                                </li>
                            }
                        })
                        .collect_view()}
                </ol>
            </section>
        }
    })
}

fn decision_words(decision: &str) -> String {
    match decision {
        "submitted" => "submitted it",
        "approved" => "approved it",
        "changes" => "asked for changes",
        "rejected" => "rejected it",
        "appealed" => "appealed",
        "signed" => "signed it",
        "passed" => "let it pass",
        "withdrawn" => "withdrew it",
        other => return other.to_owned(),
    }
    .to_owned()
}
