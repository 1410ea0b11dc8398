//! A WebSocket to this server, what wakes a page up, and chance.

pub use inner::*;

#[cfg(feature = "hydrate")]
mod inner {
    use gloo::{events::EventListener, timers::callback::Interval, utils::window};
    use wasm_bindgen::{JsCast as _, closure::Closure};
    use web_sys::{CloseEvent, MessageEvent, WebSocket};

    /// An open connection; dropped, it closes without telling anybody.
    pub struct Socket {
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
        mut text: impl FnMut(String) + 'static,
        mut closed: impl FnMut(u16) + 'static,
    ) -> Option<Socket> {
        let location = window().location();
        let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
        let socket = WebSocket::new(&format!("{scheme}://{}{path}", location.host().ok()?)).ok()?;
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
        Some(Socket { socket, _open: open, _text: text, _closed: closed })
    }

    impl Socket {
        pub fn send(&self, text: &str) {
            // What cannot be sent is found out by the silence that follows.
            let _ = self.socket.send_with_str(text);
        }
    }

    impl Drop for Socket {
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
