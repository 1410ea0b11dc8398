//! What the script that draws is given: the data, and the option of ECharts, built with `charming`'s types. Colours are names of tokens; what
//! writes numbers is set by the script, since no page may make code from text.

use charming::{
    component::{Axis, DataZoom, DataZoomType, FilterMode, Grid},
    element::{
        AreaStyle, AxisLabel, AxisLine, AxisTick, AxisType, BoundaryGap, ItemStyle, LineStyle, LineStyleType, MarkArea, MarkAreaData,
        SplitLine, Symbol,
    },
    series::{Bar, Heatmap, Line},
};
use serde::Serialize;

use super::data::{ChartData, Dash, Note, SCALE, Series, Shape};

/// `web/charts/spec.ts` reads it.
#[derive(Serialize)]
struct Spec<'a> {
    kind: Shape,
    title: &'a str,
    points: Vec<&'a str>,
    short: Vec<&'a str>,
    series: &'a [Series],
    suffix: &'a str,
    decimals: usize,
    notes: &'a [Note],
    scale: &'a [&'a str],
    options: Options,
}

/// Not `charming::Chart`: that one can serialise every kind of chart there is, and each weighs something in the browser.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    grid: Grid,
    x_axis: Axis,
    y_axis: Axis,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    data_zoom: Vec<DataZoom>,
    series: Vec<Mark>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Mark {
    Line(Box<Line>),
    Bar(Box<Bar>),
    Cells(Box<Heatmap>),
}

/// The JSON that a chart is drawn from.
pub fn spec(chart: &ChartData) -> String {
    let spec = Spec {
        kind: chart.shape,
        title: &chart.title,
        points: chart.points.iter().map(|point| point.name.as_str()).collect(),
        short: chart.points.iter().map(|point| point.short.as_str()).collect(),
        series: &chart.series,
        suffix: chart.suffix,
        decimals: chart.decimals,
        notes: &chart.notes,
        scale: if chart.shape == Shape::Grid { &SCALE } else { &[] },
        options: options(chart),
    };
    serde_json::to_string(&spec).unwrap_or_default()
}

/// The same for a drawing that nobody can use yet: without the links to the rows behind its points, which are most of the JSON.
pub fn spec_ahead(chart: &ChartData) -> String {
    let series = chart.series.iter().map(|series| Series { links: Vec::new(), ..series.clone() });
    spec(&ChartData {
        series: series.collect(),
        points: chart.points.clone(),
        notes: chart.notes.clone(),
        title: chart.title.clone(),
        ..*chart
    })
}

/// In CSS pixels.
const LABEL: f64 = 11.0;

fn options(chart: &ChartData) -> Options {
    let names = chart.points.iter().map(|point| point.name.clone()).collect::<Vec<_>>();
    let grid = Grid::new().left(8).right(16).top(if chart.notes.is_empty() { 12 } else { 24 }).bottom(4).contain_label(true);
    match chart.shape {
        Shape::Lines => Options {
            grid,
            x_axis: names_axis(names).boundary_gap(BoundaryGap::CategoryAxis(false)),
            y_axis: numbers_axis(chart.decimals),
            // Only for what the script asks of it: the wheel belongs to the page.
            data_zoom: vec![DataZoom::new().type_(DataZoomType::Inside).disabled(true).filter_mode(FilterMode::None)],
            series: chart.series.iter().flat_map(|series| lines(chart, series)).collect(),
        },
        Shape::Bars => Options {
            grid,
            x_axis: names_axis(names),
            y_axis: numbers_axis(chart.decimals),
            data_zoom: Vec::new(),
            series: chart.series.iter().map(bar).collect(),
        },
        Shape::Grid => Options {
            grid: Grid::new().left(4).right(4).top(4).bottom(4).contain_label(true),
            x_axis: names_axis(names),
            // The first series stands on top.
            y_axis: names_axis(chart.series.iter().map(|series| series.name.clone()).collect()).inverse(true),
            data_zoom: Vec::new(),
            // The script makes the cells: which colour each has depends on the largest number.
            series: vec![Mark::Cells(Box::new(
                Heatmap::new().id("cells").item_style(ItemStyle::new().border_color("--surface-1").border_width(2).border_radius(4)),
            ))],
        },
    }
}

fn axis(kind: AxisType) -> Axis {
    Axis::new()
        .type_(kind)
        .axis_line(AxisLine::new().show(false))
        .axis_tick(AxisTick::new().show(false))
        .axis_label(AxisLabel::new().color("--chart-axis").font_size(LABEL))
}

fn names_axis(names: Vec<String>) -> Axis {
    axis(AxisType::Category).data(names)
}

fn numbers_axis(decimals: usize) -> Axis {
    let axis = axis(AxisType::Value).min(0).split_number(4).split_line(SplitLine::new().line_style(LineStyle::new().color("--chart-grid")));
    if decimals == 0 { axis.min_interval(1) } else { axis }
}

