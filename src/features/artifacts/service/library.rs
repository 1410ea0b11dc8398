//! The library: every artifact that the caller sees, filtered and in an order, a page at a time.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    drafts,
    marks::marks,
    shelf::{Filter, Key, Place},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        artifacts::{
            model::{ArtifactSummary, FacetCount, Facets, LibraryPage, LibraryQuery, PAGE_DEFAULT, PAGE_MAX, Sort, View, ViewCounts},
            store,
        },
        volumes::{self, model::VolumeKind, service::VolumeAccess},
    },
    ids::{ArtifactId, VolumeId},
    server::context::Ctx,
};

const QUERY_CHARS: usize = 200;
const TAGS_SHOWN: usize = 40;

/// The volumes that one sees, and those of them that a query looks into: those that pass each of its filters.
async fn scope(ctx: &Ctx, query: &LibraryQuery) -> AppResult<(Vec<VolumeAccess>, Vec<VolumeAccess>)> {
    if query.q.as_ref().is_some_and(|q| q.chars().count() > QUERY_CHARS) {
        return Err(AppError::field("q", format!("A filter has at most {QUERY_CHARS} characters.")));
    }
    let visible = volumes::service::visible(ctx).await?;
    if let Some(id) = query.volume
        && !visible.iter().any(|volume| volume.id == id)
    {
        // The right refusal: unknown, or not shared.
        volumes::service::authorise(ctx, id, Action::Read).await?;
    }
    if query.team.is_some() && !visible.iter().any(|volume| volume.team == query.team) {
        return Err(AppError::not_found("team"));
    }
    let is_searched = |volume: &&VolumeAccess| {
        query.volume.is_none_or(|id| volume.id == id)
            && query.team.is_none_or(|team| volume.team == Some(team))
            && query.whose.is_none_or(|whose| whose.has(volume.kind))
    };
    let searched = visible.iter().filter(is_searched).cloned().collect();
    Ok((visible, searched))
}

/// The ids that a view is limited to, in its own order.
async fn only(ctx: &Ctx, view: View) -> AppResult<Option<Vec<ArtifactId>>> {
    Ok(match view {
        View::Favourites => Some(marks(ctx).await?.favourites),
        View::Recent => Some(marks(ctx).await?.recents),
        View::All | View::Drafts | View::Hints | View::Trash => None,
    })
}

pub async fn list_library(ctx: &Ctx, query: LibraryQuery) -> AppResult<LibraryPage> {
    let limit = query.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX) as usize;
    let after = query.cursor.as_deref().map(|cursor| decode(cursor, query.sort)).transpose()?;
    let (visible, searched) = scope(ctx, &query).await?;
    let only = only(ctx, query.view).await?;
    let filter = Filter::of(&query, only.as_deref());
    let recent = query.view == View::Recent;
    let mut places = Vec::new();
    let mut total = 0;
    for volume in &searched {
        let entry = ctx.state.library.at(ctx, volume.id, volume.seq).await?;
        // One more than the page shows: then there is a next one. Recents are few and have an order of their own.
        let (page, matches) =
            entry.read().page(&filter, query.sort, after.as_ref().filter(|_| !recent), if recent { usize::MAX } else { limit + 1 });
        places.extend(page);
        total += matches;
    }
    if let (true, Some(order)) = (recent, &only) {
        let at: HashMap<ArtifactId, usize> = order.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        places.sort_by_key(|place| at.get(&place.id).copied().unwrap_or(usize::MAX));
        places.truncate(limit);
    } else {
        places.sort_by(Place::compare);
    }
    let more = places.len() > limit;
    places.truncate(limit);
    let next = if more { places.last().map(encode) } else { None };
    let ids: Vec<ArtifactId> = places.iter().map(|place| place.id).collect();
    let mut items = with_precedence(ctx, in_order(ctx, &ids).await?, &visible).await?;
    if query.diffstat {
        drafts::add_diffstats(ctx, &mut items).await?;
    }
    Ok(LibraryPage { items, next, total: Some(total) })
}

/// The rows of some ids, in that order.
pub async fn in_order(ctx: &Ctx, ids: &[ArtifactId]) -> AppResult<Vec<ArtifactSummary>> {
    let rows = store::by_ids(ctx.db().read(), ids).await?;
    let mut by_id = rows.into_iter().map(|row| Ok((row.id()?, row.summary()?))).collect::<AppResult<HashMap<_, _>>>()?;
    Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
}

