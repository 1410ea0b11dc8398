//! The transparency log of this registry: what it countersigns, everybody can see, for ever and in one order (RFC 6962, C2SP tlog-checkpoint).

use llmos_trust::{
    Checkpoint, Envelope, PublicKey, SigningKey,
    log::{self as tree, Hash, NodeId, Nodes},
};
use serde::Serialize;

use super::super::store;
use crate::{
    error::{AppError, AppResult},
    server::{
        context::Ctx,
        db::{Db, Tx},
        error::internal,
        secrets,
    },
};

/// Entries of one answer.
const ENTRIES: i64 = 100;

/// Who this registry is.
pub struct Registry {
    /// Its host when its log began, and where on it the marketplace is.
    pub origin: String,
    key: SigningKey,
}

impl Registry {
    /// The key is made from the server's own: a restored backup, and every node, signs as the same registry. A log goes on under the name that
    /// it began with, wherever the server has moved since: all that was signed says that name.
    pub async fn open(db: &Db, site: &str, server_key: &[u8]) -> AppResult<Self> {
        let begun = match store::head(db.read()).await? {
            // The name of a log is the first line of its checkpoints.
            Some((_, note)) => note.lines().next().filter(|name| !name.is_empty()).map(str::to_owned),
            None => None,
        };
        let host = site.split_once("://").map_or(site, |(_, rest)| rest).trim_end_matches('/');
        let seed = secrets::derive(server_key, b"llmos-lite registry signing key 1");
        Ok(Self { origin: begun.unwrap_or_else(|| format!("{host}/marketplace")), key: SigningKey::from_seed(&seed) })
    }

    pub fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// Adds the registry's signature to its publisher's.
    pub fn countersign(&self, envelope: &mut Envelope) {
        envelope.sign(&self.key);
    }
}

/// What others need to verify what this registry says.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistryInfo {
    pub origin: String,
    /// `ed25519:` and the key.
    pub key: String,
    pub key_id: String,
    pub size: i64,
    /// The newest signed head of the log, a signed note; none while it is empty.
    pub checkpoint: Option<String>,
}

pub async fn registry(ctx: &Ctx) -> AppResult<RegistryInfo> {
    super::browse::may_read(ctx)?;
    let registry = &ctx.state.registry;
    let head = store::head(ctx.db().read()).await?;
    Ok(RegistryInfo {
        origin: registry.origin.clone(),
        key: registry.public().to_string(),
        key_id: registry.public().id().to_string(),
        size: head.as_ref().map_or(0, |(size, _)| *size),
        checkpoint: head.map(|(_, note)| note),
    })
}

fn stored(nodes: store::Nodes) -> AppResult<Nodes> {
    nodes
        .into_iter()
        .map(|(level, index, hash)| {
            let hash: Hash = hash.try_into().map_err(|_| damaged("a node is no hash"))?;
            let level = u8::try_from(level).map_err(|_| damaged("a node has no level"))?;
            Ok((NodeId { level, index: index.unsigned_abs() }, hash))
        })
        .collect()
}

fn wanted(needed: Vec<NodeId>) -> Vec<(i64, i64)> {
    needed.into_iter().map(|node| (i64::from(node.level), node.index.cast_signed())).collect()
}

fn damaged(why: &str) -> AppError {
    tracing::error!(why, "the transparency log is damaged");
    AppError::internal()
}

/// Puts an envelope into the log, in the transaction of what it says; gives its number. The caller holds the catalogue's number: one appends at a time.
pub async fn append(ctx: &Ctx, tx: &mut Tx, envelope: &Envelope) -> AppResult<i64> {
    let registry = &ctx.state.registry;
    let size = store::log_size(&mut **tx).await?;
    let leaves = size.unsigned_abs();
    let leaf = envelope.to_bytes();
    let nodes = stored(store::nodes(&mut **tx, &wanted(tree::needed_for_append(leaves))).await?)?;
    let appended = tree::append(leaves, tree::leaf_hash(&leaf), &nodes).map_err(|error| damaged(&error.to_string()))?;
    let now = ctx.now();
    store::insert_leaf(tx, size, &leaf, now).await?;
    let new: store::Nodes = appended.nodes.iter().map(|(id, hash)| (i64::from(id.level), id.index.cast_signed(), hash.to_vec())).collect();
    store::insert_nodes(tx, &new).await?;
    let checkpoint = Checkpoint { origin: registry.origin.clone(), size: leaves + 1, root: appended.root };
    let note = checkpoint.sign(&registry.key).map_err(|error| internal("checkpoint", &error))?;
    store::insert_head(tx, size + 1, &note.to_string(), now).await?;
    Ok(size)
}

/// The proof that an entry is in the log as its newest head has it.
pub async fn proof(ctx: &Ctx, index: i64) -> AppResult<llmos_trust::Proof> {
    let (size, checkpoint) = store::head(ctx.db().read()).await?.ok_or_else(|| AppError::not_found("entry"))?;
    let (at, leaves) = (index.unsigned_abs(), size.unsigned_abs());
    if index < 0 || index >= size {
        return Err(AppError::not_found("entry"));
    }
    let nodes = stored(store::nodes(ctx.db().read(), &wanted(tree::needed_for_inclusion(at, leaves))).await?)?;
    let hashes = tree::inclusion_proof(at, leaves, &nodes).map_err(|error| damaged(&error.to_string()))?;
    Ok(llmos_trust::Proof { index: at, hashes, checkpoint })
}

/// The newest signed head.
pub async fn checkpoint(ctx: &Ctx) -> AppResult<String> {
    super::browse::may_read(ctx)?;
    store::head(ctx.db().read()).await?.map(|(_, note)| note).ok_or_else(|| AppError::not_found("checkpoint"))
}

/// One entry with the proof that it is there.
pub async fn entry(ctx: &Ctx, index: i64) -> AppResult<llmos_trust::Entry> {
    super::browse::may_read(ctx)?;
    let leaf = store::leaf(ctx.db().read(), index).await?.ok_or_else(|| AppError::not_found("entry"))?;
    let envelope = Envelope::from_bytes(&leaf).map_err(|error| damaged(&error.to_string()))?;
    Ok(llmos_trust::Entry { envelope, proof: proof(ctx, index).await? })
}

/// Entries from one on.
pub async fn entries(ctx: &Ctx, from: i64, limit: Option<u32>) -> AppResult<Vec<(i64, Envelope)>> {
    super::browse::may_read(ctx)?;
    let limit = limit.map_or(ENTRIES, i64::from).clamp(1, ENTRIES);
    let rows = store::leaves(ctx.db().read(), from.max(0), limit).await?;
    rows.into_iter().map(|(index, leaf)| Ok((index, Envelope::from_bytes(&leaf).map_err(|error| damaged(&error.to_string()))?))).collect()
}

/// The proof that the log only grew between two of its sizes.
pub async fn consistency(ctx: &Ctx, old: i64, new: i64) -> AppResult<Vec<Hash>> {
    super::browse::may_read(ctx)?;
    let size = store::head(ctx.db().read()).await?.map_or(0, |(size, _)| size);
    if old < 0 || new < old || new > size {
        return Err(AppError::invalid(format!("The log has {size} entries: ask for two sizes up to that, the smaller one first.")));
    }
    let (old, new) = (old.unsigned_abs(), new.unsigned_abs());
    let nodes = stored(store::nodes(ctx.db().read(), &wanted(tree::needed_for_consistency(old, new))).await?)?;
    tree::consistency_proof(old, new, &nodes).map_err(|error| damaged(&error.to_string()))
}
