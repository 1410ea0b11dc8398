//! What one publishes under which name, and who may do what with it.

use leptos::prelude::*;

use super::item_address;
use crate::{
    browser::data::{self, Fetched, encode},
    error::AppResult,
    features::marketplace::model::{AddOwner, ChangeListing, ListingOwners, ManagedListing, OwnListing, Reserve},
    ids::{ReleaseId, UserId},
};

/// The page of one's own names.
pub const NAMES: &str = "/marketplace/names";

/// The page on which its publishers manage a listing.
pub fn manage_address(slug: &str) -> String {
    format!("{}/manage", item_address(slug))
}

pub fn use_own_listings() -> Fetched<Vec<OwnListing>> {
    data::fetch(|| Some("/marketplace/names".to_owned()))
}

pub fn use_management(slug: Memo<String>) -> Fetched<ManagedListing> {
    data::fetch(move || Some(format!("/marketplace/listings/{}/management", encode(&slug.get()))))
}

pub async fn reserve(wish: Reserve) -> AppResult<ManagedListing> {
    data::post("/marketplace/listings", &wish).await
}

/// Renames, deprecates, hands over.
pub async fn change_listing(slug: String, change: ChangeListing) -> AppResult<ManagedListing> {
    data::send("PATCH", format!("/marketplace/listings/{}", encode(&slug)), &change).await
}

pub async fn delete_listing(slug: String) -> AppResult<()> {
    data::send("DELETE", format!("/marketplace/listings/{}", encode(&slug)), &()).await
}

pub async fn add_owner(slug: String, account: String) -> AppResult<ListingOwners> {
    data::post(format!("/marketplace/listings/{}/owners", encode(&slug)), &AddOwner { account }).await
}

pub async fn remove_owner(slug: String, account: UserId) -> AppResult<ListingOwners> {
    data::send("DELETE", format!("/marketplace/listings/{}/owners/{account}", encode(&slug)), &()).await
}

/// Takes a submission out of the queue.
pub async fn delete_submission(id: ReleaseId) -> AppResult<()> {
    data::send("DELETE", format!("/marketplace/submissions/{id}"), &()).await
}
