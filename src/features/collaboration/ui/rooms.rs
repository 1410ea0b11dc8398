//! The rooms and documents in the memory of the server, live, for administrators.

use leptos::prelude::*;

use super::Presence;
use crate::{
    features::collaboration::{
        model::{DocumentReport, REPORTED, RoomReport, RoomTotals, RoomType, RoomsQuery, RoomsReport},
        state::{read_rooms, rooms_address},
    },
    ui::{EmptyState, Icon, Polled, PolledHead, bytes, count, plural},
};

const KINDS: [(Option<RoomType>, &str); 4] = [
    (None, "All"),
    (Some(RoomType::Session), "Sessions"),
    (Some(RoomType::Artifact), "Artifacts"),
    (Some(RoomType::Workspace), "Workspaces"),
];

/// Events told each second between two reports.
fn rate_of(before: &RoomsReport, now: &RoomsReport, passed: i64) -> Option<i64> {
    (passed > 0).then(|| ((now.total.told - before.total.told).max(0) * 1_000 + passed / 2) / passed)
}

#[component]
pub fn RoomsView(first: RoomsReport, query: RoomsQuery) -> impl IntoView {
    let rate = RwSignal::new(None);
    let polled = Polled::new(
        first,
        move || read_rooms(query),
        move |before, now, passed| {
            rate.try_set(rate_of(before, now, passed));
        },
    );
    let report = polled.report;
    let total = move |of: fn(&RoomTotals) -> i64| report.with(|report| of(&report.total));
    let fact = |name: &'static str, value: AnyView| view! { <div><dt>{name}</dt><dd>{value}</dd></div> };
    view! {
        <section class="set">
            <PolledHead title="Now" polled=polled/>
            <dl class="facts">
                {fact("Sockets", (move || count(report.with(|report| report.sockets))).into_any())}
                {fact("Rooms", (move || count(total(|total| total.rooms))).into_any())}
                {fact("Documents", (move || count(total(|total| total.documents))).into_any())}
                {fact("Events a second", (move || rate.get().map_or_else(|| "\u{2013}".to_owned(), count)).into_any())}
                {fact("Not on disk yet", (move || plural(total(|total| total.unsaved), "event", "events")).into_any())}
                {fact("Waiting", (move || bytes(total(|total| total.queued_bytes))).into_any())}
                {fact("Slowest reader", (move || span_words(total(|total| total.lag_ms))).into_any())}
                {fact("Left out", (move || plural(total(|total| total.dropped), "frame", "frames")).into_any())}
            </dl>
        </section>
        <section class="set">
            <header>
                <h2>"Rooms"</h2>
                <p>"Whoever is connected to a session, an artifact or a workspace. What a room is about is named where you may read it."</p>
                <nav class="seg" aria-label="Kind of room">
                    {KINDS
                        .map(|(kind, words)| view! { <a href=rooms_address(RoomsQuery { kind }) aria-current=(kind == query.kind).then_some("true")>{words}</a> })
                        .collect_view()}
                </nav>
            </header>
            <Show
                when=move || report.with(|report| !report.rooms.is_empty())
                fallback=|| view! { <EmptyState icon="users" title="Nobody is here" text="As soon as somebody opens a page, the rooms that it is in stand here."/> }
            >
                <RoomTable report=report/>
            </Show>
            {move || {
                let more = report.with(|report| report.total.rooms - report.rooms.len() as i64);
                (query.kind.is_none() && more > 0).then(|| view! { <p class="hint">{format!("The {REPORTED} fullest; {} more.", plural(more, "room", "rooms"))}</p> })
            }}
        </section>
        <section class="set">
            <header>
                <h2>"Documents"</h2>
                <p>"Artifacts that somebody edits right now, with what is typed and not on disk yet."</p>
            </header>
            <Show
                when=move || report.with(|report| !report.documents.is_empty())
                fallback=|| view! { <EmptyState icon="edit" title="Nothing is being edited" text="An artifact stands here while its editor is open."/> }
            >
                <DocumentTable report=report/>
            </Show>
        </section>
    }
}

#[component]
fn RoomTable(report: RwSignal<RoomsReport>) -> impl IntoView {
    view! {
        <div class="table-wrap">
            <table class="table flush stacks">
                <thead>
                    <tr>
                        <th>"Room"</th>
                        <th>"Here"</th>
                        <th class="num">"Connections"</th>
                        <th class="num">"Newest number"</th>
                        <th class="num">"Told"</th>
                        <th class="num">"Not on disk"</th>
                        <th class="num">"Waiting"</th>
                        <th class="num">"Lag"</th>
                        <th class="num">"Left out"</th>
                    </tr>
                </thead>
                <tbody>
                    <For
                        each=move || report.with(|report| report.rooms.iter().map(|room| room.room_id).collect::<Vec<_>>())
                        key=|id| *id
                        children=move |id| {
                            let find = move |report: &RoomsReport| report.rooms.iter().find(|room| room.room_id == id).cloned();
                            report
                                .with_untracked(find)
                                .map(|first| {
                                    let room = Memo::new(move |last: Option<&RoomReport>| report.with(find).unwrap_or_else(|| last.unwrap_or(&first).clone()));
                                    view! { <RoomRow room=room/> }
                                })
                        }
                    />
                </tbody>
            </table>
        </div>
    }
}

