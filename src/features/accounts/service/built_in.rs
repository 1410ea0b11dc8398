//! The account that the built-in volume's commits are by: an agent that no team owns and that cannot sign in.

use crate::{
    error::AppResult,
    features::accounts::{
        model::UserKind,
        store::{self, users::NewAccount},
    },
    ids::UserId,
    server::db::Tx,
};

const NAME: &str = "LLMos-Lite";

/// Makes the account unless it is there.
pub async fn ensure_built_in_author(tx: &mut Tx, id: UserId, now: i64) -> AppResult<()> {
    if store::users::by_id(&mut **tx, id).await?.is_some() {
        return Ok(());
    }
    let new = NewAccount {
        id,
        kind: UserKind::Agent,
        name: NAME,
        email: None,
        password_hash: None,
        github_id: None,
        owner_team: None,
        color: 1,
        administrator: false,
    };
    store::users::insert(tx, &new, now).await
}
