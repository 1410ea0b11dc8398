//! Why a pattern is as sure as it is: its parts, its steps, its runs, and what its skill did.

use leptos::prelude::*;

use super::{
    super::{
        model::{Effect, EvolutionQuery, Level, Pattern, PatternEvent, PatternEventKind, PatternMark, Promotion, TeamRuns, Why},
        state::{draft_proposal, evolution_address},
    },
    Typing, percent,
    proposal::ProposalPart,
    sure,
};
use crate::{
    browser::data::Fetched,
    features::accounts::state::Running,
    features::traces::{
        model::{TraceSummary, TracesQuery},
        state::{trace_address, traces_address},
        ui::{duration_words, outcome_mark},
    },
    ids::PatternId,
    ui::{FieldError, Icon, SidePane, Time, count, plural, toast, use_toasts},
};

#[component]
pub fn EvidencePane(
    open: Memo<Option<PatternId>>,
    query: Memo<EvolutionQuery>,
    pattern: Fetched<Pattern>,
    typing: Typing,
    changed: Callback<()>,
) -> impl IntoView {
    let back = move || evolution_address(&query.get(), None);
    let view = move |(found, back)| {
        view! { <Detail pattern=found query=query.get_untracked() typing=typing back=back changed=changed/> }.into_any()
    };
    view! { <SidePane label="Pattern" open=Signal::derive(move || open.get().is_some()) back=Signal::derive(back) found=pattern view=view/> }
}

