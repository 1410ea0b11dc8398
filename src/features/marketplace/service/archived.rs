//! What of the marketplace travels with a team's archive: names. A listing belongs to the registry that signed and logged it, so it stays there.

use serde::{Deserialize, Serialize};

use super::super::store::{self, NewInstallation};
use crate::{
    error::AppResult,
    ids::{ArtifactId, TeamId, UserId, VolumeId},
    server::{
        context::Ctx,
        db::{Tx, parse_id},
    },
};

/// What a team publishes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublishedName {
    pub slug: String,
    pub kind: String,
    pub name: String,
    /// The newest; empty where there is none yet.
    pub version: String,
    /// The registry.
    pub site: String,
}

/// What a team has installed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InstalledName {
    pub volume: String,
    pub slug: String,
    pub version: String,
    /// SHA-256 of the release's archive.
    pub digest: String,
    pub artifact: String,
    /// Whether somebody asked for it; otherwise something needs it.
    pub asked: bool,
}

/// Both, of this server. Whoever asks has looked whether they may.
pub async fn names_of_team(ctx: &Ctx, team: TeamId) -> AppResult<(Vec<PublishedName>, Vec<InstalledName>)> {
    let (pool, site) = (ctx.db().read(), ctx.state.config.public_url());
    let listings = store::listings_of_team(pool, team).await?.into_iter();
    let listings = listings.map(|(slug, kind, name, version)| PublishedName { slug, kind, name, version, site: site.clone() });
    let installed = store::installations_of_team(pool, team).await?.into_iter().map(|row| InstalledName {
        volume: row.volume_id,
        slug: row.slug,
        version: row.version,
        digest: row.digest,
        artifact: row.artifact_id,
        asked: row.asked != 0,
    });
    Ok((listings.collect(), installed.collect()))
}

/// Notes an installation that came with an archive, if this server has the very same release; says whether it has.
pub async fn adopt_installation(ctx: &Ctx, tx: &mut Tx, name: &InstalledName, by: UserId) -> AppResult<bool> {
    let (Ok(volume), Ok(artifact)) = (name.volume.parse::<VolumeId>(), name.artifact.parse::<ArtifactId>()) else { return Ok(false) };
    let Some((release, listing)) = store::release_called(tx, &name.slug, &name.version, &name.digest).await? else { return Ok(false) };
    let new = NewInstallation {
        volume,
        listing: parse_id(&listing)?,
        release: parse_id(&release)?,
        artifact,
        digest: name.digest.clone(),
        asked: name.asked,
        by,
        now: ctx.now(),
    };
    store::put_installation(tx, &new).await?;
    Ok(true)
}
