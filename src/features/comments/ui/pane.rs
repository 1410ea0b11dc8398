//! The threads of one subject, and a field for a new one.

use leptos::prelude::*;

use super::{thread::ThreadView, write::Write};
use crate::{
    browser::page,
    features::{
        accounts::state::use_session,
        collaboration::{
            model::RoomType,
            state::{Room, use_collaboration},
        },
        comments::{
            model::{Anchor, PAGE, PAGE_MAX, Subject, Thread, ThreadPage, ThreadQuery, ThreadState},
            state::{create_thread, read_threads, use_threads},
        },
        outbox::state::say_waiting,
    },
    ids::ThreadId,
    ui::{EmptyState, ErrorView, Icon, Loading, Transition, plural, toast::ToastsContext, toast_error, use_toasts},
};

/// What the parts of the pane share.
#[derive(Clone, Copy)]
pub struct Threads {
    pub subject: Subject,
    pub items: RwSignal<Vec<Thread>>,
    page: RwSignal<Page>,
    pub state: RwSignal<ThreadState>,
    /// Counts readings: an answer that was overtaken is not shown.
    reading: StoredValue<u32>,
    pub on_show: Callback<Anchor>,
    /// Whose comments one may change.
    pub me: StoredValue<String>,
    pub toasts: ToastsContext,
}

/// What else a page of threads says.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Page {
    open: i64,
    resolved: i64,
    can_write: bool,
    next_before: Option<ThreadId>,
}

impl Page {
    fn of(page: &ThreadPage) -> Self {
        Self { open: page.open, resolved: page.resolved, can_write: page.can_write, next_before: page.next_before }
    }
}

impl Threads {
    pub fn can_write(self) -> bool {
        self.page.with(|page| page.can_write)
    }

    /// Reads again what is shown.
    pub fn reload(self) {
        let Some(there) = self.items.try_with_untracked(Vec::len) else { return };
        let limit = (there as u32 + 1).clamp(PAGE, PAGE_MAX);
        self.read(None, limit, |items, read| *items = read);
    }

    fn read(self, before: Option<ThreadId>, limit: u32, put: impl FnOnce(&mut Vec<Thread>, Vec<Thread>) + 'static) {
        let Some(state) = self.state.try_get_untracked() else { return };
        let Some(number) = self.reading.try_update_value(|reading| {
            *reading += 1;
            *reading
        }) else {
            return;
        };
        let answer = read_threads(ThreadQuery { before, limit: Some(limit), ..ThreadQuery::about(self.subject, state) });
        leptos::task::spawn_local(async move {
            // A failure is no news here: what is shown stays, and the next event asks again.
            if let Ok(read) = answer.await
                && self.reading.try_get_value() == Some(number)
            {
                self.page.try_set(Page::of(&read));
                self.items.try_update(|items| put(items, read.items));
            }
        });
    }
}

#[component]
pub fn CommentsPane(
    subject: Subject,
    /// The range that a new thread will be about: what makes it, such as the editor, sets it, and the pane clears it. None is the whole.
    pending: RwSignal<Option<Anchor>>,
    /// Shows the range of a thread in the text.
    on_show: Callback<Anchor>,
    /// The thread that the address names.
    focus: Option<ThreadId>,
) -> impl IntoView {
    // It may be resolved.
    let state = if focus.is_some() { ThreadState::All } else { ThreadState::Open };
    let page = use_threads(subject, state);
    view! {
        <Transition fallback=|| view! { <Loading rows=3/> }>
            {move || {
                page.get()
                    .map(|page| match page {
                        Ok(page) => view! { <Pane subject=subject page=page state=state pending=pending on_show=on_show focus=focus/> }.into_any(),
                        Err(error) => view! { <ErrorView error=error/> }.into_any(),
                    })
            }}
        </Transition>
    }
}

