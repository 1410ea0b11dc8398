//! A chart and its table: the server writes the table, and the browser, when the chart is seen, draws over it (`web/charts`); what one sees first is
//! drawn before the page's program is there.
//! Without script, or where nothing can be drawn, the table stays. Ask for each: `Chart` (lines, bars, cells), `Bars`, `RankedBars`, `Sparkline`.

mod bars;
mod data;
mod options;
mod save;
mod twin;

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

pub use bars::{Bar, Bars, ChangeMark, RankedBar, RankedBars, ScaleKey, Sparkline};
pub use data::{ChartData, Dash, Note, Point, SCALE, Series, Shape, number_words};
pub use save::SaveMenu;

use super::Icon;
use crate::browser::{
    chart::{self, Drawn, Told},
    page,
};

/// What can be done in a chart with keys; read out with its name.
const KEYS_OF_LINES: &str = "Arrow keys walk the points, left and right, and the series, up and down. Plus and minus zoom, 0 shows all, Enter opens the rows behind a point.";
const KEYS: &str = "Arrow keys walk the points. Enter opens the rows behind one.";

/// A chart with its head: title, legend, chart or table, and saving it. `data` may change while it is drawn.
#[component]
pub fn Chart(
    /// Unique on the page; also the name of the files that it is saved as.
    id: &'static str,
    #[prop(into)] data: Signal<ChartData>,
    /// Of the drawing, as in CSS; the table scrolls in it.
    #[prop(default = "19rem")]
    height: &'static str,
    /// The first thing that one sees of the page: the document brings what to draw along, so that it is drawn before the program is there.
    #[prop(optional)]
    ahead: bool,
    /// Stands at the end of the head: an error of a forecast, a link.
    #[prop(optional)]
    aside: Option<ViewFn>,
) -> impl IntoView {
    let host = format!("{id}-plot");
    let (shape, title) = data.with_untracked(|data| (data.shape, data.title.clone()));
    // Where one was drawn before, the table is not shown for the moment that the next one takes.
    let drawn = RwSignal::new(chart::works());
    let wants_table = RwSignal::new(false);
    let hidden = RwSignal::new(Vec::<String>::new());
    let zoomed = RwSignal::new(None::<(usize, usize)>);
    let said = RwSignal::new(String::new());
    let handle = StoredValue::new(None::<Drawn>);
    draw_when_seen(host.clone(), data, handle, drawn, zoomed, said);

    let toggle = move |series: String| {
        let on = hidden.with_untracked(|hidden| hidden.contains(&series));
        hidden.update(|hidden| if on { hidden.retain(|one| *one != series) } else { hidden.push(series.clone()) });
        handle.with_value(|drawn| {
            if let Some(drawn) = drawn {
                drawn.show(&series, on);
            }
        });
    };
    let legend = Memo::new(move |_| {
        data.with(|data| match data.shape {
            Shape::Grid => Vec::new(),
            _ => data.series.iter().map(|series| (series.id.clone(), series.name.clone(), series.color, series.dash)).collect::<Vec<_>>(),
        })
    });
    let legend_view = move || {
        let all = legend.get();
        (all.len() > 1).then(|| {
            let row = |(series, name, color, dash): (String, String, &'static str, Dash)| {
                let look = if shape == Shape::Bars { "swatch sq".to_owned() } else { format!("swatch {}", dash.as_str()) };
                let pressed = series.clone();
                view! {
                    <button type="button" aria-pressed=move || hidden.with(|hidden| !hidden.contains(&pressed)).to_string() on:click=move |_| toggle(series.clone())>
                        <i class=look style=format!("--c:var({color})") aria-hidden="true"></i>
                        {name}
                    </button>
                }
            };
            view! { <span class="legend needs-drawing" role="group" aria-label="Series shown">{all.into_iter().map(row).collect_view()}</span> }
        })
    };
    let zoom_out = move |_| {
        handle.with_value(|drawn| {
            if let Some(drawn) = drawn {
                drawn.zoom_out();
            }
        });
    };
    let zoom = move || {
        let (first, last) = zoomed.get()?;
        let words = data.with(|data| Some(format!("{} to {}", data.points.get(first)?.short, data.points.get(last)?.short)))?;
        Some(view! {
            <button type="button" class="btn s" title="Show all ( 0 )" on:click=zoom_out>
                {words}
                <Icon name="x"/>
                <span class="sr">"Show all"</span>
            </button>
        })
    };
    let choice = move |table: bool, icon: &'static str, words: &'static str| {
        view! {
            <button type="button" aria-pressed=move || (wants_table.get() == table).to_string() aria-label=words title=words on:click=move |_| wants_table.set(table)>
                <Icon name=icon/>
            </button>
        }
    };
    let is_chart = move || drawn.get() && !wants_table.get();
    // Whoever walks through the table keeps their place in it: it is written anew when they have left.
    let (left, walked) = (RwSignal::new(()), format!("#{id} .twin *"));
    let table = Memo::new(move |written: Option<&String>| {
        left.track();
        match written {
            Some(written) if page::has_focus(&walked) => {
                data.track();
                written.clone()
            }
            _ => data.with(twin::twin),
        }
    });
    // What gets the focus in place of it has it then.
    let leave = move |_| {
        page::after_forget(0, move || {
            left.try_set(());
        });
    };
    let ahead = ahead && !data.with_untracked(ChartData::is_empty);
    let spec = ahead.then(|| chart::ahead(|| data.with_untracked(options::spec_ahead))).flatten();
    let (named, keys, as_table) = (format!("{id}-title"), format!("{id}-keys"), format!("{title}, as a table"));
    let heading = named.clone();
    view! {
        <section class="chart" id=id aria-labelledby=named style=format!("--chart-h:{height}") data-view=move || if is_chart() { "chart" } else { "table" } data-drawn=move || drawn.get().then_some("")>
            <header class="chart-head">
                <h2 id=heading>{title.clone()}</h2>
                {legend_view}
                <span class="push">
                    {zoom}
                    {aside.map(|aside| view! { <span class="aside">{aside.run()}</span> })}
                    <SaveMenu id=id title=title.clone() data=data/>
                    <span class="seg needs-drawing" role="group" aria-label="Chart or table">
                        {choice(false, "chart", "Show the chart")}
                        {choice(true, "table", "Show the table")}
                    </span>
                </span>
            </header>
            <div class="box" data-ahead=ahead.then_some("")>
                <div class="twin" tabindex="0" role="region" aria-label=as_table inert=is_chart inner_html=move || table.get() on:focusout=leave></div>
                // An application, so that readers leave the arrows to it.
                <div class="chart-host" id=host data-spec=spec tabindex=move || if is_chart() { "0" } else { "-1" } role="application" aria-roledescription="chart" aria-label=title aria-describedby=keys.clone()></div>
                {move || (is_chart() && data.with(ChartData::is_empty)).then(|| view! { <p class="nothing">"Nothing in these days."</p> })}
            </div>
            <p class="sr" id=keys>{if shape == Shape::Lines { KEYS_OF_LINES } else { KEYS }}</p>
            <p class="sr" aria-live="polite">{move || said.get()}</p>
        </section>
    }
}

