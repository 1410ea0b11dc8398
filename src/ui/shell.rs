//! The frame around every signed-in page: rail, main, status line, tab bar on a phone.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{components::Outlet, hooks::use_location};

use super::{
    Avatar, Icon, Suspense, Toasts,
    keys::{OverlayViews, Overlays},
    late, toast_link, use_toasts,
};
use crate::{
    browser::{offline, page, storage},
    features::{
        accounts::state::{SessionContext, use_session},
        collaboration::{state::provide_here, ui::LiveStatus},
        notifications::{
            state::{provide_notifications, use_notifications},
            ui::{Bell, BellTab},
        },
        outbox::{state::provide_outbox, ui::OutboxStatus},
        pwa::{state::provide_pwa, ui::AppStatus},
        sessions::ui::RailSessions,
        volumes::{
            state::{provide_volumes, use_volumes},
            ui::VolumesStatus,
        },
    },
};

/// The places of the rail: address, words, icon. A feature that does not exist yet is not here.
const PLACES: [(&str, &str, &str); 9] = [
    ("/", "Home", "home"),
    ("/sessions", "Sessions", "session"),
    ("/artifacts", "Artifacts", "artifacts"),
    ("/search", "Search", "search"),
    ("/marketplace", "Marketplace", "market"),
    ("/evolution", "Evolution", "evolution"),
    ("/traces", "Traces", "trace"),
    ("/analytics", "Analytics", "analytics"),
    ("/changes", "Changes", "commit"),
];
/// The tabs of a phone, where more than six have no room for a finger; the others stand below "More".
const TABS: [(&str, &str, &str); 4] = [
    ("/", "Home", "home"),
    ("/sessions", "Sessions", "session"),
    ("/artifacts", "Artifacts", "artifacts"),
    ("/marketplace", "Market", "market"),
];
const MORE: [(&str, &str, &str); 6] = [
    ("/search", "Search", "search"),
    ("/evolution", "Evolution", "evolution"),
    ("/traces", "Traces", "trace"),
    ("/analytics", "Analytics", "analytics"),
    ("/changes", "Changes", "commit"),
    ("/settings", "Settings", "settings"),
];

/// Plain pages of the server.
const HELP: [(&str, &str); 2] = [("/help/troubleshooting", "Troubleshooting"), ("/help/migrating", "Coming from the predecessor")];

/// For administrators.
const DELIVERIES: (&str, &str, &str) = ("/deliveries", "Deliveries", "deliveries");

/// "Library · LLMos-Lite" in the window's title.
#[component]
pub fn PageTitle(#[prop(into)] text: Signal<String>) -> impl IntoView {
    // The server writes the head last, when the page and its signals may be gone already: what was there to begin with counts then.
    let first = text.get_untracked();
    let text = move || text.try_get().unwrap_or_else(|| first.clone());
    view! { <Title text=text formatter=|text: String| if text.is_empty() { "LLMos-Lite".to_owned() } else { format!("{text} · LLMos-Lite") }/> }
}

