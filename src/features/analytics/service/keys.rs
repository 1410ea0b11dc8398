//! The dictionary: each id that events name is stored once, and events have its number.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::super::store;
use crate::{error::AppResult, server::db::Tx};

/// Numbers that are known without asking the database; the rest are looked up.
const KNOWN_MAX: u64 = 100_000;

/// Numbers of ids that are on disk.
#[derive(Clone)]
pub struct Keys(Arc<moka::sync::Cache<Box<str>, i64>>);

impl Default for Keys {
    fn default() -> Self {
        Self(Arc::new(moka::sync::Cache::new(KNOWN_MAX)))
    }
}

impl Keys {
    /// The numbers of texts; those that have none are given one in `tx`. What is learned is kept once `tx` is on disk: until then it may be
    /// taken back, and the number be given to another text.
    pub(super) async fn of<'t>(&self, tx: &mut Tx, texts: impl Iterator<Item = &'t str>) -> AppResult<HashMap<&'t str, i64>> {
        let mut ids = HashMap::new();
        // In their order, so that two transactions which give the same texts numbers cannot wait for each other.
        let mut unknown = BTreeSet::new();
        for text in texts {
            match self.0.get(text) {
                Some(id) => drop(ids.insert(text, id)),
                None => drop(unknown.insert(text)),
            }
        }
        if unknown.is_empty() {
            return Ok(ids);
        }
        let mut learned: HashMap<String, i64> = HashMap::with_capacity(unknown.len());
        let wanted: Vec<&str> = unknown.iter().copied().collect();
        learned.extend(store::add_keys(tx, &wanted).await?);
        let there: Vec<&str> = wanted.into_iter().filter(|text| !learned.contains_key(*text)).collect();
        learned.extend(store::keys(tx, &there).await?);
        ids.extend(unknown.into_iter().filter_map(|text| Some((text, *learned.get(text)?))));
        let known = self.clone();
        tx.after_commit(move || learned.into_iter().for_each(|(text, id)| known.0.insert(text.into(), id)));
        Ok(ids)
    }

    /// Its text is another now.
    pub(super) fn forget(&self, text: &str) {
        self.0.invalidate(text);
    }
}
