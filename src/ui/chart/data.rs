//! What a chart shows: the same data for the drawing, for its table, and for the files that it is saved as. Pure.

use serde::Serialize;

/// How it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// A line for each series over the points.
    Lines,
    /// A bar for each point, of one part for each series.
    Bars,
    /// A row of cells for each series, darker or brighter by their number.
    Grid,
}

/// How a line is drawn, so that nobody needs its colour to tell it apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dash {
    #[default]
    Solid,
    Dashed,
    Dotted,
}

impl Dash {
    /// Its name in the styles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Solid => "solid",
            Self::Dashed => "dashed",
            Self::Dotted => "dotted",
        }
    }
}

/// One row of numbers over the points.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Series {
    /// Unique in its chart, without a `/`.
    pub id: String,
    pub name: String,
    /// A token, such as `--chart-1`.
    pub color: &'static str,
    pub dash: Dash,
    /// As ECharts names symbols: `circle`, `rect`, `triangle`, `diamond`.
    pub symbol: &'static str,
    /// One for each point; none where there is nothing.
    pub values: Vec<Option<f64>>,
    /// The edges of a range around each value; empty where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub low: Vec<Option<f64>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub high: Vec<Option<f64>>,
    /// Where each point leads; empty where none does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Option<String>>,
    /// The area below the line is tinted: the one in focus.
    #[serde(skip)]
    pub area: bool,
}

/// What happened at a point.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Note {
    /// Index of the point.
    pub at: usize,
    pub words: String,
    /// The page that shows it; empty where there is none.
    pub href: String,
    /// Name in the icon sprite.
    pub icon: &'static str,
    pub bad: bool,
}

/// A point of all series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// Unique in its chart: "Fri 13 Mar 2026".
    pub name: String,
    /// As it stands below the axis: "13 Mar".
    pub short: String,
}

/// All that a chart shows.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartData {
    pub shape: Shape,
    pub title: String,
    /// What the points are, above their column: "Day".
    pub head: &'static str,
    pub points: Vec<Point>,
    pub series: Vec<Series>,
    /// Stands behind each number: `%`, `h`; empty for counts.
    pub suffix: &'static str,
    pub decimals: usize,
    pub notes: Vec<Note>,
    /// Points from this one on are not here yet.
    pub ahead: Option<usize>,
}

impl Default for ChartData {
    fn default() -> Self {
        Self {
            shape: Shape::Lines,
            title: String::new(),
            head: "Day",
            points: Vec::new(),
            series: Vec::new(),
            suffix: "",
            decimals: 0,
            notes: Vec::new(),
            ahead: None,
        }
    }
}

/// From nothing to the most.
pub const SCALE: [&str; 6] = ["--seq-0", "--seq-1", "--seq-2", "--seq-3", "--seq-4", "--seq-5"];

impl ChartData {
    /// For those who have the numbers alone, and no way to their rows.
    pub fn without_links(mut self) -> Self {
        self.series.iter_mut().for_each(|series| series.links.clear());
        self.notes.iter_mut().for_each(|note| note.href.clear());
        self
    }

