//! The document, what every page stands in, and the table of pages.

use leptos::prelude::*;
use leptos_meta::{MetaTags, provide_meta_context};
use leptos_router::{
    components::{ParentRoute, Route, Router, Routes},
    path,
};

use crate::{
    browser::storage,
    features::{
        accounts::{
            state::provide_session,
            ui::{AdminPage, InvitePage, LoginPage, ResetPage, SettingsPage, SignUpPage, TeamPage},
        },
        artifacts::ui::{ArtifactPage, ChangesPage, HomePage, LibraryPage, NewArtifactPage},
        volumes::ui::{CommitPage, ImportPage, VolumePage},
    },
    ui::{Frame, NotFound, toast::ToastsContext},
};

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
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"/>
                <meta name="theme-color" content=if theme == "light" { "#fafbfc" } else { "#0a0e14" }/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="manifest" href="/manifest.webmanifest"/>
                <crate::ui::document::Assets/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// Everything inside the body: contexts in order, then the pages.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_context(ToastsContext::new());
    provide_session();
    view! {
        <Router>
            <Routes fallback=|| view! { <NotFound/> }>
                <Route path=path!("/login") view=LoginPage/>
                <Route path=path!("/sign-up") view=SignUpPage/>
                <Route path=path!("/invite/:token") view=InvitePage/>
                <Route path=path!("/reset/:token") view=ResetPage/>
                <ParentRoute path=path!("") view=Frame>
                    <Route path=path!("/") view=HomePage/>
                    <Route path=path!("/artifacts") view=LibraryPage/>
                    <Route path=path!("/artifacts/new") view=NewArtifactPage/>
                    <Route path=path!("/artifacts/:id") view=ArtifactPage/>
                    <Route path=path!("/changes") view=ChangesPage/>
                    <Route path=path!("/import") view=ImportPage/>
                    <Route path=path!("/volumes/:id") view=VolumePage/>
                    <Route path=path!("/commits/:id") view=CommitPage/>
                    <Route path=path!("/teams/:id/:part?") view=TeamPage/>
                    <Route path=path!("/settings/:part?") view=SettingsPage/>
                    <Route path=path!("/admin/:part?") view=AdminPage/>
                </ParentRoute>
            </Routes>
        </Router>
    }
}
