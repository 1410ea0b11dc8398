//! The list: patterns with how sure they are, proposals, passes.

use std::collections::HashMap;

use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::{
    super::{
        model::{
            Evolution, EvolutionQuery, LISTED, LISTED_MAX, Level, PassSummary, PatternSummary, ProposalKind, ProposalState,
            ProposalSummary, Settings, Sharing, Standing,
        },
        state::{begin_pass, evolution_address, evolution_query, read_evolution, set_settings, set_sharing, use_evolution, use_pattern},
    },
    Typing,
    evidence::EvidencePane,
    percent, sure,
};
use crate::{
    browser::{page, response},
    features::{
        accounts::{state::Running, ui::WorkspaceChoice},
        pwa::ui::NeedsNetwork,
    },
    ids::PatternId,
    ui::{
        Again, Dialog, EmptyState, ErrorView, Field, FieldError, Icon, Loading, PageTitle, Polled, Time, Transition, count, late,
        list_keys, plural, toast, use_toasts, utc_time,
    },
};

const SCHEDULE: &str = "evolution-schedule";
/// What the keys go along.
const PATTERNS: &str = ".p-evo .pat";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Patterns,
    Proposals,
    Passes,
}

#[component]
pub fn EvolutionPage() -> impl IntoView {
    let (params, asked) = (use_params_map(), use_query_map());
    let query = Memo::new(move |_| asked.with(evolution_query));
    let open = Memo::new(move |_| PatternId::in_address(params.read().get("id")));
    let evolution = use_evolution(query);
    let pattern = use_pattern(open);
    let again = Callback::new(move |()| {
        evolution.refetch();
        pattern.refetch();
    });
    let typing = Typing::default();
    let unsaved = Memo::new(move |_| typing.with(|typing| !typing.is_empty()));
    // The effect's value: it is dropped when nothing is unsaved any more.
    Effect::new(move |_| unsaved.get().then(|| page::hold_unsaved(|| ())));
    list_keys(PATTERNS);
    view! {
        <PageTitle text="Evolution"/>
        <main class="main panes p-evo" id="main" tabindex="-1" data-show=move || if open.get().is_some() { "side" } else { "main" }>
            <section class="pane" data-part="main" aria-label="Patterns">
                <header class="bar">
                    <h1>"Evolution"</h1>
                    <span class="push row gap-8"><Again act=again/><WorkspaceChoice chosen=Signal::derive(move || query.with(|query| query.team)) to=|team| evolution_address(&EvolutionQuery { team, ..EvolutionQuery::default() }, None) all=(Signal::derive(move || query.with(|query| query.system)), evolution_address(&EvolutionQuery { system: true, ..EvolutionQuery::default() }, None))/></span>
                </header>
                <Transition fallback=|| view! { <div class="scroll"><Loading/></div> }>
                    {move || {
                        let query = query.get();
                        evolution
                            .arrived()
                            .map(|arrived| late(move || match arrived.read() {
                                Ok(first) => view! { <List first=first query=query open=open typing=typing again=Callback::new(move |()| pattern.refetch())/> }.into_any(),
                                Err(error) => {
                                    response::set_status(error.code.status());
                                    view! { <div class="scroll"><ErrorView error=error/></div> }.into_any()
                                }
                            }))
                    }}
                </Transition>
            </section>
            <EvidencePane open=open query=query pattern=pattern typing=typing changed=again/>
        </main>
    }
}

/// Whether something else changed than what age alone lowers.
fn differ(shown: &[PatternSummary], now: &[PatternSummary]) -> bool {
    let same = |(shown, now): (&PatternSummary, &PatternSummary)| *shown == PatternSummary { confidence: shown.confidence, ..now.clone() };
    shown.len() != now.len() || !shown.iter().zip(now).all(same)
}

