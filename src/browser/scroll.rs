//! What a long list that holds only a part of itself needs to know of the box that it scrolls in.

pub use inner::*;

/// Where the window of a scrolling box is, in CSS pixels. Negative: that much of the list is beyond the edge.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sight {
    /// From the box's upper edge down to the first item that is there.
    pub above: f64,
    /// From the last item that is there down to the box's lower edge.
    pub below: f64,
    /// Of the box.
    pub height: f64,
    /// Of the items that are there.
    pub items: f64,
    /// How far the box is from its end.
    pub to_end: f64,
}

#[cfg(feature = "hydrate")]
mod inner {
    use wasm_bindgen::JsCast as _;
    use web_sys::{Element, HtmlElement};

    use super::Sight;

    fn one(selector: &str) -> Option<Element> {
        gloo::utils::document().query_selector(selector).ok().flatten()
    }

    /// Of the box `scroller` and the list `items` in it.
    pub fn sight(scroller: &str, items: &str) -> Option<Sight> {
        let (scroller, items) = (one(scroller)?, one(items)?);
        let (outer, inner) = (scroller.get_bounding_client_rect(), items.get_bounding_client_rect());
        // In a reversed box the position counts from its end, below zero.
        let position = f64::from(scroller.scroll_top());
        let rest = f64::from(scroller.scroll_height() - scroller.client_height());
        let to_end = if position < 0.0 || reversed(&scroller) { -position } else { rest - position };
        Some(Sight {
            above: inner.top() - outer.top(),
            below: outer.bottom() - inner.bottom(),
            height: outer.height(),
            items: inner.height(),
            to_end: to_end.max(0.0),
        })
    }

    fn reversed(scroller: &Element) -> bool {
        let style = gloo::utils::window().get_computed_style(scroller).ok().flatten();
        style.and_then(|style| style.get_property_value("flex-direction").ok()).is_some_and(|direction| direction == "column-reverse")
    }

    /// An item and where it stands: what is before it may change its height, and it stays there.
    pub struct Anchor {
        id: String,
        top: f64,
    }

    /// The first of `items` that is seen in `scroller`; items have ids.
    pub fn anchor(scroller: &str, items: &str) -> Option<Anchor> {
        let edge = one(scroller)?.get_bounding_client_rect().top();
        let all = gloo::utils::document().query_selector_all(items).ok()?;
        (0..all.length()).filter_map(|index| all.item(index)?.dyn_into::<HtmlElement>().ok()).find_map(|item| {
            let place = item.get_bounding_client_rect();
            (place.bottom() > edge).then(|| Anchor { id: item.id(), top: place.top() })
        })
    }

    /// Puts the item back to where it stood.
    pub fn hold(scroller: &str, anchor: &Anchor) {
        let (Some(scroller), Some(item)) = (one(scroller), gloo::utils::document().get_element_by_id(&anchor.id)) else { return };
        let moved = item.get_bounding_client_rect().top() - anchor.top;
        if moved.abs() >= 1.0 {
            scroller.set_scroll_top(scroller.scroll_top() + moved.round() as i32);
        }
    }

    /// Shows the item with this id in the middle of its box; false when it is not there.
    pub fn center(id: &str) -> bool {
        let Some(item) = gloo::utils::document().get_element_by_id(id) else { return false };
        let how = web_sys::ScrollIntoViewOptions::new();
        how.set_block(web_sys::ScrollLogicalPosition::Center);
        item.scroll_into_view_with_scroll_into_view_options(&how);
        true
    }

    /// Which of `items` a pointer is over, and where on it: fractions of its width and height.
    pub fn spot(event: &web_sys::PointerEvent, items: &str) -> Option<(String, f64, f64)> {
        let target = event.target()?.dyn_into::<Element>().ok()?;
        let item = target.closest(items).ok()??;
        let place = item.get_bounding_client_rect();
        let part = |at: i32, start: f64, length: f64| ((f64::from(at) - start) / length.max(1.0)).clamp(0.0, 1.0);
        Some((item.id(), part(event.client_x(), place.left(), place.width()), part(event.client_y(), place.top(), place.height())))
    }

    /// Where such a spot is in `frame`, in pixels; none when it is not in sight there.
    pub fn place(frame: &str, id: &str, x: f64, y: f64) -> Option<(f64, f64)> {
        let (frame, item) =
            (one(frame)?.get_bounding_client_rect(), gloo::utils::document().get_element_by_id(id)?.get_bounding_client_rect());
        let (left, top) = (item.left() + x * item.width() - frame.left(), item.top() + y * item.height() - frame.top());
        // A frame that is not shown has no place.
        (frame.width() > 0.0 && left >= 0.0 && top >= 0.0 && left <= frame.width() && top <= frame.height()).then_some((left, top))
    }

    /// To the end of the box.
    pub fn to_end(scroller: &str) {
        if let Some(scroller) = one(scroller) {
            let end = if reversed(&scroller) { 0 } else { scroller.scroll_height() };
            scroller.set_scroll_top(end);
        }
    }

    /// As tall as its text, up to what the styles allow.
    pub fn fit_height(id: &str) {
        if let Some(field) = gloo::utils::document().get_element_by_id(id).and_then(|field| field.dyn_into::<HtmlElement>().ok()) {
            let _ = field.style().set_property("height", "auto");
            let height = field.scroll_height();
            let _ = field.style().set_property("height", &format!("{height}px"));
        }
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    use super::Sight;

    pub fn sight(_: &str, _: &str) -> Option<Sight> {
        None
    }
    pub struct Anchor;
    pub fn anchor(_: &str, _: &str) -> Option<Anchor> {
        None
    }
    pub fn hold(_: &str, _: &Anchor) {}
    pub fn center(_: &str) -> bool {
        false
    }
    pub fn spot(_: &leptos::ev::PointerEvent, _: &str) -> Option<(String, f64, f64)> {
        None
    }
    pub fn place(_: &str, _: &str, _: f64, _: f64) -> Option<(f64, f64)> {
        None
    }
    pub fn to_end(_: &str) {}
    pub fn fit_height(_: &str) {}
}
