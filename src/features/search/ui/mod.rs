//! The search page: the question, what was found, and how it can be narrowed. All of it is in the address.

mod offline;

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use uuid::Uuid;

use super::{
    model::{Count, Found, LIMIT_DEFAULT, Piece, SearchFacets, SearchHit, SearchPage, SearchQuery, SearchSort, Why, values},
    state::{hit_address, remember_search, search_address, search_query, similar_to, tell_opened, toggled, use_search},
};
use crate::{
    browser::page,
    features::{
        accounts::state::use_session,
        artifacts::model::{Kind, category_words},
        volumes::state::use_volumes,
    },
    ids::{ArtifactId, VolumeId},
    ui::{EmptyState, ErrorView, Icon, KindMark, Loading, PageTitle, Time, Transition, count, drop_down, kept_fields, list_keys},
};

pub use offline::OfflineSearch;

const HITS: &str = ".hits a.cover";
/// Tags beside the results.
const TAGS: usize = 12;
/// What a version looks like, for the browser's own check.
const VERSION: &str = r"\s*v?\d+(\.\d+){0,2}\s*";
const DAY_MS: i64 = 86_400_000;

const SORTS: [(Option<SearchSort>, &str); 3] =
    [(None, "best match"), (Some(SearchSort::Newest), "newest"), (Some(SearchSort::Name), "name")];

#[component]
pub fn SearchPageView() -> impl IntoView {
    let params = use_query_map();
    let query = Memo::new(move |_| params.with(search_query));
    let found = use_search(query);
    let show = RwSignal::new("list");
    list_keys(HITS);
    let title = Signal::derive(move || query.with(|query| query.q.clone()).unwrap_or_else(|| "Search".to_owned()));
    let facets = move || found.get().and_then(Result::ok).map(|page| view! { <Facets facets=page.facets query=query show=show/> });
    view! {
        <PageTitle text=title/>
        <main class="main panes p-search" id="main" tabindex="-1" data-show=move || show.get()>
            // Where it lies over the results, a choice closes it.
            <section class="pane" aria-label="Narrow it" data-part="nav" on:click=move |event| {
                if page::pressed(&event, "a") {
                    show.set("list");
                }
            }>
                <header class="bar">
                    <h2>"Narrow it"</h2>
                    <button type="button" class="btn ghost icon-only narrow-only push" aria-label="Close" title="Close" on:click=move |_| show.set("list")><Icon name="x"/></button>
                </header>
                <div class="scroll facets"><Transition>{facets}</Transition></div>
            </section>
            <section class="pane" aria-label="Results" data-part="list">
                <header class="bar">
                    <h1 class="sr">"Search"</h1>
                    <SearchField query=query/>
                </header>
                <Transition>
                    {move || {
                        query
                            .with(|query| query.q.is_some())
                            .then(|| found.get().and_then(Result::ok))
                            .flatten()
                            .map(|page| view! { <Toolbar page=page query=query show=show/> })
                    }}
                </Transition>
                <div class="scroll">
                    <Transition fallback=|| view! { <Loading/> }>
                        {move || {
                            if query.with(|query| query.q.is_none()) {
                                return Some(view! { <Nothing/> }.into_any());
                            }
                            found
                                .get()
                                .map(|page| match page {
                                    Ok(page) if page.hits.is_empty() => view! { <NotFound query=query.get_untracked()/> }.into_any(),
                                    Ok(page) => view! { <Hits page=page query=query.get_untracked()/> }.into_any(),
                                    Err(error) => view! { <ErrorView error=error/> }.into_any(),
                                })
                        }}
                    </Transition>
                </div>
            </section>
        </main>
    }
}

