//! Artifact state of pages: the library's filters as an address, and what pages read and send.

use std::future::Future;

use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use super::model::{
    ArtifactDetail, ArtifactDiff, ArtifactSummary, Bulk, BulkReport, CreateArtifact, Facets, Fork, FrontmatterValue, HistoryPage, Home,
    Kind, LibraryPage, LibraryQuery, MergeView, PAGE_MAX, Preview, Previewed, RestoreRevision, SaveMerge, SetFrontmatter, Sort, ToVolume,
    View, Whose, slug::slugify,
};
use crate::{
    browser::{
        data::{self, Fetched, Sent, encode},
        json,
        outbox::{self, Item, Wish},
    },
    error::AppResult,
    features::{
        accounts::model::Me,
        volumes::{
            model::Volume,
            state::{artifact_object, merge_address, tell},
        },
    },
    ids::{ArtifactId, RevisionId, VolumeId},
};

/// The list of the library, for the artifact that is open beside it.
#[derive(Clone, Copy)]
pub struct ListContext {
    /// What is known now of one that changed: its row shows it, where it stands.
    pub changed: RwSignal<Option<ArtifactSummary>>,
    /// Reads the list again: something came or went.
    pub refresh: Callback<()>,
    /// Reads again how much is in the views.
    pub recount: Callback<()>,
}

pub fn use_list() -> ListContext {
    expect_context()
}

/// Reads the filters out of an address; what is not understood counts as not set.
pub fn library_query(params: &ParamsMap) -> LibraryQuery {
    let text = |name: &str| params.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let view = text("view").unwrap_or_default();
    let sort = text("sort").unwrap_or_default();
    LibraryQuery {
        volume: text("volume").and_then(|id| id.parse().ok()),
        team: text("team").and_then(|id| id.parse().ok()),
        whose: text("whose").and_then(|whose| Whose::ALL.into_iter().find(|known| known.as_str() == whose)),
        kind: text("kind").and_then(|kind| kind.parse::<Kind>().ok()),
        category: text("category"),
        tag: text("tag"),
        q: text("q"),
        view: View::ALL.into_iter().find(|known| known.as_str() == view).unwrap_or_default(),
        sort: Sort::ALL.into_iter().find(|known| known.as_str() == sort).unwrap_or_default(),
        cursor: text("cursor"),
        ..LibraryQuery::default()
    }
}

/// The filters that an address carries, by name; what is not set is left out.
pub fn library_fields(query: &LibraryQuery) -> Vec<(&'static str, String)> {
    let fields = [
        ("volume", query.volume.map(|id| id.to_string())),
        ("team", query.team.map(|id| id.to_string())),
        ("whose", query.whose.map(|whose| whose.as_str().to_owned())),
        ("kind", query.kind.map(|kind| kind.to_string())),
        ("category", query.category.clone()),
        ("tag", query.tag.clone()),
        ("q", query.q.clone()),
        ("view", (query.view != View::All).then(|| query.view.as_str().to_owned())),
        ("sort", (query.sort != Sort::Updated).then(|| query.sort.as_str().to_owned())),
        ("cursor", query.cursor.clone()),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The address of the library with these filters.
pub fn library_address(query: &LibraryQuery) -> String {
    let fields: Vec<String> = library_fields(query).into_iter().map(|(name, value)| format!("{name}={}", encode(&value))).collect();
    if fields.is_empty() { "/artifacts".to_owned() } else { format!("/artifacts?{}", fields.join("&")) }
}

pub fn read_library(query: &LibraryQuery) -> impl Future<Output = AppResult<LibraryPage>> + Send + use<> {
    data::get(data::with_query("/artifacts", query))
}

pub fn use_library(query: Memo<LibraryQuery>) -> Fetched<LibraryPage> {
    data::fetch(move || Some(query.with(|query| data::with_query("/artifacts", query))))
}

/// What there is to choose from: of the volumes, kind and view of `query`, whatever else it asks for.
pub fn use_facets(query: Memo<LibraryQuery>) -> Fetched<Facets> {
    data::fetch(move || {
        let scope = query.with(|query| LibraryQuery {
            volume: query.volume,
            team: query.team,
            whose: query.whose,
            kind: query.kind,
            view: query.view,
            ..LibraryQuery::default()
        });
        Some(data::with_query("/artifacts/facets", &scope))
    })
}

/// Every draft that one may commit, with its diffstat.
pub fn use_drafts() -> Fetched<LibraryPage> {
    let query = LibraryQuery { view: View::Drafts, diffstat: true, limit: Some(PAGE_MAX), ..LibraryQuery::default() };
    let path = data::with_query("/artifacts", &query);
    data::fetch(move || Some(path.clone()))
}

pub fn use_home() -> Fetched<Home> {
    data::fetch(|| Some("/home".to_owned()))
}

/// The artifact that the address names.
pub fn use_artifact(id: Memo<String>) -> Fetched<ArtifactDetail> {
    data::fetch(move || Some(format!("/artifacts/{}", encode(&id.get()))))
}

pub fn read_artifact(id: ArtifactId) -> impl Future<Output = AppResult<ArtifactDetail>> + Send + 'static {
    data::get(format!("/artifacts/{id}"))
}

/// Makes an artifact, now or when the server can be reached. `id` is the one in `new`.
pub async fn create_artifact(id: ArtifactId, new: CreateArtifact) -> AppResult<Sent> {
    let label = format!("New {} \u{201c}{}\u{201d}", new.kind, new.name);
    data::send_later(Wish::new(artifact_object(id), "POST", ARTIFACTS.to_owned(), &new, label)).await
}

pub async fn act_on_many(act: Bulk) -> AppResult<BulkReport> {
    data::post("/artifacts/bulk", &act).await
}

/// Into the trash.
pub fn delete_artifact(id: ArtifactId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("DELETE", format!("/artifacts/{id}"), ())
}

/// Out of the trash.
pub fn undelete_artifact(id: ArtifactId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("/artifacts/{id}/undelete"), ())
}

