//! The audit log, of a team or of the instance, newest first, a page at a time.

use leptos::prelude::*;

use crate::{
    features::accounts::model::{AuditEvent, AuditPage},
    ui::{EmptyState, Icon, Time, utc_time},
};

#[component]
pub fn AuditTable(page: AuditPage, #[prop(into)] base: String, first_page: bool) -> impl IntoView {
    let AuditPage { events, next } = page;
    if events.is_empty() {
        return view! { <EmptyState icon="log" title="Nothing recorded yet" text="Sign-ins, changes of roles, tokens and exports are listed here."/> }.into_any();
    }
    let older = next.map(|next| format!("{base}?before={next}"));
    let newest = (!first_page).then(|| base.clone());
    let count = events.len();
    view! {
        <table class="table flush stacks">
            <thead>
                <tr>
                    <th>"When"</th>
                    <th>"Who"</th>
                    <th>"What"</th>
                    <th>"Detail"</th>
                    <th class="num">"Address"</th>
                </tr>
            </thead>
            <tbody>{events.into_iter().map(|event| view! { <AuditRow event=event/> }).collect_view()}</tbody>
        </table>
        <nav class="pager" aria-label="Pages">
            <span>{format!("{count} shown")}</span>
            {newest.map(|address| view! { <a class="btn s" href=address>"Newest"</a> })}
            {older.map(|address| view! { <a class="btn s" href=address>"Older"<Icon name="chev-r"/></a> })}
        </nav>
    }
    .into_any()
}

#[component]
fn AuditRow(event: AuditEvent) -> impl IntoView {
    let subject = match (event.target.is_empty(), event.detail.is_empty()) {
        (true, _) => event.detail,
        (false, true) => event.target,
        (false, false) => format!("{}: {}", event.target, event.detail),
    };
    view! {
        <tr>
            <td class="nowrap" data-l="When" title=utc_time(event.created_at)><Time at=event.created_at/></td>
            <td data-l="Who">{event.actor}</td>
            <td class="main-cell">{action_words(&event.action)}</td>
            <td class="wrap-any" data-l="Detail">{subject}</td>
            <td class="num" data-l="Address">{event.address}</td>
        </tr>
    }
}

/// `role.changed` as "Role changed"; those that do not read as they are named, in words of their own.
fn action_words(action: &str) -> String {
    let words = match action {
        "account.deactivated" => "deactivation of an account changed".to_owned(),
        "account.administrator" => "administrator rights changed".to_owned(),
        "account.moderator" => "moderator rights changed".to_owned(),
        "device.new" => "signed in on a new device".to_owned(),
        "team.second_factor" => "second factor of a team changed".to_owned(),
        _ => action.replace(['.', '_'], " "),
    };
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_read_as_words() {
        assert_eq!(action_words("role.changed"), "Role changed");
        assert_eq!(action_words("volume.exported"), "Volume exported");
        assert_eq!(action_words("sign_in.failed"), "Sign in failed");
        assert_eq!(action_words("account.deactivated"), "Deactivation of an account changed");
        assert_eq!(action_words("device.new"), "Signed in on a new device");
        assert_eq!(action_words(""), "");
    }
}
