//! One artifact: read, edit, history, diff, files. The part is in the address.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_params_map, use_query_map},
};

use super::{
    comments::CommentsTab,
    diff::DiffTab,
    edit::EditTab,
    files::FilesTab,
    history::HistoryTab,
    merge::MergeTab,
    parts::{VolumeDialog, artifact_address, page_keys},
    read::{ReadTab, SourceTab},
};
use crate::{
    browser::{page, share::share},
    error::AppError,
    features::{
        accounts::{
            model::{Action, Role},
            state::use_session,
        },
        artifacts::{
            model::ArtifactDetail,
            state::{
                artifact_begun_here, delete_artifact, delete_for_ever, fork_artifact, library_address, move_artifact, read_artifact,
                set_favourite, undelete_artifact, use_artifact, use_list,
            },
        },
        collaboration::{
            model::RoomType,
            state::{Collaboration, Room, use_collaboration},
            ui::Presence,
        },
        marketplace::state::publish_address,
        outbox::{
            state::{UNSENT, use_outbox},
            ui::SyncState,
        },
        pwa::ui::NeedsNetwork,
        volumes::{
            model::VolumeKind,
            state::{artifact_object, use_volumes},
        },
    },
    ids::{ArtifactId, VolumeId},
    ui::{
        ConfirmDialog, Icon, KindMark, Loading, PageTitle, PaneError, Transition, late, once_painted, plural, toast, toast_error,
        toast_undo, use_toasts,
    },
};

/// The artifact that is shown, for the parts of its page.
#[derive(Clone, Copy)]
pub struct Shown {
    pub id: ArtifactId,
    pub detail: RwSignal<ArtifactDetail>,
    /// Reads it again.
    pub reload: Callback<()>,
    /// The address that shows it: of its own page, or of a page that it stands beside.
    pub at: StoredValue<String>,
    /// It was made on this device, and the server does not have it yet.
    pub begun: bool,
}

impl Shown {
    pub fn role(self) -> Role {
        self.detail.with(|detail| detail.role)
    }
    /// Whether one may change it: the role allows it, and it is not in the trash.
    pub fn may_edit(self) -> bool {
        self.detail.with(|detail| {
            detail.role.allows(Action::EditDrafts) && detail.volume_kind != VolumeKind::System && detail.summary.deleted_at.is_none()
        })
    }
    /// Whether its text is a document that people write: what is built in or in the trash stays as it is.
    pub fn is_live(self) -> bool {
        self.detail.with(|detail| detail.volume_kind != VolumeKind::System && detail.summary.deleted_at.is_none())
    }
    /// Whether it may become a release: it is committed, and not built in.
    pub fn may_publish(self) -> bool {
        self.detail.with(|detail| {
            detail.head.is_some()
                && detail.volume_kind != VolumeKind::System
                && detail.summary.deleted_at.is_none()
                && detail.role.allows(Action::Commit)
        })
    }
    /// Reads it again whenever somebody changes it, for as long as the calling component lives; gives who is here.
    pub fn follow(self) -> Collaboration {
        let live = use_collaboration(Signal::stored(Some(Room { id: self.id.same_as(), kind: RoomType::Artifact })));
        live.on_artifact_updated(move |_| {
            self.reload.try_run(());
        });
        live.on_quarantine(move |_| {
            self.reload.try_run(());
        });
        live.on_resync(move || {
            self.reload.try_run(());
        });
        live
    }
    /// Why not, beside what is missing.
    pub fn why_not(self) -> &'static str {
        self.detail.with(|detail| match detail.volume_kind {
            VolumeKind::System => "Built in, read only",
            _ if detail.summary.deleted_at.is_some() => "In the trash",
            _ => "You are a viewer here",
        })
    }
    pub fn tab(self, tab: &str) -> String {
        self.at.with_value(|at| format!("{at}{}tab={tab}", if at.contains('?') { '&' } else { '?' }))
    }
}

