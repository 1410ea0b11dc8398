//! Questions that are being answered, at the end of the timeline.

use leptos::prelude::*;

use super::{uses::SkillChip, watch::Watch};
use crate::{
    features::{
        accounts::model::{Person, UserKind},
        assistant::model::{Call, CallState, Decision, NAME, Run, RunState, SkillChoice},
    },
    ids::RunId,
    ui::{Avatar, Icon},
};

/// The questions of a session that are not answered yet, and those whose answer failed.
#[component]
pub fn Answering(watch: Watch, may_write: Signal<bool>) -> impl IntoView {
    let ids = Memo::new(move |_| watch.runs().into_iter().map(|run| run.id).collect::<Vec<_>>());
    view! {
        <For each=move || ids.get() key=|id| *id children=move |id| view! { <OneRun watch=watch id=id may_write=may_write/> }/>
    }
}

/// As the account of the assistant looks; it has no picture.
fn face() -> Person {
    Person { id: crate::ids::UserId::from_bits(0), name: NAME.to_owned(), kind: UserKind::Agent, color: 1, avatar: None }
}

#[component]
fn OneRun(watch: Watch, id: RunId, may_write: Signal<bool>) -> impl IntoView {
    // Each part is its own, so that a piece of text does not make the buttons anew.
    let run = move || watch.runs().into_iter().find(|run| run.id == id);
    let state = Memo::new(move |_| run().map_or(RunState::Answered, |run| run.state));
    let text = Memo::new(move |_| run().map(|run| run.text).unwrap_or_default());
    let skills = Memo::new(move |_| run().map(|run| run.skills).unwrap_or_default());
    let calls = Memo::new(move |_| run().map(|run| run.calls).unwrap_or_default());
    let problem = Memo::new(move |_| run().and_then(|run| run.problem));
    let question = Memo::new(move |_| run().map(|run| run.question_id));
    let words = move || match run() {
        Some(Run { state: RunState::Queued, asked_by, .. }) => format!("answers {} next", asked_by.name),
        Some(Run { state: RunState::Waiting, .. }) => "wants to use a tool".to_owned(),
        Some(Run { state: RunState::Failed, .. }) => "could not answer".to_owned(),
        Some(Run { text, asked_by, .. }) if text.is_empty() => format!("thinks about what {} asks", asked_by.name),
        _ => "answers".to_owned(),
    };
    let goes_on = move || !state.get().has_ended();
    view! {
        <article class="entry answering" aria-label="Assistant" aria-busy=move || goes_on().to_string()>
            <Avatar person=face() size="l"/>
            <header>
                <b>{NAME}</b>
                <span class="chip line">"Agent"</span>
                <span class="t3 f12 trunc" role="status">{words}</span>
                {move || {
                    (goes_on() && may_write.get())
                        .then(|| view! { <button type="button" class="btn s push" on:click=move |_| watch.stop(id)><Icon name="stop"/>"Stop"</button> })
                }}
            </header>
            <div class="body">
                {move || {
                    (text.with(String::is_empty) && state.get() == RunState::Running)
                        .then(|| view! { <span class="dots" aria-hidden="true"><i></i><i></i><i></i></span> })
                }}
                // As it comes; when it is whole it stands in the timeline as what its markdown says.
                <p class="said" hidden=move || text.with(String::is_empty)>{text}</p>
                <For each=move || calls.get() key=|call| (call.id, call.state) children=move |call| view! { <CallView watch=watch run=id call=call may_write=may_write/> }/>
                {move || {
                    problem
                        .get()
                        .map(|problem| {
                            view! {
                                <div class="row wrap">
                                    <span class="c-warn f12">{problem}</span>
                                    {move || {
                                        question
                                            .get()
                                            .filter(|_| may_write.get())
                                            .map(|question| view! { <button type="button" class="btn s" on:click=move |_| watch.ask(question)><Icon name="refresh"/>"Ask again"</button> })
                                    }}
                                </div>
                            }
                        })
                }}
                {move || {
                    (!skills.with(Vec::is_empty))
                        .then(|| {
                            view! {
                                <div class="uses">
                                    "Uses "
                                    {skills.get().into_iter().map(|skill| view! { <SkillChip skill=skill watch=watch may_write=may_write/> }).collect_view()}
                                </div>
                            }
                        })
                }}
            </div>
        </article>
    }
}