/// The question; what is typed is searched after a short pause.
#[component]
fn SearchField(query: Memo<SearchQuery>) -> impl IntoView {
    let session = use_session();
    let navigate = use_navigate();
    let go = Callback::new(move |text: String| {
        let next = SearchQuery { q: Some(text.trim().to_owned()).filter(|text| !text.is_empty()), offset: None, ..query.get_untracked() };
        navigate(&search_address(&next), NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() });
    });
    let typed = StoredValue::new(0_u32);
    let later = move |text: String| {
        typed.update_value(|typed| *typed += 1);
        let number = typed.get_value();
        page::after_forget(250, move || {
            if typed.try_get_value() == Some(number) {
                go.run(text);
            }
        });
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        typed.update_value(|typed| *typed += 1);
        if let Some(text) = page::input_value("search-q") {
            remember_search(session.account_untracked().map(|me| me.person.id), &text);
            go.run(text);
        }
    };
    view! {
        <form class="grow row" role="search" action="/search" method="get" on:submit=submit>
            {move || query.with(|query| kept_fields(&first_page(query), &["q"]))}
            <label class="input grow">
                <Icon name="search"/>
                <span class="sr">"What do you need?"</span>
                <input
                    type="search"
                    id="search-q"
                    name="q"
                    data-filter=""
                    autocomplete="off"
                    autofocus=query.with_untracked(|query| query.q.is_none())
                    placeholder="What do you need?"
                    value=query.with_untracked(|query| query.q.clone())
                    on:input=move |event| later(event_target_value(&event))
                />
                <kbd class="kbd wide-only" aria-hidden="true">"/"</kbd>
            </label>
            <button type="submit" class="btn">"Search"</button>
        </form>
    }
}

#[component]
fn Toolbar(page: SearchPage, query: Memo<SearchQuery>, show: RwSignal<&'static str>) -> impl IntoView {
    let with = move |change: &dyn Fn(&mut SearchQuery)| changed_address(query, change);
    let explained = query.with_untracked(|query| query.explain.is_some());
    let sort = query.with_untracked(|query| query.sort);
    let entries = SORTS.map(|(known, words)| (with(&|query| query.sort = known), words.to_owned(), None, known == sort)).to_vec();
    let shown = SORTS.iter().find(|(known, _)| *known == sort).map_or("", |(_, words)| words).to_owned();
    let narrowed = query.with_untracked(is_narrowed);
    view! {
        <div class="toolbar">
            <span class="f12 t2" role="status">
                <b>{count(page.total as i64)}</b>
                {format!(" found in {}", took(page.took_ms))}
                {page.device.then_some(", on this device")}
                {match (page.semantic, page.waiting) {
                    (false, _) => ", by words".to_owned(),
                    (true, 0) => String::new(),
                    (true, waiting) => format!(", {} by words so far", count(waiting as i64)),
                }}
            </span>
            <span class="push row gap-8">
                <button type="button" class="chip line narrow-only" class:on=narrowed on:click=move |_| show.set("nav")>"Filters"</button>
                <a class="chip line" class:on=explained href=with(&|query| query.explain = (!explained).then_some(true)) aria-current=explained.then_some("true")>"Why"</a>
                {drop_down("Sort", shown, sort.is_some(), entries)}
            </span>
        </div>
    }
}

#[component]
fn Hits(page: SearchPage, query: SearchQuery) -> impl IntoView {
    let offset = query.offset.unwrap_or(0) as usize;
    let next = offset + page.hits.len();
    let at =
        |offset: usize| search_address(&SearchQuery { offset: u32::try_from(offset).ok().filter(|offset| *offset > 0), ..query.clone() });
    let before = (offset > 0).then(|| at(offset.saturating_sub(LIMIT_DEFAULT as usize)));
    let after = (next < page.total).then(|| at(next));
    view! {
        <ol class="hits" start=(offset + 1).to_string()>{page.hits.into_iter().zip(offset + 1..).map(|(hit, position)| view! { <HitRow hit=hit position=position answer=(page.query, query.team)/> }).collect_view()}</ol>
        <nav class="pager" aria-label="Pages">
            <span>{format!("{} to {} of {}", count(offset as i64 + 1), count(next as i64), count(page.total as i64))}</span>
            {before.map(|address| view! { <a class="btn s" href=address><Icon name="chev-l"/>"Before"</a> })}
            {after.map(|address| view! { <a class="btn s" href=address>"More"<Icon name="chev-r"/></a> })}
        </nav>
    }
}

