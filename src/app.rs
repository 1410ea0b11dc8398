//! The document, what every page stands in, and the table of pages.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_meta::{MetaTags, provide_meta_context};
use leptos_router::{
    PossibleRouteMatch,
    components::{ParentRoute, Route, Router, Routes},
    path,
};

use crate::{
    browser::{LazyPage, storage},
    features::{
        accounts::state::{provide_session, use_session},
        accounts::ui as accounts,
        analytics::ui as analytics,
        artifacts::ui as artifacts,
        evolution::ui as evolution,
        marketplace::ui as marketplace,
        notifications::ui as notifications,
        search::ui as search,
        sessions::ui as sessions,
        traces::ui as traces,
        volumes::ui as volumes,
        webhooks::ui as webhooks,
    },
    lazy_pages,
    ui::{Frame, NotFound, VisitorFrame, document::Assets, preload_overlays, toast::ToastsContext},
};

lazy_pages! {
    load_entry (__preload_load_entry) as Entry {
        Login => accounts::LoginPage;
        SecondStep => accounts::SecondStepPage;
        SignUp => accounts::SignUpPage;
        Invite => accounts::InvitePage;
        Reset => accounts::ResetPage;
    }
    load_browse (__preload_load_browse) as Browse {
        Library => artifacts::LibraryPage;
        Changes => artifacts::ChangesPage;
        Volume => volumes::VolumePage;
        Commit => volumes::CommitPage;
        Search => search::SearchPageView;
    }
    load_work (__preload_load_work) as Work {
        Sessions => sessions::SessionsPage;
        Session => sessions::SessionPage;
        Notifications => notifications::NotificationsPage;
        Artifact => artifacts::ArtifactPane;
        NewArtifact => artifacts::NewArtifactPage;
        Import => volumes::ImportPage;
    }
    load_market (__preload_load_market) as Market {
        Visitors => VisitorFrame;
        Catalogue => marketplace::CataloguePage;
        Item => marketplace::ItemPage;
        Installed => marketplace::InstalledPage;
        Publish => marketplace::PublishPage;
        Submissions => marketplace::SubmissionsPage;
        Submission => marketplace::SubmissionPage;
        Moderation => marketplace::ModerationPage;
        Record => marketplace::RecordPage;
        Names => marketplace::NamesPage;
        ManageItem => marketplace::ManagePage;
    }
    load_manage (__preload_load_manage) as Manage {
        Team => accounts::TeamPage;
        Settings => accounts::SettingsPage;
        Admin => accounts::AdminPage;
        Deliveries => webhooks::DeliveriesPage;
    }
    load_analyse (__preload_load_analyse) as Analyse {
        Analytics => analytics::AnalyticsPage;
        SharedAnalytics => analytics::SharedAnalyticsPage;
    }
    load_evolve (__preload_load_evolve) as Evolve {
        Traces => traces::TracesPage;
        Evolution => evolution::EvolutionPage;
    }
}

/// Has the code in the browser that search needs when there is no network.
pub async fn preload_search() {
    crate::lazy_preload!(__preload_load_browse);
    preload_overlays().await;
}

/// Which of those groups an address needs, by its first part, or by that and a slash where more follows. The document says so, and the browser has their code before
/// the main part runs (`scripts/pack.mjs`).
pub const GROUPS: &str = concat!(
    r#"{"login":["entry"],"sign-up":["entry"],"invite":["entry"],"reset":["entry"],"#,
    r#""artifacts":["browse"],"artifacts/":["browse","work"],"search":["browse"],"changes":["browse"],"volumes":["browse"],"commits":["browse"],"#,
    r#""sessions":["work"],"notifications":["work"],"import":["work"],"marketplace":["market"],"teams":["manage"],"settings":["manage"],"#,
    r#""admin":["manage"],"deliveries":["manage"],"analytics":["analyse"],"shared":["analyse"],"evolution":["evolve"],"traces":["evolve"]}"#
);

/// The HTML document around the application.
pub fn shell(_options: LeptosOptions) -> impl IntoView {
    let theme = match storage::preference("theme").as_deref() {
        Some("light") => "light",
        Some("auto") => "auto",
        _ => "dark",
    };
    let density = storage::preference("density").filter(|density| density == "comfortable");
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme data-density=density>
            <head>
                <HeadTags theme=theme/>
                <Assets/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// The document without a page in it, which the service worker has for every address while there is no network; the browser's half then makes the page.
pub fn empty_page() -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme="dark" data-shell="">
            <head>
                <title>"LLMos-Lite"</title>
                <HeadTags theme="auto"/>
                <Assets empty=true/>
            </head>
            <body></body>
        </html>
    }
}

/// What browsers and systems read of the document. The colour around the page is the page's own; where the system decides on the theme, it decides on that too.
#[component]
fn HeadTags(theme: &'static str) -> impl IntoView {
    const DARK: &str = "#0a0e14";
    const LIGHT: &str = "#fafbfc";
    let colour = |scheme: &str, colour: &'static str| {
        leptos::html::meta().name("theme-color").attr("media", format!("(prefers-color-scheme: {scheme})")).content(colour)
    };
    view! {
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content"/>
        {colour("dark", if theme == "light" { LIGHT } else { DARK })}
        {colour("light", if theme == "dark" { DARK } else { LIGHT })}
        <meta name="mobile-web-app-capable" content="yes"/>
        <meta name="apple-mobile-web-app-title" content="LLMos"/>
        <meta name="apple-mobile-web-app-status-bar-style" content=if theme == "light" { "default" } else { "black-translucent" }/>
        <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
        <link rel="apple-touch-icon" href="/icons/apple-touch-180.png"/>
        <link rel="manifest" href="/manifest.webmanifest"/>
    }
}

