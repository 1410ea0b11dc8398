//! A volume: what is in it, its commits, taking it out, renaming and deleting it.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_params_map, use_query_map},
};

use super::{NEW_VOLUME, NewVolumeDialog};
use crate::{
    browser::page,
    error::AppError,
    features::{
        accounts::model::Action,
        collaboration::state::use_collaboration,
        git::ui::{RepositoryCard, room_of},
        pwa::{
            pins::{KeepOffline, Whole},
            ui::NeedsNetwork,
        },
        volumes::{
            model::{Commit, CommitPage, Volume, VolumeKind, subject},
            state::{delete_volume, rename_volume, use_commits, use_volumes},
        },
    },
    ids::{CommitId, VolumeId},
    ui::{
        Avatar, ConfirmDialog, Dialog, EmptyState, ErrorView, Field, FieldError, Icon, Loading, PageError, PageTitle, Time, Transition,
        count, late, plural, short_sha, toast, toast_error, use_toasts,
    },
};

#[component]
pub fn VolumePage() -> impl IntoView {
    let params = use_params_map();
    let volumes = use_volumes();
    let id = Memo::new(move |_| params.with(|params| params.get("id").and_then(|id| id.parse::<VolumeId>().ok())));
    view! {
        <Transition fallback=|| {
            view! { <main class="main panes" id="main" tabindex="-1"><section class="pane"><div class="scroll"><Loading/></div></section></main> }
        }>
            {move || {
                let id = id.get();
                // What the view reads by itself has to be what the browser gets with it: had each walk of the server read it, they would part when it changes.
                volumes
                    .arrived()
                    .map(|list| late(move || match list.read() {
                        Ok(list) => match list.into_iter().find(|volume| Some(volume.id) == id) {
                            Some(volume) => view! { <VolumeView volume=volume/> }.into_any(),
                            None => view! { <PageError error=AppError::not_found("volume")/> }.into_any(),
                        },
                        Err(error) => view! { <PageError error=error/> }.into_any(),
                    }))
            }}
        </Transition>
    }
}

#[component]
fn VolumeView(volume: Volume) -> impl IntoView {
    let id = volume.id;
    let query = use_query_map();
    let before = Memo::new(move |_| query.with(|query| query.get("before").and_then(|id| id.parse::<CommitId>().ok())));
    let commits = use_commits(id, before);
    // A list further back stays as it is.
    let news = move || {
        if before.try_get_untracked() == Some(None) {
            commits.refetch();
        }
    };
    let live = use_collaboration(Signal::stored(room_of(&volume)));
    live.on_commit(move |_| news());
    live.on_resync(news);
    let total = volume.skills + volume.tools + volume.agents;
    let may = volume.role.allows(Action::Commit) && volume.kind != VolumeKind::System;
    let about = match volume.kind {
        VolumeKind::System => "Built in: comes with the server, read only.",
        VolumeKind::Team => "Shared with the team.",
        VolumeKind::User => "Only you see it.",
    };
    let library = format!("/artifacts?volume={id}");
    let facts = [
        ("Skills", volume.skills, format!("{library}&kind=skill")),
        ("Tools", volume.tools, format!("{library}&kind=tool")),
        ("Agents", volume.agents, format!("{library}&kind=agent")),
        ("Drafts", volume.drafts, format!("{library}&view=drafts")),
        ("In the trash", volume.trashed, format!("{library}&view=trash")),
    ];
    view! {
        <PageTitle text=volume.name.clone()/>
        <main class="main panes" id="main" tabindex="-1">
            <section class="pane" aria-label="Volume">
                <header class="bar">
                    <a class="btn ghost icon-only" href=library.clone() aria-label="Back to the library" title="Back to the library"><Icon name="chev-l"/></a>
                    <h1>{volume.name.clone()}</h1>
                    {volume.demo.then(|| view! { <span class="chip line">"Demo"</span> })}
                    <span class="push row gap-4">
                        <a class="btn wide-only" href=format!("/api/v1/volumes/{id}/export") download=""><Icon name="download"/>"Export"</a>
                        {may.then(|| view! { <a class="btn primary" href=format!("/import?volume={id}")><Icon name="upload"/>"Import"</a> })}
                        <VolumeMenu volume=volume.clone()/>
                    </span>
                </header>
                <NeedsNetwork what="Exporting or changing a volume"/>
                <div class="scroll">
                    <div class="page volume-page">
                        <p class="t2 row wrap gap-12">
                            <span>{about}</span>
                            {(total > 0).then(|| view! { <a class="link" href=library>{format!("Open its {}", plural(total, "artifact", "artifacts"))}</a> })}
                            <a class="link" href=format!("/marketplace/installed?volume={id}")>"See what came from the marketplace"</a>
                        </p>
                        <dl class="facts">
                            {facts
                                .into_iter()
                                .map(|(words, number, address)| view! { <div><dt>{words}</dt><dd><a href=address>{count(number)}</a></dd></div> })
                                .collect_view()}
                        </dl>
                        <KeepOffline kind=Whole::Volume id=id.to_string() name=Signal::stored(volume.name.clone()) artifacts=total/>
                        <RepositoryCard volume=volume.clone()/>
                        <h2 class="med">"Commits"</h2>
                        <Transition fallback=|| view! { <Loading rows=4/> }>
                            {move || {
                                commits
                                    .get()
                                    .map(|page| match page {
                                        Ok(page) if page.commits.is_empty() => {
                                            view! { <EmptyState icon="commit" title="No commits yet" text="Each import and each commit of drafts stands here."/> }.into_any()
                                        }
                                        Ok(page) => view! { <Commits volume=id page=page later=before.get_untracked().is_some()/> }.into_any(),
                                        Err(error) => view! { <ErrorView error=error/> }.into_any(),
                                    })
                            }}
                        </Transition>
                    </div>
                </div>
            </section>
        </main>
    }
}

