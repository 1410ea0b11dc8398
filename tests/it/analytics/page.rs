//! The page's own numbers, as they stand in its markup: each is that of the raw events, and leads to the events that it is made of.

use std::collections::{BTreeMap, BTreeSet};

use llmos_analytics::{Day, Kind, Origin, event::Event, latency, metric::is_activity, model::Measure};
use llmos_lite::server::{clock, db::Db};
use reqwest::Method;

use super::{events, key, rows::all_rows};
use crate::app::{Client, text};

/// A number of the page, and where it leads.
#[derive(Debug)]
struct Line {
    group: String,
    name: String,
    words: String,
    href: String,
}

impl Line {
    /// The number without its unit; none where the page says that there is none.
    fn number(&self) -> Option<f64> {
        self.words.split_whitespace().next()?.replace(',', "").parse().ok()
    }
}

/// What a number is made of, where it leads to rows, what they make, and how far rounding may move that.
struct Made {
    of: Option<Vec<Event>>,
    number: f64,
    within: f64,
}

/// What stands between two marks.
fn between<'t>(text: &'t str, from: &str, to: &str) -> Option<&'t str> {
    Some(text.split_once(from)?.1.split_once(to)?.0)
}

/// The text of markup.
fn plain(markup: &str) -> String {
    let parts = markup.split('<').enumerate();
    parts.map(|(at, part)| if at == 0 { part } else { part.split_once('>').map_or("", |(_, text)| text) }).collect()
}

fn href(markup: &str) -> String {
    between(markup, "href=\"", "\"").unwrap_or_default().replace("&amp;", "&")
}

/// Opening tag and content of each element of this name and class. Such elements are in no other of their name.
fn elements<'t>(page: &'t str, name: &str, class: &str) -> Vec<(&'t str, &'t str)> {
    let (open, close) = (format!("<{name} "), format!("</{name}>"));
    let found = page.split(&open).skip(1).filter_map(|part| part.split_once(&close)?.0.split_once('>'));
    found.filter(|(tag, _)| tag.contains(&format!("class=\"{class}\""))).collect()
}

/// All numbers of the groups, and those at the top.
fn lines(page: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for (tag, tile) in elements(page, "a", "tile") {
        let part = |class: &str| plain(between(tile, &format!("<span class=\"{class}\">"), "</span>").unwrap_or_default());
        lines.push(Line { group: "At a glance".to_owned(), name: part("n"), words: part("v"), href: href(tag) });
    }
    for (_, group) in elements(page, "section", "card figures") {
        let title = plain(between(group, "<h2 ", "</h2>").and_then(|title| Some(title.split_once('>')?.1)).unwrap_or_default());
        for line in between(group, "<dl>", "</dl>").unwrap_or_default().split("<dt>").skip(1) {
            let number = between(line, "<dd class=\"num\">", "</dd>").unwrap_or_default();
            let name = plain(line.split_once("</dt>").map_or(line, |(name, _)| name));
            lines.push(Line { group: title.clone(), name, words: plain(number), href: href(number) });
        }
    }
    lines
}

/// The bars of rankings and funnels that lead to rows.
fn bars(page: &str) -> Vec<Line> {
    let bars = page.split("<li>").skip(1).filter_map(|bar| bar.split_once("</li>")).map(|(bar, _)| Line {
        group: "Bars".to_owned(),
        name: between(bar, "title=\"", "\"").unwrap_or_default().to_owned(),
        words: plain(between(bar, "<b>", "</b>").unwrap_or_default()),
        href: href(bar),
    });
    bars.filter(|bar| bar.href.contains("rows=")).collect()
}

