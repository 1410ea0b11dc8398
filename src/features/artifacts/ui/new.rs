//! A new artifact: kind, name, volume; the rest is written in the editor.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::parts::artifact_address;
use crate::{
    browser::{data::Sent, pwa},
    error::{AppError, ErrorCode},
    features::{
        artifacts::{
            model::{CreateArtifact, Kind, slug::slugify, template::template},
            state::{create_artifact, library_query},
        },
        outbox::state::say_sent,
        pwa::state::use_pwa,
        volumes::{model::VolumeKind, state::use_volumes},
    },
    ids::{ArtifactId, VolumeId},
    ui::{Field, FieldError, Icon, PageTitle, SelectField, Suspense, count, toast_error, use_toasts},
};

const KINDS: [(Kind, &str, &str); 3] = [
    (Kind::Skill, "Skill", "How to do something: instructions, with scripts and references beside them."),
    (Kind::Tool, "Tool", "Something to run: what it takes, what it answers."),
    (Kind::Agent, "Agent", "Somebody to ask: a role with its own instructions."),
];

#[component]
pub fn NewArtifactPage() -> impl IntoView {
    let volumes = use_volumes();
    let toasts = use_toasts();
    let app = use_pwa();
    let navigate = use_navigate();
    let asked = use_query_map().with_untracked(library_query);
    let kind = RwSignal::new(asked.kind.unwrap_or(Kind::Skill));
    let name = RwSignal::new(String::new());
    let volume = RwSignal::new(asked.volume.map(|id| id.to_string()).unwrap_or_default());
    let text = RwSignal::new(None::<String>);
    let error = RwSignal::new(None::<AppError>);
    let busy = RwSignal::new(false);
    // What another app shared, or a file that was opened with this one: the address says so.
    let query = use_query_map().get_untracked();
    let shared = query.get("shared").or_else(|| query.get("file").map(|_| String::new()));
    Effect::new(move |_| {
        let Some(id) = shared.clone() else { return };
        leptos::task::spawn_local(async move {
            let draft = pwa::shared(&id).await;
            // It was taken out of a message to this address, and is not here: the disk was full, or a day is over.
            if draft.is_none() && !id.is_empty() {
                let words = "What was shared is not on this device any more, or had no room there. Free some space, and share it again.";
                toast_error(toasts, &AppError::new(ErrorCode::NotFound, words));
            }
            if let Some(draft) = draft {
                if !draft.left.is_empty() {
                    let left = draft.left.join(", ");
                    toast_error(
                        toasts,
                        &AppError::too_large(format!("No text of an artifact is over 2 MB, so this is not in it: {left}.")),
                    );
                }
                name.try_set(draft.name);
                text.try_set(Some(draft.text).filter(|text| !text.is_empty()));
            }
        });
    });
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
        let (kind, name) = (kind.get_untracked(), name.get_untracked().trim().to_owned());
        // Without the server it begins with what the server would begin it with: it is written on before that has it.
        let away = untrack(|| app.is_away());
        let text = text.get_untracked().or_else(|| away.then(|| template(kind, &name, &slugify(&name))));
        let new = CreateArtifact { id: Some(id), volume_id, kind, name, text };
        let begins = new.text.is_some();
        let answer = create_artifact(id, new);
        let navigate = navigate.clone();
        busy.set(true);
        leptos::task::spawn_local(async move {
            match answer.await {
                // What the server begins it with is not known yet.
                Ok(Sent::Waiting) if !begins => {
                    say_sent(toasts, Sent::Waiting, "");
                    navigate("/artifacts", NavigateOptions::default());
                }
                Ok(Sent::Waiting) => {
                    say_sent(toasts, Sent::Waiting, "");
                    navigate(&format!("{}?tab=edit", artifact_address(id)), NavigateOptions::default());
                }
                Ok(Sent::Done) => {
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
                        {move || {
                            text.with(|text| text.as_ref().map(|text| text.chars().count() as i64))
                                .map(|length| view! { <p class="hint" role="status">{format!("{} characters from another app are its text.", count(length))}</p> })
                        }}
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