#[component]
pub fn ArtifactPane() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let detail = use_artifact(id);
    let (outbox, account, volumes) = (use_outbox(), use_session(), use_volumes());
    // Made here, and not on the server yet. It stays when it has arrived, until the page has read it.
    let before = StoredValue::new(None::<ArtifactDetail>);
    let begun = move || {
        let id = id.get();
        let items = outbox.about(&format!("artifact:{id}"));
        let made = || artifact_begun_here(&items, &account.account()?, &volumes.known());
        let found = if items.is_empty() { None } else { made() };
        let found = found.or_else(|| before.get_value().filter(|before| before.summary.id.to_string() == id));
        before.set_value(found.clone());
        found
    };
    let arrived = Callback::new(move |()| detail.refetch());
    view! {
        <Transition fallback=|| view! { <section class="pane" data-part="item"><div class="scroll"><Loading/></div></section> }>
            // By its id: what one left open, scrolled or typed belongs to that artifact and not to the next.
            {move || {
                detail
                    .arrived()
                    .map(|detail| {
                        late(move || {
                            let there = detail.read().map(|detail| (detail, false));
                            let shown = move || [there.clone().or_else(|error| begun().map(|begun| (begun, true)).ok_or(error))];
                            view! {
                                <For
                                    each=shown
                                    key=|detail| detail.as_ref().map(|(detail, begun)| (detail.summary.id.to_string(), *begun)).unwrap_or_default()
                                    children=move |detail| match detail {
                                        Ok((detail, begun)) => view! { <Artifact detail=detail begun=begun arrived=arrived/> }.into_any(),
                                        Err(error) => view! { <PaneError error=error/> }.into_any(),
                                    }
                                />
                            }
                        })
                    })
            }}
        </Transition>
    }
}

#[component]
fn Artifact(
    detail: ArtifactDetail,
    /// Only this device knows of it yet.
    begun: bool,
    /// The server may know of it by now.
    arrived: Callback<()>,
) -> impl IntoView {
    let id = detail.summary.id;
    let detail = RwSignal::new(detail);
    let volumes = use_volumes();
    let navigate = use_navigate();
    let list = use_list();
    Effect::new(move |_| list.changed.set(Some(detail.with(|detail| detail.summary.clone()))));
    let reload = Callback::new(move |()| {
        let answer = read_artifact(id);
        leptos::task::spawn_local(async move {
            if let Ok(read) = answer.await {
                detail.try_set(read);
            }
            volumes.refresh();
        });
    });
    let shown = Shown { id, detail, reload, at: StoredValue::new(artifact_address(id)), begun };
    if begun {
        use_outbox().on_heard(artifact_object(id), move |heard| {
            if heard.what == "done" {
                arrived.run(());
            }
        });
    }
    let live = shown.follow();
    let query = use_query_map();
    let tab = Memo::new(move |_| query.with(|query| query.get("tab").unwrap_or_default()));
    // A part that is chosen is marked at once, and made when that has been seen.
    let open = once_painted(tab);
    page_keys(move |key| {
        if key.command || key.shift {
            return false;
        }
        let tab = match key.key.as_str() {
            "e" if untrack(|| shown.may_edit()) => "edit",
            "r" => "read",
            "h" => "history",
            "d" => "diff",
            _ => return false,
        };
        navigate(&shown.tab(tab), NavigateOptions::default());
        true
    });
    view! {
        <PageTitle text=Signal::derive(move || detail.with(|detail| detail.summary.name.clone()))/>
        <section class="pane" aria-label="Artifact" data-part="item">
            <Bar shown=shown tab=tab live=live/>
            <Tabs shown=shown tab=tab/>
            {begun
                .then(|| {
                    view! {
                        <p class="banner" role="status">
                            <Icon name="clock"/>
                            <span>"Made on this device, and kept here until the server can be reached. "<a class="link" href=UNSENT>"See what waits"</a></span>
                        </p>
                    }
                })}
            <TrashBanner shown=shown/>
            <DisabledBanner shown=shown/>
            <BehindBanner shown=shown tab=tab/>
            {move || match open.get().as_str() {
                part @ ("edit" | "source") => view! { <TextTab shown=shown part=part.to_owned()/> }.into_any(),
                "history" => view! { <HistoryTab shown=shown/> }.into_any(),
                "diff" => view! { <DiffTab shown=shown/> }.into_any(),
                "files" => view! { <FilesTab shown=shown/> }.into_any(),
                "comments" => view! { <CommentsTab shown=shown/> }.into_any(),
                "merge" => view! { <MergeTab shown=shown/> }.into_any(),
                _ => view! { <ReadTab shown=shown/> }.into_any(),
            }}
        </section>
    }
}

