//! What a team has elsewhere, or had where it was before: named in its archive, and kept, so that the next archive has it as well.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    error::AppResult,
    features::{
        analytics::service::{Total, totals_of_team},
        archives::store,
        marketplace::service::{InstalledName, PublishedName, names_of_team},
    },
    ids::TeamId,
    server::context::Ctx,
};

/// `references.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct References {
    /// What the team publishes. A listing stays in the registry that signed it.
    pub listings: BTreeSet<PublishedName>,
    /// What of the marketplace stands in its volumes.
    pub installations: BTreeSet<InstalledName>,
    /// What its events added up to, by the server that counted them and the number of the metric.
    pub totals: BTreeMap<String, BTreeMap<u16, Total>>,
}

/// Those of a team of this server, with those that came with it.
pub async fn of_team(ctx: &Ctx, team: TeamId) -> AppResult<References> {
    let mut references: References = match store::by_team(ctx.db().read(), team).await? {
        Some(row) => serde_json::from_str(&row.carried)?,
        None => References::default(),
    };
    let (listings, installed) = names_of_team(ctx, team).await?;
    references.listings.extend(listings);
    // What stands here now takes the place of what stood there.
    let here: BTreeSet<(String, String)> = installed.iter().map(|name| (name.volume.clone(), name.slug.clone())).collect();
    references.installations.retain(|name| !here.contains(&(name.volume.clone(), name.slug.clone())));
    references.installations.extend(installed);
    references.totals.insert(ctx.state.config.public_url(), totals_of_team(ctx, team).await?);
    Ok(references)
}
