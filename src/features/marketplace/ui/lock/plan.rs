//! What a change of a volume's lock would do, in a dialog, and the button that does it.

use leptos::prelude::*;

use crate::{
    browser::page,
    error::{AppError, AppResult},
    features::marketplace::{
        model::{ChangeLock, LockPlan, OnConflict, PlannedStep, VolumeLock},
        state::{change_lock, plan_lock},
        ui::parts::{CapabilityList, FileDiffs, Fold},
    },
    ids::VolumeId,
    ui::{Dialog, Icon, Loading, plural},
};

const PLAN: &str = "lock-plan";

/// A change that somebody asked for.
#[derive(Clone)]
pub struct Asked {
    pub volume: VolumeId,
    pub change: ChangeLock,
    /// Of the dialog: "Install Set Diff Analyzer into Harbor Platform".
    pub title: String,
    /// Of the button.
    pub verb: &'static str,
    /// What is said when it is done.
    pub told: String,
}

/// The change that is being looked at.
#[derive(Clone, Copy)]
pub struct Planning {
    asked: RwSignal<Option<Asked>>,
    plan: RwSignal<Option<AppResult<LockPlan>>>,
    /// Whether the plan is read again, or carried out.
    busy: RwSignal<bool>,
    failed: RwSignal<Option<AppError>>,
    /// Whether somebody allowed what it could not use before.
    allowed: RwSignal<bool>,
    number: StoredValue<u32>,
    done: Callback<(Asked, VolumeLock)>,
}

impl Planning {
    /// `done` gets what was asked for and the lock after it.
    pub fn new(done: impl Fn(Asked, VolumeLock) + Send + Sync + 'static) -> Self {
        Self {
            asked: RwSignal::new(None),
            plan: RwSignal::new(None),
            busy: RwSignal::new(false),
            failed: RwSignal::new(None),
            allowed: RwSignal::new(false),
            number: StoredValue::new(0),
            done: Callback::new(move |(asked, lock)| done(asked, lock)),
        }
    }

    /// Opens the dialog and reads what it would do.
    pub fn ask(self, asked: Asked) {
        self.asked.set(Some(asked));
        self.plan.set(None);
        self.allowed.set(false);
        page::open_dialog(PLAN);
        self.read();
    }

    /// The same, decided otherwise in one thing.
    fn decide(self, change: impl FnOnce(&mut ChangeLock)) {
        self.asked.update(|asked| {
            if let Some(asked) = asked {
                change(&mut asked.change);
            }
        });
        self.read();
    }

    fn read(self) {
        let Some(asked) = self.asked.get_untracked() else { return };
        // Only the answer to the newest question counts.
        self.number.update_value(|number| *number += 1);
        let number = self.number.get_value();
        self.failed.set(None);
        self.busy.set(true);
        let answer = plan_lock(asked.volume, asked.change);
        leptos::task::spawn_local(async move {
            let plan = answer.await;
            if self.number.try_get_value() == Some(number) {
                self.plan.try_set(Some(plan));
                self.busy.try_set(false);
            }
        });
    }

    fn act(self) {
        let Some(asked) = self.asked.get_untracked().filter(|_| self.obstacle().is_none()) else { return };
        self.busy.set(true);
        self.failed.set(None);
        let answer = change_lock(asked.volume, asked.change.clone());
        leptos::task::spawn_local(async move {
            let answer = answer.await;
            self.busy.try_set(false);
            match answer {
                Ok(lock) => {
                    page::close_dialog(PLAN);
                    self.done.try_run((asked, lock));
                }
                Err(error) => {
                    self.failed.try_set(Some(error));
                }
            }
        });
    }

    fn with_plan<T: Default>(self, read: impl FnOnce(&LockPlan) -> T) -> T {
        self.plan.with(|plan| plan.as_ref().and_then(|plan| plan.as_ref().ok()).map(read)).unwrap_or_default()
    }

    fn with_change<T: Default>(self, read: impl FnOnce(&ChangeLock) -> T) -> T {
        self.asked.with(|asked| asked.as_ref().map(|asked| read(&asked.change)).unwrap_or_default())
    }

    fn conflicts(self) -> OnConflict {
        self.with_change(|change| change.conflicts)
    }

