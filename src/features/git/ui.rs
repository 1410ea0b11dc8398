//! The card of a volume that shows its repository.

use leptos::prelude::*;

use super::{
    model::{
        ChangeKind, GitLink, ImportFromGit, LinkState, LinkVolume, PullReport, PullRequest, PullState, ReviewStatus, SyncProgress,
        name_in_address, preview_words,
    },
    state::{import, link, start, unlink, use_link, use_pull_requests},
};
use crate::{
    browser::{data::Fetched, page, socket},
    error::AppError,
    features::{
        accounts::{
            model::Action,
            state::{Running, use_session},
        },
        collaboration::{
            model::RoomType,
            state::{Room, use_collaboration},
        },
        jobs::model::JobStatus,
        volumes::model::{Volume, VolumeKind},
    },
    ids::{JobId, TeamId, VolumeId},
    ui::{
        ConfirmDialog, Dialog, ErrorView, Field, FieldError, Icon, Time, Transition, bytes, count, late, plural, toast, toast_error,
        use_toasts,
    },
};

/// How often a pull or a push that is under way is looked at, in milliseconds.
const POLL: u32 = 1_000;
const FORM: &str = "git-link";
const UNLINK: &str = "git-unlink";

/// How a volume and its repository stand, for whoever sees the volume; maintainers link and unlink it.
#[component]
pub fn RepositoryCard(volume: Volume) -> impl IntoView {
    let id = volume.id;
    let manage = volume.role.allows(Action::ManageVolumes) && volume.kind != VolumeKind::System;
    let (found, pulls) = (use_link(id), use_pull_requests(id));
    let (working, behind) = (StoredValue::new(false), StoredValue::new(false));
    let news = move || {
        behind.try_set_value(true);
    };
    let live = use_collaboration(Signal::stored(room_of(&volume)));
    live.on_repository(news);
    live.on_commit(move |_| news());
    live.on_resync(news);
    Effect::new(move |_| working.set_value(matches!(found.get(), Some(Ok(Some(GitLink { state: LinkState::Working, .. }))))));
    Effect::new(move |_| {
        let ticker = StoredValue::new_local(Some(socket::every(POLL, move || {
            // What is read anew takes the place of a form that somebody fills in.
            if !page::is_visible() || page::has_focus("dialog, dialog *") {
                return;
            }
            let told = behind.try_update_value(std::mem::take) == Some(true);
            if told || working.get_value() {
                found.refetch();
            }
            if told {
                pulls.refetch();
            }
        })));
        on_cleanup(move || {
            ticker.try_update_value(|ticker| *ticker = None);
        });
    });
    let changed = Callback::new(move |()| found.refetch());
    view! {
        <section class="card" aria-labelledby="git-title">
            <header class="card-head"><Icon name="commit"/><h2 id="git-title">"Git"</h2></header>
            <div class="card-body stack">
                <Transition fallback=|| view! { <p class="t3">"Loading"</p> }>
                    {move || {
                        found
                            .get()
                            .map(|answer| match answer {
                                Ok(Some(known)) => view! { <Linked known=known manage=manage changed=changed/> }.into_any(),
                                Ok(None) => view! { <Unlinked id=id manage=manage changed=changed/> }.into_any(),
                                Err(error) => view! { <ErrorView error=error/> }.into_any(),
                            })
                    }}
                </Transition>
                <PullRequests found=pulls/>
                <CloneAddress volume=volume/>
            </div>
        </section>
    }
}

/// The workspace that a volume is of, where what happens to it is told.
pub fn room_of(volume: &Volume) -> Option<Room> {
    let own = || use_session().account_untracked().map(|me| me.person.id.same_as());
    let id = match (volume.kind, volume.team) {
        (VolumeKind::System, _) => return None,
        (_, Some(team)) => team.same_as(),
        (_, None) => own()?,
    };
    Some(Room { id, kind: RoomType::Workspace })
}

/// The pull requests to the branch, with what they would change here.
#[component]
fn PullRequests(found: Fetched<Vec<PullRequest>>) -> impl IntoView {
    view! {
        <Transition>
            {move || {
                found
                    .arrived()
                    .map(|answer| late(move || match answer.read() {
                        Ok(pulls) if pulls.is_empty() => ().into_any(),
                        Ok(pulls) => {
                            view! {
                                <section class="pulls" aria-label="Pull requests">
                                    <h3 class="med">"Pull requests"</h3>
                                    <ul class="rows">{pulls.into_iter().map(pull_row).collect_view()}</ul>
                                </section>
                            }
                                .into_any()
                        }
                        Err(error) => view! { <ErrorView error=error/> }.into_any(),
                    }))
            }}
        </Transition>
    }
}

