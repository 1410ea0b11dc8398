//! The card of a volume that shows its repository.

use leptos::prelude::*;

use super::{
    model::{GitLink, LinkState, LinkVolume, PullReport},
    state::{link, start, unlink, use_link},
};
use crate::{
    browser::{page, socket},
    error::AppError,
    features::{
        accounts::model::Action,
        volumes::model::{Volume, VolumeKind},
    },
    ids::VolumeId,
    ui::{ConfirmDialog, Dialog, ErrorView, Field, FieldError, Icon, Time, Transition, plural, toast, toast_error, use_toasts},
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
    let found = use_link(id);
    let working = StoredValue::new(false);
    Effect::new(move |_| working.set_value(matches!(found.get(), Some(Ok(Some(GitLink { state: LinkState::Working, .. }))))));
    Effect::new(move |_| {
        let ticker = StoredValue::new_local(Some(socket::every(POLL, move || {
            if page::is_visible() && working.get_value() {
                found.refetch();
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
                <CloneAddress volume=volume/>
            </div>
        </section>
    }
}

/// Every volume is a repository of its own.
#[component]
fn CloneAddress(volume: Volume) -> impl IntoView {
    let owner = match (volume.kind, volume.team) {
        (VolumeKind::System, _) => "system".to_owned(),
        (_, Some(team)) => team.to_string(),
        (_, None) => "me".to_owned(),
    };
    let path = format!("/git/{owner}/{}.git", volume.id);
    // Only the browser knows under which name people come here.
    let origin = RwSignal::new(String::new());
    Effect::new(move |_| origin.set(page::origin()));
    view! {
        <p class="t2">
            "Read it with Git, with an API token as the password: " <code>{move || format!("git clone {}{path}", origin.get())}</code>
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
            {known.push.then(|| view! { <span class="chip line">"Pushes each commit"</span> })}
        </p>
        <p role="status">
            {state_words(&known)}
            {known.last_sync_at.map(|at| view! { <span class="t3">" In step "<Time at=at/></span> })}
        </p>
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
                    <p class="row gap-4">
                        <button type="button" class="btn" disabled=busy on:click=move |_| run("pull")><Icon name="download"/>"Pull now"</button>
                        <button type="button" class="btn" disabled=busy on:click=move |_| run("push")><Icon name="upload"/>"Push now"</button>
                        <button type="button" class="btn ghost" on:click=move |_| page::open_dialog(FORM)>"Change"</button>
                        <button type="button" class="btn ghost danger" on:click=move |_| page::open_dialog(UNLINK)>"Unlink"</button>
                    </p>
                    <LinkForm id=id known=Some(known.clone()) changed=changed/>
                    <ConfirmDialog
                        id=UNLINK
                        title="Unlink the repository?"
                        text="The volume and the repository stay as they are and go their own ways. The token is forgotten."
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
        LinkState::Working => "Working on it.",
        LinkState::Synced if ahead.is_empty() && behind.is_empty() => "Both sides have the same.",
        LinkState::Synced => "In step, as far as was asked.",
        LinkState::Conflict => "Some artifacts wait to be merged.",
        LinkState::Failed => "The last time did not go well.",
    };
    format!("{words}{ahead}{behind}")
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

#[component]
fn LinkForm(id: VolumeId, known: Option<GitLink>, changed: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let has_token = known.as_ref().is_some_and(|known| known.has_token);
    let field = |of: fn(&GitLink) -> &String| RwSignal::new(known.as_ref().map(of).cloned().unwrap_or_default());
    let (url, branch, folder) = (field(|known| &known.url), field(|known| &known.branch), field(|known| &known.folder));
    let token = RwSignal::new(String::new());
    let push = RwSignal::new(known.as_ref().is_some_and(|known| known.push));
    let error = RwSignal::new(None::<AppError>);
    let busy = RwSignal::new(false);
    let send = move || {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        error.set(None);
        let some = |text: RwSignal<String>| Some(text.get_untracked()).filter(|text| !text.trim().is_empty());
        let input = LinkVolume {
            url: url.get_untracked(),
            branch: some(branch),
            folder: some(folder),
            token: some(token),
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
                    <Field id="git-url" name="url" label="Address" value=url hint="Such as https://github.com/team/skills.git" required=true error=error/>
                    <Field id="git-branch" name="branch" label="Branch" value=branch hint="Empty: the one that the repository shows first." error=error/>
                    <Field id="git-folder" name="folder" label="Folder" value=folder hint="The one that holds skills, tools and agents. Empty: the top." error=error/>
                    <Field
                        id="git-token"
                        name="token"
                        label="Token"
                        kind="password"
                        autocomplete="off"
                        value=token
                        hint=if has_token { "One is kept. Empty: it stays." } else { "Needed for private repositories and for pushing. It is kept sealed." }
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
