//! The versions of an item.

use leptos::prelude::*;

use crate::{
    features::marketplace::{
        model::{ItemDetail, ReleaseState, ReleaseSummary},
        state::version_address,
    },
    ui::{Time, bytes, count},
};

#[component]
pub fn Versions(item: ItemDetail) -> impl IntoView {
    let ItemDetail { card, version: seen, versions, installed, .. } = item;
    let have: Vec<String> = installed.into_iter().map(|here| here.version).collect();
    let row = |release: ReleaseSummary| {
        let current = release.version == seen;
        let yours = have.contains(&release.version);
        let state = match release.state {
            ReleaseState::Public => None,
            ReleaseState::Withdrawn => Some("chip bad"),
            _ => Some("chip"),
        };
        view! {
            <tr>
                <td class="shrink" data-l="Version">
                    <span class="row wrap gap-4">
                        <a class="link" href=version_address(&card.slug, &release.version) aria-current=current.then_some("true")><code>{release.version.clone()}</code></a>
                        {yours.then(|| view! { <span class="chip accent">"Yours"</span> })}
                        {state.map(|class| view! { <span class=class>{release.state.words()}</span> })}
                    </span>
                </td>
                <td data-l="Changes">
                    <span class="stack gap-4">
                        {(!release.withdrawn_reason.is_empty()).then(|| view! { <span class="c-bad">{release.withdrawn_reason}</span> })}
                        {if release.changelog.is_empty() {
                            view! { <span class="t3">"Nothing was said"</span> }.into_any()
                        } else {
                            view! { <span class="changelog">{release.changelog}</span> }.into_any()
                        }}
                    </span>
                </td>
                <td class="num" data-l="Downloads">{count(release.downloads)}</td>
                <td class="num" data-l="Size">{bytes(release.size)}</td>
                <td class="shrink t3" data-l="Date"><Time at=release.published_at/></td>
            </tr>
        }
    };
    view! {
        <section id="versions" aria-labelledby="versions-h">
            <h2 id="versions-h">"Versions"</h2>
            <div class="card">
                <table class="table stacks">
                    <thead>
                        <tr>
                            <th scope="col">"Version"</th>
                            <th scope="col">"Changes"</th>
                            <th scope="col" class="num">"Downloads"</th>
                            <th scope="col" class="num">"Size"</th>
                            <th scope="col">"Date"</th>
                        </tr>
                    </thead>
                    <tbody>{versions.into_iter().map(row).collect_view()}</tbody>
                </table>
            </div>
        </section>
    }
}
