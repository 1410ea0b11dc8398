//! Pages of artifacts.
use leptos::prelude::*;
#[component]
pub fn HomePage() -> impl IntoView {}
#[component]
pub fn LibraryPage() -> impl IntoView {}
#[component]
pub fn NewArtifactPage() -> impl IntoView {}
#[component]
pub fn ArtifactPage() -> impl IntoView {}
#[component]
pub fn ChangesPage() -> impl IntoView {}
