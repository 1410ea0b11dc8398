//! The dashboard as its page reads it, and the addresses that it is asked for with: everything that one chose stands in the address.

use std::future::Future;

use leptos::prelude::*;
use leptos_router::params::ParamsMap;
use llmos_analytics::{
    day::Day,
    model::{Cause, Dashboard, Forecasts, Measure, Query, Rows, Span},
};

use super::model::{Alert, CreateShare, NewShare, SaveView, SavedView, SetAlert, Share, SharedDashboard};

use crate::{
    browser::{
        data::{self, Fetched, encode},
        page, socket, storage,
    },
    error::AppResult,
    features::{
        accounts::state::use_session,
        artifacts::model::Whose,
        collaboration::{
            model::RoomType,
            state::{Room, use_collaboration},
        },
        volumes::state::tell,
    },
    ids::{AnalyticsAlertId, AnalyticsShareId, AnalyticsViewId, TeamId},
};

pub const ANALYTICS: &str = "/analytics";
/// Of one's own things, in the place of a team's id.
pub const PERSONAL: &str = "personal";

/// The rows behind a number, as the address asks for them: what narrows them further than the page is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behind {
    pub measure: Option<Measure>,
    /// Days, both included; without them the page's range.
    pub from: Option<Day>,
    pub to: Option<Day>,
    /// One hour of one weekday (0 = Monday) in each week.
    pub hour: Option<(u8, u8)>,
    /// Any of the page's filters by its name in an address (`person`, `team`, `volume`, `kind`, `category`), and its value.
    pub only: Option<(&'static str, String)>,
    /// What it happened to: an id, or the name of a skill that is none of ours.
    pub subject: Option<String>,
    /// Only of people whose first day was in the week of this day.
    pub cohort: Option<Day>,
    /// Where the page of rows begins.
    pub cursor: Option<String>,
}

impl Behind {
    pub fn of(measure: Measure) -> Self {
        Self { measure: Some(measure), ..Self::default() }
    }
    pub fn day(self, day: Day) -> Self {
        self.days(day, day)
    }
    pub fn days(self, from: Day, to: Day) -> Self {
        Self { from: Some(from), to: Some(to), ..self }
    }
    pub fn hour(self, weekday: u8, hour: u8) -> Self {
        Self { hour: Some((weekday, hour)), ..self }
    }
    pub fn only(self, filter: &'static str, value: impl Into<String>) -> Self {
        Self { only: Some((filter, value.into())), ..self }
    }
    pub fn subject(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }
    pub fn cohort(self, week: Day) -> Self {
        Self { cohort: Some(week), ..self }
    }

    /// The page's question, narrowed.
    fn query(&self, page: &Query) -> Query {
        let mut query = Query { compare: false, ..page.clone() };
        if let (Some(from), Some(to)) = (self.from, self.to) {
            (query.range, query.from, query.to) = (Span::Custom, Some(from), Some(to));
        }
        if let Some((filter, value)) = &self.only
            && let Some(place) = filter_mut(&mut query, filter)
        {
            *place = Some(value.clone());
        }
        query
    }
}

/// The filters by their names in an address.
pub const FILTERS: [&str; 5] = ["team", "person", "volume", "kind", "category"];

fn filter_mut<'a>(query: &'a mut Query, name: &str) -> Option<&'a mut Option<String>> {
    Some(match name {
        "team" => &mut query.team,
        "person" => &mut query.person,
        "volume" => &mut query.volume,
        "kind" => &mut query.kind,
        "category" => &mut query.category,
        _ => return None,
    })
}

/// The same question with another value of a filter.
pub fn with_filter(query: &Query, name: &str, value: Option<String>) -> Query {
    let mut query = query.clone();
    if let Some(place) = filter_mut(&mut query, name) {
        *place = value;
    }
    query
}

