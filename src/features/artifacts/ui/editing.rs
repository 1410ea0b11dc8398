//! What an open editor has to do with its page: what it tells, and what is asked of it.

use leptos::prelude::*;

use super::artifact::Shown;
use crate::{
    browser::{
        editor::{self, Editor, Link, Opening, Told},
        page,
    },
    error::AppResult,
    features::{
        accounts::{
            model::Action,
            state::{SessionContext, use_session},
        },
        artifacts::{
            model::validate::Hint,
            state::{bring_text, is_on_its_way, preview},
        },
        collaboration::{
            model::{RoomType, RoomUser},
            state::{Room, use_collaboration},
        },
        comments::{
            model::{Anchor, PAGE_MAX, Subject, ThreadQuery, ThreadState},
            state::read_threads,
        },
        outbox::state::{OutboxContext, use_outbox},
        volumes::state::{VolumesContext, artifact_object, use_volumes},
    },
    ids::ThreadId,
};

/// How long writing pauses before the preview and the hints follow, in milliseconds.
const PAUSE: u32 = 400;
/// The same before what is written out of reach is in the outbox: the page may be gone in a moment.
const SOON: u32 = 80;
/// The same where the link seems to live: what has not reached the disk by then may be on a dead one.
const LATE: u32 = 2_000;
/// How long a commit waits for what was written to reach the disk, in steps of 50 ms.
const PATIENCE: u32 = 100;
const STEP: u32 = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The server's text stands there and cannot be changed yet.
    Opening,
    Ready,
    /// The script could not be loaded.
    Failed,
    /// The server does not take anything any more: the close code.
    Ended(u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// Nothing was written here.
    Clean,
    Waiting,
    /// Since then, by the device's clock.
    OnDisk(i64),
}

/// The editor of a page.
#[derive(Clone, Copy)]
pub struct Editing {
    pub shown: Shown,
    pub phase: RwSignal<Phase>,
    pub link: RwSignal<Link>,
    pub saved: RwSignal<Saved>,
    pub read_only: RwSignal<bool>,
    /// Who has it open.
    pub people: RwSignal<Vec<RoomUser>>,
    /// Whether something is selected.
    pub selected: RwSignal<bool>,
    /// The text, shortly after it changed.
    pub text: RwSignal<String>,
    pub html: RwSignal<String>,
    pub hints: RwSignal<Vec<Hint>>,
    /// What a new comment will be about.
    pub pending: RwSignal<Option<Anchor>>,
    /// The thread whose range was pressed.
    pub thread: RwSignal<Option<ThreadId>>,
    /// Whether it is written beside the document, which is neither on this device nor in reach.
    pub apart: RwSignal<bool>,
    /// The outbox has what the server does not: the page may be left.
    kept: RwSignal<bool>,
    /// Something is on its way into the outbox: the next waits for it.
    putting: StoredValue<bool>,
    /// Counts changes, so that only the last of a row is followed.
    changes: RwSignal<u32>,
    volumes: VolumesContext,
    outbox: OutboxContext,
    session: SessionContext,
    editor: StoredValue<Option<Editor>>,
}

impl Editing {
    /// For the calling component: the editor opens when its page stands, and closes with it.
    pub fn new(shown: Shown) -> Self {
        let (text, html, hints) = shown.detail.with_untracked(|detail| (detail.text.clone(), detail.html.clone(), detail.hints.clone()));
        let this = Self {
            shown,
            phase: RwSignal::new(Phase::Opening),
            link: RwSignal::new(Link::Connecting),
            saved: RwSignal::new(Saved::Clean),
            read_only: RwSignal::new(!untrack(|| shown.may_edit())),
            people: RwSignal::new(Vec::new()),
            selected: RwSignal::new(false),
            text: RwSignal::new(text),
            html: RwSignal::new(html),
            hints: RwSignal::new(hints),
            pending: RwSignal::new(None),
            thread: RwSignal::new(None),
            apart: RwSignal::new(false),
            kept: RwSignal::new(false),
            putting: StoredValue::new(false),
            changes: RwSignal::new(0),
            volumes: use_volumes(),
            outbox: use_outbox(),
            session: use_session(),
            editor: StoredValue::new(None),
        };
        let room = Room { id: shown.id.same_as(), kind: RoomType::Artifact };
        let live = use_collaboration(Signal::stored(Some(room)));
        live.on_comment(move |_| this.mark_threads());
        live.on_resync(move || this.mark_threads());
        // In effects: the server opens no editor.
        Effect::new(move |_| this.open());
        Effect::new(move |_| on_cleanup(move || this.leave()));
        Effect::new(move |_| {
            let unsaved = this.saved.get() == Saved::Waiting && !this.kept.get();
            unsaved.then(|| page::hold_unsaved(move || this.put_forget()))
        });
        // What was written apart came home, or was thrown away: the document takes its place.
        Effect::new(move |_| {
            if this.apart.get() && this.link.get() == Link::Live {
                drop(this.outbox.about(&artifact_object(this.shown.id)));
                this.look_whether_arrived();
            }
        });
        this
    }