    /// Whether lines were changed here and by a release, and somebody has to say which stay.
    fn is_contested(self) -> bool {
        self.conflicts() != OnConflict::Refuse || self.with_plan(|plan| plan.steps.iter().any(|step| !step.conflicts.is_empty()))
    }

    /// Whether it is asked what goes along with what goes.
    fn may_cascade(self) -> bool {
        let (uninstalls, cascade) = self.with_change(|change| (!change.uninstall.is_empty(), change.cascade));
        uninstalls && (cascade || self.with_plan(|plan| plan.refusal.is_some()))
    }

    fn brings_new(self) -> bool {
        self.with_plan(|plan| plan.steps.iter().any(|step| !step.new_capabilities.is_empty()))
    }

    /// What has to be decided first; empty while it is not known yet.
    fn obstacle(self) -> Option<&'static str> {
        if self.busy.get() || self.plan.with(|plan| !matches!(plan, Some(Ok(_)))) {
            return Some("");
        }
        let (refused, nothing) = self.with_plan(|plan| (plan.refusal.is_some(), plan.steps.is_empty()));
        if self.is_contested() && self.conflicts() == OnConflict::Refuse {
            Some("Choose which lines stay.")
        } else if refused {
            Some("Nothing is changed.")
        } else if nothing {
            Some("There is nothing to do.")
        } else if self.brings_new() && !self.allowed.get() {
            Some("Allow what is new to go on.")
        } else {
            None
        }
    }
}

#[component]
pub fn PlanDialog(planning: Planning) -> impl IntoView {
    let title = Signal::derive(move || planning.asked.with(|asked| asked.as_ref().map(|asked| asked.title.clone())).unwrap_or_default());
    let verb = move || planning.asked.with(|asked| asked.as_ref().map_or("", |asked| asked.verb));
    let removes = move || planning.with_change(|change| !change.uninstall.is_empty());
    view! {
        <Dialog id=PLAN title=title size="l">
            <form on:submit=move |event| {
                event.prevent_default();
                untrack(|| planning.act());
            }>
                <div class="body plan" aria-busy=move || planning.busy.get().to_string()>
                    {move || planning.failed.get().map(failure)}
                    {move || match planning.plan.get() {
                        None => view! { <Loading rows=3/> }.into_any(),
                        Some(Err(error)) => failure(error),
                        Some(Ok(plan)) => view! { <Plan plan=plan/> }.into_any(),
                    }}
                    {move || planning.may_cascade().then(|| view! { <Cascade planning=planning/> })}
                    {move || planning.is_contested().then(|| view! { <Conflicts planning=planning/> })}
                    {move || planning.brings_new().then(|| view! { <Allow planning=planning/> })}
                </div>
                <footer>
                    <span class="hint" role="status">{move || planning.obstacle()}</span>
                    <button type="button" class="btn" on:click=move |_| page::close_dialog(PLAN)>"Cancel"</button>
                    <button
                        type="submit"
                        class=move || if removes() { "btn danger-fill" } else { "btn primary" }
                        disabled=move || planning.obstacle().is_some()
                    >
                        {move || planning.busy.get().then(|| view! { <i class="spin" aria-hidden="true"></i> })}
                        {verb}
                    </button>
                </footer>
            </form>
        </Dialog>
    }
}

fn failure(error: AppError) -> AnyView {
    view! { <div class="banner bad inset" role="alert"><Icon name="alert"/><span>{error.message}</span></div> }.into_any()
}

#[component]
fn Plan(plan: LockPlan) -> impl IntoView {
    let LockPlan { steps, refusal, reasons } = plan;
    let nothing = refusal.is_none() && steps.is_empty();
    view! {
        {refusal.map(|refusal| view! { <Refusal refusal=refusal reasons=reasons/> })}
        {nothing.then(|| view! { <p>"Nothing would change: the volume has it already."</p> })}
        {(!steps.is_empty()).then(|| view! { <ol class="steps">{steps.into_iter().map(|step| view! { <Step step=step/> }).collect_view()}</ol> })}
    }
}

