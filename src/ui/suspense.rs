//! The framework's `Suspense` and `Transition`, compiled once each: they are made for every type of view that stands in them.

use leptos::{children::ViewFnOnce, prelude::*, suspense};

/// Shows `fallback` until what its children read is here.
#[component]
pub fn Suspense(#[prop(optional, into)] fallback: ViewFnOnce, children: Children) -> impl IntoView {
    view! { <suspense::Suspense fallback=fallback>{children()}</suspense::Suspense> }
}

/// The same; while that is read again, what was shown stays.
#[component]
pub fn Transition(#[prop(optional, into)] fallback: ViewFnOnce, children: Children) -> impl IntoView {
    view! { <suspense::Transition fallback=fallback>{children()}</suspense::Transition> }
}
