//! Keys that a team has at services outside: sealed in the database, opened only where the service is called.

use std::collections::HashMap;

use super::{Audit, authorise_team, note, people, teams::lock_as};
use crate::{
    error::{AppError, AppResult},
    features::accounts::{
        Action,
        model::{KeyProvider, SetTeamKey, TeamKey},
        store::{self, keys::KeyRow},
    },
    ids::{TeamId, UserId},
    server::{
        context::Ctx,
        db::{Db, parse_id},
        secrets::Vault,
    },
};

const KEY_MAX: usize = 512;
const HINT: usize = 4;

/// The services that this server uses, with the team's keys.
pub async fn list_team_keys(ctx: &Ctx, team: TeamId) -> AppResult<Vec<TeamKey>> {
    authorise_team(ctx, team, Action::ManageTeam).await?;
    let mut keys = Vec::new();
    for provider in ctx.state.config.key_providers() {
        keys.push(shown(ctx, team, provider).await?);
    }
    Ok(keys)
}

/// Keeps a key, in place of the one before.
pub async fn set_team_key(ctx: &Ctx, team: TeamId, provider: KeyProvider, input: SetTeamKey) -> AppResult<TeamKey> {
    authorise_team(ctx, team, Action::ManageTeam).await?;
    let key = input.key.trim();
    if key.len() < 8 || key.len() > KEY_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(AppError::field("key", "A key is 8 to 512 letters, digits and signs without spaces: copy it whole."));
    }
    let sealed = ctx.state.vault.seal(&purpose(team, provider), key);
    let mut tx = ctx.db().write_tx().await?;
    let (name, _) = lock_as(ctx, &mut tx, team, Action::ManageTeam).await?;
    store::keys::set(&mut tx, team, provider, sealed, &key[key.len() - HINT..], ctx.actor()?.id(), ctx.now()).await?;
    note(ctx, &mut tx, Audit::new("team.key_set", &name).team(team).detail(provider.words())).await?;
    tx.commit().await?;
    shown(ctx, team, provider).await
}

pub async fn remove_team_key(ctx: &Ctx, team: TeamId, provider: KeyProvider) -> AppResult<()> {
    authorise_team(ctx, team, Action::ManageTeam).await?;
    let mut tx = ctx.db().write_tx().await?;
    let (name, _) = lock_as(ctx, &mut tx, team, Action::ManageTeam).await?;
    if store::keys::remove(&mut tx, team, provider).await? {
        note(ctx, &mut tx, Audit::new("team.key_removed", &name).team(team).detail(provider.words())).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// The keys of all teams, for the background work that is theirs. Nobody is asked: what calls it acts for the server.
pub async fn team_keys(ctx: &Ctx, provider: KeyProvider) -> AppResult<HashMap<TeamId, String>> {
    let mut keys = HashMap::new();
    for row in store::keys::all(ctx.db().read(), provider).await? {
        let team = parse_id(&row.team_id)?;
        match open(ctx, team, provider, &row) {
            Some(key) => drop(keys.insert(team, key)),
            None => {
                tracing::warn!(%team, provider = provider.as_str(), "the team's key was sealed under another SECRET_KEY: it has to be added again")
            }
        }
    }
    Ok(keys)
}

/// How many keys of teams cannot be opened with this server key: for whoever runs the server, which need not be running.
pub async fn unreadable_team_keys(db: &Db, vault: &Vault, provider: KeyProvider) -> AppResult<usize> {
    let mut unreadable = 0;
    for row in store::keys::all(db.read(), provider).await? {
        let purpose = purpose(parse_id(&row.team_id)?, provider);
        unreadable += usize::from(vault.open(&purpose, &row.sealed).is_none());
    }
    Ok(unreadable)
}

/// The first key that one of these teams has. Nobody is asked: what calls it knows whose teams they are.
pub async fn first_team_key(ctx: &Ctx, teams: &[TeamId], provider: KeyProvider) -> AppResult<Option<String>> {
    let rows = store::keys::of_teams(ctx.db().read(), teams, provider).await?;
    Ok(rows.iter().find_map(|row| open(ctx, parse_id(&row.team_id).ok()?, provider, row)))
}

async fn shown(ctx: &Ctx, team: TeamId, provider: KeyProvider) -> AppResult<TeamKey> {
    let Some(row) = store::keys::of_team(ctx.db().read(), team, provider).await? else {
        return Ok(TeamKey { provider, hint: None, added_by: None, added_at: None, usable: true });
    };
    let by: UserId = parse_id(&row.created_by)?;
    let usable = open(ctx, team, provider, &row).is_some();
    let added_by = people::people(ctx, [by]).await?.remove(&by);
    Ok(TeamKey { provider, hint: Some(row.hint), added_by, added_at: Some(row.created_at), usable })
}

fn open(ctx: &Ctx, team: TeamId, provider: KeyProvider, row: &KeyRow) -> Option<String> {
    ctx.state.vault.open(&purpose(team, provider), &row.sealed)
}

/// A row copied to another team does not open.
fn purpose(team: TeamId, provider: KeyProvider) -> String {
    format!("{} key of team {team}", provider.as_str())
}
