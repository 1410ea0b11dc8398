//! What takes longer than somebody who publishes should wait: near copies and outside links before a person reviews, and everything once more
//! when the rules change.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{
        model::{Capabilities, Finding, ReleaseState},
        store::{self, ListingRow, NewEvent, ReleaseRow},
    },
    access, archive, checks, links, signing,
    texts::ListingText,
};
use crate::{
    error::AppResult,
    features::{
        accounts,
        artifacts::{model::document::Document, service::text_of},
        jobs::{self, Job, service::NewJob},
        notifications::{
            self,
            model::{NotificationKind, SubjectKind},
            service::NewNotification,
        },
        search,
    },
    ids::{ListingId, ReleaseId},
    server::{clock, config::Links, context::Ctx, db::Tx, error::internal},
};

/// Before the review of one release.
pub const CHECK: &str = "market.check";
/// All that is out, once more.
pub const RESCAN: &str = "market.rescan";

/// A passage that is nearer than this says the same, word for word or nearly.
const SAME: f32 = 0.95;
/// The share of passages that make a near copy, in percent.
const COPIED: usize = 80;
/// Shorter texts are like many others.
const WORDS: usize = 40;
const NEAR_COPY: &str = "near-copy";
/// Rules that are not in the scanner: what they found stays when it scans again.
const LATER: [&str; 2] = [NEAR_COPY, links::RULE];
/// Releases scanned again at once.
const SLICE: i64 = 20;
/// A queue does not wait longer for checks that do not end.
const PATIENCE_MS: i64 = 10 * clock::MINUTE;

#[derive(Serialize, Deserialize)]
struct Check {
    release: ReleaseId,
}

/// Queues what is looked at before the review, in the transaction that submits.
pub async fn enqueue_check(tx: &mut Tx, release: ReleaseId, now: i64) -> AppResult<()> {
    store::set_checking(tx, release, true).await?;
    jobs::service::enqueue(tx, NewJob::new(CHECK, &Check { release })?, now).await
}

/// Looks, adds to the report what it finds, and lets a clean update of a verified publisher pass, where the operator wants that.
pub async fn check(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let payload: Check = serde_json::from_str(&job.payload)?;
    let Some(row) = store::release(ctx.db().read(), payload.release).await? else { return Ok(Value::Null) };
    let Some(listing) = store::listings_by_id(ctx.db().read(), &[row.listing()?]).await?.pop() else { return Ok(Value::Null) };
    let files = archive::files_of(ctx, &row).await?;
    let mut found: Vec<Finding> = near_copy(ctx, &listing, &row, &files[0].bytes).await?.into_iter().collect();
    if ctx.state.config.market_links != Links::Unlooked {
        let client = links::client(ctx.state.config.market_links).map_err(|error| internal("client for links", &error))?;
        found.extend(links::look(&client, &files, ctx.state.config.market_links).await);
    }
    let mut report = row.report()?;
    // It may be begun more than once.
    report.retain(|finding| !LATER.contains(&finding.rule.as_str()));
    report.extend(found);
    let held = report.iter().any(|finding| finding.blocks);
    let clean = passes(ctx, &listing, &row, &report).await?;

    let ctx = &accounts::service::put_down_to(ctx, row.submitted_by()?).await?;
    let (id, now) = (row.id()?, ctx.now());
    let mut tx = ctx.db().write_tx().await?;
    store::advance_catalogue(&mut tx).await?;
    store::set_report(&mut tx, id, &report, held, None).await?;
    store::set_checking(&mut tx, id, false).await?;
    let passed = clean && store::advance_release(&mut tx, id, ReleaseState::Review, ReleaseState::Approved, now).await?;
    if passed {
        // It may have been signed since it was read.
        let row = store::release(&mut *tx, id).await?.unwrap_or(row);
        store::insert_decision(&mut tx, id, "passed", "A clean update of a verified publisher.", row.submitted_by()?, now).await?;
        if let Some(envelope) = &row.envelope {
            signing::go_public(ctx, &mut tx, &listing, &row, envelope).await?;
        }
    }
    tx.commit().await?;
    signing::after_publication(ctx).await;
    Ok(json!({ "findings": report.len(), "passed": passed }))
}

/// Whether nobody has to look at it: an update of an item whose publisher has signed before, in which nothing was found and which may do no
/// more than the release before.
async fn passes(ctx: &Ctx, listing: &ListingRow, row: &ReleaseRow, report: &[Finding]) -> AppResult<bool> {
    if !ctx.state.config.market_auto_pass || listing.signed == 0 || !listing.is_listed() {
        return Ok(false);
    }
    let before: Capabilities = serde_json::from_str(&listing.capabilities)?;
    let calm = report.iter().all(|finding| !finding.blocks && matches!(finding.severity.as_str(), "info" | "low"));
    Ok(calm && row.capabilities()?.beyond(&before).is_empty())
}