/// The line of a series, and below it the two edges of its range, of which the upper one stands on the lower.
fn lines(chart: &ChartData, series: &Series) -> Vec<Mark> {
    let dash = match series.dash {
        Dash::Solid => LineStyleType::Solid,
        Dash::Dashed => LineStyleType::Dashed,
        Dash::Dotted => LineStyleType::Dotted,
    };
    let alone = chart.points.len() <= 14;
    let mut line = base_line(&series.id, series)
        .data(series.values.clone())
        // A day without anything between two of which there is something: alone, a point would not be seen.
        .connect_nulls(true)
        .symbol(if alone { Symbol::Custom(series.symbol.to_owned()) } else { Symbol::None })
        .symbol_size(6)
        .show_symbol(alone)
        .line_style(LineStyle::new().color(series.color).width(if series.area { 2.0 } else { 1.5 }).type_(dash))
        .z(if series.area { 3 } else { 2 });
    if series.area {
        line = line.area_style(AreaStyle::new().color(series.color).opacity(0.1));
        // The days that are not here yet have a ground of their own.
        if let Some(ahead) = chart.ahead.and_then(|ahead| chart.points.get(ahead.saturating_sub(1)))
            && let Some(last) = chart.points.last()
        {
            let edge = |name: &str| MarkAreaData::new().x_axis(name);
            line = line.mark_area(
                MarkArea::new()
                    .silent(true)
                    .item_style(ItemStyle::new().color("--chart-band").opacity(0.6))
                    .data(vec![(edge(&ahead.name), edge(&last.name))]),
            );
        }
    }
    let mut marks = Vec::new();
    if !series.low.is_empty() {
        let edge = |name: &str, values: Vec<Option<f64>>| {
            base_line(&format!("{}/{name}", series.id), series)
                .data(values)
                .symbol(Symbol::None)
                .stack(series.id.clone())
                .line_style(LineStyle::new().width(0).opacity(0))
        };
        let wide = series.low.iter().zip(&series.high).map(|(low, high)| Some(high.as_ref()? - low.as_ref()?)).collect();
        marks.push(edge("low", series.low.clone()));
        marks.push(edge("high", wide).area_style(AreaStyle::new().color(series.color).opacity(0.22)));
    }
    marks.push(line);
    marks.into_iter().map(|line| Mark::Line(Box::new(line))).collect()
}

fn base_line(id: &str, series: &Series) -> Line {
    Line::new().id(id).name(series.name.clone()).silent(true).item_style(ItemStyle::new().color(series.color))
}

fn bar(series: &Series) -> Mark {
    Mark::Bar(Box::new(
        Bar::new()
            .id(series.id.clone())
            .name(series.name.clone())
            .stack("all")
            .item_style(ItemStyle::new().color(series.color).border_color("--surface-1").border_width(1))
            .data(series.values.clone()),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{super::data::Point, *};

    fn drawn(shape: Shape) -> Value {
        let point = |name: &str| Point { name: format!("Day {name}"), short: name.to_owned() };
        let series = Series {
            id: "forecast".to_owned(),
            name: "Forecast".to_owned(),
            color: "--chart-1",
            dash: Dash::Dotted,
            symbol: "circle",
            values: vec![Some(3.0), None],
            low: vec![Some(2.0), None],
            high: vec![Some(5.0), None],
            area: true,
            ..Series::default()
        };
        let chart = ChartData { shape, points: vec![point("1"), point("2")], series: vec![series], ahead: Some(1), ..ChartData::default() };
        serde_json::from_str(&spec(&chart)).expect("JSON")
    }

    #[test]
    fn a_range_is_two_lines_of_which_one_stands_on_the_other() {
        let spec = drawn(Shape::Lines);
        let series = &spec["options"]["series"];
        assert_eq!(series[0]["data"], serde_json::json!([2.0, null]));
        assert_eq!(series[1]["data"], serde_json::json!([3.0, null]));
        assert_eq!((&series[0]["stack"], &series[0]["id"]), (&series[1]["stack"], &Value::from("forecast/low")));
        assert_eq!(series[2]["lineStyle"]["type"], "dotted");
        assert_eq!(series[2]["markArea"]["data"][0][0]["xAxis"], "Day 1");
    }

    #[test]
    fn each_shape_has_its_own_series_and_no_code() {
        assert_eq!(drawn(Shape::Bars)["options"]["series"][0]["type"], "bar");
        let grid = drawn(Shape::Grid);
        assert_eq!(
            (&grid["options"]["series"][0]["type"], &grid["options"]["yAxis"]["inverse"]),
            (&Value::from("heatmap"), &Value::from(true))
        );
        for shape in [Shape::Lines, Shape::Bars, Shape::Grid] {
            assert!(!drawn(shape).to_string().contains("function"), "the policy of pages forbids code from text");
        }
    }
}
