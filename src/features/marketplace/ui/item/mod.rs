//! An item: what it is, what it may use, who vouches for it, and the way into a volume.

mod about;
mod install;
mod report;
mod review_acts;
mod reviews;
mod screenshots;
mod similar;
mod trend;
mod versions;

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_params_map, use_query_map},
};

use super::parts::{CapabilityList, FindingList, Rating};
use crate::{
    browser::{page, response},
    features::{
        accounts::state::use_session,
        artifacts::{model::category_words, ui::copy_buttons},
        marketplace::{
            model::{ItemDetail, ReleaseState},
            state::{CATALOGUE, item_address, manage_address, publish_address, use_item, version_address},
        },
        pwa::ui::NeedsNetwork,
    },
    ui::{Icon, KindMark, Loading, PageError, PageTitle, Time, Transition, count, late, plural},
};
use about::{CommandLine, Files, InstalledIn, Needs, Trust};
use install::{Install, SignInToInstall};
use report::{Away, RecordLink, Report};
use reviews::Reviews;
use screenshots::Screenshots;
use similar::Similar;
use trend::Trend;
use versions::Versions;

#[component]
pub fn ItemPage() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let slug = Memo::new(move |_| params.with(|params| params.get("slug").unwrap_or_default()));
    let version = Memo::new(move |_| query.with(|query| query.get("version").filter(|version| !version.is_empty())));
    let item = use_item(slug, version);
    let reload = Callback::new(move |()| item.refetch());
    // Which volume was chosen is kept when the item is read again.
    let chosen = RwSignal::new(String::new());
    // And whether its pictures are being changed.
    let managing = RwSignal::new(false);
    copy_buttons();
    view! {
        <Transition fallback=|| view! { <main class="main panes" id="main" tabindex="-1"><section class="pane"><div class="scroll"><Loading/></div></section></main> }>
            {move || {
                item.arrived()
                    .map(|item| late(move || match item.read() {
                        Ok(item) if item.card.slug != slug.get_untracked() => view! { <Moved to=item.card.slug version=version.get_untracked()/> }.into_any(),
                        Ok(item) => view! { <Item item=item reload=reload chosen=chosen managing=managing/> }.into_any(),
                        Err(error) => view! { <PageError error=error/> }.into_any(),
                    }))
            }}
        </Transition>
    }
}

/// What was asked for by a name that it had before is shown under the one that it has.
#[component]
fn Moved(to: String, version: Option<String>) -> impl IntoView {
    let address = match version {
        Some(version) => version_address(&to, &version),
        None => item_address(&to),
    };
    response::moved(&address);
    let navigate = use_navigate();
    let next = address.clone();
    Effect::new(move |_| navigate(&next, NavigateOptions { replace: true, ..NavigateOptions::default() }));
    view! { <main class="main" id="main" tabindex="-1"><p class="pad">"It has another name now: "<a class="link" href=address>{to}</a></p></main> }
}

