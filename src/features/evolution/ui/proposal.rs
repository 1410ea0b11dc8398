//! What is proposed: read, edit, see what the scanner finds, decide.

use leptos::prelude::*;

use super::super::{
    model::{Decide, EditProposal, Promote, PromotionTarget, Proposal, ProposalKind, ProposalState},
    state::{decide, edit_proposal, promote},
};
use crate::{
    browser::page,
    features::{
        accounts::state::Running,
        artifacts::{model::diff::diff, state::undelete_artifact, ui::unified_table},
        volumes::model::VolumeKind,
    },
    ids::ProposalId,
    ui::{Dialog, FieldError, Icon, Time, plural, toast, use_toasts},
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Read,
    Edit,
    Compare,
    Scan,
}

const PROMOTE: &str = "evolution-promote";
/// Days that "Later" puts it off.
const LATER: i64 = 14;

#[component]
pub fn ProposalPart(proposal: Proposal, changed: Callback<()>) -> impl IntoView {
    let Proposal { summary, text, html, saves, author, note, artifact, retired, findings, is_blocked, targets, decided_by, reason } =
        proposal;
    let id = summary.id;
    let is_open = matches!(summary.state, ProposalState::Open | ProposalState::Snoozed);
    let (running, toasts) = (Running::new(), use_toasts());
    let part = RwSignal::new(Part::Read);
    let written = RwSignal::new(text.clone());
    let act = move |decision: Decide, words: &'static str| {
        running.run(decide(id, decision), move |()| {
            toast(toasts, words);
            changed.run(());
        });
    };
    let save = move |_| {
        running.run(edit_proposal(id, EditProposal { text: written.get_untracked(), saves }), move |()| {
            toast(toasts, "Saved");
            changed.run(());
        });
    };
    let (found, target) = (findings.len() as i64, artifact.as_ref().map(|artifact| artifact.id));
    let tab = move |this: Part, words: String| {
        view! { <button type="button" role="tab" aria-selected=move || (part.get() == this).to_string() on:click=move |_| part.set(this)>{words}</button> }
    };
    let is_retirement = summary.kind == ProposalKind::Retire;
    // Its text is figures: there is nothing in it to edit, to compare or to scan.
    let before = artifact.as_ref().map(|artifact| artifact.text.clone()).filter(|_| !is_retirement);
    let compares = before.is_some() && is_open;
    let state = match summary.state {
        ProposalState::Open => ("chip warn", "Draft"),
        ProposalState::Snoozed => ("chip line", "Later"),
        ProposalState::Accepted => ("chip ok", "Accepted"),
        ProposalState::Ignored => ("chip line", "Ignored"),
    };
    let kind = match summary.kind {
        ProposalKind::New => "New skill",
        ProposalKind::Improves => "Improves a skill",
        ProposalKind::Retire => "Retires a skill",
    };
    let author = if is_retirement {
        "Counted from the runs".to_owned()
    } else if author == "generator" {
        "Written from the runs alone: every step is one of theirs".to_owned()
    } else {
        format!("Written by the model {author}: every step names those of the runs that it is about")
    };
    let decided = decided_by.map(|person| format!("{} by {}.", state.1, person.name));
    view! {
        <section class="evo-draft" aria-label="Proposal">
            <header class="row wrap gap-8">
                <Icon name="skill"/>
                <h2>{summary.slug.clone()}</h2>
                <span class=state.0>{state.1}</span>
                <span class="chip line">{kind}</span>
            </header>
            <div class="row wrap gap-8">
                <span class="seg" role="tablist" aria-label="Parts of the proposal">
                    {tab(Part::Read, "Read".to_owned())}
                    {(is_open && !is_retirement).then(|| tab(Part::Edit, "Edit".to_owned()))}
                    {compares.then(|| tab(Part::Compare, "Compare".to_owned()))}
                    {(!is_retirement).then(|| tab(Part::Scan, if found > 0 { format!("Scan {found}") } else { "Scan".to_owned() }))}
                </span>
                <span class="hint">{author}", "<Time at=summary.created_at/></span>
            </div>
            {note.map(|note| view! { <p class="hint row gap-4"><Icon name="alert"/>{note}</p> })}
            <div hidden=move || part.get() != Part::Read><article class="prose" inner_html=html></article></div>
            <div hidden=move || part.get() != Part::Edit>
                <label class="field">
                    <span class="sr">"Text of the skill"</span>
                    <textarea class="input code" rows="24" spellcheck="true" prop:value=move || written.get() on:input=move |event| written.set(event_target_value(&event))></textarea>
                </label>
                <button type="button" class="btn" class:busy=move || running.busy.get() on:click=save><Icon name="disk"/>"Save"</button>
            </div>
            <div hidden=move || part.get() != Part::Compare>
                {before.map(|before| view! { <div class="diff-file">{unified_table(diff(&before, &text))}</div> })}
            </div>
            <div hidden=move || part.get() != Part::Scan>
                {if findings.is_empty() {
                    view! { <p class="row gap-4"><span class="c-ok"><Icon name="ok"/></span>"The marketplace’s rules find nothing."</p> }.into_any()
                } else {
                    let rows = findings
                        .into_iter()
                        .map(|finding| {
                            let look = if finding.blocks { "c-bad" } else { "c-warn" };
                            view! { <li><span class=look><Icon name="alert"/></span><div class="tx"><b>{format!("Line {}: {}", finding.line, finding.why)}</b><small>{finding.fix}</small></div></li> }
                        })
                        .collect_view();
                    view! { <ul class="rows">{rows}</ul> }.into_any()
                }}
            </div>
            <FieldError error=running.error/>
            {decided.map(|words| view! { <p class="hint">{words}{reason.map(|reason| format!(" {reason}"))}</p> })}
            {if is_open {
                let blocked = is_blocked.then(|| view! { <p class="hint c-bad">{format!("{} has to be mended before it can be accepted.", plural(found, "finding", "findings"))}</p> });
                let first = match target {
                    _ if is_retirement => view! {
                        <button type="button" class="btn danger" class:busy=move || running.busy.get() on:click=move |_| act(Decide::Accept { volume_id: None }, "The skill is in the trash")>
                            <Icon name="trash"/>"Retire the skill"
                        </button>
                        {target.map(|id| view! { <a class="btn" href=format!("/artifacts/{id}")>"Open the skill"</a> })}
                    }
                        .into_any(),
                    Some(artifact_id) => view! {
                        <button type="button" class="btn primary" disabled=is_blocked class:busy=move || running.busy.get() on:click=move |_| act(Decide::Merge { artifact_id }, "The skill has the new text")>
                            <Icon name="merge"/>"Put into the skill"
                        </button>
                        <button type="button" class="btn" disabled=is_blocked on:click=move |_| act(Decide::Accept { volume_id: None }, "Accepted: the skill is committed")>"Keep as another skill"</button>
                    }
                        .into_any(),
                    None => view! {
                        <button type="button" class="btn primary" disabled=is_blocked class:busy=move || running.busy.get() on:click=move |_| act(Decide::Accept { volume_id: None }, "Accepted: the skill is committed")>
                            <Icon name="check"/>"Accept"
                        </button>
                    }
                        .into_any(),
                };
                view! {
                    {blocked}
                    <footer class="row wrap gap-8">
                        {first}
                        <button type="button" class="btn" on:click=move |_| act(Decide::Snooze { days: LATER }, "It comes back in two weeks")>"Later"</button>
                        <button type="button" class="btn ghost" on:click=move |_| act(Decide::Ignore { reason: None }, "Ignored")>"Ignore"</button>
                    </footer>
                }
                    .into_any()
            } else if summary.state == ProposalState::Ignored {
                view! { <footer class="row"><button type="button" class="btn" on:click=move |_| act(Decide::Reopen, "Open again")>"Open again"</button></footer> }.into_any()
            } else if let Some(id) = retired {
                let take_back = move |_| {
                    running.run(undelete_artifact(id), move |()| {
                        toast(toasts, "The skill is back");
                        changed.run(());
                    });
                };
                view! {
                    <footer class="row wrap gap-8">
                        <button type="button" class="btn" class:busy=move || running.busy.get() on:click=take_back><Icon name="undo"/>"Take the skill back"</button>
                        <a class="btn ghost" href=format!("/artifacts/{id}")>"Open it in the trash"</a>
                    </footer>
                }
                    .into_any()
            } else {
                let may_promote = !targets.is_empty();
                target
                    .map(|artifact| view! {
                        <footer class="row wrap gap-8">
                            <a class="btn" href=format!("/artifacts/{artifact}")>"Open the skill"</a>
                            {may_promote.then(|| view! { <button type="button" class="btn" on:click=|_| page::open_dialog(PROMOTE)><Icon name="upload"/>"Promote"</button> })}
                        </footer>
                        {may_promote.then(|| view! { <PromoteDialog proposal=id targets=targets changed=changed/> })}
                    })
                    .into_any()
            }}
        </section>
    }
}

