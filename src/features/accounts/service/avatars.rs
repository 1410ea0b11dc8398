//! Pictures of people: decoded with limits, cut square, made small, encoded anew. What was uploaded is never served.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, imageops::FilterType};

use super::me;
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{Scope, model::Me, store},
        analytics::service::{Event, UsageKind, record},
    },
    ids::UserId,
    server::{context::Ctx, error::internal, pictures},
};

/// The largest upload.
pub const AVATAR_BYTES: usize = 5 * 1024 * 1024;
/// The sides of what is stored, in pixels: twice the largest size that is shown.
const SIDE: u32 = 256;

/// Takes a picture and makes it the caller's avatar.
pub async fn set_avatar(ctx: &Ctx, upload: axum::body::Bytes) -> AppResult<Me> {
    let actor = ctx.actor_with(Scope::Write)?;
    if upload.len() > AVATAR_BYTES {
        return Err(pictures::too_large(AVATAR_BYTES));
    }
    // Decoding takes memory and a core, like hashing, so they share the bound.
    let permit = ctx.state.limits.hashing.acquire().await.map_err(|error| internal("avatar", &error))?;
    let picture = tokio::task::spawn_blocking(move || reencode(&upload)).await.map_err(|error| internal("avatar", &error))??;
    drop(permit);
    let sha = ctx.state.blobs.put(picture).await?;
    store_avatar(ctx, actor.id(), Some(&sha)).await
}

pub async fn remove_avatar(ctx: &Ctx) -> AppResult<Me> {
    let actor = ctx.actor_with(Scope::Write)?;
    store_avatar(ctx, actor.id(), None).await
}

async fn store_avatar(ctx: &Ctx, user: UserId, sha: Option<&str>) -> AppResult<Me> {
    let mut tx = ctx.db().write_tx().await?;
    store::users::set_avatar(&mut tx, user, sha, ctx.now()).await?;
    record(ctx, &mut tx, Event::new(UsageKind::AccountAvatarChanged).subject(user)).await?;
    tx.commit().await?;
    ctx.state.actors.forget_account(user);
    me(ctx).await
}

/// The bytes of an account's current picture (WebP). Only that: another blob's address is not one of an avatar.
pub async fn avatar(ctx: &Ctx, user: UserId, sha: &str) -> AppResult<Vec<u8>> {
    ctx.actor()?;
    let account = store::users::by_id(ctx.db().read(), user).await?;
    if account.and_then(|account| account.avatar_sha).as_deref() != Some(sha) {
        return Err(AppError::not_found("picture"));
    }
    ctx.state.blobs.get(sha).await
}

/// Shows `see` the blob of every account's picture.
pub async fn each_blob(ctx: &Ctx, see: &mut (dyn FnMut(&str) + Send)) -> AppResult<()> {
    const SLICE: i64 = 500;
    let mut after = String::new();
    loop {
        let slice = store::users::avatars(ctx.db().read(), &after, SLICE).await?;
        let Some((last, _)) = slice.last() else { return Ok(()) };
        after = last.clone();
        slice.iter().for_each(|(_, sha)| see(sha));
    }
}

fn reencode(upload: &[u8]) -> AppResult<Vec<u8>> {
    let picture = pictures::decode(upload).map_err(|error| pictures::unreadable("avatar", &error))?;
    let side = picture.width().min(picture.height());
    let (x, y) = ((picture.width() - side) / 2, (picture.height() - side) / 2);
    let square = picture.crop_imm(x, y, side, side).resize_exact(SIDE, SIDE, FilterType::CatmullRom).to_rgba8();
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgba8(square).write_to(&mut bytes, ImageFormat::WebP).map_err(|error| internal("avatar", &error))?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::pictures::SIDE_MAX;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height).write_to(&mut bytes, ImageFormat::Png).expect("encodes");
        bytes.into_inner()
    }

    #[test]
    fn pictures_become_small_squares() {
        let small = reencode(&png(300, 40)).expect("fine");
        let picture = image::load_from_memory_with_format(&small, ImageFormat::WebP).expect("WebP");
        assert_eq!((picture.width(), picture.height()), (SIDE, SIDE));
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let mut cut = png(64, 64);
        cut.truncate(40);
        for bad in [b"".to_vec(), b"<svg onload=alert(1)>".to_vec(), cut, png(SIDE_MAX + 1, 1)] {
            assert!(reencode(&bad).is_err());
        }
    }
}
