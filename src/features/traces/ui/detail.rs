//! One trace: what was wanted, what was done step by step, and what a person says of it.

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use llmos_traces::{Outcome, StepKind};

use super::{
    super::{
        model::{RateTrace, Trace, TraceOutcome, TraceStep, TraceSummary, TracesQuery, notice_words},
        state::{delete_trace, rate_trace, traces_address},
    },
    cost_words, duration_words, outcome_mark,
};
use crate::{
    browser::{
        data::{Fetched, encode},
        page,
    },
    features::{
        accounts::state::Running,
        evolution::{model::EvolutionQuery, state::evolution_address},
        outbox::state::say_sent,
    },
    ids::TraceId,
    ui::{Avatar, Dialog, FieldError, Icon, SidePane, Time, count, toast, use_toasts},
};

const DIALOG: &str = "delete-trace";
/// Steps that are drawn at first: few runs have more, and a page of thousands is slow.
const SHOWN: usize = 200;

#[component]
pub fn TracePane(open: Memo<Option<TraceId>>, query: Memo<TracesQuery>, trace: Fetched<Trace>, changed: Callback<()>) -> impl IntoView {
    let back = move || traces_address(&query.get(), None);
    let view = move |(found, back)| view! { <Detail trace=found back=back again=trace changed=changed/> }.into_any();
    view! { <SidePane label="Trace" open=Signal::derive(move || open.get().is_some()) back=Signal::derive(back) found=trace view=view/> }
}

#[component]
fn Detail(trace: Trace, back: String, again: Fetched<Trace>, changed: Callback<()>) -> impl IntoView {
    let Trace { summary, source_id, session, conversation, commit_id, pattern, timeline, notices, can_rate, can_delete } = trace;
    let id = summary.id;
    let goal = if summary.goal.is_empty() { "No goal told".to_owned() } else { summary.goal.clone() };
    let skills = summary.skills.clone();
    let of_place = TracesQuery { team: summary.team_id, ..TracesQuery::default() };
    let others = |query: TracesQuery| view! { <a class="link f12" href=traces_address(&query, None)>"All its traces"</a> };
    let reload = Callback::new(move |()| {
        again.refetch();
        changed.run(());
    });
    view! {
        <header class="bar">
            <a class="btn ghost icon-only phone-only" href=back.clone() aria-label="Back"><Icon name="chev-l"/></a>
            <h1>"Trace"</h1>
            <span class="push row gap-4">
                {can_delete
                    .then(|| view! { <button type="button" class="btn ghost icon-only" aria-label="Delete this trace" title="Delete this trace" on:click=|_| page::open_dialog(DIALOG)><Icon name="trash"/></button> })}
                <a class="btn ghost icon-only wide-only" href=back.clone() aria-label="Close" title="Close"><Icon name="x"/></a>
            </span>
        </header>
        <div class="scroll" tabindex="0">
            <section class="trace-part">
                <h2 class="trace-goal">{goal}</h2>
                {notices.into_iter().map(|notice| view! { <p class="hint c-warn row gap-4"><Icon name="alert"/>{notice_words(notice)}</p> }).collect_view()}
                <Facts summary=summary.clone()/>
            </section>
            <section class="trace-part"><Judgement summary=summary.clone() can_rate=can_rate reload=reload/></section>
            <section class="trace-part">
                <h2>"Steps"<span class="count">{count(summary.steps)}</span></h2>
                <Steps steps=timeline total=summary.duration_ms()/>
            </section>
            <section class="trace-part">
                <h2>"Where it belongs"</h2>
                <dl class="dl">
                    {pattern
                        .map(|pattern| {
                            let address = evolution_address(&EvolutionQuery { team: summary.team_id, ..EvolutionQuery::default() }, Some(pattern.id));
                            let all = others(TracesQuery { pattern: Some(pattern.id), ..of_place.clone() });
                            view! { <dt>"Pattern"</dt><dd class="row wrap gap-8"><a class="link" href=address>{pattern.name}</a>{all}</dd> }
                        })}
                    {session.map(|session| {
                        let all = others(TracesQuery { session: Some(session.id), ..of_place.clone() });
                        view! { <dt>"Session"</dt><dd class="row wrap gap-8"><a class="link" href=format!("/sessions/{}", session.id)>{session.title}</a>{all}</dd> }
                    })}
                    {conversation.map(|name| {
                        let all = others(TracesQuery { conversation: Some(name.clone()), ..of_place.clone() });
                        view! { <dt>"Conversation"</dt><dd class="row wrap gap-8"><code class="wrap-any">{name}</code>{all}</dd> }
                    })}
                    {commit_id.map(|id| {
                        let all = others(TracesQuery { commit: Some(id), ..of_place.clone() });
                        view! { <dt>"Commit"</dt><dd class="row wrap gap-8"><a class="link" href=format!("/commits/{id}")>{id.to_string()}</a>{all}</dd> }
                    })}
                    {(!skills.is_empty())
                        .then(|| {
                            let links = skills
                                .into_iter()
                                .map(|skill| view! { <a class="chip line" href=format!("/search?q={}", encode(&skill))>{skill.clone()}</a> })
                                .collect_view();
                            view! { <dt>"Skills"</dt><dd class="row wrap gap-4">{links}</dd> }
                        })}
                    <dt>"Source"</dt>
                    <dd>{summary.source.words()}" "<code class="wrap-any t3">{source_id}</code></dd>
                </dl>
            </section>
        </div>
        {can_delete.then(|| view! { <DeleteDialog id=id back=back changed=changed/> })}
    }
}

