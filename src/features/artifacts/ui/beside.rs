//! An artifact on a page that is about something else: a session's. Its parts are the same as on its own page; which one is shown is
//! in the address.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    artifact::{Shown, TextTab},
    comments::CommentsTab,
    diff::DiffTab,
    history::HistoryTab,
    merge::MergeTab,
    parts::artifact_address,
    read::ReadTab,
};
use crate::{
    features::{
        artifacts::{
            model::ArtifactDetail,
            state::{read_artifact, use_artifact},
        },
        volumes::state::use_volumes,
    },
    ids::ArtifactId,
    ui::{ErrorView, Icon, Loading, Transition, late},
};

#[component]
pub fn ArtifactBeside(
    id: ArtifactId,
    /// The address that shows it there, without the part.
    at: String,
    /// It was changed: committed, or it has a draft now.
    changed: Callback<()>,
) -> impl IntoView {
    let detail = use_artifact(Memo::new(move |_| id.to_string()));
    let at = StoredValue::new(at);
    // Once the page is there: what is beside the timeline reads answers of its own, which the server's page, built several times, would not match.
    let there = RwSignal::new(false);
    Effect::new(move |_| there.set(true));
    move || {
        if !there.get() {
            return view! { <div class="scroll"><Loading/></div> }.into_any();
        }
        view! {
            <Transition fallback=|| view! { <div class="scroll"><Loading/></div> }>
                {move || {
                    detail
                        .arrived()
                        .map(|detail| late(move || match detail.read() {
                            Ok(detail) => view! { <Parts detail=detail at=at changed=changed/> }.into_any(),
                            Err(error) => view! { <div class="scroll"><ErrorView error=error/></div> }.into_any(),
                        }))
                }}
            </Transition>
        }
        .into_any()
    }
}

#[component]
fn Parts(detail: ArtifactDetail, at: StoredValue<String>, changed: Callback<()>) -> impl IntoView {
    let id = detail.summary.id;
    let detail = RwSignal::new(detail);
    let volumes = use_volumes();
    let reload = Callback::new(move |()| {
        let answer = read_artifact(id);
        leptos::task::spawn_local(async move {
            if let Ok(read) = answer.await {
                detail.try_set(read);
            }
            volumes.refresh();
            changed.try_run(());
        });
    });
    let shown = Shown { id, detail, reload, at, begun: false };
    shown.follow();
    let query = use_query_map();
    let may_edit = Memo::new(move |_| shown.may_edit());
    // Beside a session one works on it.
    let tab = Memo::new(move |_| {
        query.with(|query| query.get("tab")).unwrap_or_else(|| if may_edit.get() { "edit".to_owned() } else { "read".to_owned() })
    });
    let current = move |names: &'static [&'static str]| move || tab.with(|tab| names.contains(&tab.as_str())).then_some("true");
    view! {
        <div class="toolbar">
            <nav class="seg" aria-label="Parts">
                <a href=shown.tab("edit") aria-current=current(&["edit", "source"])>{move || if may_edit.get() { "Edit" } else { "Source" }}</a>
                <a href=shown.tab("read") aria-current=current(&["read"])>"Read"</a>
                <a href=shown.tab("diff") aria-current=current(&["diff"])>"Diff"</a>
                <a href=shown.tab("history") aria-current=current(&["history"])>"History"</a>
                <a href=shown.tab("comments") aria-current=current(&["comments"])>"Comments"</a>
            </nav>
            <a class="btn ghost icon-only s push" href=artifact_address(id) aria-label="Open its own page" title="Open its own page"><Icon name="external"/></a>
        </div>
        {move || match tab.get().as_str() {
            part @ ("edit" | "source") => view! { <TextTab shown=shown part=part.to_owned() foot=false/> }.into_any(),
            "history" => view! { <HistoryTab shown=shown/> }.into_any(),
            "diff" => view! { <DiffTab shown=shown/> }.into_any(),
            "merge" => view! { <MergeTab shown=shown/> }.into_any(),
            "comments" => view! { <CommentsTab shown=shown/> }.into_any(),
            _ => view! { <ReadTab shown=shown/> }.into_any(),
        }}
    }
}
