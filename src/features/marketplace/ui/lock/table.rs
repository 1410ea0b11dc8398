//! The lines of a lock.

use leptos::prelude::*;

use super::{Shown, is_behind};
use crate::{
    browser::page,
    features::marketplace::{
        model::{ChangeLock, Deprecation, Installation},
        state::{CATALOGUE, item_address, pin, version_address},
    },
    ui::{EmptyState, Icon, KindMark, Time, toast, toast_error, use_toasts},
};

#[component]
pub(super) fn Installations(shown: Shown) -> impl IntoView {
    move || {
        let lines = shown.lock.with(|lock| lock.installations.clone());
        if lines.is_empty() {
            return view! {
                <EmptyState icon="market" title="Nothing installed yet" text="What is installed from the marketplace stands here, with its version and why it is here.">
                    <a class="btn" href=CATALOGUE>"Browse the marketplace"</a>
                </EmptyState>
            }
            .into_any();
        }
        view! {
            <table class="table stacks flush installed">
                <thead>
                    <tr>
                        <th scope="col">"Item"</th>
                        <th scope="col">"Version"</th>
                        <th scope="col">"Why it is here"</th>
                        <th scope="col">"State"</th>
                        <th scope="col">"Changed"</th>
                        <th scope="col"><span class="sr">"Acts"</span></th>
                    </tr>
                </thead>
                <tbody>{lines.into_iter().map(|line| view! { <Line shown=shown line=line/> }).collect_view()}</tbody>
            </table>
        }
        .into_any()
    }
}

#[component]
fn Line(shown: Shown, line: Installation) -> impl IntoView {
    let behind = is_behind(&line);
    let newest = version_address(&line.slug, &line.latest);
    let reasons = if line.needed_by.is_empty() { Vec::new() } else { vec![format!("needed by {}", line.needed_by.join(", "))] };
    let why = if line.asked { std::iter::once("asked for".to_owned()).chain(reasons).collect::<Vec<_>>() } else { reasons };
    let why = sentence(&why.join(", "));
    view! {
        <tr>
            <td class="main-cell">
                <span class="row">
                    <KindMark kind=line.kind small=true/>
                    <a class="link" href=item_address(&line.slug)>{line.name.clone()}</a>
                </span>
            </td>
            <td data-l="Version">
                <span class="row wrap gap-4">
                    <a class="link" href=version_address(&line.slug, &line.version)><code>{line.version.clone()}</code></a>
                    {behind.then(|| view! { <a class="chip accent" href=newest>{line.latest.clone()}" is out"</a> })}
                </span>
            </td>
            <td data-l="Why it is here">{why}</td>
            <td data-l="State"><States line=line.clone()/></td>
            <td class="shrink t3" data-l="Changed"><Time at=line.updated_at/></td>
            <td class="acts"><Acts shown=shown line=line behind=behind/></td>
        </tr>
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What is out of the ordinary, each with its reason.
#[component]
fn States(line: Installation) -> impl IntoView {
    let reason = |class: &'static str, words: &'static str, reason: String| {
        (!reason.is_empty()).then(|| view! { <span><span class=class>{words}</span> <span class="t2">{reason}</span></span> })
    };
    let plain = !line.edited && !line.pinned && line.disabled.is_empty() && line.withdrawn.is_empty() && line.deprecation.is_none();
    view! {
        <span class="states">
            {reason("chip bad", "Disabled", line.disabled)}
            {reason("chip bad", "Withdrawn", line.withdrawn)}
            {line.deprecation.map(|deprecation| view! { <Advice deprecation=deprecation/> })}
            {line.edited.then(|| view! { <span class="chip info" title="Its text differs from the release">"Edited here"</span> })}
            {line.pinned.then(|| view! { <span class="chip line"><Icon name="pin"/>"Pinned"</span> })}
            {plain.then(|| view! { <span class="t3">"As released"</span> })}
        </span>
    }
}

/// Why its publishers advise against it, and the way to what they advise instead.
#[component]
fn Advice(deprecation: Deprecation) -> impl IntoView {
    let Deprecation { reason, successor } = deprecation;
    view! {
        <span>
            <span class="chip warn">"Deprecated"</span>
            " "
            <span class="t2">{reason}</span>
            {(!successor.is_empty()).then(|| view! { <span class="t2">" Instead: "<a class="link" href=item_address(&successor)>{successor.clone()}</a></span> })}
        </span>
    }
}

#[component]
fn Acts(shown: Shown, line: Installation, behind: bool) -> impl IntoView {
    let toasts = use_toasts();
    let Installation { slug, name, artifact_id, version, latest, pinned, disabled, .. } = line;
    let disabled = !disabled.is_empty();
    let menu = format!("acts-{artifact_id}");
    let (opens, pins, removes, menu_of) = (menu.clone(), menu.clone(), menu.clone(), menu.clone());
    let (about, label) = (format!("More about {name}"), format!("Update {name}"));
    let line = StoredValue::new((slug, name));
    let update = move |_| {
        let (slug, name) = line.get_value();
        let change = ChangeLock { update: vec![slug], ..ChangeLock::default() };
        shown.ask(change, format!("Update {name} from {version} to {latest}"), "Update", format!("Updated {name}"));
    };
    let uninstall = move |_| {
        let (slug, name) = line.get_value();
        let change = ChangeLock { uninstall: vec![slug], ..ChangeLock::default() };
        shown.ask(change, format!("Uninstall {name}"), "Uninstall", format!("Uninstalled {name}"));
    };
    let toggle_pin = move |_| {
        let (slug, name) = line.get_value();
        let answer = pin(shown.volume(), slug, !pinned);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(lock) => {
                    shown.lock.try_set(lock);
                    toast(
                        toasts,
                        if pinned { format!("{name} is no longer pinned") } else { format!("Pinned {name}: updates leave it out") },
                    );
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    let enables = move |_| {
        let (slug, name) = line.get_value();
        shown.enabling.set(Some((slug, name)));
        page::open_dialog(super::ENABLE);
    };
    let may = shown.may_change();
    view! {
        <span class="row">
            {(may && behind).then(|| view! { <button type="button" class="btn s" aria-label=label on:click=update>"Update"</button> })}
            <button type="button" class="btn ghost icon-only s" popovertarget=opens aria-label=about title="More"><Icon name="more"/></button>
        </span>
        <div class="pop menu end" id=menu popover="auto">
            <a href=format!("/artifacts/{artifact_id}")><Icon name="artifacts"/>"Open it in the library"</a>
            {(may && disabled)
                .then(|| view! { <button type="button" popovertarget=menu_of.clone() popovertargetaction="hide" on:click=enables><Icon name="check"/>"Use it nevertheless"</button> })}
            {may
                .then(|| {
                    view! {
                        <button type="button" popovertarget=pins popovertargetaction="hide" on:click=toggle_pin>
                            <Icon name="pin"/>
                            {if pinned { "No longer pin it" } else { "Pin this version" }}
                        </button>
                        <button type="button" class="danger" popovertarget=removes popovertargetaction="hide" on:click=uninstall>
                            <Icon name="trash"/>
                            "Uninstall"
                        </button>
                    }
                })}
        </div>
    }
}
