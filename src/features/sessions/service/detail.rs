//! A session with what its page needs before the timeline.

use super::{
    access::{self, SessionAccess},
    list::summaries,
    naming,
};
use crate::{
    error::{AppError, AppResult},
    features::{accounts::Scope, sessions::model::SessionDetail},
    ids::SessionId,
    server::context::Ctx,
};

pub async fn get_session(ctx: &Ctx, id: SessionId) -> AppResult<SessionDetail> {
    let access = access::find_readable(ctx, id).await?;
    detail(ctx, access).await
}

pub async fn detail(ctx: &Ctx, access: SessionAccess) -> AppResult<SessionDetail> {
    let writes = ctx.actor()?.has_scope(Scope::Write);
    let people = naming::people(ctx, access.team).await?;
    let artifacts = naming::session_artifacts(ctx, access.id).await?;
    let (can_write, can_manage) = (writes && access.can_write(), writes && access.can_manage());
    let read = access.row.read_number.unwrap_or(0);
    let summary = summaries(ctx, vec![access.row]).await?.pop().ok_or_else(|| AppError::not_found("session"))?;
    Ok(SessionDetail { summary, can_write, can_manage, read, people, artifacts })
}