    /// The id of the element that it stands in.
    pub fn host(self) -> String {
        format!("editor-{}", self.shown.id)
    }

    pub fn open(self) {
        self.phase.set(Phase::Opening);
        let host = self.host();
        let (text, revision) = self.shown.detail.with_untracked(|detail| (detail.text.clone(), detail.summary.head_revision_id));
        let mut opening = Opening {
            artifact: self.shown.id.to_string(),
            user: String::new(),
            read_only: self.read_only.get_untracked(),
            begun: self.shown.begun,
            text,
            revision: revision.map(|id| id.to_string()).unwrap_or_default(),
        };
        leptos::task::spawn_local(async move {
            // Without the server a page may know the text before it knows whose copy of it this is.
            let account = self.session.me.soon().await;
            opening.user = account.and_then(Result::ok).map(|me| me.person.id.to_string()).unwrap_or_default();
            let opened = editor::open(&host, opening, move |told| self.take(told)).await;
            match opened {
                // The page may be gone by now; then the editor goes with this.
                Some(editor) => drop(self.editor.try_update_value(move |place| *place = Some(editor))),
                None => drop(self.phase.try_set(Phase::Failed)),
            }
            self.mark_threads();
        });
    }

    fn take(self, told: Told) {
        match told {
            Told::Ready => drop(self.phase.try_set(Phase::Ready)),
            Told::Text => self.changed(),
            Told::Selected(selected) => set_changed(self.selected, selected),
            Told::Saved(false) => {
                set_changed(self.kept, false);
                set_changed(self.saved, Saved::Waiting);
            }
            Told::Kept => {
                set_changed(self.kept, true);
                set_changed(self.saved, Saved::Waiting);
            }
            Told::Saved(true) => drop(self.saved.try_set(Saved::OnDisk(page::now_ms()))),
            Told::Link(link) => {
                set_changed(self.link, link);
                // What was written before it was known that nobody listens.
                if link != Link::Live {
                    self.put_forget();
                }
            }
            Told::People(list) => drop(self.people.try_set(serde_json::from_str(&list).unwrap_or_default())),
            Told::Thread(id) => {
                if let Ok(id) = id.parse() {
                    // Pressed once more it is shown once more.
                    self.thread.try_set(None);
                    self.thread.try_set(Some(id));
                }
            }
            Told::Denied => drop(self.read_only.try_set(true)),
            Told::Ended(code) => {
                self.phase.try_set(Phase::Ended(code));
                // Refused or not, it is not lost: the outbox says why it does not go on, and gives it as a file.
                self.put_forget();
            }
            Told::Apart(apart) => {
                set_changed(self.apart, apart);
                if apart {
                    self.put_forget();
                }
            }
        }
    }

    fn changed(self) {
        let Some(number) = self.changes.try_update(|changes| {
            *changes += 1;
            *changes
        }) else {
            return;
        };
        page::after_forget(PAUSE, move || {
            if self.changes.try_get_untracked() == Some(number) {
                self.text.set(self.content());
            }
        });
        // What was just written is in no outbox.
        set_changed(self.kept, false);
        page::after_forget(if self.is_away() { SOON } else { LATE }, move || {
            let unsaved = self.is_away() || self.saved.try_get_untracked() == Some(Saved::Waiting);
            if unsaved && self.changes.try_get_untracked() == Some(number) {
                self.put_forget();
            }
        });
    }

    /// Whether what is written here reaches the server by the outbox: its document is out of reach.
    pub fn is_away(self) -> bool {
        self.apart.try_get_untracked() == Some(true) || self.link.try_get_untracked() != Some(Link::Live)
    }

    /// Puts what the server does not have into the outbox, as far as it is not there: it may be that nobody opens this page again.
    ///
    /// # Errors
    /// It could not be kept; the editor has it still.
    pub async fn put(self) -> AppResult<()> {
        while self.putting.try_update_value(|putting| std::mem::replace(putting, true)) == Some(true) {
            page::pause(STEP).await;
        }
        let put = self.put_now().await;
        self.putting.try_set_value(false);
        put
    }

    async fn put_now(self) -> AppResult<()> {
        let unsent = self.editor.try_with_value(|editor| editor.as_ref().map(Editor::unsent)).flatten();
        let Some(unsent) = unsent else { return Ok(()) };
        let Some(body) = unsent.await else {
            // The outbox has all that the server does not.
            set_changed(self.kept, true);
            return Ok(());
        };
        let name = self.shown.detail.try_with_untracked(|detail| detail.summary.name.clone()).unwrap_or_default();
        let put = bring_text(self.shown.id, body, &name).await;
        self.editor.try_with_value(|editor| {
            if let Some(editor) = editor {
                editor.note_kept(put.is_ok());
            }
        });
        self.kept.try_set(put.is_ok());
        put
    }

    fn put_forget(self) {
        // That it could not be kept shows: the page asks before it is left.
        leptos::task::spawn_local(async move { drop(self.put().await) });
    }

