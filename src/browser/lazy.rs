//! Parts of the interface whose code the browser loads when it is first needed.
//!
//! With the feature `split` (set by scripts/serve together with `cargo leptos --split`) each group becomes a file of its own.
//! Without it, as in plain `cargo leptos serve` and `watch`, everything is in the one file: cargo-leptos leaves
//! unresolved imports behind when code is marked for splitting and then is not split.
//!
//! Groups are few on purpose. The splitter makes a file for each set of groups that share code: fifteen single pages made 366.

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

/// `load_work (__preload_load_work) as Work { Home => path::to::HomePage; … }`: an enum of the group's pages, the function that loads
/// one, and for each page a route of its name for `leptos_router::Lazy`. The name in parentheses is the one that `#[lazy]` makes:
/// the router loads the code through it before it attaches to the server's page, which must find the view at once.
#[macro_export]
macro_rules! lazy_pages {
    ($($load:ident ($preload:ident) as $group:ident { $($route:ident => $page:path;)* })*) => {$(
        enum $group { $($route),* }
        $crate::lazy_function!($load, |page: $group| match page { $($group::$route => $page().into_any()),* });
        $(
            struct $route;
            impl leptos_router::LazyRoute for $route {
                fn data() -> Self { Self }
                async fn view(_this: Self) -> AnyView { $load($group::$route).await }
                async fn preload() { $crate::lazy_preload!($preload); }
            }
        )*
    )*};
}