/// Adds which of the shown hide, or are hidden by, the same id in another volume. One query for the page.
pub async fn with_precedence(ctx: &Ctx, mut items: Vec<ArtifactSummary>, visible: &[VolumeAccess]) -> AppResult<Vec<ArtifactSummary>> {
    let ids: Vec<VolumeId> = visible.iter().map(|volume| volume.id).collect();
    let live = || items.iter().filter(|item| item.deleted_at.is_none());
    let names: Vec<_> = live().map(|item| (item.kind, item.slug.as_str())).collect();
    let known: Vec<ArtifactId> = live().map(|item| item.id).collect();
    let twins = store::twins(ctx.db().read(), &ids, &names, &known).await?;
    let kinds: HashMap<String, VolumeKind> = visible.iter().map(|volume| (volume.id.to_string(), volume.kind)).collect();
    let shown = live().map(|item| (item.volume_id.to_string(), item.kind.as_str().to_owned(), item.slug.clone()));
    let mut found: HashMap<(String, String), Vec<VolumeKind>> = HashMap::new();
    for (volume, kind, slug) in shown.chain(twins.into_iter().map(|twin| (twin.volume_id, twin.kind, twin.slug))) {
        if let Some(volume) = kinds.get(&volume) {
            found.entry((kind, slug)).or_default().push(*volume);
        }
    }
    for item in items.iter_mut().filter(|item| item.deleted_at.is_none()) {
        let Some(own) = kinds.get(&item.volume_id.to_string()) else { continue };
        if let Some(others) = found.get(&(item.kind.as_str().to_owned(), item.slug.clone())) {
            item.overrides = others.iter().filter(|kind| *kind < own).max().copied();
            item.hidden_by = others.iter().filter(|kind| *kind > own).max().copied();
        }
    }
    Ok(items)
}

/// What the filters can be set to. Each is counted as if it were not set itself, so that its other values stay in reach.
pub async fn facets(ctx: &Ctx, query: LibraryQuery) -> AppResult<Facets> {
    let (visible, searched) = scope(ctx, &query).await?;
    let limited = only(ctx, query.view).await?;
    let filter = Filter::of(&query, limited.as_deref());
    let without_category = Filter { category: None, ..filter.clone() };
    let without_tag = Filter { tag: None, ..filter };
    let (mut categories, mut tags) = (HashMap::new(), HashMap::new());
    for volume in &searched {
        let entry = ctx.state.library.at(ctx, volume.id, volume.seq).await?;
        let shelf = entry.read();
        shelf.add_facets(&without_category, &mut categories, &mut HashMap::new());
        shelf.add_facets(&without_tag, &mut HashMap::new(), &mut tags);
    }
    let views = view_counts(ctx, &visible).await?;
    Ok(Facets { categories: ranked(categories, usize::MAX), tags: ranked(tags, TAGS_SHOWN), views })
}

async fn view_counts(ctx: &Ctx, visible: &[VolumeAccess]) -> AppResult<ViewCounts> {
    let marks = marks(ctx).await?;
    let mut counts = ViewCounts::default();
    for volume in visible {
        let entry = ctx.state.library.at(ctx, volume.id, volume.seq).await?;
        let shelf = entry.read();
        counts.hints += shelf.counts.hints;
        counts.favourites += shelf.count_of(&marks.favourites);
        counts.recent += shelf.count_of(&marks.recents);
    }
    Ok(counts)
}

fn ranked(counts: HashMap<String, i64>, most: usize) -> Vec<FacetCount> {
    let mut counts: Vec<_> = counts.into_iter().map(|(value, count)| FacetCount { value, count }).collect();
    counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    counts.truncate(most);
    counts
}

fn encode(place: &Place) -> String {
    let key = match &place.key {
        Key::Time(time) => time.to_string(),
        Key::Name(name) => name.clone(),
    };
    URL_SAFE_NO_PAD.encode(format!("{} {key}", place.id))
}

fn decode(cursor: &str, sort: Sort) -> AppResult<Place> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (id, key) = text.split_once(' ')?;
        let key = if sort == Sort::Name { Key::Name(key.to_owned()) } else { Key::Time(key.parse().ok()?) };
        Some(Place { key, id: id.parse().ok()? })
    };
    read().ok_or_else(|| AppError::field("cursor", "This page of the list cannot be found: begin with the first."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_nonsense_is_refused() {
        let id = ArtifactId::generate();
        for (place, sort) in [(Place { key: Key::Time(-5), id }, Sort::Updated), (Place { key: Key::Name("a ö".into()), id }, Sort::Name)]
        {
            assert_eq!(decode(&encode(&place), sort).expect("a place"), place);
        }
        assert!(decode("!!", Sort::Name).is_err() && decode("YWJj", Sort::Created).is_err());
    }
}