#[component]
fn Facts(summary: TraceSummary) -> impl IntoView {
    let name = summary.person.clone().unwrap_or_else(|| summary.by.name.clone());
    let tokens = format!("{} in, {} out", count(summary.tokens_in), count(summary.tokens_out));
    view! {
        <dl class="strip">
            <div><dt>"Outcome"</dt><dd class="row gap-4">{outcome_mark(summary.outcome)}{summary.outcome.words()}</dd></div>
            <div><dt>"By"</dt><dd class="row gap-4">{summary.person.is_none().then(|| view! { <Avatar person=summary.by.clone() size="s"/> })}{name}</dd></div>
            <div><dt>"Began"</dt><dd><Time at=summary.started_at/></dd></div>
            <div><dt>"Took"</dt><dd>{duration_words(summary.duration_ms())}</dd></div>
            <div><dt>"Tokens"</dt><dd>{tokens}</dd></div>
            <div><dt>"Cost"</dt><dd>{cost_words(summary.cost)}</dd></div>
            {summary.model.map(|model| view! { <div><dt>"Model"</dt><dd>{model}</dd></div> })}
        </dl>
    }
}

/// What a person says of the run. Patterns count by it.
#[component]
fn Judgement(summary: TraceSummary, can_rate: bool, reload: Callback<()>) -> impl IntoView {
    let (running, toasts) = (Running::new(), use_toasts());
    let id = summary.id;
    let say = move |input: RateTrace, words: &'static str| {
        running.run(rate_trace(id, input), move |sent| {
            say_sent(toasts, sent, words);
            reload.run(());
        });
    };
    if !can_rate {
        let words = summary.rating.map_or_else(|| "Not rated".to_owned(), |rating| format!("Rated {rating} of 5"));
        return view! { <p class="hint">{words}</p> }.into_any();
    }
    let rated = summary.rating.unwrap_or(0);
    let stars = (1..=5_i64)
        .map(|rating| {
            let words = format!("{rating} of 5");
            view! {
                <button
                    type="button"
                    class="btn ghost icon-only star"
                    class:on=rating <= rated
                    aria-pressed=(rating == rated).to_string()
                    aria-label=words.clone()
                    title=words
                    on:click=move |_| say(RateTrace { rating: Some(rating), outcome: None }, "Rated")
                >
                    <Icon name="star"/>
                </button>
            }
        })
        .collect_view();
    let outcomes = [TraceOutcome::Succeeded, TraceOutcome::Failed]
        .map(|outcome| {
            let is_current = summary.outcome == outcome;
            view! {
                <button
                    type="button"
                    aria-pressed=is_current.to_string()
                    on:click=move |_| say(RateTrace { rating: None, outcome: Some(outcome) }, "Noted")
                >
                    {outcome.words()}
                </button>
            }
        })
        .collect_view();
    view! {
        <h2>"How was it?"</h2>
        <div class="row wrap gap-8">
            <span class="row stars" role="group" aria-label="Rating">{stars}</span>
            <span class="seg" role="group" aria-label="Outcome">{outcomes}</span>
        </div>
        <FieldError error=running.error/>
    }
    .into_any()
}

