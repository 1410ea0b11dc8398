//! Every uncommitted draft that one sees, by volume; commits several at once.

use std::collections::BTreeSet;

use leptos::prelude::*;

use super::{
    library_bulk::commit_of,
    parts::{artifact_address, page_keys},
};
use crate::{
    browser::page,
    features::{
        artifacts::{
            model::{ArtifactSummary, DiffStat, LibraryPage, PAGE_MAX},
            state::{delete_artifact, discard_draft, use_drafts},
        },
        outbox::state::say_sent,
        volumes::state::{create_commit, use_volumes},
    },
    ids::{ArtifactId, VolumeId},
    ui::{
        Again, ConfirmDialog, EmptyState, ErrorView, Icon, KindMark, LineCounts, Loading, PageTitle, Time, late, plural, toast,
        toast_error, use_toasts,
    },
};

#[component]
pub fn ChangesPage() -> impl IntoView {
    let volumes = use_volumes();
    let drafts = use_drafts();
    let refresh = Callback::new(move |()| {
        drafts.refetch();
        volumes.refresh();
    });
    view! {
        <PageTitle text="Changes"/>
        <main class="main panes" id="main" tabindex="-1">
            <section class="pane" aria-label="Changes">
                <header class="bar">
                    <h1>"Changes"</h1>
                    <span class="count">"Drafts that are not committed yet"</span>
                    <span class="push"><Again act=refresh/></span>
                </header>
                <Transition fallback=|| view! { <div class="scroll"><Loading/></div> }>
                    {move || {
                        let may = volumes.writable().into_iter().map(|volume| volume.id).collect();
                        drafts
                            .arrived()
                            .map(|page| late(move || match page.read() {
                                Ok(page) if page.items.is_empty() => {
                                    view! {
                                        <div class="scroll">
                                            <EmptyState icon="ok" title="Everything is committed" text="What you and your team change stands here until it is committed.">
                                                <a class="btn" href="/artifacts">"Open the library"</a>
                                            </EmptyState>
                                        </div>
                                    }
                                        .into_any()
                                }
                                Ok(page) => view! { <Drafts page=page may=may refresh=refresh/> }.into_any(),
                                Err(error) => view! { <div class="scroll"><ErrorView error=error/></div> }.into_any(),
                            }))
                    }}
                </Transition>
            </section>
        </main>
    }
}

#[component]
fn Drafts(
    page: LibraryPage,
    /// Where one may commit.
    may: BTreeSet<VolumeId>,
    refresh: Callback<()>,
) -> impl IntoView {
    let toasts = use_toasts();
    let volumes = use_volumes();
    let all = StoredValue::new(page.items);
    let more = page.next.is_some();
    // What one may commit is chosen at first.
    let chosen = RwSignal::new(all.with_value(|all| {
        all.iter().filter(|draft| may.contains(&draft.volume_id)).map(|draft| draft.id).collect::<BTreeSet<ArtifactId>>()
    }));
    let number = move || chosen.with(BTreeSet::len) as i64;
    let may_some = chosen.with_untracked(|chosen| !chosen.is_empty());
    let lines = move || all.with_value(|all| chosen.with(|chosen| total(all.iter().filter(|draft| chosen.contains(&draft.id)))));
    let message = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let picked = move || {
        all.with_value(|all| {
            all.iter().filter(|draft| chosen.with_untracked(|chosen| chosen.contains(&draft.id))).cloned().collect::<Vec<_>>()
        })
    };
    let commit = move || {
        let list = picked();
        if list.is_empty() || busy.get_untracked() {
            return;
        }
        let text = message.get_untracked().trim().to_owned();
        let text = if text.is_empty() { default_message(&list) } else { text };
        let commit = commit_of(&list, text);
        busy.set(true);
        leptos::task::spawn_local(async move {
            match create_commit(commit).await {
                Ok(sent) => say_sent(toasts, sent, format!("Committed {}", plural(list.len() as i64, "draft", "drafts"))),
                Err(error) => toast_error(toasts, &error),
            }
            busy.try_set(false);
            refresh.try_run(());
        });
    };
    let discard = Callback::new(move |()| {
        let list = picked();
        leptos::task::spawn_local(async move {
            let mut done = 0;
            for draft in list {
                // Of what was never committed the draft is all there is.
                let answer = if draft.new { delete_artifact(draft.id).await } else { discard_draft(draft.id).await };
                match answer {
                    Ok(()) => done += 1,
                    Err(error) => toast_error(toasts, &error),
                }
            }
            if done > 0 {
                toast(toasts, format!("Discarded {}", plural(done, "draft", "drafts")));
            }
            refresh.try_run(());
        });
    });
    page_keys(move |key| {
        if key.command && key.key.eq_ignore_ascii_case("s") {
            commit();
            return true;
        }
        false
    });
    let groups = move || {
        let mut places: Vec<VolumeId> = Vec::new();
        all.with_value(|all| {
            for draft in all {
                if !places.contains(&draft.volume_id) {
                    places.push(draft.volume_id);
                }
            }
        });
        places
            .into_iter()
            .map(|id| {
                let drafts: Vec<ArtifactSummary> =
                    all.with_value(|all| all.iter().filter(|draft| draft.volume_id == id).cloned().collect());
                view! { <Group name=volumes.name_of(id) id=id may=may.contains(&id) drafts=drafts chosen=chosen/> }
            })
            .collect_view()
    };
    view! {
        <div class="scroll">
            <div class="page">
                {groups}
                {more.then(|| view! { <p class="hint">{format!("The first {PAGE_MAX} are shown. Commit some to see the others.")}</p> })}
            </div>
        </div>
        {may_some.then(|| {
            view! {
                <form
                    class="doc-foot"
                    on:submit=move |event| {
                        event.prevent_default();
                        commit();
                    }
                >
                    <input
                        class="input"
                        aria-label="Message"
                        placeholder=move || { chosen.track(); format!("Message, such as \u{201c}{}\u{201d}", default_message(&picked())) }
                        prop:value=move || message.get()
                        on:input=move |event| message.set(event_target_value(&event))
                    />
                    {move || view! { <LineCounts added=lines().added removed=lines().removed/> }}
                    <button type="button" class="btn danger" disabled=move || number() == 0 on:click=move |_| page::open_dialog("discard")>"Discard"</button>
                    <button type="submit" class=move || if busy.get() { "btn primary busy" } else { "btn primary" } disabled=move || number() == 0>
                        {move || if busy.get() { view! { <span class="spin"></span> }.into_any() } else { view! { <Icon name="commit"/> }.into_any() }}
                        {move || format!("Commit {}", plural(number(), "draft", "drafts"))}
                    </button>
                </form>
            }
        })}
        <ConfirmDialog
            id="discard"
            title=Signal::derive(move || format!("Discard {}?", plural(number(), "draft", "drafts")))
            text="They go back to what was committed last. What was never committed goes to the trash. This cannot be undone."
            confirm="Discard"
            act=discard
        />
    }
}

