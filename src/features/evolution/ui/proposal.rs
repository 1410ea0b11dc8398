//! What is proposed: read, edit, see what the scanner finds, decide.

use leptos::prelude::*;

use super::{
    super::{
        model::{Decide, EditProposal, Promote, PromotionTarget, Proposal, ProposalKind, ProposalState, SkillChoice},
        state::{decide, edit_proposal, promote, read_proposal},
    },
    Typed, Typing,
};
use crate::{
    browser::page,
    error::{AppResult, ErrorCode},
    features::{
        accounts::{state::Running, ui::FormError},
        artifacts::{model::diff::diff, state::undelete_artifact, ui::unified_table},
        pwa::ui::NeedsNetwork,
        volumes::model::VolumeKind,
    },
    ids::{ArtifactId, ProposalId},
    ui::{Dialog, Field, Icon, Time, plural, toast, use_toasts},
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Read,
    Edit,
    Compare,
    Scan,
}

const PROMOTE: &str = "evolution-promote";
const PUT: &str = "evolution-put";
const IGNORE: &str = "evolution-ignore";
/// Days that "Later" puts it off.
const LATER: i64 = 14;

/// The text of a proposal while somebody edits it. What is typed and not saved is kept by the page.
#[derive(Clone, Copy)]
struct Editing {
    id: ProposalId,
    typing: Typing,
    written: RwSignal<String>,
    /// What it began with, and the count of edits then.
    base: StoredValue<(String, i64)>,
    /// What somebody else saved in the same lines meanwhile, with its count of edits.
    theirs: RwSignal<Option<(String, i64)>>,
}

impl Editing {
    fn new(id: ProposalId, typing: Typing, text: String, saves: i64) -> Self {
        let kept =
            typing.with_untracked(|typing| typing.get(&id).cloned()).unwrap_or_else(|| Typed { text: text.clone(), base: text, saves });
        let (written, base) = (RwSignal::new(kept.text), StoredValue::new((kept.base, kept.saves)));
        Self { id, typing, written, base, theirs: RwSignal::new(None) }
    }

    fn is_unsaved(self) -> bool {
        self.typing.with(|typing| typing.contains_key(&self.id))
    }

    fn typed(self, text: String) {
        let (base, saves) = self.base.get_value();
        self.typing.update(|typing| {
            if text == base {
                typing.remove(&self.id);
            } else {
                typing.insert(self.id, Typed { text: text.clone(), base, saves });
            }
        });
        self.written.set(text);
    }

    /// Saves what is typed, joined with what somebody else saved; over theirs, if that was looked at.
    async fn save(self, over: Option<i64>) -> AppResult<()> {
        let text = self.written.get_untracked();
        let (base, saves) = self.base.get_value();
        let input = match over {
            Some(saves) => EditProposal { text, saves, base: None },
            None => EditProposal { text, saves, base: Some(base) },
        };
        match edit_proposal(self.id, input).await {
            Ok(()) => {
                self.forget();
                Ok(())
            }
            Err(error) => {
                if error.code == ErrorCode::Conflict
                    && let Ok(now) = read_proposal(self.id).await
                {
                    self.theirs.try_set(Some((now.text, now.saves)));
                }
                Err(error)
            }
        }
    }

    fn forget(self) {
        self.theirs.try_set(None);
        self.typing.try_update(|typing| typing.remove(&self.id));
    }
}

