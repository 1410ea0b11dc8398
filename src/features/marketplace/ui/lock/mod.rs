//! What of the marketplace stands in a volume: the page of a lock, and the dialog in which it changes.

mod history;
mod plan;
mod settings;
mod table;

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use crate::{
    browser::page,
    error::AppError,
    features::{
        accounts::state::Running,
        marketplace::{
            model::{ChangeLock, Installation, VolumeLock},
            state::{CATALOGUE, INSTALLED, enable_copy, lock_address, use_lock},
            ui::{
                parts::Places,
                publish::{Lines, Refused},
            },
        },
        pwa::ui::NeedsNetwork,
        volumes::{model::Volume, state::use_volumes},
    },
    ids::VolumeId,
    ui::{Dialog, EmptyState, ErrorView, Icon, Loading, PageTitle, Transition, late, plural, toast, use_toasts},
};
use history::History;
pub use plan::{Asked, PlanDialog, Planning};
use settings::Settings;
use table::Installations;

const ENABLE: &str = "enable-copy";

/// The lock that is shown, for the parts of its page.
#[derive(Clone, Copy)]
struct Shown {
    lock: RwSignal<VolumeLock>,
    planning: Planning,
    /// What is to be used although it is disabled: slug and name.
    enabling: RwSignal<Option<(String, String)>>,
}

impl Shown {
    fn may_change(self) -> bool {
        self.lock.with(|lock| lock.may_change)
    }
    fn volume(self) -> VolumeId {
        self.lock.with_untracked(|lock| lock.volume_id)
    }
    /// Shows what a change would do.
    fn ask(self, change: ChangeLock, title: String, verb: &'static str, told: String) {
        self.planning.ask(Asked { volume: self.volume(), change, title, verb, told });
    }
}

/// Whether there is a newer version that an update would bring.
fn is_behind(installation: &Installation) -> bool {
    !installation.latest.is_empty() && installation.latest != installation.version && installation.disabled.is_empty()
}

#[component]
pub fn InstalledPage() -> impl IntoView {
    let params = use_query_map();
    let volume = Memo::new(move |_| params.with(|params| params.get("volume").and_then(|id| id.parse::<VolumeId>().ok())));
    let lock = use_lock(volume);
    view! {
        <PageTitle text="Installed"/>
        <main class="main panes p-lock" id="main" tabindex="-1">
            <section class="pane" aria-label="Installed">
                <header class="bar">
                    <a class="btn ghost icon-only" href=CATALOGUE aria-label="Back to the marketplace" title="Back to the marketplace"><Icon name="chev-l"/></a>
                    <h1>"Installed"</h1>
                    <span class="push"><VolumeChoice volume=volume/></span>
                </header>
                <div class="toolbar"><Places here=INSTALLED/></div>
                <NeedsNetwork what="Installing"/>
                <div class="scroll" tabindex="0">
                    <Transition fallback=|| view! { <Loading/> }>
                        {move || {
                            if volume.get().is_none() {
                                return Some(late(|| view! { <WhichVolume/> }.into_any()));
                            }
                            lock.arrived()
                                .map(|lock| {
                                    late(move || match lock.read() {
                                        Ok(lock) => view! { <Lock lock=lock/> }.into_any(),
                                        Err(error) => view! { <ErrorView error=error/> }.into_any(),
                                    })
                                })
                        }}
                    </Transition>
                </div>
            </section>
        </main>
    }
}

/// Which volume: a plain form, which also answers at once to a choice.
#[component]
fn VolumeChoice(volume: Memo<Option<VolumeId>>) -> impl IntoView {
    let volumes = use_volumes();
    let navigate = use_navigate();
    let go = Callback::new(move |id: String| {
        let address = id.parse().map_or_else(|_| INSTALLED.to_owned(), lock_address);
        navigate(&address, NavigateOptions { scroll: false, ..NavigateOptions::default() });
    });
    view! {
        <form class="row" method="get" action=INSTALLED>
            <label class="sr" for="lock-volume">"Volume"</label>
            <Transition>
                {move || {
                    let known = volumes.known_late();
                    late(move || {
                        let chosen = volume.get_untracked();
                        let option = |volume: Volume| view! { <option value=volume.id.to_string() selected=chosen == Some(volume.id)>{volume.name}</option> };
                        view! {
                            <span class="select auto">
                                <select
                                    class="input s"
                                    id="lock-volume"
                                    name="volume"
                                    prop:value=move || volume.get().map(|id| id.to_string()).unwrap_or_default()
                                    on:change=move |event| go.run(event_target_value(&event))
                                >
                                    <option value="" selected=chosen.is_none()>"Choose a volume"</option>
                                    {known().into_iter().map(option).collect_view()}
                                </select>
                                <Icon name="chev-ud"/>
                            </span>
                        }
                    })
                }}
            </Transition>
            <noscript><button type="submit" class="btn s">"Show"</button></noscript>
        </form>
    }
}

