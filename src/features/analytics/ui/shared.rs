//! What a link shows to whoever has it: one dashboard, and nothing that leads further.

use leptos::prelude::*;
use leptos_meta::Meta;
use leptos_router::hooks::use_params_map;

use super::{super::state::use_shared, board::Board, figures::NumbersAlone, words::range_words};
use crate::{
    browser::response,
    ui::{ErrorView, Loading, PageTitle, Shell, Suspense, late, utc_time},
};

#[component]
pub fn SharedAnalyticsPage() -> impl IntoView {
    response::charts_ahead();
    provide_context(NumbersAlone);
    let params = use_params_map();
    let token = Memo::new(move |_| params.read().get("token").unwrap_or_default());
    let shared = use_shared(token);
    view! {
        <Shell>
            <PageTitle text="Analytics"/>
            <Meta name="robots" content="noindex"/>
            <main class="ana-shared" id="main" tabindex="-1">
                <Suspense fallback=|| view! { <Loading rows=8/> }>
                    {move || {
                        shared
                            .arrived()
                            .map(|arrived| late(move || match arrived.read() {
                                Ok(shared) => {
                                    let data = shared.dashboard;
                                    let before = data.before.map(|before| format!(", against {}", range_words(before))).unwrap_or_default();
                                    let days = format!("{}{before}. Days in {}.", range_words(data.range), data.zone.replace('_', " "));
                                    let ends = shared.expires_at.map(|at| format!(" This link works until {}.", utc_time(at)));
                                    let query = shared.query;
                                    view! {
                                        <header class="bar ana-bar"><h1>{shared.name}</h1><span class="count">{days}{ends}</span></header>
                                        <Board first=data causes=Signal::stored(None) chosen=query.clone() query=query counted_to=RwSignal::new(0)/>
                                    }
                                        .into_any()
                                }
                                Err(error) => {
                                    response::set_status(error.code.status());
                                    view! { <ErrorView error=error/> }.into_any()
                                }
                            }))
                    }}
                </Suspense>
            </main>
        </Shell>
    }
}