/// The frame of whoever is signed in; pages are its outlet.
#[component]
pub fn Frame() -> impl IntoView {
    let session = use_session();
    provide_volumes();
    let link = provide_notifications().listen();
    // Whatever page one is on: nobody goes on with what was put into quarantine without knowing.
    let (toasts, notifications) = (use_toasts(), use_notifications());
    Effect::new(move |_| {
        if let Some(one) = notifications.quarantined.get() {
            toast_link(toasts, format!("{} was disabled: {}", one.name, one.reason), "See it", format!("/artifacts/{}", one.artifact_id));
        }
    });
    provide_here();
    let app = provide_pwa();
    app.follow(link);
    let outbox = provide_outbox();
    let volumes = use_volumes();
    // A team that comes or goes does so with its volumes.
    Effect::new(move |last: Option<Option<usize>>| {
        let teams = session.account().map(|me| me.teams.len());
        if last.flatten().is_some_and(|last| teams.is_some_and(|teams| teams != last)) {
            volumes.refresh();
        }
        teams.or(last.flatten())
    });
    Effect::new(move |known: Option<bool>| {
        let account = session.account().map(|me| me.person.id).filter(|_| known != Some(true));
        if let Some(id) = account {
            app.start(id, toasts);
            outbox.start(id, toasts);
            leptos::task::spawn_local(async move {
                if offline::follow(&id.to_string()).await {
                    crate::app::preload_search().await;
                }
            });
        }
        account.is_some() || known == Some(true)
    });
    // "open" or "closed" as a person chose; otherwise the width of the window and what the page needs decide.
    let rail = RwSignal::new(storage::preference("rail").filter(|rail| matches!(rail.as_str(), "open" | "closed")));
    let path = use_location().pathname;
    // Where there is no room for it, it opens over the page until one goes somewhere.
    let over = RwSignal::new(false);
    Effect::new(move |_| {
        path.track();
        over.set(false);
    });
    let toggle_rail = move || {
        if page::media("(max-width: 1023px)") {
            over.update(|over| *over = !*over);
            return;
        }
        let next = if page::width_of(".rail") > 100 { "closed" } else { "open" };
        rail.set(Some(next.to_owned()));
        storage::set_preference("rail", next);
    };
    let overlays = Overlays::provide();
    provide_context(RailToggle(Callback::new(move |()| toggle_rail())));
    view! {
        <a class="btn skip" href="#main">"Skip to content"</a>
        <div class="app" data-rail=move || if over.get() { Some("over".to_owned()) } else { rail.get() }>
            <Rail session=session/>
            <Outlet/>
            <footer class="status" aria-label="State" data-away=move || app.unreached.get().then_some("")>
                <LiveStatus link=link/>
                <AppStatus/>
                <OutboxStatus/>
                <VolumesStatus/>
                <button type="button" class="push" on:click=move |_| overlays.open_shortcuts()>
                    <kbd class="kbd">"?"</kbd>
                    "Shortcuts"
                </button>
            </footer>
            <TabBar/>
        </div>
        <OverlayViews/>
        <Toasts/>
    }
}

/// Opens and closes the rail; `[` does it too.
#[derive(Clone, Copy)]
pub struct RailToggle(pub Callback<()>);

fn current(path: &str, place: &str) -> Option<&'static str> {
    let here = if place == "/" { path == "/" } else { path == place || path.starts_with(&format!("{place}/")) };
    here.then_some("page")
}