#[component]
fn RoomRow(room: Memo<RoomReport>) -> impl IntoView {
    let (id, icon, name) = room.with_untracked(|room| (room.room_id.to_string(), icon_of(room.kind), name_of(room)));
    let number = move |value: fn(&RoomReport) -> i64| move || count(room.with(value));
    let people = Memo::new(move |_| room.with(|room| room.people.clone()));
    let present = Signal::derive(move || room.with(|room| room.present) as usize);
    let longest = move || room.with(|room| room.longest_queue_bytes);
    view! {
        <tr>
            <td class="main-cell"><div class="row gap-8"><Icon name=icon/><span class="trunc">{name}</span> <code class="t3 f11" title=id.clone()>{tail_of(&id)}</code></div></td>
            <td data-l="Here"><Presence users=people all=present size="xs"/></td>
            <td class="num" data-l="Connections">{number(|room| room.connections)}</td>
            <td class="num" data-l="Newest number">{number(|room| room.seq)}</td>
            <td class="num" data-l="Told">{number(|room| room.told)}</td>
            <td class="num" data-l="Not on disk">{number(|room| room.unsaved)}</td>
            <td class="num" data-l="Waiting" title=move || format!("{} for the slowest", bytes(longest()))>{move || bytes(room.with(|room| room.queued_bytes))}</td>
            <td class="num" data-l="Lag">{move || span_words(room.with(|room| room.lag_ms))}</td>
            <td class="num" data-l="Left out" class:c-warn=move || room.with(|room| room.dropped != 0)>{number(|room| room.dropped)}</td>
        </tr>
    }
}

#[component]
fn DocumentTable(report: RwSignal<RoomsReport>) -> impl IntoView {
    view! {
        <div class="table-wrap">
            <table class="table flush stacks">
                <thead>
                    <tr>
                        <th>"Artifact"</th>
                        <th>"Editing"</th>
                        <th class="num">"Connections"</th>
                        <th class="num">"Not on disk"</th>
                    </tr>
                </thead>
                <tbody>
                    <For
                        each=move || report.with(|report| report.documents.iter().map(|document| document.artifact_id).collect::<Vec<_>>())
                        key=|id| *id
                        children=move |id| {
                            let find = move |report: &RoomsReport| report.documents.iter().find(|document| document.artifact_id == id).cloned();
                            report
                                .with_untracked(find)
                                .map(|first| {
                                    let document = Memo::new(move |last: Option<&DocumentReport>| report.with(find).unwrap_or_else(|| last.unwrap_or(&first).clone()));
                                    view! { <DocumentRow document=document/> }
                                })
                        }
                    />
                </tbody>
            </table>
        </div>
    }
}

#[component]
fn DocumentRow(document: Memo<DocumentReport>) -> impl IntoView {
    let (id, name) = document.with_untracked(|document| (document.artifact_id.to_string(), document.name.clone()));
    let people = Memo::new(move |_| document.with(|document| document.people.clone()));
    let words = match name {
        Some(name) => view! { <a class="link trunc" href=format!("/artifacts/{id}")>{name}</a> }.into_any(),
        None => view! { <span class="t3">"Not shared with you"</span> }.into_any(),
    };
    view! {
        <tr>
            <td class="main-cell"><div class="row gap-8"><Icon name="artifacts"/>{words} <code class="t3 f11" title=id.clone()>{tail_of(&id)}</code></div></td>
            <td data-l="Editing"><Presence users=people size="xs"/></td>
            <td class="num" data-l="Connections">{move || count(document.with(|document| document.connections))}</td>
            <td class="num" data-l="Not on disk">{move || bytes(document.with(|document| document.unsaved_bytes))}</td>
        </tr>
    }
}

fn icon_of(kind: RoomType) -> &'static str {
    match kind {
        RoomType::Workspace => "users",
        RoomType::Session => "session",
        RoomType::Artifact => "artifacts",
    }
}

/// What it is about, as a link where there is a page for it.
fn name_of(room: &RoomReport) -> AnyView {
    let id = room.room_id;
    match (room.kind, room.name.clone()) {
        (RoomType::Session, Some(name)) => view! { <a class="link" href=format!("/sessions/{id}")>{name}</a> }.into_any(),
        (RoomType::Artifact, Some(name)) => view! { <a class="link" href=format!("/artifacts/{id}")>{name}</a> }.into_any(),
        (RoomType::Workspace, Some(name)) => name.into_any(),
        (RoomType::Workspace, None) => "Own workspace".into_any(),
        (RoomType::Session, None) => view! { <span class="t3">"A session not shared with you"</span> }.into_any(),
        (RoomType::Artifact, None) => view! { <span class="t3">"An artifact not shared with you"</span> }.into_any(),
    }
}

/// Ids begin with their time: the end tells them apart.
fn tail_of(id: &str) -> String {
    id[id.len().saturating_sub(7)..].to_owned()
}

/// "0 ms", "340 ms", "2.4 s".
fn span_words(millis: i64) -> String {
    if millis < 1_000 { format!("{millis} ms") } else { format!("{}.{} s", millis / 1_000, millis % 1_000 / 100) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_milliseconds_then_seconds() {
        assert_eq!([0, 340, 2_449, 61_000].map(span_words), ["0 ms", "340 ms", "2.4 s", "61.0 s"]);
    }

    #[test]
    fn ids_are_told_apart_by_their_ends() {
        assert_eq!(tail_of("0199c3f0-1111-7000-8000-00000000abcd"), "000abcd");
        assert_eq!(tail_of("ab"), "ab");
    }
}