    fn look_whether_arrived(self) {
        let id = self.shown.id;
        leptos::task::spawn_local(async move {
            if self.put().await.is_ok() && !is_on_its_way(id).await {
                self.editor.try_with_value(|editor| {
                    if let Some(editor) = editor {
                        editor.note_arrived();
                    }
                });
            }
        });
    }

    /// Keeps the hints, and while it is shown the preview, at what is written.
    pub fn preview_while(self, shown: impl Fn() -> bool + 'static) {
        Effect::new(move |seen: Option<(String, bool)>| {
            let now = (self.text.get(), shown());
            // Neither the text that the page came with nor a preview that is closed asks for anything.
            let Some(seen) = seen else { return now };
            if now.0 == seen.0 || self.read_only.get_untracked() && !now.1 {
                return now;
            }
            let answer = preview(self.shown.id, now.0.clone());
            let number = self.changes.get_untracked();
            leptos::task::spawn_local(async move {
                if let Ok(rendered) = answer.await
                    && self.changes.try_get_untracked() == Some(number)
                {
                    self.html.try_set(rendered.html);
                    self.hints.try_set(rendered.hints);
                }
            });
            now
        });
    }

    /// The whole text as it is here.
    pub fn content(self) -> String {
        self.editor
            .try_with_value(|editor| editor.as_ref().map(Editor::content))
            .flatten()
            .unwrap_or_else(|| self.shown.detail.with_untracked(|detail| detail.text.clone()))
    }

    pub fn may_comment(self) -> bool {
        self.shown.role().allows(Action::Converse)
    }

    /// What is selected is what the next comment is about.
    pub fn take_selection(self) {
        let selection = self.editor.try_with_value(|editor| editor.as_ref().and_then(Editor::selection)).flatten();
        self.pending.set(selection.and_then(|anchor| serde_json::from_str(&anchor).ok()));
    }

    /// Shows a range; false when nothing of it is left.
    pub fn reveal(self, anchor: &Anchor) -> bool {
        let anchor = serde_json::to_string(anchor).unwrap_or_default();
        self.editor.try_with_value(|editor| editor.as_ref().is_some_and(|editor| editor.reveal(&anchor))).unwrap_or(false)
    }

    /// Marks in the text what is commented.
    fn mark_threads(self) {
        let query = ThreadQuery { limit: Some(PAGE_MAX), ..ThreadQuery::about(Subject::Artifact(self.shown.id), ThreadState::Open) };
        let answer = read_threads(query);
        leptos::task::spawn_local(async move {
            let Ok(page) = answer.await else { return };
            let list: Vec<serde_json::Value> = page
                .items
                .into_iter()
                .filter_map(|thread| {
                    let Anchor { start, end, quote } = thread.anchor?;
                    Some(serde_json::json!({ "id": thread.id, "start": start, "end": end, "quote": quote }))
                })
                .collect();
            let list = serde_json::Value::Array(list).to_string();
            self.editor.try_with_value(|editor| {
                if let Some(editor) = editor {
                    editor.mark_threads(&list);
                }
            });
        });
    }

    /// Waits until what was written is on the server's disk; false when it does not get there.
    pub async fn settled(self) -> bool {
        for _ in 0..PATIENCE {
            match self.saved.try_get_untracked() {
                Some(Saved::Waiting) => page::pause(STEP).await,
                Some(_) => return true,
                None => return false,
            }
        }
        false
    }

    /// Forgets what is here, and opens what the server has.
    pub fn begin_again(self) {
        let editor = self.editor.try_update_value(Option::take).flatten();
        leptos::task::spawn_local(async move {
            if let Some(editor) = editor {
                editor.forget().await;
            }
            self.saved.try_set(Saved::Clean);
            self.open();
        });
    }

    /// The page goes: the last words still leave, then its other parts read what came of them.
    fn leave(self) {
        let editor = self.editor.try_update_value(Option::take).flatten();
        let Some(wrote) = self.saved.try_get_untracked().map(|saved| saved != Saved::Clean) else { return };
        let (volumes, shown) = (self.volumes, self.shown);
        let (away, id) = (self.is_away(), shown.id);
        let name = shown.detail.try_with_untracked(|detail| detail.summary.name.clone()).unwrap_or_default();
        leptos::task::spawn_local(async move {
            if let Some(editor) = editor {
                if away
                    && wrote
                    && let Some(body) = editor.unsent().await
                {
                    editor.note_kept(bring_text(id, body, &name).await.is_ok());
                }
                // A link that seemed to live took it, and nobody said that it arrived.
                if let Some(body) = editor.close().await {
                    let _ = bring_text(id, body, &name).await;
                }
            }
            if wrote {
                volumes.refresh();
                shown.reload.try_run(());
            }
        });
    }
}

/// What did not change is not told again.
fn set_changed<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.try_with_untracked(|now| *now != value) == Some(true) {
        signal.set(value);
    }
}