/// A parameter that says something.
fn text(params: &ParamsMap, name: &str) -> Option<String> {
    params.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// What the address asks for. A comparison is made unless it is turned off.
pub fn dashboard_query(params: &ParamsMap) -> Query {
    let day = |name: &str| text(params, name).and_then(|day| day.parse().ok());
    Query {
        range: text(params, "range").and_then(|range| Span::parse(&range)).unwrap_or_default(),
        from: day("from"),
        to: day("to"),
        zone: text(params, "zone"),
        compare: text(params, "compare").as_deref() != Some("false"),
        team: text(params, "team"),
        person: text(params, "person"),
        volume: text(params, "volume"),
        kind: text(params, "kind"),
        category: text(params, "category"),
    }
}

/// Which rows the address asks for; without a measure none.
pub fn behind_of(params: &ParamsMap) -> Behind {
    let day = |name: &str| text(params, name).and_then(|day| day.parse().ok());
    let number = |name: &str| text(params, name).and_then(|number| number.parse().ok());
    Behind {
        measure: text(params, "rows").and_then(|measure| Measure::parse(&measure)),
        from: day("rows_from"),
        to: day("rows_to"),
        hour: number("rows_weekday").zip(number("rows_hour")),
        only: FILTERS.into_iter().find_map(|filter| Some((filter, text(params, &format!("rows_{filter}"))?))),
        subject: text(params, "rows_subject"),
        cohort: day("rows_cohort"),
        cursor: text(params, "cursor"),
    }
}

/// The page of a question, with the rows behind a number open.
pub fn analytics_address(query: &Query, behind: Option<&Behind>) -> String {
    let mut fields = query.pairs();
    // What is so without being said is not said.
    fields.retain(|(name, value)| !(*name == "range" && value == Span::default().as_str() || *name == "compare"));
    if !query.compare {
        fields.push(("compare", "false".to_owned()));
    }
    let page = joined(ANALYTICS, &fields);
    match behind {
        Some(behind) => rows_address(&page, behind),
        None => page,
    }
}

/// The same, of a page whose address is there already: the charts have a thousand of these.
pub fn rows_address(page: &str, behind: &Behind) -> String {
    let mut address = page.to_owned();
    let Some(measure) = behind.measure else { return address };
    let mut add = |name: &str, value: &str| add(&mut address, name, value);
    add("rows", measure.as_str());
    for (name, day) in [("rows_from", behind.from), ("rows_to", behind.to)] {
        if let Some(day) = day {
            add(name, &day.to_string());
        }
    }
    if let Some((weekday, hour)) = behind.hour {
        add("rows_weekday", &weekday.to_string());
        add("rows_hour", &hour.to_string());
    }
    if let Some((filter, value)) = &behind.only {
        add(&format!("rows_{filter}"), value);
    }
    if let Some(subject) = &behind.subject {
        add("rows_subject", subject);
    }
    if let Some(week) = behind.cohort {
        add("rows_cohort", &week.to_string());
    }
    if let Some(cursor) = &behind.cursor {
        add("cursor", cursor);
    }
    address
}

/// The list of the library that has what a question counts as there now, with one more filter. Empty where one person is looked at: the library does not
/// know who made what.
pub fn library_address(query: &Query, more: Option<(&str, &str)>) -> String {
    if query.person.is_some() {
        return String::new();
    }
    let workspaces = match query.team.as_deref() {
        None => ("whose", Whose::Ours.as_str()),
        Some(PERSONAL) => ("whose", Whose::Personal.as_str()),
        Some(team) => ("team", team),
    };
    let filters = [("volume", &query.volume), ("kind", &query.kind), ("category", &query.category)];
    let set = filters.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let mut fields: Vec<(&str, &str)> = std::iter::once(workspaces).chain(set).collect();
    if let Some(more) = more {
        fields.retain(|(known, _)| *known != more.0);
        fields.push(more);
    }
    joined("/artifacts", &fields)
}

fn joined(path: &str, fields: &[(&str, impl AsRef<str>)]) -> String {
    let mut address = path.to_owned();
    fields.iter().for_each(|(name, value)| add(&mut address, name, value.as_ref()));
    address
}

/// One more field of an address.
fn add(address: &mut String, name: &str, value: &str) {
    address.push(if address.contains('?') { '&' } else { '?' });
    address.push_str(name);
    address.push('=');
    address.push_str(&encode(value));
}

/// What the server is asked, under `/api/v1`: the page's question in the reader's zone.
fn path(of: &str, query: &Query, more: &[(&str, String)]) -> String {
    let pairs = query.pairs().into_iter().chain(more.iter().cloned()).collect::<Vec<_>>();
    joined(&format!("/analytics{of}"), &pairs)
}

/// Where all numbers of a question are downloaded, as `csv` or `json`.
pub fn export_address(query: &Query, format: &str) -> String {
    format!("/api/v1{}", path("", query, &[("format", format.to_owned())]))
}

/// The name of the cookie that has the reader's zone, so that the server's first page has the right days.
const ZONE: &str = "zone";

/// Whose days are shown: those of the address; else those of the account or, where it never chose a zone, of the device. The server knows
/// them by the cookie of the visit before, and begins with UTC.
pub fn use_zone(asked: Memo<Query>) -> Signal<String> {
    let session = use_session();
    let known = RwSignal::new(storage::preference(ZONE).filter(|zone| is_zone(zone)));
    Effect::new(move |_| {
        // Whoever never chose one has UTC.
        let chosen = session.account().map(|me| me.time_zone).filter(|zone| zone != "UTC");
        let zone = chosen.or_else(page::time_zone).filter(|zone| is_zone(zone));
        if let Some(zone) = zone.filter(|zone| known.with_untracked(|known| known.as_ref() != Some(zone))) {
            storage::set_preference(ZONE, &zone);
            known.set(Some(zone));
        }
    });
    Signal::derive(move || asked.with(|query| query.zone.clone()).or_else(|| known.get()).unwrap_or_else(|| "UTC".to_owned()))
}

/// Of the form of an IANA name; the server knows which there are.
fn is_zone(name: &str) -> bool {
    !name.is_empty() && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte))
}

