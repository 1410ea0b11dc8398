//! A sample team with sample people, for a first look; `volumes` fills it.

use super::access::require_administrator;
use crate::{
    error::{AppError, AppResult},
    features::accounts::{
        Role,
        model::{Person, UserKind},
        store::{self, users::NewAccount},
    },
    ids::{TeamId, UserId},
    server::{context::Ctx, db::Tx},
};

const TEAM: &str = "Demo team";
/// Fixed ids, so that the same people come and go however often the sample is added.
const PEOPLE: [(&str, &str, Role, u8); 2] = [
    ("00000000-0000-7000-8000-0000000000d1", "Rosa Lind", Role::Maintainer, 3),
    ("00000000-0000-7000-8000-0000000000d2", "Tomasz Wren", Role::Member, 5),
];

/// Who may add and remove the sample.
pub fn may_manage_samples(ctx: &Ctx) -> AppResult<()> {
    require_administrator(ctx).map(drop)
}

pub async fn sample_teams(ctx: &Ctx) -> AppResult<Vec<TeamId>> {
    store::samples::teams(ctx.db().read()).await?.iter().map(|team| store::id(team)).collect()
}

/// Whether the wish for sample data at start was fulfilled once: who removes the sample then does not find it again after the
/// next start.
pub async fn samples_given(ctx: &Ctx) -> AppResult<bool> {
    store::settings::samples_given(ctx.db().read()).await
}

pub async fn note_samples_given(ctx: &Ctx) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    store::settings::note_samples_given(&mut tx, ctx.now()).await?;
    Ok(tx.commit().await?)
}

fn people() -> AppResult<Vec<(UserId, &'static str, Role, u8)>> {
    PEOPLE.iter().map(|(id, name, role, color)| Ok((store::id(id)?, *name, *role, *color))).collect()
}

/// The team, owned by the caller, and who is in it besides.
pub async fn add_sample_team(ctx: &Ctx, tx: &mut Tx, now: i64) -> AppResult<(TeamId, Vec<Person>)> {
    let owner = ctx.actor()?.id();
    let team = TeamId::generate();
    store::teams::insert(tx, team, TEAM, owner, now).await?;
    store::samples::mark(tx, team).await?;
    store::members::insert(tx, team, owner, Role::Owner, now).await?;
    let mut joined = Vec::new();
    for (id, name, role, color) in people()? {
        if !store::samples::bring_back(tx, id, now).await? {
            let new = NewAccount {
                id,
                kind: UserKind::Human,
                name,
                email: None,
                password_hash: None,
                github_id: None,
                owner_team: None,
                color,
                administrator: false,
            };
            store::users::insert(tx, &new, now).await?;
        }
        store::members::insert(tx, team, id, role, now).await?;
        joined.push(Person { id, name: name.to_owned(), kind: UserKind::Human, color, avatar: None });
    }
    if joined.is_empty() { Err(AppError::internal()) } else { Ok((team, joined)) }
}

/// Removes the team and its people; their commits have to be gone already.
pub async fn remove_sample_team(tx: &mut Tx, team: TeamId, now: i64) -> AppResult<()> {
    let people: Vec<UserId> = people()?.into_iter().map(|(id, ..)| id).collect();
    store::samples::remove(tx, team, &people, now).await
}
