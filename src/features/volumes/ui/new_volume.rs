//! Making a volume: its name, and whose it is.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use crate::{
    browser::page,
    error::AppError,
    features::{
        accounts::{model::Action, state::use_session},
        volumes::{
            model::CreateVolume,
            state::{create_volume, use_volumes},
        },
    },
    ids::{TeamId, VolumeId},
    ui::{Dialog, Field, FieldError, SelectField, Suspense},
};

pub const NEW_VOLUME: &str = "new-volume";

/// Opened as [`NEW_VOLUME`].
#[component]
pub fn NewVolumeDialog(
    /// Chosen at first.
    team: Option<TeamId>,
) -> impl IntoView {
    let session = use_session();
    let volumes = use_volumes();
    let navigate = use_navigate();
    let name = RwSignal::new(String::new());
    let owner = RwSignal::new(team.map(|team| team.to_string()).unwrap_or_default());
    let error = RwSignal::new(None::<AppError>);
    let create = move || {
        let made = VolumeId::generate();
        let team = owner.with_untracked(|owner| owner.parse().ok());
        let answer = create_volume(CreateVolume { id: Some(made), name: name.get_untracked().trim().to_owned(), team });
        let navigate = navigate.clone();
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    page::close_dialog(NEW_VOLUME);
                    name.try_set(String::new());
                    error.try_set(None);
                    volumes.refresh();
                    navigate(&format!("/volumes/{made}"), NavigateOptions::default());
                }
                Err(failed) => {
                    error.try_set(Some(failed));
                }
            }
        });
    };
    let owners = Signal::derive(move || {
        let teams = session.account().map(|me| me.teams).unwrap_or_default();
        let teams = teams.into_iter().filter(|team| team.role.allows(Action::ManageVolumes));
        std::iter::once((String::new(), "Only me".to_owned())).chain(teams.map(|team| (team.id.to_string(), team.name))).collect()
    });
    view! {
        <Dialog id=NEW_VOLUME title="New volume" size="s">
            <form
                on:submit=move |event| {
                    event.prevent_default();
                    create();
                }
            >
                <div class="body">
                    <FieldError error=error/>
                    <Field id="new-volume-name" name="name" label="Name" value=name error=error required=true/>
                    <Suspense>
                        <SelectField id="new-volume-owner" label="Shared with" value=owner options=owners/>
                    </Suspense>
                </div>
                <footer><button type="submit" class="btn primary">"Create"</button></footer>
            </form>
        </Dialog>
    }
}
