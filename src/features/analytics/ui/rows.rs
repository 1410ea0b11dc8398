//! The rows behind a number, beside the page: what happened, who did it, when; the newest first, a page at a time.

use leptos::prelude::*;
use llmos_analytics::{
    kind::Kind,
    model::{Query, Row, Rows},
};

use super::{
    super::state::{Behind, analytics_address, rows_export_address},
    words::{WEEKDAYS, facts, range_words},
};
use crate::{
    browser::data::Fetched,
    ui::{EmptyState, Icon, SidePane, Time, short_sha, utc_time},
};

/// The side pane; open while the address names a number.
#[component]
pub fn RowsPane(
    /// As the address has it.
    query: Memo<Query>,
    /// The same in the reader's zone.
    zoned: Memo<Query>,
    behind: Memo<Behind>,
    rows: Fetched<Rows>,
) -> impl IntoView {
    let back = Signal::derive(move || query.with(|query| analytics_address(query, None)));
    let open = Signal::derive(move || behind.with(|behind| behind.measure.is_some()));
    let view = move |(rows, back): (Rows, String)| {
        let file = zoned.with_untracked(|query| behind.with_untracked(|behind| rows_export_address(query, behind, "csv")));
        view! { <List rows=rows back=back file=file query=query.get_untracked() behind=behind.get_untracked()/> }.into_any()
    };
    view! { <SidePane label="Rows" open=open back=back found=rows view=Callback::new(view)/> }
}

/// "pull_requests" as a heading: "Pull requests".
fn title(behind: &Behind) -> String {
    let words = behind.measure.map(|measure| measure.as_str().replace('_', " ")).unwrap_or_default();
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// From when on there are rows; none as long as all events are there.
fn kept_words(kept_from: i64) -> Option<String> {
    let day = utc_time(kept_from).get(..10).unwrap_or_default().to_owned();
    (kept_from > 0).then(|| format!("Single events are kept from {day} on; numbers of earlier days have no rows any more."))
}

#[component]
fn List(rows: Rows, back: String, file: Option<String>, query: Query, behind: Behind) -> impl IntoView {
    let days = behind.from.zip(behind.to).map(|(from, to)| range_words(llmos_analytics::model::Range { from, to }));
    let hour = behind.hour.and_then(|(weekday, hour)| {
        let name = WEEKDAYS.get(usize::from(weekday))?;
        Some(format!("{name}, {hour}:00 to {}:00", hour + 1))
    });
    let first = behind.cursor.is_some().then(|| analytics_address(&query, Some(&Behind { cursor: None, ..behind.clone() })));
    let older = rows.next.clone().map(|next| analytics_address(&query, Some(&Behind { cursor: Some(next), ..behind.clone() })));
    let kept = kept_words(rows.kept_from);
    let body = if rows.rows.is_empty() {
        let text = kept.unwrap_or_else(|| "Nothing of these days is behind this number.".to_owned());
        view! { <EmptyState icon="list" title="No rows" text=text/> }.into_any()
    } else {
        let list = rows.rows.into_iter().map(row_view).collect_view();
        view! { <ul class="rows pad-x ana-rows">{list}</ul> {kept.map(|words| view! { <p class="hint pad">{words}</p> })} }.into_any()
    };
    view! {
        <header class="bar">
            <h1>{title(&behind)}</h1>
            {hour.or(days).map(|days| view! { <span class="count">{days}</span> })}
            {file.map(|file| view! { <a class="btn ghost icon-only push" href=file rel="external" download="" aria-label="Save all of these rows as CSV, 10,000 at most" title="Save all of these rows as CSV, 10,000 at most"><Icon name="download"/></a> })}
            <a class="btn ghost icon-only" href=back aria-label="Close" title="Close"><Icon name="x"/></a>
        </header>
        <div class="scroll" tabindex="0">
            {body}
            {(first.is_some() || older.is_some())
                .then(|| view! {
                    <nav class="pager pad" aria-label="Pages">
                        {first.map(|address| view! { <a class="btn s" href=address>"Newest"</a> })}
                        {older.map(|address| view! { <a class="btn s" href=address>"Older"<Icon name="chev-r"/></a> })}
                    </nav>
                })}
        </div>
    }
}

fn row_view(row: Row) -> impl IntoView {
    let kind = Kind::parse(&row.kind);
    let what = kind.map_or_else(|| row.kind.clone(), |kind| kind.as_str().replace(['.', '_'], " "));
    let name = match kind {
        _ if !row.subject_name.is_empty() => row.subject_name.clone(),
        // These are called by what they happened to; other ids say nothing to anybody.
        Some(Kind::PullRequestOpened | Kind::PullRequestMerged | Kind::PullRequestClosed | Kind::JobEnded) if !row.subject.is_empty() => {
            row.subject.clone()
        }
        Some(Kind::CommitMade) if !row.subject.is_empty() => format!("Commit {}", short_sha(&row.subject)),
        _ => what.clone(),
    };
    let facts = kind.map(|kind| facts(kind, row.amount, row.extra)).unwrap_or_default();
    let who = if row.person_name.is_empty() { "nobody named" } else { row.person_name.as_str() };
    let told = [what.as_str(), facts.as_str(), who].into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(", ");
    let title = match row.href.as_str() {
        "" => view! { <b>{name}</b> }.into_any(),
        href => view! { <a class="cover" href=href.to_owned()><b>{name}</b></a> }.into_any(),
    };
    view! {
        <li>
            <span class="tx">{title}<small>{told}</small></span>
            <span class="tail"><Time at=row.at/></span>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_when_on_events_are_kept_is_said_once_some_are_gone() {
        assert_eq!(kept_words(0), None);
        let words = kept_words(1_772_323_200_000).expect("a sentence");
        assert!(words.starts_with("Single events are kept from 2026-03-01 on;"), "{words}");
    }
}
