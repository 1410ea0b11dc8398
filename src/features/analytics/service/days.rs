//! Local days: made of their quarters of an hour when somebody asks for them, kept, and remembered decoded.

use std::{collections::BTreeMap, sync::Arc};

use llmos_analytics::{
    Day,
    cells::{Cells, Filter, Parts, cube, parts},
    codec::encode,
    dashboard::{Asked, Space},
    zones::{QUARTER, Zone},
};

use super::{
    super::store::rollups::{self, NewDay, Part},
    rolling::read,
};
use crate::{
    error::AppResult,
    server::{context::Ctx, error::internal},
};

/// Bytes of decoded days in memory.
const REMEMBERED: u64 = 64 * 1024 * 1024;
/// Days that are made and written at once.
const AT_ONCE: usize = 4;
/// Quarters change while days are made of them, and days that are ready are forgotten then: so often it is looked for days that last.
const TRIES: usize = 2;

/// Cells of one day as they are looked at. A day that is made anew has another version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct DayKey {
    generation: i64,
    workspace: u32,
    zone: Arc<str>,
    day: Day,
    version: i64,
    filter: Filter,
    part: Part,
}

/// Decoded days, the newest used.
#[derive(Clone)]
pub struct Days(moka::sync::Cache<DayKey, Arc<Cells>>);

impl Default for Days {
    fn default() -> Self {
        let weigh = |_: &DayKey, cells: &Arc<Cells>| u32::try_from(cells.weight()).unwrap_or(u32::MAX);
        Self(moka::sync::Cache::builder().max_capacity(REMEMBERED).weigher(weigh).build())
    }
}

/// What was counted in a workspace, of the days that `asked` needs and narrowed by `filter`.
pub async fn space(ctx: &Ctx, generation: i64, workspace: u32, asked: &Asked, filter: Filter) -> AppResult<Space> {
    let empty = Space { workspace, ..Space::default() };
    let Some(row) = rollups::workspace(ctx.db().read(), generation, workspace.into()).await? else { return Ok(empty) };
    let first = asked.zone.day_of(row.first_quarter * QUARTER);
    let wanted: Vec<Day> = asked.summaries().into_iter().filter(|day| *day >= first).collect();
    let totals = read(&row.totals)?;
    let space = Space { totals: if filter.is_open() { totals } else { totals.only_of_all_time(&filter) }, ..empty };
    if wanted.is_empty() {
        return Ok(space);
    }
    let mut days: BTreeMap<Day, Parts> = BTreeMap::new();
    let (summaries, marginals): (Vec<Day>, Vec<Day>) =
        (wanted.clone(), wanted.into_iter().filter(|day| asked.range.contains(*day)).collect());
    for (day, cells) in part(ctx, generation, workspace, &asked.zone, &summaries, filter, Part::Summary).await? {
        days.entry(day).or_default().summary = cells;
    }
    for (day, cells) in part(ctx, generation, workspace, &asked.zone, &marginals, filter, Part::Marginals).await? {
        days.entry(day).or_default().marginals = cells;
    }
    Ok(Space { days, ..space })
}

