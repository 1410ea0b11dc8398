//! What several pages of the marketplace share.

use leptos::prelude::*;

use crate::{
    browser::page,
    features::{
        accounts::state::use_session,
        artifacts::ui::{split_table, unified_table},
        marketplace::model::{Capabilities, FileDiff, Finding, is_reading_page},
    },
    ui::{Icon, LineCounts, bytes, count, plural, toast, use_toasts},
};

/// What a release says that it may use, group by group. What is `new` stands first in its group, on warm ground.
#[component]
pub fn CapabilityList(
    capabilities: Capabilities,
    /// What it could not use before.
    #[prop(optional)]
    new: Option<Capabilities>,
) -> impl IntoView {
    let compared = new.is_some();
    let new = new.unwrap_or_default();
    if capabilities.is_empty() {
        return view! { <p class="t2 row gap-4"><Icon name="check"/><span>"It declares nothing: no hosts, no paths outside its folder, no commands, no variables, no tools."</span></p> }
            .into_any();
    }
    let row = |icon: &'static str, words: &'static str, values: Vec<String>, is_new: bool| {
        (!values.is_empty()).then(|| {
            view! {
                <li class:new=is_new>
                    <Icon name=icon/>
                    <span>{words}</span>
                    <span class="values">{values.into_iter().map(|value| view! { <code>{value}</code> }).collect_view()}</span>
                    {compared.then(|| if is_new { view! { <span class="chip warn">"New"</span> }.into_any() } else { view! { <span class="t3">"As before"</span> }.into_any() })}
                </li>
            }
        })
    };
    let rows = capabilities
        .groups()
        .into_iter()
        .zip(new.groups())
        .flat_map(|((icon, words, values), (_, _, new))| {
            let (came, stayed) = values.iter().cloned().partition(|value| new.contains(value));
            [row(icon, words, came, true), row(icon, words, stayed, false)]
        })
        .flatten()
        .collect_view();
    view! { <ul class="caplist">{rows}</ul> }.into_any()
}

/// The first two of what it may use, and how many more there are, for a card.
#[component]
pub fn CapabilityBadges(capabilities: Capabilities) -> impl IntoView {
    const SHOWN: usize = 2;
    if capabilities.is_empty() {
        return view! { <span class="caps"><span class="chip line"><Icon name="check"/>"Text only"</span></span> }.into_any();
    }
    let groups = capabilities.groups();
    let all = groups.iter().flat_map(|(icon, words, values)| values.iter().map(move |value| (*icon, *words, value.clone())));
    let more = all.clone().count().saturating_sub(SHOWN);
    let shown = all
        .take(SHOWN)
        .map(|(icon, words, value)| {
            let title = format!("{words}: {value}");
            view! { <span class="chip" title=title><Icon name=icon/><span class="sr">{words}": "</span><span class="trunc">{value}</span></span> }
        })
        .collect_view();
    view! {
        <span class="caps">
            {shown}
            {(more > 0).then(|| view! { <span class="chip line">{format!("+{more}")}<span class="sr">" more uses"</span></span> })}
        </span>
    }
    .into_any()
}

/// What the checks found: where, what there is, why it matters, what helps.
#[component]
pub fn FindingList(findings: Vec<Finding>) -> impl IntoView {
    if findings.is_empty() {
        return view! { <p class="t2 row gap-6"><Icon name="ok"/>"The checks found nothing."</p> }.into_any();
    }
    view! { <ul class="findings">{findings.into_iter().map(finding_row).collect_view()}</ul> }.into_any()
}

fn finding_row(finding: Finding) -> AnyView {
    let (class, words) = severity(&finding.severity);
    let place = if finding.line > 0 { format!("{}, line {}", finding.path, finding.line) } else { finding.path };
    view! {
        <li>
            <header>
                <span class=class>{words}</span>
                {finding.blocks.then(|| view! { <span class="chip bad"><Icon name="stop"/>"Blocks"</span> })}
                <code class="rule">{finding.rule}</code>
                {(!place.is_empty()).then(|| view! { <span class="t3 wrap-any">{place}</span> })}
            </header>
            {(!finding.evidence.is_empty()).then(|| view! { <pre tabindex="0" role="group" aria-label="What there is"><code>{finding.evidence}</code></pre> })}
            <p>{finding.why}</p>
            {(!finding.fix.is_empty()).then(|| view! { <p class="t2"><b>"What helps: "</b>{finding.fix}</p> })}
        </li>
    }
    .into_any()
}

/// The chip of a severity, and its word.
fn severity(severity: &str) -> (&'static str, &'static str) {
    match severity {
        "critical" => ("chip bad", "Critical"),
        "high" => ("chip bad", "High"),
        "medium" => ("chip warn", "Medium"),
        "low" => ("chip", "Low"),
        _ => ("chip info", "Notice"),
    }
}

