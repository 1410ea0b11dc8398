//! The queue, live, for administrators.

use leptos::prelude::*;

use super::{
    model::{JobReport, JobState, JobsQuery, JobsReport, QueueReport, ScheduleReport},
    state::{cancel_job, jobs_address, read_jobs, retry_job, retry_jobs},
};
use crate::{
    error::AppError,
    ids::JobId,
    ui::{EmptyState, Icon, Polled, PolledHead, Time, count, plural, toast, toast_error, use_toasts, utc_time},
};

const STATES: [(Option<JobState>, &str); 5] = [
    (None, "Open"),
    (Some(JobState::Running), "Running"),
    (Some(JobState::Queued), "Waiting"),
    (Some(JobState::Failed), "Failed"),
    (Some(JobState::Done), "Done"),
];

#[component]
pub fn JobsView(first: JobsReport, query: JobsQuery) -> impl IntoView {
    let asked = query.clone();
    let polled = Polled::new(first, move || read_jobs(jobs_address(&asked)), |_, _, _| {});
    let report = polled.report;
    let query = StoredValue::new(query);
    let toasts = use_toasts();
    let retry_all = move |_| {
        let change = retry_jobs(query.with_value(|query| query.kind.clone()));
        leptos::task::spawn_local(async move {
            match change.await {
                Ok(done) => toast(toasts, format!("{} begin again", plural(done.changed, "job", "jobs"))),
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    let kind = query.with_value(|query| query.kind.clone());
    let failed = move || {
        report.with(|report| {
            report
                .queues
                .iter()
                .filter(|queue| query.with_value(|query| query.kind.as_ref().is_none_or(|kind| *kind == queue.kind)))
                .map(|queue| queue.failed)
                .sum::<i64>()
        })
    };
    view! {
        <section class="set">
            <PolledHead title="Queues" polled=polled/>
            <Show
                when=move || report.with(|report| !report.queues.is_empty())
                fallback=|| view! { <EmptyState icon="check" title="Nothing waits" text="Imports, indexing and what comes back by itself stand here while they wait, run or failed."/> }
            >
                <Queues report=report/>
            </Show>
        </section>
        <section class="set">
            <header>
                <h2>"Jobs"</h2>
                <p>
                    {match &kind {
                        Some(kind) => view! { "Only " <code>{kind.clone()}</code> ". " <a class="link" href=jobs_address(&JobsQuery { kind: None, ..query.get_value() })>"Show all kinds"</a> }.into_any(),
                        None => "Those that changed last. What is done is kept for two hours, what failed for 30 days.".into_any(),
                    }}
                </p>
                <nav class="seg" aria-label="State of jobs">
                    {STATES
                        .map(|(state, words)| {
                            let address = query.with_value(|query| jobs_address(&JobsQuery { state, kind: query.kind.clone() }));
                            let here = query.with_value(|query| query.state == state);
                            view! { <a href=address aria-current=here.then_some("true")>{words}</a> }
                        })
                        .collect_view()}
                </nav>
            </header>
            <Show when=move || failed() != 0>
                <div class="row"><button type="button" class="btn" on:click=retry_all><Icon name="refresh"/>{move || format!("Begin {} again", plural(failed(), "failed job", "failed jobs"))}</button></div>
            </Show>
            <Show
                when=move || report.with(|report| !report.jobs.is_empty())
                fallback=|| view! { <EmptyState icon="check" title="No such jobs" text="Nothing is in this state now."/> }
            >
                <JobTable report=report/>
            </Show>
        </section>
        <section class="set">
            <header>
                <h2>"What comes back"</h2>
                <p>"Times are cron expressions, in the time zone beside them."</p>
            </header>
            <Schedules report=report/>
        </section>
    }
}

#[component]
fn Queues(report: RwSignal<JobsReport>) -> impl IntoView {
    let number = |name: &'static str, value: i64| view! { <td class="num" data-l=name>{count(value)}</td> };
    let row = move |queue: QueueReport| {
        let address = jobs_address(&JobsQuery { state: None, kind: Some(queue.kind.clone()) });
        view! {
            <tr>
                <td class="main-cell"><a class="link" href=address><code>{queue.kind}</code></a></td>
                {number("Waiting", queue.queued)}
                {number("Running", queue.running)}
                <td class="num" data-l="Failed" class:c-warn=queue.failed != 0>{count(queue.failed)}</td>
                {number("Done in the last hour", queue.done_last_hour)}
                <td class="num" data-l="Waits for">{span_words(queue.waiting_ms)}</td>
            </tr>
        }
    };
    view! {
        <div class="table-wrap">
            <table class="table flush stacks">
                <thead>
                    <tr>
                        <th>"Kind"</th>
                        <th class="num">"Waiting"</th>
                        <th class="num">"Running"</th>
                        <th class="num">"Failed"</th>
                        <th class="num">"Done in the last hour"</th>
                        <th class="num">"Waits for"</th>
                    </tr>
                </thead>
                <tbody>{move || report.with(|report| report.queues.iter().cloned().map(row).collect_view())}</tbody>
            </table>
        </div>
    }
}

#[component]
fn JobTable(report: RwSignal<JobsReport>) -> impl IntoView {
    view! {
        <div class="table-wrap">
            <table class="table flush stacks">
                <thead>
                    <tr>
                        <th>"Kind"</th>
                        <th>"State"</th>
                        <th class="num">"Progress"</th>
                        <th class="num">"Tries"</th>
                        <th>"Changed"</th>
                        <th><span class="sr">"Acts"</span></th>
                    </tr>
                </thead>
                <tbody>
                    <For
                        each=move || report.with(|report| report.jobs.iter().map(|job| job.id).collect::<Vec<_>>())
                        key=|id| *id
                        children=move |id| {
                            let find = move |report: &JobsReport| report.jobs.iter().find(|job| job.id == id).cloned();
                            report
                                .with_untracked(find)
                                .map(|first| {
                                    let job = Memo::new(move |last: Option<&JobReport>| report.with(find).unwrap_or_else(|| last.unwrap_or(&first).clone()));
                                    view! { <JobRow id=id job=job/> }
                                })
                        }
                    />
                </tbody>
            </table>
        </div>
    }
}

#[component]
fn JobRow(id: JobId, job: Memo<JobReport>) -> impl IntoView {
    let toasts = use_toasts();
    let told = move |change: std::pin::Pin<Box<dyn Future<Output = Result<(), AppError>>>>, words: &'static str| {
        leptos::task::spawn_local(async move {
            match change.await {
                Ok(()) => toast(toasts, words),
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    let kind = job.with_untracked(|job| job.kind.clone());
    let state = Memo::new(move |_| job.with(|job| job.state));
    view! {
        <tr>
            <td class="main-cell">
                <code>{kind}</code>
                {move || job.with(|job| job.error.clone()).map(|error| view! { <small class="c-warn">{error}</small> })}
            </td>
            <td data-l="State">{move || view! { <span class=chip_of(state.get())>{words_of(state.get())}</span> }}</td>
            <td class="num" data-l="Progress">{move || job.with(|job| if job.total > 0 { format!("{} of {}", count(job.done), count(job.total)) } else { "\u{2013}".to_owned() })}</td>
            <td class="num" data-l="Tries">{move || count(job.with(|job| job.attempts))}</td>
            <td class="nowrap" data-l="Changed">{move || view! { <Time at=job.with(|job| job.updated_at)/> }}</td>
            <td class="acts">
                {move || match state.get() {
                    JobState::Queued | JobState::Running => {
                        view! { <button type="button" class="btn s" on:click=move |_| told(Box::pin(cancel_job(id)), "It stops as soon as it can")>"Stop"</button> }.into_any()
                    }
                    JobState::Failed => {
                        view! { <button type="button" class="btn s" on:click=move |_| told(Box::pin(retry_job(id)), "It begins again")>"Begin again"</button> }.into_any()
                    }
                    JobState::Done | JobState::Cancelled => ().into_any(),
                }}
            </td>
        </tr>
    }
}

#[component]
fn Schedules(report: RwSignal<JobsReport>) -> impl IntoView {
    let row = |schedule: ScheduleReport| {
        view! {
            <tr>
                <td class="main-cell"><code>{schedule.kind}</code></td>
                <td data-l="When"><code>{schedule.pattern}</code></td>
                <td class="nowrap" data-l="Next">{utc_time(schedule.next_at)}</td>
                <td class="nowrap" data-l="Last">{schedule.last_at.map_or_else(|| "not yet".into_any(), |at| view! { <Time at=at/> }.into_any())}</td>
            </tr>
        }
    };
    view! {
        <div class="table-wrap">
            <table class="table flush stacks">
                <thead>
                    <tr>
                        <th>"Kind"</th>
                        <th>"When"</th>
                        <th>"Next"</th>
                        <th>"Last"</th>
                    </tr>
                </thead>
                <tbody>{move || report.with(|report| report.schedules.iter().cloned().map(row).collect_view())}</tbody>
            </table>
        </div>
    }
}

fn words_of(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "Waiting",
        JobState::Running => "Running",
        JobState::Done => "Done",
        JobState::Failed => "Failed",
        JobState::Cancelled => "Stopped",
    }
}

fn chip_of(state: JobState) -> &'static str {
    match state {
        JobState::Running => "chip info",
        JobState::Failed => "chip warn",
        JobState::Queued | JobState::Done | JobState::Cancelled => "chip line",
    }
}

/// "0 s", "12 s", "3 min", "2 h".
fn span_words(millis: i64) -> String {
    match millis / 1_000 {
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ ..3_600 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_seconds_minutes_hours() {
        assert_eq!([0, 59_999, 60_000, 7_200_000].map(span_words), ["0 s", "59 s", "1 min", "2 h"]);
    }
}
