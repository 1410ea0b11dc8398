//! Parts of the interface whose code the browser loads when it is first needed.
//!
//! With the feature `split` (set by scripts/serve together with `cargo leptos --split`) each group becomes a file of its own.
//! Without it, as in plain `cargo leptos serve` and `watch`, everything is in the one file: cargo-leptos leaves
//! unresolved imports behind when code is marked for splitting and then is not split.
//!
//! Groups are few on purpose. The splitter makes a file for each set of groups that share code: fifteen single pages made 366.

use std::{future::Future, pin::Pin, sync::Arc};

use leptos::prelude::AnyView;
use leptos_router::ChooseView;

/// An async function that loads a group's code and gives one of its views.
#[cfg(feature = "split")]
#[macro_export]
macro_rules! lazy_function {
    ($name:ident, |$choice:ident: $group:ident| $body:expr) => {
        #[leptos::lazy]
        fn $name($choice: $group) -> AnyView {
            $body
        }
    };
}

#[cfg(not(feature = "split"))]
#[macro_export]
macro_rules! lazy_function {
    ($name:ident, |$choice:ident: $group:ident| $body:expr) => {
        async fn $name($choice: $group) -> AnyView {
            $body
        }
    };
}

/// Loads a group's code and nothing else; the function beside the group's own that `#[lazy]` makes.
#[cfg(feature = "split")]
#[macro_export]
macro_rules! lazy_preload {
    ($preload:ident) => {
        #[cfg(target_arch = "wasm32")]
        $preload().await;
    };
}

#[cfg(not(feature = "split"))]
#[macro_export]
macro_rules! lazy_preload {
    ($preload:ident) => {};
}

/// A page whose code comes with its group's. One type for all routes: the router's part of a route is compiled for each type of view.
#[derive(Clone)]
pub struct LazyPage {
    view: Arc<dyn Fn() -> LocalFuture<AnyView> + Send + Sync>,
    preload: fn() -> LocalFuture<()>,
}

pub type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

impl LazyPage {
    pub fn new(view: impl Fn() -> LocalFuture<AnyView> + Send + Sync + 'static, preload: fn() -> LocalFuture<()>) -> Self {
        Self { view: Arc::new(view), preload }
    }
    /// A page whose code is there from the beginning.
    pub fn here(view: fn() -> AnyView) -> Self {
        Self::new(move || Box::pin(async move { view() }), || Box::pin(async {}))
    }
}

impl ChooseView for LazyPage {
    async fn choose(self) -> AnyView {
        (self.view)().await
    }
    /// The router calls it before it attaches to the server's page, which must find the view at once.
    async fn preload(&self) {
        (self.preload)().await;
    }
}

/// `load_work (__preload_load_work) as Work { Artifact => path::to::ArtifactPage; … }`: an enum of the group's pages, whose `page` is what
/// a route shows, and the function that loads one. The name in parentheses is the one that `#[lazy]` makes.
#[macro_export]
macro_rules! lazy_pages {
    ($($load:ident ($preload:ident) as $group:ident { $($route:ident => $page:path;)* })*) => {$(
        #[derive(Clone, Copy)]
        enum $group { $($route),* }
        $crate::lazy_function!($load, |page: $group| match page { $($group::$route => $page().into_any()),* });
        impl $group {
            fn page(self) -> $crate::browser::LazyPage {
                $crate::browser::LazyPage::new(
                    move || Box::pin($load(self)),
                    || Box::pin(async { $crate::lazy_preload!($preload); }),
                )
            }
        }
    )*};
}
