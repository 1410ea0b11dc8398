//! The catalogue: what there is, and how it can be narrowed. All of it is in the address.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::parts::{CapabilityBadges, InstalledMark, Places, Rating, SignedMark};
use crate::{
    browser::{page, response},
    features::{
        accounts::state::use_session,
        artifacts::model::category_words,
        marketplace::{
            model::{BROWSE_DEFAULT, BrowsePage, BrowseQuery, ListingCard, MarketCount, MarketFacets, MarketSort},
            state::{CATALOGUE, browse_address, browse_query, item_address, use_listings},
        },
        search::{model::values, state::toggled},
    },
    ui::{
        Again, EmptyState, ErrorView, Icon, KindMark, Loading, PageTitle, Time, Transition, count, drop_down, kept_fields, list_keys,
        plural,
    },
};

/// The id of the field of words.
const FIELD: &str = "market-q";
const CARDS: &str = ".cards a.cover";
/// Of each group beside the list; what is chosen comes with it in any case.
const SHOWN: usize = 12;
const DAY_MS: i64 = 86_400_000;

#[component]
pub fn CataloguePage() -> impl IntoView {
    let params = use_query_map();
    let query = Memo::new(move |_| params.with(browse_query));
    let listings = use_listings(query);
    let visitor = use_session().visitor;
    response::describe("Skills, tools and agents to install: checked before they are published, signed, and reviewed by who uses them.");
    let show = RwSignal::new("list");
    list_keys(CARDS);
    // Another list begins at its top.
    Effect::new(move |last: Option<()>| {
        query.track();
        if last.is_some() {
            page::scroll_to_top("[data-part=list] > .scroll");
        }
    });
    let facets = move || listings.get().and_then(Result::ok).map(|page| view! { <Facets facets=page.facets query=query/> });
    let title = Signal::derive(move || query.with(|query| query.q.clone()).unwrap_or_else(|| "Marketplace".to_owned()));
    view! {
        <PageTitle text=title/>
        <main class="main panes p-market" id="main" tabindex="-1" data-show=move || show.get()>
            // Where it lies over the list, a choice closes it.
            <section class="pane" aria-label="Narrow it" data-part="nav" on:click=move |event| {
                if page::pressed(&event, "a") {
                    show.set("list");
                }
            }>
                <header class="bar">
                    <h2>"Marketplace"</h2>
                    {(!visitor).then(|| view! { <a class="btn s push" href="/marketplace/publish"><Icon name="upload"/>"Publish"</a> })}
                    <button type="button" class="btn ghost icon-only narrow-only" class:push=visitor aria-label="Close" title="Close" on:click=move |_| show.set("list")><Icon name="x"/></button>
                </header>
                <div class="scroll facets" tabindex="0"><Transition>{facets}</Transition></div>
            </section>
            <section class="pane" aria-label="Listings" data-part="list">
                <header class="bar">
                    <h1 class="sr">"Marketplace"</h1>
                    <SearchField query=query/>
                    <Again act=Callback::new(move |()| listings.refetch())/>
                    <span class="wide-only tabs-here"><Places here=CATALOGUE/></span>
                </header>
                <div class="toolbar phone-only"><Places here=CATALOGUE/></div>
                <Transition>
                    {move || listings.get().and_then(Result::ok).map(|page| view! { <Toolbar total=page.total query=query show=show/> })}
                </Transition>
                <div class="scroll">
                    <Transition fallback=|| view! { <Loading/> }>
                        {move || {
                            listings
                                .get()
                                .map(|page| match page {
                                    Ok(page) if page.items.is_empty() => view! { <Nothing query=query.get_untracked()/> }.into_any(),
                                    Ok(page) => view! { <Cards page=page query=query.get_untracked()/> }.into_any(),
                                    Err(error) => view! { <ErrorView error=error/> }.into_any(),
                                })
                        }}
                    </Transition>
                </div>
            </section>
        </main>
    }
}

