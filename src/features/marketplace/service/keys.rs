//! The keys that an account publishes with. Only their public halves ever come here.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use llmos_trust::{
    Entry, Envelope, KeyHistory, PublicKey, Signature,
    statement::{KeyAction, KeyStatement, Statement as _},
};

use super::{
    super::{
        model::{AddKey, PublisherKey},
        store,
    },
    log,
    review::checked_reason,
};
use crate::{
    error::{AppError, AppResult},
    features::accounts::{
        Scope,
        model::clean_name,
        service::{Audit, note},
    },
    ids::UserId,
    server::{clock, context::Ctx, db::Tx, error::internal},
};

const KEYS: usize = 20;

pub async fn list_keys(ctx: &Ctx) -> AppResult<Vec<PublisherKey>> {
    let actor = ctx.actor_with(Scope::Read)?.id();
    Ok(store::keys_of(ctx.db().read(), actor).await?.into_iter().map(PublisherKey::from).collect())
}

/// Registers a key; the same key again gives what is there.
pub async fn add_key(ctx: &Ctx, input: AddKey) -> AppResult<PublisherKey> {
    let actor = ctx.actor_with(Scope::Publish)?.id();
    let key: PublicKey =
        input.public_key.trim().parse().map_err(|error| AppError::field("publicKey", format!("This is no public key: {error}")))?;
    let name = clean_name("name", "the key", &input.name)?;
    let known = store::keys_of(ctx.db().read(), actor).await?;
    if let Some(row) = known.iter().find(|row| row.public_key == key.to_string()) {
        return if row.revoked_at.is_none() {
            Ok(row.clone().into())
        } else {
            Err(AppError::field("publicKey", "This key was revoked, and stays so: make another one."))
        };
    }
    if known.iter().filter(|row| row.revoked_at.is_none()).count() >= KEYS {
        return Err(AppError::conflict(format!("An account has at most {KEYS} keys: revoke one that you no longer use.")));
    }
    let (mut envelope, statement) = introduced(actor, &key, &input)?;
    let new = PublisherKey { id: key.id().to_string(), public_key: key.to_string(), name, revoked_at: None, created_at: ctx.now() };
    let mut tx = ctx.db().write_tx().await?;
    if !store::insert_key(&mut tx, &new, actor).await? {
        return Err(AppError::conflict("Another account publishes with this key."));
    }
    if let (KeyAction::Rotate, Some(old)) = (statement.action, &statement.by) {
        store::revoke_key(&mut tx, &old.to_string(), &format!("Replaced by {}.", new.id), ctx.now()).await?;
    }
    append(ctx, &mut tx, actor, &new.id, &mut envelope).await?;
    note(ctx, &mut tx, Audit::new("key.added", &new.id)).await?;
    tx.commit().await?;
    Ok(new)
}

/// The statement with which a key asks to speak for an account, and who signed it.
fn introduced(actor: UserId, key: &PublicKey, input: &AddKey) -> AppResult<(Envelope, KeyStatement)> {
    let refused = |why: &str| AppError::field("payload", format!("{why} Make the key again, or use a newer client."));
    let payload = BASE64_STANDARD.decode(input.payload.trim()).map_err(|_| refused("The key's statement is no base64."))?;
    let mut envelope = Envelope { payload, payload_type: KeyStatement::PAYLOAD_TYPE.to_owned(), signatures: Vec::new() };
    let statement: KeyStatement = envelope.statement().map_err(|error| refused(&error.to_string()))?;
    if statement.account != actor.to_string() || statement.key != *key || statement.action == KeyAction::Revoke {
        return Err(refused("The key's statement is about another account or key."));
    }
    for signed in &input.signatures {
        let sig =
            BASE64_STANDARD.decode(signed.signature.trim()).map_err(|_| AppError::field("signatures", "A signature is sent in base64."))?;
        envelope.signatures.push(Signature { keyid: signed.key_id.clone(), sig });
    }
    Ok((envelope, statement))
}

/// Countersigns a key statement and puts it into the log, if it follows from those before it.
async fn append(ctx: &Ctx, tx: &mut Tx, account: UserId, key: &str, envelope: &mut Envelope) -> AppResult<()> {
    // One appends at a time: the history is read again behind that.
    store::advance_catalogue(tx).await?;
    let registry = &ctx.state.registry;
    registry.countersign(envelope);
    let mut history = KeyHistory::new(&account.to_string());
    for (index, leaf) in store::key_statements_of(&mut **tx, account).await? {
        let before = Envelope::from_bytes(&leaf).map_err(|error| internal("key statement", &error))?;
        history.push(index.unsigned_abs(), &before, &[registry.public()]).map_err(|error| internal("key statement", &error))?;
    }
    let index = store::log_size(&mut **tx).await?;
    history.push(index.unsigned_abs(), envelope, &[registry.public()]).map_err(|error| AppError::field("payload", error.to_string()))?;
    let index = log::append(ctx, tx, envelope).await?;
    store::insert_key_statement(tx, index, account, key, ctx.now()).await
}

/// What the log says of an account's keys, with the proofs of that.
pub async fn chain(ctx: &Ctx, account: UserId) -> AppResult<Vec<Entry>> {
    let mut chain = Vec::new();
    for (index, leaf) in store::key_statements_of(ctx.db().read(), account).await? {
        let envelope = Envelope::from_bytes(&leaf).map_err(|error| internal("key statement", &error))?;
        chain.push(Entry { envelope, proof: log::proof(ctx, index).await? });
    }
    Ok(chain)
}

/// Nothing more is signed with it. What was public before stays so, unless somebody else had the key since a time (UTC milliseconds): what was
/// published with it from then on is installed nowhere any more.
pub async fn revoke_key(ctx: &Ctx, id: &str, reason: &str, compromised_since: Option<i64>) -> AppResult<()> {
    let actor = ctx.actor_with(Scope::Publish)?.id();
    let reason = checked_reason(reason, false)?;
    let row = store::key(ctx.db().read(), id).await?.filter(|row| row.user_id == actor.to_string());
    let row = row.ok_or_else(|| AppError::not_found("key"))?;
    let key: PublicKey = row.public_key.parse().map_err(|error| internal("publisher's key", &error))?;
    let compromised_since = match compromised_since {
        Some(at) => Some(store::log_index_at(ctx.db().read(), at).await?.unsigned_abs()),
        None => None,
    };
    let statement = KeyStatement {
        account: actor.to_string(),
        key,
        action: KeyAction::Revoke,
        by: None,
        reason: reason.clone(),
        compromised_since,
        at: clock::rfc3339(ctx.now()),
    };
    let mut envelope = Envelope::new(&statement).map_err(|error| internal("statement", &error))?;
    let mut tx = ctx.db().write_tx().await?;
    if row.revoked_at.is_none() || compromised_since.is_some() {
        append(ctx, &mut tx, actor, &row.id, &mut envelope).await?;
    }
    store::revoke_key(&mut tx, &row.id, &reason, ctx.now()).await?;
    note(ctx, &mut tx, Audit::new("key.revoked", &row.id).detail(&reason)).await?;
    Ok(tx.commit().await?)
}