#[component]
fn List(first: Evolution, query: EvolutionQuery, open: Memo<Option<PatternId>>, typing: Typing, again: Callback<()>) -> impl IntoView {
    let most = RwSignal::new(None::<i64>);
    let polled = Polled::new(
        first,
        move || read_evolution(&EvolutionQuery { shown: most.get_untracked(), ..query }),
        move |shown: &Evolution, now: &Evolution, _| {
            // Who types is not disturbed: what is open is read again when they have saved.
            if differ(&shown.patterns, &now.patterns) && typing.with_untracked(HashMap::is_empty) {
                again.run(());
            }
        },
    );
    let report = polled.report;
    let (can_decide, can_set, level) = report.with_untracked(|page| (page.can_decide, page.can_set, page.level));
    let tab = RwSignal::new(Tab::Patterns);
    let running = Running::new();
    let toasts = use_toasts();
    let begin = move |_| running.run(begin_pass(&query.ground()), move |()| toast(toasts, "Patterns are looked for"));
    let is_at_work = Memo::new(move |_| report.with(|page| page.runs.iter().any(|run| run.state == "running")));
    let waiting =
        Memo::new(move |_| report.with(|page| page.proposals.iter().filter(|one| one.state == ProposalState::Open).count() as i64));
    let tab_of = move |this: Tab, words: &'static str, number: Signal<i64>, unread: bool| {
        view! {
            <button type="button" role="tab" aria-selected=move || (tab.get() == this).to_string() on:click=move |_| tab.set(this)>
                {words}" "
                <span class="count" class:unread=move || { unread && number.get() > 0 }>{move || count(number.get())}</span>
            </button>
        }
    };
    view! {
        <div class="toolbar">
            <span class="tabs" role="tablist" aria-label="What is shown">
                {tab_of(Tab::Patterns, "Patterns", Signal::derive(move || report.with(|page| page.patterns_total)), false)}
                {tab_of(Tab::Proposals, "Proposals", Signal::derive(move || waiting.get()), true)}
                {tab_of(Tab::Passes, "Passes", Signal::derive(move || report.with(|page| page.runs.len() as i64)), false)}
            </span>
            {(can_decide || can_set)
                .then(|| view! {
                    <button type="button" class="btn s push" class:busy=move || running.busy.get() || is_at_work.get() on:click=begin>
                        <Icon name="play"/>
                        "Run now"
                    </button>
                })}
        </div>
        <FieldError error=running.error/>
        <NeedsNetwork what="Looking for patterns"/>
        <div class="scroll" tabindex="0">
            {move || match tab.get() {
                Tab::Patterns => view! {
                    <Patterns report=report query=query open=open level=level/>
                    <More most=most shown=Signal::derive(move || report.with(|page| (page.patterns.len() as i64, page.patterns_total)))/>
                    <Unlisted report=report query=query/>
                }
                    .into_any(),
                Tab::Proposals => view! {
                    <Proposals report=report query=query/>
                    <More most=most shown=Signal::derive(move || report.with(|page| (page.proposals.len() as i64, page.proposals_total)))/>
                }
                    .into_any(),
                Tab::Passes => view! { <Passes report=report/> }.into_any(),
            }}
        </div>
        <div class="hints">
            <span>
                <Icon name="clock"/>
                {move || report.with(|page| match page.next_at {
                    Some(at) => format!("Next: {}", utc_time(at)).into_any(),
                    None if page.settings.paused => "Paused".into_any(),
                    None => "It begins with the first traces".into_any(),
                })}
            </span>
            {move || report.with(|page| page.shares == Some(true)).then_some(view! { <span>"Takes part in the patterns of all teams"</span> })}
            {can_set.then(|| view! { <button type="button" class="btn ghost s push" on:click=|_| page::open_dialog(SCHEDULE)>"Schedule"</button> })}
        </div>
        {can_set.then(|| view! { <ScheduleDialog settings=report.with_untracked(|page| page.settings.clone()) shares=report.with_untracked(|page| page.shares.filter(|_| page.can_share)) query=query/> })}
    }
}

/// Asks for more of a list than it shows; they come when it is next read.
#[component]
fn More(most: RwSignal<Option<i64>>, shown: Signal<(i64, i64)>) -> impl IntoView {
    let is_more = Memo::new(move |_| shown.with(|(shown, total)| shown < total && *shown < LISTED_MAX));
    let is_asked = move || shown.with(|(shown, _)| most.get().is_some_and(|most| most > *shown));
    view! {
        <Show when=move || is_more.get()>
            <nav class="pager" aria-label="More">
                <span>{move || shown.with(|(shown, total)| format!("{} of {}", count(*shown), count(*total)))}</span>
                <button type="button" class="btn s" class:busy=is_asked on:click=move |_| most.set(Some((shown.get_untracked().0 + LISTED).min(LISTED_MAX)))>"Show more"</button>
            </nav>
        </Show>
    }
}