pub fn use_dashboard(query: ReadSignal<Query>) -> Fetched<Dashboard> {
    data::fetch(move || Some(path("", &query.get(), &[])))
}

pub fn use_causes(query: ReadSignal<Query>) -> Fetched<Vec<Cause>> {
    data::fetch(move || Some(path("/causes", &query.get(), &[])))
}

/// The rows that the address asks for.
pub fn use_rows(query: Memo<Query>, behind: Memo<Behind>) -> Fetched<Rows> {
    data::fetch(move || rows_path(&query.get(), &behind.get(), None))
}

fn rows_path(query: &Query, behind: &Behind, format: Option<&str>) -> Option<String> {
    let mut more = vec![("measure", behind.measure?.as_str().to_owned())];
    // A table is of all of them, wherever one has paged to.
    more.extend(behind.cursor.clone().filter(|_| format.is_none()).map(|cursor| ("cursor", cursor)));
    more.extend(behind.subject.clone().map(|subject| ("subject", subject)));
    more.extend(behind.cohort.map(|week| ("cohort", week.to_string())));
    if let Some((weekday, hour)) = behind.hour {
        more.extend([("weekday", weekday.to_string()), ("hour", hour.to_string())]);
    }
    more.extend(format.map(|format| ("format", format.to_owned())));
    Some(path("/rows", &behind.query(query), &more))
}

/// Where all rows of a number are downloaded as `csv`.
pub fn rows_export_address(query: &Query, behind: &Behind, format: &str) -> Option<String> {
    Some(format!("/api/v1{}", rows_path(query, behind, Some(format))?))
}

/// What the next days will be, in the browser alone and once the page stands: nobody waits for it.
pub fn ahead(query: Query) -> RwSignal<Option<Forecasts>> {
    let told = RwSignal::new(None);
    Effect::new(move |_| {
        let answer = data::get::<Forecasts>(path("/forecast", &query, &[]));
        leptos::task::spawn_local(async move {
            if let Ok(forecasts) = answer.await {
                told.try_set(Some(forecasts));
            }
        });
    });
    told
}

