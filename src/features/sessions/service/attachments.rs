//! Files beside messages. Pictures are decoded and encoded anew, so that nothing hidden in them is kept; others stay as they are and
//! are never shown as a page.

use axum::body::Bytes;
use image::ImageFormat;

use super::{access, add_artifact};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::{Event, UsageKind, record},
        artifacts::{
            model::{ArtifactDetail, CreateArtifact, Kind, frontmatter::Frontmatter, invisible},
            service as artifacts,
        },
        sessions::{
            model::{ATTACHMENT_BYTES, AddArtifact, Attachment, SaveAsArtifact, SessionStatus},
            store::{self, AttachmentRow},
        },
    },
    ids::{AttachmentId, SessionId},
    server::{context::Ctx, error::internal, pictures},
};

/// The longer side of what is stored: enough for any screen.
const SIDE: u32 = 4_096;
const NAME_CHARS: usize = 200;

/// An upload's bytes with what is known about them.
struct Made {
    bytes: Vec<u8>,
    media_type: String,
    size: Option<(u32, u32)>,
}

/// Takes a file for a message that is still to be written.
pub async fn attach(ctx: &Ctx, session: SessionId, id: Option<AttachmentId>, name: &str, upload: Bytes) -> AppResult<Attachment> {
    let access = access::find(ctx, session, Action::Converse).await?;
    if access.row.status() == SessionStatus::Archived {
        return Err(access::archived());
    }
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let id = AttachmentId::chosen(id, now)?;
    if upload.is_empty() {
        return Err(AppError::field("file", "This file is empty."));
    }
    if upload.len() > ATTACHMENT_BYTES {
        return Err(too_large());
    }
    let name = clean_name(name);
    let made = if is_picture(&name, &upload) {
        // Decoding takes memory and a core, like hashing, so they share the bound.
        let permit = ctx.state.limits.hashing.acquire().await.map_err(|error| internal("attachment", &error))?;
        let made = tokio::task::spawn_blocking(move || reencode(&upload)).await.map_err(|error| internal("attachment", &error))??;
        drop(permit);
        made
    } else {
        Made { media_type: media_type(&name, &upload), bytes: upload.into(), size: None }
    };
    let bytes = made.bytes.len() as i64;
    let sha = ctx.state.blobs.put(made.bytes).await?;
    let attachment = Attachment {
        id,
        url: String::new(),
        name,
        media_type: made.media_type,
        size: bytes,
        width: made.size.map(|(width, _)| width.into()),
        height: made.size.map(|(_, height)| height.into()),
    };
    let mut tx = ctx.db().write_tx().await?;
    match store::attachment(&mut *tx, id).await? {
        // The same upload again.
        Some(row) if row.session_id == session.to_string() && row.uploaded_by == actor.to_string() && row.sha == sha => {
            return row.attachment();
        }
        Some(_) => return Err(AppError::conflict("This id is in use already: make a new one.")),
        None => {}
    }
    store::insert_attachment(&mut tx, id, session, actor, &sha, &attachment, now).await?;
    record(ctx, &mut tx, Event::new(UsageKind::SessionFileAttached).team(access.team).subject(session).amount(bytes)).await?;
    let stored = store::attachment(&mut *tx, id).await?.ok_or_else(AppError::internal)?;
    tx.commit().await?;
    stored.attachment()
}

pub fn too_large() -> AppError {
    AppError::too_large(format!("An attachment has at most {} MB.", ATTACHMENT_BYTES / 1024 / 1024))
}

/// The last part of a path, as a name that every page can show.
fn clean_name(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = invisible::without(name).chars().filter(|c| !c.is_control()).take(NAME_CHARS).collect();
    let name = name.trim().trim_matches('.').trim();
    if name.is_empty() { "file".to_owned() } else { name.to_owned() }
}

/// By its bytes, or because its name says so: what claims to be a picture has to be one.
fn is_picture(name: &str, bytes: &[u8]) -> bool {
    let format = image::guess_format(bytes).ok();
    let named = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    matches!(format, Some(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP))
        || named.is_some_and(|extension| matches!(extension.as_str(), "png" | "jpg" | "jpeg" | "webp"))
}

/// What a list shows of a file that is kept as it is.
fn media_type(name: &str, bytes: &[u8]) -> String {
    let guess = mime_guess::from_path(name).first_raw();
    let text = !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok();
    guess.unwrap_or(if text { "text/plain" } else { "application/octet-stream" }).to_owned()
}

fn reencode(upload: &[u8]) -> AppResult<Made> {
    let made = pictures::encode_anew(upload, SIDE).map_err(|error| pictures::unreadable("file", &error))?;
    Ok(Made { bytes: made.bytes, media_type: made.media_type.to_owned(), size: Some(made.size) })
}

/// An attachment's bytes, and how a browser may take them.
pub struct AttachmentAnswer {
    pub name: String,
    pub sha: String,
    pub content_type: &'static str,
    /// Only pictures of our own making are shown in place.
    pub inline: bool,
    pub bytes: Vec<u8>,
}