#[component]
fn HitRow(hit: SearchHit, position: usize, answer: (Option<Uuid>, Option<Uuid>)) -> impl IntoView {
    let address = hit_address(&hit);
    let id = hit.id.clone();
    let score = format!("{:.2}", hit.score);
    view! {
        <li class="hit">
            <FoundMark found=hit.kind/>
            <a class="t cover" href=address on:click=move |_| tell_opened(answer, position, &id)><span class="trunc">{marked(hit.name_pieces)}</span></a>
            <span class="score" title="From 0 to 1, among these results">
                <span class="meter" style=format!("--v:{score};--mc:var(--text-2)") aria-hidden="true"><i></i></span>
                {score.clone()}
            </span>
            <span class="d">{marked(hit.description_pieces)}</span>
            {(!hit.passage.is_empty()).then(|| view! { <span class="pass">{marked(hit.passage)}</span> })}
            <span class="m">
                <span>{hit.place}</span>
                {(!hit.category.is_empty()).then(|| view! { <span>{category_words(&hit.category)}</span> })}
                {(!hit.version.is_empty()).then_some(view! { <span>{hit.version}</span> })}
                {hit.tags.into_iter().take(5).map(|tag| view! { <span>{format!("#{tag}")}</span> }).collect_view()}
                <Time at=hit.updated_at/>
            </span>
            {hit.why.map(|why| view! { <WhyRow why=why/> })}
        </li>
    }
}

#[component]
fn WhyRow(why: Why) -> impl IntoView {
    let part = |rank: Option<usize>, score: f32| match rank {
        Some(rank) => format!("rank {rank}, {score:.2}"),
        None => "no match".to_owned(),
    };
    let words = why.words.iter().map(|word| format!("{} in {} {:.2}", word.word, word.field, word.score)).collect::<Vec<_>>().join(", ");
    view! {
        <span class="rank">
            <span>"Meaning"<b>{part(why.semantic_rank, why.semantic.unwrap_or_default())}</b></span>
            <span>"Words"<b>{part(why.lexical_rank, why.lexical)}</b></span>
            <span>"Name"<b>{if why.name_boost > 0.0 { format!("+{:.2}", why.name_boost) } else { "no match".to_owned() }}</b></span>
            {(!words.is_empty()).then(|| view! { <span class="words">"Matched"<b>{words}</b></span> })}
        </span>
    }
}

