//! The form that makes a release of an artifact.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use semver::Version;

use super::{
    capabilities::{CapabilityFields, Declared},
    how::HowToPublish,
    licence::LicenceField,
    parts::{Choice, Lines, Refused, held_first, lines, report_words},
};
use crate::{
    browser::{page, response},
    features::{
        accounts::{
            model::Role,
            state::{Running, use_session},
        },
        artifacts::{
            model::{CATEGORIES, category_words},
            ui::artifact_address,
        },
        marketplace::{
            model::{Finding, ItemFile, Publish, PublishDraft},
            state::{submission_address, submit, use_draft},
            ui::FindingList,
        },
        pwa::ui::NeedsNetwork,
    },
    ids::ArtifactId,
    ui::{ErrorView, Field, Icon, Loading, PageTitle, SelectField, Suspense, Transition, bytes, count, late},
};

/// The fields in the order of the form, as the server names them and by their ids.
const FIELDS: [(&str, &str); 12] = [
    ("name", "publish-name"),
    ("description", "publish-description"),
    ("slug", "publish-slug"),
    ("version", "publish-version"),
    ("changelog", "publish-changelog"),
    ("license", "publish-license"),
    ("category", "publish-category"),
    ("tags", "publish-tags"),
    ("repository", "publish-repository"),
    ("dependencies", "publish-dependencies"),
    ("capabilities", "publish-hosts"),
    ("team", "publish-team"),
];

#[component]
pub fn PublishPage() -> impl IntoView {
    let query = use_query_map();
    let artifact = Memo::new(move |_| query.with(|query| query.get("artifact").filter(|id| !id.is_empty())));
    let draft = use_draft(artifact);
    view! {
        <PageTitle text="Publish"/>
        <main class="main panes" id="main" tabindex="-1">
            <section class="pane" aria-label="Publish">
                <header class="bar">
                    <a
                        class="btn ghost icon-only"
                        href=move || artifact.get().map_or_else(|| "/marketplace".to_owned(), |id| format!("/artifacts/{id}"))
                        aria-label="Back"
                        title="Back"
                    >
                        <Icon name="chev-l"/>
                    </a>
                    <h1>"Publish"</h1>
                </header>
                <NeedsNetwork what="Publishing"/>
                <div class="scroll">
                    {move || {
                        if artifact.with(Option::is_none) {
                            return view! { <HowToPublish/> }.into_any();
                        }
                        view! {
                            <Transition fallback=|| view! { <Loading/> }>
                                {move || {
                                    draft
                                        .arrived()
                                        .map(|draft| late(move || match draft.read() {
                                            Ok(draft) => view! { <PublishForm draft=draft/> }.into_any(),
                                            Err(error) => {
                                                response::set_status(error.code.status());
                                                view! { <ErrorView error=error/> }.into_any()
                                            }
                                        }))
                                }}
                            </Transition>
                        }
                            .into_any()
                    }}
                </div>
            </section>
        </main>
    }
}

/// The versions that may follow one: the next patch, minor and major.
fn following(before: Option<&str>) -> Vec<String> {
    let Some(last) = before.and_then(|before| Version::parse(before).ok()) else { return Vec::new() };
    let mut all = Vec::new();
    if !last.pre.is_empty() {
        // 1.2.0-rc.1 is followed by 1.2.0.
        all.push(Version::new(last.major, last.minor, last.patch));
    } else {
        all.push(Version::new(last.major, last.minor, last.patch.saturating_add(1)));
    }
    all.push(Version::new(last.major, last.minor.saturating_add(1), 0));
    all.push(Version::new(last.major.saturating_add(1), 0, 0));
    all.dedup();
    all.iter().map(ToString::to_string).collect()
}