/// The text: to be written by who may, seen live by everybody else, and as it is where nobody writes.
#[component]
pub fn TextTab(
    shown: Shown,
    part: String,
    /// With the commit act at its foot.
    #[prop(default = true)]
    foot: bool,
) -> impl IntoView {
    let (may_edit, is_live) = untrack(|| (shown.may_edit(), shown.is_live()));
    if is_live && (part == "edit" || !may_edit) {
        view! { <EditTab shown=shown foot=foot/> }.into_any()
    } else {
        view! { <SourceTab shown=shown/> }.into_any()
    }
}

#[component]
fn Bar(shown: Shown, tab: Memo<String>, live: Collaboration) -> impl IntoView {
    // Alone one knows who is here.
    let others = Signal::derive(move || live.users.with(|users| if users.len() > 1 { users.clone() } else { Vec::new() }));
    let detail = shown.detail;
    let volumes = use_volumes();
    let kind = detail.with_untracked(|detail| detail.summary.kind);
    let crumb = move || detail.with(|detail| (format!("/artifacts?volume={}", detail.summary.volume_id), detail.volume_name.clone()));
    view! {
        <header class="bar">
            <a class="btn ghost icon-only" href=move || volumes.library.with(library_address) aria-label="Back to the library" title="Back to the library"><Icon name="chev-l"/></a>
            <span class="wide-only"><KindMark kind=kind/></span>
            <h1>{move || detail.with(|detail| detail.summary.name.clone())}</h1>
            {move || detail.with(|detail| detail.summary.version.clone()).split_whitespace().next().map(|version| view! { <span class="chip line mono roomy">{version.to_owned()}</span> })}
            <a class="chip line wide-only" href=move || crumb().0><span class="trunc">{move || crumb().1}</span></a>
            {move || detail.with(|detail| if detail.summary.new { Some(("chip info", "New")) } else { detail.draft.as_ref().map(|_| ("chip warn", "Draft")) })
                .map(|(class, words)| view! { <span class=class>{words}</span> })}
            <span class="push row gap-4">
                <span class="wide-only"><Presence users=others size="s"/></span>
                <SyncState object=artifact_object(shown.id)/>
                <Star shown=shown/>
                {move || {
                    if shown.may_edit() && tab.with(|tab| matches!(tab.as_str(), "edit" | "merge")) {
                        // The act of these parts is at their foot.
                        ().into_any()
                    } else if shown.may_edit() {
                        view! {
                            <a class="btn primary" href=shown.tab("edit") title="Edit">
                                <Icon name="edit"/>
                                <span class="wide-only">"Edit"</span>
                                <kbd class="kbd wide-only" aria-hidden="true">"E"</kbd>
                            </a>
                        }
                            .into_any()
                    } else {
                        view! { <span class="hint row gap-4 wide-only nowrap"><Icon name="lock" class="s"/>{shown.why_not()}</span> }.into_any()
                    }
                }}
                <MoreMenu shown=shown/>
            </span>
        </header>
    }
}

#[component]
fn Star(shown: Shown) -> impl IntoView {
    let toasts = use_toasts();
    let list = use_list();
    let on = RwSignal::new(shown.detail.with_untracked(|detail| detail.favourite));
    let toggle = move |_| {
        let next = !on.get_untracked();
        on.set(next);
        let answer = set_favourite(shown.id, next);
        leptos::task::spawn_local(async move {
            if let Err(error) = answer.await {
                on.try_set(!next);
                toast_error(toasts, &error);
            }
            list.recount.try_run(());
        });
    };
    view! {
        <button type="button" class="btn ghost icon-only" aria-label="Favourite" title="Favourite" aria-pressed=move || on.get().to_string() on:click=toggle>
            {move || if on.get() { view! { <Icon name="star-f"/> }.into_any() } else { view! { <Icon name="star"/> }.into_any() }}
        </button>
    }
}

