//! What an answer was made with.

use leptos::prelude::*;

use super::watch::Watch;
use crate::{
    features::{
        artifacts::ui::artifact_address,
        assistant::model::{Answered, GivenSkill, SkillChoice},
        traces::state::trace_address,
    },
    ui::{Icon, count},
};

/// A skill with what can be said about it for this session.
#[component]
pub fn SkillChip(skill: GivenSkill, watch: Watch, may_write: Signal<bool>) -> impl IntoView {
    let GivenSkill { id, name, pinned, .. } = skill;
    let (pin, leave) = (format!("Always use {name} in this session"), format!("Leave {name} out in this session"));
    view! {
        <span class="chip line">
            <Icon name=if pinned { "pin" } else { "skill" }/>
            <a href=artifact_address(id)>{name}</a>
            {move || {
                let (pin, leave) = (pin.clone(), leave.clone());
                may_write.get().then(|| {
                    view! {
                        {(!pinned).then(|| view! { <button type="button" class="btn ghost icon-only s" aria-label=pin.clone() title=pin on:click=move |_| watch.choose(id, SkillChoice::Pinned)><Icon name="pin"/></button> })}
                        <button type="button" class="btn ghost icon-only s" aria-label=leave.clone() title=leave on:click=move |_| watch.choose(id, SkillChoice::LeftOut)><Icon name="x"/></button>
                    }
                })
            }}
        </span>
    }
}

/// Under an answer: the skills that it was given, the tools that ran, how long it took, and the way to its trace.
#[component]
pub fn Uses(answered: Answered, watch: Watch, may_write: Signal<bool>) -> impl IntoView {
    let Answered { question_id, skills, tools, took_ms, tokens, trace_id, problem, .. } = answered;
    let seconds = format!("{}.{} s", took_ms / 1_000, took_ms % 1_000 / 100);
    let cost = if tokens > 0 { format!("{seconds}, {} tokens", count(tokens)) } else { seconds };
    view! {
        {problem
            .map(|problem| {
                view! {
                    <div class="row wrap">
                        <span class="c-warn f12">{problem}</span>
                        {move || {
                            may_write
                                .get()
                                .then(|| view! { <button type="button" class="btn s" on:click=move |_| watch.ask(question_id)><Icon name="refresh"/>"Ask again"</button> })
                        }}
                    </div>
                }
            })}
        <div class="uses">
            {(!skills.is_empty() || !tools.is_empty()).then_some("Used ")}
            {skills.into_iter().map(|skill| view! { <SkillChip skill=skill watch=watch may_write=may_write/> }).collect_view()}
            {tools.into_iter().map(|tool| view! { <span class="chip line"><Icon name="tool"/>{tool}</span> }).collect_view()}
            <span class="num">{cost}</span>
            {trace_id.map(|id| view! { <a class="link" href=trace_address(id)>"Trace"</a> })}
        </div>
    }
}
