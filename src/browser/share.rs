//! The system's own sheet for sharing, where there is one and fingers are used; else whoever calls it copies.

pub use inner::*;

#[cfg(feature = "hydrate")]
mod inner {
    use js_sys::{Function, Object, Promise, Reflect};
    use wasm_bindgen::JsCast as _;
    use wasm_bindgen_futures::{JsFuture, spawn_local};

    use crate::browser::page;

    /// Opens the sheet with an address. Call it from a press on a button: browsers want that. Whether there is one.
    pub fn share(title: &str, address: &str) -> bool {
        let navigator = gloo::utils::window().navigator();
        let Ok(share) = Reflect::get(&navigator, &"share".into()).and_then(|share| share.dyn_into::<Function>()) else { return false };
        if !page::media("(pointer: coarse)") {
            return false;
        }
        let what = Object::new();
        for (name, value) in [("title", title), ("url", address)] {
            let _ = Reflect::set(&what, &name.into(), &value.into());
        }
        let Ok(sharing) = share.call1(&navigator, &what) else { return false };
        // Whoever closes it changed their mind: there is nothing to say.
        spawn_local(async move { drop(JsFuture::from(Promise::resolve(&sharing)).await) });
        true
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    pub fn share(_: &str, _: &str) -> bool {
        false
    }
}