pub fn use_views() -> Fetched<Vec<SavedView>> {
    data::fetch(|| Some("/analytics/views".to_owned()))
}

pub fn use_shares() -> Fetched<Vec<Share>> {
    data::fetch(|| Some("/analytics/shares".to_owned()))
}

pub fn use_alerts() -> Fetched<Vec<Alert>> {
    data::fetch(|| Some("/analytics/alerts".to_owned()))
}

/// What a link shows.
pub fn use_shared(token: Memo<String>) -> Fetched<SharedDashboard> {
    data::fetch(move || Some(format!("/analytics/shared/{}", encode(&token.get()))))
}

pub fn save_view(view: SaveView) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", "/analytics/views".to_owned(), view)
}

pub fn delete_view(id: AnalyticsViewId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("DELETE", format!("/analytics/views/{id}"), ())
}

pub async fn create_share(share: CreateShare) -> AppResult<NewShare> {
    data::post("/analytics/shares", &share).await
}

pub fn revoke_share(id: AnalyticsShareId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("DELETE", format!("/analytics/shares/{id}"), ())
}

pub fn set_alert(alert: SetAlert) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", "/analytics/alerts".to_owned(), alert)
}

pub fn delete_alert(id: AnalyticsAlertId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("DELETE", format!("/analytics/alerts/{id}"), ())
}

/// Reads the numbers again at most so often, in milliseconds: what happens at once is one change.
const AGAIN: u32 = 2_000;
/// And at least so often while somebody looks: not every workspace tells what happens in it.
const AT_LEAST: u32 = 60_000;

/// The dashboard as it is now: read again when one of its rooms tells of something new. What shows it changes in its place.
pub fn live(first: Dashboard, query: Query) -> RwSignal<Dashboard> {
    let shown = RwSignal::new(first);
    let waiting = StoredValue::new(false);
    let asked = StoredValue::new(query.clone());
    let read = move || {
        let Some(path) = asked.try_with_value(|query| path("", query, &[])) else { return };
        let answer = data::get::<Dashboard>(path);
        leptos::task::spawn_local(async move {
            let answer: AppResult<Dashboard> = answer.await;
            // What cannot be read now is read in a minute; the numbers stay and say of when they are.
            if let Ok(now) = answer {
                shown.try_set(now);
            }
        });
    };
    let again = move || {
        if waiting.try_get_value() != Some(false) {
            return;
        }
        waiting.set_value(true);
        page::after_forget(AGAIN, move || {
            if waiting.try_set_value(false).is_none() && page::is_visible() {
                read();
            }
        });
    };
    for room in rooms_of(&query) {
        let live = use_collaboration(Signal::stored(Some(room)));
        live.on_analytics(again);
        live.on_resync(again);
    }
    // In an effect: the server looks once.
    Effect::new(move |_| {
        let ticker = StoredValue::new_local(Some(socket::every(AT_LEAST, again)));
        on_cleanup(move || {
            ticker.try_update_value(|ticker| *ticker = None);
        });
    });
    shown
}

/// Rooms that a page follows at most: who is in more teams sees the rest move once a minute.
const ROOMS: usize = 20;