#[component]
fn Facets(facets: SearchFacets, query: Memo<SearchQuery>, show: RwSignal<&'static str>) -> impl IntoView {
    let volumes = use_volumes();
    let now = query.get_untracked();
    let with = move |change: &dyn Fn(&mut SearchQuery)| changed_address(query, change);
    let row = |address: String, words: String, number: Option<usize>, on: bool| {
        view! {
            <a href=address aria-current=on.then_some("true")>
                {on.then(|| view! { <Icon name="check"/> })}
                <span class="trunc">{words}</span>
                {number.map(|number| view! { <span class="count">{count(number as i64)}</span> })}
            </a>
        }
    };
    let group = |title: &'static str, rows: Vec<AnyView>| (!rows.is_empty()).then(|| view! { <section><h3>{title}</h3>{rows}</section> });
    let listed = |chosen: Option<&str>, list: Vec<Count<String>>, words: fn(&str) -> String, set: fn(&mut SearchQuery, Option<String>)| {
        list.into_iter()
            .map(|Count { value, count }| {
                let on = values(chosen).contains(&value.as_str());
                let next = toggled(chosen, &value);
                row(with(&|query| set(query, next.clone())), words(&value), Some(count), on).into_any()
            })
            .collect::<Vec<_>>()
    };
    // Only what is in the marketplace has a rating.
    let rated = facets.kinds.iter().any(|Count { value, count }| *value == Found::Listing && *count > 0) || now.min_rating.is_some();
    let ratings: Vec<AnyView> = [(4.0, "4 stars and up"), (3.0, "3 stars and up")]
        .map(|(least, words)| {
            let on = now.min_rating == Some(least);
            row(with(&|query| query.min_rating = (!on).then_some(least)), words.to_owned(), None, on).into_any()
        })
        .into();
    let kinds = facets.kinds.into_iter().map(|Count { value, count }| Count { value: value.as_str().to_owned(), count }).collect();
    let people = facets
        .authors
        .iter()
        .map(|Count { value, count }| {
            let id = value.id.to_string();
            let on = values(now.author.as_deref()).contains(&id.as_str());
            let next = toggled(now.author.as_deref(), &id);
            row(with(&|query| query.author.clone_from(&next)), value.name.clone(), Some(*count), on).into_any()
        })
        .collect();
    let chosen = now.volume;
    // Their names may come later.
    let places = move || {
        facets
            .volumes
            .iter()
            .map(|Count { value, count }| {
                let on = chosen == Some(*value);
                row(with(&|query| query.volume = (!on).then_some(*value)), volumes.name_of(VolumeId::from(*value)), Some(*count), on)
                    .into_any()
            })
            .collect()
    };
    let since = [(7, "Last 7 days"), (90, "Last 90 days")]
        .map(|(days, words)| {
            let at = page::now_ms() / DAY_MS * DAY_MS - days * DAY_MS;
            let on = now.updated_since == Some(at);
            row(with(&|query| query.updated_since = (!on).then_some(at)), words.to_owned(), None, on).into_any()
        })
        .into();
    let mut tags = facets.tags;
    tags.truncate(TAGS);
    view! {
        {group("Kind", listed(now.kind.as_deref(), kinds, kind_words, |query, list| query.kind = list))}
        {move || group("Volume", places())}
        {group("Category", listed(now.category.as_deref(), facets.categories, category_words, |query, list| query.category = list))}
        {group("Tag", listed(now.tag.as_deref(), tags, str::to_owned, |query, list| query.tag = list))}
        {group("Author", people)}
        {rated.then(|| group("Rating", ratings))}
        {group("Updated", since)}
        <Versions query=query show=show/>
    }
}

/// From which version to which.
#[component]
fn Versions(query: Memo<SearchQuery>, show: RwSignal<&'static str>) -> impl IntoView {
    let now = query.get_untracked();
    let navigate = use_navigate();
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let version = |id: &str| page::input_value(id).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let (least, most) = (version("min-version"), version("max-version"));
        navigate(
            &changed_address(query, &|query| {
                query.min_version.clone_from(&least);
                query.max_version.clone_from(&most);
            }),
            NavigateOptions { scroll: false, ..NavigateOptions::default() },
        );
        show.set("list");
    };
    let field = |id: &'static str, name: &'static str, words: &'static str, value: Option<String>| {
        view! {
            <label class="row gap-8">
                <span class="t3 f12">{words}</span>
                <span class="input grow">
                    <input type="text" id=id name=name value=value autocomplete="off" placeholder="1.2.0" pattern=VERSION title="Up to three numbers, such as 1.2.0"/>
                </span>
            </label>
        }
    };
    view! {
        <section>
            <h3>"Version"</h3>
            <form class="versions" action="/search" method="get" on:submit=submit>
                {kept_fields(&first_page(&now), &["minVersion", "maxVersion"])}
                {field("min-version", "minVersion", "From", now.min_version.clone())}
                {field("max-version", "maxVersion", "To", now.max_version.clone())}
                <button type="submit" class="btn s">"Apply"</button>
            </form>
        </section>
    }
}

#[component]
fn Nothing() -> impl IntoView {
    view! {
        <EmptyState
            icon="search"
            title="Say what you need"
            text="In your own words: what you want to get done, or a name, a tag, a file. Quotation marks ask for words side by side, a minus leaves a word out."
        />
    }
}

#[component]
fn NotFound(query: SearchQuery) -> impl IntoView {
    let q = query.q.clone().unwrap_or_default();
    let narrowed = is_narrowed(&query);
    let everywhere = search_address(&SearchQuery { q: Some(q.clone()), ..SearchQuery::default() });
    let text = if narrowed {
        "The filters may leave out what you need."
    } else {
        "Say it in other words, or more generally: what it is for, not what it is called."
    };
    view! {
        <EmptyState icon="search" title=format!("Nothing found for “{q}”") text=text>
            {narrowed.then(|| view! { <a class="btn primary" href=everywhere>"Search without filters"</a> })}
            <a class="btn" href="/artifacts">"Browse the library"</a>
            <a class="btn" href="/artifacts/new">"Write it yourself"</a>
        </EmptyState>
    }
}