#[component]
fn Pane(
    subject: Subject,
    page: ThreadPage,
    state: ThreadState,
    pending: RwSignal<Option<Anchor>>,
    on_show: Callback<Anchor>,
    focus: Option<ThreadId>,
) -> impl IntoView {
    let threads = Threads {
        subject,
        page: RwSignal::new(Page::of(&page)),
        items: RwSignal::new(page.items),
        state: RwSignal::new(state),
        reading: StoredValue::new(0),
        on_show,
        me: StoredValue::new(use_session().account_untracked().map(|me| me.person.id.to_string()).unwrap_or_default()),
        toasts: use_toasts(),
    };
    let room = match subject {
        Subject::Artifact(id) => Room { id: id.same_as(), kind: RoomType::Artifact },
        Subject::Entry(session, _) => Room { id: session.same_as(), kind: RoomType::Session },
    };
    let live = use_collaboration(Signal::stored(Some(room)));
    live.on_comment(move |_| threads.reload());
    live.on_resync(move || threads.reload());
    if let Some(focus) = focus {
        Effect::new(move |_| page::before_paint(move || page::scroll_into_view(&format!("thread-{focus}"))));
    }
    view! {
        <section class="comments" aria-label="Comments">
            <Head threads=threads/>
            {move || threads.can_write().then(|| view! { <NewThread threads=threads pending=pending/> })}
            <ol class="threads">
                <For
                    each=move || threads.items.with(|items| items.iter().map(|thread| thread.id).collect::<Vec<_>>())
                    key=|id| *id
                    children=move |id| view! { <ThreadView threads=threads id=id focused=focus == Some(id)/> }
                />
            </ol>
            {move || {
                threads
                    .items
                    .with(Vec::is_empty)
                    .then(|| {
                        let (title, text) = match (threads.can_write(), subject) {
                            (true, Subject::Artifact(_)) => ("Nothing to discuss", "Ask a question or point something out; name people with @."),
                            (true, Subject::Entry(..)) => ("No comments yet", "Answer here what would interrupt the timeline; name people with @."),
                            (false, _) => ("No comments", "What is said about this stands here."),
                        };
                        view! { <EmptyState icon="comment" title=title text=text/> }
                    })
            }}
            {move || {
                threads
                    .page
                    .with(|page| page.next_before)
                    .map(|before| {
                        let more = move |_| threads.read(Some(before), PAGE, |items, read| items.extend(read));
                        view! { <button type="button" class="btn s" on:click=more>"Older threads"</button> }
                    })
            }}
        </section>
    }
}

/// How many there are, and whether those that are resolved are shown.
#[component]
fn Head(threads: Threads) -> impl IntoView {
    let words = move || {
        let open = threads.page.with(|page| page.open);
        if open == 0 { "No open thread".to_owned() } else { plural(open, "open thread", "open threads") }
    };
    let shows = move || threads.state.get() == ThreadState::All;
    let turn = move |_| {
        threads.state.update(|state| *state = if *state == ThreadState::All { ThreadState::Open } else { ThreadState::All });
        threads.reload();
    };
    view! {
        <div class="head row wrap">
            <span class="t2 f12" role="status">{words}</span>
            {move || {
                let resolved = threads.page.with(|page| page.resolved);
                (resolved > 0)
                    .then(|| {
                        view! {
                            <button type="button" class="chip line push" aria-pressed=move || shows().to_string() on:click=turn>
                                {move || shows().then(|| view! { <Icon name="check"/> })}
                                {format!("Show resolved ({resolved})")}
                            </button>
                        }
                    })
            }}
        </div>
    }
}

#[component]
fn NewThread(threads: Threads, pending: RwSignal<Option<Anchor>>) -> impl IntoView {
    let text = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let send = Callback::new(move |words: String| {
        busy.set(true);
        let answer = create_thread(threads.subject, pending.get_untracked(), words);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(sent) => {
                    say_waiting(threads.toasts, sent);
                    text.try_set(String::new());
                    pending.try_set(None);
                    threads.reload();
                }
                Err(error) => toast_error(threads.toasts, &error),
            }
            busy.try_set(false);
        });
    });
    let field = match threads.subject {
        Subject::Artifact(_) => "new-comment-artifact",
        Subject::Entry(..) => "new-comment-entry",
    };
    view! {
        {move || {
            pending
                .get()
                .map(|anchor| {
                    view! {
                        <div class="row quoted">
                            <blockquote>{anchor.quote}</blockquote>
                            <button type="button" class="btn ghost icon-only s" aria-label="Comment on the whole instead" title="Comment on the whole instead" on:click=move |_| pending.set(None)>
                                <Icon name="x"/>
                            </button>
                        </div>
                    }
                })
        }}
        <Write field=field.to_owned() label="New comment" words="Comment" subject=threads.subject text=text busy=busy send=send cancel=None/>
    }
}