#[component]
fn MoreMenu(shown: Shown) -> impl IntoView {
    let toasts = use_toasts();
    let volumes = use_volumes();
    let navigate = use_navigate();
    let list = use_list();
    let id = shown.id;
    let download = format!("/api/v1/artifacts/{id}/download");
    let delete = {
        let navigate = navigate.clone();
        move || {
            let answer = delete_artifact(id);
            let name = shown.detail.with_untracked(|detail| detail.summary.name.clone());
            let navigate = navigate.clone();
            leptos::task::spawn_local(async move {
                if let Err(error) = answer.await {
                    toast_error(toasts, &error);
                    return;
                }
                navigate(&volumes.library.with_untracked(library_address), NavigateOptions::default());
                list.refresh.try_run(());
                toast_undo(toasts, format!("Deleted \u{201c}{name}\u{201d}"), move || {
                    let answer = undelete_artifact(id);
                    leptos::task::spawn_local(async move {
                        match answer.await {
                            Ok(()) => {
                                list.refresh.try_run(());
                                volumes.refresh();
                                toast(toasts, "Back again");
                            }
                            Err(error) => toast_error(toasts, &error),
                        }
                    });
                });
            });
        }
    };
    let fork = Callback::new(move |volume| {
        let answer = fork_artifact(id, volume);
        let navigate = navigate.clone();
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(fork) => {
                    list.refresh.try_run(());
                    toast(toasts, format!("Forked to {}", fork.volume_name));
                    navigate(&artifact_address(fork.summary.id), NavigateOptions::default());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    });
    let go_to = move |volume, undo: Option<VolumeId>| {
        let answer = move_artifact(id, volume);
        async move {
            match answer.await {
                Ok(()) => {
                    shown.reload.try_run(());
                    list.refresh.try_run(());
                    undo
                }
                Err(error) => {
                    toast_error(toasts, &error);
                    None
                }
            }
        }
    };
    let relocate = Callback::new(move |volume| {
        let from = shown.detail.with_untracked(|detail| detail.summary.volume_id);
        leptos::task::spawn_local(async move {
            if let Some(from) = go_to(volume, Some(from)).await {
                toast_undo(toasts, "Moved", move || {
                    leptos::task::spawn_local(async move {
                        go_to(from, None).await;
                    });
                });
            }
        });
    });
    let copy = move |_| {
        let text = shown.detail.with_untracked(|detail| detail.text.clone());
        page::copy(text, move |done| {
            if done {
                toast(toasts, "Copied as markdown");
            } else {
                toast_error(toasts, &AppError::invalid("The browser did not let the page copy."));
            }
        });
    };
    let share_link = move |_| {
        let address = format!("{}{}", page::origin(), artifact_address(id));
        if shown.detail.with_untracked(|detail| share(&detail.summary.name, &address)) {
            return;
        }
        page::copy(address, move |done| {
            if done {
                toast(toasts, "Link copied. It opens for whoever may read the volume.");
            } else {
                toast_error(toasts, &AppError::invalid("The browser did not let the page copy. Copy the address of this page."));
            }
        });
    };
    view! {
        <details class="drop end">
            <summary class="btn ghost icon-only" aria-label="Copy, publish, fork, move, delete" title="Copy, publish, fork, move, delete"><Icon name="more"/></summary>
            <div class="pop menu">
                <a href=download download=""><Icon name="download"/>"Download as a folder (zip)"</a>
                <button type="button" on:click=copy><Icon name="copy"/>"Copy as markdown"</button>
                <button type="button" on:click=share_link><Icon name="link"/>"Share"</button>
                <a href=shown.tab("source")><Icon name="file"/>"Source"</a>
                <hr/>
                {move || shown.may_publish().then(|| view! { <a href=publish_address(id)><Icon name="market"/>"Publish"</a> })}
                <button type="button" on:click=move |_| page::open_dialog("fork")><Icon name="branch"/>"Fork to a volume"</button>
                {move || {
                    let delete = delete.clone();
                    shown
                        .may_edit()
                        .then(|| {
                            view! {
                                <button type="button" on:click=move |_| page::open_dialog("move")><Icon name="folder"/>"Move to a volume"</button>
                                <hr/>
                                <button type="button" class="danger" on:click=move |_| delete()><Icon name="trash"/>"Delete"</button>
                            }
                        })
                }}
            </div>
        </details>
        <VolumeDialog id="fork" title="Fork to a volume" verb="Fork" hint="A copy with its files; its history begins there." act=fork/>
        <VolumeDialog
            id="move"
            title="Move to a volume"
            verb="Move"
            hint="History, draft and files go along."
            not=Signal::derive(move || Some(shown.detail.with(|detail| detail.summary.volume_id)))
            act=relocate
        />
    }
}

#[component]
fn Tabs(shown: Shown, tab: Memo<String>) -> impl IntoView {
    let current = move |names: &'static [&'static str]| move || tab.with(|tab| names.contains(&tab.as_str())).then_some("true");
    let files = move || shown.detail.with(|detail| detail.files.len());
    view! {
        <div class="toolbar">
            <nav class="tabs" aria-label="Parts">
                <a href=artifact_address(shown.id) aria-current=current(&["", "read"])>"Read"</a>
                {move || {
                    if shown.may_edit() {
                        view! { <a href=shown.tab("edit") aria-current=current(&["edit", "source"])>"Edit"</a> }.into_any()
                    } else {
                        view! { <a href=shown.tab("source") aria-current=current(&["edit", "source"])>"Source"</a> }.into_any()
                    }
                }}
                <a href=shown.tab("history") aria-current=current(&["history"])>"History"</a>
                <a href=shown.tab("diff") aria-current=current(&["diff"])>"Diff"</a>
                <a href=shown.tab("comments") aria-current=current(&["comments"])>"Comments"</a>
                <a href=shown.tab("files") aria-current=current(&["files"])>"Files" {move || (files() > 0).then(|| view! { <span class="count">{files()}</span> })}</a>
            </nav>
            <span class="push wide-only">
                {move || {
                    shown
                        .detail
                        .with(|detail| detail.draft.as_ref().map(|draft| draft.added + draft.removed))
                        .filter(|lines| *lines > 0)
                        .map(|lines| view! { <span class="chip warn">{format!("Draft is {} ahead", plural(lines, "line", "lines"))}</span> })
                }}
            </span>
        </div>
    }
}

