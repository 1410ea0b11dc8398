//! What somebody keeps on this device as a whole: the switch beside a volume or a session, and the list of them in the settings.

use leptos::prelude::*;

use crate::{
    browser::{
        page,
        pwa::{self, Pin, Seen},
    },
    error::{AppError, AppResult},
    features::{accounts::state::use_session, search::state::sync_device},
    ui::{EmptyState, Icon, Time, bytes, count, plural, toast_error, use_toasts},
};

/// What can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    Volume,
    Session,
}

impl Whole {
    pub fn as_str(self) -> &'static str {
        match self {
            Whole::Volume => "volume",
            Whole::Session => "session",
        }
    }

    fn address(kind: &str, id: &str) -> String {
        if kind == Whole::Session.as_str() { format!("/sessions/{id}") } else { format!("/artifacts?volume={id}") }
    }
}

/// How often it is asked how far it is, in milliseconds.
const LOOK: u32 = 700;
/// An artifact takes about so many bytes here: its text, and the same as its page shows it.
const USUAL: i64 = 16 * 1024;

/// What is kept, as the worker says.
#[derive(Clone, Copy)]
struct Pins {
    list: RwSignal<Option<Vec<Pin>>>,
    /// This browser keeps nothing.
    failed: RwSignal<Option<AppError>>,
}

impl Pins {
    fn new() -> Self {
        Self { list: RwSignal::new(None), failed: RwSignal::new(None) }
    }

    fn look(self) {
        leptos::task::spawn_local(async move { self.take(pwa::pins().await) });
    }

    /// Looks again while something is being fetched.
    fn take(self, answer: AppResult<Vec<Pin>>) {
        match answer {
            Ok(list) => {
                if list.iter().any(|pin| pin.working) {
                    page::after_forget(LOOK, move || {
                        if self.list.try_get_untracked().is_some() {
                            self.look();
                        }
                    });
                }
                self.failed.try_set(None);
                self.list.try_set(Some(list));
            }
            Err(error) => drop(self.failed.try_set(Some(error))),
        }
    }

    fn one(self, kind: Whole, id: &str) -> Option<Pin> {
        self.list.with(|list| list.as_ref()?.iter().find(|pin| pin.kind == kind.as_str() && pin.id == id).cloned())
    }
}

/// Keeps it, and what is needed to search it here.
async fn keep(pins: Pins, kind: &str, id: &str, name: &str) {
    let answer = pwa::pin(kind, id, name).await;
    let is_kept = answer.is_ok();
    pins.take(answer);
    if is_kept {
        pins.look();
    }
}

/// The switch "Available offline": how much room it takes, since when it is here, how far it is.
#[component]
pub fn KeepOffline(
    kind: Whole,
    #[prop(into)] id: String,
    #[prop(into)] name: Signal<String>,
    /// How many artifacts there are, where that is known: what it will take is said before.
    #[prop(optional)]
    artifacts: i64,
    /// It is looked at when this says so.
    #[prop(default = Signal::stored(true))]
    shown: Signal<bool>,
) -> impl IntoView {
    let toasts = use_toasts();
    let session = use_session();
    let pins = Pins::new();
    let id = StoredValue::new(id);
    Effect::new(move |_| {
        if shown.get() {
            pins.look();
        }
    });
    let searching = RwSignal::new(false);
    let here = Memo::new(move |_| id.with_value(|id| pins.one(kind, id)));
    let turn = move |event: leptos::ev::Event| {
        let on = event_target_checked(&event);
        let account = session.account_untracked().map(|me| me.person.id);
        leptos::task::spawn_local(async move {
            let (id, name) = (id.get_value(), name.get_untracked());
            if !on {
                pins.take(pwa::unpin(kind.as_str(), &id).await);
                return;
            }
            keep(pins, kind.as_str(), &id, &name).await;
            if let Some(account) = account.filter(|_| pins.failed.try_get_untracked().is_some_and(|failed| failed.is_none())) {
                searching.try_set(true);
                let synced = sync_device(account, |_, _, _| {}).await;
                searching.try_set(false);
                match synced {
                    Ok(()) => crate::app::preload_search().await,
                    Err(why) => toast_error(toasts, &AppError::invalid(why)),
                }
            }
        });
    };
    let estimate = move || {
        let much = if artifacts > 0 { format!("Some {}. ", bytes(artifacts * USUAL)) } else { String::new() };
        format!("{much}Kept on this device, to be read and searched without a network.")
    };
    view! {
        <div class="row wrap">
            <label class="switch">
                <input
                    type="checkbox"
                    role="switch"
                    prop:checked=move || here.with(Option::is_some)
                    disabled=move || pins.failed.with(Option::is_some)
                    on:change=turn
                />
                "Available offline"
            </label>
            <span class="hint" role="status">
                {move || match (pins.failed.get(), here.get()) {
                    (Some(error), _) => error.message.into_any(),
                    (None, None) => estimate().into_any(),
                    (None, Some(pin)) => stands(pin).into_any(),
                }}
                {move || searching.get().then_some(". Search is on its way, too")}
            </span>
        </div>
    }
}

