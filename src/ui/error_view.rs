//! Designed states: loading, empty, failed, not there.

use leptos::prelude::*;

use super::Icon;
use crate::{
    browser::{page, response},
    error::{AppError, ErrorCode},
};

/// Nothing here yet, and how to start.
#[component]
pub fn EmptyState(
    icon: &'static str,
    #[prop(into)] title: String,
    #[prop(into)] text: String,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <Icon name=icon class="glyph"/>
            <h2>{title}</h2>
            <p>{text}</p>
            {children.map(|children| view! { <div class="row">{children()}</div> })}
        </div>
    }
}

/// Rows of grey while something loads; the styles wait 200 ms before they show it.
#[component]
pub fn Loading(#[prop(default = 6)] rows: usize) -> impl IntoView {
    view! {
        <div class="late" aria-busy="true">
            <span class="sr">"Loading"</span>
            {(0..rows)
                .map(|_| view! { <div class="skel-row" aria-hidden="true"><span class="skel"></span><span class="stack"><span class="skel w60"></span><span class="skel w80"></span></span><span class="skel"></span></div> })
                .collect_view()}
        </div>
    }
}

/// The thing is not there, or not for this account: trying again does not help.
fn says_no(error: &AppError) -> bool {
    matches!(error.code, ErrorCode::NotFound | ErrorCode::Forbidden | ErrorCode::FactorRequired | ErrorCode::Expired)
}

fn error_title(missing: bool) -> &'static str {
    if missing { "Nothing here for you" } else { "This did not load" }
}

/// What a pane shows when its data did not come.
#[component]
pub fn ErrorView(
    error: AppError,
    /// It is all there is on the page, so its heading is the page's.
    #[prop(optional)]
    page: bool,
) -> impl IntoView {
    let missing = says_no(&error);
    let title = error_title(missing);
    // A page of a list that is not there any more never comes; the first one does, at the address without what asks for another.
    let first_page = error.fields.contains_key("cursor");
    view! {
        <div class="empty" role="alert">
            <Icon name=if missing { "lock" } else { "alert" } class="glyph"/>
            {if page { view! { <h1>{title}</h1> }.into_any() } else { view! { <h2>{title}</h2> }.into_any() }}
            <p>{error.message.clone()}</p>
            <div class="row">
                {(error.code == ErrorCode::FactorRequired).then(|| view! { <a class="btn primary" href="/settings/security">"Security settings"</a> })}
                {first_page.then(|| view! { <a class="btn" href="?">"First page"</a> })}
                {(!missing && !first_page)
                    .then(|| {
                        view! { <button type="button" class="btn" on:click=move |_| page::reload()><Icon name="refresh"/>"Try again"</button> }
                    })}
                <a class="btn ghost" href="/">"Back to the start"</a>
            </div>
            {error.request_id.map(|id| view! { <p class="req">"Request " <code>{id}</code></p> })}
        </div>
    }
}

/// An [`ErrorView`] in place of what the address names: the document gets the error's status.
#[component]
pub fn PaneError(error: AppError) -> impl IntoView {
    response::set_status(error.code.status());
    let title = error_title(says_no(&error));
    view! {
        <super::PageTitle text=title.to_owned()/>
        <section class="pane" data-part="item">
            <div class="scroll">
                <div class="errpage">
                    <ErrorView error=error page=true/>
                </div>
            </div>
        </section>
    }
}

/// A [`PaneError`] that is all of the page.
#[component]
pub fn PageError(error: AppError) -> impl IntoView {
    view! { <main class="main panes" id="main" tabindex="-1"><PaneError error=error/></main> }
}

/// An address that is no page.
#[component]
pub fn NotFound() -> impl IntoView {
    view! { <PageError error=AppError::not_found("page")/> }
}