#[component]
fn Item(
    mut item: ItemDetail,
    /// Reads it again.
    reload: Callback<()>,
    /// The volume that it is to be installed into.
    chosen: RwSignal<String>,
    managing: RwSignal<bool>,
) -> impl IntoView {
    let name = item.card.name.clone();
    // Taken out: it may be long, and each part of the page gets the rest for itself.
    let html = std::mem::take(&mut item.html);
    let blocking = item.report.iter().filter(|finding| finding.blocks).count();
    let found = item.report.len();
    let own = item.own;
    response::describe(&item.card.description);
    // Somebody signed in elsewhere since the document was made for a visitor: a new one has what is theirs.
    if item.signed_in && use_session().visitor {
        Effect::new(|_| page::reload());
    }
    view! {
        <PageTitle text=name/>
        <main class="main panes p-item" id="main" tabindex="-1">
            <section class="pane" aria-label="Item">
                <header class="bar">
                    <a class="btn ghost icon-only" href=CATALOGUE aria-label="Back to the marketplace" title="Back to the marketplace"><Icon name="chev-l"/></a>
                    <span class="t2 wide-only">"Marketplace"</span>
                    <span class="t3 wide-only" aria-hidden="true">"/"</span>
                    <code class="trunc">{item.card.slug.clone()}</code>
                    <span class="push row gap-4">
                        <RecordLink slug=item.card.slug.clone()/>
                        {(!item.own && item.signed_in).then(|| view! { <Report slug=item.card.slug.clone() name=item.card.name.clone()/> })}
                        {item
                            .own
                            .then(|| {
                                view! {
                                    <a class="btn" href=manage_address(&item.card.slug)><Icon name="settings"/>"Manage"</a>
                                    <a class="btn wide-only" href="/marketplace/submissions">"Submissions"</a>
                                    <a class="btn wide-only" href=item.artifact_id.map_or_else(|| "/marketplace/publish".to_owned(), publish_address)><Icon name="upload"/>"Publish"</a>
                                }
                            })}
                    </span>
                </header>
                {item.signed_in.then(|| view! { <NeedsNetwork what="Installing"/> })}
                <div class="scroll" tabindex="0">
                    {item.standing.is_away().then(|| view! { <Away item=item.clone() reload=reload/> })}
                    <Banners item=item.clone()/>
                    <div class="listing">
                        <Head item=item.clone()/>
                        <section class="install" aria-label="Install">
                            {if item.standing.is_away() {
                                view! { <p class="t2">"Nobody installs it at the moment."</p> }.into_any()
                            } else if !item.signed_in {
                                view! { <SignInToInstall/> }.into_any()
                            } else {
                                view! { <Install item=item.clone() reload=reload volume=chosen/> }.into_any()
                            }}
                        </section>
                        <div class="item-body">
                            <nav class="parts" aria-label="Parts of this page">
                                {(own || !item.screenshots.is_empty()).then(|| view! { <a href="#pictures">"Pictures" <span class="count">{item.screenshots.len()}</span></a> })}
                                <a href="#uses">"What it may use"</a>
                                <a href="#readme">"Read me"</a>
                                <a href="#versions">"Versions" <span class="count">{item.versions.len()}</span></a>
                                <a href="#checks">"Checks" <span class="count">{found}</span></a>
                                <a href="#reviews">"Reviews" <span class="count">{count(item.card.ratings)}</span></a>
                            </nav>
                            <Screenshots item=item.clone() reload=reload managing=managing/>
                            <section id="uses" aria-labelledby="uses-h">
                                <h2 id="uses-h">"What it may use"</h2>
                                <CapabilityList capabilities=item.capabilities.clone()/>
                            </section>
                            <section id="readme" aria-labelledby="readme-h">
                                <h2 class="sr" id="readme-h">"Read me"</h2>
                                {if html.is_empty() {
                                    view! { <p class="t3">"There is no text."</p> }.into_any()
                                } else {
                                    view! { <div class="prose" inner_html=html></div> }.into_any()
                                }}
                            </section>
                            <Versions item=item.clone()/>
                            <section id="checks" aria-labelledby="checks-h">
                                <h2 id="checks-h">
                                    "What the checks found"
                                    {if blocking > 0 {
                                        view! { <span class="chip bad"><Icon name="alert"/>{plural(blocking as i64, "finding blocks", "findings block")}</span> }.into_any()
                                    } else {
                                        view! { <span class="chip ok"><Icon name="ok"/>"No finding blocks"</span> }.into_any()
                                    }}
                                </h2>
                                <FindingList findings=item.report.clone()/>
                            </section>
                            <Reviews item=item.clone() reload=reload/>
                        </div>
                        <aside class="about" aria-label="About this item">
                            <Trust item=item.clone()/>
                            <InstalledIn item=item.clone()/>
                            <Trend days=item.days.clone()/>
                            <Needs item=item.clone()/>
                            <CommandLine slug=item.card.slug.clone()/>
                            <Files files=item.files.clone()/>
                            <Similar slug=item.card.slug.clone()/>
                        </aside>
                    </div>
                </div>
            </section>
        </main>
    }
}