/// One size of the cells of some days, from memory, from the database, or made now.
async fn part(
    ctx: &Ctx,
    generation: i64,
    workspace: u32,
    zone: &Zone,
    wanted: &[Day],
    filter: Filter,
    part: Part,
) -> AppResult<BTreeMap<Day, Arc<Cells>>> {
    let name: Arc<str> = zone.name().into();
    let key = |day: Day, version: i64, part: Part| DayKey { generation, workspace, zone: name.clone(), day, version, filter, part };
    let remembered = &ctx.state.usage.days.0;
    let lacking_in = |found: &BTreeMap<Day, Arc<Cells>>| wanted.iter().copied().filter(|day| !found.contains_key(day)).collect::<Vec<_>>();
    let sized = |made: Made| narrowed(made.cube, &filter, Part::Cube).into_iter().find(|(size, _)| *size == part).map(|(_, cells)| cells);
    let mut found: BTreeMap<Day, Arc<Cells>> = BTreeMap::new();
    for _ in 0..TRIES {
        let lacking = lacking_in(&found);
        let (Some(first), Some(last)) = (lacking.first(), lacking.last()) else { break };
        let span = (i64::from(first.0), i64::from(last.0));
        let ready: BTreeMap<i64, i64> =
            rollups::days(ctx.db().read(), generation, workspace.into(), zone.name(), span.0, span.1).await?.into_iter().collect();
        let mut unread = Vec::new();
        let mut unmade = Vec::new();
        for day in lacking {
            match ready.get(&i64::from(day.0)) {
                Some(version) => match remembered.get(&key(day, *version, part)) {
                    Some(cells) => drop(found.insert(day, cells)),
                    None => unread.push(day),
                },
                None => unmade.push(day),
            }
        }
        let stored = if filter.is_open() { part } else { Part::Cube };
        let spans: Vec<(i64, i64)> =
            unread.chunk_by(|a, b| b.since(*a) <= 1).filter_map(|days| Some((days.first()?.0.into(), days.last()?.0.into()))).collect();
        for span in spans {
            let rows = rollups::parts(ctx.db().read(), generation, workspace.into(), zone.name(), stored, span).await?;
            let decoded = tokio::task::spawn_blocking(move || {
                rows.into_iter()
                    .map(|row| {
                        let cells = read(&row.cells)?;
                        Ok((Day(i32::try_from(row.day).unwrap_or_default()), row.version, narrowed(cells, &filter, part)))
                    })
                    .collect::<AppResult<Vec<_>>>()
            });
            for (day, version, sizes) in decoded.await.map_err(|error| internal("days of usage", &error))?? {
                for (size, cells) in sizes {
                    remembered.insert(key(day, version, size), cells.clone());
                    if size == part {
                        found.insert(day, cells);
                    }
                }
            }
        }
        let made = make(ctx, generation, workspace, zone, unmade).await?;
        found.extend(made.into_iter().filter(|(_, made)| made.kept).filter_map(|(day, made)| Some((day, sized(made)?))));
    }
    // Then what is made is good enough, even if it cannot be kept: no day is left out.
    let made = make(ctx, generation, workspace, zone, lacking_in(&found)).await?;
    found.extend(made.into_iter().filter_map(|(day, made)| Some((day, sized(made)?))));
    Ok(found)
}

/// Both sizes of a cube that passes the filter, or the cells themselves where they are a size already.
fn narrowed(cells: Cells, filter: &Filter, stored: Part) -> Vec<(Part, Arc<Cells>)> {
    if filter.is_open() && stored != Part::Cube {
        return vec![(stored, Arc::new(cells))];
    }
    let sizes = parts(&if filter.is_open() { cells } else { cells.only(filter) });
    vec![(Part::Summary, sizes.summary), (Part::Marginals, sizes.marginals)]
}

/// A day that was made now.
pub struct Made {
    cube: Cells,
    kept: bool,
}

/// Makes days of their quarters, and keeps them unless the quarters change meanwhile.
pub async fn make(ctx: &Ctx, generation: i64, workspace: u32, zone: &Zone, days: Vec<Day>) -> AppResult<Vec<(Day, Made)>> {
    let mut all = Vec::with_capacity(days.len());
    for days in days.chunks(AT_ONCE) {
        let (Some(first), Some(last)) = (days.first(), days.last()) else { continue };
        let Some(row) = rollups::workspace(ctx.db().read(), generation, workspace.into()).await? else { continue };
        let (from, to) = (zone.quarters_of(*first).start, zone.quarters_of(*last).end);
        let quarters = rollups::quarters(ctx.db().read(), generation, workspace.into(), from, to).await?;
        let (place, wanted) = (zone.clone(), days.to_vec());
        let made = tokio::task::spawn_blocking(move || {
            let quarters = quarters.iter().map(|row| Ok((row.quarter, read(&row.cells)?))).collect::<AppResult<Vec<_>>>()?;
            Ok::<_, crate::error::AppError>(wanted.into_iter().map(|day| one(&place, day, &quarters)).collect::<Vec<_>>())
        });
        let (rows, cubes): (Vec<NewDay>, Vec<Cells>) = made.await.map_err(|error| internal("days of usage", &error))??.into_iter().unzip();
        let mut tx = ctx.db().write_tx().await?;
        let kept = rollups::put_days(&mut tx, generation, workspace.into(), zone.name(), row.version, &rows).await?;
        tx.commit().await?;
        all.extend(days.iter().copied().zip(cubes.into_iter().map(|cube| Made { cube, kept })));
    }
    Ok(all)
}

/// A day of those of these quarters that are in it.
fn one(zone: &Zone, day: Day, quarters: &[(i64, Cells)]) -> (NewDay, Cells) {
    let span = zone.quarters_of(day);
    let of_day = quarters.iter().filter(|(quarter, _)| span.contains(quarter));
    let cube = cube(of_day.map(|(quarter, cells)| (zone.local(quarter * QUARTER).1, cells)));
    let sizes = parts(&cube);
    let row = NewDay {
        day: day.0.into(),
        starts: span.start,
        ends: span.end,
        summary: encode(&sizes.summary),
        marginals: encode(&sizes.marginals),
        cube: encode(&cube),
    };
    (row, cube)
}
