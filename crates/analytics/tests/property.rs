//! The dashboard of cells is that of the raw events, whatever the zone, the filter, the order of arrival and the clocks.
//!
//! `LLMOS_CASES` says how many random cases: 10,000 for the full run, fewer by default.
#![cfg(feature = "engine")]

use std::collections::BTreeMap;

use llmos_analytics::{
    Dashboard, Day, Kind, Origin,
    cells::{Cell, Cells, Filter, cube, parts, totals},
    codec::{decode, encode},
    dashboard::{Asked, Space, dashboard},
    event::Event,
    latency,
    metric::{cells_of, counted_in},
    model::Range,
    raw,
    zones::{QUARTER, Zone, quarter_of},
};
use proptest::prelude::*;

const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "America/Santiago",
    "America/St_Johns",
    "Africa/Casablanca",
    "Pacific/Kiritimati",
];
const DAY: i64 = 86_400_000;
/// Kinds that are counted, and some that are not.
const KINDS: &[Kind] = &[
    Kind::SessionCreated,
    Kind::SessionMessageSent,
    Kind::SessionRenamed,
    Kind::ArtifactCreated,
    Kind::ArtifactDeleted,
    Kind::ArtifactUndeleted,
    Kind::ArtifactLeft,
    Kind::ArtifactEntered,
    Kind::ArtifactCommitted,
    Kind::ArtifactViewed,
    Kind::ArtifactCoedited,
    Kind::CommitMade,
    Kind::PullRequestOpened,
    Kind::PullRequestMerged,
    Kind::PresencePeak,
    Kind::TraceTaken,
    Kind::SkillUsed,
    Kind::SkillGenerated,
    Kind::PatternFound,
    Kind::ProposalMade,
    Kind::ProposalAccepted,
    Kind::ProposalRejected,
    Kind::ListingViewed,
    Kind::ListingInstalled,
    Kind::ListingFirstUsed,
    Kind::ListingUpdated,
    Kind::ItemRated,
    Kind::SearchQueried,
    Kind::SearchOpened,
    Kind::DeliveryReceived,
    Kind::JobEnded,
    Kind::HttpServed,
    Kind::HttpFailed,
    Kind::AccountSignedIn,
];

/// Two years around these times have clocks changed in all zones above.
const NOW: i64 = 1_774_700_000_000;

fn event() -> impl Strategy<Value = Event> {
    // Most are near one another, some a year back, some in the future.
    let back = prop_oneof![6 => -2 * DAY..20 * DAY, 3 => 0..80 * DAY, 1 => -40 * DAY..400 * DAY];
    (back, prop::sample::select(KINDS), (0..4_u32, 0..6_u32, 0..4_u32, 0..8_u32), (0..4_u8, 0..5_u8), (any::<u32>(), any::<u32>()))
        .prop_map(|(back, kind, (workspace, actor, volume, subject), (artifact_kind, category), (amount, extra))| {
            let (amount, extra) = (i64::from(amount), i64::from(extra));
            let (amount, extra) = match kind {
                Kind::ArtifactCreated => (amount % (Origin::Installed as i64 + 1), 0),
                Kind::ArtifactLeft | Kind::ArtifactEntered => (amount % 4, 0),
                Kind::ItemRated => (amount % 5 + 1, 0),
                Kind::SearchOpened => (amount % 30 + 1, 0),
                Kind::TraceTaken | Kind::SkillUsed => (amount % 2, extra),
                Kind::ArtifactCoedited => (60_000, 0),
                Kind::ProposalMade | Kind::ProposalAccepted | Kind::ProposalRejected => (amount, extra % 1_000_001),
                Kind::HttpServed => (amount % 50, extra % i64::from(latency::BUCKETS)),
                Kind::HttpFailed => (amount % 50, 0),
                _ => (amount, extra % 3),
            };
            Event { seq: 0, at: NOW - back, kind, workspace, actor, volume, subject, artifact_kind, category, amount, extra }
        })
}

#[derive(Debug, Clone)]
struct Case {
    events: Vec<Event>,
    /// Where the slices end that are rolled up one after another.
    slices: Vec<prop::sample::Index>,
    zone: &'static str,
    now: i64,
    span: (i32, i32),
    compare: bool,
    operations: bool,
    filter: Filter,
    /// Somebody who is deleted: their key stays, whoever it was.
    mine: Vec<u32>,
}