#[component]
pub fn ProposalPart(proposal: Proposal, may_decide: bool, typing: Typing, changed: Callback<()>) -> impl IntoView {
    let Proposal { summary, text, html, saves, author, note, artifact, skills, retired, findings, is_blocked, targets, decided_by, reason } =
        proposal;
    let id = summary.id;
    let is_open = matches!(summary.state, ProposalState::Open | ProposalState::Snoozed);
    let (running, toasts) = (Running::new(), use_toasts());
    let editing = Editing::new(id, typing, text.clone(), saves);
    if !is_open {
        // Somebody else has decided: there is nothing to save it to.
        editing.forget();
    }
    let is_unsaved = Memo::new(move |_| editing.is_unsaved());
    let part = RwSignal::new(if is_open && is_unsaved.get_untracked() { Part::Edit } else { Part::Read });
    // What is typed is a part of what is decided on.
    let act = move |decision: Decide, words: &'static str| {
        let is_unsaved = is_unsaved.get_untracked();
        let decided = async move {
            if is_unsaved && is_open {
                editing.save(None).await?;
            }
            decide(id, decision).await
        };
        running.run(decided, move |()| {
            page::close_dialog(PUT);
            page::close_dialog(IGNORE);
            // The buttons of what was decided go with it, and one of them has the focus.
            page::focus("main");
            toast(toasts, words);
            changed.run(());
        });
    };
    let save = move |over: Option<i64>| {
        running.run(editing.save(over), move |()| {
            toast(toasts, "Saved");
            changed.run(());
        });
    };
    let (found, target) = (findings.len() as i64, artifact.as_ref().map(|artifact| artifact.id));
    // Nothing is put into a built-in skill: one of its name here stands before it.
    let (into, built_in) =
        (artifact.as_ref().filter(|one| !one.built_in).map(|one| one.id), artifact.as_ref().is_some_and(|one| one.built_in));
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
    let decided = decided_by
        .map(|person| format!("{} by {}.", state.1, person.name))
        .or_else(|| reason.is_some().then(|| format!("{}.", state.1)))
        // Whoever opened it again has decided nothing.
        .filter(|_| summary.state != ProposalState::Open);
    view! {
        <section class="evo-draft" aria-label="Proposal">
            <header class="row wrap gap-8">
                <Icon name="skill"/>
                <h2>{summary.slug.clone()}</h2>
                <span class=state.0>{state.1}</span>
                <span class="chip line">{kind}</span>
            </header>
            {may_decide.then(|| view! { <NeedsNetwork what="Editing and deciding"/> })}
            <div class="row wrap gap-8">
                <span class="seg" role="tablist" aria-label="Parts of the proposal">
                    {tab(Part::Read, "Read".to_owned())}
                    {(is_open && may_decide && !is_retirement).then(|| tab(Part::Edit, "Edit".to_owned()))}
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
                    <textarea class="input code" rows="24" spellcheck="true" prop:value=move || editing.written.get() on:input=move |event| editing.typed(event_target_value(&event))></textarea>
                </label>
                <div class="row wrap gap-8">
                    <button type="button" class="btn" class:busy=move || running.busy.get() on:click=move |_| save(None)><Icon name="disk"/>"Save"</button>
                    <span class="hint" role="status">{move || is_unsaved.get().then_some("Not saved yet")}</span>
                </div>
                {move || editing.theirs.get().map(|(theirs, saves)| {
                    let take = move |_| {
                        editing.forget();
                        changed.run(());
                    };
                    view! {
                        <h3 class="f12">"What somebody else saved, and what you typed"</h3>
                        <div class="diff-file">{unified_table(diff(&theirs, &editing.written.get_untracked()))}</div>
                        <div class="row wrap gap-8">
                            <button type="button" class="btn" class:busy=move || running.busy.get() on:click=move |_| save(Some(saves))>"Save yours over it"</button>
                            <button type="button" class="btn ghost" on:click=take>"Take theirs"</button>
                        </div>
                    }
                })}
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
            <FormError error=running.error beside=&[]/>
            {decided.map(|words| view! { <p class="hint">{words}{reason.map(|reason| format!(" {reason}"))}</p> })}
            {if is_open && !may_decide {
                view! { <p class="hint">"Whoever may commit in this workspace decides on it."</p> }.into_any()
            } else if is_open {
                let blocked = is_blocked.then(|| view! { <p class="hint c-bad">{format!("{} has to be mended before it can be accepted.", plural(found, "finding", "findings"))}</p> });
                let puts = !skills.is_empty();
                let first = match into {
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
                        {puts.then(|| view! { <button type="button" class="btn" disabled=is_blocked on:click=|_| page::open_dialog(PUT)>"Put into another skill"</button> })}
                        <button type="button" class="btn" on:click=move |_| act(Decide::Snooze { days: LATER }, "It comes back in two weeks")>"Later"</button>
                        <button type="button" class="btn ghost" on:click=|_| page::open_dialog(IGNORE)>"Ignore"</button>
                    </footer>
                    <IgnoreDialog running=running ignore=Callback::new(move |reason| act(Decide::Ignore { reason: Some(reason) }, "Ignored"))/>
                    {built_in.then(|| view! { <p class="hint">"The built-in skill stays as it is. Accepted, this one has its text and what runs show, and stands before it in this workspace."</p> })}
                    {puts.then(|| view! { <PutDialog skills=skills first=into running=running put=Callback::new(move |artifact_id| act(Decide::Merge { artifact_id }, "The skill has what runs show"))/> })}
                }
                    .into_any()
            } else if summary.state == ProposalState::Ignored {
                may_decide
                    .then(|| view! { <footer class="row"><button type="button" class="btn" on:click=move |_| act(Decide::Reopen, "Open again")>"Open again"</button></footer> })
                    .into_any()
            } else if let Some(id) = retired {
                let take_back = move |_| {
                    running.run(undelete_artifact(id), move |()| {
                        page::focus("main");
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

/// Asks why a proposal is ignored, which nobody has to say.
#[component]
fn IgnoreDialog(running: Running, ignore: Callback<String>) -> impl IntoView {
    let reason = RwSignal::new(String::new());
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        ignore.run(reason.get_untracked());
    };
    view! {
        <Dialog id=IGNORE title="Ignore the proposal".to_owned() size="s">
            <form on:submit=send>
                <div class="body">
                    <Field id="ignore-reason" name="reason" label="Why" value=reason autocomplete="off" hint="You need not say. It stands with the proposal, which can be opened again." error=running.error/>
                    <FormError error=running.error beside=&["reason"]/>
                </div>
                <footer>
                    <button type="button" class="btn" on:click=|_| page::close_dialog(IGNORE)>"Cancel"</button>
                    <button type="submit" class="btn primary" class:busy=move || running.busy.get()>"Ignore it"</button>
                </footer>
            </form>
        </Dialog>
    }
}

/// Asks which skill a text is put into.
#[component]
fn PutDialog(skills: Vec<SkillChoice>, first: Option<ArtifactId>, running: Running, put: Callback<ArtifactId>) -> impl IntoView {
    let chosen = RwSignal::new(first.or_else(|| skills.first().map(|skill| skill.id)));
    let begins = chosen.get_untracked();
    let option = |skill: SkillChoice| {
        view! { <option value=skill.id.to_string() selected=begins == Some(skill.id)>{format!("{} ({})", skill.name, skill.volume)}</option> }
    };
    let options = skills.into_iter().map(option).collect_view();
    let send = move |_| {
        if let Some(id) = chosen.get_untracked() {
            put.run(id);
        }
    };
    view! {
        <Dialog id=PUT title="Put it into a skill".to_owned()>
            <div class="body">
                <p>"What people wrote there stays. What runs show is joined with it, or stands in a section of its own, and is committed at once."</p>
                <div class="field">
                    <label for="put-skill">"Skill"</label>
                    <span class="select">
                        <select class="input" id="put-skill" on:change=move |event| chosen.set(event_target_value(&event).parse().ok())>{options}</select>
                        <Icon name="chev-ud"/>
                    </span>
                </div>
                <FormError error=running.error beside=&[]/>
            </div>
            <footer>
                <button type="button" class="btn" on:click=|_| page::close_dialog(PUT)>"Cancel"</button>
                <button type="button" class="btn primary" class:busy=move || running.busy.get() on:click=send>"Put into it"</button>
            </footer>
        </Dialog>
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
                <FormError error=running.error beside=&[]/>
            </div>
            <footer>
                <button type="button" class="btn" on:click=|_| page::close_dialog(PROMOTE)>"Cancel"</button>
                <button type="button" class="btn primary" class:busy=move || running.busy.get() on:click=send>"Promote"</button>
            </footer>
        </Dialog>
    }
}
