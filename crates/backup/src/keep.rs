use std::collections::HashSet;

use crate::{
    Cause, Fault, Manifest, Store,
    manifest::{list, moment_id},
    store::object_key,
};

/// What was stored so shortly before the oldest backup that is kept may belong to one that is being made.
const IN_THE_MAKING_MS: i64 = 24 * 3_600_000;

/// Removes backups beyond the newest `count` that somebody asked for (those that the server made at its starts stay as long as an older one
/// does), and the objects that only they needed. Gives how many backups were removed.
///
/// # Errors
/// The store cannot be reached, or a manifest that is kept cannot be read: then no object is removed.
pub async fn keep(store: &Store, count: usize) -> Result<usize, Fault> {
    let ids = list(store).await?;
    let mut manifests = Vec::with_capacity(ids.len());
    for id in &ids {
        manifests.push(Manifest::read(store, id).await?);
    }
    let asked: Vec<usize> = manifests.iter().enumerate().filter(|(_, manifest)| manifest.cause == Cause::Asked).map(|(at, _)| at).collect();
    let Some(first) = asked.len().checked_sub(count.max(1)).and_then(|at| asked.get(at)).copied().filter(|first| *first > 0) else {
        return Ok(0);
    };
    let kept = manifests.split_off(first);
    for manifest in &manifests {
        store.delete(&format!("backups/{}", manifest.id)).await?;
        for key in store.list(&format!("wal/{}", manifest.id)).await?.into_keys() {
            store.delete(&key).await?;
        }
    }
    let needed: HashSet<String> = kept.iter().flat_map(Manifest::objects).map(object_key).collect();
    let before = kept.first().and_then(|manifest| moment_id(&manifest.id)).unwrap_or(0) - IN_THE_MAKING_MS;
    for (key, stored) in store.list("objects").await? {
        if stored < before && !needed.contains(&key) {
            store.delete(&key).await?;
        }
    }
    Ok(manifests.len())
}
