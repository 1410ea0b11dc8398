//! What a person marked as a favourite, and what the person opened lately.

use crate::{
    error::AppResult,
    features::artifacts::store,
    ids::ArtifactId,
    server::{context::Ctx, db::parse_id},
};

/// How many visits are remembered, which is all that the view of recents has.
pub const RECENTS: i64 = 50;
/// How many favourites the view of them shows.
const FAVOURITES: i64 = 2_000;

/// Ids, newest first; whether they are still there and visible is for the reader to find out.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    pub favourites: Vec<ArtifactId>,
    pub recents: Vec<ArtifactId>,
}

/// The caller's marks, read once for a page.
pub async fn marks(ctx: &Ctx) -> AppResult<Marks> {
    match &ctx.page {
        Some(page) => page.marks.get_or_try_init(|| read(ctx)).await.cloned(),
        None => read(ctx).await,
    }
}

async fn read(ctx: &Ctx) -> AppResult<Marks> {
    let mut marks = Marks::default();
    for (list, id) in store::marks(ctx.db().read(), ctx.actor()?.id(), FAVOURITES, RECENTS).await? {
        let ids = if list == 0 { &mut marks.favourites } else { &mut marks.recents };
        ids.push(parse_id(&id)?);
    }
    Ok(marks)
}

/// Whether the caller has marked this one.
pub async fn is_favourite(ctx: &Ctx, id: ArtifactId) -> AppResult<bool> {
    if ctx.page.is_some() {
        let favourites = marks(ctx).await?.favourites;
        if favourites.len() < FAVOURITES as usize {
            return Ok(favourites.contains(&id));
        }
    }
    store::is_favourite(ctx.db().read(), ctx.actor()?.id(), id).await
}