fn pull_row(pull: PullRequest) -> AnyView {
    let state = match pull.state {
        PullState::Open if pull.draft => "Draft",
        PullState::Open => "Open",
        PullState::Closed => "Closed",
        PullState::Merged => "Merged",
    };
    let review = match pull.review {
        ReviewStatus::None => None,
        ReviewStatus::Approved => Some(("chip ok", "Approved")),
        ReviewStatus::ChangesRequested => Some(("chip warn", "Changes requested")),
    };
    let blocks = pull.findings.iter().any(|finding| finding.blocks);
    let words = match (&pull.problem, &pull.looked_sha) {
        (Some(problem), _) => problem.clone(),
        (None, Some(_)) => preview_words(&pull.changes, &pull.findings),
        (None, None) => "The preview is not there yet.".to_owned(),
    };
    let changes = pull.changes.into_iter().map(|change| {
        let verb = match change.change {
            ChangeKind::Created => "new",
            ChangeKind::Updated => "changed",
            ChangeKind::Deleted => "deleted",
        };
        view! { <li><code>{change.path}</code>" "{verb}</li> }
    });
    let findings = pull
        .findings
        .into_iter()
        .map(|finding| view! { <li><code>{format!("{}:{}", finding.path, finding.line)}</code>" "{finding.why}" "{finding.fix}</li> });
    view! {
        <li>
            <Icon name=if pull.state == PullState::Merged { "merge" } else { "pr" }/>
            <div class="tx">
                <a class="link" href=pull.url target="_blank" rel="noopener noreferrer external">{format!("#{} {}", pull.number, pull.title)}</a>
                <small>{format!("@{}. {words}", pull.author)}</small>
                <details>
                    <summary>"What it would change"</summary>
                    <ul class="t2">{changes.collect_view()} {findings.collect_view()}</ul>
                    {pull.checked.map(|how| view! { <p class="t3">{how}</p> })}
                </details>
            </div>
            <span class="tail">
                {blocks.then(|| view! { <span class="chip bad">"Findings"</span> })}
                {review.map(|(look, words)| view! { <span class=look>{words}</span> })}
                <span class="chip line">{state}</span>
            </span>
        </li>
    }
    .into_any()
}

/// Every volume is a repository of its own.
#[component]
fn CloneAddress(volume: Volume) -> impl IntoView {
    let session = use_session();
    let path = move || {
        let team = |id: TeamId| {
            let teams = session.account().map(|me| me.teams).unwrap_or_default();
            teams.into_iter().find(|team| team.id == id).map(|team| name_in_address(&team.name))
        };
        let owner = match (volume.kind, volume.team) {
            (VolumeKind::System, _) => "system".to_owned(),
            (_, Some(id)) => team(id).unwrap_or_else(|| id.to_string()),
            (_, None) => "me".to_owned(),
        };
        format!("/git/{owner}/{}.git", name_in_address(&volume.name))
    };
    // Only the browser knows under which name people come here.
    let origin = RwSignal::new(String::new());
    Effect::new(move |_| origin.set(page::origin()));
    view! {
        <p class="t2">
            "Read it with Git, with an API token as the password: " <code><Transition>{move || format!("git clone {}{}", origin.get(), path())}</Transition></code>
        </p>
    }
}

#[component]
fn Unlinked(id: VolumeId, manage: bool, changed: Callback<()>) -> impl IntoView {
    view! {
        <p class="t2">"This volume is not linked to a repository. Linked, it takes over what is pushed there, and what is committed here can go back."</p>
        {manage
            .then(|| {
                view! {
                    <p><button type="button" class="btn" on:click=move |_| page::open_dialog(FORM)><Icon name="plus"/>"Link a repository"</button></p>
                    <LinkForm id=id known=None changed=changed/>
                }
            })}
    }
}

