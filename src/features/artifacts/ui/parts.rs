//! What several pages of artifacts share.

use leptos::prelude::*;

use crate::{
    browser::page,
    features::{
        artifacts::model::ArtifactSummary,
        volumes::{
            model::{Volume, VolumeKind},
            state::use_volumes,
        },
    },
    ids::{ArtifactId, VolumeId},
    ui::{Dialog, Icon, KindMark, Time, late, plural},
};

pub use crate::ui::page_keys;

pub fn artifact_address(id: ArtifactId) -> String {
    format!("/artifacts/{id}")
}

/// Whose it is, within a sentence.
pub fn owner_words(kind: VolumeKind) -> &'static str {
    match kind {
        VolumeKind::System => "system",
        VolumeKind::Team => "team",
        VolumeKind::User => "your own",
    }
}

pub fn volume_icon(kind: VolumeKind) -> &'static str {
    match kind {
        VolumeKind::System => "lock",
        VolumeKind::Team => "users",
        VolumeKind::User => "user",
    }
}

/// What is to be known of an artifact before it is opened.
#[component]
pub fn SummaryChips(artifact: ArtifactSummary) -> impl IntoView {
    let mut chips: Vec<AnyView> = Vec::new();
    if !artifact.disabled.is_empty() {
        chips.push(view! { <span class="chip bad" title=artifact.disabled>"Disabled"</span> }.into_any());
    }
    if artifact.new {
        chips.push(view! { <span class="chip info">"New"</span> }.into_any());
    } else if artifact.has_draft {
        chips.push(view! { <span class="chip warn">"Draft"</span> }.into_any());
    }
    if let Some(kind) = artifact.overrides {
        chips.push(view! { <span class="chip line">{format!("Overrides {}", owner_words(kind))}</span> }.into_any());
    }
    if let Some(kind) = artifact.hidden_by {
        chips.push(view! { <span class="chip line">{format!("Hidden by {}", owner_words(kind))}</span> }.into_any());
    }
    if artifact.hints > 0 {
        chips.push(view! { <span class="chip warn"><Icon name="alert"/>{plural(artifact.hints, "hint", "hints")}</span> }.into_any());
    }
    (!chips.is_empty()).then(|| view! { <span class="m">{chips}</span> })
}

/// A row of a short list: home, drafts.
#[component]
pub fn ArtifactRow(artifact: ArtifactSummary, #[prop(optional)] tab: &'static str) -> impl IntoView {
    let mut address = artifact_address(artifact.id);
    if !tab.is_empty() {
        address = format!("{address}?tab={tab}");
    }
    view! {
        <li>
            <KindMark kind=artifact.kind small=true/>
            <div class="tx">
                <a class="cover" href=address><b>{artifact.name.clone()}</b></a>
                <small class="trunc">{artifact.description.clone()}</small>
            </div>
            <span class="tail">
                {if artifact.new { Some(("chip info", "New")) } else { artifact.has_draft.then_some(("chip warn", "Draft")) }
                    .map(|(class, words)| view! { <span class=class>{words}</span> })}
                <Time at=artifact.updated_at/>
            </span>
        </li>
    }
}

/// Asks for one of the volumes that one may write to. `act` gets it.
#[component]
pub fn VolumeDialog(
    id: &'static str,
    #[prop(into)] title: Signal<String>,
    /// The verb of the button.
    verb: &'static str,
    hint: &'static str,
    /// Where it is already.
    #[prop(optional, into)]
    not: Option<Signal<Option<VolumeId>>>,
    #[prop(into)] act: Callback<VolumeId>,
) -> impl IntoView {
    let volumes = use_volumes();
    let chosen = RwSignal::new(None::<VolumeId>);
    let choice = move |volume: Volume| {
        let volume_id = volume.id;
        view! {
            <label class="radio">
                <input type="radio" name=id prop:checked=move || chosen.get() == Some(volume_id) on:change=move |_| chosen.set(Some(volume_id))/>
                <span>{volume.name} <span class="hint">{plural(volume.skills + volume.tools + volume.agents, "artifact", "artifacts")}</span></span>
            </label>
        }
    };
    view! {
        <Dialog id=id title=title size="s">
            <div class="body">
                <p class="t2">{hint}</p>
                <Suspense>
                    {move || {
                        let without = not.and_then(|not| not.get());
                        let known = volumes.writable();
                        late(move || {
                            let list: Vec<_> = known.into_iter().filter(|volume| Some(volume.id) != without).map(choice).collect();
                            if list.is_empty() {
                                view! { <p>"There is no other volume that you may write to."</p> }.into_any()
                            } else {
                                view! { <div role="radiogroup" aria-label="Volume">{list}</div> }.into_any()
                            }
                        })
                    }}
                </Suspense>
            </div>
            <footer>
                <button type="button" class="btn" on:click=move |_| page::close_dialog(id)>"Cancel"</button>
                <button
                    type="button"
                    class="btn primary"
                    disabled=move || chosen.get().is_none()
                    on:click=move |_| {
                        if let Some(volume) = chosen.get_untracked() {
                            page::close_dialog(id);
                            act.run(volume);
                        }
                    }
                >
                    {verb}
                </button>
            </footer>
        </Dialog>
    }
}
