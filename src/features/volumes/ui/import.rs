//! Import of a folder, a zip or a repository: choose, watch, read the report. The job is in the address, so that a reload loses nothing.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::report::Report;
use crate::{
    browser::{page, upload},
    error::AppError,
    features::{
        accounts::model::Action,
        git::ui::ImportForm,
        jobs::{
            model::{JobState, JobStatus},
            state::cancel_job,
        },
        pwa::ui::NeedsNetwork,
        volumes::{
            model::{ImportReport, VolumeKind},
            state::{read_job, use_job, use_volumes},
        },
    },
    ids::{JobId, VolumeId},
    ui::{ErrorView, FieldError, Icon, PageTitle, SelectField, Suspense, Transition, bytes, count, plural, toast_error, use_toasts},
};

/// How often a running import is asked for, in milliseconds.
const POLL: u32 = 300;

#[derive(Clone, Copy, serde::Deserialize)]
struct Started {
    id: JobId,
}

#[component]
pub fn ImportPage() -> impl IntoView {
    let query = use_query_map();
    let volume = Memo::new(move |_| query.with(|query| query.get("volume").and_then(|id| id.parse::<VolumeId>().ok())));
    let job = Memo::new(move |_| query.with(|query| query.get("job").and_then(|id| id.parse::<JobId>().ok())));
    view! {
        <PageTitle text="Import"/>
        <main class="main panes" id="main" tabindex="-1">
            <section class="pane" aria-label="Import">
                <header class="bar">
                    <a class="btn ghost icon-only phone-only" href="/artifacts" aria-label="Back to the library"><Icon name="chev-l"/></a>
                    <h1>"Import"</h1>
                    <span class="count wide-only">"Skills, tools and agents from a folder, a zip or a repository"</span>
                </header>
                <NeedsNetwork what="Importing"/>
                <div class="scroll">
                    <div class="import">
                        {move || match job.get() {
                            Some(job) => view! { <Running job=job volume=volume.get_untracked()/> }.into_any(),
                            None => view! { <Source asked=volume.get_untracked()/> }.into_any(),
                        }}
                    </div>
                </div>
            </section>
        </main>
    }
}

fn address(volume: Option<VolumeId>, job: Option<JobId>) -> String {
    let fields: Vec<String> = [volume.map(|id| format!("volume={id}")), job.map(|id| format!("job={id}"))].into_iter().flatten().collect();
    if fields.is_empty() { "/import".to_owned() } else { format!("/import?{}", fields.join("&")) }
}

/// Where to, and what.
#[component]
fn Source(asked: Option<VolumeId>) -> impl IntoView {
    let volumes = use_volumes();
    let navigate = use_navigate();
    let volume = RwSignal::new(asked.map(|id| id.to_string()).unwrap_or_default());
    let error = RwSignal::new(None::<AppError>);
    let sending = RwSignal::new(None::<(String, f64)>);
    let options =
        Signal::derive(move || volumes.writable().into_iter().map(|volume| (volume.id.to_string(), volume.name)).collect::<Vec<_>>());
    let send = Callback::new(move |picked: upload::Picked| {
        let Ok(target) = volume.with_untracked(|volume| volume.parse::<VolumeId>()) else {
            error.set(Some(AppError::invalid("Choose the volume first.")));
            return;
        };
        if picked.is_empty() || sending.with_untracked(Option::is_some) {
            return;
        }
        let what = if picked.count() == 1 {
            format!("{}, {}", picked.first_name(), bytes(picked.bytes() as i64))
        } else {
            format!("{}, {}", plural(picked.count() as i64, "file", "files"), bytes(picked.bytes() as i64))
        };
        error.set(None);
        sending.set(Some((what.clone(), 0.0)));
        let navigate = navigate.clone();
        leptos::task::spawn_local(async move {
            let told = move |part| {
                sending.try_set(Some((what.clone(), part)));
            };
            let answer = upload::send::<Started>(&format!("/volumes/{target}/imports"), &picked, told).await;
            sending.try_set(None);
            match answer {
                Ok(started) => {
                    navigate(&address(Some(target), Some(started.id)), NavigateOptions { replace: true, ..NavigateOptions::default() })
                }
                Err(failed) => {
                    error.try_set(Some(failed));
                }
            }
        });
    });
    let idle = move || sending.with(Option::is_none);
    let target = Callback::new(move |()| volume.with_untracked(|volume| volume.parse::<VolumeId>().ok()));
    let navigate = use_navigate();
    let started = Callback::new(move |(target, job): (VolumeId, JobId)| {
        navigate(&address(Some(target), Some(job)), NavigateOptions { replace: true, ..NavigateOptions::default() });
    });
    view! {
        <FieldError error=error/>
        <Suspense>
            {move || {
                let writable = volumes.writable();
                // One's own volume unless the address or the person says otherwise, as where an artifact is made.
                if volume.with_untracked(String::is_empty)
                    && let Some(usual) = writable.iter().find(|volume| volume.kind == VolumeKind::User).or_else(|| writable.first())
                {
                    volume.set(usual.id.to_string());
                }
                let closed = volumes.known().into_iter().any(|known| Some(known.id) == asked && !known.role.allows(Action::Commit));
                view! {
                    <SelectField id="volume" label="Into the volume" value=volume options=options hint="One commit holds everything that comes in."/>
                    {closed.then(|| view! { <p class="hint">"You are a viewer of the volume you came from: it takes no import of yours."</p> })}
                }
            }}
        </Suspense>
        <div hidden=move || !idle() class="stack gap-12">
            <label class="dropzone">
                <Icon name="upload"/>
                <b>"Drop a zip here"</b>
                <span>"or choose one: an archive with skills, tools and agents folders, up to 256 MB."</span>
                <input type="file" accept=".zip,application/zip" aria-label="Zip archive" on:change=move |event| send.run(upload::Picked::from_event(&event))/>
            </label>
            <div class="or">"or"</div>
            <label class="dropzone s">
                <Icon name="folder"/>
                <b>"Choose a folder"</b>
                <span>"Everything in it is sent."</span>
                <input type="file" multiple="" aria-label="Folder" {..leptos::attr::custom::custom_attribute("webkitdirectory", "")} on:change=move |event| send.run(upload::Picked::from_event(&event))/>
            </label>
            <div class="or">"or"</div>
            <ImportForm target=target started=started/>
        </div>
        {move || {
            sending
                .get()
                .map(|(what, part)| {
                    view! {
                        <section class="job" aria-live="polite">
                            <div class="row"><b>{format!("Sending {what}")}</b><span class="push num f12 t2">{format!("{:.0} %", part * 100.0)}</span></div>
                            <progress class="progress" max="1" value=part.to_string()></progress>
                        </section>
                    }
                })
        }}
    }
}

