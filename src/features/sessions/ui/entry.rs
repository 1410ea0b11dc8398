//! One entry of the timeline: a message with what hangs on it, or an event in one line.

use std::{collections::BTreeMap, sync::Arc};

use leptos::prelude::*;

use super::{composer::FIELD, rows::Row, timeline::Timeline};
use crate::{
    browser::page,
    features::{
        accounts::model::{Person, UserKind},
        artifacts::ui::artifact_address,
        assistant::ui::{Uses, Watch},
        outbox::state::say_waiting,
        sessions::{
            model::{Attachment, Entry, EntryKind, SessionArtifact, length_problem},
            state::{delete_message, edit_message},
        },
    },
    ids::{ArtifactId, EntryId},
    ui::{Avatar, Icon, KindMark, Problem, bytes, plural, short_sha, toast_error, use_toasts},
};

/// What an entry needs of its page, beside itself.
#[derive(Clone, Copy)]
pub struct EntryContext {
    pub timeline: Timeline,
    /// Whose messages one may change.
    pub me: StoredValue<String>,
    pub may_write: Signal<bool>,
    /// The session's artifacts as they stand now.
    pub artifacts: Memo<BTreeMap<ArtifactId, SessionArtifact>>,
    /// Opens an artifact beside the timeline.
    pub open: Callback<SessionArtifact>,
    /// Asks where to save an attached text as an artifact.
    pub save: Callback<Attachment>,
    /// Asks before a message is deleted.
    pub delete: RwSignal<Option<Arc<Entry>>>,
    /// The message that is being edited, and its new text. Here and not in its row, which is made anew when others say something about it.
    pub editing: RwSignal<Option<EntryId>>,
    pub edited: RwSignal<String>,
    /// Opens the comments on an entry.
    pub comment: Callback<EntryId>,
    pub assistant: Watch,
}

impl EntryContext {
    /// Opens a message of one's own for another text.
    pub fn edit(self, entry: &Entry) {
        if let EntryKind::Message { text, .. } = &entry.what {
            self.edited.set(text.clone());
            self.editing.set(Some(entry.id));
        }
    }

    fn end_editing(self) {
        self.editing.try_set(None);
        page::focus(FIELD);
    }
}

#[component]
pub fn EntryRow(row: Row, context: EntryContext) -> impl IntoView {
    let Row { entry, also, compact, day, marks_new } = row;
    let id = format!("entry-{}", entry.number);
    view! {
        <div class="item" id=id>
            {day.map(|day| view! { <div class="day"><span>{day}</span></div> })}
            {marks_new.map(|words| view! { <div class="new-mark">{words}</div> })}
            {match &entry.what {
                EntryKind::Message { .. } => view! { <Message entry=entry.clone() compact=compact context=context/> }.into_any(),
                EntryKind::Artifact { artifact } => {
                    let artifact = artifact.clone();
                    view! {
                        <Event entry=entry.clone() context=context icon="artifacts">
                            <span><b>{entry.author.name.clone()}</b>" added "<ArtifactLink artifact=artifact context=context/></span>
                        </Event>
                    }
                        .into_any()
                }
                EntryKind::Commit { commit_id, sha, message, .. } => {
                    let address = format!("/commits/{commit_id}");
                    let (sha, message) = (short_sha(sha), message.clone());
                    view! {
                        <Event entry=entry.clone() context=context icon="commit">
                            <span><b>{entry.author.name.clone()}</b>" committed "<a href=address><b>{message}</b></a></span>
                            <code class="t3">{sha}</code>
                        </Event>
                    }
                        .into_any()
                }
                EntryKind::Joined => {
                    let names = joined(std::iter::once(&entry).chain(&also).map(|entry| entry.author.name.as_str()).collect());
                    view! { <Event entry=entry.clone() context=context icon="user"><span>{names}</span></Event> }.into_any()
                }
            }}
        </div>
    }
}

