//! The catalogue as an address, an item, and what one thinks of it.

use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use crate::{
    browser::{
        data::{self, Fetched, Sent},
        outbox::Wish,
    },
    error::AppResult,
    features::{
        artifacts::model::Kind,
        marketplace::model::{BrowsePage, BrowseQuery, ItemDetail, Rate},
        search::model::values,
    },
};

pub const CATALOGUE: &str = "/marketplace";

/// Reads what is to be listed out of an address; what is not understood counts as not set.
pub fn browse_query(params: &ParamsMap) -> BrowseQuery {
    let text = |name: &str| params.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let kinds = text("type")
        .map(|list| values(Some(&list)).into_iter().filter(|kind| kind.parse::<Kind>().is_ok()).collect::<Vec<_>>().join(","))
        .filter(|kinds| !kinds.is_empty());
    BrowseQuery {
        q: text("q"),
        kind: kinds,
        category: text("category"),
        tags: text("tags"),
        author: text("author"),
        licence: text("licence"),
        min_rating: text("minRating").and_then(|rating| rating.parse().ok()).filter(|rating| (1.0..=5.0).contains(rating)),
        verified: text("verified").filter(|verified| verified == "true").map(|_| true),
        updated_since: text("updatedSince").and_then(|at| at.parse().ok()),
        sort_by: text("sortBy").and_then(|sort| sort.parse().ok()),
        limit: None,
        offset: text("offset").and_then(|offset| offset.parse().ok()).filter(|offset| *offset > 0),
        cursor: text("cursor"),
    }
}

/// The page and what it reads go by the same names.
pub fn browse_address(query: &BrowseQuery) -> String {
    data::with_query(CATALOGUE, query)
}

pub fn use_listings(query: Memo<BrowseQuery>) -> Fetched<BrowsePage> {
    data::fetch(move || Some(data::with_query("/marketplace/listings", &query.get())))
}

pub fn item_address(slug: &str) -> String {
    format!("{CATALOGUE}/{}", data::encode(slug))
}

pub fn version_address(slug: &str, version: &str) -> String {
    format!("{}?version={}", item_address(slug), data::encode(version))
}

/// The item that the address names, in the version that it names or the newest.
pub fn use_item(slug: Memo<String>, version: Memo<Option<String>>) -> Fetched<ItemDetail> {
    data::fetch(move || {
        let path = format!("/marketplace/listings/{}", data::encode(&slug.get()));
        Some(match version.get() {
            Some(version) => format!("{path}?version={}", data::encode(&version)),
            None => path,
        })
    })
}

/// Says what one thinks of an item, in place of what one said before; now or when the server can be reached.
pub async fn rate(slug: String, rate: Rate) -> AppResult<Sent> {
    let path = format!("/marketplace/listings/{}/review", data::encode(&slug));
    data::send_later(Wish::new(format!("listing:{slug}"), "PUT", path, &rate, format!("Review of {slug}")).alone()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::marketplace::model::MarketSort;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        let query = BrowseQuery {
            q: Some("company worth".to_owned()),
            kind: Some("skill,tool".to_owned()),
            licence: Some("MIT OR Apache-2.0".to_owned()),
            min_rating: Some(4.0),
            verified: Some(true),
            sort_by: Some(MarketSort::Trending),
            cursor: Some("a.b".to_owned()),
            ..BrowseQuery::default()
        };
        let address = browse_address(&query);
        let mut params = ParamsMap::new();
        for field in address.split_once('?').map(|(_, fields)| fields).unwrap_or_default().split('&') {
            let (name, value) = field.split_once('=').expect("a field");
            params.insert(name.to_owned(), value.replace("%20", " ").replace("%2C", ","));
        }
        assert_eq!(browse_query(&params), query);
    }

    #[test]
    fn what_is_not_understood_counts_as_not_set() {
        let mut params = ParamsMap::new();
        for (name, value) in [("type", "session,tool"), ("minRating", "9"), ("verified", "perhaps"), ("sortBy", "luck"), ("offset", "0")] {
            params.insert(name.to_owned(), value.to_owned());
        }
        assert_eq!(browse_query(&params), BrowseQuery { kind: Some("tool".to_owned()), ..BrowseQuery::default() });
    }
}
