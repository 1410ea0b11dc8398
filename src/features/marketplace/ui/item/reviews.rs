//! What people think of an item, and what one thinks oneself.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::review_acts::{ReviewActs, Reviewed};
use crate::{
    browser::page,
    error::AppError,
    features::{
        accounts::state::{Running, sign_in_here},
        marketplace::{
            model::{ItemDetail, ItemReview, Rate, ReviewPage, ReviewQuery, ReviewSort},
            state::{delete_review, rate, review_query, reviews_address, use_reviews},
            ui::parts::tenths,
        },
        outbox::state::say_sent,
    },
    ui::{
        Avatar, ConfirmDialog, ErrorView, FieldError, Icon, Loading, Time, Transition, count, drop_down, plural, toast, toast_error,
        use_toasts,
    },
};

const STARS: [&str; 5] = ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"];

#[component]
pub fn Reviews(item: ItemDetail, reload: Callback<()>) -> impl IntoView {
    let params = use_query_map();
    let query = Memo::new(move |_| params.with(review_query));
    let ItemDetail { card, histogram, reviews, reviews_next, own_review, may_rate, own, moderates, signed_in, .. } = item;
    let fetched = use_reviews(card.slug.clone(), query);
    let first = StoredValue::new(ReviewPage { items: reviews, next: reviews_next });
    let page = StoredValue::new(Page { slug: card.slug.clone(), author: card.author.name, own, moderates, reload });
    let shown = move || {
        if query.with(|query| *query == ReviewQuery::default()) {
            return view! { <List shown=first.get_value() page=page query=query/> }.into_any();
        }
        view! {
            <Transition fallback=|| view! { <Loading/> }>
                {move || {
                    fetched
                        .get()
                        .map(|answer| match answer {
                            Ok(shown) => view! { <List shown=shown page=page query=query/> }.into_any(),
                            Err(error) => view! { <ErrorView error=error/> }.into_any(),
                        })
                }}
            </Transition>
        }
        .into_any()
    };
    view! {
        <section id="reviews" aria-labelledby="reviews-h">
            <h2 id="reviews-h">"Reviews"</h2>
            {(card.ratings > 0).then(|| view! { <Histogram rating=card.rating ratings=card.ratings histogram=histogram page=page query=query/> })}
            {if may_rate {
                view! { <OwnReview slug=card.slug before=own_review reload=reload/> }.into_any()
            } else {
                let why = if own {
                    "You publish it: others say what they think of it."
                } else if signed_in {
                    "Who has it installed in a volume may rate it. Install it first."
                } else {
                    "Who has it installed in a volume may rate it."
                };
                let sign_in = (!signed_in).then(sign_in_here);
                view! {
                    <p class="t2 row gap-6">
                        <Icon name="info"/>
                        {why}
                        {sign_in.map(|sign_in| view! { <a class="link" href=move || sign_in.get()>"Sign in to rate it"</a> })}
                    </p>
                }
                    .into_any()
            }}
            {(card.ratings > 1).then(|| view! { <Order page=page query=query/> })}
            {shown}
        </section>
    }
}

/// What every part of the list needs to know of the page.
#[derive(Clone)]
struct Page {
    slug: String,
    author: String,
    own: bool,
    moderates: bool,
    /// Reads the item again.
    reload: Callback<()>,
}

impl Page {
    /// Where the same list stands with one thing changed; it begins at its first page then.
    fn address(&self, query: &ReviewQuery, change: impl FnOnce(&mut ReviewQuery)) -> String {
        let mut next = ReviewQuery { cursor: None, ..query.clone() };
        change(&mut next);
        // The version that is shown stays.
        let version = use_query_map().with_untracked(|params| params.get("version").filter(|version| !version.is_empty()));
        reviews_address(&self.slug, version.as_deref(), &next)
    }
}

#[component]
fn Order(page: StoredValue<Page>, query: Memo<ReviewQuery>) -> impl IntoView {
    move || {
        let now = query.get();
        let entries = ReviewSort::ALL
            .into_iter()
            .map(|sort| {
                let chosen = Some(sort).filter(|sort| *sort != ReviewSort::default());
                let address = page.with_value(|page| page.address(&now, |query| query.sort = chosen));
                (address, sort.words().to_owned(), None, sort == now.sort.unwrap_or_default())
            })
            .collect();
        let all = page.with_value(|page| page.address(&now, |query| query.rating = None));
        view! {
            <div class="row wrap gap-8 review-order">
                {drop_down("Order", now.sort.unwrap_or_default().words().to_owned(), now.sort.is_some(), entries)}
                {now
                    .rating
                    .and_then(|stars| STARS.get(usize::try_from(stars - 1).ok()?))
                    .map(|words| view! { <a class="chip line on" href=all>{format!("Only {words}")}<Icon name="x"/><span class="sr">" (show all)"</span></a> })}
            </div>
        }
    }
}