pub fn delete_for_ever(id: ArtifactId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("DELETE", format!("/artifacts/{id}/forever"), ())
}

/// Marks an artifact as a favourite or takes that back, now or when the server can be reached.
pub async fn set_favourite(id: ArtifactId, on: bool) -> AppResult<Sent> {
    let label = if on { "Favourite added" } else { "Favourite removed" };
    let method = if on { "PUT" } else { "DELETE" };
    data::send_later(Wish::new(artifact_object(id), method, format!("/artifacts/{id}/favourite"), &(), label.to_owned()).alone()).await
}

pub fn discard_draft(id: ArtifactId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("DELETE", format!("/artifacts/{id}/draft"), ())
}

/// Changes one value in the draft, now or when the server can be reached.
pub async fn set_frontmatter(id: ArtifactId, key: String, value: Option<FrontmatterValue>) -> AppResult<Sent> {
    let label = format!("{key} of an artifact");
    let change = SetFrontmatter { key, value };
    let wish = Wish::new(artifact_object(id), "PATCH", format!("/artifacts/{id}/frontmatter"), &change, label);
    data::send_later(wish.merged_at(merge_address(id))).await
}

/// Where what was written away from the server is brought to.
pub fn edits_path(id: ArtifactId) -> String {
    format!("/artifacts/{id}/edits")
}

/// Has the outbox bring a text that was written while its document was out of reach; `body` is what the editor gives for it. Only the newest counts, until
/// something else is done to the artifact.
///
/// # Errors
/// It could not be kept.
pub async fn bring_text(id: ArtifactId, body: String, name: &str) -> AppResult<()> {
    let label = format!("Text of \u{201c}{name}\u{201d}");
    let wish = Wish { body: Some(body), ..Wish::new(artifact_object(id), "POST", edits_path(id), &(), label) };
    data::keep(wish.latest().merged_at(merge_address(id))).await.map(drop)
}

/// Whether something of it is still on its way.
pub async fn is_on_its_way(id: ArtifactId) -> bool {
    outbox::waits(&edits_path(id)).await
}

/// An artifact that only this device knows of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BegunArtifact {
    pub id: ArtifactId,
    pub volume: VolumeId,
    pub name: String,
}

/// Artifacts that were made on this device and that the server does not have yet.
pub fn artifacts_begun_here(items: &[Item]) -> Vec<BegunArtifact> {
    let begun = |new: CreateArtifact| Some(BegunArtifact { id: new.id?, volume: new.volume_id, name: new.name });
    items.iter().filter_map(new_artifact).filter_map(begun).collect()
}

/// Whether a change makes an artifact.
pub fn makes_artifact(item: &Item) -> bool {
    item.path == ARTIFACTS
}

fn new_artifact(item: &Item) -> Option<CreateArtifact> {
    json::read(item.body.as_deref().filter(|_| makes_artifact(item))?).ok()
}

