//! From approved to public: the publisher signs, the registry countersigns, and the log says so for ever.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use llmos_trust::{
    Bundle, Digest, Entry, Envelope, PublicKey, Signature,
    statement::{Dependency, FileDigest, Kind as SignedKind, ReleaseStatement, Statement as _, WithdrawalStatement},
};

use super::{
    super::{
        model::{Reason, ReleaseState, Signed, SignedStatement, SubmissionDetail},
        store::{self, ListingRow, ReleaseRow},
    },
    access, archive, keys, log,
    submission::find_visible,
    updates,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        analytics::service::{UsageKind, record},
        artifacts::model::Kind,
    },
    ids::{ReleaseId, UserId},
    server::{clock, context::Ctx, db::Tx, error::internal},
};

pub fn payload_type() -> &'static str {
    ReleaseStatement::PAYLOAD_TYPE
}

/// What a publisher signs with a key: the same bytes each time it is asked.
fn statement(ctx: &Ctx, listing: &ListingRow, row: &ReleaseRow, files: Vec<FileDigest>, key: PublicKey) -> AppResult<ReleaseStatement> {
    Ok(ReleaseStatement {
        registry: ctx.state.registry.origin.clone(),
        item: listing.id.clone(),
        slug: listing.slug.clone(),
        kind: match row.kind() {
            Kind::Skill => SignedKind::Skill,
            Kind::Tool => SignedKind::Tool,
            Kind::Agent => SignedKind::Agent,
        },
        version: row.version.clone(),
        digest: row.digest.parse::<Digest>().map_err(|error| internal("digest", &error))?,
        size: row.size.unsigned_abs(),
        files,
        licence: row.licence.clone(),
        dependencies: row.dependencies()?.into_iter().map(|of| Dependency { slug: of.slug, range: of.range }).collect(),
        capabilities: serde_json::to_value(row.capabilities()?)?,
        publisher: row.submitted_by.clone(),
        publisher_key: key,
        at: clock::rfc3339(row.created_at),
    })
}

/// What the caller has to sign, with the key that is named or with their newest; none without a key.
pub async fn payload_for_caller(ctx: &Ctx, listing: &ListingRow, row: &ReleaseRow, key: Option<String>) -> AppResult<Option<Vec<u8>>> {
    let keys = store::keys_of(ctx.db().read(), ctx.actor()?.id()).await?;
    let usable = |known: &&store::KeyRow| known.revoked_at.is_none() && key.as_ref().is_none_or(|key| *key == known.id);
    let Some(known) = keys.iter().find(usable) else { return Ok(None) };
    let key: PublicKey = known.public_key.parse().map_err(|error| internal("publisher's key", &error))?;
    let files = FileDigest::of(&archive::files_of(ctx, row).await?);
    let envelope = Envelope::new(&statement(ctx, listing, row, files, key)?).map_err(|error| internal("statement", &error))?;
    Ok(Some(envelope.payload))
}

/// A key of the caller's that signs.
fn usable_key(known: Option<store::KeyRow>, actor: UserId) -> AppResult<PublicKey> {
    let Some(known) = known.filter(|key| key.user_id == actor.to_string()) else {
        return Err(AppError::field("keyId", "This is none of your publishing keys: add it first."));
    };
    if known.revoked_at.is_some() {
        return Err(AppError::field("keyId", "This key was revoked: sign with another one."));
    }
    known.public_key.parse().map_err(|error| internal("publisher's key", &error))
}

/// The statement with its signature, as it is kept.
fn sealed(mut envelope: Envelope, key: PublicKey, signature: &str) -> AppResult<String> {
    let sig = BASE64_STANDARD.decode(signature.trim()).map_err(|_| AppError::field("signature", "A signature is sent in base64."))?;
    envelope.signatures.push(Signature { keyid: key.id().to_string(), sig });
    if envelope.verify(1, &[key]).is_err() {
        return Err(AppError::field(
            "signature",
            "This signature is not of this release with that key: sign what the release's page gives.",
        ));
    }
    String::from_utf8(envelope.to_bytes()).map_err(|error| internal("envelope", &error))
}

