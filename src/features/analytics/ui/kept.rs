//! What one keeps of the page: views to come back to, links for others, and what one wants to be told of.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use llmos_analytics::model::Query;

use super::super::{
    model::{Alert, AlertMetric, AlertRule, CreateShare, SaveView, SavedView, SetAlert, Share},
    state::{
        analytics_address, create_share, delete_alert, delete_view, revoke_share, save_view, set_alert, use_alerts, use_shares, use_views,
    },
};
use crate::{
    browser::{data::Fetched, page},
    error::AppResult,
    features::accounts::{
        Action,
        state::{Running, use_session},
        ui::Secret,
    },
    ids::{AnalyticsAlertId, AnalyticsViewId},
    ui::{ConfirmDialog, Field, FieldError, Icon, Loading, SelectField, Transition, count, late, toast, toast_error, use_toasts, utc_time},
};

/// The three buttons. `chosen` is the question as the address has it, `query` the same in the reader's zone: a view is looked at in the zone of whoever opens it, what
/// others see or the server looks at has one of its own.
#[component]
pub fn Kept(chosen: Memo<Query>, query: Memo<Query>) -> impl IntoView {
    view! {
        <span class="push ana-kept">
            <Views query=chosen/>
            <Shares query=query/>
            <Alerts query=query/>
        </span>
    }
}

/// A line of what is kept: its name, what it is, and the button that ends it.
fn line(name: AnyView, note: String, end: Option<(String, Callback<()>)>) -> impl IntoView {
    view! {
        <li>
            <div class="tx">{name}<small>{note}</small></div>
            {end.map(|(words, act)| {
                view! {
                    <button type="button" class="btn ghost icon-only s" aria-label=words.clone() title=words on:click=move |_| act.run(())>
                        <Icon name="x"/>
                    </button>
                }
            })}
        </li>
    }
}

/// What is asked before one of them ends, and what ends it.
#[derive(Clone)]
struct Ending {
    title: String,
    /// What will be, and for whom.
    text: &'static str,
    confirm: &'static str,
    act: Callback<()>,
}

/// The question, beside the list: a list that closes takes what is in it along.
#[component]
fn AskFirst(id: &'static str, asked: RwSignal<Option<Ending>>) -> impl IntoView {
    let of = move |words: fn(&Ending) -> String| Signal::derive(move || asked.with(|asked| asked.as_ref().map(words).unwrap_or_default()));
    let act = Callback::new(move |()| {
        if let Some(ending) = asked.get_untracked() {
            ending.act.run(());
        }
    });
    view! {
        <ConfirmDialog
            id=id
            title=of(|ending| ending.title.clone())
            text=of(|ending| ending.text.to_owned())
            confirm=of(|ending| ending.confirm.to_owned())
            act=act
        />
    }
}

/// The button of a line: it asks first.
fn asks(id: &'static str, asked: RwSignal<Option<Ending>>, ending: Ending) -> Callback<()> {
    Callback::new(move |()| {
        asked.set(Some(ending.clone()));
        page::open_dialog(id);
    })
}