#[component]
fn WhichVolume() -> impl IntoView {
    let volumes = use_volumes();
    view! {
        <EmptyState icon="market" title="Which volume?" text="Each volume keeps a list of what of the marketplace is in it, in which version, and why.">
            <Transition>
                {move || {
                    let known = volumes.known_late();
                    late(move || known().into_iter().map(|volume| view! { <a class="btn" href=lock_address(volume.id)>{volume.name}</a> }).collect_view())
                }}
            </Transition>
        </EmptyState>
    }
}

#[component]
fn Lock(lock: VolumeLock) -> impl IntoView {
    let toasts = use_toasts();
    let volumes = use_volumes();
    let lock = RwSignal::new(lock);
    let planning = Planning::new(move |asked, next| {
        lock.set(next);
        volumes.refresh();
        toast(toasts, asked.told);
    });
    let shown = Shown { lock, planning, enabling: RwSignal::new(None) };
    let behind =
        move || lock.with(|lock| lock.installations.iter().filter(|installation| is_behind(installation) && !installation.pinned).count());
    let update_all = move |_| {
        let name = lock.with_untracked(|lock| lock.volume_name.clone());
        let change = ChangeLock { update_all: true, ..ChangeLock::default() };
        shown.ask(change, format!("Update everything in {name}"), "Update all", format!("Updated what is installed in {name}"));
    };
    view! {
        <div class="page lock">
            <header class="lock-head">
                <p class="t2">
                    {move || lock.with(|lock| format!("{} in ", plural(lock.installations.len() as i64, "item of the marketplace", "items of the marketplace")))}
                    <a class="link" href=move || format!("/volumes/{}", lock.with(|lock| lock.volume_id))>{move || lock.with(|lock| lock.volume_name.clone())}</a>
                    {move || match behind() {
                        0 => ".".to_owned(),
                        1 => "; a newer version of one is out.".to_owned(),
                        behind => format!("; newer versions of {behind} are out."),
                    }}
                </p>
                {move || {
                    (shown.may_change() && behind() > 0)
                        .then(|| view! { <button type="button" class="btn primary" on:click=update_all><Icon name="refresh"/>"Update all"</button> })
                }}
                {move || (!shown.may_change()).then(|| view! { <span class="hint row gap-4"><Icon name="lock" class="s"/>"You may look at it, not change it"</span> })}
            </header>
            <Installations shown=shown/>
            <Settings shown=shown/>
            <History shown=shown/>
        </div>
        <PlanDialog planning=planning/>
        <Enable shown=shown/>
    }
}

/// Asks why a disabled copy is used nevertheless.
#[component]
fn Enable(shown: Shown) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let reason = RwSignal::new(String::new());
    let title = Signal::derive(move || shown.enabling.get().map_or_else(String::new, |(_, name)| format!("Use {name} nevertheless?")));
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let Some((slug, name)) = shown.enabling.get_untracked() else { return };
        let words = reason.with_untracked(|reason| reason.trim().to_owned());
        if words.is_empty() {
            running.error.set(Some(AppError::field("reason", "Say why: it is noted with your name.")));
            page::focus("enable-reason");
            return;
        }
        running.run(enable_copy(shown.volume(), slug, words), move |lock| {
            page::close_dialog(ENABLE);
            reason.set(String::new());
            shown.lock.set(lock);
            toast(toasts, format!("{name} is used again"));
        });
    };
    view! {
        <Dialog id=ENABLE title=title size="s" alert=true>
            <form on:submit=send>
                <div class="body">
                    <p>"Moderators of the marketplace put it into quarantine. Agents and people of this volume find and use it again when you go on."</p>
                    <Lines id="enable-reason" label="Your reason" name="reason" value=reason rows=3 required=Signal::stored(true) hint="It stands in the audit log with your name." error=running.error/>
                    <Refused error=running.error/>
                </div>
                <footer>
                    <button type="button" class="btn" on:click=move |_| page::close_dialog(ENABLE)>"Cancel"</button>
                    <button type="submit" class="btn danger-fill" class:busy=move || running.busy.get()>"Use it"</button>
                </footer>
            </form>
        </Dialog>
    }
}
