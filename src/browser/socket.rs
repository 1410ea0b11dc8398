//! A WebSocket to this server, what wakes a page up, and chance.
//!
//! Where the document says that the sockets are elsewhere, no cookie goes there: a token of a minute is fetched first. `web/editor` does the
//! same for documents.

pub use inner::*;

#[cfg(feature = "hydrate")]
mod inner {
    use std::{cell::RefCell, rc::Rc};

    use gloo::{events::EventListener, timers::callback::Interval, utils::window};
    use wasm_bindgen::{JsCast as _, closure::Closure};
    use wasm_bindgen_futures::{JsFuture, spawn_local};
    use web_sys::{CloseEvent, MessageEvent, RequestInit, Response, WebSocket};

    use crate::browser::{document::SOCKETS, json};

    /// As the server closes when it does not know who one is.
    const SIGN_IN: u16 = 4401;
    /// As browsers say when a connection breaks.
    const BROKEN: u16 = 1006;

    /// A connection; dropped, it closes without telling anybody.
    pub struct Socket(Rc<RefCell<Option<Open>>>);

    struct Open {
        socket: WebSocket,
        // The socket calls them as long as it lives.
        _open: Closure<dyn FnMut()>,
        _text: Closure<dyn FnMut(MessageEvent)>,
        _closed: Closure<dyn FnMut(CloseEvent)>,
    }

    /// Connects to `path` of this server. None: the browser does not let us.
    pub fn connect(
        path: &str,
        open: impl FnMut() + 'static,
        text: impl FnMut(String) + 'static,
        mut closed: impl FnMut(u16) + 'static,
    ) -> Option<Socket> {
        let Some(elsewhere) = elsewhere() else {
            let location = window().location();
            let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
            let socket = WebSocket::new(&format!("{scheme}://{}{path}", location.host().ok()?)).ok()?;
            return Some(Socket(Rc::new(RefCell::new(Some(listen(socket, open, text, closed))))));
        };
        let connection = Rc::new(RefCell::new(None));
        let wanted = Rc::downgrade(&connection);
        let address = format!("{elsewhere}{path}?token=");
        spawn_local(async move {
            let token = token().await;
            // Nobody wants it any more.
            let Some(connection) = wanted.upgrade() else { return };
            match token.and_then(|token| WebSocket::new(&format!("{address}{token}")).map_err(|_| BROKEN)) {
                Ok(socket) => drop(connection.replace(Some(listen(socket, open, text, closed)))),
                Err(code) => {
                    drop(connection);
                    closed(code);
                }
            }
        });
        Some(Socket(connection))
    }

    fn elsewhere() -> Option<String> {
        gloo::utils::document().query_selector(&format!("meta[name={SOCKETS}]")).ok()??.get_attribute("content")
    }

    /// A token for one who cannot send a cookie; or why there is none, as a socket says it.
    async fn token() -> Result<String, u16> {
        let request = RequestInit::new();
        request.set_method("POST");
        let answer = JsFuture::from(window().fetch_with_str_and_init("/api/v1/ws-token", &request)).await.map_err(|_| BROKEN)?;
        let answer: Response = answer.unchecked_into();
        match answer.status() {
            401 => Err(SIGN_IN),
            200 => {
                let text = JsFuture::from(answer.text().map_err(|_| BROKEN)?).await.map_err(|_| BROKEN)?;
                let text = text.as_string().unwrap_or_default();
                json::member(&text, "token").and_then(|token| json::read(token).ok()).ok_or(BROKEN)
            }
            _ => Err(BROKEN),
        }
    }

    fn listen(
        socket: WebSocket,
        open: impl FnMut() + 'static,
        mut text: impl FnMut(String) + 'static,
        mut closed: impl FnMut(u16) + 'static,
    ) -> Open {
        let open = Closure::<dyn FnMut()>::new(open);
        let text = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(data) = event.data().as_string() {
                text(data);
            }
        });
        let closed = Closure::<dyn FnMut(CloseEvent)>::new(move |event: CloseEvent| closed(event.code()));
        socket.set_onopen(Some(open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(text.as_ref().unchecked_ref()));
        socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
        Open { socket, _open: open, _text: text, _closed: closed }
    }

    impl Socket {
        pub fn send(&self, text: &str) {
            // What cannot be sent is found out by the silence that follows; a socket that closes would complain on the console.
            if let Some(open) = self.0.borrow().as_ref()
                && open.socket.ready_state() <= web_sys::WebSocket::OPEN
            {
                let _ = open.socket.send_with_str(text);
            }
        }
    }

    impl Drop for Open {
        fn drop(&mut self) {
            self.socket.set_onopen(None);
            self.socket.set_onmessage(None);
            self.socket.set_onclose(None);
            let _ = self.socket.close();
        }
    }

    /// Calls `act` every so often, until it is dropped.
    pub struct Ticker(#[allow(dead_code)] Interval);

    pub fn every(millis: u32, act: impl FnMut() + 'static) -> Ticker {
        Ticker(Interval::new(millis, act))
    }

    /// Calls `act` when the network comes back and when the page is looked at again, for as long as the page lives; with whether the browser
    /// believes that there is a network.
    pub fn on_wake(act: impl Fn(bool) + Clone + 'static) {
        for (target, name) in [(true, "online"), (true, "offline"), (true, "focus"), (true, "pageshow"), (false, "visibilitychange")] {
            let act = act.clone();
            let listener = move |_: &web_sys::Event| act(window().navigator().on_line());
            if target {
                EventListener::new(&window(), name, listener).forget();
            } else {
                EventListener::new(&gloo::utils::document(), name, listener).forget();
            }
        }
    }

    /// From 0 to 1.
    pub fn chance() -> f64 {
        js_sys::Math::random()
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    pub struct Socket;

    pub fn connect(_: &str, _: impl FnMut() + 'static, _: impl FnMut(String) + 'static, _: impl FnMut(u16) + 'static) -> Option<Socket> {
        None
    }

    impl Socket {
        pub fn send(&self, _: &str) {}
    }

    pub struct Ticker;

    pub fn every(_: u32, _: impl FnMut() + 'static) -> Ticker {
        Ticker
    }
    pub fn on_wake(_: impl Fn(bool) + Clone + 'static) {}
    pub fn chance() -> f64 {
        0.5
    }
}
