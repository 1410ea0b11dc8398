//! One thread: what was said, and what can be done with it.

use std::{collections::BTreeMap, future::Future};

use leptos::prelude::*;

use super::{pane::Threads, write::Write};
use crate::{
    browser::{data::Sent, page},
    error::AppResult,
    features::{
        accounts::model::UserKind,
        comments::{
            model::{Comment, Thread},
            state::{create_reply, delete_comment, edit_comment, read_thread, set_resolved},
        },
        outbox::state::say_waiting,
    },
    ids::ThreadId,
    ui::{Avatar, Icon, Time, plural, toast_error},
};

/// Sends a change and reads again what is shown.
fn change(threads: Threads, busy: RwSignal<bool>, answer: impl Future<Output = AppResult<Sent>> + 'static, done: impl FnOnce() + 'static) {
    busy.set(true);
    leptos::task::spawn_local(async move {
        match answer.await {
            Ok(sent) => {
                say_waiting(threads.toasts, sent);
                done();
                threads.reload();
            }
            Err(error) => toast_error(threads.toasts, &error),
        }
        busy.try_set(false);
    });
}

#[component]
pub fn ThreadView(threads: Threads, id: ThreadId, focused: bool) -> impl IntoView {
    let thread = Memo::new(move |_| threads.items.with(|items| items.iter().find(|thread| thread.id == id).cloned()));
    // What a list leaves out between the first comment and the newest.
    let earlier = RwSignal::new(Vec::<Comment>::new());
    let comments = move || {
        let mut all: BTreeMap<i64, Comment> = earlier.get().into_iter().map(|comment| (comment.number, comment)).collect();
        thread.with(|thread| {
            if let Some(thread) = thread {
                all.extend(thread.comments.iter().map(|comment| (comment.number, comment.clone())));
            }
        });
        all.into_values().collect::<Vec<_>>()
    };
    let show_earlier = move |_| {
        let answer = read_thread(id);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(whole) => drop(earlier.try_set(whole.comments)),
                Err(error) => toast_error(threads.toasts, &error),
            }
        });
    };
    let left_out = move || thread.with(|thread| thread.as_ref().map_or(0, Thread::left_out)) > 0 && earlier.with(Vec::is_empty);
    let anchor = thread.with_untracked(|thread| thread.as_ref().and_then(|thread| thread.anchor.clone()));
    let resolved = move || thread.with(|thread| thread.as_ref().and_then(|thread| thread.resolved_at));
    view! {
        <li class="thread" id=format!("thread-{id}") class:focused=focused class:resolved=move || resolved().is_some()>
            {anchor
                .map(|anchor| {
                    let quote = anchor.quote.clone();
                    let label = format!("Show it in the text: {quote}");
                    view! {
                        <button type="button" class="quoted" title="Show it in the text" aria-label=label on:click=move |_| threads.on_show.run(anchor.clone())>
                            <blockquote>{quote}</blockquote>
                        </button>
                    }
                })}
            <For
                each=comments
                key=|comment| (comment.number, comment.edited_at, comment.deleted_at)
                children=move |comment| {
                    let first = comment.number == 1;
                    view! {
                        <CommentView threads=threads comment=comment/>
                        {move || {
                            (first && left_out())
                                .then(|| {
                                    let hidden = thread.with_untracked(|thread| thread.as_ref().map_or(0, Thread::left_out));
                                    view! { <button type="button" class="btn s ghost" on:click=show_earlier>{plural(hidden, "earlier comment", "earlier comments")}</button> }
                                })
                        }}
                    }
                }
            />
            <Foot threads=threads thread=thread id=id/>
        </li>
    }
}