/// One type of path for all routes: the router's part of a route is compiled for each.
fn at(path: impl PossibleRouteMatch + Send + Sync + 'static) -> Arc<dyn PossibleRouteMatch + Send + Sync> {
    Arc::new(path)
}

/// Everything inside the body: contexts in order, then the pages.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_context(ToastsContext::new());
    provide_session();
    let frame = if use_session().visitor { Market::Visitors.page() } else { LazyPage::here(|| Frame().into_any()) };
    view! {
        <Router>
            <Routes fallback=|| view! { <NotFound/> }>
                <Route path=at(path!("/login")) view=Entry::Login.page()/>
                <Route path=at(path!("/login/second-step")) view=Entry::SecondStep.page()/>
                <Route path=at(path!("/sign-up")) view=Entry::SignUp.page()/>
                <Route path=at(path!("/invite/:token")) view=Entry::Invite.page()/>
                <Route path=at(path!("/reset/:token")) view=Entry::Reset.page()/>
                <Route path=at(path!("/shared/analytics/:token")) view=Analyse::SharedAnalytics.page()/>
                <ParentRoute path=at(path!("")) view=frame>
                    <Route path=at(path!("/")) view=LazyPage::here(|| artifacts::HomePage().into_any())/>
                    <Route path=at(path!("/sessions")) view=Work::Sessions.page()/>
                    <Route path=at(path!("/sessions/:id")) view=Work::Session.page()/>
                    <Route path=at(path!("/notifications")) view=Work::Notifications.page()/>
                    <Route path=at(path!("/artifacts/new")) view=Work::NewArtifact.page()/>
                    <ParentRoute path=at(path!("/artifacts")) view=Browse::Library.page()>
                        <Route path=at(path!("")) view=LazyPage::here(|| ().into_any())/>
                        <Route path=at(path!("/:id")) view=Work::Artifact.page()/>
                    </ParentRoute>
                    <Route path=at(path!("/search")) view=Browse::Search.page()/>
                    <Route path=at(path!("/marketplace")) view=Market::Catalogue.page()/>
                    <Route path=at(path!("/marketplace/installed")) view=Market::Installed.page()/>
                    <Route path=at(path!("/marketplace/publish")) view=Market::Publish.page()/>
                    <Route path=at(path!("/marketplace/submissions")) view=Market::Submissions.page()/>
                    <Route path=at(path!("/marketplace/submissions/:id")) view=Market::Submission.page()/>
                    <Route path=at(path!("/marketplace/moderation")) view=Market::Moderation.page()/>
                    <Route path=at(path!("/marketplace/record")) view=Market::Record.page()/>
                    <Route path=at(path!("/marketplace/names")) view=Market::Names.page()/>
                    <Route path=at(path!("/marketplace/:slug/manage")) view=Market::ManageItem.page()/>
                    <Route path=at(path!("/marketplace/:slug")) view=Market::Item.page()/>
                    <Route path=at(path!("/changes")) view=Browse::Changes.page()/>
                    <Route path=at(path!("/evolution/:id?")) view=Evolve::Evolution.page()/>
                    <Route path=at(path!("/traces/:id?")) view=Evolve::Traces.page()/>
                    <Route path=at(path!("/analytics")) view=Analyse::Analytics.page()/>
                    <Route path=at(path!("/import")) view=Work::Import.page()/>
                    <Route path=at(path!("/volumes/:id")) view=Browse::Volume.page()/>
                    <Route path=at(path!("/commits/:id")) view=Browse::Commit.page()/>
                    <Route path=at(path!("/teams/:id/:part?")) view=Manage::Team.page()/>
                    <Route path=at(path!("/settings/:part?")) view=Manage::Settings.page()/>
                    <Route path=at(path!("/admin/:part?")) view=Manage::Admin.page()/>
                    <Route path=at(path!("/deliveries/:id?")) view=Manage::Deliveries.page()/>
                    <Route path=at(path!("/*any")) view=LazyPage::here(|| NotFound().into_any())/>
                </ParentRoute>
            </Routes>
        </Router>
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::GROUPS;

    #[test]
    fn the_document_names_the_groups_of_every_route() {
        let named: BTreeMap<String, BTreeSet<String>> = serde_json::from_str(GROUPS).expect("JSON");
        let mut shown = BTreeSet::new();
        for line in include_str!("app.rs").lines() {
            let Some((path, view)) = line.split_once("path!(\"/").and_then(|(_, rest)| rest.split_once("\")) view=")) else { continue };
            let group = view.split("::").next().unwrap_or_default().to_lowercase();
            let first = path.split('/').next().unwrap_or_default();
            // Below the library, beside it; or in the main part.
            if first.starts_with(':') || group == "lazypage" {
                continue;
            }
            let longer = format!("{first}/");
            let key = if path != first && named.contains_key(&longer) { &longer } else { first };
            assert!(named.get(key).is_some_and(|groups| groups.contains(&group)), "{line}");
            shown.insert((first.to_owned(), group));
        }
        for (key, groups) in named {
            let first = key.trim_end_matches('/').to_owned();
            assert!(groups.into_iter().all(|group| shown.contains(&(first.clone(), group))), "{key}");
        }
    }
}