#[component]
fn Commits(volume: VolumeId, page: CommitPage, later: bool) -> impl IntoView {
    view! {
        <ul class="rows">{page.commits.into_iter().map(commit_row).collect_view()}</ul>
        <nav class="pager" aria-label="Pages">
            {later.then(|| view! { <a class="btn s" href=format!("/volumes/{volume}")><Icon name="chev-l"/>"Newest"</a> })}
            {page.next.map(|next| view! { <a class="btn s" href=format!("/volumes/{volume}?before={next}")>"Older"<Icon name="chev-r"/></a> })}
        </nav>
    }
}

fn commit_row(commit: Commit) -> AnyView {
    view! {
        <li>
            <Avatar person=commit.author.clone() size="s"/>
            <div class="tx">
                <a class="cover" href=format!("/commits/{}", commit.id)><b>{subject(&commit.message).to_owned()}</b></a>
                <small>{format!("{}, {}", commit.author.name, plural(commit.changes, "change", "changes"))}</small>
            </div>
            <span class="tail">
                {(commit.source != "edit").then(|| view! { <span class="chip line wide-only">{commit.source.clone()}</span> })}
                <code class="wide-only">{short_sha(&commit.sha)}</code>
                <Time at=commit.created_at/>
            </span>
        </li>
    }
    .into_any()
}

#[component]
fn VolumeMenu(volume: Volume) -> impl IntoView {
    let toasts = use_toasts();
    let volumes = use_volumes();
    let navigate = use_navigate();
    let id = volume.id;
    let team = volume.team;
    let manage = volume.role.allows(Action::ManageVolumes) && volume.kind != VolumeKind::System;
    let name = RwSignal::new(volume.name.clone());
    let error = RwSignal::new(None::<AppError>);
    let rename = move || {
        let answer = rename_volume(id, name.get_untracked().trim().to_owned());
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    page::close_dialog("rename");
                    volumes.refresh();
                    toast(toasts, "Renamed");
                }
                Err(failed) => {
                    error.try_set(Some(failed));
                }
            }
        });
    };
    let delete = Callback::new(move |()| {
        let answer = delete_volume(id);
        let navigate = navigate.clone();
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    volumes.refresh();
                    toast(toasts, "Deleted the volume");
                    navigate("/artifacts", NavigateOptions::default());
                }
                Err(failed) => toast_error(toasts, &failed),
            }
        });
    });
    let open = move |dialog: &'static str| {
        error.set(None);
        page::open_dialog(dialog);
    };
    let total = volume.skills + volume.tools + volume.agents;
    view! {
        <details class="drop end">
            <summary class="btn ghost icon-only" aria-label="More" title="More"><Icon name="more"/></summary>
            <div class="pop menu">
                <a href=format!("/marketplace/installed?volume={id}")><Icon name="market"/>"From the marketplace"</a>
                <a href=format!("/api/v1/volumes/{id}/export") download=""><Icon name="download"/>"Export as a zip"</a>
                {manage
                    .then(|| {
                        view! {
                            <button type="button" on:click=move |_| page::open_dialog(NEW_VOLUME)><Icon name="plus"/>"New volume beside it"</button>
                            <button type="button" on:click=move |_| open("rename")><Icon name="edit"/>"Rename"</button>
                            <hr/>
                            <button type="button" class="danger" on:click=move |_| page::open_dialog("delete-volume")><Icon name="trash"/>"Delete the volume"</button>
                        }
                    })}
            </div>
        </details>
        <Dialog id="rename" title="Rename the volume" size="s">
            <form
                on:submit=move |event| {
                    event.prevent_default();
                    rename();
                }
            >
                <div class="body">
                    <FieldError error=error/>
                    <Field id="volume-name" name="name" label="Name" value=name error=error required=true/>
                </div>
                <footer><button type="submit" class="btn primary">"Rename"</button></footer>
            </form>
        </Dialog>
        <NewVolumeDialog team=team/>
        <ConfirmDialog
            id="delete-volume"
            title=format!("Delete the volume \u{201c}{}\u{201d}?", volume.name)
            text=format!("{} and their history leave the library. Export the volume first if you may need it again.", plural(total, "artifact", "artifacts"))
            confirm="Delete volume"
            act=delete
        />
    }
}