fn case() -> impl Strategy<Value = Case> {
    let filter = (0..9_u32, 0..9_u32, 0..9_u8, 0..9_u8).prop_map(|(actor, volume, artifact_kind, category)| Filter {
        actor: if actor < 6 { 0 } else { actor - 5 },
        volume: if volume < 6 { 0 } else { volume - 5 },
        artifact_kind: if artifact_kind < 6 { 0 } else { artifact_kind - 5 },
        category: if category < 6 { 0 } else { category - 5 },
    });
    (
        prop::collection::vec(event(), 0..120),
        prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        prop::sample::select(ZONES),
        -DAY..DAY,
        (prop_oneof![0..3, 0..40, 0..400], prop_oneof![4 => 1..40, 1 => 40..100]),
        (any::<bool>(), any::<bool>()),
        filter,
        prop::sample::subsequence(vec![1_u32, 2, 3], 0..=3),
    )
        .prop_map(|(events, slices, zone, off, span, (compare, operations), filter, mine)| Case {
            events,
            slices,
            zone,
            now: NOW + off,
            span,
            compare,
            operations,
            filter,
            mine,
        })
}

/// Quarters and totals by workspace, as the server keeps them: rolled up slice by slice, each through bytes.
#[derive(Default)]
struct Kept {
    quarters: BTreeMap<(u32, i64), Vec<u8>>,
    totals: BTreeMap<u32, Vec<u8>>,
}

impl Kept {
    fn roll(&mut self, events: &[Event]) {
        let mut fresh: BTreeMap<(u32, i64), Vec<Cell>> = BTreeMap::new();
        for event in events.iter().flat_map(counted_in) {
            fresh.entry((event.workspace, quarter_of(event.at))).or_default().extend(cells_of(&event));
        }
        for ((workspace, quarter), cells) in fresh {
            let cells: Cells = cells.into_iter().collect();
            add(self.totals.entry(workspace).or_default(), totals(quarter, &cells));
            add(self.quarters.entry((workspace, quarter)).or_default(), cells);
        }
    }

    fn space(&self, asked: &Asked, workspace: u32, filter: &Filter) -> Space {
        let read = |bytes: Option<&Vec<u8>>| bytes.map(|bytes| decode(bytes).expect("ours")).unwrap_or_default();
        let day = |day: Day| {
            let quarters: Vec<(u8, Cells)> = asked
                .zone
                .quarters_of(day)
                .filter_map(|quarter| {
                    Some((asked.zone.local(quarter * QUARTER).1, decode(self.quarters.get(&(workspace, quarter))?).expect("ours")))
                })
                .collect();
            let cube = cube(quarters.iter().map(|(hour, cells)| (*hour, cells)));
            let whole = parts(&cube);
            assert_eq!(decode(&encode(&whole.summary)).as_ref(), Ok(whole.summary.as_ref()));
            (day, if filter.is_open() { whole } else { parts(&cube.only(filter)) })
        };
        Space {
            workspace,
            days: asked.summaries().into_iter().map(day).collect(),
            totals: read(self.totals.get(&workspace)).only_of_all_time(filter),
        }
    }
}

fn add(bytes: &mut Vec<u8>, cells: Cells) {
    let mut all = if bytes.is_empty() { Cells::default() } else { decode(bytes).expect("ours") };
    all.merge(cells);
    *bytes = encode(&all);
}

/// The groups that differ, one a line.
fn differences(cells: &Dashboard, events: &Dashboard) -> String {
    let groups = |dashboard: &Dashboard| serde_json::to_value(dashboard).expect("JSON");
    let (cells, events) = (groups(cells), groups(events));
    let names = cells.as_object().into_iter().flatten();
    names
        .filter(|(name, group)| events.get(name) != Some(group))
        .map(|(name, group)| format!("{name}: {group}\n  but: {}\n", events[name]))
        .collect()
}

fn cases() -> u32 {
    std::env::var("LLMOS_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn cells_say_what_events_say(case in case()) {
        let zone = Zone::named(Some(case.zone)).expect("a zone");
        let today = zone.day_of(case.now);
        let to = today.plus(-case.span.0);
        let range = Range { from: to.plus(1 - case.span.1), to };
        let asked = Asked { zone, today, range, before: case.compare.then(|| range.before()), operations: case.operations };

        let mut kept = Kept::default();
        let mut ends: Vec<usize> = case.slices.iter().map(|at| at.index(case.events.len() + 1)).collect();
        ends.sort_unstable();
        ends.push(case.events.len());
        let mut from = 0;
        for end in ends {
            kept.roll(&case.events[from..end]);
            from = end;
        }
        let mine: Vec<Space> = case.mine.iter().map(|&workspace| kept.space(&asked, workspace, &case.filter)).collect();
        let server = kept.space(&asked, 0, &case.filter);
        let (cells, events) = (dashboard(&asked, &mine, &server), raw::dashboard(&asked, &case.events, &case.mine, case.filter));
        prop_assert!(cells == events, "{}", differences(&cells, &events));
    }
}