#[component]
fn TrashBanner(shown: Shown) -> impl IntoView {
    let toasts = use_toasts();
    let list = use_list();
    let navigate = use_navigate();
    let restore = move |_| {
        let answer = undelete_artifact(shown.id);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    shown.reload.try_run(());
                    list.refresh.try_run(());
                    toast(toasts, "Back in the library");
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    let forget = Callback::new(move |()| {
        let answer = delete_for_ever(shown.id);
        let navigate = navigate.clone();
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    toast(toasts, "Deleted for ever");
                    navigate("/artifacts?view=trash", NavigateOptions::default());
                    list.refresh.try_run(());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    });
    let role = move || shown.role();
    move || {
        shown.detail.with(|detail| detail.summary.deleted_at.is_some()).then(|| {
            view! {
                <div class="banner warn" role="status">
                    <Icon name="trash"/>
                    <span><b>"In the trash."</b>" It is kept for 30 days after it was deleted."</span>
                    <span class="push row">
                        {role().allows(Action::Commit).then(|| view! { <button type="button" class="btn s" on:click=restore>"Take back"</button> })}
                        {role()
                            .allows(Action::ManageVolumes)
                            .then(|| view! { <button type="button" class="btn s danger" on:click=move |_| page::open_dialog("forget")>"Delete for ever"</button> })}
                    </span>
                </div>
                <NeedsNetwork what="Taking it out of the trash"/>
                <ConfirmDialog
                    id="forget"
                    title="Delete it for ever?"
                    text="The artifact, its history and its files are gone then. This cannot be undone."
                    confirm="Delete for ever"
                    act=forget
                />
            }
        })
    }
}

/// Moderators of the marketplace put what it was installed from into quarantine.
#[component]
fn DisabledBanner(shown: Shown) -> impl IntoView {
    move || {
        let why = shown.detail.with(|detail| detail.summary.disabled.clone());
        (!why.is_empty()).then(|| {
            let lock = format!("/marketplace/installed?volume={}", shown.detail.with(|detail| detail.summary.volume_id));
            view! {
                <div class="banner bad" role="status">
                    <Icon name="shield"/>
                    <span><b>"Disabled: what it was installed from is in quarantine."</b>" "{why}</span>
                    <span class="push row"><a class="btn s" href=lock>"Decide"</a></span>
                </div>
            }
        })
    }
}

/// Somebody committed since the draft began.
#[component]
fn BehindBanner(shown: Shown, tab: Memo<String>) -> impl IntoView {
    move || {
        let behind = shown.detail.with(|detail| detail.draft.as_ref().is_some_and(|draft| draft.behind))
            && shown.may_edit()
            && tab.with(|tab| tab != "merge");
        behind.then(|| {
            let who = shown
                .detail
                .with(|detail| detail.head.as_ref().map(|head| head.author.name.clone()))
                .unwrap_or_else(|| "Somebody".to_owned());
            view! {
                <div class="banner warn" role="status">
                    <Icon name="merge"/>
                    <span><b>{format!("{who} committed in between.")}</b>" Merge the draft before it is committed; nothing is lost."</span>
                    <span class="push row"><a class="btn s" href=shown.tab("merge")>"Merge"</a></span>
                </div>
            }
        })
    }
}
