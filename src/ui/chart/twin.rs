//! The table of a chart, as HTML: what the server renders, and what is read where nothing can be drawn. Text, and not views: the tables of a page have a
//! thousand cells, each of which the browser would take up on its own when the page comes alive.

use super::data::{ChartData, Note, Series, Shape};

/// A row for each point, the newest first, with what happened; of a grid, a row for each series.
pub fn twin(data: &ChartData) -> String {
    let mut html = String::from(r#"<table class="table sticky"><thead><tr><th scope="col">"#);
    text(&mut html, data.head);
    html.push_str("</th>");
    if data.shape == Shape::Grid {
        grid(&mut html, data);
    } else {
        points(&mut html, data);
    }
    html.push_str("</tbody></table>");
    html
}

fn points(html: &mut String, data: &ChartData) {
    for series in &data.series {
        html.push_str(r#"<th scope="col" class="num">"#);
        text(html, &series.name);
        html.push_str("</th>");
    }
    let has_notes = !data.notes.is_empty();
    if has_notes {
        html.push_str(r#"<th scope="col">Notes</th>"#);
    }
    html.push_str("</tr></thead><tbody>");
    for (at, point) in data.points.iter().enumerate().rev() {
        row(html, data, &point.name, data.series.iter().map(|series| (series, at)));
        if has_notes {
            html.push_str("<td>");
            data.notes.iter().filter(|note| note.at == at).for_each(|note| happened(html, note));
            html.push_str("</td>");
        }
        html.push_str("</tr>");
    }
}

fn grid(html: &mut String, data: &ChartData) {
    for point in &data.points {
        html.push_str(r#"<th scope="col" class="num" title=""#);
        text(html, &point.name);
        html.push_str(r#"">"#);
        text(html, &point.short);
        html.push_str("</th>");
    }
    html.push_str("</tr></thead><tbody>");
    for series in &data.series {
        row(html, data, &series.name, (0..data.points.len()).map(|at| (series, at)));
        html.push_str("</tr>");
    }
}

/// The name of a row and its cells; more may follow.
fn row<'a>(html: &mut String, data: &ChartData, name: &str, cells: impl Iterator<Item = (&'a Series, usize)>) {
    html.push_str(r#"<tr><th scope="row">"#);
    text(html, name);
    html.push_str("</th>");
    for (series, at) in cells {
        let words = data.words(series, at);
        // A link of nothing would have no name.
        let href = series.links.get(at).and_then(Option::as_deref).filter(|_| !words.is_empty());
        html.push_str(r#"<td class="num">"#);
        if let Some(href) = href {
            html.push_str(r#"<a href=""#);
            text(html, href);
            html.push_str(r#"">"#);
        }
        text(html, &words);
        html.push_str(if href.is_some() { "</a></td>" } else { "</td>" });
    }
}

fn happened(html: &mut String, note: &Note) {
    if note.href.is_empty() {
        html.push_str("<span>");
        text(html, &note.words);
        html.push_str(" </span>");
    } else {
        html.push_str(r#"<a class="link" href=""#);
        text(html, &note.href);
        html.push_str(r#"">"#);
        text(html, &note.words);
        html.push_str("</a> ");
    }
}

/// Text as it stands in HTML, also between double quotes: names are what people wrote.
fn text(html: &mut String, words: &str) {
    for letter in words.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            letter => html.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::data::Point, *};

    fn chart(shape: Shape) -> ChartData {
        let point = |name: &str| Point { name: format!("Day \"{name}\""), short: name.to_owned() };
        ChartData {
            shape,
            points: vec![point("1"), point("2")],
            series: vec![Series {
                name: "Tom & <i>Ines</i>".to_owned(),
                values: vec![Some(1_044.0), None],
                links: vec![Some("/a?b=1&c=2".to_owned()), Some("/a?b=2".to_owned())],
                ..Series::default()
            }],
            notes: vec![
                Note { at: 0, words: "<script>".to_owned(), href: "/x?\"y".to_owned(), ..Note::default() },
                Note { at: 1, words: "Of no page".to_owned(), ..Note::default() },
            ],
            ..ChartData::default()
        }
    }

    #[test]
    fn what_people_wrote_is_text_and_a_number_leads_to_its_rows() {
        let head = r#"<table class="table sticky"><thead><tr><th scope="col">Day</th>"#;
        let number = r#"<td class="num"><a href="/a?b=1&amp;c=2">1,044</a></td>"#;
        let lines = [
            head,
            r#"<th scope="col" class="num">Tom &amp; &lt;i&gt;Ines&lt;/i&gt;</th><th scope="col">Notes</th></tr></thead><tbody>"#,
            r#"<tr><th scope="row">Day &quot;2&quot;</th><td class="num"></td><td><span>Of no page </span></td></tr>"#,
            r#"<tr><th scope="row">Day &quot;1&quot;</th>"#,
            number,
            r#"<td><a class="link" href="/x?&quot;y">&lt;script&gt;</a> </td></tr></tbody></table>"#,
        ];
        assert_eq!(twin(&chart(Shape::Lines)), lines.concat());
        let cells = [
            head,
            r#"<th scope="col" class="num" title="Day &quot;1&quot;">1</th><th scope="col" class="num" title="Day &quot;2&quot;">2</th>"#,
            r#"</tr></thead><tbody><tr><th scope="row">Tom &amp; &lt;i&gt;Ines&lt;/i&gt;</th>"#,
            number,
            r#"<td class="num"></td></tr></tbody></table>"#,
        ];
        assert_eq!(twin(&chart(Shape::Grid)), cells.concat());
    }
}
