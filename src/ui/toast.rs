//! Toasts: what just happened, with Undo where it can be undone. They wait while hovered or focused, and are read out.

use leptos::prelude::*;

use super::Icon;
use crate::{browser::page, error::AppError};

/// How long a toast stands, in milliseconds: long enough to read and to reach Undo.
const STANDS: u32 = 8_000;

#[derive(Clone)]
struct Toast {
    id: usize,
    text: String,
    bad: bool,
    undo: Option<Callback<()>>,
    /// Words and address of where it can be seen.
    link: Option<(&'static str, String)>,
}

/// The toasts of the page.
#[derive(Clone, Copy)]
pub struct ToastsContext {
    list: RwSignal<Vec<Toast>>,
    next: StoredValue<usize>,
}

impl ToastsContext {
    pub fn new() -> Self {
        Self { list: RwSignal::new(Vec::new()), next: StoredValue::new(0) }
    }

    fn add(self, text: String, bad: bool, undo: Option<Callback<()>>, link: Option<(&'static str, String)>) {
        let id = self.next.get_value();
        self.next.set_value(id + 1);
        self.list.update(|list| {
            list.push(Toast { id, text, bad, undo, link });
            // A flood of messages helps nobody.
            if list.len() > 4 {
                list.remove(0);
            }
        });
        page::after_forget(STANDS, move || self.remove(id));
    }

    fn remove(self, id: usize) {
        // The page may be gone by then.
        let _ = self.list.try_update(|list| list.retain(|toast| toast.id != id));
    }

    /// Undoes the last act whose toast still stands.
    pub fn undo_last(self) -> bool {
        let last = self.list.with_untracked(|list| list.iter().rev().find(|toast| toast.undo.is_some()).cloned());
        let Some(Toast { id, undo: Some(undo), .. }) = last else { return false };
        self.remove(id);
        undo.run(());
        true
    }
}

impl Default for ToastsContext {
    fn default() -> Self {
        Self::new()
    }
}

pub fn use_toasts() -> ToastsContext {
    use_context::<ToastsContext>().unwrap_or_default()
}

/// Says what happened. Take `use_toasts()` before an await and call this on it later.
pub fn toast(toasts: ToastsContext, text: impl Into<String>) {
    toasts.add(text.into(), false, None, None);
}

/// Says what happened and leads to where it can be seen.
pub fn toast_link(toasts: ToastsContext, text: impl Into<String>, words: &'static str, address: String) {
    toasts.add(text.into(), false, None, Some((words, address)));
}

/// Says what happened and offers to take it back.
pub fn toast_undo(toasts: ToastsContext, text: impl Into<String>, undo: impl Fn() + Send + Sync + 'static) {
    toasts.add(text.into(), false, Some(Callback::new(move |()| undo())), None);
}

/// Says what failed.
pub fn toast_error(toasts: ToastsContext, error: &AppError) {
    toasts.add(error.message.clone(), true, None, None);
}

/// Where toasts stand; once in the page.
#[component]
pub fn Toasts() -> impl IntoView {
    let toasts = use_toasts();
    view! {
        <div class="toasts" role="status" aria-live="polite">
            {move || toasts.list.get().into_iter().map(|toast| view! {
                <div class=if toast.bad { "toast bad" } else { "toast" }>
                    <Icon name=if toast.bad { "alert" } else { "check" }/>
                    <span class="grow">{toast.text.clone()}</span>
                    {toast.link.map(|(words, address)| view! { <a class="btn s ghost" href=address on:click=move |_| toasts.remove(toast.id)>{words}</a> })}
                    {toast
                        .undo
                        .map(|undo| {
                            view! {
                                <button
                                    type="button"
                                    class="btn s ghost"
                                    on:click=move |_| {
                                        toasts.remove(toast.id);
                                        undo.run(());
                                    }
                                >
                                    "Undo"
                                </button>
                            }
                        })}
                    <button type="button" class="btn ghost icon-only s" aria-label="Dismiss" on:click=move |_| toasts.remove(toast.id)>
                        <Icon name="x"/>
                    </button>
                </div>
            }).collect_view()}
        </div>
    }
}