/// A call that waits for somebody, runs, or ran.
#[component]
fn CallView(watch: Watch, run: RunId, call: Call, may_write: Signal<bool>) -> impl IntoView {
    let Call { id, slug, inputs, hosts, state, by, granted, .. } = call;
    let by = by.map_or_else(|| "Somebody".to_owned(), |person| person.name);
    let reach = if hosts.is_empty() { "It reaches no network.".to_owned() } else { format!("It may talk to {}.", hosts.join(", ")) };
    let settled = |icon: &'static str, words: String| {
        let slug = slug.clone();
        view! { <div class="uses"><Icon name=icon/><code>{slug}</code>{words}</div> }.into_any()
    };
    match state {
        CallState::Done => settled("ok", format!(" ran in {by}'s browser")),
        CallState::Failed => settled("fail", " gave no result".to_owned()),
        CallState::Denied => settled("lock", " was not allowed".to_owned()),
        CallState::Running => settled("clock", format!(" runs in {by}'s browser")),
        CallState::Asked => {
            let button = move |words: &'static str, look: &'static str, decision| {
                view! { <button type="button" class=look on:click=move |_| watch.decide(run, id, decision)>{words}</button> }
            };
            view! {
                <div class="ask" role="group" aria-label="A tool wants to run">
                    <div class="q"><Icon name="terminal"/><span>"The assistant wants to run "<code>{slug.clone()}</code>". "{reach}</span></div>
                    <details><summary class="f12"><span class="link">"What it is given"</span></summary><pre class="f12"><code>{inputs}</code></pre></details>
                    {move || {
                        if granted {
                            return view! { <span class="t3 f12">"You allowed it in this session: it starts here."</span> }.into_any();
                        }
                        if !may_write.get() {
                            return view! { <span class="t3 f12">"Somebody who may write here decides."</span> }.into_any();
                        }
                        view! {
                            <div class="row wrap">
                                {button("Allow once", "btn s", Decision::Once)}
                                {button("Allow in this session", "btn s", Decision::Session)}
                                {button("Deny", "btn s ghost", Decision::Deny)}
                            </div>
                        }
                            .into_any()
                    }}
                </div>
            }
            .into_any()
        }
    }
}

/// The skills that were pinned or left out in a session, above where one writes.
#[component]
pub fn Choices(watch: Watch, may_write: Signal<bool>) -> impl IntoView {
    let choices = Memo::new(move |_| watch.known.with(|known| known.as_ref().map(|known| known.choices.clone()).unwrap_or_default()));
    let shown = move |wanted: SkillChoice, words: &'static str| {
        let chosen: Vec<_> = choices.get().into_iter().filter(|chosen| chosen.choice == wanted).collect();
        (!chosen.is_empty()).then(|| {
            let chips = chosen.into_iter().map(|chosen| {
                let (id, name) = (chosen.skill.id, chosen.skill.name);
                let label = format!("Let the assistant choose about {name} again");
                view! {
                    <span class="chip line">
                        <Icon name=if wanted == SkillChoice::Pinned { "pin" } else { "skill" }/>
                        {name}
                        {move || {
                            let label = label.clone();
                            may_write.get().then(|| {
                                view! { <button type="button" class="btn ghost icon-only s" aria-label=label.clone() title=label on:click=move |_| watch.choose(id, SkillChoice::Automatic)><Icon name="x"/></button> }
                            })
                        }}
                    </span>
                }
            });
            view! { <div class="uses">{words}{chips.collect_view()}</div> }
        })
    };
    move || {
        (watch.answers() && !choices.with(Vec::is_empty)).then(|| {
            view! { <div class="chosen-skills">{shown(SkillChoice::Pinned, "Always uses ")}{shown(SkillChoice::LeftOut, "Never uses ")}</div> }
        })
    }
}
