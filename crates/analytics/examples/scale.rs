//! How long counting takes and how much room its cells need: `cargo run --release -p llmos-analytics --features engine --example scale -- 1000000`.
//!
//! One busy team: events of 90 days, by 50 people in 20 volumes with 500 skills, most of them on weekdays.

use std::{collections::BTreeMap, time::Instant};

use llmos_analytics::{
    Day, Kind,
    cells::{Cell, Cells, Parts, cube, parts, totals},
    codec::{decode, encode},
    dashboard::{Asked, Space, dashboard},
    event::Event,
    metric::{cells_of, counted_in},
    model::Range,
    zones::{QUARTER, Zone, quarter_of},
};

const KINDS: &[(Kind, u64)] = &[
    (Kind::SessionMessageSent, 40),
    (Kind::SessionCreated, 4),
    (Kind::ArtifactViewed, 14),
    (Kind::ArtifactCommitted, 6),
    (Kind::CommitMade, 4),
    (Kind::ArtifactCreated, 1),
    (Kind::TraceTaken, 6),
    (Kind::SkillUsed, 8),
    (Kind::SearchQueried, 6),
    (Kind::SearchOpened, 3),
    (Kind::ListingViewed, 4),
    (Kind::HttpServed, 3),
    (Kind::JobEnded, 1),
];

/// A day's summary and marginals, as they are stored.
type Stored = (Vec<u8>, Vec<u8>);

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % most
    }
}

fn main() {
    let many: u64 = std::env::args().nth(1).and_then(|many| many.parse().ok()).unwrap_or(1_000_000);
    let zone = Zone::named(Some("Europe/Berlin")).unwrap_or_else(|fault| panic!("{fault}"));
    let to = Day::of(2026, 11, 29).unwrap_or_default();
    let range = Range { from: to.plus(-89), to };
    let start = zone.start_of(range.from);
    let mut random = Random(8);
    let sum: u64 = KINDS.iter().map(|(_, weight)| weight).sum();

    let began = Instant::now();
    let mut quarters: BTreeMap<(u32, i64), Vec<u8>> = BTreeMap::new();
    let mut totals_of: BTreeMap<u32, Vec<Cell>> = BTreeMap::new();
    let mut fresh: BTreeMap<(u32, i64), Vec<Cell>> = BTreeMap::new();
    let mut write = |fresh: &mut BTreeMap<(u32, i64), Vec<Cell>>| {
        for ((workspace, quarter), cells) in std::mem::take(fresh) {
            let cells: Cells = cells.into_iter().collect();
            let sums = totals(quarter, &cells);
            totals_of.entry(workspace).or_default().extend(sums.iter().map(|(key, value)| (*key, value.clone())));
            quarters.insert((workspace, quarter), encode(&cells));
        }
    };
    for seq in 0..many {
        // In the order of time; nights and weekends are quiet.
        let mut at = start + (seq as f64 / many as f64 * 90.0 * 86_400_000.0) as i64;
        let (day, hour) = zone.local(at);
        if day.weekday() > 4 || !(7..20).contains(&hour) {
            at -= at.rem_euclid(86_400_000) - (8 * 3_600_000 + random.below(10 * 3_600_000) as i64);
        }
        let mut pick = random.below(sum);
        let kind = KINDS.iter().find(|(_, weight)| {
            let found = pick < *weight;
            pick = pick.saturating_sub(*weight);
            found
        });
        let kind = kind.map_or(Kind::SessionCreated, |(kind, _)| *kind);
        let of_server = kind.number() >= 800;
        let event = Event {
            seq: seq as i64,
            at,
            kind,
            workspace: u32::from(!of_server),
            actor: if of_server { 0 } else { 10 + random.below(50) as u32 },
            volume: if (200..300).contains(&kind.number()) { 100 + random.below(20) as u32 } else { 0 },
            subject: 200 + random.below(500) as u32,
            artifact_kind: if (200..300).contains(&kind.number()) { 1 + random.below(3) as u8 } else { 0 },
            category: if (200..300).contains(&kind.number()) { 1 + random.below(12) as u8 } else { 0 },
            amount: random.below(2_000) as i64,
            extra: random.below(100) as i64,
        };
        for event in counted_in(&event) {
            fresh.entry((event.workspace, quarter_of(event.at))).or_default().extend(cells_of(&event));
        }
        if seq % 500_000 == 499_999 {
            // Quarters that come again are left out of this measure: there are few.
            write(&mut fresh);
        }
    }
    write(&mut fresh);
    let bytes: usize = quarters.values().map(Vec::len).sum();
    println!("{many} events counted in {:?}; quarters {:.1} bytes an event", began.elapsed(), bytes as f64 / many as f64);

    let began = Instant::now();
    let asked = Asked { zone: zone.clone(), today: to, range, before: Some(range.before()), operations: true };
    let mut sizes = [0_usize; 3];
    let mut days: BTreeMap<u32, BTreeMap<Day, Stored>> = BTreeMap::new();
    for workspace in [0, 1] {
        for day in range.days() {
            let of_day: Vec<(u8, Cells)> = zone
                .quarters_of(day)
                .filter_map(|quarter| Some((zone.local(quarter * QUARTER).1, decode(quarters.get(&(workspace, quarter))?).ok()?)))
                .collect();
            let cube = cube(of_day.iter().map(|(hour, cells)| (*hour, cells)));
            let whole = parts(&cube);
            let (summary, marginals, cube) = (encode(&whole.summary), encode(&whole.marginals), encode(&cube));
            for (size, bytes) in sizes.iter_mut().zip([&summary, &marginals, &cube]) {
                *size += bytes.len();
            }
            days.entry(workspace).or_default().insert(day, (summary, marginals));
        }
    }
    println!(
        "180 days made in {:?}; summary, marginals, cube: {:?} bytes an event",
        began.elapsed(),
        sizes.map(|size| size as f64 / many as f64)
    );

    let totals_of: BTreeMap<u32, Cells> =
        totals_of.into_iter().map(|(workspace, cells)| (workspace, cells.into_iter().collect())).collect();
    for (workspace, cells) in &totals_of {
        println!("workspace {workspace}: {} cells of all time in {} bytes", cells.len(), encode(cells).len());
    }
    for round in 0..3 {
        let began = Instant::now();
        let space = |workspace: u32| {
            let read = |bytes: &[u8]| decode(bytes).unwrap_or_default().into();
            let day = |(day, (summary, marginals)): (&Day, &Stored)| (*day, Parts { summary: read(summary), marginals: read(marginals) });
            let totals = totals_of.get(&workspace).cloned().unwrap_or_default();
            Space { workspace, days: days.get(&workspace).map(|days| days.iter().map(day).collect()).unwrap_or_default(), totals }
        };
        let (mine, server) = ([space(1)], space(0));
        let decoded = began.elapsed();
        let began = Instant::now();
        let made = dashboard(&asked, &mine, &server);
        println!("round {round}: days read in {decoded:?}, dashboard in {:?} ({} sessions)", began.elapsed(), made.sessions.total);
    }
}