/// Keeps a signature with its release, in the transaction that submits that. When the publisher says they signed is theirs to say; all else is
/// what the server would have given them.
pub async fn attach(
    ctx: &Ctx,
    tx: &mut Tx,
    (listing, row): (&ListingRow, &ReleaseRow),
    files: Vec<FileDigest>,
    input: &SignedStatement,
) -> AppResult<()> {
    let actor = ctx.actor()?.id();
    let key = usable_key(store::key(&mut **tx, &input.signed.key_id).await?, actor)?;
    let payload = BASE64_STANDARD.decode(input.payload.trim()).map_err(|_| AppError::field("payload", "A statement is sent in base64."))?;
    let envelope = Envelope { payload, payload_type: payload_type().to_owned(), signatures: Vec::new() };
    let given: ReleaseStatement =
        envelope.statement().map_err(|error| AppError::field("payload", format!("This is no statement of a release: {error}.")))?;
    let at = given.at.parse::<jiff::Timestamp>().ok().filter(|at| (at.as_millisecond() - ctx.now()).abs() <= clock::DAY);
    if at.is_none() {
        return Err(AppError::field("payload", "Say as “at” when it was signed: within the last day."));
    }
    let ours = ReleaseStatement { at: given.at.clone(), ..statement(ctx, listing, row, files, key)? };
    if given != ours {
        let (given, ours) = (serde_json::to_value(given)?, serde_json::to_value(ours)?);
        let differs = |name: &&String| given.get(name.as_str()) != ours.get(name.as_str());
        let names: Vec<&str> = ours.as_object().into_iter().flat_map(|ours| ours.keys()).filter(differs).map(String::as_str).collect();
        return Err(AppError::field(
            "payload",
            format!("What was signed is another release than what was sent: see {}.", names.join(", ")),
        ));
    }
    let envelope = sealed(envelope, key, &input.signed.signature)?;
    store::set_signature(tx, row.id()?, &envelope, &key.id().to_string(), ctx.now()).await?;
    store::insert_decision(tx, row.id()?, "signed", "", actor, ctx.now()).await
}

/// Takes the publisher's signature. What is approved goes public with it.
///
/// # Errors
/// A signature that is not of this release, or of a key that is not the caller's or was revoked.
pub async fn sign(ctx: &Ctx, id: ReleaseId, input: Signed) -> AppResult<SubmissionDetail> {
    let (listing, row) = find_visible(ctx, id).await?;
    let actor = access::require_publisher(ctx, &listing).await?.id();
    if actor.to_string() != row.submitted_by {
        return Err(AppError::forbidden("Who submitted a release signs it."));
    }
    if row.envelope.is_some() || !matches!(row.state(), ReleaseState::Review | ReleaseState::Approved) {
        return Err(AppError::conflict("There is nothing to sign: look at the release again."));
    }
    let key = usable_key(store::key(ctx.db().read(), &input.key_id).await?, actor)?;
    let files = FileDigest::of(&archive::files_of(ctx, &row).await?);
    let envelope = Envelope::new(&statement(ctx, &listing, &row, files, key)?).map_err(|error| internal("statement", &error))?;
    let text = sealed(envelope, key, &input.signature)?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    // Nobody decides in between: the state is read again with the lock.
    let seq = store::advance_catalogue(&mut tx).await?;
    let row = store::release(&mut *tx, id)
        .await?
        .filter(|row| row.envelope.is_none())
        .ok_or_else(|| AppError::conflict("It was signed in between."))?;
    store::set_signature(&mut tx, id, &text, &key.id().to_string(), now).await?;
    store::insert_decision(&mut tx, id, "signed", "", actor, now).await?;
    if row.state() == ReleaseState::Approved {
        publish_now(ctx, &mut tx, &listing, &row, &text, seq).await?;
    }
    tx.commit().await?;
    after_publication(ctx).await;
    super::submission(ctx, id, None).await
}

/// Makes a signed release public, in the transaction that approves it.
pub async fn go_public(ctx: &Ctx, tx: &mut Tx, listing: &ListingRow, row: &ReleaseRow, envelope: &str) -> AppResult<()> {
    let seq = store::advance_catalogue(tx).await?;
    publish_now(ctx, tx, listing, row, envelope, seq).await
}

