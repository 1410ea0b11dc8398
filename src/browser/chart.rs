//! Charts: a script of its own (`web/charts`), which the document of a page with charts runs, or the first chart that comes near the window loads. `web/charts/index.ts` says what its functions
//! take and tell; `ui::chart` is what pages use.

pub use inner::*;

/// The name by which pages load the script; the document says where it is.
pub const CHARTS: &str = "llmos/charts";

/// What a chart tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Somebody goes to what is behind a point.
    Open(String),
    /// The first and the last point that are shown; none: all.
    Zoom(Option<(usize, usize)>),
    /// The point that one is at, in words; empty when one has left.
    Said(String),
}

#[cfg(any(feature = "hydrate", test))]
impl Told {
    fn read(word: &str, value: String) -> Option<Self> {
        Some(match word {
            "open" => Self::Open(value),
            "said" => Self::Said(value),
            "zoom" => Self::Zoom(value.split_once(',').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)))),
            _ => return None,
        })
    }
}

#[cfg(feature = "hydrate")]
mod inner {
    use std::cell::Cell;

    use gloo::utils::document;
    use send_wrapper::SendWrapper;
    use wasm_bindgen::{JsCast as _, closure::Closure, prelude::*};
    use wasm_bindgen_futures::JsFuture;
    use web_sys::{HtmlElement, IntersectionObserver, IntersectionObserverEntry};

    use super::{CHARTS, Told};
    use crate::{
        browser::script::load,
        error::{AppError, AppResult},
    };

    #[wasm_bindgen]
    extern "C" {
        type Script;
        #[wasm_bindgen(method, catch)]
        fn open(this: &Script, host: &HtmlElement, spec: &str, tell: &Closure<dyn FnMut(String, String)>) -> Result<Handle, JsValue>;
        #[wasm_bindgen(method)]
        fn draw(this: &Script, spec: &str, kind: &str) -> js_sys::Promise;

        type Handle;
        #[wasm_bindgen(method)]
        fn update(this: &Handle, spec: &str);
        #[wasm_bindgen(method)]
        fn show(this: &Handle, id: &str, on: bool);
        #[wasm_bindgen(method)]
        fn zoom(this: &Handle, first: u32, last: u32);
        #[wasm_bindgen(method)]
        fn close(this: &Handle);
    }

    thread_local! {
        static DRAWN: Cell<bool> = const { Cell::new(false) };
    }

    /// Whether this document has drawn a chart before: the next one is expected to be drawn, too, in a moment.
    pub fn works() -> bool {
        DRAWN.get()
    }

    /// A chart that is drawn; dropped, it goes with all that it listened to. The browser has one thread.
    pub struct Drawn(SendWrapper<Inner>);

    struct Inner {
        handle: Handle,
        // The handle calls it as long as it lives.
        _tell: Closure<dyn FnMut(String, String)>,
    }

    /// What the document says to draw ahead of the program: see the server's half.
    pub fn ahead(_: impl FnOnce() -> String) -> Option<String> {
        None
    }

    /// Draws a chart in the element with that id, or takes over what is drawn there. None: the script could not be loaded, the browser has no SVG, or the page is another by now.
    pub async fn open(host: &str, spec: &str, mut tell: impl FnMut(Told) + 'static) -> Option<Drawn> {
        let script = load(CHARTS).await.ok()?.unchecked_into::<Script>();
        let host = document().get_element_by_id(host)?.dyn_into::<HtmlElement>().ok()?;
        let tell = Closure::<dyn FnMut(String, String)>::new(move |word: String, value: String| {
            if let Some(told) = Told::read(&word, value) {
                tell(told);
            }
        });
        let handle = script.open(&host, spec, &tell).ok()?;
        DRAWN.set(true);
        Some(Drawn(SendWrapper::new(Inner { handle, _tell: tell })))
    }

