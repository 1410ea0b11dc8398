//! The editor of an artifact's text: a script of its own (`web/editor`), loaded when a page first has one. `web/editor/index.ts` says what
//! its functions take and tell.

use serde::Serialize;

pub use inner::*;

/// The name by which pages load the script; the document says where it is.
pub const EDITOR: &str = "llmos/editor";

/// What an editor tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The text stands on the page.
    Ready,
    /// It changed, here or elsewhere.
    Text,
    /// Whether something is selected.
    Selected(bool),
    /// Whether everything that was written here is on the server's disk.
    Saved(bool),
    /// All of it is in the outbox, since before this page.
    Kept,
    Link(Link),
    /// Who has it open, as JSON.
    People(String),
    /// A commented range was pressed: the id of its thread.
    Thread(String),
    /// One may only read.
    Denied,
    /// The server ended the connection for good, with this code.
    Ended(u16),
    /// Whether it is written beside the document, which is neither here nor in reach.
    Apart(bool),
}

/// What an editor opens.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Opening {
    pub artifact: String,
    /// In whose name.
    pub user: String,
    pub read_only: bool,
    /// The server does not know of the artifact yet.
    pub begun: bool,
    /// What the page shows: it is written on where the document is neither here nor in reach.
    pub text: String,
    /// The head at that time; empty where nothing was committed.
    pub revision: String,
}

/// How the editor's connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Connecting,
    Live,
    Reconnecting,
    Offline,
}

#[cfg(any(feature = "hydrate", test))]
impl Told {
    fn read(word: &str, value: String) -> Option<Self> {
        Some(match word {
            "ready" => Self::Ready,
            "text" => Self::Text,
            "selected" => Self::Selected(value == "true"),
            "saved" => Self::Saved(value == "true"),
            "kept" => Self::Kept,
            "link" => Self::Link(match value.as_str() {
                "live" => Link::Live,
                "reconnecting" => Link::Reconnecting,
                "offline" => Link::Offline,
                _ => Link::Connecting,
            }),
            "people" => Self::People(value),
            "thread" => Self::Thread(value),
            "denied" => Self::Denied,
            "ended" => Self::Ended(value.parse().unwrap_or_default()),
            "apart" => Self::Apart(value == "true"),
            _ => return None,
        })
    }
}

#[cfg(feature = "hydrate")]
mod inner {
    use send_wrapper::SendWrapper;
    use wasm_bindgen::{JsCast as _, closure::Closure, prelude::*};
    use wasm_bindgen_futures::JsFuture;
    use web_sys::HtmlElement;

    use super::{EDITOR, Opening, Told};
    use crate::browser::script::load;

    #[wasm_bindgen]
    extern "C" {
        type Script;
        #[wasm_bindgen(method, catch)]
        fn open(this: &Script, host: &HtmlElement, opening: &str, tell: &Closure<dyn FnMut(String, String)>) -> Result<Handle, JsValue>;
        #[wasm_bindgen(method, catch, js_name = forgetAll)]
        fn forget_all(this: &Script) -> Result<js_sys::Promise, JsValue>;

        type Handle;
        #[wasm_bindgen(method)]
        fn content(this: &Handle) -> String;
        #[wasm_bindgen(method)]
        fn focus(this: &Handle);
        #[wasm_bindgen(method)]
        fn selection(this: &Handle) -> String;
        #[wasm_bindgen(method, catch, js_name = markThreads)]
        fn mark_threads(this: &Handle, list: &str) -> Result<(), JsValue>;
        #[wasm_bindgen(method, catch)]
        fn reveal(this: &Handle, anchor: &str) -> Result<bool, JsValue>;
        #[wasm_bindgen(method)]
        fn unsent(this: &Handle) -> js_sys::Promise;
        #[wasm_bindgen(method, js_name = noteKept)]
        fn note_kept(this: &Handle, kept: bool);
        #[wasm_bindgen(method, js_name = noteArrived)]
        fn note_arrived(this: &Handle);
        #[wasm_bindgen(method)]
        fn forget(this: &Handle) -> js_sys::Promise;
        #[wasm_bindgen(method)]
        fn close(this: &Handle) -> js_sys::Promise;
    }

    /// An open editor; dropped, it closes. The browser has one thread.
    pub struct Editor(SendWrapper<Inner>);

    struct Inner {
        handle: Handle,
        // The handle calls it as long as it lives.
        _tell: Closure<dyn FnMut(String, String)>,
    }

