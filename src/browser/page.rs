//! The page itself: navigation, focus, dialogs, clipboard, timers, keys.

pub use inner::*;

/// A key press, wherever it happened on the page.
#[derive(Clone, Debug)]
pub struct Key {
    pub key: String,
    /// Command on a Mac, Control elsewhere.
    pub command: bool,
    pub shift: bool,
    pub alt: bool,
    /// It happened in a field: single keys belong to the text there.
    pub in_field: bool,
    /// A dialog is open.
    pub in_dialog: bool,
}

#[cfg(feature = "hydrate")]
mod inner {
    use gloo::{
        events::{EventListener, EventListenerOptions},
        timers::callback::Timeout,
    };
    use wasm_bindgen::JsCast as _;
    use web_sys::{HtmlDialogElement, HtmlDocument, HtmlElement, KeyboardEvent, ScrollIntoViewOptions, ScrollLogicalPosition};

    use super::Key;

    fn document() -> web_sys::Document {
        gloo::utils::document()
    }

    pub fn cookies() -> String {
        document().dyn_into::<HtmlDocument>().ok().and_then(|document| document.cookie().ok()).unwrap_or_default()
    }

    pub fn set_cookie(cookie: &str) {
        if let Ok(document) = document().dyn_into::<HtmlDocument>() {
            let _ = document.set_cookie(cookie);
        }
    }