/// "Tomas Rey and Ines Lindqvist joined", "Tomas Rey, Ines Lindqvist and 48 others joined".
fn joined(names: Vec<&str>) -> AnyView {
    let bold = |name: &str| view! { <b>{name.to_owned()}</b> };
    match names.as_slice() {
        [] => ().into_any(),
        [one] => view! { {bold(one)}" joined" }.into_any(),
        [one, two] => view! { {bold(one)}" and "{bold(two)}" joined" }.into_any(),
        [one, two, rest @ ..] => {
            let others = format!(" and {} joined", plural(rest.len() as i64, "other", "others"));
            let all = rest.join(", ");
            view! { {bold(one)}", "{bold(two)}<span title=all>{others}</span> }.into_any()
        }
    }
}

#[component]
fn Event(entry: Arc<Entry>, context: EntryContext, icon: &'static str, children: Children) -> impl IntoView {
    view! {
        <div class="event">
            <Icon name=icon/>
            <div class="line">{children()} <Clock at=entry.created_at timeline=context.timeline/> <CommentCount entry=entry.clone() context=context/></div>
            <div class="acts" role="group" aria-label="This entry"><CommentAct entry=entry context=context label="Comment on this"/></div>
        </div>
    }
}

/// The time of day where the reader is.
#[component]
fn Clock(at: i64, timeline: Timeline) -> impl IntoView {
    view! { <time datetime=timeline.machine_time(at) title=timeline.machine_time(at)>{move || timeline.clock(at)}</time> }
}

#[component]
fn ArtifactLink(artifact: SessionArtifact, context: EntryContext) -> impl IntoView {
    let name = artifact.name.clone();
    if artifact.gone {
        return view! { <b class="t3">{name}</b> }.into_any();
    }
    let address = artifact_address(artifact.id);
    view! {
        <a
            href=address
            on:click=move |event| {
                if !page::wants_new_window(&event) {
                    event.prevent_default();
                    context.open.run(artifact.clone());
                }
            }
        >
            <b>{name}</b>
        </a>
    }
    .into_any()
}