/// The measure whose rows an address of the page opens, and what the API is asked for them; none where it leads to another page.
fn rows_question(href: &str) -> Option<(Measure, String)> {
    let pairs: Vec<(&str, &str)> = href.split_once('?')?.1.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let measure = pairs.iter().find(|(name, _)| *name == "rows").and_then(|(_, value)| Measure::parse(value))?;
    let mut asked = BTreeMap::from([("measure", measure.as_str())]);
    asked.extend(pairs.iter().filter(|(name, _)| !name.starts_with("rows") && *name != "compare").copied());
    // Days of their own are in place of the page's.
    asked.extend(pairs.iter().filter_map(|(name, value)| Some((name.strip_prefix("rows_")?, *value))));
    Some((measure, asked.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")))
}

fn day_of(event: &Event) -> Day {
    Day(event.at.div_euclid(clock::DAY) as i32)
}

fn people(of: &[Event]) -> f64 {
    of.iter().map(|event| event.actor).collect::<BTreeSet<_>>().len() as f64
}

fn sum(of: &[Event], number: impl Fn(&Event) -> f64) -> f64 {
    of.iter().map(number).sum()
}

/// In ms: the upper end of the bucket into which the request falls that has so large a share of all below it.
fn percentile(of: &[Event], share: f64) -> f64 {
    let mut of = of.to_vec();
    of.sort_by_key(|event| event.extra);
    let rank = sum(&of, |event| event.amount as f64) * share;
    let mut below = 0.0;
    let found = of.iter().find(|event| {
        below += event.amount as f64;
        below >= rank
    });
    found.map_or(f64::NAN, |event| latency::upper(event.extra as u32) / 1_000.0)
}

/// What docs/metrics.md says of a line, of the events of a team and of the server, in UTC.
fn made(line: &Line, all: &[Event], (from, to): (Day, Day), today: Day) -> Made {
    let on = |from: Day, to: Day, which: &dyn Fn(&Event) -> bool| -> Vec<Event> {
        all.iter().filter(|event| (from..=to).contains(&day_of(event)) && which(event)).copied().collect()
    };
    let of = |kind: Kind| on(from, to, &|event| event.kind == kind);
    let count = |of: Vec<Event>| Made { number: of.len() as f64, of: Some(of), within: 0.0 };
    let exact = |of: Vec<Event>, number: f64| Made { of: Some(of), number, within: 0.0 };
    let each = |of: Vec<Event>, number: f64| Made { of: Some(of), number, within: 0.05 };
    let mean = |kind: Kind, number: fn(&Event) -> f64| {
        let of = of(kind);
        let mean = sum(&of, number) / of.len() as f64;
        each(of, mean)
    };
    let hundredths = |made: Made| Made { within: 0.005, ..made };
    let ms = |of: Vec<Event>, number: f64| Made { of: Some(of), number, within: if number < 10.0 { 0.05 } else { 0.5 } };
    let time = |kind: Kind, unit: f64| {
        let of = of(kind);
        let mean = sum(&of, |event| event.amount as f64) / of.len() as f64 / unit;
        ms(of, mean)
    };
    let elsewhere = |made: Made| Made { of: None, ..made };
    let failed = |kind: Kind| on(from, to, &|event| event.kind == kind && event.extra != 0);
    let active = |from: Day, to: Day| {
        let of = on(from, to, &is_activity);
        let people = people(&of);
        exact(of, people)
    };
    let skills = |generated: bool| {
        let is = |event: &Event| event.kind == Kind::ArtifactCreated && event.artifact_kind == 1;
        count(on(from, to, &|event| is(event) && (event.amount == Origin::Generated as i64) == generated))
    };
    let this_week = |kind: Kind| count(on(today.monday(), today, &|event| event.kind == kind));
    let many = |kind: Kind| of(kind).len() as f64;
    let days = f64::from(to.since(from) + 1);
    let won = |event: &Event| f64::from(u8::from(event.amount > 0)) * 100.0;
    let hours = |event: &Event| event.amount as f64 / 3_600_000.0;
    let stars = |event: &Event| event.amount as f64;
    let requests = |share: f64| {
        let of = of(Kind::HttpServed);
        let time = percentile(&of, share);
        ms(of, time)
    };
    let amounts = |kind: Kind, unit: i64| {
        let of = of(kind);
        let sum: i64 = of.iter().map(|event| event.amount).sum();
        exact(of, (sum / unit) as f64)
    };
    let most = |kind: Kind| of(kind).iter().map(|event| event.amount).max().unwrap_or_default() as f64;
    match (line.group.as_str(), line.name.as_str()) {
        ("At a glance", "Sessions") | ("Sessions", "Begun") => count(of(Kind::SessionCreated)),
        ("Sessions", "This week") => this_week(Kind::SessionCreated),
        ("Sessions", "Ever") => count(on(Day(0), today, &|event| event.kind == Kind::SessionCreated)),
        ("Sessions", "Messages") => count(of(Kind::SessionMessageSent)),
        ("Sessions", "Messages in each") => each(of(Kind::SessionMessageSent), many(Kind::SessionMessageSent) / many(Kind::SessionCreated)),
        ("Sessions", "Active time in each") => {
            let of = of(Kind::SessionMessageSent);
            let minutes = sum(&of, |event| event.amount as f64 / 60_000.0);
            each(of, minutes / many(Kind::SessionCreated))
        }
        ("Artifacts", "Made") => count(of(Kind::ArtifactCreated)),
        ("Artifacts", "This week") => this_week(Kind::ArtifactCreated),
        ("Artifacts", "There now") => {
            let there: i64 = all
                .iter()
                .map(|event| match event.kind {
                    Kind::ArtifactCreated | Kind::ArtifactUndeleted => 1,
                    Kind::ArtifactDeleted => -1,
                    Kind::ArtifactEntered => event.amount,
                    Kind::ArtifactLeft => -event.amount,
                    _ => 0,
                })
                .sum();
            Made { of: None, number: there.max(0) as f64, within: 0.0 }
        }
        ("Artifacts", "Made in a day") => each(of(Kind::ArtifactCreated), many(Kind::ArtifactCreated) / days),
        ("At a glance", "Artifacts edited") | ("Artifacts", "Edits") => count(of(Kind::ArtifactCommitted)),
        ("Skills", "Generated") => skills(true),
        ("Skills", "Written by hand") => skills(false),
        ("Skills", "Uses") => count(of(Kind::SkillUsed)),
        ("Skills", "Uses in a day") => each(of(Kind::SkillUsed), many(Kind::SkillUsed) / days),
        ("Skills", "Success with one") => mean(Kind::SkillUsed, won),
        ("Skills", "Unused for 30 days") => {
            let mut last: BTreeMap<u32, Day> = BTreeMap::new();
            for event in all.iter().filter(|event| event.kind == Kind::SkillUsed) {
                let at = last.entry(event.subject).or_insert(day_of(event));
                *at = day_of(event).max(*at);
            }
            Made { of: None, number: last.values().filter(|day| today.since(**day) >= 30).count() as f64, within: 0.0 }
        }
        ("At a glance", "People active") | ("Collaboration", "People active") => active(from, to),
        ("Collaboration", "On the last day") => active(to, to),
        ("Collaboration", "In its week") => active(to.plus(-6), to),
        ("Collaboration", "In its month") => active(to.plus(-29), to),
        ("At a glance", "Commits") | ("Collaboration", "Commits") => count(of(Kind::CommitMade)),
        ("Collaboration", "Pull requests opened") => count(of(Kind::PullRequestOpened)),
        ("Collaboration", "Merged") => count(of(Kind::PullRequestMerged)),
        ("Collaboration", "Time to merge") => mean(Kind::PullRequestMerged, hours),
        ("Collaboration", "Edited together") => amounts(Kind::ArtifactCoedited, 60_000),
        ("Collaboration", "Most at once") => exact(of(Kind::PresencePeak), most(Kind::PresencePeak)),
        ("Evolution", "Traces") => count(of(Kind::TraceTaken)),
        ("Evolution", "Succeeded") => mean(Kind::TraceTaken, won),
        ("Evolution", "Patterns found") => count(of(Kind::PatternFound)),
        ("Evolution", "Skills generated") => count(of(Kind::SkillGenerated)),
        ("Evolution", "Proposals") => count(of(Kind::ProposalMade)),
        ("Evolution", "Accepted") => count(of(Kind::ProposalAccepted)),
        ("Evolution", "Rejected") => count(of(Kind::ProposalRejected)),
        ("At a glance", "Proposals accepted") | ("Evolution", "Acceptance") => {
            let decided = on(from, to, &|event| matches!(event.kind, Kind::ProposalAccepted | Kind::ProposalRejected));
            let share = many(Kind::ProposalAccepted) / decided.len() as f64;
            each(decided, share * 100.0)
        }
        ("Evolution", "Mean confidence") => hundredths(mean(Kind::ProposalMade, |event| event.extra as f64 / 1e6)),
        ("Evolution", "Accepted for 100 traces") => {
            each(of(Kind::ProposalAccepted), many(Kind::ProposalAccepted) * 100.0 / many(Kind::TraceTaken))
        }
        ("Evolution", "First run to skill") => mean(Kind::ProposalAccepted, hours),
        ("Marketplace", "Views of ours") => count(of(Kind::ListingViewed)),
        ("Marketplace", "Installs of ours") => count(of(Kind::ListingInstalled)),
        ("Marketplace", "Updates of ours") => count(of(Kind::ListingUpdated)),
        ("Marketplace", "Ratings of ours") => count(of(Kind::ItemRated)),
        ("Marketplace", "Stars of ours") => mean(Kind::ItemRated, stars),
        // Nobody else publishes anything here.
        ("Marketplace", "Views of all") => elsewhere(count(of(Kind::ListingViewed))),
        ("Marketplace", "Installs of all") => elsewhere(count(of(Kind::ListingInstalled))),
        ("Marketplace", "Updates of all") => elsewhere(count(of(Kind::ListingUpdated))),
        ("Marketplace", "Ratings of all") => elsewhere(count(of(Kind::ItemRated))),
        ("Marketplace", "Stars of all") => elsewhere(mean(Kind::ItemRated, stars)),
        ("Search", "Searches") => count(of(Kind::SearchQueried)),
        ("Search", "Without result") => count(on(from, to, &|event| event.kind == Kind::SearchQueried && event.extra == 0)),
        ("At a glance", "Searches without result") => {
            let empty = on(from, to, &|event| event.kind == Kind::SearchQueried && event.extra == 0);
            let share = empty.len() as f64 / many(Kind::SearchQueried);
            each(empty, share * 100.0)
        }
        ("Search", "Results opened") => count(of(Kind::SearchOpened)),
        ("Search", "Place of what was opened") => mean(Kind::SearchOpened, |event| event.amount as f64),
        ("Search", "Mean reciprocal rank") => hundredths(mean(Kind::SearchOpened, |event| 1.0 / event.amount as f64)),
        ("Search", "Average time") => time(Kind::SearchQueried, 1_000.0),
        ("Search", "Slowest") => ms(of(Kind::SearchQueried), most(Kind::SearchQueried) / 1_000.0),
        ("Operations", "Deliveries") => count(of(Kind::DeliveryReceived)),
        ("Operations", "Deliveries failed") => count(failed(Kind::DeliveryReceived)),
        ("Operations", "Time of a delivery") => time(Kind::DeliveryReceived, 1.0),
        ("Operations", "Jobs") => count(of(Kind::JobEnded)),
        ("Operations", "Jobs failed") => count(failed(Kind::JobEnded)),
        ("Operations", "Time of a job") => time(Kind::JobEnded, 1.0),
        ("Operations", "Requests") => amounts(Kind::HttpServed, 1),
        ("Operations", "Errors") => amounts(Kind::HttpFailed, 1),
        ("Operations", "Half are faster than") => requests(0.5),
        ("Operations", "95 of 100 are faster than") => requests(0.95),
        ("Operations", "99 of 100 are faster than") => requests(0.99),
        _ => panic!("nothing here says what {line:?} is made of"),
    }
}

/// Every number on the page of a team, on whole past days in UTC, is that of the events and leads to them. The caller is an administrator.
pub async fn each_number(db: &Db, client: &Client, team: &str, (from, to): (Day, Day)) {
    let address = format!("/analytics?range=custom&from={from}&to={to}&team={team}&zone=UTC");
    let page = client.answer(client.request(Method::GET, &address)).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let (today, space) = (Day((clock::now_ms() / clock::DAY) as i32), key(db, team).await);
    // Those of the team, and of the server's own what Operations tell of.
    let told = |event: &Event| event.workspace == space || event.workspace == 0 && event.kind.number() >= 800;
    let all: Vec<Event> = events(db).await.into_iter().filter(told).collect();
    let (mut measures, mut without) = (BTreeSet::from(["releases", "incidents"]), Vec::new());
    for line in lines(&page.text) {
        let Made { of, number, within } = made(&line, &all, (from, to), today);
        let shown = line.number().unwrap_or_else(|| panic!("no number: {line:?}"));
        assert!((shown - number).abs() <= within + 1e-5, "{line:?}: {number} by the events");
        if number == 0.0 {
            without.push(line.name.clone());
        }
        let question = rows_question(&line.href);
        assert!(question.is_some() || !line.href.is_empty(), "it leads somewhere: {line:?}");
        assert_eq!(question.is_some(), of.is_some(), "{line:?}");
        let Some(((measure, question), of)) = question.zip(of) else { continue };
        measures.insert(measure.as_str());
        let mut rows: Vec<_> = all_rows(client, &question)
            .await
            .iter()
            .map(|row| (row["at"].as_i64(), text(&row["kind"]), row["amount"].as_i64(), row["extra"].as_i64()))
            .collect();
        let mut of: Vec<_> =
            of.iter().map(|event| (Some(event.at), event.kind.as_str().to_owned(), Some(event.amount), Some(event.extra))).collect();
        rows.sort();
        of.sort();
        assert!(rows == of, "{line:?}: {} rows of {} events", rows.len(), of.len());
    }
    assert!(without.len() < 4, "there is something to be looked at, but in {without:?}");
    for bar in bars(&page.text) {
        let (measure, question) = rows_question(&bar.href).unwrap_or_else(|| panic!("rows: {bar:?}"));
        measures.insert(measure.as_str());
        assert_eq!(Some(all_rows(client, &question).await.len() as f64), bar.number(), "{bar:?}");
    }
    // The two that are there from the beginning are those of the marks on the timeline.
    assert_eq!(measures, Measure::ALL.iter().map(|measure| measure.as_str()).collect::<BTreeSet<_>>(), "all that has rows is on the page");
}
