//! One session: its timeline and, beside it, the artifacts that are worked on.

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_params_map, use_query_map},
};

use super::{
    composer::{Composer, Outbox, Typing, WaitingMessages},
    entry::{DELETE_MESSAGE, EntryContext, delete_asked},
    menu::{SessionMenu, copy_link},
    pane::ArtifactsPane,
    pointers::{Pointers, pointers_wanted},
    timeline::{Timeline, TimelineView},
};
use crate::{
    browser::{self, data::Sent, page, storage},
    error::{AppError, ErrorCode},
    features::{
        accounts::state::use_session,
        artifacts::ui::VolumeDialog,
        assistant::ui::{Answering, Choices, Watch},
        collaboration::{
            model::RoomType,
            state::{Collaboration, Room, show_here, use_collaboration},
            ui::{LinkBanner, PresenceMenu},
        },
        comments::{model::Subject, ui::CommentsPane},
        outbox::{
            state::{UNSENT, say_waiting, use_outbox},
            ui::SyncState,
        },
        pwa::ui::NeedsNetwork,
        sessions::{
            model::{Attachment, EntryPage, SessionArtifact, SessionDetail, SessionStatus},
            state::{
                archive_session, join_session, read_session, save_as_artifact, session_address, session_begun_here, session_object,
                undelete_session, use_newest_entries, use_session_detail,
            },
        },
        volumes::state::use_volumes,
    },
    ids::{ArtifactId, EntryId, ThreadId},
    ui::{ConfirmDialog, Dialog, EmptyState, Icon, Loading, PageError, PageTitle, page_keys, toast, toast_error, use_toasts},
};

const SAVE_AS: &str = "save-as-artifact";
const COMMENTS: &str = "entry-comments";
/// What the address says of the part that is not the timeline.
const ASIDE: &str = "artifacts";

#[component]
pub fn SessionPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let detail = use_session_detail(id);
    let entries = use_newest_entries(id);
    let (outbox, account) = (use_outbox(), use_session());
    // Begun here, and not on the server yet. It stays when it has arrived, until the page has read it.
    let before = StoredValue::new(None::<SessionDetail>);
    let begun = move || {
        let id = id.get();
        let found = account.account().and_then(|me| session_begun_here(&outbox.about(&format!("session:{id}")), &me));
        let found = found.or_else(|| before.get_value().filter(|before| before.summary.id.to_string() == id));
        before.set_value(found.clone());
        found
    };
    let shown = move || {
        let (detail, entries) = (detail.get()?, entries.get()?);
        let there = detail.and_then(|detail| Ok((detail, entries?, false)));
        let none = EntryPage { items: Vec::new(), total: 0 };
        Some(there.or_else(|error| begun().map(|begun| (begun, none, true)).ok_or(error)))
    };
    let arrived = Callback::new(move |()| {
        detail.refetch();
        entries.refetch();
    });
    view! {
        <Transition fallback=|| view! { <main class="main panes" id="main" tabindex="-1"><section class="pane"><div class="scroll"><Loading/></div></section></main> }>
            // By its id: what is being written stays where it is while the list of what waits changes.
            <For
                each=shown
                key=|shown| shown.as_ref().map(|(detail, _, begun)| (detail.summary.id.to_string(), *begun)).unwrap_or_default()
                children=move |shown| match shown {
                    Ok((detail, entries, begun)) => view! { <Session detail=detail entries=entries begun=begun arrived=arrived/> }.into_any(),
                    Err(error) => view! { <PageError error=error/> }.into_any(),
                }
            />
        </Transition>
    }
}

fn drafts_of(detail: &SessionDetail) -> usize {
    detail.artifacts.iter().filter(|artifact| artifact.has_draft).count()
}