/// What a person should know before anything else.
#[component]
fn Banners(item: ItemDetail) -> impl IntoView {
    let newest = item.card.version.clone();
    let release = item.versions.iter().find(|release| release.version == item.version);
    let withdrawn = release.filter(|release| release.state == ReleaseState::Withdrawn).map(|release| release.withdrawn_reason.clone());
    let other = (item.version != newest && !newest.is_empty()).then(|| item_address(&item.card.slug));
    view! {
        {item
            .card
            .deprecated
            .then(|| {
                let successor = Some(item.successor.clone()).filter(|successor| !successor.is_empty());
                view! {
                    <div class="banner warn">
                        <Icon name="alert"/>
                        <span>
                            "Deprecated: its publisher advises against it. " {item.deprecation.clone()}
                            {successor.map(|slug| view! { " Instead: " <a class="link" href=item_address(&slug)>{slug.clone()}</a> })}
                        </span>
                    </div>
                }
            })}
        {withdrawn
            .map(|reason| {
                view! {
                    <div class="banner bad">
                        <Icon name="alert"/>
                        <span>{format!("Version {} was withdrawn: nobody installs it anew. {reason}", item.version)}</span>
                    </div>
                }
            })}
        {other
            .map(|address| {
                view! {
                    <div class="banner info">
                        <Icon name="history"/>
                        <span>{format!("This is version {}. ", item.version)} <a class="link" href=address>{format!("See the newest, {newest}")}</a></span>
                    </div>
                }
            })}
    }
}

#[component]
fn Head(item: ItemDetail) -> impl IntoView {
    let ItemDetail { card, version, repository, .. } = item;
    // What is no address of the web is shown, not followed.
    let linked = repository.starts_with("https://") || repository.starts_with("http://");
    let by_author = format!("{CATALOGUE}?author={}", crate::browser::data::encode(&card.author.id));
    let by_category = format!("{CATALOGUE}?category={}", crate::browser::data::encode(&card.category));
    view! {
        <header class="item-head">
            <KindMark kind=card.kind/>
            <div>
                <h1>{card.name}" "<code class="version">{version}</code></h1>
                <p>{card.description}</p>
                <div class="item-facts">
                    <span>
                        {if card.signed {
                            view! { <span class="sig"><Icon name="signed"/></span> }.into_any()
                        } else {
                            view! { <Icon name=if card.author.team { "users" } else { "user" }/> }.into_any()
                        }}
                        <span><a class="link" href=by_author>{card.author.name}</a> {if card.signed { ", signed" } else { ", not signed" }}</span>
                    </span>
                    <Rating rating=card.rating ratings=card.ratings/>
                    <span><Icon name="download"/>{plural(card.installs, "install", "installs")}</span>
                    {(!card.licence.is_empty()).then(|| view! { <span><Icon name="scale"/>{card.licence}</span> })}
                    {(!card.category.is_empty()).then(|| view! { <span><Icon name="folder"/><a class="link" href=by_category>{category_words(&card.category)}</a></span> })}
                    {(!repository.is_empty())
                        .then(|| {
                            let words = repository.trim_start_matches("https://").trim_start_matches("http://").to_owned();
                            view! {
                                <span>
                                    <Icon name="branch"/>
                                    {if linked {
                                        view! { <a class="link wrap-any" href=repository rel="noopener nofollow">{words}</a> }.into_any()
                                    } else {
                                        view! { <span class="wrap-any">{words}</span> }.into_any()
                                    }}
                                </span>
                            }
                        })}
                    <span><Icon name="clock"/><Time at=card.published_at/></span>
                </div>
                {(!card.tags.is_empty())
                    .then(|| {
                        let tag = |tag: String| {
                            let address = format!("{CATALOGUE}?tags={}", crate::browser::data::encode(&tag));
                            view! { <a class="chip line" href=address>{tag}</a> }
                        };
                        view! { <div class="chips">{card.tags.into_iter().map(tag).collect_view()}</div> }
                    })}
            </div>
        </header>
    }
}