#[component]
fn Detail(pattern: Pattern, query: EvolutionQuery, typing: Typing, back: String, changed: Callback<()>) -> impl IntoView {
    let Pattern {
        summary,
        level,
        why,
        steps,
        ways,
        pitfalls,
        goals,
        flagged,
        teams,
        latest,
        history,
        went_into,
        promotions,
        effect,
        proposal_text,
        can_draft,
        can_decide,
        ..
    } = pattern;
    let (id, running, toasts) = (summary.id, Running::new(), use_toasts());
    let draft = move |_| {
        running.run(draft_proposal(id), move |()| {
            toast(toasts, "A skill is drafted");
            changed.run(());
        });
    };
    let failed = summary.runs - summary.successes;
    // Of all teams, there is no list that has them all.
    let all_runs = (level != Level::System && summary.runs > latest.len() as i64).then(|| {
        let address = traces_address(&TracesQuery { team: query.team, pattern: Some(id), ..TracesQuery::default() }, None);
        view! { <a class="link" href=address>{format!("All {}", plural(summary.runs, "run", "runs"))}</a> }
    });
    let gone = went_into.map(|mark| view! { <p class="hint row gap-4"><Icon name="merge"/>"It has no runs any more: most are in "{pattern_link(&query, mark)}"."</p> });
    let rows = steps
        .iter()
        .enumerate()
        .map(|(at, step)| {
            let others = step.other_names.join(", ");
            let words = step.words.join(", ");
            let small = [(!others.is_empty()).then(|| format!("also {others}")), (!words.is_empty()).then(|| format!("with {words}"))];
            let small = small.into_iter().flatten().collect::<Vec<_>>().join("; ");
            view! {
                <li class:opt=step.frequency < 0.5>
                    <span>{at + 1}</span>
                    <span><code>{step.name.clone()}</code>{(!small.is_empty()).then(|| view! { <small>{small}</small> })}</span>
                    <span class="meter" style=format!("--v:{:.3}", step.frequency) aria-hidden="true"><i></i></span>
                    <b>{format!("{:.0} %", step.frequency * 100.0)}</b>
                </li>
            }
        })
        .collect_view();
    let other_ways = ways
        .iter()
        .filter(|way| way.runs > 1 && !way.steps.is_empty() && way.steps.len() < steps.len())
        .map(|way| {
            let names = way.steps.iter().map(|at| (at + 1).to_string()).collect::<Vec<_>>().join(", ");
            view! { <li>{format!("Steps {names}: {}, {} succeeded", plural(way.runs, "run", "runs"), percent(way.successes, way.runs))}</li> }
        })
        .collect_view();
    view! {
        <header class="bar">
            <a class="btn ghost icon-only phone-only" href=back.clone() aria-label="Back"><Icon name="chev-l"/></a>
            <h1>{summary.name.clone()}</h1>
            <span class="push row gap-4">
                {can_draft
                    .then(|| view! { <button type="button" class="btn s" class:busy=move || running.busy.get() on:click=draft><Icon name="skill"/>"Draft a skill"</button> })}
                <span class="chip accent">"Confidence "{sure(summary.confidence)}</span>
                <a class="btn ghost icon-only wide-only" href=back aria-label="Close" title="Close"><Icon name="x"/></a>
            </span>
        </header>
        <FieldError error=running.error/>
        <div class="scroll evo-detail" tabindex="0">
            <div class="evo-evidence">
                {gone}
                {effect.map(|effect| view! { <EffectPart effect=effect/> })}
                <section class="evi"><h2>{format!("Why {}", sure(summary.confidence))}</h2><WhyPart why=why people=summary.people last_at=summary.last_at/></section>
                <section class="evi">
                    <h2>"Steps in "{plural(summary.runs, "run", "runs")}</h2>
                    {if steps.is_empty() {
                        view! { <p class="hint">"The runs have no step in common: their goals alone are alike."</p> }.into_any()
                    } else {
                        view! { <ol class="evo-steps">{rows}</ol> <ul class="hint ways">{other_ways}</ul> }.into_any()
                    }}
                </section>
                {(!pitfalls.is_empty())
                    .then(|| view! {
                        <section class="evi">
                            <h2>"Where runs fail"</h2>
                            <ul class="pitfalls">{pitfalls.into_iter().map(|line| view! { <li><Icon name="bulb"/><span>{line}</span></li> }).collect_view()}</ul>
                        </section>
                    })}
                <section class="evi">
                    <h2>"What was wanted"</h2>
                    {(level == Level::System).then(|| view! { <p class="hint">"Only words and steps that runs of at least two teams share."</p> })}
                    {goals.into_iter().map(|goal| view! { <blockquote>{goal}</blockquote> }).collect_view()}
                    {(flagged > 0)
                        .then(|| view! { <p class="hint c-warn row gap-4"><Icon name="alert"/>{format!("{} not quoted: the goal reads like an instruction to an agent.", plural(flagged, "run is", "runs are"))}</p> })}
                </section>
                {(!teams.is_empty())
                    .then(|| {
                        let team = |TeamRuns { name, runs }| view! { <li><div class="tx">{name}</div><span class="tail">{plural(runs, "run", "runs")}</span></li> };
                        view! { <section class="evi"><h2>"Teams"</h2><ul class="rows">{teams.into_iter().map(team).collect_view()}</ul></section> }
                    })}
                <section class="evi">
                    <h2>"Latest runs"<span class="f12 t3 push">{format!("{} succeeded, {} failed", count(summary.successes), count(failed))}</span></h2>
                    <ul class="rows">{latest.into_iter().map(run).collect_view()}</ul>
                    {all_runs}
                </section>
                {(!history.is_empty() || !promotions.is_empty())
                    .then(|| {
                        let promoted = promotions.into_iter().map(promotion).collect_view();
                        let lines = history.into_iter().map(|event| history_line(&query, event)).collect_view();
                        view! { <section class="evi"><h2>"History"</h2><ul class="hint">{promoted}{lines}</ul></section> }
                    })}
            </div>
            {proposal_text.map(|proposal| view! { <ProposalPart proposal=proposal may_decide=can_decide typing=typing changed=changed/> })}
        </div>
    }
}

fn pattern_link(query: &EvolutionQuery, mark: PatternMark) -> AnyView {
    view! { <a class="link" href=evolution_address(query, Some(mark.id))>{mark.name}</a> }.into_any()
}

