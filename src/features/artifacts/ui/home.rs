//! The start: what changed, what I left, who is here.

use leptos::prelude::*;

use super::parts::ArtifactRow;
use crate::{
    features::{
        accounts::state::use_session,
        artifacts::{
            model::{ArtifactSummary, Home, HomeCommit},
            state::use_home,
        },
        sessions::{model::SessionSummary, state::use_recent_sessions, ui::SessionRows},
        volumes::{
            model::{VolumeKind, subject},
            state::use_volumes,
        },
    },
    ui::{Avatar, ErrorView, Icon, Loading, PageTitle, Suspense, Time, Transition, late, plural, short_sha},
};

#[component]
pub fn HomePage() -> impl IntoView {
    let home = use_home();
    let sessions = use_recent_sessions();
    view! {
        <PageTitle text="Home"/>
        <main class="main panes" id="main" tabindex="-1">
            <section class="pane" aria-label="Home">
                <header class="bar">
                    <h1>"Home"</h1>
                    <span class="push row gap-4">
                        <a class="btn" href="/artifacts/new"><Icon name="plus"/>"New artifact"</a>
                    </span>
                </header>
                <div class="scroll">
                    <Transition fallback=|| view! { <Loading/> }>
                        {move || {
                            let sessions = sessions.arrived();
                            home.arrived()
                                .map(|home| late(move || match home.read() {
                                    Ok(home) => {
                                        let sessions = sessions.and_then(|sessions| sessions.read().ok()).map(|page| page.items).unwrap_or_default();
                                        view! { <Start home=home sessions=sessions/> }.into_any()
                                    }
                                    Err(error) => view! { <ErrorView error=error/> }.into_any(),
                                }))
                        }}
                    </Transition>
                </div>
            </section>
        </main>
    }
}

#[component]
fn Start(home: Home, sessions: Vec<SessionSummary>) -> impl IntoView {
    let session = use_session();
    let volumes = use_volumes();
    let here = home.here.clone();
    // Nothing but what came with the server: show the three ways to begin.
    let fresh = move || {
        volumes
            .known()
            .iter()
            .filter(|volume| volume.kind != VolumeKind::System)
            .all(|volume| volume.skills + volume.tools + volume.agents == 0)
    };
    let greeting = move || session.account().map_or_else(|| "Welcome".to_owned(), |me| format!("Hello, {}", first_name(&me.person.name)));
    let quiet = home.commits.is_empty();
    view! {
        <div class="home">
            <header>
                <h2><Suspense>{greeting}</Suspense></h2>
                <Suspense>
                    {move || {
                        let volumes = volumes.known();
                        let all = volumes.iter().map(|volume| volume.skills + volume.tools + volume.agents).sum();
                        view! { <p>{format!("{} in {}.", plural(all, "artifact", "artifacts"), plural(volumes.len() as i64, "volume", "volumes"))}</p> }
                    }}
                </Suspense>
            </header>
            <Suspense>{move || fresh().then(|| late(|| view! { <Starts/> }))}</Suspense>
            <div class="col">
                <section>
                    <h3>"Sessions" <a class="link" href="/sessions">"All sessions"</a></h3>
                    {if sessions.is_empty() {
                        view! { <p class="t3 f12">"What you and your team work on stands here. " <a class="link" href="/sessions?new">"Begin one"</a></p> }.into_any()
                    } else {
                        view! { <SessionRows sessions=Signal::stored(sessions)/> }.into_any()
                    }}
                </section>
                <section>
                    <h3>"Your drafts" <a class="link" href="/changes">"All changes"</a></h3>
                    {list(home.my_drafts, "edit", "What you change and do not commit yet stands here.")}
                </section>
                <section>
                    <h3>"What changed"</h3>
                    {if quiet {
                        view! { <p class="t3 f12">"Commits of your volumes stand here."</p> }.into_any()
                    } else {
                        view! { <ul class="rows">{home.commits.into_iter().map(|commit| view! { <CommitRow commit=commit/> }).collect_view()}</ul> }.into_any()
                    }}
                </section>
            </div>
            <div class="col">
                {(!here.is_empty())
                    .then(|| {
                        view! {
                            <section>
                                <h3>"Here now"</h3>
                                <ul class="rows">
                                    {here.into_iter().map(|person| view! { <li><Avatar person=person.clone() size="s"/><div class="tx">{person.name}</div></li> }).collect_view()}
                                </ul>
                            </section>
                        }
                    })}
                <section>
                    <h3>"Favourites" <a class="link" href="/artifacts?view=favourites">"All"</a></h3>
                    {list(home.favourites, "", "The star on an artifact keeps it here.")}
                </section>
                <section>
                    <h3>"Recent" <a class="link" href="/artifacts?view=recent">"All"</a></h3>
                    {list(home.recents, "", "What you open stands here.")}
                </section>
            </div>
        </div>
    }
}

fn list(artifacts: Vec<ArtifactSummary>, tab: &'static str, nothing: &'static str) -> AnyView {
    if artifacts.is_empty() {
        return view! { <p class="t3 f12">{nothing}</p> }.into_any();
    }
    view! { <ul class="rows">{artifacts.into_iter().map(|artifact| view! { <ArtifactRow artifact=artifact tab=tab/> }).collect_view()}</ul> }.into_any()
}

fn first_name(name: &str) -> String {
    name.split_whitespace().next().unwrap_or(name).to_owned()
}

#[component]
fn CommitRow(commit: HomeCommit) -> impl IntoView {
    let HomeCommit { commit, volume_name, names } = commit;
    let more = commit.changes - names.len() as i64;
    let mut what = names.join(", ");
    if more > 0 {
        what = format!("{what} and {more} more");
    }
    view! {
        <li>
            <Avatar person=commit.author.clone() size="s"/>
            <div class="tx">
                <a class="cover" href=format!("/commits/{}", commit.id)><b>{subject(&commit.message).to_owned()}</b></a>
                <small>{format!("{}, {volume_name}: {what}", commit.author.name)}</small>
            </div>
            <span class="tail">
                <code class="wide-only">{short_sha(&commit.sha)}</code>
                <Time at=commit.created_at/>
            </span>
        </li>
    }
}

#[component]
fn Starts() -> impl IntoView {
    const WAYS: [(&str, &str, &str, &str); 3] = [
        ("/settings/teams", "users", "Create a team", "A shared volume for people and agents, with roles."),
        ("/import", "upload", "Import a folder or a zip", "Bring the skills and agents that you have."),
        ("/artifacts/new", "skill", "Write a skill", "A markdown file that tells an agent how."),
    ];
    view! {
        <div class="starts wide">
            {WAYS
                .map(|(address, icon, words, about)| {
                    view! {
                        <a href=address>
                            <span class="kind l"><Icon name=icon/></span>
                            <b>{words}</b>
                            <small>{about}</small>
                        </a>
                    }
                })
                .into_iter()
                .collect_view()}
        </div>
    }
}