/// Whether filters leave something out.
fn is_narrowed(query: &SearchQuery) -> bool {
    let plain =
        SearchQuery { q: query.q.clone(), explain: query.explain, sort: query.sort, offset: query.offset, ..SearchQuery::default() };
    *query != plain
}

/// The first page of a search that differs in one thing.
fn changed_address(query: Memo<SearchQuery>, change: &dyn Fn(&mut SearchQuery)) -> String {
    let mut next = first_page(&query.get_untracked());
    change(&mut next);
    search_address(&next)
}

fn first_page(query: &SearchQuery) -> SearchQuery {
    SearchQuery { offset: None, ..query.clone() }
}

/// What it is that was found.
#[component]
pub fn FoundMark(found: Found, #[prop(optional)] small: bool) -> impl IntoView {
    match found {
        Found::Skill => view! { <KindMark kind=Kind::Skill small=small/> }.into_any(),
        Found::Tool => view! { <KindMark kind=Kind::Tool small=small/> }.into_any(),
        Found::Agent => view! { <KindMark kind=Kind::Agent small=small/> }.into_any(),
        Found::Session => view! {
            <span class=if small { "kind s" } else { "kind" } title="session">
                <Icon name="session"/>
                <span class="sr">"session"</span>
            </span>
        }
        .into_any(),
        Found::Listing => view! {
            <span class=if small { "kind s" } else { "kind" } title="in the marketplace">
                <Icon name="market"/>
                <span class="sr">"in the marketplace"</span>
            </span>
        }
        .into_any(),
    }
}

const SIMILAR: u32 = 5;

/// What is like an artifact, for the foot of what stands beside it. It is asked for when the page is there: nobody waits for it.
#[component]
pub fn MoreLikeThis(id: ArtifactId) -> impl IntoView {
    let hits = RwSignal::new(Vec::<SearchHit>::new());
    Effect::new(move |_| {
        let answer = similar_to(id, SIMILAR);
        leptos::task::spawn_local(async move {
            // What was never committed has nothing like it yet.
            if let Ok(found) = answer.await {
                hits.try_set(found);
            }
        });
    });
    move || {
        let hits = hits.get();
        (!hits.is_empty()).then(|| {
            view! {
                <section>
                    <h2>"More like this"</h2>
                    <ul class="rows f12 alike">
                        {hits
                            .into_iter()
                            .map(|hit| {
                                let address = hit_address(&hit);
                                view! {
                                    <li>
                                        <FoundMark found=hit.kind small=true/>
                                        <a class="trunc" href=address title=hit.description>{hit.name}</a>
                                        <span class="t3 f11 trunc">{hit.place}</span>
                                    </li>
                                }
                            })
                            .collect_view()}
                    </ul>
                </section>
            }
        })
    }
}

/// A text with the words that matched.
pub fn marked(pieces: Vec<Piece>) -> AnyView {
    pieces
        .into_iter()
        .map(|piece| {
            let text = piece.text;
            if piece.mark { view! { <mark class="hl">{text}</mark> }.into_any() } else { text.into_any() }
        })
        .collect_view()
        .into_any()
}

fn kind_words(kind: &str) -> String {
    match Found::parse(kind) {
        Some(Found::Skill) => "Skills",
        Some(Found::Tool) => "Tools",
        Some(Found::Agent) => "Agents",
        Some(Found::Session) => "Sessions",
        Some(Found::Listing) => "Marketplace",
        None => "Others",
    }
    .to_owned()
}

fn took(millis: f64) -> String {
    if millis < 1.0 { "less than 1 ms".to_owned() } else { format!("{} ms", count(millis.round() as i64)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_milliseconds() {
        assert_eq!([0.2, 1.0, 6.6, 1_234.0].map(took), ["less than 1 ms", "1 ms", "7 ms", "1,234 ms"]);
    }
}
