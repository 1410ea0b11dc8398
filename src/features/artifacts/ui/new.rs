//! A new artifact: kind, name, volume; the rest is written in the editor.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::parts::artifact_address;
use crate::{
    error::AppError,
    features::{
        artifacts::{
            model::{CreateArtifact, Kind, slug::slugify},
            state::{create_artifact, library_query},
        },
        volumes::{model::VolumeKind, state::use_volumes},
    },
    ids::{ArtifactId, VolumeId},
    ui::{Field, FieldError, Icon, PageTitle, SelectField, Suspense},
};

const KINDS: [(Kind, &str, &str); 3] = [
    (Kind::Skill, "Skill", "How to do something: instructions, with scripts and references beside them."),
    (Kind::Tool, "Tool", "Something to run: what it takes, what it answers."),
    (Kind::Agent, "Agent", "Somebody to ask: a role with its own instructions."),
];

#[component]
pub fn NewArtifactPage() -> impl IntoView {
    let volumes = use_volumes();
    let navigate = use_navigate();
    let asked = use_query_map().with_untracked(library_query);
    let kind = RwSignal::new(asked.kind.unwrap_or(Kind::Skill));
    let name = RwSignal::new(String::new());
    let volume = RwSignal::new(asked.volume.map(|id| id.to_string()).unwrap_or_default());
    let error = RwSignal::new(None::<AppError>);
    let busy = RwSignal::new(false);
    // One's own volume unless the address or the person says otherwise.
    let options =
        Signal::derive(move || volumes.writable().into_iter().map(|volume| (volume.id.to_string(), volume.name)).collect::<Vec<_>>());
    let chosen = move || {
        let volume = volume.get_untracked();
        let writable = volumes.writable();
        writable
            .iter()
            .find(|known| known.id.to_string() == volume)
            .or_else(|| writable.iter().find(|known| known.kind == VolumeKind::User))
            .or_else(|| writable.first())
            .map(|volume| volume.id)
    };
    let submit = move || {
        let Ok(volume_id) = volume.with_untracked(|volume| volume.parse::<VolumeId>()) else {
            error.set(Some(AppError::invalid("There is no volume that you may write to.")));
            return;
        };
        if name.with_untracked(|name| name.trim().is_empty()) {
            error.set(Some(AppError::field("name", "Give it a name.")));
            return;
        }
        let id = ArtifactId::generate();
        let new = CreateArtifact {
            id: Some(id),
            volume_id,
            kind: kind.get_untracked(),
            name: name.get_untracked().trim().to_owned(),
            text: None,
        };
        let answer = create_artifact(new);
        let navigate = navigate.clone();
        busy.set(true);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    volumes.refresh();
                    navigate(&format!("{}?tab=edit", artifact_address(id)), NavigateOptions::default());
                }
                Err(failed) => {
                    busy.try_set(false);
                    error.try_set(Some(failed));
                }
            }
        });
    };
    view! {
        <PageTitle text="New artifact"/>
        <main class="main panes" id="main" tabindex="-1">
            <section class="pane" aria-label="New artifact">
                <header class="bar">
                    <a class="btn ghost icon-only phone-only" href="/artifacts" aria-label="Back to the library"><Icon name="chev-l"/></a>
                    <h1>"New artifact"</h1>
                </header>
                <div class="scroll">
                    <form
                        class="form narrow"
                        on:submit=move |event| {
                            event.prevent_default();
                            submit();
                        }
                    >
                        <FieldError error=error/>
                        <div class="kinds" role="radiogroup" aria-label="Kind">
                            {KINDS
                                .map(|(value, words, about)| {
                                    view! {
                                        <label class="radio">
                                            <input type="radio" name="kind" value=value.as_str() checked=move || kind.get() == value on:change=move |_| kind.set(value)/>
                                            <span>{words}<span class="hint">{about}</span></span>
                                        </label>
                                    }
                                })
                                .into_iter()
                                .collect_view()}
                        </div>
                        <Field id="name" label="Name" value=name required=true autofocus=true error=error autocomplete="off"/>
                        <p class="hint">
                            "Path "
                            <code>{move || name.with(|name| if name.trim().is_empty() { kind.get().main_path("…") } else { kind.get().main_path(&slugify(name)) })}</code>
                        </p>
                        <Suspense>
                            {move || {
                                if let Some(id) = chosen() && volume.with_untracked(String::is_empty) {
                                    volume.set(id.to_string());
                                }
                                view! { <SelectField id="volume" label="Volume" value=volume options=options/> }
                            }}
                        </Suspense>
                        <div class="row">
                            <button type="submit" class="btn primary" disabled=move || busy.get()>"Create and edit"</button>
                            <a class="btn ghost" href="/artifacts">"Cancel"</a>
                        </div>
                    </form>
                </div>
            </section>
        </main>
    }
}