    impl Drawn {
        /// Other numbers in the place of these; what is hidden and zoomed stays.
        pub fn update(&self, spec: &str) {
            self.0.handle.update(spec);
        }
        pub fn show(&self, series: &str, on: bool) {
            self.0.handle.show(series, on);
        }
        pub fn zoom_out(&self) {
            self.0.handle.zoom(0, u32::MAX);
        }
    }

    impl Drop for Inner {
        fn drop(&mut self) {
            self.handle.close();
        }
    }

    /// The chart as a picture, `svg` or `png`, in a `data:` address.
    ///
    /// # Errors
    /// A sentence for the person.
    pub async fn picture(spec: &str, kind: &str) -> AppResult<String> {
        let script = load(CHARTS).await.map_err(|_| AppError::offline())?.unchecked_into::<Script>();
        let made = JsFuture::from(script.draw(spec, kind)).await;
        made.ok()
            .and_then(|address| address.as_string())
            .ok_or_else(|| AppError::invalid("This browser could not draw the picture. Save the numbers as CSV, or use another browser."))
    }

    /// Saves what stands behind an address as a file with that name.
    pub fn save(name: &str, address: &str) {
        let link = document().create_element("a").ok().and_then(|link| link.dyn_into::<HtmlElement>().ok());
        if let Some(link) = link
            && link.set_attribute("href", address).is_ok()
            && link.set_attribute("download", name).is_ok()
        {
            link.click();
        }
    }

    /// Waits for an element to be seen; dropped, it waits no more.
    pub struct Watch(#[allow(dead_code)] SendWrapper<Observing>);

    struct Observing {
        observer: IntersectionObserver,
        _seen: Closure<dyn FnMut(js_sys::Array)>,
    }

    /// Calls `act` once, when the element with that id is seen. None: it is not there, and nobody is called.
    pub fn when_seen(id: &str, act: impl FnOnce() + 'static) -> Option<Watch> {
        let element = document().get_element_by_id(id)?;
        let mut act = Some(act);
        let seen = Closure::<dyn FnMut(js_sys::Array)>::new(move |entries: js_sys::Array| {
            let is_seen = entries.iter().any(|entry| entry.unchecked_ref::<IntersectionObserverEntry>().is_intersecting());
            if is_seen && let Some(act) = act.take() {
                act();
            }
        });
        let observer = IntersectionObserver::new(seen.as_ref().unchecked_ref()).ok()?;
        observer.observe(&element);
        Some(Watch(SendWrapper::new(Observing { observer, _seen: seen })))
    }

    impl Drop for Observing {
        fn drop(&mut self) {
            self.observer.disconnect();
        }
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    //! On the server nothing is drawn: the tables stand there.

    use super::Told;
    use crate::error::{AppError, AppResult};

    pub struct Drawn;

    pub fn works() -> bool {
        false
    }

    /// What the document says to draw, as JSON, before the page's program is there. The script finds it at the element it draws in.
    pub fn ahead(spec: impl FnOnce() -> String) -> Option<String> {
        Some(spec())
    }

    pub async fn open(_: &str, _: &str, _: impl FnMut(Told) + 'static) -> Option<Drawn> {
        None
    }

    impl Drawn {
        pub fn update(&self, _: &str) {}
        pub fn show(&self, _: &str, _: bool) {}
        pub fn zoom_out(&self) {}
    }

    pub async fn picture(_: &str, _: &str) -> AppResult<String> {
        Err(AppError::offline())
    }
    pub fn save(_: &str, _: &str) {}

    pub struct Watch;

    pub fn when_seen(_: &str, _: impl FnOnce() + 'static) -> Option<Watch> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_chart_tells_is_understood_and_the_rest_passed_over() {
        let read = |word: &str, value: &str| Told::read(word, value.to_owned());
        assert_eq!(read("zoom", "3,9"), Some(Told::Zoom(Some((3, 9)))));
        assert_eq!(read("zoom", ""), Some(Told::Zoom(None)));
        assert_eq!(read("zoom", "3,x"), Some(Told::Zoom(None)));
        assert_eq!(read("open", "/a"), Some(Told::Open("/a".to_owned())));
        assert_eq!(read("colour", "red"), None);
    }
}
