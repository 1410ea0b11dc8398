//! What an item looks like: pictures that open large, and how its publishers change them.

use leptos::prelude::*;

use crate::{
    browser::{page, upload::Picked},
    error::AppError,
    features::{
        accounts::state::Running,
        marketplace::{
            model::{ALT_CHARS, ArrangedScreenshot, ItemDetail, SCREENSHOTS, Screenshot},
            state::{add_screenshot, arrange_screenshots, delete_screenshot},
            ui::parts::Fold,
        },
    },
    ui::{Dialog, FieldError, Icon, Problem, toast, toast_error, use_toasts},
};

const LARGE: &str = "picture-large";

#[component]
pub fn Screenshots(
    item: ItemDetail,
    reload: Callback<()>,
    /// Whether something was changed on this page: what changes them stays open then.
    managing: RwSignal<bool>,
) -> impl IntoView {
    let ItemDetail { card, screenshots, own, .. } = item;
    if screenshots.is_empty() && !own {
        return ().into_any();
    }
    let none = screenshots.is_empty();
    let changed = Callback::new(move |()| {
        managing.set(true);
        reload.try_run(());
    });
    view! {
        <section id="pictures" aria-labelledby="pictures-h">
            <h2 id="pictures-h">"Pictures"</h2>
            {if none {
                view! { <p class="t3">"There is none yet. Pictures show what one gets before one installs it."</p> }.into_any()
            } else {
                view! { <Gallery pictures=screenshots.clone()/> }.into_any()
            }}
            {own.then(|| view! { <Manage slug=card.slug pictures=screenshots reload=changed managing=managing/> })}
        </section>
    }
    .into_any()
}

#[component]
fn Gallery(pictures: Vec<Screenshot>) -> impl IntoView {
    let all = pictures.len();
    let at = RwSignal::new(0_usize);
    let shown = pictures
        .iter()
        .cloned()
        .enumerate()
        .map(|(number, picture)| {
            let address = picture.url.clone();
            let open = move |event: leptos::ev::MouseEvent| {
                // Without script, or in a new window, it is the picture alone.
                if !page::wants_new_window(&event) {
                    event.prevent_default();
                    at.set(number);
                    page::open_dialog(LARGE);
                }
            };
            view! {
                <li>
                    <a href=address rel="external" aria-haspopup="dialog" on:click=open>
                        <img src=picture.url loading="lazy" decoding="async" width=picture.width.to_string() height=picture.height.to_string() alt=picture.alt/>
                    </a>
                </li>
            }
        })
        .collect_view();
    let pictures = StoredValue::new(pictures);
    let current = move || pictures.with_value(|pictures| pictures.get(at.get()).cloned());
    let title = Signal::derive(move || current().map(|picture| picture.alt).unwrap_or_default());
    let step = move |by: usize| at.update(|at| *at = (*at + by) % all);
    let key = move |event: leptos::ev::KeyboardEvent| {
        let by = match event.key().as_str() {
            "ArrowRight" => 1,
            "ArrowLeft" => all - 1,
            _ => return,
        };
        event.prevent_default();
        step(by);
    };
    view! {
        <ul class="shots">{shown}</ul>
        <div on:keydown=key>
            <Dialog id=LARGE title=title size="shot-dialog">
                <div class="body">
                    {move || current().map(|picture| view! { <img src=picture.url width=picture.width.to_string() height=picture.height.to_string() alt="" loading="lazy"/> })}
                </div>
                {(all > 1)
                    .then(|| {
                        view! {
                            <footer>
                                <span class="hint" role="status">{move || format!("{} of {all}", at.get() + 1)}</span>
                                <button type="button" class="btn" on:click=move |_| step(all - 1)><Icon name="chev-l"/>"Before"</button>
                                <button type="button" class="btn" on:click=move |_| step(1)>"Next"<Icon name="chev-r"/></button>
                            </footer>
                        }
                    })}
            </Dialog>
        </div>
    }
}