#[component]
fn List(shown: ReviewPage, page: StoredValue<Page>, query: Memo<ReviewQuery>) -> impl IntoView {
    let ReviewPage { items, next } = shown;
    let now = query.get_untracked();
    if items.is_empty() {
        let words = if now.rating.is_some() { "Nobody gave it so many stars." } else { "Nobody has reviewed it yet." };
        return view! { <p class="t3">{words}</p> }.into_any();
    }
    let first = now.cursor.is_some().then(|| page.with_value(|page| page.address(&now, |_| {})));
    let after = next.map(|next| page.with_value(|page| page.address(&now, |query| query.cursor = Some(next))));
    let pages = (first.is_some() || after.is_some()).then(|| {
        view! {
            <nav class="pager" aria-label="Pages of reviews">
                {first.map(|address| view! { <a class="btn s" href=address><Icon name="chev-l"/>"First page"</a> })}
                {after.map(|address| view! { <a class="btn s" href=address>"More reviews"<Icon name="chev-r"/></a> })}
            </nav>
        }
    });
    view! {
        <ul class="reviews">{items.into_iter().map(|review| view! { <Review review=review page=page/> }).collect_view()}</ul>
        {pages}
    }
    .into_any()
}

#[component]
fn Histogram(rating: f64, ratings: i64, histogram: [i64; 5], page: StoredValue<Page>, query: Memo<ReviewQuery>) -> impl IntoView {
    let most = histogram.into_iter().max().unwrap_or(0).max(1);
    let rows = [1_i64, 2, 3, 4, 5]
        .into_iter()
        .zip(histogram)
        .zip(STARS)
        .rev()
        .map(|((stars, number), words)| {
            // In thousandths: the code that prints floats is not needed for it.
            let share = format!("--v:calc({} / 1000)", number * 1_000 / most);
            let name = if number > 0 {
                let address = move || page.with_value(|page| page.address(&query.get(), |query| query.rating = Some(stars)));
                view! { <a class="link" href=address>{words}</a> }.into_any()
            } else {
                view! { <span>{words}</span> }.into_any()
            };
            view! { <li>{name}<span class="meter" style=share aria-hidden="true"><i></i></span><span class="num t2">{count(number)}</span></li> }
        })
        .collect_view();
    view! {
        <div class="histogram">
            <p><b class="mean">{tenths(rating)}</b><span class="t2">"of 5, "{plural(ratings, "rating", "ratings")}</span></p>
            <ul>{rows}</ul>
        </div>
    }
}

#[component]
fn Review(review: ItemReview, page: StoredValue<Page>) -> impl IntoView {
    let ItemReview { by, rating, text, version, used, reply, replied_at, hidden, updated_at } = review;
    let Page { slug, author, own, moderates, reload } = page.get_value();
    let is_hidden = !hidden.is_empty();
    let acts = (own || moderates).then(|| {
        let reviewed = Reviewed { slug, reviewer: by.id, name: by.name.clone(), reply: reply.clone(), hidden: is_hidden };
        view! { <ReviewActs reviewed=reviewed own=own moderates=moderates reload=reload/> }
    });
    view! {
        <li class="review">
            <Avatar person=by.clone()/>
            <div>
                <header>
                    <b>{by.name}</b>
                    <span class="rating"><Icon name="star-f"/><b>{rating}</b><span class="sr">" of 5 stars"</span></span>
                    {used.then(|| view! { <span class="chip ok" title="They named it in a session where it is installed"><Icon name="check"/>"Verified use"</span> })}
                    <span class="t3 f12"><code>{version}</code>", " <Time at=updated_at/></span>
                </header>
                // Moderators alone see it then.
                {is_hidden.then(|| view! { <p class="row gap-6"><span class="chip warn"><Icon name="eye"/>"Hidden"</span><span class="t3">{hidden}</span></p> })}
                {(!text.is_empty()).then(|| view! { <p class="said">{text}</p> })}
                {(!reply.is_empty())
                    .then(|| {
                        view! {
                            <p class="reply">
                                <b>{author}</b>
                                {replied_at.map(|at| view! { <span class="t3">" answered " <Time at=at/></span> })}
                                <br/>
                                <span class="said">{reply}</span>
                            </p>
                        }
                    })}
                {acts}
            </div>
        </li>
    }
}

