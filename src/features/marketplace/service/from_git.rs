//! Submissions that a release at GitHub prepares. They go the way of all others: checked, looked at by a moderator or passed as a clean update, and
//! signed by their maker, whose key this server never has.

use super::{
    super::{
        model::{Publish, ReleaseState},
        store,
    },
    access, publishing,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        artifacts::model::{FileEntry, Kind},
        git::model::same_repository,
    },
    ids::{ListingId, ReleaseId, UserId},
    server::{context::Ctx, secrets},
};

/// Listings of one repository.
const LISTINGS_MAX: i64 = 200;

/// A listing that says it comes from a repository.
#[derive(Clone, Debug)]
pub struct ListedAt {
    pub id: ListingId,
    pub slug: String,
    pub name: String,
    pub kind: Kind,
    /// Who may publish it.
    pub publishers: Vec<UserId>,
    /// Who submitted its newest release.
    pub last_by: Option<UserId>,
}

/// The public listings that say they come from a repository: `name` is its `owner/name` in lower case. That they say so proves nothing: what is read
/// for them has to be what their publishers may read.
pub async fn listings_at(ctx: &Ctx, name: &str, address: &str) -> AppResult<Vec<ListedAt>> {
    let pool = ctx.db().read();
    let rows = store::listings_from(pool, name, LISTINGS_MAX).await?;
    let ids = rows
        .iter()
        .filter(|row| same_repository(&row.repository, address))
        .map(|row| crate::server::db::parse_id(&row.id))
        .collect::<AppResult<Vec<ListingId>>>()?;
    let mut found = Vec::new();
    for row in store::listings_by_id(pool, &ids).await? {
        let latest = match row.latest_release_id.as_deref().map(crate::server::db::parse_id).transpose()? {
            Some(id) => store::release(pool, id).await?,
            None => None,
        };
        found.push(ListedAt {
            id: row.id()?,
            kind: row.kind(),
            publishers: access::people_of(ctx, &row).await?,
            last_by: latest.map(|release| release.submitted_by()).transpose()?,
            slug: row.slug,
            name: row.name,
        });
    }
    found.sort_by(|a, b| a.slug.cmp(&b.slug));
    Ok(found)
}

/// What a release at GitHub has of a listing. The blobs of its files are stored.
pub struct FromGit {
    pub kind: Kind,
    pub content: Vec<u8>,
    pub files: Vec<FileEntry>,
    pub version: String,
    pub changelog: String,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Submitted(ReleaseId),
    /// It was submitted before.
    Known(ReleaseId),
}

/// Submits it as the caller, who is one of the listing's publishers. The same again submits nothing: neither a version that is out or under way, nor
/// the very files that a moderator sent back.
pub async fn submit_from_git(ctx: &Ctx, listing: ListingId, from: FromGit) -> AppResult<Taken> {
    let pool = ctx.db().read();
    let row = store::listings_by_id(pool, &[listing]).await?.pop().ok_or_else(|| AppError::not_found("item"))?;
    access::require_publisher(ctx, &row).await?;
    let sha = secrets::sha256(&from.content);
    for release in store::releases_of(pool, listing, false).await? {
        let stands = !matches!(release.state(), ReleaseState::Changes | ReleaseState::Rejected);
        if release.version == from.version && (stands || (release.content_sha == sha && release.files()? == from.files)) {
            return Ok(Taken::Known(release.id()?));
        }
    }
    let source = publishing::Source {
        kind: from.kind,
        main_path: publishing::main_path(from.kind, &row.slug),
        slug: row.slug.clone(),
        content: from.content,
        files: from.files,
    };
    let input = Publish { slug: Some(row.slug), version: Some(from.version), changelog: Some(from.changelog), ..Publish::default() };
    let detail = publishing::publish_source(ctx, input, source).await?;
    Ok(Taken::Submitted(detail.submission.id))
}