/// For its publishers: their order, what they show, one more, one less.
#[component]
fn Manage(slug: String, pictures: Vec<Screenshot>, reload: Callback<()>, managing: RwSignal<bool>) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let slug = StoredValue::new(slug);
    let room = pictures.len() < SCREENSHOTS;
    let none = pictures.is_empty();
    let open = none || managing.get_untracked();
    let rows: Vec<(Screenshot, RwSignal<String>)> =
        pictures.into_iter().map(|picture| (picture.clone(), RwSignal::new(picture.alt))).collect();
    let rows = StoredValue::new(rows);
    let all = rows.with_value(Vec::len);
    let done = move |words: &'static str| {
        move || {
            toast(toasts, words);
            reload.try_run(());
        }
    };
    // As they stand, with one moved to another place.
    let arrange = move |moved: Option<(usize, usize)>| {
        let mut screenshots: Vec<ArrangedScreenshot> = rows
            .with_value(|rows| rows.iter().map(|(picture, alt)| ArrangedScreenshot { id: picture.id, alt: alt.get_untracked() }).collect());
        if let Some((from, to)) = moved {
            screenshots.swap(from, to);
        }
        let done = done("The pictures are in this order now");
        running.run(arrange_screenshots(slug.get_value(), screenshots), move |_| done());
    };
    let remove = move |at: usize| {
        let Some(id) = rows.with_value(|rows| rows.get(at).map(|(picture, _)| picture.id)) else { return };
        let done = done("The picture is gone");
        running.run(delete_screenshot(slug.get_value(), id), move |()| done());
    };
    let listed = rows.with_value(|rows| {
        rows.iter()
            .cloned()
            .enumerate()
            .map(|(at, (picture, alt))| {
                let (id, number) = (format!("picture-alt-{at}"), at + 1);
                view! {
                    <li>
                        <img src=picture.url alt="" loading="lazy" width=picture.width.to_string() height=picture.height.to_string()/>
                        <div class="field">
                            <label for=id.clone()>{format!("What picture {number} shows")}</label>
                            <input class="input" id=id maxlength=ALT_CHARS.to_string() value=picture.alt prop:value=move || alt.get() on:input=move |event| alt.set(event_target_value(&event))/>
                        </div>
                        <span class="row gap-4">
                            {(at > 0)
                                .then(|| view! { <button type="button" class="btn s ghost icon-only" aria-label=format!("Move picture {number} to the front") title="To the front" on:click=move |_| arrange(Some((at, at - 1)))><Icon name="chev-l"/></button> })}
                            {(at + 1 < all)
                                .then(|| view! { <button type="button" class="btn s ghost icon-only" aria-label=format!("Move picture {number} back") title="Back" on:click=move |_| arrange(Some((at, at + 1)))><Icon name="chev-r"/></button> })}
                            <button type="button" class="btn s ghost danger icon-only" aria-label=format!("Remove picture {number}") title="Remove" on:click=move |_| remove(at)><Icon name="trash"/></button>
                        </span>
                    </li>
                }
            })
            .collect_view()
    });
    view! {
        <details class="shot-manage" open=open>
            <Fold words="Change the pictures"/>
            <FieldError error=whole(running.error)/>
            {(!none)
                .then(|| {
                    view! {
                        <ol>{listed}</ol>
                        <button type="button" class="btn s" disabled=move || running.busy.get() on:click=move |_| arrange(None)>"Save what they show"</button>
                    }
                })}
            {if room {
                view! { <Add slug=slug reload=reload/> }.into_any()
            } else {
                view! { <p class="hint">{format!("An item has at most {SCREENSHOTS} pictures: remove one to add another.")}</p> }.into_any()
            }}
        </details>
    }
}

/// What the server says, whichever field it is about: its fields have no names here.
fn whole(error: RwSignal<Option<AppError>>) -> Signal<Option<AppError>> {
    Signal::derive(move || {
        error.get().map(|mut error| {
            error.fields.clear();
            error
        })
    })
}

#[component]
fn Add(slug: StoredValue<String>, reload: Callback<()>) -> impl IntoView {
    const FILE: &str = "picture-file";
    const ALT: &str = "picture-alt";
    let toasts = use_toasts();
    let running = Running::new();
    let alt = RwSignal::new(String::new());
    let name = RwSignal::new(String::new());
    let sent = RwSignal::new(0.0_f64);
    // Files are the browser's and not `Send`: there is a place for them once one is chosen.
    let picked = StoredValue::new(None::<StoredValue<Picked, LocalStorage>>);
    let choose = move |event| {
        let files = Picked::from_event(&event);
        if !files.is_empty() {
            running.reset();
            name.set(files.first_name());
            picked.set_value(Some(StoredValue::new_local(files)));
            page::focus(ALT);
        }
    };
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let Some(files) = picked.get_value().and_then(|files| files.try_get_value()) else {
            toast_error(toasts, &AppError::invalid("Choose a picture first."));
            return;
        };
        sent.set(0.0);
        let change = add_screenshot(slug.get_value(), alt.with_untracked(|alt| alt.trim().to_owned()), files, move |part| {
            sent.try_set(part);
        });
        running.run(change, move |_| {
            toast(toasts, "The picture stands there now");
            reload.try_run(());
        });
    };
    let problem = Signal::derive(move || running.error.get().map(|error| error.message));
    let ready = move || name.with(|name| !name.is_empty()) && alt.with(|alt| !alt.trim().is_empty());
    view! {
        <form class="shot-add" on:submit=send>
            <label class="dropzone s">
                <Icon name="upload"/>
                <b>{move || name.with(|name| if name.is_empty() { "Choose a picture".to_owned() } else { name.clone() })}</b>
                <span>"PNG, JPEG or WebP, 10 MB at most"</span>
                <input type="file" id=FILE accept="image/png,image/jpeg,image/webp" on:change=choose/>
            </label>
            <div class="field">
                <label for=ALT>"What it shows"</label>
                <input class="input" id=ALT maxlength=ALT_CHARS.to_string() prop:value=move || alt.get() on:input=move |event| alt.set(event_target_value(&event))/>
                <span class="hint">"In words, for those who do not see it."</span>
            </div>
            <Problem text=problem/>
            <div class="row gap-8">
                <button type="submit" class="btn" disabled=move || running.busy.get() || !ready()>
                    {move || if running.busy.get() { format!("Sending, {} %", (sent.get() * 100.0) as i64) } else { "Add the picture".to_owned() }}
                </button>
                <span class="hint">"It is made at most 1,600 pixels wide; what is hidden in the file is dropped."</span>
            </div>
        </form>
    }
}