#[component]
fn Steps(steps: Vec<TraceStep>, total: i64) -> impl IntoView {
    if steps.is_empty() {
        return view! { <p class="hint">"The source tells no steps."</p> }.into_any();
    }
    let total = u64::try_from(total)
        .unwrap_or(0)
        .max(steps.iter().map(|step| step.offset_ms.unwrap_or(0) + step.duration_ms).max().unwrap_or(0))
        .max(1);
    let more = steps.len().saturating_sub(SHOWN);
    let all = RwSignal::new(false);
    let steps = StoredValue::new(steps);
    view! {
        <ol class="trace-steps">
            {move || {
                let shown = if all.get() { usize::MAX } else { SHOWN };
                steps.with_value(|steps| steps.iter().take(shown).cloned().enumerate().map(|(at, step)| step_view(at, step, total)).collect_view())
            }}
        </ol>
        {(more > 0)
            .then(|| view! { <Show when=move || !all.get()><button type="button" class="btn s" on:click=move |_| all.set(true)>{format!("Show {} more", count(more as i64))}</button></Show> })}
    }
    .into_any()
}

/// A bar where the step was in the whole run; what it was given and gave is folded.
fn step_view(at: usize, step: TraceStep, total: u64) -> AnyView {
    let (look, icon, words) = match step.outcome {
        Outcome::Ok => ("c-ok", "check", "Went well"),
        Outcome::Error => ("c-bad", "fail", "Failed"),
        Outcome::Skipped => ("t3", "dashed", "Skipped"),
    };
    let kind = match step.kind {
        StepKind::Tool => "tool",
        StepKind::Skill => "skill",
        StepKind::Llm => "model",
    };
    let share = |ms: u64| ms as f64 * 100.0 / total as f64;
    let bar = step.offset_ms.map(|offset| {
        let style = format!("--from:{:.2}%;--part:{:.2}%", share(offset).min(99.5), share(step.duration_ms).clamp(0.5, 100.0));
        view! { <span class="span" style=style aria-hidden="true"></span> }
    });
    let tokens = step.tokens_in + step.tokens_out;
    let tokens = (tokens > 0).then(|| format!("{} tokens", count(i64::try_from(tokens).unwrap_or(i64::MAX))));
    let took = (step.duration_ms > 0).then(|| duration_words(i64::try_from(step.duration_ms).unwrap_or(i64::MAX)));
    let small = [Some(kind.to_owned()), took, tokens].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let part = |words: &'static str, text: String| {
        (!text.is_empty()).then(|| view! { <b class="f12">{words}</b><pre class="json" tabindex="0">{text}</pre> })
    };
    let head = view! {
        <span class="num t3">{at + 1}</span>
        <span class=look title=words><Icon name=icon/><span class="sr">{words}</span></span>
        <span class="tx">{step.name}<small>{small}</small></span>
        {bar}
    };
    let style = format!("--depth:{}", step.depth.min(8));
    if step.input.is_empty() && step.output.is_empty() {
        return view! { <li style=style><div class="step">{head}</div></li> }.into_any();
    }
    view! {
        <li style=style>
            <details>
                <summary class="step">{head}</summary>
                {part("Given", step.input)}
                {part("Gave", step.output)}
            </details>
        </li>
    }
    .into_any()
}

#[component]
fn DeleteDialog(id: TraceId, back: String, changed: Callback<()>) -> impl IntoView {
    let (running, toasts, navigate) = (Running::new(), use_toasts(), use_navigate());
    let act = move |_| {
        let (back, navigate) = (back.clone(), navigate.clone());
        running.run(delete_trace(id), move |()| {
            page::close_dialog(DIALOG);
            toast(toasts, "The trace was deleted");
            changed.run(());
            navigate(&back, Default::default());
        });
    };
    view! {
        <Dialog id=DIALOG title="Delete this trace?".to_owned()>
            <div class="body">
                <p>"Its steps go with it, and patterns do not count it any more. This cannot be undone."</p>
                <FieldError error=running.error/>
            </div>
            <footer>
                <button type="button" class="btn" on:click=|_| page::close_dialog(DIALOG)>"Keep it"</button>
                <button type="button" class="btn danger" class:busy=move || running.busy.get() on:click=act>"Delete"</button>
            </footer>
        </Dialog>
    }
}
