//! Pages whose code the browser loads when they are first opened.
//!
//! With the feature `split` (set by scripts/serve together with `cargo leptos --split`) each page becomes a file of its own.
//! Without it, as in plain `cargo leptos serve` and `watch`, the same routes are in the one file: cargo-leptos leaves
//! unresolved imports behind when code is marked for splitting and then is not split.

/// `Route => path::to::Page;` for each page makes a route for `leptos_router::Lazy`.
#[cfg(feature = "split")]
#[macro_export]
macro_rules! lazy_pages {
    ($($route:ident => $page:path;)*) => {$(
        struct $route;
        #[leptos_router::lazy_route]
        impl leptos_router::LazyRoute for $route {
            fn data() -> Self { Self }
            fn view(_this: Self) -> AnyView { $page().into_any() }
        }
    )*};
}

/// `name => Component;` makes an async function that loads a part of a page and gives its view.
#[cfg(feature = "split")]
#[macro_export]
macro_rules! lazy_views {
    ($($name:ident => $component:path;)*) => {$(
        #[leptos::lazy]
        fn $name() -> AnyView { $component().into_any() }
    )*};
}

#[cfg(not(feature = "split"))]
#[macro_export]
macro_rules! lazy_views {
    ($($name:ident => $component:path;)*) => {$(
        async fn $name() -> AnyView { $component().into_any() }
    )*};
}

#[cfg(not(feature = "split"))]
#[macro_export]
macro_rules! lazy_pages {
    ($($route:ident => $page:path;)*) => {$(
        struct $route;
        impl leptos_router::LazyRoute for $route {
            fn data() -> Self { Self }
            async fn view(_this: Self) -> AnyView { $page().into_any() }
        }
    )*};
}