/// The way to the patterns that are not sure enough to be listed, and back.
#[component]
fn Unlisted(report: RwSignal<Evolution>, query: EvolutionQuery) -> impl IntoView {
    let other = evolution_address(&EvolutionQuery { all: !query.all, ..query }, None);
    let words = move || {
        let (unlisted, least) = report.with(|page| (page.patterns_unlisted, sure(page.settings.listed)));
        if query.all { format!("Only those from {least}") } else { format!("{} less sure than {least}", count(unlisted)) }
    };
    view! {
        <Show when=move || query.all || report.with(|page| page.patterns_unlisted > 0)>
            <nav class="pager" aria-label="How sure"><a class="btn s" href=other.clone()>{words}</a></nav>
        </Show>
    }
}

#[component]
fn Patterns(report: RwSignal<Evolution>, query: EvolutionQuery, open: Memo<Option<PatternId>>, level: Level) -> impl IntoView {
    let empty = move || {
        let (traces, waiting, runs) = report.with(|page| (page.traces, page.waiting, page.settings.shown_runs));
        if let Some(missing) = report.with(|page| page.missing.clone()).filter(|_| traces > 0) {
            return view! { <EmptyState icon="alert" title="Traces cannot be grouped" text=missing/> }.into_any();
        }
        let (unlisted, least) = report.with(|page| (page.patterns_unlisted, sure(page.settings.listed)));
        if unlisted > 0 {
            let text = format!("{} not listed: that takes a confidence of {least}.", plural(unlisted, "pattern is", "patterns are"));
            return view! { <EmptyState icon="evolution" title="No pattern is sure enough yet" text=text/> }.into_any();
        }
        match (traces, waiting) {
            (0, _) if level == Level::System => view! {
                <EmptyState icon="evolution" title="No team takes part" text="The owner of a team says under Schedule on the team’s page whether its runs take part here."/>
            }
            .into_any(),
            (0, _) => view! {
                <EmptyState icon="evolution" title="No trace yet" text="Patterns come from the records of what agents did. Bring some in, and what is done again and again shows here.">
                    <a class="btn" href="/traces">"Traces"</a>
                </EmptyState>
            }
            .into_any(),
            (_, 1..) => view! { <EmptyState icon="evolution" title="Traces are being grouped" text="This takes a moment. The list fills by itself."/> }.into_any(),
            _ => {
                let people = match level {
                    Level::User => "",
                    Level::Team => " by two people",
                    Level::System => " by two people of two teams",
                };
                let text = format!("A pattern is shown once there are {} of the same task{people}.", plural(runs, "run", "runs"));
                view! { <EmptyState icon="evolution" title="No pattern yet" text=text/> }.into_any()
            }
        }
    };
    view! {
        <Show when=move || report.with(|page| !page.patterns.is_empty()) fallback=empty>
            <For
                each=move || report.with(|page| page.patterns.iter().map(|pattern| pattern.id).collect::<Vec<_>>())
                key=|id| *id
                children=move |id| {
                    let find = move |page: &Evolution| page.patterns.iter().find(|pattern| pattern.id == id).cloned();
                    report
                        .with_untracked(find)
                        .map(|first| {
                            let pattern = Memo::new(move |last: Option<&PatternSummary>| report.with(find).unwrap_or_else(|| last.unwrap_or(&first).clone()));
                            let ticks = move || report.with(|page| (page.settings.listed, page.settings.proposed));
                            let address = evolution_address(&query, Some(id));
                            view! {
                                <a class="pat" href=address aria-current=move || (open.get() == Some(id)).then_some("true")>
                                    {move || pattern_row(pattern.get(), ticks())}
                                </a>
                            }
                        })
                }
            />
        </Show>
    }
}