/// What is looked for; what is typed is searched after a short pause.
#[component]
fn SearchField(query: Memo<BrowseQuery>) -> impl IntoView {
    let navigate = use_navigate();
    let go = Callback::new(move |text: String| {
        let q = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let address = changed(query, |query| query.q = q);
        navigate(&address, NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() });
    });
    let current = RwSignal::new(query.with_untracked(|query| query.q.clone().unwrap_or_default()));
    // Going back, or a search dropped elsewhere, shows here too; what is being typed stays.
    Effect::new(move |_| {
        let text = query.with(|query| query.q.clone().unwrap_or_default());
        if current.with_untracked(|current| current.trim() != text) {
            current.set(text);
        }
    });
    let typed = StoredValue::new(0_u32);
    let later = move |text: String| {
        current.set(text);
        typed.update_value(|typed| *typed += 1);
        let number = typed.get_value();
        page::after_forget(250, move || {
            if typed.try_get_value() == Some(number) {
                go.run(current.get_untracked());
            }
        });
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        typed.update_value(|typed| *typed += 1);
        // What stands in the field counts: it may have been typed before the script was ready.
        go.run(page::input_value(FIELD).unwrap_or_else(|| current.get_untracked()));
    };
    view! {
        <form class="grow row" role="search" action=CATALOGUE method="get" on:submit=submit>
            {move || query.with(|query| kept_fields(&first_page(query), &["q"]))}
            <label class="input grow">
                <Icon name="search"/>
                <span class="sr">"Search the marketplace"</span>
                <input
                    type="search"
                    id=FIELD
                    name="q"
                    data-filter=""
                    autocomplete="off"
                    placeholder="Search by name or by need"
                    value=current.get_untracked()
                    prop:value=move || current.get()
                    on:input=move |event| later(event_target_value(&event))
                />
                <kbd class="kbd wide-only" aria-hidden="true">"/"</kbd>
            </label>
            <noscript><button type="submit" class="btn">"Search"</button></noscript>
        </form>
    }
}

#[component]
fn Toolbar(total: i64, query: Memo<BrowseQuery>, show: RwSignal<&'static str>) -> impl IntoView {
    let now = query.get_untracked();
    let narrowed = is_narrowed(&now);
    let asks = now.q.is_some();
    let visitor = use_session().visitor;
    // Without a choice, what is looked for comes in the order of how well it fits, and everything by how popular it is.
    let first = if asks { "best match" } else { MarketSort::default().words() };
    let others = MarketSort::ALL.into_iter().filter(|sort| asks || *sort != MarketSort::default());
    let chosen = now.sort_by.filter(|sort| asks || *sort != MarketSort::default());
    let entries = std::iter::once((None, first))
        .chain(others.map(|sort| (Some(sort), sort.words())))
        .map(|(sort, words)| (changed(query, |query| query.sort_by = sort), words.to_owned(), None, sort == chosen))
        .collect();
    let shown = chosen.map_or(first, MarketSort::words).to_owned();
    view! {
        <div class="toolbar">
            <span class="f12 t2" role="status">{plural(total, "listing", "listings")}</span>
            {narrowed.then(|| view! { <a class="chip line wide-only" href=without_filters(&now)>"Drop all filters"<Icon name="x"/></a> })}
            <span class="push row gap-8">
                {(!visitor).then(|| view! { <a class="btn s narrow-only" href="/marketplace/publish"><Icon name="upload"/>"Publish"</a> })}
                <button type="button" class="chip line narrow-only" class:on=narrowed on:click=move |_| show.set("nav")>"Filters"</button>
                {drop_down("Sort", shown, chosen.is_some(), entries)}
            </span>
        </div>
    }
}