#[component]
fn PublishForm(draft: PublishDraft) -> impl IntoView {
    let PublishDraft { publish, seen, report, before, files, listed } = draft;
    let Publish { artifact_id, slug, kind, name, description, category, tags, license, version, changelog, repository, .. } = publish;
    let text = |value: Option<String>| RwSignal::new(value.unwrap_or_default());
    let first = !listed;
    let fixed_slug = slug.clone();
    let (name, description, slug, version) = (text(name), text(description), text(slug), text(version));
    let (changelog, license, category, repository) = (text(changelog), text(license), text(category), text(repository));
    let tags = RwSignal::new(tags.unwrap_or_default().join(", "));
    let dependencies = RwSignal::new(publish.dependencies.unwrap_or_default().join("\n"));
    let team = RwSignal::new(publish.team.map(|team| team.to_string()).unwrap_or_default());
    let declared = Declared::new(&publish.capabilities.unwrap_or_default());
    let running = Running::new();
    let navigate = use_navigate();
    let listing = StoredValue::new(fixed_slug.clone());
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let filled = |text: RwSignal<String>| Some(text.with_untracked(|text| text.trim().to_owned()));
        let unless_empty = |text: RwSignal<String>| filled(text).filter(|text| !text.is_empty());
        let publish = Publish {
            artifact_id,
            slug: if first { unless_empty(slug) } else { listing.get_value() },
            kind,
            // What is emptied is meant to be empty: left out it would be read from the frontmatter.
            name: filled(name),
            description: filled(description),
            category: filled(category),
            tags: Some(
                tags.with_untracked(|tags| tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()),
            ),
            license: filled(license),
            version: unless_empty(version),
            changelog: filled(changelog),
            repository: filled(repository),
            dependencies: Some(dependencies.with_untracked(|text| lines(text))),
            capabilities: Some(declared.read()),
            team: team.with_untracked(|team| team.parse().ok()).filter(|_| first),
            ..Publish::default()
        };
        let navigate = navigate.clone();
        running.run(submit(publish), move |detail| {
            navigate(&submission_address(detail.submission.id), NavigateOptions::default());
        });
    };
    // To the first field that was refused.
    Effect::new(move |_| {
        let field = running.error.with(|error| {
            let error = error.as_ref()?;
            FIELDS.iter().find(|(name, _)| error.fields.contains_key(*name)).map(|(_, id)| *id)
        });
        if let Some(id) = field {
            page::focus(id);
        }
    });
    let categories = {
        let mut options = vec![(String::new(), "Choose one".to_owned())];
        options.extend(CATEGORIES.map(|(id, words)| (id.to_owned(), words.to_owned())));
        let own = category.get_untracked();
        if !own.is_empty() && !options.iter().any(|(id, _)| *id == own) {
            options.push((own.clone(), category_words(&own)));
        }
        options
    };
    let follows = match &before {
        Some(before) => format!("Follows {before}. Empty: the next patch."),
        None => "The first release. Empty: 1.0.0.".to_owned(),
    };
    let error = running.error;
    let report = held_first(report);
    let held = report.iter().any(|finding| finding.blocks);
    view! {
        <div class="publish">
            <form class="form" on:submit=send>
                {held
                    .then(|| {
                        view! {
                            <div class="banner bad inset">
                                <Icon name="stop"/>
                                <span><b>"As it is, a moderator has to let it pass."</b>{format!(" {}.", report_words(&report))}</span>
                                <a class="btn s" href="#checks">"Read them"</a>
                            </div>
                        }
                    })}
                <section class="part">
                    <h2>"What it is"</h2>
                    <Field id="publish-name" name="name" label="Name" value=name required=true error=error autocomplete="off"/>
                    <Lines id="publish-description" label="Description" name="description" value=description rows=2 required=true hint="One or two sentences: what it does, and when one wants it." error=error/>
                    {if first {
                        view! {
                            <Field id="publish-slug" name="slug" label="Slug" value=slug error=error autocomplete="off" hint="Lower-case letters, digits and hyphens. It names it in addresses and dependencies, and stays as it is after the first release."/>
                        }
                            .into_any()
                    } else {
                        view! {
                            <div class="field">
                                <span class="lab">"Slug"</span>
                                <span><code>{fixed_slug.unwrap_or_default()}</code></span>
                                <span class="hint">"Fixed since the first release."</span>
                            </div>
                        }
                            .into_any()
                    }}
                    <div class="form-2">
                        <Choice id="publish-category" label="Category" name="category" value=category options=categories error=error/>
                        <Field id="publish-tags" name="tags" label="Tags" value=tags error=error autocomplete="off" hint="Separated by commas, 20 at most."/>
                    </div>
                </section>
                <section class="part">
                    <h2>"This release"</h2>
                    <div class="stack gap-4">
                        <Field id="publish-version" name="version" label="Version" value=version error=error autocomplete="off" hint=follows/>
                        <NextVersions before=before version=version/>
                    </div>
                    <Lines id="publish-changelog" label="What changed" name="changelog" value=changelog rows=4 hint="For those who decide whether to update. Markdown." error=error/>
                    <div class="form-2">
                        <LicenceField value=license error=error/>
                        <Field id="publish-repository" name="repository" label="Repository" value=repository kind="url" error=error autocomplete="off" hint="Where its source is, if that is public; it begins with https://."/>
                    </div>
                    <Lines id="publish-dependencies" label="Dependencies" name="dependencies" value=dependencies rows=2 mono=true hint="One on each line: its slug, and after an @ the versions that will do, such as pdf-tools@^1.2." error=error/>
                </section>
                <section class="part">
                    <h2>"What it may use"</h2>
                    <CapabilityFields declared=declared seen=seen error=error/>
                </section>
                {first.then(|| view! { <PublishAs team=team/> })}
                <Refused error=error/>
                <footer class="row wrap">
                    <button type="submit" class="btn primary" class:busy=move || running.busy.get() aria-disabled=move || running.busy.get().then_some("true")>
                        {move || running.busy.get().then(|| view! { <span class="spin"></span> })}
                        {move || if running.busy.get() { "Submitting" } else { "Submit for review" }}
                    </button>
                    {artifact_id.map(|id| view! { <a class="btn ghost" href=artifact_address(id)>"Cancel"</a> })}
                    <span class="hint grow wide-only">"A moderator looks at it; then you sign it, and it is public."</span>
                </footer>
            </form>
            <aside class="beside" aria-label="What goes along, and what the checks say">
                <Files files=files artifact=artifact_id/>
                <Checks report=report/>
            </aside>
        </div>
    }
}

