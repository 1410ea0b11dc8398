//! Taking deliveries in, acting on them, and showing them.

mod act;
mod admin;
mod history;
mod intake;
mod missing;
mod networks;
mod outcomes;
mod secrets;
mod signature;

pub use act::{DELIVER, Done, RELEASE, deliver, take_release};
pub use admin::{export_fixture, get_delivery, list_deliveries, open, replay, report};
pub use history::{HISTORY, count_history, count_history_soon};
pub use intake::{Arrival, BODY_TIME, Intake, Received, admit, receive, too_large, too_slow};
pub use missing::{CHECK, ask_to_check, check_missing};
pub use networks::{NETWORKS, Networks, refresh_networks};
pub use outcomes::{AwaitedPush, made_good, note_outcome, note_pull, pushes_awaiting, pushes_pulled};
pub use secrets::{list_secrets, remove_secret, set_secret, unreadable_secrets};
pub use signature::sign;

use crate::{error::AppResult, server::context::Ctx};

/// Before the process serves: what waited goes on, and what GitHub sent meanwhile is asked for.
pub async fn start(ctx: &Ctx) -> AppResult<()> {
    act::take_up(ctx).await?;
    networks::refresh_if_unknown(ctx).await?;
    missing::check_at_start(ctx).await
}

/// Now and then: what waits has a job, what had its time is removed.
pub async fn keep_house(ctx: &Ctx) -> AppResult<()> {
    act::take_up(ctx).await?;
    admin::remove_old(ctx).await
}