    /// Opens the document of an artifact in the element with the id `host`. None: the script could not be loaded.
    pub async fn open(host: &str, opening: Opening, mut tell: impl FnMut(Told) + 'static) -> Option<Editor> {
        let script = load(EDITOR).await.ok()?.unchecked_into::<Script>();
        // The page may be another by now.
        let host = gloo::utils::document().get_element_by_id(host)?.dyn_into::<HtmlElement>().ok()?;
        let tell = Closure::<dyn FnMut(String, String)>::new(move |word: String, value: String| {
            if let Some(told) = Told::read(&word, value) {
                tell(told);
            }
        });
        let handle = script.open(&host, &serde_json::to_string(&opening).ok()?, &tell).ok()?;
        Some(Editor(SendWrapper::new(Inner { handle, _tell: tell })))
    }

    impl Editor {
        /// The whole text.
        pub fn content(&self) -> String {
            self.0.handle.content()
        }
        pub fn focus(&self) {
            self.0.handle.focus();
        }
        /// What the outbox is to bring while the document is out of reach, as JSON; none when it has all of it. Taken when this is called.
        pub fn unsent(&self) -> impl Future<Output = Option<String>> + use<> {
            let unsent = self.0.handle.unsent();
            async move { JsFuture::from(unsent).await.ok()?.as_string().filter(|text| !text.is_empty()) }
        }
        /// Whether the outbox took it.
        pub fn note_kept(&self, kept: bool) {
            self.0.handle.note_kept(kept);
        }
        /// Nothing of it waits in the outbox any more.
        pub fn note_arrived(&self) {
            self.0.handle.note_arrived();
        }
        /// What is selected, as an anchor in JSON; none when nothing is.
        pub fn selection(&self) -> Option<String> {
            Some(self.0.handle.selection()).filter(|anchor| !anchor.is_empty())
        }
        /// Marks commented ranges: JSON of a list of anchors, each with the id of its thread.
        pub fn mark_threads(&self, list: &str) {
            let _ = self.0.handle.mark_threads(list);
        }
        /// Selects and shows a range; false when nothing of it is left.
        pub fn reveal(&self, anchor: &str) -> bool {
            self.0.handle.reveal(anchor).unwrap_or(false)
        }
        /// Forgets what this device kept of the document.
        pub async fn forget(self) {
            let _ = JsFuture::from(self.0.handle.forget()).await;
        }
        /// Closes it: done when what was written last is on the server's disk, or cannot get there now. Gives then what the outbox is to bring, as [`Editor::unsent`].
        pub async fn close(self) -> Option<String> {
            JsFuture::from(self.0.handle.close()).await.ok()?.as_string().filter(|text| !text.is_empty())
        }
    }

    impl Drop for Inner {
        fn drop(&mut self) {
            // Once is enough; it tells nothing any more.
            let _ = self.handle.close();
        }
    }

    /// Removes what this device kept of all documents.
    pub async fn forget_all() {
        // The key is the script's sign that there is something.
        if crate::browser::storage::kept("llmos-documents").is_some()
            && let Ok(script) = load(EDITOR).await
            && let Ok(forgetting) = script.unchecked_into::<Script>().forget_all()
        {
            let _ = JsFuture::from(forgetting).await;
        }
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    use super::{Opening, Told};

    pub struct Editor;

    pub async fn open(_: &str, _: Opening, _: impl FnMut(Told) + 'static) -> Option<Editor> {
        None
    }

    impl Editor {
        pub fn content(&self) -> String {
            String::new()
        }
        pub fn focus(&self) {}
        pub fn unsent(&self) -> impl Future<Output = Option<String>> + use<> {
            std::future::ready(None)
        }
        pub fn note_kept(&self, _: bool) {}
        pub fn note_arrived(&self) {}
        pub fn selection(&self) -> Option<String> {
            None
        }
        pub fn mark_threads(&self, _: &str) {}
        pub fn reveal(&self, _: &str) -> bool {
            false
        }
        pub async fn forget(self) {}
        pub async fn close(self) -> Option<String> {
            None
        }
    }

    pub async fn forget_all() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_editor_tells_is_understood_and_the_rest_passed_over() {
        let read = |word: &str, value: &str| Told::read(word, value.to_owned());
        assert_eq!(read("saved", "true"), Some(Told::Saved(true)));
        assert_eq!(read("link", "offline"), Some(Told::Link(Link::Offline)));
        assert_eq!(read("ended", "4413"), Some(Told::Ended(4413)));
        assert_eq!(read("ended", "?"), Some(Told::Ended(0)));
        assert_eq!(read("colour", "red"), None);
    }
}