/// A job from its start to its report.
#[component]
fn Running(job: JobId, volume: Option<VolumeId>) -> impl IntoView {
    let volumes = use_volumes();
    let first = use_job(job);
    let newest = RwSignal::new(None::<JobStatus>);
    let status = move || newest.get().map(Ok).or_else(|| first.get());
    // Asks until the job has ended, as long as this page is shown.
    Effect::new(move |_| {
        let Some(Ok(status)) = status() else { return };
        if status.state.ended() {
            volumes.refresh();
            return;
        }
        page::after_forget(POLL, move || {
            if newest.is_disposed() {
                return;
            }
            let answer = read_job(job);
            leptos::task::spawn_local(async move {
                let asked_again = match answer.await {
                    Ok(status) => status,
                    // The connection is gone for a moment: the last known state asks again.
                    Err(_) => match newest.try_get_untracked().flatten() {
                        Some(status) => status,
                        None => return,
                    },
                };
                newest.try_set(Some(asked_again));
            });
        });
    });
    let again = address(volume, None);
    view! {
        <Transition>
            {move || {
                status()
                    .map(|status| match status {
                        Ok(status) => view! { <Progress status=status volume=volume again=again.clone()/> }.into_any(),
                        Err(error) => view! { <ErrorView error=error/> }.into_any(),
                    })
            }}
        </Transition>
    }
}

#[component]
fn Progress(status: JobStatus, volume: Option<VolumeId>, again: String) -> impl IntoView {
    let JobStatus { id, state, done, total, report, error, .. } = status;
    let toasts = use_toasts();
    let stop = move |_| {
        let asked = cancel_job(id);
        leptos::task::spawn_local(async move {
            if let Err(error) = asked.await {
                toast_error(toasts, &error);
            }
        });
    };
    match state {
        JobState::Queued | JobState::Running => view! {
            <section class="job" aria-live="polite">
                <div class="row">
                    <b>{if state == JobState::Queued { "Waiting to start" } else { "Importing" }}</b>
                    <span class="push num f12 t2">{match (done, total) {
                        (0, 0) => String::new(),
                        (received, 0) => format!("{} so far", bytes(received)),
                        (done, total) => format!("{} of {}", count(done), count(total)),
                    }}</span>
                </div>
                {if total > 0 {
                    view! { <progress class="progress" max=total.to_string() value=done.to_string()></progress> }.into_any()
                } else {
                    view! { <progress class="progress"></progress> }.into_any()
                }}
                <span class="hint">"You can leave this page: the import goes on, and this address shows how far it is."</span>
                <div class="row"><button type="button" class="btn" on:click=stop>"Stop the import"</button></div>
            </section>
        }
        .into_any(),
        JobState::Failed => view! {
            <div class="banner bad inset" role="alert">
                <Icon name="alert"/>
                <span><b>"The import stopped. "</b>{error.unwrap_or_else(|| "Nothing was changed; try again.".to_owned())}</span>
            </div>
            <div class="row"><a class="btn" href=again>"Import again"</a></div>
        }
        .into_any(),
        JobState::Cancelled => view! {
            <div class="banner inset" role="status">
                <Icon name="alert"/>
                <span><b>"The import was stopped. "</b>"Nothing was changed."</span>
            </div>
            <div class="row"><a class="btn" href=again>"Import again"</a></div>
        }
        .into_any(),
        JobState::Done => {
            let report = report.and_then(|report| serde_json::from_value::<ImportReport>(report).ok()).unwrap_or_default();
            view! { <Report report=report volume=volume again=again/> }.into_any()
        }
    }
}