/// One press puts the version that follows.
#[component]
fn NextVersions(before: Option<String>, version: RwSignal<String>) -> impl IntoView {
    let next = following(before.as_deref());
    (!next.is_empty()).then(|| {
        view! {
            <div class="chips" role="group" aria-label="Versions that may follow">
                {next
                    .into_iter()
                    .map(|next| {
                        let (set, shown) = (next.clone(), next.clone());
                        view! {
                            <button type="button" class="chip line mono" aria-pressed=move || version.with(|version| (version.trim() == next).to_string()) on:click=move |_| version.set(set.clone())>
                                {shown}
                            </button>
                        }
                    })
                    .collect_view()}
            </div>
        }
    })
}

/// In whose name: only the first release says so.
#[component]
fn PublishAs(team: RwSignal<String>) -> impl IntoView {
    let session = use_session();
    view! {
        <section class="part">
            <h2>"In whose name"</h2>
            <Suspense>
                {move || {
                    session
                        .account()
                        .map(|me| {
                            let mut options = vec![(String::new(), format!("Yourself ({})", me.person.name))];
                            let teams = me.teams.into_iter().filter(|team| team.role >= Role::Maintainer);
                            options.extend(teams.map(|team| (team.id.to_string(), team.name)));
                            view! {
                                <SelectField
                                    id="publish-team"
                                    label="Publish as"
                                    value=team
                                    options=Signal::stored(options)
                                    hint="For a team, its maintainers and owners publish the releases that follow. This stays as it is."
                                />
                            }
                        })
                }}
            </Suspense>
        </section>
    }
}

#[component]
fn Files(files: Vec<ItemFile>, artifact: Option<ArtifactId>) -> impl IntoView {
    let size = files.iter().map(|file| file.size).sum::<i64>();
    view! {
        <section>
            <h2>"Files that go along" <span class="count">{format!("{}, {}", count(files.len() as i64), bytes(size))}</span></h2>
            <ul class="rows file-rows">
                {files.into_iter().map(|file| view! { <li><Icon name="file"/><div class="tx"><code>{file.path}</code></div><span class="tail">{bytes(file.size)}</span></li> }).collect_view()}
            </ul>
            {artifact
                .map(|id| view! { <p class="hint">"As they are committed. " <a class="link" href=format!("{}?tab=files", artifact_address(id))>"Change them"</a></p> })}
        </section>
    }
}

#[component]
fn Checks(report: Vec<Finding>) -> impl IntoView {
    let words = report_words(&report);
    view! {
        <section id="checks" tabindex="-1">
            <h2>"What the checks say"</h2>
            {(!report.is_empty()).then(|| view! { <p class="hint">{format!("{words}. They look once more when it is submitted.")}</p> })}
            <FindingList findings=report/>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_follow_are_offered() {
        assert_eq!(following(Some("1.2.3")), ["1.2.4", "1.3.0", "2.0.0"]);
        assert_eq!(following(Some("1.2.0-rc.1")), ["1.2.0", "1.3.0", "2.0.0"]);
        assert!(following(None).is_empty() && following(Some("two")).is_empty());
    }
}
