//! What is wrong with an item: reporting it, and what moderators decided about it.

use leptos::prelude::*;

use crate::{
    browser::page,
    error::AppError,
    features::{
        accounts::state::{Running, use_session},
        marketplace::{
            model::{EventsQuery, ItemDetail, ListingStanding, NewReport, ReportReason},
            state::{appeal_item, record_address, report},
            ui::{
                moderation::Act,
                publish::{Choice, Lines, Refused},
            },
        },
    },
    ui::{Dialog, Icon, Suspense, toast, use_toasts},
};

const REPORT: &str = "report-item";

/// The way to the moderators, for whoever is signed in and does not publish it.
#[component]
pub fn Report(slug: String, name: String) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let (reason, text) = (RwSignal::new(ReportReason::Malicious.as_str().to_owned()), RwSignal::new(String::new()));
    let slug = StoredValue::new(slug);
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let text = text.with_untracked(|text| text.trim().to_owned());
        if text.is_empty() {
            running.error.set(Some(AppError::field("text", "Say in some words what is wrong, so that a moderator can look at it.")));
            page::focus("report-text");
            return;
        }
        let new = NewReport { reason: reason.with_untracked(|reason| ReportReason::parse(reason)), text };
        running.run(report(slug.get_value(), new), move |()| {
            page::close_dialog(REPORT);
            toast(toasts, "Reported: a moderator looks at it");
        });
    };
    let options = ReportReason::ALL.map(|reason| (reason.as_str().to_owned(), reason.words().to_owned())).to_vec();
    view! {
        <button type="button" class="btn ghost" on:click=move |_| page::open_dialog(REPORT)><Icon name="flag"/>"Report"</button>
        <Dialog id=REPORT title=format!("Report {name}") size="s">
            <form on:submit=send>
                <div class="body">
                    <p class="t2">"Moderators look at it. Your name is for them alone."</p>
                    <Choice id="report-reason" label="What is wrong" name="reason" value=reason options=options error=running.error/>
                    <Lines id="report-text" label="What exactly" name="text" value=text rows=4 required=Signal::stored(true) hint="Such as: the line that sends the environment to a host that it does not declare." error=running.error/>
                    <Refused error=running.error/>
                </div>
                <footer>
                    <button type="button" class="btn" on:click=move |_| page::close_dialog(REPORT)>"Cancel"</button>
                    <button type="submit" class="btn primary" class:busy=move || running.busy.get()><Icon name="flag"/>"Report"</button>
                </footer>
            </form>
        </Dialog>
    }
}

/// What moderators decided, for its publishers and for moderators: nobody else sees the page then.
#[component]
pub fn Away(item: ItemDetail, reload: Callback<()>) -> impl IntoView {
    let session = use_session();
    let ListingStanding { state, reason, appeal } = item.standing;
    let slug = item.card.slug;
    let words = if state == "quarantined" {
        "In quarantine: nobody finds or installs it, and what is installed is disabled."
    } else {
        "Hidden: nobody finds or installs it; what is installed stays."
    };
    let record = record_address(&EventsQuery { item: Some(slug.clone()), ..EventsQuery::default() });
    let waits = !appeal.is_empty();
    let own = item.own;
    let (name, kept) = (item.card.name, StoredValue::new(slug));
    view! {
        <div class="banner bad">
            <Icon name="shield"/>
            <span><b>{words}</b>" " {reason} " " <a class="link" href=record>"The public record"</a></span>
        </div>
        <div class="page away">
            {waits.then(|| view! { <p class="t2"><b>"Its publishers say: "</b>{appeal}</p> })}
            {(own && !waits).then(|| view! { <AppealItem slug=kept.get_value() reload=reload/> })}
            <Suspense>
                {move || {
                    let name = name.clone();
                    session
                        .account()
                        .filter(|me| me.moderator)
                        .map(|_| view! { <Act slug=kept.get_value() name=name away=true done=reload/> })
                }}
            </Suspense>
        </div>
    }
}

#[component]
fn AppealItem(slug: String, reload: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let reason = RwSignal::new(String::new());
    let slug = StoredValue::new(slug);
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let reason = reason.with_untracked(|reason| reason.trim().to_owned());
        if reason.is_empty() {
            running.error.set(Some(AppError::field("reason", "Say why it should be given back.")));
            page::focus("appeal-item");
            return;
        }
        running.run(appeal_item(slug.get_value(), reason), move |_| {
            toast(toasts, "Moderators look at it again");
            reload.run(());
        });
    };
    view! {
        <form class="form" on:submit=send>
            <Lines id="appeal-item" label="Appeal" name="reason" value=reason rows=3 required=Signal::stored(true) hint="Why it should be given back. It is part of the public record." error=running.error/>
            <Refused error=running.error/>
            <footer class="row"><button type="submit" class="btn primary" class:busy=move || running.busy.get()>"Appeal"</button></footer>
        </form>
    }
}

/// Where everybody reads what happened.
#[component]
pub fn RecordLink(slug: String) -> impl IntoView {
    let record = record_address(&EventsQuery { item: Some(slug), ..EventsQuery::default() });
    view! { <a class="btn ghost" href=record><Icon name="log"/>"Record"</a> }
}