/// Runs what ends one of them, and reads the list again.
fn ends<F>(change: impl Fn() -> F + Send + Sync + 'static, done: &'static str, again: Callback<()>) -> Callback<()>
where
    F: Future<Output = AppResult<()>> + 'static,
{
    let toasts = use_toasts();
    Callback::new(move |()| {
        let change = change();
        leptos::task::spawn_local(async move {
            match change.await {
                Ok(()) => {
                    toast(toasts, done);
                    again.run(());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    })
}

/// A list of what is kept: while it comes, what is in it, that there is nothing, or why it cannot be read.
fn list<T, V>(
    found: Fetched<Vec<T>>,
    label: &'static str,
    none: &'static str,
    row: impl Fn(T) -> V + Copy + Send + Sync + 'static,
) -> impl IntoView
where
    T: Send + Sync + 'static,
    V: IntoView + 'static,
{
    let view = move |answer: AppResult<Vec<T>>| match answer {
        Ok(rows) if rows.is_empty() => view! { <p class="hint">{none}</p> }.into_any(),
        Ok(rows) => view! { <ul class="rows f12" aria-label=label>{rows.into_iter().map(row).collect_view()}</ul> }.into_any(),
        Err(error) => view! { <p class="hint" role="alert">{format!("This list could not be read. {}", error.message)}</p> }.into_any(),
    };
    view! { <Transition fallback=|| view! { <Loading rows=2/> }>{move || found.get().map(|answer| late(move || view(answer)))}</Transition> }
}

const END_VIEW: &str = "ana-end-view";
const END_SHARE: &str = "ana-end-share";
const END_ALERT: &str = "ana-end-alert";

#[component]
fn Views(query: Memo<Query>) -> impl IntoView {
    let toasts = use_toasts();
    let session = use_session();
    let views = use_views();
    let asked = RwSignal::new(None);
    let again = Callback::new(move |()| views.refetch());
    let running = Running::new();
    let (name, whose) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let options = Signal::derive(move || {
        let teams = session.account().map(|me| me.teams).unwrap_or_default();
        let teams = teams.into_iter().filter(|team| team.role.allows(Action::Converse));
        std::iter::once((String::new(), "Me alone".to_owned()))
            .chain(teams.map(|team| (team.id.to_string(), team.name)))
            .collect::<Vec<_>>()
    });
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let view = SaveView {
            id: Some(AnalyticsViewId::generate()),
            name: name.get_untracked(),
            query: query.get_untracked(),
            team_id: whose.get_untracked().parse().ok(),
        };
        running.run(save_view(view), move |()| {
            toast(toasts, "View saved");
            name.try_set(String::new());
            again.run(());
        });
    };
    let row = move |view: SavedView| {
        let (id, href) = (view.id, analytics_address(&view.query, None));
        let end = view.can_delete.then(|| {
            let ending = Ending {
                title: format!("Delete the view {}?", view.name),
                text: if view.team_id.is_some() { "It is gone for everybody in the team. The numbers stay." } else { "The numbers stay." },
                confirm: "Delete view",
                act: ends(move || delete_view(id), "View deleted", again),
            };
            (format!("Delete the view {}", view.name), asks(END_VIEW, asked, ending))
        });
        let note = if view.team_id.is_some() { "For the team" } else { "For me alone" };
        line(view! { <a href=href>{view.name}</a> }.into_any(), note.to_owned(), end)
    };
    view! {
        <details class="drop end">
            <summary class="btn">"Save view"</summary>
            <div class="pop pad stack">
                {list(views, "Saved views", "No view is kept yet.", row)}
                <form class="stack" on:submit=send>
                    <FieldError error=running.error/>
                    <Field id="ana-view-name" name="name" label="Keep this view as" value=name required=true error=running.error/>
                    <Transition><SelectField id="ana-view-team" label="Who sees it" value=whose options=options/></Transition>
                    <button type="submit" class="btn primary" class:busy=move || running.busy.get()>"Save view"</button>
                </form>
            </div>
        </details>
        <AskFirst id=END_VIEW asked=asked/>
    }
}

#[component]
fn Shares(query: Memo<Query>) -> impl IntoView {
    let shares = use_shares();
    let asked = RwSignal::new(None);
    let again = Callback::new(move |()| shares.refetch());
    let running = Running::new();
    let (name, days, names) = (RwSignal::new(String::new()), RwSignal::new("30".to_owned()), RwSignal::new(false));
    let made = RwSignal::new(None::<String>);
    let options = [("7", "For 7 days"), ("30", "For 30 days"), ("365", "For a year"), ("", "Until I revoke it")];
    let options = Signal::stored(options.map(|(days, words)| (days.to_owned(), words.to_owned())).to_vec());
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let share = CreateShare {
            name: name.get_untracked(),
            query: query.get_untracked(),
            names: names.get_untracked(),
            days: days.get_untracked().parse().ok(),
        };
        running.run(create_share(share), move |new| {
            made.try_set(Some(format!("{}/shared/analytics/{}", page::origin(), new.token)));
            name.try_set(String::new());
            again.run(());
        });
    };
    let row = move |share: Share| {
        let id = share.id;
        let until = share.expires_at.map_or_else(|| "Until it is revoked".to_owned(), |at| format!("Until {}", utc_time(at)));
        let note = if share.names { format!("{until}, with names") } else { until };
        let note = share.by.map_or_else(|| note.clone(), |by| format!("{note}. By {by}"));
        let ending = Ending {
            title: format!("Revoke the link {}?", share.name),
            text: "Whoever has it sees nothing from now on. It cannot be made to work again.",
            confirm: "Revoke link",
            act: ends(move || revoke_share(id), "Link revoked", again),
        };
        let end = (format!("Revoke the link {}", share.name), asks(END_SHARE, asked, ending));
        line(view! { <span>{share.name}</span> }.into_any(), note, Some(end))
    };
    view! {
        <details class="drop end">
            <summary class="btn"><Icon name="link"/>"Share"</summary>
            <div class="pop pad stack">
                {list(shares, "Links that work", "No link works now.", row)}
                <div aria-live="polite">
                    {move || made.get().map(|address| view! { <Secret value=address label="The link. It is shown this once."/> })}
                </div>
                <form class="stack" on:submit=send>
                    <FieldError error=running.error/>
                    <Field id="ana-share-name" name="name" label="Make a link called" value=name required=true hint="Whoever has it sees this dashboard without signing in, and nothing else." error=running.error/>
                    <SelectField id="ana-share-days" label="How long it works" value=days options=options/>
                    <label class="check">
                        <input type="checkbox" prop:checked=move || names.get() on:change=move |event| names.set(event_target_checked(&event))/>
                        "Show the names of people"
                    </label>
                    <button type="submit" class="btn primary" class:busy=move || running.busy.get()>"Make link"</button>
                </form>
            </div>
        </details>
        <AskFirst id=END_SHARE asked=asked/>
    }
}

#[component]
fn Alerts(query: Memo<Query>) -> impl IntoView {
    let toasts = use_toasts();
    let address = use_query_map();
    let asked = RwSignal::new(None);
    let alerts = use_alerts();
    let again = Callback::new(move |()| alerts.refetch());
    let running = Running::new();
    let (name, bound) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let metric = RwSignal::new(AlertMetric::default().as_str().to_owned());
    let rule = RwSignal::new(AlertRule::default().as_str().to_owned());
    let metrics = Signal::stored(AlertMetric::ALL.map(|metric| (metric.as_str().to_owned(), metric.words().to_owned())).to_vec());
    let rules = Signal::stored(AlertRule::ALL.map(|rule| (rule.as_str().to_owned(), rule.words().to_owned())).to_vec());
    let is_bound = move || rule.with(|rule| AlertRule::parse(rule) != Some(AlertRule::Unusual));
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let alert = SetAlert {
            id: Some(AnalyticsAlertId::generate()),
            name: name.get_untracked(),
            query: query.get_untracked(),
            metric: metric.with_untracked(|metric| AlertMetric::parse(metric)).unwrap_or_default(),
            rule: rule.with_untracked(|rule| AlertRule::parse(rule)).unwrap_or_default(),
            threshold: bound.get_untracked().trim().parse().ok(),
        };
        running.run(set_alert(alert), move |()| {
            toast(toasts, "Alert set: the bell tells you");
            name.try_set(String::new());
            again.run(());
        });
    };
    let row = move |alert: Alert| {
        let (id, href) = (alert.id, analytics_address(&alert.query, None));
        let bound = alert.threshold.map(|bound| format!(" {bound}")).unwrap_or_default();
        let state = if alert.firing { ". It is so now." } else { "" };
        let note = format!("{} {}{bound}{state}", alert.metric.words(), alert.rule.words());
        let ending = Ending {
            title: format!("Delete the alert {}?", alert.name),
            text: "You are no longer told, and what it told is gone from your notifications.",
            confirm: "Delete alert",
            act: ends(move || delete_alert(id), "Alert deleted", again),
        };
        let end = (format!("Delete the alert {}", alert.name), asks(END_ALERT, asked, ending));
        line(view! { <a href=href>{alert.name}</a> }.into_any(), note, Some(end))
    };
    // A notification of an alert leads here.
    let is_open = address.with_untracked(|address| address.get("alert").is_some());
    let firing = move || {
        let firing = alerts.get().and_then(Result::ok).unwrap_or_default().iter().filter(|alert| alert.firing).count();
        (firing > 0).then(|| view! { " "<span class="count">{count(firing as i64)}<span class="sr">" out of bounds"</span></span> })
    };
    view! {
        <details class="drop end" open=is_open>
            <summary class="btn"><Icon name="bell"/>"Alerts"<Transition>{firing}</Transition></summary>
            <div class="pop pad stack">
                {list(alerts, "Alerts", "No alert is set yet.", row)}
                <form class="stack" on:submit=send>
                    <FieldError error=running.error/>
                    <Field id="ana-alert-name" name="name" label="Call the alert" value=name required=true hint="It looks at the whole days of this view once a day." error=running.error/>
                    <SelectField id="ana-alert-metric" label="Number to watch" value=metric options=metrics/>
                    <SelectField id="ana-alert-rule" label="Tell me when it is" value=rule options=rules/>
                    {move || is_bound().then(|| view! { <Field id="ana-alert-bound" name="threshold" kind="number" label="Bound" value=bound required=true error=running.error/> })}
                    <button type="submit" class="btn primary" class:busy=move || running.busy.get()>"Set alert"</button>
                </form>
                <p class="hint">"The numbers of each week come by mail to who chooses that in the "<a class="link" href="/settings/notifications">"settings"</a>"."</p>
            </div>
        </details>
        <AskFirst id=END_ALERT asked=asked/>
    }
}