/// The lines of several drafts.
fn total<'a>(drafts: impl Iterator<Item = &'a ArtifactSummary>) -> DiffStat {
    drafts
        .filter_map(|draft| draft.diffstat)
        .fold(DiffStat::default(), |sum, draft| DiffStat { added: sum.added + draft.added, removed: sum.removed + draft.removed })
}

fn default_message(drafts: &[ArtifactSummary]) -> String {
    match drafts {
        [one] => format!("{} {}", if one.new { "Add" } else { "Update" }, one.name),
        several => format!("Update {}", plural(several.len() as i64, "artifact", "artifacts")),
    }
}

#[component]
fn Group(name: String, id: VolumeId, may: bool, drafts: Vec<ArtifactSummary>, chosen: RwSignal<BTreeSet<ArtifactId>>) -> impl IntoView {
    let ids: Vec<ArtifactId> = drafts.iter().map(|draft| draft.id).collect();
    let every = ids.clone();
    let lines = total(drafts.iter());
    let all = Memo::new(move |_| chosen.with(|chosen| every.iter().all(|id| chosen.contains(id))));
    view! {
        <section class="change-group">
            <h2 class="row">
                <input
                    type="checkbox"
                    class="pick"
                    aria-label=format!("All of {name}")
                    disabled=!may
                    prop:checked=move || all.get()
                    on:change=move |event| {
                        let on = event_target_checked(&event);
                        chosen
                            .update(|chosen| {
                                for id in &ids {
                                    if on {
                                        chosen.insert(*id);
                                    } else {
                                        chosen.remove(id);
                                    }
                                }
                            });
                    }
                />
                <a href=format!("/volumes/{id}")>{name}</a>
                <span class="count">{drafts.len()}</span>
                <LineCounts added=lines.added removed=lines.removed/>
                {(!may).then(|| view! { <span class="hint push">"You are a viewer here."</span> })}
            </h2>
            <ul class="rows">{drafts.into_iter().map(|draft| view! { <Draft draft=draft may=may chosen=chosen/> }).collect_view()}</ul>
        </section>
    }
}

#[component]
fn Draft(draft: ArtifactSummary, may: bool, chosen: RwSignal<BTreeSet<ArtifactId>>) -> impl IntoView {
    let id = draft.id;
    let address = artifact_address(id);
    view! {
        <li>
            <input
                type="checkbox"
                class="pick"
                aria-label=format!("Choose {}", draft.name)
                disabled=!may
                prop:checked=move || chosen.with(|chosen| chosen.contains(&id))
                on:change=move |event| {
                    let on = event_target_checked(&event);
                    chosen
                        .update(|chosen| {
                            if on {
                                chosen.insert(id);
                            } else {
                                chosen.remove(&id);
                            }
                        });
                }
            />
            <KindMark kind=draft.kind small=true/>
            <div class="tx">
                <a href=format!("{address}?tab=edit")><b>{draft.name.clone()}</b></a>
                <small>{draft.description.clone()}</small>
            </div>
            <span class="tail">
                {draft.new.then(|| view! { <span class="chip info">"New"</span> })}
                {(draft.hints > 0).then(|| view! { <span class="chip warn wide-only"><Icon name="alert"/>{plural(draft.hints, "hint", "hints")}</span> })}
                {draft.diffstat.map(|lines| view! { <LineCounts added=lines.added removed=lines.removed/> })}
                <a class="btn s ghost" href=format!("{address}?tab=diff")><Icon name="diff"/>"Diff"</a>
                <span class="wide-only"><Time at=draft.updated_at/></span>
            </span>
        </li>
    }
}
