//! Volume state of pages: the volumes that one sees, read once for the frame and again after a change.

use std::future::Future;

use leptos::prelude::*;
use serde_json::Value;

use super::model::{CommitDetail, CommitPage, CreateCommit, CreateVolume, UpdateVolume, Volume};
use crate::{
    browser::{
        data::{self, Arrived, Fetched, Sent},
        outbox::Wish,
    },
    error::AppResult,
    features::{
        accounts::{model::Action, state::use_session},
        artifacts::{model::LibraryQuery, state::read_artifact},
        jobs::model::JobStatus,
    },
    ids::{ArtifactId, CommitId, JobId, VolumeId},
};

/// The volumes, and where in the library one was.
#[derive(Clone, Copy)]
pub struct VolumesContext {
    list: Fetched<Vec<Volume>>,
    /// The filters of the library as it was left.
    pub library: RwSignal<LibraryQuery>,
    /// Whether the page listens to the copy buttons of rendered code already: once is enough.
    pub copies: StoredValue<bool>,
}

/// Provides the [`VolumesContext`] to everything below.
pub fn provide_volumes() {
    let visitor = use_session().visitor;
    provide_context(VolumesContext {
        list: data::fetch(move || (!visitor).then(|| "/volumes".to_owned())),
        library: RwSignal::default(),
        copies: StoredValue::new(false),
    });
}

pub fn use_volumes() -> VolumesContext {
    expect_context()
}

impl VolumesContext {
    /// Reactive; inside a `Suspense` or `Transition`. One's own first, then the teams', then the system's.
    pub fn get(self) -> Option<AppResult<Vec<Volume>>> {
        self.list.get()
    }
    /// The same, to be decoded where it is shown.
    pub fn arrived(self) -> Option<Arrived<Vec<Volume>>> {
        self.list.arrived()
    }
    /// Those that came; empty while they load or when they did not.
    pub fn known(self) -> Vec<Volume> {
        self.get().and_then(Result::ok).unwrap_or_default()
    }
    /// The same for a `late` view, which decodes them when it is built.
    pub fn known_late(self) -> impl FnOnce() -> Vec<Volume> + Send + 'static {
        let list = self.arrived();
        move || list.and_then(|list| list.read().ok()).unwrap_or_default()
    }
    /// Where one may put artifacts.
    pub fn writable(self) -> Vec<Volume> {
        self.known().into_iter().filter(|volume| volume.role.allows(Action::Commit)).collect()
    }
    pub fn name_of(self, id: VolumeId) -> String {
        self.known().into_iter().find(|volume| volume.id == id).map(|volume| volume.name).unwrap_or_default()
    }
    /// Counts or names changed.
    pub fn refresh(self) {
        self.list.refetch();
    }
}

/// Sends something whose answer is of no interest.
pub async fn tell(method: &'static str, path: String, body: impl serde::Serialize + Send + Sync + 'static) -> AppResult<()> {
    data::send::<Value>(method, path, &body).await.map(drop)
}

pub fn create_volume(new: CreateVolume) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", "/volumes".to_owned(), new)
}

pub fn rename_volume(id: VolumeId, name: String) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("PATCH", format!("/volumes/{id}"), UpdateVolume { name })
}

pub fn delete_volume(id: VolumeId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("DELETE", format!("/volumes/{id}"), ())
}

/// A page of a volume's commits, from the newest or from before one.
pub fn use_commits(id: VolumeId, before: Memo<Option<CommitId>>) -> Fetched<CommitPage> {
    data::fetch(move || {
        Some(match before.get() {
            Some(before) => format!("/volumes/{id}/commits?before={before}"),
            None => format!("/volumes/{id}/commits"),
        })
    })
}

/// The commit that the address names.
pub fn use_commit(id: Memo<String>) -> Fetched<CommitDetail> {
    data::fetch(move || Some(format!("/commits/{}", data::encode(&id.get()))))
}

pub fn use_job(id: JobId) -> Fetched<JobStatus> {
    data::fetch(move || Some(format!("/jobs/{id}")))
}

/// What the outbox calls an artifact: what is done to it waits for what was done before.
pub fn artifact_object(id: ArtifactId) -> String {
    format!("artifact:{id}")
}

/// Where the draft of an artifact is merged with what others committed.
pub fn merge_address(id: ArtifactId) -> String {
    format!("/artifacts/{id}?tab=merge")
}

/// Where drafts are committed.
pub const COMMITS: &str = "/commits";

/// The same commit onto what are the heads now.
///
/// # Errors
/// One of them cannot be read.
pub async fn onto_heads(mut commit: CreateCommit) -> AppResult<CreateCommit> {
    for item in &mut commit.artifacts {
        item.base_revision_id = read_artifact(item.id).await?.summary.head_revision_id;
    }
    Ok(commit)
}

/// Commits drafts, now or when the server can be reached.
pub async fn create_commit(commit: CreateCommit) -> AppResult<Sent> {
    let label = format!("Commit \u{201c}{}\u{201d}", commit.message);
    // The id of a commit says when it was made, which may be days from now; its key keeps it from happening twice. The page does not know yet what an earlier one
    // that waits will make the head.
    let commit = CreateCommit { id: None, after_own: true, ..commit };
    let mut wish = Wish::new(String::new(), "POST", COMMITS.to_owned(), &commit, label).alone();
    wish.objects = commit.artifacts.iter().map(|item| artifact_object(item.id)).collect();
    wish.merge = commit.artifacts.first().map(|item| merge_address(item.id)).unwrap_or_default();
    data::send_later(wish).await
}

pub fn read_job(id: JobId) -> impl Future<Output = AppResult<JobStatus>> + Send + 'static {
    data::get(format!("/jobs/{id}"))
}
