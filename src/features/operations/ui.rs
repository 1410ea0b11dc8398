//! The server at a glance, live, for administrators.

use leptos::prelude::*;

use super::{
    model::{Component, Health, Standing},
    state::read_health,
};
use crate::ui::{Icon, Polled, PolledHead, Time, bytes, count};

#[component]
pub fn HealthView(first: Health) -> impl IntoView {
    let polled = Polled::new(first, read_health, |_, _, _| {});
    let report = polled.report;
    let fact = |name: &'static str, value: AnyView| view! { <div><dt>{name}</dt><dd>{value}</dd></div> };
    let number = move |name: &'static str, of: fn(&Health) -> i64| fact(name, (move || count(report.with(of))).into_any());
    let size = move |name: &'static str, of: fn(&Health) -> Option<i64>| {
        fact(name, (move || report.with(of).map_or_else(|| "\u{2013}".to_owned(), bytes)).into_any())
    };
    view! {
        <section class="set">
            <PolledHead title="Now" polled=polled/>
            <dl class="facts">
                {fact("Version", (move || report.with(|report| report.version.clone())).into_any())}
                {fact("Started", (move || view! { <Time at=report.with(|report| report.started_at)/> }).into_any())}
                {size("Memory", |report| report.memory)}
                {size("Disk free", |report| report.disk_free)}
                {number("Sockets", |report| report.sockets)}
                {number("Rooms", |report| report.rooms)}
                {number("Jobs waiting", |report| report.jobs_waiting)}
                {number("Jobs failed", |report| report.jobs_failed)}
                {number("Deliveries waiting", |report| report.deliveries_waiting)}
                {number("Messages waiting", |report| report.messages_waiting)}
            </dl>
        </section>
        <section class="set">
            <header>
                <h2>"Parts"</h2>
                <p>"Monitoring reads the same at " <code>"/readyz"</code> " and " <code>"/metrics"</code> "; " <code>"llmos doctor"</code> " looks deeper."</p>
            </header>
            <div class="table-wrap">
                <table class="table flush stacks">
                    <thead>
                        <tr>
                            <th>"Part"</th>
                            <th>"State"</th>
                            <th>"What there is to say"</th>
                            <th>"What to do"</th>
                        </tr>
                    </thead>
                    <tbody>{move || report.with(|report| report.components.iter().cloned().map(row).collect_view())}</tbody>
                </table>
            </div>
        </section>
    }
}

fn row(part: Component) -> impl IntoView {
    let icon = if part.standing == Standing::Ready { "check" } else { "alert" };
    view! {
        <tr>
            <td class="main-cell"><code>{part.name}</code></td>
            <td data-l="State" class:c-warn=part.standing != Standing::Ready><span class="row gap-4"><Icon name=icon/>{part.standing.words()}</span></td>
            <td data-l="Says">{part.says}</td>
            <td data-l="To do">{part.todo.unwrap_or_else(|| "\u{2013}".to_owned())}</td>
        </tr>
    }
}
