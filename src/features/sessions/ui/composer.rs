//! Writing into a session: a text that survives a reload, people and artifacts offered after `@`, files beside it, and what of the outbox
//! is of this session.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    completing::{Completing, Completions},
    entry::EntryContext,
    timeline::Timeline,
};
use crate::{
    browser::{json, outbox::ItemState, page, pwa, scroll, storage, upload::Picked},
    error::{AppError, ErrorCode},
    features::{
        collaboration::{state::Collaboration, ui::LinkState},
        outbox::state::{discard, retry, use_outbox},
        sessions::{
            model::{ATTACHMENTS_MAX, Attachment, CreateMessage, length_problem},
            state::{attach, messages_path, send_message, session_object},
        },
    },
    ids::{AttachmentId, EntryId, SessionId},
    ui::{Icon, Problem, toast::ToastsContext, toast_error, use_toasts},
};

/// The id of the field.
pub const FIELD: &str = "message";
/// How often others are told that one types, in milliseconds.
const TYPING_EVERY: i64 = 2_000;

/// A message that the server has not taken yet.
#[derive(Clone, PartialEq)]
pub struct Waiting {
    /// What the outbox calls it.
    key: String,
    text: String,
    /// Why it was refused; empty while it is on its way.
    refused: String,
}

/// Messages on their way, in order: what the device's outbox has of this session.
#[derive(Clone, Copy)]
pub struct Outbox {
    session: SessionId,
    pub waiting: Memo<Vec<Waiting>>,
    timeline: Timeline,
    toasts: ToastsContext,
}

impl Outbox {
    pub fn new(timeline: Timeline) -> Self {
        let (session, common) = (timeline.session, use_outbox());
        let path = messages_path(session);
        let waiting = Memo::new(move |_| {
            let items = common.about(&session_object(session)).into_iter().filter(|item| item.path == path);
            items
                .filter_map(|item| {
                    let message: CreateMessage = json::read(item.body.as_deref()?).ok()?;
                    let refused = if item.state == ItemState::Waiting { String::new() } else { item.error };
                    Some(Waiting { key: item.key, text: message.text, refused })
                })
                .collect()
        });
        common.on_heard(session_object(session), move |heard| {
            if heard.what == "done"
                && let Ok(entry) = json::read(&heard.text)
            {
                timeline.sent(entry);
            }
        });
        Self { session, waiting, timeline, toasts: use_toasts() }
    }

    /// `lost` runs if the device could not keep it.
    fn push(self, message: CreateMessage, lost: impl FnOnce() + 'static) {
        leptos::task::spawn_local(async move {
            match send_message(self.session, message).await {
                Ok(Some(entry)) => self.timeline.sent(entry),
                Ok(None) => {}
                Err(error) => {
                    lost();
                    toast_error(self.toasts, &error);
                }
            }
        });
    }

    /// Forgets one; `then` runs when it is forgotten.
    fn discard(self, key: String, then: impl FnOnce() + 'static) {
        leptos::task::spawn_local(async move {
            match discard(key).await {
                Ok(()) => then(),
                Err(error) => toast_error(self.toasts, &error),
            }
        });
    }

    fn retry(self, key: String) {
        leptos::task::spawn_local(async move {
            if let Err(error) = retry(key).await {
                toast_error(self.toasts, &error);
            }
        });
    }
}

/// What waits, at the end of the timeline.
#[component]
pub fn WaitingMessages(outbox: Outbox, text: RwSignal<String>) -> impl IntoView {
    view! {
        <For
            each=move || outbox.waiting.get()
            key=|one| (one.key.clone(), one.refused.clone())
            children=move |one| {
                let words = StoredValue::new(one.text.clone());
                let key = StoredValue::new(one.key);
                let bad = !one.refused.is_empty();
                let edit = move |_| {
                    outbox.discard(key.get_value(), move || {
                        if let Some(words) = words.try_get_value() {
                            text.try_set(words);
                        }
                    });
                };
                view! {
                    <div class="entry waiting" class:bad=bad>
                        <Icon name=if bad { "alert" } else { "clock" }/>
                        <div class="body">
                            <p class="text">{one.text}</p>
                            {if bad {
                                view! {
                                    <span class="row wrap">
                                        <span class="c-warn f12">{one.refused}</span>
                                        <button type="button" class="btn s" on:click=edit>"Edit again"</button>
                                        <button type="button" class="btn s" on:click=move |_| outbox.retry(key.get_value())>"Retry"</button>
                                        <button type="button" class="btn s ghost" on:click=move |_| outbox.discard(key.get_value(), || ())>
                                            "Discard"
                                        </button>
                                    </span>
                                }
                                    .into_any()
                            } else {
                                view! { <span class="t3 f11">"Waiting for the server"</span> }.into_any()
                            }}
                        </div>
                    </div>
                }
            }
        />
    }
}