#[component]
fn Linked(known: GitLink, manage: bool, changed: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let id = known.volume_id;
    let busy = known.state == LinkState::Working;
    let run = move |what: &'static str| {
        leptos::task::spawn_local(async move {
            match start(id, what).await {
                Ok(_) => changed.run(()),
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    let end = Callback::new(move |()| {
        let answer = unlink(id);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    toast(toasts, "Unlinked");
                    changed.run(());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    });
    let place = if known.folder.is_empty() { known.branch.clone() } else { format!("{}, {}", known.branch, known.folder) };
    view! {
        <p>
            <code>{known.url.clone()}</code> " " <span class="chip line">{place}</span> " "
            {known.push.then(|| view! { <span class="chip line">"Pushes each commit"</span> })} " "
            {known.by_app.then(|| view! { <span class="chip line">"By the GitHub App"</span> })}
        </p>
        <p role="status">
            {state_words(&known)}
            {known.last_sync_at.map(|at| view! { <span class="t3">" Looked at "<Time at=at/></span> })}
        </p>
        {known
            .host_key
            .clone()
            .map(|key| view! { <p class="t3">"Over SSH. The host is known by its key, "<code>{key}</code>": another one is not talked to."</p> })}
        {known.last_error.clone().map(|why| view! { <p class="banner bad inset"><Icon name="alert"/><span>{why}</span></p> })}
        {known.notice.clone().map(|words| view! { <p class="banner warn inset"><Icon name="alert"/><span>{words}</span></p> })}
        {(!known.conflicts.is_empty())
            .then(|| {
                view! {
                    <div class="banner warn inset">
                        <Icon name="alert"/>
                        <div>
                            <p>"Changed on both sides in the same lines. The repository's text is committed, the one from here waits as a draft:"</p>
                            <ul>
                                {known
                                    .conflicts
                                    .iter()
                                    .map(|conflict| view! { <li><a class="link" href=format!("/artifacts/{}?tab=merge", conflict.artifact_id)>{conflict.name.clone()}</a></li> })
                                    .collect_view()}
                            </ul>
                        </div>
                    </div>
                }
            })}
        {known.report.clone().map(report_view)}
        {manage
            .then(|| {
                view! {
                    <p class="row gap-4 wrap">
                        <button type="button" class="btn" disabled=busy on:click=move |_| run("pull")><Icon name="download"/>"Pull now"</button>
                        <button type="button" class="btn" disabled=busy on:click=move |_| run("push")><Icon name="upload"/>"Push now"</button>
                        <button type="button" class="btn ghost" on:click=move |_| page::open_dialog(FORM)>"Change"</button>
                        <button type="button" class="btn ghost danger" on:click=move |_| page::open_dialog(UNLINK)>"Unlink"</button>
                    </p>
                    <LinkForm id=id known=Some(known.clone()) changed=changed/>
                    <ConfirmDialog
                        id=UNLINK
                        title="Unlink the repository?"
                        text="The volume and the repository stay as they are and go their own ways. The token or key is forgotten."
                        confirm="Unlink"
                        act=end
                    />
                }
            })}
    }
}

fn state_words(known: &GitLink) -> String {
    let ahead = match known.ahead {
        0 => String::new(),
        ahead => format!(" {} from here not pushed.", plural(ahead, "commit is", "commits are")),
    };
    let behind = match known.behind {
        0 => String::new(),
        behind => format!(" {} there not pulled.", plural(behind, "commit is", "commits are")),
    };
    let words = match known.state {
        LinkState::New => "Linked; nothing came yet.",
        LinkState::Working => return known.progress.map_or_else(|| "Working on it.".to_owned(), progress_words),
        LinkState::Synced if ahead.is_empty() && behind.is_empty() => "Both sides have the same.",
        LinkState::Synced => "In step, as far as was asked.",
        LinkState::Conflict => "Some artifacts wait to be merged.",
        LinkState::Failed => "The last time did not go well.",
    };
    format!("{words}{ahead}{behind}")
}

fn progress_words(progress: SyncProgress) -> String {
    match progress {
        SyncProgress { done: 0, total: 0 } => "Working on it.".to_owned(),
        SyncProgress { done, total: 0 } => format!("Fetching: {} so far.", bytes(done)),
        SyncProgress { done, total } => format!("Comparing: {} of {}.", count(done), plural(total, "artifact", "artifacts")),
    }
}

fn report_view(report: PullReport) -> AnyView {
    let parts: Vec<String> = [
        (report.created, "new"),
        (report.updated, "changed"),
        (report.renamed, "renamed"),
        (report.deleted, "deleted"),
        (report.merged, "joined"),
        (report.conflicts, "to be merged"),
        (report.skipped, "left aside"),
        (report.traces, "traces brought in"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, words)| format!("{number} {words}"))
    .collect();
    let told: Vec<_> = report.items.into_iter().filter_map(|item| Some((item.path, item.reason?))).collect();
    view! {
        <details>
            <summary>{format!("Last pull: {}", if parts.is_empty() { "nothing changed here".to_owned() } else { parts.join(", ") })}</summary>
            <ul class="t2">{told.into_iter().map(|(path, reason)| view! { <li><code>{path}</code>" "{reason}</li> }).collect_view()}</ul>
        </details>
    }
    .into_any()
}

/// Imports from a repository once, into the volume that `target` gives when it is sent; `started` gets the job.
#[component]
pub fn ImportForm(target: Callback<(), Option<VolumeId>>, started: Callback<(VolumeId, JobId)>) -> impl IntoView {
    let place = PlaceFields::empty();
    let running = Running::new();
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let Some(volume) = target.run(()) else {
            running.error.set(Some(AppError::invalid("Choose the volume first.")));
            return;
        };
        let input = ImportFromGit {
            id: Some(JobId::generate()),
            url: place.url.get_untracked(),
            branch: some(place.branch),
            folder: some(place.folder),
            token: some(place.token),
        };
        running.run(import(volume, input), move |job: JobStatus| started.run((volume, job.id)));
    };
    view! {
        <details class="repository-source">
            <summary><Icon name="commit"/><b>"From a repository"</b><span>" once, without linking it"</span></summary>
            <form class="stack gap-12" on:submit=send>
                <FieldError error=running.error/>
                <PlaceInputs place=place token_hint="Needed for a private repository. It is used once and not kept." error=running.error/>
                <div class="row"><button type="submit" class="btn primary" disabled=move || running.busy.get()>{move || if running.busy.get() { "Asking the repository" } else { "Import" }}</button></div>
            </form>
        </details>
    }
}

/// Where a repository is, as it is typed.
#[derive(Clone, Copy)]
struct PlaceFields {
    url: RwSignal<String>,
    branch: RwSignal<String>,
    folder: RwSignal<String>,
    token: RwSignal<String>,
}

impl PlaceFields {
    fn empty() -> Self {
        let field = || RwSignal::new(String::new());
        Self { url: field(), branch: field(), folder: field(), token: field() }
    }

    fn of(known: &GitLink) -> Self {
        let field = |text: &String| RwSignal::new(text.clone());
        Self { url: field(&known.url), branch: field(&known.branch), folder: field(&known.folder), token: RwSignal::new(String::new()) }
    }
}

fn some(text: RwSignal<String>) -> Option<String> {
    Some(text.get_untracked()).filter(|text| !text.trim().is_empty())
}

#[component]
fn PlaceInputs(place: PlaceFields, token_hint: &'static str, #[prop(into)] error: Signal<Option<AppError>>) -> impl IntoView {
    view! {
        <Field id="git-url" name="url" label="Address" value=place.url hint="Such as https://github.com/team/skills.git, or git@github.com:team/skills.git for SSH." required=true error=error/>
        <Field id="git-branch" name="branch" label="Branch" value=place.branch hint="Empty: the one that the repository shows first." error=error/>
        <Field id="git-folder" name="folder" label="Folder" value=place.folder hint="The one that holds skills, tools and agents. Empty: the top." error=error/>
        <Field id="git-token" name="token" label="Token or SSH key" kind="password" autocomplete="off" value=place.token hint=token_hint error=error/>
    }
}

#[component]
fn LinkForm(id: VolumeId, known: Option<GitLink>, changed: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let (has_token, by_app) = known.as_ref().map_or((false, false), |known| (known.has_token, known.by_app));
    let place = known.as_ref().map_or_else(PlaceFields::empty, PlaceFields::of);
    let push = RwSignal::new(known.as_ref().is_some_and(|known| known.push));
    let error = RwSignal::new(None::<AppError>);
    let busy = RwSignal::new(false);
    let send = move || {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        error.set(None);
        let input = LinkVolume {
            url: place.url.get_untracked(),
            branch: some(place.branch),
            folder: some(place.folder),
            token: some(place.token),
            push: push.get_untracked(),
        };
        let answer = link(id, input);
        leptos::task::spawn_local(async move {
            let answer = answer.await;
            busy.try_set(false);
            match answer {
                Ok(()) => {
                    page::close_dialog(FORM);
                    toast(toasts, "Linked");
                    changed.run(());
                }
                Err(failed) => {
                    error.try_set(Some(failed));
                }
            }
        });
    };
    view! {
        <Dialog id=FORM title="Link a repository" size="m">
            <form
                on:submit=move |event| {
                    event.prevent_default();
                    send();
                }
            >
                <div class="body">
                    <FieldError error=error/>
                    <PlaceInputs
                        place=place
                        token_hint=if by_app {
                            "It is linked by this server's GitHub App: empty, it stays so."
                        } else if has_token {
                            "One is kept. Empty: it stays."
                        } else {
                            "Needed for private repositories and for pushing. For SSH the private key of a deploy key, without a passphrase. It is kept sealed."
                        }
                        error=error
                    />
                    <label class="check">
                        <input type="checkbox" prop:checked=move || push.get() on:change=move |event| push.set(event_target_checked(&event))/>
                        " Push each commit of the volume by itself"
                    </label>
                </div>
                <footer><button type="submit" class="btn primary" disabled=move || busy.get()>{move || if busy.get() { "Asking the repository" } else { "Link" }}</button></footer>
            </form>
        </Dialog>
    }
}
