//! Use cases of artifacts.
use crate::{error::AppResult, server::context::Ctx};
pub async fn empty_old_trash(_ctx: &Ctx) -> AppResult<()> {
    Ok(())
}