/// One that a message of the session has, or an upload of one's own.
async fn find(ctx: &Ctx, session: SessionId, id: AttachmentId) -> AppResult<AttachmentRow> {
    access::find(ctx, session, Action::Read).await?;
    let row = store::attachment(ctx.db().read(), id).await?;
    let own = ctx.actor()?.id().to_string();
    row.filter(|row| row.session_id == session.to_string() && (row.entry_id.is_some() || row.uploaded_by == own))
        .ok_or_else(|| AppError::not_found("attachment"))
}

pub async fn get_attachment(ctx: &Ctx, session: SessionId, id: AttachmentId) -> AppResult<AttachmentAnswer> {
    let row = find(ctx, session, id).await?;
    let bytes = ctx.state.blobs.get(&row.sha).await?;
    let content_type = match (row.width, row.media_type.as_str()) {
        (Some(_), "image/jpeg") => "image/jpeg",
        (Some(_), "image/png") => "image/png",
        _ if !bytes.contains(&0) && std::str::from_utf8(&bytes).is_ok() => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    Ok(AttachmentAnswer { name: row.name, sha: row.sha, content_type, inline: row.width.is_some(), bytes })
}

/// Makes a draft of an attached markdown file and brings it into the session.
pub async fn save_as_artifact(ctx: &Ctx, session: SessionId, id: AttachmentId, input: SaveAsArtifact) -> AppResult<ArtifactDetail> {
    access::find(ctx, session, Action::Converse).await?;
    let row = find(ctx, session, id).await?;
    let stem = row.name.rsplit_once('.').filter(|(_, extension)| matches!(extension.to_ascii_lowercase().as_str(), "md" | "markdown"));
    let (stem, _) = stem.ok_or_else(|| AppError::invalid("Only a markdown file can be saved as an artifact."))?;
    let bytes = ctx.state.blobs.get(&row.sha).await?;
    let text =
        String::from_utf8(bytes).map_err(|_| AppError::invalid("This file holds bytes that are no text, so it cannot be an artifact."))?;
    let frontmatter = Frontmatter::parse(&text);
    let kind = frontmatter.kind.as_deref().and_then(|kind| kind.to_ascii_lowercase().parse().ok()).unwrap_or(Kind::Skill);
    let name = invisible::without(&frontmatter.title.or(frontmatter.name).unwrap_or_else(|| stem.to_owned()));
    let new = CreateArtifact { id: input.id, volume_id: input.volume_id, kind, name, text: Some(text) };
    let made = artifacts::create_artifact(ctx, new).await?;
    add_artifact(ctx, session, AddArtifact { artifact_id: made.summary.id }).await?;
    Ok(made)
}

/// Shows `see` every blob that sessions name: attachments and what commits saved of sessions.
pub async fn each_blob(ctx: &Ctx, see: &mut (dyn FnMut(&str) + Send)) -> AppResult<()> {
    const SLICE: i64 = 500;
    let mut after = String::new();
    loop {
        let slice = store::attachment_blobs(ctx.db().read(), &after, SLICE).await?;
        slice.iter().for_each(|(_, sha)| see(sha));
        let Some((last, _)) = slice.into_iter().next_back() else { break };
        after = last;
    }
    let mut after = (String::new(), String::new());
    loop {
        let slice = store::record_blobs(ctx.db().read(), (&after.0, &after.1), SLICE).await?;
        slice.iter().for_each(|(.., sha)| see(sha));
        let Some((commit, path, _)) = slice.into_iter().next_back() else { return Ok(()) };
        after = (commit, path);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::DynamicImage;

    use super::*;
    use crate::server::pictures::SIDE_MAX;

    fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height).write_to(&mut bytes, format).expect("encodes");
        bytes.into_inner()
    }

    #[test]
    fn pictures_are_made_anew() {
        for (format, expected) in [(ImageFormat::Png, "image/png"), (ImageFormat::Jpeg, "image/jpeg"), (ImageFormat::WebP, "image/png")] {
            let mut upload = encoded(30, 20, format);
            upload.extend_from_slice(b"GPS 52.5 13.4");
            let made = reencode(&upload).expect("a picture");
            assert_eq!((made.media_type.as_str(), made.size), (expected, Some((30, 20))));
            assert!(!made.bytes.windows(3).any(|three| three == b"GPS"), "what hung on it is gone");
        }
        assert_eq!(reencode(&encoded(5_000, 10, ImageFormat::Png)).expect("a picture").size, Some((4_096, 8)));
    }

    #[test]
    fn what_only_claims_to_be_a_picture_is_refused() {
        let mut cut = encoded(64, 64, ImageFormat::Png);
        cut.truncate(50);
        for bad in [b"<svg onload=alert(1)>".to_vec(), cut, encoded(SIDE_MAX + 1, 1, ImageFormat::Png)] {
            assert!(reencode(&bad).is_err());
        }
        assert!(is_picture("a.PNG", b"text") && is_picture("x", &encoded(1, 1, ImageFormat::Jpeg)) && !is_picture("a.svg", b"<svg>"));
    }

    #[test]
    fn names_lose_their_folders() {
        assert_eq!(clean_name("../../etc/passwd"), "passwd");
        assert_eq!(clean_name("C:\\a\\b\u{7}\u{202e}.md "), "b.md");
        assert_eq!((clean_name(".."), clean_name("")), ("file".to_owned(), "file".to_owned()));
    }
}
