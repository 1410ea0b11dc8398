//! What of the marketplace stands in a volume.

use leptos::prelude::*;

use crate::{
    browser::data::{self, Fetched},
    error::AppResult,
    features::marketplace::model::{ChangeLock, LockPlan, LockSettings, Pin, VolumeLock},
    ids::VolumeId,
};

pub const INSTALLED: &str = "/marketplace/installed";

/// The page of a volume's lock.
pub fn lock_address(volume: VolumeId) -> String {
    format!("{INSTALLED}?volume={volume}")
}

pub fn use_lock(volume: Memo<Option<VolumeId>>) -> Fetched<VolumeLock> {
    data::fetch(move || volume.get().map(|volume| format!("/volumes/{volume}/lock")))
}

/// What a change would do.
pub async fn plan_lock(volume: VolumeId, change: ChangeLock) -> AppResult<LockPlan> {
    data::post(format!("/volumes/{volume}/lock/plan"), &change).await
}

pub async fn change_lock(volume: VolumeId, change: ChangeLock) -> AppResult<VolumeLock> {
    data::post(format!("/volumes/{volume}/lock"), &change).await
}

pub async fn set_lock_settings(volume: VolumeId, settings: LockSettings) -> AppResult<VolumeLock> {
    data::send("PUT", format!("/volumes/{volume}/lock/settings"), &settings).await
}

/// A pinned item stays at its version when everything is updated.
pub async fn pin(volume: VolumeId, slug: String, pinned: bool) -> AppResult<VolumeLock> {
    data::send("PUT", format!("/volumes/{volume}/lock/{}/pin", data::encode(&slug)), &Pin { pinned }).await
}