/// Why it cannot be done: one sentence, and below it the whole of the reasons.
#[component]
fn Refusal(refusal: String, reasons: Vec<String>) -> impl IntoView {
    view! {
        <div class="refusal" role="alert">
            <div class="banner bad inset"><Icon name="alert"/><span>{refusal}</span></div>
            {(!reasons.is_empty())
                .then(|| {
                    view! {
                        <details>
                            <Fold words="Why"/>
                            <ul class="why">{reasons.into_iter().map(|reason| view! { <li>{reason}</li> }).collect_view()}</ul>
                        </details>
                    }
                })}
        </div>
    }
}

#[component]
fn Step(step: PlannedStep) -> impl IntoView {
    let PlannedStep { slug, name, from, to, needed_by, changelog, new_capabilities, changes, edited, conflicts, deprecation } = step;
    let (class, words, versions) = match (&from, &to) {
        (None, Some(to)) => ("chip ok", "Comes", to.clone()),
        (Some(from), Some(to)) if from == to => ("chip", "Stays", to.clone()),
        (Some(from), Some(to)) => ("chip info", "Changes", format!("{from} to {to}")),
        (Some(from), None) => ("chip bad", "Goes", from.clone()),
        (None, None) => ("chip", "Stays", String::new()),
    };
    let comes = from.is_none();
    let name = if name.is_empty() { slug } else { name };
    view! {
        <li>
            <header>
                <span class=class>{words}</span>
                <b>{name}</b>
                <code>{versions}</code>
                {edited.then(|| view! { <span class="chip info" title="Its text differs from what was installed: both are joined">"Edited here"</span> })}
            </header>
            {(!needed_by.is_empty()).then(|| view! { <p class="t2">{format!("Needed by {}.", needed_by.join(", "))}</p> })}
            {deprecation.map(|deprecation| view! { <p class="c-warn">{deprecation.words()}</p> })}
            {(!changelog.is_empty()).then(|| view! { <p class="changelog">{changelog}</p> })}
            {(!conflicts.is_empty())
                .then(|| view! { <p class="c-warn">{format!("The same lines were changed here and by the release, in {}.", conflicts.join(", "))}</p> })}
            {(!new_capabilities.is_empty())
                .then(|| {
                    view! {
                        <h3>{if comes { "What it may use" } else { "What it could not use before" }}</h3>
                        <CapabilityList capabilities=new_capabilities.clone() new=new_capabilities/>
                    }
                })}
            {(!changes.is_empty())
                .then(|| {
                    let words = plural(changes.len() as i64, "file", "files");
                    view! {
                        <details>
                            <Fold words=if comes { format!("Read {words}") } else { format!("What differs in {words}") }/>
                            <FileDiffs changes=changes/>
                        </details>
                    }
                })}
        </li>
    }
}

#[component]
fn Cascade(planning: Planning) -> impl IntoView {
    view! {
        <label class="check">
            <input
                type="checkbox"
                prop:checked=move || planning.with_change(|change| change.cascade)
                on:change=move |event| {
                    let cascade = event_target_checked(&event);
                    planning.decide(|change| change.cascade = cascade);
                }
            />
            <span>"Uninstall what needs it as well" <span class="hint">"Without it, what something else needs stays."</span></span>
        </label>
    }
}

#[component]
fn Conflicts(planning: Planning) -> impl IntoView {
    let choices = [
        (OnConflict::Ours, "The lines of this volume stay", "What was written here is kept; the rest of the release comes."),
        (OnConflict::Theirs, "The lines of the release come", "What was written here in those places goes; it stays in the history."),
    ];
    view! {
        <fieldset class="decide">
            <legend>"Lines that were changed both here and by the release"</legend>
            {choices
                .map(|(choice, words, hint)| {
                    view! {
                        <label class="radio">
                            <input
                                type="radio"
                                name="conflicts"
                                prop:checked=move || planning.conflicts() == choice
                                on:change=move |_| planning.decide(|change| change.conflicts = choice)
                            />
                            <span>{words} <span class="hint">{hint}</span></span>
                        </label>
                    }
                })
                .collect_view()}
        </fieldset>
    }
}

#[component]
fn Allow(planning: Planning) -> impl IntoView {
    view! {
        <label class="check">
            <input type="checkbox" prop:checked=move || planning.allowed.get() on:change=move |event| planning.allowed.set(event_target_checked(&event))/>
            <span>"Allow what is new above"</span>
        </label>
    }
}