fn pattern_row(pattern: PatternSummary, (listed, proposed): (f64, f64)) -> impl IntoView {
    let style = format!("--v:{:.3}", pattern.confidence);
    let chip = match (&pattern.proposal, pattern.standing) {
        (Some(proposal), _) => match (proposal.state, proposal.kind) {
            (ProposalState::Open, ProposalKind::Improves) => Some(("chip line", "Improves")),
            (ProposalState::Open, ProposalKind::Retire) => Some(("chip warn", "Retire")),
            (ProposalState::Open, _) => Some(("chip accent", "Proposal")),
            (ProposalState::Accepted, _) => Some(("chip ok", "Accepted")),
            (ProposalState::Snoozed, _) => Some(("chip line", "Later")),
            (ProposalState::Ignored, _) => Some(("chip line", "Ignored")),
        },
        (None, Standing::Shown) => Some(("chip line", "Not sure enough")),
        (None, _) => None,
    };
    view! {
        <span class="t">{pattern.name}</span>
        <span class="conf"><span class="sr">"Confidence "</span>{sure(pattern.confidence)}</span>
        <span class="meter" style=style aria-hidden="true">
            <i></i>
            <i class="tick" style=format!("--at:{listed}")></i>
            <i class="tick" style=format!("--at:{proposed}")></i>
        </span>
        <span class="m">
            <span>{plural(pattern.runs, "run", "runs")}</span>
            <span>{percent(pattern.successes, pattern.runs)}" ok"</span>
            <span>{plural(pattern.people, "person", "people")}</span>
            {chip.map(|(class, words)| view! { <span class=class>{words}</span> })}
        </span>
    }
}

#[component]
fn Proposals(report: RwSignal<Evolution>, query: EvolutionQuery) -> impl IntoView {
    let row = move |proposal: ProposalSummary| {
        let state = match proposal.state {
            ProposalState::Open => ("chip accent", "Open"),
            ProposalState::Snoozed => ("chip line", "Later"),
            ProposalState::Accepted => ("chip ok", "Accepted"),
            ProposalState::Ignored => ("chip line", "Ignored"),
        };
        let address = evolution_address(&query, Some(proposal.pattern_id));
        view! {
            <a class="pat" href=address>
                <span class="t">{proposal.slug}</span>
                <span class="conf"><span class="sr">"Confidence "</span>{sure(proposal.confidence)}</span>
                <span class="m">
                    <span>{proposal.name}</span>
                    <Time at=proposal.created_at/>
                    <span class=state.0>{state.1}</span>
                    {match proposal.kind {
                        ProposalKind::New => None,
                        ProposalKind::Improves => Some("Improves it"),
                        ProposalKind::Retire => Some("Retires it"),
                    }
                        .map(|words| view! { <span class="chip line">{words}</span> })}
                </span>
            </a>
        }
    };
    move || {
        let proposals = report.with(|page| page.proposals.clone());
        if proposals.is_empty() {
            let least = report.with(|page| page.settings.proposed);
            let text = format!("A skill is proposed when a pattern reaches a confidence of {}.", sure(least));
            return view! { <EmptyState icon="bulb" title="Nothing proposed" text=text/> }.into_any();
        }
        proposals.into_iter().map(row).collect_view().into_any()
    }
}

#[component]
fn Passes(report: RwSignal<Evolution>) -> impl IntoView {
    let row = |pass: PassSummary| {
        let (look, icon, words) = match pass.state.as_str() {
            "running" => ("t2", "half", "Running"),
            "failed" => ("c-bad", "fail", "Failed"),
            _ => ("c-ok", "ok", "Done"),
        };
        let who = pass.asked_by.map(|person| format!(" by {}", person.name)).unwrap_or_default();
        let took = pass.ended_at.map(|end| crate::features::traces::ui::duration_words(end - pass.started_at));
        view! {
            <li class="pass">
                <span class=look title=words><Icon name=icon/><span class="sr">{words}</span></span>
                <div class="tx">
                    <span>{pass.cause.words()}{who}" "<Time at=pass.started_at/></span>
                    <small>
                        {format!("{}, {}, {}", plural(pass.traces, "trace", "traces"), plural(pass.patterns, "group", "groups"), plural(pass.proposals, "proposal", "proposals"))}
                        {took.map(|took| format!(", {took}"))}
                    </small>
                    {pass.log.into_iter().map(|line| view! { <small>{line}</small> }).collect_view()}
                    {pass.error.map(|error| view! { <small class="c-bad">{error}</small> })}
                </div>
            </li>
        }
    };
    move || {
        let passes = report.with(|page| page.runs.clone());
        if passes.is_empty() {
            return view! { <EmptyState icon="clock" title="No pass yet" text="A pass groups all traces anew. It comes by its schedule, after new traces, or now."/> }.into_any();
        }
        view! { <ul class="passes" aria-live="polite">{passes.into_iter().map(row).collect_view()}</ul> }.into_any()
    }
}

