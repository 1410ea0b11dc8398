//! Accounts that no team owns and that cannot sign in: the one that the built-in volume's commits are by, and those in whose name is told what
//! happened at GitHub and what passes propose.

use crate::{
    error::AppResult,
    features::accounts::{
        model::{Person, UserKind},
        store::{self, users::NewAccount},
    },
    ids::{TeamId, UserId},
    server::{
        context::{Actor, Ctx, Via},
        db::{Tx, parse_id},
    },
};

const NAME: &str = "LLMos-Lite";
const GITHUB: &str = "GitHub";
const GITHUB_USER: &str = "00000000-0000-7000-8000-000000000003";
const EVOLUTION: &str = "Evolution";
const EVOLUTION_USER: &str = "00000000-0000-7000-8000-000000000005";
const ASSISTANT: &str = "Assistant";
const ASSISTANT_USER: u128 = 0x0000_0000_0000_7000_8000_0000_0000_0004;
/// What the ids of all of them begin with; the rest is a number.
const BUILT_IN: u128 = 0x0000_0000_0000_7000_8000_0000_0000_0000;
const BUILT_IN_MASK: u128 = !0xffff_ffff_ffff;
const LAST: u128 = 5;

/// Whether an account is one of these: they have the same ids on every server.
pub(super) fn is_one(id: UserId) -> bool {
    let number = id.bits() & !BUILT_IN_MASK;
    id.bits() & BUILT_IN_MASK == BUILT_IN && (1..=LAST).contains(&number)
}

/// Makes one of them unless it is there.
pub(super) async fn ensure_one(tx: &mut Tx, id: UserId, now: i64) -> AppResult<()> {
    let name = match id.to_string().as_str() {
        GITHUB_USER => GITHUB,
        EVOLUTION_USER => EVOLUTION,
        _ if id.bits() == ASSISTANT_USER => ASSISTANT,
        _ => NAME,
    };
    ensure(tx, id, name, now).await
}

/// Makes the account unless it is there.
pub async fn ensure_built_in_author(tx: &mut Tx, id: UserId, now: i64) -> AppResult<()> {
    ensure(tx, id, NAME, now).await
}

async fn ensure(tx: &mut Tx, id: UserId, name: &str, now: i64) -> AppResult<()> {
    if store::users::by_id(&mut **tx, id).await?.is_some() {
        return Ok(());
    }
    let new = NewAccount {
        id,
        kind: UserKind::Agent,
        name,
        email: None,
        password_hash: None,
        github_id: None,
        owner_team: None,
        color: 1,
        administrator: false,
    };
    store::users::insert(tx, &new, now).await
}

/// The member of a team whose account is linked to the one with this id at GitHub.
pub async fn member_at_github(ctx: &Ctx, team: TeamId, github_id: i64) -> AppResult<Option<Person>> {
    let pool = ctx.db().read();
    let linked = store::users::by_github(pool, &github_id.to_string()).await?.filter(store::users::Account::active);
    let Some(account) = linked else { return Ok(None) };
    match store::members::role(pool, team, account.id()?).await? {
        Some(_) => Ok(Some(account.person()?)),
        None => Ok(None),
    }
}

/// The context in which a team is told what somebody did at GitHub: that of the member who is linked to the account there, or of GitHub itself. It is
/// who did it, and allows nothing by that.
pub async fn acting_at_github(ctx: &Ctx, team: Option<TeamId>, github_id: Option<i64>) -> AppResult<Ctx> {
    if let (Some(team), Some(id)) = (team, github_id)
        && let Some(person) = member_at_github(ctx, team, id).await?
    {
        return Ok(Ctx::internal(ctx.state.clone(), Some(Actor::member(person, Via::Operator))));
    }
    acting_as(ctx, parse_id(GITHUB_USER)?, GITHUB).await
}

/// The context in which people are told what a pass proposes. It is who did it, and allows nothing by that.
pub async fn acting_as_evolution(ctx: &Ctx) -> AppResult<Ctx> {
    acting_as(ctx, parse_id(EVOLUTION_USER)?, EVOLUTION).await
}

/// The context of one of these accounts, which is made when it is needed for the first time.
async fn acting_as(ctx: &Ctx, id: UserId, name: &str) -> AppResult<Ctx> {
    if store::users::by_id(ctx.db().read(), id).await?.is_none() {
        let mut tx = ctx.db().write_tx().await?;
        ensure(&mut tx, id, name, ctx.now()).await?;
        tx.commit().await?;
    }
    super::put_down_to(ctx, id).await
}

/// The account that answers in sessions, as people see it.
pub fn assistant() -> Person {
    Person { id: UserId::from_bits(ASSISTANT_USER), name: ASSISTANT.to_owned(), kind: UserKind::Agent, color: 1, avatar: None }
}

/// The context in which the assistant answers. It is who did it, and allows nothing by that.
pub async fn acting_as_assistant(ctx: &Ctx) -> AppResult<Ctx> {
    let Person { id, name, .. } = assistant();
    acting_as(ctx, id, &name).await
}