/// How the files of a release differ from those before: one after the other, folded.
#[component]
pub fn FileDiffs(
    changes: Vec<FileDiff>,
    /// The lines beside one another instead of below.
    #[prop(optional)]
    split: bool,
) -> impl IntoView {
    if changes.is_empty() {
        return view! { <p class="t2">"No file differs."</p> }.into_any();
    }
    // Where there is one, there is nothing to choose.
    let open = changes.len() == 1;
    view! { <div class="filediffs">{changes.into_iter().map(|change| file_diff(change, open, split)).collect_view()}</div> }.into_any()
}

fn file_diff(change: FileDiff, open: bool, split: bool) -> AnyView {
    let (class, words) = match change.change.as_str() {
        "created" => ("chip ok", "New"),
        "deleted" => ("chip bad", "Goes"),
        _ => ("chip info", "Changes"),
    };
    let (added, removed) = change.diff.as_ref().map_or((0, 0), |diff| (diff.added as i64, diff.removed as i64));
    view! {
        <details class="filediff" open=open>
            <summary>
                <Icon name="chev-r"/>
                <code class="grow wrap-any">{change.path}</code>
                <LineCounts added=added removed=removed/>
                <span class=class>{words}</span>
                <span class="t3 num">{bytes(change.size)}</span>
            </summary>
            {match change.diff {
                Some(diff) if diff.is_empty() => view! { <p class="t2 pad">"The text is the same."</p> }.into_any(),
                Some(diff) if split => split_table(diff),
                Some(diff) => unified_table(diff),
                None => view! { <p class="t2 pad">"Not a text: its bytes differ."</p> }.into_any(),
            }}
        </details>
    }
    .into_any()
}

/// "4.8", with the number of ratings for the ear.
#[component]
pub fn Rating(rating: f64, ratings: i64) -> impl IntoView {
    if ratings <= 0 {
        return view! { <span class="rating t3">"Not rated"</span> }.into_any();
    }
    view! {
        <span class="rating" title=plural(ratings, "rating", "ratings")>
            <Icon name="star-f"/>
            <span class="sr">"Rated "</span>
            <b>{tenths(rating)}</b>
            <span class="sr">" of 5, "</span>
            <span>{count(ratings)}</span>
            <span class="sr">{if ratings == 1 { " rating" } else { " ratings" }}</span>
        </span>
    }
    .into_any()
}

/// One decimal, without the code that prints floats.
pub fn tenths(number: f64) -> String {
    let tenths = (number * 10.0).round() as i64;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Where one can go in the marketplace.
const PLACES: [(&str, &str); 4] = [
    ("/marketplace", "Browse"),
    ("/marketplace/installed", "Installed"),
    ("/marketplace/submissions", "Submissions"),
    ("/marketplace/record", "Record"),
];

/// The parts of the marketplace; `here` is the address of the one that is shown.
#[component]
pub fn Places(here: &'static str) -> impl IntoView {
    let visitor = use_session().visitor;
    let places = PLACES.into_iter().filter(|(address, _)| !visitor || is_reading_page(address));
    view! {
        <nav class="tabs" aria-label="Parts of the marketplace">
            {places.map(|(address, words)| view! { <a href=address aria-current=(address == here).then_some("page")>{words}</a> }).collect_view()}
        </nav>
    }
}

/// What opens a `details`.
#[component]
pub fn Fold(#[prop(into)] words: String) -> impl IntoView {
    view! { <summary class="folded"><Icon name="chev-r"/>{words}</summary> }
}

/// A text to be typed elsewhere, with a button that copies it.
#[component]
pub fn Copyable(
    /// What it is, for the button's name.
    what: &'static str,
    #[prop(into)] text: Signal<String>,
) -> impl IntoView {
    let toasts = use_toasts();
    let label = format!("Copy {what}");
    let copy = move |_| {
        page::copy(text.get_untracked(), move |done| {
            if done {
                toast(toasts, "Copied");
            }
        });
    };
    view! {
        <div class="copyable">
            <pre><code>{move || text.get()}</code></pre>
            <button type="button" class="btn ghost icon-only s" aria-label=label.clone() title=label on:click=copy><Icon name="copy"/></button>
        </div>
    }
}

/// That its publisher signed it.
#[component]
pub fn SignedMark(signed: bool) -> impl IntoView {
    signed.then(|| {
        view! {
            <span class="sig" title="Signed by its publisher">
                <Icon name="signed"/>
                <span class="sr">"signed"</span>
            </span>
        }
    })
}

/// That it is in some of the caller's volumes, and in which.
#[component]
pub fn InstalledMark(volumes: Vec<String>) -> impl IntoView {
    (!volumes.is_empty()).then(|| {
        let places = volumes.join(", ");
        view! {
            <span class="chip accent" title=format!("Installed in {places}")>
                <Icon name="check"/>
                "Installed"
                <span class="sr">{format!(" in {places}")}</span>
            </span>
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratings_have_one_decimal() {
        assert_eq!([4.76, 5.0, 3.04].map(tenths), ["4.8", "5.0", "3.0"]);
    }
}