/// A file that is being attached, or is.
#[derive(Clone)]
struct Attaching {
    number: u32,
    name: String,
    /// To be sent again, if need be.
    picked: StoredValue<Picked, LocalStorage>,
    progress: RwSignal<f64>,
    state: RwSignal<Attached>,
}

#[derive(Clone, PartialEq)]
enum Attached {
    Uploading,
    Done(Attachment),
    /// The server could not be reached: it waits to be tried again.
    Failed,
}

/// Files beside the message that is being written.
#[derive(Clone, Copy)]
struct Files {
    session: SessionId,
    list: RwSignal<Vec<Attaching>>,
    numbers: StoredValue<u32>,
    toasts: ToastsContext,
}

impl Files {
    fn add(self, picked: Picked) {
        for one in picked.each() {
            if self.list.with_untracked(Vec::len) >= ATTACHMENTS_MAX {
                toast_error(self.toasts, &AppError::invalid(format!("A message has at most {ATTACHMENTS_MAX} attachments.")));
                return;
            }
            self.numbers.update_value(|number| *number += 1);
            let file = Attaching {
                number: self.numbers.get_value(),
                name: one.first_name(),
                picked: StoredValue::new_local(one),
                progress: RwSignal::new(0.0),
                state: RwSignal::new(Attached::Uploading),
            };
            self.list.update(|list| list.push(file.clone()));
            self.upload(file);
        }
    }

    fn upload(self, file: Attaching) {
        let Some(picked) = file.picked.try_get_value() else { return };
        file.state.set(Attached::Uploading);
        leptos::task::spawn_local(async move {
            let answer = attach(self.session, picked, move |part| {
                file.progress.try_set(part);
            });
            match answer.await {
                Ok(attachment) => {
                    file.state.try_set(Attached::Done(attachment));
                }
                Err(error) if matches!(error.code, ErrorCode::Offline | ErrorCode::Unavailable) => {
                    file.state.try_set(Attached::Failed);
                }
                Err(error) => {
                    self.remove(file.number);
                    toast_error(self.toasts, &error);
                }
            }
        });
    }

    fn remove(self, number: u32) {
        self.list.try_update(|list| list.retain(|file| file.number != number));
    }

    /// Whether some are not there yet.
    fn waits(self) -> bool {
        self.list.with(|list| list.iter().any(|file| file.state.with(|state| !matches!(state, Attached::Done(_)))))
    }

    fn ids(self) -> Vec<AttachmentId> {
        let id = |file: &Attaching| {
            file.state.with_untracked(|state| match state {
                Attached::Done(attachment) => Some(attachment.id),
                _ => None,
            })
        };
        self.list.with_untracked(|list| list.iter().filter_map(id).collect())
    }
}