/// An artifact that was made on this device and that the server does not have yet, as its page shows it.
pub fn artifact_begun_here(items: &[Item], me: &Me, volumes: &[Volume]) -> Option<ArtifactDetail> {
    let (item, new) = items.iter().find_map(|item| Some((item, new_artifact(item)?)))?;
    let volume = volumes.iter().find(|volume| volume.id == new.volume_id)?;
    let (id, slug, text) = (new.id?, slugify(&new.name), new.text?);
    let summary = ArtifactSummary {
        id,
        volume_id: new.volume_id,
        kind: new.kind,
        slug: slug.clone(),
        name: new.name,
        description: String::new(),
        category: String::new(),
        tags: Vec::new(),
        version: String::new(),
        hints: 0,
        has_draft: true,
        new: true,
        overrides: None,
        hidden_by: None,
        deleted_at: None,
        disabled: String::new(),
        head_revision_id: None,
        updated_at: item.at,
        diffstat: None,
    };
    Some(ArtifactDetail {
        summary,
        path: new.kind.main_path(&slug),
        volume_name: volume.name.clone(),
        volume_kind: volume.kind,
        team: volume.team,
        role: volume.role,
        author: me.person.name.clone(),
        dependencies: Vec::new(),
        // The server makes it; here it is the text alone.
        html: format!("<pre>{}</pre>", text.replace('&', "&amp;").replace('<', "&lt;")),
        text,
        frontmatter: Vec::new(),
        hints: Vec::new(),
        files: Vec::new(),
        head: None,
        draft: None,
        favourite: false,
        siblings: Vec::new(),
        tool: None,
        created_at: item.at,
    })
}

const ARTIFACTS: &str = "/artifacts";

/// `text` as the page would show it, and what the rules of the format say of it.
pub async fn preview(id: ArtifactId, text: String) -> AppResult<Previewed> {
    data::post(format!("/artifacts/{id}/preview"), &Preview { text }).await
}

pub fn read_history(id: ArtifactId, before: Option<RevisionId>) -> impl Future<Output = AppResult<HistoryPage>> + Send + 'static {
    data::get(history_path(id, before))
}

fn history_path(id: ArtifactId, before: Option<RevisionId>) -> String {
    match before {
        Some(before) => format!("/artifacts/{id}/history?before={before}"),
        None => format!("/artifacts/{id}/history"),
    }
}

/// A page of the history, read again when `head` is another revision.
pub fn use_history(id: ArtifactId, before: Memo<Option<RevisionId>>, head: Memo<Option<RevisionId>>) -> Fetched<HistoryPage> {
    data::fetch(move || {
        let head = head.get().map(|head| head.to_string()).unwrap_or_default();
        Some(format!("{}#{head}", history_path(id, before.get())))
    })
}

/// The newest page of the history.
pub fn use_newest(id: ArtifactId) -> Fetched<HistoryPage> {
    data::fetch(move || Some(history_path(id, None)))
}

/// `between`: from and to; `to` none: the draft; `from` none: what the other one was made from. Read again with each save of the draft.
pub fn use_diff(
    id: ArtifactId,
    between: Memo<(Option<RevisionId>, Option<RevisionId>)>,
    saves: Memo<Option<i64>>,
) -> Fetched<ArtifactDiff> {
    data::fetch(move || {
        let (from, to) = between.get();
        let fields: Vec<String> =
            [("from", from), ("to", to)].into_iter().filter_map(|(name, id)| Some(format!("{name}={}", id?))).collect();
        Some(format!("/artifacts/{id}/diff?{}#{}", fields.join("&"), saves.get().unwrap_or_default()))
    })
}

pub fn restore_revision(id: ArtifactId, revision_id: RevisionId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("/artifacts/{id}/restore"), RestoreRevision { id: None, revision_id })
}

pub fn move_artifact(id: ArtifactId, volume_id: VolumeId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("/artifacts/{id}/move"), ToVolume { volume_id })
}

pub async fn fork_artifact(id: ArtifactId, volume_id: VolumeId) -> AppResult<ArtifactDetail> {
    data::post(format!("/artifacts/{id}/fork"), &Fork { id: None, volume_id }).await
}

pub fn use_merge(id: ArtifactId) -> Fetched<MergeView> {
    data::fetch(move || Some(format!("/artifacts/{id}/merge")))
}

pub fn save_merge(id: ArtifactId, merged: SaveMerge) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("PUT", format!("/artifacts/{id}/merge"), merged)
}

/// Where a file beside the main file is, under `/api/v1`.
pub fn file_path(id: ArtifactId, path: &str) -> String {
    let path: Vec<String> = path.split('/').map(encode).collect();
    format!("/artifacts/{id}/files/{}", path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_carry_the_filters_and_nothing_else() {
        assert_eq!(library_address(&LibraryQuery::default()), "/artifacts");
        let mut params = ParamsMap::new();
        for (name, value) in
            [("q", " a&b "), ("kind", "agent"), ("view", "drafts"), ("sort", "what"), ("volume", "no id"), ("whose", "x"), ("foreign", "x")]
        {
            params.insert(name, value.to_owned());
        }
        assert_eq!(library_address(&library_query(&params)), "/artifacts?kind=agent&q=a%26b&view=drafts");
        for whose in Whose::ALL {
            let query = LibraryQuery { whose: Some(whose), ..LibraryQuery::default() };
            let address = library_address(&query);
            let (_, value) = address.split_once("whose=").expect("it is in the address");
            let mut params = ParamsMap::new();
            params.insert("whose", value.to_owned());
            assert_eq!(library_query(&params), query);
        }
    }
}