#[component]
fn Message(entry: Arc<Entry>, compact: bool, context: EntryContext) -> impl IntoView {
    let EntryKind::Message { text, html, attachments, artifacts, answered, edited_at, deleted_at } = &entry.what else {
        return ().into_any();
    };
    let agent = entry.imported.is_none() && entry.author.kind == UserKind::Agent;
    let deleted = deleted_at.is_some();
    let mine = !deleted && context.me.with_value(|me| *me == entry.author.id.to_string());
    let editing = Memo::new({
        let id = entry.id;
        move |_| context.editing.get() == Some(id)
    });
    let has_text = !text.is_empty();
    let (html, edited) = (html.clone(), edited_at.is_some());
    let cards = (!deleted)
        .then(|| artifacts.iter().cloned().map(|artifact| view! { <ArtifactCard artifact=artifact context=context/> }).collect_view());
    let files =
        (!deleted).then(|| attachments.iter().cloned().map(|file| view! { <AttachmentView file=file context=context/> }).collect_view());
    // What the text names opens beside the timeline, as its card does.
    let named = artifacts.clone();
    let open_named = Callback::new(move |event: leptos::ev::MouseEvent| {
        let Some(link) = page::pressed_link(&event).filter(|_| !page::wants_new_window(&event)) else { return };
        if let Some(artifact) = named.iter().find(|artifact| !artifact.gone && link == artifact_address(artifact.id)) {
            event.prevent_default();
            context.open.run(artifact.clone());
        }
    });
    let uses = answered.clone().map(|answered| view! { <Uses answered=answered watch=context.assistant may_write=context.may_write/> });
    let (number, created_at) = (entry.number, entry.created_at);
    let author = shown_author(&entry);
    let brought = entry.imported.as_ref().map(|_| format!("Brought by {}", entry.author.name));
    let told_time = entry.imported.as_ref().and_then(|imported| imported.time.clone());
    let (for_delete, for_edit) = (entry.clone(), entry.clone());
    let id = entry.id;
    view! {
        <article class="entry" class:follows=compact aria-label=format!("{}, message {number}", author.name)>
            <Avatar person=author.clone() size="l"/>
            <header>
                <b>{author.name.clone()}</b>
                {agent.then(|| view! { <span class="chip line">"Agent"</span> })}
                {match told_time {
                    Some(time) => view! { <time>{time}</time> }.into_any(),
                    None => view! { <Clock at=created_at timeline=context.timeline/> }.into_any(),
                }}
                {brought
                    .map(|who| {
                        let title = who.clone();
                        view! { <span class="chip line" title=title>"Imported"<span class="sr">{who}</span></span> }
                    })}
                {edited.then(|| view! { <span class="t3 f11">"edited"</span> })}
            </header>
            <div class="body">
                {move || {
                    if deleted {
                        view! { <p class="t3">"This message was deleted."</p> }.into_any()
                    } else if editing.get() {
                        view! { <EditMessage context=context id=id number=number/> }.into_any()
                    } else if !has_text {
                        ().into_any()
                    } else {
                        view! { <div class="prose msg" inner_html=html.clone() on:click=move |event| open_named.run(event)></div> }.into_any()
                    }
                }}
                {files}
                {cards}
                {uses}
                <CommentCount entry=entry.clone() context=context/>
            </div>
            {(!deleted)
                .then(|| {
                    view! {
                        <div class="acts" role="group" aria-label="This message">
                            <CommentAct entry=entry context=context label="Comment on the message"/>
                            {mine.then(|| view! {
                            <button type="button" class="btn ghost icon-only s" aria-label="Edit message" title="Edit" on:click=move |_| context.edit(&for_edit)><Icon name="edit"/></button>
                            <button
                                type="button"
                                class="btn ghost icon-only s"
                                aria-label="Delete message"
                                title="Delete"
                                on:click=move |_| {
                                    context.delete.set(Some(for_delete.clone()));
                                    page::open_dialog(DELETE_MESSAGE);
                                }
                            >
                                <Icon name="trash"/>
                            </button>
                            })}
                        </div>
                    }
                })}
        </article>
    }
    .into_any()
}

/// Who it says that it is from: of an imported entry that is what its file says.
fn shown_author(entry: &Entry) -> Person {
    let author = entry.author.clone();
    match &entry.imported {
        Some(imported) => Person { name: imported.author.clone(), kind: UserKind::Human, avatar: None, ..author },
        None => author,
    }
}

/// Says something about an entry.
#[component]
fn CommentAct(entry: Arc<Entry>, context: EntryContext, label: &'static str) -> impl IntoView {
    let id = entry.id;
    view! {
        <button type="button" class="btn ghost icon-only s" aria-label=label title="Comment" on:click=move |_| context.comment.run(id)><Icon name="comment"/></button>
    }
}

/// How many comments there are on an entry, and the way to them.
#[component]
fn CommentCount(entry: Arc<Entry>, context: EntryContext) -> impl IntoView {
    let id = entry.id;
    (entry.comments > 0).then(|| {
        view! {
            <button type="button" class="chip line commented" on:click=move |_| context.comment.run(id)>
                <Icon name="comment"/>
                {plural(entry.comments, "comment", "comments")}
            </button>
        }
    })
}

pub const DELETE_MESSAGE: &str = "delete-message";

/// Deletes the message that [`EntryContext::delete`] names.
pub fn delete_asked(context: EntryContext) {
    let toasts = use_toasts();
    let Some(entry) = context.delete.get_untracked() else { return };
    let answer = delete_message(context.timeline.session, entry.id);
    leptos::task::spawn_local(async move {
        match answer.await {
            Ok(sent) => {
                say_waiting(toasts, sent);
                context.timeline.refresh(entry.number);
            }
            Err(error) => toast_error(toasts, &error),
        }
    });
}

