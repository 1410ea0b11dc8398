//! Writing into a session: a text that survives a reload, people and artifacts offered after `@`, files beside it, and an outbox
//! that keeps what was sent until the server has it.

use leptos::prelude::*;

use super::{
    completing::{Completing, Completions},
    entry::EntryContext,
    timeline::Timeline,
};
use crate::{
    browser::{page, scroll, storage, upload::Picked},
    error::{AppError, ErrorCode},
    features::{
        collaboration::{state::Collaboration, ui::LinkState},
        sessions::{
            model::{ATTACHMENTS_MAX, Attachment, CreateMessage, length_problem},
            state::{attach, send_message},
        },
    },
    ids::{AttachmentId, EntryId, SessionId},
    ui::{Icon, Problem, toast::ToastsContext, toast_error, use_toasts},
};

/// The id of the field.
pub const FIELD: &str = "message";
/// Pauses before a message is sent again, in milliseconds.
const AGAIN: [u32; 5] = [1_000, 2_000, 5_000, 10_000, 20_000];
/// How often others are told that one types, in milliseconds.
const TYPING_EVERY: i64 = 2_000;

/// A message that the server has not taken yet.
#[derive(Clone)]
pub struct Waiting {
    pub message: CreateMessage,
    /// Why it was refused; sending it again as it is does not help.
    pub refused: Option<String>,
}

/// Messages on their way, in order. They are kept on the device until they have arrived: each has an id of its own, so that it is
/// there once however often it is sent.
#[derive(Clone, Copy)]
pub struct Outbox {
    session: SessionId,
    key: StoredValue<String>,
    pub waiting: RwSignal<Vec<Waiting>>,
    sending: StoredValue<bool>,
    timeline: Timeline,
}

impl Outbox {
    pub fn new(account: &str, timeline: Timeline) -> Self {
        let outbox = Self {
            session: timeline.session,
            key: StoredValue::new(format!("outbox:{account}:{}", timeline.session)),
            waiting: RwSignal::new(Vec::new()),
            sending: StoredValue::new(false),
            timeline,
        };
        Effect::new(move |_| {
            let kept = outbox.key.with_value(|key| storage::kept(key));
            let messages: Vec<CreateMessage> = kept.and_then(|kept| serde_json::from_str(&kept).ok()).unwrap_or_default();
            if !messages.is_empty() {
                outbox.waiting.set(messages.into_iter().map(|message| Waiting { message, refused: None }).collect());
                outbox.run();
            }
        });
        outbox
    }

    fn keep(self) {
        let Some(messages) = self.waiting.try_with_untracked(|waiting| waiting.iter().map(|one| one.message.clone()).collect::<Vec<_>>())
        else {
            return;
        };
        let text = if messages.is_empty() { String::new() } else { serde_json::to_string(&messages).unwrap_or_default() };
        let _ = self.key.try_with_value(|key| storage::keep(key, &text));
    }

    fn push(self, message: CreateMessage) {
        self.waiting.update(|waiting| waiting.push(Waiting { message, refused: None }));
        self.keep();
        self.run();
    }

    fn remove(self, id: Option<EntryId>) {
        self.waiting.try_update(|waiting| waiting.retain(|one| one.message.id != id));
        self.keep();
    }

    /// Sends what waits, one after the other: they arrive in the order in which they were written.
    pub fn run(self) {
        if self.sending.try_get_value() != Some(false) {
            return;
        }
        self.sending.set_value(true);
        leptos::task::spawn_local(async move {
            let mut tries = 0;
            loop {
                let next = self
                    .waiting
                    .try_with_untracked(|waiting| waiting.iter().find(|one| one.refused.is_none()).map(|one| one.message.clone()));
                let Some(Some(message)) = next else { break };
                match send_message(self.session, message.clone()).await {
                    Ok(entry) => {
                        tries = 0;
                        self.remove(message.id);
                        self.timeline.sent(entry);
                    }
                    Err(error) if matches!(error.code, ErrorCode::Offline | ErrorCode::Unavailable | ErrorCode::Internal) => {
                        let pause = AGAIN[tries.min(AGAIN.len() - 1)];
                        tries += 1;
                        page::pause(pause).await;
                    }
                    Err(error) => {
                        self.waiting.try_update(|waiting| {
                            for one in waiting.iter_mut().filter(|one| one.message.id == message.id) {
                                one.refused = Some(error.message.clone());
                            }
                        });
                    }
                }
            }
            self.sending.try_set_value(false);
        });
    }
}

/// What waits, at the end of the timeline.
#[component]
pub fn WaitingMessages(outbox: Outbox, text: RwSignal<String>) -> impl IntoView {
    view! {
        <For
            each=move || outbox.waiting.get()
            key=|one| (one.message.id, one.refused.clone())
            children=move |one| {
                let id = one.message.id;
                let words = one.message.text.clone();
                let bad = one.refused.is_some();
                view! {
                    <div class="entry waiting" class:bad=bad>
                        <Icon name=if bad { "alert" } else { "clock" }/>
                        <div class="body">
                            <p class="text">{one.message.text}</p>
                            {match one.refused {
                                None => view! { <span class="t3 f11">"Waiting for the server"</span> }.into_any(),
                                Some(why) => {
                                    view! {
                                        <span class="row wrap">
                                            <span class="c-warn f12">{why}</span>
                                            <button
                                                type="button"
                                                class="btn s"
                                                on:click=move |_| {
                                                    text.set(words.clone());
                                                    outbox.remove(id);
                                                }
                                            >
                                                "Edit again"
                                            </button>
                                            <button type="button" class="btn s ghost" on:click=move |_| outbox.remove(id)>"Discard"</button>
                                        </span>
                                    }
                                        .into_any()
                                }
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
        files.list.set(Vec::new());
        text.set(String::new());
        completion.close();
        outbox.push(CreateMessage { id: Some(EntryId::generate()), text: words, attachment_ids });
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