/// Draws the chart when it is seen, keeps it up to date, and lets it go with the page.
fn draw_when_seen(
    host: String,
    data: Signal<ChartData>,
    handle: StoredValue<Option<Drawn>>,
    drawn: RwSignal<bool>,
    zoomed: RwSignal<Option<(usize, usize)>>,
    said: RwSignal<String>,
) {
    let navigate = use_navigate();
    let tell = move |told: Told| match told {
        Told::Open(address) => navigate(&address, leptos_router::NavigateOptions::default()),
        Told::Zoom(ends) => drop(zoomed.try_set(ends)),
        Told::Said(words) => drop(said.try_set(words)),
    };
    let watch = StoredValue::new(None::<chart::Watch>);
    Effect::new(move |_| {
        let (tell, place) = (tell.clone(), host.clone());
        let begin = move || {
            leptos::task::spawn_local(async move {
                let Some(first) = data.try_with_untracked(options::spec) else { return };
                let Some(opened) = chart::open(&place, &first, tell).await else {
                    drawn.try_set(false);
                    return;
                };
                // Numbers may have changed while the script was on its way.
                if let Some(now) = data.try_with_untracked(options::spec).filter(|now| *now != first) {
                    opened.update(&now);
                }
                // The page may be gone by now; then the chart goes with this.
                if handle.try_update_value(move |place| *place = Some(opened)).is_some() {
                    drawn.try_set(true);
                }
            });
        };
        watch.set_value(chart::when_seen(&host, begin));
    });
    Effect::new(move |first: Option<()>| {
        let spec = data.with(|data| first.is_some().then(|| options::spec(data)));
        if let Some(spec) = spec {
            handle.with_value(|drawn| {
                if let Some(drawn) = drawn {
                    drawn.update(&spec);
                }
            });
        }
    });
    on_cleanup(move || {
        watch.try_update_value(|watch| *watch = None);
        handle.try_update_value(|handle| *handle = None);
    });
}
