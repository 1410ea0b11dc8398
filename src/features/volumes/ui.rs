//! Pages of volumes.
use leptos::prelude::*;
#[component]
pub fn ImportPage() -> impl IntoView {}
#[component]
pub fn VolumePage() -> impl IntoView {}
#[component]
pub fn CommitPage() -> impl IntoView {}
#[component]
pub fn VolumesStatus() -> impl IntoView {}