/// How one stands: "1,000 artifacts, 15.6 MB, as of 4 min".
fn stands(pin: Pin) -> impl IntoView {
    let words = if pin.kind == Whole::Session.as_str() { ("entry", "entries") } else { ("artifact", "artifacts") };
    let done = match (pin.working, pin.total) {
        (true, 0) => "Being looked at …".to_owned(),
        (true, total) => format!("{} of {} are here", count(pin.items), count(total)),
        (false, _) => format!("{}, {}", plural(pin.items, words.0, words.1), bytes(pin.bytes)),
    };
    let (at, error) = (pin.at, pin.error);
    view! {
        {done}
        {(at > 0 && !pin.working).then(|| view! { ", as of "<Time at=at/> })}
        {(!error.is_empty()).then(|| view! { <span class="c-warn">". "{error}</span> })}
    }
}

/// Settings: all that is kept here as a whole.
#[component]
pub fn KeptWhole() -> impl IntoView {
    let pins = Pins::new();
    Effect::new(move |_| pins.look());
    let none = move || pins.list.with(|list| list.as_ref().is_some_and(Vec::is_empty));
    let all = move || pins.list.get().unwrap_or_default();
    let total = move || all().iter().map(|pin| pin.bytes).sum::<i64>();
    let clear = move |_| {
        leptos::task::spawn_local(async move {
            for pin in pins.list.get_untracked().unwrap_or_default() {
                pins.take(pwa::unpin(&pin.kind, &pin.id).await);
            }
        });
    };
    view! {
        <section class="set">
            <header>
                <h2>"Available offline"</h2>
                <p>"Volumes and sessions that are here as a whole. The switch is on the page of each; what you opened is here as well. All of it goes when you sign out."</p>
            </header>
            {move || pins.failed.get().map(|error| view! { <p class="hint">{error.message}</p> })}
            {move || none().then(|| view! { <EmptyState icon="offline" title="Nothing is kept as a whole" text="Open a volume or a session and turn on Available offline."/> })}
            <ul class="rows" hidden=none>
                {move || all().into_iter().map(|pin| row(pin, pins)).collect_view()}
            </ul>
            <footer class="row" hidden=move || all().is_empty()>
                <span class="hint">{move || format!("{} in all", bytes(total()))}</span>
                <button type="button" class="btn push" on:click=clear><Icon name="trash"/>"Clear"</button>
            </footer>
        </section>
    }
}

/// Settings: how much is here of what was opened, how old it is, and the way to be rid of it.
#[component]
pub fn KeptSeen() -> impl IntoView {
    let seen = RwSignal::new(None::<AppResult<Seen>>);
    let look = move |clear: bool| {
        leptos::task::spawn_local(async move {
            let answer = if clear { pwa::unsee().await } else { pwa::seen().await };
            let _ = seen.try_set(Some(answer));
        });
    };
    Effect::new(move |_| look(false));
    let words = move || match seen.get() {
        None => "Being looked at …".into_any(),
        Some(Err(error)) => error.message.into_any(),
        Some(Ok(Seen { answers, bytes: size, oldest })) => view! {
            {format!("{}, {}", plural(answers, "answer", "answers"), bytes(size))}
            {(oldest > 0).then(|| view! { ", the oldest as of "<Time at=oldest/> })}
        }
        .into_any(),
    };
    let some = move || seen.with(|seen| matches!(seen, Some(Ok(seen)) if seen.answers > 0));
    view! {
        <section class="set">
            <header>
                <h2>"What you opened"</h2>
                <p>"Pages that you opened here are there without a network, as they were then: for 30 days, and the last 2,000 answers of the server."</p>
            </header>
            <footer class="row">
                <span class="hint" role="status">{words}</span>
                <button type="button" class="btn push" disabled=move || !some() on:click=move |_| look(true)><Icon name="trash"/>"Forget what was opened"</button>
            </footer>
        </section>
    }
}

fn row(pin: Pin, pins: Pins) -> impl IntoView {
    let (kind, id, name) = (pin.kind.clone(), pin.id.clone(), pin.name.clone());
    let again = {
        let (kind, id, name) = (kind.clone(), id.clone(), name.clone());
        move |_| {
            let (kind, id, name) = (kind.clone(), id.clone(), name.clone());
            leptos::task::spawn_local(async move { keep(pins, &kind, &id, &name).await });
        }
    };
    let address = Whole::address(&kind, &id);
    let remove = move |_| {
        let (kind, id) = (kind.clone(), id.clone());
        leptos::task::spawn_local(async move { pins.take(pwa::unpin(&kind, &id).await) });
    };
    let icon = if pin.kind == Whole::Session.as_str() { "session" } else { "artifacts" };
    view! {
        <li>
            <Icon name=icon/>
            <span class="tx"><a href=address><b>{name.clone()}</b></a><small>{stands(pin)}</small></span>
            <span class="tail">
                <button type="button" class="btn ghost icon-only" aria-label=format!("Compare {name} with the server") title="Compare with the server" on:click=again><Icon name="refresh"/></button>
                <button type="button" class="btn ghost icon-only" aria-label=format!("Remove {name} from this device") title="Remove from this device" on:click=remove><Icon name="trash"/></button>
            </span>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::browser::json;

    #[test]
    fn what_the_worker_says_is_read() {
        let text = r#"[{"kind":"volume","id":"7","name":"Harbor","at":5,"bytes":2048,"items":3,"total":3,"working":false,"error":""}]"#;
        let pins = json::read::<Vec<Pin>>(text).unwrap_or_default();
        assert_eq!(pins.first().map(|pin| (pin.name.as_str(), pin.at, pin.items, pin.working)), Some(("Harbor", 5, 3, false)));
    }

    #[test]
    fn each_leads_to_its_page() {
        assert_eq!(Whole::address("volume", "7"), "/artifacts?volume=7");
        assert_eq!(Whole::address("session", "7"), "/sessions/7");
    }
}
