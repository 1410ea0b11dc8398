//! A report that is read again and again while somebody looks at it.

use leptos::prelude::*;

use super::Icon;
use crate::{
    browser::{page, socket},
    error::{AppError, AppResult},
};

/// How often it is read, in milliseconds.
const EVERY: u32 = 2_000;

/// What is shown stays while the server cannot be reached, and says so.
pub struct Polled<T: Send + Sync + 'static> {
    pub report: RwSignal<T>,
    failed: RwSignal<Option<AppError>>,
    paused: RwSignal<bool>,
}

impl<T: Send + Sync + 'static> Clone for Polled<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Polled<T> {}

impl<T: Send + Sync + 'static> Polled<T> {
    /// `read` asks the server; `took` gets what was shown, what comes now, and the milliseconds in between.
    pub fn new<F>(first: T, read: impl Fn() -> F + Send + Sync + 'static, took: impl Fn(&T, &T, i64) + Send + Sync + 'static) -> Self
    where
        F: Future<Output = AppResult<T>> + 'static,
    {
        let polled = Self { report: RwSignal::new(first), failed: RwSignal::new(None), paused: RwSignal::new(false) };
        let read = StoredValue::new(read);
        let took = StoredValue::new(took);
        let asking = StoredValue::new(false);
        let read_at = StoredValue::new(page::now_ms());
        let ask = move || {
            if !page::is_visible() || polled.paused.try_get_untracked() != Some(false) || asking.try_get_value() != Some(false) {
                return;
            }
            polled.ask(read, took, asking, read_at);
        };
        // In an effect: the server looks once.
        Effect::new(move |_| {
            let ticker = StoredValue::new_local(Some(socket::every(EVERY, ask)));
            on_cleanup(move || {
                ticker.try_update_value(|ticker| *ticker = None);
            });
        });
        polled
    }

    fn ask<F: Future<Output = AppResult<T>> + 'static>(
        self,
        read: StoredValue<impl Fn() -> F + Send + Sync + 'static>,
        took: StoredValue<impl Fn(&T, &T, i64) + Send + Sync + 'static>,
        asking: StoredValue<bool>,
        read_at: StoredValue<i64>,
    ) {
        let Some(answer) = read.try_with_value(|read| read()) else { return };
        asking.set_value(true);
        leptos::task::spawn_local(async move {
            let answer = answer.await;
            asking.try_set_value(false);
            match answer {
                Ok(report) => {
                    let now = page::now_ms();
                    let passed = read_at.try_update_value(|at| now - std::mem::replace(at, now)).unwrap_or_default();
                    took.try_with_value(|took| self.report.try_with_untracked(|shown| took(shown, &report, passed)));
                    self.failed.try_set(None);
                    self.report.try_set(report);
                }
                Err(error) => {
                    self.failed.try_set(Some(error));
                }
            }
        });
    }
}

/// The head of such a report: how new it is, and a pause.
#[component]
pub fn PolledHead<T: Send + Sync + 'static>(title: &'static str, polled: Polled<T>) -> impl IntoView {
    let paused = polled.paused;
    view! {
        <header>
            <h2>{title}</h2>
            <p role="status">
                {move || match polled.failed.get() {
                    Some(error) => view! { <span class="c-warn">{format!("Not up to date. {}", error.message)}</span> }.into_any(),
                    None if paused.get() => "Paused.".into_any(),
                    None => "Read again every two seconds while you look.".into_any(),
                }}
            </p>
            <button type="button" class="btn" aria-pressed=move || paused.get().to_string() on:click=move |_| paused.update(|paused| *paused = !*paused)>
                {move || if paused.get() { view! { <Icon name="play"/> }.into_any() } else { view! { <Icon name="pause"/> }.into_any() }}
                "Pause"
            </button>
        </header>
    }
}