/// One's own: stars, and words if there are any.
#[component]
fn OwnReview(slug: String, before: Option<ItemReview>, reload: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let known = before.is_some();
    let hidden = before.as_ref().map(|review| review.hidden.clone()).filter(|why| !why.is_empty());
    let stars = RwSignal::new(before.as_ref().map_or(0, |review| review.rating));
    let text = RwSignal::new(before.map(|review| review.text).unwrap_or_default());
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<AppError>);
    let slug = StoredValue::new(slug);
    let send = move || {
        let rating = stars.get_untracked();
        if rating == 0 || busy.get_untracked() {
            return;
        }
        busy.set(true);
        error.set(None);
        let answer = rate(slug.get_value(), Rate { rating, review: text.with_untracked(|text| text.trim().to_owned()) });
        leptos::task::spawn_local(async move {
            let answer = answer.await;
            busy.try_set(false);
            match answer {
                Ok(sent) => {
                    say_sent(toasts, sent, "Your review stands here now");
                    reload.try_run(());
                }
                Err(failed) => {
                    error.try_set(Some(failed));
                }
            }
        });
    };
    // What the server says of one field stands above the form as well: it has no field of ours for it.
    let said = Signal::derive(move || {
        error.get().map(|mut error| {
            error.message = error.fields.values().next().cloned().unwrap_or(error.message);
            error.fields.clear();
            error
        })
    });
    view! {
        <form
            class="own-review card"
            on:submit=move |event| {
                event.prevent_default();
                send();
            }
        >
            <FieldError error=said/>
            {hidden
                .map(|why| {
                    view! {
                        <div class="banner warn inset">
                            <Icon name="eye"/>
                            <span>{format!("A moderator hid your review: {why} Nobody else sees it, and it counts nowhere.")}</span>
                        </div>
                    }
                })}
            <fieldset class="stars">
                <legend>{if known { "Your rating" } else { "Rate it" }}</legend>
                {(1..=5)
                    .zip(STARS)
                    .map(|(value, words)| {
                        view! {
                            <label title=words>
                                <input
                                    type="radio"
                                    name="rating"
                                    value=value.to_string()
                                    required=true
                                    checked=stars.get_untracked() == value
                                    prop:checked=move || stars.get() == value
                                    on:change=move |_| stars.set(value)
                                />
                                <span class="sr">{words}</span>
                                <Icon name="star" class="empty-star"/>
                                <Icon name="star-f" class="full-star"/>
                            </label>
                        }
                    })
                    .collect_view()}
                <span class="t2 f12" aria-hidden="true">{move || match stars.get() { 0 => "Not rated".to_owned(), stars => format!("{stars} of 5") }}</span>
            </fieldset>
            <div class="field">
                <label for="review-text">"What you think of it "<span class="opt">"(if you like)"</span></label>
                <textarea class="input" id="review-text" name="review" rows="3" prop:value=move || text.get() on:input=move |event| text.set(event_target_value(&event))></textarea>
            </div>
            <div class="row">
                <button type="submit" class="btn" disabled=move || busy.get() || stars.get() == 0>{if known { "Change the review" } else { "Publish the review" }}</button>
                {known.then(|| view! { <TakeBack slug=slug reload=reload/> })}
                <span class="hint">{move || if stars.get() == 0 { "Choose 1 to 5 stars." } else { "Everybody who sees the item reads it, with your name." }}</span>
            </div>
        </form>
    }
}

/// Removes one's own review, after a question.
#[component]
fn TakeBack(slug: StoredValue<String>, reload: Callback<()>) -> impl IntoView {
    const ID: &str = "delete-review";
    let toasts = use_toasts();
    let running = Running::new();
    let act = move |()| {
        running.run(delete_review(slug.get_value()), move |()| {
            toast(toasts, "Your review is gone");
            reload.try_run(());
        });
    };
    Effect::new(move |_| {
        if let Some(error) = running.error.get() {
            toast_error(toasts, &error);
        }
    });
    view! {
        <button type="button" class="btn ghost danger" on:click=move |_| page::open_dialog(ID)>"Take it back"</button>
        <ConfirmDialog
            id=ID
            title="Take your review back?"
            text="Your stars and words are removed. You may review the item again later."
            confirm="Take it back"
            act=act
        />
    }
}
