//! Taking a whole team along: a part of the team's settings, for owners.

use leptos::prelude::*;

use super::{
    model::TeamExported,
    state::{download_address, start_export},
};
use crate::{
    features::{
        accounts::{state::Running, ui::FormError},
        jobs::model::{JobState, JobStatus},
        volumes::state::read_job,
    },
    ids::TeamId,
    ui::{Icon, Polled, bytes, count, plural, utc_time},
};

#[component]
pub fn TeamExport(team: TeamId) -> impl IntoView {
    let running = Running::new();
    let job = RwSignal::new(None::<JobStatus>);
    let start = move |_| running.run(start_export(team), move |started| job.set(Some(started)));
    view! {
        <section class="set">
            <header>
                <h2>"Export"</h2>
                <p>"Everything that the team has, as one file: volumes with their whole history, sessions, tasks, traces and patterns. Members are in it with their e-mail addresses; secrets are not. An administrator brings it into another server with " <code>"llmos team import"</code> "."</p>
                <button type="button" class="btn" disabled=move || running.busy.get() on:click=start>"Export the team"</button>
            </header>
            <FormError error=running.error beside=&[]/>
            {move || job.get().map(|first| view! { <Export team=team first=first/> })}
        </section>
    }
}

#[component]
fn Export(team: TeamId, first: JobStatus) -> impl IntoView {
    let id = first.id;
    let ended = StoredValue::new(first.state.ended());
    // One that has ended says nothing new.
    let read = move || async move {
        if ended.try_get_value() != Some(false) {
            std::future::pending::<()>().await;
        }
        read_job(id).await
    };
    let polled = Polled::new(first, read, move |_, job: &JobStatus, _| {
        ended.try_set_value(job.state.ended());
    });
    view! { <div aria-live="polite">{move || shown(team, polled.report.get())}</div> }
}

fn shown(team: TeamId, job: JobStatus) -> AnyView {
    let JobStatus { id, state, done, total, report, error, .. } = job;
    match state {
        JobState::Queued | JobState::Running => view! {
            <section class="job">
                <div class="row">
                    <b>{if state == JobState::Queued { "Waiting to start" } else { "Exporting" }}</b>
                    {(total > 0).then(|| view! { <span class="push num f12 t2">{format!("{} of {}", count(done), count(total))}</span> })}
                </div>
                {if total > 0 {
                    view! { <progress class="progress" max=total.to_string() value=done.to_string()></progress> }.into_any()
                } else {
                    view! { <progress class="progress"></progress> }.into_any()
                }}
            </section>
        }
        .into_any(),
        JobState::Done => {
            let report = report.and_then(|report| serde_json::from_value::<TeamExported>(report).ok());
            let says = report.map(|report| {
                format!(
                    "{}, {} and {}. It is kept until {}.",
                    bytes(report.bytes),
                    plural(report.rows, "row", "rows"),
                    plural(report.files, "file", "files"),
                    utc_time(report.until)
                )
            });
            view! {
                <div class="row">
                    <a class="btn primary" href=download_address(team, id) download="" rel="external"><Icon name="download"/>"Download"</a>
                    <span class="hint">{says}</span>
                </div>
            }
            .into_any()
        }
        JobState::Failed | JobState::Cancelled => view! {
            <div class="banner bad inset" role="alert">
                <Icon name="alert"/>
                <span><b>"The export stopped. "</b>{error.unwrap_or_else(|| "Try again.".to_owned())}</span>
            </div>
        }
        .into_any(),
    }
}
