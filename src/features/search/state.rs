//! A search as an address, what pages read, and what one searched for lately.

use leptos::prelude::*;
use leptos_router::params::ParamsMap;
use uuid::Uuid;

use super::model::{Found, Manifest, Opened, SearchHit, SearchPage, SearchQuery, SearchSort, Standing, values};
use crate::{
    browser::{
        data::{self, Fetched},
        offline, storage,
    },
    error::AppResult,
    ids::{ArtifactId, UserId},
};

const RECENT: &str = "llmos-searches";
const RECENT_MAX: usize = 6;

/// Reads a search out of an address; what is not understood counts as not set.
pub fn search_query(params: &ParamsMap) -> SearchQuery {
    let text = |name: &str| params.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let kinds =
        text("kind").map(|list| values(Some(&list)).into_iter().filter(|kind| Found::parse(kind).is_some()).collect::<Vec<_>>().join(","));
    SearchQuery {
        q: text("q"),
        kind: kinds.filter(|kinds| !kinds.is_empty()),
        category: text("category"),
        author: text("author"),
        tag: text("tag"),
        volume: text("volume").and_then(|id| id.parse().ok()),
        team: text("team").and_then(|id| id.parse().ok()),
        min_version: text("minVersion"),
        max_version: text("maxVersion"),
        min_rating: text("minRating").and_then(|rating| rating.parse().ok()).filter(|rating| (1.0..=5.0).contains(rating)),
        updated_since: text("updatedSince").and_then(|at| at.parse().ok()),
        sort: match text("sort").as_deref() {
            Some("newest") => Some(SearchSort::Newest),
            Some("name") => Some(SearchSort::Name),
            _ => None,
        },
        offset: text("offset").and_then(|offset| offset.parse().ok()).filter(|offset| *offset > 0),
        explain: text("explain").filter(|explain| explain == "true").map(|_| true),
        ..SearchQuery::default()
    }
}

/// The page and what it reads go by the same name.
pub fn search_address(query: &SearchQuery) -> String {
    data::with_query("/search", query)
}

/// Where a hit leads: of a session, to the message that fits best.
pub fn hit_address(hit: &SearchHit) -> String {
    match (hit.kind, hit.entry) {
        (Found::Session, Some(entry)) => format!("/sessions/{}?entry={entry}", hit.id),
        (Found::Session, None) => format!("/sessions/{}", hit.id),
        (Found::Listing, _) => format!("/marketplace/{}", hit.slug),
        _ => format!("/artifacts/{}", hit.id),
    }
}

/// Takes a value into a list of the address, or out of it.
pub fn toggled(list: Option<&str>, value: &str) -> Option<String> {
    let mut kept = values(list);
    match kept.iter().position(|known| *known == value) {
        Some(at) => drop(kept.remove(at)),
        None => kept.push(value),
    }
    (!kept.is_empty()).then(|| kept.join(","))
}

pub fn use_search(query: Memo<SearchQuery>) -> Fetched<SearchPage> {
    data::fetch(move || {
        let query = query.get();
        query.q.is_some().then(|| search_address(&query))
    })
}

/// While somebody types: what is one's own comes first.
pub fn search_as_typed(text: String, limit: u32) -> impl Future<Output = AppResult<SearchPage>> + Send + 'static {
    let (partial, sort) = (Some(true), Some(SearchSort::Own));
    data::get(search_address(&SearchQuery { q: Some(text), partial, sort, limit: Some(limit), ..SearchQuery::default() }))
}

/// What is like an artifact.
pub fn similar_to(id: ArtifactId, limit: u32) -> impl Future<Output = AppResult<Vec<SearchHit>>> + Send + 'static {
    data::get(format!("/artifacts/{id}/similar?limit={limit}"))
}

/// Tells the server which hit was opened, at which place, and of which answer: its `query`, and the team that was searched. Nobody waits for it.
pub fn tell_opened((query, team): (Option<Uuid>, Option<Uuid>), position: usize, id: &str) {
    let (Ok(id), Ok(position)) = (id.parse(), u32::try_from(position)) else { return };
    let told = data::post::<()>("/search/opened", &Opened { query, team, position, id });
    leptos::task::spawn_local(async move { drop(told.await) });
}

/// What a device would keep: documents, their bytes, the model's.
pub fn offline_size() -> impl Future<Output = AppResult<(i64, i64, i64)>> + Send + 'static {
    let manifest = data::get::<Manifest>("/search/offline");
    async move {
        let manifest = manifest.await?;
        Ok((manifest.documents.len() as i64, manifest.bytes as i64, manifest.model.map_or(0, |model| model.bytes as i64)))
    }
}

/// How this device stands for an account; none when it keeps nothing of it.
pub async fn standing_of(account: UserId) -> Option<Standing> {
    serde_json::from_str(&offline::standing(&account.to_string()).await?).ok()
}

/// Keeps on this device what the account may read; `tell` hears the stage, how far it is, and of how much. A failure is a sentence.
pub async fn sync_device(account: UserId, tell: impl FnMut(&str, f64, f64) + 'static) -> Result<(), String> {
    offline::sync(&account.to_string(), tell).await
}

/// What an account searched for lately on this device, the newest first; nothing of whoever was here before.
pub fn recent_searches(account: Option<UserId>) -> Vec<String> {
    let kept = storage::kept(RECENT).and_then(|kept| serde_json::from_str::<(UserId, Vec<String>)>(&kept).ok());
    kept.filter(|(of, _)| Some(*of) == account).map(|(_, recent)| recent).unwrap_or_default()
}

/// Nothing stays of it when one signs out.
pub fn forget_searches() {
    storage::keep(RECENT, "");
}

pub fn remember_search(account: Option<UserId>, text: &str) {
    let text = text.trim();
    let Some(of) = account.filter(|_| !text.is_empty() && text.len() <= 200) else { return };
    let mut recent = recent_searches(account);
    recent.retain(|known| known != text);
    recent.insert(0, text.to_owned());
    recent.truncate(RECENT_MAX);
    if let Ok(kept) = serde_json::to_string(&(of, recent)) {
        storage::keep(RECENT, &kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_goes_in_and_out_of_a_list() {
        assert_eq!(toggled(None, "skill").as_deref(), Some("skill"));
        assert_eq!(toggled(Some("skill"), "tool").as_deref(), Some("skill,tool"));
        assert_eq!(toggled(Some("skill,tool"), "skill").as_deref(), Some("tool"));
        assert_eq!(toggled(Some("tool"), "tool"), None);
    }

    #[test]
    fn an_address_is_read_as_it_is_written() {
        let query = SearchQuery {
            q: Some("company worth".to_owned()),
            kind: Some("skill,tool".to_owned()),
            sort: Some(SearchSort::Newest),
            offset: Some(20),
            explain: Some(true),
            ..SearchQuery::default()
        };
        let address = search_address(&query);
        let mut params = ParamsMap::new();
        for field in address.split_once('?').map(|(_, fields)| fields).unwrap_or_default().split('&') {
            let (name, value) = field.split_once('=').expect("a field");
            params.insert(name.to_owned(), value.replace("%20", " ").replace("%2C", ","));
        }
        assert_eq!(search_query(&params), query);
    }
}