/// The workspaces that are looked at: one, or one's own and those of all teams.
fn rooms_of(query: &Query) -> Vec<Room> {
    let Some(me) = use_session().account_untracked() else { return Vec::new() };
    let own = me.person.id.same_as();
    let ids = match query.team.as_deref() {
        Some(PERSONAL) => vec![own],
        Some(team) => team.parse::<TeamId>().map(TeamId::same_as).into_iter().collect(),
        None => std::iter::once(own).chain(me.teams.iter().map(|team| team.id.same_as())).take(ROOMS).collect(),
    };
    ids.into_iter().map(|id| Room { id, kind: RoomType::Workspace }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(address: &str) -> ParamsMap {
        let mut params = ParamsMap::new();
        for (name, value) in address.split_once('?').map_or("", |(_, query)| query).split('&').filter_map(|pair| pair.split_once('=')) {
            params.insert(name.to_owned(), value.to_owned());
        }
        params
    }

    #[test]
    fn an_address_says_what_was_chosen_and_nothing_else() {
        let plain = dashboard_query(&params("/analytics"));
        assert_eq!((plain.range, plain.compare), (Span::Month, true));
        assert_eq!(analytics_address(&plain, None), "/analytics");
        let chosen = Query { range: Span::Quarter, compare: false, kind: Some("skill".to_owned()), ..plain };
        let address = analytics_address(&chosen, None);
        assert_eq!(address, "/analytics?range=90d&kind=skill&compare=false");
        assert_eq!(dashboard_query(&params(&address)), chosen);
    }

    #[test]
    fn rows_are_of_the_question_of_the_page_narrowed() {
        let page = Query { compare: true, person: Some("ines".to_owned()), ..Query::default() };
        let day = "2026-03-13".parse().expect("a day");
        let behind = Behind::of(Measure::Commits).day(day).only("volume", "v1");
        let address = analytics_address(&page, Some(&behind));
        assert_eq!(address, "/analytics?person=ines&rows=commits&rows_from=2026-03-13&rows_to=2026-03-13&rows_volume=v1");
        assert_eq!(behind_of(&params(&address)), behind);
        let asked = behind.query(&page);
        assert_eq!((asked.range, asked.from, asked.to), (Span::Custom, Some(day), Some(day)));
        assert_eq!((asked.person.as_deref(), asked.volume.as_deref(), asked.compare), (Some("ines"), Some("v1"), false));
        let hour = Behind::of(Measure::Activity).hour(0, 14);
        let page = Query { compare: true, ..Query::default() };
        assert_eq!(analytics_address(&page, Some(&hour)), "/analytics?rows=activity&rows_weekday=0&rows_hour=14");
        assert_eq!(behind_of(&params("/analytics?rows=activity&rows_weekday=0&rows_hour=14")), hour);
        assert_eq!(behind_of(&params("/analytics?rows=nothing")).measure, None);
        let uses = Behind::of(Measure::SkillUses).subject("s1").cohort(day);
        let address = analytics_address(&page, Some(&uses));
        assert_eq!(address, "/analytics?rows=skill_uses&rows_subject=s1&rows_cohort=2026-03-13");
        assert_eq!(behind_of(&params(&address)), uses);
        let path = rows_path(&page, &Behind { cursor: Some("5.1".to_owned()), ..uses }, Some("csv"));
        assert_eq!(path.as_deref(), Some("/analytics/rows?range=30d&measure=skill_uses&subject=s1&cohort=2026-03-13&format=csv"));
    }

    #[test]
    fn what_is_there_now_is_a_list_of_the_library() {
        let page = Query { team: Some("t1".to_owned()), kind: Some("tool".to_owned()), ..Query::default() };
        assert_eq!(library_address(&page, None), "/artifacts?team=t1&kind=tool");
        assert_eq!(library_address(&page, Some(("kind", "skill"))), "/artifacts?team=t1&kind=skill");
        assert_eq!(library_address(&Query::default(), None), "/artifacts?whose=ours");
        let own = Query { team: Some(PERSONAL.to_owned()), ..Query::default() };
        assert_eq!(library_address(&own, None), "/artifacts?whose=personal");
        // What one person made is no list of the library.
        assert_eq!(library_address(&Query { person: Some("ines".to_owned()), ..page }, None), "");
    }

    #[test]
    fn a_zone_is_a_name_and_no_text_of_any_kind() {
        assert!(is_zone("America/Argentina/Buenos_Aires") && is_zone("Etc/GMT+5"));
        assert!(!is_zone("") && !is_zone("Europe/Berlin; Path=/") && !is_zone(&"a".repeat(65)));
    }
}