async fn publish_now(ctx: &Ctx, tx: &mut Tx, listing: &ListingRow, row: &ReleaseRow, envelope: &str, seq: i64) -> AppResult<()> {
    let (id, now) = (row.id()?, ctx.now());
    let mut envelope = Envelope::from_bytes(envelope.as_bytes()).map_err(|error| internal("envelope", &error))?;
    let signed: ReleaseStatement = envelope.statement().map_err(|error| internal("statement", &error))?;
    if store::listing_in(tx, listing.id()?).await?.is_none_or(|now| now.slug != signed.slug) {
        return Err(AppError::conflict(format!("“{}” was renamed in between: sign it again, under its new name.", signed.slug)));
    }
    ctx.state.registry.countersign(&mut envelope);
    let index = log::append(ctx, tx, &envelope).await?;
    let text = String::from_utf8(envelope.to_bytes()).map_err(|error| internal("envelope", &error))?;
    store::set_public(tx, id, &text, index, now).await?;
    if let Some(newest) = store::newest_public(tx, listing.id()?).await? {
        store::show_release(tx, listing.id()?, &newest, seq, now).await?;
    }
    let event = store::NewEvent {
        listing: Some(listing.id()?),
        slug: &listing.slug,
        action: "published",
        detail: &row.version,
        actor: Some(row.submitted_by()?),
    };
    store::insert_event(tx, &event, now).await?;
    updates::enqueue_tell(tx, id, now).await?;
    record(ctx, tx, listing.event(UsageKind::ReleasePublished)?).await
}

/// The catalogue of this node takes it in at once, so that the next page shows it.
pub async fn after_publication(ctx: &Ctx) {
    ctx.state.jobs.notify_one();
    if let Err(error) = ctx.state.market.follow(ctx).await {
        tracing::warn!(%error, "the catalogue follows later");
    }
}

/// Takes a public release back: nobody installs it anew, and what is installed stays.
pub async fn withdraw(ctx: &Ctx, id: ReleaseId, input: Reason) -> AppResult<SubmissionDetail> {
    let (listing, row) = find_visible(ctx, id).await?;
    let actor = access::require_publisher(ctx, &listing).await?.id();
    let reason = super::review::checked_reason(&input.reason, true)?;
    let now = ctx.now();
    let statement =
        WithdrawalStatement { item: listing.id.clone(), version: row.version.clone(), reason: reason.clone(), at: clock::rfc3339(now) };
    let mut envelope = Envelope::new(&statement).map_err(|error| internal("statement", &error))?;
    ctx.state.registry.countersign(&mut envelope);
    let mut tx = ctx.db().write_tx().await?;
    let seq = store::advance_catalogue(&mut tx).await?;
    if !store::advance_release(&mut tx, id, ReleaseState::Public, ReleaseState::Withdrawn, now).await? {
        return Err(AppError::conflict("Only a public release can be withdrawn: look at it again."));
    }
    store::set_withdrawn(&mut tx, id, &reason, now).await?;
    log::append(ctx, &mut tx, &envelope).await?;
    store::insert_decision(&mut tx, id, "withdrawn", &reason, actor, now).await?;
    match store::newest_public(&mut tx, listing.id()?).await? {
        Some(newest) => store::show_release(&mut tx, listing.id()?, &newest, seq, now).await?,
        None => store::show_none(&mut tx, listing.id()?, seq, now).await?,
    }
    let detail = format!("{}: {reason}", row.version);
    let event =
        store::NewEvent { listing: Some(listing.id()?), slug: &listing.slug, action: "withdrew", detail: &detail, actor: Some(actor) };
    store::insert_event(&mut tx, &event, now).await?;
    record(ctx, &mut tx, listing.event(UsageKind::ReleaseWithdrawn)?).await?;
    tx.commit().await?;
    after_publication(ctx).await;
    super::submission(ctx, id, None).await
}

/// Everything that proves a public release, for whoever verifies it without a network.
pub async fn bundle(ctx: &Ctx, row: &ReleaseRow) -> AppResult<Bundle> {
    let (Some(envelope), Some(index)) = (&row.envelope, row.log_index) else { return Err(AppError::not_found("release")) };
    let envelope = Envelope::from_bytes(envelope.as_bytes()).map_err(|error| internal("envelope", &error))?;
    let signed: ReleaseStatement = envelope.statement().map_err(|error| internal("statement", &error))?;
    let renames = super::naming::renames_since(ctx, row.listing()?, &signed.slug).await?;
    let keys = keys::chain(ctx, row.submitted_by()?).await?;
    Ok(Bundle { renames, ..Bundle::new(Entry { envelope, proof: log::proof(ctx, index).await? }, keys) })
}

/// The same of a release that the caller may see, as JSON.
pub async fn bundle_of(ctx: &Ctx, id: ReleaseId) -> AppResult<Vec<u8>> {
    let (_, row) = find_visible(ctx, id).await?;
    Ok(bundle(ctx, &row).await?.to_bytes())
}