#[component]
fn Cards(page: BrowsePage, query: BrowseQuery) -> impl IntoView {
    let BrowsePage { items, total, next, .. } = page;
    let shown = items.len() as i64;
    let offset = i64::from(query.offset.unwrap_or(0));
    let first = browse_address(&first_page(&query));
    let at = |offset: i64| {
        let offset = u32::try_from(offset).ok().filter(|offset| *offset > 0);
        browse_address(&BrowseQuery { cursor: None, offset, ..query.clone() })
    };
    let counted = query.cursor.is_none();
    // Where the server gives the place at which the page ended, new listings do not shift what follows.
    let after = match next {
        Some(next) => Some(browse_address(&BrowseQuery { cursor: Some(next), offset: None, ..query.clone() })),
        None => (counted && offset + shown < total).then(|| at(offset + shown)),
    };
    let before = (counted && offset > 0).then(|| at(offset - i64::from(BROWSE_DEFAULT)));
    let words = if counted {
        format!("{} to {} of {}", count(offset + 1), count(offset + shown), count(total))
    } else {
        format!("{} of {}", count(shown), count(total))
    };
    view! {
        <ul class="cards">{items.into_iter().map(|card| view! { <Card card=card/> }).collect_view()}</ul>
        <nav class="pager" aria-label="Pages">
            <span>{words}</span>
            {(!counted).then(|| view! { <a class="btn s" href=first><Icon name="chev-l"/>"First page"</a> })}
            {before.map(|address| view! { <a class="btn s" href=address><Icon name="chev-l"/>"Before"</a> })}
            {after.map(|address| view! { <a class="btn s" href=address>"More"<Icon name="chev-r"/></a> })}
        </nav>
    }
}

#[component]
fn Card(card: ListingCard) -> impl IntoView {
    view! {
        <li class="mcard">
            <span class="hd">
                <KindMark kind=card.kind/>
                <span class="stack">
                    <a class="t cover trunc" href=item_address(&card.slug)>{card.name}</a>
                    <span class="by"><span class="trunc">{card.author.name}</span><SignedMark signed=card.signed/></span>
                </span>
                <span class="row gap-4">
                    {card.deprecated.then(|| view! { <span class="chip warn">"Deprecated"</span> })}
                    <InstalledMark volumes=card.installed/>
                </span>
            </span>
            <span class="d">{card.description}</span>
            <CapabilityBadges capabilities=card.capabilities/>
            <span class="ft">
                <Rating rating=card.rating ratings=card.ratings/>
                <span class="row gap-4" title=plural(card.installs, "installation", "installations")>
                    <Icon name="download" class="s"/>
                    {count(card.installs)}
                    <span class="sr">{if card.installs == 1 { " installation" } else { " installations" }}</span>
                </span>
                <span class="wide-only"><Time at=card.published_at/></span>
                <code class="push trunc">{card.version}</code>
            </span>
        </li>
    }
}

type Change = Box<dyn FnOnce(&mut BrowseQuery)>;

#[component]
fn Facets(facets: MarketFacets, query: Memo<BrowseQuery>) -> impl IntoView {
    let now = query.get_untracked();
    let row = |change: Change, words: String, number: Option<i64>, on: bool| {
        view! {
            <a href=changed(query, change) aria-current=on.then_some("true")>
                {on.then(|| view! { <Icon name="check"/> })}
                <span class="trunc">{words}</span>
                {number.map(|number| view! { <span class="count">{count(number)}</span> })}
            </a>
        }
        .into_any()
    };
    let group = |title: &'static str, rows: Vec<AnyView>| (!rows.is_empty()).then(|| view! { <section><h3>{title}</h3>{rows}</section> });
    let listed = |chosen: Option<&str>, list: Vec<MarketCount>, words: fn(&str) -> String, set: fn(&mut BrowseQuery, Option<String>)| {
        let picked = values(chosen);
        let known: Vec<String> = list.iter().map(|entry| entry.value.clone()).collect();
        // What is chosen and matches nothing can still be taken back.
        let lost = picked.iter().filter(|value| !known.iter().any(|known| known == *value));
        let lost = lost.map(|value| MarketCount { value: (*value).to_owned(), name: String::new(), count: 0 });
        let shown = list.into_iter().enumerate().filter(|(at, entry)| *at < SHOWN || picked.contains(&entry.value.as_str()));
        shown
            .map(|(_, entry)| entry)
            .chain(lost.collect::<Vec<_>>())
            .map(|MarketCount { value, name, count }| {
                let on = picked.contains(&value.as_str());
                let next = toggled(chosen, &value);
                let words = if name.is_empty() { words(&value) } else { name };
                row(Box::new(move |query| set(query, next)), words, Some(count), on)
            })
            .collect::<Vec<_>>()
    };
    let ratings = [4.0, 3.0]
        .map(|least| {
            let on = now.min_rating == Some(least);
            let words = if least > 3.5 { "4 stars and up" } else { "3 stars and up" };
            row(Box::new(move |query| query.min_rating = (!on).then_some(least)), words.to_owned(), None, on)
        })
        .into();
    let signed = now.verified == Some(true);
    let trust = vec![row(Box::new(move |query| query.verified = (!signed).then_some(true)), "Signed only".to_owned(), None, signed)];
    let since = [(7, "Last 7 days"), (30, "Last 30 days"), (90, "Last 90 days")]
        .map(|(days, words)| {
            let at = page::now_ms() / DAY_MS * DAY_MS - days * DAY_MS;
            let on = now.updated_since == Some(at);
            row(Box::new(move |query| query.updated_since = (!on).then_some(at)), words.to_owned(), None, on)
        })
        .into();
    view! {
        {group("Kind", listed(now.kind.as_deref(), facets.kinds, kind_words, |query, list| query.kind = list))}
        {group("Trust", trust)}
        {group("Rating", ratings)}
        {group("Category", listed(now.category.as_deref(), facets.categories, category_words, |query, list| query.category = list))}
        {group("Tag", listed(now.tags.as_deref(), facets.tags, str::to_owned, |query, list| query.tags = list))}
        {group("Licence", listed(now.licence.as_deref(), facets.licences, str::to_owned, |query, list| query.licence = list))}
        {group("Author", listed(now.author.as_deref(), facets.authors, str::to_owned, |query, list| query.author = list))}
        {group("Updated", since)}
    }
}

