//! How many people are here at once, and who writes together.

use std::{collections::HashMap, time::Duration};

use super::connected;
use crate::{
    error::AppResult,
    features::{
        accounts,
        analytics::service::{Event, UsageKind, Workspace, record_all},
        artifacts,
    },
    ids::TeamId,
    server::{clock, context::Ctx},
};

/// How often people are counted.
const LOOK: Duration = Duration::from_secs(15);
/// The most at once is written for each of these.
const QUARTER: i64 = 15 * clock::MINUTE;

/// The most people of each team that were connected at once in a quarter of an hour.
#[derive(Default)]
struct Peaks {
    quarter: i64,
    most: HashMap<TeamId, i64>,
}

impl Peaks {
    fn note(&mut self, counts: HashMap<TeamId, i64>) {
        for (team, count) in counts {
            let most = self.most.entry(team).or_default();
            *most = (*most).max(count);
        }
    }

    /// What a quarter that is over came to.
    fn take(&mut self) -> Vec<Event> {
        let at = self.quarter * QUARTER;
        let peak = |(team, most)| Event::new(UsageKind::PresencePeak).workspace(Workspace::Team(team)).amount(most).known_at(at);
        self.most.drain().map(peak).collect()
    }
}

/// Who is here together, counted again and again.
#[derive(Default)]
pub struct Together {
    peaks: Peaks,
}

impl Together {
    /// Counts who is here now, and writes the most of a quarter of an hour that is over; at the end that of the one that is not, too.
    pub async fn look(&mut self, ctx: &Ctx, ends: bool) -> AppResult<()> {
        let quarter = ctx.now() / QUARTER;
        let mut events = Vec::new();
        if ends || quarter != self.peaks.quarter {
            // Of several nodes one writes what all have counted.
            events.extend(self.peaks.take().into_iter().filter(|_| ctx.state.cluster.leads()));
            self.peaks.quarter = quarter;
        }
        let counted = async { accounts::service::count_by_team(ctx, &connected(ctx).await?).await };
        match counted.await {
            Ok(counts) => self.peaks.note(counts),
            Err(error) => tracing::warn!(%error, "who is connected could not be counted"),
        }
        write(ctx, events).await
    }
}

/// Counts until the process is asked to stop, and writes what there is then.
pub async fn count_together(ctx: &Ctx) {
    if !ctx.state.config.analytics_enabled {
        return;
    }
    let mut together = Together::default();
    let mut counted_at = ctx.now();
    let mut ends = false;
    while !ends {
        ends = ctx.state.shutdown.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none();
        let now = ctx.now();
        if now - counted_at >= clock::MINUTE {
            counted_at = now;
            if let Err(error) = count_coediting(ctx).await {
                tracing::warn!(%error, "who wrote together is left out of the figures");
            }
        }
        if let Err(error) = together.look(ctx, ends).await {
            tracing::warn!(%error, "who was here together is left out of the figures");
        }
    }
}

/// Counts each person in each document that at least two people wrote in since the last time.
pub async fn count_coediting(ctx: &Ctx) -> AppResult<()> {
    let mut events = Vec::new();
    for (id, people) in ctx.state.documents.take_wrote() {
        if people.here.union(&people.elsewhere).count() < 2 {
            continue;
        }
        let event = artifacts::service::live_event(ctx, id, UsageKind::ArtifactCoedited).await?.amount(clock::MINUTE);
        // Of those at other nodes these nodes know.
        events.extend(people.here.into_iter().map(|person| event.clone().by(person)));
    }
    write(ctx, events).await
}

async fn write(ctx: &Ctx, events: Vec<Event>) -> AppResult<()> {
    if events.is_empty() {
        return Ok(());
    }
    let mut tx = ctx.db().write_tx().await?;
    record_all(ctx, &mut tx, events).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_of_a_quarter_counts_once() {
        let team = TeamId::generate();
        let mut peaks = Peaks::default();
        for count in [2, 5, 3] {
            peaks.note(HashMap::from([(team, count)]));
        }
        assert_eq!(peaks.most.get(&team), Some(&5));
        assert_eq!(peaks.take().len(), 1);
        assert!(peaks.take().is_empty());
    }
}
