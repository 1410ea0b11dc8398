//! Pages of accounts.
use leptos::prelude::*;
#[component]
pub fn LoginPage() -> impl IntoView {
    view! { <main id="main"><h1>"Sign in"</h1></main> }
}
#[component]
pub fn SignUpPage() -> impl IntoView {}
#[component]
pub fn InvitePage() -> impl IntoView {}
#[component]
pub fn ResetPage() -> impl IntoView {}
#[component]
pub fn SettingsPage() -> impl IntoView {}
#[component]
pub fn TeamPage() -> impl IntoView {}
#[component]
pub fn AdminPage() -> impl IntoView {}