    /// Nothing but zeros: a drawing would say less than a sentence.
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.values.iter().flatten().all(|value| *value == 0.0))
    }

    pub fn most(&self) -> f64 {
        self.series.iter().flat_map(|series| series.values.iter().flatten()).copied().fold(0.0, f64::max)
    }

    /// The value of a point as people read it; empty where there is none.
    pub fn words(&self, series: &Series, at: usize) -> String {
        let number = |values: &[Option<f64>]| values.get(at).copied().flatten().map(|value| number_words(value, self.decimals));
        match (number(&series.values), number(&series.low), number(&series.high)) {
            (Some(value), Some(low), Some(high)) => format!("{} ({low} to {high})", self.with_suffix(value)),
            (Some(value), ..) => self.with_suffix(value),
            _ => String::new(),
        }
    }

    fn with_suffix(&self, value: String) -> String {
        if self.suffix.is_empty() { value } else { format!("{value} {}", self.suffix) }
    }

    /// The table as RFC 4180 has it: a line for each point, a column for each series and for what happened.
    pub fn csv(&self) -> String {
        let head = std::iter::once(self.head.to_owned()).chain(self.series.iter().flat_map(|series| {
            let range =
                if series.low.is_empty() { Vec::new() } else { vec![format!("{}, low", series.name), format!("{}, high", series.name)] };
            std::iter::once(series.name.clone()).chain(range)
        }));
        let mut lines = vec![head.chain(std::iter::once("Notes".to_owned())).collect::<Vec<_>>()];
        let plain =
            |values: &[Option<f64>], at: usize| values.get(at).copied().flatten().map_or_else(String::new, |value| value.to_string());
        lines.extend(self.points.iter().enumerate().map(|(at, point)| {
            let mut line = vec![point.name.clone()];
            for series in &self.series {
                line.push(plain(&series.values, at));
                if !series.low.is_empty() {
                    line.extend([plain(&series.low, at), plain(&series.high, at)]);
                }
            }
            line.push(self.notes.iter().filter(|note| note.at == at).map(|note| note.words.as_str()).collect::<Vec<_>>().join("; "));
            line
        }));
        lines.into_iter().map(|line| line.iter().map(|cell| csv_cell(cell)).collect::<Vec<_>>().join(",") + "\r\n").collect()
    }

    /// A JSON object: title, unit, points, and the series with their values.
    pub fn json(&self) -> String {
        #[derive(Serialize)]
        struct Out<'a> {
            title: &'a str,
            unit: &'a str,
            points: Vec<&'a str>,
            series: &'a [Series],
            notes: &'a [Note],
        }
        let out = Out {
            title: &self.title,
            unit: self.suffix,
            points: self.points.iter().map(|point| point.name.as_str()).collect(),
            series: &self.series,
            notes: &self.notes,
        };
        serde_json::to_string(&out).unwrap_or_default()
    }
}

/// In quotes where it needs them. A spreadsheet takes what begins like a formula for one: an apostrophe keeps it text.
fn csv_cell(text: &str) -> String {
    let is_number = text.parse::<f64>().is_ok();
    let text = if !is_number && text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// "1,044", "3.5"; no more decimals than that, and none that say nothing.
pub fn number_words(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = part.trim_end_matches('0');
    let sign = if value < 0.0 && text.contains(|digit: char| ('1'..='9').contains(&digit)) { "-" } else { "" };
    let whole = whole.parse::<i64>().map_or_else(|_| whole.to_owned(), crate::ui::count);
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> ChartData {
        let point = |name: &str| Point { name: name.to_owned(), short: name.to_owned() };
        ChartData {
            title: "Activity".to_owned(),
            points: vec![point("Thu 12 Mar"), point("Fri 13 Mar")],
            series: vec![Series {
                id: "sessions".to_owned(),
                name: "Sessions, all".to_owned(),
                values: vec![Some(1_044.0), None],
                low: vec![Some(9.0), None],
                high: vec![Some(2_000.5), None],
                ..Series::default()
            }],
            notes: vec![Note { at: 1, words: "=SUM(A1)".to_owned(), ..Note::default() }],
            decimals: 1,
            ..ChartData::default()
        }
    }

    #[test]
    fn numbers_are_written_as_everywhere() {
        assert_eq!(number_words(1_044.0, 0), "1,044");
        assert_eq!(number_words(3.24, 1), "3.2");
        assert_eq!(number_words(3.0, 2), "3");
        assert_eq!(number_words(-0.5, 1), "-0.5");
        assert_eq!(number_words(-0.04, 1), "0");
        let chart = chart();
        assert_eq!(chart.words(&chart.series[0], 0), "1,044 (9 to 2,000.5)");
        assert_eq!(chart.words(&chart.series[0], 1), "");
    }

    #[test]
    fn a_table_is_a_file_that_spreadsheets_read_as_text() {
        assert_eq!(
            chart().csv(),
            "Day,\"Sessions, all\",\"Sessions, all, low\",\"Sessions, all, high\",Notes\r\nThu 12 Mar,1044,9,2000.5,\r\nFri 13 Mar,,,,'=SUM(A1)\r\n"
        );
        let json: serde_json::Value = serde_json::from_str(&chart().json()).expect("JSON");
        assert_eq!(json["series"][0]["values"], serde_json::json!([1044.0, null]));
    }
}
