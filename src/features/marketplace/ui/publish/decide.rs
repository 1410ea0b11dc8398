//! What moderators decide, and what its author answers: an appeal, a withdrawal.

use leptos::prelude::*;

use super::parts::{Lines, Refused};
use crate::{
    browser::page,
    error::AppError,
    features::{
        accounts::state::Running,
        marketplace::{
            model::{ReleaseState, Review, SubmissionDetail, Verdict},
            state::{appeal, review, withdraw},
        },
    },
    ui::{Dialog, Icon, toast, use_toasts},
};

const WITHDRAW: &str = "withdraw-release";

const VERDICTS: [(Verdict, &str, &str); 3] = [
    (Verdict::Approve, "Approve", "Its author signs it, then it is public."),
    (Verdict::Changes, "Ask for changes", "The same version may be submitted again."),
    (Verdict::Reject, "Reject", "This version does not become public; its author may appeal."),
];

/// Whether a decision has to say why.
fn needs_reason(verdict: Verdict, held: bool) -> bool {
    verdict != Verdict::Approve || held
}

#[component]
pub fn Decide(shown: RwSignal<SubmissionDetail>) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let verdict = RwSignal::new(None::<Verdict>);
    let reason = RwSignal::new(String::new());
    let (id, held) = shown.with_untracked(|detail| (detail.submission.id, detail.submission.held));
    let needed = Signal::derive(move || verdict.get().is_some_and(|verdict| needs_reason(verdict, held)));
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let Some(verdict) = verdict.get_untracked() else { return };
        let reason = reason.with_untracked(|reason| reason.trim().to_owned());
        if needs_reason(verdict, held) && reason.is_empty() {
            running.error.set(Some(AppError::field("reason", "Say why.")));
            page::focus("decide-reason");
            return;
        }
        running.run(review(id, Review { verdict, reason }), move |detail| {
            toast(toasts, said(verdict, detail.submission.state));
            shown.set(detail);
        });
    };
    view! {
        <form class="form" on:submit=send>
            <fieldset class="field">
                <legend>"Your decision"</legend>
                {VERDICTS
                    .map(|(value, words, about)| {
                        let about = if value == Verdict::Approve && held { "What blocks passes with it: say why." } else { about };
                        view! {
                            <label class="radio">
                                <input type="radio" name="verdict" required value=words prop:checked=move || verdict.get() == Some(value) on:change=move |_| verdict.set(Some(value))/>
                                <span>{words}<span class="hint">{about}</span></span>
                            </label>
                        }
                    })
                    .into_iter()
                    .collect_view()}
            </fieldset>
            <Lines id="decide-reason" label="Reason" name="reason" value=reason rows=3 required=needed hint="Its author reads it. Needed unless it is approved with nothing that blocks." error=running.error/>
            <Refused error=running.error/>
            <footer class="row">
                <SubmitWords
                    busy=running.busy
                    danger=Signal::derive(move || verdict.get() == Some(Verdict::Reject))
                    words=Signal::derive(move || verdict.get().and_then(|chosen| VERDICTS.iter().find(|(value, _, _)| *value == chosen)).map_or("Decide", |(_, words, _)| *words))
                />
            </footer>
        </form>
    }
}

fn said(verdict: Verdict, state: ReleaseState) -> &'static str {
    match verdict {
        // It was signed before.
        Verdict::Approve if state == ReleaseState::Public => "Approved, and public",
        Verdict::Approve => "Approved; its author signs it now",
        Verdict::Changes => "Its author is asked for changes",
        Verdict::Reject => "Rejected",
    }
}

/// The button that sends a form; what it says may depend on what is chosen.
#[component]
fn SubmitWords(
    busy: RwSignal<bool>,
    #[prop(into)] words: Signal<&'static str>,
    #[prop(optional, into)] danger: Signal<bool>,
) -> impl IntoView {
    view! {
        <button
            type="submit"
            class="btn"
            class:primary=move || !danger.get()
            class:danger=move || danger.get()
            class:busy=move || busy.get()
            aria-disabled=move || busy.get().then_some("true")
        >
            {move || busy.get().then(|| view! { <span class="spin"></span> })}
            {move || words.get()}
        </button>
    }
}

#[component]
pub fn Appeal(shown: RwSignal<SubmissionDetail>) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let reason = RwSignal::new(String::new());
    let id = shown.with_untracked(|detail| detail.submission.id);
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let reason = reason.with_untracked(|reason| reason.trim().to_owned());
        if reason.is_empty() {
            running.error.set(Some(AppError::field("reason", "Say why it should be looked at again.")));
            page::focus("appeal-reason");
            return;
        }
        running.run(appeal(id, reason), move |detail| {
            toast(toasts, "Moderators look at it again");
            shown.set(detail);
        });
    };
    view! {
        <form class="form" on:submit=send>
            <h3>"Appeal"</h3>
            <Lines id="appeal-reason" label="Why it should be looked at again" name="reason" value=reason rows=3 required=Signal::stored(true) hint="Moderators read it; it then waits for a decision once more." error=running.error/>
            <Refused error=running.error/>
            <footer class="row"><SubmitWords busy=running.busy words="Appeal"/></footer>
        </form>
    }
}

#[component]
pub fn Withdraw(shown: RwSignal<SubmissionDetail>) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let reason = RwSignal::new(String::new());
    let (id, version) = shown.with_untracked(|detail| (detail.submission.id, detail.submission.version.clone()));
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let reason = reason.with_untracked(|reason| reason.trim().to_owned());
        if reason.is_empty() {
            running.error.set(Some(AppError::field("reason", "Say why: whoever has it installed reads it.")));
            page::focus("withdraw-reason");
            return;
        }
        running.run(withdraw(id, reason), move |detail| {
            page::close_dialog(WITHDRAW);
            toast(toasts, "Withdrawn");
            shown.set(detail);
        });
    };
    view! {
        <div class="stack">
            <p class="t2">"Is something wrong with this version? Withdrawn, it stays where it is installed and nobody installs it anew."</p>
            <div class="row"><button type="button" class="btn danger" on:click=move |_| page::open_dialog(WITHDRAW)>"Withdraw this version"</button></div>
        </div>
        <Dialog id=WITHDRAW title=format!("Withdraw {version}?") size="s" alert=true>
            <form on:submit=send>
                <div class="body">
                    <p>"It stays where it is installed, with your reason beside it. This cannot be undone; a later version can be published at any time."</p>
                    <Lines id="withdraw-reason" label="Reason" name="reason" value=reason rows=3 required=Signal::stored(true) hint="Such as: wrong exit code in CI. Use 1.2.1." error=running.error/>
                    <Refused error=running.error/>
                </div>
                <footer>
                    <button type="button" class="btn" on:click=move |_| page::close_dialog(WITHDRAW)>"Cancel"</button>
                    <button type="submit" class="btn danger-fill" class:busy=move || running.busy.get()><Icon name="undo"/>"Withdraw"</button>
                </footer>
            </form>
        </Dialog>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_approval_of_what_nothing_blocks_needs_no_reason() {
        assert!(!needs_reason(Verdict::Approve, false));
        assert!(needs_reason(Verdict::Approve, true));
        assert!(needs_reason(Verdict::Changes, false) && needs_reason(Verdict::Reject, false));
    }
}