#[component]
fn EditMessage(context: EntryContext, id: EntryId, number: i64) -> impl IntoView {
    let toasts = use_toasts();
    let field = format!("edit-{number}");
    let typed = context.edited;
    let busy = RwSignal::new(false);
    let focus = field.clone();
    Effect::new(move |_| page::focus(&focus));
    let problem = Memo::new(move |_| typed.with(|text| length_problem(text.trim())));
    let save = move || {
        let text = typed.with_untracked(|text| text.trim().to_owned());
        if text.is_empty() || problem.with_untracked(Option::is_some) || busy.get_untracked() {
            return;
        }
        busy.set(true);
        let answer = edit_message(context.timeline.session, id, text);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(sent) => {
                    say_waiting(toasts, sent);
                    context.end_editing();
                    context.timeline.refresh(number);
                }
                Err(error) => toast_error(toasts, &error),
            }
            busy.try_set(false);
        });
    };
    view! {
        <form
            class="edit-message"
            on:submit=move |event| {
                event.prevent_default();
                save();
            }
        >
            <label class="sr" for=field.clone()>"Message"</label>
            <textarea
                class="input"
                id=field
                rows="3"
                aria-invalid=move || problem.with(Option::is_some).then_some("true")
                prop:value=move || typed.get()
                on:input=move |event| typed.set(event_target_value(&event))
                on:keydown=move |event| match event.key().as_str() {
                    "Escape" => context.end_editing(),
                    "Enter" if !event.shift_key() && !event.is_composing() => {
                        event.prevent_default();
                        save();
                    }
                    _ => {}
                }
            ></textarea>
            <Problem text=problem/>
            <div class="row">
                <button type="submit" class="btn s" disabled=move || busy.get() || problem.with(Option::is_some)>"Save"</button>
                <button type="button" class="btn s ghost" on:click=move |_| context.end_editing()>"Cancel"</button>
            </div>
        </form>
    }
}

#[component]
fn ArtifactCard(artifact: SessionArtifact, context: EntryContext) -> impl IntoView {
    if artifact.gone {
        return view! { <div class="acard gone"><KindMark kind=artifact.kind/><div class="tx"><div class="t">{artifact.name}</div><div class="m">"No longer here, or not shared with you"</div></div></div> }
            .into_any();
    }
    let shown = artifact.clone();
    let current = context.timeline.open;
    let id = artifact.id;
    let had_draft = artifact.has_draft;
    let has_draft =
        Memo::new(move |_| context.artifacts.with(|artifacts| artifacts.get(&id).map_or(had_draft, |artifact| artifact.has_draft)));
    view! {
        <a
            class="acard"
            href=artifact_address(id)
            aria-current=move || (current.get() == Some(id)).then_some("true")
            on:click=move |event| {
                if !page::wants_new_window(&event) {
                    event.prevent_default();
                    context.open.run(shown.clone());
                }
            }
        >
            <KindMark kind=artifact.kind/>
            <div class="tx">
                <div class="t">{artifact.name}</div>
                <div class="m">{artifact.volume_name}</div>
            </div>
            {move || has_draft.get().then(|| view! { <span class="chip warn">"Draft"</span> })}
        </a>
    }
    .into_any()
}

#[component]
fn AttachmentView(file: Attachment, context: EntryContext) -> impl IntoView {
    if let (true, Some(width), Some(height)) = (file.media_type.starts_with("image/"), file.width, file.height) {
        return view! {
            <a class="picture" href=file.url.clone() target="_blank" rel="noopener">
                <img src=file.url.clone() alt=file.name.clone() loading="lazy" width=width height=height/>
            </a>
        }
        .into_any();
    }
    let text = file.name.ends_with(".md");
    let asked = file.clone();
    view! {
        <div class="file">
            <Icon name="file"/>
            <a href=file.url download=file.name.clone() class="trunc">{file.name.clone()}</a>
            <span class="t3 nowrap">{bytes(file.size)}</span>
            {move || {
                let asked = asked.clone();
                (text && context.may_write.get())
                    .then(|| view! { <button type="button" class="btn s ghost push" on:click=move |_| context.save.run(asked.clone())>"Save as artifact"</button> })
            }}
        </div>
    }
    .into_any()
}