#[component]
fn Rail(session: SessionContext) -> impl IntoView {
    let path = use_location().pathname;
    let toggle = expect_context::<RailToggle>();
    let overlays = expect_context::<Overlays>();
    let theme = RwSignal::new(storage::preference("theme").unwrap_or_else(|| "dark".to_owned()));
    let change_theme = move |_| {
        let next = match theme.get_untracked().as_str() {
            "dark" => "light",
            "light" => "auto",
            _ => "dark",
        };
        theme.set(next.to_owned());
        page::set_root_attribute("data-theme", next);
        storage::set_preference("theme", next);
    };
    view! {
        <aside class="rail" aria-label="Navigation">
            <div class="rail-top">
                <a href="/" class="team" title="Home">
                    <svg class="icon logo" aria-hidden="true"><use href="/icons.svg#i-mark"></use></svg>
                    <span class="trunc">
                        <Suspense>{move || session.instance.get().and_then(Result::ok).map(|instance| instance.name)}</Suspense>
                    </span>
                </a>
                <button
                    type="button"
                    class="btn ghost icon-only"
                    aria-label="Open or close the navigation"
                    title="Open or close the navigation ( [ )"
                    on:click=move |_| toggle.0.run(())
                >
                    <Icon name="panel-l"/>
                </button>
            </div>
            <button type="button" class="rail-search" title="Search or go to" on:click=move |_| overlays.open_palette()>
                <Icon name="search"/>
                <span>"Search or go to"</span>
                <span class="push row gap-4" aria-hidden="true">
                    <kbd class="kbd">"Ctrl"</kbd>
                    <kbd class="kbd">"K"</kbd>
                </span>
            </button>
            <nav class="nav" aria-label="Main">
                {PLACES
                    .map(|(address, label, icon)| {
                        view! {
                            <a href=address title=label aria-current=move || current(&path.get(), address)>
                                <Icon name=icon/>
                                <span class="label">{label}</span>
                            </a>
                        }
                    })
                    .collect_view()}
                <Suspense>
                    {move || {
                        session
                            .account()
                            .filter(|me| me.administrator)
                            .map(|_| late(move || {
                                let (address, label, icon) = DELIVERIES;
                                view! {
                                    <a href=address title=label aria-current=move || current(&path.get(), address)>
                                        <Icon name=icon/>
                                        <span class="label">{label}</span>
                                    </a>
                                }
                            }))
                    }}
                </Suspense>
            </nav>
            <Suspense>
                {move || {
                    session
                        .account()
                        .map(|me| late(move || {
                            let teams = me.teams.clone();
                            view! {
                                <div class="rail-head">
                                    <span>"Teams"</span>
                                    <a class="btn ghost icon-only s" href="/settings/teams" aria-label="New team" title="New team"><Icon name="plus"/></a>
                                </div>
                                <nav class="nav sub" aria-label="Teams">
                                    {teams
                                        .into_iter()
                                        .map(|team| {
                                            let address = format!("/teams/{}", team.id);
                                            let name = team.name.clone();
                                            let here = address.clone();
                                            view! {
                                                <a href=address title=name aria-current=move || current(&path.get(), &here)>
                                                    <Icon name="users"/>
                                                    <span class="label">{team.name}</span>
                                                    {team.demo.then(|| view! { <span class="chip line">"Demo"</span> })}
                                                </a>
                                            }
                                        })
                                        .collect_view()}
                                </nav>
                            }
                        }))
                }}
            </Suspense>
            <RailSessions/>
            <div class="rail-foot">
                <Suspense>
                    {move || {
                        session
                            .account()
                            .map(|me| late(move || {
                                view! {
                                    <a class="row grow" href="/settings" title="Your account">
                                        <Avatar person=me.person.clone()/>
                                        <span class="grow trunc">{me.person.name.clone()}</span>
                                    </a>
                                    {me
                                        .administrator
                                        .then(|| {
                                            view! {
                                                <a class="btn ghost icon-only s" href="/admin" aria-label="Administration" title="Administration">
                                                    <Icon name="shield"/>
                                                </a>
                                            }
                                        })}
                                }
                            }))
                    }}
                </Suspense>
                <Bell/>
                <button type="button" class="btn ghost icon-only s" popovertarget="help" aria-label="Help" title="Help"><Icon name="help"/></button>
                <div id="help" popover="auto" class="pop menu">
                    {HELP.map(|(address, label)| view! { <a href=address rel="external">{label}</a> }).collect_view()}
                </div>
                <a class="btn ghost icon-only s" href="/settings" aria-label="Settings" title="Settings"><Icon name="settings"/></a>
                <button
                    type="button"
                    class="btn ghost icon-only s"
                    aria-label=move || format!("Theme: {}. Change it", theme.get())
                    title=move || format!("Theme: {}", theme.get())
                    on:click=change_theme
                >
                    <Icon name="sun"/>
                </button>
            </div>
        </aside>
    }
}

fn tab(path: Memo<String>, (address, label, icon): (&'static str, &'static str, &'static str)) -> impl IntoView {
    view! {
        <a href=address aria-current=move || current(&path.get(), address)>
            <Icon name=icon/>
            {label}
        </a>
    }
}

#[component]
fn TabBar() -> impl IntoView {
    let session = use_session();
    let path = use_location().pathname;
    view! {
        <nav class="tabbar" aria-label="Main, phone">
            {TABS.map(|place| tab(path, place)).collect_view()}
            <BellTab/>
            <details class="drop up">
                <summary aria-current=move || MORE.iter().find_map(|(address, ..)| current(&path.get(), address))>
                    <Icon name="more"/>
                    "More"
                </summary>
                <div class="pop menu">
                    {MORE.map(|place| tab(path, place)).collect_view()}
                    <Suspense>
                        {move || session.account().filter(|me| me.administrator).map(|_| late(move || tab(path, DELIVERIES)))}
                    </Suspense>
                    <a href="/help" rel="external"><Icon name="help"/>"Help"</a>
                </div>
            </details>
        </nav>
    }
}

/// A page outside the frame (sign in, invitation), with its toasts.
#[component]
pub fn Shell(children: Children) -> impl IntoView {
    view! {
        <a class="btn skip" href="#main">"Skip to content"</a>
        {children()}
        <Toasts/>
    }
}
