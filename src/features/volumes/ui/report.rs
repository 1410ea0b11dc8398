//! How an import ended: four numbers that filter the list below them.

use leptos::prelude::*;

use crate::{
    features::volumes::model::{ImportItem, ImportOutcome, ImportReport},
    ids::VolumeId,
    ui::{Icon, count, plural},
};

#[component]
pub fn Report(report: ImportReport, volume: Option<VolumeId>, again: String) -> impl IntoView {
    let all = report.created + report.updated + report.unchanged + report.skipped;
    let only = RwSignal::new(None::<ImportOutcome>);
    let tally = move |outcome: ImportOutcome, words: &'static str, dot: &'static str, number: i64| {
        view! {
            <button
                type="button"
                aria-pressed=move || (only.get() == Some(outcome)).to_string()
                on:click=move |_| only.update(|only| *only = if *only == Some(outcome) { None } else { Some(outcome) })
            >
                <span><i class=dot></i>{words}</span>
                <b>{count(number)}</b>
            </button>
        }
    };
    let items = StoredValue::new(report.items);
    let shown = move || {
        items.with_value(|items| {
            items.iter().filter(|item| only.get().is_none_or(|only| item.outcome == only)).cloned().collect::<Vec<ImportItem>>()
        })
    };
    let more = report.more;
    let nothing = report.created + report.updated == 0;
    view! {
        <div class="row wrap" role="status">
            <Icon name="ok" class="c-ok"/>
            <b class="med">{if nothing { "Imported. Nothing changed".to_owned() } else { format!("Imported {}", plural(all, "artifact", "artifacts")) }}</b>
            <span class="push row gap-4 wrap">
                <a class="btn s" href=again>"Import more"</a>
                {report.commit_id.map(|id| view! { <a class="btn s" href=format!("/commits/{id}")><Icon name="commit"/>"The commit"</a> })}
                <a class="btn s primary" href=volume.map_or_else(|| "/artifacts".to_owned(), |id| format!("/artifacts?volume={id}"))>"Open the library"</a>
            </span>
        </div>
        <div class="tally" role="group" aria-label="Outcome">
            {tally(ImportOutcome::Created, "Created", "dot ok", report.created)}
            {tally(ImportOutcome::Updated, "Updated", "dot info", report.updated)}
            {tally(ImportOutcome::Unchanged, "Unchanged", "dot", report.unchanged)}
            {tally(ImportOutcome::Skipped, "Skipped", "dot warn", report.skipped)}
        </div>
        {move || {
            let rows = shown();
            if rows.is_empty() {
                let text = match only.get() {
                    Some(ImportOutcome::Unchanged) => "What was the same already is counted and not listed.",
                    _ => "Nothing of this kind.",
                };
                return view! { <p class="t3 f12">{text}</p> }.into_any();
            }
            view! {
                <div class="report">
                    <table class="table">
                        <thead>
                            <tr>
                                <th>"Path"</th>
                                <th>"Outcome"</th>
                            </tr>
                        </thead>
                        <tbody>{rows.into_iter().map(item_row).collect_view()}</tbody>
                    </table>
                </div>
            }
                .into_any()
        }}
        {(more > 0).then(|| view! { <p class="hint">{format!("{} more are not listed.", count(more))}</p> })}
    }
}

fn item_row(item: ImportItem) -> AnyView {
    let (class, words) = match item.outcome {
        ImportOutcome::Created => ("chip ok", "Created"),
        ImportOutcome::Updated => ("chip info", "Updated"),
        ImportOutcome::Unchanged => ("chip", "Unchanged"),
        ImportOutcome::Skipped => ("chip warn", "Skipped"),
    };
    let why = match (item.reason, item.line) {
        (Some(reason), Some(line)) => Some(format!("{reason} Line {line}.")),
        (reason, _) => reason,
    };
    view! {
        <tr>
            <td>
                {match item.artifact_id {
                    Some(id) => view! { <a href=format!("/artifacts/{id}")><code>{item.path}</code></a> }.into_any(),
                    None => view! { <code>{item.path}</code> }.into_any(),
                }}
                {why.map(|why| view! { <span class="why">{why}</span> })}
            </td>
            <td class="shrink"><span class=class>{words}</span></td>
        </tr>
    }
    .into_any()
}
