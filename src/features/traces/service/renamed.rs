//! Accounts that are called otherwise now: where a source names nobody, a trace is found by the name of its account.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{
    jobs::RELABEL,
    store::{self, Label, TraceRow},
};
use crate::{
    error::AppResult,
    features::jobs::{
        self, Job,
        service::{NewJob, enqueue},
    },
    ids::TraceId,
    server::{context::Ctx, db::Tx},
};

/// Traces that get another label in one transaction: few enough that nobody waits for the writer.
const BATCH: i64 = 200;

#[derive(Debug, Serialize, Deserialize)]
struct RelabelPayload {
    /// What the account was called.
    was: String,
}

/// An account is called otherwise from now on, or is deleted, in the transaction that does it: its traces are found by the new name soon after it.
pub async fn account_renamed(tx: &mut Tx, was: &str, now: i64) -> AppResult<()> {
    enqueue(tx, NewJob::new(RELABEL, &RelabelPayload { was: was.to_owned() })?.in_order_of(RELABEL), now).await
}

/// Goes through the traces that are found by an old name, and gives those another label that are of somebody who is called otherwise. Whoever else has that
/// name keeps it, and so does what a source calls so.
pub async fn relabel_people(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let RelabelPayload { was } = serde_json::from_str(&job.payload)?;
    let mut changed = 0;
    for place in store::places_with(ctx.db().read(), Label::Person, &was).await? {
        let mut after = TraceId::from_bits(0);
        loop {
            let ids = store::labelled(ctx.db().read(), &place, Label::Person, &was, after, BATCH).await?;
            let Some(last) = ids.last() else { break };
            after = *last;
            changed += relabel(ctx, &place, &was, &ids).await?;
            jobs::service::progress(ctx, job, 0, 0).await?;
        }
    }
    Ok(json!({ "traces": changed }))
}

async fn relabel(ctx: &Ctx, place: &str, was: &str, ids: &[TraceId]) -> AppResult<usize> {
    let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let mut tx = ctx.db().write_tx().await?;
    // With the lock: what is read here is so until it is written.
    let rows = store::by_ids_in(&mut tx, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let mut names: HashMap<String, String> = HashMap::with_capacity(rows.len());
    for TraceRow { id, person, by_name, .. } in rows {
        names.insert(id, person.unwrap_or(by_name));
    }
    let mut moved: BTreeMap<Option<&str>, Vec<TraceId>> = BTreeMap::new();
    for (id, text) in ids.iter().zip(&texts) {
        // Of a trace that was deleted in between, only the label is left.
        let name = names.get(text).map(String::as_str);
        if name != Some(was) {
            moved.entry(name).or_default().push(*id);
        }
    }
    for (name, ids) in &moved {
        store::move_label(&mut tx, place, Label::Person, (was, *name), ids).await?;
    }
    tx.commit().await?;
    Ok(moved.values().map(Vec::len).sum())
}