#[component]
pub fn Composer(outbox: Outbox, live: Collaboration, account: String, text: RwSignal<String>, context: EntryContext) -> impl IntoView {
    let session = outbox.session;
    let draft_key = StoredValue::new(format!("draft:{account}:{session}"));
    let files = Files { session, list: RwSignal::new(Vec::new()), numbers: StoredValue::new(0), toasts: use_toasts() };
    let dragging = RwSignal::new(false);
    let explains = RwSignal::new(false);
    let completion = Completing::new(FIELD, format!("/sessions/{session}/completions?"), text);
    // What was left unsent.
    Effect::new(move |_| {
        let kept = draft_key.with_value(|key| storage::kept(key)).unwrap_or_default();
        if !kept.is_empty() && text.with_untracked(String::is_empty) {
            text.set(kept);
        }
    });
    // A message of the system's was answered where that takes no text (`web/sw/push.ts`).
    let query = use_query_map();
    let replied = StoredValue::new(format!("replied:{account}"));
    Effect::new(move |_| {
        let Some(reply) = query.with(|query| query.get("reply")) else { return };
        page::focus(FIELD);
        // What was typed there and could not be sent, once: the page may be loaded again.
        if reply.is_empty() || replied.with_value(|key| storage::kept(key)).as_ref() == Some(&reply) {
            return;
        }
        replied.with_value(|key| storage::keep(key, &reply));
        leptos::task::spawn_local(async move {
            if let Some(draft) = pwa::shared(&reply).await {
                text.try_update(|text| *text = if text.is_empty() { draft.text } else { format!("{text}\n\n{}", draft.text) });
            }
        });
    });
    Effect::new(move |_| {
        text.with(|text| draft_key.with_value(|key| storage::keep(key, text)));
        page::before_paint(|| scroll::fit_height(FIELD));
    });
    let told = StoredValue::new(0_i64);
    let typed = move |now: String| {
        text.set(now);
        let at = page::now_ms();
        if at - told.get_value() > TYPING_EVERY {
            told.set_value(at);
            live.broadcast_typing();
        }
        completion.look();
    };
    let empty = move || text.with(|text| text.trim().is_empty()) && files.list.with(Vec::is_empty);
    let problem = Memo::new(move |_| text.with(|text| length_problem(text.trim())));
    let send = move || {
        if problem.with_untracked(Option::is_some) || untrack(empty) || untrack(move || files.waits()) {
            return;
        }
        let attachment_ids = files.ids();
        let words = text.with_untracked(|text| text.trim().to_owned());
        let attached = files.list.get_untracked();
        files.list.set(Vec::new());
        text.set(String::new());
        completion.close();
        let kept = words.clone();
        // Back where it was, before what was written since.
        let lost = move || {
            text.try_update(|text| *text = if text.is_empty() { kept } else { format!("{kept}\n\n{text}") });
            files.list.try_update(|list| {
                list.splice(0..0, attached);
            });
        };
        outbox.push(CreateMessage { id: Some(EntryId::generate()), text: words, attachment_ids }, lost);
    };
    // Up in an empty field takes up what one said last.
    let edit_last =
        move || text.with_untracked(String::is_empty) && context.timeline.own_last().inspect(|entry| context.edit(entry)).is_some();
    view! {
        <Typing live=live/>
        <form
            class="composer"
            on:submit=move |event| {
                event.prevent_default();
                send();
            }
            class:dragging=move || dragging.get()
            on:dragover=move |event| {
                event.prevent_default();
                dragging.set(true);
            }
            on:dragleave=move |_| dragging.set(false)
            on:drop=move |event| {
                event.prevent_default();
                dragging.set(false);
                files.add(Picked::from_drop(&event));
            }
        >
            <Completions completion=completion/>
            <label class="sr" for=FIELD>"Message"</label>
            <textarea
                id=FIELD
                placeholder="Write to the session"
                rows="1"
                aria-invalid=move || problem.with(Option::is_some).then_some("true")
                aria-autocomplete="list"
                aria-controls=completion.list()
                aria-activedescendant=move || completion.active()
                prop:value=move || text.get()
                on:input=move |event| typed(event_target_value(&event))
                on:click=move |_| completion.look()
                on:blur=move |_| page::after_forget(150, move || completion.close())
                on:paste=move |event| {
                    let picked = Picked::from_paste(&event);
                    if !picked.is_empty() {
                        event.prevent_default();
                        files.add(picked);
                    }
                }
                on:keydown=move |event| {
                    if completion.key(&event.key()) || (event.key() == "ArrowUp" && edit_last()) {
                        event.prevent_default();
                    } else if event.key() == "Enter" && !event.shift_key() && !event.is_composing() && !page::media("(pointer: coarse)") {
                        event.prevent_default();
                        send();
                    }
                }
            ></textarea>
            {move || explains.get().then(|| view! { <p class="hint" role="status">{context.assistant.missing()}</p> })}
            <Problem text=problem/>
            <ul class="attached" aria-label="Attachments" hidden=move || files.list.with(Vec::is_empty)>
                <For each=move || files.list.get() key=|file| file.number children=move |file| view! { <AttachedFile files=files file=file/> }/>
            </ul>
            <div class="row">
                <label class="btn ghost icon-only s" title="Attach a file">
                    <Icon name="clip"/>
                    <input class="sr" type="file" multiple=true aria-label="Attach a file" on:change=move |event| files.add(Picked::from_event(&event))/>
                </label>
                <button
                    type="button"
                    class="btn ghost icon-only s"
                    aria-label="Mention a person or an artifact"
                    title="Mention a person or an artifact"
                    on:click=move |_| completion.begin()
                >
                    <Icon name="at"/>
                </button>
                <span class="note">
                    {move || if context.assistant.answers() { "Markdown. @assistant answers." } else { "Markdown. Shift+Enter for a new line." }}
                </span>
                {move || {
                    context
                        .assistant
                        .missing()
                        .map(|_| {
                            view! {
                                <button
                                    type="button"
                                    class="btn ghost icon-only s"
                                    aria-label="Why there is no assistant"
                                    title="Why there is no assistant"
                                    aria-expanded=move || explains.get().to_string()
                                    on:click=move |_| explains.update(|explains| *explains = !*explains)
                                >
                                    <Icon name="agent"/>
                                </button>
                            }
                        })
                }}
                <button type="submit" class="btn s send" disabled=move || empty() || files.waits() || problem.with(Option::is_some)>
                    "Send"
                    <kbd class="kbd wide-only" aria-hidden="true"><Icon name="enter"/></kbd>
                </button>
            </div>
        </form>
    }
}

