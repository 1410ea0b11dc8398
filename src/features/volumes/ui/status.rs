//! What the status line says of volumes: whether everything is committed, and how much there is.

use leptos::prelude::*;

use crate::{
    features::volumes::state::use_volumes,
    ui::{Icon, Transition, late, plural},
};

#[component]
pub fn VolumesStatus() -> impl IntoView {
    let volumes = use_volumes();
    let drafts = move || {
        let known = volumes.known_late();
        late(move || match known().iter().map(|volume| volume.drafts).sum::<i64>() {
            0 => "All changes committed".to_owned(),
            drafts => plural(drafts, "draft", "drafts"),
        })
    };
    let artifacts = move || {
        let known = volumes.known_late();
        late(move || plural(known().iter().map(|volume| volume.skills + volume.tools + volume.agents).sum(), "artifact", "artifacts"))
    };
    view! {
        <a href="/changes"><Icon name="disk"/><Transition>{drafts}</Transition></a>
        <a href="/artifacts"><Icon name="artifacts"/><Transition>{artifacts}</Transition></a>
    }
}