/// Answering, resolving, taking up again.
#[component]
fn Foot(threads: Threads, thread: Memo<Option<Thread>>, id: ThreadId) -> impl IntoView {
    let answering = RwSignal::new(false);
    let text = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let resolved = Memo::new(move |_| {
        thread.with(|thread| thread.as_ref().and_then(|thread| Some((thread.resolved_at?, thread.resolved_by.clone()?.name))))
    });
    let turn = move |on: bool| change(threads, busy, set_resolved(id, on), || {});
    let send = Callback::new(move |words: String| {
        change(threads, busy, create_reply(id, words), move || {
            text.try_set(String::new());
            answering.try_set(false);
        });
    });
    let field = StoredValue::new(format!("reply-{id}"));
    let answer = move |_| {
        answering.set(true);
        page::before_paint(move || {
            let _ = field.try_with_value(|field| page::focus(field));
        });
    };
    view! {
        {move || {
            resolved
                .get()
                .map(|(at, name)| view! { <p class="t3 f12 row gap-4"><Icon name="ok"/><span>"Resolved by "<b>{name}</b></span><Time at=at/></p> })
        }}
        {move || {
            (threads.can_write() && answering.get())
                .then(|| {
                    let cancel = Callback::new(move |()| answering.set(false));
                    view! { <Write field=field.get_value() label="Reply" words="Reply" subject=threads.subject text=text busy=busy send=send cancel=Some(cancel)/> }
                })
        }}
        {move || {
            (threads.can_write() && !answering.get())
                .then(|| {
                    view! {
                        <div class="row gap-4">
                            <button type="button" class="btn s ghost" on:click=answer>"Reply"</button>
                            {move || {
                                if resolved.with(Option::is_some) {
                                    view! { <button type="button" class="btn s ghost" disabled=move || busy.get() on:click=move |_| turn(false)><Icon name="undo"/>"Reopen"</button> }.into_any()
                                } else {
                                    view! { <button type="button" class="btn s ghost" disabled=move || busy.get() on:click=move |_| turn(true)><Icon name="check"/>"Resolve"</button> }.into_any()
                                }
                            }}
                        </div>
                    }
                })
        }}
    }
}

/// What one does with one's own comment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Nothing,
    Editing,
    /// Asked whether it is to go.
    Deleting,
}

#[component]
fn CommentView(threads: Threads, comment: Comment) -> impl IntoView {
    let doing = RwSignal::new(Doing::Nothing);
    let text = RwSignal::new(comment.text.clone());
    let busy = RwSignal::new(false);
    let deleted = comment.deleted_at.is_some();
    let mine = !deleted && threads.me.with_value(|me| *me == comment.author.id.to_string());
    let (author, created_at, edited, id) = (comment.author.clone(), comment.created_at, comment.edited_at.is_some(), comment.id);
    let label = format!("Comment of {}", author.name);
    let html = comment.html.clone();
    let save = Callback::new(move |words: String| {
        change(threads, busy, edit_comment(id, words), move || {
            doing.try_set(Doing::Nothing);
        });
    });
    let delete = move |_| change(threads, busy, delete_comment(id), || {});
    view! {
        <article class="comment" aria-label=label>
            <div class="by">
                <Avatar person=author.clone() size="s"/>
                <b class="trunc">{author.name.clone()}</b>
                {(author.kind == UserKind::Agent).then(|| view! { <span class="chip line">"Agent"</span> })}
                <Time at=created_at/>
                {edited.then(|| view! { <span class="t3 f11">"edited"</span> })}
                {move || {
                    (mine && threads.can_write() && doing.get() == Doing::Nothing)
                        .then(|| {
                            view! {
                                <span class="push row gap-4">
                                    <button type="button" class="btn ghost icon-only s" aria-label="Edit comment" title="Edit" on:click=move |_| doing.set(Doing::Editing)><Icon name="edit"/></button>
                                    <button type="button" class="btn ghost icon-only s" aria-label="Delete comment" title="Delete" on:click=move |_| doing.set(Doing::Deleting)><Icon name="trash"/></button>
                                </span>
                            }
                        })
                }}
            </div>
            {move || match doing.get() {
                _ if deleted => view! { <p class="t3">"This comment was deleted."</p> }.into_any(),
                Doing::Editing => {
                    let cancel = Callback::new(move |()| doing.set(Doing::Nothing));
                    view! { <Write field=format!("edit-{id}") label="Comment" words="Save" subject=threads.subject text=text busy=busy send=save cancel=Some(cancel)/> }.into_any()
                }
                _ => view! { <div class="prose msg" inner_html=html.clone()></div> }.into_any(),
            }}
            {move || {
                (doing.get() == Doing::Deleting)
                    .then(|| {
                        view! {
                            <div class="row gap-4" role="group" aria-label="Delete this comment?">
                                <button type="button" class="btn s danger-fill" disabled=move || busy.get() on:click=delete>"Delete comment"</button>
                                <button type="button" class="btn s" on:click=move |_| doing.set(Doing::Nothing)>"Cancel"</button>
                            </div>
                        }
                    })
            }}
        </article>
    }
}
