//! Use cases of volumes.
use crate::{error::AppResult, server::context::Ctx};
/// Brings the system volume in line with what is embedded in this binary.
pub async fn install_system_volume(_ctx: &Ctx) -> AppResult<()> {
    Ok(())
}