#[component]
fn Session(
    detail: SessionDetail,
    entries: EntryPage,
    /// Only this device knows of it yet.
    begun: bool,
    /// The server may know of it by now.
    arrived: Callback<()>,
) -> impl IntoView {
    let id = detail.summary.id;
    let read = detail.read;
    let first_time = read == 0 && detail.summary.team_id.is_some() && !begun;
    let detail = RwSignal::new(detail);
    // It was deleted meanwhile, or is not shared with one any more.
    let gone = RwSignal::new(None::<AppError>);
    let account = use_session();
    let toasts = use_toasts();
    let navigate = use_navigate();
    let me = StoredValue::new(account.account_untracked().map(|me| me.person.id.to_string()).unwrap_or_default());
    let timeline = Timeline::new(id, entries, read, me);
    let outbox = Outbox::new(timeline);
    let volumes = use_volumes();
    let reload = Callback::new(move |()| {
        let answer = read_session(id);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(read) => {
                    gone.try_set(None);
                    let Some((same, as_many)) =
                        detail.try_with_untracked(|detail| (*detail == read, drafts_of(detail) == drafts_of(&read)))
                    else {
                        return;
                    };
                    if !same {
                        detail.set(read);
                    }
                    // The status line counts them too.
                    if !as_many {
                        volumes.refresh();
                    }
                }
                Err(error) if matches!(error.code, ErrorCode::NotFound | ErrorCode::Forbidden) => {
                    gone.try_set(Some(error));
                }
                // What is shown stays; the next event asks again.
                Err(_) => {}
            }
        });
    });
    let live = use_collaboration(Signal::stored(Some(Room { id: id.same_as(), kind: RoomType::Session })));
    live.on_message(move |sent| timeline.grown(sent.number));
    live.on_session_update(move |_| reload.run(()));
    live.on_commit(move |_| reload.run(()));
    live.on_resync(move || {
        timeline.resync();
        reload.run(());
    });
    live.on_entered(move || {
        timeline.catch_up();
        reload.run(());
        leptos::task::spawn_local(browser::outbox::run());
    });
    if begun {
        use_outbox().on_heard(session_object(id), move |heard| {
            if heard.what == "done" {
                arrived.run(());
            }
        });
    }
    if first_time {
        Effect::new(move |_| {
            let answer = join_session(id);
            leptos::task::spawn_local(async move {
                let _ = answer.await;
            });
        });
    }
    // The artifact beside the timeline is in the address: a link shows both, and going back closes it.
    let query = use_query_map();
    let open = Memo::new(move |_| query.with(|query| query.get("artifact").and_then(|id| id.parse::<ArtifactId>().ok())));
    // Where there is room for one part only: whether the artifacts are it. A session without any has that part too.
    let aside = Memo::new(move |_| open.get().is_some() || query.with(|query| query.get("part").as_deref() == Some(ASIDE)));
    Effect::new(move |_| timeline.open.set(open.get()));
    Effect::new(move |_| {
        if let Some(number) = query.with(|query| query.get("entry").and_then(|number| number.parse().ok())) {
            timeline.go_to(number);
        }
    });
    let side = RwSignal::new(storage::preference("side").as_deref() != Some("closed"));
    let open_artifact = {
        let navigate = navigate.clone();
        Callback::new(move |artifact: SessionArtifact| {
            side.set(true);
            navigate(
                &format!("{}?artifact={}", session_address(id), artifact.id),
                NavigateOptions { scroll: false, ..NavigateOptions::default() },
            );
        })
    };
    let away = Memo::new(move |_| gone.with(Option::is_some) || detail.with(|detail| detail.summary.deleted_at.is_some()));
    let archived = Memo::new(move |_| detail.with(|detail| detail.summary.status == SessionStatus::Archived));
    // A memo: what is made of it keeps what one has written in it.
    let may_write: Signal<bool> = Memo::new(move |_| detail.with(|detail| detail.can_write) && !archived.get() && !away.get()).into();
    show_here(live.users);
    let pointing = RwSignal::new(pointers_wanted());
    let pointers = Pointers::new(live, timeline, pointing);
    let turn_side = Callback::new(move |()| {
        side.update(|side| *side = !*side);
        storage::set_preference("side", if side.get_untracked() { "open" } else { "closed" });
    });
    // What one opens is to be seen; what was open when one turned it away stays away.
    Effect::new(move |was: Option<Option<ArtifactId>>| {
        let now = open.get();
        if now.is_some() && was.is_some_and(|was| was != now) {
            side.set(true);
        }
        now
    });
    page_keys(move |key| {
        let turns = key.key == "]";
        if turns {
            turn_side.run(());
        }
        turns
    });
    let assistant = Watch::new(id, live, may_write);
    // What it says is followed as long as one looks at the end.
    Effect::new(move |_| {
        let is_said = assistant.known.with(|known| known.as_ref().is_some_and(|known| !known.runs.is_empty()));
        if is_said && timeline.at_end.get_untracked() {
            page::before_paint(move || timeline.to_newest());
        }
    });
    let artifacts = Memo::new(move |_| {
        detail.with(|detail| detail.artifacts.iter().map(|artifact| (artifact.id, artifact.clone())).collect::<BTreeMap<_, _>>())
    });
    let saving = RwSignal::new(None::<Attachment>);
    let commented = RwSignal::new(None::<(EntryId, Option<ThreadId>)>);
    let context = EntryContext {
        timeline,
        me,
        may_write,
        artifacts,
        open: open_artifact,
        save: Callback::new(move |file: Attachment| {
            saving.set(Some(file));
            page::open_dialog(SAVE_AS);
        }),
        delete: RwSignal::new(None),
        editing: RwSignal::new(None),
        edited: RwSignal::new(String::new()),
        comment: Callback::new(move |entry| {
            commented.set(Some((entry, None)));
            page::open_dialog(COMMENTS);
        }),
        assistant,
    };
    // A notification leads to an entry and to what is said about it.
    Effect::new(move |_| {
        let asked = query.with(|query| Some((query.get("comments")?.parse().ok()?, query.get("thread").and_then(|id| id.parse().ok()))));
        if let Some(asked) = asked {
            commented.set(Some(asked));
            page::open_dialog(COMMENTS);
        }
    });
    let save_as = Callback::new(move |volume| {
        let Some(file) = saving.get_untracked() else { return };
        leptos::task::spawn_local(async move {
            match save_as_artifact(id, file.id, volume).await {
                Ok(made) => {
                    toast(toasts, format!("Saved as \u{201c}{}\u{201d}", made.summary.name));
                    reload.try_run(());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    });
    let text = RwSignal::new(String::new());
    let blank = move || timeline.total.get() == 0 && outbox.waiting.with(Vec::is_empty);
    view! {
        <PageTitle text=Signal::derive(move || detail.with(|detail| detail.summary.title.clone()))/>
        <main class="main panes p-session" id="main" tabindex="-1" data-open=move || aside.get().then_some("") data-side=move || (!side.get()).then_some("closed")>
            <section class="pane" aria-label="Session" data-part="main">
                <Bar detail=detail reload=reload live=live side=side turn_side=turn_side pointing=pointing/>
                <SessionTabs detail=detail aside=aside/>
                {move || {
                    let goal = detail.with(|detail| detail.summary.goal.clone());
                    (!goal.is_empty()).then(|| {
                        // A long one scrolls; with the keyboard it does so while it has the focus.
                        let scrolls = (goal.len() > 240).then_some("0");
                        view! { <p class="goal"><b>"Goal"</b><span tabindex=scrolls>{goal}</span></p> }
                    })
                }}
                {begun
                    .then(|| {
                        view! {
                            <p class="goal" role="status">
                                <b>"Not sent yet"</b>
                                <span>"This session is kept on this device until the server can be reached. " <a href=UNSENT>"See what waits"</a></span>
                            </p>
                        }
                    })}
                <LinkBanner link=live.link/>
                <Standing detail=detail gone=gone reload=reload/>
                <TimelineView timeline=timeline context=context pointers=pointers>
                    <WaitingMessages outbox=outbox text=text/>
                    <Answering watch=assistant may_write=may_write/>
                    {move || {
                        blank()
                            .then(|| view! { <EmptyState icon="session" title="Say what is to be done" text="Write to your team, name a skill with @ to work on it together, and commit what came of it."/> })
                    }}
                </TimelineView>
                {move || assistant.answers().then(|| view! { <NeedsNetwork what="The assistant"/> })}
                {move || {
                    if may_write.get() {
                        view! { <Choices watch=assistant may_write=may_write/><Composer outbox=outbox live=live account=me.get_value() text=text context=context/> }.into_any()
                    } else if archived.get() || away.get() {
                        ().into_any()
                    } else {
                        view! {
                            <Typing live=live/>
                            <p class="hint may-not"><Icon name="lock" class="s"/>"You are a viewer here: you read, and point."</p>
                        }
                            .into_any()
                    }
                }}
            </section>
            <ArtifactsPane session=id detail=detail open=open aside=aside reload=reload may_write=may_write/>
            <ConfirmDialog
                id=DELETE_MESSAGE
                title="Delete this message?"
                text="Its text and attachments go; that there was a message stays."
                confirm="Delete message"
                act=Callback::new(move |()| delete_asked(context))
            />
            <Dialog id=COMMENTS title=Signal::stored("Comments".to_owned())>
                <div class="body">
                    <For
                        each=move || commented.get()
                        key=|asked| *asked
                        children=move |(entry, thread)| {
                            view! { <CommentsPane subject=Subject::Entry(id, entry) pending=RwSignal::new(None) on_show=Callback::new(|_| ()) focus=thread/> }
                        }
                    />
                </div>
            </Dialog>
            <VolumeDialog id=SAVE_AS title="Save as an artifact" verb="Save" hint="It becomes a draft in this volume, to be committed when it is good." act=save_as/>
        </main>
    }
}

/// What one has to know before one writes: the session is put away, in the trash, or not there any more.
#[component]
fn Standing(detail: RwSignal<SessionDetail>, gone: RwSignal<Option<AppError>>, reload: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let take_back = move |deleted: bool| {
        let id = detail.with_untracked(|detail| detail.summary.id);
        leptos::task::spawn_local(async move {
            let answer = if deleted { undelete_session(id).await.map(|()| Sent::Done) } else { archive_session(id, false).await };
            match answer {
                Ok(sent) => {
                    say_waiting(toasts, sent);
                    reload.try_run(());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    let button = move |words: &'static str, deleted: bool| {
        detail.with(|detail| detail.can_manage).then(|| {
            view! { <button type="button" class="btn s push" on:click=move |_| take_back(deleted)><Icon name="undo"/>{words}</button> }
        })
    };
    move || {
        let (deleted, status) = detail.with(|detail| (detail.summary.deleted_at.is_some(), detail.summary.status));
        if gone.with(Option::is_some) {
            return view! {
                <div class="banner warn" role="alert">
                    <Icon name="alert"/>
                    <span>"This session was deleted, or is not shared with you any more. What you see is from before."</span>
                    <a class="btn s push" href="/sessions">"All sessions"</a>
                </div>
            }
            .into_any();
        }
        if deleted {
            return view! {
                <div class="banner warn" role="status"><Icon name="trash"/><span>"This session is in the trash."</span>{button("Take back", true)}</div>
            }
            .into_any();
        }
        if status == SessionStatus::Archived {
            return view! {
                <div class="banner" role="status"><Icon name="folder"/><span>"This session is archived: it can be read, nothing is written."</span>{button("Bring back", false)}</div>
            }
            .into_any();
        }
        ().into_any()
    }
}

#[component]
fn Bar(
    detail: RwSignal<SessionDetail>,
    reload: Callback<()>,
    live: Collaboration,
    side: RwSignal<bool>,
    turn_side: Callback<()>,
    pointing: RwSignal<bool>,
) -> impl IntoView {
    let whose = move || detail.with(|detail| detail.summary.team_name.clone().unwrap_or_else(|| "Private".to_owned()));
    let committed = move || detail.with(|detail| detail.summary.status == SessionStatus::Committed);
    let people = Signal::derive(move || detail.with(|detail| detail.people.clone()));
    view! {
        <header class="bar">
            <a class="btn ghost icon-only" href="/sessions" aria-label="All sessions" title="All sessions"><Icon name="chev-l"/></a>
            <h1>{move || detail.with(|detail| detail.summary.title.clone())}</h1>
            <span class="chip line wide-only"><span class="trunc">{whose}</span></span>
            {move || committed().then(|| view! { <span class="chip ok wide-only">"Committed"</span> })}
            <span class="push row gap-8">
                <SyncState object=session_object(detail.with_untracked(|detail| detail.summary.id))/>
                <PresenceMenu users=live.users elsewhere=people/>
                <button type="button" class="btn wide-only" on:click=move |_| copy_link(detail)><Icon name="link"/>"Share"</button>
                <SessionMenu detail=detail reload=reload pointing=pointing/>
                <button
                    type="button"
                    class="btn ghost icon-only side-toggle"
                    aria-label="Artifacts beside the timeline"
                    aria-pressed=move || side.get().to_string()
                    title="Show or hide the artifacts ( ] )"
                    on:click=move |_| turn_side.run(())
                >
                    <Icon name="panel-r"/>
                </button>
            </span>
        </header>
    }
}

/// Timeline or artifacts, where there is room for one of them only.
#[component]
pub fn SessionTabs(detail: RwSignal<SessionDetail>, aside: Memo<bool>) -> impl IntoView {
    let id = detail.with_untracked(|detail| detail.summary.id);
    let there = move || {
        detail.with(|detail| detail.artifacts.iter().filter(|artifact| !artifact.gone).map(|artifact| artifact.id).collect::<Vec<_>>())
    };
    let newest = move || match there().last() {
        Some(artifact) => format!("{}?artifact={artifact}", session_address(id)),
        None => format!("{}?part={ASIDE}", session_address(id)),
    };
    view! {
        <div class="toolbar session-tabs">
            <nav class="tabs" aria-label="Parts of the session">
                <a href=session_address(id) aria-current=move || (!aside.get()).then_some("true")>"Timeline"</a>
                <a href=newest aria-current=move || aside.get().then_some("true")>"Artifacts" <span class="count">{move || there().len()}</span></a>
            </nav>
        </div>
    }
}