/// Asks where an accepted skill should go, and why.
#[component]
fn PromoteDialog(proposal: ProposalId, targets: Vec<PromotionTarget>, changed: Callback<()>) -> impl IntoView {
    let (running, toasts) = (Running::new(), use_toasts());
    let (chosen, reason) = (RwSignal::new(targets.first().map(|target| target.volume_id)), RwSignal::new(String::new()));
    let is_for_all = targets.iter().any(|target| target.kind == VolumeKind::System);
    let who = if is_for_all { "Everybody on this server" } else { "Everybody in the team" };
    let send = move |_| {
        let Some(volume_id) = chosen.get_untracked() else { return };
        running.run(promote(proposal, Promote { volume_id, reason: reason.get_untracked() }), move |()| {
            page::close_dialog(PROMOTE);
            toast(toasts, "Promoted: the copy is committed");
            changed.run(());
        });
    };
    let first = chosen.get_untracked();
    let option = |target: PromotionTarget| {
        view! { <option value=target.volume_id.to_string() selected=first == Some(target.volume_id)>{target.name}</option> }
    };
    let options = targets.into_iter().map(option).collect_view();
    view! {
        <Dialog id=PROMOTE title="Promote the skill".to_owned()>
            <div class="body">
                <p>{format!("{who} gets a copy of its text as it is committed now. The runs do not go along, but goals that the text quotes do: read it first.")}</p>
                <div class="field">
                    <label for="promote-volume">"To the volume"</label>
                    <span class="select">
                        <select class="input" id="promote-volume" on:change=move |event| chosen.set(event_target_value(&event).parse().ok())>{options}</select>
                        <Icon name="chev-ud"/>
                    </span>
                </div>
                <div class="field">
                    <label for="promote-reason">"Why"</label>
                    <textarea class="input" id="promote-reason" rows="3" prop:value=move || reason.get() on:input=move |event| reason.set(event_target_value(&event))></textarea>
                    <span class="hint">"It stands in the history of the pattern and in the message of the commit."</span>
                </div>
                <FieldError error=running.error/>
            </div>
            <footer>
                <button type="button" class="btn" on:click=|_| page::close_dialog(PROMOTE)>"Cancel"</button>
                <button type="button" class="btn primary" class:busy=move || running.busy.get() on:click=send>"Promote"</button>
            </footer>
        </Dialog>
    }
}
