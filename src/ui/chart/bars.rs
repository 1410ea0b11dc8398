//! Bars in rows and lines as small as a word: HTML and SVG that the server writes whole. They are lists of names and numbers, so they need no
//! table beside them.

use leptos::prelude::*;

use super::data::number_words;
use crate::ui::Icon;

/// A row of [`Bars`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bar {
    pub name: String,
    /// Parts in their order: token, what it is, value. A bar of one part is neutral.
    pub parts: Vec<(&'static str, String, f64)>,
    /// Stands behind the number.
    pub suffix: &'static str,
    /// What is behind it; empty where there is no such page.
    pub href: String,
}

impl Bar {
    /// A bar of one part.
    pub fn plain(name: impl Into<String>, value: f64, href: impl Into<String>) -> Self {
        Self { name: name.into(), parts: vec![("--chart-prev", String::new(), value)], href: href.into(), ..Self::default() }
    }

    pub fn sum(&self) -> f64 {
        self.parts.iter().map(|(_, _, value)| value).sum()
    }
}

/// Rows of name, bar, number. All bars share one measure.
#[component]
pub fn Bars(rows: Vec<Bar>) -> impl IntoView {
    let most = rows.iter().map(Bar::sum).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let row = |bar: Bar| {
        let parts = bar.parts.iter().filter(|(_, _, value)| *value > 0.0);
        let parts = parts.map(|(color, words, value)| {
            let title = (!words.is_empty()).then(|| format!("{words}: {}", number_words(*value, 0)));
            view! { <i style=format!("--c:var({color});--v:{:.4}", value / most) title=title></i> }
        });
        let inside = view! {
            <span title=bar.name.clone()>{bar.name.clone()}</span>
            <span class="track" aria-hidden="true">{parts.collect_view()}</span>
            <b>{number_words(bar.sum(), 0)}{bar.suffix}</b>
        };
        row_of(bar.href, inside)
    };
    view! { <ul class="bars">{rows.into_iter().map(row).collect_view()}</ul> }
}

/// A row of [`RankedBars`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RankedBar {
    pub name: String,
    pub value: f64,
    /// A second number, in words.
    pub aside: String,
    pub href: String,
}

/// Rows with their rank, the bar behind the name.
#[component]
pub fn RankedBars(rows: Vec<RankedBar>) -> impl IntoView {
    let most = rows.iter().map(|row| row.value).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let row = |(index, row): (usize, RankedBar)| {
        let inside = view! {
            <span class="n">{index + 1}</span>
            <span class="name" style=format!("--v:{:.4}", row.value / most) title=row.name.clone()>{row.name.clone()}</span>
            <b>{number_words(row.value, 0)}</b>
            <span class="change">{row.aside}</span>
        };
        row_of(row.href, inside)
    };
    view! { <ol class="ranked">{rows.into_iter().enumerate().map(row).collect_view()}</ol> }
}

fn row_of(href: String, inside: impl IntoView + 'static) -> AnyView {
    if href.is_empty() {
        view! { <li><span>{inside}</span></li> }.into_any()
    } else {
        view! { <li><a href=href>{inside}</a></li> }.into_any()
    }
}

/// How a number went, in a line of 56 by 20 pixels. Decoration: the numbers stand beside it.
#[component]
pub fn Sparkline(values: Vec<f64>) -> impl IntoView {
    path(&values).map(|path| view! { <svg class="spark" viewBox="0 0 56 20" preserveAspectRatio="none" aria-hidden="true" focusable="false"><path d=path></path></svg> })
}

/// At most so many points: more than one to two pixels shows nobody anything.
const POINTS: usize = 28;

/// The line, from the lowest value at the bottom to the largest on top; days are summed up where there are many. None: there is no line.
fn path(values: &[f64]) -> Option<String> {
    let size = values.len().div_ceil(POINTS).max(1);
    let values = values.chunks(size).map(|chunk| chunk.iter().sum::<f64>() / chunk.len() as f64).collect::<Vec<_>>();
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
    if values.len() < 2 || !(low.is_finite() && high.is_finite()) {
        return None;
    }
    let span = if high > low { high - low } else { 1.0 };
    let across = 56.0 / (values.len() - 1) as f64;
    let points = values.iter().enumerate().map(|(index, value)| {
        format!("{}{:.1} {:.1}", if index == 0 { "M" } else { "L" }, index as f64 * across, 19.0 - (value - low) / span * 18.0)
    });
    Some(points.collect())
}

/// The key of a grid: from nothing to the most.
#[component]
pub fn ScaleKey(#[prop(into)] most: String) -> impl IntoView {
    let steps = super::SCALE.map(|token| view! { <i style=format!("--c:var({token})")></i> });
    view! { <span class="scale" aria-hidden="true">"0"{steps.collect_view()}{most}</span> }
}

/// An arrow and words: better is green, worse is red, and neither says it by colour alone.
#[component]
pub fn ChangeMark(icon: &'static str, look: &'static str, #[prop(into)] words: String) -> impl IntoView {
    view! { <span class=format!("change {look}")><Icon name=icon/>{words}</span> }
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_small_line_goes_from_edge_to_edge_and_there_is_none_of_one_point() {
        assert_eq!(path(&[0.0, 10.0]).as_deref(), Some("M0.0 19.0L56.0 1.0"));
        assert_eq!(path(&[5.0, 5.0, 5.0]).as_deref(), Some("M0.0 19.0L28.0 19.0L56.0 19.0"));
        assert_eq!(path(&[5.0]), None);
        assert_eq!(path(&[0.0, f64::INFINITY]), None);
        assert_eq!(path(&vec![1.0; 1_000]).map(|path| path.matches('L').count()), Some(27));
    }
}
