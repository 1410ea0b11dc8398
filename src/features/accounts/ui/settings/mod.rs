//! One's own account: profile, security, notifications, tokens, keys, teams, data.

mod account_data;
mod factors;
mod profile;
mod security;
mod teams;
mod tokens;

use leptos::prelude::*;

use super::{
    confirm::ConfirmIdentity,
    frame::{Part, PartBar, PartsPane, part_words, use_part},
};
use crate::{
    browser::{editor, offline, outbox, page, push, pwa, response},
    error::AppError,
    features::{
        accounts::state::{SettingsData, provide_confirmation, use_session},
        marketplace::{state::use_keys, ui::PublisherKeys},
        notifications::{state::use_notification_settings, ui::NotificationSettings},
        outbox::ui::Unsent,
        pwa::{
            pins::{KeptSeen, KeptWhole},
            ui::{AppSettings, NeedsNetwork},
        },
        search::{state::forget_searches, ui::OfflineSearch},
    },
    ui::{ErrorView, Icon, Loading, PageTitle, Suspense, Transition, late},
};
use account_data::AccountData;
use profile::Profile;
use security::Security;
use teams::Teams;
use tokens::Tokens;

const PARTS: [Part; 10] = [
    Part { slug: "profile", icon: "user", words: "Profile" },
    Part { slug: "security", icon: "lock", words: "Security" },
    Part { slug: "notifications", icon: "bell", words: "Notifications" },
    Part { slug: "tokens", icon: "key", words: "API tokens" },
    Part { slug: "keys", icon: "signed", words: "Publishing keys" },
    Part { slug: "teams", icon: "users", words: "Teams" },
    Part { slug: "app", icon: "phone", words: "App" },
    Part { slug: "offline", icon: "offline", words: "Offline" },
    Part { slug: "unsent", icon: "clock", words: "Unsent changes" },
    Part { slug: "data", icon: "download", words: "Your data" },
];

/// What is done there is done on the server alone; the others are about this device, or keep what is done until the server has it.
const ON_SERVER: [&str; 6] = ["security", "notifications", "tokens", "keys", "teams", "data"];

#[component]
pub fn SettingsPage() -> impl IntoView {
    let session = use_session();
    let (part, show) = use_part("profile");
    let confirmation = provide_confirmation();
    let data = SettingsData::new(part);
    let keys = use_keys(Memo::new(move |_| part.with(|part| part == "keys")));
    let told = use_notification_settings(Memo::new(move |_| part.with(|part| part == "notifications")));
    let title = Signal::derive(move || part.with(|part| part_words(&PARTS, part)).to_owned());
    view! {
        <PageTitle text=title/>
        <main class="main panes p-settings" id="main" tabindex="-1" data-show=move || show.get()>
            <PartsPane title="Settings" base="/settings" parts=PARTS.to_vec() current=part>
                // The rail has this too, but a phone and a narrow window do not show it there.
                <Suspense>
                    {move || {
                        session
                            .account()
                            .filter(|me| me.administrator)
                            .map(|_| late(|| view! { <a href="/admin"><Icon name="shield"/><span>"Administration"</span></a> }))
                    }}
                </Suspense>
            </PartsPane>
            <section class="pane" data-part="main" aria-label=move || title.get()>
                <PartBar title=title back="/settings"/>
                {move || part.with(|part| ON_SERVER.contains(&part.as_str())).then(|| view! { <NeedsNetwork what="Changing this"/> })}
                <div class="scroll">
                    <div class="settings">
                        <Transition fallback=|| view! { <Loading/> }>
                            {move || {
                                session
                                    .me
                                    .get()
                                    .map(|me| match (me, part.get().as_str()) {
                                        (Err(error), _) => {
                                            response::set_status(error.code.status());
                                            view! { <ErrorView error=error/> }.into_any()
                                        }
                                        (Ok(me), "profile") => late(|| view! { <Profile me=me/> }).into_any(),
                                        // These read further answers.
                                        (Ok(me), "security") => view! { <Security me=me data=data/> }.into_any(),
                                        (Ok(me), "notifications") => view! { <NotificationSettings account_zone=me.time_zone settings=told/> }.into_any(),
                                        (Ok(_), "tokens") => view! { <Tokens data=data/> }.into_any(),
                                        (Ok(me), "keys") => view! { <PublisherKeys account=me.person.id keys=keys/> }.into_any(),
                                        (Ok(me), "teams") => late(|| view! { <Teams me=me/> }).into_any(),
                                        (Ok(_), "app") => late(|| view! { <AppSettings/> }).into_any(),
                                        (Ok(me), "offline") => late(move || view! { <KeptWhole/><KeptSeen/><OfflineSearch account=me.person.id/> }).into_any(),
                                        (Ok(_), "unsent") => late(|| view! { <Unsent/> }).into_any(),
                                        (Ok(me), "data") => late(|| view! { <AccountData me=me/> }).into_any(),
                                        (Ok(_), _) => {
                                            response::set_status(404);
                                            view! { <ErrorView error=AppError::not_found("page")/> }.into_any()
                                        }
                                    })
                            }}
                        </Transition>
                    </div>
                </div>
            </section>
            <ConfirmIdentity confirmation=confirmation/>
        </main>
    }
}

/// Nothing of the account stays on this device, but for what the server does not have yet.
async fn leave() {
    editor::forget_all().await;
    offline::forget().await;
    push::forget().await;
    pwa::forget().await;
    forget_searches();
    outbox::leave().await;
    page::go("/login");
}