#[component]
fn AttachedFile(files: Files, file: Attaching) -> impl IntoView {
    let (number, state, progress) = (file.number, file.state, file.progress);
    let label = format!("Remove {}", file.name);
    let name = file.name.clone();
    let again = StoredValue::new(file);
    view! {
        <li class="chip line" class:bad=move || state.with(|state| *state == Attached::Failed)>
            <Icon name="clip"/>
            <span class="trunc">{name}</span>
            {move || match state.get() {
                Attached::Uploading => view! { <progress max="1" value=move || progress.get().to_string()></progress> }.into_any(),
                Attached::Failed => {
                    view! {
                        <span class="c-warn">"not uploaded"</span>
                        <button type="button" class="btn s" on:click=move |_| files.upload(again.get_value())>"Retry"</button>
                    }
                        .into_any()
                }
                Attached::Done(_) => ().into_any(),
            }}
            <button type="button" class="btn ghost icon-only s" aria-label=label on:click=move |_| files.remove(number)>
                <Icon name="x"/>
            </button>
        </li>
    }
}

/// Who is typing: told by each for a few seconds at a time.
#[component]
pub fn Typing(live: Collaboration) -> impl IntoView {
    /// Told again every two seconds while it goes on.
    const LASTS: i64 = 4_000;
    let typing = RwSignal::new(Vec::<(crate::ids::UserId, i64)>::new());
    live.on_typing(move |sent| {
        let who = sent.user_id;
        typing.try_update(|typing| {
            typing.retain(|(user, _)| *user != who);
            typing.push((who, page::now_ms()));
        });
        page::after_forget(LASTS as u32 + 100, move || {
            let now = page::now_ms();
            let _ = typing.try_update(|typing| typing.retain(|(_, at)| now - at < LASTS));
        });
    });
    live.on_message(move |sent| {
        let _ = typing.try_update(|typing| typing.retain(|(user, _)| *user != sent.user_id));
    });
    let words = move || {
        let names: Vec<String> = live.users.with(|users| {
            typing.with(|typing| {
                typing
                    .iter()
                    .filter_map(|(id, _)| users.iter().find(|user| user.user_id == *id))
                    .map(|user| user.user_name.split_whitespace().next().unwrap_or_default().to_owned())
                    .collect()
            })
        });
        match names.as_slice() {
            [] => String::new(),
            [one] => format!("{one} is typing"),
            [one, two] => format!("{one} and {two} are typing"),
            more => format!("{} people are typing", more.len()),
        }
    };
    view! {
        <div class="typing">
            <span class="row gap-8" aria-live="polite">
                {move || {
                    let words = words();
                    (!words.is_empty()).then(|| view! { <span class="dots" aria-hidden="true"><i></i><i></i><i></i></span> {words} })
                }}
            </span>
            // Where there is no status line.
            <span class="push phone-only">{move || (!live.is_connected.get()).then(|| view! { <LinkState link=live.link/> })}</span>
        </div>
    }
}