#[component]
fn ScheduleDialog(settings: Settings, shares: Option<bool>, query: EvolutionQuery) -> impl IntoView {
    let (running, toasts) = (Running::new(), use_toasts());
    let (paused, is_shared) = (RwSignal::new(settings.paused), RwSignal::new(shares.unwrap_or(false)));
    let was_shared = StoredValue::new(shares);
    let text = |value: String| RwSignal::new(value);
    let (cron, zone, after) = (text(settings.cron), text(settings.zone), text(settings.after.to_string()));
    let (shown, listed, proposed) = (text(settings.shown_runs.to_string()), text(sure(settings.listed)), text(sure(settings.proposed)));
    let save = move |_| {
        let number = |value: RwSignal<String>| value.with_untracked(|value| value.trim().parse::<i64>().unwrap_or(0));
        let share = |value: RwSignal<String>| {
            value.with_untracked(|value| value.trim().parse::<f64>().ok().filter(|share| share.is_finite()).unwrap_or(-1.0))
        };
        let settings = Settings {
            paused: paused.get_untracked(),
            cron: cron.get_untracked(),
            zone: zone.get_untracked(),
            after: number(after),
            shown_runs: number(shown),
            listed: share(listed),
            proposed: share(proposed),
        };
        let sharing = Sharing { shares: is_shared.get_untracked() };
        // Only its owner is asked, and only what changed is said.
        let team = query.team.filter(|_| was_shared.get_value().is_some_and(|was| was != sharing.shares));
        let set = set_settings(&query.ground(), settings);
        let kept = async move {
            set.await?;
            match team {
                Some(team) => set_sharing(team, sharing).await,
                None => Ok(()),
            }
        };
        running.run(kept, move |()| {
            was_shared.update_value(|was| *was = was.map(|_| sharing.shares));
            page::close_dialog(SCHEDULE);
            toast(toasts, "Kept");
        });
    };
    let field = move |id: &'static str, name: &'static str, label: &'static str, hint: &'static str, value: RwSignal<String>| {
        view! { <Field id=id name=name label=label hint=hint value=value error=running.error/> }
    };
    view! {
        <Dialog id=SCHEDULE title="When patterns are looked for".to_owned()>
            <div class="body">
                <label class="check">
                    <input type="checkbox" prop:checked=move || paused.get() on:change=move |event| paused.set(event_target_checked(&event))/>
                    <span>"Paused: only when somebody runs it"</span>
                </label>
                {field("evo-cron", "cron", "Schedule", "Minute, hour, day, month, weekday: 0 3 * * 0 is Sunday at 03:00", cron)}
                {field("evo-zone", "zone", "Time zone", "Such as Europe/Berlin", zone)}
                {field("evo-after", "after", "Also after so many new traces", "", after)}
                {field("evo-shown", "shownRuns", "Runs from which a pattern is shown", "", shown)}
                {field("evo-listed", "listed", "Confidence from which it is listed", "From 0 to 1", listed)}
                {field("evo-proposed", "proposed", "Confidence from which a skill is proposed", "From 0 to 1", proposed)}
                {shares.map(|_| view! {
                    <label class="check">
                        <input type="checkbox" prop:checked=move || is_shared.get() on:change=move |event| is_shared.set(event_target_checked(&event)) aria-describedby="evo-shares-hint"/>
                        <span>"Runs of this team take part in the patterns of all teams"</span>
                    </label>
                    <p class="hint" id="evo-shares-hint">"Administrators of this server then see the steps and words that runs of at least two teams share, and how many runs each team has; never a text that only this team has. Without it, its runs leave with the pass that follows at once."</p>
                })}
                <FieldError error=running.error/>
            </div>
            <footer>
                <button type="button" class="btn" on:click=|_| page::close_dialog(SCHEDULE)>"Cancel"</button>
                <button type="button" class="btn primary" class:busy=move || running.busy.get() on:click=save>"Keep"</button>
            </footer>
        </Dialog>
    }
}