    /// Sets an attribute of `<html>`, such as the theme.
    pub fn set_root_attribute(name: &str, value: &str) {
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute(name, value);
        }
    }

    /// Opens another document: everything of this page is left.
    pub fn go(address: &str) {
        let _ = gloo::utils::window().location().set_href(address);
    }

    pub fn reload() {
        let _ = gloo::utils::window().location().reload();
    }

    /// `https://host` of this page.
    pub fn origin() -> String {
        gloo::utils::window().location().origin().unwrap_or_default()
    }

    /// The IANA time zones that the browser knows.
    pub fn time_zones() -> Vec<String> {
        let list = || -> Result<js_sys::Array, wasm_bindgen::JsValue> {
            let intl = js_sys::Reflect::get(&js_sys::global(), &"Intl".into())?;
            let supported = js_sys::Reflect::get(&intl, &"supportedValuesOf".into())?.dyn_into::<js_sys::Function>()?;
            supported.call1(&intl, &"timeZone".into())?.dyn_into()
        };
        list().map(|zones| zones.iter().filter_map(|zone| zone.as_string()).collect()).unwrap_or_default()
    }

    /// The IANA time zone of this device.
    pub fn time_zone() -> Option<String> {
        let format = js_sys::Intl::DateTimeFormat::new(&js_sys::Array::new(), &js_sys::Object::new());
        js_sys::Reflect::get(&format.resolved_options(), &"timeZone".into()).ok()?.as_string()
    }

    fn element<T: wasm_bindgen::JsCast>(id: &str) -> Option<T> {
        document().get_element_by_id(id)?.dyn_into().ok()
    }

    /// What stands in an input of the page that the server sent, before its component takes it over.
    pub fn input_value(id: &str) -> Option<String> {
        element::<web_sys::HtmlInputElement>(id).map(|input| input.value())
    }

    /// Shows a native modal dialog: focus goes in and comes back, Escape closes it.
    pub fn open_dialog(id: &str) {
        if let Some(dialog) = element::<HtmlDialogElement>(id)
            && !dialog.open()
        {
            let _ = dialog.show_modal();
            // The first thing to fill in, where there is one; else the browser's choice stays.
            let field = dialog.query_selector(".body :is(input:not([type=hidden], :disabled), textarea, select)").ok().flatten();
            if let Some(field) = field.and_then(|field| field.dyn_into::<HtmlElement>().ok()) {
                let _ = field.focus();
            }
        }
    }

    pub fn close_dialog(id: &str) {
        if let Some(dialog) = element::<HtmlDialogElement>(id) {
            dialog.close();
        }
    }

    pub fn focus(id: &str) {
        if let Some(element) = element::<HtmlElement>(id) {
            let _ = element.focus();
        }
    }

    pub fn focus_selector(selector: &str) {
        if let Ok(Some(found)) = document().query_selector(selector)
            && let Ok(element) = found.dyn_into::<HtmlElement>()
        {
            let _ = element.focus();
        }
    }

    pub fn scroll_into_view(id: &str) {
        if let Some(element) = element::<HtmlElement>(id) {
            element.scroll_into_view_with_bool(false);
        }
    }

    /// Copies text; `done` says whether it worked.
    pub fn copy(text: String, done: impl FnOnce(bool) + 'static) {
        wasm_bindgen_futures::spawn_local(async move {
            let promise = gloo::utils::window().navigator().clipboard().write_text(&text);
            done(wasm_bindgen_futures::JsFuture::from(promise).await.is_ok());
        });
    }

    /// Runs `act` later. Dropping the handle cancels it.
    pub struct Timer(#[allow(dead_code)] Timeout);

    pub fn after(millis: u32, act: impl FnOnce() + 'static) -> Timer {
        Timer(Timeout::new(millis, act))
    }

    pub fn after_forget(millis: u32, act: impl FnOnce() + 'static) {
        Timeout::new(millis, act).forget();
    }

    /// Waits that long.
    pub async fn pause(millis: u32) {
        gloo::timers::future::TimeoutFuture::new(millis).await;
    }

    /// Runs `act` when everything that changed stands in the document, before it is seen.
    pub fn before_paint(act: impl FnOnce() + 'static) {
        leptos::prelude::request_animation_frame(act);
    }

    /// Runs `act` when what has just changed has been painted. Out of sight nothing is: then, when the page is seen again.
    pub fn after_paint(act: impl FnOnce() + 'static) {
        before_paint(move || after_forget(0, act));
    }

    /// Runs `act` when the effects of what has just changed have run, in the same frame.
    pub fn after_effects(act: impl FnOnce() + 'static) {
        leptos::prelude::queue_microtask(act);
    }

    /// Minutes that the clock is ahead of UTC now, in this IANA time zone; in that of the device, without one or where the browser does
    /// not know it.
    pub fn utc_offset(zone: Option<&str>) -> i64 {
        zone.and_then(offset_in).unwrap_or_else(|| -(js_sys::Date::new_0().get_timezone_offset() as i64))
    }

    /// ECMA-402 names offsets "GMT", "GMT+05:30".
    fn offset_in(zone: &str) -> Option<i64> {
        let get = |of: &wasm_bindgen::JsValue, name: &str| js_sys::Reflect::get(of, &name.into()).ok();
        let made: js_sys::Function = get(&get(&js_sys::global(), "Intl")?, "DateTimeFormat")?.dyn_into().ok()?;
        let options = js_sys::Object::new();
        for (name, value) in [("timeZone", zone), ("timeZoneName", "longOffset")] {
            js_sys::Reflect::set(&options, &name.into(), &value.into()).ok()?;
        }
        // Made this way it answers an unknown zone with an error, and does not throw.
        let format = js_sys::Reflect::construct(&made, &js_sys::Array::of2(&"en".into(), &options)).ok()?;
        let parts: js_sys::Function = get(&format, "formatToParts")?.dyn_into().ok()?;
        let parts: js_sys::Array = parts.call0(&format).ok()?.dyn_into().ok()?;
        let named = parts.iter().find(|part| get(part, "type").is_some_and(|kind| kind == "timeZoneName"))?;
        let text = get(&named, "value")?.as_string()?;
        let Some(offset) = text.strip_prefix("GMT").filter(|offset| !offset.is_empty()) else { return Some(0) };
        let (hours, minutes) = offset.get(1..)?.split_once(':')?;
        let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
        Some(if offset.starts_with('-') { -minutes } else { minutes })
    }

    /// Whether the page is in front, not in a tab behind.
    pub fn is_visible() -> bool {
        !document().hidden()
    }

    /// Whether a press on a link asks for another window or tab: the browser does that by itself.
    pub fn wants_new_window(event: &web_sys::MouseEvent) -> bool {
        event.ctrl_key() || event.meta_key() || event.shift_key() || event.button() != 0
    }

    /// Where the caret of a text area is, in UTF-16 code units.
    pub fn caret(id: &str) -> Option<u32> {
        element::<web_sys::HtmlTextAreaElement>(id)?.selection_end().ok().flatten()
    }

    /// Replaces a part of a text area, in UTF-16 code units, and puts the caret behind it. Gives the whole text.
    pub fn replace_text(id: &str, start: u32, end: u32, text: &str) -> Option<String> {
        let field = element::<web_sys::HtmlTextAreaElement>(id)?;
        field.set_range_text_with_start_and_end(text, start, end).ok()?;
        let behind = start + text.encode_utf16().count() as u32;
        let _ = field.set_selection_range(behind, behind);
        let _ = field.focus();
        Some(field.value())
    }

    /// Now, in UTC milliseconds.
    pub fn now_ms() -> i64 {
        js_sys::Date::now() as i64
    }

    /// When a day begins, as an input of type `date` gives it, in UTC milliseconds; none for what is no day.
    pub fn day_ms(day: &str) -> Option<i64> {
        Some(js_sys::Date::parse(day)).filter(|at| at.is_finite()).map(|at| at as i64)
    }

    /// Listens to keys for as long as the page lives; return true from `act` to keep the browser's own reaction away.
    pub fn on_key(act: impl FnMut(Key) -> bool + 'static) {
        listen(act).forget();
    }

    /// Listens to keys until the handle is dropped; a key that somebody else took is not told.
    pub struct Keys(#[allow(dead_code)] EventListener);

    pub fn keys(act: impl FnMut(Key) -> bool + 'static) -> Keys {
        Keys(listen(act))
    }

    fn listen(mut act: impl FnMut(Key) -> bool + 'static) -> EventListener {
        EventListener::new_with_options(&document(), "keydown", EventListenerOptions::enable_prevent_default(), move |event| {
            let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
            if event.is_composing() || event.default_prevented() {
                return;
            }
            let target = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
            let in_field = target.as_ref().is_some_and(|element| {
                matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT")
                    && !element.matches("[type=checkbox],[type=radio]").unwrap_or(false)
                    || element.is_content_editable()
            });
            let in_dialog = target.as_ref().is_some_and(|element| element.closest("dialog").ok().flatten().is_some());
            let key = Key {
                key: event.key(),
                command: event.meta_key() || event.ctrl_key(),
                shift: event.shift_key(),
                alt: event.alt_key(),
                in_field,
                in_dialog,
            };
            if act(key) {
                event.prevent_default();
            }
        })
    }

    /// Moves the focus by `step` among the links that match and can be seen, from the one that has it or else the current one.
    /// Gives the address it is at then.
    pub fn step_focus(selector: &str, step: i32) -> Option<String> {
        let all = document().query_selector_all(selector).ok()?;
        let active = document().active_element();
        let all: Vec<HtmlElement> = (0..all.length()).filter_map(|index| all.item(index)?.dyn_into().ok()).collect();
        let here = all
            .iter()
            .position(|element| active.as_ref() == Some(element.as_ref()))
            .or_else(|| all.iter().position(|element| element.has_attribute("aria-current")));
        let next = here.map_or(0, |here| (here as i32 + step).clamp(0, all.len() as i32 - 1));
        let element = all.get(next as usize).filter(|element| element.offset_parent().is_some())?;
        let _ = element.focus();
        element.get_attribute("href")
    }

    /// Whether a press hit one of these, or something in one.
    pub fn pressed(event: &web_sys::MouseEvent, selector: &str) -> bool {
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        target.is_some_and(|element| element.closest(selector).ok().flatten().is_some())
    }

    /// Where the link leads that a press hit, as it is written.
    pub fn pressed_link(event: &web_sys::MouseEvent) -> Option<String> {
        let target = event.target()?.dyn_into::<web_sys::Element>().ok()?;
        target.closest("a[href]").ok()??.get_attribute("href")
    }

    /// Whether one of these has the focus.
    pub fn has_focus(selector: &str) -> bool {
        document().active_element().is_some_and(|element| element.matches(selector).unwrap_or(false))
    }

    /// Whether a pointer is over one of these, or the focus in it.
    pub fn has_pointer_or_focus(selector: &str) -> bool {
        let all = document().query_selector_all(selector);
        all.is_ok_and(|all| {
            let mut all = (0..all.length()).filter_map(|index| all.item(index)?.dyn_into::<web_sys::Element>().ok());
            all.any(|element| element.matches(":is(:hover, :focus-within)").unwrap_or(false))
        })
    }

    /// Scrolls what is around an element as far as it takes to see it.
    pub fn reveal(selector: &str) {
        if let Ok(Some(element)) = document().query_selector(selector) {
            let how = ScrollIntoViewOptions::new();
            how.set_block(ScrollLogicalPosition::Nearest);
            element.scroll_into_view_with_scroll_into_view_options(&how);
        }
    }

    pub fn scroll_to_top(selector: &str) {
        if let Ok(Some(element)) = document().query_selector(selector) {
            element.set_scroll_top(0);
        }
    }

    /// How far down something is scrolled, in CSS pixels; 0 where it is not there.
    pub fn scrolled(selector: &str) -> i32 {
        document().query_selector(selector).ok().flatten().map_or(0, |element| element.scroll_top())
    }

    pub fn width_of(selector: &str) -> i32 {
        document().query_selector(selector).ok().flatten().map_or(0, |element| element.client_width())
    }

    /// Whether the window is as wide as that, in the words of CSS.
    pub fn media(query: &str) -> bool {
        gloo::utils::window().match_media(query).ok().flatten().is_some_and(|media| media.matches())
    }

    /// Menus made of `<details class="drop">` close when something else, or one of their entries, is pressed, and with Escape.
    pub fn close_drops() {
        fn close(keep: impl Fn(&web_sys::Element) -> bool, focus: bool) -> bool {
            let Ok(open) = document().query_selector_all("details.drop[open]") else { return false };
            let mut closed = false;
            for drop in (0..open.length()).filter_map(|index| open.item(index)?.dyn_into::<web_sys::Element>().ok()) {
                if keep(&drop) {
                    continue;
                }
                closed = drop.remove_attribute("open").is_ok();
                if focus && let Some(summary) = drop.first_element_child().and_then(|first| first.dyn_into::<HtmlElement>().ok()) {
                    let _ = summary.focus();
                }
            }
            closed
        }
        EventListener::new(&document(), "click", |event| {
            let Some(target) = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok()) else { return };
            let entry = target.closest(".drop .menu :is(a, button)").ok().flatten().is_some();
            close(|drop| !entry && drop.contains(Some(&target)), false);
        })
        .forget();
        on_key(|key| key.key == "Escape" && close(|_| false, true));
    }

    /// A press on a link counts although the page puts something else in its place before it ends, as a list does that is filtered in that
    /// moment: to the browser that is no click. `open` gets the address when the link is gone for good.
    pub fn keep_presses(open: impl Fn(&str) + 'static) {
        /// In pixels: a hand that moves further means something else.
        const STEADY: i32 = 6;
        let pressed = std::rc::Rc::new(std::cell::RefCell::new(None::<(HtmlElement, i32, i32)>));
        let began = pressed.clone();
        EventListener::new(&document(), "mousedown", move |event| {
            let Some(event) = event.dyn_ref::<web_sys::MouseEvent>() else { return };
            let link = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok()?.closest("a[href]").ok()?);
            let link = link.filter(|_| !wants_new_window(event)).and_then(|link| link.dyn_into::<HtmlElement>().ok());
            *began.borrow_mut() = link.map(|link| (link, event.client_x(), event.client_y()));
        })
        .forget();
        EventListener::new(&document(), "mouseup", move |event| {
            let Some((link, x, y)) = pressed.borrow_mut().take() else { return };
            let Some(event) = event.dyn_ref::<web_sys::MouseEvent>() else { return };
            let moved = (event.client_x() - x).abs().max((event.client_y() - y).abs());
            let under = event.target().and_then(|target| target.dyn_into::<web_sys::Node>().ok());
            if moved > STEADY || wants_new_window(event) || (link.is_connected() && link.contains(under.as_ref())) {
                return;
            }
            let Some(address) = link.get_attribute("href") else { return };
            match if link.is_connected() { Some(link) } else { link_to(&address) } {
                Some(link) => link.click(),
                None => open(&address),
            }
        })
        .forget();
    }

    fn link_to(address: &str) -> Option<HtmlElement> {
        let links = document().query_selector_all("a[href]").ok()?;
        let mut links = (0..links.length()).filter_map(|index| links.item(index)?.dyn_into::<HtmlElement>().ok());
        links.find(|link| link.get_attribute("href").as_deref() == Some(address))
    }

    /// Something on the page is not saved: see [`hold_unsaved`].
    pub struct Unsaved {
        _listeners: [EventListener; 2],
    }

    /// Until what it gives is dropped, the browser asks before the page is left, and `hides` runs when the page goes out of sight, as it may be gone the next
    /// moment. Hold it no longer than that: such listeners keep pages out of the back and forward cache.
    pub fn hold_unsaved(hides: impl Fn() + 'static) -> Unsaved {
        let leaving = EventListenerOptions::enable_prevent_default();
        Unsaved {
            _listeners: [
                EventListener::new_with_options(&gloo::utils::window(), "beforeunload", leaving, |event| event.prevent_default()),
                EventListener::new(&document(), "visibilitychange", move |_| {
                    if document().hidden() {
                        hides();
                    }
                }),
            ],
        }
    }

    /// Sent when the copy buttons of rendered code blocks are pressed: they are plain HTML inside sanitised markdown.
    pub fn on_copy_buttons(act: impl Fn(String) + 'static) {
        EventListener::new(&document(), "click", move |event| {
            let Some(target) = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok()) else { return };
            let Ok(Some(button)) = target.closest("[data-copy-code]") else { return };
            if let Some(code) = button
                .closest("figure")
                .ok()
                .flatten()
                .or_else(|| button.parent_element())
                .and_then(|block| block.query_selector("pre").ok().flatten())
            {
                act(code.text_content().unwrap_or_default());
            }
        })
        .forget();
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    //! On the server there is no page yet: nothing happens, and nothing is there.

    use super::Key;

    pub fn cookies() -> String {
        String::new()
    }
    pub fn set_cookie(_: &str) {}
    pub fn set_root_attribute(_: &str, _: &str) {}
    pub fn go(_: &str) {}
    pub fn reload() {}
    pub fn origin() -> String {
        String::new()
    }
    pub fn time_zones() -> Vec<String> {
        Vec::new()
    }
    pub fn time_zone() -> Option<String> {
        None
    }
    pub fn input_value(_: &str) -> Option<String> {
        None
    }
    pub fn open_dialog(_: &str) {}
    pub fn close_dialog(_: &str) {}
    pub fn focus(_: &str) {}
    pub fn focus_selector(_: &str) {}
    pub fn scroll_into_view(_: &str) {}
    pub fn copy(_: String, _: impl FnOnce(bool) + 'static) {}
    pub struct Timer;
    pub fn after(_: u32, _: impl FnOnce() + 'static) -> Timer {
        Timer
    }
    pub fn after_forget(_: u32, _: impl FnOnce() + 'static) {}
    pub async fn pause(_: u32) {}
    pub fn before_paint(_: impl FnOnce() + 'static) {}
    pub fn after_paint(_: impl FnOnce() + 'static) {}
    pub fn after_effects(_: impl FnOnce() + 'static) {}
    pub fn utc_offset(_: Option<&str>) -> i64 {
        0
    }
    pub fn is_visible() -> bool {
        true
    }
    pub fn wants_new_window(_: &leptos::ev::MouseEvent) -> bool {
        false
    }
    pub fn caret(_: &str) -> Option<u32> {
        None
    }
    pub fn replace_text(_: &str, _: u32, _: u32, _: &str) -> Option<String> {
        None
    }
    /// Now, in UTC milliseconds.
    pub fn day_ms(_: &str) -> Option<i64> {
        None
    }
    pub fn now_ms() -> i64 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
    }
    pub fn on_key(_: impl FnMut(Key) -> bool + 'static) {}
    pub struct Keys;
    pub fn keys(_: impl FnMut(Key) -> bool + 'static) -> Keys {
        Keys
    }
    pub fn step_focus(_: &str, _: i32) -> Option<String> {
        None
    }
    pub fn pressed(_: &leptos::ev::MouseEvent, _: &str) -> bool {
        false
    }
    pub fn pressed_link(_: &leptos::ev::MouseEvent) -> Option<String> {
        None
    }
    pub fn has_focus(_: &str) -> bool {
        false
    }
    pub fn has_pointer_or_focus(_: &str) -> bool {
        false
    }
    pub fn reveal(_: &str) {}
    pub fn scroll_to_top(_: &str) {}
    pub fn scrolled(_: &str) -> i32 {
        0
    }
    pub fn width_of(_: &str) -> i32 {
        0
    }
    pub fn media(_: &str) -> bool {
        false
    }
    pub fn close_drops() {}
    pub fn keep_presses(_: impl Fn(&str) + 'static) {}
    pub struct Unsaved;
    pub fn hold_unsaved(_: impl Fn() + 'static) -> Unsaved {
        Unsaved
    }
    pub fn on_copy_buttons(_: impl Fn(String) + 'static) {}
}
