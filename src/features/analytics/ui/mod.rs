//! The page of analytics: what a team does, learns and ships. Numbers and tables come with the page, charts are drawn over them.

mod board;
mod charts;
mod figures;
mod head;
mod kept;
mod rows;
mod shared;
mod words;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use llmos_analytics::model::Query;

use super::state::{behind_of, dashboard_query, export_address, use_causes, use_dashboard, use_rows, use_zone};
use crate::{
    browser::response,
    features::pwa::ui::AsOf,
    ui::{ErrorView, Icon, Loading, PageTitle, Transition, late, once_painted},
};
use board::Board;
use head::{Filters, Ranges};
use kept::Kept;
use rows::RowsPane;

pub use shared::SharedAnalyticsPage;

#[component]
pub fn AnalyticsPage() -> impl IntoView {
    response::charts_ahead();
    let asked = use_query_map();
    // What the address says, and the same with the reader's zone: links keep the first, the server is asked the second.
    let chosen = Memo::new(move |_| asked.with(dashboard_query));
    let zone = use_zone(chosen);
    let query = Memo::new(move |_| Query { zone: Some(zone.get()), ..chosen.get() });
    let behind = Memo::new(move |_| asked.with(behind_of));
    let counted_to = RwSignal::new(0);
    // The page says at once what was chosen. Its numbers, with all that is made of them, come after that has been seen.
    let counted = once_painted(query);
    let (dashboard, causes, rows) = (use_dashboard(counted), use_causes(counted), use_rows(query, behind));
    let happened = Signal::derive(move || causes.get());
    let exported = move |format: &'static str| move || query.with(|query| export_address(query, format));
    view! {
        <PageTitle text="Analytics"/>
        <main class="main panes p-ana" id="main" tabindex="-1" data-show=move || if behind.with(|behind| behind.measure.is_some()) { "side" } else { "main" }>
            <section class="pane" data-part="main" aria-label="Analytics">
                <header class="bar ana-bar">
                    <h1>"Analytics"</h1>
                    <Ranges query=chosen dashboard=dashboard/>
                    <Kept chosen=chosen query=query/>
                    <details class="drop end">
                        <summary class="btn ghost icon-only" aria-label="Export all numbers" title="Export all numbers"><Icon name="download"/></summary>
                        <div class="pop menu">
                            <a href=exported("csv") rel="external" download="">"All numbers as CSV"</a>
                            <a href=exported("json") rel="external" download="">"All numbers as JSON"</a>
                        </div>
                    </details>
                </header>
                <Filters query=chosen dashboard=dashboard zone=zone counted_to=counted_to/>
                <AsOf/>
                <div class="scroll" tabindex="0">
                    <Transition fallback=|| view! { <Loading rows=8/> }>
                        {
                            // What happened is told in the tables, too, so both are waited for, once; without it the numbers still stand. The board follows it
                            // from then on.
                            let was_told = Memo::new(move |told: Option<&bool>| told == Some(&true) || causes.arrived().is_some());
                            move || {
                                let numbers = dashboard.arrived();
                                if !was_told.get() {
                                    return None;
                                }
                                // The board is made anew with other numbers alone: not before they are here, and once.
                                numbers.map(|arrived| late(move || match arrived.read() {
                                    Ok(first) => {
                                        let (chosen, query) = (chosen.get_untracked(), counted.get_untracked());
                                        view! { <Board first=first causes=happened chosen=chosen query=query counted_to=counted_to/> }.into_any()
                                    }
                                    Err(error) => {
                                        response::set_status(error.code.status());
                                        view! { <ErrorView error=error/> }.into_any()
                                    }
                                }))
                            }
                        }
                    </Transition>
                </div>
            </section>
            <RowsPane query=chosen zoned=query behind=behind rows=rows/>
        </main>
    }
}