/// What became of the pattern in a pass, with the way to the others.
fn history_line(query: &EvolutionQuery, event: PatternEvent) -> AnyView {
    let words = match event.kind {
        PatternEventKind::Split => "Some of its runs went to ",
        PatternEventKind::Grew => "Some runs came to it from ",
        PatternEventKind::Merged => "Most of its runs went to ",
        PatternEventKind::Absorbed => "It took in ",
    };
    let others = event.others.into_iter().enumerate().map(|(at, mark)| (if at > 0 { ", " } else { "" }, pattern_link(query, mark)));
    view! { <li>{words}{others.collect_view()}" "<Time at=event.at/></li> }.into_any()
}

#[component]
fn WhyPart(why: Why, people: i64, last_at: i64) -> impl IntoView {
    let part = |words: String, value: f64| {
        view! { <li><span>{words}</span><span class="meter" style=format!("--v:{value:.3}") aria-hidden="true"><i></i></span><b>{sure(value)}</b></li> }
    };
    view! {
        <ul class="why">
            {part("Success, lower bound".to_owned(), why.success)}
            {part("Runs alike".to_owned(), why.cohesion)}
            {part(plural(people, "person", "people"), why.people)}
            {part("Recent".to_owned(), why.recent)}
        </ul>
        <p class="hint">"Their product: at least this share of the next runs succeeds. The latest run: "<Time at=last_at/></p>
    }
}

fn promotion(promotion: Promotion) -> impl IntoView {
    let who = promotion.promoted_by.map(|person| format!(" by {}", person.name)).unwrap_or_default();
    view! {
        <li>
            <a class="link" href=format!("/artifacts/{}", promotion.artifact_id)>{format!("Promoted to {}", promotion.volume_name)}</a>
            {format!("{who}: {} ", promotion.reason)}
            <Time at=promotion.at/>
        </li>
    }
}

fn run(trace: TraceSummary) -> impl IntoView {
    let took = duration_words(trace.duration_ms());
    let who = trace.person.clone().unwrap_or_else(|| trace.by.name.clone());
    let team = trace.team_id.map(|team| format!("?team={team}")).unwrap_or_default();
    let goal = if trace.goal.is_empty() { "No goal told".to_owned() } else { trace.goal };
    view! {
        <li>
            {outcome_mark(trace.outcome)}
            <div class="tx"><a class="link" href=format!("{}{team}", trace_address(trace.id))>{goal}</a><small>{who}</small></div>
            <span class="tail">{took}</span>
        </li>
    }
}

/// A difference of two shares with its bounds, as percentage points: `+12 points … (between +3 and +20, 90 %)`.
fn points((middle, low, high): (f64, f64, f64), of: &str) -> String {
    let points = |share: f64| format!("{:+.0}", share * 100.0);
    format!("{} points {of} (between {} and {}, 90 %).", points(middle), points(low), points(high))
}

/// Whether the skill helps: runs with it against runs without, and runs since it was accepted against those before.
#[component]
fn EffectPart(effect: Effect) -> impl IntoView {
    let Effect { artifact_id, name, with, without, difference, before, after, change } = effect;
    let words = match difference {
        None => "No run has used it yet.".to_owned(),
        Some(bounds) => {
            let (_, low, high) = bounds;
            let verdict = if low > 0.0 {
                "It helps."
            } else if high < 0.0 {
                "It hurts: think of taking it out."
            } else {
                "Too few runs to tell."
            };
            format!("{} {verdict}", points(bounds, "with it"))
        }
    };
    let change = change.map(|bounds| format!("{} Whatever else changed since is in it too.", points(bounds, "since it was accepted")));
    let side = |label: &'static str, (runs, successes): (i64, i64)| {
        view! { <div><dt>{label}</dt><dd>{format!("{} of {}", percent(successes, runs), plural(runs, "run", "runs"))}</dd></div> }
    };
    view! {
        <section class="evi">
            <h2>"What the skill does"</h2>
            <p><a class="link" href=format!("/artifacts/{artifact_id}")>{name}</a></p>
            <dl class="strip">{side("With it", with)}{side("Without it", without)}</dl>
            <p class="f12">{words}</p>
            <dl class="strip">{side("Before it was accepted", before)}{side("Since then", after)}</dl>
            {change.map(|words| view! { <p class="f12">{words}</p> })}
        </section>
    }
}