fn kind_words(kind: &str) -> String {
    match kind {
        "skill" => "Skills",
        "tool" => "Tools",
        "agent" => "Agents",
        _ => "Others",
    }
    .to_owned()
}

#[component]
fn Nothing(query: BrowseQuery) -> impl IntoView {
    let narrowed = is_narrowed(&query);
    if query.q.is_none() && !narrowed {
        let visitor = use_session().visitor;
        return view! {
            <EmptyState icon="market" title="Nothing here yet" text="Skills, tools and agents that somebody published stand here, to be installed into a volume.">
                {(!visitor).then(|| view! { <a class="btn primary" href="/marketplace/publish"><Icon name="upload"/>"Publish the first"</a> })}
            </EmptyState>
        }
        .into_any();
    }
    let text = if narrowed {
        "The filters may leave out what you need."
    } else {
        "Say it in other words, or more generally: what it is for, not what it is called."
    };
    view! {
        <EmptyState icon="market" title="Nothing fits" text=text>
            {narrowed.then(|| view! { <a class="btn primary" href=without_filters(&query)>"Drop all filters"</a> })}
            <a class="btn" href=CATALOGUE>"See everything"</a>
        </EmptyState>
    }
    .into_any()
}

/// Whether filters leave something out.
fn is_narrowed(query: &BrowseQuery) -> bool {
    let plain = BrowseQuery {
        q: query.q.clone(),
        sort_by: query.sort_by,
        offset: query.offset,
        cursor: query.cursor.clone(),
        ..BrowseQuery::default()
    };
    *query != plain
}

/// The same question, with nothing left out.
fn without_filters(query: &BrowseQuery) -> String {
    browse_address(&BrowseQuery { q: query.q.clone(), sort_by: query.sort_by, ..BrowseQuery::default() })
}

fn first_page(query: &BrowseQuery) -> BrowseQuery {
    BrowseQuery { offset: None, cursor: None, ..query.clone() }
}

/// The first page of a list that differs in one thing.
fn changed(query: Memo<BrowseQuery>, change: impl FnOnce(&mut BrowseQuery)) -> String {
    let mut next = first_page(&query.get_untracked());
    change(&mut next);
    browse_address(&next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_or_another_order_leaves_nothing_out() {
        let query = BrowseQuery { q: Some("x".to_owned()), sort_by: Some(MarketSort::Recent), offset: Some(24), ..BrowseQuery::default() };
        assert!(!is_narrowed(&query));
        assert!(is_narrowed(&BrowseQuery { verified: Some(true), ..query }));
    }
}
