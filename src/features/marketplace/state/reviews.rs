//! What is said of an item, what it looks like, what is like it, and the licences that there are.

use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use super::item_address;
use crate::{
    browser::{
        data::{self, Fetched, encode},
        upload::{self, Picked},
    },
    error::AppResult,
    features::marketplace::model::{
        ArrangeScreenshots, ArrangedScreenshot, ItemReview, LicenceCheck, ListingCard, Reason, Reply, ReviewPage, ReviewQuery, Screenshot,
    },
    ids::{ScreenshotId, UserId},
};

/// Which reviews an item's address asks for; what is not understood counts as not set.
pub fn review_query(params: &ParamsMap) -> ReviewQuery {
    let text = |name: &str| params.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    ReviewQuery {
        sort: text("reviews").and_then(|sort| sort.parse().ok()),
        rating: text("stars").and_then(|stars| stars.parse().ok()).filter(|stars| (1..=5).contains(stars)),
        limit: None,
        cursor: text("after"),
    }
}

/// The page of an item, at its reviews. `version`: the one that is shown.
pub fn reviews_address(slug: &str, version: Option<&str>, query: &ReviewQuery) -> String {
    let fields = [
        ("version", version.map(str::to_owned)),
        ("reviews", query.sort.map(|sort| sort.as_str().to_owned())),
        ("stars", query.rating.map(|stars| stars.to_string())),
        ("after", query.cursor.clone()),
    ];
    let fields: Vec<String> = fields.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encode(&value?)))).collect();
    let mark = if fields.is_empty() { "" } else { "?" };
    format!("{}{mark}{}#reviews", item_address(slug), fields.join("&"))
}

fn item_path(slug: &str) -> String {
    format!("/marketplace/listings/{}", encode(slug))
}

/// Those that the address asks for; what it does not ask for comes with the item.
pub fn use_reviews(slug: String, query: Memo<ReviewQuery>) -> Fetched<ReviewPage> {
    data::fetch(move || {
        let query = query.get();
        (query != ReviewQuery::default()).then(|| data::with_query(&format!("{}/reviews", item_path(&slug)), &query))
    })
}

/// Takes one's own review back.
pub async fn delete_review(slug: String) -> AppResult<()> {
    data::send("DELETE", format!("{}/review", item_path(&slug)), &()).await
}

/// Answers a review; an empty text takes the answer back.
pub async fn reply(slug: String, reviewer: UserId, text: String) -> AppResult<ItemReview> {
    data::send("PUT", format!("{}/reviews/{reviewer}/reply", item_path(&slug)), &Reply { text }).await
}

pub async fn hide_review(slug: String, reviewer: UserId, reason: String) -> AppResult<ItemReview> {
    data::send("PUT", format!("{}/reviews/{reviewer}/hidden", item_path(&slug)), &Reason { reason }).await
}

pub async fn show_review(slug: String, reviewer: UserId) -> AppResult<ItemReview> {
    data::send("DELETE", format!("{}/reviews/{reviewer}/hidden", item_path(&slug)), &()).await
}

/// Sends a picture of an item; `progress` gets 0..=1.
pub async fn add_screenshot(slug: String, alt: String, picked: Picked, progress: impl Fn(f64) + 'static) -> AppResult<Screenshot> {
    let path = format!("{}/screenshots?alt={}", item_path(&slug), encode(&alt));
    upload::send(&path, &picked, progress).await
}

/// Puts the pictures in order, with what they show.
pub async fn arrange_screenshots(slug: String, screenshots: Vec<ArrangedScreenshot>) -> AppResult<Vec<Screenshot>> {
    data::send("PUT", format!("{}/screenshots", item_path(&slug)), &ArrangeScreenshots { screenshots }).await
}

pub async fn delete_screenshot(slug: String, id: ScreenshotId) -> AppResult<()> {
    data::send("DELETE", format!("{}/screenshots/{id}", item_path(&slug)), &()).await
}

/// What is like an item.
pub fn similar_items(slug: &str) -> impl Future<Output = AppResult<Vec<ListingCard>>> + Send + 'static {
    data::get(format!("{}/similar", item_path(slug)))
}

/// The licences that are recommended.
pub fn licences() -> impl Future<Output = AppResult<Vec<String>>> + Send + 'static {
    data::get("/marketplace/licences")
}

/// What the checks will say of a licence.
pub fn check_licence(expression: &str) -> impl Future<Output = AppResult<LicenceCheck>> + Send + 'static {
    data::get(format!("/marketplace/licences/check?expression={}", encode(expression)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::marketplace::model::ReviewSort;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        let query = ReviewQuery { sort: Some(ReviewSort::Lowest), rating: Some(2), limit: None, cursor: Some("2.17.a".to_owned()) };
        let address = reviews_address("lamp-care", Some("1.0.0"), &query);
        assert_eq!(address, "/marketplace/lamp-care?version=1.0.0&reviews=lowest&stars=2&after=2.17.a#reviews");
        let mut params = ParamsMap::new();
        for (name, value) in [("reviews", "lowest"), ("stars", "2"), ("after", "2.17.a")] {
            params.insert(name.to_owned(), value.to_owned());
        }
        assert_eq!(review_query(&params), query);
        assert_eq!(reviews_address("lamp-care", None, &ReviewQuery::default()), "/marketplace/lamp-care#reviews");
        let mut params = ParamsMap::new();
        for (name, value) in [("reviews", "helpful"), ("stars", "9"), ("after", "")] {
            params.insert(name.to_owned(), value.to_owned());
        }
        assert_eq!(review_query(&params), ReviewQuery::default());
    }
}