/// Whether the release says, passage by passage, what somebody else's item says.
async fn near_copy(ctx: &Ctx, listing: &ListingRow, row: &ReleaseRow, content: &[u8]) -> AppResult<Option<Finding>> {
    let text = text_of(content);
    let body = Document::parse(&text).body.trim_start().to_owned();
    if body.split_whitespace().count() < WORDS {
        return Ok(None);
    }
    let text = ListingText {
        id: listing.id()?,
        release: row.id()?,
        slug: listing.slug.clone(),
        name: row.name.clone(),
        description: row.description.clone(),
        body,
        category: row.category.clone(),
        tags: row.tags()?,
        author: None,
        version: row.version.clone(),
        rating: None,
        ratings: 0,
        updated_at: row.created_at,
    };
    let Some(passages) = search::service::nearest_listings(ctx, text).await? else { return Ok(None) };
    let mut same: HashMap<ListingId, usize> = HashMap::new();
    for nearest in &passages {
        let near: BTreeSet<ListingId> = nearest.iter().filter(|(_, cosine)| *cosine >= SAME).map(|(id, _)| *id).collect();
        for id in near {
            *same.entry(id).or_default() += 1;
        }
    }
    let ids: Vec<ListingId> = same.keys().copied().collect();
    let mut others = store::listings_by_id(ctx.db().read(), &ids).await?;
    others.retain(|other| (&other.owner_kind, &other.owner_id) != (&listing.owner_kind, &listing.owner_id) && other.id != listing.id);
    let count = |other: &ListingRow| other.id().ok().and_then(|id| same.get(&id).copied()).unwrap_or(0);
    let Some(other) = others.iter().max_by_key(|other| count(other)) else { return Ok(None) };
    let share = count(other) * 100 / passages.len().max(1);
    Ok((share >= COPIED).then(|| Finding {
        rule: NEAR_COPY.to_owned(),
        class: "near-copies".to_owned(),
        severity: "high".to_owned(),
        blocks: true,
        path: row.main_path.clone(),
        line: 0,
        evidence: format!("{share} % of its passages say what “{}” says", other.slug),
        why: "It is nearly the same as an item of somebody else.".to_owned(),
        fix: "Depend on that item and publish what is your own, or say in an appeal why yours should stand beside it.".to_owned(),
    }))
}

/// At start: scans again what other rules looked at last.
pub async fn rescan_if_rules_changed(ctx: &Ctx) -> AppResult<()> {
    let rules = ctx.state.rules.version();
    if store::releases_by_other_rules(ctx.db().read(), &rules, "", 1).await?.is_empty() {
        return Ok(());
    }
    let mut tx = ctx.db().write_tx().await?;
    jobs::service::enqueue(&mut tx, NewJob::new(RESCAN, &())?.in_order_of("market rescan").once(), ctx.now()).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    Ok(())
}

/// Scans everything that is out or in review by the rules of now. What only newer rules hold back in something public is flagged for moderators:
/// nothing disappears by itself.
pub async fn rescan(ctx: &Ctx) -> AppResult<Value> {
    let rules = ctx.state.rules.version();
    let (mut after, mut scanned, mut flagged) = (String::new(), 0, 0);
    loop {
        let rows = store::releases_by_other_rules(ctx.db().read(), &rules, &after, SLICE).await?;
        let Some(last) = rows.last() else { break };
        after.clone_from(&last.id);
        for row in &rows {
            // One that cannot be read keeps its report; the log says why.
            match scan_again(ctx, row).await {
                Ok(found) => flagged += usize::from(found),
                Err(error) => tracing::error!(release = row.id, %error, "a release could not be scanned again"),
            }
            scanned += 1;
        }
    }
    tracing::info!(scanned, flagged, "releases were scanned by other rules");
    Ok(json!({ "scanned": scanned, "flagged": flagged }))
}

async fn scan_again(ctx: &Ctx, row: &ReleaseRow) -> AppResult<bool> {
    let Some(listing) = store::listings_by_id(ctx.db().read(), &[row.listing()?]).await?.pop() else { return Ok(false) };
    let files = archive::files_of(ctx, row).await?;
    let capabilities = row.capabilities()?;
    let owner = (if listing.owner_kind == access::TEAM { access::TEAM } else { access::USER }, listing.owner_id.as_str());
    let looked =
        checks::Looked { slug: &listing.slug, name: &row.name, licence: &row.licence, capabilities: &capabilities, owner: Some(owner) };
    let (report, _) = checks::look(ctx, looked, files).await?;
    let before = row.report()?;
    let known: BTreeSet<&str> = before.iter().filter(|finding| finding.blocks).map(|finding| finding.rule.as_str()).collect();
    let new: BTreeSet<&str> = report.findings.iter().filter(|finding| finding.blocks).map(|finding| finding.rule.as_str()).collect();
    let new: Vec<&str> = new.difference(&known).copied().collect();
    let flag = if row.state() == ReleaseState::Public { new.join(", ") } else { String::new() };
    let mut findings = report.findings;
    findings.extend(before.iter().filter(|finding| LATER.contains(&finding.rule.as_str())).cloned());
    let held = findings.iter().any(|finding| finding.blocks);

    let (id, now) = (row.id()?, ctx.now());
    let moderators = if flag.is_empty() { Vec::new() } else { accounts::service::moderators(ctx).await? };
    // Of the release's own publisher: who else stands for what the server does by itself.
    let ctx = &accounts::service::put_down_to(ctx, row.submitted_by()?).await?;
    let mut tx = ctx.db().write_tx().await?;
    store::set_report(&mut tx, id, &findings, held, Some(&report.rules)).await?;
    if !flag.is_empty() {
        store::set_flagged(&mut tx, id, &flag).await?;
        store::insert_decision(&mut tx, id, "rescanned", &flag, row.submitted_by()?, now).await?;
        let event = NewEvent { listing: Some(listing.id()?), slug: &listing.slug, action: "flagged", detail: &flag, actor: None };
        store::insert_event(&mut tx, &event, now).await?;
        let text = format!("Newer rules find in version {}: {flag}", row.version);
        let new = NewNotification::new(NotificationKind::Report, (SubjectKind::Moderation, "moderation"), &listing.name, &text);
        notifications::service::notify(ctx, &mut tx, &moderators, &new).await?;
    }
    tx.commit().await?;
    notifications::service::tell(ctx, &moderators).await;
    Ok(!flag.is_empty())
}

/// Whether jobs still look at it.
pub fn is_looked_at(row: &ReleaseRow, now: i64) -> bool {
    row.checking != 0 && now - row.created_at < PATIENCE_MS
}
