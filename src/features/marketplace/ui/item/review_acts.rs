//! What publishers and moderators do with a review.

use leptos::prelude::*;

use crate::{
    browser::page,
    error::AppError,
    features::{
        accounts::state::Running,
        marketplace::state::{hide_review, reply, show_review},
    },
    ids::UserId,
    ui::{Icon, Problem, toast, toast_error, use_toasts},
};

/// The review that is acted on.
#[derive(Clone)]
pub struct Reviewed {
    pub slug: String,
    pub reviewer: UserId,
    pub name: String,
    pub reply: String,
    pub hidden: bool,
}

/// What is being written below a review.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Nothing,
    Answer,
    Reason,
}

/// Buttons below a review, and the one field that they open.
#[component]
pub fn ReviewActs(reviewed: Reviewed, own: bool, moderates: bool, reload: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let writing = RwSignal::new(Writing::Nothing);
    let (running, showing) = (Running::new(), Running::new());
    let answered = !reviewed.reply.is_empty();
    let hidden = reviewed.hidden;
    let name = reviewed.name.clone();
    let reviewed = StoredValue::new(reviewed);
    let done = move |words: &'static str| {
        move |_| {
            toast(toasts, words);
            reload.try_run(());
        }
    };
    let send = move |text: String| {
        let Reviewed { slug, reviewer, .. } = reviewed.get_value();
        match writing.get_untracked() {
            Writing::Answer if text.is_empty() => running.run(reply(slug, reviewer, text), done("The answer is gone")),
            Writing::Answer => running.run(reply(slug, reviewer, text), done("Your answer stands there now")),
            Writing::Reason => running.run(hide_review(slug, reviewer, text), done("The review is hidden")),
            Writing::Nothing => {}
        }
    };
    let show = move |_| {
        let Reviewed { slug, reviewer, .. } = reviewed.get_value();
        showing.run(show_review(slug, reviewer), done("Everybody sees the review again"));
    };
    Effect::new(move |_| {
        if let Some(error) = showing.error.get() {
            toast_error(toasts, &error);
        }
    });
    let open = move |what: Writing| {
        running.reset();
        writing.update(|writing| *writing = if *writing == what { Writing::Nothing } else { what });
    };
    let expanded = move |what: Writing| move || (writing.get() == what).to_string();
    view! {
        <div class="row wrap gap-4 review-acts">
            {own
                .then(|| {
                    let label = format!("{} {name}", if answered { "Change the answer to" } else { "Answer" });
                    view! {
                        <button type="button" class="btn s ghost" aria-label=label aria-expanded=expanded(Writing::Answer) on:click=move |_| open(Writing::Answer)>
                            <Icon name="comment"/>
                            {if answered { "Change the answer" } else { "Answer" }}
                        </button>
                    }
                })}
            {moderates
                .then(|| {
                    if hidden {
                        let label = format!("Show the review of {name} again");
                        view! { <button type="button" class="btn s ghost" aria-label=label on:click=show><Icon name="eye"/>"Show again"</button> }.into_any()
                    } else {
                        let label = format!("Hide the review of {name}");
                        view! {
                            <button type="button" class="btn s ghost" aria-label=label aria-expanded=expanded(Writing::Reason) on:click=move |_| open(Writing::Reason)>
                                <Icon name="eye"/>
                                "Hide"
                            </button>
                        }
                            .into_any()
                    }
                })}
        </div>
        {move || {
            let reviewed = reviewed.get_value();
            let close = Callback::new(move |()| writing.set(Writing::Nothing));
            match writing.get() {
                Writing::Nothing => None,
                Writing::Answer => {
                    let hint = "Everybody who sees the review reads it. Empty: the answer is taken back.";
                    let id = format!("answer-{}", reviewed.reviewer);
                    Some(view! { <Say id=id label="Your answer" before=reviewed.reply hint=hint verb="Answer" may_be_empty=answered running=running send=send close=close/> })
                }
                Writing::Reason => {
                    let hint = "Its author and everybody in the public record reads it.";
                    let id = format!("hide-{}", reviewed.reviewer);
                    Some(view! { <Say id=id label="Why it is hidden" before=String::new() hint=hint verb="Hide the review" may_be_empty=false running=running send=send close=close/> })
                }
            }
        }}
    }
}

/// A text and the button that sends it.
#[component]
fn Say(
    id: String,
    label: &'static str,
    before: String,
    hint: &'static str,
    verb: &'static str,
    may_be_empty: bool,
    running: Running,
    #[prop(into)] send: Callback<String>,
    close: Callback<()>,
) -> impl IntoView {
    let text = RwSignal::new(before);
    let problem = Signal::derive(move || running.error.get().map(|AppError { message, .. }| message));
    let unsendable = move || !may_be_empty && text.with(|text| text.trim().is_empty());
    let field = id.clone();
    Effect::new(move |_| page::focus(&field));
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if !unsendable() {
            send.run(text.with_untracked(|text| text.trim().to_owned()));
        }
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape" {
            event.prevent_default();
            close.run(());
        }
    };
    view! {
        <form class="say-form" on:submit=submit on:keydown=key>
            <div class="field">
                <label for=id.clone()>{label}</label>
                <textarea class="input" id=id rows="3" prop:value=move || text.get() on:input=move |event| text.set(event_target_value(&event))></textarea>
                <span class="hint">{hint}</span>
            </div>
            <Problem text=problem/>
            <div class="row gap-8">
                <button type="submit" class="btn s primary" disabled=move || running.busy.get() || unsendable()>{verb}</button>
                <button type="button" class="btn s ghost" on:click=move |_| close.run(())>"Cancel"</button>
            </div>
        </form>
    }
}
