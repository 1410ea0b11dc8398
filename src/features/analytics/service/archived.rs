//! What of figures travels with a team's archive, to be read: what all of its events added up to.

use std::collections::BTreeMap;

use llmos_analytics::codec;
use serde::{Deserialize, Serialize};

use super::super::store;
use crate::{error::AppResult, ids::TeamId, server::context::Ctx};

/// How often something was counted, and the sum of the amounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    pub count: u64,
    pub sum: i64,
}

/// Totals of all time by the number of the metric (`llmos_analytics::metric`). Whoever asks has looked whether they may.
pub async fn totals_of_team(ctx: &Ctx, team: TeamId) -> AppResult<BTreeMap<u16, Total>> {
    let mut totals: BTreeMap<u16, Total> = BTreeMap::new();
    let Some(bytes) = store::rollups::totals_of(ctx.db().read(), &team.to_string()).await? else { return Ok(totals) };
    let Ok(cells) = codec::decode(&bytes) else {
        tracing::error!(%team, "the totals of a team cannot be read: make them anew with llmos analytics rebuild");
        return Ok(totals);
    };
    for (key, value) in cells.iter() {
        let total = totals.entry(key.metric).or_default();
        total.count = total.count.saturating_add(value.count);
        total.sum = total.sum.saturating_add(value.sum);
    }
    Ok(totals)
}
